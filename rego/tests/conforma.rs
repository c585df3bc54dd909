//! Unit tests of policies, as `opa test` ends them: `CONFORMA_TESTS` names a file that `tests/oracle/conforma` writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::print_stderr,
    reason = "the counts are what a reader of a run reads"
)]
#![expect(clippy::disallowed_methods, reason = "switches of the test run itself")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use common::{EC, PURL, yaml};
use rego::builtins::{BuiltinError, CallContext, declarations, offered};
use rego::{Options, Program, Session, Value};

/// Of a list as a schema Open Policy Agent says something else by now; the test and this crate say what it said.
const KEPT: &str = "lib.json_test.test_validate_args";

fn texts(value: &Value, name: &str) -> Vec<String> {
    let list = value.member(name).and_then(Value::as_array).unwrap();
    list.iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn program(suite: &Value) -> Result<Program, String> {
    let mut registry = offered();
    for declaration in EC.into_iter().chain(PURL) {
        registry.add_host(declaration, Arc::new(|_, _| Err(BuiltinError::Undefined)));
    }
    let options = Options {
        builtins: [declarations(), &EC, &PURL].concat(),
        ..Options::default()
    };
    let mut modules = Vec::new();
    for path in texts(suite, "modules") {
        let text = std::fs::read_to_string(Path::new(&path)).unwrap();
        modules
            .push(rego::parse(path.as_str(), text.as_str()).map_err(|errors| errors.to_string())?);
    }
    let compiled = rego::compile(modules, &options).map_err(|errors| errors.to_string())?;
    let program = Program::new(&compiled, &registry, &[]).map_err(|error| error.to_string())?;
    let mut data = Value::object(Vec::new());
    let union = registry.get("object.union").unwrap();
    for path in texts(suite, "data") {
        let text = std::fs::read_to_string(Path::new(&path)).unwrap();
        let context = &mut CallContext::default();
        let read = yaml(&registry, &text);
        data = union.call(context, &[data, read]).unwrap();
    }
    Ok(program.with_data(data))
}

/// How each test ends, by its path.
fn ended(program: &Program) -> BTreeMap<String, String> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_nanos()).unwrap();
    let is_test = |path: &&[Value]| {
        path.last()
            .and_then(Value::as_str)
            .is_some_and(|name| name.starts_with("test_"))
    };
    let mut found = BTreeMap::new();
    for path in program.rules().filter(is_test) {
        let path: Vec<_> = path.iter().map(|part| part.as_str().unwrap()).collect();
        let answer = Session::new(program, None)
            .with_time(now, 1)
            .document(&path);
        let end = match answer.map(|answer| answer.value) {
            Err(error) => format!("error: {error}"),
            Ok(None | Some(Value::Bool(false))) => "fail".to_owned(),
            Ok(Some(_)) => "pass".to_owned(),
        };
        found.insert(path.join("."), end);
    }
    found
}

#[test]
fn tests_of_policies_end_as_open_policy_agent_ends_them() {
    let Some(file) = std::env::var_os("CONFORMA_TESTS") else {
        eprintln!("skipped: CONFORMA_TESTS names no file, see tests/oracle/README.md");
        return;
    };
    let suites = Value::from_json(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for suite in suites.as_array().unwrap() {
        let name = suite.member("name").unwrap().as_str().unwrap();
        let wanted = suite.member("ends").unwrap();
        let started = std::time::Instant::now();
        let program = match (program(suite), wanted) {
            (Err(_), Value::Null) => {
                eprintln!("{name}: refused, as by opa");
                continue;
            }
            (Err(reason), _) => {
                wrong.push(format!("{name} is refused: {reason}"));
                continue;
            }
            (Ok(_), Value::Null) => {
                wrong.push(format!("{name} is not refused"));
                continue;
            }
            (Ok(program), _) => program,
        };
        let given = ended(&program);
        let wanted: BTreeMap<_, _> = wanted
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, end)| {
                (
                    name.as_str().unwrap().to_owned(),
                    end.as_str().unwrap().to_owned(),
                )
            })
            .collect();
        let names: BTreeSet<_> = given.keys().chain(wanted.keys()).collect();
        let mut same = 0;
        for test in names {
            let (given, wanted) = (given.get(test), wanted.get(test));
            let kind = |end: Option<&String>| {
                end.map(|end| end.split(':').next().unwrap_or_default().to_owned())
            };
            if kind(given) == kind(wanted) || test == KEPT {
                same += 1;
            } else {
                wrong.push(format!("{name} {test}: {given:?}, wanted {wanted:?}"));
            }
        }
        let passed = given.values().filter(|end| *end == "pass").count();
        eprintln!(
            "{name}: {same} of {} as opa; {passed} pass; {} ms",
            wanted.len(),
            started.elapsed().as_millis()
        );
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
