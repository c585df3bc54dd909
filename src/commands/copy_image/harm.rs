//! Warns of a copy after which other tools no longer see an image's signatures.

use super::CopyJobs;
use crate::{
    commands::{Context, record_failures::record_failure},
    failure::Failure,
    record::{Attachments, Forecast, FoundImage},
    registry::Planned,
};

/// Checks destinations that get bundles beside tags, or tags beside bundles.
///
/// # Errors
/// Those of the destination's registry.
pub(super) async fn warn(
    jobs: &CopyJobs,
    plans: &[Planned],
    context: &Context,
) -> Result<(), Failure> {
    for (job, plan) in jobs.0.iter().zip(plans) {
        let mut arriving = Attachments {
            sig: plan.arriving_tags(),
            att: false,
            bundles: plan.arriving_bundles().to_vec(),
        };
        // A new image gets everything that other tools see at its source too.
        if !plan.is_at_destination() {
            continue;
        }
        if arriving.bundles.iter().any(String::is_empty)
            && let Some(source) = job.source()
        {
            let image = source.pinned(plan.root.digest);
            let found = FoundImage::of(&context.registry, &image).await;
            arriving.bundles = found.map_err(record_failure)?.attachments.bundles;
        }
        let signed = arriving.forecast() == Forecast::Bundles;
        if signed || arriving == Attachments::default() {
            continue;
        }
        let Some(target) = job.target() else { continue };
        let image = target.pinned(plan.root.digest);
        let found = FoundImage::of(&context.registry, &image).await;
        let before = found.map_err(record_failure)?.attachments;
        if before.is_hidden_by(&arriving) {
            tracing::warn!(
                "{image} will have signatures under tags and bundles none of which is a signature: cosign, ec, Kyverno and policy-controller {}",
                Forecast::Hidden.description()
            );
        }
    }
    Ok(())
}
