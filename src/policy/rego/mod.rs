//! Everything that names the Rego engine: policies in, values of rules out.
//!
//! [`Policy::read`] parses the modules and lists their rules, [`Policy::compile`] checks them and makes
//! a [`Program`], [`Program::evaluate`] gives the values of rules for one input. A program is compiled
//! once and shared between threads. The engine differs from Open Policy Agent in ways that lose
//! violations, so sources are rewritten (`lower`), calls are checked (`check`) and builtins are
//! overridden (`builtins`) before it sees them. What a violation is, is not decided here.

mod annotations;
mod builtins;
mod check;
mod ec;
mod engine;
mod error;
pub(crate) mod files;
mod known;
mod lines;
mod lower;
mod module;
mod policy;
mod rules;
mod syntax;
pub(crate) mod testing;

pub(crate) use check::gives_results;
pub(crate) use ec::{Answer, Host, Question, Subject, Verify, recorded};
pub(crate) use engine::{Input, Program, Query, Raw};
pub(crate) use error::{Error, Place};
pub(crate) use module::Module;
pub(crate) use policy::Policy;
pub(crate) use rules::{Link, Rule};

#[cfg(test)]
mod tests;
