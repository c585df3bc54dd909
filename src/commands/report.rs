//! `report`: prints a saved JSON report, or renders it in another format. Decides nothing.

use std::path::PathBuf;

use super::{Context, Outcome, failures::handover_failure};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover,
    image::Digest,
    policy::Dialect,
    report::{Format, Report, Show},
};

/// Flags of `report`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The report that verify-ec wrote as JSON; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write it as one of json, yaml, text, appstudio, summary, summary-markdown, junit, html
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = format)]
    output: Format,
    /// The digest of the report that verify-ec reported as REPORT_DIGEST: refuse another report
    #[arg(long, value_name = "DIGEST")]
    report_digest: Option<Digest>,
}

fn format(name: &str) -> Result<Format, String> {
    let known = || {
        Format::ALL
            .iter()
            .filter(|(_, format)| format.is_of_saved_reports())
    };
    let names: Vec<_> = known().map(|(name, _)| *name).collect();
    Format::parse(name)
        .filter(|format| format.is_of_saved_reports())
        .ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] without the file, [`Kind::Usage`] when it is not a report, [`Kind::Refused`]
/// when it contradicts itself.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let bytes = context.read(&args.file)?;
    let origin = args.file.display().to_string();
    handover::check_digest(&bytes, &origin, args.report_digest).map_err(handover_failure)?;
    let report: Report = serde_json::from_slice(&bytes)
        .or_fail(Kind::Usage)
        .map_err(|failure| {
            failure.context(format!("{} is no report of verify-ec", args.file.display()))
        })?;
    if let Some(contradiction) = report.contradiction() {
        let file = args.file.display();
        let text = format!("{file} contradicts itself: {contradiction}");
        return Err(Failure::message(Kind::Refused, text));
    }
    let show = Show {
        info: true,
        successes: true,
        warnings: true,
        docs_link: false,
        color: context.color,
        dialect: Dialect::Promote,
        now: context.clock.written(),
    };
    Ok(Outcome {
        stdout: report
            .render(args.output, show)
            .or_fail(Kind::Bug)?
            .into_bytes(),
        ..Outcome::default()
    })
}
