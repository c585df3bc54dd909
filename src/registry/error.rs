//! What can go wrong between us and a registry.

use std::{path::PathBuf, time::Duration};

use crate::{
    http::{self, CertificateProblem},
    image::Digest,
};

/// An error of a registry, or of the way to it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The client could not be set up: our configuration is wrong.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// A file with credentials cannot be used: ours to repair.
    #[error("cannot use the credentials of {path}: {reason}", path = path.display())]
    AuthFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A credential helper failed: ours to repair.
    #[error("{name} gave no credentials for {server}: {reason}")]
    Helper {
        /// The program.
        name: String,
        /// The registry.
        server: String,
        /// What is wrong.
        reason: String,
    },
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
    /// The registry's certificate is not accepted.
    #[error("the certificate of {host} is not accepted: {reason}")]
    Certificate {
        /// The host and port.
        host: String,
        /// What is wrong with it, as far as we know.
        problem: CertificateProblem,
        /// What the TLS library said.
        reason: String,
    },
    /// The registry wants other credentials than we have.
    #[error("{url} refused {credentials} with status {status}")]
    Denied {
        /// The URL without its query.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Where the credentials came from, if there were some.
        credentials: String,
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
        /// The pause that the registry asks for before the next attempt.
        retry_after: Option<Duration>,
    },
    /// What was promised to be there is not.
    #[error("{what} not found in {repository}")]
    NotFound {
        /// The manifest or blob.
        what: String,
        /// The repository.
        repository: String,
    },
    /// Evidence that a verdict rests on is not there any more.
    #[error("{what} was verified and is not in {repository} any more")]
    Gone {
        /// The digest and where it was attached.
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
    /// A list of referrers cannot be read: nothing is known about what is attached.
    #[error("the list of referrers at {url} cannot be read: {reason}")]
    Referrers {
        /// The URL without its query.
        url: String,
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
    /// A tag that must not move names another image.
    #[error("{reference} is {found} already and must not become {wanted}")]
    Immutable {
        /// The repository and tag.
        reference: String,
        /// What it names.
        found: Digest,
        /// What it was to name.
        wanted: Digest,
    },
    /// An image layout directory cannot be used.
    #[error("image layout {path}: {reason}", path = path.display())]
    Layout {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
