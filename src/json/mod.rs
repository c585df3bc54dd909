//! Reads signed and handed-over JSON, and refuses documents that another reader would read differently.
//!
//! Go's `encoding/json`, with which container runtimes, registries and cosign read the same bytes,
//! uses the last of two equal keys and matches a struct's members without regard to case (with
//! U+212A for `k` and U+017F for `s`). A document that depends on that is refused:
//!
//! - no key twice in any object;
//! - an object where an object is expected, a list where a list is expected;
//! - in objects that Go decodes into structs, no key that equals a member only under case folding,
//!   and no two keys that equal each other under it. Maps (labels, annotations, predicates) and
//!   unknown members are not changed.
//!
//! `null` for a list or a map is treated as empty ([`nullable`]). Depth (128), nodes and bytes are limited.

mod documents;
mod fold;
mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

pub(crate) use documents::{
    BUNDLE, DESCRIPTOR, ENVELOPE, IMAGE_CONFIG, KUBERNETES, MANIFEST, PAYLOAD, PROMOTED, REFERRERS,
    SNAPSHOT, STATEMENT, VERIFIED,
};
pub(crate) use shape::Shape;

/// A document that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// It is not JSON, has a key twice, or exceeds a limit.
    #[error("{0}")]
    Syntax(String),
    /// A part of it has another type than its readers expect.
    #[error("{place}: found {found}, expected {expected}")]
    Type {
        place: String,
        /// The JSON type that was found.
        found: &'static str,
        /// The JSON type that is expected.
        expected: &'static str,
    },
    /// A key equals another one only without regard to case.
    #[error("{place}: key {key:?} equals {other:?} for readers that ignore case")]
    Folded {
        place: String,
        key: String,
        /// The member, or the other key.
        other: String,
    },
    /// A member is missing or has a value that the type does not allow.
    #[error("{0}")]
    Content(String),
}

/// Installs a check of the run's memory for the time while values are built.
#[cfg_attr(test, allow(dead_code))]
pub(crate) fn limit_memory(check: fn() -> Result<(), String>) {
    value::limit_memory(check);
}

/// Reads a document of a known shape and keeps every member.
///
/// # Errors
/// Any [`Error`] but [`Error::Content`].
pub(crate) fn document(bytes: &[u8], shape: &Shape) -> Result<Value, Error> {
    let document = value::read(bytes)?;
    check(&document, shape)?;
    Ok(document)
}

/// Checks a document from another reader, for example of YAML.
///
/// # Errors
/// [`Error::Type`] or [`Error::Folded`].
pub(crate) fn check(document: &Value, shape: &Shape) -> Result<(), Error> {
    if document.is_null() {
        return Err(Error::Type {
            place: "the document".to_owned(),
            found: "null",
            expected: "an object",
        });
    }
    shape.check(document)
}

/// Decodes a document after its check.
///
/// # Errors
/// [`Error::Content`].
pub(crate) fn decode<'a, T: Deserialize<'a>>(document: &'a Value) -> Result<T, Error> {
    T::deserialize(document).map_err(|error| Error::Content(error.to_string()))
}

/// Reads and decodes a document of a known shape.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8], shape: &Shape) -> Result<T, Error> {
    decode(&document(bytes, shape)?)
}

/// Reads YAML without duplicate keys. A message has the position and none of the text:
/// it may be a file of secrets.
///
/// # Errors
/// [`Error::Syntax`].
pub(crate) fn yaml(text: &str) -> Result<Value, Error> {
    let options = serde_saphyr::options! { with_snippet: false };
    let read = serde_saphyr::from_str_with_options(text, options);
    read.map_err(|error| Error::Syntax(plain_words(&error.to_string())))
}

/// Replaces advice to programmers in a message of the YAML reader by words about the document.
fn plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 3] = [
        (", set DuplicateKeyPolicy in Options if acceptable", ""),
        (
            "recursive references require weak recursion types",
            "an alias refers to the node that it is in",
        ),
        (
            "multiple YAML documents detected; use from_str_multiple or from_str_multiple_with_options",
            "several documents, expected one",
        ),
    ];
    WORDS.iter().fold(message.to_owned(), |text, (from, to)| {
        text.replace(from, to)
    })
}

/// Reads JSON or YAML. Text that starts as JSON is only read as JSON: a YAML reader would accept other documents.
///
/// # Errors
/// Any [`Error`] of the reader that was chosen.
pub(crate) fn json_or_yaml(text: &str) -> Result<Value, Error> {
    match text.trim_start().starts_with(['{', '[']) {
        true => document(text.as_bytes(), &Shape::Any),
        false => yaml(text),
    }
}

/// Decodes `null` as the empty value, as Go does for lists, maps and texts.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Decodes a map of texts. `null` is the empty map, and as a value the empty text, as in Go.
pub(crate) fn nullable_texts<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let texts: BTreeMap<String, Option<String>> = nullable(deserializer)?;
    let texts = texts.into_iter();
    Ok(texts
        .map(|(name, text)| (name, text.unwrap_or_default()))
        .collect())
}
