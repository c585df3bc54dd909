//! `lint`: checks Task, Pipeline, PipelineRun and StepAction files, also across files.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments of flags are the text of --help"
)]

mod arguments;

use std::path::{Path, PathBuf};

use arguments::CommandLine;

use super::{Context, Outcome};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    lint::{LintFile, LintFinding, LintReport, Severity, lint},
};

/// The largest number of files that a directory may hold.
const MAX_FILES: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// YAML files, or directories with YAML files; - reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Treat warnings as errors: images without a digest, scripts, secrets in variables, arguments that are not --option=value, missing resources
    #[arg(long)]
    strict: bool,
    /// The output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: LintFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LintFormat {
    /// Lines of the form FILE:LINE:COLUMN: LEVEL[CODE]: PATH: MESSAGE
    Text,
    /// A list with one object per finding
    Json,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Refused`] with findings, [`Kind::Usage`] for a file that is not YAML, [`Kind::NotFound`] without
/// a resource to check.
pub(crate) fn run(
    args: &Args,
    context: &Context,
    promote: clap::Command,
    ec: clap::Command,
) -> Result<Outcome, Failure> {
    let mut files = Vec::new();
    for path in &args.files {
        read(path, context, &mut files)?;
    }
    let known = CommandLine::new(promote, ec);
    let check = |command: &[&str], args: &[&str]| known.check(command, args);
    let mut report = lint(&files, &check).or_fail(Kind::Usage)?;
    for (file, kind) in &report.skipped {
        tracing::info!("{file}: {kind} is not checked");
    }
    if report.checked == 0 {
        let named: Vec<_> = args.files.iter().take(3).collect();
        let named: Vec<_> = named
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let text = format!("no Tekton resource in {}", named.join(", "));
        let failure = Failure::message(Kind::NotFound, text);
        return Err(failure.hint("name files with a Task, Pipeline, PipelineRun or StepAction"));
    }
    if args.strict {
        let warnings = report.findings.iter_mut();
        warnings.for_each(|finding| finding.level = Severity::Error);
    }
    let stdout = match args.output {
        LintFormat::Text => text(&report.findings),
        LintFormat::Json => {
            serde_json::to_string_pretty(&report.findings).or_fail(Kind::Bug)? + "\n"
        }
    };
    Ok(Outcome {
        stdout: stdout.into_bytes(),
        failure: failure(&report),
        ..Outcome::default()
    })
}

/// Reads a file, or the YAML files of a directory and of those below it.
fn read(path: &Path, context: &Context, files: &mut Vec<LintFile>) -> Result<(), Failure> {
    if path.is_dir() {
        for path in yaml_files(path)? {
            read(&path, context, files)?;
        }
        return Ok(());
    }
    let bytes = context.read(path)?;
    let name = path.display().to_string();
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("{name} is not UTF-8"))
    })?;
    files.push(LintFile { name, text });
    Ok(())
}

fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        let unreadable = |error| {
            Failure::new(Kind::Usage, error).context(format!("cannot read {}", dir.display()))
        };
        for entry in std::fs::read_dir(&dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            // A link may lead out of the directory or form a cycle.
            let kind = entry.file_type().map_err(unreadable)?;
            let yaml = path
                .extension()
                .is_some_and(|ext| ext == "yaml" || ext == "yml");
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && yaml {
                found.push(path);
            }
            if found.len() > MAX_FILES {
                let text = format!("{} has more than {MAX_FILES} YAML files", dir.display());
                return Err(Failure::message(Kind::Usage, text));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn text(findings: &[LintFinding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect()
}

fn failure(report: &LintReport) -> Option<Failure> {
    let of = |level| {
        let findings = report.findings.iter();
        findings.filter(|finding| finding.level == level).count()
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    tracing::info!(
        resources = report.checked,
        errors,
        warnings,
        "checked the resources"
    );
    (errors > 0).then(|| {
        let plural = if errors == 1 { "" } else { "s" };
        Failure::message(
            Kind::Refused,
            format!("the resources have {errors} error{plural}"),
        )
    })
}
