//! Tokens of the token protocol of the distribution reference implementation.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::credentials::{CredentialSecret, Secret};
use crate::http::{Client, Method, RequestBuilder, Url, header};

/// The lifetime of a token without `expires_in` (token protocol: 60 seconds).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// A token is renewed this long before it expires.
pub(super) const MARGIN: Duration = Duration::from_secs(10);
/// The longest lifetime that is accepted, in seconds.
const MAX_LIFE: u64 = 86_400;

/// A bearer token with its expiry.
#[derive(Debug, Clone)]
pub(super) struct BearerToken {
    pub(super) value: Secret,
    pub(super) ends: Instant,
}

impl CredentialSecret {
    /// Returns the value of the header `Authorization` for basic authentication (RFC 7617).
    pub(super) fn basic(&self) -> Option<String> {
        match self {
            Self::Password { user, password } => {
                let pair = format!("{user}:{}", password.reveal());
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
            Self::Identity(_) | Self::Bearer(_) => None,
        }
    }
}

/// Builds the request for a token: POST with a refresh token (OAuth2), else GET with the scopes.
pub(super) fn token_request(
    client: &Client,
    realm: &Url,
    service: &str,
    proof: Option<&CredentialSecret>,
    scopes: &BTreeSet<String>,
) -> (RequestBuilder, Method, Url) {
    let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
    let mut url = realm.clone();
    if let Some(CredentialSecret::Identity(token)) = proof {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("service", service)
            .append_pair("client_id", "promote")
            .append_pair("scope", &scopes.join(" "))
            .append_pair("refresh_token", token.reveal())
            .finish();
        let request = client
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        return (request, Method::POST, url);
    }
    url.query_pairs_mut().append_pair("service", service);
    for scope in scopes {
        url.query_pairs_mut().append_pair("scope", scope);
    }
    let request = client.get(url.clone());
    let request = match proof.and_then(CredentialSecret::basic) {
        Some(value) => request.header(header::AUTHORIZATION, value),
        None => request,
    };
    (request, Method::GET, url)
}

/// Parses the answer of a token server. `expires_in` is a number in most answers, a string in some,
/// and `null`, negative or malformed in others.
///
/// # Errors
/// The defect, in words.
pub(super) fn token(body: &[u8]) -> Result<BearerToken, &'static str> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|_| "the token server's answer is not JSON of a token")?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = match text("token") {
        "" => text("access_token"),
        value => value,
    };
    if value.is_empty() {
        return Err("the token server returned no token");
    }
    let life = match answer.get("expires_in") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().trim_end_matches('s').parse().ok(),
        _ => None,
    };
    let life = life.filter(|seconds| seconds.is_finite() && *seconds >= 1.0);
    let life = life.map_or(DEFAULT_LIFE, |seconds| {
        #[expect(clippy::cast_precision_loss, reason = "a day in seconds")]
        Duration::from_secs_f64(seconds.min(MAX_LIFE as f64))
    });
    Ok(BearerToken {
        value: value.to_owned().into(),
        // A lifetime below the margin must still serve the current requests.
        ends: Instant::now() + life.max(MARGIN + Duration::from_secs(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tokens_of_every_server() {
        let life = |expires: &str| {
            let body = format!(r#"{{"access_token":"t","expires_in":{expires}}}"#);
            let token = token(body.as_bytes()).unwrap();
            token
                .ends
                .saturating_duration_since(Instant::now())
                .as_secs_f64()
                .round()
        };
        for (expires, seconds) in [
            ("300", 300.0),
            ("\"300\"", 300.0),
            ("299.9", 300.0),
            ("\"300s\"", 300.0),
            ("null", 60.0),
            ("0", 60.0),
            ("-1", 60.0),
            ("\"soon\"", 60.0),
            ("1e300", 86_400.0),
            ("3", 11.0),
        ] {
            assert!((life(expires) - seconds).abs() < 1.5, "{expires}");
        }
        for body in ["{}", "[]", "x", r#"{"token":null}"#, r#"{"token":7}"#] {
            assert!(token(body.as_bytes()).is_err(), "{body}");
        }
        assert!(token(br#"{"token":"","access_token":"t","expires_in":null}"#).is_ok());
    }
}
