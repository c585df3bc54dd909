//! Copies the images and records the promotion, in this order: everything by digest, the record, the tags. An image can be
//! pulled by its production tag only once its record is there.

use super::in_step;
use crate::{
    commands::{
        Context, Outcome,
        attest::{self, AttestRequest, without_login},
        copy_image::{self, CopyMode, CopyRequest, CopySource},
        record_failures::record_failure,
        update_deployment::{self, DeployRequest, DeployTarget},
    },
    failure::{Failure, Kind},
    handover::PromotedFile,
    record::{FoundImage, GitopsPlace},
};

/// A copy with its record.
pub(super) struct Recorded {
    pub(super) placed: PromotedFile,
    /// The evidence bundles, as update-deployment reads them.
    pub(super) evidence: Option<String>,
}

/// Copies the images and records the promotion.
///
/// # Errors
/// Those of copy-image and attest.
pub(super) async fn copy(
    copy: CopyRequest,
    request: AttestRequest,
    tried: &update_deployment::EditResult,
    deploy: &DeployRequest,
    context: &Context,
    outcome: &mut Outcome,
) -> Result<Recorded, Failure> {
    let records = !request.is_off();
    let staging = CopyRequest {
        mode: if records {
            CopyMode::StageOnly
        } else {
            copy.mode
        },
        ..copy.clone()
    };
    let copied = copy_image::perform(&staging, context).await;
    let copied = copied.map_err(in_step("copy-image"))?;
    let placed = copied
        .placed()
        .cloned()
        .ok_or_else(|| Failure::message(Kind::Bug, "copy-image wrote no promoted.json"))?;
    outcome.results.extend(&copied.outcome().results);
    if !records {
        for name in attest::RESULTS {
            outcome.results.set(name, "");
        }
        return Ok(Recorded {
            placed,
            evidence: None,
        });
    }
    let mut request = filled(request, &placed, tried, deploy);
    request.environments = unrecorded(&request, &placed, tried, context).await?;
    let evidence = match request.environments.is_empty() {
        true => {
            tracing::info!(
                "the same digests were promoted to this environment before: nothing is attested again"
            );
            for name in attest::RESULTS {
                outcome.results.set(name, "");
            }
            None
        }
        false => Some(record(&request, context, outcome).await?),
    };
    let tags = copy.moving_tags(CopySource::Staged {
        file: None,
        digest: Some(placed.digest()),
        unverified: false,
    });
    let moved = copy_image::perform(&tags, context).await;
    moved.map_err(in_step("copy-image"))?;
    Ok(Recorded { placed, evidence })
}

/// Attests the promotion and returns the evidence bundles as update-deployment reads them.
async fn record(
    request: &AttestRequest,
    context: &Context,
    outcome: &mut Outcome,
) -> Result<String, Failure> {
    let attested = attest::perform(request, context).await;
    let attested = attested.map_err(in_step("attest"))?;
    let named = attested.evidence();
    let named = named
        .iter()
        .map(|(name, digest)| format!("{name}={digest}"));
    let evidence = named.collect::<Vec<_>>().join(" ");
    outcome.results.extend(&attested.outcome().results);
    Ok(evidence)
}

/// Adds the results of the steps before to the request.
fn filled(
    request: AttestRequest,
    placed: &PromotedFile,
    tried: &update_deployment::EditResult,
    deploy: &DeployRequest,
) -> AttestRequest {
    let uri = match &deploy.target {
        DeployTarget::Remote { url, .. } => without_login(url),
        DeployTarget::Directory(dir) => dir.display().to_string(),
    };
    let gitops = tried.places.iter().map(|place| GitopsPlace {
        component: place.component.clone(),
        environment: place.environment.clone(),
        uri: uri.clone(),
        path: Some(place.file.clone()),
        before: Some(place.before.clone()),
        after: Some(place.after.clone()),
    });
    let mut files = request.files.clone();
    files.promoted_digest = Some(placed.digest());
    files.verified_digest = placed.promoted().verified_digest;
    AttestRequest {
        files,
        environments: deploy.environments.clone(),
        gitops: gitops.collect(),
        ..request
    }
}

/// The environments whose deployment changes, or without the record of an earlier promotion.
async fn unrecorded(
    request: &AttestRequest,
    placed: &PromotedFile,
    tried: &update_deployment::EditResult,
    context: &Context,
) -> Result<Vec<String>, Failure> {
    let changes = |environment: &String| {
        let places = tried.places.iter();
        let mut own = places.filter(|place| place.environment == *environment);
        own.any(|place| place.before != place.after)
    };
    let mut left = Vec::new();
    for environment in &request.environments {
        let changes = tried.changed && (request.environments.len() == 1 || changes(environment));
        if changes || !is_recorded(request, environment, placed, context).await? {
            left.push(environment.clone());
        }
    }
    Ok(left)
}

/// Tells whether every digest is at its tags, and has the record of an earlier promotion to the environment.
async fn is_recorded(
    request: &AttestRequest,
    environment: &str,
    placed: &PromotedFile,
    context: &Context,
) -> Result<bool, Failure> {
    for component in &placed.promoted().components {
        if component.previous_digest != Some(component.digest) {
            return Ok(false);
        }
        for place in &component.destinations {
            let image = place.repository.pinned(component.digest);
            let found = FoundImage::of(&context.registry, &image).await;
            let found = found.map_err(record_failure)?;
            let is_there = found.is_promoted(&context.registry, environment, request.signs());
            if !is_there.await.map_err(record_failure)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
