//! What refers to a manifest (distribution specification 1.1, "Listing Referrers"): the
//! referrers API with its pages, and the tag that stands in for it where there is none.

use super::{
    Content, Descriptor, Error, Manifest, Registry,
    auth::Access,
    client::{MAX_MANIFEST, MAX_PAGES, next_page, shown, too_many_pages},
    send::{Call, read},
};
use crate::{
    http::{Method, StatusCode},
    image::{Digest, MediaType, Repository, Tag},
};

/// The most referrers of one manifest that are read.
const MAX_REFERRERS: usize = 2000;

/// The referrers of a manifest and how the registry keeps them.
#[derive(Debug, Clone)]
pub(super) struct Referrers {
    /// What refers to the manifest.
    pub(super) list: Vec<Descriptor>,
    /// Whether the registry lists them itself.
    pub(super) api: bool,
    /// The index under the fallback tag, where the registry does not.
    pub(super) fallback: Option<Manifest>,
}

impl Registry {
    /// Lists what refers to a manifest, by the referrers API or the tag `sha256-<hex>`.
    ///
    /// # Errors
    /// Any [`Error`]; a registry that fails is never one without referrers.
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        Ok(self.list_referrers(repository, digest).await?.list)
    }

    /// The same, and how the registry keeps them.
    pub(super) async fn list_referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Referrers, Error> {
        let known = repository.to_string();
        if self.0.no_referrers.has(&known) {
            return self.fallback_referrers(repository, digest).await;
        }
        let mut next = Some(self.url(repository, &format!("referrers/{digest}"))?);
        let mut list = Vec::new();
        for page in 0..MAX_PAGES {
            let Some(url) = next else {
                return Ok(Referrers {
                    list,
                    api: true,
                    fallback: None,
                });
            };
            let call = Call::new(Method::GET, url, Access::pull(repository));
            let answer = self.call(call.clone()).await?;
            let status = answer.status();
            if page == 0 && lacks_api(status) {
                let kept = self.fallback_referrers(repository, digest).await?;
                // A refusal is no absence: what is attached would silently be lost.
                if is_refusal(status) && kept.fallback.is_none() {
                    self.check(&call, answer).await?;
                }
                // A plain "no such endpoint" is remembered, and a refusal where a list was kept
                // all the same; a bad day of the registry is not.
                if matches!(status.as_u16(), 404 | 405 | 501) || is_refusal(status) {
                    self.0.no_referrers.add(known);
                }
                return Ok(kept);
            }
            let answer = self.check(&call, answer).await?;
            next = next_page(&call.url, answer.headers());
            let bytes = read(&call.url, answer, MAX_MANIFEST).await?;
            let index = Manifest::new(MediaType::OciIndex.as_str(), bytes);
            match index.content()? {
                Content::Index(index) => list.extend(index.manifests),
                Content::Image(_) => {
                    return Err(Error::Protocol {
                        url: shown(&call.url),
                        reason: "its list of referrers is no index",
                    });
                }
            }
            if list.len() > MAX_REFERRERS {
                return Err(Error::Protocol {
                    url: shown(&call.url),
                    reason: "it lists more than 2000 referrers",
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
        };
        let Some(tag) = fallback_tag(digest) else {
            return Ok(none);
        };
        let Some(manifest) = self.manifest(repository, &tag.into()).await? else {
            return Ok(none);
        };
        match manifest.content()? {
            // GitLab resolves the tag to the image itself, which may be an index.
            Content::Index(index) if manifest.digest != *digest => Ok(Referrers {
                list: index.manifests,
                fallback: Some(manifest),
                ..none
            }),
            _ => Ok(none),
        }
    }
}

/// The tag that stands in for the referrers API.
pub(super) fn fallback_tag(digest: &Digest) -> Option<Tag> {
    format!("sha256-{}", digest.hex()).parse().ok()
}

/// How registries say that they do not know the endpoint: besides 404, Quay says 400 and old
/// Harbors 401.
fn lacks_api(status: StatusCode) -> bool {
    is_refusal(status) || matches!(status.as_u16(), 400 | 404 | 405 | 501)
}

/// A refusal counts as a missing endpoint only where the tag that stands in for it exists.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403)
}
