//! Finds registry credentials in the auth files of Docker and containers
//! (`containers-auth.json(5)`), with keys down to a single repository, and credential helpers.
//!
//! Nothing is written, and a secret leaves its [`Secret`] only in a request.

mod file;
pub(super) mod named;

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use file::{AuthEntry, AuthFile};
use named::SECRET_FILES;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use super::Error;
use crate::{env::Env, image::Repository};

/// How long a credential helper may take.
const HELPER_TIME: Duration = Duration::from_secs(30);
const MAX_FILE: u64 = 4 << 20;

/// A text that `Debug` and messages never show.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// Returns the text, to be put into a request.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The secret that authenticates a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CredentialSecret {
    Password {
        user: String,
        password: Secret,
    },
    Identity(Secret),
    /// A bearer token that the registry takes as it is.
    Bearer(Secret),
}

/// A credential with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) proof: CredentialSecret,
    /// The file and key, or the helper, for logs and messages.
    pub(super) origin: String,
}

/// Every auth file, in the order of lookup.
#[derive(Debug, Clone, Default)]
pub(super) struct AuthPaths(Vec<PathBuf>);

#[derive(Deserialize)]
struct Helped {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Every file that was read, with its path.
#[derive(Default)]
pub(super) struct AuthFiles(Vec<(PathBuf, AuthFile)>);

impl AuthPaths {
    /// Lists the places: the flag, `REGISTRY_AUTH_FILE`, Docker's and containers' files, and
    /// `last`, the directory in which Tekton prepares them.
    pub(super) fn new(authfile: Option<PathBuf>, last: Option<PathBuf>, env: &Env) -> Self {
        let path = |name: &str| env.get(name).map(PathBuf::from);
        let home = env.home();
        let config_home =
            path("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
        let run = user().map(|user| PathBuf::from(format!("/run/containers/{user}")));
        // A workspace bound to a Secret is a directory; the name in it depends on the Secret's type.
        let (authfile, other_name) = match authfile {
            Some(dir) if dir.is_dir() => (
                Some(dir.join(SECRET_FILES[0])),
                Some(dir.join(SECRET_FILES[1])),
            ),
            file => (file, None),
        };
        let files = [
            authfile,
            other_name,
            path("REGISTRY_AUTH_FILE"),
            path("DOCKER_CONFIG").map(|dir| dir.join("config.json")),
            home.map(|home| home.join(".docker/config.json")),
            path("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json")),
            run.map(|dir| dir.join("auth.json")),
            config_home.map(|dir| dir.join("containers/auth.json")),
            last.map(|dir| dir.join("config.json")),
        ];
        let mut places = Vec::new();
        for file in files.into_iter().flatten() {
            if !places.contains(&file) {
                places.push(file);
            }
        }
        Self(places)
    }

    /// Returns the files, whether they exist or not.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.0
    }

    /// Reads the files that exist.
    ///
    /// # Errors
    /// [`Error::AuthFile`] for a file that cannot be read or is not an auth file.
    pub(super) fn read(&self) -> Result<AuthFiles, Error> {
        let mut files = Vec::new();
        for path in &self.0 {
            if let Some(file) = read(path)? {
                files.push((path.clone(), file));
            }
        }
        Ok(AuthFiles(files))
    }
}

impl fmt::Display for AuthPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.0.iter().map(|path| path.display().to_string());
        f.write_str(&paths.collect::<Vec<_>>().join(", "))
    }
}

/// Returns the user ID of this process.
fn user() -> Option<u32> {
    let itself = fs::metadata("/proc/self").ok()?;
    Some(std::os::unix::fs::MetadataExt::uid(&itself))
}

fn read(path: &Path) -> Result<Option<AuthFile>, Error> {
    let wrong = |reason: String| Error::AuthFile {
        path: path.to_owned(),
        reason,
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        // A file of another user, for example below /run/containers, is not used.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(wrong(error.to_string())),
    };
    let mut text = String::new();
    let read = file.take(MAX_FILE).read_to_string(&mut text);
    read.map_err(|error| wrong(error.to_string()))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    // The parser's message says where, and quotes nothing of the file.
    let parsed = serde_json::from_str(&text);
    parsed.map(Some).map_err(|error| {
        wrong(format!(
            "not the JSON of an auth file at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

impl AuthFiles {
    /// Finds the credential for a repository file by file; in each file helpers precede the
    /// longest key (`containers-auth.json(5)`, Docker's `config.json`).
    ///
    /// # Errors
    /// [`Error::Helper`] when the credential helper of the registry fails, or the file's credential store
    /// fails and the file has no entry of its own.
    pub(super) async fn find(&self, repository: &Repository) -> Result<Option<Credential>, Error> {
        for (path, file) in &self.0 {
            if let Some(found) = file.find(path, repository).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Tells whether a file has an entry or a helper for the repository. A credential store for all
    /// registries is not such a helper.
    pub(super) fn name(&self, repository: &Repository) -> bool {
        let registry = repository.registry();
        self.0.iter().any(|(_, file)| {
            let mut helpers = file.cred_helpers.keys();
            let mut keys = file.auths.iter().flat_map(BTreeMap::keys);
            helpers.any(|key| normal(key) == registry)
                || keys.any(|key| covers(key, repository).is_some())
        })
    }
}

impl AuthFile {
    async fn find(
        &self,
        path: &Path,
        repository: &Repository,
    ) -> Result<Option<Credential>, Error> {
        let registry = repository.registry();
        let mut helpers = self.cred_helpers.iter();
        if let Some((server, helper)) = helpers.find(|(key, _)| normal(key) == registry)
            && let Some(found) = run_helper(helper, server).await?
        {
            return Ok(Some(found));
        }
        let stored = match self.creds_store.as_str() {
            "" => Ok(None),
            helper => run_helper(helper, server(registry)).await,
        };
        if let Ok(Some(found)) = stored {
            return Ok(Some(found));
        }
        match self.entry(path, repository)? {
            Some(found) => Ok(Some(found)),
            None => stored,
        }
    }

    /// The entry with the longest key that covers the repository.
    fn entry(&self, path: &Path, repository: &Repository) -> Result<Option<Credential>, Error> {
        let mut covering: Vec<_> = self
            .auths
            .iter()
            .flatten()
            .filter_map(|(key, entry)| Some((covers(key, repository)?, key, entry)))
            .collect();
        covering.sort_by_key(|(length, ..)| std::cmp::Reverse(*length));
        for (_, key, entry) in covering {
            if let Some(proof) = entry.proof(path, key)? {
                let origin = format!("{} ({key})", path.display());
                return Ok(Some(Credential { proof, origin }));
            }
        }
        Ok(None)
    }
}

/// The name under which Docker stores a registry.
fn server(registry: &str) -> &str {
    match registry {
        "docker.io" => "https://index.docker.io/v1/",
        other => other,
    }
}

/// A key without scheme, API version and alias.
fn normal(key: &str) -> String {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    let key = key.trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    if path.is_empty() {
        host.to_owned()
    } else {
        format!("{host}/{path}")
    }
}

/// Returns the length of the key if the repository equals it or is below it. A host may be a pattern, as in
/// the pull secrets of Kubernetes: `*.example.com` matches each host with one label more.
fn covers(key: &str, repository: &Repository) -> Option<usize> {
    let key = normal(key);
    let (host, path) = key.split_once('/').unwrap_or((&key, ""));
    let (own, registry) = (repository.path(), repository.registry());
    if host != registry && !(host.contains('*') && is_like(host, registry)) {
        return None;
    }
    let rest = own.strip_prefix(path)?;
    let is_below = path.is_empty() || rest.is_empty() || rest.starts_with('/');
    // An exact host precedes a pattern.
    is_below.then_some(key.len() * 2 + usize::from(host == registry))
}

/// Compares a host with a pattern, label by label; the port is the same.
fn is_like(pattern: &str, host: &str) -> bool {
    let parts = |text: &str| match text.split_once(':') {
        Some((name, port)) => (name.to_owned(), Some(port.to_owned())),
        None => (text.to_owned(), None),
    };
    let ((pattern, port), (host, of)) = (parts(pattern), parts(host));
    let mut labels = host.split('.');
    port == of
        && pattern.split('.').all(|pattern| {
            labels
                .next()
                .is_some_and(|label| is_label_like(pattern, label))
        })
        && labels.next().is_none()
}

/// Compares a label with a pattern in which `*` is any text.
fn is_label_like(pattern: &str, label: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == label;
    };
    let Some(rest) = label.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len()).any(|at| {
        rest.get(at..)
            .is_some_and(|rest| is_label_like(after, rest))
    })
}

impl AuthEntry {
    fn proof(&self, path: &Path, key: &str) -> Result<Option<CredentialSecret>, Error> {
        if !self.registrytoken.is_empty() {
            return Ok(Some(CredentialSecret::Bearer(
                self.registrytoken.clone().into(),
            )));
        }
        if !self.identitytoken.is_empty() {
            return Ok(Some(CredentialSecret::Identity(
                self.identitytoken.clone().into(),
            )));
        }
        if self.auth.is_empty() {
            return Ok(
                (!self.username.is_empty()).then(|| CredentialSecret::Password {
                    user: self.username.clone(),
                    password: self.password.clone().into(),
                }),
            );
        }
        let wrong = || Error::AuthFile {
            path: path.to_owned(),
            reason: format!(
                "the entry {key:?} has an \"auth\" that is not base64 of user:password"
            ),
        };
        let decoded = STANDARD.decode(self.auth.trim()).map_err(|_| wrong())?;
        let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
        let (user, password) = decoded.split_once(':').ok_or_else(wrong)?;
        Ok(Some(CredentialSecret::Password {
            user: user.to_owned(),
            password: password.trim_end_matches(['\n', '\0']).to_owned().into(),
        }))
    }
}

/// Runs `docker-credential-NAME get`; `None` when it has no credentials for the server.
async fn run_helper(name: &str, server: &str) -> Result<Option<Credential>, Error> {
    let wrong = |reason: &str| Error::Helper {
        name: format!("docker-credential-{name}"),
        server: server.to_owned(),
        reason: reason.to_owned(),
    };
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        return Err(wrong("its name has characters that are not allowed"));
    }
    helper_output(&format!("docker-credential-{name}"), server, HELPER_TIME).await
}

/// Runs the program with a time limit.
async fn helper_output(
    program: &str,
    server: &str,
    limit: Duration,
) -> Result<Option<Credential>, Error> {
    let wrong = |reason: &str| Error::Helper {
        name: program.to_owned(),
        server: server.to_owned(),
        reason: reason.to_owned(),
    };
    let run = async {
        let mut child = tokio::process::Command::new(program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            match input.write_all(server.as_bytes()).await {
                // A helper for a single server need not read its input.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(limit, run).await {
        Err(_) => return Err(wrong("it did not answer in time")),
        Ok(Err(error)) => return Err(wrong(&error.to_string())),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        // What the helper printed may hold a secret; only the one known sentence is read.
        let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
        return if said.contains("credentials not found") || said.contains("no credentials") {
            Ok(None)
        } else {
            Err(wrong(&format!("it ended with {}", output.status)))
        };
    }
    let helped: Helped = serde_json::from_slice(&output.stdout)
        .map_err(|_| wrong("its answer is not a credential as JSON"))?;
    let secret = Secret::from(helped.secret);
    let proof = if helped.username == "<token>" {
        CredentialSecret::Identity(secret)
    } else {
        CredentialSecret::Password {
            user: helped.username,
            password: secret,
        }
    };
    let origin = program.to_owned();
    Ok(Some(Credential { proof, origin }))
}

#[cfg(test)]
pub(super) mod tests;
