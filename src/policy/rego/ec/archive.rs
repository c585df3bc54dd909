//! The few files of a tar archive, plain or compressed by gzip, that a policy asks for.

use std::{collections::BTreeMap, io::Read};

use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;

/// The most that an archive may unfold to, in bytes.
const MAX_UNPACKED: u64 = 2 << 30;
/// The largest file that is looked at, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// The size of a tar block.
const BLOCK: usize = 512;

/// What a layer says of a path.
#[derive(Debug)]
pub(super) enum Entry {
    /// A YAML or JSON file with what it holds.
    Document(Json),
    /// The path, or all below it, is removed from the layers beneath.
    Removed,
}

/// Reads what the wanted paths of an archive hold; what is no YAML or JSON is left out.
///
/// None when it is no archive, or one that is too large.
pub(super) fn read(bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Option<BTreeMap<String, Entry>> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        entries(MultiGzDecoder::new(bytes).take(MAX_UNPACKED), wanted)
    } else {
        entries(bytes, wanted)
    }
}

fn entries(
    mut archive: impl Read,
    wanted: &dyn Fn(&str) -> bool,
) -> Option<BTreeMap<String, Entry>> {
    let mut found = BTreeMap::new();
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
        let regular = matches!(kind, b'0' | 0);
        let interesting = matches!(kind, b'L' | b'x') || (regular && wanted(&path));
        if !interesting || size > MAX_FILE {
            std::io::copy(&mut archive.by_ref().take(padded), &mut std::io::sink()).ok()?;
            continue;
        }
        let mut content = vec![0; usize::try_from(padded).ok()?];
        archive.read_exact(&mut content).ok()?;
        content.truncate(usize::try_from(size).ok()?);
        match kind {
            b'L' => long_name = Some(text(&content)),
            b'x' => long_name = extended_path(&content),
            _ if is_whiteout(&path) => {
                found.insert(path, Entry::Removed);
            }
            _ => {
                if let Some(document) = document(&path, &content) {
                    found.insert(path, Entry::Document(document));
                }
            }
        }
    }
}

/// Whether a path of a layer removes another one.
pub(super) fn is_whiteout(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with(".wh."))
}

fn document(path: &str, content: &[u8]) -> Option<Json> {
    let text = std::str::from_utf8(content).ok()?;
    match path.rsplit_once('.')?.1 {
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
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A tar archive of plain files.
    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
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
            let names: Vec<_> = found.keys().map(String::as_str).collect();
            assert_eq!(names, ["manifests/a.yaml"]);
            let Some(Entry::Document(document)) = found.get("manifests/a.yaml") else {
                panic!("{found:?}");
            };
            assert_eq!(document["kind"], "A");
        }
    }

    #[test]
    fn an_archive_cut_short_gives_nothing() {
        let mut bytes = archive(&[("a.json", "{\"a\": 1}")]);
        assert!(read(&bytes, &|_| true).is_some_and(|found| found.len() == 1));
        bytes.truncate(BLOCK + 4);
        assert!(read(&bytes, &|_| true).is_none());
    }
}
