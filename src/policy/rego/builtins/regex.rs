//! Regular expressions with the syntax and the meaning of Go's `regexp` (RE2).
//!
//! A pattern is rewritten for the engine below: there `\d`, `\s`, `\w` and `\b` would mean all of
//! Unicode, so that a rule which demands `^\w+$` would accept more than its author meant; sets know
//! operations there, and a repetition may be repeated.

mod translate;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use regex::{Captures, Regex, RegexBuilder};
use regorus::Value;

/// How many compiled expressions are kept.
const KEPT: usize = 512;
/// The most that one compiled expression may take, in bytes.
const MAX_SIZE: usize = 32 << 20;

/// Compiled expressions by their text; none for what is no expression.
type Compiled = HashMap<Box<str>, Option<Arc<Regex>>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

/// The expression of a pattern. It is shared: a clone would have to warm up its own memory.
fn compiled(pattern: &str) -> Option<Arc<Regex>> {
    let kept = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = kept().get(pattern) {
        return found.clone();
    }
    let translated = translate::from_go(pattern);
    let built = translated.and_then(|text| {
        let mut builder = RegexBuilder::new(&text);
        builder.size_limit(MAX_SIZE).build().ok()
    });
    let built = built.map(Arc::new);
    let mut kept = kept();
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(pattern.into(), built.clone());
    built
}

/// `regex.is_valid(pattern)`.
pub(super) fn is_valid(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(pattern)] => Value::from(compiled(pattern).is_some()),
        _ => Value::from(false),
    }
}

/// `regex.match(pattern, text)`.
pub(super) fn matches(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(pattern), Value::String(text)] => {
            compiled(pattern).map_or(Value::Undefined, |regex| Value::from(regex.is_match(text)))
        }
        _ => Value::Undefined,
    }
}

/// The expression, the text and how many matches are asked for.
fn limited(arguments: &[Value]) -> Option<(Arc<Regex>, &str, usize)> {
    let [Value::String(pattern), Value::String(text), count] = arguments else {
        return None;
    };
    let count = count.as_i64().ok()?;
    // A negative number asks for all.
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    Some((compiled(pattern)?, text.as_ref(), count))
}

/// `regex.find_n(pattern, text, count)`.
pub(super) fn find_n(arguments: &[Value]) -> Value {
    let Some((regex, text, count)) = limited(arguments) else {
        return Value::Undefined;
    };
    let found = regex.find_iter(text).take(count);
    Value::from(
        found
            .map(|found| Value::from(found.as_str()))
            .collect::<Vec<_>>(),
    )
}

/// `regex.find_all_string_submatch_n(pattern, text, count)`.
pub(super) fn find_all_string_submatch_n(arguments: &[Value]) -> Value {
    let Some((regex, text, count)) = limited(arguments) else {
        return Value::Undefined;
    };
    let groups = |captures: Captures<'_>| {
        let groups = captures.iter();
        let groups = groups.map(|group| Value::from(group.map_or("", |group| group.as_str())));
        Value::from(groups.collect::<Vec<_>>())
    };
    let found = regex.captures_iter(text).take(count).map(groups);
    Value::from(found.collect::<Vec<_>>())
}

/// `regex.replace(text, pattern, template)`.
pub(super) fn replace(arguments: &[Value]) -> Value {
    let [
        Value::String(text),
        Value::String(pattern),
        Value::String(template),
    ] = arguments
    else {
        return Value::Undefined;
    };
    compiled(pattern).map_or(Value::Undefined, |regex| {
        Value::from(regex.replace_all(text, template.as_ref()).into_owned())
    })
}

/// `regex.split(pattern, text)`: what an empty match at an end leaves there is no part.
pub(super) fn split(arguments: &[Value]) -> Value {
    let [Value::String(pattern), Value::String(text)] = arguments else {
        return Value::Undefined;
    };
    let Some(regex) = compiled(pattern) else {
        return Value::Undefined;
    };
    if !pattern.is_empty() && text.is_empty() {
        return Value::from(vec![Value::from("")]);
    }
    let (mut parts, mut start, mut end) = (Vec::new(), 0, 0);
    for found in regex.find_iter(text) {
        end = found.start();
        if found.end() != 0 {
            parts.push(Value::from(text.get(start..end).unwrap_or_default()));
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(Value::from(text.get(start..).unwrap_or_default()));
    }
    Value::from(parts)
}
