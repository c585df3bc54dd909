//! Errors of parsing and compiling, with the codes and the places that OPA reports.

use std::{fmt, sync::Arc};

use crate::syntax::Span;

/// Code of an error, as OPA spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Parse,
    Compile,
    Type,
    UnsafeVar,
    Recursion,
    /// `rego_cancel_error`: the host ended parsing or compiling ([`Stop`](crate::Stop)).
    Cancelled,
}

impl Code {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "rego_parse_error",
            Self::Compile => "rego_compile_error",
            Self::Type => "rego_type_error",
            Self::UnsafeVar => "rego_unsafe_var_error",
            Self::Recursion => "rego_recursion_error",
            Self::Cancelled => "rego_cancel_error",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One error with its code, message and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub code: Code,
    pub message: String,
    /// Name of the module's file, or of the query.
    pub file: Arc<str>,
    pub span: Span,
    /// Text of the line at `span.line`, without its line break.
    pub line: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}: {}",
            self.file, self.span.line, self.span.column, self.code, self.message
        )?;
        let text = self.line.trim_start_matches('\t');
        if text.is_empty() {
            return Ok(());
        }
        let tabs = self.line.len() - text.len();
        let column = (self.span.column as usize).saturating_sub(1 + tabs);
        write!(f, "\n\t{text}\n\t{:column$}^", "")
    }
}

impl std::error::Error for Error {}

/// Errors of one compilation, ordered by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(pub Vec<Error>);

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
