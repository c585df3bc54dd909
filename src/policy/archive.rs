//! The few files of a tar archive, plain or compressed by gzip, that a policy asks for.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;

/// The most that an archive may unfold to, in bytes.
const MAX_UNPACKED: u64 = 2 << 30;
/// The largest file that is looked at, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// The size of a tar block.
const BLOCK: usize = 512;

/// The name of the marker that hides what lower layers have in its directory.
const OPAQUE: &str = ".wh..wh..opq";
/// What stands before the name of a file that lower layers have and this one removes.
const WHITEOUT: &str = ".wh.";

/// What an archive says of the wanted paths.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The wanted paths that are there; none for one that is no YAML or JSON.
    pub(super) documents: BTreeMap<String, Option<Json>>,
    /// Files and directories of lower layers that this one removes.
    pub(super) removed: BTreeSet<String>,
    /// Directories of which lower layers do not count.
    pub(super) opaque: BTreeSet<String>,
}

impl Listing {
    /// Whether a path of a lower layer is hidden by this one.
    pub(super) fn hides(&self, path: &str) -> bool {
        let mut above = path;
        let mut removed = self.documents.contains_key(path) || self.removed.contains(path);
        while let Some((directory, _)) = above.rsplit_once('/') {
            removed |= self.removed.contains(directory) || self.opaque.contains(directory);
            above = directory;
        }
        removed || self.opaque.contains("")
    }
}

/// Reads what the wanted paths of an archive hold.
///
/// None when it is no archive, or one that is too large.
pub(super) fn read(bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Option<Listing> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        entries(MultiGzDecoder::new(bytes).take(MAX_UNPACKED), wanted)
    } else {
        entries(bytes, wanted)
    }
}

fn entries(mut archive: impl Read, wanted: &dyn Fn(&str) -> bool) -> Option<Listing> {
    let mut found = Listing::default();
    let mut long_name = None;
    let mut block = [0; BLOCK];
    loop {
        match archive.read_exact(&mut block) {
            Ok(()) if block.iter().any(|byte| *byte != 0) => {}
            // Zeros end an archive; some writers leave them out.
            _ => return Some(found),
        }
        let size = octal(block.get(124..136)?)?;
        let kind = *block.get(156)?;
        let padded = size.next_multiple_of(BLOCK as u64);
        let short = name(&block)?;
        let path = long_name.take().unwrap_or(short);
        let path = path
            .trim_start_matches("./")
            .trim_start_matches('/')
            .to_owned();
        let named = matches!(kind, b'L' | b'x');
        if !named {
            found.note(&path, wanted);
        }
        let regular = matches!(kind, b'0' | 0) && found.documents.contains_key(&path);
        if !(named || regular) || size > MAX_FILE {
            std::io::copy(&mut archive.by_ref().take(padded), &mut std::io::sink()).ok()?;
            continue;
        }
        let mut content = vec![0; usize::try_from(padded).ok()?];
        archive.read_exact(&mut content).ok()?;
        content.truncate(usize::try_from(size).ok()?);
        match kind {
            b'L' => long_name = Some(text(&content)),
            b'x' => long_name = extended_path(&content),
            _ => {
                let document = document(&path, &content);
                found.documents.insert(path, document);
            }
        }
    }
}

impl Listing {
    /// Notes that the path is there, whatever it is, or what it removes.
    fn note(&mut self, path: &str, wanted: &dyn Fn(&str) -> bool) {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name == OPAQUE {
            self.opaque.insert(directory.to_owned());
        } else if let Some(name) = name.strip_prefix(WHITEOUT) {
            let joint = if directory.is_empty() { "" } else { "/" };
            self.removed.insert(format!("{directory}{joint}{name}"));
        } else if wanted(path) {
            self.documents.insert(path.to_owned(), None);
        }
    }
}

fn document(path: &str, content: &[u8]) -> Option<Json> {
    let text = std::str::from_utf8(content).ok()?;
    match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "json" => serde_json::from_str(text).ok(),
        "yaml" | "yml" => serde_saphyr::from_str(text).ok(),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// The name in a header, with the prefix that long ones are split into.
fn name(block: &[u8; BLOCK]) -> Option<String> {
    let name = text(block.get(..100)?);
    let prefix = text(block.get(345..500)?);
    let ustar = block.get(257..262)? == b"ustar";
    Some(if ustar && !prefix.is_empty() {
        format!("{prefix}/{name}")
    } else {
        name
    })
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = text(field);
    let digits = digits.trim();
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

/// The path in an extended header: records of `length key=value`.
fn extended_path(content: &[u8]) -> Option<String> {
    let content = String::from_utf8_lossy(content);
    let mut records = content.lines();
    records.find_map(|record| record.split_once(" path=").map(|(_, path)| path.to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;

    /// A tar archive of plain files.
    pub(in crate::policy) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (path, content) in files {
            let mut header = [0_u8; BLOCK];
            header[..path.len()].copy_from_slice(path.as_bytes());
            let size = format!("{:011o}", content.len());
            header[124..135].copy_from_slice(size.as_bytes());
            header[156] = b'0';
            bytes.extend(header);
            bytes.extend(content.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        bytes
    }

    #[test]
    fn reads_the_wanted_documents_only_plain_or_compressed() {
        let plain = archive(&[
            ("./manifests/a.yaml", "kind: A"),
            ("manifests/b.json", "not json"),
            ("other/c.json", "{}"),
        ]);
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&plain).unwrap();
        for bytes in [plain, packer.finish().unwrap()] {
            let found = read(&bytes, &|path| path.starts_with("manifests/")).unwrap();
            let names: Vec<_> = found.documents.keys().map(String::as_str).collect();
            assert_eq!(names, ["manifests/a.yaml", "manifests/b.json"]);
            let document = found.documents["manifests/a.yaml"].as_ref().unwrap();
            assert_eq!(document["kind"], "A");
            assert_eq!(found.documents["manifests/b.json"], None);
        }
    }

    #[test]
    fn a_layer_hides_what_it_has_what_it_removes_and_what_is_below() {
        let upper = archive(&[
            ("m/a.yaml", "***: ["),
            ("m/.wh.b.yaml", ""),
            (".wh.gone", ""),
            ("new/.wh..wh..opq", ""),
        ]);
        let upper = read(&upper, &|path| path.starts_with("m/")).unwrap();
        for hidden in [
            "m/a.yaml",
            "m/b.yaml",
            "gone/x.yaml",
            "gone",
            "new/deep/x.yaml",
        ] {
            assert!(upper.hides(hidden), "{hidden}");
        }
        for seen in ["m/c.yaml", "gone2", "newer/x.yaml", "x.yaml"] {
            assert!(!upper.hides(seen), "{seen}");
        }
    }

    #[test]
    fn an_archive_cut_short_gives_nothing() {
        let mut bytes = archive(&[("a.json", "{\"a\": 1}")]);
        assert!(read(&bytes, &|_| true).is_some_and(|found| found.documents.len() == 1));
        bytes.truncate(BLOCK + 4);
        assert!(read(&bytes, &|_| true).is_none());
    }
}
