//! Reads the archives of image layers and policy bundles: tar, plain or compressed by gzip or zstd.
//!
//! Rules must see the files that a runtime unpacks. So an archive is read as Python's `tarfile` and
//! Go's `archive/tar` read it (POSIX pax and ustar, GNU long names, V7). An archive that these two
//! read differently, that is truncated, has trailing bytes or an unknown compression is an error.

mod entries;
mod header;
mod packed;
mod pax;
#[cfg(test)]
pub(crate) mod tests;
mod tree;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use entries::{ArchiveEntry, EntryKind, walk};
pub(crate) use tree::{FileContent, LayerTree};

/// The largest unpacked size of an archive, in bytes.
const MAX_UNPACKED: u64 = 2 << 30;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// The largest number of entries of one archive.
const MAX_ENTRIES: usize = 500_000;

/// An archive that cannot be read; callers must not treat it as an empty one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The archive ends inside an entry, or is empty.
    #[error("the archive is truncated: {what}")]
    Cut { what: &'static str },
    /// The compression is not gzip or zstd.
    #[error("the archive is compressed by {found}, expected gzip, zstd or none")]
    Compression { found: &'static str },
    /// The content is not a tar archive, or the compressed bytes are damaged.
    #[error("the archive is damaged: {reason}")]
    Damaged { reason: String },
    /// Go and Python read different files from the archive.
    #[error("Go and Python read the archive differently: {what}")]
    Differs { what: &'static str },
    /// Bytes other than zeros follow the end of the archive.
    #[error("bytes follow the end of the archive")]
    Trailing,
    #[error("{what} of the archive exceeds the limit of {limit}")]
    TooLarge { what: &'static str, limit: u64 },
    #[error("{path:?} is a sparse file, which is not supported")]
    Sparse { path: String },
    /// A name or the target of a link is outside of the archive.
    #[error("{path:?} points outside of the archive")]
    Escapes { path: String },
    /// The target of a link is not in the archive.
    #[error("{path:?} is a link without a target: {reason}")]
    Link { path: String, reason: &'static str },
    /// A file is not valid in the format of its extension.
    #[error("{path:?} cannot be read: {reason}")]
    Document { path: String, reason: String },
}

/// Reads YAML or JSON documents by their paths; missing paths are omitted.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn documents(bytes: &[u8], paths: &[String]) -> Result<BTreeMap<String, Value>, Error> {
    let mut tree = LayerTree::default();
    let wanted: Vec<_> = paths.iter().filter_map(|path| clean(path)).collect();
    tree.add(bytes, &|path| wanted.iter().any(|wanted| wanted == path))?;
    let mut found = BTreeMap::new();
    for path in paths {
        let Some(content) = tree.file(path)? else {
            continue;
        };
        let content = match content {
            FileContent::Kept(bytes) => bytes.to_vec(),
            FileContent::At { entry, .. } => of_entry(&files(bytes, &[entry])?, entry)?,
        };
        if let Some(document) = document(path, &content)? {
            found.insert(path.clone(), document);
        }
    }
    Ok(found)
}

/// Reads all files whose paths match the predicate.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn matching_files(
    bytes: &[u8],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut tree = LayerTree::default();
    tree.add(bytes, wanted)?;
    let contents = tree.files(wanted)?;
    let linked = contents.values().filter_map(|content| match content {
        FileContent::At { entry, .. } => Some(*entry),
        FileContent::Kept(_) => None,
    });
    let linked: Vec<_> = linked.collect();
    let linked = match linked.is_empty() {
        true => BTreeMap::new(),
        false => files(bytes, &linked)?,
    };
    let read = contents.into_iter().map(|(path, content)| {
        let bytes = match content {
            FileContent::Kept(bytes) => bytes.to_vec(),
            FileContent::At { entry, .. } => of_entry(&linked, entry)?,
        };
        Ok((path, bytes))
    });
    read.collect()
}

/// Returns the content of an entry; an entry that was not read is an error, not an empty file.
///
/// # Errors
/// [`Error::Damaged`].
pub(crate) fn of_entry(files: &BTreeMap<usize, Vec<u8>>, entry: usize) -> Result<Vec<u8>, Error> {
    let content = files.get(&entry).cloned();
    content.ok_or_else(|| Error::Damaged {
        reason: format!("entry {entry} has no content"),
    })
}

/// Reads the contents of files by the numbers of their entries.
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

/// Parses a file by its extension; `None` for other extensions.
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
            // The excerpt of the parser's message is omitted, because it may be long.
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

/// Unpacks every file of a layer, for fuzzing.
#[cfg(test)]
pub(crate) fn of_any_files(bytes: &[u8]) -> usize {
    matching_files(bytes, &|_| true).map_or(0, |files| files.len())
}

/// Normalises a path: no `.`, `..` or repeated slashes; `None` if it points outside of the root.
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
