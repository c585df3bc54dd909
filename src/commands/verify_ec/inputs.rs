//! Reads the images to evaluate: a list, one image, or saved inputs.

use std::{path::Path, sync::Arc};

use serde_json::Value;

use super::VerdictSubject;
use crate::{
    commands::{
        Context,
        failures::{gate_failure, handover_failure, no_components},
        gather_images::read_artifact,
    },
    failure::{Failure, Kind, OrFail as _},
    gate, handover,
    image::Digest,
    snapshot::{Images, names_components},
};

/// Reads the list of images, or makes one of a single image.
///
/// # Errors
/// [`Kind::Refused`] for another digest than gather-images reported, [`Kind::NotFound`] for an
/// empty list, [`Kind::Usage`] for a document that is not a list.
pub(super) async fn images(
    subject: &VerdictSubject,
    allow_empty: bool,
    context: &Context,
) -> Result<Images, Failure> {
    let images = match subject {
        VerdictSubject::Image { reference, digest } => {
            let images = gate::image_list(reference, &context.registry).await;
            let images = images.map_err(gate_failure)?;
            check(&images, *digest)?;
            images
        }
        VerdictSubject::List { source, digest } => {
            match source.as_deref().and_then(|text| text.strip_prefix("oci:")) {
                Some(artifact) => {
                    let bytes = read_artifact(artifact, context).await?;
                    of_bytes(&bytes, artifact, *digest)?
                }
                None => list(source.as_deref(), *digest, context)?,
            }
        }
        VerdictSubject::Gathered(images) => images.as_ref().clone(),
        VerdictSubject::Saved(_) => {
            return Err(Failure::message(Kind::Bug, "saved inputs are not a list"));
        }
    };
    if images.pinned.is_empty() && !allow_empty {
        let text = "the list has no images: nothing would be verified";
        let failure = Failure::message(Kind::NotFound, text);
        return Err(failure.hint("give --allow-empty if that is right"));
    }
    Ok(images)
}

fn check(images: &Images, expected: Option<Digest>) -> Result<(), Failure> {
    match expected {
        Some(expected) if expected != images.digest => {
            let text = format!(
                "the list of images has digest {}, gather-images wrote {expected}: it was changed or belongs to another run",
                images.digest
            );
            Err(Failure::message(Kind::Refused, text))
        }
        _ => Ok(()),
    }
}

/// Reads the JSON itself, or a file. A list with another digest is not parsed.
fn list(
    source: Option<&str>,
    expected: Option<Digest>,
    context: &Context,
) -> Result<Images, Failure> {
    let (bytes, origin) = match source {
        Some(text) if text.trim_start().starts_with('{') => {
            (text.as_bytes().to_vec(), "--images".to_owned())
        }
        given => {
            let path = context.path(given.map(Path::new), "images.json");
            (
                context.read(&path).map_err(|failure| {
                    failure.hint("run gather-images first, or name one image by --image REF")
                })?,
                path.display().to_string(),
            )
        }
    };
    of_bytes(&bytes, &origin, expected)
}

fn of_bytes(bytes: &[u8], origin: &str, expected: Option<Digest>) -> Result<Images, Failure> {
    handover::check_digest(bytes, origin, expected).map_err(handover_failure)?;
    let images = Images::parse(bytes, origin).or_fail(Kind::Usage)?;
    let snapshot = &images.snapshot;
    if snapshot.components.is_empty() && !names_components(bytes) {
        return Err(no_components(origin));
    }
    Ok(images)
}

/// Reads one saved input or several, one behind the other.
///
/// # Errors
/// [`Kind::Usage`] for a file that does not hold JSON objects.
pub(super) fn saved(file: &Path, context: &Context) -> Result<Vec<Arc<Value>>, Failure> {
    let bytes = context.read(file)?;
    let wrong = |reason: &str| {
        let text = format!("{} is not a policy input: {reason}", file.display());
        Failure::message(Kind::Usage, text)
    };
    let stream = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
    let inputs: Result<Vec<_>, _> = stream.map(|input| input.map(Arc::new)).collect();
    let inputs = inputs.map_err(|error| wrong(&error.to_string()))?;
    if inputs.is_empty() || !inputs.iter().all(|input| input.is_object()) {
        return Err(wrong("expected JSON objects"));
    }
    Ok(inputs)
}
