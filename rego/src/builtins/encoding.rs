//! Base64, hexadecimal and JSON, as Go reads and writes them.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD as STANDARD_LETTERS, URL_SAFE as URL_LETTERS};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE, URL_SAFE_NO_PAD,
};

use super::operand::{Answer, Failure, give, object, string, value};
use crate::value::Value;

/// Decodes as Go does: line breaks and bits after the last byte are ignored.
fn decode(text: &str, letters: &Alphabet) -> Result<Vec<u8>, Failure> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true);
    let bare: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    GeneralPurpose::new(letters, config)
        .decode(&bare)
        .map_err(|_| {
            let byte = offset(&bare, letters);
            Failure::new(format!("illegal base64 data at input byte {byte}"))
        })
}

/// Returns the offset of the first byte that is not Base64, as Go reports it.
fn offset(text: &str, letters: &Alphabet) -> usize {
    let known = letters.as_str();
    let body = text.trim_end_matches('=');
    let wrong = body
        .bytes()
        .position(|byte| !known.bytes().any(|letter| letter == byte));
    wrong.unwrap_or(if text.len().is_multiple_of(4) {
        body.len()
    } else {
        text.len()
    })
}

pub(super) fn standard(text: &str) -> Result<Vec<u8>, Failure> {
    decode(text, &STANDARD_LETTERS)
}

/// Decodes the alphabet for URLs, with its padding or without any.
pub(super) fn url_safe(text: &str) -> Result<Vec<u8>, Failure> {
    let padding = if text.ends_with('=') {
        ""
    } else {
        match text.len() % 4 {
            0 => "",
            2 => "==",
            3 => "=",
            _ => return Err(Failure::new(format!("illegal base64url string: {text}"))),
        }
    };
    decode(&format!("{text}{padding}"), &URL_LETTERS)
}

/// Returns bytes as a string; invalid UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(bytes).into_owned())
}

pub(super) fn base64_encode(operands: &[Value]) -> Answer {
    give(STANDARD.encode(string(operands, 0)?))
}

pub(super) fn base64_decode(operands: &[Value]) -> Answer {
    give(text(&standard(string(operands, 0)?)?))
}

/// `base64.is_valid(text)`: false for other values than strings.
pub(super) fn base64_is_valid(operands: &[Value]) -> Answer {
    give(
        value(operands, 0)
            .as_str()
            .is_some_and(|text| standard(text).is_ok()),
    )
}

pub(super) fn base64url_encode(operands: &[Value]) -> Answer {
    give(URL_SAFE.encode(string(operands, 0)?))
}

/// `base64url.encode_no_pad(text)`: the alphabet for URLs without `=` at the end.
pub(super) fn base64url_encode_no_pad(operands: &[Value]) -> Answer {
    give(URL_SAFE_NO_PAD.encode(string(operands, 0)?))
}

pub(super) fn base64url_decode(operands: &[Value]) -> Answer {
    give(text(&url_safe(string(operands, 0)?)?))
}

pub(super) fn hex_encode(operands: &[Value]) -> Answer {
    give(hex::encode(string(operands, 0)?))
}

pub(super) fn hex_decode(operands: &[Value]) -> Answer {
    let given = string(operands, 0)?;
    let bytes = hex::decode(given).map_err(|_| {
        let wrong = given.chars().find(|c| !c.is_ascii_hexdigit());
        Failure::new(match wrong {
            Some(wrong) => {
                format!(
                    "encoding/hex: invalid byte: U+{:04X} '{wrong}'",
                    u32::from(wrong)
                )
            }
            None => "encoding/hex: odd length hex string".to_owned(),
        })
    })?;
    give(text(&bytes))
}

/// `json.is_valid(text)`: false for other values than strings.
pub(super) fn json_is_valid(operands: &[Value]) -> Answer {
    give(
        value(operands, 0)
            .as_str()
            .is_some_and(|text| Value::from_json(text).is_ok()),
    )
}

pub(super) fn json_unmarshal(operands: &[Value]) -> Answer {
    give(Value::from_json(string(operands, 0)?).map_err(Failure::failed)?)
}

/// Returns JSON as Go writes it, with escapes for `<`, `>` and `&`.
pub(super) fn marshalled(value: &Value) -> String {
    escaped(&value.to_json())
}

fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            other => out.push(other),
        }
    }
    out
}

pub(super) fn json_marshal(operands: &[Value]) -> Answer {
    give(marshalled(value(operands, 0)))
}

/// `json.marshal_with_options(value, options)`: `prefix`, `indent` and `pretty`.
pub(super) fn json_marshal_with_options(operands: &[Value]) -> Answer {
    let (mut indent, mut prefix) = ("\t", "");
    let (mut asked, mut pretty) = (None, false);
    for (name, option) in object(operands, 1)?.iter() {
        let wrong = |kind: &str| Failure::at(2, &format!("key {name} failed cast to {kind}"));
        match name.as_str() {
            Some("prefix") => {
                prefix = option.as_str().ok_or_else(|| wrong("string"))?;
                pretty = true;
            }
            Some("indent") => {
                indent = option.as_str().ok_or_else(|| wrong("string"))?;
                pretty = true;
            }
            Some("pretty") => asked = Some(option.as_bool().ok_or_else(|| wrong("bool"))?),
            Some(_) => {
                return Err(Failure::at(
                    2,
                    &format!("object contained unknown key {name}"),
                ));
            }
            None => return Err(Failure::at(2, &format!("failed to stringify key {name}"))),
        }
    }
    let document = value(operands, 0);
    if !asked.unwrap_or(pretty) {
        return give(marshalled(document));
    }
    let mut out = String::from(prefix);
    write(document, &format!("\n{prefix}"), indent, &mut out);
    give(out)
}

/// Writes a document with line breaks; `line` begins a line at this depth.
fn write(document: &Value, line: &str, indent: &str, out: &mut String) {
    let deeper = format!("{line}{indent}");
    let items = match document {
        Value::Array(items) => items.as_ref(),
        Value::Set(items) => items.items(),
        Value::Object(members) if !members.is_empty() => {
            out.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&deeper);
                match name {
                    Value::String(_) => out.push_str(&marshalled(name)),
                    other => out.push_str(&marshalled(&Value::from(other.to_json()))),
                }
                out.push_str(": ");
                write(member, &deeper, indent, out);
            }
            out.push_str(line);
            out.push('}');
            return;
        }
        other => return out.push_str(&marshalled(other)),
    };
    if items.is_empty() {
        out.push_str("[]");
        return;
    }
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        out.push_str(&deeper);
        write(item, &deeper, indent, out);
    }
    out.push_str(line);
    out.push(']');
}
