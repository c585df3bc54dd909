//! Finds the scan reports that an image's provenance names.
//!
//! A policy reads them by their digests from the image's own repository, so that they must go
//! where the image goes. Signatures are not checked here: a false statement can only
//! cause more of the same repository to be copied, and `verify-ec` decided about the image before.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    commands::failures::registry_failure,
    evidence::{InTotoStatement, reports},
    failure::{Failure, Kind},
    image::{Digest, Repository, Tag},
    registry::{Content, Descriptor, Error, Registry, Version},
};

/// The largest attestation that is read, in bytes.
const MAX_ATTESTATION: u64 = 32 << 20;
/// The most attestations of one image, and the most reports that they may name.
const MAX_MANY: usize = 200;

/// Returns the reports of an image; empty when it does not exist. With a verdict, only attestations
/// whose manifests it accepted are read.
///
/// # Errors
/// Those of the registry; [`Kind::Usage`] when there are too many.
pub(super) async fn of_image(
    registry: &Registry,
    repository: &Repository,
    version: &Version,
    accepted: Option<&BTreeSet<Digest>>,
) -> Result<Vec<Digest>, Failure> {
    let found = find(registry, repository, version, accepted).await;
    let found = found.map_err(registry_failure)?;
    if found.len() > MAX_MANY {
        let message = format!(
            "the provenance of {repository} names {} reports",
            found.len()
        );
        let hint = format!("at most {MAX_MANY} are copied: leave out --with-reports");
        return Err(Failure::message(Kind::Usage, message).hint(hint));
    }
    tracing::debug!("{} reports go with {repository}", found.len());
    Ok(found.into_iter().collect())
}

async fn find(
    registry: &Registry,
    repository: &Repository,
    version: &Version,
    accepted: Option<&BTreeSet<Digest>>,
) -> Result<BTreeSet<Digest>, Error> {
    let mut found = BTreeSet::new();
    let Some(root) = registry.manifest(repository, version).await? else {
        return Ok(found);
    };
    let mut images = vec![root.digest];
    if let Content::Index(index) = root.content()? {
        images.extend(index.manifests.iter().map(|child| child.digest));
    }
    for image in images {
        for layer in attestations(registry, repository, &image, accepted).await? {
            let bytes = registry.blob(repository, &layer, MAX_ATTESTATION).await?;
            if let Some(statement) = statement(&bytes) {
                found.extend(reports(&statement));
            }
        }
    }
    Ok(found)
}

/// Returns the layers that may hold a statement about the image: of `.att` and of Sigstore bundles.
async fn attestations(
    registry: &Registry,
    repository: &Repository,
    image: &Digest,
    accepted: Option<&BTreeSet<Digest>>,
) -> Result<Vec<Descriptor>, Error> {
    let mut versions = Vec::new();
    if let Ok(tag) = format!("sha256-{}.att", image.hex()).parse::<Tag>() {
        versions.push(Version::from(tag));
    }
    let referrers = registry.referrers(repository, image).await?;
    let bundles = referrers.into_iter().filter(|entry| {
        let kind = entry.artifact_type.as_deref().unwrap_or_default();
        kind.contains("sigstore.bundle") || kind.contains("in-toto") || kind.contains("dsse")
    });
    versions.extend(bundles.map(|entry| Version::from(entry.digest)));
    let mut layers = Vec::new();
    for version in versions.into_iter().take(MAX_MANY) {
        let manifest = registry.manifest(repository, &version).await?;
        let read = |digest| accepted.is_none_or(|accepted| accepted.contains(&digest));
        let manifest = manifest.filter(|manifest| read(manifest.digest));
        if let Some(Content::Image(image)) = manifest.map(|m| m.content()).transpose()? {
            layers.extend(image.layers);
        }
    }
    layers.truncate(MAX_MANY);
    Ok(layers)
}

/// Returns the statement of a DSSE envelope, which may be inside a bundle.
fn statement(bytes: &[u8]) -> Option<InTotoStatement> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let bundled = &document["dsseEnvelope"];
    let envelope = if bundled.is_object() {
        bundled
    } else {
        &document
    };
    let payload = STANDARD.decode(envelope["payload"].as_str()?).ok()?;
    InTotoStatement::parse(&payload).ok()
}
