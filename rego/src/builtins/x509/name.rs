//! Distinguished names in the form of Go's `pkix.Name`.

use crate::builtins::der::{self, Der};
use crate::builtins::keys::fields;
use crate::value::Value;

/// Attributes of a name: identifier and text, in their order.
type Attributes = Vec<(Vec<u64>, String)>;

/// The members of a name that are lists, with the last number of their identifiers.
const LISTS: [(&str, u64); 7] = [
    ("Country", 6),
    ("Organization", 10),
    ("OrganizationalUnit", 11),
    ("Locality", 7),
    ("Province", 8),
    ("StreetAddress", 9),
    ("PostalCode", 17),
];

/// The attributes of a name in DER.
pub(super) fn attributes(content: &[u8]) -> Option<Attributes> {
    let mut sets = Der(content);
    let mut found = Vec::new();
    while !sets.is_empty() {
        let mut set = Der(sets.expect(0x31)?.content);
        while !set.is_empty() {
            let mut pair = set.sequence()?;
            found.push((pair.identifier()?, text(pair.next()?)?));
        }
    }
    Some(found)
}

/// Decodes a DER string of any of the types that Go reads.
pub(super) fn text(item: der::Item<'_>) -> Option<String> {
    match item.tag {
        // UTF8, Numeric, Printable, IA5 and Visible.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => String::from_utf8(item.content.to_vec()).ok(),
        // T61, read as Latin 1.
        0x14 => Some(item.content.iter().map(|byte| char::from(*byte)).collect()),
        0x1e => {
            let (units, rest) = item.content.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty()
                .then(|| String::from_utf16(&units).ok())
                .flatten()
        }
        _ => None,
    }
}

/// An identifier as a list of numbers.
pub(super) fn numbers(identifier: &[u64]) -> Value {
    let numbers = identifier
        .iter()
        .map(|number| Value::from(i64::try_from(*number).unwrap_or(i64::MAX)));
    Value::array(numbers.collect())
}

/// Returns the name as the members of `pkix.Name`.
pub(super) fn as_go(attributes: &Attributes) -> Value {
    let known = |identifier: &[u64], last: u64| *identifier == [2, 5, 4, last];
    let list = |last: u64| {
        let found = attributes
            .iter()
            .filter(|(identifier, _)| known(identifier, last));
        let found: Vec<_> = found.map(|(_, text)| Value::from(text.as_str())).collect();
        if found.is_empty() {
            Value::Null
        } else {
            Value::array(found)
        }
    };
    let one = |last: u64| {
        let found = attributes
            .iter()
            .rev()
            .find(|(identifier, _)| known(identifier, last));
        Value::from(found.map_or("", |(_, text)| text.as_str()))
    };
    let names = attributes.iter().map(|(identifier, text)| {
        fields([
            ("Type", numbers(identifier)),
            ("Value", Value::from(text.as_str())),
        ])
    });
    let mut members: Vec<_> = LISTS
        .iter()
        .map(|(name, last)| (Value::from(*name), list(*last)))
        .collect();
    let names = if attributes.is_empty() {
        Value::Null
    } else {
        Value::array(names.collect())
    };
    members.extend([
        (Value::from("CommonName"), one(3)),
        (Value::from("SerialNumber"), one(5)),
        (Value::from("Names"), names),
        (Value::from("ExtraNames"), Value::Null),
    ]);
    Value::object(members)
}
