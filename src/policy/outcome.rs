//! Sorts the values of rules into violations, warnings and successes (Conforma's rules for results).
//!
//! A malformed result is an error, never "no violation".

mod elements;
mod purpose;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Dialect,
    annotated::Annotated,
    criteria::{CodedResult, RuleSelection},
    finding::{PASS, RuleFinding},
    metadata::Metadata,
    rego::{RulePlace, RuleValue},
};

use elements::{finding, kind};
pub(crate) use purpose::Purpose;
use purpose::without_purpose;

/// How long reports show an effective date in the past.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The results of a group of sources for one image.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PolicyOutcome {
    pub(crate) violations: Vec<RuleFinding>,
    /// Results that do not forbid the promotion, or not yet.
    pub(crate) warnings: Vec<RuleFinding>,
    /// The rules without a result, which passed.
    pub(crate) successes: Vec<RuleFinding>,
    /// Results that the configuration or the policy's own exceptions exclude, as `code[:term]`.
    pub(crate) exceptions: Vec<String>,
}

impl PolicyOutcome {
    /// Adds the results of another group.
    pub(crate) fn extend(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.warnings.extend(other.warnings);
        self.successes.extend(other.successes);
        self.exceptions.extend(other.exceptions);
    }

    /// Sorts the results into the order of reports.
    pub(crate) fn sort(&mut self) {
        for list in [
            &mut self.violations,
            &mut self.warnings,
            &mut self.successes,
        ] {
            list.sort_by_cached_key(RuleFinding::order);
        }
        self.exceptions.sort();
        self.exceptions.dedup();
    }

    fn is_empty(&self) -> bool {
        self.violations.is_empty() && self.warnings.is_empty() && self.successes.is_empty()
    }
}

/// A malformed result of a rule, which the policy's author has to correct.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The rule's value is not a list of results.
    #[error("rule {rule} returns {given}, expected a set of messages or objects")]
    Value {
        /// The rule with its package and where it starts.
        rule: String,
        given: &'static str,
    },
    /// A result is neither a message nor an object with one.
    #[error("rule {rule} returns {given}, expected a message or an object with the text msg")]
    Result {
        /// The rule with its package and where it starts.
        rule: String,
        given: &'static str,
    },
    /// No rule returned a result, and none passed.
    #[error("no successes, warnings, or failures, check input: no rule of the policy was selected")]
    Nothing,
}

/// The settings by which the results of rules are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResultReader<'a> {
    pub(crate) selection: &'a RuleSelection,
    /// The rules with a code in the evaluated packages.
    pub(crate) annotated: &'a BTreeMap<String, Annotated>,
    pub(crate) meant: RuleFilter<'a>,
    /// The effective time of rules.
    pub(crate) at: Timestamp,
    pub(crate) dialect: Dialect,
}

/// Selects rules by the pipelines for which they are intended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RuleFilter<'a> {
    All,
    /// All rules except those with these codes.
    AllBut(&'a BTreeSet<String>),
    /// Only annotated rules, without regard to terms, as in Conforma's `ec`.
    Annotated,
}

/// A result before it is judged.
struct PendingResult {
    purpose: Purpose,
    finding: RuleFinding,
}

impl ResultReader<'_> {
    /// Sorts the values of the rules of one group.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn outcome(
        &self,
        raws: &[RuleValue],
        packages: &BTreeSet<String>,
    ) -> Result<PolicyOutcome, Error> {
        let mut outcome = PolicyOutcome::default();
        let mut all = Vec::new();
        for package in packages {
            let own = || raws.iter().filter(|raw| raw.package == *package);
            let results = self.results(own(), &mut outcome.exceptions)?;
            all.extend(results.iter().map(|judged| judged.finding.clone()));
            let mut said = PolicyOutcome::default();
            self.judge(results, &mut said);
            self.passed(package, &mut said, &mut all);
            outcome.extend(said);
        }
        if outcome.is_empty() {
            return Err(Error::Nothing);
        }
        let unmatched = self.unmatched(&all);
        outcome.warnings.extend(unmatched);
        self.trim(&mut outcome);
        for violation in &mut outcome.violations {
            hint_exclusion(violation);
        }
        Ok(outcome)
    }

    /// Reads the results of a package's rules, adds annotations and removes exceptions.
    fn results<'r>(
        &self,
        raws: impl Iterator<Item = &'r RuleValue> + Clone,
        exceptions: &mut Vec<String>,
    ) -> Result<Vec<PendingResult>, Error> {
        let excepted: Vec<&str> = raws
            .clone()
            .filter(|raw| raw.rule == "exception")
            .flat_map(|raw| raw.value.as_array().into_iter().flatten())
            .flat_map(|names| names.as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        let mut results = Vec::new();
        for raw in raws {
            let Some(purpose) = Purpose::of(&raw.rule) else {
                continue;
            };
            let name = format!("{}.{}", raw.package, raw.rule);
            let shown = located(&name, raw.place.as_ref());
            let elements = raw.value.as_array().ok_or_else(|| Error::Value {
                rule: shown.clone(),
                given: kind(&raw.value),
            })?;
            if excepted.contains(&without_purpose(&raw.rule)) {
                if !elements.is_empty() {
                    exceptions.push(name);
                }
                continue;
            }
            for (at, element) in elements.iter().enumerate() {
                let mut finding = self.enriched(finding(element, &shown)?);
                finding.location = raw.origins.get(at).cloned().flatten();
                results.push(PendingResult { purpose, finding });
            }
        }
        Ok(results)
    }

    /// Adds the annotations of the rule, which replace members of the result.
    fn enriched(&self, mut finding: RuleFinding) -> RuleFinding {
        let Some(code) = finding.text("code") else {
            return finding;
        };
        if let Some(annotated) = self.annotated.get(code) {
            finding.metadata.extend(annotated.metadata.clone());
        }
        if finding
            .metadata
            .get("collections")
            .is_some_and(|list| !list.is_array())
        {
            finding.metadata.remove("collections");
        }
        let long_ago = |since: Timestamp| since < self.at - SHOWN_AFTER;
        if finding
            .text("effective_on")
            .and_then(moment)
            .is_some_and(long_ago)
        {
            finding.metadata.remove("effective_on");
        }
        finding
    }

    fn judge(&self, results: Vec<PendingResult>, outcome: &mut PolicyOutcome) {
        let warned: Vec<RuleFinding> = results
            .iter()
            .filter(|judged| judged.purpose == Purpose::Warn)
            .map(|judged| judged.finding.clone())
            .collect();
        for PendingResult {
            mut purpose,
            finding,
        } in results
        {
            if !self.counts(&finding) {
                if self.is_excepted(&finding) {
                    outcome.exceptions.extend(names(&finding));
                }
                continue;
            }
            if self.dialect == Dialect::Conforma {
                // Conforma's ec classifies a result by its code, warnings first.
                let same = |other: &RuleFinding| match finding.code() {
                    Some(code) => other.code() == Some(code),
                    None => other.msg == finding.msg,
                };
                if warned.iter().any(same) {
                    purpose = Purpose::Warn;
                }
            }
            match self.final_severity(purpose, finding) {
                (Purpose::Deny, finding) => outcome.violations.push(finding),
                (Purpose::Warn, finding) => outcome.warnings.push(finding),
            }
        }
    }

    /// Downgrades violations of rules that are not effective yet; an explicit `severity` overrides that.
    fn final_severity(&self, purpose: Purpose, mut finding: RuleFinding) -> (Purpose, RuleFinding) {
        let severity = finding.text("severity").map(str::to_owned);
        match (purpose, severity.as_deref()) {
            (Purpose::Deny, Some("warning")) => (Purpose::Warn, finding),
            (Purpose::Warn, Some("failure")) => (Purpose::Deny, finding),
            (Purpose::Warn, _) => (Purpose::Warn, finding),
            (Purpose::Deny, _) => {
                let from = finding.text("effective_on").map(str::to_owned);
                match from {
                    Some(text) if moment(&text).is_some_and(|from| from >= self.at) => {
                        let said = finding.msg.strip_suffix('.').unwrap_or(&finding.msg);
                        finding.msg =
                            format!("{said}. This will become a failure starting on {text}");
                        (Purpose::Warn, finding)
                    }
                    _ => (Purpose::Deny, finding),
                }
            }
        }
    }

    /// Adds the annotated rules of the package without a result as successes.
    fn passed(&self, package: &str, outcome: &mut PolicyOutcome, all: &mut Vec<RuleFinding>) {
        let seen: BTreeSet<String> = outcome
            .violations
            .iter()
            .chain(&outcome.warnings)
            .filter_map(|finding| finding.code().map(str::to_owned))
            .collect();
        for rule in self
            .annotated
            .values()
            .filter(|rule| rule.package == package)
        {
            if seen.contains(&rule.code) {
                continue;
            }
            let mut success = RuleFinding::new(&rule.code, PASS);
            let shown = rule
                .metadata
                .iter()
                .filter(|(member, _)| *member != "solution");
            let shown = shown.map(|(member, value)| (member.clone(), value.clone()));
            success.metadata.extend(shown);
            if self.counts(&success) {
                outcome.successes.push(success.clone());
            }
            all.push(success);
        }
    }

    fn counts(&self, finding: &RuleFinding) -> bool {
        match (self.meant, finding.code()) {
            (RuleFilter::AllBut(others), Some(code)) if others.contains(code) => return false,
            (RuleFilter::Annotated, Some(code)) => {
                return self
                    .annotated
                    .get(code)
                    .is_some_and(|rule| self.selection.opens(code, &rule.collections));
            }
            _ => {}
        }
        self.with_candidate(finding, |candidate| self.selection.includes(candidate))
    }

    fn is_excepted(&self, finding: &RuleFinding) -> bool {
        self.with_candidate(finding, |candidate| {
            candidate.is_some_and(|candidate| self.selection.excepts(candidate))
        })
    }

    fn with_candidate<T>(
        &self,
        finding: &RuleFinding,
        ask: impl FnOnce(Option<CodedResult<'_>>) -> T,
    ) -> T {
        let (terms, collections) = (finding.terms(), finding.list("collections"));
        ask(finding.code().map(|code| CodedResult {
            code,
            terms: &terms,
            collections: &collections,
        }))
    }

    fn unmatched(&self, all: &[RuleFinding]) -> Vec<RuleFinding> {
        let lists: Vec<_> = all
            .iter()
            .filter_map(|finding| {
                Some((
                    finding.code()?,
                    finding.terms(),
                    finding.list("collections"),
                ))
            })
            .collect();
        let candidates = lists.iter().map(|(code, terms, collections)| CodedResult {
            code,
            terms,
            collections,
        });
        let mut unmatched = self.selection.unmatched(candidates);
        // A result without a code is always selected, so every criterion matches it.
        if all.iter().any(|finding| finding.code().is_none()) {
            unmatched.retain(|criterion| *criterion != "*");
        }
        let warning = |criterion| RuleFinding {
            msg: format!("Include criterion '{criterion}' doesn't match any policy rule"),
            metadata: Metadata::default(),
            location: None,
        };
        unmatched.into_iter().map(warning).collect()
    }

    /// Removes results that depend on rules (`depends_on`) with results in the report.
    fn trim(&self, outcome: &mut PolicyOutcome) {
        let found = outcome.violations.iter().chain(&outcome.warnings);
        let reported: BTreeSet<String> = found
            .filter_map(|finding| finding.code().map(str::to_owned))
            .collect();
        let once = self.dialect == Dialect::Promote;
        let times = |finding: &RuleFinding| {
            // Only annotations are used: a result must not remove itself from the report.
            let annotated = finding.code().and_then(|code| self.annotated.get(code));
            if annotated.is_none_or(|rule| !rule.metadata.contains_key("depends_on")) {
                return 1;
            }
            let open = finding
                .list("depends_on")
                .iter()
                .filter(|code| !reported.contains(*code))
                .count();
            // Conforma's ec repeats a result for each dependency that is not reported.
            if once { open.min(1) } else { open }
        };
        for list in [
            &mut outcome.violations,
            &mut outcome.warnings,
            &mut outcome.successes,
        ] {
            *list = std::mem::take(list)
                .into_iter()
                .flat_map(|finding| std::iter::repeat_n(finding.clone(), times(&finding)))
                .collect();
        }
    }
}

/// Returns the rule with its place, as error messages show it.
fn located(rule: &str, place: Option<&RulePlace>) -> String {
    match place {
        Some(place) => format!("{rule} at {place}"),
        None => rule.to_owned(),
    }
}

/// Parses the only format of a time that Conforma's `ec` accepts here, `2006-01-02T15:04:05Z`.
/// Any other format would postpone a violation that `ec` reports.
fn moment(text: &str) -> Option<Timestamp> {
    let shape = b"0000-00-00T00:00:00Z";
    let same = |(given, wanted): (u8, &u8)| match wanted {
        b'0' => given.is_ascii_digit(),
        _ => given == *wanted,
    };
    let exact =
        text.len() == shape.len() && text.bytes().zip(shape).all(same) && !text.ends_with(":60Z");
    text.parse().ok().filter(|_| exact)
}

/// Returns the criteria that match a finding: the code with each term, or the code alone without terms.
fn names(finding: &RuleFinding) -> Vec<String> {
    let Some(code) = finding.code() else {
        return Vec::new();
    };
    let mut terms = finding.terms();
    terms.retain(|term| !term.is_empty());
    if terms.is_empty() {
        return vec![code.to_owned()];
    }
    terms.iter().map(|term| format!("{code}:{term}")).collect()
}

/// Adds a sentence to the description on how to exclude the rule.
fn hint_exclusion(finding: &mut RuleFinding) {
    let Some(description) = finding.text("description").map(str::to_owned) else {
        return;
    };
    let names: Vec<String> = names(finding)
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    let named = match names.as_slice() {
        [] => return,
        [one] => one.clone(),
        many => format!("one or more of {}", many.join(", ")),
    };
    let said = description.strip_suffix('.').unwrap_or(&description);
    let text = format!(
        "{said}. To exclude this rule add {named} to the `exclude` section of the policy configuration."
    );
    finding
        .metadata
        .insert("description".to_owned(), Value::from(text));
}

#[cfg(test)]
mod tests;
