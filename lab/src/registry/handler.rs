//! From a request to its answer: the log, the faults, the permission, the route.

use std::{collections::BTreeMap, sync::Arc};

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, body::Incoming, header, http::request::Parts};
use serde_json::json;

use super::{Shared, fault::Effect, store};
use crate::server::{Body, HangUp, response};

/// The largest manifest or form that is taken, in bytes.
const MAX_DOCUMENT: usize = 4 << 20;

/// One request on its way to an answer.
pub(super) struct RegistryCall {
    pub(super) shared: Arc<Shared>,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: header::HeaderMap,
    pub(super) effects: Vec<Effect>,
    body: Option<Incoming>,
    /// The request's position in the log.
    at: usize,
}

/// Answers one request and logs it.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(ToString::to_string);
    let path = path.unwrap_or_default();
    let (at, effects) = note(&shared, &parts, &path);
    let mut call = RegistryCall {
        shared: Arc::clone(&shared),
        method: parts.method,
        path,
        headers: parts.headers,
        effects,
        body: Some(body),
        at,
    };
    let mut answer = match call.answer_of_fault().await {
        Some(answer) => answer,
        None => call.serve().await,
    };
    call.apply_faults(&mut answer);
    if !matches!(call.method, Method::GET | Method::HEAD) && answer.status().is_success() {
        shared.tell_of_write().await;
    }
    shared.log(at, |logged| logged.status = answer.status().as_u16());
    answer
}

/// Puts the request into the log and finds the faults that apply to it.
fn note(shared: &Shared, parts: &Parts, path: &str) -> (usize, Vec<Effect>) {
    let method = &parts.method;
    let scheme = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split(' ').next().map(str::to_owned));
    let mut store = shared.store();
    store.requests.push(store::Request {
        method: method.to_string(),
        path: path.to_owned(),
        version: format!("{:?}", parts.version),
        status: 0,
        authorization: scheme,
        received: 0,
    });
    let at = store.requests.len() - 1;
    drop(store);
    (at, shared.faults().on(method.as_str(), path))
}

impl RegistryCall {
    /// Returns the answer of a fault that applies before the request is carried out.
    async fn answer_of_fault(&mut self) -> Option<Response<Body>> {
        for effect in self.effects.clone() {
            match effect {
                Effect::Status(status) => return Some(error(status, "UNAVAILABLE", "on purpose")),
                Effect::RetryAfter(status, seconds) => {
                    let mut answer = error(status, "TOOMANYREQUESTS", "on purpose");
                    answer.headers_mut().insert("retry-after", seconds.into());
                    return Some(answer);
                }
                Effect::Page(status) => {
                    let kind = [("content-type", "text/html".to_owned())];
                    return Some(response(status, &kind, "<html><h1>Bad gateway</h1></html>"));
                }
                Effect::Document(media_type, body) => {
                    let headers = [
                        ("content-type", media_type.to_owned()),
                        ("docker-content-digest", store::sha256(&body)),
                    ];
                    return Some(response(200, &headers, body));
                }
                Effect::Reset => return Some(hang_up()),
                Effect::CutUpload(limit) => {
                    self.read(limit, |_| ()).await;
                    return Some(hang_up());
                }
                Effect::Slow(time) => tokio::time::sleep(time).await,
                Effect::Hang => std::future::pending().await,
                _ => {}
            }
        }
        None
    }

    /// Applies the faults to the answer.
    fn apply_faults(&self, answer: &mut Response<Body>) {
        for effect in &self.effects {
            match effect {
                Effect::ResetAfter => *answer = hang_up(),
                Effect::CutAnswer(limit) => {
                    let length = answer.body().len();
                    answer
                        .headers_mut()
                        .insert(header::CONTENT_LENGTH, length.into());
                    answer.body_mut().cut(*limit);
                }
                Effect::Drip(pause) => answer.body_mut().drip(*pause),
                Effect::Without(name) => {
                    answer.headers_mut().remove(*name);
                }
                Effect::Header(name, value) => {
                    let value = header::HeaderValue::from_static(value);
                    answer.headers_mut().insert(*name, value);
                }
                Effect::Body(body) => {
                    answer.headers_mut().remove(header::CONTENT_LENGTH);
                    *answer.body_mut() = body.clone().into();
                }
                Effect::OtherBytes => {
                    let bytes = answer.body_mut().bytes_mut();
                    let mut changed = bytes.to_vec();
                    if let Some(last) = changed.last_mut() {
                        *last ^= 1;
                    }
                    *bytes = changed.into();
                }
                _ => {}
            }
        }
    }

    async fn serve(&mut self) -> Response<Body> {
        let path = self.path.split('?').next().unwrap_or_default().to_owned();
        if path == "/token" {
            return self.token().await;
        }
        let Some(rest) = path.strip_prefix("/v2/") else {
            return error(404, "UNSUPPORTED", "no such endpoint");
        };
        let route = route(rest);
        if let Some(refusal) = self.refusal(route.name()) {
            return refusal;
        }
        match route {
            Route::Version => response(200, &[], "{}"),
            Route::Upload(name, session) => self.upload(name, session).await,
            Route::Blob(name, digest) => self.blob(name, digest),
            Route::Manifest(name, reference) => self.manifest(name, reference).await,
            Route::Referrers(name, digest) => self.referrers(name, digest),
            Route::Tags(name) => self.tags(name),
            Route::Unknown => error(404, "NAME_INVALID", "no such endpoint"),
        }
    }

    fn refusal(&self, name: &str) -> Option<Response<Body>> {
        let mount = self.query("mount").and_then(|_| self.query("from"));
        let options = &self.shared.options;
        let realm = options.realm.clone().unwrap_or_else(|| self.origin());
        options.access.refusal(
            &mut self.shared.tokens(),
            &realm,
            &self.method,
            name,
            mount.as_deref(),
            &self.headers,
        )
    }

    async fn token(&mut self) -> Response<Body> {
        let body = self.document().await.unwrap_or_default();
        let form = pairs(&String::from_utf8_lossy(&body));
        let query = self
            .path
            .split_once('?')
            .map(|(_, query)| query.to_owned())
            .unwrap_or_default();
        let both = format!("{query}&{}", String::from_utf8_lossy(&body));
        let scopes = both
            .split('&')
            .filter_map(|pair| pair.strip_prefix("scope="));
        let mut scopes: Vec<_> = scopes.map(decode).collect();
        let options = &self.shared.options;
        if options.one_scope {
            let all = scopes.join(" ");
            scopes = all.split(' ').take(1).map(str::to_owned).collect();
        }
        options
            .access
            .token(&mut self.shared.tokens(), &scopes, &self.headers, &form)
    }

    fn origin(&self) -> String {
        let host = self.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        match &self.shared.options.tls {
            Some(_) => format!("https://{host}"),
            None => format!("http://{host}"),
        }
    }

    /// Returns a parameter of the query, decoded.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        pairs(self.path.split_once('?')?.1).remove(name)
    }

    /// Reads the body piece by piece, at most `limit` bytes of it; tells if it was read to its end.
    pub(super) async fn read(&mut self, limit: u64, mut piece: impl FnMut(&[u8])) -> bool {
        let Some(mut body) = self.body.take() else {
            return true;
        };
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let Some(data) = frame.ok().and_then(|frame| frame.into_data().ok()) else {
                return false;
            };
            read += data.len() as u64;
            self.shared.log(self.at, |logged| logged.received = read);
            if read > limit {
                return false;
            }
            piece(&data);
        }
        true
    }

    /// Returns the whole body unless it is larger than a document may be.
    pub(super) async fn document(&mut self) -> Option<Vec<u8>> {
        let mut bytes = BytesMut::new();
        let whole = self
            .read(MAX_DOCUMENT as u64, |data| bytes.extend_from_slice(data))
            .await;
        whole.then(|| bytes.to_vec())
    }
}

/// The resource that a path below `/v2/` names.
enum Route<'a> {
    Version,
    Upload(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Manifest(&'a str, &'a str),
    Referrers(&'a str, &'a str),
    Tags(&'a str),
    Unknown,
}

impl<'a> Route<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::Upload(name, _)
            | Self::Blob(name, _)
            | Self::Manifest(name, _)
            | Self::Referrers(name, _)
            | Self::Tags(name) => name,
            Self::Version | Self::Unknown => "",
        }
    }
}

fn route(rest: &str) -> Route<'_> {
    if rest.is_empty() {
        return Route::Version;
    }
    let split = |middle: &str| rest.rsplit_once(middle).filter(|(name, _)| is_name(name));
    if let Some((name, session)) = split("/blobs/uploads/") {
        Route::Upload(name, session)
    } else if let Some((name, digest)) = split("/blobs/") {
        Route::Blob(name, digest)
    } else if let Some((name, reference)) = split("/manifests/") {
        Route::Manifest(name, reference)
    } else if let Some((name, digest)) = split("/referrers/") {
        Route::Referrers(name, digest)
    } else {
        match rest.strip_suffix("/tags/list").filter(|name| is_name(name)) {
            Some(name) => Route::Tags(name),
            None => Route::Unknown,
        }
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}

/// The parameters of a query or form.
fn pairs(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex::decode([*high, *low]).ok(),
            _ => None,
        };
        rest = tail;
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hang_up() -> Response<Body> {
    let mut answer = response(500, &[], "");
    answer.extensions_mut().insert(HangUp);
    answer
}

/// An error as the distribution specification writes it.
pub(super) fn error(status: u16, code: &str, detail: &str) -> Response<Body> {
    let message = code.to_lowercase().replace('_', " ");
    let body = json!({"errors": [{"code": code, "message": message, "detail": detail}]});
    response(
        status,
        &[("content-type", "application/json".to_owned())],
        body.to_string(),
    )
}
