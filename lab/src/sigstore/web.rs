//! Serves files, such as a TUF repository's, and the answers of a transparency log, on loopback.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use hyper::{Request, Response, StatusCode, body::Incoming, header};
use serde_json::{Value, json};

use crate::{
    server::{Body, Listener, Reply, serve_with},
    tls::Tls,
};

const RETRIEVE: &str = "/api/v1/log/entries/retrieve";

/// A small web server; it ends when this is dropped.
#[derive(Debug)]
pub struct Web {
    listener: Listener,
    scheme: &'static str,
    shared: Arc<Mutex<WebContent>>,
}

#[derive(Debug, Default)]
struct WebContent {
    files: BTreeMap<String, Vec<u8>>,
    redirects: BTreeMap<String, String>,
    entries: Vec<Value>,
    broken: bool,
    token: Option<String>,
    requests: Vec<String>,
}

impl Web {
    /// Starts it with nothing to serve.
    pub fn start() -> Result<Self> {
        Self::start_with(None)
    }

    /// Starts the server with TLS and nothing to serve.
    pub fn start_with_tls(tls: &Tls) -> Result<Self> {
        Self::start_with(Some(tls))
    }

    fn start_with(tls: Option<&Tls>) -> Result<Self> {
        let shared = Arc::new(Mutex::new(WebContent::default()));
        let state = Arc::clone(&shared);
        let answer = move |request: Request<Incoming>| -> Reply {
            let response = respond(&state, &request);
            Box::pin(async move { response })
        };
        let config = tls.map(|tls| Arc::clone(&tls.config));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self {
            listener: serve_with(address, config, answer)?,
            scheme: if tls.is_some() { "https" } else { "http" },
            shared,
        })
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.listener.address())
    }

    /// Refuses requests without this bearer token by 401.
    pub fn demand(&self, token: &str) {
        self.change(|content| content.token = Some(token.to_owned()));
    }

    /// Serves these files instead of those before.
    pub fn serve_files(&self, files: BTreeMap<String, Vec<u8>>) {
        self.change(|content| content.files = files);
    }

    /// Answers a path by a redirect (302) to this location, with a body that nothing may show.
    pub fn redirect(&self, path: &str, to: &str) {
        self.change(|content| {
            content.redirects.insert(path.to_owned(), to.to_owned());
        });
    }

    /// Answers every lookup of log entries by these.
    pub fn serve_entries(&self, entries: Vec<Value>) {
        self.change(|content| content.entries = entries);
    }

    /// Answers everything by 500 from now on.
    pub fn break_down(&self) {
        self.change(|content| content.broken = true);
    }

    /// Returns the requested paths, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let content = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        content.requests.clone()
    }

    fn change(&self, change: impl FnOnce(&mut WebContent)) {
        change(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn respond(shared: &Mutex<WebContent>, request: &Request<Incoming>) -> Response<Body> {
    let path = request.uri().path();
    let mut content = shared.lock().unwrap_or_else(PoisonError::into_inner);
    content.requests.push(path.to_owned());
    let mut response = Response::new(Body::default());
    if content.broken {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    } else if !content.admits(request) {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    } else if path == RETRIEVE {
        let entries = content.entries.iter().enumerate();
        let entries: Vec<_> = entries
            .map(|(number, entry)| json!({number.to_string(): entry}))
            .collect();
        *response.body_mut() = json!(entries).to_string().into_bytes().into();
    } else if let Some(to) = content.redirects.get(path.trim_start_matches('/')) {
        *response.status_mut() = StatusCode::FOUND;
        if let Ok(to) = to.parse() {
            response.headers_mut().insert(header::LOCATION, to);
        }
        *response.body_mut() = b"SECRET-BODY".to_vec().into();
    } else if let Some(bytes) = content.files.get(path.trim_start_matches('/')) {
        *response.body_mut() = bytes.clone().into();
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

impl WebContent {
    fn admits(&self, request: &Request<Incoming>) -> bool {
        let shown = request.headers().get(header::AUTHORIZATION);
        let demanded = self.token.as_ref().map(|token| format!("Bearer {token}"));
        demanded.is_none_or(|demanded| shown.is_some_and(|shown| shown == demanded.as_str()))
    }
}
