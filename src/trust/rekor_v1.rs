//! Verifies entries of a Rekor v1 log, stored with legacy signatures or returned by the log.
//!
//! Checks the signed entry timestamp, the inclusion proof with its checkpoint, and that the entry
//! is for exactly this signature. The Sigstore library verifies the entries of bundles v0.3.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sigstore_verify::types::{
    Checkpoint, MediaType, Sha256Hash, SignatureBytes, TransparencyLogEntry,
};

use super::{
    error::Reason,
    key::{Message, certificate_key},
    own_log, pem,
    root::SigstoreRoot,
};

/// An entry that is not verified yet.
#[derive(Debug, Clone)]
pub(super) struct LogEntry {
    body: String,
    integrated_time: i64,
    log_index: u64,
    log_id: String,
    promise: Option<String>,
    proof: Option<RekorProof>,
    document: Value,
}

/// An inclusion proof in the format of Rekor's API.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RekorProof {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: u64,
    root_hash: String,
    tree_size: u64,
}

/// The content of the annotation `dev.sigstore.cosign/bundle`.
#[derive(Deserialize)]
struct BundleAnnotation {
    #[serde(rename = "SignedEntryTimestamp")]
    promise: String,
    #[serde(rename = "Payload")]
    payload: EntryFields,
}

/// An entry in the format of Rekor's API.
#[derive(Deserialize)]
struct LogResponse {
    #[serde(flatten)]
    fields: EntryFields,
    verification: Verification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    inclusion_proof: RekorProof,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryFields {
    body: String,
    integrated_time: i64,
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// The signature to which an entry must refer.
pub(super) struct Logged<'a> {
    /// The signed payload, or the whole stored envelope; `None` in bundles, which do not store it.
    pub(super) blob: Option<&'a [u8]>,
    pub(super) payload: Message<'a>,
    pub(super) signature: &'a [u8],
    /// The signer's public key as DER `SubjectPublicKeyInfo`.
    pub(super) spki: &'a [u8],
    /// The certificate of a keyless signer as DER.
    pub(super) certificate: Option<&'a [u8]>,
}

impl LogEntry {
    /// Parses the annotation that cosign stores.
    pub(super) fn from_annotation(text: &str) -> Result<Self, Reason> {
        let annotation: BundleAnnotation = serde_json::from_str(text).map_err(malformed)?;
        Self::new(annotation.payload, Some(annotation.promise), None)
    }

    /// Parses a response of the log, which must contain an inclusion proof.
    pub(super) fn from_answer(answer: &Value) -> Result<Self, Reason> {
        let answer = LogResponse::deserialize(answer).map_err(malformed)?;
        let Verification {
            inclusion_proof,
            signed_entry_timestamp,
        } = answer.verification;
        let promise = Some(signed_entry_timestamp);
        Self::new(answer.fields, promise, Some(inclusion_proof))
    }

    /// Converts the entry of a bundle. In version 0.1 it must contain a signed entry timestamp, and may
    /// contain an inclusion proof; in later versions it is the other way round.
    pub(super) fn from_bundle(
        entry: &TransparencyLogEntry,
        version: MediaType,
    ) -> Result<Self, Reason> {
        let (proof, promise) = (&entry.inclusion_proof, &entry.inclusion_promise);
        let is_proven = match version {
            MediaType::Bundle0_1 => promise.is_some(),
            _ => proof.is_some(),
        };
        if !is_proven {
            return Err(Reason::NoLogEntry);
        }
        let fields = EntryFields {
            body: entry.canonicalized_body.to_base64(),
            integrated_time: entry.integrated_time.map_or(0, |time| time.as_second()),
            log_index: entry.log_index.get(),
            log_id: hex::encode(entry.log_id.key_id.as_bytes()),
        };
        let proof = proof.as_ref().map(|proof| RekorProof {
            checkpoint: proof.checkpoint.envelope().to_owned(),
            hashes: proof.hashes.iter().map(Sha256Hash::to_hex).collect(),
            log_index: proof.log_index.get(),
            root_hash: proof.root_hash.to_hex(),
            tree_size: proof.tree_size,
        });
        let promise = promise.as_ref();
        let promise = promise.map(|promise| promise.signed_entry_timestamp.to_base64());
        Self::new(fields, promise, proof)
    }

    fn new(
        fields: EntryFields,
        promise: Option<String>,
        proof: Option<RekorProof>,
    ) -> Result<Self, Reason> {
        let body = STANDARD.decode(&fields.body).map_err(malformed)?;
        Ok(Self {
            document: serde_json::from_slice(&body).map_err(malformed)?,
            body: fields.body,
            integrated_time: fields.integrated_time,
            log_index: fields.log_index,
            log_id: fields.log_id,
            promise,
            proof,
        })
    }

    fn text(&self, pointer: &str) -> &str {
        let value = self.document.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    /// Returns the kind and version of the entry.
    pub(super) fn kind(&self) -> (&str, &str) {
        (self.text("/kind"), self.text("/apiVersion"))
    }

    /// Verifies an entry that may have only an inclusion proof, which does not prove a time.
    ///
    /// # Errors
    /// As [`Self::verify`]; [`Reason::NoLogEntry`] for an entry without any proof.
    pub(super) fn verify_either(&self, root: &SigstoreRoot) -> Result<Option<Timestamp>, Reason> {
        match (&self.promise, &self.proof) {
            (Some(_), _) => self.verify(root).map(Some),
            (None, Some(proof)) => self.verify_proof(proof, root).map(|()| None),
            (None, None) => Err(Reason::NoLogEntry),
        }
    }

    /// Checks that a trusted log contains the entry, and returns the time of its integration.
    ///
    /// # Errors
    /// [`Reason::LogTime`], [`Reason::UnknownLog`], [`Reason::LogPromise`], [`Reason::LogProof`],
    /// [`Reason::Checkpoint`].
    pub(super) fn verify(&self, root: &SigstoreRoot) -> Result<Timestamp, Reason> {
        let wrong_time = |reason: &str| Reason::LogTime {
            reason: reason.to_owned(),
        };
        let time = Timestamp::from_second(self.integrated_time)
            .map_err(|error| wrong_time(&error.to_string()))?;
        if time > Timestamp::now() {
            return Err(wrong_time("it is in the future"));
        }
        let unknown = || Reason::UnknownLog {
            log: self.log_id.clone(),
        };
        let id = Sha256Hash::from_hex(&self.log_id).map_err(|_| unknown())?;
        let key = root.logs().key_at(&id, time).ok_or_else(unknown)?;
        let promise = self.promise.as_ref().ok_or_else(|| Reason::LogPromise {
            reason: "there is none".to_owned(),
        })?;
        let promise = SignatureBytes::from_base64(promise).map_err(malformed)?;
        // RFC 8785 for a flat object: sorted keys, no spaces; base64 and hex need no escapes.
        let signed = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            self.body,
            self.integrated_time,
            id.to_hex(),
            self.log_index
        );
        key.verify(signed.as_bytes(), &promise)
            .map_err(|error| Reason::LogPromise {
                reason: error.to_string(),
            })?;
        if let Some(proof) = &self.proof {
            self.verify_proof(proof, root)?;
        }
        Ok(time)
    }

    fn verify_proof(&self, proof: &RekorProof, root: &SigstoreRoot) -> Result<(), Reason> {
        let checkpoint = |reason: &str| Reason::Checkpoint {
            reason: reason.to_owned(),
        };
        let note = Checkpoint::from_text(&proof.checkpoint)
            .map_err(|error| checkpoint(&error.to_string()))?;
        own_log::signed(&note, own_log::key(&self.log_id, root)?)?;
        let hash = |text: &String| Sha256Hash::from_hex(text).map_err(malformed);
        let root_hash = hash(&proof.root_hash)?;
        if *note.root_hash() != root_hash || note.tree_size() != proof.tree_size {
            return Err(checkpoint("its tree differs from that of the proof"));
        }
        let hashes: Result<Vec<_>, _> = proof.hashes.iter().map(hash).collect();
        let body = STANDARD.decode(&self.body).map_err(malformed)?;
        let leaf = sigstore_merkle::hash_leaf(&body);
        sigstore_merkle::verify_inclusion_proof(
            &leaf,
            proof.log_index,
            proof.tree_size,
            &hashes?,
            &root_hash,
        )
        .map_err(|error| Reason::LogProof {
            reason: error.to_string(),
        })
    }

    /// Checks that the entry is for this signature: hash, signature bytes and key.
    ///
    /// # Errors
    /// [`Reason::LogEntry`] with the differing part, [`Reason::UnsupportedLogEntry`].
    pub(super) fn binds(&self, logged: &Logged<'_>) -> Result<(), Reason> {
        let unsupported = || {
            let (kind, version) = self.kind();
            Reason::UnsupportedLogEntry {
                kind: kind.to_owned(),
                version: version.to_owned(),
            }
        };
        match self.kind() {
            ("hashedrekord", "0.0.1") => {
                self.same_hash("/spec/data/hash", logged.payload)?;
                let signature = self.text("/spec/signature/content");
                same(
                    STANDARD.decode(signature).ok(),
                    logged.signature,
                    "signature",
                )?;
                self.same_signer(self.text("/spec/signature/publicKey/content"), logged)
            }
            ("dsse", "0.0.1") => {
                if let Some(envelope) = logged.blob {
                    self.same_hash("/spec/envelopeHash", Message::Bytes(envelope))?;
                }
                self.same_hash("/spec/payloadHash", logged.payload)?;
                let signature = self.signature_entry("/spec/signatures", logged, |text| {
                    STANDARD.decode(text).ok()
                })?;
                self.same_signer(field(signature, "verifier"), logged)
            }
            ("intoto", "0.0.1") => {
                let envelope = logged.blob.ok_or_else(unsupported)?;
                self.same_hash("/spec/content/hash", Message::Bytes(envelope))?;
                self.same_signer(self.text("/spec/publicKey"), logged)
            }
            ("intoto", "0.0.2") => {
                self.same_hash("/spec/content/payloadHash", logged.payload)?;
                // Rekor encodes the signature's base64 text in base64 again.
                let twice = |text: &str| STANDARD.decode(STANDARD.decode(text).ok()?).ok();
                let list = "/spec/content/envelope/signatures";
                let signature = self.signature_entry(list, logged, twice)?;
                self.same_signer(field(signature, "publicKey"), logged)
            }
            _ => Err(unsupported()),
        }
    }

    fn same_hash(&self, pointer: &str, expected: Message<'_>) -> Result<(), Reason> {
        let algorithm = self.text(&format!("{pointer}/algorithm"));
        let value = self.text(&format!("{pointer}/value"));
        let expected = expected.hash(algorithm).map(hex::encode);
        if expected.as_deref() == Some(value) {
            Ok(())
        } else {
            Err(another("artifact"))
        }
    }

    /// Returns the element of a list of signatures with these signature bytes.
    fn signature_entry(
        &self,
        list: &str,
        logged: &Logged<'_>,
        decode: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<&Value, Reason> {
        let list = self.document.pointer(list).and_then(Value::as_array);
        let name = |value: &Value| {
            let text = value.get("signature").or_else(|| value.get("sig"));
            text.and_then(Value::as_str).map(str::to_owned)
        };
        list.into_iter()
            .flatten()
            .find(|value| {
                let bytes = name(value).and_then(|text| decode(&text));
                bytes.as_deref() == Some(logged.signature)
            })
            .ok_or_else(|| another("signature"))
    }

    fn same_signer(&self, base64: &str, logged: &Logged<'_>) -> Result<(), Reason> {
        let text = STANDARD.decode(base64).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let block = text
            .and_then(|text| pem::parse(&text))
            .and_then(|blocks| blocks.into_iter().next())
            .ok_or_else(|| another("key"))?;
        match (block.label.as_str(), logged.certificate) {
            ("CERTIFICATE", Some(certificate)) => same(Some(block.der), certificate, "certificate"),
            ("CERTIFICATE", None) => same(certificate_key(&block.der).ok(), logged.spki, "key"),
            ("PUBLIC KEY", None) => same(Some(block.der), logged.spki, "key"),
            _ => Err(another("key")),
        }
    }

    /// Converts the entry to the form of a bundle, for the Sigstore library.
    pub(super) fn to_bundle_entry(&self) -> Result<Value, Reason> {
        let (kind, version) = self.kind();
        let id = hex::decode(&self.log_id).map_err(malformed)?;
        Ok(json!({
            "logIndex": self.log_index.to_string(),
            "logId": {"keyId": STANDARD.encode(id)},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": self.integrated_time.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": self.promise},
            "canonicalizedBody": self.body,
        }))
    }
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn same(found: Option<Vec<u8>>, expected: &[u8], what: &str) -> Result<(), Reason> {
    if found.as_deref() == Some(expected) {
        Ok(())
    } else {
        Err(another(what))
    }
}

fn another(what: &str) -> Reason {
    Reason::LogEntry {
        what: what.to_owned(),
    }
}

fn malformed(error: impl std::fmt::Display) -> Reason {
    Reason::Malformed {
        what: "log entry",
        reason: error.to_string(),
    }
}
