//! The record of the promoted images: their evidence bundles, and the promotion that an edit may require.

use std::path::Path;

use serde::Deserialize;

use super::{DeployRequest, DeployedImage, images::ImagesToDeploy};
use crate::{
    commands::{
        Context,
        record_failures::{record_failure, trust_file},
    },
    failure::{Failure, Kind},
    image::Digest,
    json,
    record::Requirement,
};

/// `attested.json`, as far as it is read here.
#[derive(Deserialize)]
struct AttestedFile {
    components: Vec<AttestedComponent>,
}

#[derive(Deserialize)]
struct AttestedComponent {
    name: String,
    evidence: Option<Digest>,
}

/// Returns the evidence bundle of each component: `NAME=DIGEST`, digests in the order of `promoted.json`, or the file that
/// attest wrote.
pub(super) fn evidence(
    given: Option<&str>,
    names: &[String],
    context: &Context,
) -> Result<Vec<(String, Digest)>, Failure> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else {
        return Ok(Vec::new());
    };
    let wrong = |reason: String| {
        let text = format!("--evidence: {reason}");
        Failure::message(Kind::Usage, text)
            .hint("give the result EVIDENCE_DIGEST of attest, or file:attested.json")
    };
    if given.starts_with("file:") {
        let bytes = context.read(Path::new(given))?;
        let file: AttestedFile = json::read(&bytes, &json::Shape::Any)
            .map_err(|error| wrong(format!("{given}: {error}")))?;
        let components = file.components.into_iter();
        return Ok(components
            .filter_map(|component| Some((component.name, component.evidence?)))
            .collect());
    }
    let mut found = Vec::new();
    let mut in_order = names.iter();
    for token in given.split_whitespace() {
        let (name, digest) = match token.split_once('=') {
            Some((name, digest)) => (name.to_owned(), digest),
            None => {
                let name = in_order.next().ok_or_else(|| {
                    wrong(format!(
                        "it has more digests than the {} components",
                        names.len()
                    ))
                })?;
                (name.clone(), token)
            }
        };
        let digest: Digest = digest
            .parse()
            .map_err(|error| wrong(format!("{token:?}: {error}")))?;
        found.push((name, digest));
    }
    Ok(found)
}

/// Refuses an image that no trusted verifier promoted to every environment of the edit. In a trial, whose images are not
/// copied yet, the promotion may be missing.
pub(super) async fn check(
    request: &DeployRequest,
    wanted: &ImagesToDeploy,
    context: &Context,
) -> Result<(), Failure> {
    let Some(file) = &request.require_attestation else {
        return Ok(());
    };
    let trusted = trust_file(file, context)?;
    if matches!(request.images, super::DeployImages::Trial { .. }) {
        return Ok(());
    }
    let now = context.clock.now();
    let requirement = Requirement::new(trusted, None, now, &context.env, &context.http).await;
    let requirement = requirement.map_err(record_failure)?;
    for image in &wanted.images {
        for environment in &request.environments {
            check_image(&requirement, image, environment, context).await?;
        }
    }
    Ok(())
}

async fn check_image(
    requirement: &Requirement,
    image: &DeployedImage,
    environment: &str,
    context: &Context,
) -> Result<(), Failure> {
    let digest = image
        .digest()
        .ok_or_else(|| Failure::message(Kind::Usage, "the image is not pinned"))?;
    let pinned = image.reference.repository.pinned(digest);
    let tag = image.reference.tag.as_ref();
    let promotion = requirement
        .promotion(&context.registry, &pinned, tag, environment)
        .await
        .map_err(record_failure)?;
    tracing::info!(
        "{pinned} was promoted to {environment} by {} at {}",
        promotion.verifier,
        promotion.at
    );
    Ok(())
}
