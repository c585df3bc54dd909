//! A result of a rule or of a built-in check, as reports show it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{metadata::Metadata, rego::RulePlace};

/// The message of a passed check.
pub(crate) const PASS: &str = "Pass";

/// The members of the metadata in every report; `--info` adds the others.
const ALWAYS: [&str; 3] = ["code", "effective_on", "term"];

/// A message with its metadata: `code`, `term`, `effective_on`, `title`, `description` …
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuleFinding {
    pub(crate) msg: String,
    /// Further members of the result and its rule.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
    /// Where the rule of the result starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<RulePlace>,
}

impl RuleFinding {
    /// Makes a finding with the code of a built-in check or a rule.
    pub(crate) fn new(code: &str, msg: impl Into<String>) -> Self {
        let metadata = Metadata::from_iter([("code".to_owned(), Value::from(code))]);
        Self {
            msg: msg.into(),
            metadata,
            location: None,
        }
    }

    /// Adds a member of the metadata.
    #[must_use]
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(member.to_owned(), value.into());
        self
    }

    /// Returns a member of the metadata if it is a text.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.metadata.get(member).and_then(Value::as_str)
    }

    /// Returns the code, if the result has one that is not empty.
    pub(crate) fn code(&self) -> Option<&str> {
        self.text("code").filter(|code| !code.is_empty())
    }

    /// Returns the texts of a member that is one text or a list of texts.
    pub(crate) fn list(&self, member: &str) -> Vec<String> {
        match self.metadata.get(member) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many
                .iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the terms of the result.
    pub(crate) fn terms(&self) -> Vec<String> {
        self.list("term")
    }

    /// Returns the finding as reports without `--info` show it.
    pub(crate) fn brief(&self) -> Self {
        let metadata = self.metadata.iter();
        let metadata = metadata.filter(|(member, _)| ALWAYS.contains(&member.as_str()));
        Self {
            msg: self.msg.clone(),
            metadata: metadata
                .map(|(member, value)| (member.clone(), value.clone()))
                .collect(),
            location: self.location.clone(),
        }
    }

    /// Returns the finding without the place of its rule.
    pub(crate) fn unplaced(mut self) -> Self {
        self.location = None;
        self
    }

    /// Returns the sort key of reports: code, first term and message.
    pub(crate) fn order(&self) -> (String, String, String) {
        let term = self.terms().into_iter().next().unwrap_or_default();
        (
            self.code().unwrap_or_default().to_owned(),
            term,
            self.msg.clone(),
        )
    }
}
