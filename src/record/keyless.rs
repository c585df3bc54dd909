//! Signs without a long-lived key: Fulcio certifies an ephemeral key for the owner of an OIDC token, such as the projected
//! token of a pod; a Rekor v2 log and a timestamp authority (RFC 3161) prove when.

use std::path::PathBuf;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Error, StatementKey, key_source::read_file};
use crate::{
    http::{self, Http, Method, Pace, Traffic, Url, header, redacted_url},
    json as strict,
    trust::{certificate_key, pem},
};

/// The largest response of a service, in bytes.
const MAX_ANSWER: u64 = 1 << 20;
const FULCIO: &str = "Fulcio";
const REKOR: &str = "Rekor";
const TSA: &str = "the timestamp authority";

/// The services that prove who signed and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SigningServices {
    /// The URL of Fulcio and the file with the token; `None` if a key signs.
    pub(crate) fulcio: Option<(String, PathBuf)>,
    /// The URL of a Rekor v2 log.
    pub(crate) rekor_url: Option<String>,
    pub(crate) tsa_url: Option<String>,
}

/// An ephemeral key with its certificate chain.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) key: StatementKey,
    pub(super) chain: Vec<Vec<u8>>,
}

impl SigningServices {
    /// Requests a certificate of Fulcio for a new key.
    ///
    /// # Errors
    /// [`Error::Service`], [`Error::Missing`] or [`Error::Key`] for the token's file.
    pub(super) async fn certify(&self, http: &Http) -> Result<Option<Certified>, Error> {
        let Some((base, file)) = &self.fulcio else {
            return Ok(None);
        };
        let service = Service::new(FULCIO, base, "api/v2/signingCert")?;
        let token = read_file(file)?;
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        let subject = subject(&token).ok_or_else(|| Error::Key {
            origin: file.display().to_string(),
            reason: "it is not an OIDC token with a subject".to_owned(),
        })?;
        let key = StatementKey::ephemeral()?;
        let proof = key.sign(subject.as_bytes())?;
        let body = json!({
            "credentials": {"oidcIdentityToken": token},
            "publicKeyRequest": {
                "publicKey": {"algorithm": "ECDSA", "content": key.public_pem()},
                "proofOfPossession": STANDARD.encode(proof),
            },
        });
        let answer = service.post_json(http, &body).await?;
        let kinds = [
            "signedCertificateEmbeddedSct",
            "signedCertificateDetachedSct",
        ];
        let chain = kinds.iter().find_map(|kind| answer.get(kind));
        let chain = chain.and_then(|found| found.pointer("/chain/certificates")?.as_array());
        let mut ders = Vec::new();
        for certificate in chain.into_iter().flatten() {
            let blocks = certificate
                .as_str()
                .and_then(pem::parse)
                .unwrap_or_default();
            ders.extend(blocks.into_iter().map(|block| block.der));
        }
        let Some(leaf) = ders.first() else {
            return Err(service.odd("its response has no certificate"));
        };
        if certificate_key(leaf).ok().as_deref() != Some(key.spki()) {
            return Err(service.odd("its certificate is for another key"));
        }
        Ok(Some(Certified { key, chain: ders }))
    }

    /// Adds an entry for a signature to the log; returns the entry as bundles contain it.
    ///
    /// # Errors
    /// [`Error::Service`]; [`Error::Key`] for a key type that the log does not support.
    pub(super) async fn log(
        &self,
        http: &Http,
        key: &StatementKey,
        certificate: Option<&[u8]>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Option<Value>, Error> {
        let Some(base) = &self.rekor_url else {
            return Ok(None);
        };
        let service = Service::new(REKOR, base, "api/v2/log/entries")?;
        let (details, hash) = key.log_details().ok_or_else(|| Error::Key {
            origin: "the key".to_owned(),
            reason: "a Rekor v2 log accepts only ECDSA keys; omit --rekor-url".to_owned(),
        })?;
        let digest = STANDARD.encode(hash(message));
        let mut verifier = match certificate {
            Some(der) => json!({"x509Certificate": {"rawBytes": STANDARD.encode(der)}}),
            None => json!({"publicKey": {"rawBytes": STANDARD.encode(key.spki())}}),
        };
        verifier["keyDetails"] = details.into();
        let body = json!({"hashedRekordRequestV002": {
            "digest": digest,
            "signature": {"content": STANDARD.encode(signature), "verifier": verifier},
        }});
        let entry = service.post_json(http, &body).await?;
        let logged = entry.get("canonicalizedBody").and_then(Value::as_str);
        let logged = logged.and_then(|body| STANDARD.decode(body).ok());
        let logged = logged.map(|body| String::from_utf8_lossy(&body).into_owned());
        if !logged.is_some_and(|body| body.contains(&digest)) {
            return Err(service.odd("its entry is for another signature"));
        }
        Ok(Some(entry))
    }

    /// Requests a timestamp over a signature; returns the authority's response as DER.
    ///
    /// # Errors
    /// [`Error::Service`].
    pub(super) async fn stamp(
        &self,
        http: &Http,
        signature: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(url) = &self.tsa_url else {
            return Ok(None);
        };
        let service = Service::new(TSA, url, "")?;
        let hash = Sha256::digest(signature);
        let query = timestamp_query(&hash, Sha256::digest(hash).first_chunk());
        let answer = service
            .post(http, query.into(), "application/timestamp-query")
            .await?;
        // PKIStatusInfo with the status granted, or granted with changes.
        let granted = answer
            .windows(5)
            .take(12)
            .any(|bytes| matches!(bytes, [0x30, _, 0x02, 0x01, 0 | 1]));
        let is_about = answer
            .windows(hash.len())
            .any(|bytes| bytes == hash.as_slice());
        match granted && is_about {
            true => Ok(Some(answer.to_vec())),
            false => Err(service.odd("its response has no timestamp over the signature")),
        }
    }
}

/// Encodes a `TimeStampReq` (RFC 3161, section 2.4.1) over a SHA-256, without a policy and without `certReq`.
fn timestamp_query(hash: &[u8], nonce: Option<&[u8; 8]>) -> Vec<u8> {
    let mut query = vec![
        0x30, 0x40, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09,
    ];
    query.extend([
        0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    ]);
    query.extend([0x04, 0x20]);
    query.extend(hash);
    let [_, rest @ ..] = *nonce.unwrap_or(&[0; 8]);
    // Positive, and as short as DER demands.
    query.extend([0x02, 0x08, 0x40]);
    query.extend(rest);
    query
}

/// Returns the subject of a token, which Fulcio requires to be signed: the mail address, else `sub`.
fn subject(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let mail = text("email").filter(|mail| !mail.is_empty());
    mail.or_else(|| text("sub")).map(str::to_owned)
}

struct Service {
    name: &'static str,
    url: Url,
}

impl Service {
    fn new(name: &'static str, base: &str, path: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Service {
            service: name,
            url: base.to_owned(),
            reason,
            refused: true,
        };
        let joined = match path.is_empty() {
            true => base.to_owned(),
            false => format!("{}/{path}", base.trim_end_matches('/')),
        };
        let url = Url::parse(&joined).map_err(|error| wrong(error.to_string()))?;
        match url.scheme() {
            "https" | "http" => Ok(Self { name, url }),
            _ => Err(wrong("expected http:// or https://".to_owned())),
        }
    }

    fn failed(&self, reason: String, refused: bool) -> Error {
        Error::Service {
            service: self.name,
            url: redacted_url(&self.url),
            reason,
            refused,
        }
    }

    fn odd(&self, reason: &str) -> Error {
        self.failed(reason.to_owned(), false)
    }

    async fn post_json(&self, http: &Http, body: &Value) -> Result<Value, Error> {
        let body = Bytes::from(body.to_string());
        let answer = self.post(http, body, "application/json").await?;
        let read = strict::document(&answer, &strict::Shape::Map(&strict::Shape::Any));
        read.map_err(|error| self.failed(format!("its response cannot be read: {error}"), false))
    }

    async fn post(
        &self,
        http: &Http,
        body: Bytes,
        media_type: &'static str,
    ) -> Result<Bytes, Error> {
        let broken = |reason: String| self.failed(reason, false);
        let client = http
            .client(&self.url, Traffic::Small)
            .map_err(|error| broken(error.to_string()))?;
        let (body, sent) = http::upload(body);
        let request = client
            .request(Method::POST, self.url.clone())
            .header(header::CONTENT_TYPE, media_type)
            .header(header::ACCEPT, media_type.replace("query", "reply"))
            .body(body);
        let answer = http.send(request, &Method::POST, &self.url, sent).await;
        let answer = answer.map_err(|error| broken(error.to_string()))?;
        let status = answer.status();
        let read = Pace::new(http.waits());
        let bytes = read.whole(answer, MAX_ANSWER, &self.url).await;
        if !status.is_success() {
            // The body of an error response may repeat the token.
            let refused = status.is_client_error() && status.as_u16() != 429;
            return Err(self.failed(format!("it responded with {status}"), refused));
        }
        let bytes = bytes.map_err(|error| broken(error.to_string()))?;
        Ok(Bytes::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_the_length_that_it_states() {
        let query = timestamp_query(&[7; 32], Some(&[0xff; 8]));
        assert_eq!(query.len(), 2 + usize::from(query[1]));
        assert_eq!(query[query.len() - 8], 0x40);
    }

    #[test]
    fn takes_the_mail_address_before_the_subject() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));
        let pod = token(r#"{"sub":"system:serviceaccount:a:b"}"#);
        assert_eq!(subject(&pod).as_deref(), Some("system:serviceaccount:a:b"));
        let person = token(r#"{"sub":"1","email":"a@b.example"}"#);
        assert_eq!(subject(&person).as_deref(), Some("a@b.example"));
        assert_eq!(subject("no token"), None);
    }
}
