//! One request with all that belongs to it: authentication, retries, redirects and counting.
//!
//! Every request but a streamed upload goes through [`Registry::call`], which repeats it; a
//! streamed one goes through [`Registry::once`], and its caller starts the blob again.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};

use super::{
    Error, Registry,
    auth::{Access, named},
    client::shown,
};
use crate::{
    http::{self, Body, Method, Redirect, Response, StatusCode, Traffic, Url, header},
    text,
};

const MAX_REDIRECTS: usize = 5;
/// A registry may ask for a longer pause, up to this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The method.
    pub(super) method: Method,
    /// Where to.
    pub(super) url: Url,
    /// What it needs to be allowed to do.
    pub(super) access: Access,
    /// Headers besides the usual ones.
    pub(super) headers: Vec<(header::HeaderName, String)>,
    /// The body, which is sent again with each attempt.
    pub(super) body: Bytes,
    /// Which kind of connection it takes.
    pub(super) traffic: Traffic,
    /// Whether a failure is final; the caller decides about a repetition.
    pub(super) once: bool,
}

impl Call {
    /// A request without a body.
    pub(super) fn new(method: Method, url: Url, access: Access) -> Self {
        Self {
            method,
            url,
            access,
            headers: Vec::new(),
            body: Bytes::new(),
            traffic: Traffic::Small,
            once: false,
        }
    }

    /// Sends it a single time, whatever the answer.
    pub(super) fn single(mut self) -> Self {
        self.once = true;
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body.
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
    /// Sends a request, again when that may help, and gives the answer whatever its status.
    ///
    /// # Errors
    /// [`Error::Transport`] or [`Error::Certificate`] when no answer came, [`Error::Protocol`]
    /// for a redirect that must not be followed, and whatever authentication says.
    pub(super) async fn call(&self, call: Call) -> Result<Response, Error> {
        let mut attempt = 0;
        loop {
            let answer = self.follow(call.clone()).await;
            let pause = match &answer {
                Ok(answer) if worth_repeating(answer.status()) => {
                    retry_after(answer.headers(), SystemTime::now())
                }
                Err(Error::Transport { .. }) => None,
                _ => return answer,
            };
            if call.once || attempt >= self.0.retries.most {
                return answer;
            }
            let reason = match &answer {
                Ok(answer) => format!("status {}", answer.status().as_u16()),
                Err(error) => error.to_string(),
            };
            let pause = pause.unwrap_or_else(|| self.0.retries.pause(attempt));
            attempt += 1;
            let (method, url) = (&call.method, shown(&call.url));
            tracing::warn!(
                "{method} {url}: {reason}; attempt {} of {} in {pause:.1?}",
                attempt + 1,
                self.0.retries.most + 1
            );
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a request once, following redirects of reading requests.
    async fn follow(&self, mut call: Call) -> Result<Response, Error> {
        let reads = matches!(call.method, Method::GET | Method::HEAD);
        for _ in 0..=MAX_REDIRECTS {
            let body = (!call.body.is_empty()).then(|| Body::from(call.body.clone()));
            let answer = self.once(&call, body).await?;
            if !(reads && answer.status().is_redirection()) {
                return Ok(answer);
            }
            let location = answer.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            let wrong = |reason| Error::Protocol {
                url: shown(&call.url),
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
            url: shown(&call.url),
            reason: "it redirects more than 5 times",
        })
    }

    /// Sends a request once, or twice when the registry first asks who we are.
    ///
    /// A streamed body cannot be sent twice: the caller made a request with the same access
    /// before, so that the token is there.
    pub(super) async fn once(&self, call: &Call, body: Option<Body>) -> Result<Response, Error> {
        let home = self.base(&call.access.repository)?;
        self.admit(&home)?;
        if call.url.origin() != home.origin() {
            // Credentials stay with the registry that they are for.
            return self.send(call, body, None).await;
        }
        let host = self.0.auth.host(&home);
        let first = host.turn().await;
        let mut access = call.access.clone();
        let mut authorization = None;
        let asks = host.asks();
        if asks {
            access = self.0.auth.widen(access, &self.1).await?;
            authorization = self.0.auth.header(&host, &access).await?;
        }
        let again = (!call.body.is_empty()).then(|| call.body.clone());
        let streamed = body.is_some() && again.is_none();
        let answer = self.send(call, body, authorization.as_ref()).await?;
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
        match auth.header(&host, &access).await? {
            Some(authorization) => {
                let body = again.map(Body::from);
                self.send(call, body, Some(&authorization)).await
            }
            None => Ok(answer),
        }
    }

    async fn send(
        &self,
        call: &Call,
        body: Option<Body>,
        authorization: Option<&header::HeaderValue>,
    ) -> Result<Response, Error> {
        let client = self.client_for(call)?;
        let mut request = client.request(call.method.clone(), call.url.clone());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let empty = body.is_none() && !matches!(call.method, Method::GET | Method::HEAD);
        request = match body {
            Some(body) => request.body(body),
            // Some proxies want a length with every request that may have a body.
            None if empty => request.header(header::CONTENT_LENGTH, "0"),
            None => request,
        };
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let limit = self.0.limits.of(call.access.repository.registry());
        let epoch = limit.epoch();
        let sent = request.send().await;
        let answer = sent.map_err(|error| transport(&call.method, &call.url, &error))?;
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
        tracing::trace!(
            "{} {} {}",
            call.method,
            shown(&call.url),
            answer.status().as_u16()
        );
        Ok(answer)
    }

    /// Turns an answer that is no success into an error.
    ///
    /// # Errors
    /// [`Error::Denied`] or [`Error::Status`].
    pub(super) async fn check(&self, call: &Call, answer: Response) -> Result<Response, Error> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let url = shown(&call.url);
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let credential = self.0.auth.credential(&call.access.repository).await?;
            return Err(Error::Denied {
                url,
                status: status.as_u16(),
                credentials: named(credential.as_ref()),
            });
        }
        let retry_after = retry_after(answer.headers(), SystemTime::now());
        let message = if answer.url().origin() == call.url.origin() {
            let body = read(&call.url, answer, 64 << 10).await;
            message(&body.unwrap_or_default())
        } else {
            // A redirect may lead to a host that answers us alone: its words are not for a log.
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

/// The registry's codes and messages, or the beginning of what else it said.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Envelope {
        errors: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let text = match serde_json::from_slice::<Envelope>(body) {
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

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// [`Error::WrongSize`] or [`Error::Transport`].
pub(super) async fn read(url: &Url, mut answer: Response, limit: u64) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| transport(&Method::GET, url, &error))?
    {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(Error::WrongSize {
                url: shown(url),
                found: (bytes.len() + chunk.len()) as u64,
                expected: format!("at most {limit}"),
            });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// What the HTTP library said, as an error of ours.
pub(super) fn transport(method: &Method, url: &Url, error: &http::TransportError) -> Error {
    let reason = http::chain(error);
    if let Some(problem) = http::certificate_problem(error) {
        return Error::Certificate {
            host: http::authority(url),
            problem,
            reason,
        };
    }
    Error::Transport {
        method: method.to_string(),
        url: shown(url),
        reason,
    }
}

/// Tells whether the same request may be answered otherwise a little later.
pub(super) fn worth_repeating(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How often a request is repeated, and after which pauses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Retries {
    /// How many repetitions there are.
    pub(crate) most: u32,
    /// The pause before the first one.
    pub(crate) first: Duration,
    /// How much longer each further pause is.
    pub(crate) factor: f64,
    /// The part of a pause that chance adds or takes.
    pub(crate) jitter: f64,
    /// The longest pause; a registry may ask for a longer one.
    pub(crate) longest: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            most: 5,
            first: Duration::from_millis(150),
            factor: 2.0,
            jitter: 1.0 / 3.0,
            longest: Duration::from_secs(20),
        }
    }
}

impl Retries {
    /// The pause before the next attempt.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let longest = self.longest.as_secs_f64();
        let pause = self.first.as_secs_f64() * self.factor.powf(f64::from(attempt));
        let chance = RandomState::new().build_hasher().finish() % 1001;
        let chance = f64::from(u32::try_from(chance).unwrap_or(500)) / 500.0 - 1.0;
        // No number out of wild flags is a reason not to wait.
        let pause = if pause.is_nan() {
            longest
        } else {
            pause.min(longest)
        };
        let pause = (pause * (1.0 + self.jitter * chance)).clamp(0.0, longest);
        Duration::try_from_secs_f64(pause).unwrap_or(self.longest)
    }
}

/// What the registry wants users to read (distribution specification 1.1, "Warnings").
fn warnings(headers: &header::HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all(header::WARNING).iter().take(8);
    let values = values.filter_map(|value| value.to_str().ok()?.strip_prefix("299 - \""));
    values.map(|text| text.trim_end_matches('"').chars().take(300).collect())
}

/// The pause that the registry asks for, in seconds or as a date.
fn retry_after(headers: &header::HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?;
            let date = SystemTime::from(date.timestamp());
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_retry_after_in_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_000);
        let pause = |value: &str| {
            let mut headers = header::HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("86400"), Some(MAX_RETRY_AFTER));
        assert_eq!(
            pause("Mon, 24 Nov 2025 16:00:05 GMT"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(pause("Mon, 24 Nov 2025 15:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("soon"), None);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let retries = Retries::default();
        for attempt in 0..40 {
            let pause = retries.pause(attempt);
            let middle = Duration::from_millis(150)
                .saturating_mul(1 << attempt.min(10))
                .min(retries.longest);
            let (least, most) = (middle.mul_f64(0.66), middle.mul_f64(1.34));
            assert!(
                pause >= least && pause <= most.min(retries.longest),
                "{attempt}: {pause:?}"
            );
        }
    }

    #[test]
    fn pauses_follow_the_factor_and_the_jitter() {
        let retries = Retries {
            most: 3,
            first: Duration::from_secs(1),
            factor: 1.5,
            jitter: 0.0,
            longest: Duration::from_secs(3),
        };
        let pauses = [0, 1, 2, 3].map(|attempt| retries.pause(attempt).as_millis());
        assert_eq!(pauses, [1000, 1500, 2250, 3000]);
        let wide = Retries {
            jitter: 1.0,
            ..retries
        };
        let pauses: Vec<_> = (0..200).map(|_| wide.pause(0)).collect();
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(2)));
        assert!(pauses.iter().any(|pause| *pause > retries.first));
        assert!(pauses.iter().any(|pause| *pause < retries.first));
        for factor in [f64::NAN, f64::INFINITY, -2.0, 0.0] {
            let odd = Retries { factor, ..wide };
            assert!((0..40).all(|attempt| odd.pause(attempt) <= odd.longest));
        }
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
