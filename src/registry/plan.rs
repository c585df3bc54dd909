//! Plans the copy of one image with everything attached to it. Only reads.
//!
//! 1. the image's manifest at the source and what the tags name at the destination
//! 2. unless it is there already: its closure (index, children, blobs)
//! 3. what is attached (`attached.rs`); also when the image itself is there, for a signature
//!    may be newer

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use futures_util::{
    future::{try_join, try_join_all},
    stream::{StreamExt as _, TryStreamExt as _, iter},
};

use super::{
    ArtifactSelection, Content, Descriptor, Error, ImageManifest, ImageStore, Manifest, Version,
    manifest::Platform,
};
use crate::{
    image::{Digest, MediaType, Tag},
    json,
    progress::shown_bytes,
    text::counted,
};

/// How deep indexes may nest and referrers may refer.
pub(super) const MAX_DEPTH: usize = 8;
/// The most manifests of one image with all that is attached.
const MAX_MANIFESTS: usize = 10_000;
/// Manifests that refer to others are written after all that are referred to.
pub(super) const ATTACHED_LEVEL: usize = 100;
/// How many manifests of one image are fetched at once.
pub(super) const FETCHES: usize = 8;

/// An image to copy, with its source and destination.
#[derive(Debug, Clone)]
pub(crate) struct CopyItem {
    pub(crate) from: ImageStore,
    pub(crate) version: Version,
    pub(crate) to: ImageStore,
    /// The tags that it gets there.
    pub(crate) tags: Vec<Tag>,
    /// Manifests of the same repository that go with it although nothing attaches them to it.
    pub(crate) along: Vec<Digest>,
    /// Which attached artifacts go with it.
    pub(crate) attached: ArtifactSelection,
}

/// Settings that apply to every image of a copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct CopyRules {
    pub(crate) immutable: bool,
    /// Check every blob also where the destination has the manifest that names it.
    pub(crate) deep: bool,
    /// Take only the image of this platform (`os/arch[/variant]`) out of an index.
    pub(crate) platform: Option<String>,
}

/// A manifest to be written by its digest.
#[derive(Debug, Clone)]
pub(super) struct ManifestStep {
    /// Steps of a lower level come first.
    pub(super) level: usize,
    pub(super) manifest: Manifest,
}

/// The finished plan for one image.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) item: CopyItem,
    pub(crate) root: Manifest,
    /// The digest that each tag names now.
    pub(crate) previous: Vec<Option<Digest>>,
    /// Set when the destination has the image.
    pub(super) there: bool,
    pub(super) blobs: BTreeMap<Digest, Descriptor>,
    /// The blobs that only attached artifacts need.
    pub(super) optional: BTreeSet<Digest>,
    pub(super) steps: BTreeMap<Digest, ManifestStep>,
    /// The `.sig`, `.att` and `.sbom` tags and merged fallback indexes, in this order.
    pub(super) side_tags: Vec<(Tag, Manifest)>,
    /// How many artifacts are attached that the destination lacks.
    pub(super) attached: u64,
    /// The predicate types of the bundles that the image gets; empty for one that is not known.
    pub(super) arriving_bundles: Vec<String>,
    /// Set when it gets a tag `.sig` or `.att` that the destination lacks.
    pub(super) arriving_tags: bool,
    /// Refuses a tag that names another image, and reads each tag again after it was written.
    pub(super) immutable: bool,
    pub(super) read_at: Instant,
}

impl Planned {
    /// Reads the source and the destination, and plans what has to move.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NotFound`] when the image or a part of it is missing at the
    /// source, [`Error::Immutable`] when a tag would move that must not.
    pub(crate) async fn make(item: CopyItem, rules: &CopyRules) -> Result<Self, Error> {
        let read_at = Instant::now();
        let versions: Vec<Version> = item.tags.iter().cloned().map(Version::Tag).collect();
        let heads = try_join_all(versions.iter().map(|tag| item.to.head(tag)));
        let (root, previous) = try_join(item.from.manifest(&item.version), heads).await?;
        let missing = |what: String| Error::NotFound {
            what,
            repository: item.from.to_string(),
        };
        let root = root.ok_or_else(|| missing(item.version.named()))?;
        let root = match &rules.platform {
            Some(platform) => of_platform(&item.from, root, platform).await?,
            None => root,
        };
        check_immutable(&item, &root, &previous, rules)?;
        let tagged = previous.contains(&Some(root.digest));
        let same_place = item.from.to_string() == item.to.to_string();
        let mut there = (tagged || same_place) && !rules.deep;
        // On one registry the mounts find out the same without further requests.
        if !there && !rules.deep && item.from.host() != item.to.host() {
            there = item.to.head(&root.digest.into()).await?.is_some();
        }
        let mut planned = Self {
            item,
            root: root.clone(),
            previous,
            there,
            blobs: BTreeMap::new(),
            optional: BTreeSet::new(),
            steps: BTreeMap::new(),
            side_tags: Vec::new(),
            attached: 0,
            arriving_bundles: Vec::new(),
            arriving_tags: false,
            immutable: rules.immutable,
            read_at,
        };
        let wanted = !there;
        let subjects = planned.closure(root, wanted).await?;
        let needed: BTreeSet<Digest> = planned.blobs.keys().copied().collect();
        if !(planned.item.attached == ArtifactSelection::Nothing || same_place) {
            planned.find_attached(subjects).await?;
            let attached = planned.blobs.keys().filter(|blob| !needed.contains(blob));
            let attached: Vec<_> = attached.copied().collect();
            planned.optional.extend(attached);
            planned.add_companions().await?;
        }
        Ok(planned)
    }

    /// Returns the predicate types of the Sigstore bundles that the image gets; empty for one that is not known.
    pub(crate) fn arriving_bundles(&self) -> &[String] {
        &self.arriving_bundles
    }

    /// Tells whether the image gets a tag `.sig` or `.att` that its destination lacks.
    pub(crate) fn arriving_tags(&self) -> bool {
        self.arriving_tags
    }

    /// Tells whether the destination is known to have the image.
    pub(crate) fn is_at_destination(&self) -> bool {
        self.there || self.previous.contains(&Some(self.root.digest))
    }

    /// Adds the manifests that accompany the image and that the destination lacks to the plan.
    async fn add_companions(&mut self) -> Result<(), Error> {
        for digest in self.item.along.clone() {
            let planned = self.steps.contains_key(&digest);
            if planned || self.item.to.head(&digest.into()).await?.is_some() {
                continue;
            }
            let manifest = fetch(&self.item.from, digest).await?;
            self.closure(manifest.clone(), true).await?;
            self.add(ATTACHED_LEVEL, manifest);
            self.attached += 1;
        }
        Ok(())
    }

    /// Collects the manifests below and including the root; their needs are recorded when the root has to move.
    pub(super) async fn closure(
        &mut self,
        root: Manifest,
        wanted: bool,
    ) -> Result<Vec<Digest>, Error> {
        let mut found = Vec::new();
        let top = root.digest;
        let mut wave = vec![root];
        for level in (0..MAX_DEPTH).rev() {
            let mut children = Vec::new();
            for manifest in wave {
                found.push(manifest.digest);
                let content = manifest.content()?;
                if wanted {
                    self.note_blobs(&content);
                    if manifest.digest != top {
                        self.add(level, manifest);
                    }
                }
                if let Content::Index(index) = content {
                    // BuildKit's cache index lists its layers and configuration as they are.
                    let (blobs, manifests) = index.manifests.into_iter().partition(is_cache);
                    let blobs: Vec<Descriptor> = blobs;
                    if wanted {
                        let blobs = blobs.into_iter().map(|blob| (blob.digest, blob));
                        self.blobs.extend(blobs);
                    }
                    children.extend::<Vec<_>>(manifests);
                }
            }
            // When the image is there, only the digests of its children matter.
            let nested = |child: &Descriptor| {
                MediaType::parse(&child.media_type).is_some_and(MediaType::is_index)
            };
            found.extend(
                children
                    .iter()
                    .filter(|child| !(wanted || nested(child)))
                    .map(|child| child.digest),
            );
            let fetched = children.iter().filter(|child| wanted || nested(child));
            let fetched: Vec<_> = fetched.map(|child| child.digest).collect();
            wave = fetch_all(&self.item.from, fetched).await?;
            if wave.is_empty() {
                let unique: BTreeSet<_> = found.into_iter().collect();
                return Ok(unique.into_iter().collect());
            }
            self.check_size(found.len() + wave.len())?;
        }
        Err(Error::Manifest {
            digest: top,
            reason: format!("its indexes are nested more than {MAX_DEPTH} deep"),
        })
    }

    pub(super) fn check_size(&self, count: usize) -> Result<(), Error> {
        if count + self.steps.len() <= MAX_MANIFESTS {
            return Ok(());
        }
        Err(Error::Manifest {
            digest: self.root.digest,
            reason: format!("it has more than {MAX_MANIFESTS} manifests with all that is attached"),
        })
    }

    pub(super) fn add(&mut self, level: usize, manifest: Manifest) {
        self.steps
            .entry(manifest.digest)
            .or_insert(ManifestStep { level, manifest });
    }

    pub(super) fn note_blobs(&mut self, content: &Content) {
        let Content::Image(image) = content else {
            return;
        };
        for blob in image.layers.iter().chain([&image.config]) {
            let foreign =
                blob.media_type.contains("foreign") || blob.media_type.contains("nondistributable");
            if foreign && !blob.urls.is_empty() {
                tracing::warn!(
                    "layer {} is not copied (a foreign layer, which has its own URLs)",
                    blob.digest
                );
                continue;
            }
            self.blobs.insert(blob.digest, blob.clone());
        }
    }

    /// Tells whether the destination has everything already.
    pub(crate) fn is_done(&self) -> bool {
        self.steps.is_empty() && self.side_tags.is_empty() && self.moving().next().is_none()
    }

    /// Returns the tags that have to move.
    pub(crate) fn moving(&self) -> impl Iterator<Item = &Tag> {
        let tags = self.item.tags.iter().zip(&self.previous);
        tags.filter(|(_, previous)| **previous != Some(self.root.digest))
            .map(|(tag, _)| tag)
    }

    /// Describes the plan in one sentence.
    pub(crate) fn summary(&self) -> String {
        let bytes: u64 = self.blobs.values().map(|blob| blob.size).sum();
        let near = self.item.from.host() == self.item.to.host();
        let how = if near {
            "to mount"
        } else {
            "to send unless there"
        };
        let manifests = self.steps.len() + usize::from(!self.there);
        let tags: Vec<_> = self.moving().map(ToString::to_string).collect();
        let tags = if tags.is_empty() {
            "none".to_owned()
        } else {
            tags.join(", ")
        };
        // One request asks for each blob; one that has to be sent takes two more.
        let each = if near { 1 } else { 3 };
        let requests = self.blobs.len() * each
            + self.steps.len()
            + self.side_tags.len()
            + self.moving().count();
        format!(
            "{}, {} ({}) {how}, {} attached; tags to move: {tags}; at most {requests} more requests",
            counted(manifests as u64, "manifest"),
            counted(self.blobs.len() as u64, "blob"),
            shown_bytes(bytes),
            self.attached,
        )
    }
}

/// Fetches manifests, a few at once.
async fn fetch_all(from: &ImageStore, digests: Vec<Digest>) -> Result<Vec<Manifest>, Error> {
    let fetched = iter(digests).map(|digest| fetch(from, digest));
    fetched.buffered(FETCHES).try_collect().await
}

/// Tells whether a child of an index is a blob of BuildKit's cache.
fn is_cache(child: &Descriptor) -> bool {
    let kind = child.media_type.as_str();
    kind.starts_with("application/vnd.buildkit.cacheconfig.")
        || kind.starts_with("application/vnd.oci.image.layer.")
        || kind.starts_with("application/vnd.docker.image.rootfs.diff.")
}

pub(super) async fn fetch(from: &ImageStore, digest: Digest) -> Result<Manifest, Error> {
    from.manifest(&digest.into())
        .await?
        .ok_or_else(|| Error::NotFound {
            what: format!("manifest {digest}"),
            repository: from.to_string(),
        })
}

async fn of_platform(from: &ImageStore, root: Manifest, platform: &str) -> Result<Manifest, Error> {
    let index = match root.content()? {
        Content::Index(index) => index,
        Content::Image(image) => {
            let own = own_platform(from, &image, root.digest).await?;
            return match is_of(&own, platform) {
                true => Ok(root),
                false => Err(Error::NotFound {
                    what: format!("platform {platform} of {} ({own})", root.digest),
                    repository: from.to_string(),
                }),
            };
        }
    };
    let mut children = index.manifests.iter();
    let found = children.find(|child| {
        let named = child.platform.as_ref();
        named.is_some_and(|named| is_of(named, platform))
    });
    let found = found.ok_or_else(|| Error::NotFound {
        what: format!("platform {platform} of {}", root.digest),
        repository: from.to_string(),
    })?;
    fetch(from, found.digest).await
}

/// Returns the platform in an image's configuration.
async fn own_platform(
    from: &ImageStore,
    image: &ImageManifest,
    digest: Digest,
) -> Result<Platform, Error> {
    let bytes = from.configuration(&image.config).await?;
    json::read(&bytes, &json::IMAGE_CONFIG).map_err(|error| Error::Manifest {
        digest,
        reason: format!("its configuration names no platform: {error}"),
    })
}

/// Tells whether a platform equals the text `os/arch[/variant]`.
fn is_of(platform: &Platform, named: &str) -> bool {
    let base = format!("{}/{}", platform.os, platform.architecture);
    platform.to_string() == named || base == named
}

fn check_immutable(
    item: &CopyItem,
    root: &Manifest,
    previous: &[Option<Digest>],
    rules: &CopyRules,
) -> Result<(), Error> {
    for (tag, found) in item.tags.iter().zip(previous) {
        if let Some(found) = found.filter(|found| rules.immutable && *found != root.digest) {
            return Err(Error::Immutable {
                reference: format!("{}:{tag}", item.to),
                found,
                wanted: root.digest,
            });
        }
    }
    Ok(())
}
