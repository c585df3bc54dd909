//! Reads Git credentials: from files only, never from arguments or the environment's values.
//!
//! A directory may have the shape of git's own files (`.git-credentials`, `.gitconfig`), of a
//! Kubernetes secret (`username` and `password`, `ssh-privatekey` and `known_hosts`), of
//! Pipelines-as-Code (`git-provider-token`, `provider.token`), or hold the key of a GitHub App.
//! Nothing is read before the first request to a host.

pub(super) mod app;
mod config;
mod directory;
mod store;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use app::App;
pub(super) use config::ExtraHeader;
pub(super) use store::unescaped;
use url::Url;

use crate::env::Env;

/// The user name that is sent with a token when neither the file nor the URL names one.
const ANY_USER: &str = "git";

/// A user and password for one host.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// `None` for a token or password alone.
    user: Option<String>,
    password: String,
    /// The file that it came from.
    origin: PathBuf,
    /// The scheme, host and port that it is for; `None` for a login without a host.
    scope: Option<Url>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("password", &"***")
            .finish_non_exhaustive()
    }
}

/// The private key of `ssh`, and the known hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SshKey {
    pub(super) key: PathBuf,
    /// The file of known hosts; `None` uses the user's own.
    pub(super) known_hosts: Option<PathBuf>,
}

/// All credentials of the files, the most specific first.
#[derive(Debug, Default)]
struct FoundCredentials {
    logins: Vec<Login>,
    headers: Vec<ExtraHeader>,
    app: Option<App>,
    ssh: Option<SshKey>,
}

/// The credentials of a run, read when they are first needed. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Credentials(Arc<CredentialSource>);

struct CredentialSource {
    dir: Option<PathBuf>,
    env: Env,
    found: OnceLock<Result<FoundCredentials, CredentialsError>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("dir", &self.0.dir)
            .finish_non_exhaustive()
    }
}

/// Files with credentials that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// The directory has none of the supported files.
    #[error(
        "no Git credentials in {dir}: expected .git-credentials, .gitconfig, username and password, a token, ssh-privatekey or the files of a GitHub App",
        dir = dir.display()
    )]
    Empty { dir: PathBuf },
    #[error("{dir} is not a directory of Git credentials", dir = dir.display())]
    Missing { dir: PathBuf },
    #[error("cannot read {path}: {reason}", path = path.display())]
    Read { path: PathBuf, reason: String },
    /// The files of a GitHub App are not complete.
    #[error("the GitHub App in {dir} lacks {lacks}", dir = dir.display())]
    App { dir: PathBuf, lacks: &'static str },
}

/// Credentials that may be sent to a host.
#[derive(Debug)]
pub(super) enum HostCredential<'a> {
    Login(&'a Login),
    /// A GitHub App, which is exchanged for a token first.
    App(&'a App),
}

impl Credentials {
    /// Stores the directory of the flag; nothing is read yet.
    pub(crate) fn new(dir: Option<&Path>, env: &Env) -> Self {
        Self(Arc::new(CredentialSource {
            dir: dir.map(Path::to_owned),
            env: env.clone(),
            found: OnceLock::new(),
        }))
    }

    /// Returns the directory of `--git-credentials-dir`, if the flag is set.
    pub(super) fn dir(&self) -> Option<&Path> {
        self.0.dir.as_deref()
    }

    fn found(&self) -> Result<&FoundCredentials, CredentialsError> {
        let source = &self.0;
        let load = || FoundCredentials::load(source.dir.as_deref(), &source.env);
        source
            .found
            .get_or_init(load)
            .as_ref()
            .map_err(Clone::clone)
    }

    pub(super) fn env(&self) -> &Env {
        &self.0.env
    }

    /// Returns the credentials for the URL. Those for the user in the URL come first, then those with
    /// its path. As in git, a path does not restrict: the triggering repository's token is also
    /// sent for its neighbours. Credentials without a host are for trusted hosts alone.
    ///
    /// # Errors
    /// Any [`CredentialsError`].
    pub(super) fn of(
        &self,
        url: &Url,
        user: Option<&str>,
        trusted: bool,
    ) -> Result<Option<HostCredential<'_>>, CredentialsError> {
        let found = self.found()?;
        let fitting = found.logins.iter().filter(|login| login.is_for(url));
        let fitting = fitting.filter(|login| trusted || login.names_host());
        let rank = |login: &&Login| (login.is_of(user), login.names_path_of(url));
        // `max_by_key` returns the last of several.
        let best = fitting.rev().max_by_key(rank).map(HostCredential::Login);
        let app = found
            .app
            .as_ref()
            .filter(|_| trusted)
            .map(HostCredential::App);
        Ok(best.or(app))
    }

    /// Returns the file of credentials without a host, which may not be sent to an untrusted host.
    pub(super) fn unbound(&self) -> Option<PathBuf> {
        let found = self.found().ok()?;
        let login = found.logins.iter().find(|login| !login.names_host());
        let login = login.map(|login| login.origin.clone());
        login.or_else(|| found.app.as_ref().map(|app| app.origin().to_owned()))
    }

    /// Returns the headers of `http.extraHeader` for the URL, each with its file.
    ///
    /// # Errors
    /// Any [`CredentialsError`].
    pub(super) fn extra_headers(
        &self,
        url: &Url,
        trusted: bool,
    ) -> Result<Vec<&ExtraHeader>, CredentialsError> {
        let headers = self.found()?.headers.iter();
        Ok(headers
            .filter(|header| header.is_for(url, trusted))
            .collect())
    }

    /// Returns the private key for `ssh`, if the files have one.
    ///
    /// # Errors
    /// Any [`CredentialsError`].
    pub(super) fn ssh(&self) -> Result<Option<&SshKey>, CredentialsError> {
        Ok(self.found()?.ssh.as_ref())
    }
}

impl FoundCredentials {
    /// Reads the directory and then the user's own files, which may be missing.
    fn load(dir: Option<&Path>, env: &Env) -> Result<Self, CredentialsError> {
        let mut found = Self::default();
        if let Some(dir) = dir {
            found = directory::read(dir, env)?;
        }
        let Some(home) = env.home() else {
            return Ok(found);
        };
        let own = config::read(&home.join(".gitconfig"), env)?;
        found.headers.extend(own.headers);
        let xdg = env.get("XDG_CONFIG_HOME").map(PathBuf::from);
        let xdg = xdg.unwrap_or_else(|| home.join(".config"));
        let stores = [home.join(".git-credentials"), xdg.join("git/credentials")];
        for path in stores.iter().chain(&own.stores) {
            found.logins.extend(store::read(path)?.unwrap_or_default());
        }
        Ok(found)
    }
}

impl Login {
    /// Makes a login from a token, which is the password of any user.
    fn token(password: String, origin: PathBuf) -> Self {
        Self {
            user: None,
            password,
            origin,
            scope: None,
        }
    }

    /// Returns the login's own user, else the one in the URL.
    pub(crate) fn user<'a>(&'a self, of_url: Option<&'a str>) -> &'a str {
        self.user.as_deref().or(of_url).unwrap_or(ANY_USER)
    }

    /// Tells whether the file names the user.
    pub(crate) fn names_user(&self) -> bool {
        self.user.as_deref().is_some_and(|user| !user.is_empty())
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Returns the file that it came from.
    pub(crate) fn origin(&self) -> &Path {
        &self.origin
    }

    /// Tells whether it has a host that it is for.
    pub(super) fn names_host(&self) -> bool {
        self.scope.is_some()
    }

    fn is_of(&self, user: Option<&str>) -> bool {
        user.is_some() && self.user.as_deref() == user
    }

    fn is_for(&self, url: &Url) -> bool {
        self.scope
            .as_ref()
            .is_none_or(|scope| is_same_host(scope, url))
    }

    fn names_path_of(&self, url: &Url) -> bool {
        self.scope.as_ref().is_some_and(|scope| {
            let path = scope.path().trim_end_matches('/').trim_end_matches(".git");
            !path.is_empty() && is_below(path, url.path())
        })
    }
}

fn is_same_host(scope: &Url, url: &Url) -> bool {
    scope.scheme() == url.scheme()
        && scope.host_str() == url.host_str()
        && scope.port_or_known_default() == url.port_or_known_default()
}

/// Tells whether a path equals the scope's or is below it; `.git` and the protocol's endpoints may follow.
fn is_below(scope: &str, path: &str) -> bool {
    let rest = path.strip_prefix(scope);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with(".git/"))
}

/// Reads a file without its final newline; `None` when it does not exist.
fn read(path: &Path) -> Result<Option<String>, CredentialsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CredentialsError::Read {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests;
