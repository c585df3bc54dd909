//! An embedded OCI registry (distribution specification 1.1), in memory, on a thread of its own.
//!
//! It keeps a log of all requests, so that tests can count them and check their order, can require
//! accounts and tokens, and has faults of real registries on request.

mod access;
mod blobs;
mod fault;
mod handler;
mod manifests;
mod store;
#[cfg(test)]
mod tests;
mod upload;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use access::{Access, Grant};
use anyhow::{Context as _, Result};
pub use fault::{Effect, Fault};
pub use store::Request;
use store::Store;
use upload::{Content, Upload};

use crate::{
    server::{Listener, Reply, serve_with},
    tls::Tls,
};

/// Behaviour of the registry beyond the specification's defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Serves the referrers API; without it, clients keep an index under a tag.
    pub referrers: bool,
    /// Answers the tag `sha256-<hex>` with the image itself, as GitLab's registry does.
    pub fallback_tag_is_image: bool,
    /// Refuses to set a tag that exists.
    pub immutable_tags: bool,
    /// The largest page of tags or referrers, whatever the request says.
    pub page: Option<usize>,
    /// The largest body of one upload request, in bytes; a larger one is answered by 413.
    pub max_body_bytes: Option<u64>,
    /// The origin to which the download of a blob is redirected, as to an object store.
    pub redirect_blobs: Option<String>,
    pub access: Access,
    /// The origin of the token server that challenges name, if it is another one.
    pub realm: Option<String>,
    /// The token server honours the first scope of a request only.
    pub one_scope: bool,
    /// The certificate and key for TLS; plain HTTP without.
    pub tls: Option<Tls>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            referrers: true,
            fallback_tag_is_image: false,
            immutable_tags: false,
            page: None,
            max_body_bytes: None,
            redirect_blobs: None,
            access: Access::Open,
            realm: None,
            one_scope: false,
            tls: None,
        }
    }
}

/// A running registry; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    store: Mutex<Store>,
    faults: Mutex<fault::Faults>,
    tokens: Mutex<access::Tokens>,
    after_write: Mutex<Hook>,
}

/// The function that is called after every write.
#[derive(Clone, Default)]
struct Hook(Option<Arc<dyn Fn() + Send + Sync>>);

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

impl Shared {
    /// Calls the hook for writes, which may block.
    async fn tell_of_write(&self) {
        let hook = self.after_write.lock();
        let hook = hook.unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook.0 {
            let _ = tokio::task::spawn_blocking(move || hook()).await;
        }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, fault::Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokens(&self) -> MutexGuard<'_, access::Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, at: usize, change: impl FnOnce(&mut Request)) {
        if let Some(logged) = self.store().requests.get_mut(at) {
            change(logged);
        }
    }
}

/// The content of every repository at some time.
#[derive(Debug, Clone)]
pub struct Saved(BTreeMap<String, store::StoredRepository>);

impl Server {
    /// Starts the registry on a thread of its own.
    pub fn start(options: Options) -> Result<Self> {
        let listen = options.listen;
        let tls = options.tls.as_ref().map(|tls| Arc::clone(&tls.config));
        let shared = Arc::new(Shared {
            options,
            store: Mutex::default(),
            faults: Mutex::default(),
            tokens: Mutex::default(),
            after_write: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let answer =
            move |request| -> Reply { Box::pin(handler::answer(Arc::clone(&state), request)) };
        let listener = serve_with(listen, tls, answer)
            .with_context(|| format!("cannot listen on {listen}"))?;
        Ok(Self { listener, shared })
    }

    #[must_use]
    pub fn address(&self) -> String {
        self.listener.address().to_string()
    }

    /// Returns every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.store().requests.clone()
    }

    /// Adds a fault for the requests from now on.
    pub fn fail(&self, fault: Fault) {
        self.shared.faults().add(fault);
    }

    pub fn heal(&self) {
        self.shared.faults().clear();
    }

    /// Calls the function after each request that changed something, before its answer goes out.
    pub fn after_each_write(&self, function: impl Fn() + Send + Sync + 'static) {
        let mut hook = self.shared.after_write.lock();
        let hook = hook.as_deref_mut();
        if let Ok(hook) = hook {
            *hook = Hook(Some(Arc::new(function)));
        }
    }

    pub fn forget_requests(&self) {
        self.shared.store().requests.clear();
    }

    /// Every tag with the digest that it names, as `repository:tag`.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<String, String> {
        let store = self.shared.store();
        let tags = store.repositories.iter().flat_map(|(name, repository)| {
            repository
                .tags
                .iter()
                .map(move |(tag, digest)| (format!("{name}:{tag}"), digest.clone()))
        });
        tags.collect()
    }

    /// The bytes of a manifest by tag or digest.
    #[must_use]
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        let store = self.shared.store();
        let manifest = store.manifest(repository, reference)?;
        Some(manifest.bytes.to_vec())
    }

    /// The digests of a repository's manifests.
    #[must_use]
    pub fn manifests(&self, repository: &str) -> Vec<String> {
        let store = self.shared.store();
        let repository = store.repositories.get(repository);
        let manifests = repository
            .into_iter()
            .flat_map(|found| found.manifests.keys());
        manifests.cloned().collect()
    }

    #[must_use]
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        match self.shared.store().blob(repository, digest)? {
            Content::Bytes(bytes) => Some(bytes.to_vec()),
            Content::Zeros(count) => Some(vec![0; usize::try_from(count).ok()?]),
        }
    }

    /// Stores a blob, as a client with every right would; returns its digest.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let mut upload = Upload::default();
        upload.push(bytes);
        self.put(repository, upload)
    }

    /// Stores a blob of zeros, which needs no memory; returns its digest.
    pub fn put_zeros(&self, repository: &str, count: u64) -> String {
        let mut upload = Upload::default();
        let zeros = [0; 64 << 10];
        let mut left = count;
        while left > 0 {
            let piece = left.min(zeros.len() as u64);
            left -= piece;
            upload.push(
                zeros
                    .get(..usize::try_from(piece).unwrap_or(0))
                    .unwrap_or(&zeros),
            );
        }
        self.put(repository, upload)
    }

    fn put(&self, repository: &str, upload: Upload) -> String {
        let (digest, content) = upload.finish();
        self.shared.store().keep(repository, &digest, content);
        digest
    }

    /// Stores a manifest under its digest and, if one is given, a tag; returns the digest.
    pub fn put_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> String {
        self.shared
            .store()
            .put_manifest(repository, tag, media_type, bytes.to_vec().into())
    }

    /// Returns the content of every repository.
    #[must_use]
    pub fn save(&self) -> Saved {
        Saved(self.shared.store().repositories.clone())
    }

    /// Replaces the content of every repository by saved content.
    pub fn restore(&self, saved: Saved) {
        self.shared.store().repositories = saved.0;
    }

    /// Removes a blob, although manifests may name it.
    pub fn delete_blob(&self, repository: &str, digest: &str) {
        self.shared.store().forget_blob(repository, digest);
    }

    /// Removes a tag; its manifest stays.
    pub fn delete_tag(&self, repository: &str, tag: &str) {
        let mut store = self.shared.store();
        if let Some(repository) = store.repositories.get_mut(repository) {
            repository.tags.remove(tag);
        }
    }
}
