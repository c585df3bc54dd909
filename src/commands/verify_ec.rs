//! `verify-ec`: verifies signatures, attestations and policy for every image; writes the report and `verified.json`.
//!
//! 1. read the list of images and check its digest
//! 2. open the gate and evaluate every image
//! 3. write the reports, then `verified.json`
//!
//! An old `verified.json` is removed first: an error leaves none.

mod args;
mod inputs;
mod merge;
mod promotion;
mod verdict;

pub(in crate::commands) use args::rule_data;
pub(crate) use args::{Args, Request, VerdictSubject};
pub(crate) use promotion::PromotionDemand;
pub(in crate::commands) use verdict::ADD_INFO;

use std::path::{Path, PathBuf};

use super::{
    Context, Outcome,
    failures::{gate_failure, handover_failure},
    files::{remove_file, unchecked, write_file},
    output::{self, WrittenReports},
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    gate::{Gate, GateRequest, Judgement, Replay},
    handover::{Shard, Verified, VerifiedFile},
    report::{Report, ReportedRelease},
    snapshot::Snapshot,
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["TEST_OUTPUT", "VERIFIED_DIGEST", "REPORT_DIGEST"];

/// The verdict, the reports and the failure of a run.
#[derive(Debug)]
pub(crate) struct VerifyResult {
    written: WrittenReports,
    /// The verdict; `None` for saved inputs.
    verdict: Option<ListVerdict>,
    /// The reason why the images must not be promoted.
    pub(crate) failure: Option<Failure>,
}

/// The verdict over a list of images.
#[derive(Debug)]
enum ListVerdict {
    /// The `verified.json` that was written.
    Written(Box<VerifiedFile>),
    /// No image could be evaluated.
    Unknown,
}

/// Runs the command.
///
/// # Errors
/// Configuration that cannot be used. Refusals of images are in [`Outcome::failure`],
/// because the reports are written then.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if let Some(merge) = args.merge(context.clock, context.color)? {
        return merge::perform(&merge, context).await;
    }
    let request = args.request(context.clock, context.color)?;
    Ok(perform(request, context).await?.into())
}

/// Evaluates the images of the request; writes the reports and `verified.json`.
///
/// # Errors
/// As [`run`].
pub(crate) async fn perform(request: Request, context: &Context) -> Result<VerifyResult, Failure> {
    let Request {
        subject,
        allow_empty,
        gate,
        outputs,
        show,
        strict,
        verified_out,
        promotion,
        shard,
    } = request;
    output::remove_old(&outputs, context)?;
    if let VerdictSubject::Saved(file) = &subject {
        let judgement = replayed(file, gate, context).await?;
        let written = output::write_all(&outputs, &judgement.report(), show, context)?;
        return Ok(VerifyResult {
            written,
            verdict: None,
            failure: verdict::failure(judgement, strict, show),
        });
    }
    let path = verdict_path(verified_out.as_deref(), shard, context);
    remove_file(&path)?;
    let images = inputs::images(&subject, allow_empty, context).await?;
    promotion::check(promotion.as_ref(), &images, context).await?;
    let gate = Gate::open(gate, &context.clients()).await;
    let gate = gate.map_err(gate_failure)?;
    let (judgement, images) = match shard {
        None => (gate.judge(&images).await, images),
        Some(shard) => {
            let part = images.part(|position| shard.has(position));
            (gate.judge_part(&images, &part).await, part)
        }
    };
    let report = Report {
        release: release(&images.snapshot),
        ..judgement.report()
    };
    let written = output::write_all(&outputs, &report, show, context)?;
    let verdict = match judgement.is_judged() {
        false => ListVerdict::Unknown,
        true => {
            let now = context.clock.written();
            let mut verified = judgement.verified(&images, written.report_digest, now);
            verified.shard = shard;
            if let VerdictSubject::List { digest, .. } = &subject {
                let unchecked = unchecked(*digest, "images.json", "--images-digest");
                verified.unchecked.extend(unchecked);
            }
            ListVerdict::Written(Box::new(write_verdict(&verified, &path)?))
        }
    };
    Ok(VerifyResult {
        written,
        verdict: Some(verdict),
        failure: verdict::failure(judgement, strict, show),
    })
}

/// Evaluates the policy for inputs that an earlier run saved.
async fn replayed(file: &Path, gate: GateRequest, context: &Context) -> Result<Judgement, Failure> {
    let inputs = inputs::saved(file, context)?;
    let clients = context.clients();
    let replay = Replay::open(&gate.policy, gate.trust, gate.moment, &clients).await;
    Ok(replay.map_err(gate_failure)?.judge(inputs).await)
}

/// Returns the path of `verified.json`, which by default is named after the part.
fn verdict_path(given: Option<&Path>, shard: Option<Shard>, context: &Context) -> PathBuf {
    let name = shard.map_or_else(
        || "verified.json".to_owned(),
        |shard| shard.file("verified.json"),
    );
    context.path(given, &name)
}

/// Writes `verified.json` and reads it back as the next step will.
fn write_verdict(verified: &Verified, path: &Path) -> Result<VerifiedFile, Failure> {
    let bytes = serde_json::to_vec(verified).or_fail(Kind::Bug)?;
    write_file(path, &bytes)?;
    let read = VerifiedFile::parse_part(&bytes, &path.display().to_string(), None);
    read.map_err(handover_failure)
}

/// Returns the release of the list; `None` for images that were not gathered for a tag.
fn release(snapshot: &Snapshot) -> Option<ReportedRelease> {
    let promote = snapshot.promote.as_ref()?;
    let release = ReportedRelease {
        application: snapshot.application.clone(),
        git_tag: promote.git_tag.clone(),
        commit: promote.commit.clone(),
        destination_tag: promote.destination_tag.as_ref().map(ToString::to_string),
    };
    Some(release)
}

impl VerifyResult {
    /// Returns the `verified.json` that was written.
    pub(crate) fn verified(&self) -> Option<&VerifiedFile> {
        match &self.verdict {
            Some(ListVerdict::Written(verified)) => Some(verified),
            Some(ListVerdict::Unknown) | None => None,
        }
    }
}

impl From<VerifyResult> for Outcome {
    fn from(done: VerifyResult) -> Self {
        let digest = done
            .verified()
            .map(|verified| verified.digest().to_string());
        let mut outcome = Self {
            stdout: done.written.stdout,
            failure: done.failure,
            ..Self::default()
        };
        let results = &mut outcome.results;
        results.set("TEST_OUTPUT", done.written.test_output);
        if done.verdict.is_some() {
            results.set("VERIFIED_DIGEST", digest.unwrap_or_default());
            results.set("REPORT_DIGEST", done.written.report_digest.to_string());
        }
        outcome
    }
}
