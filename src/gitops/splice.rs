//! Replaces the bytes of one scalar and proves that nothing else changed.

use granit_parser::ScalarStyle;

use super::{
    EditOptions, Error,
    yaml::{SpannedKind, SpannedNode, outline},
};

/// Replaces the scalar's text, keeping its quotes.
pub(super) fn replace(
    file: &str,
    text: &str,
    path: &str,
    node: &SpannedNode,
    value: &str,
    options: &EditOptions,
) -> Result<String, Error> {
    let refuse = |reason: &str, hint: &str| Error::NotEditable {
        at: node.position(file),
        path: path.to_owned(),
        reason: reason.to_owned(),
        hint: hint.to_owned(),
    };
    let (old, style) = match &node.kind {
        SpannedKind::Scalar { text, style } => Ok((text, *style)),
        SpannedKind::Alias(_) => Err(refuse(
            "it is an alias: its text is set at the anchor and used there too",
            "name the place of the anchor, with --allow-shared",
        )),
        SpannedKind::Sequence(_) | SpannedKind::Mapping(_) => {
            Err(refuse("it is not a scalar", "name a scalar inside it"))
        }
    }?;
    if node.shared && !options.allow_shared {
        return Err(refuse(
            "it has an anchor that is used elsewhere too",
            "--allow-shared changes every place that repeats it",
        ));
    }
    if old.contains("{{") {
        return Err(refuse(
            "it is a template",
            "edit the values that the template is rendered with",
        ));
    }
    if old == value {
        return Ok(text.to_owned());
    }
    let written = styled(old, value, style).ok_or_else(|| {
        refuse(
            "it is a block scalar",
            "write the image as plain or quoted text",
        )
    })?;
    let (before, after) = text
        .get(..node.range.start)
        .zip(text.get(node.range.end..))
        .filter(|_| !node.range.is_empty())
        .ok_or_else(|| refuse("it is empty", "write a placeholder there"))?;
    let edited = format!("{before}{written}{after}");
    if differ_in_one_scalar(file, text, &edited, old, value)? {
        return Ok(edited);
    }
    Err(Error::NotExact {
        at: node.position(file),
        path: path.to_owned(),
    })
}

/// Returns the value in the style of the old text; `None` for a block scalar.
fn styled(old: &str, value: &str, style: ScalarStyle) -> Option<String> {
    let plain = is_plain(value)
        || is_number(old) && is_kept(value) && old.contains('.') == value.contains('.');
    match style {
        ScalarStyle::Plain if plain => Some(value.to_owned()),
        ScalarStyle::SingleQuoted if !value.contains('\n') => {
            Some(format!("'{}'", value.replace('\'', "''")))
        }
        ScalarStyle::Plain | ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted => {
            Some(double_quoted(value))
        }
        ScalarStyle::Literal | ScalarStyle::Folded => None,
    }
}

pub(super) fn double_quoted(value: &str) -> String {
    let escaped = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// Tells whether a text has only digits, with at most one dot between them.
fn is_number(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(part) && (whole == "0" || !whole.starts_with('0'))
}

/// Tells whether tools preserve a number: `1.10` becomes 1.1, 20251124 becomes 2.0251124e+07.
fn is_kept(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "1"));
    is_number(text) && whole.len() <= 6 && part.len() <= 6 && !part.ends_with('0')
}

/// Tells whether a text needs no quotes to be a string.
fn is_plain(value: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || "./_-:@=".contains(c);
    let first = value.chars().next().unwrap_or_default();
    // A path that begins with an address, such as 127.0.0.1:5000/web, is not a number.
    let starts = first.is_ascii_alphabetic() || first.is_ascii_digit() && value.contains('/');
    let word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    starts
        && value.chars().all(safe)
        && !value.ends_with(':')
        && !word.contains(&value.to_ascii_lowercase().as_str())
}

/// Compares both files event by event: exactly one scalar may differ, from the old to the new text.
pub(super) fn differ_in_one_scalar(
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

/// Returns a text as a block scalar value: quoted where YAML would read another type.
pub(super) fn scalar(value: &str) -> String {
    if is_plain(value) {
        value.to_owned()
    } else {
        double_quoted(value)
    }
}

/// Returns a text as a scalar in braces or brackets.
pub(super) fn flow_scalar(value: &str) -> String {
    scalar(value)
}
