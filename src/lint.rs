//! Checks Tekton resources before a cluster does: Task, Pipeline, PipelineRun (v1 and v1beta1) and StepAction
//! (v1beta1).
//!
//! 1. The shape: every field is known and has its type (`shape`). Tekton's own webhook drops unknown fields.
//! 2. References: each `$(…)` names something that is declared where it is used, with its type (`task`, `pipeline`).
//! 3. Across files: params, results and workspaces of the Tasks that a Pipeline names, and of the Pipeline that a
//!    PipelineRun names (`pipeline`, `run`).
//! 4. The arguments of this program's own steps, by a function of the caller that has the command line.
//! 5. Good practice, as warnings (`house`).

mod duration;
mod finding;
mod house;
mod order;
mod pipeline;
mod pipeline_references;
mod run;
mod scope;
mod shape;
mod task;
mod tree;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use finding::{Code, Findings};
pub(crate) use finding::{LintFinding, Severity};
use shape::Version;
pub(crate) use shape::nearest;
use task::TaskInterface;
use tree::{Ignore, YamlNode};

/// A file to check, with its text.
#[derive(Debug)]
pub(crate) struct LintFile {
    pub(crate) name: String,
    /// The YAML, of one document or several.
    pub(crate) text: String,
}

/// A file that cannot be read as YAML.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub(crate) struct Error {
    file: String,
    line: usize,
    column: usize,
    reason: String,
}

/// A mistake in the arguments of a step that runs this program.
#[derive(Debug)]
pub(crate) struct ArgumentError {
    /// The index of the argument in `args`; `None` where an argument is missing.
    pub(crate) index: Option<usize>,
    pub(crate) message: String,
}

/// Checks the words of a step, `command` and `args`, against the command line. Steps that run other
/// programs have no errors.
pub(crate) type ArgumentCheck<'a> = dyn Fn(&[&str], &[&str]) -> Vec<ArgumentError> + 'a;

/// The findings about all files.
#[derive(Debug, Default)]
pub(crate) struct LintReport {
    /// The findings in the order of files and lines.
    pub(crate) findings: Vec<LintFinding>,
    /// The number of Tekton resources that were checked.
    pub(crate) checked: usize,
    /// Documents of other kinds, which were not checked: file and kind.
    pub(crate) skipped: Vec<(String, String)>,
}

/// A resource with the file that it is in.
struct LintResource<'a> {
    file: &'a str,
    kind: &'a str,
    version: Version,
    name: &'a str,
    node: &'a YamlNode,
}

impl LintResource<'_> {
    fn title(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// The interfaces of the resources of all files, by name.
#[derive(Default)]
struct KnownResources<'a> {
    tasks: BTreeMap<&'a str, TaskInterface>,
    step_actions: BTreeMap<&'a str, TaskInterface>,
    pipelines: BTreeMap<&'a str, TaskInterface>,
    /// The names that several resources share.
    unclear: BTreeSet<&'a str>,
}

/// Checks files together: a Pipeline is checked against the Tasks among them.
///
/// # Errors
/// The first file that is not YAML.
pub(crate) fn lint(files: &[LintFile], arguments: &ArgumentCheck<'_>) -> Result<LintReport, Error> {
    let mut documents = Vec::new();
    let mut ignores = Vec::new();
    for file in files {
        let (nodes, ignored) = tree::parse(&file.text).map_err(|error| Error {
            file: file.name.clone(),
            line: error.at.line,
            column: error.at.column,
            reason: error.reason,
        })?;
        documents.extend(nodes.into_iter().map(|node| (file.name.as_str(), node)));
        ignores.push((file.name.as_str(), ignored));
    }
    let mut report = LintReport::default();
    let resources: Vec<_> = documents
        .iter()
        .filter_map(|(file, node)| resource(file, node, &mut report))
        .collect();
    let known = known(&resources, &mut report);
    for resource in &resources {
        check(resource, &known, arguments, &mut report.findings);
    }
    report.checked = resources.len();
    let findings = &mut report.findings;
    findings.retain(|finding| !is_ignored(finding, &ignores));
    findings.sort_by(|a, b| (&a.file, a.at, a.code).cmp(&(&b.file, b.at, b.code)));
    findings.dedup();
    Ok(report)
}

/// The version of Tekton's resources that is no longer served, but for StepActions.
const OLD_VERSION: &str = "tekton.dev/v1alpha1";

const BETA: &str = "tekton.dev/v1beta1";

/// Returns the resource of a document, if it is one of Tekton's that are checked.
fn resource<'a>(
    file: &'a str,
    node: &'a YamlNode,
    report: &mut LintReport,
) -> Option<LintResource<'a>> {
    let kind = node.text_of("kind")?;
    let metadata = node.get("metadata");
    let named = |key| metadata.and_then(|metadata| metadata.text_of(key));
    let name = named("name").or_else(|| named("generateName"));
    let version = node.text_of("apiVersion").unwrap_or_default();
    let wanted = match kind {
        "Task" | "Pipeline" | "PipelineRun" => "tekton.dev/v1",
        "StepAction" => BETA,
        _ => {
            report.skipped.push((file.to_owned(), kind.to_owned()));
            return None;
        }
    };
    let resource = LintResource {
        file,
        kind,
        version: match version == BETA && kind != "StepAction" {
            true => Version::V1Beta1,
            false => Version::V1,
        },
        name: name.unwrap_or("without a name"),
        node,
    };
    let is_alpha_action = kind == "StepAction" && version == OLD_VERSION;
    let is_wanted = version == wanted || version == BETA || is_alpha_action;
    if version == OLD_VERSION && !is_wanted {
        // Other versions have other fields.
        let skipped = format!("{kind} {} of {version}", resource.name);
        report.skipped.push((file.to_owned(), skipped));
        return None;
    }
    let mut findings = Findings::new(file, resource.title(), &mut report.findings);
    if !is_wanted {
        let at = node.get("apiVersion").unwrap_or(node).at;
        let text = format!("{version:.60}, expected {wanted}");
        findings.error(Code::WrongValue, at, "apiVersion", text);
    }
    if name.is_none() {
        let text = "field name is missing";
        findings.error(Code::MissingField, node.at, "metadata", text);
    }
    Some(resource)
}

fn known<'a>(resources: &[LintResource<'a>], report: &mut LintReport) -> KnownResources<'a> {
    let mut known = KnownResources::default();
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for resource in resources {
        let (Some(spec), false) = (resource.node.get("spec"), resource.kind == "PipelineRun")
        else {
            continue;
        };
        if let Some(first) = seen.insert((resource.kind, resource.name), resource.file) {
            known.unclear.insert(resource.name);
            let mut findings = Findings::new(resource.file, resource.title(), &mut report.findings);
            let at = resource.node.at;
            let text =
                format!("the resource is in {first} too, so references to it are not checked");
            match first == resource.file {
                true => findings.error(Code::DuplicateName, at, "metadata.name", text),
                false => findings.warn(Code::DuplicateName, at, "metadata.name", text),
            }
        }
        // Mistakes in a declaration are reported when the resource itself is checked.
        let mut unreported = Vec::new();
        let mut quiet = Findings::new(resource.file, String::new(), &mut unreported);
        let interface = TaskInterface::of(spec, "spec", &mut quiet);
        let map = match resource.kind {
            "Task" => &mut known.tasks,
            "StepAction" => &mut known.step_actions,
            _ => &mut known.pipelines,
        };
        map.insert(resource.name, interface);
    }
    for name in &known.unclear {
        known.tasks.remove(name);
        known.step_actions.remove(name);
        known.pipelines.remove(name);
    }
    known
}

fn check(
    resource: &LintResource<'_>,
    known: &KnownResources<'_>,
    arguments: &ArgumentCheck<'_>,
    list: &mut Vec<LintFinding>,
) {
    let mut findings = Findings::new(resource.file, resource.title(), list);
    shape::check(
        resource.version,
        resource.kind,
        resource.node,
        &mut findings,
    );
    let Some(spec) = resource.node.get("spec") else {
        return;
    };
    match resource.kind {
        "Task" => task::check(spec, "spec", None, known, arguments, &mut findings),
        "StepAction" => task::check_step_action(spec, arguments, &mut findings),
        "Pipeline" => pipeline::check(spec, "spec", None, known, arguments, &mut findings),
        _ => run::check(resource.node, spec, known, arguments, &mut findings),
    }
}

/// Tells whether a comment on the line of a finding or the line before it names its code.
fn is_ignored(finding: &LintFinding, ignores: &[(&str, Vec<Ignore>)]) -> bool {
    let of_file = ignores.iter().filter(|(file, _)| *file == finding.file);
    let mut comments = of_file.flat_map(|(_, comments)| comments);
    comments.any(|comment| {
        comment.code == finding.code.name()
            && (comment.line == finding.at.line || comment.line + 1 == finding.at.line)
    })
}

#[cfg(test)]
mod tests;
