//! Open Policy Agent's own test cases (v1), when their folder is beside the workspace (`../shared/peers/opa-cases/v1`)
//! or named by `OPA_CASES`.
//!
//! `opa_cases.txt` lists every case that differs, with the reason: a difference that is not on the list fails, and so does
//! a case on the list that no longer differs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::print_stderr,
    reason = "the counts are what a reader of a run reads"
)]
#![expect(clippy::disallowed_methods, reason = "switches of the test run itself")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{known, yaml};
use rego::builtins::{Registry, declarations, offered};
use rego::eval::Limits;
use rego::{Options, Program, Session, Value};

/// The fewest cases that a complete folder has.
const CASES: usize = 2_289;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    Same,
    /// Parsing or compiling fails.
    Refused(String),
    Other(String),
}

fn folder() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("OPA_CASES") {
        return Some(named.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/peers/opa-cases/v1");
    beside.is_dir().then_some(beside)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
}

fn text<'a>(case: &'a Value, name: &str) -> Option<&'a str> {
    case.member(name).and_then(Value::as_str)
}

fn flag(case: &Value, name: &str) -> bool {
    case.member(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The value as JSON has it: lists for sets.
fn as_json(value: &Value) -> Value {
    Value::from_json(&value.to_json()).unwrap()
}

fn options() -> Options {
    Options {
        builtins: declarations().to_vec(),
        ..Options::default()
    }
}

/// The value of a term of Rego.
fn term(registry: &Registry, term: &str) -> Value {
    let compiled = rego::compile(Vec::new(), &options()).unwrap();
    let query = compiled.query(&format!("x = {term}"), &options()).unwrap();
    let program = Program::new(&compiled, registry, &[]).unwrap();
    let query = program.query(&query).unwrap();
    let answer = Session::new(&program, None).query(&query).unwrap();
    let bindings = answer.value.into_iter().next().unwrap();
    bindings
        .into_iter()
        .find(|(name, _)| name.as_ref() == "x")
        .unwrap()
        .1
}

fn run(registry: &Registry, case: &Value) -> Ended {
    let options = options();
    let mut modules = Vec::new();
    if let Some(Value::Array(given)) = case.member("modules") {
        for (at, module) in given.iter().enumerate() {
            let name = format!("test-{at}.rego");
            match rego::parse(name.as_str(), module.as_str().unwrap()) {
                Ok(module) => modules.push(module),
                Err(errors) => return Ended::Refused(errors.to_string()),
            }
        }
    }
    let compiled = match rego::compile(modules, &options) {
        Ok(compiled) => compiled,
        Err(errors) => return Ended::Refused(errors.to_string()),
    };
    let query = match compiled.query(text(case, "query").unwrap(), &options) {
        Ok(query) => query,
        Err(errors) => return Ended::Refused(errors.to_string()),
    };
    let program = match Program::new(&compiled, registry, &[]) {
        Ok(program) => program,
        Err(error) => return Ended::Refused(error.to_string()),
    };
    let program = match case.member("data") {
        Some(data @ Value::Object(_)) => program.with_data(data.clone()),
        _ => program,
    };
    let input = match text(case, "input_term") {
        Some(given) => Some(term(registry, given)),
        None => case.member("input").cloned(),
    };
    let query = match program.query(&query) {
        Ok(query) => query,
        Err(error) => return Ended::Refused(error.to_string()),
    };
    let limits = Limits {
        deadline: Some(Instant::now() + Duration::from_secs(20)),
        ..Limits::default()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_nanos()).unwrap();
    let mut session = Session::new(&program, input)
        .with_limits(limits)
        .with_time(now, 7);
    if flag(case, "strict_error") {
        session = session.strict();
    }
    match session.query(&query) {
        Ok(answer) => compared(case, answer.value),
        Err(error) => failed(case, &error),
    }
}

fn failed(case: &Value, error: &rego::eval::EvalError) -> Ended {
    let said = format!(
        "{}:{}: {}: {}",
        error.file,
        error.line,
        error.code.as_str(),
        error.message
    );
    match (text(case, "want_error"), text(case, "want_error_code")) {
        (None, None) => Ended::Other(format!("error: {said}")),
        (Some(wanted), _) if !said.contains(wanted) => {
            Ended::Other(format!("error: {said}; wanted: {wanted}"))
        }
        (_, Some(wanted)) if wanted != error.code.as_str() => {
            Ended::Other(format!("error: {said}; wanted: {wanted}"))
        }
        _ => Ended::Same,
    }
}

fn compared(case: &Value, given: Vec<rego::eval::Bindings>) -> Ended {
    let (error, code) = (text(case, "want_error"), text(case, "want_error_code"));
    if let Some(wanted) = error.or(code) {
        return Ended::Other(format!("no error; wanted: {wanted}"));
    }
    let sorted = |value: Value| match value {
        Value::Array(items) if flag(case, "sort_bindings") => {
            let mut items = items.into_vec();
            items.sort();
            Value::array(items)
        }
        other => other,
    };
    let generated =
        |name: &str| flag(case, "ignore_generated_vars") && name.starts_with("__localq");
    let given: BTreeSet<Value> = given
        .into_iter()
        .map(|bindings| {
            let named = bindings.into_iter().filter(|(name, _)| !generated(name));
            let named =
                named.map(|(name, value)| (Value::from(name.as_ref()), sorted(as_json(&value))));
            Value::object(named.collect())
        })
        .collect();
    let wanted = case
        .member("want_result")
        .and_then(Value::as_array)
        .unwrap();
    let wanted: BTreeSet<Value> = wanted.iter().cloned().collect();
    if given == wanted {
        return Ended::Same;
    }
    let shown = |values: &BTreeSet<Value>| {
        let shown: Vec<_> = values.iter().map(Value::to_json).collect();
        let mut shown = shown.join(" ");
        shown.truncate(shown.floor_char_boundary(600));
        shown
    };
    Ended::Other(format!(
        "given: {}; wanted: {}",
        shown(&given),
        shown(&wanted)
    ))
}

#[test]
fn cases_of_open_policy_agent_give_what_they_say() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no folder ../shared/peers/opa-cases/v1, and OPA_CASES names none");
        return;
    };
    let only = std::env::var("OPA_CASE").ok();
    let registry = offered();
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let mut known = known("opa_cases.txt");
    let (mut all, mut names) = (0, BTreeMap::<String, usize>::new());
    let (mut refused, mut other, mut new) = (0, 0, Vec::new());
    for path in paths {
        let document = yaml(&registry, &std::fs::read_to_string(&path).unwrap());
        let Some(Value::Array(cases)) = document.member("cases") else {
            continue;
        };
        for case in cases {
            let note = text(case, "note").unwrap();
            let count = names.entry(note.to_owned()).or_default();
            *count += 1;
            let name = match *count {
                1 => note.to_owned(),
                again => format!("{note} #{again}"),
            };
            if only
                .as_ref()
                .is_some_and(|only| !name.contains(only.as_str()))
            {
                continue;
            }
            all += 1;
            let ended =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&registry, case)));
            let ended = ended.unwrap_or_else(|_| Ended::Other("panic".to_owned()));
            let listed = known.remove(&name);
            match &ended {
                Ended::Same => {}
                Ended::Refused(_) => refused += 1,
                Ended::Other(_) => other += 1,
            }
            match (ended, listed) {
                (Ended::Same, None) | (Ended::Refused(_) | Ended::Other(_), Some(_)) => {}
                (Ended::Same, Some(_)) => new.push(format!("{name} | is on the list and the same")),
                (Ended::Refused(why), None) => new.push(format!("{name} | refused: {why}")),
                (Ended::Other(why), None) => new.push(format!("{name} | other: {why}")),
            }
        }
    }
    let same = all - refused - other;
    eprintln!(
        "cases {all}: same {same}, refused {refused}, other {other}; not on the list {}",
        new.len()
    );
    assert!(new.is_empty(), "{}", new.join("\n"));
    if only.is_none() {
        assert!(all >= CASES, "{all} cases, of {CASES}");
        assert!(known.is_empty(), "on the list and not there: {known:?}");
    }
}
