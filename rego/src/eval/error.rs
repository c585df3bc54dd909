//! Errors of an evaluation, with the rule and the place.

use std::fmt;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Place {
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Kind of an error, with OPA's code where OPA has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvalCode {
    Conflict,
    Type,
    Builtin,
    WithMerge,
    Cancelled,
    Internal,
    /// `eval_limit_error`: a limit of steps, depth, memory or time is exceeded.
    Limit,
}

impl EvalCode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EvalCode::Conflict => "eval_conflict_error",
            EvalCode::Type => "eval_type_error",
            EvalCode::Builtin => "eval_builtin_error",
            EvalCode::WithMerge => "eval_with_merge_error",
            EvalCode::Cancelled => "eval_cancel_error",
            EvalCode::Internal => "eval_internal_error",
            EvalCode::Limit => "eval_limit_error",
        }
    }
}

/// An error that ends an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    pub code: EvalCode,
    pub message: String,
    /// Path of the rule, `data.a.b`; empty in a query.
    pub rule: Arc<str>,
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}: {}",
            self.file,
            self.line,
            self.column,
            self.code.as_str(),
            self.message
        )?;
        if self.rule.is_empty() {
            Ok(())
        } else {
            write!(f, " (rule {})", self.rule)
        }
    }
}

impl std::error::Error for EvalError {}

/// A result of a step of the evaluation; errors are rare, so they are boxed.
pub(crate) type Run<T> = Result<T, Box<EvalError>>;
