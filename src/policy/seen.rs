//! Facts that rules may look at. What could not be read is never taken for absent: a rule of the
//! form "refuse when X is there" would pass.

use std::fmt;

use super::layers;
use crate::registry;

/// A fact for rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Seen<T> {
    Value(T),
    /// The signed content does not have it.
    #[default]
    Absent,
    Unreadable(Reason),
}

impl<T> Seen<T> {
    /// The fact, if it was read and is there.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// Why it could not be read.
    pub(crate) fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Unreadable(reason) => Some(reason),
            Self::Value(_) | Self::Absent => None,
        }
    }
}

impl<T, E: Into<Reason>> From<Result<Option<T>, E>> for Seen<T> {
    fn from(read: Result<Option<T>, E>) -> Self {
        match read {
            Ok(Some(value)) => Self::Value(value),
            Ok(None) => Self::Absent,
            Err(error) => Self::Unreadable(error.into()),
        }
    }
}

/// Why a fact could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The kind of cause, which decides about the exit code.
    pub(crate) cause: Cause,
    text: String,
}

/// The kinds of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The registry does not have it.
    Missing,
    /// The registry refused the credentials, or cannot be trusted or used as configured.
    Denied,
    /// The registry failed after all retries.
    Failed,
    /// Other bytes were served, they are not understood, or exceed a limit.
    Unusable,
}

impl Reason {
    /// Something that was read and is not understood.
    pub(crate) fn unusable(text: impl fmt::Display) -> Self {
        Self {
            cause: Cause::Unusable,
            text: text.to_string(),
        }
    }

    /// Something that the registry does not have.
    pub(crate) fn missing(text: impl fmt::Display) -> Self {
        Self {
            cause: Cause::Missing,
            text: text.to_string(),
        }
    }

    /// A server that failed.
    pub(crate) fn failed(text: impl fmt::Display) -> Self {
        Self {
            cause: Cause::Failed,
            text: text.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<registry::Error> for Reason {
    fn from(error: registry::Error) -> Self {
        use registry::Error as E;
        let cause = match &error {
            E::NotFound { .. } | E::Gone { .. } | E::Status { status: 404, .. } => Cause::Missing,
            E::Denied { .. }
            | E::Certificate { .. }
            | E::Http(_)
            | E::AuthFile { .. }
            | E::OtherProtocol { .. }
            | E::Budget(_)
            | E::Helper { .. } => Cause::Denied,
            E::WrongDigest { .. }
            | E::WrongSize { .. }
            | E::Manifest { .. }
            | E::Layout { .. }
            | E::Immutable { .. } => Cause::Unusable,
            _ => Cause::Failed,
        };
        Self {
            cause,
            text: error.to_string(),
        }
    }
}

impl From<layers::Error> for Reason {
    fn from(error: layers::Error) -> Self {
        let text = error.to_string();
        let cause = match error {
            layers::Error::Registry { source, .. } => Self::from(source).cause,
            layers::Error::Archive { .. } | layers::Error::File(_) => Cause::Unusable,
        };
        Self { cause, text }
    }
}

/// A fact that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The fact as rules refer to it: a path such as `input.image.config`, or a function.
    pub(crate) fact: String,
    /// The image or blob that it is about.
    pub(crate) of: String,
    /// Why it could not be read.
    pub(crate) reason: Reason,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.fact, self.of, self.reason)
    }
}
