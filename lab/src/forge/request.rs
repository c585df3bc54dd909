//! A request to the API of a Git host: its path, query and members.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Answer;

/// A parsed request to the API.
pub(super) struct ApiRequest<'a> {
    pub(super) method: &'a str,
    pub(super) parts: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Value,
}

impl ApiRequest<'_> {
    /// Refuses members that are not in the list, and a body that lacks one of the first.
    pub(super) fn only(&self, needed: &[&str], others: &[&str]) -> Result<(), Answer> {
        let empty = serde_json::Map::new();
        let members = self.body.as_object().unwrap_or(&empty);
        for name in members.keys() {
            if !needed.contains(&name.as_str()) && !others.contains(&name.as_str()) {
                let text = format!("unknown member {name}");
                return Err((422, json!({"message": text})));
            }
        }
        match needed.iter().find(|name| !members.contains_key(**name)) {
            Some(name) => Err((422, json!({"message": format!("{name} is missing")}))),
            None => Ok(()),
        }
    }

    /// Refuses parameters that are not in the list.
    pub(super) fn only_query(&self, known: &[&str]) -> Result<(), Answer> {
        let unknown = self
            .query
            .keys()
            .find(|name| !known.contains(&name.as_str()));
        match unknown {
            Some(name) => Err((400, json!({"message": format!("unknown parameter {name}")}))),
            None => Ok(()),
        }
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let all = self.body[name].as_array().into_iter().flatten();
        all.filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Returns the segments of the path.
    pub(super) fn path(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }
}

/// Splits a query into its parameters, decoded.
pub(super) fn pairs(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decoded(&name.replace('+', " ")),
                decoded(&value.replace('+', " ")),
            )
        })
        .collect()
}

pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, value) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
