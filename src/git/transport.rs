//! Git's smart protocol for the Git library: over this crate's HTTP client (`gitprotocol-http`), or through
//! the program `ssh`.
//!
//! The library selects a transport by the URL's scheme only, so the state of the current operation
//! (clients, credentials) is stored for its thread.

mod exchange;
mod quiet;
mod shallow;
mod ssh;

use std::{
    cell::RefCell,
    io::{self, Read, Seek as _, Write},
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
};

use exchange::Exchange;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
pub(super) use ssh::{check as check_ssh, is_ssh};
use tempfile::SpooledTempFile;
use tokio::runtime::Handle;

use super::{
    Git,
    error::{self, Error},
    without_user,
};
use crate::http::Url;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// State of the operation on this thread.
#[derive(Clone)]
struct Current {
    git: Git,
    /// Set when the host has requested credentials.
    asked: Arc<AtomicBool>,
    /// Set when the host can omit progress texts.
    can_be_quiet: Arc<AtomicBool>,
}

impl Current {
    fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn set_asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }
}

/// While this value exists, operations of the library on this thread use the given clients and credentials.
pub(super) struct TransportSession(());

impl TransportSession {
    pub(super) fn begin(git: Git) -> Self {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(register);
        error::clear();
        let new = Current {
            git,
            asked: Arc::default(),
            can_be_quiet: Arc::default(),
        };
        CURRENT.with(|current| *current.borrow_mut() = Some(new));
        Self(())
    }
}

impl Drop for TransportSession {
    fn drop(&mut self) {
        CURRENT.with(|current| current.borrow_mut().take());
    }
}

fn current() -> Result<Current, git2::Error> {
    let current = CURRENT.with(|current| current.borrow().clone());
    current.ok_or_else(|| git2::Error::from_str("no session"))
}

#[expect(
    unsafe_code,
    reason = "the library's interface for registering a transport"
)]
fn register() {
    for scheme in ["http", "https", "ssh"] {
        // SAFETY: the library demands that no other thread registers or creates transports
        // meanwhile. `Once` lets one thread in, and every use of the library that needs a
        // transport begins a `Session` first and so waits for it.
        let registered = unsafe {
            git2::transport::register(scheme, move |remote| match scheme {
                "ssh" => Transport::smart(remote, false, ssh::Ssh),
                _ => Transport::smart(remote, true, Subtransport),
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
        let url = Url::parse(url.trim_end_matches('/'))
            .map_err(|error| git2::Error::from_str(&error.to_string()))?;
        let (url, user) = without_user(url);
        Ok(Box::new(HttpStream {
            exchange: Exchange {
                current: current()?,
                url,
                user,
                service,
            },
            request: Vec::new(),
            answer: None,
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// The endpoints of a repository, for requests that the library does not make.
pub(super) struct GitEndpoint {
    current: Current,
    url: Url,
    user: Option<String>,
}

impl GitEndpoint {
    /// Names the repository; nothing is connected yet.
    pub(super) fn new(git: &Git, address: &str) -> Result<Self, Error> {
        let url = Url::parse(address.trim_end_matches('/')).map_err(|_| Error::Url {
            url: error::redacted(address),
            reason: "expected https://HOST/PATH",
        })?;
        let (url, user) = without_user(url);
        let current = Current {
            git: git.clone(),
            asked: Arc::default(),
            can_be_quiet: Arc::default(),
        };
        Ok(Self { current, url, user })
    }

    /// Sends one request and returns its whole answer; blocks the thread.
    pub(super) fn send(&self, service: Service, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let exchange = Exchange {
            current: self.current.clone(),
            url: self.url.clone(),
            user: self.user.clone(),
            service,
        };
        let mut kept = Handle::current().block_on(exchange.run(body))?;
        let mut answer = Vec::new();
        let read = kept.read_to_end(&mut answer);
        read.map_err(|error| Error::Remote {
            url: error::redacted(self.url.as_str()),
            reason: format!("its answer cannot be kept: {error}"),
        })?;
        Ok(answer)
    }
}

/// The part of a first answer that is searched for capabilities, in bytes.
const MAX_HEAD: u64 = 16 << 10;

/// One request and its answer, as the library writes and reads them.
struct HttpStream {
    exchange: Exchange,
    request: Vec<u8>,
    answer: Option<SpooledTempFile>,
}

impl Write for HttpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answer = None;
        self.request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for HttpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let answer = match &mut self.answer {
            Some(answer) => answer,
            None => {
                let mut request = std::mem::take(&mut self.request);
                let (service, can_be_quiet) =
                    (self.exchange.service, &self.exchange.current.can_be_quiet);
                if matches!(service, Service::UploadPack) && can_be_quiet.load(Ordering::Relaxed) {
                    quiet::request_no_progress(&mut request);
                }
                let exchange = Handle::current().block_on(self.exchange.run(request));
                let mut bytes = exchange.map_err(|error| io::Error::other(error::store(error)))?;
                if matches!(service, Service::UploadPackLs) {
                    let mut head = Vec::new();
                    Read::take(&mut bytes, MAX_HEAD).read_to_end(&mut head)?;
                    bytes.rewind()?;
                    can_be_quiet.store(quiet::is_offered(&head), Ordering::Relaxed);
                }
                self.answer.insert(bytes)
            }
        };
        answer.read(buffer)
    }
}
