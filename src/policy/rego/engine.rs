//! Evaluates rules of a [`Policy`](super::Policy) for one input after another, on any thread.
//!
//! An evaluation returns either every requested value or an error that names the rule. The meaning of
//! results is decided in [`super::super::outcome`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rego::{
    Value,
    eval::{EvalError, Limits, Session},
};

use super::{
    ec,
    error::{Error, RulePlace},
    places::RulePlaces,
};
use crate::stop;

/// The time limit of one evaluation.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(300);

/// A compiled policy with its data, for any number of inputs in parallel.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(super) program: rego::Program,
    pub(super) places: Arc<RulePlaces>,
    /// The value of `time.now_ns()` in all evaluations, in nanoseconds.
    pub(super) now_ns: i64,
    /// The time limit of one evaluation.
    pub(super) limit: Duration,
}

/// An input, converted for the engine.
#[derive(Debug)]
pub(crate) struct EngineInput(Value);

impl EngineInput {
    /// Converts a JSON document, which may be dropped afterwards.
    pub(crate) fn read(json: &serde_json::Value) -> Self {
        Self(Value::from(json))
    }
}

/// A rule to evaluate, by package and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Query {
    /// The package without `data`: `release.sbom`.
    pub(crate) package: String,
    /// The name of the rule: `deny`.
    pub(crate) rule: String,
}

/// The value of a rule. A rule that is undefined for the input is omitted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RuleValue {
    pub(crate) package: String,
    pub(crate) rule: String,
    pub(crate) place: Option<RulePlace>,
    /// The value; sets are arrays in the order of Rego's comparison.
    pub(crate) value: serde_json::Value,
    /// Where the rule of each element starts, for rules that give results.
    pub(crate) origins: Vec<Option<RulePlace>>,
}

impl Program {
    /// Evaluates the rules for the input in one session, so that shared rules are evaluated once.
    ///
    /// # Errors
    /// [`Error::Evaluation`] with the first rule that fails, whose value is then unknown.
    pub(crate) fn evaluate(
        &self,
        input: &EngineInput,
        queries: &[Query],
    ) -> Result<Vec<RuleValue>, Error> {
        let mut session = self.session(Some(input.0.clone()));
        let paths: Vec<Vec<&str>> = queries.iter().map(Query::path).collect();
        let answers = session.documents(&paths);
        ec::keep_record(&mut session);
        let answers = answers.map_err(|(at, error)| self.failed(queries.get(at), &error))?;
        let answers = queries.iter().zip(answers);
        Ok(answers
            .filter_map(|(query, answer)| {
                let value = answer.value?;
                Some(RuleValue {
                    package: query.package.clone(),
                    rule: query.rule.clone(),
                    place: self.place(query),
                    origins: self.places.origins(query, &value, &mut session),
                    value: serde_json::Value::from(&value),
                })
            })
            .collect())
    }

    /// Starts a session with this input and the time limit.
    pub(super) fn session(&self, input: Option<Value>) -> Session {
        let limits = Limits {
            deadline: Instant::now().checked_add(self.limit),
            cancel: Some(stop::flag()),
            ..Limits::default()
        };
        Session::new(&self.program, input)
            .with_limits(limits)
            .with_time(self.now_ns, self.now_ns.unsigned_abs())
    }

    fn failed(&self, query: Option<&Query>, error: &EvalError) -> Error {
        let place = query.and_then(|query| self.place(query));
        let place = place.map(|place| format!(" at {place}"));
        let name = query.map(Query::to_string).unwrap_or_default();
        Error::Evaluation {
            rule: format!("{name}{}", place.unwrap_or_default()),
            cause: error.to_string(),
        }
    }

    fn place(&self, query: &Query) -> Option<RulePlace> {
        self.places.first(query).cloned()
    }
}

impl Query {
    pub(super) fn path(&self) -> Vec<&str> {
        self.package
            .split('.')
            .chain([self.rule.as_str()])
            .collect()
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.package, self.rule)
    }
}
