//! The part of a verdict about attached artifacts: the accepted evidence, everything else that was
//! attached, and why it was not accepted. The copy takes exactly the accepted artifacts.

use std::collections::BTreeSet;

use crate::{
    evidence::reports,
    handover::{AcceptedEvidence, AttachedArtifact},
    image::{Digest, DigestReference},
    registry::{Attachment, SeenArtifact},
    trust::{Attestation, Examined, Rejected, Signer, VerifiedSignature},
};

/// The artifacts attached to one image, and which of them are accepted.
#[derive(Debug, Default)]
pub(super) struct AttachmentRecord {
    evidence: Vec<(EvidencePlace, AcceptedEvidence)>,
    rejected: Vec<Rejected>,
    /// Every digest that an accepted statement names.
    named: BTreeSet<Digest>,
    seen: Vec<SeenArtifact>,
    opened: BTreeSet<Digest>,
}

/// Where a piece of evidence was found.
#[derive(Debug, PartialEq, Eq)]
struct EvidencePlace {
    origin: String,
    layer: Digest,
}

impl AttachmentRecord {
    /// Records the accepted evidence of an image, and everything that is attached to it.
    pub(super) fn new(examined: &Examined, seen: Vec<SeenArtifact>) -> Self {
        let mut record = Self {
            rejected: examined.rejected.clone(),
            opened: examined.opened.iter().copied().collect(),
            seen,
            ..Self::default()
        };
        for signature in examined.signatures.iter().flatten() {
            record.accept("signature", None, &examined.image, signature);
        }
        for attestation in examined.attestations.iter().flatten() {
            record.attestation(&examined.image, attestation);
        }
        record
    }

    fn attestation(&mut self, image: &DigestReference, attestation: &Attestation) {
        let statement = &attestation.statement;
        self.named.extend(reports(statement));
        self.named.extend(digests(statement.text()));
        let kind = statement.predicate_type().to_owned();
        for signature in &attestation.signatures {
            self.accept("attestation", Some(kind.clone()), image, signature);
        }
    }

    fn accept(
        &mut self,
        kind: &str,
        predicate_type: Option<String>,
        image: &DigestReference,
        signature: &VerifiedSignature,
    ) {
        let place = match signature.origin.strip_prefix("referrer ") {
            Some(digest) => format!("{}@{digest}", image.repository),
            None => {
                let tag = signature.origin.split(' ').next().unwrap_or_default();
                format!("{}:{tag}", image.repository)
            }
        };
        let signer = match &signature.signer {
            Signer::Key { fingerprint } => format!("key {fingerprint}"),
            Signer::Identity { subject, issuer } => format!("{subject} ({issuer})"),
        };
        let accepted = AcceptedEvidence {
            kind: kind.to_owned(),
            predicate_type,
            uri: place,
            digest: signature.digest,
            signer,
        };
        let found = EvidencePlace {
            origin: signature.origin.clone(),
            layer: signature.digest,
        };
        self.evidence.push((found, accepted));
    }

    /// Adds the record of another image of the same component.
    pub(super) fn add(&mut self, other: &Self) {
        let evidence = other.evidence.iter().map(|(found, accepted)| {
            let found = EvidencePlace {
                origin: found.origin.clone(),
                layer: found.layer,
            };
            (found, accepted.clone())
        });
        self.evidence.extend(evidence);
        self.rejected.extend(other.rejected.iter().cloned());
        self.named.extend(&other.named);
        self.opened.extend(&other.opened);
        self.seen.extend(other.seen.iter().cloned());
    }

    /// Adds what the rules of the policy opened.
    pub(super) fn opened_by_rules(&mut self, opened: &BTreeSet<Digest>) {
        self.opened.extend(opened);
    }

    /// Returns the accepted evidence, sorted and without duplicates.
    pub(super) fn evidence(&self) -> Vec<AcceptedEvidence> {
        let evidence: BTreeSet<_> = self.evidence.iter().map(|(_, accepted)| accepted).collect();
        evidence.into_iter().cloned().collect()
    }

    /// The digests of all signatures and attestations that were opened, sorted.
    pub(super) fn opened(&self) -> Vec<Digest> {
        self.opened.iter().copied().collect()
    }

    /// Returns everything that was attached, sorted by place, with the reason if it is not accepted.
    pub(super) fn attached(&self) -> Vec<AttachedArtifact> {
        let seen: BTreeSet<_> = self.seen.iter().map(|seen| self.judged(seen)).collect();
        seen.into_iter().collect()
    }

    fn judged(&self, seen: &SeenArtifact) -> AttachedArtifact {
        let origin = match &seen.at {
            Attachment::Tag(tag) => tag.to_string(),
            Attachment::Referrer { .. } => format!("referrer {}", seen.digest),
        };
        let named = self.named.contains(&seen.digest);
        let whole = named
            || self
                .evidence
                .iter()
                .any(|(found, _)| found.origin == origin);
        // Several tools may write layers under one tag: each layer is accepted by itself.
        let layers: Vec<usize> = seen
            .layers
            .iter()
            .enumerate()
            .filter(|(number, layer)| !whole && self.accepts(&origin, *number, **layer))
            .map(|(number, _)| number)
            .collect();
        let accepted = !named && (whole || !layers.is_empty());
        let reason = match (accepted, named) {
            (true, _) => None,
            (false, true) => Some("named by accepted evidence".to_owned()),
            (false, false) => Some(self.reason(&origin)),
        };
        AttachedArtifact {
            kind: seen.kind.clone(),
            place: seen.at.to_string(),
            digest: seen.digest,
            accepted: accepted || named,
            layers,
            reason,
        }
    }

    /// Tells whether a layer of a tag holds accepted evidence or is named by some.
    fn accepts(&self, tag: &str, number: usize, layer: Digest) -> bool {
        let origin = format!("{tag} layer {number}");
        let mut evidence = self.evidence.iter();
        let holds = evidence.any(|(found, _)| found.origin == origin && found.layer == layer);
        holds || self.named.contains(&layer)
    }

    /// Returns why the evidence at a place was not accepted.
    fn reason(&self, origin: &str) -> String {
        let own = |rejected: &&Rejected| {
            let rest = rejected.origin.strip_prefix(origin);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let rejected = self.rejected.iter().find(own);
        match rejected {
            Some(rejected) => rejected.reason.to_string(),
            None => "not evidence about the image".to_owned(),
        }
    }
}

/// Returns every run of 64 hexadecimal digits in a text as a digest.
fn digests(text: &str) -> BTreeSet<Digest> {
    let words = text.split(|c: char| !matches!(c, '0'..='9' | 'a'..='f'));
    let digests = words.filter(|word| word.len() == 64);
    digests
        .filter_map(|hex| format!("sha256:{hex}").parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_digests_as_text_and_as_members() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let text = format!(
            "{{\"sha256\":\"{}\",\"uri\":\"r@{two}\",\"git\":\"{}\"}}",
            one.hex(),
            "a".repeat(40)
        );
        assert_eq!(digests(&text), BTreeSet::from([one, two]));
        assert!(digests(&"a".repeat(65)).is_empty());
    }
}
