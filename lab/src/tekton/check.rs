//! Checks the resources together before anything runs.
//!
//! What Tekton's admission would refuse, and what it lets through although it cannot work:
//! references to undeclared variables, params and workspaces that a Task does not have or lacks.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::{
    duration,
    model::{OnError, PipelineSpec, PipelineTask, TaskSpec, Type, Value, WorkspaceSpec},
    variables::{references, result_reference},
};

/// Checks a Task alone: steps, params, workspaces, volumes and variables.
pub(crate) fn task(name: &str, spec: &TaskSpec) -> Result<()> {
    let mut problems = Problems::new(format!("Task {name}"));
    problems.unique("param", spec.params.iter().map(|param| &param.name));
    problems.unique("result", spec.results.iter().map(|result| &result.name));
    problems.unique("workspace", spec.workspaces.iter().map(|w| &w.name));
    problems.unique("step", spec.steps.iter().map(|step| &step.name));
    if spec.steps.is_empty() {
        problems.add("has no step");
    }
    for param in &spec.params {
        let default = param.default.as_ref().map(Value::kind);
        if default.is_some_and(|kind| kind != param.kind()) {
            problems.add(format!(
                "param {}: the default is of another type",
                param.name
            ));
        }
    }
    let template = spec.step_template.env.iter().map(|env| &env.value);
    template.for_each(|text| problems.task_text(spec, text, false));
    for step in &spec.steps {
        if step.command.is_empty() {
            problems.add(format!("step {} has no command", step.name));
        }
        for text in step.command.iter().chain(&step.args) {
            problems.task_text(spec, text, true);
        }
        for env in &step.env {
            problems.task_text(spec, &env.value, false);
        }
    }
    problems.finish()
}

/// Checks a Pipeline together with its Tasks.
pub(crate) fn pipeline(
    name: &str,
    spec: &PipelineSpec,
    tasks: &BTreeMap<String, TaskSpec>,
) -> Result<()> {
    let mut problems = Problems::new(format!("Pipeline {name}"));
    let all = || spec.tasks.iter().chain(&spec.finally);
    problems.unique("param", spec.params.iter().map(|param| &param.name));
    problems.unique("workspace", spec.workspaces.iter().map(|w| &w.name));
    problems.unique("task", all().map(|task| &task.name));
    for one in &spec.tasks {
        PipelineCheck {
            spec,
            tasks,
            one,
            finally: false,
        }
        .run(&mut problems);
    }
    for one in &spec.finally {
        if !one.run_after.is_empty() {
            problems.add(format!(
                "task {}: runAfter has no place in finally",
                one.name
            ));
        }
        PipelineCheck {
            spec,
            tasks,
            one,
            finally: true,
        }
        .run(&mut problems);
    }
    for result in &spec.results {
        for reference in references(&result.value) {
            if !has_result(spec, tasks, reference, true) {
                problems.add(format!(
                    "result {}: unknown variable $({reference})",
                    result.name
                ));
            }
        }
    }
    if let Some(name) = in_a_cycle(spec) {
        problems.add(format!("task {name} waits for itself"));
    }
    problems.finish()
}

/// The spec of a Pipeline's Task: its own, or that of the Task it names.
pub(crate) fn spec_of<'a>(
    task: &'a PipelineTask,
    tasks: &'a BTreeMap<String, TaskSpec>,
) -> Option<&'a TaskSpec> {
    let named = task
        .task_ref
        .as_ref()
        .and_then(|named| tasks.get(&named.name));
    task.task_spec.as_ref().or(named)
}

/// The Tasks before this one: by `runAfter` and by the results that it uses.
pub(crate) fn parents(task: &PipelineTask) -> BTreeSet<&str> {
    let after = task.run_after.iter().map(String::as_str);
    after
        .chain(results_used(task).map(|(task, _)| task))
        .collect()
}

/// The results of other Tasks that it uses.
pub(crate) fn results_used(task: &PipelineTask) -> impl Iterator<Item = (&str, &str)> {
    texts(task)
        .flat_map(references)
        .filter_map(result_reference)
}

/// Every text of a Pipeline's Task in which Tekton replaces variables.
fn texts(task: &PipelineTask) -> impl Iterator<Item = &str> {
    let matrix = task.matrix.iter().flat_map(|matrix| &matrix.params);
    let params = task.params.iter().chain(matrix);
    let params = params.flat_map(|param| param.value.strings());
    let when = task.when.iter();
    let when = when.flat_map(|when| std::iter::once(&when.input).chain(&when.values));
    let paths = task
        .workspaces
        .iter()
        .filter_map(|used| used.sub_path.as_ref());
    params.chain(when).chain(paths).map(String::as_str)
}

fn has_result(
    spec: &PipelineSpec,
    tasks: &BTreeMap<String, TaskSpec>,
    reference: &str,
    also_finally: bool,
) -> bool {
    let Some((task, result)) = result_reference(reference) else {
        return false;
    };
    let finally = spec.finally.iter().filter(|_| also_finally);
    let found = spec
        .tasks
        .iter()
        .chain(finally)
        .find(|one| one.name == task);
    // The results of a matrix are lists.
    let (result, list) = match result.strip_suffix("[*]") {
        Some(result) => (result, true),
        None => (result, false),
    };
    let found = found.filter(|one| one.matrix.is_some() == list);
    let found = found.and_then(|one| spec_of(one, tasks));
    found.is_some_and(|spec| spec.results.iter().any(|given| given.name == result))
}

/// The first Task that can never start because it waits for itself.
fn in_a_cycle(spec: &PipelineSpec) -> Option<&str> {
    let mut done = BTreeSet::new();
    let mut waiting: Vec<_> = spec.tasks.iter().collect();
    loop {
        let before = waiting.len();
        waiting.retain(|task| {
            let known = |name: &&str| spec.tasks.iter().any(|task| task.name == *name);
            let ready = parents(task)
                .iter()
                .filter(|name| known(name))
                .all(|name| done.contains(name));
            if ready {
                done.insert(task.name.as_str());
            }
            !ready
        });
        if waiting.len() == before {
            return waiting.first().map(|task| task.name.as_str());
        }
    }
}

struct PipelineCheck<'a> {
    spec: &'a PipelineSpec,
    tasks: &'a BTreeMap<String, TaskSpec>,
    one: &'a PipelineTask,
    finally: bool,
}

impl PipelineCheck<'_> {
    fn run(&self, problems: &mut Problems) {
        let one = self.one;
        let mut add = |text: String| problems.add(format!("task {}: {text}", one.name));
        if one.task_ref.is_some() == one.task_spec.is_some() {
            add("needs taskRef or taskSpec".to_owned());
        }
        let kind = one.task_ref.as_ref().and_then(|task| task.kind.as_ref());
        if let Some(kind) = kind.filter(|kind| *kind != "Task") {
            add(format!("the runner has no {kind}"));
        }
        if one.retries > 0 && one.on_error == OnError::Continue {
            add("retries and onError exclude each other".to_owned());
        }
        let wrong = |timeout: &&String| duration(timeout).is_err();
        if let Some(timeout) = one.timeout.as_ref().filter(wrong) {
            add(format!(
                "timeout {timeout} is not a duration, expected one such as 5m"
            ));
        }
        for name in &one.run_after {
            if !self.spec.tasks.iter().any(|task| task.name == *name) {
                add(format!("runAfter names {name}, which does not exist"));
            }
        }
        for reference in texts(one).flat_map(references) {
            if !self.is_known(reference) {
                add(format!("unknown variable $({reference})"));
            }
        }
        if one
            .matrix
            .as_ref()
            .is_some_and(|matrix| matrix.params.len() != 1)
        {
            add("the runner has a matrix of one list alone".to_owned());
        }
        let Some(spec) = spec_of(one, self.tasks) else {
            let name = one.task_ref.as_ref().map(|named| named.name.as_str());
            add(format!(
                "the Task {} is in none of the files",
                name.unwrap_or_default()
            ));
            return;
        };
        self.params(spec, &mut add);
        self.workspaces(spec, &mut add);
    }

    fn params(&self, spec: &TaskSpec, add: &mut impl FnMut(String)) {
        for given in &self.one.params {
            match spec.params.iter().find(|param| param.name == given.name) {
                None => add(format!("the Task has no param {}", given.name)),
                Some(param) if param.kind() != given.value.kind() => {
                    add(format!("param {} is of another type", given.name));
                }
                Some(_) => {}
            }
        }
        for param in spec.params.iter().filter(|param| param.default.is_none()) {
            let matrix = self.one.matrix.iter().flat_map(|matrix| &matrix.params);
            let mut given = self.one.params.iter().chain(matrix);
            if !given.any(|given| given.name == param.name) {
                add(format!("the Task needs the param {}", param.name));
            }
        }
    }

    fn workspaces(&self, spec: &TaskSpec, add: &mut impl FnMut(String)) {
        let own = |name: &str| self.spec.workspaces.iter().find(|own| own.name == name);
        let declared = |name: &str| spec.workspaces.iter().find(|used| used.name == name);
        for used in &self.one.workspaces {
            let name = used.workspace.as_ref().unwrap_or(&used.name);
            match (own(name), declared(&used.name)) {
                (None, _) => add(format!("the Pipeline has no workspace {name}")),
                (_, None) => add(format!("the Task has no workspace {}", used.name)),
                (Some(own), Some(needed)) if own.optional && !needed.optional => {
                    add(format!(
                        "the Task needs the workspace {}, {name} is optional",
                        used.name
                    ));
                }
                _ => {}
            }
        }
        let bound = |needed: &WorkspaceSpec| {
            self.one
                .workspaces
                .iter()
                .any(|used| used.name == needed.name)
        };
        for needed in spec.workspaces.iter().filter(|needed| !needed.optional) {
            if !bound(needed) {
                add(format!("the Task needs the workspace {}", needed.name));
            }
        }
    }

    fn is_known(&self, reference: &str) -> bool {
        let param = reference.strip_prefix("params.");
        if let Some(name) = param {
            let (name, kind) = match name.strip_suffix("[*]") {
                Some(name) => (name, Type::Array),
                None => (name, Type::String),
            };
            let mut params = self.spec.params.iter();
            return params.any(|param| param.name == name && param.kind() == kind);
        }
        if let Some(name) = between(reference, "workspaces.", ".bound") {
            return self.spec.workspaces.iter().any(|own| own.name == name);
        }
        if has_result(self.spec, self.tasks, reference, false) {
            return true;
        }
        let status = between(reference, "tasks.", ".status");
        let status = status.or(between(reference, "tasks.", ".reason"));
        let of_task = |name: &str| self.spec.tasks.iter().any(|task| task.name == name);
        let in_the_end = reference == "tasks.status" || status.is_some_and(of_task);
        CONTEXT.contains(&reference) || (self.finally && in_the_end)
    }
}

const CONTEXT: [&str; 4] = [
    "context.pipelineRun.name",
    "context.pipelineRun.uid",
    "context.pipelineRun.namespace",
    "context.pipeline.name",
];

const TASK_CONTEXT: [&str; 4] = [
    "context.taskRun.name",
    "context.taskRun.namespace",
    "context.task.name",
    "credentials.path",
];

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
}

struct Problems {
    of: String,
    found: Vec<String>,
}

impl Problems {
    fn new(of: String) -> Self {
        let found = Vec::new();
        Self { of, found }
    }

    fn add(&mut self, text: impl Into<String>) {
        self.found.push(text.into());
    }

    fn unique<'a>(&mut self, what: &str, names: impl Iterator<Item = &'a String>) {
        let mut seen = BTreeSet::new();
        let twice: Vec<_> = names.filter(|name| !seen.insert(*name)).collect();
        for name in twice {
            self.add(format!("has the {what} {name} twice"));
        }
    }

    fn task_text(&mut self, spec: &TaskSpec, text: &str, lists: bool) {
        for reference in references(text) {
            let list = reference
                .strip_prefix("params.")
                .and_then(|name| name.strip_suffix("[*]"));
            let known = match list {
                Some(name) => {
                    let alone = lists && text == format!("$({reference})");
                    alone
                        && spec
                            .params
                            .iter()
                            .any(|p| p.name == name && p.kind() == Type::Array)
                }
                None => is_known_in_task(spec, reference),
            };
            if !known {
                self.add(format!("unknown variable $({reference})"));
            }
        }
    }

    fn finish(self) -> Result<()> {
        if self.found.is_empty() {
            return Ok(());
        }
        bail!("{}: {}", self.of, self.found.join("; "))
    }
}

fn is_known_in_task(spec: &TaskSpec, reference: &str) -> bool {
    if let Some(name) = reference.strip_prefix("params.") {
        let mut params = spec.params.iter();
        return params.any(|param| param.name == name && param.kind() == Type::String);
    }
    if let Some(name) = between(reference, "results.", ".path") {
        return spec.results.iter().any(|result| result.name == name);
    }
    if let Some(name) = between(reference, "steps.step-", ".exitCode.path") {
        return spec.steps.iter().any(|step| step.name == name);
    }
    let workspace = between(reference, "workspaces.", ".path");
    if let Some(name) = workspace.or(between(reference, "workspaces.", ".bound")) {
        return spec.workspaces.iter().any(|own| own.name == name);
    }
    TASK_CONTEXT.contains(&reference)
}
