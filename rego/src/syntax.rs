//! Syntax of Rego: text to tree.

mod ast;

use std::sync::Arc;

pub use ast::{
    Body, Comment, Every, Expr, ExprKind, Head, Import, Logical, Module, Not, Package, Rule, Span,
    TemplatePart, Term, TermKind, Var, With,
};

use crate::error::Errors;

/// Parses one module.
///
/// # Errors
/// Every error that was found, with code [`Code::Parse`](crate::Code::Parse).
pub fn parse(file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Result<Module, Errors> {
    let (_file, _text): (Arc<str>, Arc<str>) = (file.into(), text.into());
    Err(Errors(Vec::new()))
}
