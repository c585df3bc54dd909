//! Wraps the Rego engine: compiles policies and returns the values of rules.
//!
//! [`Policy::read`] parses and checks the modules and lists their rules, [`Policy::compile`] adds data and makes a
//! [`Program`], [`Program::evaluate`] returns the values of rules for one input. A program is compiled once and shared
//! between threads. The crate `rego` implements the language; this module adds the functions `ec.*`, limits, and the
//! places of rules. It does not decide which value is a violation.

mod check;
mod ec;
mod engine;
mod error;
pub(crate) mod files;
#[cfg(test)]
pub(crate) mod fuzz;
mod module;
mod places;
mod policy;
mod rules;
pub(crate) mod testing;
pub(crate) mod yaml;

pub(crate) use check::gives_results;
pub(crate) use ec::{CallResult, FunctionHost, SignatureQuery, SignedObject, Verify, recorded};
pub(crate) use engine::{EngineInput, Program, Query, RuleValue};
pub(crate) use error::{Error, RulePlace};
pub(crate) use module::Module;
pub(crate) use policy::Policy;
pub(crate) use rules::{Link, Rule, list, without_metadata};

#[cfg(test)]
mod tests;
