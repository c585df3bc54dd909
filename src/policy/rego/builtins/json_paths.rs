//! `json.remove` and `json.filter`: paths with or without a leading slash, or as arrays.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

/// `json.remove(object, paths)`: all paths are those of the object as it was given.
pub(super) fn remove(arguments: &[Value]) -> Value {
    let [object @ Value::Object(_), paths] = arguments else {
        return Value::Undefined;
    };
    match all_segments(paths) {
        Some(paths) => without(object, &slices(&paths)),
        None => Value::Undefined,
    }
}

/// `json.filter(object, paths)`.
pub(super) fn filter(arguments: &[Value]) -> Value {
    let [object @ Value::Object(_), paths] = arguments else {
        return Value::Undefined;
    };
    match all_segments(paths) {
        Some(paths) => only(object, &slices(&paths)),
        None => Value::Undefined,
    }
}

/// A path that names nothing is none.
fn slices(paths: &[Vec<Value>]) -> Vec<&[Value]> {
    let paths = paths.iter().map(Vec::as_slice);
    paths.filter(|path| !path.is_empty()).collect()
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

/// Whether a segment names the element of an array: only a text does.
fn is_index(segment: &Value, index: usize) -> bool {
    matches!(segment, Value::String(text) if **text == *index.to_string())
}

/// What the paths that lead through a member say of what is below it.
fn below<'p>(paths: &[&'p [Value]], leads: &dyn Fn(&Value) -> bool) -> Vec<&'p [Value]> {
    let steps = paths.iter().filter_map(|path| path.split_first());
    let steps = steps.filter(|(first, _)| leads(first));
    steps.map(|(_, rest)| rest).collect()
}

/// The value without what stands at the paths.
fn without(value: &Value, paths: &[&[Value]]) -> Value {
    let keep = |found: &Value, leads: &dyn Fn(&Value) -> bool| {
        let rest = below(paths, leads);
        if rest.is_empty() {
            Some(found.clone())
        } else if rest.iter().any(|path| path.is_empty()) {
            None
        } else {
            Some(without(found, &rest))
        }
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
            let items = items.iter();
            let kept = items.filter_map(|found| keep(found, &|first| first == found));
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
    let keep = |found: &Value, leads: &dyn Fn(&Value) -> bool| {
        let rest = below(paths, leads);
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
