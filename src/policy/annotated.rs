//! What the annotations of a rule say that reports show: title, description, collections, dates.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rego::Rule;

/// What the annotations say of a rule that has a code.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Annotated {
    /// `package.short_name`.
    pub(crate) code: String,
    /// The package.
    pub(crate) package: String,
    /// The annotated members, as results show them.
    pub(crate) metadata: BTreeMap<String, Value>,
    /// The collections that it belongs to.
    pub(crate) collections: Vec<String>,
    /// The pipelines that it is meant for.
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
        add("solution", text("solution").map(without_links));
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

/// An AsciiDoc cross reference is reduced to its label.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("xref:") {
        let Some((_, (label, after))) = link
            .split_once('[')
            .filter(|(target, _)| !target.contains(char::is_whitespace))
            .and_then(|(target, tail)| Some((target, tail.split_once(']')?)))
        else {
            plain.push_str(before);
            plain.push_str("xref:");
            rest = link;
            continue;
        };
        plain.push_str(before);
        plain.push_str(label);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// YAML writes a moment also as a bare date.
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
