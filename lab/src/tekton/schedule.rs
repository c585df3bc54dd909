//! Runs a Pipeline: which Task starts when, which is skipped and why, and what `finally` sees.
//!
//! The order of the checks and the texts of the reasons are Tekton's
//! (`pkg/reconciler/pipelinerun/resources`), as measured on a cluster with v1.15:
//! 1. a failed Task stops the run: what has not started is skipped;
//! 2. a Task whose parent was skipped is skipped, but not when the parent's own condition said so;
//! 3. a Task that needs a result of a Task skipped by its condition is skipped;
//! 4. its own conditions;
//! 5. a declared result that was not written and is needed ends the run at once.

mod outcome;

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;

use super::{
    check, documents, duration,
    model::{OnError, Operator, PipelineSpec, PipelineTask, TaskSpec, Value, When},
    picture::Picture,
    prepared::ReadyTask,
    programs::Programs,
    status::{Attempt, Fate, Skip, Status, TaskStatus},
    variables::Variables,
    volumes::Objects,
};

/// The directories that a workspace of the Pipeline is bound to.
#[derive(Debug, Clone)]
pub(crate) enum Bound {
    /// A directory that all TaskRuns share.
    Shared(PathBuf),
    /// An empty directory for each TaskRun.
    Fresh,
}

/// A Pipeline with everything that it needs to run.
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) pipeline: String,
    pub(crate) spec: PipelineSpec,
    pub(crate) tasks: BTreeMap<String, TaskSpec>,
    /// The `spec` of the Pipeline as it is written.
    pub(crate) document: serde_json::Value,
    /// The `spec` of each Task as it is written.
    pub(crate) documents: BTreeMap<String, serde_json::Value>,
    pub(crate) params: BTreeMap<String, Value>,
    pub(crate) workspaces: BTreeMap<String, Bound>,
    /// Program that steps run in place of `/usr/bin/promote`.
    pub(crate) promote: PathBuf,
    /// Other programs, and the stand-ins.
    pub(crate) programs: Programs,
    /// Directories in place of Secrets and ConfigMaps.
    pub(crate) objects: Objects,
    pub(crate) env: Vec<(String, String)>,
    /// The service account of every pod.
    pub(crate) account: Option<PathBuf>,
    /// The task after which the run is cancelled.
    pub(crate) cancel_after: Option<String>,
    pub(crate) root: PathBuf,
}

impl Plan {
    pub(crate) fn uid(&self) -> &'static str {
        UID
    }
}

/// The UID that every run has here.
pub const UID: &str = "3f8c2a51-7d04-4c7e-9b0e-5a1c6d2e4f70";

/// Functions to call when a Task has ended, before any other starts; by the name of the Task.
pub(crate) type Hooks = BTreeMap<String, Box<dyn FnOnce() + Send>>;

/// Runs the Pipeline and its `finally` to the end.
pub(crate) fn run(plan: &Plan, hooks: Hooks, picture: &mut Picture) -> Result<Status> {
    let mut schedule = Schedule {
        plan,
        hooks,
        picture,
        done: BTreeMap::new(),
        invalid: None,
        cancelled: false,
    };
    let started = Timestamp::now();
    schedule.picture.begin(plan);
    schedule.phase(&plan.spec.tasks, false)?;
    let finally_started = (!plan.spec.finally.is_empty()).then(Timestamp::now);
    schedule.finally()?;
    Ok(Status {
        finally_started,
        ..schedule.status(started)
    })
}

struct Schedule<'a> {
    plan: &'a Plan,
    hooks: Hooks,
    picture: &'a mut Picture,
    done: BTreeMap<String, TaskStatus>,
    /// The reason for which no further Task may start although none failed.
    invalid: Option<String>,
    /// Set once the run is cancelled.
    cancelled: bool,
}

/// The decision about a Task that waits.
enum Next {
    Wait,
    Skip(Skip, Vec<When>),
    Start(Box<ReadyTask>),
}

impl Schedule<'_> {
    /// Runs a list of Tasks until none can start any more.
    fn phase(&mut self, tasks: &[PipelineTask], finally: bool) -> Result<()> {
        let plan = self.plan;
        let mut waiting: Vec<_> = tasks.iter().collect();
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let mut running = 0_usize;
            loop {
                let (next, left) = self.choose(waiting, finally)?;
                waiting = left;
                let nothing = next.is_empty();
                for prepared in next {
                    self.picture.start(&prepared.name);
                    running += 1;
                    let sender = sender.clone();
                    scope.spawn(move || {
                        let attempts = prepared.run(plan);
                        // The receiver lives as long as this scope.
                        let _ = sender.send((prepared, attempts));
                    });
                }
                if running == 0 && nothing {
                    return Ok(());
                }
                let (prepared, attempts) = loop {
                    match receiver.recv_timeout(Duration::from_millis(100)) {
                        Ok(ended) => break ended,
                        Err(_) => self.picture.tick(),
                    }
                };
                running -= 1;
                let one = tasks.iter().find(|task| task.name == prepared.name);
                let on_error = one.map(|task| task.on_error).unwrap_or_default();
                self.ended(prepared, attempts?, on_error, finally);
            }
        })
    }

    /// Splits the waiting Tasks into those to start now and those that wait on; skips what is to be skipped.
    fn choose<'t>(
        &mut self,
        mut waiting: Vec<&'t PipelineTask>,
        finally: bool,
    ) -> Result<(Vec<ReadyTask>, Vec<&'t PipelineTask>)> {
        let mut start = Vec::new();
        loop {
            let before = waiting.len();
            let mut left = Vec::new();
            for task in waiting {
                match self.next(task, finally)? {
                    Next::Wait => left.push(task),
                    Next::Skip(skip, when) => self.skip(task, skip, when, finally),
                    Next::Start(prepared) => start.push(*prepared),
                }
            }
            waiting = left;
            // A skipped Task may decide the fate of another one.
            if waiting.len() == before {
                return Ok((start, waiting));
            }
        }
    }

    fn next(&mut self, task: &PipelineTask, finally: bool) -> Result<Next> {
        let variables = self.variables();
        let when: Vec<_> = task
            .when
            .iter()
            .map(|when| evaluate(when, &variables))
            .collect();
        if !finally {
            if self.invalid.is_some() {
                return Ok(Next::Wait);
            }
            if self.cancelled || self.done.values().any(|done| done.fate == Fate::Failed) {
                return Ok(Next::Skip(Skip::Stopping, Vec::new()));
            }
            let parents: Vec<_> = check::parents(task)
                .into_iter()
                .map(|name| self.done.get(name))
                .collect();
            if parents.iter().any(Option::is_none) {
                return Ok(Next::Wait);
            }
            let skipped =
                |done: &TaskStatus| matches!(done.fate, Fate::Skipped(skip) if skip != Skip::When);
            if parents.into_iter().flatten().any(skipped) {
                return Ok(Next::Skip(Skip::Parent, Vec::new()));
            }
        }
        for (producer, result) in check::results_used(task) {
            let done = self.done.get(producer);
            if done.is_some_and(|done| done.result(result).is_some()) {
                continue;
            }
            let skipped = done.is_some_and(|done| matches!(done.fate, Fate::Skipped(_)));
            if finally || skipped {
                return Ok(Next::Skip(Skip::MissingResult, Vec::new()));
            }
            self.invalid = Some(format!(
                "Invalid task result reference: task {producer} completed successfully but did not emit the result {result}"
            ));
            return Ok(Next::Wait);
        }
        if !when.iter().all(holds) {
            return Ok(Next::Skip(Skip::When, when));
        }
        self.prepare(task, &variables)
            .map(|prepared| Next::Start(Box::new(prepared)))
    }

    /// The variables whose values are known before anything runs.
    fn given(&self) -> Variables {
        let plan = self.plan;
        let mut variables = Variables::default();
        let mut params = Vec::new();
        for (name, value) in &plan.params {
            match value {
                Value::String(text) => params.push((format!("params.{name}"), text.clone())),
                Value::Array(items) => variables.array(format!("params.{name}"), items.clone()),
            }
        }
        variables.pass(params);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        variables.pass([
            pair("context.pipelineRun.name", &plan.name),
            pair("context.pipelineRun.namespace", super::NAMESPACE),
            pair("context.pipelineRun.uid", plan.uid()),
            pair("context.pipeline.name", &plan.pipeline),
        ]);
        variables
    }

    /// Every variable of the Pipeline as it is now.
    fn variables(&self) -> Variables {
        let plan = self.plan;
        let mut variables = self.given();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let workspaces = plan.spec.workspaces.iter().map(|own| &own.name);
        variables.pass(workspaces.map(|name| {
            let bound = plan.workspaces.contains_key(name);
            (format!("workspaces.{name}.bound"), bound.to_string())
        }));
        let mut tasks = vec![pair("tasks.status", self.aggregate())];
        for task in &plan.spec.tasks {
            let done = self.done.get(&task.name);
            let status = done.map_or("None", TaskStatus::status);
            let reason = done.map_or("None", TaskStatus::reason);
            tasks.push((format!("tasks.{}.status", task.name), status.to_owned()));
            tasks.push((format!("tasks.{}.reason", task.name), reason.to_owned()));
        }
        for (name, done) in &self.done {
            let results = done.attempts.last().map(|attempt| &attempt.results);
            for (result, value) in results.into_iter().flatten() {
                if let Some(result) = result.strip_suffix("[*]") {
                    let items = serde_json::from_str(value).unwrap_or_default();
                    variables.array(format!("tasks.{name}.results.{result}"), items);
                    continue;
                }
                tasks.push((format!("tasks.{name}.results.{result}"), value.clone()));
            }
        }
        variables.pass(tasks);
        variables
    }

    /// Returns the value of `$(tasks.status)` for `finally`.
    fn aggregate(&self) -> &'static str {
        let of_pipeline = |done: &&TaskStatus| !done.finally;
        let fates = || {
            self.done
                .values()
                .filter(of_pipeline)
                .map(|done| &done.fate)
        };
        if fates().any(|fate| matches!(fate, Fate::Failed | Fate::Ignored)) {
            "Failed"
        } else if fates().any(|fate| matches!(fate, Fate::Skipped(_))) {
            "Completed"
        } else {
            "Succeeded"
        }
    }

    fn prepare(&self, task: &PipelineTask, variables: &Variables) -> Result<ReadyTask> {
        let spec = check::spec_of(task, &self.plan.tasks).context("a checked Task is known")?;
        let task_run = format!("{}-{}", self.plan.name, task.name);
        let params = task.params.iter().map(|param| {
            let value = match &param.value {
                Value::String(text) => Value::String(variables.replace(text)),
                Value::Array(items) => Value::Array(variables.replace_all(items)),
            };
            (param.name.clone(), value)
        });
        let named = task.task_ref.as_ref().map(|named| &named.name);
        let matrix = task.matrix.iter().flat_map(|matrix| &matrix.params);
        let matrix = matrix.flat_map(|param| {
            let items = variables.replace_all(param.value.strings());
            items.into_iter().map(|item| (param.name.clone(), item))
        });
        Ok(ReadyTask {
            matrix: matrix.collect(),
            name: task.name.clone(),
            is_named: named.is_some(),
            task: named.unwrap_or(&task.name).clone(),
            document: self.document(task),
            go_timeout: documents::go_duration(task.timeout.as_deref().unwrap_or_default()),
            spec: spec.clone(),
            params: params.collect(),
            workspaces: self.workspaces(task, variables, &task_run)?,
            task_run,
            when: task.when.clone(),
            attempts: task.retries.saturating_add(1),
            timeout: task.timeout.as_deref().map(duration).transpose()?,
        })
    }

    /// The `spec` of a Pipeline's Task as a cluster has it.
    fn document(&self, task: &PipelineTask) -> serde_json::Value {
        let named = task
            .task_ref
            .as_ref()
            .and_then(|named| self.plan.documents.get(&named.name));
        if let Some(raw) = named {
            return documents::task_spec(raw);
        }
        let lists = ["tasks", "finally"].map(|list| self.plan.document[list].as_array());
        let mut all = lists.into_iter().flatten().flatten();
        let own = all.find(|one| one["name"] == task.name.as_str());
        own.map_or(serde_json::Value::Null, |own| {
            documents::embedded(&own["taskSpec"])
        })
    }

    fn workspaces(
        &self,
        task: &PipelineTask,
        variables: &Variables,
        task_run: &str,
    ) -> Result<BTreeMap<String, PathBuf>> {
        let mut bound = BTreeMap::new();
        for used in &task.workspaces {
            let name = used.workspace.as_ref().unwrap_or(&used.name);
            let mut dir = match self.plan.workspaces.get(name) {
                None => continue,
                Some(Bound::Shared(dir)) => dir.clone(),
                Some(Bound::Fresh) => self.plan.root.join("volumes").join(task_run).join(name),
            };
            if let Some(below) = &used.sub_path {
                let below = PathBuf::from(variables.replace(below));
                let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
                if !below.components().all(inside) {
                    bail!(
                        "task {}: the subPath {} leaves the workspace",
                        task.name,
                        below.display()
                    );
                }
                dir.push(below);
            }
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
            bound.insert(used.name.clone(), dir);
        }
        Ok(bound)
    }

    fn skip(&mut self, task: &PipelineTask, skip: Skip, when: Vec<When>, finally: bool) {
        let status = TaskStatus {
            name: task.name.clone(),
            task_run: String::new(),
            spec: serde_json::Value::Null,
            fate: Fate::Skipped(skip),
            attempts: Vec::new(),
            when,
            finally,
        };
        self.picture.end(&status);
        self.done.insert(task.name.clone(), status);
    }

    fn ended(
        &mut self,
        prepared: ReadyTask,
        attempts: Vec<Attempt>,
        on_error: OnError,
        finally: bool,
    ) {
        let succeeded = attempts.last().is_some_and(|attempt| attempt.succeeded);
        let fate = match (succeeded, on_error) {
            (true, _) => Fate::Succeeded,
            (false, OnError::Continue) => Fate::Ignored,
            (false, OnError::StopAndFail) => Fate::Failed,
        };
        let status = TaskStatus {
            name: prepared.name.clone(),
            spec: prepared.document(),
            task_run: prepared.task_run,
            fate,
            attempts,
            when: prepared.when,
            finally,
        };
        self.picture.end(&status);
        self.done.insert(prepared.name.clone(), status);
        self.cancelled |= self.plan.cancel_after.as_ref() == Some(&prepared.name);
        if let Some(hook) = self.hooks.remove(&prepared.name) {
            hook();
        }
    }

    /// Runs `finally`; each of its Tasks sees how the others ended.
    fn finally(&mut self) -> Result<()> {
        for task in &self.plan.spec.tasks {
            if !self.done.contains_key(&task.name) {
                let status = TaskStatus {
                    name: task.name.clone(),
                    task_run: String::new(),
                    spec: serde_json::Value::Null,
                    fate: Fate::NotRun,
                    attempts: Vec::new(),
                    when: Vec::new(),
                    finally: false,
                };
                self.picture.end(&status);
                self.done.insert(task.name.clone(), status);
            }
        }
        self.phase(&self.plan.spec.finally, true)
    }
}

fn evaluate(when: &When, variables: &Variables) -> When {
    When {
        input: variables.replace(&when.input),
        operator: when.operator,
        values: variables.replace_all(&when.values),
    }
}

fn holds(when: &When) -> bool {
    let found = when.values.contains(&when.input);
    match when.operator {
        Operator::In => found,
        Operator::NotIn => !found,
    }
}
