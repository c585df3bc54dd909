//! Puts StepActions in place of the steps that refer to them.
//!
//! A StepAction sees its own params alone, and its results become results of the Task where the Task says so.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::{
    model::{ParamSpec, StepActionSpec, TaskSpec, TaskStep, Type, Value},
    variables::references,
};

/// Replaces every reference of a Task.
pub(crate) fn inline(
    name: &str,
    task: &mut TaskSpec,
    actions: &BTreeMap<String, StepActionSpec>,
) -> Result<()> {
    let results: Vec<_> = task
        .results
        .iter()
        .filter_map(|result| Some((result.name.clone(), result.value.clone()?)))
        .collect();
    let mut taken = Vec::new();
    for step in &mut task.steps {
        let Some(reference) = step.r#ref.take() else {
            if !step.params.is_empty() {
                bail!(
                    "Task {name}: step {} has params and refers to no StepAction",
                    step.name
                );
            }
            continue;
        };
        let of = format!("Task {name}: step {}", step.name);
        let Some(action) = actions.get(&reference.name) else {
            bail!(
                "{of}: the StepAction {} is in none of the files",
                reference.name
            );
        };
        if !step.image.is_empty() || !step.command.is_empty() || !step.args.is_empty() {
            bail!("{of} refers to a StepAction and has a program of its own");
        }
        let mut paths = BTreeMap::new();
        for result in &action.results {
            let value = format!("$(steps.{}.results.{})", step.name, result.name);
            let of_task = results.iter().find(|(_, from)| *from == value);
            let path = match of_task {
                Some((of_task, _)) => format!("$(results.{of_task}.path)"),
                None => format!("/tekton/steps/step-{}/{}", step.name, result.name),
            };
            taken.push(value);
            paths.insert(result.name.clone(), path);
        }
        replace(&of, step, action, &paths)?;
    }
    match results.iter().find(|(_, value)| !taken.contains(value)) {
        Some((result, value)) => bail!("Task {name}: result {result}: no step has {value}"),
        None => Ok(()),
    }
}

/// Puts the program, variables and mounts of a StepAction into the step that refers to it.
fn replace(
    of: &str,
    step: &mut TaskStep,
    action: &StepActionSpec,
    paths: &BTreeMap<String, String>,
) -> Result<()> {
    let given = values(of, step, action)?;
    let fill = |text: &str| fill(of, text, &given, paths);
    step.image.clone_from(&action.image);
    step.command = fill_all(&action.command, &fill)?;
    step.args = fill_all(&action.args, &fill)?;
    step.security_context = action.security_context.clone();
    let mounts = action.volume_mounts.iter().cloned();
    step.volume_mounts.extend(mounts);
    for env in &action.env {
        let mut env = env.clone();
        env.value = single(of, fill(&env.value)?)?;
        step.env.push(env);
    }
    step.params.clear();
    Ok(())
}

/// The value of each param: that of the step, else the default.
fn values(of: &str, step: &TaskStep, action: &StepActionSpec) -> Result<BTreeMap<String, Value>> {
    let declared = |name: &str| action.params.iter().any(|param| param.name == name);
    if let Some(unknown) = step.params.iter().find(|given| !declared(&given.name)) {
        bail!("{of}: the StepAction has no param {}", unknown.name);
    }
    let value = |param: &ParamSpec| {
        let given = step.params.iter().find(|given| given.name == param.name);
        let value = given.map(|given| &given.value).or(param.default.as_ref());
        match value {
            None => bail!("{of}: the StepAction needs the param {}", param.name),
            // A list may be given as the whole of another.
            Some(Value::String(text)) if param.kind() == Type::Array && text.ends_with("[*])") => {
                Ok((param.name.clone(), Value::Array(vec![text.clone()])))
            }
            Some(value) if value.kind() != param.kind() => {
                bail!("{of}: the param {} is of another type", param.name)
            }
            Some(value) => Ok((param.name.clone(), value.clone())),
        }
    };
    action.params.iter().map(value).collect()
}

fn fill_all(texts: &[String], fill: &dyn Fn(&str) -> Result<Vec<String>>) -> Result<Vec<String>> {
    let mut filled = Vec::new();
    for text in texts {
        filled.extend(fill(text)?);
    }
    Ok(filled)
}

fn single(of: &str, texts: Vec<String>) -> Result<String> {
    match <[String; 1]>::try_from(texts) {
        Ok([text]) => Ok(text),
        Err(_) => bail!("{of}: a variable cannot be a list"),
    }
}

/// Replaces what a StepAction may refer to. What is put in is not looked at again.
fn fill(
    of: &str,
    text: &str,
    params: &BTreeMap<String, Value>,
    paths: &BTreeMap<String, String>,
) -> Result<Vec<String>> {
    if let Some(name) = text
        .strip_prefix("$(params.")
        .and_then(|rest| rest.strip_suffix("[*])"))
        && let Some(Value::Array(items)) = params.get(name)
    {
        return Ok(items.clone());
    }
    let mut filled = text.to_owned();
    for reference in references(text) {
        let own = reference
            .strip_prefix("params.")
            .and_then(|name| params.get(name));
        let path = reference
            .strip_prefix("step.results.")
            .and_then(|name| name.strip_suffix(".path"))
            .and_then(|name| paths.get(name));
        let value = match (own, path) {
            (Some(Value::String(value)), _) => value,
            (_, Some(path)) => path,
            _ if reference.starts_with("context.") || reference == "credentials.path" => continue,
            _ => bail!("{of}: the StepAction has no $({reference})"),
        };
        filled = filled.replacen(&format!("$({reference})"), value, 1);
    }
    Ok(vec![filled])
}
