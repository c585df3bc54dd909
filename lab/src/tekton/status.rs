//! The status of a run: its verdict, the fate of each Task, and both as the documents of a cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{documents, model::When};

/// The reason for which a Task was skipped, as Tekton names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    When,
    /// A parent was skipped, and not by its own condition.
    Parent,
    /// A skipped Task did not write a result that it needs.
    MissingResult,
    Stopping,
}

impl Skip {
    /// Returns the reason that Tekton reports for it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::When => "When Expressions evaluated to false",
            Self::Parent => "Parent Tasks were skipped",
            Self::MissingResult => "Results were missing",
            Self::Stopping => "PipelineRun was stopping",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Succeeded,
    /// A step failed in the last attempt.
    Failed,
    /// A step failed, and `onError: continue` let it pass.
    Ignored,
    Skipped(Skip),
    /// The run was over before its turn.
    NotRun,
}

#[derive(Debug, Clone)]
pub struct StepStatus {
    pub name: String,
    /// The image that a cluster would run.
    pub image: String,
    pub started: Timestamp,
    pub finished: Timestamp,
    /// The results that it left, as JSON.
    pub message: Option<String>,
    /// The exit code; none when it was stopped or never started.
    pub exit_code: Option<i32>,
    /// `Completed`, `Continued`, `Error`, `TimeoutExceeded` or `Skipped`.
    pub reason: &'static str,
}

#[derive(Debug, Clone)]
pub struct Attempt {
    pub started: Timestamp,
    pub completed: Timestamp,
    pub succeeded: bool,
    pub reason: &'static str,
    pub message: String,
    pub steps: Vec<StepStatus>,
    pub results: BTreeMap<String, String>,
    /// The output of the steps, with the paths of a cluster.
    pub log: String,
    /// The Task with the values of the run.
    pub spec: Value,
}

#[derive(Debug, Clone)]
pub struct TaskStatus {
    pub name: String,
    pub task_run: String,
    pub fate: Fate,
    /// Its attempts, in order; empty when it was not run.
    pub attempts: Vec<Attempt>,
    /// The `spec` of its TaskRun; null when it was not run.
    pub spec: Value,
    /// Its conditions: as they are written when it ran, with the values that they had when they skipped it.
    pub when: Vec<When>,
    pub finally: bool,
}

impl TaskStatus {
    /// A result of the last attempt.
    #[must_use]
    pub fn result(&self, name: &str) -> Option<&str> {
        self.attempts.last()?.results.get(name).map(String::as_str)
    }

    /// The exit code of the last step that ran.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        let steps = self.attempts.last()?.steps.iter().rev();
        steps.filter_map(|step| step.exit_code).next()
    }

    #[must_use]
    pub fn log(&self) -> &str {
        self.attempts.last().map_or("", |attempt| &attempt.log)
    }

    pub(crate) fn status(&self) -> &'static str {
        match self.fate {
            Fate::Succeeded => "Succeeded",
            Fate::Failed | Fate::Ignored => "Failed",
            Fate::Skipped(_) | Fate::NotRun => "None",
        }
    }

    pub(crate) fn reason(&self) -> &'static str {
        match (&self.fate, self.attempts.last()) {
            (Fate::Ignored, _) => "FailureIgnored",
            (_, Some(attempt)) => attempt.reason,
            (_, None) => "None",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Status {
    pub name: String,
    pub pipeline: String,
    pub succeeded: bool,
    pub reason: &'static str,
    pub message: String,
    pub started: Timestamp,
    pub completed: Timestamp,
    /// When the Tasks of `finally` began, if there are any.
    pub finally_started: Option<Timestamp>,
    /// Every Task of the Pipeline, in its order, those of `finally` last.
    pub tasks: Vec<TaskStatus>,
    pub results: BTreeMap<String, String>,
    /// Their names in the order in which the Pipeline declares them.
    pub(crate) result_order: Vec<String>,
    /// The `spec` of the Pipeline with the values of the run; null for a Task alone.
    pub(crate) spec: Value,
}

impl Status {
    /// A Task by its name in the Pipeline.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskStatus> {
        self.tasks.iter().find(|task| task.name == name)
    }

    #[must_use]
    pub fn failed_task(&self) -> Option<&TaskStatus> {
        self.tasks.iter().find(|task| task.fate == Fate::Failed)
    }

    /// The PipelineRun as `kubectl get -o json` would show it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let ran = self.tasks.iter().filter(|task| !task.attempts.is_empty());
        let children: Vec<_> = ran.map(child).collect();
        let skipped: Vec<_> = self.tasks.iter().filter_map(skipped).collect();
        let results = self.result_order.iter();
        let results = results.filter_map(|name| {
            let value = self.results.get(name)?;
            Some(json!({"name": name, "value": value}))
        });
        let finally = self.finally_started.map(seconds).map(Value::from);
        let completed = seconds(self.completed);
        let condition = condition(self.succeeded, self.reason, &self.message, &completed);
        let status = documents::without_empty(vec![
            ("childReferences", children.into()),
            ("completionTime", completed.into()),
            ("conditions", json!([condition])),
            ("finallyStartTime", finally.unwrap_or_default()),
            ("pipelineSpec", self.spec.clone()),
            ("provenance", provenance(&self.pipeline)),
            ("results", results.collect::<Vec<_>>().into()),
            ("skippedTasks", skipped.into()),
            ("startTime", seconds(self.started).into()),
        ]);
        json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "PipelineRun",
            "metadata": {"name": self.name, "labels": {"tekton.dev/pipeline": self.pipeline}},
            "status": status,
        })
    }

    /// The TaskRuns as `kubectl get -o json` would show them, with their names.
    #[must_use]
    pub fn task_runs(&self) -> Vec<(String, Value)> {
        let ran = self.tasks.iter().filter_map(|task| {
            let (last, retried) = task.attempts.split_last()?;
            let pod = format!("{}-pod", task.task_run);
            let mut status = attempt(last, &pod);
            let retried: Vec<_> = retried.iter().map(|one| attempt(one, &pod)).collect();
            if !retried.is_empty() {
                status["retriesStatus"] = Value::from(retried);
            }
            let document = json!({
                "apiVersion": "tekton.dev/v1",
                "kind": "TaskRun",
                "metadata": {"name": task.task_run, "labels": {
                    "tekton.dev/pipelineRun": self.name,
                    "tekton.dev/pipelineTask": task.name,
                }},
                "spec": task.spec,
                "status": status,
            });
            Some((task.task_run.clone(), document))
        });
        ran.collect()
    }
}

fn child(task: &TaskStatus) -> Value {
    let mut child = json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "name": task.task_run,
        "pipelineTaskName": task.name,
    });
    if !task.when.is_empty() {
        child["whenExpressions"] = json!(task.when);
    }
    child
}

fn skipped(task: &TaskStatus) -> Option<Value> {
    let Fate::Skipped(skip) = task.fate else {
        return None;
    };
    let mut entry = json!({"name": task.name, "reason": skip.reason()});
    if skip == Skip::When {
        entry["whenExpressions"] = json!(task.when);
    }
    Some(entry)
}

fn attempt(attempt: &Attempt, pod: &str) -> Value {
    let steps = attempt.steps.iter().map(step);
    let completed = seconds(attempt.completed);
    let condition = condition(
        attempt.succeeded,
        attempt.reason,
        &attempt.message,
        &completed,
    );
    let status = documents::without_empty(vec![
        ("artifacts", json!({})),
        ("completionTime", completed.into()),
        ("conditions", json!([condition])),
        ("podName", pod.into()),
        ("provenance", documents::provenance()),
        ("results", result_list(&attempt.results).into()),
        ("startTime", seconds(attempt.started).into()),
        ("steps", steps.collect::<Vec<_>>().into()),
        ("taskSpec", attempt.spec.clone()),
    ]);
    Value::Object(status)
}

fn step(step: &StepStatus) -> Value {
    // The kubelet has two reasons; the entrypoint's own is beside it.
    let reason = if step.exit_code == Some(0) {
        "Completed"
    } else {
        "Error"
    };
    let terminated = documents::without_empty(vec![
        ("containerID", format!("lab://{}", step.name).into()),
        ("exitCode", step.exit_code.into()),
        ("finishedAt", seconds(step.finished).into()),
        ("message", step.message.clone().into()),
        ("reason", reason.into()),
        ("startedAt", seconds(step.started).into()),
    ]);
    json!({
        "container": format!("step-{}", step.name),
        "imageID": step.image,
        "name": step.name,
        "provenance": {},
        "terminated": terminated,
        "terminationReason": step.reason,
    })
}

/// Returns the provenance of a run: feature flags, and the address of the Pipeline.
fn provenance(pipeline: &str) -> Value {
    let mut provenance = documents::provenance();
    let namespace = super::NAMESPACE;
    let path = format!("/apis/tekton.dev/v1/namespaces/{namespace}/pipeline/{pipeline}@lab");
    provenance["refSource"] = json!({"digest": {"sha256": ""}, "uri": path});
    provenance
}

fn condition(succeeded: bool, reason: &str, message: &str, time: &str) -> Value {
    let status = if succeeded { "True" } else { "False" };
    json!({
        "lastTransitionTime": time,
        "message": message,
        "reason": reason,
        "status": status,
        "type": "Succeeded",
    })
}

fn result_list(results: &BTreeMap<String, String>) -> Vec<Value> {
    let entries = results.iter();
    entries
        .map(|(name, value)| json!({"name": name, "type": "string", "value": value}))
        .collect()
}

/// RFC 3339 without fractions, as Kubernetes writes times.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
