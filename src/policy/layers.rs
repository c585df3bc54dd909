//! Reads the documents in directories of an image, from the merged file system of its layers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::archive::{self, FileContent, LayerTree};
use crate::{
    image::{Digest, Repository},
    registry::{self, Descriptor, ImageManifest, Registry},
};

/// The largest layer that is read, in bytes.
const MAX_LAYER: u64 = 128 << 20;
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Files of an image that could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("layer {layer}: {source}")]
    Registry {
        layer: Digest,
        source: registry::Error,
    },
    #[error("layer {layer}: {source}")]
    Archive {
        layer: Digest,
        source: archive::Error,
    },
    /// A file in the layers cannot be read.
    #[error("files of the image: {0}")]
    File(#[from] archive::Error),
}

/// Returns the YAML and JSON documents directly in one of the directories, by path. Directories are
/// compared without case, as in Conforma's `ec`.
///
/// # Errors
/// Returns an error if any layer cannot be fetched or read, because it may add or hide files.
pub(super) async fn documents(
    registry: &Registry,
    repository: &Repository,
    image: &ImageManifest,
    directories: &[String],
) -> Result<BTreeMap<String, Value>, Error> {
    let probable = |path: &str| {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut wanted = directories.iter().filter_map(|path| archive::clean(path));
        is_document(name) && wanted.any(|wanted| wanted.eq_ignore_ascii_case(directory))
    };
    let mut tree = LayerTree::default();
    for layer in &image.layers {
        let blob = fetch(registry, repository, layer).await?;
        let added = tree.add(&blob, &probable);
        added.map_err(|source| unreadable(layer, source))?;
    }
    let mut contents = BTreeMap::new();
    for directory in directories {
        contents.extend(tree.files_in(directory, &is_document)?);
    }
    let mut linked: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for content in contents.values() {
        if let FileContent::At { layer, entry } = content {
            linked.entry(*layer).or_default().push(*entry);
        }
    }
    // Targets of links from other directories require a second pass over their layer.
    let mut read = BTreeMap::new();
    for (number, entries) in linked {
        let layer = image.layers.get(number);
        let layer = layer.ok_or_else(|| archive::Error::Damaged {
            reason: format!("the image has no layer {number}"),
        })?;
        let blob = fetch(registry, repository, layer).await?;
        let files = archive::files(&blob, &entries);
        let files = files.map_err(|source| unreadable(layer, source))?;
        read.insert(number, files);
    }
    let mut found = BTreeMap::new();
    for (path, content) in contents {
        let document = match &content {
            FileContent::Kept(bytes) => archive::document(&path, bytes)?,
            FileContent::At { layer, entry } => {
                let files = read.get(layer);
                let files = files.ok_or_else(|| archive::Error::Damaged {
                    reason: format!("layer {layer} was not read"),
                })?;
                archive::document(&path, &archive::of_entry(files, *entry)?)?
            }
        };
        if let Some(document) = document {
            found.insert(path, document);
        }
    }
    Ok(found)
}

async fn fetch(
    registry: &Registry,
    repository: &Repository,
    layer: &Descriptor,
) -> Result<bytes::Bytes, Error> {
    let blob = registry.blob(repository, layer, MAX_LAYER).await;
    blob.map_err(|source| Error::Registry {
        layer: layer.digest,
        source,
    })
}

fn unreadable(layer: &Descriptor, source: archive::Error) -> Error {
    Error::Archive {
        layer: layer.digest,
        source,
    }
}

fn is_document(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let mut endings = ENDINGS.iter();
    endings.any(|known| ending.eq_ignore_ascii_case(known))
}
