//! The shape of a document: where Go decodes into structs, maps and lists.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value};

use super::{Error, fold};

/// The part of a key that a message contains, in characters.
const SHOWN: usize = 80;

/// The JSON type that readers expect. `null` is allowed everywhere except at the top.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any value, not checked further: case is significant, only duplicate keys are refused.
    Any,
    Text,
    Whole,
    Flag,
    /// An object whose keys are data, not members.
    Map(&'static Self),
    List(&'static Self),
    /// An object that is decoded into a struct with these members; further members are allowed.
    Object(&'static [(&'static str, Self)]),
}

/// The path to a value, from the innermost step outwards.
#[derive(Clone, Copy)]
enum Path<'a> {
    Top,
    Member(&'a Path<'a>, &'a str),
    Element(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn write(&self, text: &mut String) {
        match self {
            Self::Top => {}
            Self::Member(above, name) => {
                above.write(text);
                let joint = if text.is_empty() { "" } else { "." };
                let name: String = name.chars().take(SHOWN).collect();
                let _ = write!(text, "{joint}{}", name.escape_debug());
            }
            Self::Element(above, index) => {
                above.write(text);
                let _ = write!(text, "[{index}]");
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        if text.is_empty() {
            text.push_str("the document");
        }
        text
    }
}

impl Shape {
    /// Checks a document; only parts that are decoded into structs take time.
    ///
    /// # Errors
    /// [`Error::Type`] or [`Error::Folded`].
    pub(super) fn check(&self, document: &Value) -> Result<(), Error> {
        self.check_at(document, Path::Top)
    }

    fn check_at(&self, value: &Value, path: Path<'_>) -> Result<(), Error> {
        match (self, value) {
            (Self::Any, _)
            | (_, Value::Null)
            | (Self::Text, Value::String(_))
            | (Self::Flag, Value::Bool(_)) => Ok(()),
            (Self::Whole, Value::Number(number)) if number.is_i64() => Ok(()),
            (Self::Map(of), Value::Object(members)) => members
                .iter()
                .try_for_each(|(key, value)| of.check_at(value, Path::Member(&path, key))),
            (Self::List(of), Value::Array(values)) => values
                .iter()
                .enumerate()
                .try_for_each(|(at, value)| of.check_at(value, Path::Element(&path, at))),
            (Self::Object(known), Value::Object(members)) => {
                check_members(known, members, path)?;
                known.iter().try_for_each(|(name, shape)| {
                    let value = members.get(*name);
                    value.map_or(Ok(()), |value| {
                        shape.check_at(value, Path::Member(&path, name))
                    })
                })
            }
            _ => Err(Error::Type {
                place: path.text(),
                found: type_of(value),
                expected: self.expected(),
            }),
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Text => "a string",
            Self::Whole => "an integer of 64 bits",
            Self::Flag => "true or false",
            Self::Map(_) | Self::Object(_) => "an object",
            Self::List(_) => "a list",
        }
    }
}

/// Refuses keys that a reader without regard to case takes for a member, or for each other.
fn check_members(
    known: &[(&'static str, Shape)],
    members: &Map<String, Value>,
    path: Path<'_>,
) -> Result<(), Error> {
    let folded = |key: &str, other: &str| Error::Folded {
        place: path.text(),
        key: key.chars().take(SHOWN).collect(),
        other: other.chars().take(SHOWN).collect(),
    };
    let unknown = members
        .keys()
        .filter(|key| !known.iter().any(|(name, _)| name == key));
    let mut seen = BTreeMap::new();
    for key in unknown {
        if let Some((name, _)) = known.iter().find(|(name, _)| fold::equal(name, key)) {
            return Err(folded(key, name));
        }
        if let Some(other) = seen.insert(fold::folded(key), key) {
            return Err(folded(key, other));
        }
    }
    Ok(())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
