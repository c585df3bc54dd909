//! The report as JSON: upstream's members in upstream's order, what we add behind them.

use serde::Serialize;
use serde_json::Value;

use super::{Report, Show};
use crate::policy::Finding;

/// The report as text without a newline.
pub(super) fn render(report: &Report, show: Show) -> Result<String, serde_json::Error> {
    in_go(&document(report, show)?)
}

/// JSON as Go writes it: what could end a script in a page is escaped.
pub(crate) fn in_go(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(value)?;
    // None of them stands outside of a text.
    for (c, escaped) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        if text.contains(c) {
            text = text.replace(c, escaped);
        }
    }
    Ok(text)
}

/// The report as a document.
pub(super) fn document(report: &Report, show: Show) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(shown(report, show))?;
    if show.upstream && report.components.is_empty() {
        document["components"] = Value::Null;
    }
    Ok(document)
}

/// The report without what was not asked for.
fn shown(report: &Report, show: Show) -> Report {
    let mut report = report.clone();
    if show.upstream {
        report.skipped_checks.clear();
    }
    for component in &mut report.components {
        component.success_count = Some(component.counts().successes);
        if show.upstream {
            component.success_count = None;
            component.exceptions.clear();
        }
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
