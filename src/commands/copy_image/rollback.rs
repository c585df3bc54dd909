//! Refuses tags that would move back: an older Snapshot that finishes later than a newer one.

use super::jobs::{BuiltFrom, CopyJobs};
use crate::{
    commands::{Context, failures::git_failure},
    failure::{Failure, Kind},
    handover::{Promoted, Verified},
    image::{Digest, Repository},
    lineage::{self, ImageOrigin, Order},
    registry::{ImageStore, Planned, Registry},
};

/// The commit and version that are being promoted.
pub(super) struct PromotedRelease {
    url: Option<String>,
    origin: ImageOrigin,
}

impl PromotedRelease {
    /// Returns the commits that the hand-over files name; `None` without a verdict.
    pub(super) fn of(verified: Option<&Verified>, promoted: Option<&Promoted>) -> Option<Self> {
        let (source, commit, tag) = match (verified, promoted) {
            (Some(verified), _) => (&verified.source, &verified.commit, &verified.git_tag),
            (None, Some(promoted)) => (&promoted.source, &promoted.commit, &promoted.git_tag),
            (None, None) => return None,
        };
        Some(Self {
            url: source.as_ref().map(|source| source.url.clone()),
            origin: ImageOrigin {
                commit: commit.clone(),
                version: tag.clone(),
                built: None,
            },
        })
    }
}

/// Refuses to move a tag from a newer image to an older one.
///
/// # Errors
/// [`Kind::Refused`], naming the tag and why its image is newer.
pub(super) async fn check(
    jobs: &CopyJobs,
    plans: &[Planned],
    release: Option<PromotedRelease>,
    registry: &Registry,
    context: &Context,
) -> Result<(), Failure> {
    for (job, plan) in jobs.0.iter().zip(plans) {
        let ImageStore::Repository(_, repository) = &plan.item.to else {
            continue;
        };
        let new = match (&job.built_from, &release) {
            (Some(BuiltFrom { url, origin }), _) => (url, origin),
            (None, Some(PromotedRelease { url, origin })) => (url, origin),
            // Without a verdict nothing is known of the release.
            (None, None) => continue,
        };
        for (tag, previous) in plan.item.tags.iter().zip(&plan.previous) {
            let Some(previous) = previous.filter(|previous| *previous != plan.root.digest) else {
                continue;
            };
            let place = format!("{repository}:{tag}");
            let old = origin(&place, repository, previous, registry).await;
            let (url, origin) = (new.0.clone(), new.1.clone());
            let (running, found) = (old.clone(), origin.clone());
            let compared = context
                .git
                .run(move |git| Ok(lineage::compare(git, url.as_deref(), &running, &found)));
            let order = match compared.await.map_err(git_failure)? {
                Order::Unknown(reason) if job.built_from.is_some() => {
                    by_time(&old, &origin, reason)
                }
                order => order,
            };
            check_order(order, &place, previous, job.built_from.is_some())?;
        }
    }
    Ok(())
}

/// Reads the commit, version and time of the image that a tag names.
async fn origin(
    place: &str,
    repository: &Repository,
    running: Digest,
    registry: &Registry,
) -> ImageOrigin {
    match ImageOrigin::of_image(registry, repository, running).await {
        Ok(old) => old,
        Err(error) => {
            tracing::warn!("the labels of {place} cannot be read: {error}");
            ImageOrigin::default()
        }
    }
}

/// Compares build times; a Snapshot of several components has no version to compare.
fn by_time(running: &ImageOrigin, new: &ImageOrigin, reason: String) -> Order {
    match (running.built, new.built) {
        (Some(old), Some(new)) if new > old => Order::Newer,
        (Some(old), Some(new)) if new < old => {
            Order::Older(format!("it was built at {old}, the other one at {new}"))
        }
        _ => Order::Unknown(reason),
    }
}

fn check_order(order: Order, place: &str, running: Digest, release: bool) -> Result<(), Failure> {
    let refused = |text: String| {
        let failure = Failure::message(Kind::Refused, text);
        Err(failure.hint("--allow-rollback moves the tag anyway"))
    };
    match order {
        Order::Newer => Ok(()),
        Order::Older(reason) => {
            refused(format!("{place} names a newer image, {running}: {reason}"))
        }
        Order::Unknown(reason) if release => refused(format!(
            "{place} names {running}, and the images cannot be ordered: {reason}"
        )),
        Order::Unknown(reason) => {
            tracing::warn!("{place} moves, though the images cannot be ordered: {reason}");
            Ok(())
        }
    }
}
