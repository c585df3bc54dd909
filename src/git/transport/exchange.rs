//! A request of Git's smart HTTP protocol, with the behaviour of real hosts: redirects of the first
//! request, sign-in pages, rate limits.

use std::{
    io::{Seek as _, Write as _},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use git2::transport::Service;
use tempfile::SpooledTempFile;

use super::{
    Current,
    shallow::{MAX_SHALLOW, is_flood},
};
use crate::{
    budget,
    git::{
        Account,
        error::{Error, redacted},
    },
    http::{
        self, Method, Pace, Problem, Response, Sent, StatusCode, Url,
        header::{self, HeaderValue},
        retry_after, upload,
    },
    text,
};

/// Larger answers are kept in an unnamed file.
const IN_MEMORY: usize = 8 << 20;
/// The size limit of one answer, in bytes.
const MAX_ANSWER: usize = 1 << 30;
/// The size limit of an error text, in bytes.
const MAX_WORDS: usize = 2000;
const MAX_REDIRECTS: usize = 5;
/// The pauses before a request is repeated.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_millis(2400),
];
/// The limits on retries after a host's `Retry-After`: their number, and their total time.
const MAX_WAITS: usize = 10;
const MAX_WAIT: Duration = Duration::from_secs(300);
/// Some hosts serve Git only to a user agent that begins with git.
const USER_AGENT: &str = concat!("git/2.47.0 (promote/", env!("CARGO_PKG_VERSION"), ")");
/// Parts of the paths of sign-in pages.
const SIGN_IN: [&str; 6] = ["signin", "sign_in", "sign-in", "login", "oauth", "saml"];

/// A failed request, and whether and when a retry is safe and useful.
struct FailedAttempt {
    error: Error,
    again: Again,
}

enum Again {
    Never,
    /// Once: the connection was refused, or a time limit ended the request.
    Once,
    Soon,
    After(u16, Duration),
}

impl From<Error> for FailedAttempt {
    fn from(error: Error) -> Self {
        Self {
            error,
            again: Again::Never,
        }
    }
}

/// An answer, and the file of the credentials that were sent.
struct GitAnswer {
    response: Response,
    origin: Option<String>,
}

/// A request for one service of a repository.
pub(super) struct Exchange {
    pub(super) current: Current,
    /// The given URL of the repository, without the user.
    pub(super) url: Url,
    /// The user in the given URL.
    pub(super) user: Option<String>,
    pub(super) service: Service,
}

impl Exchange {
    fn is_first(&self) -> bool {
        matches!(self.service, Service::UploadPackLs | Service::ReceivePackLs)
    }

    fn service_name(&self) -> &'static str {
        match self.service {
            Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
            Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
        }
    }

    /// Returns the URL of the request, below the base to which the first request was redirected.
    fn endpoint(&self) -> Result<Url, Error> {
        let base = self.current.git.base_of(&self.url);
        let base = base.as_str().trim_end_matches('/');
        let name = self.service_name();
        let url = match self.is_first() {
            true => format!("{base}/info/refs?service={name}"),
            false => format!("{base}/{name}"),
        };
        Url::parse(&url).map_err(|_| self.failed("it makes no URL".to_owned()))
    }

    /// Sends the request with retries. A push is repeated only if the
    /// host says that it did nothing: otherwise only the branch shows the result.
    pub(super) async fn run(&self, body: Vec<u8>) -> Result<SpooledTempFile, Error> {
        let body = Bytes::from(body);
        let mut pauses = PAUSES.into_iter();
        let mut once = PAUSES.into_iter().take(1);
        let (mut waits, mut waited) = (0, Duration::ZERO);
        loop {
            let FailedAttempt { error, again } = match self.attempt(&body).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let pause = match again {
                Again::Never => return Err(error),
                Again::Once => match once.next() {
                    Some(pause) => pause,
                    None => return Err(error),
                },
                Again::Soon => match pauses.next() {
                    Some(pause) => pause,
                    None => return Err(error),
                },
                Again::After(status, wait) => {
                    waits += 1;
                    waited += wait;
                    if waits > MAX_WAITS || waited > MAX_WAIT {
                        return Err(Error::Busy {
                            url: redacted(self.url.as_str()),
                            status,
                            wait,
                        });
                    }
                    wait
                }
            };
            if !self.current.git.http.patience().spend(pause) {
                return Err(error);
            }
            tracing::warn!("{error}: trying again in {pause:?}");
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, body: &Bytes) -> Result<SpooledTempFile, FailedAttempt> {
        let mut url = self.endpoint()?;
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send(&url, body).await?;
            let headers = answer.response.headers();
            let location = headers.get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            match location.filter(|_| answer.response.status().is_redirection()) {
                Some(location) => url = self.redirected(&url, location, &answer)?,
                None => return self.read(&url, answer).await,
            }
        }
        Err(self
            .failed(format!("more than {MAX_REDIRECTS} redirects"))
            .into())
    }

    /// Returns the URL of a redirect. Only the first request follows one, as in git, and not to
    /// another scheme or host: credentials and trust end there.
    fn redirected(&self, from: &Url, location: &str, answer: &GitAnswer) -> Result<Url, Error> {
        let to = from
            .join(location)
            .map_err(|_| self.failed("a redirect leads nowhere".to_owned()))?;
        let path = to.path().to_ascii_lowercase();
        let is_endpoint = to.path().ends_with("/info/refs");
        if !is_endpoint && SIGN_IN.iter().any(|part| path.contains(part)) {
            return Err(self.sign_in(answer));
        }
        if to.origin() != from.origin() {
            let host = to.host_str().unwrap_or_default();
            return Err(self.failed(format!(
                "it redirects to {host}: use that URL if you trust it"
            )));
        }
        if !self.is_first() || !is_endpoint {
            let path = text::line(to.path()).into_owned();
            return Err(self.failed(format!(
                "it redirects to {path}, which is not a repository's endpoint"
            )));
        }
        Ok(to)
    }

    fn sign_in(&self, answer: &GitAnswer) -> Error {
        Error::SignIn {
            url: redacted(self.url.as_str()),
            origin: answer.origin.clone(),
        }
    }

    /// Sends with credentials for this host; credentials without a host are sent only to a host that the user named and
    /// that requires some (status 401). Status 403 or 404 does not request credentials.
    async fn send(&self, url: &Url, body: &Bytes) -> Result<GitAnswer, FailedAttempt> {
        let git = &self.current.git;
        let user = self.user.as_deref();
        let extra = git.credentials.extra_headers(url, git.trusts(url));
        let extra = extra.map_err(Error::from)?;
        let own = extra
            .iter()
            .find(|header| header.name == header::AUTHORIZATION)
            .map(|header| header.origin.display().to_string());
        let key = match git.key(url, user) {
            Err(error @ Error::Credentials(_)) => return Err(error.into()),
            key => key,
        };
        let at_once = match key.as_ref().ok().and_then(Option::as_ref) {
            Some(key) if own.is_none() && (key.names_host() || self.current.asked()) => {
                Some(git.account(key, url, user).await?)
            }
            _ => None,
        };
        let response = self.request(url, body, &extra, at_once.as_ref()).await?;
        let sent = at_once.map(|account| account.origin).or(own);
        if response.status() != StatusCode::UNAUTHORIZED || sent.is_some() {
            let origin = sent;
            return Ok(GitAnswer { response, origin });
        }
        match key? {
            Some(key) => {
                self.current.set_asked();
                let account = git.account(&key, url, user).await?;
                tracing::debug!(
                    "credentials for {}: {}",
                    redacted(url.as_str()),
                    account.origin
                );
                let response = self.request(url, body, &extra, Some(&account)).await?;
                let origin = Some(account.origin);
                Ok(GitAnswer { response, origin })
            }
            None => {
                tracing::debug!("no credentials for {}", redacted(url.as_str()));
                Ok(GitAnswer {
                    response,
                    origin: None,
                })
            }
        }
    }

    async fn request(
        &self,
        url: &Url,
        body: &Bytes,
        extra: &[&crate::git::credentials::ExtraHeader],
        account: Option<&Account>,
    ) -> Result<Response, FailedAttempt> {
        let client = self.current.git.client_to(url)?;
        let method = match self.is_first() {
            true => Method::GET,
            false => Method::POST,
        };
        let mut request = client
            .request(method.clone(), url.clone())
            .header(header::USER_AGENT, USER_AGENT);
        for header in extra {
            request = request.header(header.name.clone(), header.value.clone());
        }
        if let Some(account) = account {
            request = request.header(header::AUTHORIZATION, self.basic(account)?);
        }
        let name = self.service_name();
        let (content, counted) = upload(body.clone());
        let mut sent = Sent::default();
        request = match self.is_first() {
            true => request.header(header::ACCEPT, "*/*"),
            false => request
                .header(
                    header::CONTENT_TYPE,
                    format!("application/x-{name}-request"),
                )
                .header(header::ACCEPT, format!("application/x-{name}-result"))
                .header(header::CONTENT_LENGTH, body.len())
                .body(content),
        };
        if !self.is_first() {
            sent = counted;
        }
        let answer = self.current.git.http.send(request, &method, url, sent);
        answer
            .await
            .map_err(|failed| match self.current.git.barred(url, &failed) {
                Some(error) => error.into(),
                None => self.broken(&failed),
            })
    }

    /// Converts a request without an answer, or with a part of one, into an error.
    fn broken(&self, failed: &http::Failed) -> FailedAttempt {
        let problem = failed.problem();
        if let Problem::Certificate(problem) = problem {
            return Error::Certificate {
                url: redacted(self.url.as_str()),
                problem,
                reason: failed.to_string(),
            }
            .into();
        }
        if matches!(problem, Problem::SpeaksPlain | Problem::SpeaksTls) {
            return FailedAttempt {
                again: Again::Never,
                error: Error::OtherProtocol {
                    url: redacted(self.url.as_str()),
                    tls: problem == Problem::SpeaksTls,
                },
            };
        }
        let is_absent = matches!(problem, Problem::Refused | Problem::Name | Problem::Barred);
        let never_sent = is_absent || problem == Problem::Unreachable;
        FailedAttempt {
            again: match self.is_repeatable() || never_sent {
                true if is_absent || failed.is_slow() => Again::Once,
                true => Again::Soon,
                false => Again::Never,
            },
            error: self.failed(failed.to_string()),
        }
    }

    fn basic(&self, account: &Account) -> Result<HeaderValue, Error> {
        let text = STANDARD.encode(format!("{}:{}", account.user, account.password));
        let mut value = HeaderValue::try_from(format!("Basic {text}"))
            .map_err(|_| self.failed("the credentials make no header".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Tells whether the request only reads, so that it may be repeated.
    fn is_repeatable(&self) -> bool {
        !matches!(self.service, Service::ReceivePack)
    }

    async fn read(&self, url: &Url, answer: GitAnswer) -> Result<SpooledTempFile, FailedAttempt> {
        let status = answer.response.status();
        if !status.is_success() {
            return Err(self.refused(answer).await);
        }
        let kind = answer.response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/html") {
            return Err(self.sign_in(&answer).into());
        }
        if self.is_first() {
            self.remember(url);
        }
        let mut response = answer.response;
        let mut kept = SpooledTempFile::new(IN_MEMORY);
        let lost = |error| self.failed(format!("its answer cannot be kept: {error}"));
        let mut size = 0;
        let mut pace = Pace::new(self.current.git.http.waits());
        let object = format!("the answer of {}", redacted(self.url.as_str()));
        let _load = budget::load(&object);
        while let Some(chunk) = pace
            .chunk(&mut response)
            .await
            .map_err(|failed| self.broken(&failed))?
        {
            size += chunk.len();
            if size > MAX_ANSWER {
                let reason = format!("it sent more than {MAX_ANSWER} bytes");
                return Err(self.failed(reason).into());
            }
            budget::check(&object, chunk.len()).map_err(Error::from)?;
            kept.write_all(&chunk).map_err(lost)?;
        }
        kept.rewind().map_err(lost)?;
        if is_flood(&mut kept).map_err(lost)? {
            let reason = format!("it names more than {MAX_SHALLOW} shallow commits");
            return Err(self.failed(reason).into());
        }
        kept.rewind().map_err(lost)?;
        Ok(kept)
    }

    /// Stores the final URL of the first request as the base of later ones.
    fn remember(&self, url: &Url) {
        let Some(path) = url.path().strip_suffix("/info/refs") else {
            return;
        };
        let mut base = url.clone();
        base.set_path(path);
        base.set_query(None);
        if base != self.current.git.base_of(&self.url) {
            self.current.git.remember_base(&self.url, base);
        }
    }

    /// Returns the error for an unsuccessful answer.
    async fn refused(&self, mut answer: GitAnswer) -> FailedAttempt {
        let url = redacted(self.url.as_str());
        let status = answer.response.status();
        let wait = retry_after(answer.response.headers(), SystemTime::now());
        let origin = answer.origin.take();
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Error::NoRepository { url, origin }.into();
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let said = self.words(answer.response).await;
                let status = status.as_u16();
                return match origin {
                    Some(origin) => Error::Denied {
                        url,
                        origin,
                        status,
                        said,
                    },
                    None => Error::NoCredentials { url },
                }
                .into();
            }
            _ => {}
        }
        let limited = status == StatusCode::TOO_MANY_REQUESTS;
        let again = match wait {
            Some(wait) if limited || status == StatusCode::SERVICE_UNAVAILABLE => {
                Again::After(status.as_u16(), wait)
            }
            // A rate-limited request was not processed.
            _ if limited => Again::Soon,
            _ if status.is_server_error() && self.is_repeatable() => Again::Soon,
            _ => Again::Never,
        };
        let said = self.words(answer.response).await;
        let reason = match said.as_str() {
            "" => format!("status {status}"),
            said => format!("status {status}: {said}"),
        };
        FailedAttempt {
            again,
            error: self.failed(reason),
        }
    }

    /// Returns the first line of the body of an unsuccessful answer.
    async fn words(&self, mut response: Response) -> String {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.is_empty() && !kind.starts_with("text/plain") {
            return String::new();
        }
        let mut pace = Pace::new(self.current.git.http.waits());
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = pace.chunk(&mut response).await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= MAX_WORDS {
                break;
            }
        }
        bytes.truncate(MAX_WORDS);
        let all = String::from_utf8_lossy(&bytes);
        let first = all.lines().map(str::trim).find(|line| !line.is_empty());
        let first: String = first.unwrap_or_default().chars().take(300).collect();
        text::line(&first).into_owned()
    }

    fn failed(&self, reason: String) -> Error {
        Error::Remote {
            url: redacted(self.url.as_str()),
            reason,
        }
    }
}
