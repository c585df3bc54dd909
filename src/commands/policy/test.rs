//! `policy test`: runs unit tests and shows the expressions that fail.

mod show;

use std::{collections::BTreeMap, path::PathBuf};

use regex::Regex;
use serde_json::Value;

use super::{super::Outcome, PolicyFormat, read};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    policy::rego::{
        Policy,
        testing::{self, TestVerdict, Tested},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The files and directories with policies and data
    #[arg(required = true, value_name = "PATH")]
    path: Vec<PathBuf>,
    /// Run only tests with a path (data.package.test_name) that matches this regular expression
    #[arg(long, short = 'r', value_name = "REGEX")]
    run: Option<Regex>,
    /// List passed tests too
    #[arg(long)]
    verbose: bool,
    /// The output format; json is a list of tests as `opa test` writes it
    #[arg(long, value_enum, default_value_t = PolicyFormat::Text)]
    format: PolicyFormat,
    /// Report which lines the tests evaluated; json is then an object with tests, coverage and files
    #[arg(long, short = 'c')]
    coverage: bool,
}

/// Runs the tests.
///
/// # Errors
/// [`Kind::Usage`] for policies that cannot be used, [`Kind::NotFound`] without tests.
pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let files = read(&args.path)?;
    if files.modules.is_empty() {
        let paths: Vec<_> = args
            .path
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let text = format!(
            "no .rego file in {}: expected rules and their tests",
            paths.join(", ")
        );
        return Err(Failure::message(Kind::Usage, text));
    }
    let texts: BTreeMap<String, String> = files
        .modules
        .iter()
        .map(|module| (module.file.clone(), module.source.clone()))
        .collect();
    let policy = Policy::read_with_tests(files.modules).or_fail(Kind::Usage)?;
    let wanted = |path: &str| args.run.as_ref().is_none_or(|run| run.is_match(path));
    let run = testing::run(&policy, &Value::Object(files.data), wanted).or_fail(Kind::Usage)?;
    if run.tests.is_empty() {
        let what = match &args.run {
            Some(run) => format!("no test has a path that matches {:?}", run.as_str()),
            None => "there are no tests".to_owned(),
        };
        return Err(Failure::message(Kind::NotFound, what)
            .hint("tests are rules named test_… in any of the Rego files"));
    }
    let failed = run.tests.iter().filter(|test| failed(test)).count();
    let failure = (failed > 0).then(|| {
        let text = format!("{failed} of {} tests failed", run.tests.len());
        Failure::message(Kind::Refused, text)
    });
    let stdout = match args.format {
        PolicyFormat::Text => show::text(&run, &texts, args.verbose, args.coverage),
        PolicyFormat::Json => show::json(&run, &texts, args.coverage).or_fail(Kind::Bug)?,
    };
    Ok(Outcome {
        stdout: stdout.into_bytes(),
        failure,
        ..Outcome::default()
    })
}

fn failed(test: &Tested) -> bool {
    matches!(
        test.verdict,
        TestVerdict::Failed(_) | TestVerdict::Errored(_)
    )
}
