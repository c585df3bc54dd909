//! Evaluates checked modules: plans, sessions, limits and errors.

mod call;
mod error;
mod expr;
mod guard;
mod machine;
mod object;
mod origin;
mod plan;
mod print;
mod program;
mod rules;
mod run;
mod scan;
mod session;
mod trace;
mod tree;
mod with;

#[cfg(test)]
mod tests;

pub use error::{EvalCode, EvalError};
pub use machine::{Limits, Printed, Unreadable};
pub use origin::Origin;
pub use program::{Fact, Program, Query};
pub use session::{Answer, Bindings, Failure, Session, Visited};
