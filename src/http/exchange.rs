//! One request and its answer within the limits of time, rate and memory.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;

use super::{Body, Failed, Http, Method, RequestBuilder, Response, Url, Waits};
use crate::budget;

/// Bodies above this size are sent in pieces, so that their progress is visible.
const WHOLE: usize = 256 << 10;
/// The size of such a piece.
const PIECE: usize = 64 << 10;

/// How many bytes of a request's body were sent, and how many there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    count: Arc<AtomicU64>,
    size: u64,
}

impl Sent {
    /// Counts a body of so many bytes.
    pub(crate) fn of(size: u64) -> Self {
        Self {
            count: Arc::default(),
            size,
        }
    }

    /// Measures the end of an upload of so many bytes, without a body of its own.
    pub(crate) fn stored(size: u64) -> Self {
        let sent = Self::of(size);
        sent.count.store(size, Ordering::Relaxed);
        sent
    }

    /// Notes that so many bytes more were sent.
    pub(crate) fn add(&self, bytes: usize) {
        self.count.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Ends when the peer takes too little for too long, or does not answer to the whole.
    async fn stalls(&self, waits: Waits) -> Failed {
        let (mut known, mut since) = (0, Instant::now());
        loop {
            tokio::time::sleep((waits.headers / 20).min(Duration::from_secs(1))).await;
            let now = self.count.load(Ordering::Relaxed);
            let is_whole = now >= self.size;
            let limit = if is_whole {
                waits.commit(self.size)
            } else {
                // The source has a time limit of its own, which must be able to end first.
                waits.window * 2
            };
            let enough = waits.quota() * 2;
            if now - known >= enough || is_whole && known < self.size {
                (known, since) = (now, Instant::now());
            } else if since.elapsed() > limit {
                return match is_whole {
                    true => Failed::Silent(limit),
                    false => Failed::Slow(limit),
                };
            }
        }
    }
}

/// Returns a body whose progress is measured.
pub(crate) fn upload(bytes: Bytes) -> (Body, Sent) {
    let size = bytes.len();
    let sent = Sent::of(size as u64);
    if size <= WHOLE {
        sent.add(size);
        return (Body::from(bytes), sent);
    }
    let count = sent.clone();
    let pieces = (0..size).step_by(PIECE).map(move |at| {
        let piece = bytes.slice(at..size.min(at + PIECE));
        count.add(piece.len());
        Ok::<_, std::io::Error>(piece)
    });
    (Body::wrap_stream(stream::iter(pieces)), sent)
}

impl Http {
    /// Sends a request and waits for the headers of its answer.
    ///
    /// # Errors
    /// Any [`Failed`] but [`Failed::Large`].
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        method: &Method,
        url: &Url,
        body: Sent,
    ) -> Result<Response, Failed> {
        let began = Instant::now();
        let waits = self.waits();
        let sending = async {
            tokio::select! {
                sent = request.send() => sent.map_err(Failed::from),
                failed = body.stalls(waits) => Err(failed),
            }
        };
        let answer = sending.await;
        let told = match &answer {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(failed) => failed.to_string(),
        };
        tracing::debug!(
            "{method} {} {told} {} ms",
            redacted_url(url),
            began.elapsed().as_millis()
        );
        answer
    }
}

/// The URL without user, password and query, which may hold a secret.
pub(crate) fn redacted_url(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    // A URL that cannot have a user has none to remove.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Measures the rate of an answer. Only the time spent waiting for it is measured.
#[derive(Debug)]
pub(crate) struct Pace {
    waits: Waits,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Starts the measurement with the first window.
    pub(crate) fn new(waits: Waits) -> Self {
        Self {
            waits,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Returns the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Failed::Slow`], [`Failed::Silent`] or [`Failed::Transport`].
    pub(crate) async fn chunk(&mut self, answer: &mut Response) -> Result<Option<Bytes>, Failed> {
        let left = self.waits.window.saturating_sub(self.waited);
        let began = Instant::now();
        let got = tokio::time::timeout(left, answer.chunk()).await;
        self.waited += began.elapsed();
        match got {
            Ok(Ok(Some(piece))) => {
                self.bytes += piece.len() as u64;
                if self.bytes >= self.waits.quota() {
                    (self.waited, self.bytes) = (Duration::ZERO, 0);
                }
                Ok(Some(piece))
            }
            Ok(Ok(None)) => Ok(None),
            Ok(Err(error)) => Err(error.into()),
            Err(_) if self.bytes == 0 => Err(Failed::Silent(self.waits.window)),
            Err(_) => Err(Failed::Slow(self.waits.window)),
        }
    }

    /// Reads the whole body, of at most `limit` bytes.
    ///
    /// # Errors
    /// Any [`Failed`].
    pub(crate) async fn whole(
        mut self,
        mut answer: Response,
        limit: u64,
        object: &(dyn fmt::Display + Sync),
    ) -> Result<Vec<u8>, Failed> {
        let object = object.to_string();
        let announced = answer.content_length().unwrap_or(0);
        if announced > limit {
            return Err(Failed::Large {
                found: announced,
                limit,
            });
        }
        let _load = budget::load(&object);
        let mut bytes = Vec::new();
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        budget::reserve(&object, &mut bytes, announced)?;
        while let Some(piece) = self.chunk(&mut answer).await? {
            let found = (bytes.len() + piece.len()) as u64;
            if found > limit {
                return Err(Failed::Large { found, limit });
            }
            budget::reserve(&object, &mut bytes, piece.len())?;
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        env::Env,
        http::{HttpOptions, Traffic},
    };

    const WAITS: Waits = Waits {
        headers: Duration::from_millis(300),
        window: Duration::from_millis(300),
        rate: 1000,
    };

    /// A server that reads a request and then answers with pieces, each after a pause.
    async fn server(pieces: Vec<(u64, &'static [u8])>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = peer.read(&mut buffer).await;
            for (pause, piece) in pieces {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                if peer.write_all(piece).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
        });
        Url::parse(&format!("http://{address}/x")).unwrap()
    }

    async fn get(pieces: Vec<(u64, &'static [u8])>) -> Result<Vec<u8>, Failed> {
        let url = server(pieces).await;
        let options = HttpOptions {
            waits: WAITS,
            ..HttpOptions::default()
        };
        let http = Http::new(options, &Env::default());
        let client = http.client(&url, Traffic::Bulk).unwrap();
        let request = client.get(url.clone());
        let answer = http
            .send(request, &Method::GET, &url, Sent::default())
            .await?;
        Pace::new(WAITS).whole(answer, 1 << 20, &"x").await
    }

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";

    #[tokio::test]
    async fn an_answer_in_time_is_read() {
        let read = get(vec![(10, HEAD), (10, b"ab"), (100, b"cd")]).await;
        assert_eq!(read.unwrap(), b"abcd");
    }

    #[tokio::test]
    async fn headers_that_never_come_end_the_wait() {
        assert!(matches!(get(vec![]).await, Err(Failed::Silent(_))));
    }

    #[tokio::test]
    async fn a_body_that_never_comes_ends_the_wait() {
        let read = get(vec![(0, HEAD)]).await;
        assert!(matches!(read, Err(Failed::Silent(_))), "{read:?}");
    }

    #[tokio::test]
    async fn a_body_that_drips_ends_the_wait() {
        let read = get(vec![(0, HEAD), (200, b"a"), (200, b"b"), (200, b"c")]).await;
        assert!(matches!(read, Err(Failed::Slow(_))), "{read:?}");
    }

    #[tokio::test]
    async fn an_announced_size_over_the_limit_is_not_read() {
        let head: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n";
        let read = get(vec![(0, head)]).await;
        assert!(matches!(read, Err(Failed::Large { .. })), "{read:?}");
    }

    #[tokio::test]
    async fn a_peer_that_takes_no_body_ends_the_wait() {
        let sent = Sent::of(1 << 20);
        sent.add(10);
        assert!(matches!(sent.stalls(WAITS).await, Failed::Slow(_)));
        let whole = Sent::of(10);
        whole.add(10);
        assert!(matches!(whole.stalls(WAITS).await, Failed::Silent(_)));
    }
}
