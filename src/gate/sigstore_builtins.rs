//! Implements the functions of rules about the signatures of other images (`ec.sigstore.*`).
//!
//! Every failure is returned as `success: false` with a message, as rules expect it. Facts that could
//! not be read are recorded as well, because a rule may test for the opposite of success.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::Clients;
use crate::{
    http::{self, HostPort, Url},
    image::DigestReference,
    policy::{
        Sig, UnseenReason,
        rego::{CallResult, SignatureQuery, SignedObject, Verify},
    },
    registry::{self, Registry},
    trust::{self, Examined, ImageVerifier, Patterns, TrustRequest},
};

/// Returns the function that rules call. It blocks, so it must run on a thread that may block.
pub(super) fn verify(
    clients: &Clients,
    registry: Registry,
    request: &TrustRequest,
    hosts: &[HostPort],
) -> Verify {
    let verifiers = Verifiers {
        clients: clients.clone(),
        registry,
        hosts: hosts.to_vec(),
        request: request.clone(),
        known: Mutex::default(),
    };
    let runtime = tokio::runtime::Handle::current();
    Arc::new(move |question: SignatureQuery| {
        let subject = question.subject;
        let examined = runtime.block_on(verifiers.examine(&question));
        answer(subject, examined)
    })
}

type Made = Arc<OnceCell<Result<ImageVerifier, CallFault>>>;

/// A cache of verifiers by the options of the call: keys, patterns and the root are loaded once per run.
struct Verifiers {
    clients: Clients,
    registry: Registry,
    hosts: Vec<HostPort>,
    request: TrustRequest,
    known: Mutex<BTreeMap<String, Made>>,
}

impl Verifiers {
    async fn examine(&self, question: &SignatureQuery) -> Result<Examined, CallFault> {
        let image: DigestReference = question
            .image
            .parse()
            .map_err(|error| format!("ref parameter: {error}"))?;
        let made = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let options = question.options.to_string();
            Arc::clone(known.entry(options).or_default())
        };
        let verifier = made.get_or_init(|| self.verifier(&question.options)).await;
        let verifier = verifier.as_ref().map_err(Clone::clone)?;
        let examined = verifier.examine(&self.registry, &image).await;
        examined.map_err(|error| CallFault {
            text: error.to_string(),
            unreadable: unreadable(error),
        })
    }

    /// Refuses a URL whose host is not allowed for rules, unless the run itself uses the URL.
    fn check_host(&self, options: &Value, name: &str) -> Result<(), CallFault> {
        let given = options.get(name).and_then(Value::as_str);
        let url = given.and_then(|text| Url::parse(text).ok());
        let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return Ok(());
        };
        let host = http::authority(&url);
        let own = self
            .request
            .public_key
            .iter()
            .chain(&self.request.rekor_url);
        let is_own = own.into_iter().any(|text| Some(text.as_str()) == given);
        let is_listed = self.hosts.is_empty() || self.hosts.iter().any(|named| named.covers(&host));
        if is_own || is_listed {
            return Ok(());
        }
        let error = registry::Error::from(http::Error::Unlisted { host });
        Err(CallFault {
            text: format!("opts parameter: {error}"),
            unreadable: Some(error.into()),
        })
    }

    async fn verifier(&self, options: &Value) -> Result<ImageVerifier, CallFault> {
        let request = with_options(&self.request, options)
            .ok_or_else(|| "opts parameter: ignore_rekor is missing".to_owned())?;
        for name in ["public_key", "rekor_url"] {
            self.check_host(options, name)?;
        }
        let (env, http) = (&self.clients.env, &self.clients.http);
        request
            .verifier(env, http)
            .await
            .map_err(|error| CallFault {
                text: format!("opts parameter: {error}"),
                unreadable: unreadable(error),
            })
    }
}

/// The reason of a call without success.
#[derive(Debug, Clone)]
struct CallFault {
    text: String,
    /// Set if the cause is a fact that could not be read.
    unreadable: Option<UnseenReason>,
}

impl From<String> for CallFault {
    fn from(text: String) -> Self {
        Self {
            text,
            unreadable: None,
        }
    }
}

/// Returns the fact that could not be read; `None` for a key or option that the rule got wrong.
fn unreadable(error: trust::Error) -> Option<UnseenReason> {
    use trust::Error as E;
    match error {
        E::Registry(error) => Some(error.into()),
        E::ImageNotFound { .. } => Some(UnseenReason::missing(error)),
        E::Remote { .. } | E::Kube(_) => Some(UnseenReason::failed(error)),
        E::TooMany { .. } => Some(UnseenReason::unusable(error)),
        _ => None,
    }
}

/// Returns a request with the trusted root of the run and the signers of the call.
fn with_options(request: &TrustRequest, options: &Value) -> Option<TrustRequest> {
    let text = |name: &str| {
        let text = options.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Some(TrustRequest {
        public_key: text("public_key").into_iter().collect(),
        certificate_identity: text("certificate_identity").into_iter().collect(),
        certificate_identity_regexp: text("certificate_identity_regexp").into_iter().collect(),
        certificate_oidc_issuer: text("certificate_oidc_issuer"),
        certificate_oidc_issuer_regexp: text("certificate_oidc_issuer_regexp"),
        rekor_url: text("rekor_url"),
        ignore_rekor: options.get("ignore_rekor")?.as_bool()?,
        // In Rego an expression matches as in Conforma's ec: a deny rule by a prefix has to match.
        refuse_unreachable: false,
        patterns: Patterns::Part,
        ..request.clone()
    })
}

fn answer(subject: SignedObject, examined: Result<Examined, CallFault>) -> CallResult<Value> {
    let (member, what) = match subject {
        SignedObject::Image => ("signatures", "verify image signature"),
        SignedObject::Attestation => ("attestations", "verify image attestation signature"),
    };
    let mut unreadable = None;
    let mut opened = Vec::new();
    let examined = examined.map_err(|fault| {
        unreadable = fault.unreadable;
        fault.text
    });
    let found = examined.and_then(|examined| {
        opened.clone_from(&examined.opened);
        match subject {
            SignedObject::Image => {
                let found = examined
                    .signatures
                    .map_err(|error| format!("{what}: {error}"))?;
                Ok(found
                    .iter()
                    .map(|found| signature(&Sig::from(found)))
                    .collect::<Vec<_>>())
            }
            SignedObject::Attestation => {
                let found = examined
                    .attestations
                    .map_err(|error| format!("{what}: {error}"))?;
                let shown = found.iter().map(|found| {
                    let signatures: Vec<_> = found
                        .signatures
                        .iter()
                        .map(|found| signature(&Sig::from(found)))
                        .collect();
                    json!({"statement": found.statement.document(), "signatures": signatures})
                });
                Ok(shown.collect())
            }
        }
    });
    let (success, errors, found) = match found {
        Ok(found) => (true, Vec::new(), found),
        Err(error) => (false, vec![error], Vec::new()),
    };
    CallResult {
        value: Some(json!({"success": success, "errors": errors, member: found})),
        unreadable,
        opened,
    }
}

/// Returns a signature with the member names of these functions, which differ from the input's.
fn signature(sig: &Sig) -> Value {
    json!({
        "keyid": sig.keyid,
        "signature": sig.sig,
        "certificate": sig.certificate,
        "chain": sig.chain,
        "metadata": sig.metadata,
    })
}
