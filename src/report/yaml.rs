//! JSON documents as YAML in Go's manner: members sorted, lists not indented, long texts in blocks.
//!
//! A text that another reader could take for something else is quoted.

use serde_json::Value;

use crate::text::is_unsafe;

/// Returns the document without the last newline.
pub(super) fn render(document: &Value) -> String {
    let mut text = String::new();
    node(&mut text, document, 0);
    text.truncate(text.trim_end_matches('\n').len());
    text
}

fn node(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(member, _)| *member);
            for (at, (member, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    pad(text, indent);
                }
                text.push_str(&scalar(member));
                text.push(':');
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        text.push('\n');
                        pad(text, indent + 2);
                        node(text, value, indent + 2);
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        text.push('\n');
                        pad(text, indent);
                        node(text, value, indent);
                    }
                    _ => {
                        text.push(' ');
                        node(text, value, indent + 2);
                    }
                }
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    pad(text, indent);
                }
                text.push_str("- ");
                node(text, element, indent + 2);
            }
        }
        Value::String(content) if is_block(content) => block(text, content, indent),
        Value::String(content) => end(text, &scalar(content)),
        Value::Object(_) => end(text, "{}"),
        Value::Array(_) => end(text, "[]"),
        other => end(text, &other.to_string()),
    }
}

fn pad(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

fn end(text: &mut String, scalar: &str) {
    text.push_str(scalar);
    text.push('\n');
}

/// Tells whether a text can be a block: nothing in it would be lost.
fn is_block(content: &str) -> bool {
    content.contains('\n')
        && !content.starts_with([' ', '\n'])
        && content.chars().all(|c| c == '\n' || !is_unsafe(c))
        && content.lines().all(|line| !line.ends_with(' '))
}

fn block(text: &mut String, content: &str, indent: usize) {
    let keep = match (content.ends_with('\n'), content.ends_with("\n\n")) {
        (false, _) => "|-",
        (true, false) => "|",
        (true, true) => "|+",
    };
    text.push_str(keep);
    text.push('\n');
    let body = content.strip_suffix('\n').unwrap_or(content);
    for line in body.split('\n') {
        if !line.is_empty() {
            pad(text, indent);
            text.push_str(line);
        }
        text.push('\n');
    }
}

fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let double = text.chars().any(is_unsafe) || could_be_another_type(text);
    if double {
        // Every JSON text is valid YAML.
        return crate::text::json(&Value::from(text).to_string()).into_owned();
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Tells whether a text needs no quotes, for readers of YAML 1.1 and 1.2.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    let special = "-?:,[]{}#&*!|>'\"%@` ";
    !special.contains(first)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(is_unsafe)
        && !could_be_another_type(text)
}

fn could_be_another_type(text: &str) -> bool {
    let words = [
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<",
    ];
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text
            .chars()
            .all(|c| c.is_ascii_hexdigit() || "+-._:xoTZ ".contains(c));
    words.contains(&text.to_ascii_lowercase().as_str())
        || numeric
        || matches!(text, ".inf" | ".nan")
}
