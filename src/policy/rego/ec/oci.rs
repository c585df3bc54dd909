//! `ec.oci.*`: blobs, manifests and referrers, each fetched once for a run.
//!
//! Answers have every member: what is missing is an empty text, list or object.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt as _, stream};
use regorus::Value;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;

use super::memory::Memory;
use crate::{
    image::{DigestReference, Reference, Tag},
    policy::{archive, layers},
    registry::{Content, Manifest, Registry, Version},
};

/// The largest blob that a policy may read, in bytes.
const MAX_BLOB: u64 = 128 << 20;
/// How many manifests are fetched at the same time.
const AT_ONCE: usize = 16;

/// Access to registries with a memory. Clones share it.
#[derive(Clone)]
pub(super) struct Images(Arc<Inner>);

struct Inner {
    registry: Registry,
    runtime: Handle,
    memory: Memory,
}

impl Images {
    pub(super) fn new(registry: Registry, runtime: Handle) -> Self {
        Self(Arc::new(Inner {
            registry,
            runtime,
            memory: Memory::default(),
        }))
    }

    /// Answers a call; none when it fails, which is logged.
    pub(super) fn answer(&self, function: &'static str, arguments: &[Value]) -> Option<Value> {
        if function == "ec.oci.image_manifests" {
            return self.manifests(arguments.first()?);
        }
        let image = arguments.first()?.as_string().ok()?;
        let paths: Vec<String> = match arguments.get(1) {
            Some(paths) => serde_json::from_value(serde_json::to_value(paths).ok()?).ok()?,
            None => Vec::new(),
        };
        let key = [&[image.to_string()], paths.as_slice()].concat().join("\n");
        self.0.memory.once(function, key, || {
            let found = self.0.runtime.block_on(self.fetch(function, image, &paths));
            found
                .inspect_err(
                    |error| tracing::warn!(%function, %image, %error, "a policy asked in vain"),
                )
                .ok()
        })
    }

    /// The manifests of a set of images; those that cannot be had are left out.
    fn manifests(&self, images: &Value) -> Option<Value> {
        const ONE: &str = "ec.oci.image_manifest";
        let images = images.as_set().ok()?.iter();
        let images: Vec<_> = images.filter_map(|image| image.as_string().ok()).collect();
        let known = |image: &str| self.0.memory.knows(ONE, image);
        let missing: Vec<_> = images.iter().filter(|image| !known(image)).collect();
        let fetched = stream::iter(missing)
            .map(|image| async move { (image, self.fetch(ONE, image, &[]).await) })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        for (image, found) in self.0.runtime.block_on(fetched) {
            self.0.memory.once(ONE, image.to_string(), || found.ok());
        }
        let found = images.iter().filter_map(|image| {
            let manifest = self.answer(ONE, &[Value::from(image.as_ref())])?;
            Some((Value::from(image.as_ref()), manifest))
        });
        Some(Value::from(found.collect::<BTreeMap<_, _>>()))
    }

    async fn fetch(
        &self,
        function: &'static str,
        image: &str,
        paths: &[String],
    ) -> anyhow::Result<Json> {
        match function {
            "ec.oci.blob" => Ok(Json::from(self.text(image).await?)),
            "ec.oci.parsed_blob" => Ok(serde_json::from_str(&self.text(image).await?)?),
            "ec.oci.blob_files" => self.blob_files(image, paths).await,
            "ec.oci.image_files" => self.image_files(image, paths).await,
            "ec.oci.descriptor" => self.head(image).await,
            "ec.oci.image_manifest" => {
                let (_, manifest) = self.image(image).await?;
                manifest_of(&manifest)
            }
            "ec.oci.image_index" => {
                let manifest = self.version(&image.parse()?).await?;
                anyhow::ensure!(manifest.is_index(), "{image} is no index");
                index_of(&manifest)
            }
            "ec.oci.image_referrers" => self.referrers(&image.parse()?).await,
            "ec.oci.image_tag_refs" => self.tag_refs(&image.parse()?).await,
            _ => anyhow::bail!("there is no function {function}"),
        }
    }

    async fn blob(&self, image: &str) -> anyhow::Result<bytes::Bytes> {
        let DigestReference { repository, digest } = image.parse()?;
        let registry = &self.0.registry;
        Ok(registry
            .blob_by_digest(&repository, &digest, MAX_BLOB)
            .await?)
    }

    async fn text(&self, image: &str) -> anyhow::Result<String> {
        Ok(String::from_utf8(self.blob(image).await?.to_vec())?)
    }

    async fn version(&self, reference: &Reference) -> anyhow::Result<Manifest> {
        let version = version(reference)?;
        let found = self
            .0
            .registry
            .manifest(&reference.repository, &version)
            .await?;
        found.ok_or_else(|| anyhow::anyhow!("{reference} does not exist"))
    }

    /// The manifest of an image; of an index, the one for linux/amd64.
    async fn image(&self, image: &str) -> anyhow::Result<(Reference, Manifest)> {
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
        let child = child.ok_or_else(|| anyhow::anyhow!("{image} has no image for linux/amd64"))?;
        reference.digest = Some(child.digest);
        let manifest = self.version(&reference).await?;
        Ok((reference, manifest))
    }

    async fn head(&self, image: &str) -> anyhow::Result<Json> {
        let reference: Reference = image.parse()?;
        let version = version(&reference)?;
        let head = self
            .0
            .registry
            .head(&reference.repository, &version)
            .await?;
        let head = head.ok_or_else(|| anyhow::anyhow!("{image} does not exist"))?;
        let (kind, digest) = (head.media_type, head.digest.to_string());
        Ok(descriptor(
            &json!({"mediaType": kind, "digest": digest, "size": head.size}),
        ))
    }

    async fn referrers(&self, image: &DigestReference) -> anyhow::Result<Json> {
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

    async fn tag_refs(&self, image: &DigestReference) -> anyhow::Result<Json> {
        let mut found = Vec::new();
        for suffix in ["sig", "att", "sbom"] {
            let tag: Tag = format!("sha256-{}.{suffix}", image.digest.hex()).parse()?;
            let version = Version::Tag(tag.clone());
            match self.0.registry.head(&image.repository, &version).await {
                Ok(Some(_)) => found.push(image.repository.tagged(&tag).to_string()),
                Ok(None) => {}
                Err(error) => tracing::warn!(%image, %error, "a tag beside an image is unknown"),
            }
        }
        Ok(json!(found))
    }

    async fn blob_files(&self, image: &str, paths: &[String]) -> anyhow::Result<Json> {
        if paths.is_empty() {
            return Ok(json!({}));
        }
        let blob = self.blob(image).await?;
        let documents = archive::documents(&blob, paths)?;
        Ok(Json::Object(documents.into_iter().collect()))
    }

    /// The documents directly in one of the directories of an image.
    async fn image_files(&self, image: &str, directories: &[String]) -> anyhow::Result<Json> {
        let _: DigestReference = image.parse()?;
        let (reference, manifest) = self.image(image).await?;
        let Content::Image(content) = manifest.content()? else {
            anyhow::bail!("{image} is no image");
        };
        let registry = &self.0.registry;
        let found =
            layers::documents(registry, &reference.repository, &content, directories).await?;
        Ok(Json::Object(found.into_iter().collect()))
    }
}

fn version(reference: &Reference) -> anyhow::Result<Version> {
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => Ok(Version::Digest(*digest)),
        (None, Some(tag)) => Ok(Version::Tag(tag.clone())),
        (None, None) => Ok(Version::Tag("latest".parse()?)),
    }
}

/// The member of an object, or what stands for its absence.
fn member(object: &Json, name: &str, absent: Json) -> Json {
    let found = object.get(name).filter(|found| !found.is_null());
    found.cloned().unwrap_or(absent)
}

/// A descriptor with every member.
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

fn manifest_of(manifest: &Manifest) -> anyhow::Result<Json> {
    let raw: Json = serde_json::from_slice(&manifest.bytes)?;
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

fn index_of(manifest: &Manifest) -> anyhow::Result<Json> {
    let raw: Json = serde_json::from_slice(&manifest.bytes)?;
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
