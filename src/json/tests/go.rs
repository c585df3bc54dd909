//! A model of `encoding/json`: how Go decodes a document into structs, maps and lists.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{super::Shape, generate::Raw};

/// A decoded value of Go; a missing member is [`Go::Zero`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Go {
    Zero,
    Flag(bool),
    Whole(i64),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Struct(BTreeMap<&'static str, Self>),
}

/// Decodes a document.
///
/// # Errors
/// When Go's decoder reports a type that does not fit.
pub(crate) fn read(shape: &Shape, raw: &Raw) -> Result<Go, String> {
    let mut target = Go::Zero;
    decode(shape, raw, &mut target)?;
    Ok(normal(target))
}

/// A struct's member for a key: the same name, else one that is equal under folding.
fn member(
    known: &'static [(&'static str, Shape)],
    key: &str,
) -> Option<&'static (&'static str, Shape)> {
    let fold = |text: &str| -> String {
        let plain = text.chars().map(|c| match c {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            other => other.to_ascii_lowercase(),
        });
        plain.collect()
    };
    let exact = known.iter().find(|(name, _)| *name == key);
    exact.or_else(|| known.iter().find(|(name, _)| fold(name) == fold(key)))
}

fn decode(shape: &Shape, raw: &Raw, target: &mut Go) -> Result<(), String> {
    match (shape, raw) {
        // `null` empties a map or list, and does not change a struct or text.
        (Shape::Map(_) | Shape::List(_) | Shape::Any, Raw::Null) => *target = Go::Zero,
        (_, Raw::Null) => {}
        (Shape::Any, raw) => *target = any(raw),
        (Shape::Text, Raw::Text(text)) => *target = Go::Text(text.clone()),
        (Shape::Flag, Raw::Flag(value)) => *target = Go::Flag(*value),
        (Shape::Whole, Raw::Whole(value)) => *target = Go::Whole(*value),
        (Shape::List(of), Raw::List(values)) => {
            let mut list = Vec::new();
            for value in values {
                let mut element = Go::Zero;
                decode(of, value, &mut element)?;
                list.push(element);
            }
            *target = Go::List(list);
        }
        (Shape::Map(of), Raw::Object(members)) => {
            let mut map = match std::mem::replace(target, Go::Zero) {
                Go::Map(map) => map,
                _ => BTreeMap::new(),
            };
            for (key, value) in members {
                let mut element = Go::Zero;
                decode(of, value, &mut element)?;
                map.insert(key.clone(), element);
            }
            *target = Go::Map(map);
        }
        (Shape::Object(known), Raw::Object(members)) => {
            let mut fields = match std::mem::replace(target, Go::Zero) {
                Go::Struct(fields) => fields,
                _ => BTreeMap::new(),
            };
            for (key, value) in members {
                if let Some((name, shape)) = member(known, key) {
                    decode(shape, value, fields.entry(name).or_insert(Go::Zero))?;
                }
            }
            *target = Go::Struct(fields);
        }
        (shape, _) => return Err(format!("a value is not {shape:?}")),
    }
    Ok(())
}

fn any(raw: &Raw) -> Go {
    match raw {
        Raw::Null => Go::Zero,
        Raw::Flag(value) => Go::Flag(*value),
        Raw::Whole(value) => Go::Whole(*value),
        Raw::Text(text) => Go::Text(text.clone()),
        Raw::List(values) => Go::List(values.iter().map(any).collect()),
        Raw::Object(members) => {
            let members = members.iter();
            Go::Map(
                members
                    .map(|(key, value)| (key.clone(), any(value)))
                    .collect(),
            )
        }
    }
}

/// Removes members of structs without a value: a program cannot distinguish them.
fn normal(value: Go) -> Go {
    match value {
        Go::Struct(fields) => {
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name, normal(value)));
            let fields: BTreeMap<_, _> = fields.filter(|(_, value)| *value != Go::Zero).collect();
            if fields.is_empty() {
                Go::Zero
            } else {
                Go::Struct(fields)
            }
        }
        Go::List(values) => Go::List(values.into_iter().map(normal).collect()),
        Go::Map(members) => {
            let members = members.into_iter();
            Go::Map(members.map(|(key, value)| (key, normal(value))).collect())
        }
        other => other,
    }
}

/// Decodes an accepted document as this program does: names are exact, `null` is absent.
pub(crate) fn plain(shape: &Shape, value: &Value) -> Go {
    normal(exact(shape, value))
}

fn exact(shape: &Shape, value: &Value) -> Go {
    let any = Shape::Any;
    match value {
        Value::Null => Go::Zero,
        Value::Bool(value) => Go::Flag(*value),
        Value::Number(number) => Go::Whole(number.as_i64().unwrap()),
        Value::String(text) => Go::Text(text.clone()),
        Value::Array(values) => {
            let of = if let Shape::List(of) = shape {
                of
            } else {
                &any
            };
            Go::List(values.iter().map(|value| exact(of, value)).collect())
        }
        Value::Object(members) => match shape {
            Shape::Object(known) => {
                let read = known.iter().filter_map(|(name, shape)| {
                    members.get(*name).map(|value| (*name, exact(shape, value)))
                });
                Go::Struct(read.collect())
            }
            _ => {
                let of = if let Shape::Map(of) = shape { of } else { &any };
                let members = members.iter();
                Go::Map(
                    members
                        .map(|(key, value)| (key.clone(), exact(of, value)))
                        .collect(),
                )
            }
        },
    }
}
