//! A stand-in for a log whose entries the Sigstore library cannot read.
//!
//! Tekton Chains 0.28 and cosign before 2.2 logged attestations as `intoto` 0.0.1, which the
//! library does not support. This crate verifies such an entry itself: the signed entry timestamp,
//! its time, and that it is for this envelope and certificate. The library makes the remaining
//! checks – chain, certificate log, validity of the certificate at that time – with an entry of a
//! supported kind, which has the same content and is signed by a key that never leaves this
//! process. The real logs are not trusted in that step, so no other entry can be accepted.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sigstore_verify::{Verifier, crypto::KeyPair, trust_root::TrustedRoot};

use super::{pem, rekor_v1::Logged};
use crate::image::Digest;

/// A log inside this process, and a verifier that trusts only this log.
pub(super) struct StandIn {
    key: KeyPair,
    id: Digest,
    verifier: Verifier,
}

impl StandIn {
    /// Makes a stand-in with the authorities of a trusted root.
    pub(super) fn new(root: &TrustedRoot) -> Result<Self, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let key = KeyPair::generate_ecdsa_p256().map_err(|error| text(&error))?;
        let spki = key.public_key_der().map_err(|error| text(&error))?;
        let id = Digest::of(spki.as_bytes());
        let log = json!([{
            "baseUrl": "", "hashAlgorithm": "SHA2_256",
            "logId": {"keyId": STANDARD.encode(id.as_bytes())},
            "publicKey": {"rawBytes": STANDARD.encode(spki.as_bytes()), "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
        }]);
        let mut root = root.clone();
        root.tlogs = serde_json::from_value(log).map_err(|error| text(&error))?;
        let verifier = Verifier::new(&root).map_err(|error| text(&error))?;
        Ok(Self { key, id, verifier })
    }

    /// Returns the verifier that trusts the entries of this stand-in.
    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Makes an entry of the checked facts: the certificate, the signed message and the time.
    pub(super) fn entry(
        &self,
        logged: &Logged<'_>,
        certificate: &[u8],
        time: Timestamp,
    ) -> Result<Value, String> {
        let hash = |digest: &Digest| json!({"algorithm": "sha256", "value": digest.hex()});
        let envelope = Digest::of(logged.blob.unwrap_or_default());
        let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": hash(&envelope), "payloadHash": hash(&logged.payload.sha256()),
            "signatures": [{
                "signature": STANDARD.encode(logged.signature),
                "verifier": STANDARD.encode(pem::write("CERTIFICATE", certificate)),
            }],
        }});
        let body = STANDARD.encode(body.to_string());
        let seconds = time.as_second();
        let signed = format!(
            r#"{{"body":"{body}","integratedTime":{seconds},"logID":"{}","logIndex":0}}"#,
            self.id.hex()
        );
        let promise = self.key.sign(signed.as_bytes());
        let promise = promise.map_err(|error| error.to_string())?;
        Ok(json!({
            "logIndex": "0", "logId": {"keyId": STANDARD.encode(self.id.as_bytes())},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": seconds.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": STANDARD.encode(promise.as_bytes())},
            "canonicalizedBody": body,
        }))
    }
}
