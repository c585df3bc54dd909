//! Compares the reader with a model of Go's decoding on documents made from the shapes.

pub(crate) mod generate;
pub(crate) mod go;

use serde_json::Value;

use self::generate::{Random, Raw, SHAPES};
use super::{Error, Shape, document};

/// The number of documents of each kind.
const DOCUMENTS: u64 = 10_000;

#[test]
fn accepts_every_honest_document() {
    let mut random = Random::new(1);
    for number in 0..DOCUMENTS {
        let (name, shape) = random.choose(SHAPES);
        let raw = random.honest(shape);
        let text = raw.text();
        let found = document(text.as_bytes(), shape)
            .unwrap_or_else(|error| panic!("{number}: {name}: {error}\n{text}"));
        let read = go::read(shape, &raw).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert_eq!(read, go::plain(shape, &found), "{number}: {name}\n{text}");
    }
}

#[test]
fn accepts_no_hostile_document_that_go_reads_in_another_way() {
    let mut random = Random::new(2);
    let mut refused = 0;
    for number in 0..DOCUMENTS {
        let (name, shape) = random.choose(SHAPES);
        let raw = random.hostile(shape);
        let text = raw.text();
        match document(text.as_bytes(), shape) {
            Err(_) => refused += 1,
            Ok(found) => {
                let read = go::read(shape, &raw);
                assert_eq!(
                    read,
                    Ok(go::plain(shape, &found)),
                    "{number}: {name}\n{text}"
                );
            }
        }
    }
    // The rest changed a map, where case matters to every reader.
    assert!(refused > DOCUMENTS * 6 / 10, "only {refused} were refused");
}

#[test]
fn the_model_differs_where_go_does() {
    let shape = &super::MANIFEST;
    let text = |raw: &str| Raw::Text(raw.to_owned());
    let twice = Raw::Object(vec![
        ("mediaType".to_owned(), text("a")),
        ("MediaType".to_owned(), text("b")),
    ]);
    let Ok(go::Go::Struct(read)) = go::read(shape, &twice) else {
        panic!("Go reads it");
    };
    assert_eq!(read["mediaType"], go::Go::Text("b".to_owned()));
    let list = Raw::List(vec![text("a")]);
    assert!(go::read(shape, &list).is_err());
}

#[test]
fn names_the_place() {
    let shape = &super::MANIFEST;
    let error = |text: &str| document(text.as_bytes(), shape).unwrap_err();
    let text = r#"{"layers":[{"digest":"a"},{"platform":{"OS":"linux"}}]}"#;
    let found = error(text).to_string();
    assert_eq!(
        found,
        r#"layers[1].platform: key "OS" equals "os" for readers that ignore case"#
    );
    let found = error(r#"{"annotations":[]}"#).to_string();
    assert_eq!(found, "annotations: found a list, expected an object");
    let found = error(r#"{"x":{"y":1,"y":2}}"#).to_string();
    assert!(found.starts_with("duplicate key \"y\""), "{found}");
    assert!(matches!(error("null"), Error::Type { .. }));
    for text in ["", "{", "{}{}", "{}\0", "\u{feff}{}", r#"{"a":"\ud800"}"#] {
        assert!(matches!(error(text), Error::Syntax(_)), "{text:?}");
    }
    let bytes = b"{\"a\":\"\xff\"}";
    assert!(matches!(document(bytes, shape), Err(Error::Syntax(_))));
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(document(nested(100).as_bytes(), &Shape::Any).is_ok());
    for depth in [200, 1_000_000] {
        let found = document(nested(depth).as_bytes(), &Shape::Any);
        assert!(matches!(found, Err(Error::Syntax(_))), "{depth}");
    }
}

#[test]
fn keeps_order_numbers_and_unknown_members() {
    let text = r#"{"z":1,"a":[1.5,-2,18446744073709551615,true,null],"Z":{"b":"\u0000"}}"#;
    let found = document(text.as_bytes(), &Shape::Any).unwrap();
    assert_eq!(found, serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(found.to_string(), text);
}
