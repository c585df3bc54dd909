//! Copies the images and records the promotion, in this order: everything by digest, the record, the tags. An image can be
//! pulled by its production tag only once its record is there.

use super::in_step;
use crate::{
    commands::{
        Context, Outcome,
        attest::{self, AttestRequest, without_login},
        copy_image::{self, CopyMode, CopyRequest, CopySource, VerdictSource},
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
    let request = filled(request, &placed, tried, deploy);
    let evidence = match !tried.changed && is_recorded(&request, &placed, context).await? {
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
    let tags = tags_only(copy, &placed);
    let moved = copy_image::perform(&tags, context).await;
    moved.map_err(in_step("copy-image"))?;
    Ok(Recorded { placed, evidence })
}

/// Returns the request that moves the tags of the staged images.
fn tags_only(copy: CopyRequest, placed: &PromotedFile) -> CopyRequest {
    CopyRequest {
        source: CopySource::Staged {
            file: None,
            digest: Some(placed.digest()),
            unverified: false,
        },
        verdict: VerdictSource::Unverified,
        mode: CopyMode::TagsOnly,
        tags: Vec::new(),
        attached: Some(copy_image::AttachedChoice::None),
        with_reports: false,
        deep: false,
        platform: None,
        ..copy
    }
}

/// Attests the promotion and returns the evidence bundles as update-deployment reads them.
async fn record(
    request: &AttestRequest,
    context: &Context,
    outcome: &mut Outcome,
) -> Result<String, Failure> {
    let attested = attest::perform(request, context).await;
    let attested = attested.map_err(in_step("attest"))?;
    let mut named: Vec<_> = attested.evidence();
    named.dedup_by(|a, b| a.0 == b.0);
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
        uri: uri.clone(),
        path: Some(place.file.clone()),
        before: Some(place.before.clone()),
        after: Some(place.after.clone()),
    });
    if deploy.environments.len() > 1 {
        tracing::warn!(
            "the statements name the first environment alone; run attest for each other"
        );
    }
    let mut files = request.files.clone();
    files.promoted_digest = Some(placed.digest());
    files.verified_digest = placed.promoted().verified_digest;
    AttestRequest {
        files,
        environment: deploy.environments.first().cloned().unwrap_or_default(),
        gitops: gitops.collect(),
        ..request
    }
}

/// Tells whether every digest is at its tags, and has the record of an earlier promotion to the environment.
async fn is_recorded(
    request: &AttestRequest,
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
            let is_there =
                found.is_promoted(&context.registry, &request.environment, request.signs());
            if !is_there.await.map_err(record_failure)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
