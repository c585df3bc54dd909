//! `ec validate image`: the flow of `verify-ec`, with upstream's input, reports and messages.
//!
//! 1. read the images and the policy; all errors in them are reported together
//! 2. resolve and expand the images, examine each and evaluate the policy for it
//! 3. write the reports, unless a component could not be processed
//!
//! No `verified.json` is written: a promotion that rests on the verdict needs `verify-ec`.

mod args;

pub(super) use args::Args;

use super::{Context, Outcome, ReportFlags, snapshot, version::VERSION};
use crate::{
    commands::{
        failures::gate_failure,
        output::{self, ReportOutput},
    },
    failure::{Failure, Kind, OrFail as _},
    gate::{self, Gate, Judgement},
    report::{Report, ReportFormat, Show},
    snapshot::Snapshot,
};

pub(super) async fn run(
    args: Args,
    show: &ReportFlags,
    context: &Context,
) -> Result<Outcome, Failure> {
    args.check()?;
    let (outputs, wrong) = args.outputs()?;
    let show = args.show(show, context);
    let read = snapshot::determine(&args, context).await;
    let gate = open(&args, &outputs, show, context).await;
    let (snapshot, gate) = both_or_errors(read, gate)?;
    if snapshot.components.is_empty() {
        tracing::warn!("an empty Snapshot passes upstream and is refused here");
        let text = "the Snapshot has no components: nothing would be verified";
        return Err(Failure::message(Kind::NotFound, text));
    }
    output::remove_old(&outputs, context)?;
    let mut judgement = judge(&gate, &snapshot).await?;
    let components = judgement.components.iter_mut();
    let unread = components.filter_map(|judged| {
        let alone = judged.report.violations.is_empty();
        judged.unread.take().filter(|_| alone)
    });
    let unread = unread.map(gate_failure).next();
    let mut report = Report {
        snapshot: args.snapshot.clone(),
        version: VERSION.to_owned(),
        ..judgement.report()
    };
    let appstudio = report
        .render(ReportFormat::Appstudio, show)
        .or_fail(Kind::Bug)?;
    if !show.successes {
        for component in &mut report.components {
            component.success_count = Some(component.successes.len());
            component.successes.clear();
        }
    }
    warn_of_omissions(&report);
    let mut outcome = Outcome {
        stdout: output::write(&outputs, &report, show, context)?,
        ..Outcome::default()
    };
    outcome.results.set("TEST_OUTPUT", appstudio);
    outcome.failure = if !wrong.is_empty() {
        Some(Failure::message(Kind::Usage, wrong.join("\n")))
    } else if let Some(unread) = unread {
        Some(unread)
    } else if args.strict && !report.success {
        Some(Failure::message(Kind::Refused, "success criteria not met"))
    } else {
        None
    };
    Ok(outcome)
}

async fn open(
    args: &Args,
    outputs: &[ReportOutput],
    show: Show,
    context: &Context,
) -> Result<Gate, Failure> {
    let request = args.request(outputs, show, context.clock.now())?;
    let gate = Gate::open(request, &context.clients()).await;
    gate.map_err(gate_failure)
}

/// Returns both values, or the errors of both together.
fn both_or_errors<A, B>(a: Result<A, Failure>, b: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
        (Err(a), Err(b)) => {
            let text = format!("{}\n{}", a.cause(), b.cause());
            Err(Failure::message(a.kind(), text))
        }
    }
}

/// Converts the error of a component into a failure with upstream's sentence.
fn component_failure(error: gate::Error) -> Failure {
    match error {
        gate::Error::Component {
            image,
            component,
            source,
        } => gate_failure(*source).context(format!(
            "error validating image {image} of component {component}"
        )),
        error => gate_failure(error),
    }
}

/// Evaluates every image; an error of a component ends the run without a report.
async fn judge(gate: &Gate, snapshot: &Snapshot) -> Result<Judgement, Failure> {
    let mut judgement = gate.judge_snapshot(snapshot).await.map_err(gate_failure)?;
    for judged in &judgement.components {
        if let Some(unread) = &judged.unread {
            tracing::error!("{unread}; it is undefined upstream and ends the image here");
        }
    }
    let errors = judgement.components.iter_mut();
    let errors = errors.filter_map(|judged| judged.error.take());
    let failures: Vec<_> = errors.map(component_failure).collect();
    let Some(first) = failures.first() else {
        return Ok(judgement);
    };
    let texts: Vec<_> = failures.iter().map(Failure::cause).collect();
    Err(Failure::message(first.kind(), texts.join("\n")))
}

/// Logs the findings that upstream's reports have no member for.
fn warn_of_omissions(report: &Report) {
    if !report.skipped_checks.is_empty() {
        tracing::warn!(checks = report.skipped_checks.join(", "), "skipped");
    }
    for component in &report.components {
        if !component.exceptions.is_empty() {
            tracing::warn!(
                component = component.name,
                rules = component.exceptions.join(", "),
                "the policy's configuration lets rules off"
            );
        }
    }
}
