//! `test-output`: the Tekton result TEST_OUTPUT of a Pipeline, computed from how its tasks ended.
//!
//! For the `finally` task of an integration test of Konflux, whose integration service reads the result: the
//! members `result`, `timestamp`, `successes`, `failures` and `warnings` are required.

use serde_json::json;

use super::{Context, Outcome};
use crate::failure::{Failure, Kind};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["TEST_OUTPUT"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The status of a task, $(tasks.NAME.status) in Tekton: Succeeded, Failed, or None if it was skipped
    #[arg(long, value_name = "TASK=STATUS")]
    task: Vec<String>,
    /// The same as --task, as arguments after --
    #[arg(last = true, value_name = "TASK=STATUS")]
    tasks: Vec<String>,
    /// The tasks that must have succeeded, separated by commas; other tasks may be skipped, but not fail
    #[arg(long, value_name = "TASK", required = true, value_delimiter = ',')]
    required: Vec<String>,
}

/// The final status of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TaskStatus {
    Succeeded,
    Failed,
    None,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Usage`] for a status that Tekton does not have, and a required task without one.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let tasks: Vec<_> = args
        .task
        .iter()
        .chain(&args.tasks)
        .map(|given| task(given))
        .collect::<Result<_, _>>()?;
    for name in &args.required {
        if !tasks.iter().any(|(known, _)| known == name) {
            let text = format!("--required {name} has no --task {name}=STATUS");
            return Err(Failure::message(Kind::Usage, text));
        }
    }
    let of = |wanted: TaskStatus| tasks.iter().filter(move |(_, status)| *status == wanted);
    let failed: Vec<_> = of(TaskStatus::Failed).map(|(name, _)| *name).collect();
    let missing = of(TaskStatus::None).map(|(name, _)| *name);
    let missing: Vec<_> = missing
        .filter(|name| args.required.iter().any(|required| required == name))
        .collect();
    let (result, note) = match (failed.as_slice(), missing.as_slice()) {
        ([], []) => ("SUCCESS", "every task succeeded".to_owned()),
        ([], missing) => ("ERROR", format!("not run: {}", missing.join(", "))),
        (failed, _) => ("FAILURE", format!("failed: {}", failed.join(", "))),
    };
    let output = json!({
        "result": result,
        "timestamp": context.clock.written().as_second().to_string(),
        "namespace": "default",
        "successes": of(TaskStatus::Succeeded).count(),
        "failures": failed.len() + missing.len(),
        "warnings": 0,
        "note": note,
    });
    let mut outcome = Outcome {
        stdout: format!("{output}\n").into_bytes(),
        ..Outcome::default()
    };
    outcome.results.set("TEST_OUTPUT", output.to_string());
    Ok(outcome)
}

fn task(given: &str) -> Result<(&str, TaskStatus), Failure> {
    let wrong = || {
        let text = format!("--task {given:?}: expected NAME=Succeeded, NAME=Failed or NAME=None");
        Failure::message(Kind::Usage, text)
    };
    let (name, status) = given.split_once('=').ok_or_else(wrong)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(wrong());
    }
    let status = match status {
        "Succeeded" => TaskStatus::Succeeded,
        "Failed" => TaskStatus::Failed,
        "None" => TaskStatus::None,
        _ => return Err(wrong()),
    };
    Ok((name, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_tekton_writes() {
        assert!(matches!(
            task("test=Failed"),
            Ok(("test", TaskStatus::Failed))
        ));
        for wrong in ["test", "=Failed", "test=", "test=failed", "a\"b=None"] {
            assert!(task(wrong).is_err(), "{wrong}");
        }
    }
}
