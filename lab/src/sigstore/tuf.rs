//! A TUF repository with one key for every role (TUF specification 1.0, sections 4 and 5).

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const EXPIRES: &str = "2099-01-01T00:00:00Z";

/// The repository's signer.
#[derive(Debug)]
pub struct Tuf {
    key: Ed25519KeyPair,
}

impl Tuf {
    /// Makes a repository with a new key.
    pub fn new() -> Result<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .ok()
            .context("no key")?;
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .ok()
            .context("no key")?;
        Ok(Self { key })
    }

    fn public(&self) -> Value {
        let public = hex::encode(self.key.public_key());
        json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}})
    }

    fn key_id(&self) -> String {
        hex::encode(Sha256::digest(canonical(&self.public())))
    }

    fn sign(&self, signed: &Value) -> Vec<u8> {
        let signature = hex::encode(self.key.sign(canonical(signed).as_bytes()));
        let signatures = json!([{"keyid": self.key_id(), "sig": signature}]);
        json!({"signed": signed, "signatures": signatures})
            .to_string()
            .into_bytes()
    }

    /// The first `root.json`.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        let role = json!({"keyids": [self.key_id()], "threshold": 1});
        let roles: BTreeMap<_, _> = ["root", "timestamp", "snapshot", "targets"]
            .map(|name| (name, role.clone()))
            .into();
        let keys = BTreeMap::from([(self.key_id(), self.public())]);
        self.sign(&json!({
            "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": EXPIRES,
            "consistent_snapshot": false, "keys": keys, "roles": roles,
        }))
    }

    /// Every file of the repository in a version, by its path.
    #[must_use]
    pub fn files(
        &self,
        version: u64,
        expires: &str,
        targets: &[(&str, Vec<u8>)],
    ) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::from([("root.json".to_owned(), self.root())]);
        let described: BTreeMap<_, _> = targets
            .iter()
            .map(|(name, bytes)| {
                let hash = hex::encode(Sha256::digest(bytes));
                (
                    *name,
                    json!({"length": bytes.len(), "hashes": {"sha256": hash}}),
                )
            })
            .collect();
        let role = |kind: &str, name: &str, content: &Value| {
            self.sign(&json!({
                "_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires, name: content,
            }))
        };
        let meta = |file: &str| json!({file: {"version": version}});
        files.insert(
            "targets.json".to_owned(),
            role("targets", "targets", &json!(described)),
        );
        files.insert(
            "snapshot.json".to_owned(),
            role("snapshot", "meta", &meta("targets.json")),
        );
        files.insert(
            "timestamp.json".to_owned(),
            role("timestamp", "meta", &meta("snapshot.json")),
        );
        let named = targets
            .iter()
            .map(|(name, bytes)| (format!("targets/{name}"), bytes.clone()));
        files.extend(named);
        files
    }

    /// The files with one target, `trusted_root.json`, that do not expire soon.
    #[must_use]
    pub fn serving(&self, version: u64, trusted_root: &Value) -> BTreeMap<String, Vec<u8>> {
        let target = trusted_root.to_string().into_bytes();
        self.files(version, EXPIRES, &[("trusted_root.json", target)])
    }
}

/// Canonical JSON as TUF signs it: keys sorted, no spaces, only quotes and backslashes escaped.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            let members = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{}", text(name), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(canonical).collect();
            format!("[{}]", elements.join(","))
        }
        Value::String(string) => text(string),
        other => other.to_string(),
    }
}

fn text(string: &str) -> String {
    format!("\"{}\"", string.replace('\\', "\\\\").replace('"', "\\\""))
}
