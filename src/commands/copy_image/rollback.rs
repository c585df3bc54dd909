//! Tags that would move back: an older Snapshot that finishes later than a newer one.

use crate::{
    commands::{Context, failures::git_failure},
    failure::{Failure, Kind},
    handover::{Promoted, Verified},
    image::{Digest, Repository},
    lineage::{self, Order, Origin},
    registry::{Place, Planned, Registry},
    snapshot::SourceCommit,
};

/// The commit and version that are being promoted.
struct Release {
    source: Option<SourceCommit>,
    origin: Origin,
}

/// Refuses to move a tag from a newer image to an older one.
///
/// # Errors
/// [`Kind::Refused`], naming the tag and why its image is newer.
pub(super) async fn check(
    plans: &[Planned],
    verified: Option<&Verified>,
    promoted: Option<&Promoted>,
    registry: &Registry,
    context: &Context,
) -> Result<(), Failure> {
    let release = match (verified, promoted) {
        (Some(verified), _) => Release {
            source: verified.source.clone(),
            origin: Origin {
                commit: verified.commit.clone(),
                version: verified.git_tag.clone(),
            },
        },
        (None, Some(promoted)) => Release {
            source: promoted.source.clone(),
            origin: Origin {
                commit: promoted.commit.clone(),
                version: promoted.git_tag.clone(),
            },
        },
        // Without a verdict nothing is known of the release.
        (None, None) => return Ok(()),
    };
    for plan in plans {
        let Place::Repository(_, repository) = &plan.item.to else {
            continue;
        };
        for (tag, previous) in plan.item.tags.iter().zip(&plan.previous) {
            let Some(previous) = previous.filter(|previous| *previous != plan.root.digest) else {
                continue;
            };
            let place = format!("{repository}:{tag}");
            release
                .compare(&place, repository, previous, registry, context)
                .await?;
        }
    }
    Ok(())
}

impl Release {
    async fn compare(
        &self,
        place: &str,
        repository: &Repository,
        running: Digest,
        registry: &Registry,
        context: &Context,
    ) -> Result<(), Failure> {
        let old = match Origin::of_image(registry, repository, running).await {
            Ok(old) => old,
            Err(error) => {
                tracing::warn!("the labels of {place} cannot be read: {error}");
                Origin::default()
            }
        };
        let url = self.source.as_ref().map(|source| source.url.clone());
        let new = self.origin.clone();
        let compared = context
            .git
            .run(move |git| Ok(lineage::compare(git, url.as_deref(), &old, &new)));
        match compared.await.map_err(git_failure)? {
            Order::Newer => Ok(()),
            Order::Older(reason) => {
                let text = format!("{place} names a newer image, {running}: {reason}");
                Err(Failure::message(Kind::Refused, text)
                    .hint("--allow-rollback moves the tag back"))
            }
            Order::Unknown(reason) => {
                tracing::warn!("{place} moves, though the images cannot be ordered: {reason}");
                Ok(())
            }
        }
    }
}
