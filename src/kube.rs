//! Reads objects from the Kubernetes API with the pod's own service account, or outside of a pod with
//! a kubeconfig.
//!
//! Only GET requests, and no watch. In a pod the API server's certificate is verified against the
//! authority that is mounted with the token, and against no other: the environment names the
//! host, so with an authority of the system it could name any server. Redirects are not followed.
//! Names are checked by grammar before they become a path, and the answer must have the requested kind and
//! name.

mod config;
mod write;

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value};
pub(crate) use write::ResourceRight;

use crate::{
    env::Env,
    http::{
        self, Http, HttpOptions, Method, Pace, Response, Sent, StatusCode, Traffic, Url, header,
    },
    json,
};

/// The directory in which Kubernetes mounts the service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const MAX_OBJECT: u64 = 4 << 20;

/// An object that could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// This process does not run in a pod with a service account.
    #[error("cannot read {what} from Kubernetes: {reason}")]
    NoCluster { what: String, reason: String },
    #[error("cannot use the kubeconfig {}: {reason}", path.display())]
    Config { path: PathBuf, reason: String },
    /// A name that Kubernetes does not allow.
    #[error("{name:?} cannot be the {of}: expected {expected}")]
    Name {
        name: String,
        of: &'static str,
        expected: &'static str,
    },
    #[error("{what} not found in the cluster")]
    NotFound { what: String },
    /// The service account lacks the right to change it.
    #[error("the service account may not change {what}")]
    ReadOnly { what: String },
    /// The service account lacks the right to read it.
    #[error("the service account may not read {what}")]
    Denied { what: String },
    #[error("cannot read {what} from Kubernetes: {reason}")]
    Remote { what: String, reason: String },
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] http::Error),
}

/// A client for the Kubernetes API.
#[derive(Debug)]
pub(crate) struct Kube {
    http: Http,
    base: Url,
    /// `None` with a client certificate.
    token: Option<AccountToken>,
    namespace: String,
}

struct AccountToken(String);

impl std::fmt::Debug for AccountToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Kube {
    /// Opens the cluster of `--kubeconfig`, else that of the pod, else that of `KUBECONFIG` or
    /// `~/.kube/config`.
    ///
    /// # Errors
    /// [`Error::NoCluster`] without any of them, [`Error::Config`], [`Error::Name`].
    pub(crate) fn open(env: &Env) -> Result<Self, Error> {
        Self::open_at(env, Path::new(SERVICE_ACCOUNT))
    }

    fn open_at(env: &Env, account: &Path) -> Result<Self, Error> {
        if let Some(named) = env.kubeconfig() {
            return Self::of_config(&[named.to_owned()], env);
        }
        if account.join("token").exists() {
            return Self::of_pod(env, account);
        }
        let files: Vec<PathBuf> = match env.get("KUBECONFIG") {
            Some(list) => list.split(':').map(PathBuf::from).collect(),
            None => env
                .home()
                .map(|home| home.join(".kube/config"))
                .into_iter()
                .collect(),
        };
        let named = files;
        let files: Vec<_> = named
            .iter()
            .filter(|file| file.try_exists().unwrap_or(true))
            .cloned()
            .collect();
        let is_pod = env.get("KUBERNETES_SERVICE_HOST").is_some();
        match (files.is_empty(), env.get("KUBECONFIG")) {
            (true, Some(list)) if !is_pod => Err(Error::NoCluster {
                what: "the server".to_owned(),
                reason: format!("KUBECONFIG is {list}, which does not exist"),
            }),
            (true, _) => Self::of_pod(env, account),
            (false, _) => Self::of_config(&files, env),
        }
    }

    /// Reads the service account from its directory and the server's address from the environment.
    ///
    /// # Errors
    /// [`Error::NoCluster`] outside a pod.
    pub(crate) fn of_pod(env: &Env, account: &Path) -> Result<Self, Error> {
        let missing = |what: &str, reason: String| Error::NoCluster {
            what: what.to_owned(),
            reason,
        };
        let read = |name: &str| {
            let path = account.join(name);
            let text = fs::read_to_string(&path);
            text.map_err(|error| missing(name, format!("{}: {error}", path.display())))
        };
        let host = env.get("KUBERNETES_SERVICE_HOST");
        let host = host.ok_or_else(|| {
            missing(
                "the server",
                "there is no kubeconfig, and this is not a pod".to_owned(),
            )
        })?;
        let port = env.get("KUBERNETES_SERVICE_PORT").unwrap_or("443");
        let base = server(host, port)?;
        let options = HttpOptions {
            ca_files: vec![account.join("ca.crt")],
            only_ca_files: true,
            ..HttpOptions::default()
        };
        let token = read("token")?.trim().to_owned();
        if token.is_empty() || token.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(missing(
                "token",
                "it is empty or has blanks in it".to_owned(),
            ));
        }
        let namespace = read("namespace")?.trim().to_owned();
        Ok(Self::new(Http::new(options, env), base, token, namespace))
    }

    /// Makes a client from a server, a token and the default namespace.
    pub(crate) fn new(http: Http, base: Url, token: String, namespace: String) -> Self {
        Self {
            http,
            base,
            token: Some(AccountToken(token)),
            namespace,
        }
    }

    /// Returns the name of the service account from its token (the claim `sub`, which is not verified).
    pub(crate) fn account(&self) -> Option<String> {
        let payload = self.token.as_ref()?.0.split('.').nth(1)?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let subject = claims.get("sub")?.as_str()?;
        let name = subject.strip_prefix("system:serviceaccount:")?;
        let (_, name) = name.split_once(':')?;
        is_subdomain(name).then(|| name.to_owned())
    }

    /// Returns the namespace of the pod, or of the kubeconfig's context.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Reads one entry of a secret; `None` when the secret has no such entry.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn secret(
        &self,
        namespace: &str,
        name: &str,
        entry: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let object = self
            .object(&["api", "v1"], "secrets", "Secret", namespace, name)
            .await?;
        let wrong = |reason: &str| Error::Remote {
            what: format!("Secret {namespace}/{name}"),
            reason: reason.to_owned(),
        };
        let data = match object.get("data") {
            None | Some(Value::Null) => return Ok(None),
            Some(data) => data.as_object(),
        };
        let data = data.ok_or_else(|| wrong("its data is not an object"))?;
        let Some(value) = data.get(entry) else {
            return Ok(None);
        };
        let text = value.as_str();
        let text = text.ok_or_else(|| wrong("the value of an entry is not a text"))?;
        let bytes = STANDARD.decode(text);
        let bytes = bytes.map_err(|error| wrong(&format!("an entry is not base64: {error}")))?;
        Ok(Some(bytes))
    }

    /// Reads an object, whose answer must have the requested kind and name.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Name`] before anything is sent.
    pub(crate) async fn object(
        &self,
        api: &[&str],
        resource: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Map<String, Value>, Error> {
        check_namespace(namespace)?;
        check_name(name)?;
        let what = format!("{kind} {namespace}/{name}");
        let path = [api, &["namespaces", namespace, resource, name]].concat();
        let bytes = self.get(&path, &what).await?;
        let wrong = |reason: String| Error::Remote {
            what: what.clone(),
            reason,
        };
        let object = json::document(&bytes, &json::KUBERNETES);
        let object = match object.map_err(|error| wrong(format!("its answer: {error}")))? {
            Value::Object(object) => object,
            _ => return Err(wrong("its answer is not an object".to_owned())),
        };
        for (pointer, expected) in [("kind", kind), ("namespace", namespace), ("name", name)] {
            let found = match pointer {
                "kind" => object.get("kind"),
                member => object.get("metadata").and_then(|meta| meta.get(member)),
            };
            match found {
                Some(found) if found != expected => {
                    return Err(wrong(format!(
                        "the answer has the {pointer} {found}, expected {expected:?}"
                    )));
                }
                _ => {}
            }
        }
        Ok(object)
    }

    /// Returns the URL of a path; segments are escaped, so that no name can reach another path.
    fn url(&self, path: &[&str]) -> Option<Url> {
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        Some(url)
    }

    /// Sends a request, with a document and its media type if there is one.
    async fn answer(
        &self,
        method: Method,
        path: &[&str],
        document: Option<(&Value, &str)>,
        what: &str,
    ) -> Result<Response, Error> {
        let failed = |reason: String| Error::Remote {
            what: what.to_owned(),
            reason,
        };
        let url = self
            .url(path)
            .ok_or_else(|| failed("the server's URL has no path".to_owned()))?;
        let client = self.http.client(&url, Traffic::Small)?;
        let mut request = client.request(method.clone(), url.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(&token.0);
        }
        request = request.header(header::ACCEPT, "application/json");
        if let Some((document, media_type)) = document {
            request = request
                .header(header::CONTENT_TYPE, media_type)
                .body(document.to_string());
        }
        let sent = self.http.send(request, &method, &url, Sent::default());
        sent.await.map_err(|error| failed(error.to_string()))
    }

    async fn get(&self, path: &[&str], what: &str) -> Result<Vec<u8>, Error> {
        let answer = self.answer(Method::GET, path, None, what).await?;
        let what = what.to_owned();
        let failed = |reason: String| Error::Remote {
            what: what.clone(),
            reason,
        };
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(Error::NotFound { what }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Error::Denied { what }),
            status => return Err(failed(format!("the server answered {status}"))),
        }
        let pace = Pace::new(self.http.waits());
        let read = pace.whole(answer, MAX_OBJECT, &what).await;
        read.map_err(|error| failed(error.to_string()))
    }
}

/// Returns the URL of the API server, from an address and a port alone.
fn server(host: &str, port: &str) -> Result<Url, Error> {
    let wrong = |name: &str, of, expected| Error::Name {
        name: name.to_owned(),
        of,
        expected,
    };
    let host_of = match host.parse() {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Err(_) if is_subdomain(&host.to_ascii_lowercase()) => host.to_owned(),
        Err(_) => {
            let of = "host of the Kubernetes API (KUBERNETES_SERVICE_HOST)";
            return Err(wrong(host, of, "an address or a DNS name"));
        }
    };
    let of = "port of the Kubernetes API (KUBERNETES_SERVICE_PORT)";
    let expected = "a number from 1 to 65535";
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let number: u16 = match port.parse() {
        Ok(number) if number != 0 && digits => number,
        _ => return Err(wrong(port, of, expected)),
    };
    let url = Url::parse(&format!("https://{host_of}:{number}/"));
    url.map_err(|_| {
        wrong(
            host,
            "host of the Kubernetes API",
            "an address or a DNS name",
        )
    })
}

/// Checks the name of a namespace (RFC 1123, label).
///
/// # Errors
/// [`Error::Name`].
pub(crate) fn check_namespace(name: &str) -> Result<(), Error> {
    if is_label(name) {
        return Ok(());
    }
    Err(Error::Name {
        name: name.to_owned(),
        of: "name of a namespace",
        expected: "1 to 63 of a-z, 0-9 and -, a letter or digit at both ends",
    })
}

/// Checks the name of an object (RFC 1123, subdomain).
///
/// # Errors
/// [`Error::Name`].
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if is_subdomain(name) {
        return Ok(());
    }
    Err(Error::Name {
        name: name.to_owned(),
        of: "name of an object",
        expected: "1 to 253 of a-z, 0-9, - and ., a letter or digit at both ends of each part",
    })
}

/// Tells whether a text is a DNS label (RFC 1123).
pub(crate) fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(|b| plain(*b))
        && bytes.last().is_some_and(|b| plain(*b))
        && bytes.iter().all(|b| plain(*b) || *b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_resources_are_labels() {
        for name in ["app-x1", "a", &"a".repeat(63)] {
            assert!(is_label(name), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a.b", "{}", &"a".repeat(64)] {
            assert!(!is_label(name), "{name}");
        }
    }

    #[tokio::test]
    async fn an_answer_has_one_reading() {
        let web = lab::sigstore::Web::start().unwrap();
        let path = "api/v1/namespaces/team/secrets/cosign";
        let key = STANDARD.encode("key");
        let evil = STANDARD.encode("evil");
        let good = format!(
            r#"{{"kind": "Secret", "metadata": {{"name": "cosign", "namespace": "team", "x": 1}}, "data": {{"cosign.pub": "{key}"}}}}"#
        );
        let of = |data: &str| good.replace(&format!(r#"{{"cosign.pub": "{key}"}}"#), data);
        for (answer, reads) in [
            (good.clone(), true),
            (format!(r#"{{"data": {{"cosign.pub": "{key}"}}}}"#), true),
            (
                of(&format!(
                    r#"{{"cosign.pub": "{evil}", "cosign.pub": "{key}"}}"#
                )),
                false,
            ),
            (
                format!(
                    "{},\"data\":{{\"cosign.pub\":\"{evil}\"}}}}",
                    &good[..good.len() - 1]
                ),
                false,
            ),
            (
                format!(
                    "{},\"Data\":{{\"cosign.pub\":\"{evil}\"}}}}",
                    &good[..good.len() - 1]
                ),
                false,
            ),
            (good.replace("Secret", "ConfigMap"), false),
            (good.replace("\"cosign\"", "\"evil\""), false),
            (good.replace("\"team\"", "\"kube-system\""), false),
            (
                good.replace(r#"{"name": "cosign""#, r#"{"name": 5, "y": "cosign""#),
                false,
            ),
            (of(r#"[["cosign.pub", "a2V5"]]"#), false),
            (of(r#"{"cosign.pub": 5}"#), false),
            (format!("[{good}]"), false),
            (format!("{good} {good}"), false),
            (String::new(), false),
        ] {
            web.serve_files([(path.to_owned(), answer.clone().into_bytes())].into());
            let base = Url::parse(&web.url()).unwrap();
            let http = Http::new(HttpOptions::default(), &Env::default());
            let kube = Kube::new(http, base, "token".to_owned(), "team".to_owned());
            let found = kube.secret("team", "cosign", "cosign.pub").await;
            match reads {
                true => assert_eq!(found.unwrap().unwrap(), b"key", "{answer}"),
                false => assert!(
                    matches!(found, Err(Error::Remote { .. })),
                    "{answer}: {found:?}"
                ),
            }
        }
    }

    #[test]
    fn the_servers_address_is_nothing_else() {
        let url = |host, port| server(host, port).map(|url| url.to_string());
        assert_eq!(url("10.0.0.1", "6443").unwrap(), "https://10.0.0.1:6443/");
        assert_eq!(url("::1", "443").unwrap(), "https://[::1]/");
        assert!(url("kubernetes.default.svc", "443").is_ok());
        for (host, port) in [
            ("user@10.0.0.1", "443"),
            ("10.0.0.1/x", "443"),
            ("10.0.0.1#", "443"),
            ("evil.example\n", "443"),
            ("10.0.0.1", "27041@10.0.0.2:443"),
            ("10.0.0.1", "443/../x?y="),
            ("10.0.0.1", "443#"),
            ("10.0.0.1", "0"),
            ("10.0.0.1", "+443"),
        ] {
            assert!(
                matches!(url(host, port), Err(Error::Name { .. })),
                "{host} {port}"
            );
        }
    }

    #[test]
    fn names_follow_rfc_1123() {
        assert!(check_namespace("team-1").is_ok() && check_name("cosign.pub-1").is_ok());
        for bad in [
            "", ".", "..", "../x", "a/b", "a?b", "a%2fb", "a@b", "a b", "A", "-a", "a-", "a\nb",
        ] {
            assert!(check_namespace(bad).is_err(), "{bad:?}");
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_namespace("a.b").is_err());
    }
}
