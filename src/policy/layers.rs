//! The documents in some directories of an image, as the file system of all its layers has them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::archive::{self, Listing};
use crate::{
    image::Repository,
    registry::{ImageManifest, Registry},
};

/// The largest layer that is read, in bytes.
const MAX_LAYER: u64 = 128 << 20;
/// The endings of documents.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The YAML and JSON documents directly in one of the directories, by path.
///
/// # Errors
/// When a layer cannot be had, or is no archive: what it hides or adds is then unknown.
pub(super) async fn documents(
    registry: &Registry,
    repository: &Repository,
    image: &ImageManifest,
    directories: &[String],
) -> anyhow::Result<BTreeMap<String, Value>> {
    let wanted = |path: &str| is_document_in(path, directories);
    let mut above: Vec<Listing> = Vec::new();
    let mut found = BTreeMap::new();
    for layer in image.layers.iter().rev() {
        let blob = registry.blob(repository, layer, MAX_LAYER).await?;
        let listing = archive::read(&blob, &wanted);
        let mut listing = listing
            .ok_or_else(|| anyhow::anyhow!("layer {} is no readable archive", layer.digest))?;
        for (path, document) in &mut listing.documents {
            let hidden = above.iter().any(|upper| upper.hides(path));
            if let (false, Some(document)) = (hidden, document.take()) {
                found.insert(path.clone(), document);
            }
        }
        above.push(listing);
    }
    Ok(found)
}

/// Upstream compares without regard to case.
fn is_document_in(path: &str, directories: &[String]) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_document = ENDINGS
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known));
    let mut directories = directories.iter().map(|wanted| plain(wanted));
    is_document && directories.any(|wanted| wanted.eq_ignore_ascii_case(directory))
}

/// The directory as archives name it.
fn plain(directory: &str) -> &str {
    let directory = directory.trim_start_matches("./").trim_matches('/');
    if directory == "." { "" } else { directory }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_stand_directly_in_the_directory() {
        let wanted = |path: &str| is_document_in(path, &["/Manifests/".to_owned()]);
        for path in ["manifests/a.yaml", "manifests/b.JSON", "manifests/c.yml"] {
            assert!(wanted(path), "{path}");
        }
        for path in [
            "manifests/a.txt",
            "manifests/x/a.yaml",
            "a.yaml",
            "manifests2/a.yaml",
            "manifests",
        ] {
            assert!(!wanted(path), "{path}");
        }
        assert!(is_document_in("a.yaml", &["./".to_owned()]));
    }
}
