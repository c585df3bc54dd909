//! Manifests, blobs, tags and referrers: the requests that read.

use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{Content, Descriptor, Error, Manifest};
use crate::{
    http::{self, Http, Method, RequestBuilder, Response, StatusCode, Traffic, Url, header},
    image::{Digest, MediaType, Repository, Tag},
};

/// The largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 4 << 20;

/// A client for every registry of a run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Registry(Arc<Inner>);

struct Inner {
    http: Http,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// Which manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Version {
    /// The one that a tag names now.
    Tag(Tag),
    /// The one with this digest.
    Digest(Digest),
}

impl From<Tag> for Version {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Version {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// What a registry says of a manifest without serving it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The digest that the registry names.
    pub(crate) digest: Digest,
    /// The media type that the registry names.
    pub(crate) media_type: String,
    /// The size in bytes.
    pub(crate) size: u64,
}

impl Registry {
    /// Makes the client; nothing is connected yet.
    pub(crate) fn new(http: Http) -> Self {
        Self(Arc::new(Inner { http }))
    }

    /// Asks what a version is; `None` when it does not exist.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn head(
        &self,
        repository: &Repository,
        version: &Version,
    ) -> Result<Option<Head>, Error> {
        let url = self.url(repository, &format!("manifests/{version}"))?;
        let response = self.send(Method::HEAD, &url, accept_manifests).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = check(Method::HEAD, &url, response).await?;
        let text = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let digest = text("docker-content-digest").and_then(|digest| digest.parse().ok());
        let size = text(header::CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        let media_type = text(header::CONTENT_TYPE.as_str())
            .unwrap_or_default()
            .to_owned();
        match (digest, size) {
            (Some(digest), Some(size)) => Ok(Some(Head {
                digest,
                media_type,
                size,
            })),
            // Some registries answer HEAD without the digest: hash the manifest ourselves.
            _ => Ok(self
                .manifest(repository, version)
                .await?
                .map(|manifest| Head {
                    digest: manifest.digest,
                    size: manifest.bytes.len() as u64,
                    media_type: manifest.media_type,
                })),
        }
    }

    /// Fetches a manifest; `None` when it does not exist.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::WrongDigest`] when the bytes are not those of the digest.
    pub(crate) async fn manifest(
        &self,
        repository: &Repository,
        version: &Version,
    ) -> Result<Option<Manifest>, Error> {
        let url = self.url(repository, &format!("manifests/{version}"))?;
        let response = self.send(Method::GET, &url, accept_manifests).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = check(Method::GET, &url, response).await?;
        let served = response.headers().get(header::CONTENT_TYPE);
        let served = served
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let bytes = read(&url, response, MAX_MANIFEST).await?;
        let manifest = Manifest::new(&served, bytes);
        match version {
            Version::Digest(expected) if *expected != manifest.digest => Err(Error::WrongDigest {
                url: shown(&url),
                found: manifest.digest,
                expected: *expected,
            }),
            _ => Ok(Some(manifest)),
        }
    }

    /// Fetches a blob whole, of at most `max_bytes`, and checks its size and digest.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        max_bytes: u64,
    ) -> Result<Bytes, Error> {
        let url = self.url(repository, &format!("blobs/{}", descriptor.digest))?;
        if descriptor.size > max_bytes {
            return Err(Error::WrongSize {
                url: shown(&url),
                found: descriptor.size,
                expected: format!("at most {max_bytes}"),
            });
        }
        let response = self.send(Method::GET, &url, |request| request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(Error::NotFound {
                what: format!("blob {}", descriptor.digest),
                repository: repository.to_string(),
            });
        }
        let response = check(Method::GET, &url, response).await?;
        let bytes = read(&url, response, descriptor.size).await?;
        let found = Digest::of(&bytes);
        if bytes.len() as u64 != descriptor.size {
            return Err(Error::WrongSize {
                url: shown(&url),
                found: bytes.len() as u64,
                expected: descriptor.size.to_string(),
            });
        }
        if found != descriptor.digest {
            return Err(Error::WrongDigest {
                url: shown(&url),
                found,
                expected: descriptor.digest,
            });
        }
        Ok(bytes)
    }

    /// Lists what refers to a manifest, by the referrers API or the tag `sha256-<hex>`.
    ///
    /// # Errors
    /// Any [`Error`]; a registry that fails is never one without referrers.
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let url = self.url(repository, &format!("referrers/{digest}"))?;
        let response = self.send(Method::GET, &url, |request| request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return self.fallback_referrers(repository, digest).await;
        }
        let response = check(Method::GET, &url, response).await?;
        let bytes = read(&url, response, MAX_MANIFEST).await?;
        let index = Manifest::new(MediaType::OciIndex.as_str(), bytes);
        match index.content()? {
            Content::Index(index) => Ok(index.manifests),
            Content::Image(_) => Ok(Vec::new()),
        }
    }

    async fn fallback_referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let tag = format!("sha256-{}", digest.hex());
        let Ok(tag) = tag.parse::<Tag>() else {
            return Ok(Vec::new());
        };
        let Some(manifest) = self.manifest(repository, &tag.into()).await? else {
            return Ok(Vec::new());
        };
        match manifest.content()? {
            Content::Index(index) if manifest.digest != *digest => Ok(index.manifests),
            _ => Ok(Vec::new()),
        }
    }

    fn url(&self, repository: &Repository, rest: &str) -> Result<Url, Error> {
        // Docker Hub's API answers under another name than its images have.
        let host = match repository.registry() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let url = format!(
            "{}://{host}/v2/{}/{rest}",
            self.0.http.scheme(host),
            repository.path()
        );
        Url::parse(&url).map_err(|_| Error::Protocol {
            url,
            reason: "the registry's name makes no URL",
        })
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        prepare: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Error> {
        let client = self.0.http.client(url, Traffic::Small)?;
        let request = prepare(client.request(method.clone(), url.clone()));
        request
            .send()
            .await
            .map_err(|error| transport(&method, url, &error))
    }
}

fn accept_manifests(request: RequestBuilder) -> RequestBuilder {
    let types: Vec<_> = MediaType::ALL.into_iter().map(MediaType::as_str).collect();
    request.header(header::ACCEPT, types.join(", "))
}

/// The URL without its query, which may hold a secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

fn transport(method: &Method, url: &Url, error: &http::TransportError) -> Error {
    Error::Transport {
        method: method.to_string(),
        url: shown(url),
        reason: http::chain(error),
    }
}

async fn check(method: Method, url: &Url, response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(Error::Denied {
            url: shown(url),
            status: status.as_u16(),
        });
    }
    let body = read(url, response, 64 << 10).await.unwrap_or_default();
    let message = String::from_utf8_lossy(&body).chars().take(300).collect();
    Err(Error::Status {
        method: method.to_string(),
        url: shown(url),
        status: status.as_u16(),
        message,
    })
}

async fn read(url: &Url, mut response: Response, limit: u64) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport(&Method::GET, url, &error))?
    {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(Error::WrongSize {
                url: shown(url),
                found: (bytes.len() + chunk.len()) as u64,
                expected: format!("at most {limit}"),
            });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
