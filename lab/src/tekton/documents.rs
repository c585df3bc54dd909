//! The documents that a cluster shows beside what happened: specs with the defaults of Tekton's
//! admission filled in, as they were recorded with v1.15.

use serde_json::{Map, Value, json};

use super::variables::Variables;

/// The time that a Task has when its Pipeline sets none.
const DEFAULT_TIMEOUT: &str = "1h0m0s";

/// The switches of the cluster on which the recorded statuses were made.
pub(crate) fn provenance() -> Value {
    json!({"featureFlags": {
        "awaitSidecarReadiness": true,
        "coschedule": "workspaces",
        "enableAPIFields": "beta",
        "enableProvenanceInStatus": true,
        "enforceNonfalsifiability": "none",
        "maxResultSize": 4096,
        "resultExtractionMethod": "termination-message",
        "runningInEnvWithInjectedSidecars": true,
        "sendCloudEventsForRuns": true,
        "setSecurityContext": true,
        "verificationNoMatchPolicy": "ignore",
    }})
}

/// Returns the `spec` of a Task with Tekton's defaults.
pub(crate) fn task_spec(raw: &Value) -> Value {
    let mut spec = raw.clone();
    fill_types(&mut spec, "params");
    fill_types(&mut spec, "results");
    if let Some(template) = spec.get_mut("stepTemplate").and_then(Value::as_object_mut) {
        template.entry("computeResources").or_insert(json!({}));
    }
    for step in items(&mut spec, "steps") {
        if let Some(step) = step.as_object_mut() {
            step.entry("computeResources").or_insert(json!({}));
        }
    }
    spec
}

/// The `spec` of a Task within a Pipeline: each step has what it takes from the template.
pub(crate) fn embedded(raw: &Value) -> Value {
    let mut spec = task_spec(raw);
    let template = spec.get("stepTemplate").cloned().unwrap_or_default();
    for step in items(&mut spec, "steps") {
        let Some(step) = step.as_object_mut() else {
            continue;
        };
        for key in ["env", "securityContext"] {
            if let Some(value) = template.get(key) {
                step.entry(key).or_insert_with(|| value.clone());
            }
        }
    }
    spec
}

/// The `spec` of a Task as its TaskRun shows it: with the values of the run in its steps.
pub(crate) fn filled_steps(spec: &Value, variables: &Variables) -> Value {
    let mut spec = spec.clone();
    for step in items(&mut spec, "steps") {
        for key in ["command", "args"] {
            if let Some(list) = step.get_mut(key) {
                *list = replaced(list, variables);
            }
        }
    }
    spec
}

/// The `spec` of a Pipeline with the values of its params and of the run.
pub(crate) fn pipeline_spec(raw: &Value, variables: &Variables) -> Value {
    let mut spec = raw.clone();
    fill_types(&mut spec, "params");
    for list in ["tasks", "finally"] {
        for task in items(&mut spec, list) {
            pipeline_task(task, variables);
        }
    }
    spec
}

fn pipeline_task(task: &mut Value, variables: &Variables) {
    if let Some(named) = task.get_mut("taskRef").and_then(Value::as_object_mut) {
        named.entry("kind").or_insert("Task".into());
    }
    if let Some(timeout) = task.get_mut("timeout") {
        *timeout = Value::from(go_duration(timeout.as_str().unwrap_or_default()));
    }
    if let Some(raw) = task.get("taskSpec").cloned() {
        let mut own = embedded(&raw);
        own["metadata"] = json!({});
        own["spec"] = Value::Null;
        task["taskSpec"] = own;
    }
    for param in items(task, "params") {
        if let Some(value) = param.get_mut("value") {
            *value = replaced(value, variables);
        }
    }
}

/// A duration as Go writes it, such as `5m0s`.
pub(crate) fn go_duration(text: &str) -> String {
    let Ok(duration) = super::duration(text) else {
        return DEFAULT_TIMEOUT.to_owned();
    };
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn replaced(value: &Value, variables: &Variables) -> Value {
    match value {
        Value::String(text) => variables.replace(text).into(),
        Value::Array(list) => {
            let texts = list.iter().filter_map(Value::as_str).map(str::to_owned);
            variables.replace_all(&texts.collect::<Vec<_>>()).into()
        }
        other => other.clone(),
    }
}

fn fill_types(spec: &mut Value, list: &str) {
    for item in items(spec, list) {
        let Some(item) = item.as_object_mut() else {
            continue;
        };
        let kind = match item.get("default") {
            Some(Value::Array(_)) => "array",
            _ => "string",
        };
        item.entry("type").or_insert(kind.into());
    }
}

fn items<'a>(spec: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> {
    let found = spec.get_mut(list).and_then(Value::as_array_mut);
    found.into_iter().flatten()
}

/// A status without the members that a cluster leaves out: null and empty lists.
pub(crate) fn without_empty(pairs: Vec<(&str, Value)>) -> Map<String, Value> {
    let kept = pairs.into_iter().filter(|(_, value)| {
        !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
    });
    kept.map(|(key, value)| (key.to_owned(), value)).collect()
}
