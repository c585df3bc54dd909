//! The content of the registry: blobs, manifests, tags, uploads and the log.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::upload::{Content, Upload};

/// One request, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// The version of HTTP, such as `HTTP/1.1`.
    pub version: String,
    pub status: u16,
    /// `Basic` or `Bearer` if the request had such a header.
    pub authorization: Option<String>,
    /// Bytes of the request's body that were read.
    pub received: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) requests: Vec<Request>,
    pub(crate) repositories: BTreeMap<String, StoredRepository>,
    blobs: BTreeMap<String, Content>,
    pub(super) uploads: BTreeMap<u64, Upload>,
    next_upload: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct StoredRepository {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) manifests: BTreeMap<String, Manifest>,
    pub(crate) blobs: BTreeSet<String>,
}

/// A manifest as it was pushed.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
    /// The subject, and the entry in the list of its referrers.
    referrer: Option<(String, Value)>,
}

impl Store {
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<&Manifest> {
        let repository = self.repositories.get(repository)?;
        let digest = repository
            .tags
            .get(reference)
            .map_or(reference, String::as_str);
        repository.manifests.get(digest)
    }

    pub(super) fn blob(&self, repository: &str, digest: &str) -> Option<Content> {
        let holds = self.repositories.get(repository)?.blobs.contains(digest);
        holds.then(|| self.blobs.get(digest).cloned()).flatten()
    }

    pub(super) fn keep(&mut self, repository: &str, digest: &str, content: Content) {
        self.blobs.insert(digest.to_owned(), content);
        self.repository(repository).blobs.insert(digest.to_owned());
    }

    pub(super) fn forget_blob(&mut self, repository: &str, digest: &str) -> bool {
        let repository = self.repositories.get_mut(repository);
        repository.is_some_and(|repository| repository.blobs.remove(digest))
    }

    /// Mounts a blob of another repository; returns false if that one does not have it.
    pub(super) fn mount(&mut self, repository: &str, digest: &str, from: &str) -> bool {
        let found = self.blob(from, digest).is_some();
        if found {
            self.repository(repository).blobs.insert(digest.to_owned());
        }
        found
    }

    /// Removes a tag, or a manifest with all its tags.
    pub(super) fn forget_manifest(&mut self, repository: &str, reference: &str) -> bool {
        let Some(repository) = self.repositories.get_mut(repository) else {
            return false;
        };
        if repository.tags.remove(reference).is_some() {
            return true;
        }
        repository.tags.retain(|_, digest| digest != reference);
        repository.manifests.remove(reference).is_some()
    }

    pub(crate) fn put_manifest(
        &mut self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: Bytes,
    ) -> String {
        let digest = sha256(&bytes);
        let repository = self.repository(repository);
        let manifest = Manifest {
            media_type: media_type.to_owned(),
            referrer: referrer(&digest, media_type, &bytes),
            bytes,
        };
        repository.manifests.insert(digest.clone(), manifest);
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), digest.clone());
        }
        digest
    }

    /// The first blob or child that the manifest names and the repository lacks.
    pub(crate) fn missing(&self, repository: &str, manifest: &Value) -> Option<String> {
        let known = self.repositories.get(repository);
        let blob = |digest: &str| known.is_some_and(|known| known.blobs.contains(digest));
        let child = |digest: &str| known.is_some_and(|known| known.manifests.contains_key(digest));
        let digests = |list: &Value| -> Vec<String> {
            let items = list.as_array().into_iter().flatten();
            items
                .filter_map(|item| item["digest"].as_str().map(str::to_owned))
                .collect()
        };
        let config = manifest["config"]["digest"].as_str().map(str::to_owned);
        // Non-distributable layers may be missing (image specification 1.1).
        let kept = |layer: &&Value| {
            let kind = layer["mediaType"].as_str().unwrap_or_default();
            !kind.contains("nondistributable") && !kind.contains(".foreign.")
        };
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let layers = layers.filter(kept);
        let layers = layers.filter_map(|layer| layer["digest"].as_str().map(str::to_owned));
        let blobs = config
            .into_iter()
            .chain(layers)
            .find(|digest| !blob(digest));
        blobs.or_else(|| {
            digests(&manifest["manifests"])
                .into_iter()
                .find(|digest| !child(digest))
        })
    }

    /// Descriptors of all manifests whose subject is the digest.
    pub(crate) fn referrers(&self, repository: &str, subject: &str) -> Vec<Value> {
        let manifests = self.repositories.get(repository).into_iter();
        let manifests = manifests.flat_map(|repository| repository.manifests.values());
        let referrers = manifests.filter_map(|manifest| manifest.referrer.as_ref());
        let own = referrers.filter(|(of, _)| of == subject);
        own.map(|(_, entry)| entry.clone()).collect()
    }

    pub(crate) fn start_upload(&mut self) -> u64 {
        self.next_upload += 1;
        self.uploads.insert(self.next_upload, Upload::default());
        self.next_upload
    }

    fn repository(&mut self, name: &str) -> &mut StoredRepository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}

fn referrer(digest: &str, media_type: &str, bytes: &Bytes) -> Option<(String, Value)> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let subject = document["subject"]["digest"].as_str()?;
    let artifact_type = document["artifactType"]
        .as_str()
        .or(document["config"]["mediaType"].as_str());
    let mut descriptor = serde_json::json!({
        "mediaType": media_type,
        "digest": digest,
        "size": bytes.len(),
        "artifactType": artifact_type,
    });
    if document["annotations"].is_object() {
        descriptor["annotations"] = document["annotations"].clone();
    }
    Some((subject.to_owned(), descriptor))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
