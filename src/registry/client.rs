//! Manifests, blobs and tags: the requests that read, and the writing of a manifest.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::{
    Descriptor, Error, Manifest,
    auth::{Access, Auth, Together},
    credentials::AuthPaths,
    limit::Limits,
    lookups::{KnownHosts, LookupLimits},
    request::{RegistryRequest, read},
    retries::Retries,
    strangers::Strangers,
    upload::Refusals,
};
use crate::{
    env::Env,
    http::{Http, Method, StatusCode, header, redacted_url},
    image::{Digest, MediaType, Repository, Tag},
    progress::Progress,
};

/// The largest manifest that is read, in bytes.
pub(super) const MAX_MANIFEST: u64 = 4 << 20;
/// The most pages of a list that are read.
pub(super) const MAX_PAGES: usize = 1000;

/// Retries, parallelism and credential files of a client.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    /// The file with credentials that comes before all others.
    pub(crate) authfile: Option<PathBuf>,
    /// The directory with a `config.json` that comes after all others.
    pub(crate) last_auth_dir: Option<PathBuf>,
    /// How a failed request is repeated.
    pub(crate) retries: Retries,
    /// How many transfers run at once with one host, at most.
    pub(crate) jobs: usize,
    pub(crate) progress: Progress,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            authfile: None,
            last_auth_dir: None,
            retries: Retries::default(),
            jobs: 16,
            progress: Progress::default(),
        }
    }
}

/// A client for every registry of a run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Registry(pub(super) Arc<ClientState>, pub(super) Arc<Together>);

/// State that clones of a client share.
pub(super) struct ClientState {
    pub(super) http: Http,
    pub(super) auth: Arc<Auth>,
    pub(super) limits: Limits,
    pub(super) retries: Retries,
    pub(super) requests: AtomicU64,
    pub(super) progress: Progress,
    pub(super) no_mount: Refusals,
    /// Repositories whose registry lacks the referrers API.
    pub(super) no_referrers: Refusals,
    /// Repositories that have the empty configuration.
    pub(super) has_empty: Refusals,
    pub(super) warned: Refusals,
    /// The hosts that the run itself has sent requests to.
    pub(super) known: KnownHosts,
    /// The hosts that only a Snapshot names.
    pub(super) strangers: Strangers,
    /// Limits on the lookups of policy rules; `None` outside of such lookups.
    pub(super) bounds: Option<LookupLimits>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// A manifest of a repository, by tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Version {
    /// The one that a tag names now.
    Tag(Tag),
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

impl Version {
    /// Returns the version as a message names it: `tag v1.0`, `image sha256:…`.
    pub(super) fn named(&self) -> String {
        match self {
            Self::Tag(tag) => format!("tag {tag}"),
            Self::Digest(digest) => format!("image {digest}"),
        }
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

/// The answer of a registry to HEAD of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The digest that the registry names.
    pub(crate) digest: Digest,
    /// The media type that the registry names.
    pub(crate) media_type: String,
    pub(crate) size: u64,
}

impl Registry {
    /// Makes the client; nothing is connected or read yet.
    pub(crate) fn new(http: Http, env: &Env, options: ClientOptions) -> Self {
        let places = AuthPaths::new(options.authfile, options.last_auth_dir, env);
        let inner = ClientState {
            auth: Arc::new(Auth::new(http.clone(), places)),
            http,
            limits: Limits::new(options.jobs),
            retries: options.retries,
            requests: AtomicU64::new(0),
            progress: options.progress,
            no_mount: Refusals::default(),
            no_referrers: Refusals::default(),
            has_empty: Refusals::default(),
            warned: Refusals::default(),
            known: KnownHosts::default(),
            strangers: Strangers::default(),
            bounds: None,
        };
        Self(Arc::new(inner), Arc::default())
    }

    /// Returns this client with other limits; credentials and tokens are shared.
    pub(crate) fn limited(&self, retries: Option<Retries>, jobs: Option<usize>) -> Self {
        let inner = ClientState {
            http: self.0.http.clone(),
            auth: Arc::clone(&self.0.auth),
            limits: Limits::new(jobs.unwrap_or(ClientOptions::default().jobs)),
            retries: retries.unwrap_or(self.0.retries),
            requests: AtomicU64::new(0),
            progress: self.0.progress.clone(),
            no_mount: Refusals::default(),
            no_referrers: Refusals::default(),
            has_empty: Refusals::default(),
            warned: Refusals::default(),
            known: self.0.known.clone(),
            strangers: self.0.strangers.clone(),
            bounds: self.0.bounds.clone(),
        };
        Self(Arc::new(inner), Arc::clone(&self.1))
    }

    /// Returns this client for a copy: one token for reading the first repository and writing the second.
    pub(super) fn between(&self, from: &Repository, to: &Repository) -> Self {
        let together = Together(vec![(from.clone(), false), (to.clone(), true)]);
        Self(Arc::clone(&self.0), Arc::new(together))
    }

    /// Returns how many requests were sent so far.
    pub(super) fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Reads the digest and media type of a version; `None` when it does not exist.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn head(
        &self,
        repository: &Repository,
        version: &Version,
    ) -> Result<Option<Head>, Error> {
        let url = self.url(repository, &format!("manifests/{version}"))?;
        let call = accept_manifests(RegistryRequest::new(
            Method::HEAD,
            url,
            Access::pull(repository),
        ));
        let answer = self.call(call.clone()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if refuses_head(answer.status()) {
            return self.head_by_get(repository, version).await;
        }
        let answer = self.check(&call, answer).await?;
        let text = |name: &str| {
            let value = answer.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let digest = text("docker-content-digest").and_then(|digest| digest.parse().ok());
        let size = text(header::CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        let media_type = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        match (digest, size) {
            (Some(digest), Some(size)) => Ok(Some(Head {
                digest,
                media_type: media_type.to_owned(),
                size,
            })),
            // Some registries answer HEAD without the digest: hash the manifest ourselves.
            _ => self.head_by_get(repository, version).await,
        }
    }

    async fn head_by_get(
        &self,
        repository: &Repository,
        version: &Version,
    ) -> Result<Option<Head>, Error> {
        let manifest = self.manifest(repository, version).await?;
        Ok(manifest.map(|manifest| Head {
            digest: manifest.digest,
            size: manifest.bytes.len() as u64,
            media_type: manifest.media_type,
        }))
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
        let call = accept_manifests(RegistryRequest::new(
            Method::GET,
            url,
            Access::pull(repository),
        ));
        let answer = self.call(call.clone()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.check(&call, answer).await?;
        let served = answer.headers().get(header::CONTENT_TYPE);
        let served = served.and_then(|value| value.to_str().ok());
        let served = served.unwrap_or_default().to_owned();
        let bytes = read(self.0.http.waits(), &call.url, answer, MAX_MANIFEST).await?;
        let mut manifest = Manifest::new(&served, bytes);
        if let Version::Digest(expected) = version {
            manifest.digest = expected.again(&manifest.bytes);
        }
        match version {
            Version::Digest(expected) if *expected != manifest.digest => Err(Error::WrongDigest {
                url: redacted_url(&call.url),
                found: manifest.digest,
                expected: *expected,
            }),
            _ => Ok(Some(manifest)),
        }
    }

    /// Writes a manifest under its digest or a tag; tells whether the registry keeps track of
    /// its subject.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Protocol`] when the registry stored something else.
    pub(super) async fn put_manifest(
        &self,
        repository: &Repository,
        version: &Version,
        manifest: &Manifest,
    ) -> Result<bool, Error> {
        let call = self.put_call(repository, version, manifest)?;
        self.put(call, manifest).await
    }

    /// Writes a manifest in a single attempt, without retries.
    ///
    /// # Errors
    /// As [`Registry::put_manifest`].
    pub(super) async fn put_manifest_once(
        &self,
        repository: &Repository,
        version: &Version,
        manifest: &Manifest,
    ) -> Result<bool, Error> {
        let call = self.put_call(repository, version, manifest)?;
        self.put(call.single(), manifest).await
    }

    fn put_call(
        &self,
        repository: &Repository,
        version: &Version,
        manifest: &Manifest,
    ) -> Result<RegistryRequest, Error> {
        let url = self.url(repository, &format!("manifests/{version}"))?;
        Ok(
            RegistryRequest::new(Method::PUT, url, Access::push(repository))
                .header(header::CONTENT_TYPE, manifest.media_type.clone())
                .body(manifest.bytes.clone()),
        )
    }

    async fn put(&self, call: RegistryRequest, manifest: &Manifest) -> Result<bool, Error> {
        let answer = self.call(call.clone()).await?;
        let answer = self.check(&call, answer).await?;
        let stored = answer.headers().get("docker-content-digest");
        let stored = stored.and_then(|digest| digest.to_str().ok());
        if stored.is_some_and(|stored| stored != manifest.digest.to_string()) {
            return Err(Error::Protocol {
                url: redacted_url(&call.url),
                reason: "it stored the manifest under another digest",
            });
        }
        Ok(answer.headers().contains_key("oci-subject"))
    }

    /// Deletes a tag by its name (distribution specification 1.1, "Deleting tags"); returns
    /// `false` where the registry does not do that.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(super) async fn remove_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<bool, Error> {
        let url = self.url(repository, &format!("manifests/{tag}"))?;
        let call = RegistryRequest::new(Method::DELETE, url, Access::delete(repository));
        let answer = self.call(call.clone()).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(true),
            status if status.is_client_error() => Ok(false),
            _ => self.check(&call, answer).await.map(|_| true),
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
        let wrong_size = |found: u64, expected: String| Error::WrongSize {
            url: redacted_url(&url),
            found,
            expected,
        };
        if descriptor.size > max_bytes {
            return Err(wrong_size(descriptor.size, format!("at most {max_bytes}")));
        }
        let bytes = self
            .blob_by_digest(repository, &descriptor.digest, descriptor.size)
            .await?;
        if bytes.len() as u64 != descriptor.size {
            return Err(wrong_size(bytes.len() as u64, descriptor.size.to_string()));
        }
        Ok(bytes)
    }

    /// Fetches a blob of unknown size whole, of at most `max_bytes`, and checks its digest.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn blob_by_digest(
        &self,
        repository: &Repository,
        digest: &Digest,
        max_bytes: u64,
    ) -> Result<Bytes, Error> {
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        let call = RegistryRequest::new(Method::GET, url, Access::pull(repository));
        let answer = self.call(call.clone()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(no_blob(repository, digest));
        }
        let answer = self.check(&call, answer).await?;
        let bytes = read(self.0.http.waits(), &call.url, answer, max_bytes).await?;
        let found = digest.again(&bytes);
        if found != *digest {
            return Err(Error::WrongDigest {
                url: redacted_url(&call.url),
                found,
                expected: *digest,
            });
        }
        Ok(bytes)
    }
}

/// The error for a blob that the registry should have and does not.
pub(super) fn no_blob(repository: &Repository, digest: &Digest) -> Error {
    Error::NotFound {
        what: format!("blob {digest}"),
        repository: repository.to_string(),
    }
}

/// Tells whether a registry, or a proxy before it, does not take HEAD: the same may be read by GET.
pub(super) fn refuses_head(status: StatusCode) -> bool {
    matches!(status.as_u16(), 403 | 405 | 501)
}

/// The error for a list of more than [`MAX_PAGES`] pages.
pub(super) fn too_many_pages(repository: &Repository) -> Error {
    Error::Protocol {
        url: repository.to_string(),
        reason: "its list has more than 1000 pages",
    }
}

fn accept_manifests(call: RegistryRequest) -> RegistryRequest {
    let types: Vec<_> = MediaType::ALL.into_iter().map(MediaType::as_str).collect();
    call.header(header::ACCEPT, types.join(", "))
}
