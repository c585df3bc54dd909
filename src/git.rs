//! Git over HTTP(S) and local paths: list refs, fetch, read, commit, push.
//!
//! The only user of the Git library. Its own HTTPS would mean OpenSSL, so a smart transport
//! over this crate's HTTP client takes its place. Everything here blocks: call it through
//! [`Git::run`], which moves it off the asynchronous threads. No shell, no checkout, no git
//! program; SSH needs the program `ssh`.

mod credentials;
mod error;
#[cfg(test)]
pub(crate) mod fuzz;
mod history;
mod local;
mod named;
mod openpgp;
mod push;
mod repository;
mod rights;
mod rsa_key;
mod signing;
mod strangers;
mod transport;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) use credentials::{Credentials, CredentialsError, Login};
pub(crate) use error::Error;
pub(crate) use history::Relation;
pub(crate) use local::{files_of_branch, tag_at_head};
pub(crate) use named::named_url;
pub(crate) use push::{Lease, PushRequest};
pub(crate) use repository::{Author, FetchedRepository, FileChange};
pub(crate) use signing::{CommitSigningKey, SigningError};
use url::Url;

use crate::http::{
    Http, authority,
    header::{self, HeaderValue},
};

/// Access to Git repositories. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    http: Http,
    credentials: Credentials,
    /// The origins that the user named: logins without a host go to these alone.
    trusted: Arc<Mutex<BTreeSet<String>>>,
    /// The origins that a Snapshot named.
    foreign: Arc<Mutex<BTreeSet<String>>>,
    /// For each given URL, the one to which a host redirected it.
    bases: Arc<Mutex<BTreeMap<String, Url>>>,
}

/// Credentials that may be sent to a host.
#[derive(Debug)]
enum LoginMethod {
    Login(Login),
    /// A GitHub App, which is exchanged for a token first.
    App(credentials::app::App),
}

impl LoginMethod {
    /// Tells whether it has a host that it is for.
    fn names_host(&self) -> bool {
        match self {
            Self::Login(login) => login.names_host(),
            Self::App(_) => false,
        }
    }
}

/// The user and password of a request, and the file that they came from.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) user: String,
    /// Set when a file names the user.
    pub(crate) names_user: bool,
    pub(crate) password: String,
    pub(crate) origin: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .field("password", &"***")
            .finish_non_exhaustive()
    }
}

/// A ref of a remote repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ref {
    /// The full name; a peeled tag ends in `^{}`.
    pub(crate) name: String,
    /// The object, 40 hex digits.
    pub(crate) object: String,
}

/// The refs that a host advertises.
#[derive(Debug, Default)]
struct Advertised {
    refs: Vec<Ref>,
    /// The full name of the branch of HEAD, if the host advertises it.
    default_branch: Option<String>,
}

impl Advertised {
    /// Connects; a later fetch by the same remote does not request the refs again.
    fn by(remote: &mut git2::Remote<'_>) -> Result<Self, git2::Error> {
        remote.connect(git2::Direction::Fetch)?;
        let mut found = Self::default();
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
    }
}

impl Git {
    /// Stores the client and credentials; nothing is connected yet.
    pub(crate) fn new(http: Http, credentials: Credentials) -> Self {
        Self {
            http,
            credentials,
            trusted: Arc::default(),
            foreign: Arc::default(),
            bases: Arc::default(),
        }
    }

    /// Returns this access without checks of certificates, as git has it with `GIT_SSL_NO_VERIFY`.
    pub(crate) fn without_certificate_checks(&self) -> Self {
        Self {
            http: self.http.without_checks(),
            ..self.clone()
        }
    }

    /// Allows credentials without a host to be sent to the host of this URL, which the user named on
    /// the command line or in the configuration. Never call it with a host that a Snapshot, a policy or a redirect
    /// names.
    pub(crate) fn trust_with_credentials(&self, url: &str) {
        let Ok(url) = Url::parse(url) else { return };
        let trusted = self.trusted.lock();
        let mut trusted = trusted.unwrap_or_else(PoisonError::into_inner);
        trusted.insert(url.origin().ascii_serialization());
    }

    /// Returns the directory of `--git-credentials-dir`, if the flag is set.
    pub(crate) fn credentials_dir(&self) -> Option<PathBuf> {
        self.credentials.dir().map(Path::to_owned)
    }

    fn trusts(&self, url: &Url) -> bool {
        let trusted = self.trusted.lock();
        let trusted = trusted.unwrap_or_else(PoisonError::into_inner);
        trusted.contains(&url.origin().ascii_serialization())
    }

    /// Returns the credentials for the URL; `user` is the user in the given URL.
    ///
    /// # Errors
    /// [`Error::Unbound`] when the only credentials are without a host, and the user did not name this one.
    fn key(&self, url: &Url, user: Option<&str>) -> Result<Option<LoginMethod>, Error> {
        let trusted = self.trusts(url);
        match self.credentials.of(url, user, trusted)? {
            Some(credentials::HostCredential::Login(login)) => {
                Ok(Some(LoginMethod::Login(login.clone())))
            }
            Some(credentials::HostCredential::App(app)) => Ok(Some(LoginMethod::App(app.clone()))),
            None => match self.credentials.unbound().filter(|_| !trusted) {
                Some(origin) => Err(Error::Unbound {
                    host: authority(url),
                    origin: origin.display().to_string(),
                }),
                None => Ok(None),
            },
        }
    }

    /// Returns the account that a key is sent as; an App gets its token here.
    async fn account(
        &self,
        key: &LoginMethod,
        url: &Url,
        user: Option<&str>,
    ) -> Result<Account, Error> {
        match key {
            LoginMethod::Login(login) => Ok(Account {
                user: login.user(user).to_owned(),
                names_user: login.names_user(),
                password: login.password().to_owned(),
                origin: login.origin().display().to_string(),
            }),
            LoginMethod::App(app) => Ok(Account {
                user: "x-access-token".to_owned(),
                names_user: false,
                password: app.token(&self.http, url).await?,
                origin: app.origin().display().to_string(),
            }),
        }
    }

    /// Returns the account for a repository, for the API of its host.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn account_for(&self, repository: &str) -> Result<Option<Account>, Error> {
        let parsed = Url::parse(repository).map_err(|_| Error::Url {
            url: error::redacted(repository),
            reason: "expected https://HOST/PATH",
        })?;
        let (url, user) = without_user(parsed);
        match self.key(&url, user.as_deref())? {
            Some(key) => Ok(Some(self.account(&key, &url, user.as_deref()).await?)),
            None => Ok(None),
        }
    }

    /// Returns the `Authorization` of `http.extraHeader` for a repository, and its file.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn authorization_for(
        &self,
        repository: &str,
    ) -> Result<Option<(HeaderValue, String)>, Error> {
        let Ok(url) = Url::parse(repository) else {
            return Ok(None);
        };
        let (url, _) = without_user(url);
        let headers = self.credentials.extra_headers(&url, self.trusts(&url))?;
        let own = headers
            .iter()
            .find(|header| header.name == header::AUTHORIZATION);
        Ok(own.map(|header| (header.value.clone(), header.origin.display().to_string())))
    }

    /// Returns the URL to which the host redirected a repository's, else the one given.
    fn base_of(&self, url: &Url) -> Url {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.get(url.as_str()).unwrap_or(url).clone()
    }

    fn remember_base(&self, url: &Url, base: Url) {
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.insert(url.as_str().to_owned(), base);
    }

    /// Runs blocking Git work on a thread of its own.
    ///
    /// # Errors
    /// The error of the work.
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

    /// Lists the refs of a repository, including peeled annotated tags.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn ls_remote(&self, url: &str) -> Result<Vec<Ref>, Error> {
        Ok(self.advertised(&self.address(url)?)?.refs)
    }

    /// Returns the refs that the host advertises, without fetching anything.
    fn advertised(&self, address: &str) -> Result<Advertised, Error> {
        let _session = transport::TransportSession::begin(self.clone());
        let remote = git2::Remote::create_detached(address);
        let list = remote.and_then(|mut remote| Advertised::by(&mut remote));
        list.map_err(|error| Error::from_git(address, &error))
    }

    /// Fetches one revision (a branch, a tag or a commit; the default branch without one) with as
    /// little history as the server allows.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NoRevision`] when the repository has no such revision.
    pub(crate) fn fetch(
        &self,
        url: &str,
        revision: Option<&str>,
    ) -> Result<FetchedRepository, Error> {
        let address = self.address(url)?;
        FetchedRepository::fetch(self, &address, revision)
    }

    /// Fetches a branch in order to push to it: a branch that does not exist starts at the
    /// default branch.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn fetch_to_push(
        &self,
        url: &str,
        branch: Option<&str>,
    ) -> Result<FetchedRepository, Error> {
        match (self.fetch(url, branch), branch) {
            (Err(Error::NoRevision { .. }), Some(branch)) if !is_commit(branch) => {
                let mut fetched = self.fetch(url, None)?;
                fetched.create(branch)?;
                Ok(fetched)
            }
            (done, _) => done,
        }
    }

    /// Returns the address for the library: HTTPS, plain HTTP where it is allowed, SSH or a path.
    fn address(&self, text: &str) -> Result<String, Error> {
        let wrong = |reason| Error::Url {
            url: error::redacted(text),
            reason,
        };
        if Path::new(text).is_dir() {
            return Ok(text.to_owned());
        }
        if transport::is_ssh(text) {
            return transport::check_ssh(text).map_err(wrong);
        }
        let url = Url::parse(text).map_err(|_| {
            wrong("expected https://HOST/PATH, ssh://HOST/PATH, file:///PATH or a directory")
        })?;
        match url.scheme() {
            "file" => Ok(text.to_owned()),
            "https" | "http" => {
                let allowed = self.http.scheme(&authority(&url));
                if url.scheme() == "http" && allowed != "http" {
                    return Err(wrong("plain HTTP needs --plain-http HOST"));
                }
                if url.password().is_some() {
                    return Err(wrong(
                        "a password in a URL ends up in logs: use ~/.git-credentials, --git-credentials-dir or PROMOTE_GIT_CREDENTIALS_DIR",
                    ));
                }
                // The user stays, as it selects the credentials.
                Ok(url.to_string())
            }
            _ => Err(wrong("expected https://, ssh://, file:// or a directory")),
        }
    }
}

/// Removes the user from a URL, as the HTTP library would send it.
fn without_user(mut url: Url) -> (Url, Option<String>) {
    let user = credentials::unescaped(url.username());
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (url, Some(user).filter(|user| !user.is_empty()))
}

/// Returns the commit of a tag among the refs of a remote: the peeled one of an annotated tag.
pub(crate) fn commit_of_tag<'a>(refs: &'a [Ref], tag: &str) -> Option<&'a str> {
    let find = |name: String| refs.iter().find(|candidate| candidate.name == name);
    let found = find(format!("refs/tags/{tag}^{{}}")).or_else(|| find(format!("refs/tags/{tag}")));
    found.map(|found| found.object.as_str())
}

/// Returns the commit of a branch among the refs of a remote.
pub(crate) fn commit_of_branch<'a>(refs: &'a [Ref], branch: &str) -> Option<&'a str> {
    let name = format!("refs/heads/{branch}");
    let found = refs.iter().find(|candidate| candidate.name == name);
    found.map(|found| found.object.as_str())
}

/// Tells whether a text is a full commit digest: 40 or 64 lower-case hex digits.
pub(crate) use crate::text::is_commit;

#[cfg(test)]
mod tests;
