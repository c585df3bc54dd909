//! Applies `replacements:` of a kustomization as kustomize does.

use regex::Regex;

use super::{
    resource::{BuiltResource, ExactSelector},
    value::{Piece, Scalar, Value},
};

/// Applies one replacement to all objects.
///
/// # Errors
/// The reason for which kustomize would fail, or the unsupported part.
pub(crate) fn apply(resources: &mut [BuiltResource], replacement: &Value) -> Result<(), String> {
    let value = source(resources, replacement)?;
    let targets = replacement.get("targets").map(Value::items);
    let Some(targets) = targets.filter(|targets| !targets.is_empty()) else {
        return Err("it has no targets".to_owned());
    };
    for target in targets {
        apply_to(resources, target, &value)?;
    }
    Ok(())
}

fn source(resources: &[BuiltResource], replacement: &Value) -> Result<Value, String> {
    match (replacement.get("source"), replacement.get("sourceValue")) {
        (None, Some(value)) => Ok(value.clone()),
        (Some(source), None) => {
            let selector = ExactSelector::read(source);
            let mut found = resources.iter().filter(|one| selector.selects_id(one));
            let (Some(resource), None) = (found.next(), found.next()) else {
                return Err("its source does not select exactly one object".to_owned());
            };
            let path = source
                .get("fieldPath")
                .and_then(Value::text)
                .unwrap_or("metadata.name");
            let value = lookup(&resource.value, &split(path))
                .filter(|value| !value.is_null())
                .ok_or_else(|| format!("its source has no {path}"))?;
            refined(value.clone(), source.get("options"))
        }
        _ => Err("it needs either source or sourceValue".to_owned()),
    }
}

struct ReplacementOptions {
    delimiter: Option<String>,
    index: i64,
    create: bool,
}

fn options(value: Option<&Value>) -> Result<ReplacementOptions, String> {
    let text = |key: &str| value.and_then(|value| value.get(key)).and_then(Value::text);
    if text("encoding").is_some_and(|encoding| !encoding.is_empty()) {
        return Err("encoding is not followed here".to_owned());
    }
    let index = text("index").unwrap_or("0");
    Ok(ReplacementOptions {
        delimiter: text("delimiter")
            .filter(|d| !d.is_empty())
            .map(str::to_owned),
        index: index
            .parse()
            .map_err(|_| format!("index {index} is not a number"))?,
        create: text("create") == Some("true"),
    })
}

/// Returns the part of the source that `options` select.
fn refined(value: Value, given: Option<&Value>) -> Result<Value, String> {
    let ReplacementOptions {
        delimiter: Some(delimiter),
        index,
        ..
    } = options(given)?
    else {
        return Ok(value);
    };
    let Value::Scalar(scalar) = value else {
        return Err("delimiter needs a scalar".to_owned());
    };
    let parts = split_scalar(&scalar, &delimiter);
    let part = usize::try_from(index)
        .ok()
        .and_then(|index| parts.into_iter().nth(index));
    match part {
        Some(pieces) => Ok(Value::Scalar(Scalar::joined(pieces))),
        None => Err(format!(
            "index {index} is out of bounds for {:?}",
            scalar.text
        )),
    }
}

/// Splits a scalar at the delimiters.
fn split_scalar(scalar: &Scalar, delimiter: &str) -> Vec<Vec<Piece>> {
    let mut start = 0;
    let mut parts = Vec::new();
    for part in scalar.text.split(delimiter) {
        parts.push(scalar.slice(start..start + part.len()));
        start += part.len() + delimiter.len();
    }
    parts
}

fn apply_to(resources: &mut [BuiltResource], target: &Value, value: &Value) -> Result<(), String> {
    let select = target.get("select").ok_or("a target has no select")?;
    let select = ExactSelector::read(select);
    let reject = target.items_at(&["reject"]);
    let reject: Vec<_> = reject.iter().map(ExactSelector::read).collect();
    let options = options(target.get("options"))?;
    let paths = target.items_at(&["fieldPaths"]);
    let mut paths: Vec<_> = paths.iter().filter_map(Value::text).collect();
    if paths.is_empty() {
        paths.push("metadata.name");
    }
    for resource in resources {
        let labelled = |selector: &ExactSelector| {
            if selector.has_labels() {
                selector.selects_labels(resource)
            } else {
                Ok(false)
            }
        };
        let mut rejected = false;
        for selector in &reject {
            rejected |= selector.has_id() && selector.selects_id(resource) || labelled(selector)?;
        }
        if rejected || !select.selects_labels(resource)? || !select.selects_id(resource) {
            continue;
        }
        for path in &paths {
            let mut parts = split(path);
            parts.retain(|part| !part.is_empty());
            let changed = set(&mut resource.value, &parts, value, &options)?;
            if changed == 0 {
                return Err(format!("{} has no {path}", resource.kind_and_name()));
            }
        }
    }
    Ok(())
}

/// Splits at dots outside of brackets that no backslash precedes.
fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut bracket = false;
    let mut characters = path.strip_prefix('.').unwrap_or(path).chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&'.') => {
                characters.next();
                part.push('.');
            }
            '.' if !bracket => parts.push(std::mem::take(&mut part)),
            c => {
                if c == '[' && part.is_empty() {
                    bracket = true;
                } else if c == ']' {
                    bracket = false;
                }
                part.push(c);
            }
        }
    }
    parts.push(part);
    let plain = |part: String| match part.strip_prefix('[').and_then(|p| p.strip_suffix(']')) {
        Some(inner) if !inner.contains('=') => inner.to_owned(),
        _ => part,
    };
    parts.into_iter().map(plain).collect()
}

/// Parses a step such as `[name=web]`.
fn matcher(part: &str) -> Option<(&str, &str)> {
    part.strip_prefix('[')?.strip_suffix(']')?.split_once('=')
}

fn lookup<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .filter(|part| !part.is_empty())
        .try_fold(value, |value, part| {
            if let Some((key, text)) = matcher(part) {
                let same = |item: &&Value| {
                    let found = if key.is_empty() {
                        item.text()
                    } else {
                        item.get(key).and_then(Value::text)
                    };
                    found == Some(text)
                };
                return value.items().iter().find(same);
            }
            match value {
                Value::List(items) if part == "-" => items.last(),
                Value::List(items) => items.get(part.parse::<usize>().ok()?),
                value => value.get(part),
            }
        })
}

/// Sets every place that the path matches; returns their number.
fn set(
    target: &mut Value,
    path: &[String],
    value: &Value,
    options: &ReplacementOptions,
) -> Result<usize, String> {
    let Some((first, rest)) = path.split_first() else {
        write(target, value, options)?;
        return Ok(1);
    };
    if let (Value::List(items), Some(test)) = (&mut *target, matcher(first)) {
        return set_matching(
            items,
            first,
            test,
            |item| set(item, rest, value, options),
            options,
        );
    }
    match target {
        Value::List(items) if first == "*" => {
            let mut count = 0;
            for item in items {
                count += set(item, rest, value, options)?;
            }
            Ok(count)
        }
        Value::List(items) => {
            let place = first
                .parse::<usize>()
                .map_err(|_| format!("{first} is not an index"))?;
            match items.get_mut(place) {
                Some(item) => set(item, rest, value, options),
                None => Err(format!("there is no item {place}")),
            }
        }
        Value::Map(_) => {
            if target.get(first).is_none() {
                if !options.create {
                    return Ok(0);
                }
                target.set(first, empty_value(rest.first()));
            }
            match target.get_mut(first) {
                Some(next) => set(next, rest, value, options),
                None => Ok(0),
            }
        }
        Value::Scalar(_) => Ok(0),
    }
}

/// Applies `change` to the items of a list that match `[key=pattern]`; returns the sum of its results.
fn set_matching(
    items: &mut [Value],
    step: &str,
    (key, pattern): (&str, &str),
    mut change: impl FnMut(&mut Value) -> Result<usize, String>,
    options: &ReplacementOptions,
) -> Result<usize, String> {
    let pattern = Regex::new(pattern).map_err(|_| format!("{step} is not a regular expression"))?;
    let mut count = 0;
    for item in items {
        let found = if key.is_empty() {
            item.text()
        } else {
            item.get(key).and_then(Value::text)
        };
        if found.is_some_and(|text| pattern.is_match(text)) {
            count += change(item)?;
        }
    }
    if count == 0 && options.create {
        return Err(format!("creating {step} is not followed here"));
    }
    Ok(count)
}

/// Returns an empty value that fits the next step of a path.
fn empty_value(next: Option<&String>) -> Value {
    match next {
        None => Value::Scalar(Scalar::unplaced("")),
        Some(next) if matcher(next).is_some() || next.parse::<usize>().is_ok() => {
            Value::List(Vec::new())
        }
        Some(_) => Value::Map(Vec::new()),
    }
}

fn write(target: &mut Value, value: &Value, options: &ReplacementOptions) -> Result<(), String> {
    let Some(delimiter) = &options.delimiter else {
        *target = match (&*target, value) {
            (Value::Scalar(_), Value::Scalar(new)) => Value::Scalar(Scalar {
                null: false,
                ..new.clone()
            }),
            (Value::Scalar(_), _) => return Err("a scalar is replaced by a collection".to_owned()),
            _ => value.clone(),
        };
        return Ok(());
    };
    let (Value::Scalar(old), Value::Scalar(new)) = (&*target, value) else {
        return Err("delimiter needs a scalar".to_owned());
    };
    let mut parts = split_scalar(old, delimiter);
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, new.pieces.clone()),
        Ok(index) => match parts.get_mut(index) {
            Some(part) => part.clone_from(&new.pieces),
            None => parts.push(new.pieces.clone()),
        },
    }
    let glue = Piece {
        text: delimiter.clone(),
        mark: None,
        from: 0..0,
    };
    let mut pieces = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            pieces.push(glue.clone());
        }
        pieces.extend(part);
    }
    *target = Value::Scalar(Scalar::joined(pieces));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitops::graph::value::load;

    fn replaced(replacement: &str) -> Result<String, String> {
        let files = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {image: 'q/web:v1', tag: v2}}\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: web, image: 'r/web:v0'}, {name: side, image: x}]}}}}\n";
        let documents = load("f", files).unwrap();
        let mut resources: Vec<_> = documents
            .into_iter()
            .map(|value| BuiltResource::new(value, "f"))
            .collect();
        apply(&mut resources, &load("r", replacement).unwrap().remove(0))?;
        let containers = resources[1]
            .value
            .at(&["spec", "template", "spec", "containers"])
            .unwrap();
        let images = containers
            .items()
            .iter()
            .map(|item| item.get("image").unwrap().text().unwrap().to_owned());
        Ok(images.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn copies_whole_values_and_parts() {
        let path = "spec.template.spec.containers.[name=web].image";
        for (source, target, expected) in [
            (
                "{kind: ConfigMap, fieldPath: data.image}",
                format!("{{select: {{kind: Deployment}}, fieldPaths: ['{path}']}}"),
                "q/web:v1 x",
            ),
            (
                "{kind: ConfigMap, fieldPath: data.tag}",
                format!(
                    "{{select: {{kind: Deployment}}, fieldPaths: ['{path}'], options: {{delimiter: ':', index: 1}}}}"
                ),
                "r/web:v2 x",
            ),
            (
                "{name: c, fieldPath: data.image, options: {delimiter: ':', index: 0}}",
                format!("{{select: {{name: web}}, fieldPaths: ['{path}']}}"),
                "q/web x",
            ),
            (
                "{name: c, fieldPath: data.image}",
                "{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.*.image]}"
                    .to_owned(),
                "q/web:v1 q/web:v1",
            ),
            (
                "{name: c, fieldPath: data.image}",
                "{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.1.image]}"
                    .to_owned(),
                "r/web:v0 q/web:v1",
            ),
        ] {
            let text = format!("{{source: {source}, targets: [{target}]}}");
            assert_eq!(replaced(&text).unwrap(), expected, "{text}");
        }
        let nowhere = "{source: {kind: ConfigMap, fieldPath: data.image}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.x]}]}";
        assert!(replaced(nowhere).is_err());
        let nothing = "{source: {kind: Secret}, targets: [{select: {kind: Deployment}}]}";
        assert!(replaced(nothing).is_err());
    }

    #[test]
    fn splits_paths_as_kustomize_does() {
        assert_eq!(
            split("metadata.annotations.[a.b/c]"),
            ["metadata", "annotations", "a.b/c"]
        );
        assert_eq!(
            split(r"metadata.annotations.a\.b"),
            ["metadata", "annotations", "a.b"]
        );
        assert_eq!(split("c.[name=a.b].image"), ["c", "[name=a.b]", "image"]);
    }
}
