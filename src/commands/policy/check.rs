//! `policy check`: parses and compiles policies, with the checks that production adds.

use std::path::PathBuf;

use serde_json::Value;

use super::{super::Outcome, read};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    policy::rego::{FunctionHost, Module, Policy, without_metadata},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The files and directories with policies and data
    #[arg(required = true, value_name = "PATH")]
    path: Vec<PathBuf>,
}

/// Checks everything together, then the policies without their unit tests.
///
/// # Errors
/// [`Kind::Usage`] with every mistake that was found, [`Kind::NotFound`] for a path that does not exist.
pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let files = read(&args.path)?;
    let count = files.modules.len();
    let data = Value::Object(files.data);
    let tests = files
        .modules
        .iter()
        .filter(|module| module.is_test())
        .count();
    let production: Vec<Module> = files
        .modules
        .iter()
        .filter(|module| !module.is_test())
        .cloned()
        .collect();
    let all = Policy::read_with_tests(files.modules).or_fail(Kind::Usage)?;
    let mut rules = 0;
    if tests < count {
        let policy = match tests {
            0 => all,
            _ => Policy::read(production).or_fail(Kind::Usage)?,
        };
        policy
            .compile(&data, &FunctionHost::offline())
            .or_fail(Kind::Usage)?;
        for rule in policy.rules().filter(|rule| rule.gives_results()) {
            rules += 1;
            if rule.code().is_none() {
                tracing::warn!("{}", without_metadata(rule));
            }
        }
    }
    let text =
        format!("{count} files, {tests} of them tests, {rules} rules with results: no mistakes\n");
    Ok(Outcome {
        stdout: text.into_bytes(),
        ..Outcome::default()
    })
}
