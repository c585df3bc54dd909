//! Finds everything attached to an image: referrers of every manifest, recursively, and cosign's tags.
//!
//! Artifacts that only the destination has are kept: its fallback index and its signatures are
//! merged with what arrives.

use std::collections::BTreeSet;

use futures_util::{
    future::{try_join, try_join_all},
    stream::{StreamExt as _, TryStreamExt as _, iter},
};

use super::{
    Content, CopyItem, Descriptor, Error, Manifest, Planned,
    lost::or_warn,
    plan::{ATTACHED_LEVEL, FETCHES, MAX_DEPTH, fetch},
    referrers::fallback_tag,
    side_tags::{Growth, extended, grown},
};
use crate::image::{Digest, Tag};

/// The annotation with the predicate type of a Sigstore bundle.
pub(crate) const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
/// The suffixes of the tags under which cosign keeps what belongs to an image.
pub(super) const OF_IMAGE: &[&str] = &["sig", "att", "sbom"];
/// Suffixes of cosign's tags for an attached artifact such as an SBOM: only its signature.
pub(super) const OF_ARTIFACT: &[&str] = &["sig"];

impl Planned {
    /// Follows referrers and cosign's tags from the subjects on.
    pub(super) async fn find_attached(&mut self, subjects: Vec<Digest>) -> Result<(), Error> {
        let mut seen: BTreeSet<Digest> = subjects.iter().copied().collect();
        let images = subjects.into_iter().map(|subject| (subject, OF_IMAGE));
        let mut wave: Vec<(Digest, &[&str])> = images.collect();
        for depth in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for group in wave.chunks(8) {
                let item = &self.item;
                let found = group
                    .iter()
                    .map(|(subject, suffixes)| attachments_of(item, *subject, suffixes));
                for found in try_join_all(found).await? {
                    next.extend(found.further());
                    self.add_attachments(found, depth).await?;
                    self.check_size(next.len())?;
                }
            }
            next.retain(|(digest, _)| seen.insert(*digest));
            wave = next;
            if wave.is_empty() {
                return Ok(());
            }
        }
        Err(Error::Manifest {
            digest: self.root.digest,
            reason: format!("its referrers are nested more than {MAX_DEPTH} deep"),
        })
    }

    /// Adds the attached artifacts that the destination lacks to the plan.
    async fn add_attachments(
        &mut self,
        found: ManifestAttachments,
        depth: usize,
    ) -> Result<(), Error> {
        let known: BTreeSet<Digest> = found.known.iter().map(|entry| entry.digest).collect();
        let mut added = Vec::new();
        let lacking = found.list.iter();
        let lacking: Vec<_> = lacking
            .filter(|entry| !known.contains(&entry.digest))
            .collect();
        let digests = lacking.iter().map(|entry| entry.digest);
        let manifests = self.fetch_present(digests.collect()).await?;
        for (entry, manifest) in lacking.into_iter().zip(manifests) {
            let Some(manifest) = manifest else { continue };
            let name = format!("referrer {}", entry.digest);
            let Some(content) = self.unless_needed(manifest.content(), &entry.digest, &name)?
            else {
                continue;
            };
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
                let closure = self.closure(manifest.clone(), true).await;
                if self.unless_needed(closure, &entry.digest, &name)?.is_none() {
                    continue;
                }
            }
            self.note_arrival(&found.subject, &entry.artifact_type, &content);
            self.note_blobs(&content);
            self.add(ATTACHED_LEVEL + depth, manifest);
            self.attached += 1;
            added.push(entry.clone());
        }
        for tagged in found.tags {
            self.add_side_tag(tagged).await?;
        }
        if let (false, Some(tag)) = (found.api || added.is_empty(), fallback_tag(&found.subject)) {
            self.side_tags
                .push((tag, extended(found.fallback.as_ref(), &added)?));
        }
        Ok(())
    }

    /// Notes a Sigstore bundle that the image itself gets.
    fn note_arrival(
        &mut self,
        subject: &Digest,
        artifact_type: &Option<String>,
        content: &Content,
    ) {
        let Content::Image(manifest) = content else {
            return;
        };
        let kind = artifact_type
            .as_deref()
            .or(manifest.artifact_type.as_deref());
        let is_bundle = kind.is_some_and(|kind| kind.contains("sigstore.bundle"));
        if is_bundle && *subject == self.root.digest {
            let predicate = manifest.annotations.get(PREDICATE_TYPE);
            self.arriving_bundles
                .push(predicate.cloned().unwrap_or_default());
        }
    }

    /// Fetches attached manifests; those that the source only lists are left out.
    async fn fetch_present(&self, digests: Vec<Digest>) -> Result<Vec<Option<Manifest>>, Error> {
        let fetched = iter(digests).map(|digest| async move {
            let fetched = fetch(&self.item.from, digest).await;
            self.unless_needed(fetched, &digest, &format!("referrer {digest}"))
        });
        fetched.buffered(FETCHES).try_collect().await
    }

    /// Turns an error about an attached artifact into a warning, unless the copy requires that artifact.
    fn unless_needed<T>(
        &self,
        result: Result<T, Error>,
        digest: &Digest,
        name: &str,
    ) -> Result<Option<T>, Error> {
        if self.item.attached.requires(digest) {
            return result.map(Some);
        }
        or_warn(result, name)
    }

    /// Adds a side tag that the destination lacks, or has only in part, to the plan.
    async fn add_side_tag(&mut self, tagged: SideTag) -> Result<(), Error> {
        let SideTag {
            tag,
            manifest,
            there,
            ..
        } = tagged;
        let name = format!("{}:{tag}", self.item.from);
        let content = self.unless_needed(manifest.content(), &manifest.digest, &name)?;
        if content.is_none() {
            return Ok(());
        }
        let grown = match grown(&manifest, there.as_ref())? {
            Growth::Complete => return Ok(()),
            Growth::Write(grown) => grown,
            Growth::Incompatible(reason) => {
                tracing::warn!(
                    "{}:{tag} stays as it is, {} is not copied: {reason}",
                    self.item.to,
                    manifest.digest
                );
                return Ok(());
            }
        };
        let own = format!("sha256-{}.", self.root.digest.hex());
        let suffix = tag.as_str().strip_prefix(&own);
        self.arriving_tags |= there.is_none() && matches!(suffix, Some("sig" | "att"));
        // What the destination adds to it is there already.
        self.closure(manifest, true).await?;
        self.attached += 1;
        self.side_tags.push((tag, grown));
        Ok(())
    }
}

/// Tells whether a referrer is itself a signature: no tag `.sig` signs those.
pub(super) fn signs(entry: &Descriptor) -> bool {
    let kind = entry.artifact_type.as_deref().unwrap_or_default();
    let makers = ["sigstore", "cosign", "notary"];
    makers.iter().any(|maker| kind.contains(maker))
}

struct ManifestAttachments {
    subject: Digest,
    list: Vec<Descriptor>,
    known: Vec<Descriptor>,
    api: bool,
    fallback: Option<Manifest>,
    tags: Vec<SideTag>,
}

/// The document that cosign keeps under one tag of the source.
struct SideTag {
    suffix: &'static str,
    tag: Tag,
    manifest: Manifest,
    /// The document under the same tag of the destination.
    there: Option<Manifest>,
}

impl ManifestAttachments {
    /// Returns the attached manifests that may have attachments of their own, with the suffixes of their side tags.
    fn further(&self) -> Vec<(Digest, &'static [&'static str])> {
        let referrers = self.list.iter().map(|entry| {
            let suffixes = if signs(entry) { &[] } else { OF_ARTIFACT };
            (entry.digest, suffixes)
        });
        let sboms = self.tags.iter().filter(|tagged| tagged.suffix == "sbom");
        let sboms = sboms.map(|tagged| (tagged.manifest.digest, OF_ARTIFACT));
        referrers.chain(sboms).collect()
    }
}

/// Lists the attachments of one manifest at the source, and which of them the destination has.
async fn attachments_of(
    item: &CopyItem,
    subject: Digest,
    suffixes: &[&'static str],
) -> Result<ManifestAttachments, Error> {
    let named = |suffix: &'static str| {
        let tag = format!("sha256-{}.{suffix}", subject.hex()).parse::<Tag>();
        async move {
            let Ok(tag) = tag else { return Ok(None) };
            let found = item.from.manifest(&tag.clone().into()).await;
            let found = or_warn(found, &format!("{}:{tag}", item.from))?.flatten();
            let found = item
                .attached
                .side_tag(&item.from, &subject, &tag, found)
                .await?;
            // Cosign keeps layers there: an index is something else and would bring images along.
            if found.as_ref().is_some_and(Manifest::is_index) {
                tracing::warn!(
                    "{}:{tag} is an index, expected layers: not copied",
                    item.from
                );
                return Ok(None);
            }
            Ok::<_, Error>(found.map(|manifest| (suffix, tag, manifest)))
        }
    };
    let tags = try_join_all(suffixes.iter().map(|suffix| named(suffix)));
    let (source, tags) = try_join(item.from.referrers(&subject), tags).await?;
    let list = item.attached.referrers(&item.from, &subject, source.list);
    let mut attached = ManifestAttachments {
        subject,
        list: list.await?,
        known: Vec::new(),
        api: true,
        fallback: None,
        tags: Vec::new(),
    };
    if !attached.list.is_empty() {
        let there = item.to.referrers(&subject).await?;
        (attached.known, attached.api, attached.fallback) = (there.list, there.api, there.fallback);
    }
    for (suffix, tag, manifest) in tags.into_iter().flatten() {
        let there = item.to.manifest(&tag.clone().into()).await?;
        attached.tags.push(SideTag {
            suffix,
            tag,
            manifest,
            there,
        });
    }
    Ok(attached)
}
