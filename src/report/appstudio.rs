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
}

/// The result as text without a newline.
pub(super) fn render(report: &Report, show: Show) -> Result<String, serde_json::Error> {
    let counts = report.counts();
    serde_json::to_string(&TestOutput {
        timestamp: show.now.as_second().to_string(),
        namespace: "",
        successes: counts.successes,
        failures: counts.violations,
        warnings: counts.warnings,
        result: report.result(),
    })
}
