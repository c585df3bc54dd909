//! Moves one blob: from a registry or an image layout into a registry (distribution
//! specification 1.1, "Pushing Blobs").
//!
//! one POST asks for a mount, also of the repository's own blob, which tells whether it exists
//! there; a registry that refuses that gets a HEAD from then on
//! 2. the body goes by one PUT; a registry that refuses it gets one PATCH, then chunks
//! an interrupted source is resumed at its offset; after a failure of the destination the blob starts again

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use futures_util::stream::try_unfold;

use super::{
    Descriptor, Error, Registry,
    auth::Access,
    client::refuses_head,
    download::Download,
    image_store::ImageStore,
    request::{RegistryRequest, worth_repeating},
};
use crate::{
    http::{
        Body, Method, Redirect, Response, Sent, StatusCode, Url, authority, header, redacted_url,
        redirected,
    },
    image::{Digest, Repository},
    progress::Transfer,
};

/// The size of a chunk, unless the registry requires larger ones.
const CHUNK: usize = 8 << 20;
const MAX_CHUNK: usize = 64 << 20;

/// How a blob came to its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Present,
    /// The registry took it from another repository.
    Mounted,
    Sent,
}

impl Moved {
    /// Returns the word for progress and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Mounted => "mounted",
            Self::Sent => "sent",
        }
    }
}

/// How bodies are sent, from the simplest to the most widely accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Put,
    Patch,
    Chunks,
}

/// An upload that the registry has opened.
pub(super) struct UploadSession {
    pub(super) url: Url,
    chunk: usize,
}

impl Registry {
    /// Copies a blob into the repository.
    ///
    /// # Errors
    /// Any [`Error`]; the message names the side that failed.
    pub(super) async fn copy_blob(
        &self,
        from: &ImageStore,
        to: &Repository,
        blob: &Descriptor,
        shown: &Transfer,
    ) -> Result<Moved, Error> {
        let near = match from {
            ImageStore::Repository(_, repository) if repository.registry() == to.registry() => {
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
            let sent = match Download::open(from, blob, shown).await {
                Ok(download) => self.send_blob(download, to, blob, open, way).await,
                Err(error) => Err(error),
            };
            let error = match sent {
                Ok(()) => return Ok(Moved::Sent),
                Err(error) => error,
            };
            way = match next_way(way, &error) {
                // A session that is gone may have become the blob: only its answer was lost.
                Some(next) => match self.has_blob(to, &blob.digest).await? {
                    true => return Ok(Moved::Sent),
                    false => next,
                },
                None if attempt >= self.most_attempts(&error) || !may_pass(&error) => {
                    return Err(error);
                }
                None => {
                    self.pause_before_retry(attempt, blob, error).await?;
                    attempt += 1;
                    // The lost answer may be that of a finished upload.
                    if self.has_blob(to, &blob.digest).await? {
                        return Ok(Moved::Sent);
                    }
                    // A body that failed twice in the same way may pass in another.
                    match way {
                        Way::Put if attempt >= 2 => Way::Patch,
                        Way::Patch if attempt >= 4 => Way::Chunks,
                        way => way,
                    }
                }
            };
        }
    }

    /// Waits before another attempt; returns the error when the pause would be too long.
    async fn pause_before_retry(
        &self,
        attempt: u32,
        blob: &Descriptor,
        error: Error,
    ) -> Result<(), Error> {
        let requested = match &error {
            Error::Status { retry_after, .. } => *retry_after,
            _ => None,
        };
        let pause = requested.unwrap_or_else(|| self.0.retries.pause(attempt));
        if pause > self.0.retries.total || !self.0.http.patience().spend(pause) {
            return Err(error);
        }
        tracing::warn!(
            "blob {}: {error} (trying again in {pause:.1?})",
            blob.digest
        );
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Asks for a mount, and opens an upload when there is nothing to mount.
    ///
    /// A mount from the repository itself tells whether the blob is there. A mount that is
    /// refused is not tried again: neither that kind on the host, nor from that repository.
    pub(super) async fn begin(
        &self,
        near: Option<&Repository>,
        to: &Repository,
        digest: &Digest,
    ) -> Result<Begun, Error> {
        let near = near.filter(|near| *near != to);
        let near = near.map(|near| (near, Moved::Mounted, format!("{near} {to}")));
        let own = (to, Moved::Present, to.registry().to_owned());
        for (source, moved, kind) in near.into_iter().chain([own]) {
            if self.0.no_mount.has(&kind) {
                continue;
            }
            let mut url = self.url(to, "blobs/uploads/")?;
            url.query_pairs_mut()
                .append_pair("mount", &digest.to_string())
                .append_pair("from", source.path());
            let call = RegistryRequest::new(Method::POST, url, Access::push(to));
            let answer = self.call(call.clone()).await?;
            let status = answer.status();
            match status {
                StatusCode::CREATED => return Ok(Begun::Done(moved)),
                StatusCode::ACCEPTED => return Ok(Begun::Open(session(&call.url, &answer)?)),
                _ if status.is_client_error() && !worth_repeating(status) => {
                    tracing::debug!("{to} refuses to mount from {source}: status {status}");
                }
                _ => {
                    self.check(&call, answer).await?;
                }
            }
            self.0.no_mount.add(kind);
        }
        if self.has_blob(to, digest).await? {
            return Ok(Begun::Done(Moved::Present));
        }
        Ok(Begun::Open(self.open(to).await?))
    }

    fn most_attempts(&self, error: &Error) -> u32 {
        let slow = matches!(error, Error::Transport { slow: true, .. });
        self.0.retries.most.min(if slow { 1 } else { u32::MAX })
    }

    /// Opens an upload (`POST /v2/<name>/blobs/uploads/`).
    pub(super) async fn open(&self, to: &Repository) -> Result<UploadSession, Error> {
        let url = self.url(to, "blobs/uploads/")?;
        let call = RegistryRequest::new(Method::POST, url, Access::push(to));
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
        let call = RegistryRequest::new(Method::HEAD, url, Access::pull(repository));
        let answer = self.call(call.clone()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        if !refuses_head(answer.status()) {
            return self.check(&call, answer).await.map(|_| true);
        }
        // GET has the same headers; the body is not read.
        let call = RegistryRequest::new(Method::GET, call.url, Access::pull(repository)).bulk();
        let answer = self.call(call.clone()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.check(&call, answer).await.map(|_| true)
    }

    async fn send_blob(
        &self,
        mut download: Download,
        to: &Repository,
        blob: &Descriptor,
        session: UploadSession,
        way: Way,
    ) -> Result<(), Error> {
        let finish = |url: &Url| {
            let mut url = url.clone();
            url.query_pairs_mut()
                .append_pair("digest", &blob.digest.to_string());
            RegistryRequest::new(Method::PUT, url, Access::push(to)).bulk()
        };
        if way == Way::Put {
            let call = finish(&session.url);
            let answer = self.stream(call.clone(), download, blob.size).await?;
            return self.check(&call, answer).await.map(|_| ());
        }
        let mut url = session.url;
        if way == Way::Patch {
            let call = RegistryRequest::new(Method::PATCH, url.clone(), Access::push(to)).bulk();
            let answer = self.stream(call.clone(), download, blob.size).await?;
            let answer = self.check(&call, answer).await?;
            url = next_location(&url, &answer)?;
        } else {
            url = self
                .send_chunks(&mut download, to, url, session.chunk)
                .await?;
        }
        let call = finish(&url).storing(blob.size);
        let answer = self.call(call.clone()).await?;
        self.check(&call, answer).await.map(|_| ())
    }

    /// Sends chunks. The registry's range is not trusted over the local count,
    /// but when it misses a chunk or has it twice, its position is requested.
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
            let end = offset + chunk.len() as u64;
            let chunk = chunk.freeze();
            let call = |url: &Url| {
                RegistryRequest::new(Method::PATCH, url.clone(), Access::push(to))
                    .header(header::CONTENT_TYPE, "application/octet-stream")
                    .header(header::CONTENT_RANGE, format!("{offset}-{}", end - 1))
                    .body(chunk.clone())
                    .bulk()
            };
            let mut answer = self.call(call(&url)).await?;
            if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
                let (there, next) = self.upload_offset(to, &url).await?;
                url = next;
                // The answer to this chunk was lost: it is there already.
                if there == end {
                    offset = end;
                    continue;
                }
                if there == offset {
                    answer = self.call(call(&url)).await?;
                }
            }
            let answer = self.check(&call(&url), answer).await?;
            url = next_location(&url, &answer)?;
            offset = end;
        }
    }

    /// Returns how many bytes an open upload has, and its next URL.
    async fn upload_offset(&self, to: &Repository, url: &Url) -> Result<(u64, Url), Error> {
        let call = RegistryRequest::new(Method::GET, url.clone(), Access::push(to));
        let answer = self.call(call.clone()).await?;
        let answer = self.check(&call, answer).await?;
        let range = answer.headers().get(header::RANGE);
        let range = range.and_then(|range| range.to_str().ok()?.rsplit_once('-'));
        let last: u64 = range
            .and_then(|(_, last)| last.trim().parse().ok())
            .ok_or_else(|| Error::Protocol {
                url: redacted_url(url),
                reason: "it does not say how much of an upload it has",
            })?;
        // Nothing at all and one byte are both written 0-0; the next chunk tells.
        let there = if last == 0 { 0 } else { last + 1 };
        Ok((there, next_location(url, &answer)?))
    }

    /// Sends a body while it arrives, and gives up when neither side moves.
    async fn stream(
        &self,
        call: RegistryRequest,
        download: Download,
        size: u64,
    ) -> Result<Response, Error> {
        let failed: Arc<Mutex<Option<Error>>> = Arc::default();
        let sent = Sent::of(size);
        let (note, count) = (Arc::clone(&failed), sent.clone());
        let body = try_unfold(download, move |mut download| {
            let (note, count) = (Arc::clone(&note), count.clone());
            async move {
                match download.next().await {
                    Ok(Some(bytes)) => {
                        count.add(bytes.len());
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
        let answer = self.send_once(&call, Some((body, sent))).await;
        // The destination only saw its body end; the cause is at the source.
        let source = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match source {
            Some(error) => Err(error),
            None => answer,
        }
    }
}

/// The answer to a request for a mount.
pub(super) enum Begun {
    /// The blob is in the repository.
    Done(Moved),
    Open(UploadSession),
}

fn session(url: &Url, answer: &Response) -> Result<UploadSession, Error> {
    let url = location(url, answer)?.ok_or_else(|| Error::Protocol {
        url: redacted_url(url),
        reason: "it opened an upload without saying where",
    })?;
    let least = answer.headers().get("oci-chunk-min-length");
    let least = least.and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(UploadSession {
        url,
        chunk: least.unwrap_or(0).clamp(CHUNK, MAX_CHUNK),
    })
}

/// Returns the next URL of an upload; the same URL where the registry has none.
fn next_location(url: &Url, answer: &Response) -> Result<Url, Error> {
    Ok(location(url, answer)?.unwrap_or_else(|| url.clone()))
}

/// Returns the URL to which the registry sends the upload. A registry behind a proxy that does not know its own
/// name sends it elsewhere, which is an error of its own.
fn location(url: &Url, answer: &Response) -> Result<Option<Url>, Error> {
    let Some(location) = answer.headers().get(header::LOCATION) else {
        return Ok(None);
    };
    let elsewhere = |reason: &str| Error::UploadElsewhere {
        host: authority(url),
        reason: reason.to_owned(),
    };
    let text = location.to_str();
    let text = text.map_err(|_| elsewhere("to something that is not a URL"))?;
    let next = redirected(url, text).map_err(|refused| match refused {
        Redirect::NoUrl => elsewhere("to something that is not a URL of the web"),
        Redirect::Downgrade => elsewhere("to plain HTTP, but it was reached by TLS"),
    })?;
    if next.host_str() == url.host_str() && next.origin() != url.origin() {
        // The same machine on another port: the credentials are for the first port.
        let place = format!("to {}, another port", authority(&next));
        return Err(elsewhere(&place));
    }
    Ok(Some(next))
}

/// Returns the next way to send a body whose form the registry refused.
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

/// Tells whether the same blob may pass at another attempt.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Transport { .. } | Error::Unreachable { absent: false, .. } => true,
        // A token that ended during the upload is renewed by the next request.
        Error::Denied { status, .. } => *status == 401,
        Error::Status { status, .. } => StatusCode::from_u16(*status).is_ok_and(worth_repeating),
        _ => false,
    }
}

/// Requests that registries refused and that are not sent again.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeSet<String>>);

impl Refusals {
    /// Tells whether a request of this kind was refused.
    pub(super) fn has(&self, kind: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(kind)
    }

    /// Records a refusal; tells whether it is new.
    pub(super) fn add(&self, kind: String) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(kind)
    }
}
