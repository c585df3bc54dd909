//! Adds an `images:` entry, or keys of one, in the style of the file (`--create`).
//!
//! The file is read again afterwards: the document must be the old one with exactly the addition.

use super::{
    Error,
    error::Position,
    graph::value::{Value, load},
    splice,
    yaml::{self, SpannedKind, SpannedNode},
};

/// Appends an entry to `images:`; the list is added when the file has none.
///
/// # Errors
/// [`Error::NotEditable`] for a file in a form that cannot be extended, [`Error::NotExact`].
pub(super) fn entry(file: &str, text: &str, fields: &[(&str, String)]) -> Result<String, Error> {
    let documents = yaml::parse(file, text)?;
    let refuse = |at: Position, reason: &str| Error::NotEditable {
        at,
        path: ".images".to_owned(),
        reason: reason.to_owned(),
        hint: format!("add the entry by hand: {}", flow(fields)),
    };
    let [document] = documents.as_slice() else {
        return Err(refuse(
            Position::start(file),
            "the file does not hold one document",
        ));
    };
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let after = match document.get("images") {
        None if document.flow => with_flow_list(text, document, fields),
        None => with_block_list(text, document, fields, end),
        Some(images) if images.flow => {
            extended_flow_list(text, images, fields).ok_or_else(|| {
                refuse(
                    images.position(file),
                    "the list is written over commented lines",
                )
            })?
        }
        Some(images) => match images.items() {
            [] => return Err(refuse(images.position(file), "images: is not a list")),
            [.., last] => extended_block_list(text, last, fields, end),
        },
    };
    proved(file, text, &after, |value| {
        let new = Value::Map(
            fields
                .iter()
                .map(|(key, text)| ((*key).to_owned(), made(text)))
                .collect(),
        );
        match value.get_mut("images") {
            Some(Value::List(items)) => items.push(new),
            _ => value.set("images", Value::List(vec![new])),
        }
    })?;
    Ok(after)
}

/// Adds `images:` with the entry to a document in braces.
fn with_flow_list(text: &str, document: &SpannedNode, fields: &[(&str, String)]) -> String {
    let close = document.range.end;
    let head = text.get(..close).unwrap_or_default();
    let tail = text.get(close..).unwrap_or_default();
    let trimmed = head.trim_end();
    let gap = head.get(trimmed.len()..).unwrap_or_default();
    let comma = if trimmed.ends_with([',', '{']) {
        ""
    } else {
        ","
    };
    format!("{trimmed}{comma} \"images\": [{}]{gap}{tail}", json(fields))
}

/// Adds `images:` with the entry at the end of a block document.
fn with_block_list(
    text: &str,
    document: &SpannedNode,
    fields: &[(&str, String)],
    end: &str,
) -> String {
    let indentation = list_indentation(text, document).unwrap_or(0);
    let mut after = text.to_owned();
    if !after.is_empty() && !after.ends_with('\n') {
        after.push_str(end);
    }
    format!("{after}images:{end}{}", block(fields, indentation, end))
}

/// Appends the entry to a list in brackets; `None` for a list over commented lines.
fn extended_flow_list(
    text: &str,
    images: &SpannedNode,
    fields: &[(&str, String)],
) -> Option<String> {
    let inside = text.get(images.range.clone()).unwrap_or_default();
    let close = images.range.end;
    let closed = text.get(close..).is_some_and(|rest| rest.starts_with(']'));
    if !closed || inside.contains('#') {
        return None;
    }
    let comma = if images.items().is_empty() { "" } else { ", " };
    let trimmed = text.get(..close).unwrap_or_default().trim_end();
    let gap = text.get(trimmed.len()..close).unwrap_or_default();
    let comma = if trimmed.ends_with(',') { " " } else { comma };
    Some(format!(
        "{trimmed}{comma}{}{gap}{}",
        flow(fields),
        text.get(close..).unwrap_or_default()
    ))
}

/// Appends the entry after the last item of a block list.
fn extended_block_list(
    text: &str,
    last: &SpannedNode,
    fields: &[(&str, String)],
    end: &str,
) -> String {
    let at = line_end(text, last_byte(last));
    let indentation = dash_column(text, last);
    let (head, tail) = text.split_at(at);
    let head = if head.ends_with('\n') {
        head.to_owned()
    } else {
        format!("{head}{end}")
    };
    format!("{head}{}{tail}", block(fields, indentation, end))
}

/// Adds keys to the entry at a line and column.
///
/// # Errors
/// As [`entry`].
pub(super) fn keys(
    file: &str,
    text: &str,
    name: &str,
    fields: &[(&str, String)],
) -> Result<String, Error> {
    let documents = yaml::parse(file, text)?;
    let images = documents.iter().find_map(|document| document.get("images"));
    let item = images.map_or(&[][..], SpannedNode::items);
    let mut fitting = item
        .iter()
        .enumerate()
        .filter(|(_, item)| item.get("name").and_then(SpannedNode::text) == Some(name));
    let (Some((index, item)), None) = (fitting.next(), fitting.next()) else {
        return Err(Error::NotEditable {
            at: Position::start(file),
            path: format!(".images[name={name}]"),
            reason: "there is not exactly one such entry".to_owned(),
            hint: String::new(),
        });
    };
    let after = if item.flow {
        let close = item.range.end;
        let trimmed = text.get(..close).unwrap_or_default().trim_end();
        let gap = text.get(trimmed.len()..close).unwrap_or_default();
        let inner = flow(fields);
        let inner = inner.trim_start_matches('{').trim_end_matches('}');
        let comma = if trimmed.ends_with(',') { " " } else { ", " };
        format!(
            "{trimmed}{comma}{inner}{gap}{}",
            text.get(close..).unwrap_or_default()
        )
    } else {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let at = line_end(text, last_byte(item));
        let (head, tail) = text.split_at(at);
        let head = if head.ends_with('\n') {
            head.to_owned()
        } else {
            format!("{head}{end}")
        };
        let blanks = " ".repeat(item.column - 1);
        let lines: String = fields
            .iter()
            .map(|(key, value)| format!("{blanks}{key}: {}{end}", splice::scalar(value)))
            .collect();
        format!("{head}{lines}{tail}")
    };
    proved(file, text, &after, |value| {
        if let Some(Value::List(items)) = value.get_mut("images")
            && let Some(entry) = items.get_mut(index)
        {
            for (key, text) in fields {
                entry.set(key, made(text));
            }
        }
    })?;
    Ok(after)
}

fn made(text: &str) -> Value {
    Value::Scalar(super::graph::value::Scalar::unplaced(text))
}

/// Compares the file with the intended change.
fn proved(file: &str, before: &str, after: &str, change: impl Fn(&mut Value)) -> Result<(), Error> {
    let (mut wanted, found) = (load(file, before)?, load(file, after)?);
    if let [value] = wanted.as_mut_slice() {
        change(value);
    }
    let same = wanted.len() == found.len() && wanted.iter().zip(&found).all(|(a, b)| a.same(b));
    if same {
        Ok(())
    } else {
        Err(Error::NotExact {
            at: Position::start(file),
            path: ".images".to_owned(),
        })
    }
}

/// Returns an entry in braces, for a message or a list in brackets.
pub(super) fn flow(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| format!("{key}: {}", splice::flow_scalar(value)))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

/// Returns an entry as JSON, which is valid YAML.
fn json(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| format!("\"{key}\": {}", splice::double_quoted(value)))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

fn block(fields: &[(&str, String)], indentation: usize, end: &str) -> String {
    let blanks = " ".repeat(indentation);
    let lines = fields.iter().enumerate().map(|(at, (key, value))| {
        let dash = if at == 0 { "- " } else { "  " };
        format!("{blanks}{dash}{key}: {}{end}", splice::scalar(value))
    });
    lines.collect()
}

/// Returns the column of the dashes in the file's other lists, from 0.
fn list_indentation(text: &str, document: &SpannedNode) -> Option<usize> {
    let SpannedKind::Mapping(entries) = &document.kind else {
        return None;
    };
    let lists = entries
        .iter()
        .filter(|(_, value)| matches!(value.kind, SpannedKind::Sequence(_)) && !value.flow);
    lists
        .filter_map(|(_, value)| value.items().first())
        .map(|item| dash_column(text, item))
        .next()
}

/// Returns the column of the dash before an item of a block list, from 0.
fn dash_column(text: &str, item: &SpannedNode) -> usize {
    let head = text.get(..item.range.start).unwrap_or_default();
    let line = head
        .rfind('\n')
        .map_or(head, |end| head.get(end + 1..).unwrap_or_default());
    line.rfind('-').unwrap_or(item.column.saturating_sub(3))
}

fn last_byte(node: &SpannedNode) -> usize {
    let inner = match &node.kind {
        SpannedKind::Sequence(items) if !node.flow => items.last().map(last_byte),
        SpannedKind::Mapping(entries) if !node.flow => entries
            .last()
            .map(|(key, value)| last_byte(key).max(last_byte(value))),
        _ => None,
    };
    inner.unwrap_or(node.range.end)
}

/// Returns the byte after the end of the line.
fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.find('\n').map_or(text.len(), |line| at + line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<(&'static str, String)> {
        vec![
            ("name", "q.io/web".to_owned()),
            ("newTag", "1.0".to_owned()),
        ]
    }

    #[test]
    fn adds_an_entry_in_the_style_of_the_file() {
        for (before, after) in [
            (
                "resources: [a]\n",
                "resources: [a]\nimages:\n- name: q.io/web\n  newTag: \"1.0\"\n",
            ),
            (
                "resources:\n  - a",
                "resources:\n  - a\nimages:\n  - name: q.io/web\n    newTag: \"1.0\"\n",
            ),
            (
                "images:\n- name: x # keep\n  newTag: y # too\n# end\nnamePrefix: p-\n",
                "images:\n- name: x # keep\n  newTag: y # too\n- name: q.io/web\n  newTag: \"1.0\"\n# end\nnamePrefix: p-\n",
            ),
            (
                "images: [{name: x}]\n",
                "images: [{name: x}, {name: q.io/web, newTag: \"1.0\"}]\n",
            ),
            (
                "images: []\n",
                "images: [{name: q.io/web, newTag: \"1.0\"}]\n",
            ),
            (
                "a: b\r\n",
                "a: b\r\nimages:\r\n- name: q.io/web\r\n  newTag: \"1.0\"\r\n",
            ),
        ] {
            assert_eq!(entry("k", before, &fields()).unwrap(), after, "{before}");
        }
        let braces = entry("k", "{resources: [a]}\n", &fields()).unwrap();
        assert_eq!(
            braces,
            "{resources: [a], \"images\": [{\"name\": \"q.io/web\", \"newTag\": \"1.0\"}]}\n"
        );
    }

    #[test]
    fn adds_keys_to_an_entry() {
        for (before, after) in [
            ("images:\n- name: x\n", "images:\n- name: x\n  digest: d\n"),
            (
                "images:\n  - newTag: y # k\n    name: x",
                "images:\n  - newTag: y # k\n    name: x\n    digest: d\n",
            ),
            ("images: [{name: x}]\n", "images: [{name: x, digest: d}]\n"),
        ] {
            assert_eq!(
                keys("k", before, "x", &[("digest", "d".to_owned())]).unwrap(),
                after,
                "{before}"
            );
        }
    }
}
