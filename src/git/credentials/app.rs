//! Installation tokens of a GitHub App: exchanges a JWT signed by the App's key for a token of
//! one hour.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use url::Url;

use crate::{
    git::Error,
    http::{Http, Method, Pace, Sent, Traffic, authority, header},
    text,
};

/// The lifetime that a cached token must have left.
const MARGIN: Duration = Duration::from_secs(300);
/// The largest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;

/// A GitHub App. Cheap to clone.
#[derive(Clone)]
pub(in crate::git) struct App {
    id: String,
    installation: Option<String>,
    key: PathBuf,
    base: Option<String>,
    tokens: Arc<Mutex<Vec<InstallationToken>>>,
}

/// An installation token for the repositories of one installation.
struct InstallationToken {
    /// The API and installation, or the repository that leads to it.
    scope: String,
    secret: String,
    until: SystemTime,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .field("installation", &self.installation)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Stores the App's ID and the file with its private key, which is read when a token is needed.
    pub(super) fn new(
        id: String,
        installation: Option<String>,
        key: PathBuf,
        base: Option<String>,
    ) -> Self {
        Self {
            id,
            installation,
            key,
            base,
            tokens: Arc::default(),
        }
    }

    /// Returns the file with the private key.
    pub(in crate::git) fn origin(&self) -> &Path {
        &self.key
    }

    /// Returns a token for the repository, from the cache while it is valid.
    ///
    /// # Errors
    /// [`Error::App`], or [`Error::Remote`] when the host fails.
    pub(in crate::git) async fn token(&self, http: &Http, url: &Url) -> Result<String, Error> {
        let api = self.api(url)?;
        let repository = repository_of(url);
        let scope = match &self.installation {
            Some(installation) => format!("{api} {installation}"),
            None => format!("{api} {repository}"),
        };
        if let Some(token) = self.kept(&scope) {
            return Ok(token);
        }
        let jwt = self.jwt(SystemTime::now())?;
        let installation = match &self.installation {
            Some(installation) => installation.clone(),
            None => {
                let path = format!("repos/{repository}/installation");
                let found = self.ask(http, Method::GET, &api, &path, &jwt).await?;
                found["id"]
                    .as_u64()
                    .map(|id| id.to_string())
                    .ok_or_else(|| self.failed("the host names no installation".to_owned()))?
            }
        };
        let path = format!("app/installations/{installation}/access_tokens");
        let made = self.ask(http, Method::POST, &api, &path, &jwt).await?;
        let secret = made["token"].as_str().filter(|token| !token.is_empty());
        let secret = secret
            .ok_or_else(|| self.failed("the host sent no token".to_owned()))?
            .to_owned();
        let until = made["expires_at"].as_str();
        let until = until.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let until = until.map_or_else(|| SystemTime::now() + 2 * MARGIN, SystemTime::from);
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|token| token.scope != scope);
        tokens.push(InstallationToken {
            scope,
            secret: secret.clone(),
            until,
        });
        Ok(secret)
    }

    fn kept(&self, scope: &str) -> Option<String> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let found = tokens.iter().find(|token| token.scope == scope)?;
        let is_good = found.until > SystemTime::now() + MARGIN;
        is_good.then(|| found.secret.clone())
    }

    /// Returns the API of the host: the usual URL, or the one in the file.
    fn api(&self, url: &Url) -> Result<Url, Error> {
        let text = match &self.base {
            Some(base) => format!("{}/", base.trim_end_matches('/')),
            None if url.host_str() == Some("github.com") => "https://api.github.com/".to_owned(),
            None => format!("{}://{}/api/v3/", url.scheme(), authority(url)),
        };
        Url::parse(&text).map_err(|_| self.failed(format!("{text:?} is not the URL of an API")))
    }

    /// Returns the JWT that the App itself signs (RFC 7519, RS256), valid for nine minutes.
    fn jwt(&self, now: SystemTime) -> Result<String, Error> {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = encode(json!({"alg": "RS256", "typ": "JWT"}));
        let body = encode(json!({
            "iat": seconds.saturating_sub(60), "exp": seconds + 540, "iss": self.id,
        }));
        let signed = format!("{head}.{body}");
        let pem = fs::read(&self.key)
            .map_err(|error| self.failed(format!("the key cannot be read: {error}")))?;
        let unusable = |_| self.failed("the file holds no RSA private key in PEM".to_owned());
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unusable(()))?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(unusable(())),
        };
        let key = key.map_err(|_| unusable(()))?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .map_err(|_| self.failed("the key cannot sign".to_owned()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    async fn ask(
        &self,
        http: &Http,
        method: Method,
        api: &Url,
        path: &str,
        jwt: &str,
    ) -> Result<Value, Error> {
        let url = api
            .join(path)
            .map_err(|_| self.failed("the URL of the API is not one".to_owned()))?;
        let failed = |reason: String| Error::Remote {
            url: url.to_string(),
            reason,
        };
        let client = http.client(&url, Traffic::Small)?;
        let mut value = header::HeaderValue::try_from(format!("Bearer {jwt}"))
            .map_err(|_| self.failed("the App's ID makes no header".to_owned()))?;
        value.set_sensitive(true);
        let request = client
            .request(method.clone(), url.clone())
            .header(header::AUTHORIZATION, value)
            .header(header::ACCEPT, "application/vnd.github+json");
        let answer = http.send(request, &method, &url, Sent::default()).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let pace = Pace::new(http.waits());
        let body = pace.whole(answer, MAX_ANSWER, &"the answer of the GitHub App's host");
        let body = body.await.map_err(|error| failed(error.to_string()))?;
        let parsed: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(parsed);
        }
        let said = parsed["message"].as_str().unwrap_or_default();
        let reason = format!("status {status} {}", text::line(said));
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(failed(reason.trim_end().to_owned()));
        }
        let meaning = match status.as_u16() {
            401 => ": the ID and the key do not belong together, or this machine's clock is wrong",
            404 => ": the App is not installed there, or the installation's ID is another's",
            _ => "",
        };
        Err(self.failed(format!("{}{meaning}", reason.trim_end())))
    }

    fn failed(&self, reason: String) -> Error {
        Error::App {
            id: self.id.clone(),
            origin: self.key.display().to_string(),
            reason,
        }
    }
}

/// Returns `OWNER/NAME` of a repository's URL.
fn repository_of(url: &Url) -> String {
    let path = url.path().trim_matches('/');
    let path = path.split("/info/refs").next().unwrap_or(path);
    let path = path
        .trim_end_matches("/git-upload-pack")
        .trim_end_matches("/git-receive-pack");
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}
