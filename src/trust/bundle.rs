//! Verifies a Sigstore bundle v0.3 that refers to an image (cosign, "Bundle Specification").
//!
//! Signatures and attestations have the same format. Only the signed predicate type distinguishes
//! them, so an attestation is never accepted as an image signature.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::IgnoredAny};
use sigstore_verify::types::{
    Artifact, Bundle, DsseEnvelope, MediaType, Sha256Hash, SignatureContent,
    bundle::{MessageSignature, VerificationMaterialContent},
};

use super::{
    certificate,
    discover::EvidenceCandidate,
    dsse,
    error::Reason,
    examined::{Attestation, Signer, VerifiedSignature},
    identity::ExpectedIdentity,
    legacy::{CheckedEvidence, malformed, statement},
    limits, own_log, pem, sigstore, simple_signing,
    verifier::{TrustChecks, TrustedSigners},
};
use crate::{image::Digest, json};

/// The predicate type of a verification summary (SLSA).
pub(crate) const VSA: &str = "https://slsa.dev/verification_summary/v1";
/// The predicate type of a promotion; `docs/record.md` specifies it.
pub(crate) const PROMOTION: &str = "urn:promote:promotion:v1";
/// The predicate type of an image signature.
pub(crate) const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// Parses a bundle within limits.
///
/// # Errors
/// [`Reason::TooLarge`], [`Reason::Malformed`].
pub(super) fn parse(bytes: &[u8]) -> Result<Bundle, Reason> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct BundleShape {
        verification_material: Material,
        #[serde(default)]
        message_signature: Option<IgnoredAny>,
        #[serde(default)]
        dsse_envelope: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Material {
        #[serde(default, deserialize_with = "json::nullable")]
        tlog_entries: Vec<IgnoredAny>,
        #[serde(default)]
        timestamp_verification_data: Option<Stamps>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stamps {
        #[serde(default, deserialize_with = "json::nullable")]
        rfc3161_timestamps: Vec<IgnoredAny>,
    }
    limit(
        "the size",
        bytes.len(),
        usize::try_from(limits::BLOB).unwrap_or(usize::MAX),
    )?;
    let shape: BundleShape =
        json::read(bytes, &json::BUNDLE).map_err(|error| malformed("bundle", error))?;
    if shape.message_signature.is_some() && shape.dsse_envelope.is_some() {
        let reason = "it has a messageSignature and a dsseEnvelope, expected one";
        return Err(malformed("bundle", reason));
    }
    let material = shape.verification_material;
    limit(
        "a number of log entries",
        material.tlog_entries.len(),
        limits::EVIDENCE,
    )?;
    let stamps = material.timestamp_verification_data.unwrap_or_default();
    limit(
        "a number of timestamps",
        stamps.rfc3161_timestamps.len(),
        limits::EVIDENCE,
    )?;
    let text = std::str::from_utf8(bytes).map_err(|error| malformed("bundle", error))?;
    Bundle::from_json(text).map_err(|error| malformed("bundle", error))
}

fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), Reason> {
    if found <= limit {
        return Ok(());
    }
    Err(Reason::TooLarge {
        what,
        found: found as u64,
        limit: limit as u64,
    })
}

/// Returns the unverified predicate type of a bundle, which is used only to sort refusals.
pub(crate) fn claimed_predicate_type(bytes: &[u8]) -> Option<String> {
    let SignatureContent::DsseEnvelope(envelope) = parse(bytes).ok()?.content else {
        return None;
    };
    if envelope.payload_type == simple_signing::MEDIA_TYPE {
        return Some(SIGN.to_owned());
    }
    claimed_by(envelope.payload.as_bytes())
}

/// Reads the predicate type of an unverified statement.
pub(super) fn claimed_by(statement: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct PredicateClaim {
        predicate_type: String,
    }
    let claim: PredicateClaim = json::read(statement, &json::STATEMENT).ok()?;
    Some(claim.predicate_type)
}

impl TrustChecks {
    /// Verifies a bundle as a signature or attestation of the image with this digest.
    ///
    /// # Errors
    /// The [`Reason`] of the refusal.
    pub(super) fn bundle(
        &self,
        candidate: &EvidenceCandidate,
        digest: &Digest,
    ) -> Result<CheckedEvidence, Reason> {
        let bundle = parse(&candidate.bytes)?;
        // Older versions need no inclusion proof: a registry must not choose the amount of proof.
        if bundle.media_type() != MediaType::Bundle0_3 {
            return Err(Reason::BundleVersion {
                found: bundle.media_type().as_str().to_owned(),
            });
        }
        let SignatureContent::DsseEnvelope(envelope) = bundle.content.clone() else {
            return Err(Reason::BundleContent);
        };
        match envelope.payload_type.as_str() {
            dsse::IN_TOTO => {
                let hash = Sha256Hash::new(*digest.as_bytes());
                let signer = self.signer(&bundle, &hash.into())?;
                let statement = statement(envelope.payload.as_bytes(), digest)?;
                let annotations = statement.annotations(digest);
                let mut signature =
                    describe(candidate, &bundle, &envelope, signer, self.who.needs_log())?;
                if statement.predicate_type() == SIGN {
                    signature.annotations = annotations;
                    return Ok(CheckedEvidence::Signature(signature));
                }
                Ok(CheckedEvidence::Attestation(Attestation {
                    bundled: true,
                    origin: candidate.origin.clone(),
                    digest: Digest::of(&candidate.bytes),
                    statement,
                    signatures: vec![signature],
                }))
            }
            // Tekton Chains wraps simple signing in an envelope, but signs only the payload.
            simple_signing::MEDIA_TYPE => {
                let payload = envelope.payload.as_bytes();
                let mut plain = bundle.clone();
                plain.content = SignatureContent::MessageSignature(MessageSignature::new(
                    envelope.signature.sig.clone(),
                ));
                let signer = self.signer(&plain, &payload.into())?;
                let claims = simple_signing::check(payload, digest)?;
                let mut signature =
                    describe(candidate, &bundle, &envelope, signer, self.who.needs_log())?;
                signature.annotations = claims.annotations;
                signature.reference = claims.reference;
                Ok(CheckedEvidence::Signature(signature))
            }
            other => Err(Reason::PayloadType {
                found: other.to_owned(),
            }),
        }
    }

    /// Verifies a bundle of any version and content over an artifact and returns its signer.
    ///
    /// # Errors
    /// The [`Reason`] of the refusal.
    pub(super) fn signer(
        &self,
        bundle: &Bundle,
        artifact: &Artifact<'_>,
    ) -> Result<Signer, Reason> {
        let expected = match &self.who {
            TrustedSigners::Keys { keys, log } => return self.keyed(keys, *log, bundle, artifact),
            TrustedSigners::Identities(expected) => expected,
            TrustedSigners::Stamped(expected) => return self.stamped(expected, bundle, artifact),
        };
        let content = &bundle.verification_material.content;
        if matches!(content, VerificationMaterialContent::PublicKey(_)) {
            return Err(Reason::NoCertificate);
        }
        let (root, skip) = (self.root()?.knowing(bundle), self.skip_certificate_log);
        own_log::check(bundle, &root)?;
        let verifier = root.verifier();
        sigstore::keyless(verifier, artifact.clone(), bundle, expected, skip)
    }
}

impl TrustChecks {
    /// Verifies a bundle without its log entries: only a timestamp proves the time at which the
    /// certificate was used.
    fn stamped(
        &self,
        expected: &[ExpectedIdentity],
        bundle: &Bundle,
        artifact: &Artifact<'_>,
    ) -> Result<Signer, Reason> {
        let mut bare = bundle.clone();
        bare.verification_material.tlog_entries.clear();
        let (root, skip) = (self.root()?, self.skip_certificate_log);
        sigstore::by_timestamp(root.verifier(), artifact.clone(), &bare, expected, skip)
    }
}

fn describe(
    candidate: &EvidenceCandidate,
    bundle: &Bundle,
    envelope: &DsseEnvelope,
    signer: Signer,
    logged: bool,
) -> Result<VerifiedSignature, Reason> {
    let der = bundle
        .signing_certificate()
        .map(|certificate| certificate.as_bytes());
    let details = certificate::describe(der)?;
    Ok(VerifiedSignature {
        origin: candidate.origin.clone(),
        digest: Digest::of(&candidate.bytes),
        reference: None,
        signer,
        keyid: details
            .key_id
            .unwrap_or_else(|| envelope.signature.keyid.as_str().to_owned()),
        sig: STANDARD.encode(envelope.signature.sig.as_bytes()),
        certificate: der.map(|der| pem::write("CERTIFICATE", der)),
        chain: Vec::new(),
        metadata: details.metadata,
        annotations: BTreeMap::new(),
        logged,
    })
}
