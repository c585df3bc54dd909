//! The directory of `--git-credentials-dir`: the shapes of secrets that Tekton, Pipelines-as-Code,
//! Argo CD and Flux mount.

use std::path::Path;

use super::{
    App, CredentialsError, FoundCredentials, Login, SshKey, config, read as read_file, store,
};
use crate::env::Env;

/// Files with a token alone, and whether the token is percent-encoded.
const TOKENS: [(&str, bool); 4] = [
    ("git-provider-token", true),
    ("provider.token", false),
    ("token", false),
    ("bearerToken", false),
];

/// Reads all credentials of the directory.
pub(super) fn read(dir: &Path, env: &Env) -> Result<FoundCredentials, CredentialsError> {
    if !dir.is_dir() {
        return Err(CredentialsError::Missing {
            dir: dir.to_owned(),
        });
    }
    let mut found = FoundCredentials::default();
    let config = config::read(&dir.join(".gitconfig"), env)?;
    found.headers = config.headers;
    let own = dir.join(".git-credentials");
    for path in std::iter::once(&own).chain(&config.stores) {
        found.logins.extend(store::read(path)?.unwrap_or_default());
    }
    let password = dir.join("password");
    if let Some(secret) = read_file(&password)? {
        found.logins.push(Login {
            user: read_file(&dir.join("username"))?.filter(|user| !user.is_empty()),
            password: secret,
            origin: password,
            scope: None,
        });
    }
    for (name, is_escaped) in TOKENS {
        let path = dir.join(name);
        if let Some(token) = read_file(&path)? {
            let token = match is_escaped {
                true => store::unescaped(&token),
                false => token,
            };
            found.logins.push(Login::token(token, path));
        }
    }
    found.app = read_app(dir)?;
    let key = dir.join("ssh-privatekey");
    let known_hosts = dir.join("known_hosts");
    found.ssh = key.is_file().then(|| SshKey {
        known_hosts: known_hosts.is_file().then_some(known_hosts),
        key,
    });
    let nothing = found.logins.is_empty() && found.headers.is_empty();
    if nothing && found.app.is_none() && found.ssh.is_none() {
        return Err(CredentialsError::Empty {
            dir: dir.to_owned(),
        });
    }
    Ok(found)
}

/// Reads the GitHub App from its files, as Argo CD and Flux (first) or Pipelines-as-Code name them.
fn read_app(dir: &Path) -> Result<Option<App>, CredentialsError> {
    let first = |names: &[&str]| -> Result<Option<String>, CredentialsError> {
        for name in names {
            if let Some(text) = read_file(&dir.join(name))? {
                return Ok(Some(text.trim().to_owned()));
            }
        }
        Ok(None)
    };
    let keys = ["githubAppPrivateKey", "github-private-key"];
    let key = keys.iter().map(|name| dir.join(name));
    let key = key.into_iter().find(|path| path.is_file());
    let id = first(&["githubAppID", "github-application-id"])?;
    let lacks = |lacks| CredentialsError::App {
        dir: dir.to_owned(),
        lacks,
    };
    let (id, key) = match (id, key) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(lacks("githubAppPrivateKey")),
        (None, Some(_)) => return Err(lacks("githubAppID")),
        (Some(id), Some(key)) => (id, key),
    };
    let installation = first(&["githubAppInstallationID", "github-installation-id"])?;
    let base = first(&[
        "githubAppBaseURL",
        "githubAppBaseUrl",
        "githubAppEnterpriseBaseUrl",
    ])?;
    Ok(Some(App::new(id, installation, key, base)))
}
