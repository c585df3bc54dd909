//! Requests to the API of a Git host: the token, rate limits, and the meaning of refusals.

mod answers;
mod rights;

use std::{fmt, time::Duration};

use answers::{limit, said};
use base64::{Engine as _, engine::general_purpose::STANDARD};
pub(super) use rights::ApiRight;
use rights::{doing, lacks};
use serde_json::Value;

use super::{Error, ForgeKind, address::RepositoryAddress};
use crate::{
    git::Git,
    http::{
        Failed, Http, Method, Pace, Response, Sent, StatusCode, Traffic, Url,
        header::{self, HeaderValue},
        upload,
    },
};

/// The pauses before a request is repeated.
pub(super) const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(1000),
    Duration::from_millis(3000),
];
/// The largest accepted answer, in bytes.
const MAX_ANSWER: u64 = 16 << 20;
const MAX_REDIRECTS: usize = 3;
/// The longest acceptable wait for a rate limit.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// User names that accompany a token.
const PLACEHOLDERS: [&str; 5] = ["git", "oauth2", "x-token-auth", "x-access-token", "token"];

/// A token for the API alone, from a flag.
#[derive(Clone)]
pub(crate) struct ApiToken {
    pub(crate) secret: String,
    /// The file that it came from.
    pub(crate) origin: String,
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

pub(super) struct ApiRequest<'a> {
    pub(super) method: Method,
    /// The path below the API, without a slash at its beginning.
    pub(super) path: String,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<Value>,
    pub(super) right: ApiRight,
    /// Set when a second request has no further effect.
    pub(super) is_repeatable: bool,
}

impl<'a> ApiRequest<'a> {
    pub(super) fn get(path: String, query: &'a [(&'a str, &'a str)], right: ApiRight) -> Self {
        Self {
            method: Method::GET,
            path,
            query,
            body: None,
            right,
            is_repeatable: true,
        }
    }

    pub(super) fn send(method: Method, path: String, body: Value, right: ApiRight) -> Self {
        Self {
            method,
            path,
            query: &[],
            body: Some(body),
            right,
            is_repeatable: true,
        }
    }

    /// Marks a request that creates something: sent twice, it would create two.
    pub(super) fn not_repeatable(mut self) -> Self {
        self.is_repeatable = false;
        self
    }

    pub(super) fn query(mut self, query: &'a [(&'a str, &'a str)]) -> Self {
        self.query = query;
        self
    }
}

/// The API of one repository's host.
#[derive(Debug, Clone)]
pub(super) struct Api {
    git: Git,
    http: Http,
    kind: ForgeKind,
    /// The repository's page, which selects the token.
    repository: Url,
    base: String,
    token: Option<ApiToken>,
}

/// The header with the token, and the file of the token.
struct Authorization {
    value: HeaderValue,
    origin: String,
}

/// The result of a request without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// The API, which answers with JSON.
    Speaks,
    Other,
}

enum ApiAttempt {
    Done(Value),
    Failed(Error),
    /// The host requests a pause.
    Wait(Duration),
}

impl Api {
    pub(super) fn new(
        git: &Git,
        http: &Http,
        kind: ForgeKind,
        address: &RepositoryAddress,
        token: Option<ApiToken>,
    ) -> Self {
        Self {
            git: git.clone(),
            http: http.clone(),
            kind,
            repository: address.web.clone(),
            base: address.api.clone(),
            token,
        }
    }

    pub(super) fn host(&self) -> String {
        self.repository.host_str().unwrap_or_default().to_owned()
    }

    /// Changes the root of the API.
    pub(super) fn rebase(&mut self, address: &RepositoryAddress) {
        self.base.clone_from(&address.api);
    }

    /// Checks without a token whether an API is at a URL: an answer with JSON that grants the request
    /// or requires a token.
    pub(super) async fn probe(&self, url: &str) -> Result<Probe, Error> {
        let failed = |reason: String| Error::Remote {
            kind: self.kind,
            host: self.host(),
            doing: "show its API",
            reason,
        };
        let url = Url::parse(url).map_err(|error| failed(error.to_string()))?;
        let mut pauses = PAUSES.into_iter();
        loop {
            let client = self.http.client(&url, Traffic::Small)?;
            let request = client
                .get(url.clone())
                .header(header::ACCEPT, "application/json");
            let (get, body) = (Method::GET, Sent::default());
            let error = match self.http.send(request, &get, &url, body).await {
                Err(error) => failed(error.to_string()),
                Ok(response) => {
                    let status = response.status();
                    let kind = response.headers().get(header::CONTENT_TYPE);
                    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
                    let is_json = kind.starts_with("application/json");
                    let is_busy = status == StatusCode::TOO_MANY_REQUESTS;
                    if !status.is_server_error() && !is_busy {
                        let speaks = is_json && matches!(status.as_u16(), 200 | 401 | 403);
                        return Ok(if speaks { Probe::Speaks } else { Probe::Other });
                    }
                    failed(format!("status {status}"))
                }
            };
            match pauses.next() {
                Some(pause) if self.http.patience().spend(pause) => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    /// Sends a request with retries and returns the JSON of its answer, `null` for an empty one.
    pub(super) async fn send(&self, call: ApiRequest<'_>) -> Result<Value, Error> {
        let mut url = Url::parse(&format!("{}{}", self.base, call.path))
            .map_err(|_| self.failed(&call, "the URL of its API is not one".to_owned()))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut pauses = PAUSES.into_iter();
        let mut waited = Duration::ZERO;
        loop {
            let pause = match self.attempt(&call, &url).await? {
                ApiAttempt::Done(value) => return Ok(value),
                ApiAttempt::Failed(error) => match pauses.next().filter(|_| call.is_repeatable) {
                    Some(pause) => {
                        tracing::warn!("{error}: trying again");
                        pause
                    }
                    None => return Err(error),
                },
                ApiAttempt::Wait(wait) => {
                    waited += wait;
                    if waited > MAX_WAIT {
                        return Err(Error::Busy {
                            kind: self.kind,
                            host: self.host(),
                            wait,
                        });
                    }
                    tracing::warn!("{} limits the rate: waiting {wait:?}", self.host());
                    wait
                }
            };
            if !self.http.patience().spend(pause) {
                return Err(self.failed(&call, "no time is left for another attempt".to_owned()));
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, call: &ApiRequest<'_>, url: &Url) -> Result<ApiAttempt, Error> {
        let authorization = self.authorization().await?;
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = match self.request(call, &url, &authorization).await? {
                Ok(response) => response,
                Err(error) => return Ok(ApiAttempt::Failed(error)),
            };
            let location = response.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            let keeps_method = matches!(response.status().as_u16(), 307 | 308)
                || (call.method == Method::GET && response.status().is_redirection());
            let next = location.filter(|_| keeps_method);
            let Some(next) = next.and_then(|location| url.join(location).ok()) else {
                return self.read(call, response, authorization).await;
            };
            // Never to another host: the token is for this host alone.
            if next.origin() != url.origin() {
                if next.path().contains("sign") {
                    let origin = authorization.origin;
                    return Err(self.refused(call, 302, String::new(), origin));
                }
                let host = next.host_str().unwrap_or_default();
                return Err(self.failed(call, format!("it redirects to {host}")));
            }
            url = next;
        }
        Err(self.failed(call, "too many redirects".to_owned()))
    }

    async fn request(
        &self,
        call: &ApiRequest<'_>,
        url: &Url,
        authorization: &Authorization,
    ) -> Result<Result<Response, Error>, Error> {
        let client = self.http.client(url, Traffic::Small)?;
        let accept = match self.kind {
            ForgeKind::GitHub => "application/vnd.github+json",
            _ => "application/json",
        };
        let mut request = client
            .request(call.method.clone(), url.clone())
            .header(header::AUTHORIZATION, authorization.value.clone())
            .header(header::ACCEPT, accept);
        if self.kind == ForgeKind::GitHub {
            request = request.header("x-github-api-version", "2022-11-28");
        }
        let mut progress = Sent::default();
        if let Some(body) = &call.body {
            let (body, counted) = upload(body.to_string().into());
            progress = counted;
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let sent = self.http.send(request, &call.method, url, progress).await;
        Ok(sent.map_err(|error| self.failed(call, error.to_string())))
    }

    async fn read(
        &self,
        call: &ApiRequest<'_>,
        response: Response,
        authorization: Authorization,
    ) -> Result<ApiAttempt, Error> {
        let status = response.status();
        let headers = response.headers().clone();
        let object = format!("the answer of {}", self.host());
        let pace = Pace::new(self.http.waits());
        let bytes = match pace.whole(response, MAX_ANSWER, &object).await {
            Ok(bytes) => bytes,
            Err(error @ (Failed::Large { .. } | Failed::Budget(_))) => {
                return Err(self.failed(call, error.to_string()));
            }
            Err(error) => return Ok(ApiAttempt::Failed(self.failed(call, error.to_string()))),
        };
        let parsed: Option<Value> = match bytes.is_empty() {
            true => Some(Value::Null),
            false => serde_json::from_slice(&bytes).ok(),
        };
        // Azure DevOps answers an unknown token with 203 and a page.
        if status.is_success() && status.as_u16() != 203 {
            return match parsed {
                Some(value) => Ok(ApiAttempt::Done(value)),
                None => {
                    let reason = "it answers with something else than JSON".to_owned();
                    Err(self.failed(call, reason))
                }
            };
        }
        if let Some(wait) = limit(status, &headers) {
            return Ok(ApiAttempt::Wait(wait));
        }
        let said = said(parsed.as_ref());
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let error = self.failed(call, format!("status {status}{said}"));
            return Ok(ApiAttempt::Failed(error));
        }
        Err(self.refused(call, status.as_u16(), said, authorization.origin))
    }

    fn refused(&self, call: &ApiRequest<'_>, status: u16, said: String, origin: String) -> Error {
        let (kind, host) = (self.kind, self.host());
        let doing = doing(call.right);
        let lacks = lacks(kind, call.right);
        match status {
            401 | 203 | 302 => Error::Unknown {
                kind,
                host,
                origin,
                said,
            },
            403 => Error::Lacks {
                kind,
                host,
                origin,
                doing,
                lacks,
                said,
            },
            404 | 410 => Error::NotFound {
                kind,
                host,
                path: call.path.as_str().into(),
                origin: origin.into(),
                doing,
                lacks,
                said: said.into(),
            },
            status => Error::Refused {
                kind,
                host,
                doing,
                status,
                said,
            },
        }
    }

    fn failed(&self, call: &ApiRequest<'_>, reason: String) -> Error {
        Error::Remote {
            kind: self.kind,
            host: self.host(),
            doing: doing(call.right),
            reason,
        }
    }

    /// Returns the header in which this kind of host accepts tokens.
    async fn authorization(&self) -> Result<Authorization, Error> {
        let repository = self.repository.as_str();
        let (user, names_user, secret, origin) = match &self.token {
            Some(token) => (
                String::new(),
                false,
                token.secret.clone(),
                token.origin.clone(),
            ),
            None => {
                if let Some((value, origin)) = self.git.authorization_for(repository)? {
                    return Ok(Authorization { value, origin });
                }
                let account = self.git.account_for(repository).await?;
                let account = account.ok_or_else(|| Error::NoToken {
                    kind: self.kind,
                    host: self.host(),
                })?;
                let names = account.names_user && !PLACEHOLDERS.contains(&account.user.as_str());
                (account.user, names, account.password, account.origin)
            }
        };
        // A token may also be the user name, with an empty password.
        let (secret, names_user) = match secret.is_empty() {
            true => (user.clone(), false),
            false => (secret, names_user),
        };
        let basic = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
        let value = match self.kind {
            ForgeKind::GitLab | ForgeKind::GitHub => format!("Bearer {secret}"),
            ForgeKind::Gitea => format!("token {secret}"),
            ForgeKind::BitbucketCloud | ForgeKind::BitbucketDataCenter if names_user => {
                basic(&user)
            }
            ForgeKind::BitbucketCloud | ForgeKind::BitbucketDataCenter => {
                format!("Bearer {secret}")
            }
            ForgeKind::AzureDevOps => basic(""),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| Error::Unknown {
            kind: self.kind,
            host: self.host(),
            origin: origin.clone(),
            said: ": it is not valid in a header".to_owned(),
        })?;
        value.set_sensitive(true);
        Ok(Authorization { value, origin })
    }
}
