//! Runs the unit tests of a policy: rules named `test_…`, as `opa test` does, with `ec.*` replaceable by `with`.
//!
//! Nothing is fetched: an `ec.oci` or `ec.sigstore` function that a test does not replace is undefined.

use regorus::{Engine, Value};

use super::{
    Host,
    engine::{self, Assembly},
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
    let assembly = Assembly {
        policy,
        limit: engine::TIME_LIMIT,
    };
    let program = assembly.assemble(None, data, &Host::offline())?;
    let fresh = || {
        let mut engine = Engine::clone(&program.engine);
        engine.set_gather_prints(true);
        engine
    };
    let mut engine = fresh();
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
    let run = tests.into_iter().map(|(name, place)| {
        let tested = one(&mut engine, name, place);
        if matches!(tested.verdict, Verdict::Errored(_)) {
            // It would take the rules that failed for undefined.
            engine = fresh();
        }
        tested
    });
    Ok(run.collect())
}

fn one(engine: &mut Engine, name: String, place: Place) -> Tested {
    let skipped = name
        .rsplit('.')
        .next()
        .is_some_and(|rule| rule.starts_with("todo_"));
    let verdict = if skipped {
        Verdict::Skipped
    } else {
        match engine::unbroken(|| engine.eval_rule(format!("data.{name}"))) {
            Ok(Value::Bool(true)) => Verdict::Passed,
            Ok(Value::Undefined) => Verdict::Failed("it is undefined".to_owned()),
            Ok(value) => Verdict::Failed(format!("it is {value}")),
            Err(error) => Verdict::Errored(engine::reason(&error)),
        }
    };
    Tested {
        name,
        place,
        verdict,
        printed: engine.take_prints().unwrap_or_default(),
    }
}
