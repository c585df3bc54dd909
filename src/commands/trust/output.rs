//! The output of `trust verify`: lines, one JSON document, and the reason of a refusal.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::ImageFinding;
use crate::{
    commands::failures::candidate_hint,
    failure::{Failure, Kind},
    trust::{ImageVerifier, Signer, TrustedSigners, VerifiedSignature},
};

/// Returns the refusal of an image in one line: the result has the reason of each candidate.
pub(super) fn refusal(finding: &ImageFinding) -> Option<Failure> {
    if finding.holds() {
        return None;
    }
    let (image, kind, count) = (&finding.image, finding.kind, finding.rejected.len());
    let why = match count {
        0 => format!("no {kind}s found"),
        1 => format!("the only {kind} is not accepted"),
        _ => format!("none of {count} {kind}s is accepted"),
    };
    let failure = Failure::message(Kind::Refused, why).context(format!("{image} is refused"));
    let mut reasons = finding.rejected.iter().map(|rejected| &rejected.reason);
    Some(match reasons.find_map(candidate_hint) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// Returns the trusted signers in words.
fn expected(who: &TrustedSigners) -> String {
    let names: Vec<_> = match who {
        TrustedSigners::Keys { keys, .. } => keys
            .iter()
            .map(|key| format!("key {}", key.fingerprint()))
            .collect(),
        TrustedSigners::Identities(identities) | TrustedSigners::Stamped(identities) => identities
            .iter()
            .map(|identity| format!("{} of {}", identity.subject, identity.issuer))
            .collect(),
    };
    names.join(" or ")
}

/// Returns a signer in words.
pub(super) fn signer_text(signer: &Signer) -> String {
    match signer {
        Signer::Key { fingerprint } => format!("key {fingerprint}"),
        Signer::Identity { subject, issuer } => format!("{subject} of {issuer}"),
    }
}

/// Returns the findings as lines for people.
pub(super) fn text(findings: &[ImageFinding], who: &TrustedSigners) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |line: String| _ = writeln!(text, "{line}");
    for finding in findings {
        let (image, kind) = (&finding.image, finding.kind);
        line(format!("{image}: {kind}s by {}", expected(who)));
        for signature in &finding.signatures {
            let logged = if signature.logged { ", logged" } else { "" };
            let signer = signer_text(&signature.signer);
            line(format!(
                "  accepted {}: signed by {signer}{logged}",
                signature.origin
            ));
        }
        for attestation in &finding.attestations {
            let of = attestation.statement.predicate_type();
            let signers = attestation
                .signatures
                .iter()
                .map(|signature| signer_text(&signature.signer));
            let signers: Vec<_> = signers.collect();
            let (origin, signers) = (&attestation.origin, signers.join(" and "));
            line(format!("  accepted {origin}: {of}, signed by {signers}"));
        }
        for rejected in &finding.rejected {
            line(format!("  refused  {rejected}"));
        }
        if !finding.holds() && finding.rejected.is_empty() {
            line(format!("  refused  no {kind}s found"));
        }
    }
    text
}

/// Returns the findings as one JSON document.
pub(super) fn json(findings: &[ImageFinding], verifier: &ImageVerifier) -> String {
    let signature = |signature: &VerifiedSignature| {
        json!({
            "origin": signature.origin, "signer": signer_json(&signature.signer), "sig": signature.sig,
            "keyid": signature.keyid, "certificate": signature.certificate,
            "annotations": signature.annotations, "logged": signature.logged,
        })
    };
    let images = findings.iter().map(|finding| {
        let signatures: Vec<_> = finding.signatures.iter().map(signature).collect();
        let attestations = finding.attestations.iter().map(|attestation| {
            let signatures: Vec<_> = attestation.signatures.iter().map(signature).collect();
            json!({
                "origin": attestation.origin, "predicateType": attestation.statement.predicate_type(),
                "signatures": signatures, "statement": attestation.statement.document(),
            })
        });
        let rejected = finding.rejected.iter().map(|rejected| {
            json!({"origin": rejected.origin, "reason": rejected.reason.to_string()})
        });
        json!({
            "image": finding.image.to_string(), "kind": finding.kind.to_string(),
            "success": finding.holds(), "signatures": signatures,
            "attestations": attestations.collect::<Vec<_>>(), "rejected": rejected.collect::<Vec<_>>(),
        })
    });
    let images: Vec<Value> = images.collect();
    let document = json!({"images": images, "skippedChecks": verifier.skipped_checks()});
    format!("{document:#}\n")
}

fn signer_json(signer: &Signer) -> Value {
    match signer {
        Signer::Key { fingerprint } => json!({"key": fingerprint.to_string()}),
        Signer::Identity { subject, issuer } => json!({"subject": subject, "issuer": issuer}),
    }
}
