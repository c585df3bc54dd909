//! Reads objects from the Kubernetes API with the pod's own service account.
//!
//! A handful of GETs, no watch, no kubeconfig. The API server's certificate is checked against
//! the authority that is mounted with the token.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{
    env::Env,
    http::{self, Http, Options, StatusCode, Traffic, Url, header},
};

/// Where Kubernetes mounts the service account.
pub(crate) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const MAX_OBJECT: usize = 4 << 20;

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// This process does not run in a pod with a service account.
    #[error("cannot read {what} from Kubernetes: {reason}")]
    NoCluster {
        /// What was looked for.
        what: String,
        /// What is missing.
        reason: String,
    },
    /// The object does not exist.
    #[error("{what} not found in the cluster")]
    NotFound {
        /// The object.
        what: String,
    },
    /// The service account may not read it.
    #[error("the service account may not read {what}")]
    Denied {
        /// The object.
        what: String,
    },
    /// The API server failed.
    #[error("cannot read {what} from Kubernetes: {reason}")]
    Remote {
        /// The object.
        what: String,
        /// What happened.
        reason: String,
    },
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] http::Error),
}

/// The Kubernetes API as the pod sees it.
#[derive(Debug)]
pub(crate) struct Kube {
    http: Http,
    base: Url,
    token: Token,
    namespace: String,
}

struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Kube {
    /// Takes the service account from its directory and the server's address from the environment.
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
        let host = host.ok_or_else(|| missing("the server", "this is no pod".to_owned()))?;
        let port = env.get("KUBERNETES_SERVICE_PORT").unwrap_or("443");
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let base = format!("https://{host}:{port}/");
        let base = Url::parse(&base).map_err(|error| missing("the server", error.to_string()))?;
        let options = Options {
            ca_files: vec![account.join("ca.crt")],
            ..Options::default()
        };
        let token = read("token")?.trim().to_owned();
        let namespace = read("namespace")?.trim().to_owned();
        Ok(Self::new(Http::new(options, env), base, token, namespace))
    }

    /// Names a server, a token and the namespace of objects without one.
    pub(crate) fn new(http: Http, base: Url, token: String, namespace: String) -> Self {
        Self {
            http,
            base,
            token: Token(token),
            namespace,
        }
    }

    /// The namespace of the pod.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Reads a secret's entries.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        #[derive(Deserialize)]
        struct Secret {
            #[serde(default)]
            data: BTreeMap<String, String>,
        }
        let what = format!("secret {namespace}/{name}");
        let bytes = self
            .get(
                &["api", "v1", "namespaces", namespace, "secrets", name],
                &what,
            )
            .await?;
        let wrong = |reason: String| Error::Remote {
            what: what.clone(),
            reason,
        };
        let secret: Secret =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        let entries = secret.data.into_iter().map(|(name, text)| {
            let bytes = STANDARD
                .decode(text)
                .map_err(|error| wrong(error.to_string()))?;
            Ok((name, bytes))
        });
        entries.collect()
    }

    /// Reads any object as JSON by the segments of its path.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn get(&self, path: &[&str], what: &str) -> Result<Vec<u8>, Error> {
        let what = what.to_owned();
        let failed = |reason: String| Error::Remote {
            what: what.clone(),
            reason,
        };
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            // Segments are escaped, so that no name can reach another path.
            Ok(mut segments) => segments.pop_if_empty().extend(path),
            Err(()) => return Err(failed("the server's URL has no path".to_owned())),
        };
        let client = self.http.client(&url, Traffic::Small)?;
        let request = client
            .get(url)
            .bearer_auth(&self.token.0)
            .header(header::ACCEPT, "application/json");
        let sent = request.send().await;
        let mut response = sent.map_err(|error| failed(http::chain(&error)))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(Error::NotFound { what }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Error::Denied { what }),
            status => return Err(failed(format!("the server answered {status}"))),
        }
        let mut bytes = Vec::new();
        let broken = |error| failed(http::chain(&error));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if bytes.len() + chunk.len() > MAX_OBJECT {
                return Err(failed(format!("it has more than {MAX_OBJECT} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
