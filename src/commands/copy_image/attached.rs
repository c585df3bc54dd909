//! Selects the attached artifacts to copy with an image: by default exactly those that the verdict lists.

use std::collections::BTreeSet;

use super::AttachedChoice;
use crate::{
    commands::failures::handover_failure,
    failure::{Failure, Kind},
    handover::{AttachedArtifact, VerifiedFile},
    image::Digest,
    registry::{ArtifactSelection, Attachment, Listed, Version},
};

/// Returns the manifests of attached artifacts that the verdict accepted.
pub(super) fn accepted(verdict: &VerifiedFile) -> BTreeSet<Digest> {
    let components = verdict.verified().components.iter();
    let attached = components.flat_map(|component| &component.attached);
    let accepted = attached.filter(|artifact| artifact.accepted);
    accepted.map(|artifact| artifact.digest).collect()
}

/// Selects the artifacts to copy with one image.
pub(super) fn selection(
    which: Option<AttachedChoice>,
    version: &Version,
    verdict: Option<&VerifiedFile>,
) -> Result<ArtifactSelection, Failure> {
    let Some(verdict) = verdict else {
        return Ok(match which {
            Some(AttachedChoice::None) => ArtifactSelection::Nothing,
            _ => ArtifactSelection::Everything,
        });
    };
    if which == Some(AttachedChoice::None) {
        return Ok(ArtifactSelection::Nothing);
    }
    // A tag is resolved by the plan, which refuses what the verdict does not list; until then
    // nothing is known to be attached to it.
    let Version::Digest(digest) = version else {
        let all = verdict.verified().components.iter();
        let all = all.filter(|component| component.success);
        return listed(which, all.flat_map(|component| &component.attached));
    };
    let component = verdict.accepted(*digest).map_err(handover_failure)?;
    listed(which, component.attached.iter())
}

fn listed<'a>(
    which: Option<AttachedChoice>,
    seen: impl Iterator<Item = &'a AttachedArtifact>,
) -> Result<ArtifactSelection, Failure> {
    let accepted = which == Some(AttachedChoice::Accepted);
    let seen = seen.filter(|artifact| artifact.accepted || !accepted);
    let listed = seen.map(|artifact| {
        let at = Attachment::parse(&artifact.place).ok_or_else(|| {
            let text = format!(
                "verified.json names the place {:?}, expected a tag or referrers/sha256:…",
                artifact.place
            );
            Failure::message(Kind::Usage, text)
        })?;
        Ok(Listed {
            at,
            digest: artifact.digest,
            layers: Some(artifact.layers.clone()).filter(|layers| accepted && !layers.is_empty()),
            required: artifact.accepted,
        })
    });
    listed
        .collect::<Result<_, _>>()
        .map(ArtifactSelection::Listed)
}
