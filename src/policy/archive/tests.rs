//! Tests archives of many formats against their expected files.

pub(crate) mod shapes;

use std::collections::BTreeMap;

use super::{ArchiveEntry, EntryKind, Error, FileContent, LayerTree, documents, files, walk};
use shapes::{Expected, shapes};

/// A tar archive of plain files.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, content) in files {
        bytes.extend(shapes::file(path, content.as_bytes()));
    }
    bytes.extend([0; 1024]);
    bytes
}

/// Every file of an archive by its path.
fn read(bytes: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let mut tree = LayerTree::default();
    let mut names = Vec::new();
    walk(bytes, &|_, _| false, &mut |_, entry: ArchiveEntry| {
        names.push(entry.path);
        Ok(())
    })?;
    tree.add(bytes, &|path| path.ends_with(".yaml"))?;
    let mut found = BTreeMap::new();
    for name in names {
        let content = match tree.file(&name)? {
            None => continue,
            Some(FileContent::Kept(content)) => content.to_vec(),
            Some(FileContent::At { entry, .. }) => files(bytes, &[entry])?.remove(&entry).unwrap(),
        };
        found.insert(name, String::from_utf8(content).unwrap());
    }
    Ok(found)
}

#[test]
fn reads_every_shape_as_it_should_be() {
    let all = shapes();
    let readable = all
        .iter()
        .filter(|shape| matches!(shape.expected, Expected::Files(_)));
    assert!(readable.count() >= 14);
    for shape in &all {
        let found = read(&shape.bytes);
        match (&shape.expected, found) {
            (Expected::Files(expected), Ok(found)) => {
                let expected: BTreeMap<_, _> = expected
                    .iter()
                    .map(|(path, content)| (path.clone(), content.clone()))
                    .collect();
                assert_eq!(found, expected, "{}", shape.name);
            }
            (Expected::Error(part), Err(error)) => {
                let error = error.to_string();
                assert!(error.contains(part), "{}: {error}", shape.name);
            }
            (_, found) => panic!("{}: {found:?}", shape.name),
        }
    }
}

#[test]
fn every_cut_of_a_compressed_archive_is_an_error() {
    let plain = archive(&[("a.yaml", "a: 1"), ("b.yaml", "b: 2")]);
    for packed in [shapes::gzip(&plain), shapes::zstd(&plain)] {
        assert_eq!(read(&packed).unwrap().len(), 2);
        for end in 0..packed.len() {
            assert!(read(&packed[..end]).is_err(), "{end} of {}", packed.len());
        }
    }
    // A plain archive may end after any complete entry, as Go and Python accept.
    for end in 0..plain.len() - 1024 {
        let whole = end > 0 && end % 1024 == 0;
        assert_eq!(read(&plain[..end]).is_ok(), whole, "{end}");
    }
}

#[test]
fn limits_are_errors() {
    let mut header = shapes::header("big.yaml", 33 << 20, b'0');
    header.resize(header.len() + (33 << 20) + 1024, 0);
    let found = walk(&header, &|_, _| true, &mut |_, _| Ok(()));
    assert!(matches!(found, Err(Error::TooLarge { .. })), "{found:?}");
    assert!(walk(&header, &|_, _| false, &mut |_, _| Ok(())).is_ok());
}

#[test]
fn a_layer_hides_what_it_has_what_it_removes_and_what_is_below() {
    let lower = archive(&[
        ("m/a.yaml", "low"),
        ("m/b.yaml", "low"),
        ("gone/x.yaml", "low"),
        ("new/deep/x.yaml", "low"),
        ("newer/x.yaml", "low"),
        ("m/c.yaml", "low"),
    ]);
    let upper = archive(&[
        ("m/a.yaml", "up"),
        ("m/.wh.b.yaml", ""),
        (".wh.gone", ""),
        ("new/.wh..wh..opq", ""),
        ("new/own.yaml", "up"),
    ]);
    let mut tree = LayerTree::default();
    tree.add(&lower, &|_| true).unwrap();
    tree.add(&upper, &|_| true).unwrap();
    let text = |path: &str| match tree.file(path).unwrap() {
        Some(FileContent::Kept(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        _ => "none".to_owned(),
    };
    for (path, expected) in [
        ("m/a.yaml", "up"),
        ("m/b.yaml", "none"),
        ("gone/x.yaml", "none"),
        ("new/deep/x.yaml", "none"),
        ("new/own.yaml", "up"),
        ("newer/x.yaml", "low"),
        ("m/c.yaml", "low"),
    ] {
        assert_eq!(text(path), expected, "{path}");
    }
}

#[test]
fn directories_behind_links_are_read() {
    let mut bytes = shapes::file("real/a.yaml", b"a: 1");
    bytes.extend(shapes::link("manifests", "./real", b'2'));
    bytes.extend(shapes::file("Other/b.yaml", b"b: 1"));
    bytes.extend(shapes::link("Other/c.yaml", "../real/a.yaml", b'2'));
    bytes.extend([0; 1024]);
    let mut tree = LayerTree::default();
    tree.add(&bytes, &|_| true).unwrap();
    let names = |directory: &str| -> Vec<String> {
        let found = tree.files_in(directory, &|name| name.ends_with(".yaml"));
        found.unwrap().into_keys().collect()
    };
    assert_eq!(names("Manifests/"), ["manifests/a.yaml"]);
    assert_eq!(names("./other"), ["Other/b.yaml", "Other/c.yaml"]);
    assert!(names("none").is_empty());
}

#[test]
fn links_that_lead_nowhere_are_errors() {
    for (target, kind) in [
        ("missing.yaml", b'2'),
        ("missing.yaml", b'1'),
        ("../../out.yaml", b'2'),
        ("a.yaml", b'2'),
    ] {
        let mut bytes = shapes::link("a.yaml", target, kind);
        bytes.extend([0; 1024]);
        let found = read(&bytes);
        let named = matches!(found, Err(Error::Link { .. } | Error::Escapes { .. }));
        assert!(named, "{target}: {found:?}");
    }
}

#[test]
fn documents_are_parsed_or_refused() {
    let bytes = archive(&[
        ("./a.yaml", "kind: A"),
        ("b.json", "not json"),
        ("c.txt", "x"),
    ]);
    let get = |paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        documents(&bytes, &paths)
    };
    let found = get(&["a.yaml", "c.txt", "absent.yaml"]).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a.yaml"]);
    assert_eq!(found["a.yaml"]["kind"], "A");
    assert!(matches!(get(&["b.json"]), Err(Error::Document { .. })));
}

#[test]
fn kinds_are_distinguished() {
    let mut bytes = shapes::link("h", "./x//y", b'1');
    bytes.extend(shapes::link("s", "../x", b'2'));
    bytes.extend(shapes::header("d/", 0, b'5'));
    bytes.extend(shapes::header("p", 0, b'6'));
    let mut kinds = Vec::new();
    walk(&bytes, &|_, _| false, &mut |_, entry| {
        kinds.push(entry.kind);
        Ok(())
    })
    .unwrap();
    let (hard, symbolic) = ("./x//y".to_owned(), "../x".to_owned());
    let expected = [
        EntryKind::Hard(hard),
        EntryKind::Symbolic(symbolic),
        EntryKind::Directory,
        EntryKind::Other,
    ];
    assert_eq!(kinds, expected);
}
