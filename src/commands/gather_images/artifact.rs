//! `images.json` as an artifact of a registry, where a list is too large for a result and steps share no volume.
//!
//! An OCI artifact with one layer (image specification 1.1, "Guidelines for artifact usage").

use bytes::Bytes;
use serde_json::json;

use crate::{
    commands::{Context, failures::registry_failure},
    failure::{Failure, Kind, OrFail as _},
    image::{Digest, DigestReference, MediaType, Repository},
    registry::{ArtifactSelection, Content, CopyItem, CopyRules, ImageStore, Layout, Version},
};

/// The type of the artifact and of its layer.
const TYPE: &str = "application/vnd.promote.images.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The configuration of an artifact that has none.
const NOTHING: &[u8] = b"{}";
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
    let blobs = [Bytes::from_static(NOTHING), Bytes::copy_from_slice(list)];
    let (layout, digest) =
        Layout::of_artifact(dir.path().to_owned(), &blobs, manifest(list).into())
            .map_err(registry_failure)?;
    let item = CopyItem {
        from: ImageStore::Layout(layout),
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

/// The manifest of the artifact.
fn manifest(list: &[u8]) -> Vec<u8> {
    let descriptor = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OciManifest.as_str(),
        "artifactType": TYPE,
        "config": descriptor(EMPTY, NOTHING),
        "layers": [descriptor(TYPE, list)],
    });
    manifest.to_string().into_bytes()
}
