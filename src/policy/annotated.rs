//! Reads the annotations of a rule that reports show: title, description, collections, dates.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::{Captures, Regex};
use serde_json::Value;

use super::rego::Rule;

/// The annotations of a rule with a code.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Annotated {
    /// `package.short_name`.
    pub(crate) code: String,
    pub(crate) package: String,
    /// The annotated members, as results show them.
    pub(crate) metadata: BTreeMap<String, Value>,
    /// The collections of the rule.
    pub(crate) collections: Vec<String>,
    /// The pipelines for which the rule is intended.
    pub(crate) pipeline_intention: Vec<String>,
}

impl Annotated {
    /// Reads a rule's annotations; `None` without a short name.
    pub(crate) fn of(rule: &Rule) -> Option<Self> {
        let code = rule.code()?;
        let owned =
            |list: Vec<&str>| -> Vec<String> { list.into_iter().map(str::to_owned).collect() };
        let collections = owned(rule.list("collections"));
        let depends_on = owned(rule.list("depends_on"));
        let text = |member| rule.custom(member).and_then(Value::as_str);
        let mut metadata = BTreeMap::new();
        let mut add = |member: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                metadata.insert(member.to_owned(), Value::from(value));
            }
        };
        add("title", rule.title().map(str::to_owned));
        add("description", rule.description().map(without_links));
        add("solution", text("solution").map(with_addresses));
        add("effective_on", text("effective_on").map(as_moment));
        for (member, list) in [("collections", &collections), ("depends_on", &depends_on)] {
            if !list.is_empty() {
                metadata.insert(member.to_owned(), Value::from(list.clone()));
            }
        }
        Some(Self {
            package: rule.package.clone(),
            pipeline_intention: owned(rule.list("pipeline_intention")),
            code,
            metadata,
            collections,
        })
    }
}

/// Matches AsciiDoc's cross references: to a section of a document in a component, or any other.
static CROSS_REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"xref:(?:([^:]+):ROOT:(.+?)\.adoc(#[^\[]+)?|[\w.$#/]+)\[([\w\s/.]+)\]";
    Regex::new(pattern).ok()
});

/// Replaces cross references by their labels.
fn without_links(text: &str) -> String {
    replaced(text, |found| found[4].to_owned())
}

/// Replaces cross references to a section by its URL, others by their labels.
fn with_addresses(text: &str) -> String {
    replaced(text, |found| {
        match (found.get(1), found.get(2), found.get(3)) {
            (Some(component), Some(document), Some(section)) => format!(
                "https://conforma.dev/docs/{}/{}.html{}",
                component.as_str(),
                document.as_str(),
                section.as_str()
            ),
            _ => found[4].to_owned(),
        }
    })
}

fn replaced(text: &str, new: impl Fn(&Captures<'_>) -> String) -> String {
    match &*CROSS_REFERENCE {
        Some(pattern) => pattern.replace_all(text, new).into_owned(),
        None => text.to_owned(),
    }
}

/// Completes a bare date, which YAML allows, to a time in RFC 3339.
fn as_moment(text: &str) -> String {
    match text.parse::<jiff::civil::Date>() {
        Ok(date) if text.len() == 10 => format!("{date}T00:00:00Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_references_are_reduced_to_their_labels() {
        let text = "See xref:release_policy.adoc#x[this rule] and xref:b[that].";
        assert_eq!(without_links(text), "See this rule and that.");
        let text = "As xref:cli:ROOT:configuration.adoc#_data_sources[data], see xref:b[that].";
        assert_eq!(without_links(text), "As data, see that.");
        assert_eq!(
            with_addresses(text),
            "As https://conforma.dev/docs/cli/configuration.html#_data_sources, see that."
        );
        assert_eq!(
            without_links("xref: none, xref:a b[c]"),
            "xref: none, xref:a b[c]"
        );
    }

    #[test]
    fn a_bare_date_becomes_a_moment() {
        assert_eq!(as_moment("2025-07-01"), "2025-07-01T00:00:00Z");
        assert_eq!(as_moment("2025-07-01T10:00:00Z"), "2025-07-01T10:00:00Z");
        assert_eq!(as_moment("soon"), "soon");
    }
}
