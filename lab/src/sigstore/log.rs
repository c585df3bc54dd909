//! A transparency log in the manner of Rekor v1: entries, signed entry timestamps, inclusion
//! proofs and checkpoints (RFC 6962, section 2; Rekor's API version 1).

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::spki;
use crate::signer::Key;

const ORIGIN: &str = "log.lab.example - 1";
type Hash = [u8; 32];

#[derive(Debug)]
pub struct Log {
    key: Key,
    leaves: Mutex<Vec<Hash>>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub document: Value,
    pub body: String,
    /// When the log took it in, in seconds since 1970.
    pub time: i64,
    pub index: u64,
    pub log_id: String,
    pub promise: String,
}

impl Log {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            key: Key::generate()?,
            leaves: Mutex::default(),
        })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    fn id(&self) -> Hash {
        Sha256::digest(spki(&self.key)).into()
    }

    /// Takes an entry in at a time.
    pub fn add(&self, document: &Value, time: i64) -> Result<Entry> {
        let bytes = document.to_string();
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        let index = leaves.len() as u64;
        leaves.push(leaf(bytes.as_bytes()));
        let (body, log_id) = (STANDARD.encode(&bytes), hex::encode(self.id()));
        let signed = format!(
            r#"{{"body":"{body}","integratedTime":{time},"logID":"{log_id}","logIndex":{index}}}"#
        );
        Ok(Entry {
            document: document.clone(),
            promise: STANDARD.encode(self.key.sign(signed.as_bytes())?),
            body,
            time,
            index,
            log_id,
        })
    }

    /// The entry as the log's own interface answers it.
    pub fn answer(&self, entry: &Entry) -> Result<Value> {
        let leaves = self
            .leaves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let index = usize::try_from(entry.index)?;
        let hashes: Vec<_> = path(&leaves, index).iter().map(hex::encode).collect();
        Ok(json!({
            "body": entry.body, "integratedTime": entry.time, "logID": entry.log_id, "logIndex": entry.index,
            "verification": {
                "signedEntryTimestamp": entry.promise,
                "inclusionProof": {
                    "checkpoint": self.checkpoint(&leaves)?, "hashes": hashes, "logIndex": entry.index,
                    "rootHash": hex::encode(root(&leaves)), "treeSize": leaves.len(),
                },
            },
        }))
    }

    /// The entry as a bundle holds it. Rekor v2 has neither a promise nor a time.
    pub fn bundle_entry(&self, entry: &Entry) -> Result<Value> {
        let leaves = self
            .leaves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let index = usize::try_from(entry.index)?;
        let hashes: Vec<_> = path(&leaves, index)
            .iter()
            .map(|hash| STANDARD.encode(hash))
            .collect();
        let mut found = json!({
            "logIndex": entry.index.to_string(), "logId": {"keyId": STANDARD.encode(self.id())},
            "kindVersion": {"kind": entry.document["kind"], "version": entry.document["apiVersion"]},
            "integratedTime": entry.time.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": entry.promise},
            "inclusionProof": {
                "logIndex": entry.index.to_string(), "rootHash": STANDARD.encode(root(&leaves)),
                "treeSize": leaves.len().to_string(), "hashes": hashes,
                "checkpoint": {"envelope": self.checkpoint(&leaves)?},
            },
            "canonicalizedBody": entry.body,
        });
        let is_v2 =
            entry.document["apiVersion"] == "0.0.2" && entry.document["kind"] == "hashedrekord";
        if let (true, Some(members)) = (is_v2, found.as_object_mut()) {
            members.remove("integratedTime");
            members.remove("inclusionPromise");
        }
        Ok(found)
    }

    /// Returns a checkpoint: a signed note (C2SP tlog-checkpoint).
    fn checkpoint(&self, leaves: &[Hash]) -> Result<String> {
        let text = format!(
            "{ORIGIN}\n{}\n{}\n",
            leaves.len(),
            STANDARD.encode(root(leaves))
        );
        let mut signature = self.id()[..4].to_vec();
        signature.extend(self.key.sign(text.as_bytes())?);
        let name = ORIGIN.split(' ').next().unwrap_or_default();
        Ok(format!(
            "{text}\n\u{2014} {name} {}\n",
            STANDARD.encode(signature)
        ))
    }
}

impl Entry {
    /// The entry as cosign stores it beside a legacy signature.
    #[must_use]
    pub fn annotation(&self) -> String {
        json!({"SignedEntryTimestamp": self.promise, "Payload": {
            "body": self.body, "integratedTime": self.time, "logIndex": self.index, "logID": self.log_id,
        }})
        .to_string()
    }
}

fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(bytes)
        .finalize()
        .into()
}

fn node(left: Hash, right: Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The largest power of two below the number.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            node(root(left), root(right))
        }
    }
}

fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut hashes, other) = if index < middle {
        (path(left, index), root(right))
    } else {
        (path(right, index - middle), root(left))
    };
    hashes.push(other);
    hashes
}
