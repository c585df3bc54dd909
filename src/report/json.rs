//! The report as JSON: upstream's members in upstream's order, what we add behind them.

use serde_json::Value;

use super::{Report, Show};
use crate::policy::Finding;

/// The report as text without a newline.
pub(super) fn render(report: &Report, show: Show) -> Result<String, serde_json::Error> {
    serde_json::to_string(&shown(report, show))
}

/// The report as a document.
pub(super) fn document(report: &Report, show: Show) -> Result<Value, serde_json::Error> {
    serde_json::to_value(shown(report, show))
}

/// The report without what was not asked for.
fn shown(report: &Report, show: Show) -> Report {
    let mut report = report.clone();
    for component in &mut report.components {
        component.success_count = Some(component.counts().successes);
        if !show.successes {
            component.successes.clear();
        }
        if !show.info {
            for list in [
                &mut component.violations,
                &mut component.warnings,
                &mut component.successes,
            ] {
                *list = list.iter().map(Finding::brief).collect();
            }
        }
    }
    report
}
