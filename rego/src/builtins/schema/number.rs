//! Numbers of schemas: exact multiples, and the form in which messages show them.

use num_bigint::BigInt;

use crate::value::{Number, Value};

/// The largest power of ten that is computed with.
const MAX_POWER: i64 = 20_000;

/// The digits and the power of ten of a number.
pub(in crate::builtins) fn parts(number: &Number) -> Option<(BigInt, i64)> {
    let text = number.to_string();
    let (digits, power) = match text.split_once(['e', 'E']) {
        Some((digits, power)) => (digits.to_owned(), power.parse().ok()?),
        None => (text, 0_i64),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let power = power.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let digits = BigInt::parse_bytes(format!("{whole}{fraction}").as_bytes(), 10)?;
    Some((digits, power))
}

/// Tells if a number is a multiple of another; nothing if that is too much to compute.
pub(super) fn is_multiple(number: &Number, of: &Number) -> Option<bool> {
    let ((number, power), (of, of_power)) = (parts(number)?, parts(of)?);
    let apart = power - of_power;
    if apart.abs() > MAX_POWER {
        return None;
    }
    let ten = BigInt::from(10).pow(u32::try_from(apart.unsigned_abs()).ok()?);
    let (number, of) = if apart >= 0 {
        (number * ten, of)
    } else {
        (number, of * ten)
    };
    Some(of != BigInt::ZERO && (number % of) == BigInt::ZERO)
}

/// Tells if a number has no fraction.
pub(super) fn is_whole(number: &Number) -> bool {
    number.to_bigint().is_some()
}

/// A number as Go shows its `big.Float`.
pub(super) fn shown(number: &Number) -> String {
    let Some((digits, power)) = parts(number) else {
        return number.to_string();
    };
    let sign = if digits.sign() == num_bigint::Sign::Minus {
        "-"
    } else {
        ""
    };
    let text = digits.magnitude().to_string();
    let bare = text.trim_end_matches('0');
    if bare.is_empty() {
        return "0".to_owned();
    }
    let point = i64::try_from(text.len()).unwrap_or(0) + power;
    let exponent = point - 1;
    let length = i64::try_from(bare.len()).unwrap_or(0);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let shown = if !(-4..6).contains(&exponent) {
        let (first, rest) = bare.split_at(1);
        let joint = if rest.is_empty() { "" } else { "." };
        let mark = if exponent < 0 { '-' } else { '+' };
        format!("{first}{joint}{rest}e{mark}{:02}", exponent.unsigned_abs())
    } else if point <= 0 {
        format!("0.{}{bare}", zeros(-point))
    } else if length <= point {
        format!("{bare}{}", zeros(point - length))
    } else {
        let (whole, fraction) = bare.split_at(usize::try_from(point).unwrap_or(0));
        format!("{whole}.{fraction}")
    };
    format!("{sign}{shown}")
}

/// Returns the JSON of a value with its numbers as doubles: equal for equal values.
pub(super) fn normal(value: &Value) -> String {
    fn plain(value: &Value) -> Value {
        match value {
            Value::Number(number) if number.as_i64().is_none_or(|n| n.unsigned_abs() > 1 << 53) => {
                let float = number.to_f64();
                let text = crate::builtins::yaml::json_float(float);
                text.and_then(|text| Number::parse(&text))
                    .map_or(value.clone(), Value::from)
            }
            Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, member)| (name.clone(), plain(member)));
                Value::Object(members.collect())
            }
            other => other.clone(),
        }
    }
    plain(value).to_json()
}
