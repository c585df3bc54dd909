//! Syntax of Rego: text to tree.

mod ast;
mod body;
mod collection;
pub mod display;
mod heads;
mod imports;
mod lexer;
mod lines;
mod literal;
mod logic;
mod module;
mod names;
mod parser;
mod rules;
mod term;
#[cfg(test)]
mod tests;
pub(crate) mod walk;

use std::sync::Arc;

pub use ast::{
    Body, Comment, Every, Expr, ExprKind, Head, Import, Logical, Module, Not, Package, Rule, Span,
    TemplatePart, Term, TermKind, Var, With,
};

pub use lines::lines;

use crate::Stop;
use crate::error::{Code, Error, Errors};
use parser::Parser;

/// Largest text of a module in bytes.
const MAX_BYTES: usize = 64 << 20;

/// Parses one module.
///
/// # Errors
/// The errors that were found, with code [`Code::Parse`].
pub fn parse(file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Result<Module, Errors> {
    parse_until(file, text, &Stop::default())
}

/// Parses one module unless the host ends it.
///
/// # Errors
/// As [`parse`], or one error with code [`Code::Cancelled`].
pub fn parse_until(
    file: impl Into<Arc<str>>,
    text: impl Into<Arc<str>>,
    stop: &Stop,
) -> Result<Module, Errors> {
    let (file, text): (Arc<str>, Arc<str>) = (file.into(), text.into());
    check_size(&file, &text)?;
    let mut parser = Parser::new(file, &text);
    parser.stop = stop.clone();
    parser.module(&text).map_err(Errors)
}

/// Parses a query: expressions between `;` or line breaks.
///
/// # Errors
/// As [`parse`]; the file's name is `query`.
pub fn parse_query(text: &str) -> Result<Body, Errors> {
    let file: Arc<str> = "query".into();
    check_size(&file, text)?;
    Parser::new(file, text).whole_query().map_err(Errors)
}

fn check_size(file: &Arc<str>, text: &str) -> Result<(), Errors> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    Err(Errors(vec![Error {
        code: Code::Parse,
        message: format!("text is longer than {MAX_BYTES} bytes"),
        file: file.clone(),
        span: Span {
            line: 1,
            column: 1,
            ..Span::default()
        },
        line: String::new(),
    }]))
}

/// Returns the line that a span begins in.
pub(crate) fn line_of(text: &str, span: Span) -> &str {
    let at = (span.start as usize).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(start..).unwrap_or_default();
    rest.lines().next().unwrap_or_default()
}
