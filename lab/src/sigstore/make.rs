//! Artefacts of this Sigstore in the formats of the field, in parts, so that a test can change one.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Entry, Log, certificate_pem, spki};
use crate::{
    registry::Server,
    signer::{Image, Key, MANIFEST, push_referrer},
};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    pub key: &'a Key,
    /// The certificate's DER, of a keyless signer.
    pub certificate: Option<&'a [u8]>,
}

impl<'a> Signer<'a> {
    /// Returns a signer that is known by its public key.
    #[must_use]
    pub fn key(key: &'a Key) -> Self {
        Self {
            key,
            certificate: None,
        }
    }

    /// Returns a signer that is known by a certificate (DER).
    #[must_use]
    pub fn keyless(key: &'a Key, certificate: &'a [u8]) -> Self {
        Self {
            key,
            certificate: Some(certificate),
        }
    }

    /// The signer in a log entry: the PEM in base64.
    #[must_use]
    pub fn verifier(&self) -> String {
        STANDARD.encode(match self.certificate {
            Some(der) => certificate_pem(der),
            None => self.key.public_pem(),
        })
    }
}

/// A layer of `.sig` or `.att`.
#[derive(Debug, Clone)]
pub struct Layer {
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
    pub annotations: Map<String, Value>,
}

impl Layer {
    /// A simple-signing payload with its signature.
    #[must_use]
    pub fn signature(payload: &[u8], signature: &[u8]) -> Self {
        let mut annotations = Map::new();
        let text = STANDARD.encode(signature).into();
        annotations.insert("dev.cosignproject.cosign/signature".to_owned(), text);
        Self {
            media_type: "application/vnd.dev.cosign.simplesigning.v1+json",
            bytes: payload.to_vec(),
            annotations,
        }
    }

    /// Returns the layer of a DSSE envelope.
    #[must_use]
    pub fn envelope(envelope: &Value) -> Self {
        Self {
            media_type: "application/vnd.dsse.envelope.v1+json",
            bytes: envelope.to_string().into_bytes(),
            annotations: Map::new(),
        }
    }

    /// Adds the certificate of a keyless signer.
    #[must_use]
    pub fn certified(mut self, certificate: &[u8]) -> Self {
        let text = certificate_pem(certificate).into();
        self.annotations
            .insert("dev.sigstore.cosign/certificate".to_owned(), text);
        self
    }

    /// Adds a timestamp token (Base64 of RFC 3161).
    #[must_use]
    pub fn stamped(mut self, token: &str) -> Self {
        let text = json!({"SignedRFC3161Timestamp": token}).to_string();
        let name = "dev.sigstore.cosign/rfc3161timestamp";
        self.annotations.insert(name.to_owned(), text.into());
        self
    }

    /// Adds the log entry as cosign's `bundle` annotation.
    #[must_use]
    pub fn logged(mut self, entry: &Entry) -> Self {
        let text = entry.annotation().into();
        self.annotations
            .insert("dev.sigstore.cosign/bundle".to_owned(), text);
        self
    }
}

/// The log entry of a simple-signing payload.
#[must_use]
pub fn hashedrekord(payload: &[u8], signature: &[u8], signer: &Signer<'_>) -> Value {
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": hex::encode(Sha256::digest(payload))}},
        "signature": {"content": STANDARD.encode(signature), "publicKey": {"content": signer.verifier()}},
    }})
}

/// The entry of a Rekor v2 log, whatever is signed: kind `hashedrekord` 0.0.2.
#[must_use]
pub fn hashedrekord2(message: &[u8], signature: &[u8], key: &Key) -> Value {
    json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
        "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Sha256::digest(message))},
        "signature": {
            "content": STANDARD.encode(signature),
            "verifier": {"publicKey": {"rawBytes": STANDARD.encode(spki(key))}, "keyDetails": key.details()},
        },
    }}})
}

/// The log entry of an envelope, kind `dsse` 0.0.1.
#[must_use]
pub fn dsse_entry(envelope: &Value, signer: &Signer<'_>) -> Value {
    let payload = STANDARD
        .decode(envelope["payload"].as_str().unwrap_or_default())
        .unwrap_or_default();
    let hash =
        |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex::encode(Sha256::digest(bytes))});
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "envelopeHash": hash(envelope.to_string().as_bytes()), "payloadHash": hash(&payload),
        "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": signer.verifier()}],
    }})
}

/// The log entry of an envelope, kind `intoto` 0.0.1, as Tekton Chains and old cosign log it.
#[must_use]
pub fn intoto_entry(envelope: &Value, signer: &Signer<'_>) -> Value {
    let hash = hex::encode(Sha256::digest(envelope.to_string()));
    json!({"apiVersion": "0.0.1", "kind": "intoto", "spec": {
        "content": {"hash": {"algorithm": "sha256", "value": hash}}, "publicKey": signer.verifier(),
    }})
}

/// The log entry of an envelope, kind `intoto` 0.0.2, as cosign 2.0 and 2.1 logged it.
#[must_use]
pub fn intoto2_entry(envelope: &Value, signer: &Signer<'_>) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let payload = STANDARD
        .decode(text(&envelope["payload"]))
        .unwrap_or_default();
    let hash =
        |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex::encode(Sha256::digest(bytes))});
    // The log keeps the signature's base64 once more in base64.
    let twice = STANDARD.encode(text(&envelope["signatures"][0]["sig"]));
    json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {
        "envelope": {
            "payloadType": envelope["payloadType"],
            "signatures": [{"sig": twice, "publicKey": signer.verifier()}],
        },
        "hash": hash(envelope.to_string().as_bytes()), "payloadHash": hash(&payload),
    }}})
}

/// A bundle v0.3 around an envelope.
pub fn bundle(
    log: &Log,
    envelope: &Value,
    signer: &Signer<'_>,
    entry: Option<&Entry>,
) -> Result<Value> {
    let entries = entry.map(|entry| log.bundle_entry(entry)).transpose()?;
    let mut material = match signer.certificate {
        Some(der) => json!({"certificate": {"rawBytes": STANDARD.encode(der)}}),
        None => json!({"publicKey": {"hint": STANDARD.encode(Sha256::digest(spki(signer.key)))}}),
    };
    material["tlogEntries"] = entries.into_iter().collect();
    Ok(json!({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}))
}

/// A bundle v0.3 around a signature by key over an artifact itself.
pub fn message_bundle(
    log: &Log,
    artifact: &[u8],
    signature: &[u8],
    key: &Key,
    entry: &Entry,
) -> Result<Value> {
    let mut document = bundle(log, &Value::Null, &Signer::key(key), Some(entry))?;
    let members = document.as_object_mut().context("no object")?;
    members.remove("dsseEnvelope");
    let digest = STANDARD.encode(Sha256::digest(artifact));
    document["messageSignature"] = json!({
        "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
        "signature": STANDARD.encode(signature),
    });
    Ok(document)
}

/// Attaches a bundle to an image.
pub fn put_bundle(registry: &Server, image: &Image, bundle: &Value) -> Result<Image> {
    push_referrer(registry, image, BUNDLE, bundle.to_string().as_bytes())
}

/// Puts layers under the image's tag with the suffix.
pub fn put_layers(registry: &Server, image: &Image, suffix: &str, layers: &[Layer]) {
    let repository = &image.repository;
    let descriptor = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": registry.put_blob(repository, bytes), "size": bytes.len()});
    let layers = layers.iter().map(|layer| {
        let mut descriptor = descriptor(layer.media_type, &layer.bytes);
        descriptor["annotations"] = Value::Object(layer.annotations.clone());
        descriptor
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers.collect::<Vec<_>>(),
        "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
    });
    let tag = image.attached_tag(suffix);
    registry.put_manifest(
        repository,
        Some(&tag),
        MANIFEST,
        manifest.to_string().as_bytes(),
    );
}
