//! Runs the shipped Task and Pipeline YAML on this machine, step by step, with the real binary.
//!
//! No cluster, no containers: each step's program must be ours, so its arguments are all that
//! matters. Semantics are those of Tekton Pipelines v1.15 for what the shipped YAML uses;
//! a field that is not implemented is refused by its name.

mod check;
pub mod command;
mod kubelet;
pub mod model;
mod pac;
mod picture;
mod schedule;
mod status;
mod task_run;
#[cfg(test)]
mod tests;
mod variables;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
pub use picture::Show;
pub use status::{Attempt, Fate, Skip, Status, StepStatus, TaskStatus};

use model::{
    Metadata, OnError, Param, Pipeline, PipelineRun, PipelineSpec, PipelineTask, Resource, Task,
    TaskRef, TaskSpec, Type, Value, WorkspaceUse,
};
use pac::Event;
use picture::Picture;
use schedule::{Bound, Hooks, Plan};

/// The namespace in which everything seems to run.
const NAMESPACE: &str = "local";

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A run to be: the YAML, the values and what they run with.
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
}

/// The five Tasks and the Pipeline of this checkout.
#[must_use]
pub fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tasks = [
        "extract-tag",
        "gather-images",
        "verify-ec",
        "copy-image",
        "update-deployment",
    ];
    let tasks = tasks.map(|name| root.join(format!("tasks/{name}/{name}.yaml")));
    let mut files = tasks.to_vec();
    files.push(root.join("pipelines/promote-to-prod/promote-to-prod.yaml"));
    files
}

impl Run {
    /// Takes the files: Tasks, at most one Pipeline and one PipelineRun.
    pub fn new(files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            files: files.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Takes a resource that is in no file; the name is for messages.
    #[must_use]
    pub fn text(mut self, name: &str, text: impl Into<String>) -> Self {
        self.texts.push((name.to_owned(), text.into()));
        self
    }

    /// Gives a param its value; of a list, one more item.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.push((name.to_owned(), value.into()));
        self
    }

    /// Binds a workspace to a directory that all Tasks share.
    #[must_use]
    pub fn workspace(mut self, name: &str, dir: impl Into<PathBuf>) -> Self {
        self.workspaces.insert(name.to_owned(), dir.into());
        self
    }

    /// Sets what stands for `/usr/bin/promote`.
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

    /// Checks everything, then runs it.
    ///
    /// # Errors
    /// When it was refused before anything ran. What fails later is in the [`Status`].
    pub fn run(mut self) -> Result<Status> {
        let event = self
            .event
            .take()
            .map(|body| Event::parse(&body))
            .transpose()?;
        let resources = self.resources(event.as_ref())?;
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

    fn resources(&self, event: Option<&Event>) -> Result<Resources> {
        let mut texts = Vec::new();
        for path in &self.files {
            let text = read(path).with_context(|| format!("cannot read {}", path.display()))?;
            texts.push((path.display().to_string(), text));
        }
        texts.extend(self.texts.iter().cloned());
        let mut found = Resources::default();
        for (name, text) in texts {
            let text = match event {
                Some(event) => event.fill(&text).with_context(|| name.clone())?,
                None if text.contains("{{") => bail!("{name} has {{{{ … }}}}: it needs an event"),
                None => text,
            };
            let twice = match parse(&text).with_context(|| name.clone())? {
                Resource::Task(task) => found.tasks.insert(task.metadata.name, task.spec).is_some(),
                Resource::Pipeline(pipeline) => found.pipeline.replace(pipeline).is_some(),
                Resource::PipelineRun(run) => found.run.replace(run).is_some(),
            };
            if twice {
                bail!("{name}: there is one of these already");
            }
        }
        if let (Some(event), Some(run)) = (event, &found.run) {
            event.starts(&run.metadata)?;
        }
        Ok(found)
    }

    fn plan(&self, resources: Resources, root: PathBuf) -> Result<Plan> {
        let Resources {
            tasks,
            pipeline,
            run,
        } = resources;
        for (name, spec) in &tasks {
            check::task(name, spec)?;
            only_ours(name, spec)?;
        }
        let pipeline = match pipeline {
            Some(pipeline) => pipeline,
            None => alone(&tasks)?,
        };
        let name = pipeline.metadata.name;
        for task in pipeline.spec.tasks.iter().chain(&pipeline.spec.finally) {
            if let Some(spec) = &task.task_spec {
                check::task(&task.name, spec)?;
                only_ours(&task.name, spec)?;
            }
        }
        check::pipeline(&name, &pipeline.spec, &tasks)?;
        if let Some(run) = &run {
            let wanted = pipeline_of(run)?;
            if wanted != name {
                bail!("the PipelineRun wants the Pipeline {wanted}, the files have {name}");
            }
        }
        Ok(Plan {
            params: self.params(&pipeline.spec, run.as_ref())?,
            workspaces: self.bind(&pipeline.spec, run.as_ref(), &root)?,
            name: run.as_ref().map_or_else(|| format!("{name}-run"), name_of),
            pipeline: name,
            spec: pipeline.spec,
            tasks,
            promote: self.promote.clone(),
            env: self.env.clone(),
            root,
        })
    }

    /// Every param of the Pipeline: what the caller gave, else the PipelineRun, else the default.
    fn params(
        &self,
        spec: &PipelineSpec,
        run: Option<&PipelineRun>,
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
                (_, Type::String) => bail!("the param {} is no list", param.name),
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

/// The resources of all files.
#[derive(Default)]
struct Resources {
    tasks: BTreeMap<String, TaskSpec>,
    pipeline: Option<Pipeline>,
    run: Option<PipelineRun>,
}

/// Reads one resource.
///
/// # Errors
/// When it is of another kind or version, or has a field that is not implemented.
pub fn parse(text: &str) -> Result<Resource> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        api_version: String,
        kind: String,
    }
    let head: Head = serde_saphyr::from_str(text).context("no Kubernetes resource")?;
    if head.api_version != "tekton.dev/v1" {
        bail!(
            "apiVersion {} is not implemented by the runner",
            head.api_version
        );
    }
    let resource = match head.kind.as_str() {
        "Task" => serde_saphyr::from_str::<Task>(text).map(Resource::Task),
        "Pipeline" => serde_saphyr::from_str::<Pipeline>(text).map(Resource::Pipeline),
        "PipelineRun" => serde_saphyr::from_str::<PipelineRun>(text).map(Resource::PipelineRun),
        kind => bail!("kind {kind} is not implemented by the runner"),
    };
    resource.with_context(|| {
        format!(
            "kind {}: a field is wrong or not implemented by the runner",
            head.kind
        )
    })
}

fn read(path: &Path) -> Result<String> {
    let size = fs::metadata(path)?.len();
    if size > MAX_FILE {
        bail!("{size} bytes are too many");
    }
    Ok(fs::read_to_string(path)?)
}

/// A Pipeline of one Task, for a Task alone.
fn alone(tasks: &BTreeMap<String, TaskSpec>) -> Result<Pipeline> {
    let mut all = tasks.iter();
    let (Some((name, spec)), None) = (all.next(), all.next()) else {
        bail!("the files have no Pipeline, and not one Task alone");
    };
    let param = |name: &String, kind| {
        let value = match kind {
            Type::String => Value::String(format!("$(params.{name})")),
            Type::Array => Value::Array(vec![format!("$(params.{name}[*])")]),
        };
        Param {
            name: name.clone(),
            value,
        }
    };
    let used = |name: &String| WorkspaceUse {
        name: name.clone(),
        workspace: None,
        sub_path: None,
    };
    let task = PipelineTask {
        name: name.clone(),
        display_name: String::new(),
        description: String::new(),
        task_ref: Some(TaskRef {
            name: name.clone(),
            kind: None,
        }),
        task_spec: None,
        params: spec
            .params
            .iter()
            .map(|own| param(&own.name, own.kind()))
            .collect(),
        workspaces: spec.workspaces.iter().map(|own| used(&own.name)).collect(),
        run_after: Vec::new(),
        when: Vec::new(),
        retries: 0,
        timeout: None,
        on_error: OnError::StopAndFail,
    };
    Ok(Pipeline {
        api_version: "tekton.dev/v1".to_owned(),
        kind: "Pipeline".to_owned(),
        metadata: Metadata {
            name: name.clone(),
            ..Metadata::default()
        },
        spec: PipelineSpec {
            display_name: String::new(),
            description: String::new(),
            params: spec.params.clone(),
            workspaces: spec.workspaces.clone(),
            tasks: vec![task],
            finally: Vec::new(),
            results: Vec::new(),
        },
    })
}

/// Refuses a step whose program is another's: there is no container to run it in.
fn only_ours(name: &str, spec: &TaskSpec) -> Result<()> {
    for step in &spec.steps {
        let program = step.command.first().map(String::as_str).unwrap_or_default();
        if program != task_run::PROGRAM {
            bail!(
                "Task {name}: step {} runs {program}; the runner runs only {}",
                step.name,
                task_run::PROGRAM
            );
        }
    }
    Ok(())
}

fn pipeline_of(run: &PipelineRun) -> Result<String> {
    let reference = &run.spec.pipeline_ref;
    if reference.resolver.is_none() {
        return reference.name.clone().context("pipelineRef needs a name");
    }
    let param = |name: &str| {
        let found = reference.params.iter().find(|param| param.name == name);
        found
            .and_then(|param| param.value.strings().first())
            .map(String::as_str)
    };
    if param("kind") != Some("pipeline") {
        bail!("pipelineRef: the cluster resolver needs kind: pipeline");
    }
    param("name")
        .map(str::to_owned)
        .context("pipelineRef: the cluster resolver needs a name")
}

fn name_of(run: &PipelineRun) -> String {
    if run.metadata.name.is_empty() {
        format!("{}local", run.metadata.generate_name)
    } else {
        run.metadata.name.clone()
    }
}

fn has_task(spec: &PipelineSpec, name: &str) -> bool {
    spec.tasks
        .iter()
        .chain(&spec.finally)
        .any(|task| task.name == name)
}

/// `1h30m`, `5m` or `90s`.
fn duration(text: &str) -> Result<Duration> {
    let span: jiff::SignedDuration = text
        .parse()
        .with_context(|| format!("{text} is no duration"))?;
    Duration::try_from(span).with_context(|| format!("{text} is no duration"))
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
