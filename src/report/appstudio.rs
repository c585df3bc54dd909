//! The Tekton result `TEST_OUTPUT` (Konflux): counts and one word, on one line.

use serde::Serialize;

use super::{Report, Show};

#[derive(Serialize)]
struct TestOutput {
    timestamp: String,
    namespace: &'static str,
    successes: usize,
    failures: usize,
    warnings: usize,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The longest note, in characters: all results of a step share 4,096 bytes.
const NOTE: usize = 300;

/// Returns the result as text without a newline.
pub(super) fn render(report: &Report, show: Show) -> Result<String, serde_json::Error> {
    let counts = report.counts();
    serde_json::to_string(&TestOutput {
        timestamp: show.now.as_second().to_string(),
        namespace: "",
        successes: counts.successes,
        failures: counts.violations,
        warnings: counts.warnings,
        result: report.result(),
        note: (!show.dialect.is_conforma())
            .then(|| note(report))
            .flatten(),
    })
}

/// Returns the first reason of a refusal in one line, so that a dashboard shows more than an exit code.
fn note(report: &Report) -> Option<String> {
    let refused = report.components.iter().find(|one| !one.success)?;
    let violation = refused
        .violations
        .first()
        .map(|finding| finding.msg.as_str());
    let reason = violation.or(refused.error.as_deref())?;
    let line = format!("{}: {reason}", refused.name);
    let line = crate::text::line(&line).into_owned();
    if line.chars().count() <= NOTE {
        return Some(line);
    }
    let start: String = line.chars().take(NOTE - 1).collect();
    Some(format!("{start}…"))
}
