//! Reads JSON into a value and refuses duplicate keys in an object.

use std::{cell::Cell, fmt, sync::OnceLock};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use super::Error;

/// Returns an error when the run has no memory for more values.
static MEMORY: OnceLock<fn() -> Result<(), String>> = OnceLock::new();

/// Installs the memory check for this process.
pub(super) fn limit_memory(check: fn() -> Result<(), String>) {
    MEMORY.get_or_init(|| check);
}

/// The largest document, in bytes: an SBOM of 50 MB is legitimate, also as base64 in an envelope.
const MAX_BYTES: usize = 96 << 20;
/// The most values that a document may have, counted at all depths.
const MAX_NODES: usize = 8 << 20;
/// The number of values between two checks of the memory budget.
const CHECKED: usize = 4096;
/// The part of a key that a message contains, in characters.
const SHOWN: usize = 80;

/// Reads a complete document; only white space may follow it.
///
/// # Errors
/// [`Error::Syntax`].
pub(super) fn read(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.len() > MAX_BYTES {
        let found = bytes.len();
        let text = format!("the document has {found} bytes, expected at most {MAX_BYTES}");
        return Err(Error::Syntax(text));
    }
    let left = Cell::new(MAX_NODES);
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = ValueReader(&left).deserialize(&mut source);
    let value = value.and_then(|value| source.end().map(|()| value));
    value.map_err(|error| Error::Syntax(error.to_string()))
}

/// Reads one value and all below it; holds the number of values that are still allowed.
#[derive(Clone, Copy)]
struct ValueReader<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for ValueReader<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        let Some(left) = self.0.get().checked_sub(1) else {
            let text = format!("the document has more than {MAX_NODES} values");
            return Err(D::Error::custom(text));
        };
        self.0.set(left);
        if left % CHECKED == 0 {
            let memory = MEMORY.get().map_or(Ok(()), |check| check());
            memory.map_err(D::Error::custom)?;
        }
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueReader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map_or_else(|| Err(E::custom("number out of range")), |n| Ok(n.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            match members.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(object.next_value_seed(self)?);
                }
                Entry::Occupied(place) => {
                    let key: String = place.key().chars().take(SHOWN).collect();
                    return Err(A::Error::custom(format!("duplicate key {key:?}")));
                }
            }
        }
        Ok(Value::Object(members))
    }
}
