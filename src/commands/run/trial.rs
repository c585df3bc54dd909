//! The edit before the copy: tried without writing, or printed with the copies as a plan.

use super::in_step;
use crate::{
    commands::{
        Context, Outcome,
        copy_image::{self, CopyRequest},
        update_deployment::{self, DeployImages, DeployRequest, DeployedImage, ReleaseSource},
    },
    failure::Failure,
    handover::Verified,
};

/// Returns the source of the verified images.
pub(super) fn release_of(verified: &Verified) -> ReleaseSource {
    let source = verified.source.as_ref();
    ReleaseSource {
        url: source.map(|source| source.url.clone()),
        commit: verified.commit.clone(),
    }
}

/// Returns the request of the edit that will follow, for images that are not copied yet.
pub(super) fn trial(
    copy: &CopyRequest,
    deploy: &DeployRequest,
    release: ReleaseSource,
    context: &Context,
) -> Result<DeployRequest, Failure> {
    let places = copy_image::places(copy, context)?;
    let images = places
        .into_iter()
        .map(|(name, reference)| DeployedImage::new(name, reference));
    Ok(DeployRequest {
        images: DeployImages::Trial {
            images: images.collect(),
            release,
        },
        dry_run: true,
        ..deploy.clone()
    })
}

/// Prints the copies and the edit as a plan; the registry and the GitOps repository are only read.
pub(super) async fn show_plan(
    copy: CopyRequest,
    trial: DeployRequest,
    context: &Context,
    gitops: &Context,
) -> Result<Outcome, Failure> {
    let copy = CopyRequest {
        dry_run: true,
        ..copy
    };
    let planned = copy_image::perform(&copy, context).await;
    let mut outcome = planned.map_err(in_step("copy-image"))?.outcome();
    let edit = update_deployment::perform(trial, gitops).await;
    let edit = edit.map_err(in_step("update-deployment"))?;
    outcome.stdout.extend(edit.stdout);
    Ok(outcome)
}
