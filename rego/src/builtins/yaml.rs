//! `yaml.*` as the YAML 1.1 of Go reads and writes it: `yes` is true, `010` is eight.

mod read;
mod scalar;
mod write;

pub(super) use scalar::json_float;

use super::operand::{Answer, Failure, give, string, value};
use crate::value::Value;

/// Reads the first document of a text, as `yaml.unmarshal` does.
///
/// # Errors
/// The reason in words.
pub fn document(text: &str) -> Result<Value, String> {
    read::document(text)
}

/// `yaml.unmarshal(text)`: the first document; fails for aliases that grow too large.
pub(super) fn unmarshal(operands: &[Value]) -> Answer {
    let read = read::document(string(operands, 0)?);
    give(read.map_err(|reason| Failure::new(format!("yaml: {reason}")))?)
}

/// `yaml.is_valid(text)`: false for other values than strings.
pub(super) fn is_valid(operands: &[Value]) -> Answer {
    give(
        value(operands, 0)
            .as_str()
            .is_some_and(|text| read::document(text).is_ok()),
    )
}

/// `yaml.marshal(value)`: sets become lists, members are in natural order.
pub(super) fn marshal(operands: &[Value]) -> Answer {
    give(write::document(value(operands, 0)))
}
