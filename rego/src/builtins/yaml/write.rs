//! Writing YAML as Go's library does: members in natural order, blocks, quotes where they are needed.

use std::cmp::Ordering;

use super::scalar::{Scalar, is_base_60, resolve};
use crate::value::Value;

/// After this column a blank becomes a line break.
const WIDTH: usize = 80;

/// The longest key that is written without a question mark.
const MAX_KEY: usize = 128;

/// Writes one document, which ends with a line break.
pub(super) fn document(value: &Value) -> String {
    let mut out = Writer::default();
    out.node(value, 0, NodePrefix::Root);
    if !out.text.ends_with('\n') {
        out.text.push('\n');
    }
    out.text
}

/// The text in front of a node on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodePrefix {
    Root,
    Item,
    Member,
    Key,
}

#[derive(Default)]
struct Writer {
    text: String,
}

impl Writer {
    fn column(&self) -> usize {
        let line = self.text.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    fn line(&mut self, indent: usize) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&" ".repeat(indent));
    }

    /// The first thing of a collection stays on the line of a dash.
    fn begin(&mut self, first: bool, indent: usize, place: NodePrefix) {
        if !(first && place == NodePrefix::Item) {
            self.line(indent);
        }
    }

    fn node(&mut self, value: &Value, indent: usize, place: NodePrefix) {
        match value {
            Value::Array(items) => self.list(items, indent, place),
            Value::Set(items) => self.list(items.items(), indent, place),
            Value::Object(members) if members.is_empty() => self.inline("{}", place),
            Value::Object(members) => {
                let mut named: Vec<_> = members
                    .iter()
                    .map(|(key, member)| (name(key), member))
                    .collect();
                named.sort_by(|(a, _), (b, _)| natural(a, b));
                for (at, (key, member)) in named.into_iter().enumerate() {
                    self.begin(at == 0, indent, place);
                    self.member(&key, member, indent);
                }
            }
            Value::String(text) => {
                self.space(place);
                self.string(text, indent, place);
            }
            Value::Null => self.inline("null", place),
            Value::Bool(value) => self.inline(if *value { "true" } else { "false" }, place),
            Value::Number(number) => self.inline(&as_yaml(&number.to_string()), place),
        }
    }

    fn space(&mut self, place: NodePrefix) {
        if place == NodePrefix::Member {
            self.text.push(' ');
        }
    }

    fn inline(&mut self, text: &str, place: NodePrefix) {
        self.space(place);
        self.text.push_str(text);
    }

    fn list(&mut self, items: &[Value], indent: usize, place: NodePrefix) {
        if items.is_empty() {
            return self.inline("[]", place);
        }
        // A list in a mapping is not indented.
        for (at, item) in items.iter().enumerate() {
            self.begin(at == 0, indent, place);
            self.text.push_str("- ");
            self.node(item, indent + 2, NodePrefix::Item);
        }
    }

    fn member(&mut self, key: &str, member: &Value, indent: usize) {
        if key.contains('\n') || key.chars().count() > MAX_KEY {
            self.text.push_str("? ");
            self.string(key, indent + 2, NodePrefix::Item);
            self.line(indent);
            self.text.push(':');
        } else {
            self.string(key, indent, NodePrefix::Key);
            self.text.push(':');
        }
        let nested = match member {
            Value::Object(_) => indent + 2,
            Value::Array(_) | Value::Set(_) => indent,
            _ => indent + 2,
        };
        self.node(member, nested, NodePrefix::Member);
    }

    fn string(&mut self, text: &str, indent: usize, place: NodePrefix) {
        let indent = if place == NodePrefix::Root { 2 } else { indent };
        let facts = ScalarStyles::of(text);
        let key = place == NodePrefix::Key;
        if text.contains('\n') && facts.block && !key {
            return self.literal(text, indent);
        }
        let plain = resolve(text) == Scalar::Text && !is_base_60(text) && !text.contains('\n');
        if plain && facts.plain {
            return self.folded(text, indent, key);
        }
        if plain && facts.single {
            self.text.push('\'');
            self.folded(&text.replace('\'', "''"), indent, key);
            self.text.push('\'');
            return;
        }
        self.quoted(text, indent, key);
    }

    /// Writes a text whose blanks may become line breaks.
    fn folded(&mut self, text: &str, indent: usize, key: bool) {
        let letters: Vec<char> = text.chars().collect();
        let mut column = self.column();
        for (at, letter) in letters.iter().enumerate() {
            let alone = *letter == ' '
                && at > 0
                && letters.get(at - 1) != Some(&' ')
                && letters.get(at + 1).is_some_and(|next| *next != ' ');
            if alone && !key && column > WIDTH {
                self.line(indent);
                column = indent;
            } else {
                self.text.push(*letter);
                column += 1;
            }
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.text.push('|');
        if text.starts_with([' ', '\n']) {
            self.text.push('2');
        }
        if !text.ends_with('\n') {
            self.text.push('-');
        } else if text == "\n" || text.ends_with("\n\n") {
            self.text.push('+');
        }
        let body = text.strip_suffix('\n').unwrap_or(text);
        for line in body.split('\n') {
            self.text.push('\n');
            if !line.is_empty() {
                self.text.push_str(&" ".repeat(indent));
                self.text.push_str(line);
            }
        }
        self.text.push('\n');
    }

    fn quoted(&mut self, text: &str, indent: usize, key: bool) {
        self.text.push('"');
        let letters: Vec<char> = text.chars().collect();
        let mut column = self.column();
        let mut space = false;
        for (at, letter) in letters.iter().enumerate() {
            let inside = at > 0 && at + 1 < letters.len();
            if *letter == ' ' && !key && !space && column > WIDTH && inside {
                self.line(indent);
                column = indent;
                if letters.get(at + 1) == Some(&' ') {
                    self.text.push('\\');
                }
                space = true;
                continue;
            }
            space = *letter == ' ';
            let before = self.text.len();
            escape(*letter, &mut self.text);
            column += self.text.len() - before;
        }
        self.text.push('"');
    }
}

fn escape(letter: char, out: &mut String) {
    let short = match letter {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\0' => "\\0",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{1b}' => "\\e",
        '\u{85}' => "\\N",
        '\u{a0}' => "\\_",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        letter if is_printable(letter) && letter != '\u{feff}' => return out.push(letter),
        letter => {
            let code = u32::from(letter);
            let text = match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
            return out.push_str(&text);
        }
    };
    out.push_str(short);
}

/// Beyond the Basic Multilingual Plane Go's writer escapes everything.
fn is_printable(letter: char) -> bool {
    matches!(u32::from(letter), 0xa | 0x20..=0x7e | 0xa0..=0xd7ff | 0xe000..=0xfefe | 0xff00..=0xfffd)
}

/// A number as it is after YAML read its JSON.
fn as_yaml(number: &str) -> String {
    match resolve(number) {
        Scalar::Float(float) => crate::value::Number::from_f64(float)
            .map_or_else(|| number.to_owned(), |found| found.to_string()),
        Scalar::Integer(integer) => integer.to_string(),
        Scalar::Large(integer) => integer.to_string(),
        _ => number.to_owned(),
    }
}

fn name(key: &Value) -> String {
    match key {
        Value::String(text) => text.to_string(),
        other => other.to_json(),
    }
}

/// The styles in which a text may be written.
struct ScalarStyles {
    plain: bool,
    single: bool,
    block: bool,
}

impl ScalarStyles {
    fn of(text: &str) -> Self {
        let letters: Vec<char> = text.chars().collect();
        let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let blank = |at: usize| {
            letters
                .get(at)
                .is_none_or(|c| *c == ' ' || *c == '\t' || is_break(*c))
        };
        let mut indicator = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks) = (false, false);
        let (mut break_space, mut space_break) = (false, false);
        for (at, letter) in letters.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied();
            indicator |= match letter {
                '#' => at == 0 || blank(at - 1),
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`' => at == 0 && !matches!(letter, '\0'),
                '?' => at == 0 && blank(at + 1),
                ':' => blank(at + 1),
                '-' => at == 0 && blank(at + 1),
                _ => false,
            };
            special |= !is_printable(*letter);
            breaks |= is_break(*letter);
            break_space |= *letter == ' ' && before.is_some_and(is_break);
            space_break |= is_break(*letter) && before == Some(' ');
        }
        let outer = |c: Option<&char>| c.is_some_and(|c| *c == ' ' || is_break(*c));
        let trailing_space = letters.last() == Some(&' ');
        let edges = outer(letters.first()) || outer(letters.last());
        let bad = space_break || special;
        Self {
            plain: !(text.is_empty() || indicator || bad || break_space || breaks || edges),
            single: !(bad || break_space),
            block: !(bad || trailing_space || text.is_empty()),
        }
    }
}

/// The order of names in which numbers are compared as such, and letters come after all else.
fn natural(first: &str, second: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (first.chars().collect(), second.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else {
        return a.len().cmp(&b.len());
    };
    let (Some(x), Some(y)) = (a.get(at), b.get(at)) else {
        return Ordering::Equal;
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let mut start = 0_u64;
    if *x == '0' || *y == '0' {
        let before = a.get(..at).unwrap_or_default().iter().rev();
        let mut digits = before.take_while(|c| c.is_ascii_digit());
        start = u64::from(digits.any(|digit| *digit != '0'));
    }
    let number = |letters: &[char]| {
        let digits = letters.get(at..).unwrap_or_default().iter();
        let digits: Vec<u64> = digits
            .map_while(|digit| digit.to_digit(10).map(u64::from))
            .collect();
        let value = digits.iter().fold(start, |number, digit| {
            number.wrapping_mul(10).wrapping_add(*digit)
        });
        (value, digits.len())
    };
    number(&a).cmp(&number(&b)).then(x.cmp(y))
}
