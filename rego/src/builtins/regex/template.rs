//! `regex.template_match`: a text with expressions between delimiters.

use super::expression;
use crate::builtins::operand::{Answer, Failure, give, string};
use crate::value::Value;

/// `regex.template_match(template, text, start, end)`: delimiters may be nested in the expressions.
pub(in crate::builtins) fn template_match(operands: &[Value]) -> Answer {
    let (template, text) = (string(operands, 0)?, string(operands, 1)?);
    let (start, end) = (
        delimiter(operands, 2, "start")?,
        delimiter(operands, 3, "end")?,
    );
    let unbalanced = || Failure::new(format!("unbalanced braces in {template:?}"));
    let (mut pattern, mut raw, mut level, mut opened) = (String::from("^"), 0, 0_u32, 0);
    for (at, letter) in template.char_indices() {
        if letter == start {
            level += 1;
            if level == 1 {
                opened = at;
            }
        } else if letter == end {
            level = level.checked_sub(1).ok_or_else(unbalanced)?;
            if level == 0 {
                let inner = template
                    .get(opened + start.len_utf8()..at)
                    .unwrap_or_default();
                expression(&format!("^{inner}$"))?;
                pattern.push_str(&quoted(template.get(raw..opened).unwrap_or_default()));
                pattern.push_str(&format!("({inner})"));
                raw = at + end.len_utf8();
            }
        }
    }
    if level != 0 {
        return Err(unbalanced());
    }
    pattern.push_str(&quoted(template.get(raw..).unwrap_or_default()));
    pattern.push('$');
    give(expression(&pattern)?.is_match(text))
}

fn delimiter(operands: &[Value], at: usize, which: &str) -> Result<char, Failure> {
    let text = string(operands, at)?;
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(one), None) if one.is_ascii() => Ok(one),
        _ => {
            let length = text.len();
            let text = "delimiter has to be exactly one character long but is";
            Err(Failure::new(format!("{which} {text} {length} long")))
        }
    }
}

/// The text as an expression that means itself.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if "\\.+*?()|[]{}^$".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
