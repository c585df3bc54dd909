//! The exit code over all components.

use crate::{
    commands::failures::{evidence_hint, gate_failure},
    failure::{Failure, Kind},
    gate::{ImageJudgement, Judgement},
    report::Show,
    text::counted,
};

/// Returns the reason why the images must not be promoted: a refusal before wrong configuration, before an image that
/// does not exist, before a remote that failed. Without `strict` violations alone are not a failure.
pub(super) fn failure(judgement: Judgement, strict: bool, show: Show) -> Option<Failure> {
    let is_refused = |judged: &&ImageJudgement| {
        let judged_by_rules = judged.error.is_none() && !judged.report.success;
        judged_by_rules && (judged.unread.is_none() || !judged.report.violations.is_empty())
    };
    let components = judgement.components.iter();
    let refused: Vec<_> = components.filter(is_refused).collect();
    if !refused.is_empty() && strict {
        return Some(refusal(&refused, show));
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
fn refusal(refused: &[&ImageJudgement], show: Show) -> Failure {
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
    let failure = Failure::message(Kind::Refused, format!("{by}: {}", texts.join("; ")));
    match hint.or_else(|| next_step(show)) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The hint of a refusal whose report has no solutions.
pub(in crate::commands) const ADD_INFO: &str =
    "verify-ec --info adds the description and the solution of each rule to the report";

/// Returns the flag that adds to the report how to mend the image, unless it is given.
pub(super) fn next_step(show: Show) -> Option<&'static str> {
    (!show.info).then_some(ADD_INFO)
}

fn first_violation(judged: &ImageJudgement) -> String {
    let component = &judged.report;
    let first = component.violations.first();
    let said = first.map(|first| match first.code() {
        Some(code) => format!("{code}: {}", first.msg),
        None => first.msg.clone(),
    });
    let count = component.violations.len() as u64;
    let first = if count == 1 { ": " } else { ", first " };
    format!(
        "{} has {}{first}{}",
        component.name,
        counted(count, "violation"),
        said.unwrap_or_default()
    )
}
