//! Verifies entries of a Rekor v2 log by keys that the Sigstore library does not support there: it
//! reads `hashedrekord` 0.0.2 only for P-256 keys, but the log accepts P-384 and RSA keys too.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use sigstore_verify::types::{KindVersion, TransparencyLogEntry};

use super::{error::Reason, key::Message, root::SigstoreRoot};

#[derive(Deserialize)]
struct Body {
    kind: String,
    #[serde(rename = "apiVersion")]
    version: String,
    spec: EntrySpec,
}

#[derive(Deserialize)]
struct EntrySpec {
    #[serde(rename = "hashedRekordV002")]
    record: EntryRecord,
}

#[derive(Deserialize)]
struct EntryRecord {
    data: EntryData,
    signature: EntrySignature,
}

#[derive(Deserialize)]
struct EntryData {
    algorithm: String,
    digest: String,
}

#[derive(Deserialize)]
struct EntrySignature {
    content: String,
    verifier: EntryVerifier,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryVerifier {
    public_key: Option<PublicKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKey {
    raw_bytes: String,
}

/// Tells whether an entry is of a Rekor v2 log, by its kind and version.
pub(super) fn is_v2(entry: &TransparencyLogEntry) -> bool {
    entry.kind_version == KindVersion::HashedRekordV002
}

/// Checks that a trusted log contains the entry: its checkpoint, and the inclusion proof for it.
/// Of the proof only the index, the hashes and the checkpoint are used; other members are not signed.
///
/// # Errors
/// [`Reason::NoLogEntry`], [`Reason::Checkpoint`], [`Reason::LogProof`].
pub(super) fn included(entry: &TransparencyLogEntry, root: &SigstoreRoot) -> Result<(), Reason> {
    let wrong = |reason: &str| Reason::Checkpoint {
        reason: reason.to_owned(),
    };
    let proof = entry.inclusion_proof.as_ref().ok_or(Reason::NoLogEntry)?;
    let note = proof.checkpoint.checkpoint();
    let note = note.ok_or_else(|| wrong("there is none"))?;
    let now = Timestamp::now();
    let signed = note.signatures().iter().any(|signature| {
        let mut keys = root.logs().keys_by_hint(&signature.key_id, now);
        keys.any(|key| key.verify(note.signed_data(), &signature.signature).is_ok())
    });
    if !signed {
        return Err(wrong("no trusted log signed it"));
    }
    sigstore_merkle::verify_inclusion_proof(
        &sigstore_merkle::hash_leaf(entry.canonicalized_body.as_bytes()),
        entry.log_index.get(),
        note.tree_size(),
        &proof.hashes,
        note.root_hash(),
    )
    .map_err(|error| Reason::LogProof {
        reason: error.to_string(),
    })
}

/// Checks that the entry is for this signature: hash of the message, signature bytes and key.
///
/// # Errors
/// [`Reason::LogEntry`] with the differing part, [`Reason::Malformed`].
pub(super) fn binds(
    entry: &TransparencyLogEntry,
    message: Message<'_>,
    signature: &[u8],
    spki: &[u8],
) -> Result<(), Reason> {
    let body = entry.canonicalized_body.as_bytes();
    let body: Body = serde_json::from_slice(body).map_err(|error| Reason::Malformed {
        what: "log entry",
        reason: error.to_string(),
    })?;
    if (body.kind.as_str(), body.version.as_str()) != ("hashedrekord", "0.0.2") {
        return Err(Reason::UnsupportedLogEntry {
            kind: body.kind,
            version: body.version,
        });
    }
    let EntryRecord {
        data,
        signature: signed,
    } = body.spec.record;
    let hash = message.hash(&data.algorithm).unwrap_or_default();
    let key = signed.verifier.public_key.map(|key| key.raw_bytes);
    let compared = [
        (Some(data.digest), hash.as_slice(), "artifact"),
        (Some(signed.content), signature, "signature"),
        (key, spki, "key"),
    ];
    for (found, expected, what) in compared {
        let found = found.and_then(|text| STANDARD.decode(text).ok());
        if expected.is_empty() || found.as_deref() != Some(expected) {
            return Err(Reason::LogEntry {
                what: what.to_owned(),
            });
        }
    }
    Ok(())
}
