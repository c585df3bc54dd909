//! Tekton bundles: resources as the layers of an image (Tekton Pipelines, "Tekton Bundle Contract" 0.1).
//!
//! The same resources make the same bytes: neither a time nor a user of the machine is included.

use std::{io, io::Write as _};

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use serde_json::json;

use crate::image::Digest;

/// The largest number of resources in one bundle.
pub(crate) const MAX_RESOURCES: usize = 20;
/// The kinds that a cluster resolves out of a bundle.
pub(crate) const KINDS: [&str; 3] = ["Task", "Pipeline", "StepAction"];
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The type of a layer: go-containerregistry, by which clusters read layers, expects gzip whatever the type.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A resource of a bundle, with its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BundleResource {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The API version without its group, such as `v1`.
    pub(crate) version: String,
    /// The version of the resource itself, by its label.
    pub(crate) release: Option<String>,
    pub(crate) text: String,
}

/// A bundle in memory.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// The layers, then the configuration.
    pub(crate) blobs: Vec<Bytes>,
    /// The manifest.
    pub(crate) manifest: Bytes,
}

/// Packs a bundle.
///
/// # Errors
/// Errors of the packer.
pub(crate) fn pack(resources: &[BundleResource]) -> io::Result<Bundle> {
    let (mut blobs, mut layers, mut diff_ids) = (Vec::new(), Vec::new(), Vec::new());
    for resource in resources {
        let archive = archive(resource)?;
        diff_ids.push(Digest::of(&archive).to_string());
        let layer = packed(&archive)?;
        layers.push(json!({
            "mediaType": LAYER, "digest": Digest::of(&layer).to_string(), "size": layer.len(),
            "annotations": {
                "dev.tekton.image.apiVersion": resource.version,
                "dev.tekton.image.kind": resource.kind.to_lowercase(),
                "dev.tekton.image.name": resource.name,
            },
        }));
        blobs.push(layer.into());
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string().into_bytes();
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": Digest::of(&config).to_string(), "size": config.len()},
        "layers": layers,
    });
    blobs.push(config.into());
    if let [one] = resources
        && let Some(release) = &one.release
    {
        manifest["annotations"] = json!({"org.opencontainers.image.version": release});
    }
    Ok(Bundle {
        blobs,
        manifest: manifest.to_string().into(),
    })
}

/// Returns a tar archive with the one file that a cluster reads.
fn archive(resource: &BundleResource) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(resource.text.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(0);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, &resource.name, resource.text.as_bytes())?;
    archive.into_inner()
}

/// Packs the archive by gzip, without a time.
fn packed(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    packer.write_all(archive)?;
    packer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_follows_the_contract_and_is_the_same_each_time() {
        let resource = BundleResource {
            kind: "Task".to_owned(),
            name: "verify".to_owned(),
            version: "v1".to_owned(),
            release: Some("0.1.0".to_owned()),
            text: "kind: Task\n".to_owned(),
        };
        let [one, again] = [(); 2].map(|()| pack(std::slice::from_ref(&resource)).unwrap());
        assert_eq!(one.manifest, again.manifest);
        let manifest: serde_json::Value = serde_json::from_slice(&one.manifest).unwrap();
        assert_eq!(
            manifest["layers"][0]["digest"],
            Digest::of(&one.blobs[0]).to_string()
        );
        let layer = &manifest["layers"][0];
        assert_eq!(layer["annotations"]["dev.tekton.image.kind"], "task");
        assert_eq!(layer["annotations"]["dev.tekton.image.apiVersion"], "v1");
        assert_eq!(
            manifest["annotations"]["org.opencontainers.image.version"],
            "0.1.0"
        );
    }
}
