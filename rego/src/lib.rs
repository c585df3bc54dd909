//! Rego as Open Policy Agent evaluates it: parser, compiler and evaluator.
//!
//! The crate uses neither a registry nor a file system nor an asynchronous runtime.
//!
//! [`parse`] turns the text of a module into its syntax tree, [`compile()`] checks a set of modules and returns
//! [`Compiled`], from which the evaluator plans.

pub mod annotations;
pub mod builtins;
pub mod compile;
pub mod error;
pub mod eval;
pub mod inventory;
pub mod signature;
mod stop;
pub mod syntax;
pub mod value;

pub use compile::{Compiled, Options, compile};
pub use error::{Code, Error, Errors};
pub use eval::{Program, Session};
pub use stop::Stop;
pub use syntax::{parse, parse_until};
pub use value::Value;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
