//! Git over HTTP(S) and local paths: list refs, fetch, read, commit, push.
//!
//! The only user of the Git library. Its own HTTPS would mean OpenSSL, so a smart transport
//! over our one HTTP client takes its place. Everything here blocks: call it by
//! [`Git::run`], which moves it off the asynchronous threads. No shell, no checkout, no git
//! program; SSH is not spoken.

mod credentials;
mod error;
mod history;
mod local;
mod named;
mod repository;
mod rights;
mod signing;
mod transport;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) use credentials::Credentials;
pub(crate) use error::Error;
pub(crate) use history::Relation;
pub(crate) use local::{files_of_branch, tag_at_head};
pub(crate) use named::named_url;
pub(crate) use repository::{Author, Change, Repository};
pub(crate) use signing::{SigningError, SigningKey};
use url::Url;

use crate::http::{Http, authority};

/// Access to Git repositories. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    http: Http,
    credentials: Credentials,
    /// The origins that the user named: logins without a host go to these alone.
    trusted: Arc<Mutex<BTreeSet<String>>>,
}

/// A ref of a remote repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ref {
    /// The full name; a peeled tag ends in `^{}`.
    pub(crate) name: String,
    /// The object, 40 hex digits.
    pub(crate) object: String,
}

/// What a host says of a repository first.
#[derive(Debug, Default)]
struct Advertised {
    refs: Vec<Ref>,
    /// The full name of the branch that HEAD stands for, if the host tells.
    default_branch: Option<String>,
}

impl Git {
    /// Takes the clients and credentials; nothing is connected yet.
    pub(crate) fn new(http: Http, credentials: Credentials) -> Self {
        Self {
            http,
            credentials,
            trusted: Arc::default(),
        }
    }

    /// Allows logins that name no host to be sent to the host of this URL, which the user named on
    /// the command line or in the configuration. A host that a Snapshot, a policy or a redirect
    /// names is never passed here.
    pub(crate) fn trust_with_credentials(&self, url: &str) {
        let Ok(url) = Url::parse(url) else { return };
        let trusted = self.trusted.lock();
        let mut trusted = trusted.unwrap_or_else(PoisonError::into_inner);
        trusted.insert(url.origin().ascii_serialization());
    }

    /// Returns the login that may be sent to the URL.
    ///
    /// # Errors
    /// [`Error::Unbound`] when the only login names no host, and the user did not name this one.
    fn login(&self, url: &Url) -> Result<Option<&credentials::Login>, Error> {
        let Some(login) = self.credentials.of(url) else {
            return Ok(None);
        };
        let trusted = self.trusted.lock();
        let trusted = trusted.unwrap_or_else(PoisonError::into_inner);
        if login.names_host() || trusted.contains(&url.origin().ascii_serialization()) {
            return Ok(Some(login));
        }
        Err(Error::Unbound {
            host: authority(url),
            origin: login.origin.display().to_string(),
        })
    }

    /// Runs blocking work with Git on a thread for such work.
    ///
    /// # Errors
    /// What the work says.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    {
        let git = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&git)).await;
        done.unwrap_or_else(|error| {
            Err(Error::Interrupted {
                reason: error.to_string(),
            })
        })
    }

    /// Lists the refs of a repository, annotated tags peeled too.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn ls_remote(&self, url: &str) -> Result<Vec<Ref>, Error> {
        Ok(self.advertised(&self.address(url)?)?.refs)
    }

    /// What the host advertises before anything is fetched.
    fn advertised(&self, address: &str) -> Result<Advertised, Error> {
        let _session = transport::Session::begin(self.clone());
        let list = || {
            let mut remote = git2::Remote::create_detached(address)?;
            remote.connect(git2::Direction::Fetch)?;
            let mut found = Advertised::default();
            for head in remote.list()? {
                if head.name() == "HEAD" {
                    found.default_branch = head.symref_target().map(str::to_owned);
                }
                found.refs.push(Ref {
                    name: head.name().to_owned(),
                    object: head.oid().to_string(),
                });
            }
            Ok(found)
        };
        list().map_err(|error| Error::from_git(address, &error))
    }

    /// Fetches one revision (a branch, a tag or a commit; the default branch without one) with as
    /// little history as the server allows.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NoRevision`] when the repository has no such revision.
    pub(crate) fn fetch(&self, url: &str, revision: Option<&str>) -> Result<Repository, Error> {
        let address = self.address(url)?;
        Repository::fetch(self, &address, revision)
    }

    /// The address that is really spoken to: HTTPS, plain HTTP where it is allowed, or a path.
    fn address(&self, text: &str) -> Result<String, Error> {
        let wrong = |reason| Error::Url {
            url: error::redacted(text),
            reason,
        };
        if Path::new(text).is_dir() {
            return Ok(text.to_owned());
        }
        let url = Url::parse(text)
            .map_err(|_| wrong("expected https://HOST/PATH, file:///PATH or a directory"))?;
        match url.scheme() {
            "file" => Ok(text.to_owned()),
            "https" | "http" => {
                let allowed = self.http.scheme(&authority(&url));
                if url.scheme() == "http" && allowed != "http" {
                    return Err(wrong("plain HTTP needs --plain-http HOST"));
                }
                if url.password().is_some() {
                    return Err(wrong(
                        "a password in a URL ends up in logs: use --git-credentials-dir",
                    ));
                }
                let mut url = url;
                // A user name without a password is the hosts' habit and says nothing.
                let _ = url.set_username("");
                Ok(url.to_string())
            }
            _ => Err(wrong("expected https://, file:// or a directory")),
        }
    }
}

/// The commit of a tag among the refs of a remote: the peeled one of an annotated tag.
pub(crate) fn commit_of_tag<'a>(refs: &'a [Ref], tag: &str) -> Option<&'a str> {
    let find = |name: String| refs.iter().find(|candidate| candidate.name == name);
    let found = find(format!("refs/tags/{tag}^{{}}")).or_else(|| find(format!("refs/tags/{tag}")));
    found.map(|found| found.object.as_str())
}

/// The commit of a branch among the refs of a remote.
pub(crate) fn commit_of_branch<'a>(refs: &'a [Ref], branch: &str) -> Option<&'a str> {
    let name = format!("refs/heads/{branch}");
    let found = refs.iter().find(|candidate| candidate.name == name);
    found.map(|found| found.object.as_str())
}

/// Tells whether a text is a full commit digest: 40 or 64 lower-case hex digits.
pub(crate) use crate::text::is_commit;

#[cfg(test)]
mod tests;
