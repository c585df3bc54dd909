//! `json.remove` and `json.filter`: paths with or without a leading slash, or as arrays.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

/// `json.remove(object, paths)`.
pub(super) fn remove(arguments: &[Value]) -> Value {
    let [object @ Value::Object(_), paths] = arguments else {
        return Value::Undefined;
    };
    let Some(paths) = all_segments(paths) else {
        return Value::Undefined;
    };
    paths
        .iter()
        .fold(object.clone(), |value, path| without(&value, path))
}

/// `json.filter(object, paths)`.
pub(super) fn filter(arguments: &[Value]) -> Value {
    let [object @ Value::Object(_), paths] = arguments else {
        return Value::Undefined;
    };
    match all_segments(paths) {
        Some(paths) => {
            let paths: Vec<&[Value]> = paths.iter().map(Vec::as_slice).collect();
            only(object, &paths)
        }
        None => Value::Undefined,
    }
}

/// The paths of an array or a set, each as its segments.
fn all_segments(paths: &Value) -> Option<Vec<Vec<Value>>> {
    match paths {
        Value::Array(paths) => paths.iter().map(segments).collect(),
        Value::Set(paths) => paths.iter().map(segments).collect(),
        _ => None,
    }
}

fn segments(path: &Value) -> Option<Vec<Value>> {
    match path {
        Value::String(text) => {
            let text = text.trim_start_matches('/');
            let unescape = |part: &str| Value::from(part.replace("~1", "/").replace("~0", "~"));
            Some(match text {
                "" => Vec::new(),
                _ => text.split('/').map(unescape).collect(),
            })
        }
        Value::Array(parts) => Some(parts.iter().cloned().collect()),
        _ => None,
    }
}

/// Whether a segment names the element of an array.
fn is_index(segment: &Value, index: usize) -> bool {
    match segment {
        Value::String(text) => text.parse() == Ok(index),
        number => number.as_u64().ok() == u64::try_from(index).ok(),
    }
}

/// The value without what stands at the path.
fn without(value: &Value, path: &[Value]) -> Value {
    let Some((first, rest)) = path.split_first() else {
        return value.clone();
    };
    let keep = |found: &Value, here: bool| match (here, rest.is_empty()) {
        (false, _) => Some(found.clone()),
        (true, true) => None,
        (true, false) => Some(without(found, rest)),
    };
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let kept =
                members.filter_map(|(key, found)| Some((key.clone(), keep(found, key == first)?)));
            Value::from(kept.collect::<BTreeMap<_, _>>())
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let kept = items.filter_map(|(index, found)| keep(found, is_index(first, index)));
            Value::from(kept.collect::<Vec<_>>())
        }
        Value::Set(items) => {
            let kept = items.iter().filter_map(|found| keep(found, found == first));
            Value::from(kept.collect::<BTreeSet<_>>())
        }
        other => other.clone(),
    }
}

/// The value with only what stands at one of the paths.
fn only(value: &Value, paths: &[&[Value]]) -> Value {
    if paths.iter().any(|path| path.is_empty()) {
        return value.clone();
    }
    let below = |matches: &dyn Fn(&Value) -> bool| -> Vec<&[Value]> {
        let steps = paths.iter().filter_map(|path| path.split_first());
        steps
            .filter(|(first, _)| matches(first))
            .map(|(_, rest)| rest)
            .collect()
    };
    let keep = |found: &Value, matches: &dyn Fn(&Value) -> bool| {
        let rest = below(matches);
        (!rest.is_empty()).then(|| only(found, &rest))
    };
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let kept = members.filter_map(|(key, found)| {
                Some((key.clone(), keep(found, &|first| first == key)?))
            });
            Value::from(kept.collect::<BTreeMap<_, _>>())
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let kept = items.filter_map(|(at, found)| keep(found, &|first| is_index(first, at)));
            Value::from(kept.collect::<Vec<_>>())
        }
        Value::Set(items) => {
            let kept = items
                .iter()
                .filter_map(|found| keep(found, &|first| first == found));
            Value::from(kept.collect::<BTreeSet<_>>())
        }
        other => other.clone(),
    }
}
