//! Reads a blob piece by piece, resumes where the source broke off, and checks size and
//! digest before the last piece is handed on.

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use super::{
    Descriptor, Error, Registry,
    auth::Access,
    client::no_blob,
    image_store::ImageStore,
    request::{RegistryRequest, transport},
};
use crate::{
    http::{Method, Pace, Response, StatusCode, Url, header, redacted_url},
    image::{Digest, Hasher, Repository},
    progress::Transfer,
};

/// How much is read from a file at once.
const PIECE: usize = 256 << 10;

/// A blob that is being read.
pub(super) struct Download {
    source: DownloadSource,
    blob: Descriptor,
    offset: u64,
    hash: Hasher,
    ended: bool,
    shown: Transfer,
    /// How many bytes came since the source failed last.
    since_failure: u64,
}

enum DownloadSource {
    Remote {
        registry: Registry,
        repository: Repository,
        url: Url,
        answer: Option<Response>,
        pace: Pace,
        /// Set when the answer has a `Content-Length`.
        has_length: bool,
        attempt: u32,
    },
    File {
        file: tokio::fs::File,
        shown: String,
    },
    Known(Option<Bytes>),
}

/// The content of the empty descriptor (OCI image specification 1.1), which most artifacts
/// have as their configuration.
const EMPTY: &[u8] = b"{}";

impl Download {
    /// Opens the blob; the source must confirm that it has it.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NotFound`] when the source has no such blob.
    pub(super) async fn open(
        from: &ImageStore,
        blob: &Descriptor,
        shown: &Transfer,
    ) -> Result<Self, Error> {
        let source = match from {
            _ if blob.size == EMPTY.len() as u64 && blob.digest == Digest::of(EMPTY) => {
                DownloadSource::Known(Some(EMPTY.into()))
            }
            ImageStore::Layout(layout) => {
                let path = layout.blob_path(&blob.digest);
                let file = tokio::fs::File::open(&path).await;
                DownloadSource::File {
                    file: file
                        .map_err(|error| layout.wrong(format!("blob {}: {error}", blob.digest)))?,
                    shown: path.display().to_string(),
                }
            }
            ImageStore::Repository(registry, repository) => DownloadSource::Remote {
                registry: registry.clone(),
                repository: repository.clone(),
                url: registry.url(repository, &format!("blobs/{}", blob.digest))?,
                answer: None,
                pace: Pace::new(registry.0.http.waits()),
                has_length: false,
                attempt: 0,
            },
        };
        let mut download = Self {
            source,
            blob: blob.clone(),
            offset: 0,
            hash: blob.digest.hasher(),
            ended: false,
            shown: shown.clone(),
            since_failure: 0,
        };
        download.connect().await?;
        Ok(download)
    }

    /// Sends the request, from the offset on.
    async fn connect(&mut self) -> Result<(), Error> {
        let DownloadSource::Remote {
            registry,
            repository,
            url,
            answer,
            pace,
            has_length,
            ..
        } = &mut self.source
        else {
            return Ok(());
        };
        let mut call =
            RegistryRequest::new(Method::GET, url.clone(), Access::pull(repository)).bulk();
        // The caller starts over, or this download resumes at its offset.
        call.once_if_slow = true;
        if self.offset > 0 {
            call = call.header(header::RANGE, format!("bytes={}-", self.offset));
        }
        let got = registry.call(call.clone()).await?;
        if got.status() == StatusCode::NOT_FOUND {
            return Err(no_blob(repository, &self.blob.digest));
        }
        let mut got = registry.check(&call, got).await?;
        *pace = Pace::new(registry.0.http.waits());
        if self.offset > 0 && got.status() != StatusCode::PARTIAL_CONTENT {
            // The registry ignores ranges: read and discard the bytes that are here already.
            let mut skip = self.offset;
            while skip > 0 {
                let chunk = pace.chunk(&mut got).await;
                let chunk = chunk.map_err(|error| transport(&Method::GET, url, error))?;
                let Some(chunk) = chunk else { break };
                let length = chunk.len() as u64;
                if length > skip {
                    return Err(Error::Protocol {
                        url: redacted_url(url),
                        reason: "it ignores ranges, so that a broken download cannot be resumed",
                    });
                }
                skip -= length;
            }
        }
        *has_length = got.content_length().is_some();
        *answer = Some(got);
        Ok(())
    }

    /// Returns the next piece; `None` after the last, when size and digest are right.
    ///
    /// # Errors
    /// [`Error::WrongDigest`], [`Error::WrongSize`], or the source's error after all retries.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.ended {
            return Ok(None);
        }
        let piece = self.piece().await?;
        if let Some(piece) = &piece {
            self.hash.update(piece);
            self.offset += piece.len() as u64;
            self.shown.at(self.offset.min(self.blob.size));
        }
        // The check comes before the last piece leaves: the other side never gets a whole wrong blob.
        if piece.is_none() || self.offset >= self.blob.size {
            self.ended = true;
            self.verify()?;
        }
        Ok(piece)
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let (answer, url, has_length, registry, attempt, pace) = match &mut self.source {
                DownloadSource::Known(bytes) => return Ok(bytes.take()),
                DownloadSource::File { file, shown } => {
                    let mut buffer = vec![0; PIECE];
                    let read = file.read(&mut buffer).await;
                    let read = read.map_err(|error| Error::Transport {
                        method: "read".to_owned(),
                        url: shown.clone(),
                        reason: error.to_string(),
                        slow: false,
                    })?;
                    buffer.truncate(read);
                    return Ok((read > 0).then(|| buffer.into()));
                }
                DownloadSource::Remote {
                    registry,
                    url,
                    answer,
                    pace,
                    has_length,
                    attempt,
                    ..
                } => (answer, url, *has_length, registry, attempt, pace),
            };
            let got = match answer {
                Some(answer) => pace.chunk(answer).await,
                None => return Ok(None),
            };
            let (error, slow) = match got {
                Ok(Some(piece)) => {
                    self.since_failure += piece.len() as u64;
                    // Progress since the last failure starts the retries afresh.
                    if self.since_failure >= registry.0.http.waits().quota() {
                        *attempt = 0;
                    }
                    return Ok(Some(piece));
                }
                // An answer of its full announced length is complete, so the size is wrong.
                Ok(None) if has_length || self.offset >= self.blob.size => return Ok(None),
                Ok(None) => (broken(url, "the body ended too early"), false),
                Err(error) => {
                    let slow = error.is_slow();
                    (transport(&Method::GET, url, error), slow)
                }
            };
            let most = registry.0.retries.most.min(if slow { 1 } else { u32::MAX });
            let pause = registry.0.retries.pause(*attempt);
            if *attempt >= most || !registry.0.http.patience().spend(pause) {
                return Err(error);
            }
            *attempt += 1;
            self.since_failure = 0;
            tracing::warn!("{error}; going on at byte {} in {pause:.1?}", self.offset);
            tokio::time::sleep(pause).await;
            self.connect().await?;
        }
    }

    fn verify(&mut self) -> Result<(), Error> {
        let url = match &self.source {
            DownloadSource::Known(_) => self.blob.digest.to_string(),
            DownloadSource::File { shown, .. } => shown.clone(),
            DownloadSource::Remote { url, .. } => redacted_url(url),
        };
        if self.offset != self.blob.size {
            return Err(Error::WrongSize {
                url,
                found: self.offset,
                expected: self.blob.size.to_string(),
            });
        }
        let found = self.hash.clone().finish();
        if found != self.blob.digest {
            return Err(Error::WrongDigest {
                url,
                found,
                expected: self.blob.digest,
            });
        }
        Ok(())
    }
}

fn broken(url: &Url, reason: &str) -> Error {
    Error::Transport {
        method: Method::GET.to_string(),
        url: redacted_url(url),
        reason: reason.to_owned(),
        slow: false,
    }
}
