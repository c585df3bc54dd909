//! Errors of registry requests.

use std::{path::PathBuf, time::Duration};

use crate::{
    budget::Exceeded,
    http::{self, CertificateProblem},
    image::Digest,
};

/// An error of a registry, or of the connection to it. Each `url` is without query and secrets.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The client could not be set up because of its configuration.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// An auth file cannot be used: a mistake in the local configuration.
    #[error("cannot use the credentials of {path}: {reason}", path = path.display())]
    AuthFile { path: PathBuf, reason: String },
    /// A credential helper failed: a mistake in the local configuration.
    #[error("{name} returned no credentials for {server}: {reason}")]
    Helper {
        name: String,
        server: String,
        reason: String,
    },
    /// The connection to the registry could not be established.
    #[error("registry {host} cannot be reached: {reason}")]
    Unreachable {
        host: String,
        reason: String,
        /// Set when the port refuses connections, or the name has no address.
        absent: bool,
    },
    /// The registry speaks plain HTTP where TLS was expected, or the other way round.
    #[error("registry {host} answers {}, expected {}", protocols(*.tls).0, protocols(*.tls).1)]
    OtherProtocol { host: String, tls: bool },
    /// The connection broke, or was too slow.
    #[error("{method} {url}: {reason}")]
    Transport {
        method: String,
        url: String,
        reason: String,
        /// Set when a time limit ended the request.
        slow: bool,
    },
    /// Reading the body would exceed the memory budget of the run.
    #[error(transparent)]
    Budget(#[from] Exceeded),
    /// The registry's certificate is not accepted.
    #[error("the certificate of {host} is not accepted: {reason}")]
    Certificate {
        host: String,
        /// The kind of defect, as far as it is known.
        problem: CertificateProblem,
        reason: String,
    },
    /// The registry requires other credentials, or has refused these.
    #[error("{}", denied(.url, *.status, .credentials, .searched))]
    Denied {
        url: String,
        status: u16,
        /// The origin of the credentials, if there were any.
        credentials: Option<String>,
        /// The files and helpers that were searched.
        searched: String,
    },
    /// The registry answered with an error.
    #[error("{method} {url} was answered with status {status}{said}", said = suffix(message))]
    Status {
        method: String,
        url: String,
        status: u16,
        /// The registry's own code and message, shortened.
        message: String,
        /// The pause that the registry requests before the next attempt.
        retry_after: Option<Duration>,
    },
    /// A manifest or blob that must exist is missing.
    #[error("{what} not found in {repository}")]
    NotFound { what: String, repository: String },
    /// Evidence of a verdict has disappeared since it was verified.
    #[error("{what} was verified and is not in {repository} any more")]
    Gone {
        /// The digest and where it was attached.
        what: String,
        repository: String,
    },
    /// The digest of the bytes differs from the requested one.
    #[error("{url} served {found}, expected {expected}")]
    WrongDigest {
        url: String,
        found: Digest,
        expected: Digest,
    },
    /// The body is larger or smaller than it may be.
    #[error("{url} served {found} bytes, expected {expected}")]
    WrongSize {
        url: String,
        /// How many bytes arrived before reading stopped.
        found: u64,
        /// How many were expected, or the limit.
        expected: String,
    },
    /// The document is not a supported manifest or index.
    #[error("manifest {digest} is not usable: {reason}")]
    Manifest { digest: Digest, reason: String },
    /// A list of referrers cannot be read, so that the attached artifacts are unknown.
    #[error("the list of referrers at {url} cannot be read: {reason}")]
    Referrers { url: String, reason: String },
    #[error("{url} broke the protocol: {reason}")]
    Protocol { url: String, reason: &'static str },
    /// The registry sends an upload to a URL that must not be used.
    #[error("registry {host} sends the upload {reason}")]
    UploadElsewhere {
        host: String,
        /// The place, and what is wrong with it.
        reason: String,
    },
    /// A tag that must not move names another image.
    #[error("{reference} is {found} already and must not become {wanted}")]
    Immutable {
        reference: String,
        found: Digest,
        wanted: Digest,
    },
    /// An image layout directory cannot be used.
    #[error("image layout {path}: {reason}", path = path.display())]
    Layout { path: PathBuf, reason: String },
}

/// Returns the protocol that is spoken and the one that was expected.
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

/// Returns the registry's message behind a colon, or nothing without one.
fn suffix(message: &str) -> String {
    match message.trim() {
        "" => String::new(),
        message => format!(": {message}"),
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
