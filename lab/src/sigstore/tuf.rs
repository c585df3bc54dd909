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

#[derive(Debug)]
pub struct Tuf {
    key: Ed25519KeyPair,
}

/// A release of the repository: versions, expiry and targets.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    pub timestamp: u64,
    pub snapshot: u64,
    pub targets: u64,
    pub expires: &'a str,
    /// Each target with its name and, in repositories without a trusted root, its
    /// `custom.sigstore.usage`.
    pub files: &'a [(&'a str, &'a [u8], Option<&'a str>)],
}

impl<'a> Release<'a> {
    /// Every role in one version, expiring in a far future.
    #[must_use]
    pub fn new(version: u64, files: &'a [(&'a str, &'a [u8], Option<&'a str>)]) -> Self {
        Self {
            timestamp: version,
            snapshot: version,
            targets: version,
            expires: EXPIRES,
            files,
        }
    }
}

/// A role to which `targets` delegates, in the order of its list.
#[derive(Debug, Clone, Copy)]
pub struct Delegated<'a> {
    pub name: &'a str,
    /// The pattern of the target names that are delegated.
    pub path: &'a str,
    /// Ends the search for these names.
    pub terminating: bool,
    pub version: u64,
    pub expires: &'a str,
    /// The key that signs them; the repository's own signer is expected.
    pub signer: &'a Tuf,
    pub files: &'a [(&'a str, &'a [u8])],
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

    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        self.root_with(|_| {})
    }

    /// A `root.json` that was changed before it was signed.
    #[must_use]
    pub fn root_with(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let role = json!({"keyids": [self.key_id()], "threshold": 1});
        let roles: BTreeMap<_, _> = ["root", "timestamp", "snapshot", "targets"]
            .map(|name| (name, role.clone()))
            .into();
        let keys = BTreeMap::from([(self.key_id(), self.public())]);
        let mut signed = json!({
            "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": EXPIRES,
            "consistent_snapshot": false, "keys": keys, "roles": roles,
        });
        change(&mut signed);
        self.sign(&signed)
    }

    /// Every file of a release, by its path.
    #[must_use]
    pub fn files(&self, release: &Release<'_>) -> BTreeMap<String, Vec<u8>> {
        self.delegating(release, &[])
    }

    /// The same with roles to which `targets` delegates; the snapshot pins their metadata's hashes.
    #[must_use]
    pub fn delegating(
        &self,
        release: &Release<'_>,
        delegated: &[Delegated<'_>],
    ) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::from([("root.json".to_owned(), self.root())]);
        let listed: BTreeMap<_, _> = release
            .files
            .iter()
            .map(|(name, bytes, usage)| {
                let mut target = described(bytes);
                if let Some(usage) = usage {
                    target["custom"] = json!({"sigstore": {"usage": usage}});
                }
                (*name, target)
            })
            .collect();
        let role = |kind: &str, version: u64, name: &str, content: &Value| {
            self.sign(&json!({
                "_type": kind, "spec_version": "1.0.31", "version": version,
                "expires": release.expires, name: content,
            }))
        };
        let meta = |file: &str, version: u64| json!({file: {"version": version}});
        let mut signed = targets_role(release.targets, release.expires, &json!(listed));
        let mut targets = meta("targets.json", release.targets);
        if !delegated.is_empty() {
            signed["delegations"] = self.delegations(delegated);
        }
        for role in delegated {
            let bytes = role.metadata();
            let mut pinned = described(&bytes);
            pinned["version"] = role.version.into();
            targets[format!("{}.json", role.name)] = pinned;
            files.insert(role.file(), bytes);
            let named = role.files.iter();
            files.extend(named.map(|(name, bytes)| (format!("targets/{name}"), bytes.to_vec())));
        }
        files.insert("targets.json".to_owned(), self.sign(&signed));
        files.insert(
            "snapshot.json".to_owned(),
            role("snapshot", release.snapshot, "meta", &targets),
        );
        let snapshot = meta("snapshot.json", release.snapshot);
        files.insert(
            "timestamp.json".to_owned(),
            role("timestamp", release.timestamp, "meta", &snapshot),
        );
        let named = release.files.iter();
        files.extend(named.map(|(name, bytes, _)| (format!("targets/{name}"), bytes.to_vec())));
        files
    }

    fn delegations(&self, delegated: &[Delegated<'_>]) -> Value {
        let roles = delegated.iter().map(|role| {
            json!({
                "name": role.name, "paths": [role.path], "terminating": role.terminating,
                "keyids": [self.key_id()], "threshold": 1,
            })
        });
        let keys = BTreeMap::from([(self.key_id(), self.public())]);
        json!({"keys": keys, "roles": roles.collect::<Vec<_>>()})
    }

    /// The files with one target, `trusted_root.json`, that do not expire soon.
    #[must_use]
    pub fn serving(&self, version: u64, trusted_root: &Value) -> BTreeMap<String, Vec<u8>> {
        let target = trusted_root.to_string().into_bytes();
        self.files(&Release::new(
            version,
            &[("trusted_root.json", &target, None)],
        ))
    }
}

impl Delegated<'_> {
    /// The path of its metadata: what could be a directory in the name is encoded.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}.json", self.name.replace('/', "%2F"))
    }

    /// Returns the metadata of the role, signed.
    #[must_use]
    pub fn metadata(&self) -> Vec<u8> {
        let targets: BTreeMap<_, _> = self
            .files
            .iter()
            .map(|(name, bytes)| (*name, described(bytes)))
            .collect();
        let signed = targets_role(self.version, self.expires, &json!(targets));
        self.signer.sign(&signed)
    }
}

/// Returns unsigned metadata of type `targets`.
fn targets_role(version: u64, expires: &str, targets: &Value) -> Value {
    json!({
        "_type": "targets", "spec_version": "1.0.31", "version": version,
        "expires": expires, "targets": targets,
    })
}

/// The length and the hash by which metadata pin a file.
fn described(bytes: &[u8]) -> Value {
    let hash = hex::encode(Sha256::digest(bytes));
    json!({"length": bytes.len(), "hashes": {"sha256": hash}})
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
