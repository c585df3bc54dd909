//! Signs statements and stores them: a DSSE envelope under a `.att` tag, or a Sigstore bundle v0.3 as a referrer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Error, SigningServices, StatementKey, StatementLayout, keyless::Certified};
use crate::{
    http::Http,
    registry::{NewLayer, NewReferrer, PREDICATE_TYPE},
    trust::{
        CERTIFICATE, CHAIN, TIMESTAMP,
        dsse::{self, IN_TOTO, in_toto_envelope, signed_bytes},
        pem,
    },
};

pub(super) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The annotation with the predicate type of a layer under a `.att` tag.
pub(super) const LAYER_TYPE: &str = "predicateType";

/// The signer of the statements of a run.
#[derive(Debug)]
pub(crate) struct Signing {
    key: StatementKey,
    /// The certificate of a keyless signer and its issuers, as DER.
    chain: Vec<Vec<u8>>,
    services: SigningServices,
    http: Http,
}

/// A signed statement: the envelope, and the proofs of its time.
#[derive(Debug)]
pub(super) struct SignedStatement {
    predicate_type: String,
    envelope: Value,
    entry: Option<Value>,
    stamp: Option<Vec<u8>>,
}

impl Signing {
    /// Makes a signer with a key; the configured services log and timestamp its signatures.
    pub(crate) fn with_key(key: StatementKey, services: SigningServices, http: Http) -> Self {
        Self {
            key,
            chain: Vec::new(),
            services,
            http,
        }
    }

    /// Makes a signer with a certified ephemeral key; `None` without a configured Fulcio.
    ///
    /// # Errors
    /// Those of [`SigningServices`].
    pub(crate) async fn keyless(
        services: SigningServices,
        http: Http,
    ) -> Result<Option<Self>, Error> {
        let certified = services.certify(&http).await?;
        Ok(certified.map(|Certified { key, chain }| Self {
            key,
            chain,
            services,
            http,
        }))
    }

    /// Returns the key that signs, which is ephemeral for a keyless signer.
    pub(crate) fn key(&self) -> &StatementKey {
        &self.key
    }

    /// Returns the certificate of a keyless signer as DER.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        self.chain.first().map(Vec::as_slice)
    }

    /// Tells whether an envelope is by this signer over exactly these bytes. A keyless signer has a new certificate
    /// each time, so only the bytes are compared.
    pub(super) fn made(&self, envelope: &Value, payload: &[u8]) -> bool {
        let text = |pointer: &str| envelope.pointer(pointer).and_then(Value::as_str);
        let decoded = |pointer: &str| STANDARD.decode(text(pointer)?).ok();
        let same = decoded("/payload").is_some_and(|found| found == payload);
        if !same || text("/payloadType") != Some(IN_TOTO) {
            return false;
        }
        let message = signed_bytes(IN_TOTO, payload);
        !self.chain.is_empty()
            || decoded("/signatures/0/sig").is_some_and(|sig| self.key.verifies(&message, &sig))
    }

    /// Signs a statement, then logs and timestamps the signature.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Service`].
    pub(super) async fn sign(
        &self,
        predicate_type: &str,
        payload: &[u8],
        layout: StatementLayout,
    ) -> Result<SignedStatement, Error> {
        let message = signed_bytes(IN_TOTO, payload);
        let signature = self.key.sign(&message)?;
        let (services, http) = (&self.services, &self.http);
        let certificate = self.certificate();
        let entry = services
            .log(http, &self.key, certificate, &message, &signature)
            .await?;
        let envelope = in_toto_envelope(payload, &signature);
        // Under a tag readers expect the whole envelope to be stamped, in a bundle its signature.
        let stamped = match layout {
            StatementLayout::Tag => envelope.to_string().into_bytes(),
            StatementLayout::Bundle => signature,
        };
        let stamp = services.stamp(http, &stamped).await?;
        Ok(SignedStatement {
            predicate_type: predicate_type.to_owned(),
            envelope,
            entry,
            stamp,
        })
    }

    /// Makes the layer for a `.att` tag.
    ///
    /// # Errors
    /// [`Error::Layout`] for a keyless signature without a timestamp: this layout cannot store a Rekor v2 entry.
    pub(super) fn layer(&self, signed: &SignedStatement, image: &str) -> Result<NewLayer, Error> {
        let mut annotations = vec![
            ("dev.cosignproject.cosign/signature", String::new()),
            (LAYER_TYPE, signed.predicate_type.clone()),
        ];
        if let [leaf, issuers @ ..] = self.chain.as_slice() {
            let Some(stamp) = &signed.stamp else {
                return Err(Error::Layout {
                    image: image.to_owned(),
                    reason: "its attestations are under a .att tag, where a keyless signature needs a timestamp (--tsa-url)",
                });
            };
            let issuers = issuers.iter();
            let chain: String = issuers.map(|der| pem::write("CERTIFICATE", der)).collect();
            let stamp = json!({"SignedRFC3161Timestamp": STANDARD.encode(stamp)});
            annotations.extend([
                (CERTIFICATE, pem::write("CERTIFICATE", leaf)),
                (CHAIN, chain),
                (TIMESTAMP, stamp.to_string()),
            ]);
        }
        Ok(NewLayer {
            media_type: dsse::MEDIA_TYPE,
            content: Bytes::from(signed.envelope.to_string()),
            annotations,
        })
    }

    /// Makes the referrer with a bundle.
    pub(super) fn referrer(&self, signed: &SignedStatement, created: &str) -> NewReferrer {
        let mut material = match self.certificate() {
            Some(der) => json!({"certificate": {"rawBytes": STANDARD.encode(der)}}),
            None => {
                let hint = STANDARD.encode(Sha256::digest(self.key.spki()));
                json!({"publicKey": {"hint": hint}})
            }
        };
        material["tlogEntries"] = signed.entry.iter().cloned().collect();
        if let Some(stamp) = &signed.stamp {
            let stamp = json!({"signedTimestamp": STANDARD.encode(stamp)});
            material["timestampVerificationData"] = json!({"rfc3161Timestamps": [stamp]});
        }
        let bundle = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": material,
            "dsseEnvelope": signed.envelope,
        });
        NewReferrer {
            artifact_type: BUNDLE,
            content: Bytes::from(bundle.to_string()),
            annotations: vec![
                ("dev.sigstore.bundle.content", "dsse-envelope".to_owned()),
                (PREDICATE_TYPE, signed.predicate_type.clone()),
                ("org.opencontainers.image.created", created.to_owned()),
            ],
            empty_config: true,
        }
    }
}

impl SignedStatement {
    /// Returns the envelope as JSON, as verifiers of summaries read it.
    pub(super) fn envelope(&self) -> Vec<u8> {
        self.envelope.to_string().into_bytes()
    }
}
