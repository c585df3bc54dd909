//! An embedded OCI registry (distribution specification 1.1), in memory, on a thread of its own.
//!
//! It keeps a log of all requests, so that tests can count them and look at their order, and
//! can be told to lack the referrers API.

mod handler;
mod store;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
pub use store::Request;
use store::Store;

use crate::server::{Listener, Reply, serve};

/// How the registry behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether it has the referrers API; without it, clients keep an index under a tag.
    pub referrers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            referrers: true,
        }
    }
}

/// A running registry; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    shared: Arc<Shared>,
}

/// What the requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    store: Mutex<Store>,
}

impl Shared {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Starts it.
    pub fn start(options: Options) -> Result<Self> {
        let listen = options.listen;
        let shared = Arc::new(Shared {
            options,
            store: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let answer =
            move |request| -> Reply { Box::pin(handler::answer(Arc::clone(&state), request)) };
        let listener =
            serve(listen, answer).with_context(|| format!("cannot listen on {listen}"))?;
        Ok(Self { listener, shared })
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.listener.address().to_string()
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.store().requests.clone()
    }

    /// Forgets the requests so far.
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

    /// The bytes of a blob.
    #[must_use]
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let store = self.shared.store();
        store.blob(repository, digest).map(|bytes| bytes.to_vec())
    }

    /// Puts a blob there, as a client with every right would; returns its digest.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        self.shared
            .store()
            .put_blob(repository, bytes.to_vec().into())
    }

    /// Puts a manifest there under its digest and, if one is given, a tag; returns the digest.
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

    /// Takes a tag away.
    pub fn delete_tag(&self, repository: &str, tag: &str) {
        let mut store = self.shared.store();
        if let Some(repository) = store.repositories.get_mut(repository) {
            repository.tags.remove(tag);
        }
    }
}
