//! An HTTP server on loopback with a thread and runtime of its own.
//!
//! A server inside a test's runtime hangs when the test waits for a process that talks to it.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hyper::{
    Request, Response,
    body::{Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

/// The answer to one request, in the making.
pub(crate) type Reply = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Zeros that are sent at once.
const ZEROS: &[u8] = &[0; 64 << 10];
/// Time that a connection stays open after the last byte before the cut.
const FLUSH: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(crate) struct Body {
    bytes: Bytes,
    zeros: u64,
    cut: bool,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    /// The pause before each piece, and the size of a piece.
    drip: Option<(Duration, usize)>,
}

impl Body {
    /// Returns a body of zeros, which are not held in memory.
    pub(crate) fn zeros(count: u64) -> Self {
        Self {
            zeros: count,
            ..Self::default()
        }
    }

    /// Returns the length of the whole body, zeros included.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.zeros
    }

    /// Ends after `limit` bytes by an error, so that the connection breaks in the middle.
    pub(crate) fn cut(&mut self, limit: u64) {
        let bytes = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        self.zeros = self.zeros.min(limit - bytes as u64);
        self.bytes.truncate(bytes);
        self.cut = true;
    }

    /// Sends the bytes in eight pieces with a pause before each.
    pub(crate) fn drip(&mut self, pause: Duration) {
        self.drip = Some((pause, (self.bytes.len() / 8).max(1)));
    }

    /// Returns the bytes unless they are a run of zeros.
    pub(crate) fn bytes_mut(&mut self) -> &mut Bytes {
        &mut self.bytes
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self {
            bytes: bytes.into(),
            ..Self::default()
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.bytes.is_empty() {
            let mut size = self.bytes.len();
            if let Some((pause, piece)) = self.drip {
                let slept = self
                    .pause
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
                std::task::ready!(slept.as_mut().poll(context));
                self.pause = None;
                size = size.min(piece);
            }
            let bytes = self.bytes.split_to(size);
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if self.zeros > 0 {
            let count = self.zeros.min(ZEROS.len() as u64);
            self.zeros -= count;
            let zeros = Bytes::from_static(ZEROS).slice(..usize::try_from(count).unwrap_or(0));
            return Poll::Ready(Some(Ok(Frame::data(zeros))));
        }
        if !self.cut {
            return Poll::Ready(None);
        }
        // What was sent must leave the buffers first, an error throws them away.
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(FLUSH)));
        pause
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(io::Error::other("cut on purpose"))))
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0 && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.len())
    }
}

/// Marks an answer that is never given: the connection is closed instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HangUp;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Listener {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers every request by the function until the listener is dropped.
pub(crate) fn serve<F>(listen: SocketAddr, answer: F) -> Result<Listener>
where
    F: Fn(Request<Incoming>) -> Reply + Send + Sync + 'static,
{
    serve_with(listen, None, answer)
}

/// Answers every request by the function, over TLS when there is a configuration.
pub(crate) fn serve_with<F>(
    listen: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
    answer: F,
) -> Result<Listener>
where
    F: Fn(Request<Incoming>) -> Reply + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    // Bound without the runtime: a test may start a server from within its own.
    let socket = std::net::TcpListener::bind(listen).context("binding")?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let answer = Arc::new(answer);
    let thread = thread::Builder::new()
        .name(format!("lab {address}"))
        .spawn(move || {
            runtime.block_on(async move {
                let Ok(socket) = tokio::net::TcpListener::from_std(socket) else {
                    return;
                };
                tokio::select! {
                    () = accept(socket, tls.map(TlsAcceptor::from), answer) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
    Ok(Listener {
        address,
        stop: Some(stop),
        thread: Some(thread),
    })
}

async fn accept<F>(socket: tokio::net::TcpListener, tls: Option<TlsAcceptor>, answer: Arc<F>)
where
    F: Fn(Request<Incoming>) -> Reply + Send + Sync + 'static,
{
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (answer, tls) = (Arc::clone(&answer), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => talk(stream, answer).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        talk(stream, answer).await;
                    }
                }
            }
        });
    }
}

async fn talk<S, F>(stream: S, answer: Arc<F>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> Reply + Send + Sync + 'static,
{
    let service = service_fn(move |request| {
        let reply = answer(request);
        async move {
            let reply = reply.await;
            match reply.extensions().get::<HangUp>() {
                Some(_) => Err(io::Error::other("hung up on purpose")),
                None => Ok(reply),
            }
        }
    });
    // A client that went away is not an error of the server.
    let _ = Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A response with a status, headers and a body.
pub(crate) fn response(
    status: u16,
    headers: &[(&str, String)],
    body: impl Into<Body>,
) -> Response<Body> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder
        .body(body.into())
        .unwrap_or_else(|_| Response::new(Body::from("bad header")))
}
