//! `verify-ec`: signatures, attestations and policy for every image; the report and `verified.json`.
//!
//! 1. read the list of images and check its digest
//! 2. open the gate and judge every image
//! 3. write the reports, then `verified.json`
//!
//! An old `verified.json` is removed first: after an error there is none.

mod args;
mod inputs;
mod verdict;

pub(in crate::commands) use args::rule_data;
pub(crate) use args::{Args, Request, Subject};

use super::{
    Context, Outcome,
    failures::{gate_failure, handover_failure},
    files::{remove_file, unchecked, write_file},
    output,
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    gate::{Gate, Judgement, Replay},
    handover::Vouched,
    image::Digest,
    report::{Format, Report},
    snapshot::Images,
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["TEST_OUTPUT", "VERIFIED_DIGEST"];

/// What the command did.
#[derive(Debug)]
pub(crate) struct Done {
    stdout: Vec<u8>,
    /// The Tekton result `TEST_OUTPUT`.
    test_output: String,
    /// The verdict; saved inputs get none.
    verdict: Option<Verdict>,
    /// Why the images may not go on.
    pub(crate) failure: Option<Failure>,
}

/// The verdict over a list.
#[derive(Debug)]
enum Verdict {
    /// `verified.json` was written.
    Written(Box<Vouched>),
    /// Of some image nothing is known.
    Unknown,
}

/// Runs the command.
///
/// # Errors
/// Configuration that cannot be used. What concerns the images is in [`Outcome::failure`],
/// because the reports are written then.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let request = args.request(context.clock, context.color)?;
    Ok(perform(request, context).await?.into())
}

/// Judges what the request names; writes the reports and `verified.json`.
///
/// # Errors
/// As [`run`].
pub(crate) async fn perform(request: Request, context: &Context) -> Result<Done, Failure> {
    let clients = context.clients();
    if let Subject::Saved(file) = &request.subject {
        let inputs = inputs::saved(file, context)?;
        let gate = request.gate.clone();
        let replay = Replay::open(&gate.policy, gate.trust, gate.moment, &clients).await;
        let judgement = replay.map_err(gate_failure)?.judge(inputs).await;
        let report = judgement.report();
        return done(&request, judgement, &report, context);
    }
    let path = context.path(request.verified_out.as_deref(), "verified.json");
    remove_file(&path)?;
    let images = inputs::images(&request, context).await?;
    let gate = Gate::open(request.gate.clone(), &clients).await;
    let judgement = gate.map_err(gate_failure)?.judge(&images).await;
    let report = judgement.report();
    let verified = verified(&request, &judgement, &report, &images, context)?;
    let done = done(&request, judgement, &report, context)?;
    let verdict = match verified {
        None => Verdict::Unknown,
        Some(bytes) => {
            write_file(&path, &bytes)?;
            let read = Vouched::parse(&bytes, &path.display().to_string(), None);
            Verdict::Written(Box::new(read.map_err(handover_failure)?))
        }
    };
    Ok(Done {
        verdict: Some(verdict),
        ..done
    })
}

/// The bytes of `verified.json`, if something is known of every image.
fn verified(
    request: &Request,
    judgement: &Judgement,
    report: &Report,
    images: &Images,
    context: &Context,
) -> Result<Option<Vec<u8>>, Failure> {
    if !judgement.is_complete() {
        return Ok(None);
    }
    let json = report.render(Format::Json, request.show);
    let digest = Digest::of(json.or_fail(Kind::Bug)?.as_bytes());
    let mut verified = judgement.verified(images, digest, context.clock.written());
    if let Subject::List { digest, .. } = &request.subject {
        let unchecked = unchecked(*digest, "images.json", "--images-digest");
        verified.unchecked.extend(unchecked);
    }
    serde_json::to_vec(&verified).or_fail(Kind::Bug).map(Some)
}

/// Writes the reports.
fn done(
    request: &Request,
    judgement: Judgement,
    report: &Report,
    context: &Context,
) -> Result<Done, Failure> {
    let stdout = output::write(&request.outputs, report, request.show, context)?;
    let test_output = report.render(Format::Appstudio, request.show);
    Ok(Done {
        stdout,
        test_output: test_output.or_fail(Kind::Bug)?,
        verdict: None,
        failure: verdict::failure(judgement, request.strict),
    })
}

impl Done {
    /// The `verified.json` that was written.
    pub(crate) fn verified(&self) -> Option<&Vouched> {
        match &self.verdict {
            Some(Verdict::Written(verified)) => Some(verified),
            Some(Verdict::Unknown) | None => None,
        }
    }
}

impl From<Done> for Outcome {
    fn from(done: Done) -> Self {
        let digest = done
            .verified()
            .map(|verified| verified.digest().to_string());
        let has_verdict = done.verdict.is_some();
        let mut outcome = Self {
            stdout: done.stdout,
            failure: done.failure,
            ..Self::default()
        };
        outcome.results.set("TEST_OUTPUT", done.test_output);
        if has_verdict {
            outcome
                .results
                .set("VERIFIED_DIGEST", digest.unwrap_or_default());
        }
        outcome
    }
}
