//! The functions `ec.oci.*`: blobs, manifests and referrers, each fetched once per run.
//!
//! Results have every member: a missing one is an empty text, list or object.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use rego::Value;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;

use super::{
    memory::{CallCache, CallResult},
    record::CallRecord,
};
use crate::{
    image::{DigestReference, Reference, ReferenceError, Tag},
    policy::{archive, layers, seen::UnseenReason},
    registry::{self, Content, Manifest, Registry, Version},
};

/// The largest blob that a policy may read, in bytes.
const MAX_BLOB: u64 = 128 << 20;
/// The functions whose argument is a blob that they open.
const BLOBS: [&str; 3] = ["ec.oci.blob", "ec.oci.blob_files", "ec.oci.parsed_blob"];
/// How many manifests are fetched in parallel.
const AT_ONCE: usize = 16;

/// Access to registries with a cache. Clones share it.
#[derive(Clone)]
pub(super) struct ImageLookup(Arc<LookupState>);

struct LookupState {
    registry: Registry,
    runtime: Handle,
    memory: CallCache,
}

impl ImageLookup {
    pub(super) fn new(registry: Registry, runtime: Handle) -> Self {
        Self(Arc::new(LookupState {
            registry,
            runtime,
            memory: CallCache::default(),
        }))
    }

    /// Evaluates a call; undefined if the content does not exist, or cannot be read, which is recorded.
    pub(super) fn answer(
        &self,
        function: &'static str,
        arguments: &[Value],
        record: &mut CallRecord,
    ) -> Option<Value> {
        if function == "ec.oci.image_manifests" {
            return self.manifests(function, arguments.first()?, record);
        }
        let image = arguments.first()?.as_str()?;
        let paths: Vec<String> = match arguments.get(1) {
            Some(paths) => texts(paths)?,
            None => Vec::new(),
        };
        let key = [&[image.to_owned()], paths.as_slice()].concat().join("\n");
        let answer = self.0.memory.memoised(function, key, || {
            let found = self.0.runtime.block_on(self.fetch(function, image, &paths));
            answer(function, image, found)
        });
        if let (true, Some(_), Ok(blob)) = (
            BLOBS.contains(&function),
            &answer.value,
            image.parse::<DigestReference>(),
        ) {
            record.opened.insert(blob.digest);
        }
        if let Some(reason) = answer.unreadable {
            record.add(function, image, reason);
        }
        answer.value
    }

    /// Returns the manifests of a set of images; those that do not exist are omitted.
    fn manifests(
        &self,
        function: &'static str,
        images: &Value,
        record: &mut CallRecord,
    ) -> Option<Value> {
        const ONE: &str = "ec.oci.image_manifest";
        let images = images.as_set()?.iter();
        // As in Conforma's ec, an argument other than texts makes the call undefined.
        let images: Vec<&str> = images.map(Value::as_str).collect::<Option<_>>()?;
        let known = |image: &str| self.0.memory.contains(ONE, image);
        let missing: Vec<_> = images.iter().filter(|image| !known(image)).collect();
        let fetched = stream::iter(missing)
            .map(|image| async move { (image, self.fetch(ONE, image, &[]).await) })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        for (image, found) in self.0.runtime.block_on(fetched) {
            let found = answer(ONE, image, found);
            self.0.memory.memoised(ONE, (*image).to_owned(), || found);
        }
        let mut found = Vec::new();
        for image in images {
            let answer = self.0.memory.memoised(ONE, image.to_owned(), || {
                let found = self.0.runtime.block_on(self.fetch(ONE, image, &[]));
                answer(ONE, image, found)
            });
            if let Some(reason) = answer.unreadable {
                record.add(function, image, reason);
            }
            found.extend(answer.value.map(|manifest| (Value::from(image), manifest)));
        }
        Some(Value::object(found))
    }

    async fn fetch(
        &self,
        function: &'static str,
        image: &str,
        paths: &[String],
    ) -> Result<Json, LookupFault> {
        match function {
            "ec.oci.blob" => Ok(Json::from(self.text(image).await?)),
            "ec.oci.parsed_blob" => {
                let text = self.text(image).await?;
                serde_json::from_str(&text).map_err(|error| not_understood(image, error))
            }
            "ec.oci.blob_files" => self.blob_files(image, paths).await,
            "ec.oci.image_files" => self.image_files(image, paths).await,
            "ec.oci.descriptor" => self.head(image).await,
            "ec.oci.image_manifest" => {
                let (_, manifest) = self.image(image).await?;
                manifest_of(image, &manifest)
            }
            "ec.oci.image_index" => {
                let manifest = self.version(&image.parse()?).await?;
                match manifest.content()? {
                    Content::Index(_) => index_of(image, &manifest),
                    Content::Image(_) => {
                        Err(LookupFault::Nothing(format!("{image} is not an index")))
                    }
                }
            }
            "ec.oci.image_referrers" => self.referrers(&image.parse()?).await,
            "ec.oci.image_tag_refs" => self.tag_refs(&image.parse()?).await,
            _ => Err(LookupFault::Nothing(format!(
                "there is no function {function}"
            ))),
        }
    }

    async fn blob(&self, image: &str) -> Result<bytes::Bytes, LookupFault> {
        let DigestReference { repository, digest } = image.parse()?;
        let registry = &self.0.registry;
        Ok(registry
            .blob_by_digest(&repository, &digest, MAX_BLOB)
            .await?)
    }

    async fn text(&self, image: &str) -> Result<String, LookupFault> {
        let bytes = self.blob(image).await?.to_vec();
        String::from_utf8(bytes).map_err(|error| not_understood(image, error))
    }

    async fn version(&self, reference: &Reference) -> Result<Manifest, LookupFault> {
        let version = version(reference)?;
        let found = self
            .0
            .registry
            .manifest(&reference.repository, &version)
            .await?;
        let missing = || UnseenReason::missing(format!("{reference} does not exist"));
        found.ok_or_else(|| LookupFault::Unreadable(missing()))
    }

    /// Returns the manifest of an image; of an index, the one for linux/amd64.
    async fn image(&self, image: &str) -> Result<(Reference, Manifest), LookupFault> {
        let mut reference: Reference = image.parse()?;
        let manifest = self.version(&reference).await?;
        let Content::Index(index) = manifest.content()? else {
            return Ok((reference, manifest));
        };
        let mut children = index.manifests.into_iter();
        let child = children.find(|child| {
            let platform = child.platform.as_ref();
            platform.is_some_and(|p| p.os == "linux" && p.architecture == "amd64")
        });
        let child = child
            .ok_or_else(|| LookupFault::Nothing(format!("{image} has no image for linux/amd64")))?;
        reference.digest = Some(child.digest);
        let manifest = self.version(&reference).await?;
        Ok((reference, manifest))
    }

    async fn head(&self, image: &str) -> Result<Json, LookupFault> {
        let reference: Reference = image.parse()?;
        let version = version(&reference)?;
        let head = self
            .0
            .registry
            .head(&reference.repository, &version)
            .await?;
        let head = head.ok_or_else(|| {
            LookupFault::Unreadable(UnseenReason::missing(format!("{image} does not exist")))
        })?;
        let (kind, digest) = (head.media_type, head.digest.to_string());
        Ok(descriptor(
            &json!({"mediaType": kind, "digest": digest, "size": head.size}),
        ))
    }

    async fn referrers(&self, image: &DigestReference) -> Result<Json, LookupFault> {
        let registry = &self.0.registry;
        let found = registry.referrers(&image.repository, &image.digest).await?;
        let found = found.into_iter().map(|referrer| {
            json!({
                "mediaType": referrer.media_type,
                "size": referrer.size,
                "digest": referrer.digest.to_string(),
                "artifactType": referrer.artifact_type.unwrap_or_default(),
                "ref": image.repository.pinned(referrer.digest).to_string(),
                "annotations": referrer.annotations,
            })
        });
        Ok(Json::Array(found.collect()))
    }

    async fn tag_refs(&self, image: &DigestReference) -> Result<Json, LookupFault> {
        let mut found = Vec::new();
        for suffix in ["sig", "att", "sbom"] {
            let tag = format!("sha256-{}.{suffix}", image.digest.hex());
            let tag: Tag = tag.parse().map_err(|error| not_understood(&tag, error))?;
            let version = Version::Tag(tag.clone());
            if self
                .0
                .registry
                .head(&image.repository, &version)
                .await?
                .is_some()
            {
                found.push(image.repository.tagged(&tag).to_string());
            }
        }
        Ok(json!(found))
    }

    async fn blob_files(&self, image: &str, paths: &[String]) -> Result<Json, LookupFault> {
        if paths.is_empty() {
            return Ok(json!({}));
        }
        let blob = self.blob(image).await?;
        let documents = archive::documents(&blob, paths);
        let documents = documents.map_err(|error| not_understood(image, error))?;
        Ok(Json::Object(documents.into_iter().collect()))
    }

    /// Returns the documents directly in one of the directories of an image.
    async fn image_files(&self, image: &str, directories: &[String]) -> Result<Json, LookupFault> {
        let _: DigestReference = image.parse()?;
        let (reference, manifest) = self.image(image).await?;
        let Content::Image(content) = manifest.content()? else {
            return Err(LookupFault::Nothing(format!("{image} is not an image")));
        };
        let registry = &self.0.registry;
        let found = layers::documents(registry, &reference.repository, &content, directories).await;
        let found = found.map_err(|error| LookupFault::Unreadable(error.into()))?;
        Ok(Json::Object(found.into_iter().collect()))
    }
}

/// Returns the texts of a list or set; `None` if it contains another type.
fn texts(value: &Value) -> Option<Vec<String>> {
    let items = match value {
        Value::Array(items) => items.iter(),
        Value::Set(items) => items.iter(),
        _ => return None,
    };
    items.map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The reason of a lookup without a value.
enum LookupFault {
    /// The argument is not a reference, or the content is of another kind.
    Nothing(String),
    Unreadable(UnseenReason),
}

impl From<registry::Error> for LookupFault {
    fn from(error: registry::Error) -> Self {
        Self::Unreadable(error.into())
    }
}

impl From<ReferenceError> for LookupFault {
    fn from(error: ReferenceError) -> Self {
        Self::Nothing(error.to_string())
    }
}

fn not_understood(image: &str, error: impl std::fmt::Display) -> LookupFault {
    LookupFault::Unreadable(UnseenReason::unusable(format!(
        "{image} is not usable: {error}"
    )))
}

/// Makes the result to cache; logs a warning if it has no value.
fn answer(function: &str, image: &str, found: Result<Json, LookupFault>) -> CallResult<Json> {
    match found {
        Ok(found) => CallResult::read(Some(found)),
        Err(LookupFault::Nothing(reason)) => {
            tracing::warn!(%function, %image, %reason, "registry lookup by a policy rule found nothing");
            CallResult::read(None)
        }
        Err(LookupFault::Unreadable(reason)) => {
            tracing::warn!(%function, %image, %reason, "registry lookup by a policy rule failed");
            CallResult::unreadable(reason)
        }
    }
}

fn version(reference: &Reference) -> Result<Version, LookupFault> {
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => Ok(Version::Digest(*digest)),
        (None, Some(tag)) => Ok(Version::Tag(tag.clone())),
        (None, None) => Ok(Version::Tag(Tag::latest())),
    }
}

/// Returns the member of an object, or `absent` in its place.
fn member(object: &Json, name: &str, absent: Json) -> Json {
    let found = object.get(name).filter(|found| !found.is_null());
    found.cloned().unwrap_or(absent)
}

fn descriptor(raw: &Json) -> Json {
    let text = || Json::from("");
    let mut all = json!({
        "mediaType": member(raw, "mediaType", text()),
        "size": member(raw, "size", json!(0)),
        "digest": member(raw, "digest", text()),
        "data": member(raw, "data", text()),
        "urls": member(raw, "urls", json!([])),
        "annotations": member(raw, "annotations", json!({})),
        "artifactType": member(raw, "artifactType", text()),
    });
    if let Some(platform) = raw.get("platform") {
        all["platform"] = json!({
            "architecture": member(platform, "architecture", text()),
            "os": member(platform, "os", text()),
            "os.version": member(platform, "os.version", text()),
            "os.features": member(platform, "os.features", json!([])),
            "variant": member(platform, "variant", text()),
            "features": member(platform, "features", json!([])),
        });
    }
    all
}

fn descriptors(raw: &Json, name: &str) -> Json {
    let list = raw.get(name).and_then(Json::as_array);
    Json::Array(list.into_iter().flatten().map(descriptor).collect())
}

fn manifest_of(image: &str, manifest: &Manifest) -> Result<Json, LookupFault> {
    let raw = serde_json::from_slice(&manifest.bytes);
    let raw: Json = raw.map_err(|error| not_understood(image, error))?;
    let mut all = json!({
        "schemaVersion": member(&raw, "schemaVersion", json!(2)),
        "mediaType": manifest.media_type,
        "config": descriptor(&member(&raw, "config", json!({}))),
        "layers": descriptors(&raw, "layers"),
        "annotations": member(&raw, "annotations", json!({})),
    });
    if let Some(subject) = raw.get("subject") {
        all["subject"] = descriptor(subject);
    }
    Ok(all)
}

fn index_of(image: &str, manifest: &Manifest) -> Result<Json, LookupFault> {
    let raw = serde_json::from_slice(&manifest.bytes);
    let raw: Json = raw.map_err(|error| not_understood(image, error))?;
    let mut all = json!({
        "schemaVersion": member(&raw, "schemaVersion", json!(2)),
        "mediaType": manifest.media_type,
        "manifests": descriptors(&raw, "manifests"),
        "annotations": member(&raw, "annotations", json!({})),
    });
    if let Some(subject) = raw.get("subject") {
        all["subject"] = descriptor(subject);
    }
    Ok(all)
}
