//! Facts that rules may use. A fact that could not be read is never treated as absent, because a rule
//! of the form "refuse if X exists" would pass.

use std::fmt;

use super::layers;
use crate::registry;

/// A fact that was read, is absent, or could not be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Seen<T> {
    Value(T),
    /// The signed content proves that the fact does not exist.
    #[default]
    Absent,
    Unreadable(UnseenReason),
}

impl<T> Seen<T> {
    /// Returns the fact, if it was read and exists.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// Returns the reason if the fact could not be read.
    pub(crate) fn reason(&self) -> Option<&UnseenReason> {
        match self {
            Self::Unreadable(reason) => Some(reason),
            Self::Value(_) | Self::Absent => None,
        }
    }
}

impl<T, E: Into<UnseenReason>> From<Result<Option<T>, E>> for Seen<T> {
    fn from(read: Result<Option<T>, E>) -> Self {
        match read {
            Ok(Some(value)) => Self::Value(value),
            Ok(None) => Self::Absent,
            Err(error) => Self::Unreadable(error.into()),
        }
    }
}

/// The reason for which a fact could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnseenReason {
    /// The kind of cause, which decides the exit code.
    pub(crate) cause: Cause,
    text: String,
}

/// The kind of cause of an unreadable fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The registry does not have the content.
    Missing,
    /// The registry refused the credentials, or cannot be trusted or used as configured.
    Denied,
    /// The registry failed after all retries.
    Failed,
    /// The content is malformed, has another digest, or exceeds a limit.
    Unusable,
}

impl UnseenReason {
    /// Makes the reason for content that is malformed.
    pub(crate) fn unusable(text: impl fmt::Display) -> Self {
        Self {
            cause: Cause::Unusable,
            text: text.to_string(),
        }
    }

    /// Makes the reason for content that the registry does not have.
    pub(crate) fn missing(text: impl fmt::Display) -> Self {
        Self {
            cause: Cause::Missing,
            text: text.to_string(),
        }
    }

    /// Makes the reason for a server that failed.
    pub(crate) fn failed(text: impl fmt::Display) -> Self {
        Self {
            cause: Cause::Failed,
            text: text.to_string(),
        }
    }
}

impl fmt::Display for UnseenReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<registry::Error> for UnseenReason {
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

impl From<layers::Error> for UnseenReason {
    fn from(error: layers::Error) -> Self {
        let text = error.to_string();
        let cause = match error {
            layers::Error::Registry { source, .. } => Self::from(source).cause,
            layers::Error::Archive { .. } | layers::Error::File(_) => Cause::Unusable,
        };
        Self { cause, text }
    }
}

/// A fact that could not be read, with its subject and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnseenFact {
    /// The fact as rules refer to it: a path such as `input.image.config`, or a function.
    pub(crate) fact: String,
    /// The image or blob that the fact is about.
    pub(crate) of: String,
    pub(crate) reason: UnseenReason,
}

impl fmt::Display for UnseenFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.fact, self.of, self.reason)
    }
}
