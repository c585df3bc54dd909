//! `sprintf` and the parts of template strings.

use num_bigint::BigInt;

use super::go_format::{self, Argument};
use super::operand::{Answer, Failure, array, give, string, whole};
use crate::value::Value;

/// `sprintf(format, arguments)`: mistakes of the format are written into the result, as in Go.
pub(super) fn sprintf(operands: &[Value]) -> Answer {
    let format = string(operands, 0)?;
    let arguments: Vec<_> = array(operands, 1)?.iter().map(argument).collect();
    give(go_format::formatted(format, &arguments))
}

/// An argument as Open Policy Agent hands it to Go: numbers with an exponent are texts there.
fn argument(value: &Value) -> Argument {
    match value {
        Value::String(text) => Argument::Text(text.to_string()),
        Value::Number(number) => {
            if let Some(integer) = whole(number) {
                return Argument::Integer(integer);
            }
            let text = number.to_string();
            if text.contains('.') {
                return match text.parse::<f64>() {
                    Ok(float) if float.is_finite() => Argument::Float(float),
                    _ => Argument::Text(text),
                };
            }
            match BigInt::parse_bytes(text.as_bytes(), 10) {
                Some(integer) => Argument::Big(integer),
                None => Argument::Text(text),
            }
        }
        other => Argument::Text(other.to_string()),
    }
}

/// The parts of a template string in one text: each is a scalar, or a set with the value or, when
/// that is undefined, nothing.
pub(super) fn template_string(operands: &[Value]) -> Answer {
    let mut out = String::new();
    for part in array(operands, 0)? {
        match part {
            Value::Set(found) => match found.items() {
                [] => out.push_str("<undefined>"),
                [one] => push(one, &mut out),
                _ => {
                    let text = "template-strings must not produce multiple outputs";
                    return Err(Failure::Halt(text.to_owned()));
                }
            },
            scalar => push(scalar, &mut out),
        }
    }
    give(out)
}

/// A text as it is, other values as Rego writes them.
fn push(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        other => out.push_str(&other.to_string()),
    }
}
