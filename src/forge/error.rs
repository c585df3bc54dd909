//! Errors of the APIs of Git hosts.

use std::time::Duration;

use super::ForgeKind;

/// An error of a Git host's API, or of the connection to it. `origin` is the file with the token, `said` the host's own text.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The URL does not determine the kind of host.
    #[error("the kind of Git host cannot be derived from the name {host}")]
    UnknownKind { host: String },
    /// The URL is not one of a repository on such a host.
    #[error("{url} is not the URL of a repository on {kind}: expected {expected}")]
    Address {
        url: String,
        kind: &'static str,
        /// The form of such a URL.
        expected: &'static str,
    },
    /// The credentials cannot be read or obtained.
    #[error(transparent)]
    Git(#[from] crate::git::Error),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] crate::http::Error),
    /// There is no token for the host.
    #[error("the API of {kind} at {host} needs a token, and there is none for {host}")]
    NoToken { kind: ForgeKind, host: String },
    /// The host rejects the token (401).
    #[error(
        "{kind} at {host} does not accept the token from {origin} (status 401){said}: it is expired, revoked or of another host"
    )]
    Unknown {
        kind: ForgeKind,
        host: String,
        origin: String,
        said: String,
    },
    /// The token lacks a right (403).
    #[error(
        "the token from {origin} may not {doing} on {kind} at {host} (status 403){said}: it lacks {lacks}"
    )]
    Lacks {
        kind: ForgeKind,
        host: String,
        origin: String,
        doing: &'static str,
        lacks: &'static str,
        said: String,
    },
    /// The host has no such resource, or hides it from the token (404).
    #[error(
        "{kind} at {host} has no {path}, or the token from {origin} may not see it (status 404){said}: to {doing} it needs {lacks}"
    )]
    NotFound {
        kind: ForgeKind,
        host: String,
        path: Box<str>,
        origin: Box<str>,
        doing: &'static str,
        lacks: &'static str,
        said: Box<str>,
    },
    /// The host refuses the request, and a retry would not help.
    #[error("{kind} at {host} does not {doing} (status {status}){said}")]
    Refused {
        kind: ForgeKind,
        host: String,
        doing: &'static str,
        status: u16,
        said: String,
    },
    /// The host requests a longer pause than is acceptable.
    #[error("{kind} at {host} limits the rate of requests and asks to wait {seconds} s", seconds = wait.as_secs())]
    Busy {
        kind: ForgeKind,
        host: String,
        wait: Duration,
    },
    /// The host could not be reached, or the connection or the request failed.
    #[error("{kind} at {host} failed to {doing}: {reason}")]
    Remote {
        kind: ForgeKind,
        host: String,
        doing: &'static str,
        reason: String,
    },
    /// The host's API lacks the operation.
    #[error("{kind} has no {what} in its API")]
    Unsupported { kind: ForgeKind, what: &'static str },
    /// The host has no user with a reviewer's name.
    #[error("{kind} at {host} has no user {name:?}")]
    Reviewer {
        kind: ForgeKind,
        host: String,
        name: String,
    },
}
