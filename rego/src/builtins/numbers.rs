//! Arithmetic, bits, ranges, comparisons and the types of values.

use num_bigint::BigInt;

use super::operand::{Answer, Failure, big, give, integer, number, string, value};
use super::{CallContext, random};
use crate::value::{Number, Value};

/// The most numbers that a range may have.
const MAX_RANGE: u64 = 10_000_000;

/// The longest result of a shift, in bits.
const MAX_BITS: u64 = 1_000_000;

pub(super) fn plus(operands: &[Value]) -> Answer {
    give(number(operands, 0)?.add(number(operands, 1)?))
}

/// `a - b`, of numbers or of sets.
pub(super) fn minus(operands: &[Value]) -> Answer {
    match (value(operands, 0), value(operands, 1)) {
        (Value::Number(a), Value::Number(b)) => give(a.subtract(b)),
        (Value::Set(a), Value::Set(b)) => give(a.difference(b)),
        (Value::Number(_), other) => Err(Failure::wrong_type(2, other, &["number"])),
        // The words upstream name what the first operand is not.
        (Value::Set(_), other @ Value::Number(_)) => Err(Failure::wrong_type(2, other, &["set"])),
        (Value::Set(_), other) => Err(Failure::wrong_type(2, other, &["number"])),
        (other, _) => Err(Failure::wrong_type(1, other, &["number", "set"])),
    }
}

pub(super) fn times(operands: &[Value]) -> Answer {
    give(number(operands, 0)?.multiply(number(operands, 1)?))
}

pub(super) fn divide(operands: &[Value]) -> Answer {
    let quotient = number(operands, 0)?.divide(number(operands, 1)?);
    give(quotient.ok_or_else(|| Failure::new("divide by zero"))?)
}

/// `a % b`, of whole numbers.
pub(super) fn remainder(operands: &[Value]) -> Answer {
    let (a, b) = (number(operands, 0)?, number(operands, 1)?);
    if a.to_bigint().is_none() || b.to_bigint().is_none() {
        return Err(Failure::new("modulo on floating-point number"));
    }
    give(
        a.remainder(b)
            .ok_or_else(|| Failure::new("modulo by zero"))?,
    )
}

pub(super) fn abs(operands: &[Value]) -> Answer {
    give(number(operands, 0)?.abs())
}

/// `round(number)`: the nearest integer, halves away from zero.
pub(super) fn round(operands: &[Value]) -> Answer {
    give(number(operands, 0)?.round())
}

pub(super) fn ceil(operands: &[Value]) -> Answer {
    give(number(operands, 0)?.ceil())
}

pub(super) fn floor(operands: &[Value]) -> Answer {
    give(number(operands, 0)?.floor())
}

pub(super) fn bits_and(operands: &[Value]) -> Answer {
    give(Number::from(big(operands, 0)? & big(operands, 1)?))
}

pub(super) fn bits_or(operands: &[Value]) -> Answer {
    give(Number::from(big(operands, 0)? | big(operands, 1)?))
}

pub(super) fn bits_xor(operands: &[Value]) -> Answer {
    give(Number::from(big(operands, 0)? ^ big(operands, 1)?))
}

pub(super) fn bits_negate(operands: &[Value]) -> Answer {
    give(Number::from(!big(operands, 0)?))
}

/// Returns the number of bits to shift by; fails if it is negative.
fn shift(operands: &[Value]) -> Result<u64, Failure> {
    let by = big(operands, 1)?;
    if by.sign() == num_bigint::Sign::Minus {
        let text = "must be an unsigned integer number but got a negative integer";
        return Err(Failure::at(2, text));
    }
    Ok(u64::try_from(&by).unwrap_or(u64::MAX))
}

pub(super) fn bits_lsh(operands: &[Value]) -> Answer {
    let (number, by) = (big(operands, 0)?, shift(operands)?);
    if number.bits().saturating_add(by) > MAX_BITS {
        return Err(Failure::Halt(format!(
            "bits.lsh: more than {MAX_BITS} bits"
        )));
    }
    give(Number::from(number << by))
}

pub(super) fn bits_rsh(operands: &[Value]) -> Answer {
    let (number, by) = (big(operands, 0)?, shift(operands)?);
    give(Number::from(number >> by.min(MAX_BITS * 10)))
}

fn range(from: &BigInt, to: &BigInt, step: &BigInt) -> Answer {
    let upwards = from <= to;
    let count = if upwards { to - from } else { from - to } / step;
    let count = u64::try_from(&count)
        .ok()
        .filter(|count| *count < MAX_RANGE);
    let Some(count) = count else {
        return Err(Failure::Halt(format!(
            "a range of more than {MAX_RANGE} numbers"
        )));
    };
    let step = if upwards { step.clone() } else { -step };
    let (mut items, mut at) = (Vec::new(), from.clone());
    for _ in 0..=count {
        items.push(Value::from(Number::from(at.clone())));
        at += &step;
    }
    give(Value::array(items))
}

/// `numbers.range(from, to)`, upwards or downwards, both included.
pub(super) fn numbers_range(operands: &[Value]) -> Answer {
    range(&big(operands, 0)?, &big(operands, 1)?, &BigInt::from(1))
}

/// `numbers.range_step(from, to, step)`: fails for a step that is not positive.
pub(super) fn numbers_range_step(operands: &[Value]) -> Answer {
    let (from, to, step) = (big(operands, 0)?, big(operands, 1)?, big(operands, 2)?);
    if step <= BigInt::ZERO {
        return Err(Failure::new(
            "numbers.range_step: step must be a positive integer",
        ));
    }
    range(&from, &to, &step)
}

/// `rand.intn(name, n)`: the same for the same name in one evaluation.
pub(super) fn rand_intn(operands: &[Value], context: &mut CallContext) -> Answer {
    let name = string(operands, 0)?;
    let limit = integer(operands, 1)?.unsigned_abs();
    if limit == 0 {
        return give(0_i64);
    }
    let seed = context.seed;
    let key = format!("rand.intn {name} {limit}");
    let drawn = random::of(seed, &key) % limit;
    give(Number::from(BigInt::from(drawn)))
}

pub(super) fn equal(operands: &[Value]) -> Answer {
    give(value(operands, 0) == value(operands, 1))
}

pub(super) fn unequal(operands: &[Value]) -> Answer {
    give(value(operands, 0) != value(operands, 1))
}

/// `a < b`, in the order of all values.
pub(super) fn less(operands: &[Value]) -> Answer {
    give(value(operands, 0) < value(operands, 1))
}

pub(super) fn at_most(operands: &[Value]) -> Answer {
    give(value(operands, 0) <= value(operands, 1))
}

pub(super) fn more(operands: &[Value]) -> Answer {
    give(value(operands, 0) > value(operands, 1))
}

pub(super) fn at_least(operands: &[Value]) -> Answer {
    give(value(operands, 0) >= value(operands, 1))
}

/// `to_number(value)`: of a string what Go reads as a float, in its own text.
pub(super) fn to_number(operands: &[Value]) -> Answer {
    let given = value(operands, 0);
    match given {
        Value::Null => give(0_i64),
        Value::Bool(value) => give(i64::from(*value)),
        Value::Number(_) => give(given.clone()),
        Value::String(text) => from_text(given, text),
        other => Err(Failure::wrong_type(
            1,
            other,
            &["null", "boolean", "number", "string"],
        )),
    }
}

fn from_text(given: &Value, text: &str) -> Answer {
    let bare = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if ["inf", "infinity", "nan"].contains(&bare.as_str()) {
        return Err(Failure::wrong_type(1, given, &["valid number string"]));
    }
    let failed = |why| Failure::new(format!("strconv.ParseFloat: parsing {text:?}: {why}"));
    let number = Number::parse(text).or_else(|| go_float(text));
    let number = number.ok_or_else(|| failed("invalid syntax"))?;
    if number.to_f64().is_infinite() {
        return Err(failed("value out of range"));
    }
    give(number)
}

/// Reads what Go's floats may be beyond JSON's numbers: `+1`, `08`, `.5`, `5.`, `1_000`, `0x1p-2`.
fn go_float(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let sign = if negative { "-" } else { "" };
    let bytes = digits.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let separates = |(at, _): (usize, &str)| digit(at.checked_sub(1)) && digit(Some(at + 1));
    if !digits.match_indices('_').all(separates) {
        return None;
    }
    let digits = digits.replace('_', "");
    if let Some(digits) = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        return hexadecimal(negative, digits);
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, format!("e{exponent}")),
        None => (digits.as_str(), String::new()),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let dot = if fraction.is_empty() { "" } else { "." };
    Number::parse(&format!("{sign}{whole}{dot}{fraction}{exponent}"))
}

/// Reads a hexadecimal float, which has a binary exponent.
fn hexadecimal(negative: bool, digits: &str) -> Option<Number> {
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let hex = format!("{whole}{fraction}");
    let short = !hex.is_empty() && hex.len() <= 13;
    let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !short || bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = u64::from_str_radix(&hex, 16).ok()? as f64;
    let exponent = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()? * 4;
    let value = size * f64::from(exponent).exp2();
    Number::from_f64(if negative { -value } else { value })
}

/// The old casts, which give the value itself when it has the type.
pub(super) fn cast(operands: &[Value], name: &str) -> Answer {
    let given = value(operands, 0);
    if given.type_name() == name {
        give(given.clone())
    } else {
        Err(Failure::wrong_type(1, given, &[name]))
    }
}

/// `cast_array(collection)`: an array as it is, a set as an array.
pub(super) fn cast_array(operands: &[Value]) -> Answer {
    let items = super::operand::elements(operands, 0, &["array", "set"])?;
    give(Value::array(items.to_vec()))
}

/// `cast_set(collection)`: a set as it is, an array as a set.
pub(super) fn cast_set(operands: &[Value]) -> Answer {
    let items = super::operand::elements(operands, 0, &["array", "set"])?;
    give(Value::set(items.to_vec()))
}

/// Tells if the operand has the type.
pub(super) fn is(operands: &[Value], name: &str) -> Answer {
    give(value(operands, 0).type_name() == name)
}

pub(super) fn type_name(operands: &[Value]) -> Answer {
    give(value(operands, 0).type_name())
}
