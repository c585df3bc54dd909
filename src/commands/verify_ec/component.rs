//! One image: its signatures, its attestations, the shape of provenance, then the policy.
//!
//! An image signature that is missing does not end the examination; attestations that are
//! missing do, because there is nothing to ask the policy about.

use std::{borrow::Cow, sync::Arc};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::Value;

use super::{images::Target, moment::Moment, output::Keep};
use crate::{
    commands::{
        Context,
        failures::{policy_failure, registry_failure, trust_failure},
    },
    failure::Failure,
    image::DigestReference,
    policy::{self, Dialect, Facts, Finding, Input, PASS, Policies, Sig, Subject, check_syntax},
    report::{Attested, Component},
    trust::{self, Attestation, Examined, Signature, SignatureFailure, Verifier, Who},
};

/// The image can be had; only upstream makes a result of it that it cannot.
pub(in crate::commands) const ACCESSIBLE: Builtin = Builtin {
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

/// A check that no policy can switch off.
pub(in crate::commands) struct Builtin {
    code: &'static str,
    title: &'static str,
    description: &'static str,
}

impl Builtin {
    /// What the check found.
    pub(in crate::commands) fn says(&self, msg: impl Into<String>) -> Finding {
        Finding::new(self.code, msg)
            .with("title", self.title)
            .with("description", self.description)
    }
}

/// What was found about one image.
#[derive(Debug)]
pub(in crate::commands) struct Checked {
    /// The component in the report.
    pub(in crate::commands) report: Component,
    /// The component of the list that it belongs to.
    pub(in crate::commands) of: String,
    /// Whether both signatures and attestations hold; without it nothing is vouched for.
    pub(in crate::commands) vouched: bool,
    /// Why nothing is known of it.
    pub(in crate::commands) error: Option<Failure>,
    /// The moment for which rules were judged, if they were.
    pub(in crate::commands) at: Option<Timestamp>,
}

impl Checked {
    /// Nothing is known yet.
    pub(in crate::commands) fn new(report: Component, of: &str) -> Self {
        Self {
            report,
            of: of.to_owned(),
            vouched: false,
            error: None,
            at: None,
        }
    }
}

/// The latest moment for which rules were judged.
pub(in crate::commands) fn youngest(checked: &[Checked]) -> Option<Timestamp> {
    checked.iter().filter_map(|checked| checked.at).max()
}

/// Which checks of signatures are made. Without one of them no image is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct Checks {
    /// Those of the image.
    pub(in crate::commands) image_signature: bool,
    /// Those of its attestations.
    pub(in crate::commands) attestation_signature: bool,
}

impl Checks {
    /// What is left out, by the names that reports use.
    pub(in crate::commands) fn skipped(self) -> Vec<String> {
        let names = [
            (self.image_signature, "image-signature"),
            (self.attestation_signature, "attestation-signature"),
        ];
        let skipped = names.into_iter().filter(|(made, _)| !made);
        skipped.map(|(_, name)| name.to_owned()).collect()
    }
}

/// What all images of a run share.
pub(in crate::commands) struct Run<'a> {
    /// What the program has at hand.
    pub(in crate::commands) context: &'a Context,
    /// Who has to have signed.
    pub(in crate::commands) verifier: &'a Verifier,
    /// What is asked about each image.
    pub(in crate::commands) policies: &'a Policies,
    /// All components, as rules see them.
    pub(in crate::commands) snapshot: Value,
    /// The moment for which rules are judged.
    pub(in crate::commands) moment: Moment,
    /// Which signatures are checked.
    pub(in crate::commands) checks: Checks,
    /// What reports need besides the results.
    pub(in crate::commands) keep: Keep,
    /// Whether names and messages are upstream's.
    pub(in crate::commands) dialect: Dialect,
}

impl Run<'_> {
    /// Examines images, some at a time; the answers are in the order of the images.
    pub(in crate::commands) async fn check_all(
        &self,
        targets: &[Target],
        workers: u16,
    ) -> Vec<Checked> {
        for skipped in self.checks.skipped() {
            tracing::warn!(
                check = skipped,
                "a check is skipped: no image is vouched for"
            );
        }
        let checks = targets.iter().map(|target| self.check(target));
        let checks = stream::iter(checks).buffered(usize::from(workers.max(1)));
        checks.collect().await
    }

    /// Examines one image. An error stands in the report too.
    async fn check(&self, target: &Target) -> Checked {
        let report = Component {
            name: target.component.name.clone(),
            container_image: self.shown(&target.image),
            source: policy::input::source(&target.component),
            left_out: target.left_out.iter().map(ToString::to_string).collect(),
            ..Component::default()
        };
        let mut checked = Checked::new(report, &target.of);
        tracing::info!(image = %target.image, "examining");
        match self.examine(target, &mut checked).await {
            Ok(()) => {
                let complete = checked.vouched || !self.checks.skipped().is_empty();
                checked.report.success = complete && checked.report.violations.is_empty();
                checked.report.sort();
                if !self.keep.passed {
                    for success in &mut checked.report.successes {
                        *success = success.brief();
                    }
                }
            }
            Err(failure) => {
                let image = match self.dialect.is_conforma() {
                    true => &target.component.container_image,
                    false => &checked.report.container_image,
                };
                let failure = failure.context(format!(
                    "error validating image {image} of component {}",
                    target.component.name
                ));
                checked.report.error = Some(failure.to_string());
                checked.error = Some(failure);
            }
        }
        checked
    }

    /// Upstream writes out where Docker Hub's images are.
    fn shown(&self, image: &DigestReference) -> String {
        let text = image.to_string();
        match text
            .strip_prefix("docker.io/")
            .filter(|_| self.dialect.is_conforma())
        {
            Some(rest) => format!("index.docker.io/{rest}"),
            None => text,
        }
    }

    async fn examine(&self, target: &Target, checked: &mut Checked) -> Result<(), Failure> {
        if let Some(error) = &target.unlisted {
            if self.dialect.is_conforma() {
                tracing::warn!(image = %target.image, "upstream passes over an index that cannot be read, which is an error here");
            }
            let failure = registry_failure(error.clone());
            return Err(failure.context("cannot tell which images its index holds"));
        }
        let registry = &self.context.registry;
        let examined = self
            .verifier
            .examine(registry, &target.image)
            .await
            .map_err(trust_failure)?;
        // Where something else counts, nobody would learn what did not, and why.
        if examined.signatures.is_ok() && examined.attestations.is_ok() {
            for rejected in &examined.rejected {
                tracing::warn!("this does not count: {rejected}");
            }
        }
        let report = &mut checked.report;
        let signatures = self.image_signatures(&examined, report);
        let attestations = match self.checks.attestation_signature {
            true => self.attestations(&examined, report).map(Cow::Borrowed),
            false => self.unverified(target, report).await?.map(Cow::Owned),
        };
        let Some(attestations) = attestations else {
            // Upstream lists signatures only of images that are attested too.
            if self.dialect.is_conforma() && self.checks.attestation_signature {
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
        let facts = Facts::of(registry, &target.image, &examined.manifest).await;
        let input = Input {
            image: &self.shown(&target.image),
            signatures,
            attestations: &attestations,
            facts: &facts,
            component: &target.component,
            snapshot: &self.snapshot,
            spec: self.policies.spec(),
        };
        let statements = attestations.iter().map(|found| found.statement.document());
        let at = self.moment.of(statements);
        let input = Arc::new(input.document());
        // What was not checked is not vouched for, whatever will be found.
        let vouched = self.checks.skipped().is_empty()
            && examined
                .verified()
                .is_ok_and(|verified| *verified.image() == target.image);
        // Rules take their time; all that they see is in the input.
        drop(attestations);
        drop(examined);
        report.policy_input = self.keep.inputs.then(|| Arc::clone(&input));
        let subject = Subject {
            image: Some(&target.image),
            component: &target.component.name,
            at,
        };
        let said = self.policies.evaluate(input, subject).await;
        take(report, said.map_err(policy_failure)?);
        checked.at = Some(at);
        checked.vouched = vouched;
        Ok(())
    }

    /// What the tag for attestations holds, whoever signed it.
    async fn unverified(
        &self,
        target: &Target,
        report: &mut Component,
    ) -> Result<Option<Vec<Attestation>>, Failure> {
        let found = trust::unverified(&self.context.registry, &target.image).await;
        match found.map_err(trust_failure)? {
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
            if self.dialect.is_conforma() && found.bundled {
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
                if self.dialect.is_conforma() && attestations.into_iter().any(|found| found.bundled)
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
                    let reasons = match self.dialect.is_conforma() && error.rejected.is_empty() {
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

/// Adds what the policy said.
pub(in crate::commands) fn take(report: &mut Component, said: policy::Outcome) {
    report.violations.extend(said.violations);
    report.warnings.extend(said.warnings);
    report.successes.extend(said.successes);
    report.exceptions = said.exceptions;
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
