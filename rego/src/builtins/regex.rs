//! Regular expressions with the syntax and the meaning of Go's `regexp` (RE2).
//!
//! A pattern is rewritten for the `regex` crate: there `\d`, `\s`, `\w` and `\b` would mean all of
//! Unicode, so that a rule which demands `^\w+$` would accept more than its author meant; sets have
//! operations there, and a repetition may be repeated.

mod template;
mod translate;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::{Captures, Regex, RegexBuilder};

pub(super) use template::template_match;

use super::operand::{Answer, Failure, give, integer, string, value};
use crate::value::Value;

/// Number of compiled expressions that are cached.
const KEPT: usize = 512;
/// The largest compiled expression, in bytes.
const MAX_SIZE: usize = 32 << 20;

/// Compiled expressions by their text; none for text that does not compile.
type Compiled = HashMap<Box<str>, Option<Arc<Regex>>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

/// Returns the compiled pattern, or `None`. It is shared: a clone would fill a cache of its own.
pub(super) fn compiled(pattern: &str) -> Option<Arc<Regex>> {
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

fn expression(pattern: &str) -> Result<Arc<Regex>, Failure> {
    let found = compiled(pattern);
    found.ok_or_else(|| Failure::new(format!("error parsing regexp: `{pattern}`")))
}

/// `regex.is_valid(pattern)`: false for other values than strings.
pub(super) fn is_valid(operands: &[Value]) -> Answer {
    give(
        value(operands, 0)
            .as_str()
            .is_some_and(|pattern| compiled(pattern).is_some()),
    )
}

/// `regex.match(pattern, text)`: true if the pattern matches somewhere in the text.
pub(super) fn matches(operands: &[Value]) -> Answer {
    let (pattern, text) = (string(operands, 0)?, string(operands, 1)?);
    give(expression(pattern)?.is_match(text))
}

/// Returns the expression, the text and the limit of matches; a negative operand means all.
fn limited(operands: &[Value]) -> Result<(Arc<Regex>, &str, usize), Failure> {
    let (pattern, text) = (string(operands, 0)?, string(operands, 1)?);
    let count = usize::try_from(integer(operands, 2)?).unwrap_or(usize::MAX);
    Ok((expression(pattern)?, text, count))
}

/// `regex.find_n(pattern, text, count)`: the first matches, all for a negative count.
pub(super) fn find_n(operands: &[Value]) -> Answer {
    let (regex, text, count) = limited(operands)?;
    let found = regex.find_iter(text).take(count);
    give(Value::array(
        found.map(|found| Value::from(found.as_str())).collect(),
    ))
}

/// `regex.find_all_string_submatch_n(pattern, text, count)`: each match with its groups.
pub(super) fn find_all_string_submatch_n(operands: &[Value]) -> Answer {
    let (regex, text, count) = limited(operands)?;
    let groups = |captures: Captures<'_>| {
        let groups = captures.iter();
        let groups = groups.map(|group| Value::from(group.map_or("", |group| group.as_str())));
        Value::array(groups.collect())
    };
    let found = regex.captures_iter(text).take(count).map(groups);
    give(Value::array(found.collect()))
}

/// `regex.replace(text, pattern, template)`: `$1` and `${name}` in the template are groups.
pub(super) fn replace(operands: &[Value]) -> Answer {
    let (text, pattern, template) = (
        string(operands, 0)?,
        string(operands, 1)?,
        string(operands, 2)?,
    );
    give(
        expression(pattern)?
            .replace_all(text, template)
            .into_owned(),
    )
}

/// `regex.split(pattern, text)`: an empty match at an end adds nothing.
pub(super) fn split(operands: &[Value]) -> Answer {
    let (pattern, text) = (string(operands, 0)?, string(operands, 1)?);
    let regex = expression(pattern)?;
    if !pattern.is_empty() && text.is_empty() {
        return give(Value::array(vec![Value::from("")]));
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
    give(Value::array(parts))
}
