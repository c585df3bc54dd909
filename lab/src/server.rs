//! An HTTP server on loopback with a thread and runtime of its own.
//!
//! A server inside a test's runtime hangs when the test waits for a process that talks to it.

use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc, thread};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::sync::oneshot;

/// The answer to one request, in the making.
pub(crate) type Reply = Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let socket = runtime
        .block_on(tokio::net::TcpListener::bind(listen))
        .context("binding")?;
    let address = socket.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let answer = Arc::new(answer);
    let thread = thread::Builder::new()
        .name(format!("lab {address}"))
        .spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(socket, answer) => {}
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

async fn accept<F>(socket: tokio::net::TcpListener, answer: Arc<F>)
where
    F: Fn(Request<Incoming>) -> Reply + Send + Sync + 'static,
{
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let reply = answer(request);
                async move { Ok::<_, Infallible>(reply.await) }
            });
            // A client that went away is no concern of the server.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// A response with a status, headers and a body.
pub(crate) fn response(
    status: u16,
    headers: &[(&str, String)],
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    let body = Full::new(body.into());
    builder
        .body(body)
        .unwrap_or_else(|_| Response::new(Full::new(Bytes::from_static(b"bad header"))))
}
