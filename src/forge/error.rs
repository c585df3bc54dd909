//! What can go wrong between us and the API of a Git host.

use std::time::Duration;

use super::Kind;

/// An error of a Git host's API, or of the way to it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The URL does not tell what kind of host it is.
    #[error("{host} does not tell by its name which kind of Git host it is")]
    UnknownKind {
        /// The host.
        host: String,
    },
    /// The URL is not one of a repository on such a host.
    #[error("{url} is not the URL of a repository on {kind}: expected {expected}")]
    Address {
        /// The URL.
        url: String,
        /// The kind of host.
        kind: &'static str,
        /// The shape of such a URL.
        expected: &'static str,
    },
    /// The credentials cannot be read or got.
    #[error(transparent)]
    Git(#[from] crate::git::Error),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] crate::http::Error),
    /// There is no token for the host.
    #[error("the API of {kind} at {host} needs a token, and there is none for {host}")]
    NoToken {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
    },
    /// The host does not know the token (401).
    #[error(
        "{kind} at {host} does not accept the token from {origin} (status 401){said}: it is expired, revoked or of another host"
    )]
    Unknown {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
        /// The file with the token.
        origin: String,
        /// The host's own words.
        said: String,
    },
    /// The token lacks a right (403).
    #[error(
        "the token from {origin} may not {doing} on {kind} at {host} (status 403){said}: it lacks {lacks}"
    )]
    Lacks {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
        /// The file with the token.
        origin: String,
        /// What was tried.
        doing: &'static str,
        /// The right that is missing.
        lacks: &'static str,
        /// The host's own words.
        said: String,
    },
    /// The host has no such thing, or does not show it to the token (404).
    #[error(
        "{kind} at {host} has no {path}, or the token from {origin} may not see it (status 404){said}: to {doing} it needs {lacks}"
    )]
    NotFound {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
        /// What was looked for.
        path: Box<str>,
        /// The file with the token.
        origin: Box<str>,
        /// What was tried.
        doing: &'static str,
        /// The right that this needs.
        lacks: &'static str,
        /// The host's own words.
        said: Box<str>,
    },
    /// The host refuses the request for good.
    #[error("{kind} at {host} does not {doing} (status {status}){said}")]
    Refused {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
        /// What was tried.
        doing: &'static str,
        /// The status.
        status: u16,
        /// The host's own words.
        said: String,
    },
    /// The host asks to come again later than is waited for.
    #[error("{kind} at {host} limits the rate of requests and asks to wait {seconds} s", seconds = wait.as_secs())]
    Busy {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
        /// The pause that it asks for.
        wait: Duration,
    },
    /// The host could not be reached, went away or failed.
    #[error("{kind} at {host} failed to {doing}: {reason}")]
    Remote {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
        /// What was tried.
        doing: &'static str,
        /// What happened.
        reason: String,
    },
    /// The host's API has no such thing.
    #[error("{kind} has no {what} in its API")]
    Unsupported {
        /// The kind of host.
        kind: Kind,
        /// What is missing.
        what: &'static str,
    },
    /// A reviewer is not known to the host.
    #[error("{kind} at {host} knows no user {name:?}")]
    Reviewer {
        /// The kind of host.
        kind: Kind,
        /// The host.
        host: String,
        /// The name.
        name: String,
    },
}
