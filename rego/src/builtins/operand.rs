//! Operands of builtins, and their errors in the words of Open Policy Agent.

use num_bigint::BigInt;

use crate::value::{Array, Number, Object, Set, Value};

/// Reasons for which a builtin has no value.
pub(super) use super::BuiltinError as Failure;

/// The value of a call, or why it has none.
pub(super) type Answer = Result<Value, Failure>;

impl Failure {
    /// A failure that is not about the type of an operand.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// A failure of the operand at a position, from 1.
    pub(super) fn at(position: usize, text: &str) -> Self {
        Self::Operand(format!("operand {position} {text}"))
    }

    /// An operand that is none of the expected types.
    pub(super) fn wrong_type(position: usize, given: &Value, expected: &[&str]) -> Self {
        Self::operand(position, given, expected)
    }

    /// A collection with an element of another type than expected.
    pub(super) fn wrong_element(
        position: usize,
        whole: &Value,
        given: &Value,
        expected: &str,
    ) -> Self {
        let (whole, given) = (whole.type_name(), given.type_name());
        let text = format!("must be {whole} of {expected}s but got {whole} containing {given}");
        Self::at(position, &text)
    }
}

static NULL: Value = Value::Null;

/// The operand at an index, from 0; the compiler checked how many there are.
pub(super) fn value(operands: &[Value], at: usize) -> &Value {
    operands.get(at).unwrap_or(&NULL)
}

/// Returns the operand at an index if it is a string.
pub(super) fn string(operands: &[Value], at: usize) -> Result<&str, Failure> {
    let given = value(operands, at);
    given
        .as_str()
        .ok_or_else(|| Failure::wrong_type(at + 1, given, &["string"]))
}

/// Returns the operand at an index if it is a number.
pub(super) fn number(operands: &[Value], at: usize) -> Result<&Number, Failure> {
    let given = value(operands, at);
    given
        .as_number()
        .ok_or_else(|| Failure::wrong_type(at + 1, given, &["number"]))
}

/// An operand that is a whole number of 64 bits.
pub(super) fn integer(operands: &[Value], at: usize) -> Result<i64, Failure> {
    whole(number(operands, at)?).ok_or_else(|| not_integer(at))
}

/// The whole number that Go reads: without an exponent, and with zeros only after a point.
pub(super) fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let text = number.to_string();
        let (whole, fraction) = text.split_once('.')?;
        let zeros = fraction.bytes().all(|digit| digit == b'0');
        whole.parse().ok().filter(|_| zeros)
    })
}

/// An operand that is a whole number of any size.
pub(super) fn big(operands: &[Value], at: usize) -> Result<BigInt, Failure> {
    let given = value(operands, at);
    let number = given.as_number();
    let number = number.ok_or_else(|| Failure::wrong_type(at + 1, given, &["integer"]))?;
    number.to_bigint().ok_or_else(|| not_integer(at))
}

fn not_integer(at: usize) -> Failure {
    Failure::at(
        at + 1,
        "must be integer number but got floating-point number",
    )
}

/// Returns the operand at an index if it is an array.
pub(super) fn array(operands: &[Value], at: usize) -> Result<&Array, Failure> {
    let given = value(operands, at);
    given
        .as_array()
        .ok_or_else(|| Failure::wrong_type(at + 1, given, &["array"]))
}

/// Returns the operand at an index if it is an object.
pub(super) fn object(operands: &[Value], at: usize) -> Result<&Object, Failure> {
    let given = value(operands, at);
    given
        .as_object()
        .ok_or_else(|| Failure::wrong_type(at + 1, given, &["object"]))
}

/// Returns the operand at an index if it is a set.
pub(super) fn set(operands: &[Value], at: usize) -> Result<&Set, Failure> {
    let given = value(operands, at);
    given
        .as_set()
        .ok_or_else(|| Failure::wrong_type(at + 1, given, &["set"]))
}

/// The elements of an operand that is an array or a set; `expected` is how the two are named when it is neither.
pub(super) fn elements<'a>(
    operands: &'a [Value],
    at: usize,
    expected: &[&str],
) -> Result<&'a [Value], Failure> {
    match value(operands, at) {
        Value::Array(items) => Ok(items),
        Value::Set(items) => Ok(items.items()),
        other => Err(Failure::wrong_type(at + 1, other, expected)),
    }
}

/// The strings in an operand that is an array or a set.
pub(super) fn strings<'a>(
    operands: &'a [Value],
    at: usize,
    expected: &[&str],
) -> Result<Vec<&'a str>, Failure> {
    let whole = value(operands, at);
    let one = |item: &'a Value| {
        item.as_str()
            .ok_or_else(|| Failure::wrong_element(at + 1, whole, item, "string"))
    };
    elements(operands, at, expected)?.iter().map(one).collect()
}

/// Wraps a value as the result of a call.
pub(super) fn give(value: impl Into<Value>) -> Answer {
    Ok(value.into())
}
