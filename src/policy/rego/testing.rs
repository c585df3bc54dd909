//! Runs the unit tests of a policy: rules named `test_…`, as `opa test` does, with `ec.*` replaceable by `with`.
//!
//! Nothing is fetched: an `ec.oci` or `ec.sigstore` function that a test does not replace is undefined.

use rego::{Value, eval::Failure};

use super::{
    Host,
    engine::{Program, TIME_LIMIT},
    error::{Error, Place},
    policy::Policy,
};

/// What became of one test.
#[derive(Debug, Clone)]
pub(crate) struct Tested {
    /// The package and the name: `release.sbom_test.test_found`.
    pub(crate) name: String,
    /// Where the test starts.
    pub(crate) place: Place,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// The expression that failed, with the values of its variables.
    pub(crate) failure: Option<Failure>,
    /// What the test printed.
    pub(crate) printed: Vec<String>,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is true.
    Passed,
    /// It is undefined or something else than true.
    Failed(String),
    /// It could not be evaluated.
    Errored(String),
    /// Its name starts with `todo_test_`, so it is not run.
    Skipped,
}

/// Runs every test of a policy [read with its tests](Policy::read_with_tests) whose path (`data.package.test_name`) is wanted, in the order of their names.
///
/// # Errors
/// When the policy cannot be compiled.
pub(crate) fn run(
    policy: &Policy,
    data: &serde_json::Value,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Tested>, Error> {
    let program = policy.program(data, &Host::offline(), TIME_LIMIT)?;
    let mut tests: Vec<(String, Place)> = Vec::new();
    for rule in policy.rules() {
        let test = rule.name.starts_with("test_") || rule.name.starts_with("todo_test_");
        let name = format!("{}.{}", rule.package, rule.name);
        if test && !rule.is_function && wanted(&format!("data.{name}")) {
            tests.push((name, rule.place.clone()));
        }
    }
    tests.sort();
    // A test of several bodies is one test.
    tests.dedup_by(|later, earlier| later.0 == earlier.0);
    let run = tests
        .into_iter()
        .map(|(name, place)| one(&program, name, place));
    Ok(run.collect())
}

fn one(program: &Program, name: String, place: Place) -> Tested {
    let skipped = name
        .rsplit('.')
        .next()
        .is_some_and(|rule| rule.starts_with("todo_"));
    let mut tested = Tested {
        name,
        place,
        verdict: Verdict::Skipped,
        failure: None,
        printed: Vec::new(),
    };
    if skipped {
        return tested;
    }
    let mut session = program.session(None).traced();
    let path: Vec<&str> = tested.name.split('.').collect();
    tested.verdict = match session.document(&path).map(|answer| answer.value) {
        Ok(Some(Value::Bool(true))) => Verdict::Passed,
        Ok(None) => Verdict::Failed("it is undefined".to_owned()),
        Ok(Some(value)) => Verdict::Failed(format!("it is {value}")),
        Err(error) => Verdict::Errored(error.to_string()),
    };
    if matches!(tested.verdict, Verdict::Failed(_)) {
        tested.failure = session.failure();
    }
    tested.printed = session
        .printed()
        .into_iter()
        .map(|line| line.text)
        .collect();
    tested
}
