//! The exit code over all components.

use crate::{
    commands::failures::{evidence_hint, gate_failure},
    failure::{Failure, Kind},
    gate::{ImageJudgement, Judgement},
};

/// Returns the reason why the images must not be promoted: a refusal before wrong configuration, before an image that
/// does not exist, before a remote that failed. Without `strict` violations alone are not a failure.
pub(super) fn failure(judgement: Judgement, strict: bool) -> Option<Failure> {
    let is_refused = |judged: &&ImageJudgement| {
        let judged_by_rules = judged.error.is_none() && !judged.report.success;
        judged_by_rules && (judged.unread.is_none() || !judged.report.violations.is_empty())
    };
    let components = judgement.components.iter();
    let refused: Vec<_> = components.filter(is_refused).collect();
    if !refused.is_empty() && strict {
        return Some(refusal(&refused));
    }
    let errors = judgement.components.into_iter();
    let failures = errors.filter_map(|judged| judged.error.or(judged.unread).map(gate_failure));
    failures.min_by_key(|failure| rank(failure.kind()))
}

/// Ranks the kinds of failures; the lowest decides.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Refused => 0,
        Kind::Bug => 1,
        Kind::Usage => 2,
        Kind::NotFound => 3,
        Kind::Remote => 4,
        Kind::Conflict | Kind::Interrupted => 5,
    }
}

/// Returns the refusal. Where evidence is missing, no rule may have been evaluated; the hint says how to add it.
fn refusal(refused: &[&ImageJudgement]) -> Failure {
    let by = match refused.iter().any(|judged| judged.missing.is_empty()) {
        true => "the policy refuses the images",
        false => "the images are refused",
    };
    let texts: Vec<_> = refused
        .iter()
        .map(|judged| first_violation(judged))
        .collect();
    let mut missing = refused.iter().flat_map(|judged| &judged.missing);
    let hint = missing.find_map(evidence_hint);
    Failure::message(Kind::Refused, format!("{by}: {}", texts.join("; ")))
        .hint(hint.unwrap_or("the report names each violation"))
}

fn first_violation(judged: &ImageJudgement) -> String {
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
