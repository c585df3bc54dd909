//! A Task that may start now, with everything that it needs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use serde_json::json;

use super::{
    model::{TaskSpec, Value, When},
    schedule::Plan,
    status::Attempt,
    task_run::TaskRun,
};

/// A Task with its values, ready to run in a thread of its own.
pub(crate) struct ReadyTask {
    pub(crate) name: String,
    pub(crate) task_run: String,
    pub(crate) task: String,
    /// The Pipeline names the Task; otherwise it has its spec.
    pub(crate) is_named: bool,
    pub(crate) spec: TaskSpec,
    /// The spec in the form that a cluster has.
    pub(crate) document: serde_json::Value,
    /// The longest time of one attempt, as Go writes it.
    pub(crate) go_timeout: String,
    pub(crate) params: BTreeMap<String, Value>,
    /// The bound workspaces: the Task's name for each, and the directory.
    pub(crate) workspaces: BTreeMap<String, PathBuf>,
    /// The values of its matrix, each with the name of the param; empty without one.
    pub(crate) matrix: Vec<(String, String)>,
    /// Its conditions as they are written.
    pub(crate) when: Vec<When>,
    pub(crate) attempts: u32,
    /// The longest time of one attempt.
    pub(crate) timeout: Option<Duration>,
}

impl ReadyTask {
    /// Runs it until an attempt succeeds or none is left.
    pub(crate) fn run(&self, plan: &Plan) -> Result<Vec<Attempt>> {
        if self.matrix.is_empty() {
            return self.attempts(&self.task_run, &self.params, plan);
        }
        let mut lasts: Vec<Attempt> = Vec::new();
        for (number, (param, value)) in self.matrix.iter().enumerate() {
            let mut params = self.params.clone();
            params.insert(param.clone(), Value::String(value.clone()));
            let name = format!("{}-{number}", self.task_run);
            let last = self.attempts(&name, &params, plan)?.pop();
            lasts.push(last.context("a Task has an attempt")?);
        }
        Ok(joined(lasts).into_iter().collect())
    }

    fn attempts(
        &self,
        task_run: &str,
        params: &BTreeMap<String, Value>,
        plan: &Plan,
    ) -> Result<Vec<Attempt>> {
        let mut attempts = Vec::new();
        for number in 0..self.attempts {
            let root: &Path = &plan.root;
            let attempt = TaskRun {
                name: task_run,
                task: &self.task,
                spec: &self.spec,
                document: &self.document,
                params,
                workspaces: &self.workspaces,
                promote: &plan.promote,
                programs: &plan.programs,
                objects: &plan.objects,
                env: &plan.env,
                account: plan.account.as_deref(),
                timeout: self.timeout,
                root: root.join("pods").join(task_run).join(number.to_string()),
            };
            let attempt = attempt
                .attempt()
                .with_context(|| format!("task {}", self.name))?;
            let succeeded = attempt.succeeded;
            attempts.push(attempt);
            if succeeded {
                break;
            }
        }
        Ok(attempts)
    }

    /// The `spec` of the TaskRun, without the volumes that only a cluster has.
    pub(crate) fn document(&self) -> serde_json::Value {
        let params = self.params.iter().map(|(name, value)| match value {
            Value::String(text) => json!({"name": name, "value": text}),
            Value::Array(items) => json!({"name": name, "value": items}),
        });
        let params: Vec<_> = params.collect();
        let mut spec = json!({"serviceAccountName": "default", "timeout": self.go_timeout});
        if !params.is_empty() {
            spec["params"] = params.into();
        }
        if self.attempts > 1 {
            spec["retries"] = (self.attempts - 1).into();
        }
        spec[if self.is_named { "taskRef" } else { "taskSpec" }] = match self.is_named {
            true => json!({"kind": "Task", "name": self.task}),
            false => self.document.clone(),
        };
        if !self.workspaces.is_empty() {
            let names = self.workspaces.keys();
            spec["workspaces"] = names.map(|name| json!({"name": name})).collect();
        }
        spec
    }
}

/// One attempt for all runs of a matrix: it failed where one of them did, and its results are lists.
fn joined(runs: Vec<Attempt>) -> Option<Attempt> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for run in &runs {
        for (name, value) in &run.results {
            lists
                .entry(format!("{name}[*]"))
                .or_default()
                .push(value.clone());
        }
    }
    let log: String = runs.iter().map(|run| run.log.as_str()).collect();
    let failed = runs.iter().position(|run| !run.succeeded);
    let mut runs = runs;
    let mut one = match failed {
        Some(at) => runs.swap_remove(at),
        None => runs.pop()?,
    };
    // A list lacks the results of a run that did not write them, as in Tekton.
    let all = runs.len() + 1;
    lists.retain(|_, values| values.len() == all);
    one.results = lists
        .into_iter()
        .map(|(name, values)| (name, json!(values).to_string()))
        .collect();
    one.log = log;
    Some(one)
}
