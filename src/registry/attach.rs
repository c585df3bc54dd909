//! Writes artifacts beside an image: referrers, and layers that are appended to a `.att` tag.
//!
//! The distribution API has no compare-and-swap. A list under a tag is read, extended, written and read again after a
//! pause; a writer that finds its entries gone, or those of others that it saw, writes once more.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Content, Descriptor, Error, Manifest, Registry, Version,
    auth::Access,
    referrers::{Referrers, fallback_tag},
    request::RegistryRequest,
    upload::Begun,
};
use crate::{
    http::Method,
    image::{Digest, MediaType, Repository, Tag},
};

/// How old a list may be when its successor is written.
const FRESH: Duration = Duration::from_millis(250);
/// The pause before a list is read again; longer than another writer takes from reading to writing.
const SETTLE: Duration = Duration::from_millis(600);
/// How often a list is written before the append is abandoned.
const MOST_WRITES: u32 = 100;
/// The media type of the configuration of an artifact that has none.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A manifest that refers to an image, with its one layer.
#[derive(Debug, Clone)]
pub(crate) struct NewReferrer {
    /// The artifact type, which is also the media type of the layer.
    pub(crate) artifact_type: &'static str,
    pub(crate) content: Bytes,
    pub(crate) annotations: Vec<(&'static str, String)>,
    /// Uses the empty document as the configuration, as cosign does; otherwise the layer is also the configuration.
    pub(crate) empty_config: bool,
}

/// A layer for a side tag.
#[derive(Debug, Clone)]
pub(crate) struct NewLayer {
    pub(crate) media_type: &'static str,
    pub(crate) content: Bytes,
    pub(crate) annotations: Vec<(&'static str, String)>,
}

/// The list under a tag, and when it was read.
#[derive(Debug, Clone)]
pub(crate) struct ReadList {
    /// The manifest; `None` where there was none.
    pub(crate) manifest: Option<Manifest>,
    pub(crate) read_at: Instant,
}

impl NewReferrer {
    /// Makes the manifest that refers to the subject.
    pub(crate) fn manifest(&self, subject: &Descriptor) -> Manifest {
        let layer = json!({
            "mediaType": self.artifact_type,
            "digest": Digest::of(&self.content).to_string(),
            "size": self.content.len(),
        });
        let config = match self.empty_config {
            true => json!({"mediaType": EMPTY, "digest": Digest::of(b"{}").to_string(), "size": 2}),
            false => layer.clone(),
        };
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OciManifest.as_str(),
            "artifactType": self.artifact_type,
            "config": config,
            "layers": [layer],
            "subject": {
                "mediaType": subject.media_type,
                "digest": subject.digest.to_string(),
                "size": subject.size,
            },
        });
        if !self.annotations.is_empty() {
            document["annotations"] = annotations(&self.annotations);
        }
        let media_type = MediaType::OciManifest.as_str();
        Manifest::new(media_type, document.to_string().into())
    }

    fn entry(&self, manifest: &Manifest) -> Value {
        let mut entry = json!({
            "mediaType": manifest.media_type,
            "digest": manifest.digest.to_string(),
            "size": manifest.bytes.len(),
            "artifactType": self.artifact_type,
        });
        if !self.annotations.is_empty() {
            entry["annotations"] = annotations(&self.annotations);
        }
        entry
    }
}

fn annotations(pairs: &[(&'static str, String)]) -> Value {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect()
}

impl Registry {
    /// Attaches artifacts to an image; `known` is the list of its referrers as it was read before.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn attach(
        &self,
        repository: &Repository,
        subject: &Descriptor,
        known: &Referrers,
        artifacts: &[NewReferrer],
    ) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::new();
        let mut unlisted = Vec::new();
        for artifact in artifacts {
            self.put_blob(repository, &artifact.content).await?;
            if artifact.empty_config && !self.0.has_empty.has(&repository.to_string()) {
                self.put_blob(repository, b"{}").await?;
                self.0.has_empty.add(repository.to_string());
            }
            let manifest = artifact.manifest(subject);
            let version = Version::Digest(manifest.digest);
            let listed = self.put_manifest(repository, &version, &manifest).await?;
            // A registry without the API may still answer with the header, and one with it without.
            if !(listed || known.api) {
                unlisted.push(artifact.entry(&manifest));
            }
            digests.push(manifest.digest);
        }
        if let (false, Some(tag)) = (unlisted.is_empty(), fallback_tag(&subject.digest)) {
            let list = ReadList {
                manifest: known.fallback.clone(),
                read_at: known.read_at,
            };
            let media_type = MediaType::OciIndex.as_str();
            let empty = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": []});
            let list_of = ListOf {
                member: "manifests",
                empty,
                media_type,
            };
            self.extend_tag(repository, &tag, list, &list_of, unlisted)
                .await?;
        }
        Ok(digests)
    }

    /// Appends layers to the manifest under a side tag such as `sha256-<hex>.att`; nothing there is lost.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Manifest`] when something else than a manifest with layers is there.
    pub(crate) async fn append_layers(
        &self,
        repository: &Repository,
        tag: &Tag,
        known: ReadList,
        layers: &[NewLayer],
    ) -> Result<(), Error> {
        let mut entries = Vec::new();
        for layer in layers {
            self.put_blob(repository, &layer.content).await?;
            entries.push(json!({
                "mediaType": layer.media_type,
                "digest": Digest::of(&layer.content).to_string(),
                "size": layer.content.len(),
                "annotations": annotations(&layer.annotations),
            }));
        }
        let config = json!({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = config.to_string();
        if known.manifest.is_none() {
            self.put_blob(repository, config.as_bytes()).await?;
        }
        let media_type = MediaType::OciManifest.as_str();
        let empty = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": Digest::of(config.as_bytes()).to_string(),
                "size": config.len(),
            },
            "layers": [],
        });
        let list_of = ListOf {
            member: "layers",
            empty,
            media_type,
        };
        self.extend_tag(repository, tag, known, &list_of, entries)
            .await
    }

    /// Reads the list under a tag.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) async fn read_list(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<ReadList, Error> {
        let read_at = Instant::now();
        let manifest = self.manifest(repository, &tag.clone().into()).await?;
        Ok(ReadList { manifest, read_at })
    }

    async fn extend_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        mut list: ReadList,
        list_of: &ListOf,
        mut entries: Vec<Value>,
    ) -> Result<(), Error> {
        let version = Version::Tag(tag.clone());
        for attempt in 0..MOST_WRITES {
            if list.read_at.elapsed() > FRESH {
                list = self.read_list(repository, tag).await?;
            }
            let Some(next) = list_of.with(list.manifest.as_ref(), &mut entries)? else {
                return Ok(());
            };
            self.put_manifest(repository, &version, &next).await?;
            // Of several writers, chance lets one be the last of this round.
            let pause = self.0.retries.pause(attempt.min(3));
            tokio::time::sleep(SETTLE + pause).await;
            list = self.read_list(repository, tag).await?;
        }
        let url = self.manifest_url(repository, &version);
        Err(Error::Protocol {
            url,
            reason: "other writers replaced its list again and again",
        })
    }

    /// Brings some bytes into the repository as a blob; tells whether they were sent.
    ///
    /// # Errors
    /// Any [`Error`].
    async fn put_blob(&self, repository: &Repository, bytes: &[u8]) -> Result<bool, Error> {
        let digest = Digest::of(bytes);
        let mut session = match self.begin(None, repository, &digest).await? {
            Begun::Done(_) => return Ok(false),
            Begun::Open(session) => session,
        };
        for last in [false, true] {
            let mut url = session.url;
            url.query_pairs_mut()
                .append_pair("digest", &digest.to_string());
            let call = RegistryRequest::new(Method::PUT, url, Access::push(repository))
                .header(
                    crate::http::header::CONTENT_TYPE,
                    "application/octet-stream",
                )
                .body(Bytes::copy_from_slice(bytes));
            let answer = self.call(call.clone()).await?;
            match self.check(&call, answer).await {
                Ok(_) => return Ok(true),
                // The session may have become the blob: only the answer was lost.
                Err(_) if self.has_blob(repository, &digest).await? => return Ok(true),
                Err(error) if last => return Err(error),
                Err(error) => tracing::debug!("blob {digest}: {error}"),
            }
            session = self.open(repository).await?;
        }
        Ok(true)
    }
}

/// A kind of document that is a list.
struct ListOf {
    member: &'static str,
    empty: Value,
    media_type: &'static str,
}

impl ListOf {
    /// Returns the document with the entries, `None` where it has them all. What it has already is remembered in `entries`,
    /// so that it comes back if another writer replaces the list.
    fn with(
        &self,
        there: Option<&Manifest>,
        entries: &mut Vec<Value>,
    ) -> Result<Option<Manifest>, Error> {
        let mut document = match there {
            None => self.empty.clone(),
            Some(manifest) => {
                let odd = |reason: String| Error::Manifest {
                    digest: manifest.digest,
                    reason,
                };
                let fits = match manifest.content()? {
                    Content::Image(_) => self.member == "layers",
                    Content::Index(_) => self.member == "manifests",
                };
                if !fits {
                    return Err(odd(format!("it has no {} to append to", self.member)));
                }
                serde_json::from_slice(&manifest.bytes).map_err(|error| odd(error.to_string()))?
            }
        };
        if !document[self.member].is_array() {
            document[self.member] = json!([]);
        }
        let mut complete = true;
        if let Some(list) = document.get_mut(self.member).and_then(Value::as_array_mut) {
            for entry in entries.iter() {
                if !list.contains(entry) {
                    complete = false;
                    list.push(entry.clone());
                }
            }
            for entry in list.iter() {
                if !entries.contains(entry) {
                    entries.push(entry.clone());
                }
            }
        }
        if complete {
            return Ok(None);
        }
        let served = there.map_or(self.media_type, |manifest| manifest.media_type.as_str());
        let next = Manifest::new(served, document.to_string().into());
        Ok(Some(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> ListOf {
        ListOf {
            member: "layers",
            empty: json!({"schemaVersion": 2, "config": {"mediaType": "c", "digest": Digest::of(b"{}").to_string(), "size": 2}, "layers": []}),
            media_type: MediaType::OciManifest.as_str(),
        }
    }

    fn layer(text: &str) -> Value {
        json!({"mediaType": "t", "digest": Digest::of(text.as_bytes()).to_string(), "size": text.len()})
    }

    #[test]
    fn brings_back_what_another_writer_lost() {
        let list = layers();
        let mut of_first = vec![layer("first")];
        let one = list.with(None, &mut of_first).unwrap().unwrap();
        let mut of_second = vec![layer("second")];
        let both = list.with(Some(&one), &mut of_second).unwrap().unwrap();
        assert!(list.with(Some(&both), &mut of_first).unwrap().is_none());
        // A third writer that read nothing replaces it all; the second saw what is gone.
        let mut of_third = vec![layer("third")];
        let lost = list.with(None, &mut of_third).unwrap().unwrap();
        let mended = list.with(Some(&lost), &mut of_second).unwrap().unwrap();
        for name in ["first", "second", "third"] {
            let digest = Digest::of(name.as_bytes()).to_string();
            let text = String::from_utf8(mended.bytes.to_vec()).unwrap();
            assert!(text.contains(&digest), "{name}");
        }
    }

    #[test]
    fn never_replaces_a_document_of_another_kind() {
        let index =
            json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": []});
        let index = Manifest::new(MediaType::OciIndex.as_str(), index.to_string().into());
        let refused = layers().with(Some(&index), &mut vec![layer("new")]);
        assert!(matches!(refused, Err(Error::Manifest { .. })));
    }

    /// Of fifty writers that append at the same time, none loses another's layer.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn fifty_writers_append_to_one_tag() {
        let server = lab::registry::Server::start(lab::registry::Options::default()).unwrap();
        let env = crate::env::Env::default();
        let http = crate::http::Http::new(crate::http::HttpOptions::default(), &env);
        let registry = Registry::new(http, &env, super::super::ClientOptions::default());
        let repository: Repository = format!("{}/acme/web", server.address()).parse().unwrap();
        let tag: Tag = format!("sha256-{}.att", Digest::of(b"image").hex())
            .parse()
            .unwrap();
        let writers = (0..50).map(|number| {
            // Each is a client of its own, as in pods of their own.
            let registry = registry.limited(None, None);
            let (repository, tag) = (repository.clone(), tag.clone());
            tokio::spawn(async move {
                let list = registry.read_list(&repository, &tag).await.unwrap();
                let layer = NewLayer {
                    media_type: "application/vnd.dsse.envelope.v1+json",
                    content: Bytes::from(format!("statement {number}")),
                    annotations: Vec::new(),
                };
                registry
                    .append_layers(&repository, &tag, list, &[layer])
                    .await
                    .unwrap();
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let manifest = server.manifest("acme/web", tag.as_str()).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        for number in 0..50 {
            let digest = Digest::of(format!("statement {number}").as_bytes()).to_string();
            let found = layers
                .iter()
                .filter(|layer| layer["digest"] == digest.as_str());
            assert_eq!(found.count(), 1, "{number}");
        }
    }
}
