//! The cluster of a kubeconfig, for a laptop or a CI job outside of the cluster.
//!
//! Tokens and client certificates are read. Programs that produce a token (`exec`, `auth-provider`)
//! are refused by name, because a file would decide which program runs; so is a cluster whose certificate is
//! not verified.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{AccountToken, Error, Kube, check_namespace};
use crate::{
    env::Env,
    http::{ClientIdentity, Http, HttpOptions, Url},
    json,
};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// Unsupported members of a cluster that change the server or weaken its check.
const OF_CLUSTER: [&str; 3] = ["insecure-skip-tls-verify", "proxy-url", "tls-server-name"];
/// Unsupported members of a user for other authentication methods.
const OF_USER: [&str; 7] = [
    "exec",
    "auth-provider",
    "username",
    "password",
    "as",
    "as-groups",
    "as-user-extra",
];

/// The merged files: the first file with a name takes precedence, as with kubectl.
#[derive(Debug, Default)]
struct Kubeconfig {
    context: Option<String>,
    contexts: Vec<ConfigEntry>,
    clusters: Vec<ConfigEntry>,
    users: Vec<ConfigEntry>,
}

/// A named cluster, user or context of a file.
#[derive(Debug)]
struct ConfigEntry {
    file: PathBuf,
    name: String,
    members: Map<String, Value>,
}

impl Kube {
    /// Connects to the cluster of the current context.
    ///
    /// # Errors
    /// [`Error::Config`] for files that cannot be used.
    pub(super) fn of_config(files: &[PathBuf], env: &Env) -> Result<Self, Error> {
        let mut config = Kubeconfig::default();
        for file in files {
            config.add(file)?;
        }
        config.connect(files, env)
    }
}

impl Kubeconfig {
    fn add(&mut self, file: &Path) -> Result<(), Error> {
        let text = String::from_utf8(read(file, file)?);
        let text = text.map_err(|_| wrong(file, "it is not UTF-8"))?;
        let document = json::json_or_yaml(&text);
        let document = document.map_err(|error| wrong(file, &error.to_string()))?;
        let Value::Object(document) = document else {
            return Err(wrong(file, "expected a mapping with clusters and contexts"));
        };
        if self.context.is_none() {
            let context = document.get("current-context").and_then(Value::as_str);
            self.context = context.filter(|name| !name.is_empty()).map(str::to_owned);
        }
        let lists = [
            ("contexts", "context", &mut self.contexts),
            ("clusters", "cluster", &mut self.clusters),
            ("users", "user", &mut self.users),
        ];
        for (list, member, into) in lists {
            entries(file, document.get(list), member, into)?;
        }
        Ok(())
    }

    fn connect(&self, files: &[PathBuf], env: &Env) -> Result<Kube, Error> {
        let nowhere = Path::new("the kubeconfig");
        let first = files.first().map_or(nowhere, PathBuf::as_path);
        let name = self.context.as_deref();
        let name = name.ok_or_else(|| wrong(first, "it has no current-context"))?;
        let context = find(&self.contexts, name, "context", first)?;
        let part = |member: &str| {
            let text = context.text(member)?;
            text.ok_or_else(|| wrong(&context.file, &format!("context {name:?} has no {member}")))
        };
        let cluster = find(&self.clusters, part("cluster")?, "cluster", first)?;
        let user = find(&self.users, part("user")?, "user", first)?;
        cluster.refuse(&OF_CLUSTER)?;
        user.refuse(&OF_USER)?;
        let namespace = context.text("namespace")?.unwrap_or("default");
        check_namespace(namespace)?;
        let authority = cluster.bytes("certificate-authority")?;
        let options = HttpOptions {
            only_ca_files: authority.is_some(),
            ca_pem: authority,
            identity: user.identity()?,
            ..HttpOptions::default()
        };
        let token = user.token()?;
        if token.is_none() && options.identity.is_none() {
            return Err(user.wrong("it has neither a token nor a client certificate"));
        }
        Ok(Kube {
            http: Http::new(options, env),
            base: cluster.server()?,
            token: token.map(AccountToken),
            namespace: namespace.to_owned(),
        })
    }
}

fn find<'a>(
    list: &'a [ConfigEntry],
    name: &str,
    kind: &str,
    file: &Path,
) -> Result<&'a ConfigEntry, Error> {
    let found = list.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| wrong(file, &format!("it has no {kind} {name:?}")))
}

fn entries(
    file: &Path,
    list: Option<&Value>,
    member: &str,
    into: &mut Vec<ConfigEntry>,
) -> Result<(), Error> {
    let list = match list {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong(file, &format!("its {member}s are not a list"))),
    };
    for entry in list {
        let name = entry.get("name").and_then(Value::as_str);
        let members = match entry.get(member) {
            Some(Value::Object(members)) => Some(members.clone()),
            None | Some(Value::Null) => Some(Map::new()),
            Some(_) => None,
        };
        let (Some(name), Some(members)) = (name, members) else {
            return Err(wrong(
                file,
                &format!("an entry of its {member}s is not a {member} with a name"),
            ));
        };
        into.push(ConfigEntry {
            file: file.to_owned(),
            name: name.to_owned(),
            members,
        });
    }
    Ok(())
}

impl ConfigEntry {
    fn wrong(&self, reason: &str) -> Error {
        wrong(&self.file, &format!("{:?}: {reason}", self.name))
    }

    /// Returns a text; an empty one is treated as absent.
    fn text(&self, member: &str) -> Result<Option<&str>, Error> {
        match self.members.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(&format!("{member} is not a text"))),
        }
    }

    fn refuse(&self, members: &[&str]) -> Result<(), Error> {
        let is_set = |member: &&&str| {
            let value = self.members.get(**member);
            value.is_some_and(|value| !value.is_null() && value != false && value != "")
        };
        match members.iter().find(is_set) {
            Some(member) => Err(self.wrong(&format!("{member} is not supported"))),
            None => Ok(()),
        }
    }

    /// Returns the content of `NAME-data`, else of the file that `NAME` names.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let data = format!("{name}-data");
        if let Some(text) = self.text(&data)? {
            let packed: String = text.split_whitespace().collect();
            let bytes = STANDARD.decode(packed);
            return bytes
                .map(Some)
                .map_err(|_| self.wrong(&format!("{data} is not base64")));
        }
        let path = self.text(name)?;
        path.map(|path| read(&self.beside(path), &self.file))
            .transpose()
    }

    fn beside(&self, path: &str) -> PathBuf {
        let dir = self.file.parent().unwrap_or(Path::new("."));
        dir.join(path)
    }

    fn identity(&self) -> Result<Option<ClientIdentity>, Error> {
        match (self.bytes("client-certificate")?, self.bytes("client-key")?) {
            (Some(chain), Some(key)) => Ok(Some(ClientIdentity { chain, key })),
            (None, None) => Ok(None),
            _ => Err(self.wrong("client-certificate and client-key belong together")),
        }
    }

    fn token(&self) -> Result<Option<String>, Error> {
        let token = match (self.text("tokenFile")?, self.text("token")?) {
            (Some(path), _) => {
                let text = String::from_utf8(read(&self.beside(path), &self.file)?);
                Some(text.map_err(|_| self.wrong("its tokenFile is not text"))?)
            }
            (None, token) => token.map(str::to_owned),
        };
        let Some(token) = token else { return Ok(None) };
        let token = token.trim();
        match token.is_empty() || token.contains(|c: char| !c.is_ascii_graphic()) {
            true => Err(self.wrong("its token is empty or has blanks in it")),
            false => Ok(Some(token.to_owned())),
        }
    }

    /// Returns the server's URL: https, a host, a port and a path, without other parts.
    fn server(&self) -> Result<Url, Error> {
        let text = self
            .text("server")?
            .ok_or_else(|| self.wrong("it has no server"))?;
        let expected = || self.wrong("expected a server https://HOST[:PORT][/PATH]");
        let url = Url::parse(text).map_err(|_| expected())?;
        let is_plain = url.scheme() == "https"
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        is_plain.then_some(url).ok_or_else(expected)
    }
}

/// Reads a file; errors concern the kubeconfig that names it.
fn read(path: &Path, of: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| match path == of {
        true => wrong(of, &error.to_string()),
        false => wrong(of, &format!("{}: {error}", path.display())),
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    match read.map_err(failed)? as u64 > MAX_FILE {
        true => Err(wrong(of, "a file of it is too large")),
        false => Ok(bytes),
    }
}

fn wrong(file: &Path, reason: &str) -> Error {
    Error::Config {
        path: file.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
