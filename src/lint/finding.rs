//! Findings of the linter: the mistake, its place and its level.

use std::fmt;

use super::tree::TextPosition;

/// The kind of a mistake, by the name in a comment `# lint: ignore NAME: reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    UnknownField,
    MissingField,
    DuplicateKey,
    WrongType,
    WrongValue,
    DuplicateName,
    UnresolvedVariable,
    UnknownReference,
    UnknownParam,
    MissingParam,
    UnknownWorkspace,
    MissingWorkspace,
    Conflict,
    Cycle,
    Argument,
    Unquoted,
    ImageWithoutDigest,
    Script,
    SecretInEnvironment,
    PlainArgument,
    NoResources,
    Unused,
}

impl Code {
    /// Returns the name in messages and comments.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UnknownField => "unknown-field",
            Self::MissingField => "missing-field",
            Self::DuplicateKey => "duplicate-key",
            Self::WrongType => "wrong-type",
            Self::WrongValue => "wrong-value",
            Self::DuplicateName => "duplicate-name",
            Self::UnresolvedVariable => "unresolved-variable",
            Self::UnknownReference => "unknown-reference",
            Self::UnknownParam => "unknown-param",
            Self::MissingParam => "missing-param",
            Self::UnknownWorkspace => "unknown-workspace",
            Self::MissingWorkspace => "missing-workspace",
            Self::Conflict => "conflict",
            Self::Cycle => "cycle",
            Self::Argument => "argument",
            Self::Unquoted => "unquoted",
            Self::ImageWithoutDigest => "image-without-digest",
            Self::Script => "script",
            Self::SecretInEnvironment => "secret-in-environment",
            Self::PlainArgument => "plain-argument",
            Self::NoResources => "no-resources",
            Self::Unused => "unused",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The resource cannot work, or not as written.
    Error,
    /// A rule of good practice is broken.
    Warning,
}

/// A mistake in a resource, with its place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LintFinding {
    /// The file as named on the command line.
    pub(crate) file: String,
    #[serde(flatten)]
    pub(crate) at: TextPosition,
    pub(crate) level: Severity,
    pub(crate) code: Code,
    /// The resource and the path of the field in it.
    pub(crate) path: String,
    pub(crate) message: String,
}

impl fmt::Display for LintFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            f,
            "{}:{}:{}: {level}[{}]: {}: {}",
            self.file, self.at.line, self.at.column, self.code, self.path, self.message
        )
    }
}

/// Collects the findings about one resource.
pub(super) struct Findings<'a> {
    file: &'a str,
    /// The kind and name of the resource.
    resource: String,
    list: &'a mut Vec<LintFinding>,
}

impl<'a> Findings<'a> {
    /// Collects findings about a resource into a list.
    pub(super) fn new(file: &'a str, resource: String, list: &'a mut Vec<LintFinding>) -> Self {
        Self {
            file,
            resource,
            list,
        }
    }

    /// Tells whether the file is below a directory of that name.
    pub(super) fn is_below(&self, directory: &str) -> bool {
        let mut parts = self.file.split('/').rev().skip(1);
        parts.any(|part| part == directory)
    }

    pub(super) fn error(
        &mut self,
        code: Code,
        at: TextPosition,
        path: &str,
        message: impl Into<String>,
    ) {
        self.add(Severity::Error, code, at, path, message.into());
    }

    pub(super) fn warn(
        &mut self,
        code: Code,
        at: TextPosition,
        path: &str,
        message: impl Into<String>,
    ) {
        self.add(Severity::Warning, code, at, path, message.into());
    }

    fn add(&mut self, level: Severity, code: Code, at: TextPosition, path: &str, message: String) {
        self.list.push(LintFinding {
            file: self.file.to_owned(),
            at,
            level,
            code,
            path: format!("{} {path}", self.resource).trim_end().to_owned(),
            message,
        });
    }
}
