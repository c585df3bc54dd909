//! Evaluates one group for one image: the rules first, then the meaning of their results.
//!
//! In the dialect of Conforma's `ec` the results are also read in this program's own dialect, and a warning names
//! everything that `ec` ignores.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Dialect,
    criteria::RuleSelection,
    finding::RuleFinding,
    outcome::{self, PolicyOutcome, ResultReader, RuleFilter},
    policies::{Error, EvaluationTarget, Ready, Settings, is_intended},
    rego::{self, Query, RuleValue},
};

/// The results of a group for an image.
pub(super) struct GroupResults {
    pub(super) outcome: PolicyOutcome,
    /// The values of rules from which the results were read.
    raws: Vec<RuleValue>,
    opened: BTreeSet<String>,
}

impl Ready {
    /// Evaluates the rules of the packages that the criteria open, and reads their results.
    pub(super) fn evaluate(
        &self,
        input: &rego::EngineInput,
        subject: EvaluationTarget<'_>,
        settings: &Settings,
    ) -> Result<GroupResults, Error> {
        let selection = self.selection(subject, settings);
        let opened = self.opened(&selection, settings);
        let raws = self.ask(input, subject, &opened, settings)?;
        let outcome = self.read(&raws, &opened, &selection, subject, settings)?;
        Ok(GroupResults {
            outcome,
            raws,
            opened,
        })
    }

    fn ask(
        &self,
        input: &rego::EngineInput,
        subject: EvaluationTarget<'_>,
        packages: &BTreeSet<String>,
        settings: &Settings,
    ) -> Result<Vec<RuleValue>, Error> {
        let queries: BTreeSet<Query> = packages
            .iter()
            .flat_map(|package| {
                let rules = self.packages.get(package).into_iter().flatten();
                rules.map(move |rule| (package, rule))
            })
            .flat_map(|(package, rule)| {
                [rule.name.as_str(), "exception"].map(|name| Query {
                    package: package.clone(),
                    rule: name.to_owned(),
                })
            })
            .filter(|query| query.rule != "exception" || self.has_rule(&query.package, "exception"))
            .collect();
        let queries: Vec<_> = queries.into_iter().collect();
        let program = self.program(subject.at, settings)?;
        Ok(program.evaluate(input, &queries)?)
    }

    fn read(
        &self,
        raws: &[RuleValue],
        opened: &BTreeSet<String>,
        selection: &RuleSelection,
        subject: EvaluationTarget<'_>,
        settings: &Settings,
    ) -> Result<PolicyOutcome, Error> {
        let dialect = settings.dialect;
        let intended = self.intended(settings);
        let (annotated, others): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .annotated
            .clone()
            .into_iter()
            .partition(|(_, rule)| is_intended(&rule.pipeline_intention, &intended));
        let others = others.into_keys().collect();
        let meant = match (&intended, dialect) {
            (None, _) => RuleFilter::All,
            (Some(_), Dialect::Promote) => RuleFilter::AllBut(&others),
            (Some(_), Dialect::Conforma) => RuleFilter::Annotated,
        };
        let reading = ResultReader {
            selection,
            annotated: &annotated,
            meant,
            at: subject.at,
            dialect,
        };
        let outcome = reading.outcome(raws, opened);
        let mut outcome = outcome.map_err(|error| match (error, dialect) {
            (outcome::Error::Nothing, Dialect::Promote) => Error::Nothing {
                reason: self.nothing(selection, opened),
            },
            (error, _) => error.into(),
        })?;
        outcome.exceptions.extend(self.let_off(selection));
        Ok(outcome)
    }

    /// Warns of every package and every violation that `ec` ignores.
    pub(super) fn name_what_is_dropped(
        &self,
        input: &rego::EngineInput,
        subject: EvaluationTarget<'_>,
        settings: &Settings,
        said: &GroupResults,
    ) {
        let (opened, theirs) = (&said.opened, &said.outcome);
        let own = Settings {
            dialect: Dialect::Promote,
            ..settings.clone()
        };
        let component = subject.component;
        let selection = self.selection(subject, &own);
        let all: BTreeSet<String> = self
            .opened(&selection, &own)
            .union(opened)
            .cloned()
            .collect();
        let more: BTreeSet<String> = all.difference(opened).cloned().collect();
        for package in &more {
            tracing::warn!(
                component,
                "ec does not evaluate the package {package}, verify-ec does"
            );
        }
        let ours = match self.ask(input, subject, &more, settings) {
            Ok(found) => {
                let raws: Vec<_> = said.raws.iter().cloned().chain(found).collect();
                self.read(&raws, &all, &selection, subject, &own)
            }
            Err(error) => Err(error),
        };
        let ours = match ours {
            Ok(ours) => ours,
            Err(error) => {
                tracing::warn!(
                    component,
                    "ec ignores an error by which verify-ec refuses the image: {error}"
                );
                return;
            }
        };
        for violation in &ours.violations {
            warn_of_dropped(component, violation, theirs);
        }
    }
}

/// Warns of a violation that is not among the violations of `ec`.
fn warn_of_dropped(component: &str, violation: &RuleFinding, theirs: &PolicyOutcome) {
    let same = |other: &RuleFinding| {
        other.code() == violation.code()
            && other.msg == violation.msg
            && other.terms() == violation.terms()
    };
    if theirs.violations.iter().any(same) {
        return;
    }
    let how = match theirs.warnings.iter().any(same) {
        true => "makes a warning of the violation",
        false => "drops the violation",
    };
    let code = violation.code().unwrap_or("without a code");
    let place = violation.location.as_ref();
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    let msg = crate::text::line(&violation.msg);
    tracing::warn!(
        component,
        "ec {how} {code}{place}, verify-ec refuses: {msg}"
    );
}
