//! The reasons why a call has no value.

/// The reason why a call has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuiltinError {
    /// The call is undefined, and that is not an error (also not in strict mode).
    #[error("undefined")]
    Undefined,
    /// An operand has a wrong type (`eval_type_error`); the call is undefined unless strict.
    #[error("{0}")]
    Operand(String),
    /// The function failed (`eval_builtin_error`); the call is undefined unless strict.
    #[error("{0}")]
    Failed(String),
    /// The evaluation ends with an error.
    #[error("{0}")]
    Halt(String),
    /// A fact of the host could not be read: the call is undefined, and the answer reports that the
    /// result of the evaluation rests on an unseen fact.
    #[error("{0}")]
    Unreadable(String),
}

impl BuiltinError {
    /// Returns the error for an operand of a wrong type, in OPA's words.
    pub fn operand(position: usize, found: &crate::value::Value, expected: &[&str]) -> Self {
        let expected = match expected {
            [one] => (*one).to_owned(),
            several => format!("one of {{{}}}", several.join(", ")),
        };
        BuiltinError::Operand(format!(
            "operand {position} must be {expected} but got {}",
            found.type_name()
        ))
    }

    /// Returns the error of a function that failed.
    pub fn failed(reason: impl std::fmt::Display) -> Self {
        BuiltinError::Failed(reason.to_string())
    }
}
