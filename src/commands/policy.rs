//! `policy test` and `policy list`: what a policy author needs besides an editor.

use std::{fmt::Write as _, path::PathBuf};

use regex::Regex;
use serde_json::{Value, json};

use super::{Context, Outcome, failures::source_failure};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    policy::{
        Fetcher,
        rego::{
            Module, Policy, Rule,
            files::{Files, FilesError},
            gives_results,
            testing::{self, Tested, Verdict},
        },
        source,
    },
};

/// Flags of `policy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the unit tests of a policy: rules named test_
    ///
    /// Functions ec.* can be replaced by `with`; unless a test does so, those that would ask a
    /// registry are undefined. The last line is `N passed, N failed`; the exit code is 4 when one fails.
    Test(TestArgs),
    /// List the rules of a policy with code, title, collections and effective date
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Read policies and data from these files and directories
    #[arg(required = true, value_name = "PATH")]
    path: Vec<PathBuf>,
    /// Run only tests whose path (data.package.test_name) matches this regular expression
    #[arg(long, short = 'r', value_name = "REGEX")]
    run: Option<Regex>,
    /// Name the tests that pass too
    #[arg(long, short = 'v')]
    verbose: bool,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Where the policies are: a path, git::URL//DIR?ref=REVISION, github.com/ORG/REPO//DIR, oci::REFERENCE or https://URL
    #[arg(required = true, value_name = "SOURCE")]
    source: Vec<String>,
    /// Print it in this format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Usage`] for policies that cannot be used, [`Kind::NotFound`] when there is nothing.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    // Parsing and evaluating block.
    let work = match args.command {
        Command::Test(args) => tokio::task::spawn_blocking(move || test(&args)),
        Command::List(args) => {
            let modules = fetch(&args.source, context).await?;
            tokio::task::spawn_blocking(move || {
                let policy = Policy::read(modules).or_fail(Kind::Usage)?;
                list(&policy, args.output)
            })
        }
    };
    work.await.or_fail(Kind::Bug)?
}

/// The policies of all sources; unit tests are no part of them.
async fn fetch(sources: &[String], context: &Context) -> Result<Vec<Module>, Failure> {
    let fetcher = Fetcher::new(
        context.git.clone(),
        context.http.clone(),
        context.registry.clone(),
    );
    let mut modules = Vec::new();
    for text in sources {
        let fetched = fetcher.fetch(text).await;
        let fetched = fetched.map_err(|error| match error {
            error @ source::Error::Missing { .. } => Failure::new(Kind::NotFound, error),
            error => source_failure(error),
        })?;
        modules.extend(fetched.modules());
    }
    Ok(modules)
}

fn test(args: &TestArgs) -> Result<Outcome, Failure> {
    let (policy, data) = read(&args.path)?;
    let wanted = |path: &str| args.run.as_ref().is_none_or(|run| run.is_match(path));
    let tested = testing::run(&policy, &data, wanted).or_fail(Kind::Usage)?;
    if tested.is_empty() {
        let what = match &args.run {
            Some(run) => format!("no test has a path that matches {:?}", run.as_str()),
            None => "there are no tests".to_owned(),
        };
        return Err(Failure::message(Kind::NotFound, what)
            .hint("tests are rules named test_… in any of the Rego files"));
    }
    let failed = tested.iter().filter(|test| failed(test)).count();
    let failure = (failed > 0).then(|| {
        let text = format!("{failed} of {} tests failed", tested.len());
        Failure::message(Kind::Refused, text)
    });
    Ok(Outcome {
        stdout: shown(&tested, args.verbose).into_bytes(),
        failure,
        ..Outcome::default()
    })
}

fn failed(test: &Tested) -> bool {
    matches!(test.verdict, Verdict::Failed(_) | Verdict::Errored(_))
}

fn shown(tested: &[Tested], verbose: bool) -> String {
    let mut out = String::new();
    for test in tested {
        let line = match &test.verdict {
            Verdict::Passed if verbose => format!("PASS {}", test.name),
            Verdict::Passed => continue,
            Verdict::Skipped => format!("SKIP {}", test.name),
            Verdict::Failed(why) => format!("FAIL {} at {}: {why}", test.name, test.place),
            Verdict::Errored(why) => format!("ERROR {} at {}: {why}", test.name, test.place),
        };
        let _ = writeln!(out, "{line}");
        for printed in &test.printed {
            let _ = writeln!(out, "  {printed}");
        }
    }
    let count = |wanted: fn(&Tested) -> bool| tested.iter().filter(|test| wanted(test)).count();
    let passed = count(|test| test.verdict == Verdict::Passed);
    let skipped = count(|test| test.verdict == Verdict::Skipped);
    if skipped > 0 {
        let _ = writeln!(out, "{skipped} skipped by their names");
    }
    let _ = writeln!(out, "{passed} passed, {} failed", count(failed));
    out
}

fn list(policy: &Policy, output: Format) -> Result<Outcome, Failure> {
    let mut rules: Vec<_> = policy
        .rules()
        .filter(|rule| gives_results(&rule.name))
        .collect();
    if rules.is_empty() {
        return Err(Failure::message(Kind::NotFound, "no rule gives results")
            .hint("rules with results are named deny, violation or warn"));
    }
    rules.sort_by_key(|rule| (code(rule), rule.place.clone()));
    let stdout = match output {
        Format::Text => as_text(&rules),
        Format::Json => {
            let rules: Vec<_> = rules.into_iter().map(as_json).collect();
            format!("{:#}\n", Value::Array(rules))
        }
    };
    Ok(Outcome {
        stdout: stdout.into_bytes(),
        ..Outcome::default()
    })
}

/// The code, or the package and name of a rule without one.
fn code(rule: &Rule) -> String {
    let unnamed = || format!("{}.{}", rule.package, rule.name);
    rule.code().unwrap_or_else(unnamed)
}

fn as_json(rule: &Rule) -> Value {
    json!({
        "code": rule.code(),
        "package": rule.package,
        "rule": rule.name,
        "title": rule.title(),
        "description": rule.description(),
        "collections": rule.list("collections"),
        "effective_on": rule.custom("effective_on"),
        "depends_on": rule.list("depends_on"),
        "solution": rule.custom("solution"),
        "file": rule.place.file,
        "line": rule.place.line,
    })
}

fn as_text(rules: &[&Rule]) -> String {
    let mut out = String::new();
    for rule in rules {
        let kind = rule.name.split('_').next().unwrap_or_default();
        let _ = writeln!(out, "{} ({kind})", code(rule));
        if let Some(title) = rule.title() {
            let _ = writeln!(out, "  {title}");
        }
        let collections = rule.list("collections");
        if !collections.is_empty() {
            let _ = writeln!(out, "  collections: {}", collections.join(", "));
        }
        if let Some(date) = rule.custom("effective_on").and_then(Value::as_str) {
            let _ = writeln!(out, "  effective on: {date}");
        }
    }
    out
}

fn read(paths: &[PathBuf]) -> Result<(Policy, Value), Failure> {
    let files = Files::read(paths).map_err(|error| {
        let missing = matches!(&error, FilesError::Read { source, .. }
            if source.kind() == std::io::ErrorKind::NotFound);
        let kind = if missing { Kind::NotFound } else { Kind::Usage };
        Failure::new(kind, error)
    })?;
    let policy = Policy::read_with_tests(files.modules).or_fail(Kind::Usage)?;
    Ok((policy, Value::Object(files.data)))
}
