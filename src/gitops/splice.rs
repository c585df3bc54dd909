//! Replaces the bytes of one scalar and proves that nothing else changed.

use granit_parser::ScalarStyle;

use super::{
    Error,
    yaml::{Kind, Node, outline},
};

/// Replaces the scalar's text, keeping its quotes.
pub(super) fn replace(
    file: &str,
    text: &str,
    path: &str,
    node: &Node,
    value: &str,
) -> Result<String, Error> {
    let refuse = |reason| Error::NotEditable {
        file: file.to_owned(),
        path: path.to_owned(),
        reason,
    };
    let (old, style) = match &node.kind {
        Kind::Scalar { text, style } => (text, *style),
        Kind::Alias => {
            return Err(refuse(
                "it is an alias: the text stands elsewhere and is used there too",
            ));
        }
        Kind::Sequence(_) | Kind::Mapping(_) => return Err(refuse("it is no scalar")),
    };
    if node.shared {
        return Err(refuse("it has an anchor that is used elsewhere too"));
    }
    if old.contains("{{") {
        return Err(refuse("it is a template"));
    }
    if old == value {
        return Ok(text.to_owned());
    }
    let written = match style {
        ScalarStyle::Plain if is_plain(value) => value.to_owned(),
        ScalarStyle::SingleQuoted => format!("'{}'", value.replace('\'', "''")),
        ScalarStyle::Plain | ScalarStyle::DoubleQuoted => {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        }
        ScalarStyle::Literal | ScalarStyle::Folded => return Err(refuse("it is a block scalar")),
    };
    let (before, after) = text
        .get(..node.range.start)
        .zip(text.get(node.range.end..))
        .filter(|_| !node.range.is_empty())
        .ok_or_else(|| refuse("it is empty"))?;
    let edited = format!("{before}{written}{after}");
    if differ_in_one_scalar(file, text, &edited, old, value)? {
        return Ok(edited);
    }
    Err(Error::NotExact {
        file: file.to_owned(),
        path: path.to_owned(),
    })
}

/// Whether a text may stand without quotes and stays a string there.
fn is_plain(value: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || "./_-:@".contains(c);
    let first = value.chars().next().unwrap_or_default();
    // A path that begins with an address, such as 127.0.0.1:5000/web, is no number.
    let starts = first.is_ascii_alphabetic() || first.is_ascii_digit() && value.contains('/');
    let word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    starts
        && value.chars().all(safe)
        && !value.ends_with(':')
        && !word.contains(&value.to_ascii_lowercase().as_str())
}

/// Compares both files event by event: exactly one scalar may differ, from the old to the new text.
fn differ_in_one_scalar(
    file: &str,
    before: &str,
    after: &str,
    old: &str,
    new: &str,
) -> Result<bool, Error> {
    let (before, after) = (outline(file, before)?, outline(file, after)?);
    let mut changed = before.iter().zip(&after).filter(|(a, b)| a != b);
    let only = changed.next();
    let one = changed.next().is_none() && before.len() == after.len();
    let exact = only.is_some_and(|(a, b)| {
        a.starts_with('=') && b.starts_with('=') && a.strip_suffix(old) == b.strip_suffix(new)
    });
    Ok(one && exact)
}
