//! What has to move, for one image with everything attached to it. Only reads.
//!
//! 1. the image's manifest at the source and what the tags name at the destination
//! 2. unless it is there already: its closure (index, children, blobs)
//! 3. what is attached: referrers of every manifest, recursively, and the tags `.sig`, `.att`
//!    and `.sbom`; also when the image itself is there, for a signature may be newer

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join_all, try_join3};
use serde_json::{Value, json};

use super::{Content, Descriptor, Error, Manifest, Place, Version, referrers::fallback_tag};
use crate::image::{Digest, MediaType, Tag};

/// How deep indexes may nest and referrers may refer.
const MAX_DEPTH: usize = 8;
/// The most manifests of one image with all that is attached.
const MAX_MANIFESTS: usize = 10_000;
/// Manifests that refer to others are written after all that are referred to.
const ATTACHED_LEVEL: usize = 100;

/// One image to be copied.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Where it is.
    pub(crate) from: Place,
    /// Which one.
    pub(crate) version: Version,
    /// Where it goes.
    pub(crate) to: Place,
    /// The tags that it gets there.
    pub(crate) tags: Vec<Tag>,
}

/// What holds for a whole copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Leave out what is attached.
    pub(crate) image_alone: bool,
    /// Refuse to move a tag.
    pub(crate) immutable: bool,
    /// Take only the image of this platform (`os/arch[/variant]`) out of an index.
    pub(crate) platform: Option<String>,
}

/// A manifest to be written by its digest.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Steps of a lower level come first.
    pub(super) level: usize,
    /// The manifest.
    pub(super) manifest: Manifest,
}

/// What has to move for one image.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// What was asked for.
    pub(crate) item: Item,
    /// The image's manifest.
    pub(crate) root: Manifest,
    /// What each tag names now.
    pub(crate) previous: Vec<Option<Digest>>,
    /// Whether the destination has the image.
    pub(super) there: bool,
    pub(super) blobs: BTreeMap<Digest, Descriptor>,
    pub(super) steps: BTreeMap<Digest, Step>,
    /// The `.sig`, `.att` and `.sbom` tags and merged fallback indexes, in this order.
    pub(super) side_tags: Vec<(Tag, Manifest)>,
    /// How many artifacts are attached that the destination lacks.
    pub(super) attached: u64,
}

impl Planned {
    /// Finds out what has to move.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NotFound`] when the image or a part of it is missing at the
    /// source, [`Error::Immutable`] when a tag would move that must not.
    pub(crate) async fn make(item: Item, rules: &Rules) -> Result<Self, Error> {
        let versions: Vec<Version> = item.tags.iter().cloned().map(Version::Tag).collect();
        let heads = try_join_all(versions.iter().map(|tag| item.to.head(tag)));
        let (root, previous) = try_join(item.from.manifest(&item.version), heads).await?;
        let missing = |what: String| Error::NotFound {
            what,
            repository: item.from.to_string(),
        };
        let root = root.ok_or_else(|| missing(format!("image {}", item.version)))?;
        let root = match &rules.platform {
            Some(platform) => of_platform(&item.from, root, platform).await?,
            None => root,
        };
        check_immutable(&item, &root, &previous, rules)?;
        let tagged = previous.contains(&Some(root.digest));
        let same_place = item.from.to_string() == item.to.to_string();
        let mut there = tagged || same_place;
        // On one registry the mounts tell the same at no further cost.
        if !there && item.from.host() != item.to.host() {
            there = item.to.head(&root.digest.into()).await?.is_some();
        }
        let mut planned = Self {
            item,
            root: root.clone(),
            previous,
            there,
            blobs: BTreeMap::new(),
            steps: BTreeMap::new(),
            side_tags: Vec::new(),
            attached: 0,
        };
        let wanted = !there;
        let subjects = planned.closure(root, wanted).await?;
        if !(rules.image_alone || same_place) {
            planned.find_attached(subjects).await?;
        }
        Ok(planned)
    }

    /// The manifests below and with the root; what they need is noted when it has to move.
    async fn closure(&mut self, root: Manifest, wanted: bool) -> Result<Vec<Digest>, Error> {
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
                    children.extend(index.manifests);
                }
            }
            // Of an image that is there, only the names of its children matter.
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
            wave = try_join_all(fetched.map(|child| fetch(&self.item.from, child.digest))).await?;
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

    fn check_size(&self, count: usize) -> Result<(), Error> {
        if count + self.steps.len() <= MAX_MANIFESTS {
            return Ok(());
        }
        Err(Error::Manifest {
            digest: self.root.digest,
            reason: format!("it has more than {MAX_MANIFESTS} manifests with all that is attached"),
        })
    }

    fn add(&mut self, level: usize, manifest: Manifest) {
        self.steps
            .entry(manifest.digest)
            .or_insert(Step { level, manifest });
    }

    fn note_blobs(&mut self, content: &Content) {
        let Content::Image(image) = content else {
            return;
        };
        for blob in image.layers.iter().chain([&image.config]) {
            let foreign =
                blob.media_type.contains("foreign") || blob.media_type.contains("nondistributable");
            if foreign && !blob.urls.is_empty() {
                tracing::warn!("layer {} stays where its publisher keeps it", blob.digest);
                continue;
            }
            self.blobs.insert(blob.digest, blob.clone());
        }
    }

    /// Follows referrers and cosign's tags from the subjects on.
    async fn find_attached(&mut self, subjects: Vec<Digest>) -> Result<(), Error> {
        let mut seen: BTreeSet<Digest> = subjects.iter().copied().collect();
        let mut wave: Vec<(Digest, bool)> = subjects
            .into_iter()
            .map(|subject| (subject, true))
            .collect();
        for depth in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for group in wave.chunks(8) {
                let item = &self.item;
                let found = group
                    .iter()
                    .map(|(subject, tags)| look(item, *subject, *tags));
                for found in try_join_all(found).await? {
                    next.extend(found.list.iter().map(|entry| entry.digest));
                    self.take(found, depth).await?;
                    self.check_size(next.len())?;
                }
            }
            // Who signs a signature does so as a referrer: the tags are asked of images only.
            next.retain(|digest| seen.insert(*digest));
            wave = next.into_iter().map(|digest| (digest, false)).collect();
            if wave.is_empty() {
                return Ok(());
            }
        }
        Err(Error::Manifest {
            digest: self.root.digest,
            reason: format!("its referrers are nested more than {MAX_DEPTH} deep"),
        })
    }

    /// Notes what was found attached and the destination lacks.
    async fn take(&mut self, found: Attached, depth: usize) -> Result<(), Error> {
        let known: BTreeSet<Digest> = found.known.iter().map(|entry| entry.digest).collect();
        let mut added = Vec::new();
        for entry in found
            .list
            .iter()
            .filter(|entry| !known.contains(&entry.digest))
        {
            let manifest = fetch(&self.item.from, entry.digest).await?;
            let content = manifest.content()?;
            let subject = match &content {
                Content::Image(image) => &image.subject,
                Content::Index(index) => &index.subject,
            };
            if subject
                .as_ref()
                .is_none_or(|subject| subject.digest != found.subject)
            {
                tracing::warn!(
                    "{} is listed as a referrer of {}, but does not refer to it: left out",
                    entry.digest,
                    found.subject
                );
                continue;
            }
            if matches!(content, Content::Index(_)) {
                self.closure(manifest.clone(), true).await?;
            }
            self.note_blobs(&content);
            self.add(ATTACHED_LEVEL + depth, manifest);
            self.attached += 1;
            added.push(entry.clone());
        }
        for (tag, manifest, other) in found.tags {
            self.closure(manifest.clone(), true).await?;
            let manifest = match other {
                Some(other) => with_layers_of(manifest, &other)?,
                None => manifest,
            };
            self.note_blobs(&manifest.content()?);
            self.attached += 1;
            self.side_tags.push((tag, manifest));
        }
        if let (false, Some(tag)) = (found.api || added.is_empty(), fallback_tag(&found.subject)) {
            self.side_tags
                .push((tag, merged(found.fallback.as_ref(), &added)?));
        }
        Ok(())
    }

    /// Whether the destination is as it should be.
    pub(crate) fn is_done(&self) -> bool {
        self.steps.is_empty() && self.side_tags.is_empty() && self.moving().next().is_none()
    }

    /// The tags that have to move.
    pub(crate) fn moving(&self) -> impl Iterator<Item = &Tag> {
        let tags = self.item.tags.iter().zip(&self.previous);
        tags.filter(|(_, previous)| **previous != Some(self.root.digest))
            .map(|(tag, _)| tag)
    }

    /// What would move, in one sentence.
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
            "{} manifests, {} blobs of {bytes} bytes {how}, {} attached; tags to move: {tags}; at most {requests} writing and reading requests",
            manifests,
            self.blobs.len(),
            self.attached,
        )
    }
}

struct Attached {
    subject: Digest,
    list: Vec<Descriptor>,
    known: Vec<Descriptor>,
    api: bool,
    fallback: Option<Manifest>,
    /// Tag, manifest at the source, and another one that the destination has.
    tags: Vec<(Tag, Manifest, Option<Manifest>)>,
}

/// What is attached to one manifest at the source, and what of it the destination has.
async fn look(item: &Item, subject: Digest, with_tags: bool) -> Result<Attached, Error> {
    let named = |suffix: &str| {
        let tag = format!("sha256-{}.{suffix}", subject.hex())
            .parse::<Tag>()
            .ok();
        let tag = tag.filter(|_| with_tags);
        async move {
            let Some(tag) = tag else { return Ok(None) };
            let found = item.from.manifest(&tag.clone().into()).await?;
            Ok::<_, Error>(found.map(|manifest| (tag, manifest)))
        }
    };
    let tags = try_join3(named("sig"), named("att"), named("sbom"));
    let (source, (sig, att, sbom)) = try_join(item.from.referrers(&subject), tags).await?;
    let mut attached = Attached {
        subject,
        list: source.list,
        known: Vec::new(),
        api: true,
        fallback: None,
        tags: Vec::new(),
    };
    if !attached.list.is_empty() {
        let there = item.to.referrers(&subject).await?;
        (attached.known, attached.api, attached.fallback) = (there.list, there.api, there.fallback);
    }
    for (tag, manifest) in [sig, att, sbom].into_iter().flatten() {
        let other = item.to.manifest(&tag.clone().into()).await?;
        if other
            .as_ref()
            .is_none_or(|other| other.digest != manifest.digest)
        {
            attached.tags.push((tag, manifest, other));
        }
    }
    Ok(attached)
}

async fn fetch(from: &Place, digest: Digest) -> Result<Manifest, Error> {
    from.manifest(&digest.into())
        .await?
        .ok_or_else(|| Error::NotFound {
            what: format!("manifest {digest}"),
            repository: from.to_string(),
        })
}

async fn of_platform(from: &Place, root: Manifest, platform: &str) -> Result<Manifest, Error> {
    let Content::Index(index) = root.content()? else {
        return Ok(root);
    };
    let mut children = index.manifests.iter();
    let found = children.find(|child| {
        child.platform.as_ref().is_some_and(|found| {
            let (found, base) = (
                found.to_string(),
                format!("{}/{}", found.os, found.architecture),
            );
            found == platform || base == platform
        })
    });
    let found = found.ok_or_else(|| Error::NotFound {
        what: format!("platform {platform} of {}", root.digest),
        repository: from.to_string(),
    })?;
    fetch(from, found.digest).await
}

fn check_immutable(
    item: &Item,
    root: &Manifest,
    previous: &[Option<Digest>],
    rules: &Rules,
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

/// The signatures of both: what somebody attached at the destination must not get lost.
fn with_layers_of(manifest: Manifest, other: &Manifest) -> Result<Manifest, Error> {
    let (Content::Image(own), Content::Image(theirs)) = (manifest.content()?, other.content()?)
    else {
        return Ok(manifest);
    };
    let known: BTreeSet<Digest> = own.layers.iter().map(|layer| layer.digest).collect();
    let more: Vec<_> = theirs
        .layers
        .iter()
        .filter(|layer| !known.contains(&layer.digest))
        .collect();
    if more.is_empty() {
        return Ok(manifest);
    }
    let wrong = |error: serde_json::Error| Error::Manifest {
        digest: manifest.digest,
        reason: error.to_string(),
    };
    let mut document: Value = serde_json::from_slice(&manifest.bytes).map_err(wrong)?;
    if let Some(layers) = document.get_mut("layers").and_then(Value::as_array_mut) {
        for layer in more {
            layers.push(serde_json::to_value(layer).map_err(wrong)?);
        }
    }
    Ok(Manifest::new(
        &manifest.media_type,
        document.to_string().into(),
    ))
}

/// The fallback index with further entries.
fn merged(index: Option<&Manifest>, added: &[Descriptor]) -> Result<Manifest, Error> {
    let wrong = |error: serde_json::Error| Error::Manifest {
        digest: Digest::of(b""),
        reason: error.to_string(),
    };
    let media_type = MediaType::OciIndex.as_str();
    let mut document = match index {
        Some(index) => serde_json::from_slice(&index.bytes).map_err(wrong)?,
        None => json!({"schemaVersion": 2, "mediaType": media_type, "manifests": []}),
    };
    if let Some(entries) = document.get_mut("manifests").and_then(Value::as_array_mut) {
        for entry in added {
            entries.push(serde_json::to_value(entry).map_err(wrong)?);
        }
    }
    Ok(Manifest::new(media_type, document.to_string().into()))
}
