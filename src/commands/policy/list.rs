//! `policy list`: the rules of a policy with their annotations.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    super::{Context, Outcome, failures::source_failure},
    PolicyFormat,
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    gate::fetcher,
    policy::{
        rego::{FunctionHost, Module, Policy, Rule, without_metadata},
        source,
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the policies are: a path, git::URL//DIR?ref=REVISION, github.com/ORG/REPO//DIR, oci::REF or https://URL
    #[arg(required = true, value_name = "SOURCE")]
    source: Vec<String>,
    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = PolicyFormat::Text)]
    output: PolicyFormat,
}

/// Fetches the policies of all sources, without their unit tests.
///
/// # Errors
/// [`Kind::NotFound`] for a source that does not exist, else those of fetching it.
pub(super) async fn fetch(args: &Args, context: &Context) -> Result<Vec<Module>, Failure> {
    let fetcher = fetcher(&context.clients());
    let mut modules = Vec::new();
    for text in &args.source {
        let fetched = fetcher.fetch(text).await;
        let fetched = fetched.map_err(|error| match error {
            error @ source::Error::Missing { .. } => Failure::new(Kind::NotFound, error),
            error => source_failure(error),
        })?;
        modules.extend(fetched.modules());
    }
    Ok(modules)
}

/// Compiles the policies as verify-ec does and lists the rules that return results.
///
/// # Errors
/// [`Kind::Usage`] for policies that verify-ec refuses, [`Kind::NotFound`] when no rule returns results.
pub(super) fn run(args: &Args, modules: Vec<Module>) -> Result<Outcome, Failure> {
    let policy = Policy::read(modules).or_fail(Kind::Usage)?;
    policy
        .compile(&json!({}), &FunctionHost::offline())
        .or_fail(Kind::Usage)?;
    let rules = policy.rules().filter(|rule| rule.gives_results());
    let mut rules: Vec<_> = rules.collect();
    if rules.is_empty() {
        return Err(Failure::message(Kind::NotFound, "no rule returns results")
            .hint("rules with results are named deny, violation or warn"));
    }
    rules.sort_by_key(|rule| (code(rule), rule.place.clone()));
    let stdout = match args.output {
        PolicyFormat::Text => as_text(&rules),
        PolicyFormat::Json => {
            let rules: Vec<_> = rules.into_iter().map(as_json).collect();
            format!("{:#}\n", Value::Array(rules))
        }
    };
    Ok(Outcome {
        stdout: stdout.into_bytes(),
        ..Outcome::default()
    })
}

/// Returns the code, or the package and name of a rule without one.
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
        if rule.code().is_none() {
            let _ = writeln!(out, "  {}", without_metadata(rule));
        } else {
            let _ = writeln!(out, "  {}", rule.place);
        }
    }
    crate::text::lines(&out).into_owned()
}
