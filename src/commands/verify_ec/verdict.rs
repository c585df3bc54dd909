//! The exit code over all components.

use crate::{
    commands::failures::gate_failure,
    failure::{Failure, Kind},
    gate::{Judged, Judgement},
};

/// Why the images may not go on: a refusal wins over a remote that failed.
pub(super) fn failure(judgement: Judgement, strict: bool) -> Option<Failure> {
    let refused: Vec<_> = judgement
        .components
        .iter()
        .filter(|judged| judged.error.is_none() && !judged.report.success)
        .map(refusal)
        .collect();
    if !refused.is_empty() && strict {
        let text = format!("the policy refuses the images: {}", refused.join("; "));
        return Some(Failure::message(Kind::Refused, text).hint("the report names each violation"));
    }
    let errors = judgement.components.into_iter();
    let failures = errors.filter_map(|judged| judged.error.map(gate_failure));
    failures.min_by_key(Failure::kind)
}

fn refusal(judged: &Judged) -> String {
    let component = &judged.report;
    let first = component.violations.first();
    let said = first.map(|first| match first.code() {
        Some(code) => format!("{code}: {}", first.msg),
        None => first.msg.clone(),
    });
    format!(
        "{} has {} violation(s), first {}",
        component.name,
        component.violations.len(),
        said.unwrap_or_default()
    )
}
