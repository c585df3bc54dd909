//! Where Git credentials come from: files only, never arguments or the environment's values.
//!
//! A directory may have the shape of git's store (`.git-credentials`), of a Kubernetes secret
//! `kubernetes.io/basic-auth` (`username`, `password`), or hold the token that
//! Pipelines-as-Code provides (`git-provider-token`, which is URL-escaped there).

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use url::Url;

use crate::env::Env;

/// A user and password for one host.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The user name; hosts that take tokens ignore it.
    pub(super) user: String,
    /// The password or token.
    pub(super) password: String,
    /// The file that it came from.
    pub(super) origin: PathBuf,
    /// The scheme, host and port that it is for; everywhere without one.
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

/// Every login that was found, the most particular first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials(Vec<Login>);

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// The directory holds nothing that we know.
    #[error(
        "no Git credentials in {dir}: expected .git-credentials, username and password, or git-provider-token",
        dir = dir.display()
    )]
    Empty {
        /// The directory.
        dir: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {reason}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl Credentials {
    /// Reads the directory and then the user's own `.git-credentials`.
    ///
    /// # Errors
    /// Any [`CredentialsError`]; that the user has no file of his own is none.
    pub(crate) fn load(dir: Option<&Path>, env: &Env) -> Result<Self, CredentialsError> {
        let mut found = Vec::new();
        if let Some(dir) = dir {
            found.extend(read_dir(dir)?);
        }
        if let Some(home) = env.home() {
            found.extend(read_store(&home.join(".git-credentials"))?.unwrap_or_default());
        }
        Ok(Self(found))
    }

    /// The login for the URL: one that names its path before one that only names its host. As in
    /// git, a path does not narrow: the triggering repository's token also serves its neighbour.
    pub(super) fn of(&self, url: &Url) -> Option<&Login> {
        let mut fitting = self.0.iter().filter(|login| login.is_for(url));
        let first = fitting.clone().next();
        fitting.find(|login| login.names_path_of(url)).or(first)
    }
}

impl Login {
    /// Tells whether it names the host that it is for.
    pub(super) fn names_host(&self) -> bool {
        self.scope.is_some()
    }

    fn is_for(&self, url: &Url) -> bool {
        self.scope.as_ref().is_none_or(|scope| {
            scope.scheme() == url.scheme()
                && scope.host_str() == url.host_str()
                && scope.port_or_known_default() == url.port_or_known_default()
        })
    }

    fn names_path_of(&self, url: &Url) -> bool {
        self.scope.as_ref().is_some_and(|scope| {
            let path = scope.path().trim_end_matches('/').trim_end_matches(".git");
            !path.is_empty() && is_below(path, url.path())
        })
    }
}

/// Tells whether a path is the scope's own or below it; `.git` and the protocol's endpoints follow.
fn is_below(scope: &str, path: &str) -> bool {
    let rest = path.strip_prefix(scope);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with(".git/"))
}

fn read_dir(dir: &Path) -> Result<Vec<Login>, CredentialsError> {
    let mut found = read_store(&dir.join(".git-credentials"))?.unwrap_or_default();
    let (user, password) = (dir.join("username"), dir.join("password"));
    if let (Some(user), Some(secret)) = (read(&user)?, read(&password)?) {
        found.push(Login {
            user,
            password: secret,
            origin: password,
            scope: None,
        });
    }
    let token = dir.join("git-provider-token");
    if let Some(escaped) = read(&token)? {
        let user = "git".to_owned();
        found.push(Login {
            user,
            password: unescaped(&escaped),
            origin: token,
            scope: None,
        });
    }
    if found.is_empty() {
        return Err(CredentialsError::Empty {
            dir: dir.to_owned(),
        });
    }
    Ok(found)
}

fn read_store(path: &Path) -> Result<Option<Vec<Login>>, CredentialsError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let mut logins = Vec::new();
    for (at, line) in lines {
        match login(line, path) {
            Some(login) => logins.push(login),
            // As git does: a comment or a line of another shape is not for us.
            None => tracing::warn!(
                "line {} of {} is passed over: it is not a URL with user and password",
                at + 1,
                path.display()
            ),
        }
    }
    Ok(Some(logins))
}

/// The login in a line of git's store.
fn login(line: &str, path: &Path) -> Option<Login> {
    let mut scope = Url::parse(line.trim()).ok()?;
    let user = unescaped(scope.username());
    let password = unescaped(scope.password()?);
    scope.host_str()?;
    scope.set_username("").ok()?;
    scope.set_password(None).ok()?;
    Some(Login {
        user,
        password,
        origin: path.to_owned(),
        scope: Some(scope),
    })
}

/// Reads a file without the newline at its end; `None` when it does not exist.
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

/// Resolves `%XX`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits
            .filter(|_| first == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(dir.path().join(name), content).unwrap();
        }
        Credentials::load(Some(dir.path()), &Env::default())
    }

    fn login(credentials: &Credentials, url: &str) -> Option<(String, String)> {
        let login = credentials.of(&Url::parse(url).unwrap())?;
        Some((login.user.clone(), login.password.clone()))
    }

    #[test]
    fn reads_every_shape() {
        let store = load(&[(
            ".git-credentials",
            "https://bot:a%40b%2F%3A@git.example.com\n",
        )])
        .unwrap();
        let expected = Some(("bot".to_owned(), "a@b/:".to_owned()));
        assert_eq!(
            login(&store, "https://git.example.com/acme/web.git"),
            expected
        );
        assert_eq!(login(&store, "https://other.example.com/"), None);
        assert_eq!(login(&store, "http://git.example.com/"), None);
        let basic = load(&[("username", "u"), ("password", "p%40\n")]).unwrap();
        assert_eq!(
            login(&basic, "https://x.example/"),
            Some(("u".to_owned(), "p%40".to_owned()))
        );
        let token = load(&[("git-provider-token", "t%2B")]).unwrap();
        assert_eq!(
            login(&token, "https://x.example/"),
            Some(("git".to_owned(), "t+".to_owned()))
        );
    }

    #[test]
    fn prefers_the_login_that_names_the_repository() {
        let both = "https://web:1@git.example.com/acme/web.git\nhttps://ops:2@git.example.com/acme/web-gitops\n";
        let both = load(&[(".git-credentials", both)]).unwrap();
        for (path, user) in [
            ("acme/web.git/info/refs", "web"),
            ("acme/web-gitops.git/info/refs", "ops"),
            ("acme/other/info/refs", "web"),
        ] {
            let found = login(&both, &format!("https://git.example.com/{path}"));
            assert_eq!(found.unwrap().0, user, "{path}");
        }
    }

    #[test]
    fn refuses_an_empty_directory() {
        assert!(matches!(load(&[]), Err(CredentialsError::Empty { .. })));
        assert!(matches!(
            load(&[("username", "u")]),
            Err(CredentialsError::Empty { .. })
        ));
    }

    #[test]
    fn passes_over_lines_that_are_no_logins() {
        let lines = "# ours\nhttps://git.example.com\nhttps://a:b@h.example\nnonsense\n";
        let found = load(&[(".git-credentials", lines)]).unwrap();
        assert_eq!(login(&found, "https://h.example/x").unwrap().0, "a");
        assert_eq!(login(&found, "https://git.example.com/x"), None);
    }

    #[test]
    fn never_shows_a_password() {
        let basic = load(&[("username", "u"), ("password", "hunter2")]).unwrap();
        assert!(!format!("{basic:?}").contains("hunter2"));
    }
}
