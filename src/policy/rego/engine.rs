//! Compiles what [`Policy`] holds once and evaluates rules for one input after another, on any thread.
//!
//! What a result means is decided elsewhere; here an evaluation either gives every value that was
//! asked for or an error that names the rule.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use regorus::{Engine, Value, utils::limits::ExecutionTimerConfig};
use serde::Deserialize as _;

use super::{
    Host, builtins, check, ec,
    error::{Error, Place},
    known, lower, module,
    policy::Policy,
    syntax,
};

/// The longest that one evaluation may take.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(300);

/// A policy with its data, ready for any number of inputs at the same time.
#[derive(Clone)]
pub(crate) struct Program {
    pub(super) engine: Arc<Engine>,
    /// Where each rule starts, by its name with the package.
    places: Arc<BTreeMap<String, Place>>,
}

/// An input as the engine reads it.
#[derive(Debug)]
pub(crate) struct Input(Value);

impl Input {
    /// Reads a JSON document, which is not needed any more then.
    ///
    /// # Errors
    /// [`Error::Document`] for a number that the engine cannot hold.
    pub(crate) fn read(json: &serde_json::Value) -> Result<Self, Error> {
        document("input", json).map(Self)
    }
}

/// The rule to evaluate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Query {
    /// The package without `data`: `release.sbom`.
    pub(crate) package: String,
    /// The name: `deny`.
    pub(crate) rule: String,
}

/// What a rule gave. A rule that is undefined for the input gives nothing and is left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raw {
    /// The package without `data`.
    pub(crate) package: String,
    /// The name of the rule.
    pub(crate) rule: String,
    /// Where the rule starts.
    pub(crate) place: Option<Place>,
    /// The value; sets are arrays in the order of their elements.
    pub(crate) value: serde_json::Value,
}

/// How a policy becomes an engine: for production or for its tests.
pub(super) struct Assembly<'a> {
    pub(super) policy: &'a Policy,
    /// The longest that one evaluation may take.
    pub(super) limit: Duration,
}

impl Assembly<'_> {
    /// Loads the modules and the data; with wanted packages, only the modules that they reach.
    pub(super) fn assemble(
        &self,
        wanted: Option<Vec<&str>>,
        data: &serde_json::Value,
        host: &Host,
    ) -> Result<Program, Error> {
        let policy = self.policy;
        policy.calls.clone()?;
        for unit in &policy.units {
            check::data(unit, data)?;
        }
        let reached = wanted.map(|wanted| check::reachable(&policy.units, wanted.into_iter()));
        let mut engine = Engine::new();
        engine.set_policy_length_config(module::limits());
        engine.set_strict_builtin_errors(false);
        engine.set_execution_timer_config(timer(self.limit));
        for unit in &policy.units {
            let needed = reached
                .as_ref()
                .is_none_or(|reached| reached.contains(&unit.package));
            if needed && !unit.source.is_empty() {
                add(&mut engine, &unit.file, unit.source.clone())?;
            }
        }
        if policy.mockable {
            for (file, source) in ec::replaceable() {
                add(&mut engine, &file, source)?;
            }
        }
        if !policy.plain.is_empty() {
            let source = lower::plain_source(&policy.plain);
            add(&mut engine, lower::PLAIN, source)?;
        }
        let data = document("data", data)?;
        self.functions(&mut engine, &data, host)
            .map_err(|error| compile_error(&error))?;
        let added = engine.add_data(data);
        added.map_err(|error| Error::Document {
            what: "data",
            cause: reason(&error),
        })?;
        // The engine compiles at the first query; do it once, before it is cloned.
        let prepared = engine.eval_query("true".to_owned(), false);
        prepared.map_err(|error| compile_error(&error))?;
        let places = policy.rules().map(|rule| {
            let name = format!("{}.{}", rule.package, rule.name);
            (name, rule.place.clone())
        });
        // The first body of a rule is where a reader starts.
        let places = places.collect::<Vec<_>>().into_iter().rev().collect();
        Ok(Program {
            engine: Arc::new(engine),
            places: Arc::new(places),
        })
    }

    fn functions(&self, engine: &mut Engine, data: &Value, host: &Host) -> anyhow::Result<()> {
        builtins::register(engine)?;
        known::register(engine)?;
        ec::register(engine, host, self.policy.mockable)?;
        let chains = self.policy.chains.iter().map(Value::deserialize);
        let chains: Result<Vec<Value>, _> = chains.collect();
        let chains = Arc::new(chains?);
        let owns: Vec<_> = chains.iter().map(own_annotations).collect();
        let owns = Arc::new(owns);
        for (name, list) in [(lower::CHAIN, chains), (lower::OWN, owns)] {
            let call = move |arguments: Vec<Value>| {
                let at = arguments.first().and_then(|at| at.as_u64().ok());
                let at = at.and_then(|at| usize::try_from(at).ok());
                let found = at.and_then(|at| list.get(at)).cloned();
                Ok(found.unwrap_or(Value::Undefined))
            };
            engine.add_extension(name.to_owned(), 1, Box::new(call))?;
        }
        let data = data.clone();
        let plain = move |arguments: Vec<Value>| {
            let root = arguments.first();
            Ok(root.map_or(Value::Undefined, |root| data[root].clone()))
        };
        engine.add_extension(lower::PLAIN.to_owned(), 1, Box::new(plain))
    }
}

/// What `rego.metadata.rule()` gives: the annotations of the first link, or an empty object.
fn own_annotations(chain: &Value) -> Value {
    match &chain[0_u64]["annotations"] {
        Value::Undefined => Value::new_object(),
        annotations => annotations.clone(),
    }
}

fn add(engine: &mut Engine, file: &str, source: String) -> Result<(), Error> {
    let added = engine.add_policy(file.to_owned(), source);
    added.map(drop).map_err(|error| compile_error(&error))
}

impl Program {
    /// Evaluates the rules for the input, all in one query so that what they share is computed once.
    ///
    /// # Errors
    /// [`Error::Evaluation`] naming the first rule that fails: then nothing is known about it.
    pub(crate) fn evaluate(&self, input: &Input, queries: &[Query]) -> Result<Vec<Raw>, Error> {
        let mut engine = Engine::clone(&self.engine);
        engine.set_input(input.0.clone());
        let values =
            ask(&mut engine, queries).map_err(|error| self.culprit(input, queries, &error))?;
        let values = queries.iter().zip(values);
        let raws = values.filter_map(|(query, value)| Some(self.raw(query, value?)));
        raws.collect()
    }

    fn raw(&self, query: &Query, value: Value) -> Result<Raw, Error> {
        let value = serde_json::to_value(&value);
        let value =
            value.map_err(|error| self.failed(query, format!("its value is no JSON: {error}")))?;
        Ok(Raw {
            package: query.package.clone(),
            rule: query.rule.clone(),
            place: self.place(query),
            value,
        })
    }

    /// Asks for one rule after the other, to name the one that fails. Each has an engine of its own: one
    /// that has failed takes the rule for evaluated, and undefined.
    fn culprit(&self, input: &Input, queries: &[Query], together: &anyhow::Error) -> Error {
        for query in queries {
            let mut engine = Engine::clone(&self.engine);
            engine.set_input(input.0.clone());
            if let Err(error) = ask(&mut engine, std::slice::from_ref(query)) {
                return self.failed(query, reason(&error));
            }
        }
        let queries: Vec<_> = queries.iter().map(Query::to_string).collect();
        Error::Evaluation {
            rule: queries.join(", "),
            cause: reason(together),
        }
    }

    fn failed(&self, query: &Query, cause: String) -> Error {
        let place = self.place(query).map(|place| format!(" at {place}"));
        Error::Evaluation {
            rule: format!("{query}{}", place.unwrap_or_default()),
            cause,
        }
    }

    fn place(&self, query: &Query) -> Option<Place> {
        self.places.get(&query.to_string()).cloned()
    }
}

/// Asks for every rule at once: each answer is a list of one value, or an empty one when undefined.
fn ask(engine: &mut Engine, queries: &[Query]) -> anyhow::Result<Vec<Option<Value>>> {
    let lists: Vec<_> = queries
        .iter()
        .map(|query| format!("[v | v := {}]", query.path()))
        .collect();
    let query = format!("[{}]", lists.join(", "));
    let results = unbroken(|| engine.eval_query(query, false))?;
    let expression = results
        .result
        .first()
        .and_then(|row| row.expressions.first());
    let value = expression.map(|expression| &expression.value);
    let answers = value.and_then(|value| value.as_array().ok());
    let answers = answers.filter(|answers| answers.len() == queries.len());
    let answers = answers.ok_or_else(|| anyhow::anyhow!("the engine gave no answer"))?;
    let first = |answer: &Value| {
        answer
            .as_array()
            .ok()
            .and_then(|list| list.iter().next().cloned())
    };
    Ok(answers.iter().map(first).collect())
}

/// What the engine gives. A panic in it is an error, so that the rule is named and the rest of a run is
/// reported; the engine must not be used afterwards.
pub(super) fn unbroken<T>(run: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    caught.unwrap_or_else(|_| Err(anyhow::anyhow!("the engine broke down")))
}

/// The engine's reason in one line, with the place when it knows one.
pub(super) fn reason(error: &anyhow::Error) -> String {
    let (place, cause) = syntax::located(error, "");
    if place.file.is_empty() {
        cause
    } else {
        format!("{cause} at {place}")
    }
}

fn compile_error(error: &anyhow::Error) -> Error {
    let (place, cause) = syntax::located(error, "policy");
    Error::Compile { place, cause }
}

fn timer(limit: Duration) -> ExecutionTimerConfig {
    ExecutionTimerConfig {
        limit,
        check_interval: NonZeroU32::MIN.saturating_add(999),
    }
}

/// Hands a JSON document to the engine.
pub(super) fn document(what: &'static str, json: &serde_json::Value) -> Result<Value, Error> {
    Value::deserialize(json).map_err(|error| Error::Document {
        what,
        cause: error.to_string(),
    })
}

impl Query {
    /// The rule as a reference: `data.release.sbom.deny`, with brackets where a name needs them.
    fn path(&self) -> String {
        let mut path = String::from("data");
        for segment in self.package.split('.').chain([self.rule.as_str()]) {
            if syntax::is_word(segment) {
                path.push('.');
                path.push_str(segment);
            } else {
                path.push_str(&format!("[{}]", serde_json::Value::from(segment)));
            }
        }
        path
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.package, self.rule)
    }
}
