//! Referrers of a manifest (distribution specification 1.1, "Listing Referrers"): the
//! referrers API with its pages, and the fallback tag where a registry lacks the API.

use std::time::Instant;

use super::{
    Descriptor, Error, Manifest, Registry, Version,
    auth::Access,
    client::{MAX_MANIFEST, MAX_PAGES, too_many_pages},
    pages::next_page,
    request::{RegistryRequest, read},
};
use crate::{
    budget,
    http::{Method, StatusCode, redacted_url},
    image::{Digest, Repository, Tag},
    json,
};

/// The most referrers of one manifest that are read.
const MAX_REFERRERS: usize = 6000;

/// The referrers of a manifest and how the registry keeps them.
#[derive(Debug, Clone)]
pub(crate) struct Referrers {
    pub(crate) list: Vec<Descriptor>,
    /// Set when the registry has the referrers API.
    pub(super) api: bool,
    /// The index under the fallback tag, for a registry without the API.
    pub(super) fallback: Option<Manifest>,
    pub(super) read_at: Instant,
}

impl Registry {
    /// Lists the referrers of a manifest, by the referrers API or the tag `sha256-<hex>`.
    ///
    /// # Errors
    /// Any [`Error`]; a failing registry is never treated as one without referrers.
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        Ok(self.list_referrers(repository, digest).await?.list)
    }

    /// Lists the referrers, and how the registry keeps them.
    pub(crate) async fn list_referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Referrers, Error> {
        let known = repository.to_string();
        if self.0.no_referrers.has(&known) {
            return self.fallback_referrers(repository, digest).await;
        }
        let mut next = Some(self.url(repository, &format!("referrers/{digest}"))?);
        let object = format!("the list of referrers of {repository}@{digest}");
        let _load = budget::load(&object);
        let read_at = Instant::now();
        let mut list = Vec::new();
        for page in 0..MAX_PAGES {
            let Some(url) = next else {
                return Ok(Referrers {
                    list,
                    api: true,
                    fallback: None,
                    read_at,
                });
            };
            let call = RegistryRequest::new(Method::GET, url, Access::pull(repository));
            let answer = self.call(call.clone()).await?;
            let status = answer.status();
            if page == 0 && lacks_api(status) {
                let kept = self.fallback_referrers(repository, digest).await?;
                // A refusal is not an absence: attached artifacts would silently be lost.
                if is_refusal(status) && kept.fallback.is_none() {
                    self.check(&call, answer).await?;
                }
                // Remember a plain "no such endpoint", and a refusal by a registry with a list under the
                // fallback tag; a temporary failure is not remembered.
                if matches!(status.as_u16(), 404 | 405 | 501) || is_refusal(status) {
                    self.0.no_referrers.add(known);
                }
                return Ok(kept);
            }
            let answer = self.check(&call, answer).await?;
            next = next_page(&call.url, answer.headers())?;
            let bytes = read(self.0.http.waits(), &call.url, answer, MAX_MANIFEST).await?;
            list.extend(entries(digest, &bytes).map_err(|reason| Error::Referrers {
                url: redacted_url(&call.url),
                reason,
            })?);
            if list.len() > MAX_REFERRERS {
                return Err(Error::Manifest {
                    digest: *digest,
                    reason: format!("it has more than {MAX_REFERRERS} referrers"),
                });
            }
        }
        Err(too_many_pages(repository))
    }

    async fn fallback_referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Referrers, Error> {
        let none = Referrers {
            list: Vec::new(),
            api: false,
            fallback: None,
            read_at: Instant::now(),
        };
        let Some(tag) = fallback_tag(digest) else {
            return Ok(none);
        };
        let Some(manifest) = self.manifest(repository, &tag.clone().into()).await? else {
            return Ok(none);
        };
        // GitLab resolves the tag to the image itself, which may be an index.
        if manifest.digest == *digest {
            return Ok(none);
        }
        let version = Version::Tag(tag);
        let list = entries(digest, &manifest.bytes).map_err(|reason| Error::Referrers {
            url: self.manifest_url(repository, &version),
            reason,
        })?;
        Ok(Referrers {
            list,
            fallback: Some(manifest),
            ..none
        })
    }
}

/// Parses a list of referrers. An entry that cannot be read does not hide the others: it is named
/// in a warning and passed over.
pub(super) fn entries(subject: &Digest, bytes: &[u8]) -> Result<Vec<Descriptor>, String> {
    let document = json::document(bytes, &json::REFERRERS).map_err(|error| error.to_string())?;
    let has = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    if has("config") || has("layers") {
        return Err("it is an image, expected a list of referrers".to_owned());
    }
    let Some(manifests) = document.get("manifests") else {
        return Err("it has no member manifests".to_owned());
    };
    let mut list = Vec::new();
    for (at, entry) in manifests.as_array().into_iter().flatten().enumerate() {
        let read = json::check(entry, &json::DESCRIPTOR).and_then(|()| json::decode(entry));
        match read {
            Ok(entry) => list.push(entry),
            Err(error) => tracing::warn!("ignored referrer {at} in the list of {subject}: {error}"),
        }
    }
    Ok(list)
}

/// Returns the fallback tag of the referrers API.
pub(super) fn fallback_tag(digest: &Digest) -> Option<Tag> {
    format!("sha256-{}", digest.hex()).parse().ok()
}

/// Tells whether a status means that the endpoint does not exist: besides 404, Quay answers 400 and old
/// Harbors 401.
fn lacks_api(status: StatusCode) -> bool {
    is_refusal(status) || matches!(status.as_u16(), 400 | 404 | 405 | 501)
}

/// Tells whether a status is a refusal, accepted as a missing endpoint only where the fallback tag exists.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"mediaType":"t","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"annotations":null}"#;

    #[test]
    fn passes_over_entries_that_cannot_be_read() {
        let subject = Digest::of(b"image");
        let odd = r#"null,7,{"digest":"sha512:00"},{"mediaType":"t","Digest":"x"}"#;
        for (text, expected) in [
            (format!(r#"{{"manifests":[{ENTRY}]}}"#), 1),
            (
                format!(r#"{{"schemaVersion":2,"manifests":[{odd},{ENTRY}]}}"#),
                1,
            ),
            (r#"{"manifests":null,"annotations":null}"#.to_owned(), 0),
            (r#"{"manifests":[]}"#.to_owned(), 0),
        ] {
            let found = entries(&subject, text.as_bytes()).unwrap();
            assert_eq!(found.len(), expected, "{text}");
        }
        for text in [
            "{}".to_owned(),
            "[]".to_owned(),
            "<html>".to_owned(),
            format!(r#"{{"Manifests":[{ENTRY}]}}"#),
            format!(r#"{{"manifests":[],"manifests":[{ENTRY}]}}"#),
            format!(r#"{{"config":{ENTRY},"layers":[]}}"#),
        ] {
            assert!(entries(&subject, text.as_bytes()).is_err(), "{text}");
        }
    }
}
