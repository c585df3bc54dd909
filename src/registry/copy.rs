//! Carries out the plans of a whole Snapshot: every blob, then every manifest by its digest,
//! then what is attached by tag, and at the very end all tags together. A run that fails or
//! is killed before leaves every tag as it was; the next one finds what is already there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};

use super::{
    CopyItem, CopyRules, Descriptor, Error, ImageStore, Manifest, Planned, Registry, limit::Permit,
    lost::Lost, plan::ManifestStep, upload::Moved,
};
use crate::{
    image::{Digest, Repository},
    progress::Progress,
};

/// How many manifests are written at once: registries count them more strictly than blobs.
const MANIFESTS: usize = 4;
/// How many images are looked at at once.
const IMAGES: usize = 8;
const MAX_TRANSFERS: usize = 64;

/// The result of a copy for one image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CopyOutcome {
    pub(crate) manifests: u64,
    pub(crate) blobs: u64,
    /// Blobs that the registry took from another repository.
    pub(crate) mounted: u64,
    pub(crate) reused: u64,
    pub(crate) bytes: u64,
    pub(crate) attached: u64,
}

/// One blob on its way to one destination.
struct BlobTransfer<'a> {
    owner: usize,
    from: &'a ImageStore,
    to: &'a ImageStore,
    blob: &'a Descriptor,
}

impl Registry {
    /// Returns the places of a copy within or between registries; one token serves both.
    pub(crate) fn places(&self, from: &Repository, to: &Repository) -> (ImageStore, ImageStore) {
        let registry = self.between(from, to);
        (
            ImageStore::Repository(registry.clone(), from.clone()),
            ImageStore::Repository(registry, to.clone()),
        )
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.0.progress
    }

    /// Returns how many requests this client sent.
    pub(crate) fn request_count(&self) -> u64 {
        self.requests()
    }

    /// Plans the copy of all images; only reads.
    ///
    /// # Errors
    /// The errors of [`Planned::make`].
    pub(crate) async fn plan(
        &self,
        items: Vec<CopyItem>,
        rules: &CopyRules,
    ) -> Result<Vec<Planned>, Error> {
        let plans = iter(items).map(|item| Planned::make(item, rules));
        plans.buffered(IMAGES).try_collect().await
    }

    /// Copies everything, then moves the tags; returns for each image what was done.
    ///
    /// # Errors
    /// The first [`Error`]. No tag has moved before everything is in place; when a tag cannot be
    /// moved, those that were go back (`tags.rs`).
    pub(crate) async fn carry_out(&self, plans: &[Planned]) -> Result<Vec<CopyOutcome>, Error> {
        let tags: usize = plans.iter().map(|plan| plan.moving().count()).sum();
        let mut done = self.copy_content(plans, tags == 1).await?;
        for (done, moved) in done.iter_mut().zip(self.move_tags(plans).await?) {
            done.manifests += moved;
        }
        Ok(done)
    }

    /// Copies everything by digest and moves no tag of an image.
    ///
    /// # Errors
    /// The first [`Error`].
    pub(crate) async fn stage(&self, plans: &[Planned]) -> Result<Vec<CopyOutcome>, Error> {
        let mut done = self.copy_content(plans, false).await?;
        // The result has the figures of the whole copy: the later move of its tags does not write promoted.json again.
        let tags: usize = plans.iter().map(|plan| plan.moving().count()).sum();
        for (done, plan) in done.iter_mut().zip(plans) {
            let alone = tags == 1 && plan.attached == 0;
            if !alone || plan.there {
                done.manifests += plan.moving().count() as u64;
            }
        }
        Ok(done)
    }

    /// Blobs, manifests, then side tags. With `one_tag` an image with nothing attached is left to
    /// its tag: that one request is all or nothing too.
    async fn copy_content(
        &self,
        plans: &[Planned],
        one_tag: bool,
    ) -> Result<Vec<CopyOutcome>, Error> {
        let done = Mutex::new(vec![CopyOutcome::default(); plans.len()]);
        for plan in plans.iter().filter(|plan| !plan.is_done()) {
            plan.item.to.prepare()?;
        }
        let lost = Lost::new(plans);
        self.move_blobs(plans, &done, &lost).await?;
        write_manifests(plans, one_tag, &done, &lost).await?;
        write_side_tags(plans, &done, &lost).await?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (done, plan) in done.iter_mut().zip(plans) {
            done.attached = plan.attached;
        }
        Ok(done)
    }

    async fn move_blobs(
        &self,
        plans: &[Planned],
        done: &Mutex<Vec<CopyOutcome>>,
        lost: &Lost,
    ) -> Result<(), Error> {
        let (mut groups, count) = groups(plans);
        let sizes = groups.iter().flatten().map(|job| job.blob.size);
        let shown = self.0.progress.begin(count as u64, sizes.sum());
        let shown = &shown;
        groups.sort_by_key(|jobs| std::cmp::Reverse(jobs.first().map(|job| job.blob.size)));
        let all = iter(groups.into_iter().map(Ok::<_, Error>));
        all.try_for_each_concurrent(MAX_TRANSFERS, |jobs| async move {
            let mut first: Option<&ImageStore> = None;
            for job in jobs {
                let far = job.from.host() != job.to.host();
                let from = first.filter(|_| far).unwrap_or(job.from);
                let permits = self.permits(from.host(), job.to.host()).await;
                let (digest, to) = (job.blob.digest.to_string(), job.to.to_string());
                let transfer = shown.begin_transfer(digest, to, job.blob.size);
                let moved = match job.to.copy_blob(from, job.blob, &transfer).await {
                    Ok(moved) => moved,
                    Err(error) => {
                        lost.blob(job.blob.digest, error)?;
                        continue;
                    }
                };
                transfer.done(moved.as_str());
                permits.iter().for_each(Permit::went_well);
                record(done, job.owner, |done| match moved {
                    Moved::Present => done.reused += 1,
                    Moved::Mounted => done.mounted += 1,
                    Moved::Sent => {
                        done.blobs += 1;
                        done.bytes += job.blob.size;
                    }
                });
                first.get_or_insert(job.to);
            }
            Ok(())
        })
        .await
    }

    /// Waits until both hosts of a transfer have room, always in one order: two transfers in
    /// opposite directions must not wait for each other.
    async fn permits(&self, from: &str, to: &str) -> Vec<Permit> {
        let mut permits = Vec::new();
        for host in BTreeSet::from([from, to]) {
            permits.push(self.0.limits.of(host).enter().await);
        }
        permits
    }
}

/// The transfers, those of one blob to one host together, and how many there are. A blob goes to a host
/// once: other repositories there get it from the first.
fn groups(plans: &[Planned]) -> (Vec<Vec<BlobTransfer<'_>>>, usize) {
    let mut groups: BTreeMap<(&str, Digest), Vec<BlobTransfer<'_>>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (owner, plan) in plans.iter().enumerate() {
        let (from, to) = (&plan.item.from, &plan.item.to);
        for blob in plan.blobs.values() {
            if known.insert((to.to_string(), blob.digest)) {
                let job = BlobTransfer {
                    owner,
                    from,
                    to,
                    blob,
                };
                let group = groups.entry((to.host(), blob.digest)).or_default();
                group.push(job);
            }
        }
    }
    (groups.into_values().collect(), known.len())
}

fn record(done: &Mutex<Vec<CopyOutcome>>, owner: usize, change: impl FnOnce(&mut CopyOutcome)) {
    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(done) = done.get_mut(owner) {
        change(done);
    }
}

/// Writes every manifest by its digest, children first.
async fn write_manifests(
    plans: &[Planned],
    one_tag: bool,
    done: &Mutex<Vec<CopyOutcome>>,
    lost: &Lost,
) -> Result<(), Error> {
    let mut levels: BTreeMap<usize, Vec<(usize, &ImageStore, &Manifest)>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (owner, plan) in plans.iter().enumerate() {
        let to = &plan.item.to;
        let alone = one_tag && plan.attached == 0;
        if !plan.there && !alone && known.insert((to.to_string(), plan.root.digest)) {
            levels
                .entry(ROOTS)
                .or_default()
                .push((owner, to, &plan.root));
        }
        for (digest, ManifestStep { level, manifest }) in &plan.steps {
            if known.insert((to.to_string(), *digest)) {
                levels
                    .entry(*level)
                    .or_default()
                    .push((owner, to, manifest));
            }
        }
    }
    for level in levels.into_values() {
        let all = iter(level.into_iter().map(Ok::<_, Error>));
        all.try_for_each_concurrent(MANIFESTS, |(owner, to, manifest)| async move {
            if lost.allows(manifest)? {
                to.put_manifest(&manifest.digest.into(), manifest).await?;
                record(done, owner, |done| done.manifests += 1);
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Above every child, below everything that is attached.
const ROOTS: usize = 99;

async fn write_side_tags(
    plans: &[Planned],
    done: &Mutex<Vec<CopyOutcome>>,
    lost: &Lost,
) -> Result<(), Error> {
    let mut all = Vec::new();
    let mut known = BTreeSet::new();
    for (owner, plan) in plans.iter().enumerate() {
        for (tag, manifest) in &plan.side_tags {
            if known.insert((plan.item.to.to_string(), tag.clone())) {
                all.push((owner, &plan.item.to, tag.clone(), manifest));
            }
        }
    }
    let all = iter(all.into_iter().map(Ok::<_, Error>));
    all.try_for_each_concurrent(MANIFESTS, |(owner, to, tag, manifest)| async move {
        if let Some(manifest) = lost.trim(manifest)? {
            to.put_manifest(&tag.into(), &manifest).await?;
            record(done, owner, |done| done.manifests += 1);
        }
        Ok(())
    })
    .await
}
