//! Small builtins over strings and numbers, as Go does them.

use base64::{
    DecodeError, Engine as _,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD},
    },
};
use regorus::Value;
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use super::from_json;

/// The most numbers that a range may have.
const MAX_RANGE: u64 = 10_000_000;

/// `crypto.sha256(text)`: the digest in hexadecimal.
pub(super) fn sha256(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(text)] => Value::from(hex::encode(Sha256::digest(text.as_bytes()))),
        _ => Value::Undefined,
    }
}

/// `upper(text)`: each letter becomes one letter, as in Go.
pub(super) fn upper(arguments: &[Value]) -> Value {
    let one = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => c,
        }
    };
    text_of(arguments, |text| text.chars().map(one).collect())
}

/// `lower(text)`: each letter becomes one letter, as in Go.
pub(super) fn lower(arguments: &[Value]) -> Value {
    let one = |c: char| c.to_lowercase().next().unwrap_or(c);
    text_of(arguments, |text| text.chars().map(one).collect())
}

fn text_of(arguments: &[Value], change: impl FnOnce(&str) -> String) -> Value {
    match arguments {
        [Value::String(text)] => Value::from(change(text)),
        _ => Value::Undefined,
    }
}

/// `indexof(text, part)`: in letters, -1 when it is not there.
pub(super) fn index_of(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(text), Value::String(part)] if !part.is_empty() => {
            let before = text.find(part.as_ref()).and_then(|at| text.get(..at));
            let letters = before.map(|before| before.chars().count());
            Value::from(letters.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
        }
        _ => Value::Undefined,
    }
}

/// `substring(text, start, length)`: in letters, to the end when the length is negative.
pub(super) fn substring(arguments: &[Value]) -> Value {
    let [
        Value::String(text),
        Value::Number(start),
        Value::Number(length),
    ] = arguments
    else {
        return Value::Undefined;
    };
    let whole = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok());
    let (Some(start), true) = (whole(start.as_i64()), length.is_integer()) else {
        return Value::Undefined;
    };
    let letters = text.chars().skip(start);
    Value::from(match whole(length.as_i64()) {
        Some(length) => letters.take(length).collect::<String>(),
        None => letters.collect(),
    })
}

/// `strings.count(text, part)`: those that do not overlap.
pub(super) fn count(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(text), Value::String(part)] => {
            let count = text.matches(part.as_ref()).count();
            i64::try_from(count).map_or(Value::Undefined, Value::from)
        }
        _ => Value::Undefined,
    }
}

/// `strings.replace_n(pairs, text)`: in one pass, so that what was put in is not replaced again.
pub(super) fn replace_n(arguments: &[Value]) -> Value {
    let [Value::Object(pairs), Value::String(text)] = arguments else {
        return Value::Undefined;
    };
    let pairs = pairs.iter().map(|(old, new)| match (old, new) {
        (Value::String(old), Value::String(new)) => Some((old.as_ref(), new.as_ref())),
        _ => None,
    });
    let Some(mut pairs) = pairs.collect::<Option<Vec<(&str, &str)>>>() else {
        return Value::Undefined;
    };
    pairs.sort_unstable();
    let (mut out, mut rest, mut empty) = (String::new(), text.as_ref(), false);
    loop {
        let fits = |old: &str| rest.starts_with(old) && !(old.is_empty() && empty);
        if let Some((old, new)) = pairs.iter().find(|(old, _)| fits(old)) {
            out.push_str(new);
            empty = old.is_empty();
            rest = rest.get(old.len()..).unwrap_or_default();
            continue;
        }
        empty = false;
        let mut letters = rest.chars();
        let Some(letter) = letters.next() else { break };
        out.push(letter);
        rest = letters.as_str();
    }
    Value::from(out)
}

/// `base64.decode(text)`: line breaks do not count.
pub(super) fn base64_decode(arguments: &[Value]) -> Value {
    decoded(arguments, |text| STANDARD.decode(text))
}

/// `base64url.decode(text)`: with its padding or without any.
pub(super) fn base64url_decode(arguments: &[Value]) -> Value {
    decoded(arguments, |text| {
        let padding = match text.contains('=') {
            true => DecodePaddingMode::RequireCanonical,
            false => DecodePaddingMode::RequireNone,
        };
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(padding)
            .with_decode_allow_trailing_bits(true);
        GeneralPurpose::new(&URL_SAFE, config).decode(text)
    })
}

fn decoded(
    arguments: &[Value],
    decode: impl FnOnce(&str) -> Result<Vec<u8>, DecodeError>,
) -> Value {
    let [Value::String(text)] = arguments else {
        return Value::Undefined;
    };
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    decode(&text).map_or(Value::Undefined, |bytes| {
        Value::from(String::from_utf8_lossy(&bytes).into_owned())
    })
}

/// `base64.is_valid(text)`: false for what is no text.
pub(super) fn base64_is_valid(arguments: &[Value]) -> Value {
    Value::from(base64_decode(arguments) != Value::Undefined)
}

/// `json.is_valid(text)`: false for what is no text.
pub(super) fn json_is_valid(arguments: &[Value]) -> Value {
    Value::from(match arguments {
        [Value::String(text)] => serde_json::from_str::<IgnoredAny>(text).is_ok(),
        _ => false,
    })
}

/// `json.marshal(value)`: Go writes what HTML would read as markup as escapes.
pub(super) fn json_marshal(arguments: &[Value]) -> Value {
    let Some(Ok(text)) = arguments.first().map(serde_json::to_string) else {
        return Value::Undefined;
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    Value::from(out)
}

/// `yaml.unmarshal(text)`, of YAML 1.1 as in Go: `yes` is true, `010` is eight.
pub(super) fn yaml_unmarshal(arguments: &[Value]) -> Value {
    from_yaml(arguments).map_or(Value::Undefined, from_json)
}

/// `yaml.is_valid(text)`.
pub(super) fn yaml_is_valid(arguments: &[Value]) -> Value {
    Value::from(from_yaml(arguments).is_some())
}

fn from_yaml(arguments: &[Value]) -> Option<serde_json::Value> {
    let [Value::String(text)] = arguments else {
        return None;
    };
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(text, options).ok()
}

/// `to_number(value)`: a text is a number when JSON would take it.
pub(super) fn to_number(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Null] => Value::from(0_u64),
        [Value::Bool(value)] => Value::from(u64::from(*value)),
        [number @ Value::Number(_)] => number.clone(),
        [Value::String(text)] => {
            let bare = text.trim() == text.as_ref();
            let number = serde_json::from_str::<serde_json::Number>(text).is_ok();
            let read = || Value::from_json_str(text).unwrap_or(Value::Undefined);
            if bare && number {
                read()
            } else {
                Value::Undefined
            }
        }
        _ => Value::Undefined,
    }
}

/// `numbers.range_step(from, to, step)`, upwards or downwards.
pub(super) fn range_step(arguments: &[Value]) -> Value {
    let numbers: Option<Vec<i64>> = arguments.iter().map(|n| n.as_i64().ok()).collect();
    let Some([from, to, step]) = numbers.as_deref() else {
        return Value::Undefined;
    };
    let Some(count) = to.abs_diff(*from).checked_div(step.unsigned_abs()) else {
        return Value::Undefined;
    };
    if *step <= 0 || count >= MAX_RANGE {
        return Value::Undefined;
    }
    let step = if from <= to { *step } else { -step };
    let numbers = std::iter::successors(Some(*from), |number| number.checked_add(step));
    let within = |number: &i64| if step > 0 { number <= to } else { number >= to };
    Value::from(
        numbers
            .take_while(within)
            .map(Value::from)
            .collect::<Vec<_>>(),
    )
}

/// `trace(note)`: always true; the note goes to the log.
pub(super) fn trace(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(note)] => {
            tracing::trace!(%note, "note of a policy");
            Value::from(true)
        }
        _ => Value::Undefined,
    }
}
