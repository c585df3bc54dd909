//! Runs the shipped Task and Pipeline YAML on this machine, step by step, with the real binary.
//!
//! No cluster, no containers: each step's program must be ours, so its arguments are all that
//! matters. Semantics are those of Tekton Pipelines v1.15 for what the shipped YAML uses;
//! a field that is not implemented is refused by its name.

pub mod cases;
mod cel;
mod check;
pub mod command;
mod documents;
mod kubelet;
pub mod model;
mod pac;
mod picture;
mod prepared;
mod programs;
mod resources;
mod schedule;
mod status;
mod step_actions;
mod task_run;
#[cfg(test)]
mod tests;
mod variables;
mod volumes;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
pub use picture::Show;
pub use programs::{Call, git_clone};
pub use resources::parse;
pub use schedule::UID;
pub use status::{Attempt, Fate, Skip, Status, StepStatus, TaskStatus};

use model::{PipelineRun, PipelineSpec, Type, Value};
use pac::Event;
use picture::Picture;
use resources::Resources;
use schedule::{Bound, Hooks, Plan};

/// The namespace in which everything seems to run.
const NAMESPACE: &str = "local";

/// A run before it starts: the YAML, the values and the programs.
#[derive(Default)]
pub struct Run {
    files: Vec<PathBuf>,
    texts: Vec<(String, String)>,
    params: Vec<(String, String)>,
    workspaces: BTreeMap<String, PathBuf>,
    promote: PathBuf,
    env: Vec<(String, String)>,
    event: Option<String>,
    out: Option<PathBuf>,
    show: Show,
    colour: bool,
    hooks: Hooks,
    programs: programs::Programs,
    objects: volumes::Objects,
    account: Option<PathBuf>,
    resolved: BTreeMap<String, String>,
    cancel_after: Option<String>,
}

/// The Pipeline of this checkout with its Tasks.
#[must_use]
pub fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tasks = [
        "preflight",
        "extract-tag",
        "gather-images",
        "verify-ec",
        "copy-image",
        "attest",
        "move-tags",
        "update-deployment",
        "commit-status",
    ];
    let tasks = tasks.map(|name| root.join(format!("tasks/{name}/{name}.yaml")));
    let mut files = tasks.to_vec();
    files.push(root.join("pipelines/promote-to-prod/promote-to-prod.yaml"));
    files
}

/// The Pipeline of one pod, with its Task.
#[must_use]
pub fn shipped_in_one_pod() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ["tasks", "pipelines"]
        .map(|dir| root.join(dir).join("promote-run/promote-run.yaml"))
        .to_vec()
}

impl Run {
    /// Returns a run of files: Tasks, at most one Pipeline and one PipelineRun.
    pub fn new(files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            files: files.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Adds a resource that is not in a file; the name is for messages.
    #[must_use]
    pub fn text(mut self, name: &str, text: impl Into<String>) -> Self {
        self.texts.push((name.to_owned(), text.into()));
        self
    }

    /// Sets the value of a param; adds an item to a list.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.push((name.to_owned(), value.into()));
        self
    }

    /// Replaces the value of a param.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.retain(|(known, _)| known != name);
        self.param(name, value)
    }

    /// Binds a workspace to a directory that all Tasks share.
    #[must_use]
    pub fn workspace(mut self, name: &str, dir: impl Into<PathBuf>) -> Self {
        self.workspaces.insert(name.to_owned(), dir.into());
        self
    }

    /// Sets the program that steps run in place of `/usr/bin/promote`.
    #[must_use]
    pub fn promote(mut self, program: impl Into<PathBuf>) -> Self {
        self.promote = program.into();
        self
    }

    /// Adds a variable to every pod, as `taskRunTemplate.podTemplate.env` does.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Mounts the directory as the service account of every pod.
    #[must_use]
    pub fn service_account(mut self, dir: impl Into<PathBuf>) -> Self {
        self.account = Some(dir.into());
        self
    }

    /// Sets the Task that a resolver would find for a task of the Pipeline.
    #[must_use]
    pub fn resolved(mut self, task: &str, text: impl Into<String>) -> Self {
        self.resolved.insert(task.to_owned(), text.into());
        self
    }

    /// Cancels the run when the task has ended, as `CancelledRunFinally` does.
    #[must_use]
    pub fn cancel_after(mut self, task: &str) -> Self {
        self.cancel_after = Some(task.to_owned());
        self
    }

    /// Takes the body of a tag push webhook, from which Pipelines-as-Code fills the PipelineRun.
    #[must_use]
    pub fn event(mut self, body: impl Into<String>) -> Self {
        self.event = Some(body.into());
        self
    }

    /// Writes `status.json`, `taskruns/` and `logs/` into the directory.
    #[must_use]
    pub fn out(mut self, dir: impl Into<PathBuf>) -> Self {
        self.out = Some(dir.into());
        self
    }

    /// Shows the run on standard error.
    #[must_use]
    pub fn show(mut self, show: Show, colour: bool) -> Self {
        self.show = show;
        self.colour = colour;
        self
    }

    /// Calls the function when the Task of the Pipeline has ended, before any other starts.
    #[must_use]
    pub fn after(mut self, task: &str, function: impl FnOnce() + Send + 'static) -> Self {
        self.hooks.insert(task.to_owned(), Box::new(function));
        self
    }

    /// Tells if the event starts the PipelineRun, by its annotations and after it was filled in.
    #[must_use]
    pub fn starts(&self) -> bool {
        let event = self.event.as_deref().map(Event::parse).transpose();
        event.is_ok_and(|event| {
            self.texts()
                .and_then(|texts| Resources::read(texts, event.as_ref(), &self.programs))
                .is_ok()
        })
    }

    /// Checks everything, then runs it.
    ///
    /// # Errors
    /// The files or values were refused before anything ran. A later failure is in the [`Status`].
    pub fn run(mut self) -> Result<Status> {
        let event = self
            .event
            .take()
            .map(|body| Event::parse(&body))
            .transpose()?;
        let resources = Resources::read(self.texts()?, event.as_ref(), &self.programs)?;
        let root = tempfile::tempdir()?;
        let hooks = std::mem::take(&mut self.hooks);
        let plan = self.plan(resources, root.path().to_owned())?;
        if let Some(unknown) = hooks.keys().find(|name| !has_task(&plan.spec, name)) {
            bail!("the Pipeline has no task {unknown}");
        }
        let mut picture = Picture::new(self.show, self.colour);
        let status = schedule::run(&plan, hooks, &mut picture)?;
        if let Some(out) = &self.out {
            write(&status, out).with_context(|| format!("cannot write into {}", out.display()))?;
        }
        Ok(status)
    }

    fn texts(&self) -> Result<Vec<(String, String)>> {
        let mut texts = Vec::new();
        for path in &self.files {
            let text = resources::read(path);
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            texts.push((path.display().to_string(), text));
        }
        texts.extend(self.texts.iter().cloned());
        Ok(texts)
    }

    fn plan(&self, resources: Resources, root: PathBuf) -> Result<Plan> {
        let Resources {
            mut tasks,
            step_actions,
            pipeline,
            run,
            documents,
            unfilled,
        } = resources;
        for (name, spec) in &mut tasks {
            step_actions::inline(name, spec, &step_actions)?;
            check::task(name, spec)?;
            volumes::check(name, spec)?;
            resources::only_ours(name, spec, &self.programs)?;
        }
        let mut pipeline = match pipeline {
            Some(pipeline) => pipeline,
            None => resources::alone(&tasks)?,
        };
        self.resolve(&mut pipeline.spec, &mut tasks)?;
        let name = pipeline.metadata.name;
        for task in pipeline.spec.tasks.iter().chain(&pipeline.spec.finally) {
            if let Some(spec) = &task.task_spec {
                check::task(&task.name, spec)?;
                volumes::check(&task.name, spec)?;
                resources::only_ours(&task.name, spec, &self.programs)?;
            }
        }
        check::pipeline(&name, &pipeline.spec, &tasks)?;
        if let Some(run) = &run {
            let wanted = resources::pipeline_of(run)?;
            if wanted != name {
                bail!("the PipelineRun names the Pipeline {wanted}, the files have {name}");
            }
        }
        Ok(Plan {
            params: self.params(&pipeline.spec, run.as_ref(), &unfilled)?,
            document: documents.get("Pipeline").cloned().unwrap_or_default(),
            documents,
            workspaces: self.bind(&pipeline.spec, run.as_ref(), &root)?,
            name: run
                .as_ref()
                .map_or_else(|| format!("{name}-run"), resources::name_of),
            pipeline: name,
            spec: pipeline.spec,
            tasks,
            promote: self.promote.clone(),
            programs: self.programs.clone(),
            objects: self.objects.clone(),
            env: self.env.clone(),
            account: self.account.clone(),
            cancel_after: self.cancel_after.clone(),
            root,
        })
    }

    /// Puts the given Tasks in place of those that a resolver would look up.
    fn resolve(
        &self,
        spec: &mut PipelineSpec,
        tasks: &mut BTreeMap<String, model::TaskSpec>,
    ) -> Result<()> {
        for task in spec.tasks.iter_mut().chain(&mut spec.finally) {
            let Some(reference) = task.task_ref.as_mut().filter(|one| one.resolver.is_some())
            else {
                continue;
            };
            let text = self.resolved.get(&task.name).with_context(|| {
                format!(
                    "the task {} is looked up by a resolver: give the Task in its place",
                    task.name
                )
            })?;
            let model::Resource::Task(found) = parse(text)? else {
                bail!("what is given for {} is not a Task", task.name);
            };
            check::task(&task.name, &found.spec)?;
            volumes::check(&task.name, &found.spec)?;
            resources::only_ours(&task.name, &found.spec, &self.programs)?;
            let name = format!("resolved-{}", task.name);
            *reference = model::TaskRef {
                name: name.clone(),
                ..model::TaskRef::default()
            };
            tasks.insert(name, found.spec);
        }
        Ok(())
    }

    /// Every param of the Pipeline: what the caller gave, else the PipelineRun, else the default.
    fn params(
        &self,
        spec: &PipelineSpec,
        run: Option<&PipelineRun>,
        unfilled: &[String],
    ) -> Result<BTreeMap<String, Value>> {
        let of_run = run
            .map(|run| run.spec.params.as_slice())
            .unwrap_or_default();
        let given = of_run.iter().map(|param| &param.name);
        for name in given.chain(self.params.iter().map(|(name, _)| name)) {
            if !spec.params.iter().any(|param| param.name == *name) {
                bail!("the Pipeline has no param {name}");
            }
        }
        let is_given = |name: &String| self.params.iter().any(|(given, _)| given == name);
        let left: Vec<_> = unfilled.iter().filter(|name| !is_given(name)).collect();
        if let Some(first) = left.first() {
            let names: Vec<_> = left.iter().map(|name| name.as_str()).collect();
            bail!(
                "the runner has no cluster to read {} from: give {} by --param {first}=VALUE",
                resources::KEY,
                names.join(", ")
            );
        }
        let mut values = BTreeMap::new();
        for param in &spec.params {
            let items: Vec<_> = self
                .params
                .iter()
                .filter(|(name, _)| *name == param.name)
                .collect();
            let items: Vec<_> = items.into_iter().map(|(_, value)| value.clone()).collect();
            let value = match (items.as_slice(), param.kind()) {
                ([], _) => {
                    let of_run = of_run.iter().find(|given| given.name == param.name);
                    let value = of_run.map(|given| &given.value).or(param.default.as_ref());
                    let value = value
                        .with_context(|| format!("the Pipeline needs the param {}", param.name))?;
                    if value.kind() != param.kind() {
                        bail!("the param {} is of another type", param.name);
                    }
                    value.clone()
                }
                ([one], Type::String) => Value::String(one.clone()),
                (_, Type::Array) => Value::Array(items),
                (_, Type::String) => bail!("the param {} is not a list", param.name),
            };
            values.insert(param.name.clone(), value);
        }
        Ok(values)
    }

    fn bind(
        &self,
        spec: &PipelineSpec,
        run: Option<&PipelineRun>,
        root: &Path,
    ) -> Result<BTreeMap<String, Bound>> {
        let of_run = run
            .map(|run| run.spec.workspaces.as_slice())
            .unwrap_or_default();
        let given = of_run
            .iter()
            .map(|binding| &binding.name)
            .chain(self.workspaces.keys());
        for name in given {
            if !spec.workspaces.iter().any(|own| own.name == *name) {
                bail!("the Pipeline has no workspace {name}");
            }
        }
        let mut bound = BTreeMap::new();
        for own in &spec.workspaces {
            let binding = of_run.iter().find(|binding| binding.name == own.name);
            if let Some(dir) = self.workspaces.get(&own.name) {
                let dir = dir.canonicalize();
                let dir =
                    dir.with_context(|| format!("workspace {}: no such directory", own.name))?;
                bound.insert(own.name.clone(), Bound::Shared(dir));
            } else if let Some(binding) = binding {
                let kinds = [
                    binding.empty_dir.is_some(),
                    binding.volume_claim_template.is_some(),
                    binding.secret.is_some(),
                ];
                if kinds.iter().filter(|given| **given).count() != 1 {
                    bail!(
                        "workspace {} needs one of emptyDir, volumeClaimTemplate, secret",
                        own.name
                    );
                }
                if let Some(secret) = &binding.secret {
                    bail!(
                        "workspace {} is the Secret {}: give a directory in its place",
                        own.name,
                        secret.secret_name
                    );
                }
                let shared = root.join("volumes").join(&own.name);
                let kind = if binding.empty_dir.is_some() {
                    Bound::Fresh
                } else {
                    Bound::Shared(shared)
                };
                bound.insert(own.name.clone(), kind);
            } else if !own.optional {
                bail!("the Pipeline needs the workspace {}", own.name);
            }
        }
        Ok(bound)
    }
}

fn has_task(spec: &PipelineSpec, name: &str) -> bool {
    spec.tasks
        .iter()
        .chain(&spec.finally)
        .any(|task| task.name == name)
}

/// Parses a duration of hours, minutes and seconds: `1h30m`, `5m` or `90s`.
fn duration(text: &str) -> Result<Duration> {
    let span: jiff::SignedDuration = text
        .parse()
        .with_context(|| format!("{text} is not a duration, expected one such as 1h30m"))?;
    Duration::try_from(span)
        .with_context(|| format!("{text} is not a duration, expected one such as 1h30m"))
}

fn write(status: &Status, out: &Path) -> Result<()> {
    fs::create_dir_all(out.join("taskruns"))?;
    fs::create_dir_all(out.join("logs"))?;
    fs::write(out.join("status.json"), pretty(&status.to_json())?)?;
    for (name, document) in status.task_runs() {
        fs::write(
            out.join(format!("taskruns/{name}.json")),
            pretty(&document)?,
        )?;
    }
    for task in status.tasks.iter().filter(|task| !task.attempts.is_empty()) {
        fs::write(out.join(format!("logs/{}.log", task.name)), task.log())?;
    }
    Ok(())
}

fn pretty(document: &serde_json::Value) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(document)?))
}
