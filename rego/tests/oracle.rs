//! Values as Open Policy Agent gave them, frozen in `tests/oracle` of the workspace: for expressions, for mutated inputs of a
//! policy and for random programs; `ORACLE` and `ORACLE_PROGRAMS` name files with more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::print_stderr,
    reason = "the counts are what a reader of a run reads"
)]
#![expect(clippy::disallowed_methods, reason = "switches of the test run itself")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{EC, PURL};
use rego::builtins::{BuiltinError, Registry, declarations, offered};
use rego::eval::Limits;
use rego::value::Number;
use rego::{Options, Program, Session, Value};

/// What makes and runs programs.
struct Engine {
    registry: Registry,
    options: Options,
}

impl Engine {
    fn new() -> Self {
        Self::with_purls(&Value::object(Vec::new()))
    }

    /// A registry with a function that parses some package URLs.
    fn with_purls(purls: &Value) -> Self {
        let mut engine = Self::without_purls();
        let known = purls.clone();
        let is_valid =
            move |_: &mut _, given: &[Value]| Ok(Value::from(known.get(&given[0]).is_some()));
        engine.registry.add_host(PURL[0], Arc::new(is_valid));
        let known = purls.clone();
        let parse = move |_: &mut _, given: &[Value]| {
            known.get(&given[0]).cloned().ok_or(BuiltinError::Undefined)
        };
        engine.registry.add_host(PURL[1], Arc::new(parse));
        engine.options.builtins.extend(PURL);
        engine
    }

    fn without_purls() -> Self {
        let mut registry = offered();
        for declaration in EC {
            registry.add_host(declaration, Arc::new(|_, _| Err(BuiltinError::Undefined)));
        }
        let options = Options {
            builtins: [declarations(), &EC].concat(),
            ..Options::default()
        };
        Self { registry, options }
    }

    fn program(&self, modules: &[(String, String)], data: &Value) -> Result<Program, String> {
        let parsed = modules
            .iter()
            .map(|(name, text)| rego::parse(name.as_str(), text.as_str()));
        let parsed = parsed
            .collect::<Result<Vec<_>, _>>()
            .map_err(|errors| errors.to_string())?;
        let compiled = rego::compile(parsed, &self.options).map_err(|errors| errors.to_string())?;
        let program = Program::new(&compiled, &self.registry, &[]);
        let program = program.map_err(|error| format!("{error:?}"))?;
        Ok(program.with_data(data.clone()))
    }
}

fn session(program: &Program, input: &Value) -> Session {
    let limits = Limits {
        deadline: Some(Instant::now() + Duration::from_secs(30)),
        ..Limits::default()
    };
    // The moment at which the answers were given matters to no rule.
    Session::new(program, Some(input.clone()))
        .with_limits(limits)
        .with_time(1_782_864_000_000_000_000, 1)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/oracle").join(name)).unwrap()
}

/// Returns the value as JSON, numbers with a fraction as doubles, as in the recorded answers.
fn plain(value: &Value) -> Value {
    fn doubles(value: &Value) -> Value {
        match value {
            Value::Number(number) if !number.is_integer() => {
                Number::from_f64(number.to_f64()).map_or_else(|| value.clone(), Value::from)
            }
            Value::Array(items) => Value::Array(items.iter().map(doubles).collect()),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, member)| (name.clone(), doubles(member)));
                Value::Object(members.collect())
            }
            other => other.clone(),
        }
    }
    doubles(&json(&value.to_json()))
}

fn members(value: &Value) -> BTreeMap<String, Value> {
    let members = value.as_object().unwrap().iter();
    members
        .map(|(name, member)| (name.as_str().unwrap().to_owned(), member.clone()))
        .collect()
}

/// The reasons of known differences, by name.
fn known() -> BTreeMap<String, String> {
    common::known("oracle.txt")
}

#[test]
fn expressions_give_what_open_policy_agent_gave() {
    let engine = Engine::new();
    let files = [
        "language",
        "imported",
        "builtins",
        "documents",
        "expressions",
        "statements",
    ];
    let modules = files.map(|file| (file.to_owned(), read(&format!("{file}.rego"))));
    let program = engine.program(&modules, &json(&read("data.json"))).unwrap();
    let mut session = session(&program, &json(&read("input.json")));
    let (answers, known) = (json(&read("answers.json")), known());
    let (mut wrong, mut all) = (Vec::new(), 0);
    for file in files.iter().filter(|file| **file != "imported") {
        let given = session.document(&["oracle", file]).unwrap().value.unwrap();
        let (given, wanted) = (members(&given), members(answers.member(file).unwrap()));
        let names: BTreeSet<_> = given.keys().chain(wanted.keys()).collect();
        for name in names {
            all += 1;
            let (mut given, mut wanted) = (given.get(name).map(plain), wanted.get(name).cloned());
            // Only the set of these errors has an order.
            if name == "schema_answer" {
                (given, wanted) = (
                    given.map(|given| in_order(&given)),
                    wanted.map(|wanted| in_order(&wanted)),
                );
            }
            match (
                given == wanted,
                known.contains_key(&format!("{file}.{name}")),
            ) {
                (true, false) | (false, true) => {}
                (true, true) => wrong.push(format!("{file}.{name} does not differ any more")),
                (false, false) => {
                    let shown = |value: Option<Value>| {
                        value.map_or("undefined".to_owned(), |value| value.to_json())
                    };
                    wrong.push(format!(
                        "{file}.{name}\n  is     {}\n  wanted {}",
                        shown(given),
                        shown(wanted)
                    ));
                }
            }
        }
    }
    eprintln!("{all} expressions");
    assert!(all > 400, "only {all} expressions");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The elements of lists in one order, whoever sorted them.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(in_order).collect();
            items.sort();
            Value::array(items)
        }
        other => other.clone(),
    }
}

/// The document with the changes of a JSON patch.
fn patched(engine: &Engine, base: &Value, patch: &Value) -> Value {
    let function = engine.registry.get("json.patch").unwrap();
    let mut context = rego::builtins::CallContext::default();
    function
        .call(&mut context, &[base.clone(), patch.clone()])
        .unwrap()
}

/// The cases of a file that give something else, described.
fn mutated(
    engine: &Engine,
    answered: &Value,
    modules: &[(String, String)],
    bases: &BTreeMap<String, Value>,
) -> Vec<String> {
    let none = Value::object(Vec::new());
    let program = engine
        .program(modules, answered.member("data").unwrap_or(&none))
        .unwrap();
    let rules = answered.member("rules").unwrap().as_array().unwrap();
    let rules: Vec<(String, String)> = rules
        .iter()
        .map(|rule| {
            let rule = rule.as_array().unwrap();
            (
                rule[0].as_str().unwrap().to_owned(),
                rule[1].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let answers = answered.member("answers").unwrap().as_array().unwrap();
    let mut wrong = Vec::new();
    for (number, case) in answered
        .member("cases")
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let base = case.member("base").unwrap().as_str().unwrap();
        let input = patched(engine, &bases[base], case.member("patch").unwrap());
        let at = case
            .member("answer")
            .unwrap()
            .as_number()
            .unwrap()
            .as_i64()
            .unwrap();
        let wanted = match &answers[usize::try_from(at).unwrap()] {
            Value::Null => None,
            answers => {
                let answers = members(answers).into_iter();
                Some(
                    answers
                        .map(|(rule, value)| (rule, in_order(&value)))
                        .collect::<BTreeMap<_, _>>(),
                )
            }
        };
        let mut session = session(&program, &input);
        let mut given = Some(BTreeMap::new());
        for (package, rule) in &rules {
            let path: Vec<_> = package.split('.').chain([rule.as_str()]).collect();
            match (session.document(&path), &mut given) {
                (Ok(answer), Some(given)) => {
                    let value = answer.value.as_ref().map(plain);
                    if let Some(value) = value.filter(|value| *value != Value::array(Vec::new())) {
                        given.insert(format!("{package}.{rule}"), in_order(&value));
                    }
                }
                _ => given = None,
            }
        }
        if given != wanted {
            let patch = case.member("patch").unwrap().to_json();
            wrong.push(format!(
                "case {number}, {base} {patch}\n  is     {given:?}\n  wanted {wanted:?}"
            ));
        }
    }
    wrong
}

fn in_folder(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn source(path: &Path) -> (String, String) {
    (
        path.display().to_string(),
        std::fs::read_to_string(path).unwrap(),
    )
}

#[test]
fn mutated_inputs_give_what_open_policy_agent_gave() {
    let engine = Engine::new();
    let answered = json(&read("mutated.json"));
    let bases = in_folder("tests/oracle/inputs").into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, json(&std::fs::read_to_string(&path).unwrap()))
    });
    let modules: Vec<_> = in_folder("policies/release")
        .iter()
        .map(|path| source(path))
        .collect();
    let modules: Vec<_> = modules
        .into_iter()
        .filter(|(name, _)| !name.ends_with("_test.rego"))
        .collect();
    let cases = answered.member("cases").unwrap().count().unwrap();
    assert!(cases >= 300, "only {cases} cases");
    let wrong = mutated(&engine, &answered, &modules, &bases.collect());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The file that a variable names; without it the test says that it is skipped.
fn named_by(variable: &str) -> Option<String> {
    let file = std::env::var_os(variable);
    if file.is_none() {
        eprintln!("skipped: {variable} names no answers, see tests/oracle/README.md");
    }
    file.map(|file| std::fs::read_to_string(file).unwrap())
}

#[test]
fn rules_of_conforma_give_what_open_policy_agent_gave() {
    let Some(text) = named_by("ORACLE") else {
        return;
    };
    let answered = json(&text);
    let engine = Engine::with_purls(answered.member("purls").unwrap());
    let modules = answered.member("modules").unwrap().as_array().unwrap();
    let modules: Vec<_> = modules
        .iter()
        .map(|path| source(Path::new(path.as_str().unwrap())))
        .collect();
    let bases = members(answered.member("bases").unwrap());
    let wrong = mutated(&engine, &answered, &modules, &bases);
    let cases = answered.member("cases").unwrap().count().unwrap();
    eprintln!("{cases} inputs, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How a program differs from what was wanted: refused when it is compiled, or another value.
enum Difference {
    Refused(String),
    Other(String),
}

fn difference(engine: &Engine, case: &Value, data: &Value, other: &str) -> Option<Difference> {
    let text = |name: &str| case.member(name).unwrap().as_str().unwrap();
    let parts = text("source").split("---\n").enumerate();
    let mut modules: Vec<_> = parts
        .map(|(at, part)| (format!("p{at}.rego"), part.to_owned()))
        .collect();
    modules.push(("q.rego".to_owned(), other.to_owned()));
    let program = match engine.program(&modules, data) {
        Ok(program) => program,
        Err(reason) => return Some(Difference::Refused(reason)),
    };
    let wanted = case.member("answer").unwrap();
    let given = session(&program, case.member("input").unwrap()).document(&["p"]);
    let shown = |given: Option<&Value>| given.map_or("undefined".to_owned(), Value::to_json);
    match (given, wanted) {
        (Err(_), Value::Null) => None,
        (Err(error), _) => Some(Difference::Other(format!("fails: {error}"))),
        (Ok(_), Value::Null) => Some(Difference::Other("does not fail".to_owned())),
        (Ok(answer), wanted) => {
            let given = plain(&answer.value.unwrap_or(Value::Null));
            let (given, wanted) = (members(&given), members(wanted));
            let names: BTreeSet<_> = given.keys().chain(wanted.keys()).collect();
            let names = names
                .into_iter()
                .filter(|name| given.get(*name) != wanted.get(*name));
            let lines: Vec<_> = names
                .map(|name| {
                    let (given, wanted) = (shown(given.get(name)), shown(wanted.get(name)));
                    format!("{name}\n  is     {given}\n  wanted {wanted}")
                })
                .collect();
            (!lines.is_empty()).then(|| Difference::Other(lines.join("\n")))
        }
    }
}

/// The programs of a file that differ and are not known, how many were refused, and how many there are.
fn programs(text: &str, known: &BTreeSet<String>) -> (Vec<String>, usize, usize) {
    let (engine, programs) = (Engine::new(), json(text));
    let data = programs.member("data").unwrap();
    let other = programs.member("other").unwrap().as_str().unwrap();
    let cases = programs.member("cases").unwrap().as_array().unwrap();
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for case in cases {
        let seed = case.member("seed").unwrap().to_json();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            difference(&engine, case, data, other)
        }));
        let found = found.unwrap_or_else(|_| Some(Difference::Other("panic".to_owned())));
        match (found, known.contains(&seed)) {
            (None, false) | (Some(_), true) => {}
            (None, true) => wrong.push(format!("program {seed} does not differ any more")),
            (Some(Difference::Other(why)), false) => wrong.push(format!("program {seed}: {why}")),
            (Some(Difference::Refused(why)), false) => {
                refused += 1;
                wrong.push(format!("program {seed} is refused: {why}"));
            }
        }
    }
    (wrong, refused, cases.len())
}

#[test]
fn random_programs_give_what_open_policy_agent_gave() {
    let known = known()
        .into_keys()
        .filter_map(|name| Some(name.strip_prefix("programs.")?.to_owned()));
    let (wrong, _, count) = programs(&read("programs.json"), &known.collect());
    assert!(count > 250, "only {count} programs");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn other_random_programs_give_what_open_policy_agent_gave() {
    let Some(text) = named_by("ORACLE_PROGRAMS") else {
        return;
    };
    let (wrong, refused, count) = programs(&text, &BTreeSet::new());
    eprintln!(
        "programs {count}: refused {refused}, other {}",
        wrong.len() - refused
    );
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
