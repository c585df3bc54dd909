//! Moves one blob: from a registry or an image layout into a registry (distribution
//! specification 1.1, "Pushing Blobs").
//!
//! 1. one POST asks for a mount, also of the repository's own blob, which tells whether it is
//!    there; a registry that does not like that is asked by HEAD from then on
//! 2. the body goes by one PUT; a registry that refuses it gets one PATCH, then chunks
//! 3. a cut source is resumed where it broke; a cut destination starts this blob again

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures_util::stream::try_unfold;

use super::{
    Descriptor, Error, Registry,
    auth::Access,
    client::shown,
    download::Download,
    place::Place,
    send::{Call, backoff, worth_repeating},
};
use crate::{
    http::{Body, IDLE, Method, Response, StatusCode, Url, header},
    image::{Digest, Repository},
};

/// How long a registry may take to store a body that it has received.
const COMMIT: Duration = Duration::from_secs(600);
/// The size of a chunk, unless the registry wants larger ones.
const CHUNK: usize = 8 << 20;
const MAX_CHUNK: usize = 64 << 20;

/// How a blob came to its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// It was there already.
    Present,
    /// The registry took it from another repository.
    Mounted,
    /// Its bytes were sent.
    Sent,
}

/// How bodies are sent, from the plainest to the most tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Put,
    Patch,
    Chunks,
}

/// An upload that the registry has opened.
struct Session {
    url: Url,
    chunk: usize,
}

impl Registry {
    /// Brings a blob into the repository.
    ///
    /// # Errors
    /// Any [`Error`]; the message names the side that failed.
    pub(super) async fn bring(
        &self,
        from: &Place,
        to: &Repository,
        blob: &Descriptor,
    ) -> Result<Moved, Error> {
        let near = match from {
            Place::Repository(_, repository) if repository.registry() == to.registry() => {
                Some(repository)
            }
            _ => None,
        };
        let mut session = match self.begin(near, to, &blob.digest).await? {
            Begun::Done(moved) => return Ok(moved),
            Begun::Open(session) => Some(session),
        };
        let mut way = Way::Put;
        let mut attempt = 0;
        loop {
            let open = match session.take() {
                Some(session) => session,
                None => self.open(to).await?,
            };
            let error = match self.send_blob(from, to, blob, open, way).await {
                Ok(()) => return Ok(Moved::Sent),
                Err(error) => error,
            };
            way = match next_way(way, &error) {
                Some(way) => way,
                None if attempt >= self.0.retries => return Err(error),
                None if !may_pass(&error) => return Err(error),
                None => {
                    let pause = backoff(attempt);
                    tracing::warn!("blob {}: {error}; once more in {pause:.1?}", blob.digest);
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                    // The answer to a finished upload may be what was lost.
                    if self.has_blob(to, &blob.digest).await? {
                        return Ok(Moved::Sent);
                    }
                    // Cut twice in the same way, a body that is sent otherwise may pass.
                    if attempt >= 2 && way == Way::Put {
                        Way::Patch
                    } else {
                        way
                    }
                }
            };
        }
    }

    /// Asks for a mount, and opens an upload when there is nothing to mount.
    async fn begin(
        &self,
        near: Option<&Repository>,
        to: &Repository,
        digest: &Digest,
    ) -> Result<Begun, Error> {
        let host = to.registry();
        // A mount from the repository itself tells whether the blob is there.
        let (source, moved) = match near {
            Some(near) if near != to => (near, Moved::Mounted),
            _ => (to, Moved::Present),
        };
        let own = moved == Moved::Present;
        if !(own && self.0.no_self_mount.has(host)) {
            let mut url = self.url(to, "blobs/uploads/")?;
            url.query_pairs_mut()
                .append_pair("mount", &digest.to_string())
                .append_pair("from", source.path());
            let call = Call::new(Method::POST, url, Access::push(to)).bulk();
            let answer = self.call(call.clone()).await?;
            match answer.status() {
                StatusCode::CREATED => return Ok(Begun::Done(moved)),
                StatusCode::ACCEPTED => return Ok(Begun::Open(session(&call.url, &answer)?)),
                status if status.is_client_error() => {
                    tracing::debug!("{host} refuses to mount from {source}: status {status}");
                }
                _ => {
                    self.check(&call, answer).await?;
                }
            }
            if own {
                self.0.no_self_mount.add(host);
            }
        }
        if self.has_blob(to, digest).await? {
            return Ok(Begun::Done(Moved::Present));
        }
        Ok(Begun::Open(self.open(to).await?))
    }

    async fn open(&self, to: &Repository) -> Result<Session, Error> {
        let url = self.url(to, "blobs/uploads/")?;
        let call = Call::new(Method::POST, url, Access::push(to)).bulk();
        let answer = self.call(call.clone()).await?;
        let answer = self.check(&call, answer).await?;
        session(&call.url, &answer)
    }

    /// Tells whether the repository has the blob.
    pub(super) async fn has_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<bool, Error> {
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        let call = Call::new(Method::HEAD, url, Access::pull(repository));
        let answer = self.call(call.clone()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.check(&call, answer).await.map(|_| true)
    }

    async fn send_blob(
        &self,
        from: &Place,
        to: &Repository,
        blob: &Descriptor,
        session: Session,
        way: Way,
    ) -> Result<(), Error> {
        let mut download = Download::open(from, blob).await?;
        let finish = |url: &Url| {
            let mut url = url.clone();
            url.query_pairs_mut()
                .append_pair("digest", &blob.digest.to_string());
            Call::new(Method::PUT, url, Access::push(to)).bulk()
        };
        if way == Way::Put {
            let call = finish(&session.url);
            let answer = self.stream(call.clone(), download, blob.size).await?;
            return self.check(&call, answer).await.map(|_| ());
        }
        let mut url = session.url;
        if way == Way::Patch {
            let call = Call::new(Method::PATCH, url.clone(), Access::push(to)).bulk();
            let answer = self.stream(call.clone(), download, blob.size).await?;
            let answer = self.check(&call, answer).await?;
            url = location(&url, &answer).unwrap_or(url);
        } else {
            url = self
                .send_chunks(&mut download, to, url, session.chunk)
                .await?;
        }
        let call = finish(&url);
        let answer = self.call(call.clone()).await?;
        self.check(&call, answer).await.map(|_| ())
    }

    /// Sends chunks; what the registry says of its range is not believed over our own count.
    async fn send_chunks(
        &self,
        download: &mut Download,
        to: &Repository,
        mut url: Url,
        size: usize,
    ) -> Result<Url, Error> {
        let mut offset = 0;
        loop {
            let mut chunk = BytesMut::new();
            while chunk.len() < size {
                match download.next().await? {
                    Some(bytes) => chunk.extend_from_slice(&bytes),
                    None => break,
                }
            }
            if chunk.is_empty() {
                return Ok(url);
            }
            let end = offset + chunk.len();
            let call = Call::new(Method::PATCH, url.clone(), Access::push(to))
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .header(header::CONTENT_RANGE, format!("{offset}-{}", end - 1))
                .body(chunk.freeze())
                .bulk();
            let answer = self.call(call.clone()).await?;
            let answer = self.check(&call, answer).await?;
            url = location(&url, &answer).unwrap_or(url);
            offset = end;
        }
    }

    /// Sends a body while it arrives, and gives up when neither side moves.
    async fn stream(&self, call: Call, download: Download, size: u64) -> Result<Response, Error> {
        let failed: Arc<Mutex<Option<Error>>> = Arc::default();
        let sent = Arc::new(AtomicU64::new(0));
        let (note, count) = (Arc::clone(&failed), Arc::clone(&sent));
        let body = try_unfold(download, move |mut download| {
            let (note, count) = (Arc::clone(&note), Arc::clone(&count));
            async move {
                match download.next().await {
                    Ok(Some(bytes)) => {
                        count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        Ok(Some((bytes, download)))
                    }
                    Ok(None) => Ok(None),
                    Err(error) => {
                        let text = std::io::Error::other(error.to_string());
                        *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        Err(text)
                    }
                }
            }
        });
        let call = call
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, size.to_string());
        let body = if size == 0 {
            Body::from(Bytes::new())
        } else {
            Body::wrap_stream(body)
        };
        let sending = self.once(&call, Some(body));
        let answer = tokio::select! {
            answer = sending => answer,
            () = stalled(&sent, size) => Err(Error::Transport {
                method: call.method.to_string(),
                url: shown(&call.url),
                reason: "nothing moved for too long".to_owned(),
            }),
        };
        // The destination only saw its body end; the reason is on the other side.
        let source = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match source {
            Some(error) => Err(error),
            None => answer,
        }
    }
}

enum Begun {
    Done(Moved),
    Open(Session),
}

/// Ends when the count has not grown for too long; the last byte buys time for storing.
async fn stalled(sent: &AtomicU64, size: u64) {
    let (mut known, mut since) = (0, Instant::now());
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = sent.load(Ordering::Relaxed);
        if now != known {
            (known, since) = (now, Instant::now());
        }
        // The source has its own limit of the same length, which must be able to strike first.
        let patience = if now >= size { COMMIT } else { IDLE * 2 };
        if since.elapsed() > patience {
            return;
        }
    }
}

fn session(url: &Url, answer: &Response) -> Result<Session, Error> {
    let url = location(url, answer).ok_or_else(|| Error::Protocol {
        url: shown(url),
        reason: "it opened an upload without saying where",
    })?;
    let least = answer.headers().get("oci-chunk-min-length");
    let least = least.and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Session {
        url,
        chunk: least.unwrap_or(0).clamp(CHUNK, MAX_CHUNK),
    })
}

fn location(url: &Url, answer: &Response) -> Option<Url> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    let next = url.join(location).ok()?;
    (url.scheme() != "https" || next.scheme() == "https").then_some(next)
}

/// The next way to send a body that the registry did not take because of its form.
fn next_way(way: Way, error: &Error) -> Option<Way> {
    let Error::Status { status, .. } = error else {
        return None;
    };
    let form = matches!(status, 400 | 404 | 405 | 411 | 413 | 415 | 416 | 501);
    match way {
        Way::Put if form => Some(Way::Patch),
        Way::Patch if form => Some(Way::Chunks),
        _ => None,
    }
}

/// Tells whether the same blob may pass at another try.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Transport { .. } => true,
        // A token that ended during the upload is renewed by the next request.
        Error::Denied { status, .. } => *status == 401,
        Error::Status { status, .. } => StatusCode::from_u16(*status).is_ok_and(worth_repeating),
        _ => false,
    }
}

/// Hosts of which something is known.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<std::collections::BTreeSet<String>>);

impl Hosts {
    fn has(&self, host: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(host)
    }

    fn add(&self, host: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(host.to_owned());
    }
}
