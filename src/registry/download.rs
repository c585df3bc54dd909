//! Reads a blob piece by piece, resumes where the source broke off, and checks size and
//! digest before the last piece is handed on.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::{
    Descriptor, Error, Registry,
    auth::Access,
    client::{no_blob, shown},
    place::Place,
    send::{Call, transport},
};
use crate::{
    http::{IDLE, Method, Response, StatusCode, Url, header},
    image::{Digest, Repository},
    progress::Transfer,
};

/// How much is read from a file at once.
const PIECE: usize = 256 << 10;

/// A blob that is being read.
pub(super) struct Download {
    source: Source,
    blob: Descriptor,
    offset: u64,
    hash: Sha256,
    ended: bool,
    shown: Transfer,
}

enum Source {
    Remote {
        registry: Registry,
        repository: Repository,
        url: Url,
        answer: Option<Response>,
        /// Whether the source says how long its answer is.
        has_length: bool,
        attempt: u32,
    },
    File {
        file: tokio::fs::File,
        shown: String,
    },
    /// What everybody knows without asking.
    Known(Option<Bytes>),
}

/// The content of the empty descriptor (OCI image specification 1.1), which most artifacts
/// have as their configuration.
const EMPTY: &[u8] = b"{}";

impl Download {
    /// Begins to read; the source must say that it has the blob.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NotFound`] when the source has no such blob.
    pub(super) async fn open(
        from: &Place,
        blob: &Descriptor,
        shown: &Transfer,
    ) -> Result<Self, Error> {
        let source = match from {
            _ if blob.size == EMPTY.len() as u64 && blob.digest == Digest::of(EMPTY) => {
                Source::Known(Some(EMPTY.into()))
            }
            Place::Layout(layout) => {
                let path = layout.blob_path(&blob.digest);
                let file = tokio::fs::File::open(&path).await;
                Source::File {
                    file: file
                        .map_err(|error| layout.wrong(format!("blob {}: {error}", blob.digest)))?,
                    shown: path.display().to_string(),
                }
            }
            Place::Repository(registry, repository) => Source::Remote {
                registry: registry.clone(),
                repository: repository.clone(),
                url: registry.url(repository, &format!("blobs/{}", blob.digest))?,
                answer: None,
                has_length: false,
                attempt: 0,
            },
        };
        let mut download = Self {
            source,
            blob: blob.clone(),
            offset: 0,
            hash: Sha256::new(),
            ended: false,
            shown: shown.clone(),
        };
        download.connect().await?;
        Ok(download)
    }

    /// Sends the request, from the offset on.
    async fn connect(&mut self) -> Result<(), Error> {
        let Source::Remote {
            registry,
            repository,
            url,
            answer,
            has_length,
            ..
        } = &mut self.source
        else {
            return Ok(());
        };
        let mut call = Call::new(Method::GET, url.clone(), Access::pull(repository)).bulk();
        if self.offset > 0 {
            call = call.header(header::RANGE, format!("bytes={}-", self.offset));
        }
        let got = registry.call(call.clone()).await?;
        if got.status() == StatusCode::NOT_FOUND {
            return Err(no_blob(repository, &self.blob.digest));
        }
        let mut got = registry.check(&call, got).await?;
        if self.offset > 0 && got.status() != StatusCode::PARTIAL_CONTENT {
            // The registry knows no ranges: read what we have once more.
            let mut skip = self.offset;
            while skip > 0 {
                let chunk = got
                    .chunk()
                    .await
                    .map_err(|error| transport(&Method::GET, url, &error))?;
                let Some(chunk) = chunk else { break };
                let length = chunk.len() as u64;
                if length > skip {
                    return Err(Error::Protocol {
                        url: shown(url),
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

    /// The next piece; `None` after the last, when size and digest are right.
    ///
    /// # Errors
    /// [`Error::WrongDigest`], [`Error::WrongSize`], or what the source says after all retries.
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
            let (answer, url, has_length, retries, attempt) = match &mut self.source {
                Source::Known(bytes) => return Ok(bytes.take()),
                Source::File { file, shown } => {
                    let mut buffer = vec![0; PIECE];
                    let read = file.read(&mut buffer).await;
                    let read = read.map_err(|error| Error::Transport {
                        method: "read".to_owned(),
                        url: shown.clone(),
                        reason: error.to_string(),
                    })?;
                    buffer.truncate(read);
                    return Ok((read > 0).then(|| buffer.into()));
                }
                Source::Remote {
                    registry,
                    url,
                    answer,
                    has_length,
                    attempt,
                    ..
                } => (answer, url, *has_length, &registry.0.retries, attempt),
            };
            let got = match answer {
                Some(answer) => tokio::time::timeout(IDLE, answer.chunk()).await,
                None => return Ok(None),
            };
            let error = match got {
                Ok(Ok(Some(piece))) => {
                    *attempt = 0;
                    return Ok(Some(piece));
                }
                // An answer that says its length and keeps it is whole, and the size is wrong.
                Ok(Ok(None)) if has_length || self.offset >= self.blob.size => return Ok(None),
                Ok(Ok(None)) => broken(url, "the body ended too early"),
                Ok(Err(error)) => transport(&Method::GET, url, &error),
                Err(_) => broken(url, "the source sent nothing for too long"),
            };
            if *attempt >= retries.most {
                return Err(error);
            }
            let pause = retries.pause(*attempt);
            *attempt += 1;
            tracing::warn!("{error}; going on at byte {} in {pause:.1?}", self.offset);
            tokio::time::sleep(pause).await;
            self.connect().await?;
        }
    }

    fn verify(&mut self) -> Result<(), Error> {
        let url = match &self.source {
            Source::Known(_) => self.blob.digest.to_string(),
            Source::File { shown, .. } => shown.clone(),
            Source::Remote { url, .. } => shown(url),
        };
        if self.offset != self.blob.size {
            return Err(Error::WrongSize {
                url,
                found: self.offset,
                expected: self.blob.size.to_string(),
            });
        }
        let found = Digest::from_sha256(self.hash.finalize_reset().into());
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
        url: shown(url),
        reason: reason.to_owned(),
    }
}
