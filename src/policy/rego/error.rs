//! Why a policy cannot be compiled or evaluated. Each error names the file and line where it has one.

/// A place in a policy source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
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
    #[error("{}", shown(.0))]
    Syntax(rego::Errors),
    /// A call names a function that reaches outside of the evaluation.
    #[error("{place}:{column}: function {function} is not available to policies: {reason}")]
    ForbiddenFunction {
        place: Place,
        /// Its column, counted from 1.
        column: u32,
        function: String,
        reason: &'static str,
    },
    /// A deny or warn rule gives something that is no result.
    #[error("{place}: {rule} gives {given}, expected a string or an object with msg")]
    ResultKind {
        place: Place,
        rule: String,
        given: &'static str,
    },
    /// A rule with results is in a package that its code could not name.
    #[error(
        "{place}: the package's name has a part with a dot, {part:?}: codes and criteria could not name its rules"
    )]
    PackageName { place: Place, part: String },
    /// Two rules carry the same code.
    #[error("{second}: code {code} is already used at {first}")]
    DuplicateCode {
        code: String,
        first: Place,
        second: Place,
    },
    /// Data stands where a rule of the policy stands.
    #[error("{place}: rule {path} collides with a data document of the same path")]
    DataCollision {
        place: Place,
        /// The path below `data`.
        path: String,
    },
    /// The modules parse and do not compile.
    #[error("{}", shown(.0))]
    Compile(rego::Errors),
    /// The run ended while a policy was read: nothing is known of it.
    #[error("the policy was not read to its end: the run was stopped")]
    Stopped,
    /// A rule could not be evaluated: nothing is known about what it would say.
    #[error("rule {rule} could not be evaluated: {cause}")]
    Evaluation {
        /// The rule with its package and where it starts.
        rule: String,
        /// The engine's reason, with file and line.
        cause: String,
    },
}

impl From<rego::Errors> for Error {
    fn from(errors: rego::Errors) -> Self {
        let Some(first) = errors.0.first() else {
            return Self::Empty;
        };
        let function = first.message.strip_prefix("function ");
        let function = function.and_then(|text| text.split_once(" is not offered: "));
        let refused =
            function.and_then(|(name, _)| Some((name, rego::builtins::not_offered(name)?)));
        if let Some((function, reason)) = refused {
            return Self::ForbiddenFunction {
                place: Place {
                    file: first.file.to_string(),
                    line: first.span.line,
                },
                column: first.span.column,
                function: function.to_owned(),
                reason,
            };
        }
        match first.code {
            rego::Code::Cancelled => Self::Stopped,
            rego::Code::Parse => Self::Syntax(errors),
            _ => Self::Compile(errors),
        }
    }
}

/// The longest line of a policy that is shown whole, in characters.
const WIDTH: usize = 160;
/// How much of a longer line is shown before the error.
const BEFORE: usize = 60;

/// Every error with its place and its line, one behind the other.
fn shown(errors: &rego::Errors) -> String {
    let shown: Vec<_> = errors.0.iter().map(with_line).collect();
    shown.join("\n")
}

/// The error with its line, of which a long one is cut.
fn with_line(error: &rego::Error) -> String {
    if error.line.chars().count() <= WIDTH {
        return error.to_string();
    }
    let column = (error.span.column as usize).saturating_sub(1);
    let from = column.saturating_sub(BEFORE);
    let part: String = error.line.chars().skip(from).take(WIDTH).collect();
    let head = rego::Error {
        line: String::new(),
        ..error.clone()
    };
    let indent = column - from + 1;
    format!("{head}\n\t…{part}\n\t{:indent$}^", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_the_error() {
        let text = format!("package p\n\nx := [{}nosuch(1)]\n", "1, ".repeat(200));
        let registry = rego::builtins::offered();
        let module = rego::parse("p.rego", text).unwrap();
        let errors = rego::compile(vec![module], &rego::Options::new(&registry)).unwrap_err();
        let shown = Error::from(errors).to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines[0],
            "p.rego:3:607: rego_type_error: undefined function nosuch"
        );
        let at = lines[2].chars().position(|c| c == '^').unwrap();
        let marked: String = lines[1].chars().skip(at).collect();
        assert!(marked.starts_with("nosuch(1)"), "{shown}");
    }
}
