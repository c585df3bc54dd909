//! The built-in checks, which no policy can switch off, and their results in the report.

use super::{Gate, ImageJudgement};
use crate::{
    image::DigestReference,
    policy::{PASS, RuleFinding, Sig, check_syntax},
    report::{ReportedAttestation, ReportedComponent},
    trust::{
        Attestation, EvidenceKind, Examined, SignatureFailure, TrustedSigners, VerifiedSignature,
    },
};

/// The image can be fetched. Only Conforma's `ec` reports a failure as a result.
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
/// Attestations are there and signed by the trusted signers.
pub(super) const ATTESTATION: Builtin = Builtin {
    code: "builtin.attestation.signature_check",
    title: "Attestation signature check passed",
    description: "The attestation signature matches available signing materials.",
};
const SYNTAX: Builtin = Builtin {
    code: "builtin.attestation.syntax_check",
    title: "Attestation syntax check passed",
    description: "The attestation has correct syntax.",
};
/// Evidence is about the component's own repository or source.
pub(super) const SOURCE: Builtin = Builtin {
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
    /// Returns a result of the check with this message.
    pub(super) fn finding(&self, msg: impl Into<String>) -> RuleFinding {
        RuleFinding::new(self.code, msg)
            .with("title", self.title)
            .with("description", self.description)
    }
}

/// Adds the result about the shape of provenance.
pub(super) fn syntax(attestations: &[Attestation], report: &mut ReportedComponent) {
    let mut wrong: Vec<_> = attestations
        .iter()
        .filter_map(|found| check_syntax(found.statement.document()).err())
        .map(|error| error.to_string())
        .collect();
    if attestations.is_empty() {
        wrong.push("no attestation data".to_owned());
    }
    if wrong.is_empty() {
        report.successes.push(SYNTAX.finding(PASS));
    } else {
        let text = format!("Attestation syntax check failed: {}", wrong.join("; "));
        report.violations.push(SYNTAX.finding(text));
    }
}

impl Gate {
    /// Returns the attestations as the report lists them.
    pub(super) fn attested(&self, attestations: &[Attestation]) -> Vec<ReportedAttestation> {
        let shown = attestations.iter().map(|found| {
            let sigs = found.signatures.iter().map(Sig::from).collect();
            let statement = found.statement.document();
            let mut attested = ReportedAttestation::new(statement, sigs);
            if self.wording.is_conforma() && found.bundled {
                // Conforma's ec reads fewer fields of an attestation in a bundle.
                attested.predicate_build_type.clear();
            }
            match self.keep.statements {
                true => attested.with_statement(found.statement.text()),
                false => attested,
            }
        });
        shown.collect()
    }

    /// Returns the verified image signatures and adds the result about them.
    pub(super) fn image_signatures<'e>(
        &self,
        examined: &'e Examined,
        judged: &mut ImageJudgement,
    ) -> &'e [VerifiedSignature] {
        match &examined.signatures {
            _ if !self.checks.image_signature => &[],
            Ok(signatures) => {
                judged.report.successes.push(IMAGE.finding(PASS));
                judged.report.signatures = signatures.iter().map(Sig::from).collect();
                signatures
            }
            Err(error) => {
                let attestations = examined.attestations.iter().flatten();
                if self.wording.is_conforma() && attestations.into_iter().any(|found| found.bundled)
                {
                    tracing::warn!(image = %examined.image, "Conforma's ec accepts an attestation bundle as an image signature, which is refused here");
                }
                let text = if self.is_unlogged(error) {
                    unlogged(error)
                } else if self.no_match(error) {
                    format!(
                        "No image signatures found matching the given public key. Verify the correct public key was provided, and a signature was created. Error: {error}"
                    )
                } else {
                    format!("Image signature check failed: {error}")
                };
                judged.report.violations.push(IMAGE.finding(text));
                judged.missing.push(error.clone());
                &[]
            }
        }
    }

    /// Returns the verified attestations and adds the result about them; `None` if no rule can be
    /// evaluated.
    pub(super) fn attestations<'e>(
        &self,
        examined: &'e Examined,
        judged: &mut ImageJudgement,
    ) -> Option<&'e [Attestation]> {
        match &examined.attestations {
            Ok(attestations) => {
                judged.report.successes.push(ATTESTATION.finding(PASS));
                Some(attestations)
            }
            Err(error) if self.is_unattested(error) => {
                let goes_on = self.does_without(error, &examined.image, judged);
                goes_on.then_some(&[])
            }
            Err(error) => {
                // Without any candidate Conforma's ec names the key here, unlike for signatures.
                let text = if self.is_unlogged(error) {
                    unlogged(error)
                } else if self.no_match(error) || self.by_key() && error.is_absence() {
                    let reasons = match self.wording.is_conforma() && error.is_absence() {
                        // Conforma's ec writes the list of reasons even if it is empty.
                        true => "no matching attestations: ".to_owned(),
                        false => error.to_string(),
                    };
                    format!(
                        "No image attestations found matching the given public key. Verify the correct public key was provided, and one or more attestations were created. Error: {reasons}"
                    )
                } else {
                    format!("Image attestation check failed: {error}")
                };
                judged.report.violations.push(ATTESTATION.finding(text));
                judged.missing.push(error.clone());
                None
            }
        }
    }

    /// Tells whether rules are evaluated without any attestation; otherwise adds a violation.
    pub(super) fn does_without(
        &self,
        failure: &SignatureFailure,
        image: &DigestReference,
        judged: &mut ImageJudgement,
    ) -> bool {
        if self.allow_unattested {
            tracing::warn!(%image, "no attestation is attached: the policy decides by the image and its signature alone");
            return true;
        }
        let text = format!("No attestation is attached to {image}: no rule was evaluated.");
        let finding = ATTESTATION.finding(text).with(
            "solution",
            "Attest the provenance of the image, as Tekton Chains or cosign attest do.",
        );
        judged.report.violations.push(finding);
        judged.missing.push(failure.clone());
        false
    }

    /// Tells whether no attestation is there; where none is required, those of promotions are left out.
    fn is_unattested(&self, failure: &SignatureFailure) -> bool {
        let found = match self.allow_unattested {
            true => failure.is_unattested(),
            false => failure.is_absence(),
        };
        found && !self.wording.is_conforma()
    }

    /// Tells whether only the transparency-log entry is missing, in this program's own wording.
    fn is_unlogged(&self, failure: &SignatureFailure) -> bool {
        !self.wording.is_conforma() && failure.is_unlogged()
    }

    fn no_match(&self, failure: &SignatureFailure) -> bool {
        self.by_key() && !failure.is_absence()
    }

    fn by_key(&self) -> bool {
        matches!(self.verifier.who(), TrustedSigners::Keys { .. })
    }
}

fn unlogged(failure: &SignatureFailure) -> String {
    let signed = match failure.kind {
        EvidenceKind::Signature => "image signature",
        EvidenceKind::Attestation => "attestation",
    };
    format!(
        "The {signed} has no transparency-log entry, which is required. Log it, or accept signatures without an entry. Error: {failure}"
    )
}
