//! The endpoints of the distribution specification, "end-1" to "end-12".

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, body::Incoming, header};
use serde_json::{Value, json};

use super::{Shared, store};
use crate::server::response;

type Answer = Response<Full<Bytes>>;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MAX_MANIFEST: usize = 4 << 20;

/// Answers one request and logs it.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    let path = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let at = {
        let mut store = shared.store();
        let method = method.to_string();
        store.requests.push(store::Request {
            method,
            path: path.clone(),
            status: 0,
        });
        store.requests.len() - 1
    };
    let (parts, body) = request.into_parts();
    let answer = match body.collect().await {
        Ok(body) => Call {
            shared: &shared,
            method,
            path,
            headers: parts.headers,
            body: body.to_bytes(),
        }
        .route(),
        Err(_) => error(400, "BLOB_UPLOAD_INVALID", "the body broke off"),
    };
    if let Some(logged) = shared.store().requests.get_mut(at) {
        logged.status = answer.status().as_u16();
    }
    answer
}

struct Call<'a> {
    shared: &'a Shared,
    method: Method,
    path: String,
    headers: header::HeaderMap,
    body: Bytes,
}

impl Call<'_> {
    fn route(&self) -> Answer {
        let path = self.path.split('?').next().unwrap_or_default();
        let Some(rest) = path.strip_prefix("/v2/") else {
            return error(404, "UNSUPPORTED", "no such endpoint");
        };
        if rest.is_empty() {
            return response(200, &[], "{}");
        }
        let split = |middle: &str| rest.rsplit_once(middle).filter(|(name, _)| is_name(name));
        if let Some((name, session)) = split("/blobs/uploads/") {
            return self.upload(name, session);
        }
        if let Some((name, digest)) = split("/blobs/") {
            return self.blob(name, digest);
        }
        if let Some((name, reference)) = split("/manifests/") {
            return self.manifest(name, reference);
        }
        if let Some((name, digest)) = split("/referrers/") {
            return self.referrers(name, digest);
        }
        match rest.strip_suffix("/tags/list") {
            Some(name) => self.tags(name),
            None => error(404, "NAME_INVALID", "no such endpoint"),
        }
    }

    fn query(&self, name: &str) -> Option<String> {
        let query = self.path.split_once('?')?.1;
        let pair = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(
            pair.replace("%3A", ":")
                .replace("%3a", ":")
                .replace("%2F", "/")
                .replace("%2f", "/"),
        )
    }

    fn upload(&self, name: &str, session: &str) -> Answer {
        let mut store = self.shared.store();
        if self.method == Method::POST {
            if let (Some(digest), Some(from)) = (self.query("mount"), self.query("from"))
                && store.mount(name, &digest, &from)
            {
                return created(&format!("/v2/{name}/blobs/{digest}"), &digest);
            }
            let session = store.start_upload();
            return accepted(name, session, 0);
        }
        let Some((number, mut received)) = session
            .parse()
            .ok()
            .and_then(|number: u64| Some((number, store.uploads.remove(&number)?)))
        else {
            return error(404, "BLOB_UPLOAD_UNKNOWN", session);
        };
        if self.method == Method::DELETE {
            return response(204, &[], "");
        }
        received.extend_from_slice(&self.body);
        if self.method == Method::PATCH {
            let length = received.len();
            store.uploads.insert(number, received);
            return accepted(name, number, length);
        }
        if self.method == Method::GET {
            let length = received.len();
            store.uploads.insert(number, received);
            return response(
                204,
                &[
                    ("range", range(length)),
                    ("location", location(name, number)),
                ],
                "",
            );
        }
        let digest = self.query("digest").unwrap_or_default();
        if self.method != Method::PUT || store::sha256(&received) != digest {
            return error(400, "DIGEST_INVALID", &digest);
        }
        store.put_blob(name, received.freeze());
        created(&format!("/v2/{name}/blobs/{digest}"), &digest)
    }

    fn blob(&self, name: &str, digest: &str) -> Answer {
        let Some(bytes) = self.shared.store().blob(name, digest) else {
            return error(404, "BLOB_UNKNOWN", digest);
        };
        let range = self
            .headers
            .get(header::RANGE)
            .and_then(|range| range.to_str().ok());
        let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let start: Option<usize> = start.and_then(|start| start.parse().ok());
        let headers = [
            ("docker-content-digest", digest.to_owned()),
            ("content-type", "application/octet-stream".to_owned()),
            ("accept-ranges", "bytes".to_owned()),
        ];
        match start {
            Some(start) if start < bytes.len() => response(206, &headers, bytes.slice(start..)),
            _ => response(200, &headers, bytes),
        }
    }

    fn manifest(&self, name: &str, reference: &str) -> Answer {
        if self.method == Method::PUT {
            return self.put_manifest(name, reference);
        }
        let mut store = self.shared.store();
        if self.method == Method::DELETE {
            let repository = store.repositories.get_mut(name);
            let gone =
                repository.is_some_and(|repository| repository.tags.remove(reference).is_some());
            return if gone {
                response(202, &[], "")
            } else {
                error(404, "MANIFEST_UNKNOWN", reference)
            };
        }
        let Some(manifest) = store.manifest(name, reference) else {
            return error(404, "MANIFEST_UNKNOWN", reference);
        };
        let headers = [
            ("docker-content-digest", store::sha256(&manifest.bytes)),
            ("content-type", manifest.media_type.clone()),
        ];
        response(200, &headers, manifest.bytes.clone())
    }

    fn put_manifest(&self, name: &str, reference: &str) -> Answer {
        if self.body.len() > MAX_MANIFEST {
            return error(413, "MANIFEST_INVALID", "too large");
        }
        let Ok(document) = serde_json::from_slice::<Value>(&self.body) else {
            return error(400, "MANIFEST_INVALID", "no JSON");
        };
        let mut store = self.shared.store();
        if let Some(missing) = store.missing(name, &document) {
            return error(400, "MANIFEST_BLOB_UNKNOWN", &missing);
        }
        let digest = store::sha256(&self.body);
        let tag = (!reference.starts_with("sha256:")).then_some(reference);
        if tag.is_none() && reference != digest {
            return error(400, "DIGEST_INVALID", reference);
        }
        let media_type = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let digest =
            store.put_manifest(name, tag, media_type.unwrap_or_default(), self.body.clone());
        let mut headers = vec![
            ("location", format!("/v2/{name}/manifests/{digest}")),
            ("docker-content-digest", digest),
        ];
        if let Some(subject) = document["subject"]["digest"]
            .as_str()
            .filter(|_| self.shared.options.referrers)
        {
            headers.push(("oci-subject", subject.to_owned()));
        }
        response(201, &headers, "")
    }

    fn referrers(&self, name: &str, digest: &str) -> Answer {
        if !self.shared.options.referrers {
            return error(404, "UNSUPPORTED", "no referrers API");
        }
        let manifests = self.shared.store().referrers(name, digest);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        response(
            200,
            &[("content-type", INDEX.to_owned())],
            index.to_string(),
        )
    }

    fn tags(&self, name: &str) -> Answer {
        let store = self.shared.store();
        let Some(repository) = store.repositories.get(name) else {
            return error(404, "NAME_UNKNOWN", name);
        };
        let last = self.query("last").unwrap_or_default();
        let limit = self
            .query("n")
            .and_then(|n| n.parse().ok())
            .unwrap_or(usize::MAX);
        let after: Vec<_> = repository.tags.keys().filter(|tag| **tag > last).collect();
        let page: Vec<_> = after.iter().take(limit).collect();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(last) = page.last().filter(|_| page.len() < after.len()) {
            headers.push((
                "link",
                format!("</v2/{name}/tags/list?n={limit}&last={last}>; rel=\"next\""),
            ));
        }
        response(
            200,
            &headers,
            json!({"name": name, "tags": page}).to_string(),
        )
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}

fn error(status: u16, code: &str, detail: &str) -> Answer {
    let body = json!({"errors": [{"code": code, "message": code.to_lowercase().replace('_', " "), "detail": detail}]});
    response(
        status,
        &[("content-type", "application/json".to_owned())],
        body.to_string(),
    )
}

fn created(location: &str, digest: &str) -> Answer {
    let headers = [
        ("location", location.to_owned()),
        ("docker-content-digest", digest.to_owned()),
    ];
    response(201, &headers, "")
}

fn accepted(name: &str, session: u64, length: usize) -> Answer {
    let headers = [
        ("location", location(name, session)),
        ("range", range(length)),
    ];
    response(202, &headers, "")
}

fn location(name: &str, session: u64) -> String {
    format!("/v2/{name}/blobs/uploads/{session}")
}

fn range(length: usize) -> String {
    format!("0-{}", length.saturating_sub(1))
}
