//! The report of a run of verify-ec: one model, several renderings (Conforma's report formats).
//!
//! The model is also what a saved JSON report is parsed into. It holds every decision;
//! a rendering decides nothing.

mod advice;
mod appstudio;
mod html;
mod inputs;
mod json;
mod junit;
mod statements;
mod summary;
mod text;
mod yaml;

pub(crate) use inputs::{InputReport, InputResults};
pub(crate) use json::in_go as go_json;

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::{Dialect, PolicySpec, RuleFinding, Sig};

/// The type that every attestation is listed with.
const STATEMENT: &str = "https://in-toto.io/Statement/v0.1";

/// The results of all components, with the policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) success: bool,
    /// The Snapshot resource of the cluster, as it was named.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) snapshot: String,
    /// The components, the last reference first.
    #[serde(deserialize_with = "list")]
    pub(crate) components: Vec<ReportedComponent>,
    /// The public key as PEM; empty for keyless signers.
    #[serde(default)]
    pub(crate) key: String,
    pub(crate) policy: PolicySpec,
    #[serde(rename = "ec-version", default)]
    pub(crate) version: String,
    /// The moment for which rules were evaluated.
    #[serde(rename = "effective-time", default)]
    pub(crate) effective_time: String,
    /// Checks that were switched off, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped_checks: Vec<String>,
    /// The release that the images are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<ReportedRelease>,
}

/// The release that a report is about, as `images.json` names it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportedRelease {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) application: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) git_tag: Option<String>,
    /// The commit that the tag names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The tag that the images get when they are promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination_tag: Option<String>,
}

/// The results of one component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportedComponent {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) container_image: String,
    #[serde(default)]
    pub(crate) source: Value,
    /// The results that refuse it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) violations: Vec<RuleFinding>,
    /// The results that do not, or not yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<RuleFinding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) successes: Vec<RuleFinding>,
    pub(crate) success: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) signatures: Vec<Sig>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attestations: Vec<ReportedAttestation>,
    /// The reason why it could not be evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) exceptions: Vec<String>,
    /// The digests of its index's children that are a builder's attestations, not images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<String>,
    /// Facts that could not be read and that no selected rule refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreadable: Vec<String>,
    /// The number of checks that passed, also those that are not listed.
    #[serde(
        default,
        rename = "successCount",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) success_count: Option<usize>,
    /// The policy input, if requested.
    #[serde(skip)]
    pub(crate) policy_input: Option<Arc<Value>>,
}

/// An attestation as reports list it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportedAttestation {
    /// Always the same text, as upstream has it.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) predicate_type: String,
    /// The type of the build, in provenance.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) predicate_build_type: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) signatures: Vec<Sig>,
    /// The statement itself as it was signed, if requested.
    #[serde(skip)]
    pub(crate) statement: Option<Arc<str>>,
}

impl ReportedAttestation {
    /// Lists a statement with its signers.
    pub(crate) fn new(statement: &Value, signatures: Vec<Sig>) -> Self {
        let text = |pointer: &str| {
            let found = statement.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let predicate_type = text("/predicateType");
        let build_type = match predicate_type.as_str() {
            "https://slsa.dev/provenance/v0.2" => text("/predicate/buildType"),
            "https://slsa.dev/provenance/v1" => text("/predicate/buildDefinition/buildType"),
            _ => String::new(),
        };
        Self {
            kind: STATEMENT.to_owned(),
            predicate_build_type: build_type,
            predicate_type,
            signatures,
            statement: None,
        }
    }

    /// Keeps the statement itself too, as it was signed.
    #[must_use]
    pub(crate) fn with_statement(mut self, statement: &Arc<str>) -> Self {
        self.statement = Some(Arc::clone(statement));
        self
    }
}

/// Reads a list that Go may have written as `null`.
fn list<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Vec<ReportedComponent>, D::Error> {
    Option::deserialize(source).map(Option::unwrap_or_default)
}

/// The formats in which a report is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Json,
    Yaml,
    Text,
    Appstudio,
    Summary,
    SummaryMarkdown,
    /// A JUnit document for tools that show test results.
    Junit,
    Html,
    /// The statements as they were signed, one after the other.
    Attestation,
    /// The policy inputs, one document a line.
    PolicyInput,
}

impl ReportFormat {
    /// Tells whether the rendering is one JSON document.
    fn is_json(self) -> bool {
        matches!(
            self,
            Self::Json | Self::Appstudio | Self::Summary | Self::PolicyInput
        )
    }

    /// Every format with its name in `--output`.
    pub(crate) const ALL: [(&'static str, Self); 11] = [
        ("json", Self::Json),
        ("yaml", Self::Yaml),
        ("text", Self::Text),
        ("appstudio", Self::Appstudio),
        ("hacbs", Self::Appstudio),
        ("summary", Self::Summary),
        ("summary-markdown", Self::SummaryMarkdown),
        ("junit", Self::Junit),
        ("html", Self::Html),
        ("attestation", Self::Attestation),
        ("policy-input", Self::PolicyInput),
    ];

    /// Tells whether a saved report has all that the format shows.
    pub(crate) fn is_of_saved_reports(self) -> bool {
        !matches!(self, Self::Attestation | Self::PolicyInput)
    }

    /// Returns the format of a name in `--output`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format)
    }
}

/// The parts that a rendering shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Show {
    /// Titles, descriptions and solutions of results.
    pub(crate) info: bool,
    /// The results that passed, in every format.
    pub(crate) successes: bool,
    pub(crate) warnings: bool,
    /// The address of the policy documentation, in text.
    pub(crate) docs_link: bool,
    pub(crate) color: bool,
    /// The members of upstream's reports alone, faults included.
    pub(crate) dialect: Dialect,
    /// The time for formats that have one.
    pub(crate) now: jiff::Timestamp,
}

/// The numbers of results by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) violations: usize,
    pub(crate) warnings: usize,
    pub(crate) successes: usize,
}

impl ReportedComponent {
    /// Sorts the results in the order of reports.
    pub(crate) fn sort(&mut self) {
        for list in [
            &mut self.violations,
            &mut self.warnings,
            &mut self.successes,
        ] {
            list.sort_by_cached_key(RuleFinding::order);
        }
    }

    /// Counts the results of the component.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            violations: self.violations.len(),
            warnings: self.warnings.len(),
            successes: self.success_count.unwrap_or(self.successes.len()),
        }
    }
}

impl Report {
    /// Describes a contradiction: a component that passed although it has violations, or the reverse.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let refused = |one: &&ReportedComponent| !one.violations.is_empty() || one.error.is_some();
        let mut components = self.components.iter();
        if let Some(one) = components.find(|one| one.success && refused(one)) {
            let name = crate::text::line(&one.name);
            return Some(format!("component {name:?} passed despite violations"));
        }
        let all = self.components.iter().all(|one| one.success);
        match (self.success, all) {
            (true, false) => Some("it passed although a component did not".to_owned()),
            (false, true) if !self.components.is_empty() => {
                Some("it was refused although every component passed".to_owned())
            }
            _ => None,
        }
    }

    /// Sorts the components in the order of reports.
    pub(crate) fn sort(&mut self) {
        self.components
            .sort_by(|a, b| (&b.container_image, &b.name).cmp(&(&a.container_image, &a.name)));
    }

    /// Counts the results of all components.
    pub(crate) fn counts(&self) -> Counts {
        self.components
            .iter()
            .fold(Counts::default(), |sum, component| {
                let own = component.counts();
                Counts {
                    violations: sum.violations + own.violations,
                    warnings: sum.warnings + own.warnings,
                    successes: sum.successes + own.successes,
                }
            })
    }

    /// Returns the verdict in one word, as `TEST_OUTPUT` has it.
    pub(crate) fn result(&self) -> &'static str {
        let counts = self.counts();
        if counts.violations > 0 || self.components.iter().any(|component| !component.success) {
            "FAILURE"
        } else if counts.warnings > 0 {
            "WARNING"
        } else if counts.successes == 0 {
            "SKIPPED"
        } else {
            "SUCCESS"
        }
    }

    /// Renders the report in a format, with one newline at the end.
    ///
    /// # Errors
    /// Never for reports that this program made; the signature is serde's.
    pub(crate) fn render(
        &self,
        format: ReportFormat,
        show: Show,
    ) -> Result<String, serde_json::Error> {
        let mut text = match format {
            ReportFormat::Json => json::render(self, show)?,
            ReportFormat::Yaml => yaml::render(&json::document(self, show)?),
            ReportFormat::Text => text::render(self, show),
            ReportFormat::Appstudio => appstudio::render(self, show)?,
            ReportFormat::Summary => summary::render(self, show)?,
            ReportFormat::SummaryMarkdown => summary::markdown(self, show),
            ReportFormat::Junit => junit::render(self, show),
            ReportFormat::Html => html::render(self, show),
            ReportFormat::Attestation => statements::statements(self),
            ReportFormat::PolicyInput => statements::inputs(self)?,
        };
        if format.is_json()
            && let Cow::Owned(shown) = crate::text::json(&text)
        {
            text = shown;
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
