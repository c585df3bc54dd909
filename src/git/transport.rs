//! Git's smart HTTP protocol (`gitprotocol-http`) over our HTTP client, for the Git library.
//!
//! The library asks for a transport by the URL's scheme only, so what the current operation
//! needs (clients, credentials) is kept for the thread on which it runs.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use tokio::runtime::Handle;

use super::{
    Git,
    credentials::Login,
    error::{self, Error},
};
use crate::http::{Method, Response, StatusCode, Traffic, Url, chain, header};

/// The most bytes that one answer of a server may have.
const MAX_ANSWER: usize = 1 << 30;
const MAX_REDIRECTS: usize = 5;
/// The pauses before a request is sent again.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_millis(2400),
];

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// What the operation on this thread uses.
#[derive(Clone)]
struct Current {
    git: Git,
    /// Whether the host asked for credentials.
    asked: Arc<AtomicBool>,
}

/// While this lives, operations of the library on this thread use the given clients and credentials.
pub(super) struct Session(());

impl Session {
    pub(super) fn begin(git: Git) -> Self {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(register);
        error::forget();
        let asked = Arc::default();
        CURRENT.with(|current| *current.borrow_mut() = Some(Current { git, asked }));
        Self(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        CURRENT.with(|current| current.borrow_mut().take());
    }
}

#[expect(
    unsafe_code,
    reason = "the library's interface for registering a transport"
)]
fn register() {
    for scheme in ["http", "https"] {
        // SAFETY: the library demands that no other thread registers or creates transports
        // meanwhile. `Once` lets one thread in, and every use of the library that needs a
        // transport begins a `Session` first and so waits for it.
        let registered = unsafe {
            git2::transport::register(scheme, |remote| {
                Transport::smart(remote, true, Subtransport)
            })
        };
        if let Err(error) = registered {
            tracing::error!("the Git library refused our transport: {error}");
        }
    }
}

struct Subtransport;

impl SmartSubtransport for Subtransport {
    fn action(
        &self,
        url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let current = CURRENT.with(|current| current.borrow().clone());
        let Current { git, asked } = current.ok_or_else(|| git2::Error::from_str("no session"))?;
        let url = Url::parse(url.trim_end_matches('/'))
            .map_err(|error| git2::Error::from_str(&error.to_string()))?;
        Ok(Box::new(Stream {
            git,
            asked,
            url,
            service,
            request: Vec::new(),
            answer: None,
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// A repository's endpoints, for requests that the library does not make.
pub(super) struct Endpoint<'a> {
    git: &'a Git,
    asked: Arc<AtomicBool>,
    url: Url,
}

impl<'a> Endpoint<'a> {
    /// Names the repository; nothing is connected yet.
    pub(super) fn new(git: &'a Git, address: &str) -> Result<Self, Error> {
        let url = Url::parse(address.trim_end_matches('/')).map_err(|_| Error::Url {
            url: error::redacted(address),
            reason: "expected https://HOST/PATH",
        })?;
        Ok(Self {
            git,
            asked: Arc::default(),
            url,
        })
    }

    /// Sends one request and returns its whole answer; blocks.
    pub(super) fn ask(&self, service: Service, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let stream = Stream {
            git: self.git.clone(),
            asked: Arc::clone(&self.asked),
            url: self.url.clone(),
            service,
            request: Vec::new(),
            answer: None,
        };
        Handle::current().block_on(stream.exchange(body))
    }
}

/// A failed request, and whether sending it again is safe and of use.
struct Failed {
    error: Error,
    again: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            again: false,
        }
    }
}

/// One request and its answer.
struct Stream {
    git: Git,
    asked: Arc<AtomicBool>,
    url: Url,
    service: Service,
    request: Vec<u8>,
    answer: Option<io::Cursor<Vec<u8>>>,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answer = None;
        self.request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let answer = match &mut self.answer {
            Some(answer) => answer,
            None => {
                let request = std::mem::take(&mut self.request);
                let exchange = Handle::current().block_on(self.exchange(request));
                let bytes = exchange.map_err(|error| io::Error::other(error::keep(error)))?;
                self.answer.insert(io::Cursor::new(bytes))
            }
        };
        answer.read(buffer)
    }
}

impl Stream {
    /// Method, URL and content type of the service's request.
    fn endpoint(&self) -> (Method, String, &'static str) {
        let base = self.url.as_str().trim_end_matches('/');
        match self.service {
            Service::UploadPackLs => (
                Method::GET,
                format!("{base}/info/refs?service=git-upload-pack"),
                "",
            ),
            Service::ReceivePackLs => (
                Method::GET,
                format!("{base}/info/refs?service=git-receive-pack"),
                "",
            ),
            Service::UploadPack => (
                Method::POST,
                format!("{base}/git-upload-pack"),
                "application/x-git-upload-pack-request",
            ),
            Service::ReceivePack => (
                Method::POST,
                format!("{base}/git-receive-pack"),
                "application/x-git-receive-pack-request",
            ),
        }
    }

    /// Sends the request until it is answered. What was sent of a push is never sent again: it
    /// may have been done, and only a look at the branch tells.
    async fn exchange(&self, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let body = Bytes::from(body);
        for pause in PAUSES {
            match self.once(&body).await {
                Err(Failed { error, again: true }) => {
                    tracing::warn!("{error}: trying again");
                    tokio::time::sleep(pause).await;
                }
                done => return done.map_err(|failed| failed.error),
            }
        }
        self.once(&body).await.map_err(|failed| failed.error)
    }

    async fn once(&self, body: &Bytes) -> Result<Vec<u8>, Failed> {
        let (method, endpoint, content_type) = self.endpoint();
        let mut url =
            Url::parse(&endpoint).map_err(|_| self.failed("it makes no URL".to_owned()))?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&method, &url, content_type, body).await?;
            let location = response
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok());
            match location.filter(|_| method == Method::GET && response.status().is_redirection()) {
                // Another scheme or host is not followed: credentials and trust end there.
                Some(location) => url = self.redirected(&url, location)?,
                None => return self.read(&url, response).await,
            }
        }
        Err(self
            .failed(format!("more than {MAX_REDIRECTS} redirects"))
            .into())
    }

    /// Sends with credentials that name the host; others only go to a host that the user named and
    /// that asks for some (401). That there is nothing, or nothing for us, is no such question.
    async fn send(
        &self,
        method: &Method,
        url: &Url,
        content_type: &'static str,
        body: &Bytes,
    ) -> Result<Response, Failed> {
        let login = self.git.login(url);
        let at_once = login.as_ref().ok().copied().flatten();
        let at_once =
            at_once.filter(|login| login.names_host() || self.asked.load(Ordering::Relaxed));
        let request = |login| self.request(method, url, content_type, body, login);
        let response = request(at_once).await?;
        if response.status() != StatusCode::UNAUTHORIZED || at_once.is_some() {
            return Ok(response);
        }
        match login? {
            Some(login) => {
                self.asked.store(true, Ordering::Relaxed);
                request(Some(login)).await
            }
            None => Ok(response),
        }
    }

    async fn request(
        &self,
        method: &Method,
        url: &Url,
        content_type: &'static str,
        body: &Bytes,
        login: Option<&Login>,
    ) -> Result<Response, Failed> {
        let client = self
            .git
            .http
            .client(url, Traffic::Small)
            .map_err(Error::from)?;
        let mut request = client.request(method.clone(), url.clone());
        if let Some(login) = login {
            let account = STANDARD.encode(format!("{}:{}", login.user, login.password));
            let mut value = header::HeaderValue::try_from(format!("Basic {account}"))
                .map_err(|_| self.failed("the credentials make no header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if *method == Method::POST {
            request = request
                .header(header::CONTENT_TYPE, content_type)
                .body(body.clone());
        }
        request.send().await.map_err(|error| Failed {
            again: self.is_repeatable() || error.is_connect(),
            error: self.failed(chain(&error)),
        })
    }

    /// Tells whether the request only reads.
    fn is_repeatable(&self) -> bool {
        !matches!(self.service, Service::ReceivePack)
    }

    fn redirected(&self, from: &Url, location: &str) -> Result<Url, Error> {
        let to = from
            .join(location)
            .map_err(|_| self.failed("a redirect leads nowhere".to_owned()))?;
        if to.origin() == from.origin() {
            return Ok(to);
        }
        let host = to.host_str().unwrap_or_default();
        Err(self.failed(format!(
            "it redirects to {host}: use that URL if you trust it"
        )))
    }

    async fn read(&self, url: &Url, mut response: Response) -> Result<Vec<u8>, Failed> {
        let shown = error::redacted(self.url.as_str());
        let status = response.status();
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Err(Error::NoRepository { url: shown }.into());
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(match self.git.login(url)? {
                    Some(login) => Error::Denied {
                        url: shown,
                        origin: login.origin.display().to_string(),
                        status: status.as_u16(),
                    },
                    None => Error::NoCredentials { url: shown },
                }
                .into());
            }
            status if !status.is_success() => {
                let busy = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                return Err(Failed {
                    again: busy && self.is_repeatable(),
                    error: self.failed(format!("status {status}")),
                });
            }
            _ => {}
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Failed {
            again: self.is_repeatable(),
            error: self.failed(chain(&error)),
        })? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(self
                    .failed(format!("it sent more than {MAX_ANSWER} bytes"))
                    .into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn failed(&self, reason: String) -> Error {
        Error::Remote {
            url: error::redacted(self.url.as_str()),
            reason,
        }
    }
}
