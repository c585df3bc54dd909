//! Programs: planned rules with base documents.

use std::sync::{Arc, OnceLock};

use super::error::EvalError;
use super::plan::{self, Facts, Plan, QueryPlan, SetId};
use crate::builtins::Registry;
use crate::compile::Compiled;
use crate::compile::program;
use crate::value::Value;

/// A path below `input` or `data`: `input.image.config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact(pub(crate) Facts);

impl Fact {
    /// Returns the fact at a path with dots whose first name is `input` or `data`.
    #[must_use]
    pub fn new(path: &str) -> Option<Fact> {
        let mut names = path.split('.');
        let input = match names.next()? {
            "input" => true,
            "data" => false,
            _ => return None,
        };
        Some(Fact(Facts {
            input,
            path: names.map(Value::string).collect(),
        }))
    }
}

/// Rules that are ready for evaluation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Program(pub(crate) Arc<ProgramParts>);

#[derive(Debug)]
pub(crate) struct ProgramParts {
    pub(crate) plan: Arc<Plan>,
    pub(crate) data: Value,
    /// Values of rules that depend on data alone, by rule set.
    pub(crate) constants: Vec<OnceLock<Option<Value>>>,
}

/// A query that is ready for evaluation.
#[derive(Debug, Clone)]
pub struct Query(pub(crate) Arc<QueryPlan>);

impl Program {
    /// Plans checked modules. The watched facts are those that [`Answer::read`] reports, at most
    /// 63 of them.
    ///
    /// # Errors
    /// A function is called that the registry does not have.
    ///
    /// [`Answer::read`]: super::Answer::read
    pub fn new(
        compiled: &Compiled,
        registry: &Registry,
        watched: &[Fact],
    ) -> Result<Program, EvalError> {
        let watched = watched.iter().map(|fact| fact.0.clone()).collect();
        let plan = plan::plan_rules(compiled, registry, watched)?;
        Ok(Program::of(Arc::new(plan), Value::object(Vec::new())))
    }

    /// Returns the program with other base documents (`data`).
    #[must_use]
    pub fn with_data(&self, data: Value) -> Program {
        Program::of(Arc::clone(&self.0.plan), data)
    }

    /// Plans a query.
    ///
    /// # Errors
    /// A function is called that the registry does not have.
    pub fn query(&self, query: &program::CompiledQuery) -> Result<Query, EvalError> {
        plan::plan_query(&self.0.plan, query).map(|plan| Query(Arc::new(plan)))
    }

    /// Returns the paths of all rules below `data`, in order.
    pub fn rules(&self) -> impl Iterator<Item = &[Value]> {
        self.0.plan.sets.iter().map(|set| set.path.as_slice())
    }

    /// Tells if a rule refers to a fact, itself or through other rules. A reference to a document
    /// refers to everything in it. `None` without a rule at the path.
    #[must_use]
    pub fn refers_to(&self, rule: &[&str], fact: &Fact) -> Option<bool> {
        let set = self.set(rule)?;
        self.0
            .plan
            .uses
            .get(set)
            .map(|uses| uses.refers_to(&fact.0))
    }

    pub(crate) fn set(&self, path: &[&str]) -> Option<SetId> {
        let nodes = &self.0.plan.layout.nodes;
        let mut node = nodes.first()?;
        for name in path {
            node = nodes.get(*node.children.get(*name)?)?;
        }
        node.set
    }

    fn of(plan: Arc<Plan>, data: Value) -> Program {
        let constants = plan.sets.iter().map(|_| OnceLock::new()).collect();
        Program(Arc::new(ProgramParts {
            plan,
            data,
            constants,
        }))
    }
}
