//! Keys and the trusted root that a run has loaded. Rules may ask about many images: each is loaded once.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, OnceCell};

use super::{Choice, Error, Key, Root};
use crate::{env::Env, http::Http};

/// What was loaded. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    root: Arc<OnceCell<Arc<Root>>>,
    /// Keys as PEM, by their references.
    keys: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Loaded {
    /// Returns the trusted root, of which a run has one.
    ///
    /// # Errors
    /// Those of [`Choice::load`]; a failure is not kept.
    pub(super) async fn root(
        &self,
        choice: &Choice,
        env: &Env,
        http: &Http,
    ) -> Result<Arc<Root>, Error> {
        let load = || async {
            let root = choice.load(env, http).await?;
            tracing::info!(origin = root.origin(), "trusted root loaded");
            Ok(Arc::new(root))
        };
        self.root.get_or_try_init(load).await.cloned()
    }

    /// Returns the key that a reference names.
    ///
    /// # Errors
    /// Those of [`Key::load`]; a failure is not kept.
    pub(super) async fn key(&self, reference: &str, env: &Env, http: &Http) -> Result<Key, Error> {
        let mut keys = self.keys.lock().await;
        if let Some(pem) = keys.get(reference) {
            return Key::from_pem(pem, reference);
        }
        let key = Key::load(reference, env, http).await?;
        keys.insert(reference.to_owned(), key.to_pem());
        Ok(key)
    }
}
