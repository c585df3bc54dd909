//! `images.json` as an artifact of a registry, where a list is too large for a result and steps share no volume.
//!
//! An OCI artifact with one layer (image specification 1.1, "Guidelines for artifact usage").

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    commands::{Context, failures::registry_failure},
    failure::{Failure, Kind, OrFail as _},
    image::{Digest, DigestReference, Repository},
    registry::{ArtifactSelection, Content, CopyItem, CopyRules, ImageStore, Layout, Version},
};

/// The type of the artifact and of its layer.
const TYPE: &str = "application/vnd.promote.images.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The largest list that is read, in bytes.
const MAX_LIST: u64 = 16 << 20;

/// Pushes the list by digest; no tag is set.
///
/// # Errors
/// Those of the registry.
pub(super) async fn push(
    list: &[u8],
    repository: &Repository,
    context: &Context,
) -> Result<DigestReference, Failure> {
    let dir = tempfile::tempdir().or_fail(Kind::Usage)?;
    let digest = layout(dir.path(), list).or_fail(Kind::Usage)?;
    let item = CopyItem {
        from: ImageStore::Layout(Layout::new(dir.path().to_owned())),
        version: Version::Digest(digest),
        to: ImageStore::Repository(context.registry.clone(), repository.clone()),
        tags: Vec::new(),
        along: Vec::new(),
        attached: ArtifactSelection::Nothing,
    };
    let plans = context
        .registry
        .plan(vec![item], &CopyRules::default())
        .await;
    let plans = plans.map_err(registry_failure)?;
    context
        .registry
        .stage(&plans)
        .await
        .map_err(registry_failure)?;
    Ok(repository.pinned(digest))
}

/// Reads the list of an artifact.
///
/// # Errors
/// [`Kind::NotFound`] when it does not exist, [`Kind::Usage`] for another artifact, and those of the registry.
pub(crate) async fn read(text: &str, context: &Context) -> Result<Vec<u8>, Failure> {
    let reference: DigestReference = text.parse().or_fail(Kind::Usage)?;
    let (repository, version) = (&reference.repository, Version::Digest(reference.digest));
    let manifest = context.registry.manifest(repository, &version).await;
    let manifest = manifest
        .map_err(registry_failure)?
        .ok_or_else(|| Failure::message(Kind::NotFound, format!("no artifact {reference}")))?;
    let wrong = || {
        let text = format!("{reference} is not a list of images: expected one layer of {TYPE}");
        Failure::message(Kind::Usage, text)
    };
    let Content::Image(artifact) = manifest.content().map_err(registry_failure)? else {
        return Err(wrong());
    };
    match artifact.layers.as_slice() {
        [layer] if layer.media_type == TYPE => {
            let bytes = context.registry.blob(repository, layer, MAX_LIST).await;
            Ok(bytes.map_err(registry_failure)?.to_vec())
        }
        _ => Err(wrong()),
    }
}

/// Writes an OCI image layout with the artifact and returns the digest of its manifest.
fn layout(dir: &Path, list: &[u8]) -> std::io::Result<Digest> {
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let store = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).map(|()| digest)
    };
    let config = store(b"{}")?;
    let layer = store(list)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": TYPE,
        "config": {"mediaType": EMPTY, "digest": config.to_string(), "size": 2},
        "layers": [{"mediaType": TYPE, "digest": layer.to_string(), "size": list.len()}],
    })
    .to_string();
    let digest = store(manifest.as_bytes())?;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest.to_string(),
            "size": manifest.len(),
        }],
    });
    fs::write(dir.join("index.json"), index.to_string())?;
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(digest)
}
