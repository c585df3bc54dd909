//! The plan of a copy as text, and the log line at its end.

use std::time::Instant;

use super::{CopyJobs, CopyResult};
use crate::{
    progress::shown_bytes,
    registry::{self, Planned, Registry},
    text::counted,
};

/// Returns the plan of the copy, a paragraph for each image.
pub(super) fn plan(jobs: &CopyJobs, plans: &[Planned]) -> CopyResult {
    let mut text = Vec::new();
    for (job, plan) in jobs.0.iter().zip(plans) {
        let (from, to) = (&plan.item.from, &plan.item.to);
        let digest = plan.root.digest;
        let line = format!(
            "{}: {from}@{digest}\n  to {to}\n  {}\n",
            job.name,
            plan.summary().replace("; ", "\n  ")
        );
        text.extend(line.into_bytes());
    }
    CopyResult::Planned(text)
}

/// Logs one line about a finished copy.
pub(super) fn report(registry: &Registry, done: &[registry::CopyOutcome], began: Instant) {
    let sum = |of: fn(&registry::CopyOutcome) -> u64| done.iter().map(of).sum::<u64>();
    let (images, bytes) = (done.len(), sum(|done| done.bytes));
    let (sent, mounted, reused) = (
        sum(|done| done.blobs),
        sum(|done| done.mounted),
        sum(|done| done.reused),
    );
    let (requests, took) = (registry.request_count(), began.elapsed());
    if registry.progress().for_machines() {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            event = "copied",
            images,
            bytes,
            sent,
            mounted,
            reused,
            requests,
            milliseconds,
            "copied"
        );
    } else {
        let noun = if images == 1 { "image" } else { "images" };
        let written = sum(|done| done.manifests);
        let did = match written + sent + mounted + reused {
            0 => "everything was there already".to_owned(),
            _ => format!(
                "{} sent ({}), {mounted} mounted, {reused} there already",
                counted(sent, "blob"),
                shown_bytes(bytes)
            ),
        };
        tracing::info!(
            "copied {images} {noun}: {did}; {requests} requests in {:.1} s",
            took.as_secs_f64()
        );
    }
}
