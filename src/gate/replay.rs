//! Asks a policy again about inputs that a run saved.
//!
//! No signature is checked, so no image passes.

use std::sync::Arc;

use serde_json::Value;

use super::{Clients, Error, Judged, Judgement, Moment, PolicyRequest, policies::fetcher};
use crate::{
    image::DigestReference,
    policy::{Evidence, Policies, Subject},
    report::Component,
    trust::TrustRequest,
};

/// The checks that a replay leaves out, by the names that reports use.
const SKIPPED: [&str; 2] = ["image-signature", "attestation-signature"];

/// A policy, ready for saved inputs.
#[derive(Debug)]
pub(crate) struct Replay {
    policies: Policies,
    moment: Moment,
}

impl Replay {
    /// Locates, fetches and compiles the policy. Of the signers only a key is looked at.
    ///
    /// # Errors
    /// Configuration that cannot be used, or a source that failed.
    pub(crate) async fn open(
        policy: &PolicyRequest,
        mut trust: TrustRequest,
        moment: Moment,
        clients: &Clients,
    ) -> Result<Self, Error> {
        let fetcher = fetcher(clients);
        let spec = policy.locate(&mut trust, &fetcher, clients).await?;
        let key = trust.first_key(&clients.env, &clients.http).await?;
        let at = moment.start();
        let policies = policy
            .load(spec, &trust, key.as_ref(), at, fetcher, clients)
            .await?;
        Ok(Self { policies, moment })
    }

    /// Judges every input.
    pub(crate) async fn judge(&self, inputs: Vec<Arc<Value>>) -> Judgement {
        tracing::warn!("a saved input is evaluated: no signature is checked and no image passes");
        let mut judged = Vec::with_capacity(inputs.len());
        for input in inputs {
            judged.push(self.evaluate(input).await);
        }
        Judgement {
            skipped_checks: SKIPPED.map(str::to_owned).to_vec(),
            ..Judgement::new(judged, self.policies.clone(), self.moment.start())
        }
    }

    async fn evaluate(&self, input: Arc<Value>) -> Judged {
        let statements = input.pointer("/attestations").and_then(Value::as_array);
        let statements = statements
            .into_iter()
            .flatten()
            .filter_map(|attestation| attestation.get("statement"));
        let at = self.moment.of(statements);
        let text = |pointer: &str| {
            let text = input.pointer(pointer).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let image: Option<DigestReference> = text("/image/ref").parse().ok();
        let name = text("/component_name");
        let report = Component {
            name: name.clone(),
            container_image: text("/image/ref"),
            source: input.pointer("/image/source").cloned().unwrap_or_default(),
            policy_input: Some(Arc::clone(&input)),
            ..Component::default()
        };
        let mut judged = Judged::new(report, &name);
        let subject = Subject {
            image: image.as_ref(),
            component: &name,
            at,
        };
        match self
            .policies
            .evaluate(Evidence::Replayed(input), subject)
            .await
        {
            Ok(opinion) => {
                judged.take(opinion, at);
                judged.report.sort();
                judged.report.success = judged.report.violations.is_empty();
            }
            Err(error) => judged.fail(error.into()),
        }
        judged
    }
}
