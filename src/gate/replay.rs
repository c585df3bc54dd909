//! Evaluates a policy for inputs that an earlier run saved.
//!
//! No signature is checked, so no image passes.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{Clients, Error, ImageJudgement, Judgement, Moment, PolicyRequest, policies::fetcher};
use crate::{
    image::DigestReference,
    policy::{EvaluationTarget, Evidence, Policies, PolicySpec, RuleFinding},
    report::{InputResults, ReportedComponent},
    trust::TrustRequest,
};

/// The checks that a replay skips, by their names in reports.
const SKIPPED: [&str; 2] = ["image-signature", "attestation-signature"];

/// A compiled policy to evaluate for saved inputs.
#[derive(Debug)]
pub(crate) struct Replay {
    policies: Policies,
    /// The configuration as it was located, before sources are pinned.
    found: PolicySpec,
    moment: Moment,
}

impl Replay {
    /// Locates, fetches and compiles the policy. Of the signers only a public key is loaded.
    ///
    /// # Errors
    /// Configuration that cannot be used, or a source that failed.
    pub(crate) async fn open(
        policy: &PolicyRequest,
        trust: TrustRequest,
        moment: Moment,
        clients: &Clients,
    ) -> Result<Self, Error> {
        Self::load(policy, trust, moment, clients, true).await
    }

    /// Locates, fetches and compiles a policy for documents that are not images: no key is read.
    ///
    /// # Errors
    /// Configuration that cannot be used, or a source that failed.
    pub(crate) async fn of_documents(
        policy: &PolicyRequest,
        trust: TrustRequest,
        moment: Moment,
        clients: &Clients,
    ) -> Result<Self, Error> {
        Self::load(policy, trust, moment, clients, false).await
    }

    async fn load(
        policy: &PolicyRequest,
        mut trust: TrustRequest,
        moment: Moment,
        clients: &Clients,
        reads_key: bool,
    ) -> Result<Self, Error> {
        let fetcher = fetcher(clients);
        let spec = policy.locate(&mut trust, &fetcher, clients).await?;
        let found = spec.clone();
        let key = match reads_key {
            true => trust.first_key(&clients.env, &clients.http).await?,
            false => None,
        };
        let at = moment.start();
        let policies = policy
            .load(spec, &trust, key.as_ref(), at, fetcher, clients)
            .await?;
        Ok(Self {
            policies,
            found,
            moment,
        })
    }

    /// Returns the policy's configuration as it was located, and the effective time of the rules.
    pub(crate) fn configuration(&self) -> (PolicySpec, Timestamp) {
        (self.found.clone(), self.moment.start())
    }

    /// Judges the documents of one file as Conftest does: each by itself, and a rule passes if it has
    /// no result for any of them.
    ///
    /// # Errors
    /// The first document that could not be judged.
    pub(crate) async fn judge_file(&self, documents: Vec<Value>) -> Result<InputResults, Error> {
        let mut found = InputResults::default();
        let mut passed: Option<Vec<RuleFinding>> = None;
        for document in documents {
            let at = self.moment.start();
            let subject = EvaluationTarget {
                image: None,
                component: "",
                at,
            };
            let evidence = Evidence::Replayed(Arc::new(document));
            let opinion = self.policies.evaluate(evidence, subject).await?;
            let (outcome, unread, _) = opinion.into_parts();
            if !unread.needed.is_empty() {
                return Err(Error::Unreadable(unread.needed));
            }
            let again = outcome.successes;
            passed = Some(match passed {
                None => again,
                Some(mut known) => {
                    known.retain(|one| again.iter().any(|other| other.code() == one.code()));
                    known
                }
            });
            found.violations.extend(outcome.violations);
            found.warnings.extend(outcome.warnings);
        }
        if let Some(passed) = passed {
            found.successes = passed;
        }
        Ok(found)
    }

    /// Judges every input; an error of one is part of its judgement.
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

    async fn evaluate(&self, input: Arc<Value>) -> ImageJudgement {
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
        let report = ReportedComponent {
            name: name.clone(),
            container_image: text("/image/ref"),
            source: input.pointer("/image/source").cloned().unwrap_or_default(),
            policy_input: Some(Arc::clone(&input)),
            ..ReportedComponent::default()
        };
        let mut judged = ImageJudgement::new(report, &name);
        let subject = EvaluationTarget {
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
                judged.add_opinion(opinion, at);
                judged.report.sort();
                judged.report.success = judged.report.violations.is_empty();
            }
            Err(error) => judged.fail(error.into()),
        }
        judged
    }
}
