//! The documents that the verdict rests on, one after the other: the statements, or the policy inputs.

use std::sync::Arc;

use serde_json::Value;

use super::{Report, json};

/// Returns every verified statement, component by component, byte for byte as it was signed.
pub(super) fn statements(report: &Report) -> String {
    let components = report.components.iter();
    let statements = components.flat_map(|component| &component.attestations);
    let texts: Vec<_> = statements
        .filter_map(|attested| attested.statement.as_deref())
        .collect();
    texts.join("\n")
}

/// Returns the policy input of each component; an empty line for one without an evaluation.
pub(super) fn inputs(report: &Report) -> Result<String, serde_json::Error> {
    let line = |input: &Option<Arc<Value>>| {
        let input = input.as_deref();
        input.map(json::in_go).transpose()
    };
    let lines: Result<Vec<_>, _> = report
        .components
        .iter()
        .map(|component| Ok(line(&component.policy_input)?.unwrap_or_default()))
        .collect();
    Ok(lines?.join("\n"))
}
