//! `report`: prints a saved JSON report, or renders it in another format. Decides nothing.

use std::path::PathBuf;

use super::{Context, Outcome, failures::handover_failure};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover,
    image::Digest,
    policy::Dialect,
    report::{Report, ReportFormat, Show},
    text,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The JSON report of verify-ec; - reads standard input
    ///
    /// Without it, only the values of --task and --tasks-status are printed.
    #[arg(value_name = "FILE", required_unless_present_any = ["task", "tasks_status"])]
    file: Option<PathBuf>,
    /// The output format: json, yaml, text, appstudio, summary, summary-markdown, junit or html
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = format)]
    output: ReportFormat,
    /// Require this digest of the report, as verify-ec reported it
    #[arg(long, value_name = "DIGEST")]
    report_digest: Option<Digest>,
    /// Print the status of this task of a Pipeline before the report: $(tasks.NAME.status)
    #[arg(long, value_name = "NAME=STATUS", value_parser = task)]
    task: Vec<(String, String)>,
    /// Print the status of all tasks together before the report: $(tasks.status)
    #[arg(long, value_name = "STATUS")]
    tasks_status: Option<String>,
}

fn task(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, status)) if !name.is_empty() => Ok((name.to_owned(), status.to_owned())),
        _ => Err("expected NAME=STATUS".to_owned()),
    }
}

/// Returns how the tasks of a Pipeline ended, in the words of Tekton.
fn states(args: &Args) -> String {
    let all = args.tasks_status.iter();
    let all = all.map(|status| ("all tasks", status.as_str()));
    let tasks = args.task.iter();
    let tasks = tasks.map(|(name, status)| (name.as_str(), status.as_str()));
    let rows: Vec<_> = tasks.chain(all).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let shown = rows.into_iter().map(|(name, status)| {
        let note = match (name, status) {
            ("all tasks", "Completed") => " (some were skipped)",
            ("all tasks", "None") | (_, "None" | "") => " (did not run)",
            _ => "",
        };
        let (name, status) = (text::line(name), text::line(status));
        format!("{name:width$}  {status}{note}\n")
    });
    shown.collect()
}

fn format(name: &str) -> Result<ReportFormat, String> {
    let known = || {
        ReportFormat::ALL
            .iter()
            .filter(|(_, format)| format.is_of_saved_reports())
    };
    let names: Vec<_> = known().map(|(name, _)| *name).collect();
    ReportFormat::parse(name)
        .filter(|format| format.is_of_saved_reports())
        .ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] without the file, [`Kind::Usage`] when it is not a report, [`Kind::Refused`]
/// when it contradicts itself.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let states = states(args);
    let Some(file) = &args.file else {
        return Ok(Outcome {
            stdout: states.into_bytes(),
            ..Outcome::default()
        });
    };
    if !states.is_empty() && args.output != ReportFormat::Text {
        let text = "--task and --tasks-status are printed before a report as text";
        return Err(Failure::message(Kind::Usage, text).hint("add --output=text"));
    }
    let bytes = context.read(file)?;
    let origin = file.display().to_string();
    handover::check_digest(&bytes, &origin, args.report_digest).map_err(handover_failure)?;
    // The parser's own words may quote a part of another file.
    let report: Report = serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = format!("{origin} is not a report of verify-ec (line {line}, column {column})");
        Failure::message(Kind::Usage, text).hint("verify-ec --output json=FILE writes one")
    })?;
    if let Some(contradiction) = report.contradiction() {
        let file = file.display();
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
    let shown = report.render(args.output, show).or_fail(Kind::Bug)?;
    let stdout = match states.is_empty() {
        true => shown,
        false => format!("{states}\n{shown}"),
    };
    Ok(Outcome {
        stdout: stdout.into_bytes(),
        ..Outcome::default()
    })
}
