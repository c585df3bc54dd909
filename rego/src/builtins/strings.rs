//! Strings: searching, cutting, trimming and changing, in letters as Go counts them.

use num_bigint::BigInt;

use super::operand::{
    Answer, Failure, elements, give, integer, number, object, string, strings, value,
};
use crate::value::Value;

/// `concat(joint, parts)`: joins the strings of an array or a set.
pub(super) fn concat(operands: &[Value]) -> Answer {
    let joint = string(operands, 0)?;
    let parts = elements(operands, 1, &["set", "array"])?;
    if let [one @ Value::String(_)] = parts {
        return give(one.clone());
    }
    let parts = strings(operands, 1, &["set", "array"])?;
    give(parts.join(joint))
}

pub(super) fn contains(operands: &[Value]) -> Answer {
    give(string(operands, 0)?.contains(string(operands, 1)?))
}

pub(super) fn starts_with(operands: &[Value]) -> Answer {
    give(string(operands, 0)?.starts_with(string(operands, 1)?))
}

pub(super) fn ends_with(operands: &[Value]) -> Answer {
    give(string(operands, 0)?.ends_with(string(operands, 1)?))
}

/// The texts of an operand: itself, or those in it.
fn texts(operands: &[Value], at: usize) -> Result<Vec<&str>, Failure> {
    match value(operands, at) {
        Value::String(text) => Ok(vec![text]),
        _ => strings(operands, at, &["string", "set", "array"]),
    }
}

/// `strings.any_prefix_match(texts, beginnings)`: each operand is a string, an array or a set.
pub(super) fn any_prefix_match(operands: &[Value]) -> Answer {
    let (all, parts) = (texts(operands, 0)?, texts(operands, 1)?);
    give(
        all.iter()
            .any(|text| parts.iter().any(|part| text.starts_with(part))),
    )
}

/// `strings.any_suffix_match(texts, ends)`: each operand is a string, an array or a set.
pub(super) fn any_suffix_match(operands: &[Value]) -> Answer {
    let (all, parts) = (texts(operands, 0)?, texts(operands, 1)?);
    give(
        all.iter()
            .any(|text| parts.iter().any(|part| text.ends_with(part))),
    )
}

/// `format_int(number, base)`: towards zero, in base 2, 8, 10 or 16.
pub(super) fn format_int(operands: &[Value]) -> Answer {
    let given = number(operands, 0)?;
    let base = match number(operands, 1)?.to_string().as_str() {
        "2" => 2,
        "8" => 8,
        "10" => 10,
        "16" => 16,
        _ => return Err(Failure::at(2, "must be one of {2, 8, 10, 16}")),
    };
    // Only what is written as an integer is exact.
    let written = given.to_string().parse::<BigInt>();
    let whole = written.unwrap_or_else(|_| given.truncated());
    give(whole.to_str_radix(base))
}

fn no_search() -> Failure {
    Failure::new("empty search character")
}

/// `indexof(text, part)`: in letters, -1 when it is not there.
pub(super) fn index_of(operands: &[Value]) -> Answer {
    let (text, part) = (string(operands, 0)?, string(operands, 1)?);
    if part.is_empty() {
        return Err(no_search());
    }
    let before = text.find(part).and_then(|at| text.get(..at));
    match before {
        Some(before) => give(before.chars().count()),
        None => give(-1_i64),
    }
}

/// `indexof_n(text, part)`: all places, also those that overlap.
pub(super) fn index_of_n(operands: &[Value]) -> Answer {
    let (text, part) = (string(operands, 0)?, string(operands, 1)?);
    if part.is_empty() {
        return Err(no_search());
    }
    let places = text.char_indices().enumerate();
    let found =
        places.filter(|(_, (at, _))| text.get(*at..).is_some_and(|rest| rest.starts_with(part)));
    give(Value::array(
        found.map(|(letter, _)| Value::from(letter)).collect(),
    ))
}

/// `substring(text, start, length)`: in letters, to the end when the length is negative.
pub(super) fn substring(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    let (start, length) = (integer(operands, 1)?, integer(operands, 2)?);
    let Ok(start) = usize::try_from(start) else {
        return Err(Failure::new("negative offset"));
    };
    let place = |letters: usize, text: &str| {
        if text.is_ascii() {
            letters.min(text.len())
        } else {
            text.char_indices()
                .nth(letters)
                .map_or(text.len(), |(at, _)| at)
        }
    };
    let rest = text.get(place(start, text)..).unwrap_or_default();
    let part = match usize::try_from(length) {
        Ok(length) => rest.get(..place(length, rest)).unwrap_or_default(),
        Err(_) => rest,
    };
    if part.len() == text.len() {
        return give(value(operands, 0).clone());
    }
    give(part)
}

/// `strings.count(text, part)`: those that do not overlap; an empty part is between all letters.
pub(super) fn count(operands: &[Value]) -> Answer {
    give(string(operands, 0)?.matches(string(operands, 1)?).count())
}

/// Gives the operand itself when nothing changed.
fn changed(operands: &[Value], change: impl FnOnce(&str) -> &str) -> Answer {
    let text = string(operands, 0)?;
    let new = change(text);
    if new.len() == text.len() {
        give(value(operands, 0).clone())
    } else {
        give(new)
    }
}

/// `lower(text)`: each letter becomes one letter, as in Go.
pub(super) fn lower(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    if text.is_ascii() {
        return give(text.to_ascii_lowercase());
    }
    let one = |c: char| c.to_lowercase().next().unwrap_or(c);
    give(text.chars().map(one).collect::<String>())
}

/// `upper(text)`: each letter becomes one letter, as in Go.
pub(super) fn upper(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    if text.is_ascii() {
        return give(text.to_ascii_uppercase());
    }
    let one = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => c,
        }
    };
    give(text.chars().map(one).collect::<String>())
}

/// The parts between delimiters; between all letters when there is none.
fn parts<'a>(text: &'a str, delimiter: &str) -> Vec<&'a str> {
    if !delimiter.is_empty() {
        return text.split(delimiter).collect();
    }
    let mut ends: Vec<_> = text.char_indices().map(|(at, _)| at).skip(1).collect();
    ends.push(text.len());
    let mut start = 0;
    let cut = ends.into_iter().filter_map(|end| {
        let part = text.get(start..end);
        start = end;
        part
    });
    cut.filter(|part| !part.is_empty()).collect()
}

/// `split(text, delimiter)`: all letters for an empty delimiter.
pub(super) fn split(operands: &[Value]) -> Answer {
    let (text, delimiter) = (string(operands, 0)?, string(operands, 1)?);
    if !text.contains(delimiter) {
        return give(Value::array(vec![value(operands, 0).clone()]));
    }
    give(Value::array(
        parts(text, delimiter)
            .into_iter()
            .map(Value::from)
            .collect(),
    ))
}

/// `strings.split_n(text, delimiter, n)`: the first n parts, or the last when n is negative.
pub(super) fn split_n(operands: &[Value]) -> Answer {
    let (text, delimiter) = (string(operands, 0)?, string(operands, 1)?);
    let count = integer(operands, 2)?;
    let parts = parts(text, delimiter);
    let size = usize::try_from(count.unsigned_abs())
        .unwrap_or(usize::MAX)
        .min(parts.len());
    let (first, last) = if count >= 0 {
        (0, size)
    } else {
        (parts.len() - size, parts.len())
    };
    let kept = parts.get(first..last).unwrap_or_default();
    give(Value::array(
        kept.iter().map(|part| Value::from(*part)).collect(),
    ))
}

/// `replace(text, old, new)`: an empty `old` is found around each letter.
pub(super) fn replace(operands: &[Value]) -> Answer {
    let (text, old, new) = (
        string(operands, 0)?,
        string(operands, 1)?,
        string(operands, 2)?,
    );
    if !old.is_empty() && !text.contains(old) {
        return give(value(operands, 0).clone());
    }
    give(text.replace(old, new))
}

/// `strings.replace_n(pairs, text)`: in one pass, so that what was put in is not replaced again.
pub(super) fn replace_n(operands: &[Value]) -> Answer {
    let pairs = object(operands, 0)?;
    let text = string(operands, 1)?;
    let mut known = Vec::with_capacity(pairs.len());
    for (old, new) in pairs.iter() {
        let old = old.as_str();
        let old = old.ok_or_else(|| Failure::at(1, "non-string key found in pattern object"))?;
        let new = new.as_str();
        let new = new.ok_or_else(|| Failure::at(1, "non-string value found in pattern object"))?;
        known.push((old, new));
    }
    let (mut out, mut rest, mut empty) = (String::with_capacity(text.len()), text, false);
    loop {
        let fits = |old: &str| rest.starts_with(old) && !(old.is_empty() && empty);
        if let Some((old, new)) = known.iter().find(|(old, _)| fits(old)) {
            out.push_str(new);
            empty = old.is_empty();
            rest = rest.get(old.len()..).unwrap_or_default();
            continue;
        }
        empty = false;
        let mut letters = rest.chars();
        let Some(letter) = letters.next() else { break };
        out.push(letter);
        rest = letters.as_str();
    }
    give(out)
}

/// `strings.reverse(text)`: letter by letter, not byte by byte.
pub(super) fn reverse(operands: &[Value]) -> Answer {
    give(string(operands, 0)?.chars().rev().collect::<String>())
}

/// `trim(text, letters)`: removes any of the letters from both ends.
pub(super) fn trim(operands: &[Value]) -> Answer {
    let cut = string(operands, 1)?;
    changed(operands, |text| text.trim_matches(|c| cut.contains(c)))
}

pub(super) fn trim_left(operands: &[Value]) -> Answer {
    let cut = string(operands, 1)?;
    changed(operands, |text| {
        text.trim_start_matches(|c| cut.contains(c))
    })
}

pub(super) fn trim_right(operands: &[Value]) -> Answer {
    let cut = string(operands, 1)?;
    changed(operands, |text| text.trim_end_matches(|c| cut.contains(c)))
}

pub(super) fn trim_prefix(operands: &[Value]) -> Answer {
    let cut = string(operands, 1)?;
    changed(operands, |text| text.strip_prefix(cut).unwrap_or(text))
}

pub(super) fn trim_suffix(operands: &[Value]) -> Answer {
    let cut = string(operands, 1)?;
    changed(operands, |text| text.strip_suffix(cut).unwrap_or(text))
}

/// `trim_space(text)`: removes white space from both ends.
pub(super) fn trim_space(operands: &[Value]) -> Answer {
    changed(operands, str::trim)
}
