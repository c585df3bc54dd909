//! Reads the archives of image layers and policy bundles: tar, plain or compressed by gzip or zstd.
//!
//! Rules judge what a runtime unpacks. So an archive is read as Python's `tarfile` and Go's
//! `archive/tar` read it (POSIX pax and ustar, GNU long names, V7); where these two differ, where
//! bytes follow the end, and where a part is cut or of unknown compression, it is an error.

mod entries;
mod header;
mod packed;
mod pax;
#[cfg(test)]
pub(crate) mod tests;
mod tree;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use entries::{Entry, Kind, walk};
pub(crate) use tree::{Content, Tree};

/// The most bytes that an archive may unpack to.
const MAX_UNPACKED: u64 = 2 << 30;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// The most entries of one archive.
const MAX_ENTRIES: usize = 500_000;

/// Why an archive cannot be read, which is never the same as having no files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// It ends before its last entry does, or has no byte at all.
    #[error("the archive is cut: {what}")]
    Cut { what: &'static str },
    /// The compression is not gzip or zstd.
    #[error("the archive is compressed by {found}, expected gzip, zstd or none")]
    Compression { found: &'static str },
    /// It is not a tar archive, or the compressed bytes are damaged.
    #[error("the archive is damaged: {reason}")]
    Damaged { reason: String },
    /// Two common readers find different files in it.
    #[error("readers differ about the archive: {what}")]
    Differs {
        /// The part that they read in different ways.
        what: &'static str,
    },
    /// Something follows the end of the archive.
    #[error("bytes follow the end of the archive")]
    Trailing,
    #[error("{what} of the archive exceeds the limit of {limit}")]
    TooLarge { what: &'static str, limit: u64 },
    #[error("{path:?} is a sparse file, which is not supported")]
    Sparse { path: String },
    /// A name or the target of a link leads out of the archive.
    #[error("{path:?} leads out of the archive")]
    Escapes { path: String },
    /// The target of a link is not in the archive.
    #[error("{path:?} is a link without a target: {reason}")]
    Link { path: String, reason: &'static str },
    /// A file is not the document that its name says.
    #[error("{path:?} cannot be read: {reason}")]
    Document { path: String, reason: String },
}

/// Reads YAML or JSON documents by their paths; paths that are not there are left out.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn documents(bytes: &[u8], paths: &[String]) -> Result<BTreeMap<String, Value>, Error> {
    let mut tree = Tree::default();
    let wanted: Vec<_> = paths.iter().filter_map(|path| clean(path)).collect();
    tree.add(bytes, &|path| wanted.iter().any(|wanted| wanted == path))?;
    let mut found = BTreeMap::new();
    for path in paths {
        let Some(content) = tree.file(path)? else {
            continue;
        };
        let content = match content {
            Content::Kept(bytes) => bytes.to_vec(),
            Content::At { entry, .. } => of_entry(&files(bytes, &[entry])?, entry)?,
        };
        if let Some(document) = document(path, &content)? {
            found.insert(path.clone(), document);
        }
    }
    Ok(found)
}

/// Reads all files whose paths are as wanted.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn all(
    bytes: &[u8],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut tree = Tree::default();
    tree.add(bytes, wanted)?;
    let contents = tree.files(wanted)?;
    let linked = contents.values().filter_map(|content| match content {
        Content::At { entry, .. } => Some(*entry),
        Content::Kept(_) => None,
    });
    let linked: Vec<_> = linked.collect();
    let linked = match linked.is_empty() {
        true => BTreeMap::new(),
        false => files(bytes, &linked)?,
    };
    let read = contents.into_iter().map(|(path, content)| {
        let bytes = match content {
            Content::Kept(bytes) => bytes.to_vec(),
            Content::At { entry, .. } => of_entry(&linked, entry)?,
        };
        Ok((path, bytes))
    });
    read.collect()
}

/// Returns the content of an entry; one that was not read is an error, not an empty file.
///
/// # Errors
/// [`Error::Damaged`].
pub(crate) fn of_entry(files: &BTreeMap<usize, Vec<u8>>, entry: usize) -> Result<Vec<u8>, Error> {
    let content = files.get(&entry).cloned();
    content.ok_or_else(|| Error::Damaged {
        reason: format!("entry {entry} has no content"),
    })
}

/// The contents of files by the numbers of their entries.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn files(bytes: &[u8], entries: &[usize]) -> Result<BTreeMap<usize, Vec<u8>>, Error> {
    let mut found = BTreeMap::new();
    walk(
        bytes,
        &|number, _| entries.contains(&number),
        &mut |number, entry| {
            if let Some(content) = entry.content {
                found.insert(number, content);
            }
            Ok(())
        },
    )?;
    Ok(found)
}

/// Parses a file by its ending; `None` for other endings.
///
/// # Errors
/// [`Error::Document`].
pub(crate) fn document(path: &str, content: &[u8]) -> Result<Option<Value>, Error> {
    let failed = |reason: String| Error::Document {
        path: path.to_owned(),
        reason,
    };
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let text = || std::str::from_utf8(content).map_err(|error| failed(error.to_string()));
    let parsed = match ending.to_ascii_lowercase().as_str() {
        "json" => serde_json::from_str(text()?).map_err(|error| failed(error.to_string())),
        "yaml" | "yml" => serde_saphyr::from_str(text()?).map_err(|error| {
            // Without the excerpt, which may be long.
            failed(
                error
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
        }),
        _ => return Ok(None),
    };
    parsed.map(Some)
}

/// Unpacks every file of a layer.
#[cfg(test)]
pub(crate) fn of_any_files(bytes: &[u8]) -> usize {
    all(bytes, &|_| true).map_or(0, |files| files.len())
}

/// The path from the root without `.`, `..` and doubled slashes; `None` when it leads out.
pub(crate) fn clean(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
