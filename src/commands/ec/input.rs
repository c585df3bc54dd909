//! `ec validate input`: a policy over files that are not images, JSON and YAML.
//!
//! A file with several documents, or a list at its root, is evaluated document by document, and a directory file
//! by file, as Conftest does. What upstream reads and this program does not (HCL, Dockerfile, …) is refused by name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Context, Outcome, ReportFlags, Usage, unsupported, usage, version::VERSION};
use crate::{
    commands::{
        failures::gate_failure,
        files::write_file,
        output::{self, ReportOutput},
    },
    failure::{Failure, Kind, OrFail as _},
    gate::{Moment, PolicyRequest, Replay},
    json::{self, Shape},
    policy::{Dialect, Paths, rego::yaml},
    report::{InputReport, InputResults, Show},
    trust::TrustRequest,
};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 80 << 20;
/// The most files of a directory.
const MAX_FILES: usize = 10_000;
/// The depth to which directories are read.
const MAX_DEPTH: usize = 32;
/// Formats of Conftest besides JSON and YAML.
const FOREIGN: [&str; 22] = [
    "cue",
    "cyclonedx",
    "Dockerfile",
    "dockerignore",
    "edn",
    "env",
    "gitignore",
    "hcl",
    "hocon",
    "ini",
    "jsonc",
    "jsonnet",
    "nginx",
    "npmrc",
    "properties",
    "proto",
    "spdx",
    "tf",
    "tfvars",
    "textproto",
    "toml",
    "xml",
];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The files or directories to validate
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// The files or directories; deprecated, use arguments
    #[arg(long, short = 'f', value_name = "FILE", hide = true)]
    file: Vec<String>,
    /// The policy configuration: a file, a Git reference or inline text
    #[arg(long, short = 'p', value_name = "POLICY")]
    policy: Option<String>,
    /// Write a report to standard output or FILE: json, yaml, text or summary
    #[arg(long, short = 'o', value_name = "FORMAT[=FILE]")]
    output: Vec<String>,
    /// Fail if the policy refuses a file; false: fail only on errors
    #[arg(long, short = 's', action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = usage::boolean)]
    strict: bool,
    /// Evaluate rules at this time: now, RFC 3339 or YYYY-MM-DD
    #[arg(long, value_name = "TIME", default_value = "now")]
    effective_time: String,
    /// Accept an --effective-time in the past, before the effective date of newer rules
    #[arg(long)]
    allow_past_effective_time: bool,
    /// Show titles, descriptions and solutions in reports
    #[arg(long)]
    info: bool,
    /// Do not colour the text report
    #[arg(long)]
    no_color: bool,
    /// Colour the text report, also in files
    #[arg(long)]
    color: bool,
    /// Accepted for compatibility, without effect: files are evaluated one after the other
    #[arg(long, value_name = "N", default_value = "5")]
    workers: u16,
    /// Not supported: files are validated directly
    #[arg(long, hide = true)]
    server: bool,
    /// Not supported: read with --server alone
    #[arg(long, value_name = "ADDRESS", hide = true)]
    server_address: Option<String>,
    /// Not supported: read with --server alone
    #[arg(long, value_name = "PORT", hide = true)]
    server_port: Option<String>,
}

pub(super) async fn run(
    args: Args,
    shown: &ReportFlags,
    context: &Context,
) -> Result<Outcome, Failure> {
    let paths = args.paths()?;
    let policy = args
        .policy
        .clone()
        .ok_or_else(|| Usage::Wrong("required flag(s) \"policy\" not set".to_owned()))?;
    let (outputs, wrong) = args.outputs()?;
    let moment = Moment::parse(
        &args.effective_time,
        args.allow_past_effective_time,
        context.clock.now(),
    );
    let request = PolicyRequest {
        policy,
        rule_data: Vec::new(),
        dialect: Dialect::Conforma,
        by_intention: false,
        // Upstream's message; the log explains it.
        allow_empty: true,
        paths: Paths::Any,
        hosts: Vec::new(),
    };
    let clients = context.clients();
    let moment = moment.or_fail(Kind::Usage)?;
    let replay = Replay::of_documents(&request, TrustRequest::of_nobody(), moment, &clients).await;
    let replay = replay.map_err(gate_failure)?;
    output::remove_old(&outputs, context)?;
    let inputs = judge(&paths, &replay).await?;
    let (policy, at) = replay.configuration();
    let report = InputReport {
        inputs,
        policy,
        version: VERSION.to_owned(),
        effective_time: at.to_string(),
    };
    let show = args.show(shown, context);
    let mut outcome = Outcome {
        stdout: write(&outputs, &report, show, context)?,
        ..Outcome::default()
    };
    outcome.failure = if !wrong.is_empty() {
        Some(Failure::message(Kind::Usage, wrong.join("\n")))
    } else if args.strict && !report.success() {
        Some(Failure::message(Kind::Refused, "success criteria not met"))
    } else {
        None
    };
    Ok(outcome)
}

/// Evaluates every path; the errors of all paths are reported together.
async fn judge(paths: &[String], replay: &Replay) -> Result<Vec<InputResults>, Failure> {
    let (mut inputs, mut wrong, mut kind) = (Vec::new(), Vec::new(), None);
    for path in paths {
        match judge_path(path, replay).await {
            Ok(input) => inputs.push(input),
            Err(failure) => {
                kind.get_or_insert(failure.kind());
                wrong.push(format!("error validating file {path}: {}", failure.cause()));
            }
        }
    }
    if let Some(kind) = kind {
        return Err(Failure::message(kind, wrong.join("\n")));
    }
    inputs.sort_by(|a, b| b.path.cmp(&a.path));
    Ok(inputs)
}

async fn judge_path(path: &str, replay: &Replay) -> Result<InputResults, Failure> {
    let mut all = InputResults {
        path: path.to_owned(),
        ..InputResults::default()
    };
    for file in files_of(path)? {
        let documents = read(&file)?;
        if documents.is_empty() {
            let text = format!(
                "{}: an empty list holds no document: no rule would be evaluated",
                file.display()
            );
            return Err(Failure::message(Kind::NotFound, text));
        }
        let found = replay.judge_file(documents).await.map_err(gate_failure)?;
        all.violations.extend(found.violations);
        all.warnings.extend(found.warnings);
        all.successes.extend(found.successes);
    }
    for list in [&mut all.violations, &mut all.warnings, &mut all.successes] {
        list.sort_by_cached_key(crate::policy::RuleFinding::order);
    }
    Ok(all)
}

fn wrong(text: impl Into<String>) -> Failure {
    Failure::message(Kind::Usage, text.into())
}

/// Returns the files that a path names: itself, or those of the directory.
fn files_of(path: &str) -> Result<Vec<PathBuf>, Failure> {
    let root = Path::new(path);
    let kind = fs::metadata(root);
    let kind =
        kind.map_err(|_| wrong(format!("unable to parse the provided input file: {path}")))?;
    if !kind.is_dir() {
        return Ok(vec![root.to_owned()]);
    }
    let entries = entries(root)?;
    if entries.is_empty() {
        return Err(wrong(format!("the directory {path} contained no files")));
    }
    let mut files = Vec::new();
    for entry in entries {
        match entry.is_dir() {
            // Conftest refuses an unreadable file of the directory itself, and skips one below.
            true => below(&entry, 1, &mut files)?,
            false => files.push(entry),
        }
    }
    Ok(files)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| wrong(format!("{}: {error}", dir.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn below(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if depth > MAX_DEPTH || files.len() > MAX_FILES {
        let text = format!(
            "{}: more than {MAX_FILES} files, or deeper than {MAX_DEPTH}",
            dir.display()
        );
        return Err(wrong(text));
    }
    for entry in entries(dir)? {
        if entry.is_dir() {
            below(&entry, depth + 1, files)?;
        } else if extension(&entry).is_some() || is_foreign(&entry) {
            files.push(entry);
        } else {
            tracing::warn!(file = %entry.display(), "passed over: neither JSON nor YAML by its name");
        }
    }
    Ok(())
}

/// Returns the kind of a file by its name: `Some(true)` for JSON, `Some(false)` for YAML.
fn extension(path: &Path) -> Option<bool> {
    match path.extension()?.to_str()? {
        "json" => Some(true),
        "yaml" | "yml" => Some(false),
        _ => None,
    }
}

fn is_foreign(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default();
    let kind = name.rsplit_once('.').map_or(name, |(_, kind)| kind);
    FOREIGN.contains(&kind) || name.starts_with("Dockerfile")
}

/// Reads the documents of a file.
fn read(path: &Path) -> Result<Vec<Value>, Failure> {
    let shown = path.display();
    let Some(is_json) = extension(path) else {
        let kind = path
            .extension()
            .and_then(|kind| kind.to_str())
            .unwrap_or_default();
        let text = match is_foreign(path) {
            true => format!(
                "files of the kind of {shown} are not supported by promote: expected JSON or YAML"
            ),
            false => format!(
                "evaluating policy: parse configurations: new parser: new: unknown parser: {kind}, path: {shown}"
            ),
        };
        return Err(wrong(text));
    };
    let failed = |reason: String| {
        let kind = if is_json { "json" } else { "yaml" };
        wrong(format!(
            "evaluating policy: parse configurations: parser unmarshal: unmarshal {kind}: {reason}, path: {shown}"
        ))
    };
    let size = fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size > MAX_FILE {
        return Err(failed(format!("it has more than {MAX_FILE} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let mut documents = match is_json {
        true => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            vec![
                json::document(text.as_bytes(), &Shape::Any)
                    .or_else(|error| null(text, error))
                    .map_err(failed)?,
            ]
        }
        false => yaml::documents(&text).map_err(failed)?,
    };
    // A list at the root is several documents.
    if let [Value::Array(_)] = documents.as_slice()
        && let Some(Value::Array(elements)) = documents.pop()
    {
        documents = elements;
    }
    Ok(documents)
}

/// Returns the document `null`, which the strict reader treats as an empty one.
fn null(text: &str, error: json::Error) -> Result<Value, String> {
    match text.trim() {
        "null" => Ok(Value::Null),
        _ => Err(error.to_string()),
    }
}

/// Writes every report and returns the text for standard output.
fn write(
    outputs: &[ReportOutput],
    report: &InputReport,
    base: Show,
    context: &Context,
) -> Result<Vec<u8>, Failure> {
    let mut stdout = Vec::new();
    for output in outputs {
        let rendered = report.render(output.format(), base, output.show(base));
        let rendered = rendered.or_fail(Kind::Bug)?;
        match output.path() {
            Some(path) => write_file(&context.path(Some(path), ""), rendered.as_bytes())?,
            None => stdout.extend(rendered.as_bytes()),
        }
    }
    Ok(stdout)
}

impl Args {
    /// Returns every path once, in the given order.
    fn paths(&self) -> Result<Vec<String>, Usage> {
        let mut paths: Vec<String> = Vec::new();
        for path in usage::split(&self.file)?
            .into_iter()
            .chain(self.files.clone())
        {
            if !path.trim().is_empty() && !paths.contains(&path) {
                paths.push(path);
            }
        }
        if self.server || self.server_address.is_some() || self.server_port.is_some() {
            return Err(unsupported::refuse("--server"));
        }
        if paths.is_empty() {
            let text = "at least one input file must be specified as a positional argument or via the --file flag";
            return Err(Usage::Wrong(text.to_owned()));
        }
        Ok(paths)
    }

    /// Returns the reports that can be written, and a message about each of the others.
    fn outputs(&self) -> Result<(Vec<ReportOutput>, Vec<String>), Usage> {
        let (mut outputs, mut wrong) = (Vec::new(), Vec::new());
        for text in usage::split(&self.output)? {
            match ReportOutput::lenient(&text) {
                Ok(output) if InputReport::FORMATS.contains(&output.format()) => {
                    outputs.push(output);
                }
                Ok(_) => {
                    let name = text.split(['=', '?']).next().unwrap_or_default();
                    wrong.push(format!("{name:?} is not a valid report format"));
                }
                Err(error) => wrong.push(error),
            }
        }
        if outputs.is_empty() && wrong.is_empty() {
            outputs.push(ReportOutput::text());
        }
        Ok((outputs, wrong))
    }

    fn show(&self, shown: &ReportFlags, context: &Context) -> Show {
        Show {
            info: self.info,
            successes: shown.show_successes,
            warnings: shown.show_warnings,
            docs_link: shown.show_policy_docs_link,
            color: !self.no_color
                && !super::refuses_color(&context.env)
                && (self.color || context.color),
            dialect: Dialect::Conforma,
            now: context.clock.written(),
        }
    }
}
