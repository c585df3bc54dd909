//! The report as JSON: upstream's members in upstream's order, this program's additions behind them.

use serde::Serialize;
use serde_json::Value;

use super::{Report, ReportedComponent, Show};
use crate::policy::RuleFinding;

/// Returns the report as text without a newline.
pub(super) fn render(report: &Report, show: Show) -> Result<String, serde_json::Error> {
    match show.dialect.is_conforma() && report.components.is_empty() {
        true => in_go(&document(report, show)?),
        false => in_go(&shown(report, show)),
    }
}

/// Encodes JSON as Go does: characters that could end a script in a page are escaped.
pub(crate) fn in_go(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(value)?;
    // These characters only occur inside of texts.
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

/// Returns the report as a JSON value.
pub(super) fn document(report: &Report, show: Show) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(shown(report, show))?;
    if show.dialect.is_conforma() && report.components.is_empty() {
        document["components"] = Value::Null;
    }
    Ok(document)
}

/// Returns the report without the parts that are hidden.
fn shown(report: &Report, show: Show) -> Report {
    let skipped_checks = match show.dialect.is_conforma() {
        true => Vec::new(),
        false => report.skipped_checks.clone(),
    };
    let components = report.components.iter();
    Report {
        success: report.success,
        snapshot: report.snapshot.clone(),
        components: components.map(|one| component(one, show)).collect(),
        key: report.key.clone(),
        policy: report.policy.clone(),
        version: report.version.clone(),
        effective_time: report.effective_time.clone(),
        skipped_checks,
        release: match show.dialect.is_conforma() {
            true => None,
            false => report.release.clone(),
        },
    }
}

/// Copies only the shown parts: reports of many images are large.
fn component(component: &ReportedComponent, show: Show) -> ReportedComponent {
    let ours = !show.dialect.is_conforma();
    let listed = |findings: &[RuleFinding]| {
        let findings = findings.iter().map(|finding| match show.info {
            true => finding.clone(),
            false => finding.brief(),
        });
        // Upstream's reports do not have the place of a rule.
        let shown = findings.map(|finding| match ours {
            true => finding,
            false => finding.unplaced(),
        });
        shown.collect()
    };
    ReportedComponent {
        name: component.name.clone(),
        container_image: component.container_image.clone(),
        source: component.source.clone(),
        violations: listed(&component.violations),
        warnings: listed(&component.warnings),
        successes: match show.successes {
            true => listed(&component.successes),
            false => Vec::new(),
        },
        success: component.success,
        signatures: component.signatures.clone(),
        attestations: component.attestations.clone(),
        error: component.error.clone(),
        exceptions: component
            .exceptions
            .iter()
            .filter(|_| ours)
            .cloned()
            .collect(),
        left_out: component
            .left_out
            .iter()
            .filter(|_| ours)
            .cloned()
            .collect(),
        unreadable: component
            .unreadable
            .iter()
            .filter(|_| ours)
            .cloned()
            .collect(),
        success_count: ours.then(|| component.counts().successes),
        policy_input: None,
    }
}
