//! Semantic versions as Open Policy Agent reads them: one leading `v`, and zeros before numbers, are accepted.

use std::cmp::Ordering;

use super::operand::{Answer, Failure, give, string, value};
use crate::value::Value;

/// The three numbers and what is after the minus.
type Version<'a> = ([i64; 3], &'a str);

/// `semver.is_valid(text)`: false for other values than strings.
pub(super) fn is_valid(operands: &[Value]) -> Answer {
    give(
        value(operands, 0)
            .as_str()
            .is_some_and(|text| parse(text).is_some()),
    )
}

/// `semver.compare(a, b)`: -1, 0 or 1; fails for texts that are not versions.
pub(super) fn compare(operands: &[Value]) -> Answer {
    let (first, second) = (string(operands, 0)?, string(operands, 1)?);
    let read = |text, at: usize| {
        let text = format!("operand {at}: string {text} is not a valid SemVer");
        Failure::new(text)
    };
    let first_read = parse(first).ok_or_else(|| read(value(operands, 0), 1))?;
    let second_read = parse(second).ok_or_else(|| read(value(operands, 1), 2))?;
    let order = first_read.0.cmp(&second_read.0);
    give(order.then_with(|| by_release(first_read.1, second_read.1)) as i64)
}

fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text.split_once('+').unwrap_or((text, ""));
    let (numbers, release) = text.split_once('-').unwrap_or((text, ""));
    let is_name = |name: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !name.is_empty() && name.bytes().all(allowed)
    };
    let is_list = |list: &str| list.is_empty() || list.split('.').all(is_name);
    if !is_list(release) || !is_list(build) {
        return None;
    }
    let number = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let numbers: Option<Vec<i64>> = numbers.split('.').map(number).collect();
    Some((numbers?.try_into().ok()?, release))
}

/// A release comes after its candidates; numbers come before names, fewer parts before more.
fn by_release(first: &str, second: &str) -> Ordering {
    match (first.is_empty(), second.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let number = |part: &str| {
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.trim_start_matches('0').to_owned())
    };
    let parts = first.split('.').zip(second.split('.'));
    let orders = parts.map(|(a, b)| match (number(a), number(b)) {
        (Some(a), Some(b)) => a.len().cmp(&b.len()).then(a.cmp(&b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    });
    let count = |list: &str| list.split('.').count();
    let differs = |order: &Ordering| *order != Ordering::Equal;
    let found = orders.into_iter().find(differs);
    found.unwrap_or_else(|| count(first).cmp(&count(second)))
}
