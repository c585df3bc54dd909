//! Where registry credentials come from: the auth files of Docker and containers
//! (`containers-auth.json(5)`), with keys down to a single repository, and credential helpers.
//!
//! Nothing is written, and a secret never leaves a [`Secret`] but into a request.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use super::Error;
use crate::{env::Env, image::Repository};

/// How long a credential helper may take.
const HELPER_TIME: Duration = Duration::from_secs(30);
const MAX_FILE: u64 = 4 << 20;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// The text, to be put into a request.
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

/// What proves who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth2 refresh token.
    Identity(Secret),
    /// A bearer token that the registry takes as it is.
    Bearer(Secret),
}

/// A credential and the place that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    /// The proof.
    pub(super) proof: Proof,
    /// The file and key, or the helper, for logs and messages.
    pub(super) origin: String,
}

/// Every place of credentials, in the order in which they are asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Vec<PathBuf>);

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

#[derive(Deserialize)]
struct Helped {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Every file that was read, with its path.
#[derive(Default)]
pub(super) struct Files(Vec<(PathBuf, File)>);

impl Places {
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
                Some(dir.join("config.json")),
                Some(dir.join(".dockerconfigjson")),
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

    /// Reads the files that exist.
    ///
    /// # Errors
    /// [`Error::AuthFile`] for a file that cannot be read or is no auth file.
    pub(super) fn read(&self) -> Result<Files, Error> {
        let mut files = Vec::new();
        for path in &self.0 {
            if let Some(file) = read(path)? {
                files.push((path.clone(), file));
            }
        }
        Ok(Files(files))
    }
}

/// The number of the user whom this process runs as.
fn user() -> Option<u32> {
    let itself = fs::metadata("/proc/self").ok()?;
    Some(std::os::unix::fs::MetadataExt::uid(&itself))
}

fn read(path: &Path) -> Result<Option<File>, Error> {
    let wrong = |reason: String| Error::AuthFile {
        path: path.to_owned(),
        reason,
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        // Another user's file, as below /run/containers, is none of ours.
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
            "no JSON of an auth file at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

impl Files {
    /// Finds the credential for a repository: the longest key over all files, then helpers.
    ///
    /// # Errors
    /// [`Error::Helper`] when the helper that is named for the registry fails.
    pub(super) async fn find(&self, repository: &Repository) -> Result<Option<Credential>, Error> {
        let mut best: Option<(usize, Credential)> = None;
        for (path, file) in &self.0 {
            for (key, entry) in &file.auths {
                let Some(length) = covers(key, repository) else {
                    continue;
                };
                if best.as_ref().is_some_and(|(known, _)| *known >= length) {
                    continue;
                }
                if let Some(proof) = entry.proof(path, key)? {
                    let origin = format!("{} ({key})", path.display());
                    best = Some((length, Credential { proof, origin }));
                }
            }
        }
        if let Some((_, found)) = best {
            return Ok(Some(found));
        }
        self.help(repository).await
    }

    async fn help(&self, repository: &Repository) -> Result<Option<Credential>, Error> {
        let registry = repository.registry();
        for (_, file) in &self.0 {
            let named = file.cred_helpers.iter();
            let mut named = named.filter(|(key, _)| normal(key) == registry);
            let named = named.next().map(|(key, helper)| (key.as_str(), helper));
            let stored = (!file.creds_store.is_empty()).then_some(&file.creds_store);
            let stored = stored.map(|helper| (server(registry), helper));
            for (server, helper) in named.into_iter().chain(stored) {
                if let Some(found) = ask(helper, server).await? {
                    return Ok(Some(found));
                }
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

/// How long the key is, if the repository is the key's or below it.
fn covers(key: &str, repository: &Repository) -> Option<usize> {
    let key = normal(key);
    let name = repository.to_string();
    let rest = name.strip_prefix(&key)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(key.len())
}

impl Entry {
    fn proof(&self, path: &Path, key: &str) -> Result<Option<Proof>, Error> {
        if !self.registrytoken.is_empty() {
            return Ok(Some(Proof::Bearer(self.registrytoken.clone().into())));
        }
        if !self.identitytoken.is_empty() {
            return Ok(Some(Proof::Identity(self.identitytoken.clone().into())));
        }
        if self.auth.is_empty() {
            return Ok((!self.username.is_empty()).then(|| Proof::Password {
                user: self.username.clone(),
                password: self.password.clone().into(),
            }));
        }
        let wrong = || Error::AuthFile {
            path: path.to_owned(),
            reason: format!("the entry {key:?} has an \"auth\" that is no base64 of user:password"),
        };
        let decoded = STANDARD.decode(self.auth.trim()).map_err(|_| wrong())?;
        let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
        let (user, password) = decoded.split_once(':').ok_or_else(wrong)?;
        Ok(Some(Proof::Password {
            user: user.to_owned(),
            password: password.trim_end_matches(['\n', '\0']).to_owned().into(),
        }))
    }
}

/// Runs `docker-credential-NAME get`; `None` when it knows nothing of the server.
async fn ask(name: &str, server: &str) -> Result<Option<Credential>, Error> {
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
    let run = async {
        let mut child = tokio::process::Command::new(format!("docker-credential-{name}"))
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(server.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(HELPER_TIME, run).await {
        Err(_) => return Err(wrong("it gave no answer in time")),
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
        .map_err(|_| wrong("its answer is no JSON of a credential"))?;
    let secret = Secret::from(helped.secret);
    let proof = if helped.username == "<token>" {
        Proof::Identity(secret)
    } else {
        Proof::Password {
            user: helped.username,
            password: secret,
        }
    };
    let origin = format!("docker-credential-{name}");
    Ok(Some(Credential { proof, origin }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[&str]) -> Files {
        let parsed = texts.iter().enumerate();
        Files(
            parsed
                .map(|(at, text)| {
                    (
                        PathBuf::from(format!("f{at}")),
                        serde_json::from_str(text).unwrap(),
                    )
                })
                .collect(),
        )
    }

    async fn origin(files: &Files, repository: &str) -> Option<String> {
        let found = files.find(&repository.parse().unwrap()).await.unwrap();
        found.map(|credential| credential.origin)
    }

    #[tokio::test]
    async fn the_longest_key_over_all_files_wins() {
        // "YTpi" is a:b.
        let files = files(&[
            r#"{"auths": {"quay.io": {"auth": "YTpi"}}}"#,
            r#"{"auths": {"quay.io/org": {"auth": "YTpi"}, "quay.io/org/app": {"auth": "YTpi"}, "quay.io": {"auth": "YTpi"}}}"#,
        ]);
        assert_eq!(
            origin(&files, "quay.io/other/x").await.unwrap(),
            "f0 (quay.io)"
        );
        assert_eq!(
            origin(&files, "quay.io/org/x").await.unwrap(),
            "f1 (quay.io/org)"
        );
        assert_eq!(
            origin(&files, "quay.io/org/app").await.unwrap(),
            "f1 (quay.io/org/app)"
        );
        assert_eq!(
            origin(&files, "quay.io/org/app2").await.unwrap(),
            "f1 (quay.io/org)"
        );
        assert_eq!(origin(&files, "quay.iot/org/app").await, None);
    }

    #[tokio::test]
    async fn docker_hub_is_found_by_its_old_name() {
        let files = files(&[
            r#"{"auths": {"https://index.docker.io/v1/": {"username": "u", "password": "p"}}}"#,
        ]);
        assert!(origin(&files, "alpine").await.is_some());
        assert_eq!(origin(&files, "quay.io/a/b").await, None);
    }

    #[test]
    fn reads_every_kind_of_entry_and_shows_no_secret() {
        let path = Path::new("f");
        let entry = |text| {
            serde_json::from_str::<Entry>(text)
                .unwrap()
                .proof(path, "k")
        };
        let password = entry(r#"{"auth": "dTpwOnE="}"#).unwrap().unwrap();
        let expected = Proof::Password {
            user: "u".to_owned(),
            password: "p:q".to_owned().into(),
        };
        assert_eq!(password, expected);
        assert!(!format!("{password:?}").contains("p:q"));
        assert!(matches!(
            entry(r#"{"identitytoken": "t"}"#),
            Ok(Some(Proof::Identity(_)))
        ));
        assert!(matches!(
            entry(r#"{"registrytoken": "t"}"#),
            Ok(Some(Proof::Bearer(_)))
        ));
        assert!(matches!(entry("{}"), Ok(None)));
        assert!(entry(r#"{"auth": "bm9jb2xvbg=="}"#).is_err());
    }

    #[test]
    fn asks_the_places_in_their_order() {
        let env = Env::from([
            ("HOME", "/h"),
            ("DOCKER_CONFIG", "/d"),
            ("REGISTRY_AUTH_FILE", "/r.json"),
            ("XDG_RUNTIME_DIR", "/x"),
        ]);
        let places = Places::new(Some("/flag.json".into()), Some("/last".into()), &env);
        let mut names: Vec<_> = places.0.iter().map(|path| path.to_str().unwrap()).collect();
        names.retain(|name| !name.starts_with("/run/containers/"));
        let expected = [
            "/flag.json",
            "/r.json",
            "/d/config.json",
            "/h/.docker/config.json",
            "/x/containers/auth.json",
            "/h/.config/containers/auth.json",
            "/last/config.json",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_broken_auth_file_is_named_and_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        fs::write(&path, r#"{"auths": {"quay.io": {"auth": 7secret}}}"#).unwrap();
        let error = Places(vec![path]).read().err().unwrap().to_string();
        assert!(
            error.contains("config.json") && !error.contains("7secret"),
            "{error}"
        );
    }

    #[test]
    fn the_flag_may_name_the_directory_of_a_mounted_secret() {
        let auths = r#"{"auths":{"registry.example.com":{"username":"u","password":"p"}}}"#;
        for name in ["config.json", ".dockerconfigjson"] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(name), auths).unwrap();
            let places = Places::new(Some(dir.path().to_owned()), None, &Env::default());
            let files = places.read().unwrap();
            let (path, _) = files.0.first().unwrap();
            assert_eq!(path, &dir.path().join(name));
        }
    }
}
