//! Warns of rules without a code: criteria cannot name them, and reports do not show them when they pass.

use std::collections::BTreeSet;

use super::{
    criteria::{CodedResult, RuleSelection},
    policies::Ready,
    rego::{Policy, without_metadata},
};

const NAMED: usize = 3;

/// Warns of rules with results but without a code, with the annotation to add.
pub(super) fn warn(policy: &Policy) {
    let rules = policy.rules().filter(|rule| rule.gives_results());
    let unnamed: Vec<_> = rules.filter(|rule| rule.code().is_none()).collect();
    for rule in unnamed.iter().take(NAMED) {
        tracing::warn!("{}", without_metadata(rule));
    }
    if let Some(more @ 1..) = unnamed.len().checked_sub(NAMED) {
        tracing::warn!("{more} more rules have no code: `promote policy check` names them");
    }
}

impl Ready {
    /// Explains why no rule of the evaluated packages returned a result: criteria that match nothing, rules without a code.
    pub(super) fn nothing(&self, selection: &RuleSelection, opened: &BTreeSet<String>) -> String {
        let named = self.packages.values().flatten();
        let candidates = named.map(|rule| CodedResult {
            code: &rule.code,
            terms: &[],
            collections: &rule.collections,
        });
        let unmatched = selection.unmatched(candidates).into_iter();
        let unmatched = unmatched.filter(|criterion| *criterion != "*");
        let mut reasons: Vec<String> = unmatched
            .map(|criterion| format!("the include {criterion:?} matches no rule"))
            .collect();
        let rules = self.policy.rules().filter(|rule| rule.gives_results());
        let silent = rules.filter(|rule| rule.code().is_none() && opened.contains(&rule.package));
        reasons.extend(silent.take(NAMED).map(without_metadata));
        if reasons.is_empty() {
            return "none was selected by the criteria of its configuration".to_owned();
        }
        reasons.join("; ")
    }
}
