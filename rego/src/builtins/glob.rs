//! `glob.match`: shell patterns with delimiters, alternatives and classes.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::Regex;

use super::operand::{Answer, Failure, array, give, string, value};
use crate::value::Value;

/// Number of compiled patterns that are cached.
const KEPT: usize = 256;

/// Compiled patterns by their text and delimiters.
type Compiled = HashMap<(Box<str>, Box<str>), Arc<Regex>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

/// `glob.match(pattern, delimiters, text)`: `null` is none, an empty list is the dot.
pub(super) fn matches(operands: &[Value]) -> Answer {
    let pattern = string(operands, 0)?;
    let delimiters = match value(operands, 1) {
        Value::Null => String::new(),
        Value::Array(items) if items.is_empty() => ".".to_owned(),
        Value::Array(_) => letters(operands)?,
        other => return Err(Failure::wrong_type(2, other, &["array", "null"])),
    };
    let text = string(operands, 2)?;
    give(compiled(pattern, &delimiters)?.is_match(text))
}

fn letters(operands: &[Value]) -> Result<String, Failure> {
    let whole = value(operands, 1);
    let mut letters = String::new();
    for item in array(operands, 1)? {
        let text = item.as_str();
        let text = text.ok_or_else(|| Failure::wrong_element(2, whole, item, "string"))?;
        if text.chars().count() != 1 {
            return Err(Failure::wrong_element(2, whole, item, "rune"));
        }
        letters.push_str(text);
    }
    Ok(letters)
}

/// `glob.quote_meta(text)`: a backslash before `*?\[]{}`, for an exact match.
pub(super) fn quote_meta(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if "*?\\[]{}".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    give(out)
}

fn compiled(pattern: &str, delimiters: &str) -> Result<Arc<Regex>, Failure> {
    let kept = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (Box::from(pattern), Box::from(delimiters));
    if let Some(found) = kept().get(&key) {
        return Ok(Arc::clone(found));
    }
    let mut translation = Translation::new(pattern, delimiters);
    let text = translation.pattern().map_err(Failure::new)?;
    let regex = Regex::new(&text).map_err(|_| Failure::new("glob pattern is too large"))?;
    let regex = Arc::new(regex);
    let mut kept = kept();
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(key, Arc::clone(&regex));
    Ok(regex)
}

/// State of the translation of a glob to a regular expression.
struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    /// The letters that `*` and `?` match.
    one: String,
    /// Number of braces that are open.
    level: u32,
    out: String,
}

impl<'a> Translation<'a> {
    fn new(pattern: &'a str, delimiters: &str) -> Self {
        let one = match delimiters {
            "" => ".".to_owned(),
            some => {
                let each = some.chars().map(|c| format!("\\x{{{:x}}}", u32::from(c)));
                format!("[^{}]", each.collect::<String>())
            }
        };
        Self {
            rest: pattern.chars().peekable(),
            one,
            level: 0,
            out: String::from("(?s)\\A(?:"),
        }
    }

    fn letter(&mut self, letter: char) {
        self.out
            .push_str(&format!("\\x{{{:x}}}", u32::from(letter)));
    }

    fn pattern(&mut self) -> Result<String, &'static str> {
        while let Some(letter) = self.rest.next() {
            match letter {
                '{' => {
                    self.level += 1;
                    self.out.push_str("(?:");
                }
                ',' if self.level > 0 => self.out.push('|'),
                '}' if self.level > 0 => {
                    self.level -= 1;
                    self.out.push(')');
                }
                '[' => self.class()?,
                '?' => self.out.push_str(&self.one),
                '*' if self.rest.next_if_eq(&'*').is_some() => self.out.push_str(".*"),
                '*' => {
                    self.out.push_str(&self.one);
                    self.out.push('*');
                }
                '\\' => {
                    if let Some(escaped) = self.rest.next() {
                        self.letter(escaped);
                    }
                }
                other => self.letter(other),
            }
        }
        // Braces that are not closed end with the pattern.
        for _ in 0..self.level {
            self.out.push(')');
        }
        self.out.push_str(")\\z");
        Ok(std::mem::take(&mut self.out))
    }

    /// A list of letters or one range, `!` before it for all others.
    fn class(&mut self) -> Result<(), &'static str> {
        let not = self.rest.next_if_eq(&'!').is_some();
        let first = self.rest.next().ok_or("unexpected end of input")?;
        self.out.push_str(if not { "[^" } else { "[" });
        if self.rest.next_if_eq(&'-').is_some() {
            let last = self.rest.next().ok_or("unexpected end of input")?;
            if last < first {
                return Err("hi character should be greater than lo");
            }
            self.letter(first);
            self.out.push('-');
            self.letter(last);
        } else {
            self.list(first)?;
        }
        if self.rest.next() != Some(']') {
            return Err("expected close range character");
        }
        self.out.push(']');
        Ok(())
    }

    fn list(&mut self, first: char) -> Result<(), &'static str> {
        let (mut next, mut empty) = (first, true);
        loop {
            match next {
                ']' if empty => return Err("could not parse range"),
                '\\' => {
                    let escaped = self.rest.next().ok_or("unexpected end of input")?;
                    self.letter(escaped);
                }
                other => self.letter(other),
            }
            empty = false;
            if self.rest.peek() == Some(&']') {
                return Ok(());
            }
            next = self.rest.next().ok_or("unexpected end of input")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::compiled;

    #[test]
    fn matches_as_open_policy_agent() {
        for (pattern, delimiters, text, expected) in [
            ("*.github.com", ".", "api.github.com", true),
            ("*.github.com", ".", "a.b.github.com", false),
            ("api.**.com", ".", "api.cdn.github.com", true),
            ("{cat,bat,[fr]at}", "", "rat", true),
            ("{cat,bat,[fr]at}", "", "hat", false),
            ("[!a-c]?", ":", "d:", false),
            ("\\*{a", "", "*a", true),
            ("a,b}", "", "a,b}", true),
        ] {
            let found = compiled(pattern, delimiters).unwrap().is_match(text);
            assert_eq!(found, expected, "{pattern} {text}");
        }
        assert!(compiled("[a", "").is_err());
        assert!(compiled("[]", "").is_err());
    }
}
