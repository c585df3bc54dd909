//! Answers what rules ask about the signatures of other images (`ec.sigstore.*`).
//!
//! Whatever goes wrong is an answer without success that says what, as rules expect it. What
//! could not be read is noted besides: a rule may ask for the opposite of success.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Clients;
use crate::{
    image::DigestReference,
    policy::{
        Reason, Sig,
        rego::{Answer, Question, Subject, Verify},
    },
    trust::{self, Examined, TrustRequest},
};

/// Makes the function that rules call; it blocks, so only on threads that may.
pub(super) fn verify(clients: &Clients, request: &TrustRequest) -> Verify {
    let (clients, request) = (clients.clone(), request.clone());
    let runtime = tokio::runtime::Handle::current();
    Arc::new(move |question: Question| {
        let subject = question.subject;
        let examined = runtime.block_on(examine(&question, &clients, &request));
        answer(subject, examined)
    })
}

async fn examine(
    question: &Question,
    clients: &Clients,
    request: &TrustRequest,
) -> Result<Examined, Fault> {
    let image: DigestReference = question
        .image
        .parse()
        .map_err(|error| format!("ref parameter: {error}"))?;
    let request = with_options(request, &question.options)
        .ok_or_else(|| "opts parameter: ignore_rekor is missing".to_owned())?;
    let verifier = request
        .verifier(&clients.env, &clients.http)
        .await
        .map_err(|error| Fault {
            text: format!("opts parameter: {error}"),
            unreadable: unreadable(error),
        })?;
    let examined = verifier.examine(&clients.registry, &image).await;
    examined.map_err(|error| Fault {
        text: error.to_string(),
        unreadable: unreadable(error),
    })
}

/// Why a question has no answer with success.
struct Fault {
    text: String,
    /// Why something could not be read, if that is the cause.
    unreadable: Option<Reason>,
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self {
            text,
            unreadable: None,
        }
    }
}

/// What could not be read; a key or option that cannot be used is the rule's own.
fn unreadable(error: trust::Error) -> Option<Reason> {
    use trust::Error as E;
    match error {
        E::Registry(error) => Some(error.into()),
        E::ImageNotFound { .. } => Some(Reason::missing(error)),
        E::Remote { .. } | E::Kube(_) => Some(Reason::failed(error)),
        E::TooMany { .. } => Some(Reason::unusable(error)),
        _ => None,
    }
}

/// The roots are those of the run; who has to have signed is what the rule says.
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
        ..request.clone()
    })
}

fn answer(subject: Subject, examined: Result<Examined, Fault>) -> Answer<Value> {
    let (member, what) = match subject {
        Subject::Image => ("signatures", "verify image signature"),
        Subject::Attestation => ("attestations", "verify image attestation signature"),
    };
    let mut unreadable = None;
    let examined = examined.map_err(|fault| {
        unreadable = fault.unreadable;
        fault.text
    });
    let found = examined.and_then(|examined| match subject {
        Subject::Image => {
            let found = examined
                .signatures
                .map_err(|error| format!("{what}: {error}"))?;
            Ok(found
                .iter()
                .map(|found| signature(&Sig::from(found)))
                .collect::<Vec<_>>())
        }
        Subject::Attestation => {
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
    });
    let (success, errors, found) = match found {
        Ok(found) => (true, Vec::new(), found),
        Err(error) => (false, vec![error], Vec::new()),
    };
    Answer {
        value: Some(json!({"success": success, "errors": errors, member: found})),
        unreadable,
    }
}

/// A signature under the names that these functions use, which are not those of the input.
fn signature(sig: &Sig) -> Value {
    json!({
        "keyid": sig.keyid,
        "signature": sig.sig,
        "certificate": sig.certificate,
        "chain": sig.chain,
        "metadata": sig.metadata,
    })
}
