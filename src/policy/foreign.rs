//! References to other repositories than the component's, which may be absent.

use serde_json::Value;

use super::{
    policies::EvaluationTarget,
    seen::{Cause, UnseenFact},
};
use crate::image::Reference;

/// Tells whether a lookup failed only because a foreign reference does not exist: one to another
/// repository than the component's that no evidence names.
pub(super) fn is_absent(failed: &UnseenFact, input: &Value, subject: EvaluationTarget<'_>) -> bool {
    if failed.reason.cause != Cause::Missing {
        return false;
    }
    let Ok(reference) = failed.of.parse::<Reference>() else {
        return false;
    };
    let own = subject.image.map(|image| &image.repository);
    if own == Some(&reference.repository) {
        return false;
    }
    let digest = reference.digest.map(|digest| digest.hex());
    let names = |text: &str| match &digest {
        Some(hex) => text.contains(hex.as_str()),
        None => text.contains(&failed.of),
    };
    let evidence = ["attestations", "image"];
    let evidence = evidence.iter().filter_map(|member| input.get(member));
    !evidence.into_iter().any(|value| names_it(value, &names))
}

fn names_it(value: &Value, names: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => names(text),
        Value::Array(items) => items.iter().any(|item| names_it(item, names)),
        Value::Object(members) => members
            .iter()
            .any(|(key, member)| names(key) || names_it(member, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
