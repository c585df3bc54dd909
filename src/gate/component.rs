//! Judges one image: its signatures, its attestations, the syntax of provenance, then the policy.
//!
//! A missing image signature does not end the examination. Missing attestations do, because the
//! policy has nothing to evaluate.

use std::{borrow::Cow, sync::Arc};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{
    Error, Gate, ImageJudgement,
    attached::AttachmentRecord,
    builtins::{self, ATTESTATION, SOURCE},
    images::ImageTarget,
    source,
};
use crate::{
    image::DigestReference,
    policy::{
        self, Background, EvaluationTarget, Evidence, ImageFacts, RuleFinding, UnverifiedEvidence,
        VerifiedEvidence,
    },
    registry::SeenArtifact,
    report::ReportedComponent,
    trust::{self, Attestation, EvidenceKind, Examined, SignatureFailure, VerifiedSignature},
};

impl Gate {
    /// Examines images, a few in parallel; returns the judgements in the order of the images.
    pub(super) async fn check_all(
        &self,
        targets: &[ImageTarget],
        snapshot: &Value,
    ) -> Vec<ImageJudgement> {
        for skipped in self.checks.skipped() {
            tracing::warn!(check = skipped, "a check is skipped: no image passes");
        }
        let checks = targets.iter().map(|target| self.check(target, snapshot));
        let checks = stream::iter(checks).buffered(usize::from(self.workers.max(1)));
        checks.collect().await
    }

    /// Examines one image. An error also becomes part of the report.
    async fn check(&self, target: &ImageTarget, snapshot: &Value) -> ImageJudgement {
        let report = ReportedComponent {
            name: target.component.name.clone(),
            container_image: self.displayed(&target.image),
            source: policy::input::source(&target.component),
            left_out: target.left_out.iter().map(ToString::to_string).collect(),
            ..ReportedComponent::default()
        };
        let mut judged = ImageJudgement::new(report, &target.of);
        tracing::info!(image = %target.image, "examining");
        match self.examine(target, snapshot, &mut judged).await {
            Ok(()) => {
                if let Some(error) = judged.unread.take() {
                    judged.unread = Some(self.about(target, error));
                    judged.report.error = judged.unread.as_ref().map(ToString::to_string);
                }
                let skipped = !self.checks.skipped().is_empty();
                let complete = judged.pass.is_some() || skipped && judged.unread.is_none();
                judged.report.success = complete && judged.report.violations.is_empty();
                judged.report.sort();
                if !self.keep.passed {
                    for success in &mut judged.report.successes {
                        *success = success.brief();
                    }
                }
            }
            Err(error) => judged.fail(self.about(target, error)),
        }
        judged
    }

    /// Adds the component to an error, as Conforma's `ec` does.
    fn about(&self, target: &ImageTarget, error: Error) -> Error {
        let image = match self.wording.is_conforma() {
            true => target.component.container_image.clone(),
            false => target.image.to_string(),
        };
        Error::Component {
            image,
            component: target.component.name.clone(),
            source: Box::new(error),
        }
    }

    /// Returns the reference as reports show it: Conforma's `ec` writes Docker Hub's host in full.
    fn displayed(&self, image: &DigestReference) -> String {
        let text = image.to_string();
        match text
            .strip_prefix("docker.io/")
            .filter(|_| self.wording.is_conforma())
        {
            Some(rest) => format!("index.docker.io/{rest}"),
            None => text,
        }
    }

    async fn examine(
        &self,
        target: &ImageTarget,
        snapshot: &Value,
        judged: &mut ImageJudgement,
    ) -> Result<(), Error> {
        self.refuse_unlisted(target)?;
        let registry = &self.clients.registry;
        let examined = self.verifier.examine(registry, &target.image).await?;
        refuse_hidden_index(target, &examined)?;
        warn_of_rejected(&examined);
        let seen = self.seen_artifacts(target, &examined).await?;
        judged.record = AttachmentRecord::new(&examined, seen);
        let signatures = self.image_signatures(&examined, judged);
        let attestations = match self.checks.attestation_signature {
            true => self.attestations(&examined, judged).map(Cow::Borrowed),
            false => self.unverified(target, judged).await?.map(Cow::Owned),
        };
        let report = &mut judged.report;
        let Some(attestations) = attestations else {
            // Conforma's ec lists signatures only of images that have attestations.
            if self.wording.is_conforma() && self.checks.attestation_signature {
                report.signatures.clear();
            }
            return Ok(());
        };
        report.attestations = self.attested(&attestations);
        if !attestations.is_empty() || !self.allow_unattested {
            builtins::syntax(&attestations, report);
        }
        // Conforma's ec reaches this only if signatures are not checked.
        if attestations.is_empty() && !self.allow_unattested {
            report.violations.push(RuleFinding {
                msg: "No attestations contain a subject that match the given image.".to_owned(),
                ..RuleFinding::default()
            });
            return Ok(());
        }
        self.check_source(target, &examined, report);
        let evidence = self
            .collect_evidence(target, snapshot, &examined, signatures, &attestations)
            .await;
        let statements = attestations.iter().map(|found| found.statement.document());
        let at = self.moment.of(statements);
        // Evaluation takes long, and rules read the evidence alone: free the memory first.
        drop(attestations);
        drop(examined);
        let input = evidence.document();
        report.policy_input = self.keep.inputs.then(|| Arc::clone(input));
        let subject = EvaluationTarget {
            image: Some(&target.image),
            component: &target.component.name,
            at,
        };
        let opinion = self.policies.evaluate(evidence, subject).await?;
        judged.add_opinion(opinion, at);
        Ok(())
    }

    /// Adds a violation if no evidence is about the component's own repository or source.
    fn check_source(
        &self,
        target: &ImageTarget,
        examined: &Examined,
        report: &mut ReportedComponent,
    ) {
        if self.require_source && !source::is_own(&target.component, &target.image, examined) {
            report.violations.push(SOURCE.finding(
                "No accepted signature names the image's repository, and no accepted provenance names the component's source.",
            ));
        }
    }

    /// Refuses an index whose images could not be listed.
    fn refuse_unlisted(&self, target: &ImageTarget) -> Result<(), Error> {
        let Some(error) = &target.unlisted else {
            return Ok(());
        };
        if self.wording.is_conforma() {
            tracing::warn!(image = %target.image, "Conforma's ec ignores an index that cannot be read, which is an error here");
        }
        Err(Error::Unlisted(error.clone()))
    }

    /// Returns the artifacts attached to the image; empty for the child of an index, whose artifacts are
    /// listed with the index.
    async fn seen_artifacts(
        &self,
        target: &ImageTarget,
        examined: &Examined,
    ) -> Result<Vec<SeenArtifact>, Error> {
        if self.wording.is_conforma() || target.is_child {
            return Ok(Vec::new());
        }
        let repository = &target.image.repository;
        let registry = &self.clients.registry;
        Ok(registry.attachments(repository, &examined.manifest).await?)
    }

    /// Reads the facts about the image and returns them with signatures and attestations as evidence.
    async fn collect_evidence(
        &self,
        target: &ImageTarget,
        snapshot: &Value,
        examined: &Examined,
        signatures: &[VerifiedSignature],
        attestations: &[Attestation],
    ) -> Evidence {
        let registry = &self.clients.registry;
        let facts = ImageFacts::of(registry, &target.image, &examined.manifest).await;
        let background = Background {
            image: &self.displayed(&target.image),
            pinned: &target.image,
            facts: &facts,
            component: &target.component,
            snapshot,
            spec: self.policies.spec(),
        };
        self.evidence(examined, signatures, attestations, &background)
    }

    /// Returns the verified evidence, unless a check was skipped or failed.
    fn evidence(
        &self,
        examined: &Examined,
        signatures: &[VerifiedSignature],
        attestations: &[Attestation],
        background: &Background<'_>,
    ) -> Evidence {
        let verified = match self.allow_unattested {
            true => VerifiedEvidence::signed(examined, background),
            false => VerifiedEvidence::new(examined, background),
        };
        if self.checks.skipped().is_empty()
            && let Ok(verified) = verified
        {
            return Evidence::Verified(verified);
        }
        let unverified = UnverifiedEvidence::new(signatures, attestations, background);
        Evidence::Unverified(unverified)
    }

    /// Reads the tag for attestations without verifying them.
    async fn unverified(
        &self,
        target: &ImageTarget,
        judged: &mut ImageJudgement,
    ) -> Result<Option<Vec<Attestation>>, Error> {
        match trust::unverified(&self.clients.registry, &target.image).await? {
            Ok(attestations) if attestations.is_empty() && !self.wording.is_conforma() => {
                let none = SignatureFailure {
                    kind: EvidenceKind::Attestation,
                    rejected: Vec::new(),
                };
                Ok(self
                    .does_without(&none, &target.image, judged)
                    .then(Vec::new))
            }
            Ok(attestations) => Ok(Some(attestations)),
            Err(reason) => {
                let text = format!(
                    "Image attestation check failed: failed to fetch attestations (signature check skipped): {reason}"
                );
                judged.report.violations.push(ATTESTATION.finding(text));
                Ok(None)
            }
        }
    }
}

/// Warns of refused candidates. If other evidence is accepted, the report does not list them.
fn warn_of_rejected(examined: &Examined) {
    if examined.signatures.is_ok() && examined.attestations.is_ok() {
        for rejected in &examined.rejected {
            tracing::warn!("ignored {rejected}");
        }
    }
}

/// Refuses an index whose descriptor declares it an image, which would hide the images in it.
fn refuse_hidden_index(target: &ImageTarget, examined: &Examined) -> Result<(), Error> {
    if !examined.manifest.is_index() || target.index {
        return Ok(());
    }
    let digest = target.image.digest;
    let reason = "it is an index, but its descriptor calls it an image".to_owned();
    let error = crate::registry::Error::Manifest { digest, reason };
    Err(Error::Unlisted(error))
}
