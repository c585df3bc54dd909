//! One image: its signatures, its attestations, the shape of provenance, then the policy.
//!
//! An image signature that is missing does not end the examination; attestations that are
//! missing do, because there is nothing to ask the policy about.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{failures::policy_failure, images::Target};
use crate::{
    commands::{Context, registry_failure, trust_flags::trust_failure},
    failure::Failure,
    policy::{self, Facts, Finding, Input, PASS, Policies, Sig, Subject, check_syntax},
    report::{Attested, Component},
    snapshot::Snapshot,
    trust::{Attestation, Examined, Signature, SignatureFailure, Verifier, Who},
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
struct Builtin {
    code: &'static str,
    title: &'static str,
    description: &'static str,
}

impl Builtin {
    fn says(&self, msg: impl Into<String>) -> Finding {
        Finding::new(self.code, msg)
            .with("title", self.title)
            .with("description", self.description)
    }
}

/// What was found about one image.
#[derive(Debug)]
pub(super) struct Checked {
    /// The component in the report.
    pub(super) report: Component,
    /// The component of the list that it belongs to.
    pub(super) of: String,
    /// Whether both signatures and attestations hold; without it nothing is vouched for.
    pub(super) vouched: bool,
    /// Why nothing is known of it.
    pub(super) error: Option<Failure>,
}

/// What all images of a run share.
pub(super) struct Run<'a> {
    context: &'a Context,
    verifier: &'a Verifier,
    policies: &'a Policies,
    snapshot: Value,
    at: Timestamp,
}

impl<'a> Run<'a> {
    /// Takes what all images share.
    pub(super) fn new(
        context: &'a Context,
        verifier: &'a Verifier,
        policies: &'a Policies,
        targets: &[Target],
        at: Timestamp,
    ) -> Self {
        let snapshot = Snapshot {
            components: targets
                .iter()
                .map(|target| target.component.clone())
                .collect(),
            ..Snapshot::default()
        };
        Self {
            context,
            verifier,
            policies,
            snapshot: policy::input::snapshot(&snapshot),
            at,
        }
    }

    /// Examines one image. An error stands in the report too.
    pub(super) async fn check(&self, target: &Target) -> Checked {
        let mut checked = Checked {
            report: Component {
                name: target.component.name.clone(),
                container_image: target.image.to_string(),
                source: policy::input::source(&target.component),
                ..Component::default()
            },
            of: target.of.clone(),
            vouched: false,
            error: None,
        };
        tracing::info!(image = %target.image, "examining");
        match self.examine(target, &mut checked).await {
            Ok(()) => {
                checked.report.success = checked.vouched && checked.report.violations.is_empty();
            }
            Err(failure) => {
                let failure = failure.context(format!(
                    "error validating image {} of component {}",
                    target.image, target.component.name
                ));
                checked.report.error = Some(failure.to_string());
                checked.error = Some(failure);
            }
        }
        checked
    }

    async fn examine(&self, target: &Target, checked: &mut Checked) -> Result<(), Failure> {
        if let Some(error) = &target.unlisted {
            let failure = registry_failure(error.clone());
            return Err(failure.context("cannot tell which images its index holds"));
        }
        let registry = &self.context.registry;
        let examined = self
            .verifier
            .examine(registry, &target.image)
            .await
            .map_err(trust_failure)?;
        let report = &mut checked.report;
        let signatures = self.image_signatures(&examined, report);
        let Some(attestations) = self.attestations(&examined, report) else {
            return Ok(());
        };
        syntax(attestations, report);
        let facts = Facts::of(registry, &target.image, &examined.manifest).await;
        let input = Input {
            image: &target.image,
            signatures,
            attestations,
            facts: &facts,
            component: &target.component,
            snapshot: &self.snapshot,
            spec: self.policies.spec(),
        };
        let subject = Subject {
            image: Some(&target.image),
            component: &target.component.name,
            at: self.at,
        };
        let said = self
            .policies
            .evaluate(Arc::new(input.document()), subject)
            .await;
        let said = said.map_err(policy_failure)?;
        report.violations.extend(said.violations);
        report.warnings.extend(said.warnings);
        report.successes.extend(said.successes);
        report.exceptions = said.exceptions;
        for list in [
            &mut report.violations,
            &mut report.warnings,
            &mut report.successes,
        ] {
            list.sort_by_cached_key(Finding::order);
        }
        checked.vouched = examined
            .verified()
            .is_ok_and(|verified| *verified.image() == target.image);
        Ok(())
    }

    fn image_signatures<'e>(
        &self,
        examined: &'e Examined,
        report: &mut Component,
    ) -> &'e [Signature] {
        match &examined.signatures {
            Ok(signatures) => {
                report.successes.push(IMAGE.says(PASS));
                report.signatures = signatures.iter().map(Sig::from).collect();
                signatures
            }
            Err(error) => {
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
                report.attestations = attestations
                    .iter()
                    .map(|found| {
                        let sigs = found.signatures.iter().map(Sig::from).collect();
                        Attested::new(found.statement.document(), sigs)
                    })
                    .collect();
                Some(attestations)
            }
            Err(error) => {
                // Without any candidate upstream speaks of the key here, unlike for signatures.
                let text = if self.no_match(error) || self.by_key() && error.rejected.is_empty() {
                    format!(
                        "No image attestations found matching the given public key. Verify the correct public key was provided, and one or more attestations were created. Error: {error}"
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
    let wrong: Vec<_> = attestations
        .iter()
        .filter_map(|found| check_syntax(found.statement.document()).err())
        .map(|error| error.to_string())
        .collect();
    if wrong.is_empty() {
        report.successes.push(SYNTAX.says(PASS));
    } else {
        let text = format!("Attestation syntax check failed: {}", wrong.join("; "));
        report.violations.push(SYNTAX.says(text));
    }
}
