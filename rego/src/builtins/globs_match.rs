//! `regex.globs_match`: tells if two patterns of letters, dots, sets, `*` and `+` may match one text.
//!
//! The search is the one of OPA, so that corner cases have the same result.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use super::operand::{Answer, Failure, give, string};
use crate::value::Value;

/// The letters that one token matches.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LetterSet {
    Letter(char),
    Dot,
    Set(BTreeSet<char>),
}

/// The repetition of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Once,
    Plus,
    Star,
}

#[derive(Debug, Clone)]
struct PatternToken {
    kind: LetterSet,
    flag: Flag,
}

/// The most tokens of a pattern: the search may take exponential time.
const MAX_TOKENS: usize = 2_000;

/// The most steps of a search.
const MAX_STEPS: u32 = 1_000_000;

/// `regex.globs_match(first, second)`: true if a text may match both patterns.
pub(super) fn globs_match(operands: &[Value]) -> Answer {
    let first = tokens(string(operands, 0)?)?;
    let second = tokens(string(operands, 1)?)?;
    let mut search = GlobSearch { steps: 0 };
    let Some((first, second)) = trimmed(&first, &second) else {
        return give(false);
    };
    give(search.normal(first, second)?)
}

fn invalid(input: &str, position: usize, what: &str) -> Failure {
    Failure::new(format!(
        "input:{input}, pos:{position}, {what}: the input provided is invalid"
    ))
}

/// A reader of letters with a position.
struct PatternReader<'a> {
    input: &'a str,
    rest: Peekable<Chars<'a>>,
    at: usize,
}

impl PatternReader<'_> {
    /// Returns the next letter, and `true` if a backslash was before it.
    fn next(&mut self) -> Result<Option<(char, bool)>, Failure> {
        let Some(letter) = self.rest.next() else {
            return Ok(None);
        };
        if letter != '\\' {
            self.at += 1;
            return Ok(Some((letter, false)));
        }
        let escaped = self.rest.next();
        let end = || {
            invalid(
                self.input,
                self.at,
                "input ends with a \\ (escape) character",
            )
        };
        let escaped = escaped.ok_or_else(end)?;
        self.at += 2;
        Ok(Some((escaped, true)))
    }

    fn error(&self, what: &str) -> Failure {
        invalid(self.input, self.at, what)
    }

    fn set(&mut self) -> Result<LetterSet, Failure> {
        let (mut letters, mut before) = (BTreeSet::new(), None);
        loop {
            let Some((letter, escaped)) = self.next()? else {
                return Err(self.error("found [ without matching ]"));
            };
            match (letter, escaped) {
                (']', false) => return Ok(LetterSet::Set(letters)),
                ('-', false) => {
                    let low: char = before.ok_or_else(|| {
                        self.error("range character '-' must be preceded by a Unicode character")
                    })?;
                    let Some((high, escaped)) = self.next()? else {
                        let what = "range character '-' must be followed by a Unicode character";
                        return Err(self.error(what));
                    };
                    if !escaped && (high == ']' || high == '-') {
                        let what = "range character '-' cannot be followed by a special symbol";
                        return Err(self.error(what));
                    }
                    if high < low {
                        return Err(self.error("range is out of order"));
                    }
                    letters.extend(low..=high);
                    before = None;
                }
                (letter, _) => {
                    letters.insert(letter);
                    before = Some(letter);
                }
            }
        }
    }
}

fn tokens(input: &str) -> Result<Vec<PatternToken>, Failure> {
    let mut reader = PatternReader {
        input,
        rest: input.chars().peekable(),
        at: 0,
    };
    let mut tokens: Vec<PatternToken> = Vec::new();
    while let Some((letter, escaped)) = reader.next()? {
        let kind = match (letter, escaped) {
            ('.', false) => LetterSet::Dot,
            ('[', false) => reader.set()?,
            (']', false) => return Err(reader.error("set-close ']' with no preceding '['")),
            ('+' | '*', false) => {
                let what = format!("flag '{letter}' must be preceded by a non-flag");
                return Err(reader.error(&what));
            }
            (letter, _) => LetterSet::Letter(letter),
        };
        let flag = match reader.rest.peek() {
            Some('+') => Flag::Plus,
            Some('*') => Flag::Star,
            _ => Flag::Once,
        };
        if flag != Flag::Once {
            reader.next()?;
        }
        if flag != Flag::Once
            && let Some(last) = tokens.last_mut().filter(|last| last.flag != Flag::Once)
            && last.kind == kind
        {
            if flag == Flag::Plus {
                last.flag = Flag::Plus;
            }
            continue;
        }
        tokens.push(PatternToken { kind, flag });
    }
    if tokens.len() > MAX_TOKENS {
        return Err(Failure::Halt(format!(
            "a pattern of more than {MAX_TOKENS} tokens"
        )));
    }
    Ok(tokens)
}

fn matches(first: &PatternToken, second: &PatternToken) -> bool {
    match (&first.kind, &second.kind) {
        (LetterSet::Dot, _) | (_, LetterSet::Dot) => true,
        (LetterSet::Letter(first), LetterSet::Letter(second)) => first == second,
        (LetterSet::Letter(letter), LetterSet::Set(set))
        | (LetterSet::Set(set), LetterSet::Letter(letter)) => set.contains(letter),
        (LetterSet::Set(first), LetterSet::Set(second)) => {
            first.intersection(second).next().is_some()
        }
    }
}

/// Removes matching tokens at both ends of the patterns but one; `None` when an end differs.
fn trimmed<'a>(
    first: &'a [PatternToken],
    second: &'a [PatternToken],
) -> Option<(&'a [PatternToken], &'a [PatternToken])> {
    let once = |pair: &(&PatternToken, &PatternToken)| {
        pair.0.flag == Flag::Once && pair.1.flag == Flag::Once
    };
    let mut left = 0_usize;
    for pair in first.iter().zip(second).take_while(once) {
        if !matches(pair.0, pair.1) {
            return None;
        }
        left += 1;
    }
    let left = left.saturating_sub(1);
    let (first, second) = (first.get(left..)?, second.get(left..)?);
    let mut right = 0_usize;
    for pair in first.iter().rev().zip(second.iter().rev()).take_while(once) {
        if !matches(pair.0, pair.1) {
            return None;
        }
        right += 1;
    }
    let cut = right.saturating_sub(1);
    Some((
        first.get(..first.len() - cut)?,
        second.get(..second.len() - cut)?,
    ))
}

/// A search with a limit of steps.
struct GlobSearch {
    steps: u32,
}

impl GlobSearch {
    fn step(&mut self) -> Result<(), Failure> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            let text = format!("regex.globs_match: more than {MAX_STEPS} steps");
            return Err(Failure::Halt(text));
        }
        Ok(())
    }

    fn normal(&mut self, first: &[PatternToken], second: &[PatternToken]) -> Result<bool, Failure> {
        let (mut first, mut second) = (first, second);
        loop {
            self.step()?;
            let (Some((a, after_a)), Some((b, after_b))) =
                (first.split_first(), second.split_first())
            else {
                return Ok(first.is_empty() && second.is_empty());
            };
            match (a.flag, b.flag) {
                (Flag::Once, Flag::Once) if !matches(a, b) => return Ok(false),
                (Flag::Once, Flag::Once) => (first, second) = (after_a, after_b),
                (Flag::Plus, _) => return self.plus(a, after_a, second),
                (Flag::Star, _) => return self.star(a, after_a, second),
                (Flag::Once, Flag::Plus) => return self.plus(b, after_b, first),
                (Flag::Once, Flag::Star) => return self.star(b, after_b, first),
            }
        }
    }

    fn plus(
        &mut self,
        token: &PatternToken,
        after: &[PatternToken],
        other: &[PatternToken],
    ) -> Result<bool, Failure> {
        let Some((next, rest)) = other.split_first() else {
            return Ok(false);
        };
        if !matches(token, next) {
            return Ok(false);
        }
        if self.star(token, after, rest)? {
            return Ok(true);
        }
        Ok(next.flag != Flag::Once && self.normal(after, other)?)
    }

    fn star(
        &mut self,
        token: &PatternToken,
        after: &[PatternToken],
        other: &[PatternToken],
    ) -> Result<bool, Failure> {
        let next = after.first();
        for (at, one) in other.iter().enumerate() {
            self.step()?;
            if next.is_some_and(|next| matches(one, next))
                && self.normal(after, other.get(at..).unwrap_or_default())?
            {
                return Ok(true);
            }
            if !matches(one, token) {
                return Ok(false);
            }
        }
        Ok(next.is_none())
    }
}
