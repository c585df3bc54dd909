//! Errors of Git repositories and their hosts.

use std::{cell::RefCell, path::Path};

use url::Url;

/// An error of a Git repository, or of the connection to it. Each `url` is without secrets, each `said` the host's own text.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    #[error("{url:?} is not a usable Git URL: {reason}")]
    Url { url: String, reason: &'static str },
    /// The HTTP client could not be set up because of its configuration.
    #[error(transparent)]
    Http(#[from] crate::http::Error),
    /// Something exceeds its size limit.
    #[error("{what} has more than {limit}")]
    TooLarge { what: String, limit: String },
    /// The read would exceed the memory budget of the run.
    #[error(transparent)]
    Budget(#[from] crate::budget::Exceeded),
    /// The host requires credentials, and there are none for it.
    #[error("{url} asks for credentials and there are none for its host")]
    NoCredentials { url: String },
    /// The host requires credentials, and the only ones are for hosts that the user names.
    #[error(
        "{host} asks for credentials; those of {origin} name no host, and {host} is not named on the command line"
    )]
    Unbound { host: String, origin: String },
    /// The host refused the credentials.
    #[error("{url} refused the credentials from {origin} with status {status}{said}", said = suffix(said))]
    Denied {
        url: String,
        origin: String,
        status: u16,
        said: String,
    },
    /// The host answers with its sign-in page for browsers.
    #[error("{url} answers with a sign-in page: {reason}", reason = sign_in(origin.as_deref()))]
    SignIn {
        url: String,
        /// The file of the credentials, if any were sent.
        origin: Option<String>,
    },
    /// The files with credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] super::CredentialsError),
    /// No installation token for a GitHub App.
    #[error("GitHub App {id} with the key {origin} gets no installation token: {reason}")]
    App {
        id: String,
        origin: String,
        reason: String,
    },
    /// SSH needs a program that is not in `PATH`.
    #[error("{url} needs the program ssh, which is not in PATH")]
    NoSsh { url: String },
    /// There is no such repository, or the credentials do not show it.
    #[error("no repository at {url}{hidden}", hidden = visibility(origin.as_deref()))]
    NoRepository {
        url: String,
        /// The file of the credentials, if any were sent.
        origin: Option<String>,
    },
    /// The repository has no such branch, tag or commit.
    #[error("no revision {revision} in {url}")]
    NoRevision { url: String, revision: String },
    /// Git does not allow the name for a branch, or it is a full ref.
    #[error("{branch:?} is not a valid name for a branch: expected {expected}")]
    BranchName {
        branch: String,
        expected: &'static str,
    },
    /// Several tags where one is expected.
    #[error("HEAD of {url} has several tags: {tags}")]
    Ambiguous { url: String, tags: String },
    /// The host could not be reached, or the connection or the request failed.
    #[error("{url} failed: {reason}")]
    Remote { url: String, reason: String },
    /// The host speaks TLS where plain HTTP was expected, or the other way round.
    #[error("{url} answers {found}", found = if *tls { "TLS, not plain HTTP" } else { "plain HTTP, not TLS" })]
    OtherProtocol { url: String, tls: bool },
    /// The host's certificate is not accepted.
    #[error("the certificate of {url} is not accepted: {reason}")]
    Certificate {
        url: String,
        problem: crate::http::CertificateProblem,
        reason: String,
    },
    /// The host requests a longer pause than is acceptable.
    #[error("{url} is busy: it answers {status} and asks to wait {seconds} s", seconds = wait.as_secs())]
    Busy {
        url: String,
        status: u16,
        wait: std::time::Duration,
    },
    /// Another push came first; the edit has to be repeated on the new head.
    #[error("{branch} of {url} moved while we worked: {reason}")]
    Moved {
        url: String,
        branch: String,
        reason: String,
    },
    /// The host rejects the push for good: a protected branch or a hook.
    #[error("{url} rejected the push to {branch}: {reason}")]
    Rejected {
        url: String,
        branch: String,
        reason: String,
    },
    /// The commit could not be signed.
    #[error(transparent)]
    Signing(#[from] super::SigningError),
    /// The Git library failed on local data.
    #[error("git: {reason}")]
    Library { reason: String },
    /// A signal or the end of the run interrupted the work.
    #[error("the work with Git was interrupted: {reason}")]
    Interrupted { reason: String },
}

thread_local! {
    /// The error of the transport, of which the library would keep only the text.
    static OF_TRANSPORT: RefCell<Option<Error>> = const { RefCell::new(None) };
}

/// Stores an error for [`Error::from_git`] and returns the text for the library.
pub(super) fn store(error: Error) -> String {
    let text = error.to_string();
    OF_TRANSPORT.with(|kept| *kept.borrow_mut() = Some(error));
    text
}

/// Removes the error of an earlier operation.
pub(super) fn clear() {
    OF_TRANSPORT.with(|kept| kept.borrow_mut().take());
}

fn suffix(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

fn sign_in(origin: Option<&str>) -> String {
    match origin {
        Some(origin) => format!("it does not accept the credentials from {origin}"),
        None => "there are no credentials for its host".to_owned(),
    }
}

fn visibility(origin: Option<&str>) -> String {
    match origin {
        Some(origin) => format!(", or the credentials from {origin} may not see it"),
        None => String::new(),
    }
}

impl Error {
    /// Tells whether the transport stored an error.
    pub(super) fn has_kept() -> bool {
        OF_TRANSPORT.with(|kept| kept.borrow().is_some())
    }

    /// Returns the transport's own error if there is one, else the library's error for the address.
    pub(super) fn from_git(address: &str, error: &git2::Error) -> Self {
        if let Some(kept) = OF_TRANSPORT.with(|kept| kept.borrow_mut().take()) {
            return kept;
        }
        let url = redacted(address);
        match error.code() {
            git2::ErrorCode::NotFound => Self::NoRepository { url, origin: None },
            _ => Self::Remote {
                url,
                reason: error.message().to_owned(),
            },
        }
    }
}

/// Describes why a directory cannot be used as a repository.
pub(super) fn local(dir: &Path, error: &git2::Error) -> Error {
    let url = dir.display().to_string();
    match error.code() {
        git2::ErrorCode::NotFound => Error::NoRepository { url, origin: None },
        git2::ErrorCode::Owner => Error::Url {
            url,
            reason: "the repository belongs to another user",
        },
        _ => Error::Library {
            reason: format!("{url}: {}", error.message()),
        },
    }
}

impl From<git2::Error> for Error {
    fn from(error: git2::Error) -> Self {
        Self::Library {
            reason: error.message().to_owned(),
        }
    }
}

/// Returns a URL without user, password and query.
pub(super) fn redacted(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        Err(_) => text.split('@').next_back().unwrap_or_default().to_owned(),
    }
}
