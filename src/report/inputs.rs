//! The report of `ec validate input`: the results of rules for files, in upstream's members and order.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    ReportFormat, Show, json, summary,
    text::{self, ResultMark},
    yaml,
};
use crate::policy::{PolicySpec, RuleFinding};

/// The report over all files.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputReport {
    /// The files, the last name first.
    pub(crate) inputs: Vec<InputResults>,
    pub(crate) policy: PolicySpec,
    /// The program that made the report.
    pub(crate) version: String,
    /// The moment for which rules were evaluated.
    pub(crate) effective_time: String,
}

/// The results of one file or directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputResults {
    /// The path as it was given.
    pub(crate) path: String,
    pub(crate) violations: Vec<RuleFinding>,
    /// The results that do not, or not yet.
    pub(crate) warnings: Vec<RuleFinding>,
    pub(crate) successes: Vec<RuleFinding>,
}

#[derive(Serialize)]
struct Document<'a> {
    success: bool,
    filepaths: Vec<FileResults<'a>>,
    policy: &'a PolicySpec,
    #[serde(rename = "ec-version")]
    version: &'a str,
    #[serde(rename = "effective-time")]
    effective_time: &'a str,
}

#[derive(Serialize)]
struct FileResults<'a> {
    filepath: &'a str,
    violations: Vec<RuleFinding>,
    warnings: Option<Vec<RuleFinding>>,
    successes: Option<Vec<RuleFinding>>,
    success: bool,
    #[serde(rename = "success-count")]
    success_count: usize,
}

#[derive(Serialize)]
struct InputSummary<'a> {
    filepaths: Vec<Short<'a>>,
    success: bool,
    key: &'a str,
}

#[derive(Serialize)]
struct Short<'a> {
    name: &'a str,
    success: bool,
    violations: summary::ByCode,
    warnings: summary::ByCode,
    successes: summary::ByCode,
    total_violations: usize,
    total_warnings: usize,
    total_successes: usize,
}

impl InputResults {
    /// Tells whether no rule refuses the file.
    pub(crate) fn success(&self) -> bool {
        self.violations.is_empty()
    }

    fn shown_warnings(&self, show: Show) -> &[RuleFinding] {
        if show.warnings { &self.warnings } else { &[] }
    }

    fn shown_successes(&self, show: Show) -> &[RuleFinding] {
        if show.successes { &self.successes } else { &[] }
    }
}

impl InputReport {
    /// The formats that upstream has for files.
    pub(crate) const FORMATS: [ReportFormat; 4] = [
        ReportFormat::Json,
        ReportFormat::Yaml,
        ReportFormat::Text,
        ReportFormat::Summary,
    ];

    /// Tells whether every file passed without a violation.
    pub(crate) fn success(&self) -> bool {
        self.inputs.iter().all(InputResults::success)
    }

    /// Returns the report in one of [`Self::FORMATS`], with one newline at the end. `base` is set by the flags; an
    /// option of a text report changes that report alone.
    ///
    /// # Errors
    /// Never for reports that this program made; the signature is serde's.
    pub(crate) fn render(
        &self,
        format: ReportFormat,
        base: Show,
        show: Show,
    ) -> Result<String, serde_json::Error> {
        let mut text = match format {
            ReportFormat::Yaml => yaml::render(&serde_json::to_value(self.document(base))?),
            ReportFormat::Text => self.text(base, show),
            ReportFormat::Summary => json::in_go(&self.summary(base))?,
            _ => json::in_go(&self.document(base))?,
        };
        if matches!(format, ReportFormat::Json | ReportFormat::Summary) {
            text = crate::text::json(&text).into_owned();
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }

    fn document(&self, show: Show) -> Document<'_> {
        let listed = |findings: &[RuleFinding]| {
            let findings = findings.iter().map(|finding| match show.info {
                true => finding.clone().unplaced(),
                false => finding.brief().unplaced(),
            });
            findings.collect::<Vec<_>>()
        };
        let files = self.inputs.iter().map(|input| FileResults {
            filepath: &input.path,
            violations: listed(&input.violations),
            warnings: show.warnings.then(|| listed(&input.warnings)),
            successes: show.successes.then(|| listed(&input.successes)),
            success: input.success(),
            success_count: input.successes.len(),
        });
        Document {
            success: self.success(),
            filepaths: files.collect(),
            policy: &self.policy,
            version: &self.version,
            effective_time: &self.effective_time,
        }
    }

    fn summary(&self, show: Show) -> InputSummary<'_> {
        let files = self.inputs.iter().map(|input| Short {
            name: &input.path,
            success: input.success(),
            violations: summary::by_code(&input.violations),
            warnings: summary::by_code(input.shown_warnings(show)),
            successes: summary::by_code(input.shown_successes(show)),
            total_violations: input.violations.len(),
            total_warnings: input.shown_warnings(show).len(),
            total_successes: input.successes.len(),
        });
        InputSummary {
            filepaths: files.collect(),
            // Upstream never sets this member.
            success: false,
            key: "",
        }
    }

    /// Returns the text in the layout of upstream's template. Hidden warnings are not included in the totals either.
    fn text(&self, base: Show, show: Show) -> String {
        let sum = |count: fn(&InputResults, Show) -> usize| -> usize {
            self.inputs.iter().map(|input| count(input, base)).sum()
        };
        let violations = sum(|input, _| input.violations.len());
        let warnings = sum(|input, base| input.shown_warnings(base).len());
        let successes = sum(|input, _| input.successes.len());
        let result = match (violations, warnings) {
            (1.., _) => "FAILURE",
            (0, 1..) => "WARNING",
            (0, 0) => "SUCCESS",
        };
        let mut text = format!(
            "Success: {}\nResult: {result}\nViolations: {violations}, Warnings: {warnings}, Successes: {successes}\n",
            self.success()
        );
        self.files(&mut text, base);
        let (with_warnings, with_successes) = (
            warnings > 0 && show.warnings,
            successes > 0 && show.successes,
        );
        if violations > 0 || with_warnings || with_successes {
            text.push_str("Results:\n");
        }
        let show = Show {
            // The flags decide which results are listed.
            info: base.info,
            ..show
        };
        let mut list = |mark, of: fn(&InputResults, Show) -> &[RuleFinding]| {
            for input in &self.inputs {
                for finding in of(input, base) {
                    text::result(&mut text, mark, ("FilePath", &input.path), finding, show);
                }
            }
        };
        list(ResultMark::Violation, |input, _| &input.violations);
        if with_warnings {
            list(ResultMark::Warning, InputResults::shown_warnings);
        }
        if with_successes {
            list(ResultMark::Success, InputResults::shown_successes);
        }
        if show.docs_link && (violations > 0 || with_warnings) {
            text.push_str(text::DOCS);
            text.push('\n');
        }
        text
    }

    fn files(&self, text: &mut String, base: Show) {
        // Writing to a String cannot fail.
        if let [one] = self.inputs.as_slice() {
            let _ = writeln!(text, "Input File: {}\n", text::one_line(&one.path));
            return;
        }
        text.push_str("\nInput Files:\n");
        for input in &self.inputs {
            let _ = writeln!(
                text,
                "- FilePath: {}\n  Violations: {}, Warnings: {}, Successes: {}\n",
                text::one_line(&input.path),
                input.violations.len(),
                input.shown_warnings(base).len(),
                input.successes.len()
            );
        }
    }
}
