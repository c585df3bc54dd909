//! Verifies a Sigstore bundle with a public key, for an image or a plain artifact.
//!
//! The Sigstore library verifies the usual cases. This module adds P-384 with SHA-256, which cosign
//! used for every curve, RSA-PSS, and keys other than P-256 in a Rekor v2 log or with a plain
//! signature.

use sigstore_verify::types::{
    Artifact, Bundle, SignatureContent, bundle::VerificationMaterialContent,
};

use super::{
    error::Reason,
    examined::Signer,
    key::{Message, TrustedKey},
    legacy::{malformed, signing_key, stamped_time},
    own_log,
    rekor_v1::{LogEntry, Logged},
    rekor_v2,
    root::SigstoreRoot,
    sigstore,
    verifier::{LogPolicy, TrustChecks},
};

/// The signature in a bundle, with the message that it signs.
struct BundleSignature<'a> {
    signature: &'a [u8],
    /// The encoding of an envelope, if there is one.
    encoding: Option<Vec<u8>>,
    /// The signed message of a signature without an envelope.
    artifact: Message<'a>,
    content: &'a SignatureContent,
}

impl TrustChecks {
    /// Checks that one of the keys signed a bundle, and that the log has an entry unless the log is
    /// ignored. The caller must check the subject of a statement.
    ///
    /// # Errors
    /// The [`Reason`] of the refusal.
    pub(super) fn keyed(
        &self,
        keys: &[TrustedKey],
        log: LogPolicy,
        bundle: &Bundle,
        artifact: &Artifact<'_>,
    ) -> Result<Signer, Reason> {
        let material = &bundle.verification_material;
        if !matches!(material.content, VerificationMaterialContent::PublicKey(_)) {
            return Err(Reason::NotByKey);
        }
        let signed = BundleSignature::new(bundle, artifact)?;
        let key = signing_key(keys, signed.message(), signed.signature)?;
        if log == LogPolicy::Required {
            let root = self.root()?.knowing(bundle);
            own_log::check(bundle, &root)?;
            if key.is_p256() || signed.is_usual(key, bundle) {
                sigstore::by_key(root.verifier(), artifact.clone(), bundle, key)?;
            } else {
                signed.logged_by(key, bundle, &root)?;
            }
        }
        Ok(Signer::Key {
            fingerprint: key.fingerprint(),
        })
    }
}

impl<'a> BundleSignature<'a> {
    fn new(bundle: &'a Bundle, artifact: &'a Artifact<'_>) -> Result<Self, Reason> {
        let (signature, encoding) = match &bundle.content {
            SignatureContent::DsseEnvelope(envelope) => {
                (&envelope.signature.sig, Some(envelope.pae()))
            }
            SignatureContent::MessageSignature(message) => (&message.signature, None),
            _ => return Err(malformed("bundle", "it is of an unknown kind")),
        };
        Ok(Self {
            signature: signature.as_bytes(),
            encoding,
            artifact: Message::of(artifact)?,
            content: &bundle.content,
        })
    }

    /// Returns the signed message.
    fn message(&self) -> Message<'_> {
        let encoding = self.encoding.as_deref();
        encoding.map_or(self.artifact, Message::Bytes)
    }

    /// Tells whether the library supports the key for this signature: in an envelope, in a Rekor v1 log,
    /// by the library's scheme.
    fn is_usual(&self, key: &TrustedKey, bundle: &Bundle) -> bool {
        let entries = &bundle.verification_material.tlog_entries;
        self.encoding.is_some()
            && !entries.iter().any(rekor_v2::is_v2)
            && key.verifies_as_usual(self.message(), self.signature)
    }

    /// Checks every log entry and every timestamp of the bundle.
    fn logged_by(
        &self,
        key: &TrustedKey,
        bundle: &Bundle,
        root: &SigstoreRoot,
    ) -> Result<(), Reason> {
        let material = &bundle.verification_material;
        if material.tlog_entries.is_empty() {
            return Err(Reason::NoLogEntry);
        }
        let spki = key.spki().as_bytes();
        let mut times = Vec::new();
        for entry in &material.tlog_entries {
            if rekor_v2::is_v2(entry) {
                rekor_v2::included(entry, root)?;
                rekor_v2::binds(entry, self.message(), self.signature, spki)?;
                continue;
            }
            let entry = LogEntry::from_bundle(entry, bundle.media_type())?;
            times.extend(entry.verify_either(root)?);
            entry.binds(&Logged {
                blob: None,
                payload: self.logged_payload(&entry)?,
                signature: self.signature,
                spki,
                certificate: None,
            })?;
        }
        for stamp in &material.timestamp_verification_data.rfc3161_timestamps {
            times.push(stamped_time(&stamp.signed_timestamp, self.signature, root)?);
        }
        key.lives_at(&times)
    }

    /// Returns the message of a Rekor v1 entry, whose kind differs for envelopes and plain messages.
    fn logged_payload(&self, entry: &LogEntry) -> Result<Message<'_>, Reason> {
        let (kind, version) = entry.kind();
        match (self.content, kind == "hashedrekord") {
            (SignatureContent::DsseEnvelope(envelope), false) => {
                Ok(Message::Bytes(envelope.payload.as_bytes()))
            }
            (SignatureContent::MessageSignature(_), true) => Ok(self.artifact),
            _ => Err(Reason::UnsupportedLogEntry {
                kind: kind.to_owned(),
                version: version.to_owned(),
            }),
        }
    }
}
