//! What can go wrong between us and a registry.

use std::{path::PathBuf, time::Duration};

use crate::{
    budget::Exceeded,
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
    /// No connection with the registry came about.
    #[error("registry {host} cannot be reached: {reason}")]
    Unreachable {
        /// The host and port.
        host: String,
        /// The cause.
        reason: String,
        /// Whether nothing listens there, or the name has no address.
        absent: bool,
    },
    /// The registry speaks plain HTTP where TLS was expected, or the other way round.
    #[error("registry {host} answers {}, expected {}", protocols(*.tls).0, protocols(*.tls).1)]
    OtherProtocol {
        /// The host and port.
        host: String,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// The registry went away, or was too slow.
    #[error("{method} {url}: {reason}")]
    Transport {
        /// The HTTP method.
        method: String,
        /// The URL without its query.
        url: String,
        /// The cause.
        reason: String,
        /// Whether a limit of time ended it.
        slow: bool,
    },
    /// The run has no memory left for what is to be read.
    #[error(transparent)]
    Budget(#[from] Exceeded),
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
    #[error("{}", denied(.url, *.status, .credentials, .searched))]
    Denied {
        /// The URL without its query.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Where the credentials came from, if there were some.
        credentials: Option<String>,
        /// The files and helpers that were searched.
        searched: String,
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
    /// The registry sends an upload to a place where it cannot go.
    #[error("registry {host} sends the upload {reason}")]
    UploadElsewhere {
        /// The registry.
        host: String,
        /// The place, and what is wrong with it.
        reason: String,
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

/// The protocol that is spoken and the one that was expected.
fn protocols(tls: bool) -> (&'static str, &'static str) {
    match tls {
        true => ("TLS", "plain HTTP"),
        false => ("plain HTTP", "TLS"),
    }
}

fn denied(url: &str, status: u16, credentials: &Option<String>, searched: &str) -> String {
    match (credentials, status) {
        (Some(credentials), _) => {
            format!("{url} refused the credentials of {credentials} with status {status}")
        }
        (None, 401) => {
            format!("{url} asks for credentials (status 401), and none were found in {searched}")
        }
        (None, _) => {
            format!("{url} answered {status} without credentials, none found in {searched}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_begin_with_the_cause_and_name_the_url_once() {
        let unreachable = Error::Unreachable {
            host: "r.example:5000".to_owned(),
            reason: "connection refused".to_owned(),
            absent: true,
        };
        assert_eq!(
            unreachable.to_string(),
            "registry r.example:5000 cannot be reached: connection refused"
        );
        let other = |tls| Error::OtherProtocol {
            host: "r.example".to_owned(),
            tls,
        };
        assert_eq!(
            other(false).to_string(),
            "registry r.example answers plain HTTP, expected TLS"
        );
        assert_eq!(
            other(true).to_string(),
            "registry r.example answers TLS, expected plain HTTP"
        );
        let denied = |credentials: Option<&str>, status| {
            let error = Error::Denied {
                url: "https://r.example/v2/a/manifests/v1".to_owned(),
                status,
                credentials: credentials.map(str::to_owned),
                searched: "a.json, b.json".to_owned(),
            };
            error.to_string()
        };
        assert_eq!(
            denied(None, 401),
            "https://r.example/v2/a/manifests/v1 asks for credentials (status 401), and none were found in a.json, b.json"
        );
        assert_eq!(
            denied(Some("a.json (r.example)"), 403),
            "https://r.example/v2/a/manifests/v1 refused the credentials of a.json (r.example) with status 403"
        );
    }
}
