//! Blobs and their uploads: "end-2", "end-4" to "end-6" and "end-11" to "end-13".

use std::ops::Range;

use hyper::{Method, Response, header};
use sha2::{Digest as _, Sha512};

use super::{
    fault::Effect,
    handler::{RegistryCall, error},
    upload::{Content, Upload},
};
use crate::server::{Body, response};

impl RegistryCall {
    pub(super) async fn upload(&mut self, name: &str, session: &str) -> Response<Body> {
        if self.method == Method::POST {
            return self.start_upload(name);
        }
        let taken = session.parse().ok().and_then(|number: u64| {
            let upload = self.shared.store().uploads.remove(&number)?;
            Some((number, upload))
        });
        let Some((number, mut upload)) = taken else {
            return error(404, "BLOB_UPLOAD_UNKNOWN", session);
        };
        match self.method {
            Method::DELETE => response(204, &[], ""),
            Method::GET => {
                let answer = accepted(204, name, number, upload.len());
                self.shared.store().uploads.insert(number, upload);
                answer
            }
            Method::PATCH => self.append(name, number, upload).await,
            Method::PUT => {
                if self.out_of_order(&upload) {
                    let answer = accepted(416, name, number, upload.len());
                    self.shared.store().uploads.insert(number, upload);
                    return answer;
                }
                if let Some(refusal) = self.too_large() {
                    return refusal;
                }
                if !self.read(u64::MAX, |data| upload.push(data)).await {
                    return error(400, "BLOB_UPLOAD_INVALID", "the body broke off");
                }
                self.finish(name, upload)
            }
            _ => error(405, "UNSUPPORTED", session),
        }
    }

    fn start_upload(&self, name: &str) -> Response<Body> {
        let mut store = self.shared.store();
        if let (Some(digest), Some(from)) = (self.query("mount"), self.query("from"))
            && !self.effects.contains(&Effect::NoMount)
            && store.mount(name, &digest, &from)
        {
            return created(name, &digest);
        }
        let number = store.start_upload();
        accepted(202, name, number, 0)
    }

    async fn append(&mut self, name: &str, number: u64, mut upload: Upload) -> Response<Body> {
        if self.out_of_order(&upload) {
            let answer = accepted(416, name, number, upload.len());
            self.shared.store().uploads.insert(number, upload);
            return answer;
        }
        if let Some(refusal) = self.too_large() {
            self.shared.store().uploads.insert(number, upload);
            return refusal;
        }
        let whole = self.read(u64::MAX, |data| upload.push(data)).await;
        let length = upload.len();
        self.shared.store().uploads.insert(number, upload);
        if !whole {
            return error(400, "BLOB_UPLOAD_INVALID", "the body broke off");
        }
        accepted(202, name, number, length)
    }

    fn finish(&self, name: &str, upload: Upload) -> Response<Body> {
        let wanted = self.query("digest").unwrap_or_default();
        let (mut digest, content) = upload.finish();
        if let (true, Content::Bytes(bytes)) = (wanted.starts_with("sha512:"), &content) {
            digest = format!("sha512:{}", hex::encode(Sha512::digest(bytes)));
        }
        if digest != wanted {
            return error(400, "DIGEST_INVALID", &wanted);
        }
        self.shared.store().keep(name, &digest, content);
        created(name, &digest)
    }

    fn too_large(&self) -> Option<Response<Body>> {
        let limit = self.shared.options.max_body_bytes?;
        let length = self.headers.get(header::CONTENT_LENGTH);
        let length: u64 = length.and_then(|length| length.to_str().ok()?.parse().ok())?;
        (length > limit).then(|| error(413, "SIZE_INVALID", "too large a body"))
    }

    pub(super) fn blob(&self, name: &str, digest: &str) -> Response<Body> {
        if self.method == Method::DELETE {
            let gone = self.shared.store().forget_blob(name, digest);
            return match gone {
                true => response(202, &[], ""),
                false => error(404, "BLOB_UNKNOWN", digest),
            };
        }
        let Some(content) = self.shared.store().blob(name, digest) else {
            return error(404, "BLOB_UNKNOWN", digest);
        };
        if let (Some(base), &Method::GET) = (&self.shared.options.redirect_blobs, &self.method) {
            let location = format!("{base}/v2/{name}/blobs/{digest}");
            return response(307, &[("location", location)], "");
        }
        let total = content.len();
        let range = self.range(total);
        let part = match range.clone() {
            None => 0..total,
            Some(part) if part.start >= part.end => return error(416, "SIZE_INVALID", digest),
            Some(part) => part,
        };
        // Also set for an empty body: the HTTP library leaves it out of an answer to HEAD.
        let mut headers = vec![
            ("content-length", (part.end - part.start).to_string()),
            ("docker-content-digest", digest.to_owned()),
            ("content-type", "application/octet-stream".to_owned()),
            ("accept-ranges", "bytes".to_owned()),
        ];
        if range.is_none() {
            return response(200, &headers, content.body(part));
        }
        let (first, last) = (part.start, part.end - 1);
        headers.push(("content-range", format!("bytes {first}-{last}/{total}")));
        response(206, &headers, content.body(part))
    }

    /// Returns the requested range (RFC 9110 §14.1.2), one at most; empty when there is no
    /// such part.
    fn range(&self, total: u64) -> Option<Range<u64>> {
        let range = self.headers.get(header::RANGE)?.to_str().ok()?;
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let end = |last: u64| last.saturating_add(1).min(total);
        Some(match (first.parse().ok(), last.parse().ok()) {
            (Some(first), last) => first..end(last.unwrap_or(total)),
            (None, Some(count)) => total.saturating_sub(count)..total,
            (None, None) => return None,
        })
    }

    /// Tells whether a chunk begins elsewhere than the upload ends.
    fn out_of_order(&self, upload: &Upload) -> bool {
        let range = self.headers.get(header::CONTENT_RANGE);
        let start = range.and_then(|range| range.to_str().ok()?.split_once('-')?.0.parse().ok());
        start.is_some_and(|start: u64| start != upload.len())
    }
}

fn created(name: &str, digest: &str) -> Response<Body> {
    let headers = [
        ("location", format!("/v2/{name}/blobs/{digest}")),
        ("docker-content-digest", digest.to_owned()),
    ];
    response(201, &headers, "")
}

fn accepted(status: u16, name: &str, session: u64, length: u64) -> Response<Body> {
    let headers = [
        ("location", format!("/v2/{name}/blobs/uploads/{session}")),
        ("range", format!("0-{}", length.saturating_sub(1))),
        ("docker-upload-uuid", session.to_string()),
    ];
    response(status, &headers, "")
}
