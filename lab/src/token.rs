//! A token server for registries of others (distribution "token" specification, "JWT"): it
//! issues signed tokens to one account, for every requested scope, and counts them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hyper::{Request, Response, body::Incoming, header};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};

use crate::{
    git::Account,
    server::{Body, Listener, Reply, response, serve},
};

/// The name under which registries know the server and themselves.
const NAME: &str = "lab";
/// Validity of a token, in seconds.
const LIFE: i64 = 300;

/// A running token server; it ends when this is dropped.
#[derive(Debug)]
pub struct TokenServer {
    listener: Listener,
    shared: Arc<TokenState>,
}

#[derive(Debug)]
struct TokenState {
    account: Account,
    key: EcdsaKeyPair,
    certificate_der: Vec<u8>,
    certificate_pem: String,
    given: AtomicUsize,
}

impl TokenServer {
    /// Starts it on loopback, with a new key, for one account.
    pub fn start(account: Account) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        let certificate = params.self_signed(&key)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der());
        let shared = Arc::new(TokenState {
            account,
            key: pair.ok().context("the key cannot sign")?,
            certificate_der: certificate.der().to_vec(),
            certificate_pem: certificate.pem(),
            given: AtomicUsize::new(0),
        });
        let state = Arc::clone(&shared);
        let answer = move |request| -> Reply {
            let state = Arc::clone(&state);
            Box::pin(async move { state.answer(&request) })
        };
        let listener = serve(SocketAddr::from(([127, 0, 0, 1], 0)), answer)?;
        Ok(Self { listener, shared })
    }

    /// The part `auth:` of the configuration of Docker's registry, given where
    /// [`TokenServer::certificate_pem`] is kept.
    #[must_use]
    pub fn registry_config(&self, certificate_path: &str) -> String {
        let address = self.listener.address();
        format!(
            "auth: {{token: {{realm: 'http://{address}/token', service: {NAME}, issuer: {NAME}, rootcertbundle: '{certificate_path}'}}}}\n"
        )
    }

    /// The certificate with which registries check tokens.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.shared.certificate_pem
    }

    /// Returns the number of issued tokens.
    #[must_use]
    pub fn given(&self) -> usize {
        self.shared.given.load(Ordering::Relaxed)
    }
}

impl TokenState {
    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let authorization = request.headers().get(header::AUTHORIZATION);
        let pair = format!("{}:{}", self.account.user, self.account.password);
        let wanted = format!("Basic {}", STANDARD.encode(pair));
        if authorization.is_none_or(|value| value.as_bytes() != wanted.as_bytes()) {
            return response(401, &[], "");
        }
        let query = request.uri().query().unwrap_or_default();
        let scopes = query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("scope="));
        let access: Vec<_> = scopes.filter_map(access).collect();
        match self.token(&access) {
            Some(token) => {
                self.given.fetch_add(1, Ordering::Relaxed);
                let body = json!({"token": token, "expires_in": LIFE});
                let kind = [("content-type", "application/json".to_owned())];
                response(200, &kind, body.to_string())
            }
            None => response(500, &[], ""),
        }
    }

    fn token(&self, access: &[Value]) -> Option<String> {
        let certificate = STANDARD.encode(&self.certificate_der);
        let head = json!({"typ": "JWT", "alg": "ES256", "x5c": [certificate]});
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": NAME, "sub": self.account.user, "aud": NAME, "jti": now.to_string(),
            "iat": now, "nbf": now - 60, "exp": now + LIFE, "access": access,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&head), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes()).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Returns the claim of a scope such as `repository:acme/web:pull,push`.
fn access(scope: &str) -> Option<Value> {
    let scope = scope
        .replace("%3A", ":")
        .replace("%2F", "/")
        .replace("%2C", ",");
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let actions: Vec<_> = actions.split(',').collect();
    Some(json!({"type": kind, "name": name, "actions": actions}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_becomes_a_claim() {
        let claim = access("repository%3Aacme%2Fweb%3Apull%2Cpush").unwrap();
        let expected =
            json!({"type": "repository", "name": "acme/web", "actions": ["pull", "push"]});
        assert_eq!(claim, expected);
        assert_eq!(access("repository"), None);
    }
}
