//! A GitHub App: checks the statement that it signs and hands out the token.

use anyhow::{Context as _, Result};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};

use super::{Answer, not_found};

/// An App that is known to the host.
pub(super) struct App {
    id: String,
    installation: String,
    /// The public key of the App, in DER.
    public: Vec<u8>,
}

impl App {
    pub(super) fn new(id: &str, installation: &str, key: &str) -> Result<Self> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .ok()
            .context("no private key")?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            other => RsaKeyPair::from_pkcs8(other.secret_der()),
        };
        let key = key.ok().context("no RSA key")?;
        Ok(Self {
            id: id.to_owned(),
            installation: installation.to_owned(),
            public: key.public_key().as_ref().to_vec(),
        })
    }

    /// Answers requests of the App itself; `None` for all others.
    pub(super) fn answer(
        &self,
        path: &str,
        authorization: &str,
        token: &str,
        now: u64,
    ) -> Option<Answer> {
        let path = path.strip_prefix("/api/v3/")?;
        let installation = path
            .strip_prefix("app/installations/")
            .and_then(|rest| rest.strip_suffix("/access_tokens"));
        let asks = path.starts_with("repos/") && path.ends_with("/installation");
        if installation.is_none() && !asks {
            return None;
        }
        let jwt = authorization.strip_prefix("Bearer ").unwrap_or_default();
        if !self.is_signed(jwt, now) {
            let text = "A JSON web token could not be decoded";
            return Some((401, json!({"message": text})));
        }
        Some(match installation {
            None => (200, json!({"id": self.installation.parse::<u64>().ok()})),
            Some(id) if id == self.installation => (
                201,
                json!({"token": token, "expires_at": "2099-01-01T00:00:00Z"}),
            ),
            Some(_) => not_found(),
        })
    }

    fn is_signed(&self, jwt: &str, now: u64) -> bool {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let Some((signed, signature)) = jwt.rsplit_once('.') else {
            return false;
        };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        let good = decode(signature)
            .is_some_and(|signature| key.verify(signed.as_bytes(), &signature).is_ok());
        let claims = signed.split_once('.').and_then(|(_, body)| decode(body));
        let claims: Value = claims
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let at = |name: &str| claims[name].as_u64().unwrap_or_default();
        let is_current = at("iat") <= now && now < at("exp") && at("exp") - at("iat") <= 660;
        good && claims["iss"] == *self.id && is_current
    }
}
