//! Short forms of the report: the first message of each code, and a table of counts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Report, Show, json};
use crate::policy::RuleFinding;

pub(super) type ByCode = BTreeMap<String, Vec<String>>;

#[derive(Serialize)]
struct ReportSummary<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    snapshot: &'a str,
    components: Vec<ComponentSummary<'a>>,
    success: bool,
    key: &'a str,
}

#[derive(Serialize)]
struct ComponentSummary<'a> {
    name: &'a str,
    success: bool,
    violations: ByCode,
    warnings: ByCode,
    successes: ByCode,
    total_violations: usize,
    total_warnings: usize,
    total_successes: usize,
}

/// Returns the first message of each code, and the number of the others.
pub(super) fn render(report: &Report, show: Show) -> Result<String, serde_json::Error> {
    let component = |component: &'_ super::ReportedComponent| -> (ByCode, ByCode, ByCode) {
        (
            by_code(&component.violations),
            by_code(&component.warnings),
            if show.successes {
                by_code(&component.successes)
            } else {
                ByCode::new()
            },
        )
    };
    let components = report.components.iter().map(|found| {
        let (violations, warnings, successes) = component(found);
        let counts = found.counts();
        ComponentSummary {
            name: &found.name,
            success: found.success,
            violations,
            warnings,
            successes,
            total_violations: counts.violations,
            total_warnings: counts.warnings,
            total_successes: counts.successes,
        }
    });
    json::in_go(&ReportSummary {
        snapshot: &report.snapshot,
        components: components.collect(),
        // Upstream never sets this member.
        success: report.success && !show.dialect.is_conforma(),
        key: &report.key,
    })
}

/// Returns the first message of each code, and the number of the others.
pub(super) fn by_code(findings: &[RuleFinding]) -> ByCode {
    let mut by_code: BTreeMap<&str, Vec<&RuleFinding>> = BTreeMap::new();
    for finding in findings {
        if let Some(code) = finding.code() {
            by_code.entry(code).or_default().push(finding);
        }
    }
    by_code
        .into_iter()
        .map(|(code, found)| {
            let mut messages: Vec<_> = found
                .first()
                .map(|first| first.msg.clone())
                .into_iter()
                .collect();
            if let more @ 1.. = found.len() - 1 {
                messages.push(format!("There are {more} more {code:?} messages"));
            }
            (code.to_owned(), messages)
        })
        .collect()
}

/// Returns a Markdown table of the counts.
pub(super) fn markdown(report: &Report, show: Show) -> String {
    let counts = report.counts();
    let mark = |good: bool| if good { ":white_check_mark:" } else { ":x:" };
    let time = show.now.strftime("%Y-%m-%d %H:%M:%S");
    let rows = [
        ("Time", time.to_string(), ""),
        (
            "Successes",
            counts.successes.to_string(),
            mark(counts.successes > 0 && counts.violations == 0),
        ),
        (
            "Failures",
            counts.violations.to_string(),
            mark(counts.violations == 0),
        ),
        (
            "Warnings",
            counts.warnings.to_string(),
            mark(counts.warnings == 0),
        ),
        ("Result", String::new(), mark(report.success)),
    ];
    let mut text = "| Field     | Value |Status|\n|-----------|-------|-------|".to_owned();
    for (field, value, status) in rows {
        text.push_str(&format!("\n| {field} | {value} | {status} |"));
    }
    text
}
