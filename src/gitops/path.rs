//! Paths such as `.spec.template.spec.containers[name=web].image`, followed in YAML and JSON.
//!
//! A key with dots, slashes or brackets is quoted: `.metadata.annotations."app.io/image"`.
//! A path continues into a document inside a scalar, such as the `values` of an Argo CD Application.

use super::{
    Error,
    error::Position,
    graph::value::{Value, load_inside},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathStep {
    Key(String),
    At(usize),
    With(String, String),
}

/// Parses a path; the first dot may be missing, a leading `$` is ignored.
///
/// # Errors
/// [`Error::PathSyntax`].
pub(super) fn parse(path: &str) -> Result<Vec<PathStep>, Error> {
    steps(path).map_err(|reason| Error::PathSyntax {
        path: path.to_owned(),
        reason: reason.to_owned(),
    })
}

fn steps(path: &str) -> Result<Vec<PathStep>, &'static str> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    rest = rest.strip_prefix('$').unwrap_or(rest);
    rest = rest.strip_prefix('.').unwrap_or(rest);
    if rest.is_empty() {
        return Err("it is empty");
    }
    loop {
        if rest.starts_with('[') {
            let (inner, after) = bracket(rest)?;
            steps.push(item(inner)?);
            rest = after;
        } else if rest.starts_with(['"', '\'']) {
            let (key, after) = quoted(rest)?;
            steps.push(PathStep::Key(key));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if key.is_empty() {
                return Err("a key is empty");
            }
            steps.push(PathStep::Key(key.to_owned()));
            rest = after;
        }
        match rest.strip_prefix('.') {
            _ if rest.is_empty() => return Ok(steps),
            Some("") => return Err("it ends with a dot"),
            Some(after) => rest = after,
            None if rest.starts_with('[') => {}
            None => return Err("a dot is missing"),
        }
    }
}

/// Splits off the text in brackets; a quoted bracket does not close them.
fn bracket(text: &str) -> Result<(&str, &str), &'static str> {
    let mut quote = None;
    for (at, c) in text.char_indices().skip(1) {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ']') => {
                let inner = text.get(1..at).unwrap_or_default();
                return Ok((inner, text.get(at + 1..).unwrap_or_default()));
            }
            _ => {}
        }
    }
    Err("a bracket is not closed")
}

/// Splits off a quoted text.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut characters = text.char_indices();
    let Some((_, quote)) = characters.next() else {
        return Err("a quote is not closed");
    };
    let mut key = String::new();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if quote == '"' => key.extend(characters.next().map(|(_, c)| c)),
            c if c == quote => {
                return Ok((key, text.get(at + c.len_utf8()..).unwrap_or_default()));
            }
            c => key.push(c),
        }
    }
    Err("a quote is not closed")
}

fn item(inner: &str) -> Result<PathStep, &'static str> {
    if inner.starts_with(['"', '\'']) {
        let (key, after) = quoted(inner)?;
        return if after.is_empty() {
            Ok(PathStep::Key(key))
        } else {
            Err("text behind a quoted key")
        };
    }
    match inner.split_once('=') {
        Some(("", _)) => Err("an item needs a key before ="),
        Some((key, value)) => {
            let value = if value.starts_with(['"', '\'']) {
                quoted(value)?.0
            } else {
                value.to_owned()
            };
            Ok(PathStep::With(key.to_owned(), value))
        }
        None => inner
            .parse()
            .map(PathStep::At)
            .map_err(|_| "an item is a number or key=value"),
    }
}

/// Follows a path; the error has the first step that does not exist, and the existing ones.
///
/// # Errors
/// [`Error::NothingThere`], [`Error::Ambiguous`], [`Error::Parse`] of an inner document.
pub(super) fn follow(
    document: &Value,
    steps: &[PathStep],
    file: &str,
    path: &str,
) -> Result<Value, Error> {
    let mut value = document.clone();
    for step in steps {
        if let Value::Scalar(scalar) = &value
            && let Some(mark) = scalar.mark().filter(|_| scalar.text.contains(['\n', ':']))
        {
            let mut inner = load_inside(mark)?;
            if inner.len() == 1 {
                value = inner.remove(0);
            }
        }
        let next = match step {
            PathStep::Key(key) => value.get(key).cloned(),
            PathStep::At(at) => value.items().get(*at).cloned(),
            PathStep::With(key, text) => {
                let same = |item: &&Value| item.get(key).and_then(Value::text) == Some(text);
                let mut fitting = value.items().iter().filter(same);
                let first = fitting.next().cloned();
                if fitting.next().is_some() {
                    return Err(Error::Ambiguous {
                        at: value.position(file),
                        name: path.to_owned(),
                        places: format!("several items have {key} {text}"),
                        hint: "name the item by its index, from 0".to_owned(),
                    });
                }
                first
            }
        };
        match next {
            Some(next) => value = next,
            None => {
                return Err(Error::NothingThere {
                    at: value.position(file),
                    path: path.to_owned(),
                    missing: match step {
                        PathStep::Key(key) => format!("key {key}"),
                        PathStep::At(at) => format!("item {at}"),
                        PathStep::With(key, text) => format!("an item with {key} {text}"),
                    },
                    there: existing_steps(&value),
                });
            }
        }
    }
    Ok(value)
}

/// Lists the keys or items for a message.
fn existing_steps(value: &Value) -> String {
    const SHOWN: usize = 12;
    let list = |names: Vec<String>| {
        let more = if names.len() > SHOWN { ", …" } else { "" };
        format!(
            "{}{more}",
            names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ")
        )
    };
    match value {
        Value::Map(entries) if !entries.is_empty() => {
            format!(
                "keys {}",
                list(entries.iter().map(|(key, _)| key.clone()).collect())
            )
        }
        Value::List(items) if !items.is_empty() => {
            let name = |(at, item): (usize, &Value)| {
                item.get("name")
                    .and_then(Value::text)
                    .map_or_else(|| at.to_string(), |name| format!("name={name}"))
            };
            format!(
                "items {}",
                list(items.iter().enumerate().map(name).collect())
            )
        }
        _ => "nothing is there".to_owned(),
    }
}

/// Returns the documents of a file that `--document` selects: KIND/NAME, or an index from 0.
///
/// # Errors
/// [`Error::NothingThere`].
pub(super) fn documents(
    all: Vec<Value>,
    document: Option<&str>,
    file: &str,
) -> Result<Vec<Value>, Error> {
    let Some(wanted) = document else {
        return Ok(all);
    };
    let shown = |value: &Value| {
        let text = |keys: &[&str]| {
            value
                .at(keys)
                .and_then(Value::text)
                .unwrap_or("?")
                .to_owned()
        };
        format!("{}/{}", text(&["kind"]), text(&["metadata", "name"]))
    };
    let names: Vec<_> = all.iter().map(shown).collect();
    let index = wanted.parse::<usize>().ok();
    let fits =
        |(at, name): (usize, &String)| index == Some(at) || name.eq_ignore_ascii_case(wanted);
    let fitting: Vec<_> = names.iter().enumerate().map(fits).collect();
    let found: Vec<_> = all
        .into_iter()
        .zip(fitting)
        .filter(|(_, fits)| *fits)
        .map(|(value, _)| value)
        .collect();
    if found.is_empty() {
        return Err(Error::NothingThere {
            at: Position::start(file),
            path: format!("--document {wanted}"),
            missing: "such a document".to_owned(),
            there: format!("items {}", names.join(", ")),
        });
    }
    Ok(found)
}

/// Returns the path itself, and below the values of a HelmRelease or an Application.
pub(super) fn roots(document: &Value, steps: &[PathStep]) -> Vec<Vec<PathStep>> {
    let kind = document
        .get("kind")
        .and_then(Value::text)
        .unwrap_or_default();
    let below = |keys: &[&str]| {
        let keys = keys.iter().map(|key| PathStep::Key((*key).to_owned()));
        keys.chain(steps.iter().cloned()).collect()
    };
    let mut roots = vec![steps.to_vec()];
    match kind {
        "HelmRelease" => roots.push(below(&["spec", "values"])),
        "Application" => {
            roots.push(below(&["spec", "source", "helm", "valuesObject"]));
            roots.push(below(&["spec", "source", "helm", "values"]));
        }
        "ApplicationSet" => {
            roots.push(below(&[
                "spec",
                "template",
                "spec",
                "source",
                "helm",
                "valuesObject",
            ]));
            roots.push(below(&[
                "spec", "template", "spec", "source", "helm", "values",
            ]));
        }
        _ => {}
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitops::graph::value::load;

    #[test]
    fn reads_paths() {
        let key = |text: &str| PathStep::Key(text.to_owned());
        let with = |a: &str, b: &str| PathStep::With(a.to_owned(), b.to_owned());
        let expected = [
            key("a"),
            with("name", "web.x"),
            key("b"),
            PathStep::At(0),
            PathStep::At(12),
        ];
        assert_eq!(steps(".a[name=web.x].b[0][12]").unwrap(), expected);
        assert_eq!(steps("$.a").unwrap(), [key("a")]);
        assert_eq!(
            steps("a.\"b.c/d\".e").unwrap(),
            [key("a"), key("b.c/d"), key("e")]
        );
        assert_eq!(
            steps("a['b]c'][name=\"x]y\"]").unwrap(),
            [key("a"), key("b]c"), with("name", "x]y")]
        );
        for wrong in [
            "", ".", "a.", "a..b", "a[", "a[]", "a[x]", "a[=x]", "a[0]b", "a.\"b", "$",
        ] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn follows_into_documents_inside_scalars() {
        let text = "spec:\n  values: |\n    image:\n      tag: v1\n";
        let document = load("f", text).unwrap().remove(0);
        let path = "spec.values.image.tag";
        let found = follow(&document, &parse(path).unwrap(), "f", path).unwrap();
        assert_eq!(found.text(), Some("v1"));
        let path = "spec.values.image.nope";
        let error = follow(&document, &parse(path).unwrap(), "f", path)
            .unwrap_err()
            .to_string();
        assert!(error.contains("keys tag"), "{error}");
    }
}
