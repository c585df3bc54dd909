//! Judges one image: its signatures, its attestations, the syntax of provenance, then the policy.
//!
//! A missing image signature does not end the examination. Missing attestations do, because the
//! policy has nothing to evaluate.

use std::{borrow::Cow, sync::Arc};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{
    Error, Gate, Judged,
    attached::Record,
    builtins::{self, ATTESTATION, SOURCE},
    images::Target,
    source,
};
use crate::{
    image::DigestReference,
    policy::{
        self, Background, Evidence, Facts, Finding, Subject, UnverifiedEvidence, VerifiedEvidence,
    },
    report::ReportedComponent,
    trust::{self, Attestation, Examined, Kind, Signature, SignatureFailure},
};

impl Gate {
    /// Examines images, a few in parallel; returns the judgements in the order of the images.
    pub(super) async fn check_all(&self, targets: &[Target], snapshot: &Value) -> Vec<Judged> {
        for skipped in self.checks.skipped() {
            tracing::warn!(check = skipped, "a check is skipped: no image passes");
        }
        let checks = targets.iter().map(|target| self.check(target, snapshot));
        let checks = stream::iter(checks).buffered(usize::from(self.workers.max(1)));
        checks.collect().await
    }

    /// Examines one image. An error also becomes part of the report.
    async fn check(&self, target: &Target, snapshot: &Value) -> Judged {
        let report = ReportedComponent {
            name: target.component.name.clone(),
            container_image: self.shown(&target.image),
            source: policy::input::source(&target.component),
            left_out: target.left_out.iter().map(ToString::to_string).collect(),
            ..ReportedComponent::default()
        };
        let mut judged = Judged::new(report, &target.of);
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
    fn about(&self, target: &Target, error: Error) -> Error {
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
    fn shown(&self, image: &DigestReference) -> String {
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
        target: &Target,
        snapshot: &Value,
        judged: &mut Judged,
    ) -> Result<(), Error> {
        if let Some(error) = &target.unlisted {
            if self.wording.is_conforma() {
                tracing::warn!(image = %target.image, "Conforma's ec ignores an index that cannot be read, which is an error here");
            }
            return Err(Error::Unlisted(error.clone()));
        }
        let registry = &self.clients.registry;
        let examined = self.verifier.examine(registry, &target.image).await?;
        // A descriptor that declares an index to be an image would hide the images in it.
        if examined.manifest.is_index() && !target.index {
            let digest = target.image.digest;
            let reason = "it is an index, but its descriptor calls it an image".to_owned();
            let error = crate::registry::Error::Manifest { digest, reason };
            return Err(Error::Unlisted(error));
        }
        // If other evidence is accepted, these reasons are not in the report.
        if examined.signatures.is_ok() && examined.attestations.is_ok() {
            for rejected in &examined.rejected {
                tracing::warn!("ignored {rejected}");
            }
        }
        // The artifacts of an index's children are listed with the index.
        let seen = match self.wording.is_conforma() || target.is_child {
            true => Vec::new(),
            false => {
                let repository = &target.image.repository;
                registry.attachments(repository, &examined.manifest).await?
            }
        };
        judged.record = Record::new(&examined, seen);
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
            let text = "No attestations contain a subject that match the given image.";
            report.violations.push(Finding {
                msg: text.to_owned(),
                ..Finding::default()
            });
            return Ok(());
        }
        if self.require_source && !source::is_own(&target.component, &target.image, &examined) {
            report.violations.push(SOURCE.says(
                "No accepted signature names the image's repository, and no accepted provenance names the component's source.",
            ));
        }
        let facts = Facts::of(registry, &target.image, &examined.manifest).await;
        let background = Background {
            image: &self.shown(&target.image),
            pinned: &target.image,
            facts: &facts,
            component: &target.component,
            snapshot,
            spec: self.policies.spec(),
        };
        let evidence = self.evidence(&examined, signatures, &attestations, &background);
        let statements = attestations.iter().map(|found| found.statement.document());
        let at = self.moment.of(statements);
        // Evaluation takes long, and rules read the evidence alone: free the memory first.
        drop(attestations);
        drop(examined);
        let input = evidence.document();
        report.policy_input = self.keep.inputs.then(|| Arc::clone(input));
        let subject = Subject {
            image: Some(&target.image),
            component: &target.component.name,
            at,
        };
        let opinion = self.policies.evaluate(evidence, subject).await?;
        judged.take(opinion, at);
        Ok(())
    }

    /// Returns the verified evidence, unless a check was skipped or failed.
    fn evidence(
        &self,
        examined: &Examined,
        signatures: &[Signature],
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
        target: &Target,
        judged: &mut Judged,
    ) -> Result<Option<Vec<Attestation>>, Error> {
        match trust::unverified(&self.clients.registry, &target.image).await? {
            Ok(attestations) if attestations.is_empty() && !self.wording.is_conforma() => {
                let none = SignatureFailure {
                    kind: Kind::Attestation,
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
                judged.report.violations.push(ATTESTATION.says(text));
                Ok(None)
            }
        }
    }
}
