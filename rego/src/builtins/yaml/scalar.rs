//! Resolves plain scalars of YAML 1.1, as Go's library does.

use crate::value::{Number, Value};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    /// A whole number above those of 64 bits with a sign.
    Large(u64),
    Float(f64),
    Text,
    /// A date: a text for programs, written with quotes.
    Date,
    Merge,
}

impl Scalar {
    /// The value; nothing for a number that JSON cannot write.
    pub(super) fn value(&self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(number) => Value::from(*number),
            Self::Large(number) => Value::from(Number::parse(&number.to_string())?),
            Self::Float(number) => Value::from(Number::parse(&json_float(*number)?)?),
            Self::Text | Self::Date | Self::Merge => Value::from(text),
        })
    }
}

/// A float as Go's `encoding/json` writes it.
pub(in crate::builtins) fn json_float(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return Some(match text.split_once('e') {
            Some((mantissa, power)) if !power.starts_with('-') => format!("{mantissa}e+{power}"),
            _ => text,
        });
    }
    Some(format!("{number}"))
}

/// Resolves a plain scalar by the rules of YAML 1.1, as Go's library applies them.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        "<<" => return Scalar::Merge,
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'+' | b'-' | b'.' | b'0'..=b'9') => number(text),
        _ => Scalar::Text,
    }
}

fn number(text: &str) -> Scalar {
    if is_date(text) {
        return Scalar::Date;
    }
    let plain = text.replace('_', "");
    if let Some(found) = integer(&plain) {
        return found;
    }
    if is_float(&plain)
        && let Ok(float) = plain.parse::<f64>()
        && float.is_finite()
    {
        return Scalar::Float(float);
    }
    Scalar::Text
}

/// An integer with Go's prefixes: `0x`, `0b`, `0o`, `0`.
fn integer(text: &str) -> Option<Scalar> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?)
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    let signed = if negative {
        -i128::from(size)
    } else {
        i128::from(size)
    };
    match i64::try_from(signed) {
        Ok(number) => Some(Scalar::Integer(number)),
        Err(_) if !negative && !text.starts_with('+') => Some(Scalar::Large(size)),
        Err(_) => None,
    }
}

/// Tells if the text matches `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (number, power) = match bare.split_once(['e', 'E']) {
        Some((number, power)) => (
            number,
            Some(power.strip_prefix(['+', '-']).unwrap_or(power)),
        ),
        None => (bare, None),
    };
    if power.is_some_and(|power| power.is_empty() || !all_digits(power)) {
        return false;
    }
    match number.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !number.is_empty() && all_digits(number),
    }
}

/// Tells if Go takes the text for a time: a date, or a date with a time.
fn is_date(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    if year != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    let layouts = [
        "2006-1-2T15:4:5.999999999Z07:00",
        "2006-1-2t15:4:5.999999999Z07:00",
        "2006-1-2 15:4:5.999999999",
        "2006-1-2",
    ];
    layouts
        .iter()
        .any(|layout| crate::builtins::time::is_time(layout, text))
}

/// Tells if a text looks like a number of base 60, which is written with quotes.
pub(super) fn is_base_60(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !bare.starts_with(|c: char| c.is_ascii_digit()) || !bare.contains(':') {
        return false;
    }
    let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    let digits = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let mut parts = whole.split(':');
    let first = parts.next().is_some_and(digits);
    let sixty = |part: &str| {
        let number: Option<u8> = part.parse().ok();
        part.len() <= 2 && number.is_some_and(|number| number < 60)
    };
    first && parts.all(sixty) && digits(fraction)
}
