//! Caches the keys and the trusted root of a run, because rules may verify many images.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, OnceCell};

use super::{Error, RootSource, SigstoreRoot, TrustedKey};
use crate::{env::Env, http::Http};

/// The cache of keys and the trusted root. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    root: Arc<OnceCell<Arc<SigstoreRoot>>>,
    /// The keys as PEM, by their references.
    keys: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Loaded {
    /// Returns the trusted root of the run, loaded at the first call.
    ///
    /// # Errors
    /// Those of [`RootSource::load`]; a failure is not cached.
    pub(super) async fn root(
        &self,
        choice: &RootSource,
        env: &Env,
        http: &Http,
    ) -> Result<Arc<SigstoreRoot>, Error> {
        let load = || async {
            let root = choice.load(env, http).await?;
            tracing::info!(origin = root.origin(), "trusted root loaded");
            Ok(Arc::new(root))
        };
        self.root.get_or_try_init(load).await.cloned()
    }

    /// Returns the key of a reference, loaded at the first call.
    ///
    /// # Errors
    /// Those of [`TrustedKey::load`]; a failure is not cached.
    pub(super) async fn key(
        &self,
        reference: &str,
        env: &Env,
        http: &Http,
    ) -> Result<TrustedKey, Error> {
        let mut keys = self.keys.lock().await;
        if let Some(pem) = keys.get(reference) {
            return TrustedKey::from_pem(pem, reference);
        }
        let key = TrustedKey::load(reference, env, http).await?;
        keys.insert(reference.to_owned(), key.to_pem());
        Ok(key)
    }
}
