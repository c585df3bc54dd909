//! Reads the resources of all files, each of a kind and with fields that the runner has.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail};

use super::{
    model::{
        Metadata, OnError, Param, Pipeline, PipelineRun, PipelineSpec, PipelineTask, Resource,
        StepAction, StepActionSpec, Task, TaskRef, TaskSpec, Type, Value, WorkspaceUse,
    },
    pac::Event,
    programs::Programs,
    task_run,
};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

#[derive(Default)]
pub(crate) struct Resources {
    pub(crate) tasks: BTreeMap<String, TaskSpec>,
    pub(crate) step_actions: BTreeMap<String, StepActionSpec>,
    /// The Pipeline, if there is one.
    pub(crate) pipeline: Option<Pipeline>,
    /// The PipelineRun, if there is one.
    pub(crate) run: Option<PipelineRun>,
    /// The `spec` of every Task by its name, and of the Pipeline under `Pipeline`, as they are written.
    pub(crate) documents: BTreeMap<String, serde_json::Value>,
    /// Params of the PipelineRun whose value is read from a cluster.
    pub(crate) unfilled: Vec<String>,
}

/// The beginning of a param that names a Secret of the cluster.
pub(crate) const KEY: &str = "k8s://";

impl Resources {
    /// Reads named texts; an event fills in the variables `{{ … }}`.
    pub(crate) fn read(
        texts: Vec<(String, String)>,
        event: Option<&Event>,
        programs: &Programs,
    ) -> Result<Self> {
        let mut found = Self::default();
        for (name, text) in texts {
            let text = match event {
                Some(event) => event.fill(&text).with_context(|| name.clone())?,
                None if text.contains("{{") => bail!("{name} has {{{{ … }}}}: it needs an event"),
                None => text,
            };
            found.keep_document(&text).with_context(|| name.clone())?;
            let document: serde_json::Value = serde_saphyr::from_str(&text)?;
            if let Some((task, spec)) = programs
                .stand_in_for(&document)
                .with_context(|| name.clone())?
            {
                if found.tasks.insert(task, spec).is_some() {
                    bail!("{name}: there is one of these already");
                }
                continue;
            }
            let twice = match parse(&text).with_context(|| name.clone())? {
                Resource::Task(task) => found.tasks.insert(task.metadata.name, task.spec).is_some(),
                Resource::Pipeline(pipeline) => found.pipeline.replace(pipeline).is_some(),
                Resource::PipelineRun(run) => found.run.replace(run).is_some(),
                Resource::StepAction(action) => found
                    .step_actions
                    .insert(action.metadata.name, action.spec)
                    .is_some(),
            };
            if twice {
                bail!("{name}: there is one of these already");
            }
        }
        if let (Some(event), Some(run)) = (event, &found.run) {
            event.starts(&run.metadata)?;
        }
        if let Some(run) = &found.run {
            let of_cluster =
                |param: &&Param| param.value.strings().iter().any(|v| v.starts_with(KEY));
            let params = run.spec.params.iter().filter(of_cluster);
            found.unfilled = params.map(|param| param.name.clone()).collect();
        }
        Ok(found)
    }
}

impl Resources {
    fn keep_document(&mut self, text: &str) -> Result<()> {
        let document: serde_json::Value = serde_saphyr::from_str(text)?;
        let name = match document["kind"].as_str() {
            Some("Task") => document["metadata"]["name"].as_str().unwrap_or_default(),
            Some("Pipeline") => "Pipeline",
            _ => return Ok(()),
        };
        self.documents
            .insert(name.to_owned(), document["spec"].clone());
        Ok(())
    }
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
    let versions: &[&str] = match head.kind.as_str() {
        "StepAction" => &["tekton.dev/v1", "tekton.dev/v1beta1"],
        _ => &["tekton.dev/v1"],
    };
    if !versions.contains(&head.api_version.as_str()) {
        bail!(
            "apiVersion {} is not implemented by the runner",
            head.api_version
        );
    }
    let resource = match head.kind.as_str() {
        "Task" => serde_saphyr::from_str::<Task>(text).map(Resource::Task),
        "Pipeline" => serde_saphyr::from_str::<Pipeline>(text).map(Resource::Pipeline),
        "PipelineRun" => serde_saphyr::from_str::<PipelineRun>(text).map(Resource::PipelineRun),
        "StepAction" => serde_saphyr::from_str::<StepAction>(text).map(Resource::StepAction),
        kind => bail!("kind {kind} is not implemented by the runner"),
    };
    resource.with_context(|| {
        format!(
            "kind {}: a field is wrong or not implemented by the runner",
            head.kind
        )
    })
}

/// Reads a file that is not too large.
pub(crate) fn read(path: &Path) -> Result<String> {
    let size = fs::metadata(path)?.len();
    if size > MAX_FILE {
        bail!("{size} bytes are too many");
    }
    Ok(fs::read_to_string(path)?)
}

/// A Pipeline of one Task, for a Task alone.
pub(crate) fn alone(tasks: &BTreeMap<String, TaskSpec>) -> Result<Pipeline> {
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
            ..TaskRef::default()
        }),
        matrix: None,
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

/// Refuses a step whose program has no stand-in: no container runs it here.
pub(crate) fn only_ours(name: &str, spec: &TaskSpec, programs: &Programs) -> Result<()> {
    for step in &spec.steps {
        let program = step.command.first().map(String::as_str).unwrap_or_default();
        let is_function = programs.function(&step.command).is_some();
        if program != task_run::PROGRAM && !is_function {
            bail!(
                "Task {name}: step {} runs {program}, which has no stand-in; the runner runs only {}",
                step.name,
                task_run::PROGRAM
            );
        }
    }
    Ok(())
}

/// Returns the name of the Pipeline that a PipelineRun runs.
pub(crate) fn pipeline_of(run: &PipelineRun) -> Result<String> {
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

/// Returns the name of a PipelineRun, made of `generateName` if it has none.
pub(crate) fn name_of(run: &PipelineRun) -> String {
    if run.metadata.name.is_empty() {
        format!("{}local", run.metadata.generate_name)
    } else {
        run.metadata.name.clone()
    }
}
