//! What can go wrong between us and a Git repository.

use std::{cell::RefCell, path::Path};

use url::Url;

/// An error of a Git repository, or of the way to it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The URL cannot be used.
    #[error("{url:?} is no usable Git URL: {reason}")]
    Url {
        /// The URL without secrets.
        url: String,
        /// What was expected.
        reason: &'static str,
    },
    /// The HTTP client could not be set up: our configuration is wrong.
    #[error(transparent)]
    Http(#[from] crate::http::Error),
    /// Something is larger than what is read.
    #[error("{what} has more than {limit}")]
    TooLarge {
        /// The file or repository.
        what: String,
        /// The limit.
        limit: String,
    },
    /// The run has no memory left for it.
    #[error(transparent)]
    Budget(#[from] crate::budget::Exceeded),
    /// The host wants credentials and we have none for it.
    #[error("{url} asks for credentials and there are none for its host")]
    NoCredentials {
        /// The URL.
        url: String,
    },
    /// The host wants credentials, and ours are for hosts that the user names.
    #[error(
        "{host} asks for credentials; those of {origin} name no host, and {host} is not named on the command line"
    )]
    Unbound {
        /// The host.
        host: String,
        /// The file with the credentials.
        origin: String,
    },
    /// The host does not accept our credentials.
    #[error("{url} refused the credentials from {origin} with status {status}{said}", said = behind(said))]
    Denied {
        /// The URL.
        url: String,
        /// The file that gave the credentials.
        origin: String,
        /// 401 or 403.
        status: u16,
        /// The host's own words.
        said: String,
    },
    /// The host answers as to a browser: the way to its sign-in page.
    #[error("{url} answers with a sign-in page: {reason}", reason = sign_in(origin.as_deref()))]
    SignIn {
        /// The URL.
        url: String,
        /// The file that gave the credentials, if some were sent.
        origin: Option<String>,
    },
    /// The files with credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] super::CredentialsError),
    /// A GitHub App gets no token.
    #[error("GitHub App {id} with the key {origin} gets no installation token: {reason}")]
    App {
        /// The ID of the App.
        id: String,
        /// The file with its key.
        origin: String,
        /// What went wrong.
        reason: String,
    },
    /// SSH needs a program that is not there.
    #[error("{url} needs the program ssh, which is not in PATH")]
    NoSsh {
        /// The URL.
        url: String,
    },
    /// There is no such repository, or the credentials do not show it.
    #[error("no repository at {url}{hidden}", hidden = hidden(origin.as_deref()))]
    NoRepository {
        /// The URL.
        url: String,
        /// The file that gave the credentials, if some were sent.
        origin: Option<String>,
    },
    /// The repository has no such branch, tag or commit.
    #[error("no revision {revision} in {url}")]
    NoRevision {
        /// The URL.
        url: String,
        /// The branch, tag or commit.
        revision: String,
    },
    /// Git does not allow the name for a branch.
    #[error("{branch:?} is no name for a branch")]
    BranchName {
        /// The name.
        branch: String,
    },
    /// Several tags stand where one is needed.
    #[error("HEAD of {url} has several tags: {tags}")]
    Ambiguous {
        /// The repository.
        url: String,
        /// The tags.
        tags: String,
    },
    /// The host could not be reached, went away or answered with an error.
    #[error("{url} failed: {reason}")]
    Remote {
        /// The URL.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The host's certificate is not accepted.
    #[error("the certificate of {url} is not accepted: {reason}")]
    Certificate {
        /// The URL.
        url: String,
        /// The kind of problem.
        problem: crate::http::CertificateProblem,
        /// The words of the library.
        reason: String,
    },
    /// The host asks to come again later than is waited for.
    #[error("{url} is busy: it answers {status} and asks to wait {seconds} s", seconds = wait.as_secs())]
    Busy {
        /// The URL.
        url: String,
        /// 429 or 503.
        status: u16,
        /// The pause that it asks for.
        wait: std::time::Duration,
    },
    /// Somebody else pushed first; the edit has to be made again on the new head.
    #[error("{branch} of {url} moved while we worked: {reason}")]
    Moved {
        /// The URL.
        url: String,
        /// The branch.
        branch: String,
        /// What the host said.
        reason: String,
    },
    /// The host rejects the push for good: a protected branch or a hook.
    #[error("{url} rejected the push to {branch}: {reason}")]
    Rejected {
        /// The URL.
        url: String,
        /// The branch.
        branch: String,
        /// What the host said.
        reason: String,
    },
    /// The commit could not be signed.
    #[error(transparent)]
    Signing(#[from] super::SigningError),
    /// The Git library failed on local data.
    #[error("git: {reason}")]
    Library {
        /// What the library said.
        reason: String,
    },
    /// The work was ended from outside.
    #[error("the work with Git was interrupted: {reason}")]
    Interrupted {
        /// What ended it.
        reason: String,
    },
}

thread_local! {
    /// The error of the transport, which the library would turn into mere text.
    static OF_TRANSPORT: RefCell<Option<Error>> = const { RefCell::new(None) };
}

/// Keeps an error for [`Error::from_git`] and gives the text that the library wants.
pub(super) fn keep(error: Error) -> String {
    let text = error.to_string();
    OF_TRANSPORT.with(|kept| *kept.borrow_mut() = Some(error));
    text
}

/// Forgets what an earlier operation left.
pub(super) fn forget() {
    OF_TRANSPORT.with(|kept| kept.borrow_mut().take());
}

fn behind(said: &str) -> String {
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

fn hidden(origin: Option<&str>) -> String {
    match origin {
        Some(origin) => format!(", or the credentials from {origin} may not see it"),
        None => String::new(),
    }
}

impl Error {
    /// Whether the library failed without an error of the transport.
    pub(super) fn has_kept() -> bool {
        OF_TRANSPORT.with(|kept| kept.borrow().is_some())
    }

    /// The transport's own error if there is one, else what the library says of the address.
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

/// Why a directory cannot be used as a repository.
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

/// A URL without user, password and query.
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
