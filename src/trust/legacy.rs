//! Verifies a legacy candidate: a simple-signing payload or an envelope, with the evidence in
//! the annotations of its layer (cosign, "Signature Specification").
//!
//! A keyless one is converted to a bundle, so that the Sigstore library checks times, chain,
//! certificate log and transparency log. This module adds the checks that the library lacks.

mod stamped;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sigstore_verify::{
    tsa,
    types::{Bundle, Sha256Hash, SignatureBytes, TimestampToken},
};

use super::{
    certificate,
    discover::{Container, EvidenceCandidate},
    dsse::{self, EnvelopeSignature, SignedEnvelope},
    error::Reason,
    examined::{Attestation, Signer, VerifiedSignature},
    identity::ExpectedIdentity,
    key::{Message, TrustedKey, certificate_key},
    pem,
    rekor_v1::{LogEntry, Logged},
    root::SigstoreRoot,
    sigstore, simple_signing,
    verifier::{LogPolicy, TrustChecks, TrustedSigners},
};
use crate::{evidence::InTotoStatement, image::Digest};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The annotation of a layer with the signer's certificate.
pub(crate) const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The annotation of a layer with the certificates of the issuers.
pub(crate) const CHAIN: &str = "dev.sigstore.cosign/chain";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
/// The annotation of a layer with a timestamp of the signature (RFC 3161).
pub(crate) const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
const MAX_CHAIN: usize = 10;

/// An accepted candidate: a signature or an attestation.
#[derive(Debug)]
pub(super) enum CheckedEvidence {
    Signature(VerifiedSignature),
    Attestation(Attestation),
}

/// A candidate with the log entry that was looked up for it.
pub(super) struct LoggedCandidate<'a> {
    pub(super) candidate: &'a EvidenceCandidate,
    pub(super) looked_up: Option<LogEntry>,
}

impl TrustChecks {
    /// Verifies a candidate of any format.
    ///
    /// # Errors
    /// The [`Reason`] of the refusal.
    pub(super) fn check(
        &self,
        subject: &LoggedCandidate<'_>,
        digest: &Digest,
    ) -> Result<CheckedEvidence, Reason> {
        match subject.candidate.container {
            Container::SimpleSigning => self
                .simple_signing(subject, digest)
                .map(CheckedEvidence::Signature),
            Container::Envelope => self
                .envelope(subject, digest)
                .map(CheckedEvidence::Attestation),
            Container::Bundle => self.bundle(subject.candidate, digest),
        }
    }

    fn simple_signing(
        &self,
        subject: &LoggedCandidate<'_>,
        digest: &Digest,
    ) -> Result<VerifiedSignature, Reason> {
        let payload = &subject.candidate.bytes;
        let bytes = signature_annotation(subject.candidate)?;
        let signed = LegacySignature {
            blob: payload,
            payload,
            signature: &bytes,
            message: payload.to_vec(),
        };
        let (signer, entry) = match &self.who {
            TrustedSigners::Keys { keys, log } => self.by_key(keys, *log, subject, &signed)?,
            TrustedSigners::Identities(expected) => {
                let content = json!({"messageSignature": {
                    "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Digest::of(payload).as_bytes())},
                    "signature": STANDARD.encode(&bytes),
                }});
                self.by_certificate(expected, subject, &signed, content, digest)?
            }
            // cosign stamps no signatures of this form without a log.
            TrustedSigners::Stamped(_) => return Err(Reason::NoTime),
        };
        let claims = simple_signing::check(payload, digest)?;
        let mut signature = describe(
            subject.candidate,
            &bytes,
            "",
            signer,
            entry.is_some(),
            claims.annotations,
            self.root().ok(),
        )?;
        signature.reference = claims.reference;
        Ok(signature)
    }

    fn envelope(
        &self,
        subject: &LoggedCandidate<'_>,
        digest: &Digest,
    ) -> Result<Attestation, Reason> {
        let blob = &subject.candidate.bytes;
        let envelope = SignedEnvelope::parse(blob)?;
        if envelope.payload_type != dsse::IN_TOTO {
            return Err(Reason::PayloadType {
                found: envelope.payload_type,
            });
        }
        let message = envelope.signed_bytes();
        let mut refusal = Reason::NoSignature;
        let mut verified = None;
        for signature in &envelope.signatures {
            let signed = LegacySignature {
                blob,
                payload: &envelope.payload,
                signature: &signature.bytes,
                message: message.clone(),
            };
            let checked = match &self.who {
                TrustedSigners::Keys { keys, log } => self.by_key(keys, *log, subject, &signed),
                TrustedSigners::Identities(expected) => {
                    let content = single(&envelope, signature);
                    self.by_certificate(expected, subject, &signed, content, digest)
                }
                TrustedSigners::Stamped(expected) => {
                    let content = single(&envelope, signature);
                    self.by_stamp(expected, subject, &signed, content, digest)
                }
            };
            match checked {
                Ok(found) => verified = verified.or(Some((signature, found))),
                Err(reason) => refusal = reason,
            }
        }
        let Some((signature, (signer, entry))) = verified else {
            return Err(refusal);
        };
        let statement = statement(&envelope.payload, digest)?;
        let annotations = BTreeMap::new();
        let signature = describe(
            subject.candidate,
            &signature.bytes,
            &signature.keyid,
            signer,
            entry.is_some(),
            annotations,
            self.root().ok(),
        )?;
        Ok(Attestation {
            bundled: false,
            origin: subject.candidate.origin.clone(),
            digest: Digest::of(blob),
            statement,
            signatures: vec![signature],
        })
    }

    /// Verifies a signature with a key, then the log entry unless the log is ignored.
    fn by_key(
        &self,
        keys: &[TrustedKey],
        log: LogPolicy,
        subject: &LoggedCandidate<'_>,
        signed: &LegacySignature<'_>,
    ) -> Result<(Signer, Option<LogEntry>), Reason> {
        let key = signing_key(keys, Message::Bytes(&signed.message), signed.signature)?;
        let signer = Signer::Key {
            fingerprint: key.fingerprint(),
        };
        if log == LogPolicy::Ignored {
            return Ok((signer, None));
        }
        let entry = log_entry(subject)?;
        let time = entry.verify(self.root()?)?;
        key.lives_at(&[time])?;
        entry.binds(&signed.logged(key.spki().as_bytes(), None))?;
        Ok((signer, Some(entry)))
    }

    /// Verifies a signature with a certificate: the library verifies a bundle made of the parts, then this module
    /// makes the remaining checks.
    fn by_certificate(
        &self,
        expected: &[ExpectedIdentity],
        subject: &LoggedCandidate<'_>,
        signed: &LegacySignature<'_>,
        content: Value,
        digest: &Digest,
    ) -> Result<(Signer, Option<LogEntry>), Reason> {
        let annotations = &subject.candidate.annotations;
        let leaf = leaf(annotations)?;
        let root = self.root()?;
        let entry = log_entry(subject)?;
        let spki = certificate_key(&leaf).map_err(|error| malformed("certificate", error))?;
        let logged = signed.logged(&spki, Some(&leaf));
        entry.binds(&logged)?;
        let time = entry.verify(root)?;
        let is_envelope = content.get("dsseEnvelope").is_some();
        let stated_at = |time| {
            let stand_in = root.stand_in()?;
            let stated = stand_in.entry(&logged, &leaf, time)?;
            Ok((stand_in.verifier(), stated))
        };
        let stated_at = |time| stated_at(time).map_err(|error: String| malformed("entry", error));
        let judge = |(verifier, stated), stamps: &[String]| {
            let chain = annotations.get(CHAIN);
            let bundle = bundle(&leaf, chain, stated, stamps, content.clone())?;
            let skip = self.skip_certificate_log;
            if is_envelope {
                let hash = Sha256Hash::new(*digest.as_bytes());
                sigstore::keyless(verifier, hash, &bundle, expected, skip)
            } else {
                sigstore::keyless(verifier, signed.blob, &bundle, expected, skip)
            }
        };
        let stamp = legacy_timestamp(annotations)?;
        let mut stamps = Vec::new();
        if is_envelope {
            if let Some(token) = stamp {
                // The certificate must also have been valid at the time of the timestamp.
                let token = TimestampToken::from_base64(&token);
                let token = token.map_err(|error| malformed("timestamp", error))?;
                judge(stated_at(stamped_time(&token, signed.blob, root)?)?, &[])?;
            }
        } else {
            stamps.extend(stamp);
        }
        let signer = match entry.kind() {
            ("intoto", "0.0.1") => judge(stated_at(time)?, &stamps)?,
            _ => judge((root.verifier(), entry.to_bundle_entry()?), &stamps)?,
        };
        Ok((signer, Some(entry)))
    }
}

/// The signed bytes of a candidate, with the signature.
struct LegacySignature<'a> {
    blob: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    message: Vec<u8>,
}

impl<'a> LegacySignature<'a> {
    fn logged(&self, spki: &'a [u8], certificate: Option<&'a [u8]>) -> Logged<'a>
    where
        Self: 'a,
    {
        Logged {
            blob: Some(self.blob),
            payload: Message::Bytes(self.payload),
            signature: self.signature,
            spki,
            certificate,
        }
    }
}

/// Returns the expected key that made the signature.
///
/// # Errors
/// [`Reason::OnlyDigest`] if one of the keys needs the bytes themselves, else [`Reason::Signature`].
pub(super) fn signing_key<'a>(
    keys: &'a [TrustedKey],
    message: Message<'_>,
    signature: &[u8],
) -> Result<&'a TrustedKey, Reason> {
    let found = keys.iter().find(|key| key.verifies(message, signature));
    let only_hashed = matches!(message, Message::Sha256(_));
    found.ok_or(if only_hashed && keys.iter().any(TrustedKey::needs_bytes) {
        Reason::OnlyDigest
    } else {
        Reason::Signature {
            with: "the public key",
        }
    })
}

/// Parses a signed statement and checks that the image is a subject.
pub(super) fn statement(payload: &[u8], digest: &Digest) -> Result<InTotoStatement, Reason> {
    let statement = InTotoStatement::parse(payload)?;
    if statement.is_about(digest) {
        Ok(statement)
    } else {
        Err(Reason::Subject)
    }
}

/// Returns the entry stored with a candidate, else the one that was looked up.
fn log_entry(subject: &LoggedCandidate<'_>) -> Result<LogEntry, Reason> {
    match subject.candidate.annotations.get(LOG_ENTRY) {
        Some(text) => LogEntry::from_annotation(text),
        None => subject.looked_up.clone().ok_or(Reason::NoLogEntry),
    }
}

/// The parts of a legacy candidate by which its entry is looked up in the log.
pub(super) struct Unlogged {
    pub(super) signatures: Vec<Vec<u8>>,
    /// The certificate as PEM, if the candidate has one.
    pub(super) certificate: Option<String>,
}

/// Returns the timestamp token stored with a candidate.
fn legacy_timestamp(annotations: &BTreeMap<String, String>) -> Result<Option<String>, Reason> {
    #[derive(serde::Deserialize)]
    struct WireTimestamp {
        #[serde(rename = "SignedRFC3161Timestamp")]
        token: String,
    }
    let Some(text) = annotations.get(TIMESTAMP) else {
        return Ok(None);
    };
    let wire: WireTimestamp =
        serde_json::from_str(text).map_err(|error| malformed("timestamp", error))?;
    Ok(Some(wire.token))
}

/// Verifies a token over some bytes and returns its time: for legacy attestations cosign timestamps the
/// whole envelope, but the library accepts only tokens over signatures.
pub(super) fn stamped_time(
    token: &TimestampToken,
    stamped: &[u8],
    root: &SigstoreRoot,
) -> Result<Timestamp, Reason> {
    let stamped = SignatureBytes::new(stamped.to_vec());
    let mut refusal = "no timestamp authority is trusted".to_owned();
    for authority in root.timestamp_authorities() {
        match tsa::verify_timestamp_for_authority(token, &stamped, authority) {
            Ok(time) => return sigstore::not_of_the_future(time).map(|()| time),
            Err(tsa::Error::TimestampOutsideValidity { time }) => {
                return Err(Reason::TimestampTime { time });
            }
            Err(error) => refusal = error.to_string(),
        }
    }
    Err(Reason::Timestamp { reason: refusal })
}

/// Returns the parts for a lookup in the log, if no entry is stored with the candidate.
pub(super) fn unlogged(candidate: &EvidenceCandidate) -> Option<Unlogged> {
    if candidate.annotations.contains_key(LOG_ENTRY) {
        return None;
    }
    let signatures = match candidate.container {
        Container::SimpleSigning => vec![signature_annotation(candidate).ok()?],
        Container::Envelope => {
            let envelope = SignedEnvelope::parse(&candidate.bytes).ok()?;
            envelope
                .signatures
                .into_iter()
                .map(|signature| signature.bytes)
                .collect()
        }
        Container::Bundle => return None,
    };
    Some(Unlogged {
        signatures,
        certificate: candidate.annotations.get(CERTIFICATE).cloned(),
    })
}

fn signature_annotation(candidate: &EvidenceCandidate) -> Result<Vec<u8>, Reason> {
    let text = candidate.annotations.get(SIGNATURE);
    let text = text
        .filter(|text| !text.is_empty())
        .ok_or(Reason::NoSignature)?;
    STANDARD
        .decode(text)
        .map_err(|error| malformed("signature", error))
}

/// Returns the envelope with one of its signatures, in the form of a bundle.
fn single(envelope: &SignedEnvelope, signature: &EnvelopeSignature) -> Value {
    json!({"dsseEnvelope": {
        "payloadType": envelope.payload_type,
        "payload": STANDARD.encode(&envelope.payload),
        "signatures": [{"sig": STANDARD.encode(&signature.bytes)}],
    }})
}

/// Makes a bundle v0.1, the version in which the signed entry timestamp proves the log entry.
fn bundle(
    leaf: &[u8],
    chain: Option<&String>,
    entry: Value,
    stamps: &[String],
    content: Value,
) -> Result<Bundle, Reason> {
    let raw = |der: &[u8]| json!({"rawBytes": STANDARD.encode(der)});
    let mut all = vec![raw(leaf)];
    let issuers = certificates(chain.map_or("", String::as_str))?;
    all.extend(issuers.iter().take(MAX_CHAIN).map(|der| raw(der)));
    let stamps: Vec<_> = stamps
        .iter()
        .map(|token| json!({"signedTimestamp": token}))
        .collect();
    let mut document = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "verificationMaterial": {
            "x509CertificateChain": {"certificates": all},
            "tlogEntries": [entry],
            "timestampVerificationData": {"rfc3161Timestamps": stamps},
        },
    });
    if let (Some(document), Value::Object(content)) = (document.as_object_mut(), content) {
        document.extend(content);
    }
    serde_json::from_value(document).map_err(|error| malformed("evidence", error))
}

/// Returns the DER certificate of the signer.
fn leaf(annotations: &BTreeMap<String, String>) -> Result<Vec<u8>, Reason> {
    let text = annotations.get(CERTIFICATE).ok_or(Reason::NoCertificate)?;
    let leaf = certificates(text)?.into_iter().next();
    leaf.ok_or(Reason::NoCertificate)
}

/// Returns the DER certificates of a PEM text.
fn certificates(text: &str) -> Result<Vec<Vec<u8>>, Reason> {
    let blocks = pem::parse(text).ok_or_else(|| malformed("certificate", "it is not valid PEM"))?;
    let is_certificate = |block: &pem::Block| block.label == "CERTIFICATE";
    Ok(blocks
        .into_iter()
        .filter(is_certificate)
        .map(|block| block.der)
        .collect())
}

fn describe(
    candidate: &EvidenceCandidate,
    signature: &[u8],
    keyid: &str,
    signer: Signer,
    logged: bool,
    annotations: BTreeMap<String, String>,
    root: Option<&SigstoreRoot>,
) -> Result<VerifiedSignature, Reason> {
    // With a key, a certificate next to the signature was not checked and is not reported.
    let keyless = matches!(signer, Signer::Identity { .. });
    let pem = |name: &str| {
        let text = candidate.annotations.get(name).filter(|_| keyless);
        text.and_then(|text| certificates(text).ok())
            .unwrap_or_default()
    };
    // The stored certificates are reported as the chain only if the trusted root contains all of them.
    let chain_is_known =
        root.is_some_and(|root| pem(CHAIN).iter().all(|der| root.names_authority(der)));
    let leaf = pem(CERTIFICATE).into_iter().next();
    let details = certificate::describe(leaf.as_deref())?;
    Ok(VerifiedSignature {
        origin: candidate.origin.clone(),
        digest: Digest::of(&candidate.bytes),
        reference: None,
        signer,
        keyid: details.key_id.unwrap_or_else(|| keyid.to_owned()),
        sig: STANDARD.encode(signature),
        certificate: leaf.map(|der| pem::write("CERTIFICATE", &der)),
        chain: pem(CHAIN)
            .iter()
            .filter(|_| chain_is_known)
            .map(|der| pem::write("CERTIFICATE", der))
            .collect(),
        metadata: details.metadata,
        annotations,
        logged,
    })
}

pub(super) fn malformed(what: &'static str, error: impl std::fmt::Display) -> Reason {
    Reason::Malformed {
        what,
        reason: error.to_string(),
    }
}
