//! Errors of compiling or evaluating a policy. Each one names the file and line if it has any.

/// A place in a policy source, by file and line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct RulePlace {
    /// The file as the caller named it.
    pub(crate) file: String,
    /// The line of the file, counted from 1.
    pub(crate) line: u32,
}

impl std::fmt::Display for RulePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A policy or data that the engine refused, or an evaluation that failed.
///
/// The policy's author has to correct all of them but [`Error::Evaluation`].
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// No module contains a rule.
    #[error("the policy has no rules: expected at least one .rego file with rules")]
    Empty,
    #[error("{}", formatted(.0))]
    Syntax(rego::Errors),
    /// A call names a function that reaches outside of the evaluation.
    #[error("{place}:{column}: function {function} is not available to policies: {reason}")]
    ForbiddenFunction {
        place: RulePlace,
        column: u32,
        function: String,
        reason: &'static str,
    },
    /// A deny or warn rule returns a value that is not a result.
    #[error("{place}: {rule} returns {given}, expected a string or an object with msg")]
    ResultKind {
        place: RulePlace,
        rule: String,
        given: &'static str,
    },
    /// A rule with results is in a package whose name cannot be part of a code.
    #[error(
        "{place}: the package's name has a part with a dot, {part:?}, so codes and criteria cannot name its rules"
    )]
    PackageName { place: RulePlace, part: String },
    /// Two rules have the same code.
    #[error("{second}: code {code} is already used at {first}")]
    DuplicateCode {
        code: String,
        first: RulePlace,
        second: RulePlace,
    },
    /// A data document has the path of a rule.
    #[error("{place}: rule {path} collides with a data document of the same path")]
    DataCollision { place: RulePlace, path: String },
    /// The modules were parsed but cannot be compiled.
    #[error("{}", formatted(.0))]
    Compile(rego::Errors),
    /// The run's time limit ended while a policy was read.
    #[error("reading the policy was stopped at the time limit of the run")]
    Stopped,
    /// A rule could not be evaluated, so its results are unknown.
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
                place: RulePlace {
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

/// The longest line of a policy that is shown completely, in characters.
const WIDTH: usize = 160;
/// How much of a longer line is shown before the error.
const BEFORE: usize = 60;

/// Formats every error with its place and its line.
fn formatted(errors: &rego::Errors) -> String {
    let shown: Vec<_> = errors.0.iter().map(with_line).collect();
    shown.join("\n")
}

/// Formats an error with its line; a long line is shortened.
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
