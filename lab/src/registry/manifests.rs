//! Manifests, tags and referrers: "end-3", "end-7" to "end-9" and "end-12".

use hyper::{Method, Response, header};
use serde_json::{Value, json};

use super::{
    handler::{RegistryCall, error},
    store,
};
use crate::server::{Body, response};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl RegistryCall {
    pub(super) async fn manifest(&mut self, name: &str, reference: &str) -> Response<Body> {
        match self.method {
            Method::PUT => self.put_manifest(name, reference).await,
            Method::GET | Method::HEAD => self.get_manifest(name, reference),
            Method::DELETE => {
                let gone = self.shared.store().forget_manifest(name, reference);
                match gone {
                    true => response(202, &[], ""),
                    false => error(404, "MANIFEST_UNKNOWN", reference),
                }
            }
            _ => error(405, "UNSUPPORTED", reference),
        }
    }

    fn get_manifest(&self, name: &str, reference: &str) -> Response<Body> {
        let store = self.shared.store();
        let digest = reference.replace("sha256-", "sha256:");
        let reference = match self.shared.options.fallback_tag_is_image {
            true if store.manifest(name, reference).is_none() => &digest,
            _ => reference,
        };
        let Some(manifest) = store.manifest(name, reference) else {
            return error(404, "MANIFEST_UNKNOWN", reference);
        };
        let headers = [
            ("docker-content-digest", store::sha256(&manifest.bytes)),
            ("content-type", manifest.media_type.clone()),
        ];
        response(200, &headers, manifest.bytes.clone())
    }

    async fn put_manifest(&mut self, name: &str, reference: &str) -> Response<Body> {
        let Some(bytes) = self.document().await else {
            return error(413, "MANIFEST_INVALID", "too large or broken off");
        };
        let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
            return error(400, "MANIFEST_INVALID", "no JSON");
        };
        let digest = store::sha256(&bytes);
        let tag = (!reference.starts_with("sha256:")).then_some(reference);
        match tag {
            None if reference != digest => return error(400, "DIGEST_INVALID", reference),
            Some(tag) if !is_tag(tag) => return error(400, "TAG_INVALID", tag),
            _ => {}
        }
        let mut store = self.shared.store();
        if let Some(missing) = store.missing(name, &document) {
            return error(400, "MANIFEST_BLOB_UNKNOWN", &missing);
        }
        if let Some(tag) = tag
            && self.shared.options.immutable_tags
            && store.manifest(name, tag).is_some()
        {
            return error(409, "TAG_IMMUTABLE", tag);
        }
        let media_type = self.headers.get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let digest = store.put_manifest(name, tag, media_type.unwrap_or_default(), bytes.into());
        let mut headers = vec![
            ("location", format!("/v2/{name}/manifests/{digest}")),
            ("docker-content-digest", digest),
        ];
        let subject = document["subject"]["digest"].as_str();
        if let Some(subject) = subject.filter(|_| self.shared.options.referrers) {
            headers.push(("oci-subject", subject.to_owned()));
        }
        response(201, &headers, "")
    }

    pub(super) fn referrers(&self, name: &str, digest: &str) -> Response<Body> {
        if !self.shared.options.referrers {
            return error(404, "UNSUPPORTED", "no referrers API");
        }
        let mut manifests = self.shared.store().referrers(name, digest);
        let mut headers = vec![("content-type", INDEX.to_owned())];
        if let Some(wanted) = self.query("artifactType") {
            manifests.retain(|manifest| manifest["artifactType"].as_str() == Some(&wanted));
            headers.push(("oci-filters-applied", "artifactType".to_owned()));
        }
        let from = self.query("from").and_then(|from| from.parse().ok());
        let from: usize = from.unwrap_or(0);
        let page = self.shared.options.page.unwrap_or(usize::MAX);
        let left = manifests.split_off(from.min(manifests.len()));
        let (page, more) = left.split_at(page.min(left.len()));
        if !more.is_empty() {
            let next = from + page.len();
            let link = format!("</v2/{name}/referrers/{digest}?from={next}>; rel=\"next\"");
            headers.push(("link", link));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": page});
        response(200, &headers, index.to_string())
    }

    pub(super) fn tags(&self, name: &str) -> Response<Body> {
        let store = self.shared.store();
        let Some(repository) = store.repositories.get(name) else {
            return error(404, "NAME_UNKNOWN", name);
        };
        let last = self.query("last").unwrap_or_default();
        let wanted = self.query("n").and_then(|n| n.parse().ok());
        let limit = [wanted, self.shared.options.page]
            .into_iter()
            .flatten()
            .min();
        let limit = limit.unwrap_or(usize::MAX);
        let after: Vec<_> = repository.tags.keys().filter(|tag| **tag > last).collect();
        let page: Vec<_> = after.iter().take(limit).collect();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(last) = page.last().filter(|_| page.len() < after.len()) {
            let link = format!("</v2/{name}/tags/list?n={limit}&last={last}>; rel=\"next\"");
            headers.push(("link", link));
        }
        let list = json!({"name": name, "tags": page});
        response(200, &headers, list.to_string())
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.starts_with(word) && tag.len() <= 128 && tag.chars().all(|c| word(c) || ".-".contains(c))
}
