//! Why a policy cannot be compiled or evaluated. Each error names the file and line where it has one.

/// A place in a policy source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The file as the caller named it.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why the engine refused a policy, its data, or could not finish an evaluation.
///
/// All but [`Error::Evaluation`] are the policy author's to mend.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// There is no rule in any module.
    #[error("the policy has no rules: expected at least one .rego file with rules")]
    Empty,
    /// The module is no Rego.
    #[error("{place}: {cause}")]
    Syntax {
        /// Where the parser stopped.
        place: Place,
        /// What it expected.
        cause: String,
    },
    /// A call names a function that reaches outside of the evaluation.
    #[error("{place}: function {function} is not available to policies: {reason}")]
    ForbiddenFunction {
        /// Where the call is.
        place: Place,
        /// The full name.
        function: String,
        /// Why it is not.
        reason: &'static str,
    },
    /// A deny or warn rule gives something that is no result.
    #[error("{place}: {rule} gives {given}, expected a string or an object with msg")]
    ResultKind {
        /// Where the rule starts.
        place: Place,
        /// The rule with its package.
        rule: String,
        /// The kind of value.
        given: &'static str,
    },
    /// Two rules carry the same code.
    #[error("{second}: code {code} is already used at {first}")]
    DuplicateCode {
        /// The code.
        code: String,
        /// The first rule.
        first: Place,
        /// The second rule.
        second: Place,
    },
    /// Data stands where a rule of the policy stands.
    #[error("{place}: rule {path} collides with a data document of the same path")]
    DataCollision {
        /// The rule.
        place: Place,
        /// The path below `data`.
        path: String,
    },
    /// The engine refused the modules as a whole.
    #[error("{place}: {cause}")]
    Compile {
        /// Where the engine says it is.
        place: Place,
        /// Why.
        cause: String,
    },
    /// A rule could not be evaluated: nothing is known about what it would say.
    #[error("rule {rule} could not be evaluated: {cause}")]
    Evaluation {
        /// The rule with its package and where it starts.
        rule: String,
        /// The engine's reason, with file and line.
        cause: String,
    },
}

impl From<&rego::Errors> for Error {
    /// Takes the first error; further ones are lines of their own.
    fn from(errors: &rego::Errors) -> Self {
        let Some((first, others)) = errors.0.split_first() else {
            return Self::Empty;
        };
        let place = Place {
            file: first.file.to_string(),
            line: first.span.line,
        };
        let function = first.message.strip_prefix("function ");
        let function = function.and_then(|text| text.split_once(" is not offered: "));
        let refused =
            function.and_then(|(name, _)| Some((name, rego::builtins::not_offered(name)?)));
        if let Some((function, reason)) = refused {
            return Self::ForbiddenFunction {
                place,
                function: function.to_owned(),
                reason,
            };
        }
        let mut cause = format!("{}: {}", first.code, first.message);
        for error in others {
            let (file, span) = (&error.file, error.span);
            let line = format!("\n{file}:{}: {}: {}", span.line, error.code, error.message);
            cause.push_str(&line);
        }
        match first.code {
            rego::Code::Parse => Self::Syntax { place, cause },
            _ => Self::Compile { place, cause },
        }
    }
}
