//! JSON text: read with numbers as written, written as OPA writes it.

use std::borrow::Cow;

use super::{Number, Object, ObjectBuilder, Value};

/// The deepest nesting of arrays and objects that is read.
const DEEPEST: usize = 2_000;

/// The reason why a text is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("{message} at byte {offset}")]
pub struct JsonError {
    message: &'static str,
    offset: usize,
}

impl Value {
    /// Reads one JSON document; the last of two members with one name is kept.
    ///
    /// # Errors
    /// The text is not JSON, or it is nested more than 2,000 levels deep.
    pub fn from_json(text: &str) -> Result<Value, JsonError> {
        let mut reader = JsonReader {
            text,
            bytes: text.as_bytes(),
            at: 0,
        };
        let value = reader.value(0)?;
        reader.space();
        if reader.at < reader.bytes.len() {
            return Err(reader.error("unexpected text after the document"));
        }
        Ok(value)
    }

    /// Returns JSON text as OPA writes it: members in order of their names, sets as arrays,
    /// keys that are not strings as JSON in strings.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends the value as JSON text; see [`Value::to_json`].
    pub fn write_json(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Number(number) => out.push_str(&number.to_string()),
            Value::String(text) => write_string(text, out),
            Value::Array(items) => write_items(items, out),
            Value::Set(set) => write_items(set.items(), out),
            Value::Object(object) => write_members(object, out),
        }
    }
}

fn write_items(items: &[Value], out: &mut String) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        item.write_json(out);
    }
    out.push(']');
}

fn write_members(object: &Object, out: &mut String) {
    let mut members: Vec<(Cow<'_, str>, &Value)> = object
        .iter()
        .map(|(key, value)| (member_name(key), value))
        .collect();
    if object.keys().any(|key| key.as_str().is_none()) {
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        // Of keys with one name (`1` and `"1"`) the last in the order of values is kept.
        members.reverse();
        members.dedup_by(|(a, _), (b, _)| a == b);
        members.reverse();
    }
    out.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        value.write_json(out);
    }
    out.push('}');
}

/// Returns the name of an object's member in JSON.
pub(super) fn member_name(key: &Value) -> Cow<'_, str> {
    match key {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_json()),
    }
}

/// Appends a string in quotes, with the escapes that OPA writes.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut written = 0;
    for (offset, byte) in text.bytes().enumerate() {
        let wide = byte == 0xe2
            && text.as_bytes().get(offset + 1) == Some(&0x80)
            && matches!(text.as_bytes().get(offset + 2), Some(0xa8 | 0xa9));
        if byte >= 0x20 && byte != b'"' && byte != b'\\' && !wide {
            continue;
        }
        out.push_str(text.get(written..offset).unwrap_or_default());
        written = offset + if wide { 3 } else { 1 };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            0xe2 => out.push_str(if text.as_bytes().get(offset + 2) == Some(&0xa8) {
                "\\u2028"
            } else {
                "\\u2029"
            }),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
    }
    out.push_str(text.get(written..).unwrap_or_default());
    out.push('"');
}

struct JsonReader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl JsonReader<'_> {
    fn error(&self, message: &'static str) -> JsonError {
        JsonError {
            message,
            offset: self.at,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("invalid literal"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > DEEPEST {
            return Err(self.error("nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'"') => Ok(Value::from(self.string()?.as_ref())),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.object(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error("unexpected character")),
            None => Err(self.error("unexpected end")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.error("expected , or ] in an array")),
            }
        }
        self.at += 1;
        items.shrink_to_fit();
        Ok(Value::array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut members = ObjectBuilder::default();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members.finish()));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a member's name"));
            }
            let name = Value::from(self.string()?.as_ref());
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.error("expected : after a member's name"));
            }
            self.at += 1;
            members.insert(name, self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.error("expected , or } in an object")),
            }
        }
        self.at += 1;
        Ok(Value::Object(members.finish()))
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
        ) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match Number::parse(text) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(self.error("invalid number")),
        }
    }

    fn string(&mut self) -> Result<Cow<'_, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped(start).map(Cow::Owned),
                Some(byte) if byte >= 0x20 => self.at += 1,
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("unexpected end of a string")),
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Result<String, JsonError> {
        let mut text = self.text.get(start..self.at).unwrap_or_default().to_owned();
        let mut run = self.at;
        loop {
            let byte = self.peek();
            if matches!(byte, Some(b'"' | b'\\')) {
                text.push_str(self.text.get(run..self.at).unwrap_or_default());
            }
            match byte {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                    run = self.at;
                }
                Some(byte) if byte >= 0x20 => self.at += 1,
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("unexpected end of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.error("invalid escape in a string")),
        })
    }

    /// Reads an escaped code point; half a surrogate pair is replaced, as Go does.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.unit()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let after = self.at;
        if first < 0xdc00 && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.unit()?;
            if (0xdc00..0xe000).contains(&second) {
                let point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(digits) = digits else {
            return Err(self.error("invalid escape in a string"));
        };
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.error("invalid escape in a string"))
    }
}
