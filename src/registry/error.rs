//! What can go wrong between us and a registry.

use crate::{http, image::Digest};

/// An error of a registry, or of the way to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The client could not be set up: our configuration is wrong.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The registry could not be reached, or went away.
    #[error("{method} {url} failed: {reason}")]
    Transport {
        /// The HTTP method.
        method: String,
        /// The URL without its query.
        url: String,
        /// What the HTTP library said, with all causes.
        reason: String,
    },
    /// The registry wants other credentials than we have.
    #[error("{url} refused our credentials with status {status}")]
    Denied {
        /// The URL without its query.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The registry answered with an error.
    #[error("{method} {url} was answered with status {status}: {message}")]
    Status {
        /// The HTTP method.
        method: String,
        /// The URL without its query.
        url: String,
        /// The status.
        status: u16,
        /// The registry's own code and message, shortened.
        message: String,
    },
    /// What was promised to be there is not.
    #[error("{what} not found in {repository}")]
    NotFound {
        /// The manifest or blob.
        what: String,
        /// The repository.
        repository: String,
    },
    /// The bytes have another digest than the one that was asked for.
    #[error("{url} served {found}, expected {expected}")]
    WrongDigest {
        /// The URL without its query.
        url: String,
        /// What we hashed.
        found: Digest,
        /// What was asked for.
        expected: Digest,
    },
    /// The body is larger or smaller than it may be.
    #[error("{url} served {found} bytes, expected {expected}")]
    WrongSize {
        /// The URL without its query.
        url: String,
        /// How many bytes arrived before we stopped.
        found: u64,
        /// How many were expected, or the limit.
        expected: String,
    },
    /// The document is no manifest or index that we know.
    #[error("manifest {digest} is not usable: {reason}")]
    Manifest {
        /// Its digest.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry breaks the protocol.
    #[error("{url} broke the protocol: {reason}")]
    Protocol {
        /// The URL without its query.
        url: String,
        /// What was expected.
        reason: &'static str,
    },
}
