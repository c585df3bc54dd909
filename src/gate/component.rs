//! One image: its signatures, its attestations, the shape of provenance, then the policy.
//!
//! An image signature that is missing does not end the examination; attestations that are
//! missing do, because there is nothing to ask the policy about.

use std::{borrow::Cow, sync::Arc};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{Error, Gate, Judged, attached::Record, images::Target, source};
use crate::{
    image::DigestReference,
    policy::{
        self, Background, Evidence, Facts, Finding, PASS, Sig, Subject, UnverifiedEvidence,
        VerifiedEvidence, check_syntax,
    },
    report::{Attested, Component},
    trust::{self, Attestation, Examined, Signature, SignatureFailure, Who},
};

/// The image can be had; only upstream makes a result of it that it cannot.
pub(super) const ACCESSIBLE: Builtin = Builtin {
    code: "builtin.image.accessible",
    title: "Image URL is accessible",
    description: "The image URL is available and accessible.",
};
const IMAGE: Builtin = Builtin {
    code: "builtin.image.signature_check",
    title: "Image signature check passed",
    description: "The image signature matches available signing materials.",
};
const ATTESTATION: Builtin = Builtin {
    code: "builtin.attestation.signature_check",
    title: "Attestation signature check passed",
    description: "The attestation signature matches available signing materials.",
};
const SYNTAX: Builtin = Builtin {
    code: "builtin.attestation.syntax_check",
    title: "Attestation syntax check passed",
    description: "The attestation has correct syntax.",
};

const SOURCE: Builtin = Builtin {
    code: "builtin.image.source_check",
    title: "Image evidence is about the component",
    description: "The signed repository or the source of the provenance is the component's own.",
};

/// A check that no policy can switch off.
pub(super) struct Builtin {
    code: &'static str,
    title: &'static str,
    description: &'static str,
}

impl Builtin {
    /// What the check found.
    pub(super) fn says(&self, msg: impl Into<String>) -> Finding {
        Finding::new(self.code, msg)
            .with("title", self.title)
            .with("description", self.description)
    }
}

impl Gate {
    /// Examines images, some at a time; the answers are in the order of the images.
    pub(super) async fn check_all(&self, targets: &[Target], snapshot: &Value) -> Vec<Judged> {
        for skipped in self.checks.skipped() {
            tracing::warn!(check = skipped, "a check is skipped: no image passes");
        }
        let checks = targets.iter().map(|target| self.check(target, snapshot));
        let checks = stream::iter(checks).buffered(usize::from(self.workers.max(1)));
        checks.collect().await
    }

    /// Examines one image. An error is in the report too.
    async fn check(&self, target: &Target, snapshot: &Value) -> Judged {
        let report = Component {
            name: target.component.name.clone(),
            container_image: self.shown(&target.image),
            source: policy::input::source(&target.component),
            left_out: target.left_out.iter().map(ToString::to_string).collect(),
            ..Component::default()
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

    /// Says which component an error is about.
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

    /// Upstream writes out where Docker Hub's images are.
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
                tracing::warn!(image = %target.image, "upstream passes over an index that cannot be read, which is an error here");
            }
            return Err(Error::Unlisted(error.clone()));
        }
        let registry = &self.clients.registry;
        let examined = self.verifier.examine(registry, &target.image).await?;
        // A descriptor that calls an index an image would hide the images in it.
        if examined.manifest.is_index() && !target.index {
            let digest = target.image.digest;
            let reason = "it is an index, but its descriptor calls it an image".to_owned();
            let error = crate::registry::Error::Manifest { digest, reason };
            return Err(Error::Unlisted(error));
        }
        // Where something else is accepted, these reasons are not in the report.
        if examined.signatures.is_ok() && examined.attestations.is_ok() {
            for rejected in &examined.rejected {
                tracing::warn!("ignored {rejected}");
            }
        }
        // The children of an index are searched with it.
        let seen = match self.wording.is_conforma() || target.component.name != target.of {
            true => Vec::new(),
            false => {
                let repository = &target.image.repository;
                registry.attachments(repository, &examined.manifest).await?
            }
        };
        judged.record = Record::new(&examined, seen);
        let report = &mut judged.report;
        let signatures = self.image_signatures(&examined, report);
        let attestations = match self.checks.attestation_signature {
            true => self.attestations(&examined, report).map(Cow::Borrowed),
            false => self.unverified(target, report).await?.map(Cow::Owned),
        };
        let Some(attestations) = attestations else {
            // Upstream lists signatures only of images that are attested too.
            if self.wording.is_conforma() && self.checks.attestation_signature {
                report.signatures.clear();
            }
            return Ok(());
        };
        report.attestations = self.attested(&attestations);
        syntax(&attestations, report);
        // Only where signatures are not checked.
        if attestations.is_empty() {
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
        // Rules take their time; all that they see is in the evidence.
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

    /// Verified evidence, unless a check was skipped or failed.
    fn evidence(
        &self,
        examined: &Examined,
        signatures: &[Signature],
        attestations: &[Attestation],
        background: &Background<'_>,
    ) -> Evidence {
        if self.checks.skipped().is_empty()
            && let Ok(verified) = VerifiedEvidence::new(examined, background)
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
        report: &mut Component,
    ) -> Result<Option<Vec<Attestation>>, Error> {
        let found = trust::unverified(&self.clients.registry, &target.image).await?;
        match found {
            Ok(attestations) => Ok(Some(attestations)),
            Err(reason) => {
                let text = format!(
                    "Image attestation check failed: failed to fetch attestations (signature check skipped): {reason}"
                );
                report.violations.push(ATTESTATION.says(text));
                Ok(None)
            }
        }
    }

    fn attested(&self, attestations: &[Attestation]) -> Vec<Attested> {
        let shown = attestations.iter().map(|found| {
            let sigs = found.signatures.iter().map(Sig::from).collect();
            let statement = found.statement.document();
            let mut attested = Attested::new(statement, sigs);
            if self.wording.is_conforma() && found.bundled {
                // Upstream reads less of an attestation in a bundle.
                attested.predicate_build_type.clear();
            }
            match self.keep.statements {
                true => attested.with_statement(found.statement.text()),
                false => attested,
            }
        });
        shown.collect()
    }

    fn image_signatures<'e>(
        &self,
        examined: &'e Examined,
        report: &mut Component,
    ) -> &'e [Signature] {
        match &examined.signatures {
            _ if !self.checks.image_signature => &[],
            Ok(signatures) => {
                report.successes.push(IMAGE.says(PASS));
                report.signatures = signatures.iter().map(Sig::from).collect();
                signatures
            }
            Err(error) => {
                let attestations = examined.attestations.iter().flatten();
                if self.wording.is_conforma() && attestations.into_iter().any(|found| found.bundled)
                {
                    tracing::warn!(image = %examined.image, "an attestation bundle passes upstream as an image signature and is refused here");
                }
                let text = if self.no_match(error) {
                    format!(
                        "No image signatures found matching the given public key. Verify the correct public key was provided, and a signature was created. Error: {error}"
                    )
                } else {
                    format!("Image signature check failed: {error}")
                };
                report.violations.push(IMAGE.says(text));
                &[]
            }
        }
    }

    fn attestations<'e>(
        &self,
        examined: &'e Examined,
        report: &mut Component,
    ) -> Option<&'e [Attestation]> {
        match &examined.attestations {
            Ok(attestations) => {
                report.successes.push(ATTESTATION.says(PASS));
                Some(attestations)
            }
            Err(error) => {
                // Without any candidate upstream speaks of the key here, unlike for signatures.
                let text = if self.no_match(error) || self.by_key() && error.rejected.is_empty() {
                    let reasons = match self.wording.is_conforma() && error.rejected.is_empty() {
                        // Upstream lists the reasons even where there is none.
                        true => "no matching attestations: ".to_owned(),
                        false => error.to_string(),
                    };
                    format!(
                        "No image attestations found matching the given public key. Verify the correct public key was provided, and one or more attestations were created. Error: {reasons}"
                    )
                } else {
                    format!("Image attestation check failed: {error}")
                };
                report.violations.push(ATTESTATION.says(text));
                None
            }
        }
    }

    fn no_match(&self, error: &SignatureFailure) -> bool {
        self.by_key() && !error.rejected.is_empty()
    }

    fn by_key(&self) -> bool {
        matches!(self.verifier.who(), Who::Keys { .. })
    }
}

fn syntax(attestations: &[Attestation], report: &mut Component) {
    let mut wrong: Vec<_> = attestations
        .iter()
        .filter_map(|found| check_syntax(found.statement.document()).err())
        .map(|error| error.to_string())
        .collect();
    if attestations.is_empty() {
        wrong.push("no attestation data".to_owned());
    }
    if wrong.is_empty() {
        report.successes.push(SYNTAX.says(PASS));
    } else {
        let text = format!("Attestation syntax check failed: {}", wrong.join("; "));
        report.violations.push(SYNTAX.says(text));
    }
}
