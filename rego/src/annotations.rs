//! `# METADATA` blocks: YAML in comments above a package or a rule, as OPA defines them.

mod chain;
mod dates;

use serde_json::{Map, Value, json};

pub use chain::Link;
pub(crate) use chain::chains;

use crate::syntax::{Comment, Module, Span};

/// Members that a block may have; others are ignored, as in OPA.
const MEMBERS: [&str; 9] = [
    "scope",
    "title",
    "description",
    "organizations",
    "related_resources",
    "authors",
    "custom",
    "entrypoint",
    "labels",
];

/// A block of comments that begins with `# METADATA`.
#[derive(Debug, Clone)]
pub struct Annotation {
    pub span: Span,
    /// Known members, in their long forms.
    pub content: Map<String, Value>,
}

/// A place and the error message.
pub(crate) type Refused = (Span, String);

fn is_metadata(comment: &Comment) -> bool {
    comment.span.column == 1 && comment.text.trim().starts_with("METADATA")
}

/// Reads the blocks of a module.
pub(crate) fn read(module: &Module) -> Result<Vec<Annotation>, Refused> {
    let mut comments = module.comments.iter().peekable();
    let mut blocks = Vec::new();
    while let Some(start) = comments.next() {
        if !is_metadata(start) {
            continue;
        }
        let (mut last, mut yaml, mut lines) = (start.span.line, String::new(), Vec::new());
        while let Some(next) = comments.next_if(|next| {
            next.span.line == last + 1 && next.span.column == 1 && !is_metadata(next)
        }) {
            let text = next.text.strip_prefix(' ').unwrap_or(&next.text);
            yaml.push_str(&dates::with_timestamp(text.trim_end()));
            yaml.push('\n');
            last = next.span.line;
            lines.push(next.span);
        }
        let content = parse(&yaml).map_err(|(line, cause)| {
            let place = line.and_then(|line| lines.get(line)).or(lines.last());
            (*place.unwrap_or(&start.span), cause)
        })?;
        blocks.push(Annotation {
            span: start.span,
            content,
        });
    }
    Ok(blocks)
}

/// Reads YAML; the error has a line if one is known, from 1.
fn parse(yaml: &str) -> Result<Map<String, Value>, (Option<usize>, String)> {
    if yaml.trim().is_empty() {
        return Err((None, "expected METADATA block, found whitespace".to_owned()));
    }
    // To OPA `y` and `on` are strings here, unlike in data files.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
    };
    let value: Value = serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let line = error
            .location()
            .and_then(|place| usize::try_from(place.line()).ok());
        (line, format!("invalid METADATA: {error}"))
    })?;
    let mut content = match value {
        Value::Null => Map::new(),
        Value::Object(content) => content,
        _ => return Err((None, "METADATA is not a mapping".to_owned())),
    };
    content.retain(|key, value| MEMBERS.contains(&key.as_str()) && !value.is_null());
    normalise(&mut content).map_err(|message| (None, message))?;
    Ok(content)
}

/// Rewrites short forms as long ones and removes empty members.
fn normalise(content: &mut Map<String, Value>) -> Result<(), String> {
    for name in ["scope", "title", "description"] {
        if let Some(text) = content.get_mut(name) {
            match text {
                Value::String(_) => {}
                Value::Bool(_) | Value::Number(_) => *text = Value::from(text.to_string()),
                _ => return Err(format!("METADATA member {name} must be a string")),
            }
        }
    }
    for name in ["custom", "labels"] {
        if content.get(name).is_some_and(|value| !value.is_object()) {
            return Err(format!("METADATA member {name} must be a mapping"));
        }
    }
    for name in ["organizations", "related_resources", "authors"] {
        if content.get(name).is_some_and(|value| !value.is_array()) {
            return Err(format!("METADATA member {name} must be a list"));
        }
    }
    if content
        .get("entrypoint")
        .is_some_and(|value| !value.is_boolean())
    {
        return Err("METADATA member entrypoint must be true or false".to_owned());
    }
    if let Some(Value::Array(resources)) = content.get_mut("related_resources") {
        for resource in resources {
            *resource = related(resource)?;
        }
    }
    if let Some(Value::Array(authors)) = content.get_mut("authors") {
        for author in authors {
            *author = person(author)?;
        }
    }
    content.retain(|key, value| match value {
        Value::Bool(entrypoint) => key != "entrypoint" || *entrypoint,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    });
    Ok(())
}

/// Returns the named members of an object that have text.
fn texts(value: &Value, names: [&str; 2]) -> Map<String, Value> {
    names
        .into_iter()
        .filter_map(|name| {
            let text = value.get(name)?.as_str()?.trim();
            (!text.is_empty()).then(|| (name.to_owned(), Value::from(text)))
        })
        .collect()
}

fn related(value: &Value) -> Result<Value, String> {
    let found = match value {
        Value::String(text) if !text.is_empty() => return Ok(json!({"ref": text})),
        Value::Object(_) => texts(value, ["description", "ref"]),
        _ => Map::new(),
    };
    if found.contains_key("ref") {
        return Ok(Value::Object(found));
    }
    Err(format!(
        "invalid related-resource definition {value}: a reference is required"
    ))
}

/// `Name <address>`, where either part may be absent.
fn person(value: &Value) -> Result<Value, String> {
    let found = match value {
        Value::String(text) => {
            let (name, email) = match text
                .trim()
                .strip_suffix('>')
                .and_then(|t| t.rsplit_once('<'))
            {
                Some((name, email)) if !email.contains(char::is_whitespace) => (name, email),
                _ => (text.as_str(), ""),
            };
            texts(&json!({"name": name, "email": email}), ["name", "email"])
        }
        Value::Object(_) => texts(value, ["name", "email"]),
        _ => Map::new(),
    };
    if found.is_empty() {
        return Err(format!("invalid author definition {value}"));
    }
    Ok(Value::Object(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_and_false_are_booleans() {
        let read = parse("custom: {short_name: y, a: on, b: No, c: true, d: 010}").unwrap();
        let expected = json!({"short_name": "y", "a": "on", "b": "No", "c": true, "d": 8});
        assert_eq!(read["custom"], expected);
    }

    #[test]
    fn short_forms_become_long_ones() {
        let read = parse("authors: [Ann <a@x.org>, Bob]\nrelated_resources: [https://x.org]\nlabel: no\ntitle: ''")
            .unwrap();
        let expected = json!({
            "authors": [{"name": "Ann", "email": "a@x.org"}, {"name": "Bob"}],
            "related_resources": [{"ref": "https://x.org"}],
        });
        assert_eq!(Value::Object(read), expected);
    }

    #[test]
    fn wrong_shapes_are_refused() {
        for yaml in [
            "- a",
            "a: [",
            "custom: 1",
            "authors: x",
            "authors: [1]",
            " \n",
        ] {
            assert!(parse(yaml).is_err(), "{yaml}");
        }
    }
}
