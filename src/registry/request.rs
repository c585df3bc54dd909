//! Sends requests: authentication, retries, redirects and counting.
//!
//! Every request except a streamed upload goes through [`Registry::call`], which repeats it; a
//! streamed one goes through [`Registry::send_once`], and its caller starts the blob again.

use std::{
    sync::atomic::Ordering,
    time::{Instant, SystemTime},
};

use bytes::Bytes;

use super::{Error, Registry, auth::Access};
use crate::{
    http::{
        self, Body, Failed, Method, Pace, Problem, Redirect, Response, Sent, StatusCode, Traffic,
        Url, Waits, header, redacted_url, retry_after,
    },
    text,
};

const MAX_REDIRECTS: usize = 5;
/// Retries of a request whose connection was refused by a host that never answered.
const MOST_WHERE_NOTHING_LISTENS: u32 = 1;
/// Retries of a request that a time limit ended: each one may take as long.
const MOST_AFTER_WAITS: u32 = 1;

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(super) struct RegistryRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    /// The permissions that the request needs.
    pub(super) access: Access,
    pub(super) headers: Vec<(header::HeaderName, String)>,
    /// The body, which is sent again with each attempt.
    pub(super) body: Bytes,
    /// The kind of connection, for small requests or for bodies.
    pub(super) traffic: Traffic,
    /// Makes a failure final; the caller decides about a repetition.
    pub(super) once: bool,
    /// Makes an attempt final that a time limit ended.
    pub(super) once_if_slow: bool,
    /// Bytes of the upload that this request completes: storing them takes time.
    pub(super) stores: u64,
}

impl RegistryRequest {
    pub(super) fn new(method: Method, url: Url, access: Access) -> Self {
        Self {
            method,
            url,
            access,
            headers: Vec::new(),
            body: Bytes::new(),
            traffic: Traffic::Small,
            once: false,
            once_if_slow: false,
            stores: 0,
        }
    }

    /// Marks the end of an upload of so many bytes: the answer may take a while, and a timeout is not retried.
    pub(super) fn storing(mut self, bytes: u64) -> Self {
        self.stores = bytes;
        self.once_if_slow = true;
        self
    }

    /// Sends it in a single attempt, whatever the answer.
    pub(super) fn single(mut self) -> Self {
        self.once = true;
        self
    }

    pub(super) fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Takes a connection for bodies of any size.
    pub(super) fn bulk(mut self) -> Self {
        self.traffic = Traffic::Bulk;
        self
    }
}

impl Registry {
    /// Sends a request, with retries where they may help, and returns the answer whatever its status.
    ///
    /// # Errors
    /// [`Error::Transport`] or [`Error::Certificate`] when no answer came, [`Error::Protocol`]
    /// for a redirect that must not be followed, and any error of the authentication.
    pub(super) async fn call(&self, call: RegistryRequest) -> Result<Response, Error> {
        let mut attempt = 0;
        let began = Instant::now();
        loop {
            let answer = self.follow(call.clone()).await;
            let host = self.0.limits.of(call.access.repository.registry());
            if answer.is_ok() {
                host.answered();
            }
            let asked = match &answer {
                Ok(answer) if worth_repeating(answer.status()) => {
                    retry_after(answer.headers(), SystemTime::now())
                }
                Err(Error::Transport { .. } | Error::Unreachable { .. }) => None,
                _ => return answer,
            };
            let most = self.most_repetitions(&call, &answer, host.has_answered());
            let pause = asked.unwrap_or_else(|| self.0.retries.pause(attempt));
            let is_in_time = began.elapsed() + pause <= self.0.retries.total;
            if attempt >= most || !is_in_time || !self.0.http.patience().spend(pause) {
                return answer;
            }
            attempt += 1;
            let (method, url) = (&call.method, redacted_url(&call.url));
            let reason = match &answer {
                Ok(answer) => format!("{method} {url}: status {}", answer.status().as_u16()),
                Err(error) => error.to_string(),
            };
            tracing::warn!(
                "{reason} (try {} of {} in {:.1} s)",
                attempt + 1,
                most + 1,
                pause.as_secs_f64()
            );
            tokio::time::sleep(pause).await;
        }
    }

    fn most_repetitions(
        &self,
        call: &RegistryRequest,
        answer: &Result<Response, Error>,
        has_answered: bool,
    ) -> u32 {
        let most = match answer {
            _ if call.once => 0,
            Err(Error::Transport { slow: true, .. }) if call.once_if_slow => 0,
            Err(Error::Transport { slow: true, .. }) => MOST_AFTER_WAITS,
            Err(Error::Unreachable { absent: true, .. }) if !has_answered => {
                MOST_WHERE_NOTHING_LISTENS
            }
            _ => u32::MAX,
        };
        most.min(self.0.retries.most)
    }

    /// Sends a request once, following redirects of reading requests.
    async fn follow(&self, mut call: RegistryRequest) -> Result<Response, Error> {
        let reads = matches!(call.method, Method::GET | Method::HEAD);
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send_once(&call, None).await?;
            if !(reads && answer.status().is_redirection()) {
                return Ok(answer);
            }
            let location = answer.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            let wrong = |reason| Error::Protocol {
                url: redacted_url(&call.url),
                reason,
            };
            let location = location.ok_or_else(|| wrong("it redirects to nowhere"))?;
            let next = http::redirected(&call.url, location);
            call.url = next.map_err(|refused| match refused {
                Redirect::NoUrl => wrong("it redirects to something that is not a URL of the web"),
                Redirect::Downgrade => wrong("it redirects from TLS to plain HTTP"),
            })?;
        }
        Err(Error::Protocol {
            url: redacted_url(&call.url),
            reason: "it redirects more than 5 times",
        })
    }

    /// Sends a request once, or twice when the registry first requires authentication.
    ///
    /// A streamed body cannot be sent twice: the caller made a request with the same access
    /// before, so that the token is there.
    pub(super) async fn send_once(
        &self,
        call: &RegistryRequest,
        stream: Option<(Body, Sent)>,
    ) -> Result<Response, Error> {
        let home = self.base(&call.access.repository)?;
        self.admit(&home)?;
        if call.url.origin() != home.origin() {
            // Credentials are sent only to the registry that they belong to.
            return self.send(call, stream, None).await;
        }
        let host = self.0.auth.host(&home);
        let first = host.turn().await;
        let mut access = call.access.clone();
        let mut authorization = None;
        let asks = host.asks();
        if asks {
            access = self.0.auth.widen(access, &self.1).await?;
            authorization = self
                .0
                .auth
                .header(self, &host, &access, &call.access)
                .await?;
        }
        let streamed = stream.is_some();
        let answer = self.send(call, stream, authorization.as_ref()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || streamed {
            host.answered();
            return Ok(answer);
        }
        if !asks {
            access = self.0.auth.widen(access, &self.1).await?;
        }
        let used = authorization.as_ref();
        let auth = &self.0.auth;
        auth.refused(&home, &host, answer.headers(), used, &mut access)
            .await?;
        host.answered();
        drop(first);
        let answer = match auth.header(self, &host, &access, &call.access).await? {
            Some(authorization) => self.send(call, None, Some(&authorization)).await?,
            None => return Ok(answer),
        };
        let alone = access.scopes != call.access.scopes;
        if answer.status() != StatusCode::UNAUTHORIZED || !alone {
            return Ok(answer);
        }
        // A token server that grants one scope has issued a token for another repository.
        auth.one_scope(&host);
        match auth.header(self, &host, &access, &call.access).await? {
            Some(authorization) => self.send(call, None, Some(&authorization)).await,
            None => Ok(answer),
        }
    }

    async fn send(
        &self,
        call: &RegistryRequest,
        stream: Option<(Body, Sent)>,
        authorization: Option<&header::HeaderValue>,
    ) -> Result<Response, Error> {
        let http = &self.0.http;
        let repository = &call.access.repository;
        let client = self.client_to(repository, &call.url, call.traffic).await?;
        let mut request = client.request(call.method.clone(), call.url.clone());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let sent = match stream {
            Some((body, sent)) => {
                request = request.body(body);
                sent
            }
            None if !call.body.is_empty() => {
                let (body, sent) = http::upload(call.body.clone());
                request = request
                    .header(header::CONTENT_LENGTH, call.body.len())
                    .body(body);
                sent
            }
            None => {
                if !matches!(call.method, Method::GET | Method::HEAD) {
                    // Some proxies require a length with every request that may have a body.
                    request = request.header(header::CONTENT_LENGTH, "0");
                }
                Sent::stored(call.stores)
            }
        };
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let limit = self.0.limits.of(call.access.repository.registry());
        let epoch = limit.epoch();
        let answer = match http.send(request, &call.method, &call.url, sent).await {
            Ok(answer) => answer,
            Err(failed) => {
                let error = self.barred(repository, &call.method, &call.url, failed);
                return Err(error.await?);
            }
        };
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            limit.throttled(epoch);
        }
        let at_home = answer.url().origin() == self.base(&call.access.repository)?.origin();
        for text in warnings(answer.headers()).filter(|_| at_home) {
            let text = format!("{} warns: {text}", http::authority(&call.url));
            if self.0.warned.add(text.clone()) {
                tracing::warn!("{text}");
            }
        }
        Ok(answer)
    }

    /// Turns an unsuccessful answer into an error.
    ///
    /// # Errors
    /// [`Error::Denied`] or [`Error::Status`].
    pub(super) async fn check(
        &self,
        call: &RegistryRequest,
        answer: Response,
    ) -> Result<Response, Error> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let url = redacted_url(&call.url);
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self
                .0
                .auth
                .denied(&call.access.repository, url, status.as_u16())
                .await?);
        }
        let retry_after = retry_after(answer.headers(), SystemTime::now());
        let message = if answer.url().origin() == call.url.origin() {
            let body = read(self.0.http.waits(), &call.url, answer, 64 << 10).await;
            let body = body.unwrap_or_default();
            if is_plain_at_tls(&call.url, status, &body) {
                return Err(Error::OtherProtocol {
                    host: http::authority(&call.url),
                    tls: true,
                });
            }
            message(&body)
        } else {
            // A redirect may lead to a private host: its answer must not appear in a log.
            format!(
                "(answer of {}, to which it redirects)",
                http::authority(answer.url())
            )
        };
        Err(Error::Status {
            method: call.method.to_string(),
            url,
            status: status.as_u16(),
            message,
            retry_after,
        })
    }
}

/// Returns the registry's codes and messages, or the beginning of any other body.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct ErrorList {
        errors: Vec<ListedError>,
    }
    #[derive(serde::Deserialize)]
    struct ListedError {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let text = match serde_json::from_slice::<ErrorList>(body) {
        Ok(envelope) if !envelope.errors.is_empty() => {
            let all = envelope.errors.iter();
            let all = all.map(|one| format!("{} {}", one.code, one.message));
            all.collect::<Vec<_>>().join(", ")
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(300).collect();
    text::line(&text).into_owned()
}

/// Tells whether Go's server or nginx answered plain HTTP at a port with TLS.
fn is_plain_at_tls(url: &Url, status: StatusCode, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let says = [
        "HTTP request to an HTTPS server",
        "HTTP request was sent to HTTPS port",
    ];
    url.scheme() == "http"
        && matches!(status.as_u16(), 400 | 497)
        && says.iter().any(|said| text.contains(said))
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// [`Error::WrongSize`], [`Error::Transport`] or [`Error::Budget`].
pub(super) async fn read(
    waits: Waits,
    url: &Url,
    answer: Response,
    limit: u64,
) -> Result<Bytes, Error> {
    let shown = redacted_url(url);
    let read = Pace::new(waits).whole(answer, limit, &shown).await;
    read.map(Bytes::from)
        .map_err(|error| transport(&Method::GET, url, error))
}

/// Converts a failed request into an [`Error`].
pub(super) fn transport(method: &Method, url: &Url, failed: Failed) -> Error {
    let (host, shown) = (http::authority(url), redacted_url(url));
    match (failed.problem(), failed) {
        (_, Failed::Budget(exceeded)) => exceeded.into(),
        (_, Failed::Large { found, limit }) => Error::WrongSize {
            url: shown,
            found,
            expected: format!("at most {limit}"),
        },
        (Problem::Certificate(problem), failed) => Error::Certificate {
            host,
            problem,
            reason: failed.to_string(),
        },
        (problem @ (Problem::SpeaksPlain | Problem::SpeaksTls), _) => Error::OtherProtocol {
            host,
            tls: problem == Problem::SpeaksTls,
        },
        (
            problem @ (Problem::Refused | Problem::Name | Problem::Barred | Problem::Unreachable),
            failed,
        ) => Error::Unreachable {
            host,
            reason: failed.to_string(),
            absent: problem != Problem::Unreachable,
        },
        (_, failed) => Error::Transport {
            method: method.to_string(),
            url: shown,
            slow: failed.is_slow(),
            reason: failed.to_string(),
        },
    }
}

/// Tells whether a status is worth a retry.
pub(super) fn worth_repeating(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Returns the registry's messages to users (distribution specification 1.1, "Warnings").
fn warnings(headers: &header::HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all(header::WARNING).iter().take(8);
    let values = values.filter_map(|value| value.to_str().ok()?.strip_prefix("299 - \""));
    values.map(|text| text.trim_end_matches('"').chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_server_with_tls_by_its_page() {
        let url = |text: &str| Url::parse(text).unwrap();
        let go = b"Client sent an HTTP request to an HTTPS server.\n";
        let bad = StatusCode::BAD_REQUEST;
        assert!(is_plain_at_tls(&url("http://r.example/"), bad, go));
        assert!(!is_plain_at_tls(&url("https://r.example/"), bad, go));
        assert!(!is_plain_at_tls(
            &url("http://r.example/"),
            bad,
            b"NAME_INVALID"
        ));
    }

    #[test]
    fn shows_the_registrys_own_codes() {
        let body = br#"{"errors": [{"code": "DENIED", "message": "no such\nproject"}]}"#;
        assert_eq!(message(body), "DENIED no such project");
        assert_eq!(message(b"<html>\n oops"), "<html> oops");
        let hostile = "{\"errors\": [{\"code\": \"X\", \"message\": \"\\u001b[2J\\u202eabc\"}]}";
        assert_eq!(message(hostile.as_bytes()), "X \\u{1b}[2J\\u{202e}abc");
    }
}
