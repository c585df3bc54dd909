//! Runs the unit tests of a policy: rules named `test_…`, as `opa test` does, with `ec.*` replaceable by `with`.
//!
//! Tests have no network: an `ec.oci` or `ec.sigstore` function that a test does not replace is undefined.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rego::{Value, eval::Session};

use super::{
    FunctionHost,
    engine::{Program, TIME_LIMIT},
    error::{Error, RulePlace},
    policy::Policy,
};

/// The result of one test, with its place and output.
#[derive(Debug, Clone)]
pub(crate) struct Tested {
    /// The package and the name: `release.sbom_test.test_found`.
    pub(crate) name: String,
    pub(crate) place: RulePlace,
    pub(crate) verdict: TestVerdict,
    /// The expression that failed, with the values of its variables.
    pub(crate) failure: Option<TestFailure>,
    pub(crate) printed: Vec<String>,
    pub(crate) took: Duration,
}

/// The expression of a test that failed last.
#[derive(Debug, Clone)]
pub(crate) struct TestFailure {
    pub(crate) place: RulePlace,
    /// The byte range of the expression in its file.
    pub(crate) bytes: std::ops::Range<usize>,
    /// The bound variables with their values.
    pub(crate) variables: Vec<(String, serde_json::Value)>,
}

/// The lines of a file on which a rule or an expression starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) file: String,
    pub(crate) covered: BTreeSet<u32>,
    pub(crate) missed: BTreeSet<u32>,
}

/// The results of all tests, and the lines that they evaluated.
#[derive(Debug)]
pub(crate) struct TestRun {
    /// The tests, in the order of their names.
    pub(crate) tests: Vec<Tested>,
    /// The files, in the order of their names.
    pub(crate) coverage: Vec<Coverage>,
}

/// The result of a test, by its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TestVerdict {
    Passed,
    /// The rule is undefined or has a value other than true.
    Failed(String),
    Errored(String),
    /// The name starts with `todo_test_`, so the test is not run.
    Skipped,
}

/// Runs the tests of a policy [read with its tests](Policy::read_with_tests) whose path (`data.package.test_name`) matches the predicate, in the order of their names.
///
/// # Errors
/// Returns an error if the policy cannot be compiled.
pub(crate) fn run(
    policy: &Policy,
    data: &serde_json::Value,
    wanted: impl Fn(&str) -> bool,
) -> Result<TestRun, Error> {
    let program = policy.program(data, &FunctionHost::offline(), TIME_LIMIT)?;
    let mut tests: Vec<(String, RulePlace, &[String])> = Vec::new();
    for rule in policy.rules() {
        let test = rule.name.starts_with("test_") || rule.name.starts_with("todo_test_");
        let name = format!("{}.{}", rule.package, rule.name);
        if test && !rule.is_function && wanted(&format!("data.{name}")) {
            tests.push((name, rule.place.clone(), &rule.path));
        }
    }
    tests.sort();
    // A test with several bodies is one test.
    tests.dedup_by(|later, earlier| later.0 == earlier.0);
    let mut visited: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    let run = tests.into_iter();
    let run = run.map(|(name, place, path)| {
        let tested = Tested::new(name, place);
        run_test(&program, tested, path, &mut visited)
    });
    Ok(TestRun {
        tests: run.collect(),
        coverage: coverage(policy, &visited),
    })
}

fn coverage(policy: &Policy, visited: &BTreeMap<String, BTreeSet<u32>>) -> Vec<Coverage> {
    let mut all: BTreeMap<&str, Coverage> = BTreeMap::new();
    for (file, lines) in policy.lines() {
        let seen = |line: &u32| visited.get(file).is_some_and(|seen| seen.contains(line));
        let (covered, missed) = lines.iter().partition(|line| seen(line));
        let file_coverage = Coverage {
            file: file.clone(),
            covered,
            missed,
        };
        all.insert(file, file_coverage);
    }
    all.into_values().collect()
}

impl Tested {
    fn new(name: String, place: RulePlace) -> Self {
        Self {
            name,
            place,
            verdict: TestVerdict::Skipped,
            failure: None,
            printed: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

fn run_test(
    program: &Program,
    mut tested: Tested,
    path: &[String],
    visited: &mut BTreeMap<String, BTreeSet<u32>>,
) -> Tested {
    let own = path.last();
    if own.is_some_and(|rule| rule.starts_with("todo_")) {
        return tested;
    }
    let start = Instant::now();
    let mut session = program.session(None).traced();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    tested.verdict = match session.document(&path).map(|answer| answer.value) {
        Ok(Some(Value::Bool(true))) => TestVerdict::Passed,
        Ok(None) => TestVerdict::Failed("it is undefined".to_owned()),
        Ok(Some(value)) => TestVerdict::Failed(format!("it is {value}")),
        Err(error) => TestVerdict::Errored(error.to_string()),
    };
    tested.took = start.elapsed();
    if matches!(tested.verdict, TestVerdict::Failed(_)) {
        tested.failure = failure(&mut session);
    }
    tested.printed = session
        .printed()
        .into_iter()
        .map(|line| line.text)
        .collect();
    for (file, lines) in session.visited() {
        visited.entry(file.to_string()).or_default().extend(lines);
    }
    tested
}

fn failure(session: &mut Session) -> Option<TestFailure> {
    let found = session.failure()?;
    let variables = found.variables.iter();
    let variables = variables.map(|(name, value)| (name.to_string(), value.into()));
    Some(TestFailure {
        place: RulePlace {
            file: found.file.to_string(),
            line: found.line,
        },
        bytes: found.start as usize..found.end as usize,
        variables: variables.collect(),
    })
}
