//! Makes documents from the shapes with a fixed seed: valid ones, and hostile ones by changes to these.

use serde_json::Value;

use super::super::{BUNDLE, ENVELOPE, IMAGE_CONFIG, MANIFEST, PAYLOAD, SNAPSHOT, STATEMENT, Shape};

/// The shapes of whole documents, with names.
pub(crate) const SHAPES: &[(&str, Shape)] = &[
    ("manifest", MANIFEST),
    ("config", IMAGE_CONFIG),
    ("envelope", ENVELOPE),
    ("statement", STATEMENT),
    ("payload", PAYLOAD),
    ("bundle", BUNDLE),
    ("snapshot", SNAPSHOT),
];

/// A document before serialisation: an object may have a key twice.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    Null,
    Flag(bool),
    Whole(i64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Raw {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Flag(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Text(value) => Value::String(value.clone()).to_string(),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::text).collect();
                format!("[{}]", values.join(","))
            }
            Self::Object(members) => {
                let member = |(key, value): &(String, Self)| {
                    format!("{}:{}", Value::String(key.clone()), value.text())
                };
                let members: Vec<_> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

/// A pseudo-random generator (xorshift) with a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    pub(crate) fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Makes a document that any writer may produce: nulls, unknown members, labels that differ in case.
    pub(crate) fn honest(&mut self, shape: &Shape) -> Raw {
        self.value(shape, 0)
    }

    fn value(&mut self, shape: &Shape, depth: usize) -> Raw {
        if depth > 0 && self.one_in(8) {
            return Raw::Null;
        }
        match shape {
            Shape::Any => self.any(depth),
            Shape::Text => Raw::Text(self.word()),
            Shape::Flag => Raw::Flag(self.one_in(2)),
            Shape::Whole => Raw::Whole(self.next().cast_signed() >> 20),
            Shape::List(of) => {
                let count = self.below(4);
                Raw::List((0..count).map(|_| self.value(of, depth + 1)).collect())
            }
            Shape::Map(of) => {
                let keys = [
                    "app", "App", "APP", "K", "k", "\u{212a}", "os", "OS", "x.y/z",
                ];
                let keys = keys.into_iter().filter(|_| self.one_in(3));
                let keys: Vec<_> = keys.collect();
                let members = keys.into_iter();
                let members = members.map(|key| (key.to_owned(), self.value(of, depth + 1)));
                Raw::Object(members.collect())
            }
            Shape::Object(known) => {
                let mut members = Vec::new();
                for (name, shape) in *known {
                    if self.one_in(2) {
                        members.push(((*name).to_owned(), self.value(shape, depth + 1)));
                    }
                }
                if self.one_in(3) {
                    let at = self.below(members.len() + 1);
                    let more = self.any(depth + 1);
                    members.insert(at, ("x-more".to_owned(), more));
                }
                Raw::Object(members)
            }
        }
    }

    fn any(&mut self, depth: usize) -> Raw {
        match self.below(if depth > 4 { 4 } else { 6 }) {
            0 => Raw::Null,
            1 => Raw::Flag(true),
            2 => Raw::Whole(7),
            3 => Raw::Text(self.word()),
            4 => Raw::List(vec![self.any(depth + 1)]),
            _ => Raw::Object(vec![
                ("Name".to_owned(), self.any(depth + 1)),
                ("name".to_owned(), self.any(depth + 1)),
            ]),
        }
    }

    fn word(&mut self) -> String {
        let words = [
            "",
            "a",
            "sha256:00",
            "k\u{e9}y \"1\"",
            "linux",
            "\u{2028}",
            "b",
        ];
        (*self.choose(&words)).to_owned()
    }

    /// Makes a document with one to three changes that readers treat differently.
    pub(crate) fn hostile(&mut self, shape: &Shape) -> Raw {
        let mut raw = self.honest(shape);
        for _ in 0..=self.below(3) {
            self.change(&mut raw);
        }
        raw
    }

    /// Changes the value, or one below it.
    fn change(&mut self, raw: &mut Raw) {
        match raw {
            Raw::Object(members) if !members.is_empty() => {
                let at = self.below(members.len());
                if self.one_in(2) {
                    return self.change(&mut members[at].1);
                }
                let (key, value) = members[at].clone();
                let other = self.any(0);
                match self.below(5) {
                    0 => members.push((key, other)),
                    1 => members.insert(0, (key, other)),
                    2 => members[at].0 = self.folded(&key),
                    3 => members.push((self.folded(&key), other)),
                    _ => {
                        let values = members.iter().map(|(_, value)| value.clone());
                        *raw = Raw::List(values.collect());
                        drop(value);
                    }
                }
            }
            Raw::List(values) if !values.is_empty() && self.one_in(2) => {
                let at = self.below(values.len());
                self.change(&mut values[at]);
            }
            Raw::List(values) => {
                let values = values.iter().enumerate();
                let members = values.map(|(at, value)| (at.to_string(), value.clone()));
                *raw = Raw::Object(members.collect());
            }
            other => {
                let keep = other.clone();
                *other = if self.one_in(2) {
                    Raw::List(vec![keep])
                } else {
                    self.any(0)
                };
            }
        }
    }

    /// Returns the key in another case, or with the letters outside ASCII that fold onto k and s.
    fn folded(&mut self, key: &str) -> String {
        let change = |c: char| match (self.below(3), c) {
            (0, 'k' | 'K') => '\u{212a}',
            (0, 's' | 'S') => '\u{17f}',
            (1, c) if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
            (1, c) => c.to_ascii_lowercase(),
            (_, c) => c,
        };
        key.chars().map(change).collect()
    }
}
