//! Values as Open Policy Agent gave them (`tests/oracle`): for snippets, for mutated inputs of our own
//! policy and, with `ORACLE`, for those of a checkout of the Conforma policies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Host, Policy, Query, module};

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn gives_what_open_policy_agent_gave() {
    let parsed = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
    let (answers, input) = (parsed("answers.json"), parsed("input.json"));
    let differences = parsed("differences.json");
    let names = [
        "language.rego",
        "imported.rego",
        "builtins.rego",
        "documents.rego",
        "expressions.rego",
        "statements.rego",
    ];
    let modules = names.iter().map(|name| module(name, &read(name)));
    let policy = Policy::read(modules.collect()).unwrap();
    let mut queries: Vec<_> = policy
        .rules()
        .filter(|rule| !rule.is_function && rule.package != "oracle.imported")
        // Only the set of its errors has an order.
        .filter(|rule| rule.name != "schema_answer")
        .map(|rule| Query {
            package: rule.package.clone(),
            rule: rule.name.clone(),
        })
        .collect();
    queries.sort();
    queries.dedup();
    let wanted = [
        "language",
        "builtins",
        "documents",
        "expressions",
        "statements",
    ]
    .map(|name| format!("oracle.{name}"));
    let wanted = wanted.iter().map(String::as_str);
    let program = policy.compile(wanted, &parsed("data.json"), &Host::offline());
    let program = program.unwrap();
    let given = program.evaluate(&super::input(&input), &queries).unwrap();
    let given: BTreeMap<_, _> = given
        .into_iter()
        .map(|raw| ((raw.package, raw.rule), raw.value))
        .collect();
    let mut wrong = Vec::new();
    for Query { package, rule } in queries {
        let short = package.trim_start_matches("oracle.");
        let expected = answers
            .get(short)
            .and_then(|answers| answers.get(&rule))
            .cloned();
        let found = given.get(&(package.clone(), rule.clone())).cloned();
        let known = differences.get(format!("{short}.{rule}"));
        assert!(
            known.is_none_or(Value::is_string),
            "{short}.{rule} has no reason"
        );
        match (same(found.as_ref(), expected.as_ref()), known) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(_)) => wrong.push(format!("{short}.{rule} is no difference any more")),
            (false, None) => wrong.push(format!(
                "{short}.{rule}\n  is       {found:?}\n  expected {expected:?}"
            )),
        }
    }
    assert!(given.len() > 400, "only {} rules gave a value", given.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the values are the same, where 100 and 100.0 are the same number.
fn same(found: Option<&Value>, expected: Option<&Value>) -> bool {
    fn plain(value: &Value) -> Value {
        match value {
            Value::Number(number) => match number.as_f64() {
                Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                    json!(float as i64)
                }
                _ => value.clone(),
            },
            Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
            Value::Object(members) => {
                let members = members.iter();
                let members = members.map(|(key, value)| (key.clone(), plain(value)));
                Value::Object(members.collect())
            }
            other => other.clone(),
        }
    }
    found.map(plain) == expected.map(plain)
}

/// Inputs with what the rules of some modules gave for them.
#[derive(Deserialize)]
struct Answered {
    /// The files, when they are not those of our own policy.
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default = "nothing")]
    data: Value,
    /// The inputs, when they are not in `tests/oracle/inputs`.
    #[serde(default)]
    bases: BTreeMap<String, Value>,
    /// Package and name of each rule.
    rules: Vec<(String, String)>,
    /// What is not empty, by rule; nothing when the evaluation failed.
    answers: Vec<Option<BTreeMap<String, Value>>>,
    cases: Vec<Case>,
}

fn nothing() -> Value {
    json!({})
}

#[derive(Deserialize)]
struct Case {
    base: String,
    patch: Vec<Change>,
    answer: usize,
}

/// One operation of a JSON patch.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Change {
    Remove { path: String },
    Replace { path: String, value: Value },
}

impl Change {
    fn apply(&self, document: &mut Value) {
        match self {
            Self::Replace { path, value } => *document.pointer_mut(path).unwrap() = value.clone(),
            Self::Remove { path } => {
                let (above, last) = path.rsplit_once('/').unwrap();
                match document.pointer_mut(above).unwrap() {
                    Value::Array(items) => drop(items.remove(last.parse().unwrap())),
                    Value::Object(members) => {
                        let key = last.replace("~1", "/").replace("~0", "~");
                        members.shift_remove(&key).unwrap();
                    }
                    other => panic!("{path} in {other}"),
                }
            }
        }
    }
}

/// The elements of a set in one order, whoever sorted them.
fn in_order(value: &Value) -> Value {
    let Value::Array(items) = value else {
        return value.clone();
    };
    let mut items = items.clone();
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

impl Answered {
    /// The cases that give something else, described.
    fn differences(&self, policy: &Policy) -> Vec<String> {
        let queries = self.rules.iter().map(|(package, rule)| Query {
            package: package.clone(),
            rule: rule.clone(),
        });
        let queries: Vec<_> = queries.collect();
        let packages: BTreeSet<_> = self
            .rules
            .iter()
            .map(|(package, _)| package.as_str())
            .collect();
        let program = policy
            .compile(packages.into_iter(), &self.data, &Host::offline())
            .unwrap();
        let mut wrong = Vec::new();
        for (number, case) in self.cases.iter().enumerate() {
            let mut input = self.bases[&case.base].clone();
            case.patch
                .iter()
                .for_each(|change| change.apply(&mut input));
            let expected = self.answers[case.answer].as_ref().map(|answers| {
                let answers = answers.iter();
                answers
                    .map(|(rule, value)| (rule.clone(), in_order(value)))
                    .collect::<BTreeMap<_, _>>()
            });
            let given = program
                .evaluate(&super::input(&input), &queries)
                .ok()
                .map(|raws| {
                    let found = raws.into_iter().filter(|raw| raw.value != json!([]));
                    found
                        .map(|raw| {
                            (
                                format!("{}.{}", raw.package, raw.rule),
                                in_order(&raw.value),
                            )
                        })
                        .collect::<BTreeMap<_, _>>()
                });
            if given != expected {
                let patch = &case.patch;
                wrong.push(format!(
                    "case {number}, {} {patch:?}\n  is       {given:?}\n  expected {expected:?}",
                    case.base
                ));
            }
        }
        wrong
    }
}

#[test]
fn mutated_inputs_give_what_open_policy_agent_gave() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut answered: Answered = serde_json::from_str(&read("mutated.json")).unwrap();
    assert!(answered.cases.len() >= 300, "{}", answered.cases.len());
    assert!(answered.answers.len() > 50, "{}", answered.answers.len());
    for path in files("tests/oracle/inputs") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let input = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        answered.bases.insert(name, input);
    }
    let modules = files("policies/release").into_iter();
    let modules =
        modules.map(|path| module(path.to_str().unwrap(), &fs::read_to_string(&path).unwrap()));
    let policy = Policy::read(modules.filter(|module| !module.is_test()).collect()).unwrap();
    let wrong = answered.differences(&policy);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The file that the variable names; without it the test says that it is skipped.
fn named_by(variable: &str) -> Option<Vec<u8>> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run itself")]
    let file = std::env::var_os(variable);
    #[expect(clippy::print_stderr, reason = "says that the comparison was skipped")]
    if file.is_none() {
        eprintln!("skipped: {variable} names no answers, see tests/oracle/README.md");
    }
    file.map(|file| fs::read(file).unwrap())
}

fn assert_none(wrong: &[String], cases: usize) {
    let (number, list) = (wrong.len(), wrong.join("\n"));
    assert!(wrong.is_empty(), "{number} of {cases} differ:\n{list}");
}

#[test]
fn conforma_rules_give_what_open_policy_agent_gave() {
    let Some(answers) = named_by("ORACLE") else {
        return;
    };
    let answered: Answered = serde_json::from_slice(&answers).unwrap();
    let modules = answered.modules.iter();
    let modules = modules.map(|path| module(path, &fs::read_to_string(path).unwrap()));
    let policy = Policy::read(modules.collect()).unwrap();
    let wrong = answered.differences(&policy);
    assert_none(&wrong, answered.cases.len());
}

/// Random policies with what their rules gave.
#[derive(Deserialize)]
struct Programs {
    data: Value,
    /// The source of the other package.
    other: String,
    cases: Vec<Random>,
}

#[derive(Deserialize)]
struct Random {
    seed: u64,
    source: String,
    input: Value,
    /// By name of the rule; nothing when the evaluation failed.
    answer: Option<BTreeMap<String, Value>>,
}

impl Random {
    /// What the rules give here, or why they give nothing.
    fn given(&self, data: &Value, other: &str) -> Result<BTreeMap<String, Value>, super::Error> {
        let parts = self.source.split("---\n").enumerate();
        let parts = parts.map(|(number, part)| module(&format!("p{number}.rego"), part));
        let policy = Policy::read(parts.chain([module("q.rego", other)]).collect())?;
        let rules = policy
            .rules()
            .filter(|rule| !rule.is_function && rule.package == "p");
        // `r["a"]` is a part of `r`.
        let whole = |name: &str| name.split('.').next().unwrap().to_owned();
        let rules: BTreeSet<_> = rules.map(|rule| whole(&rule.name)).collect();
        let query = |rule| Query {
            package: "p".to_owned(),
            rule,
        };
        let queries: Vec<_> = rules.into_iter().map(query).collect();
        let program = policy.compile(["p"].into_iter(), data, &Host::offline())?;
        let given = program.evaluate(&super::input(&self.input), &queries)?;
        Ok(given.into_iter().map(|raw| (raw.rule, raw.value)).collect())
    }

    /// How that differs from what was expected.
    fn difference(&self, data: &Value, other: &str) -> Option<String> {
        let (given, expected) = (self.given(data, other), self.answer.as_ref());
        let mut lines = Vec::new();
        match (given, expected) {
            (Err(_), None) => {}
            (Err(error), Some(_)) => lines.push(format!("fails: {error}")),
            (Ok(given), None) => lines.push(format!("does not fail: {given:?}")),
            (Ok(given), Some(expected)) => {
                let names: BTreeSet<_> = given.keys().chain(expected.keys()).collect();
                for name in names {
                    let (given, expected) = (given.get(name), expected.get(name));
                    if !same(given, expected) {
                        let shown = |value: Option<&Value>| {
                            value.map_or("undefined".to_owned(), Value::to_string)
                        };
                        lines.push(format!(
                            "{name}\n  is       {}\n  expected {}",
                            shown(given),
                            shown(expected)
                        ));
                    }
                }
            }
        }
        let seed = self.seed;
        (!lines.is_empty()).then(|| format!("program {seed}: {}", lines.join("\n")))
    }
}

impl Programs {
    /// The programs that give something else, described, and those that no longer do.
    fn differences(&self, known: &BTreeSet<u64>) -> Vec<String> {
        let different = self.cases.iter().filter_map(|case| {
            let different = case.difference(&self.data, &self.other);
            match (different, known.contains(&case.seed)) {
                (None, false) | (Some(_), true) => None,
                (Some(different), false) => Some(different),
                (None, true) => Some(format!("program {} is no difference any more", case.seed)),
            }
        });
        different.collect()
    }
}

#[test]
fn random_programs_give_what_open_policy_agent_gave() {
    let programs: Programs = serde_json::from_str(&read("programs.json")).unwrap();
    assert!(programs.cases.len() > 250, "{}", programs.cases.len());
    let failing = programs.cases.iter().filter(|case| case.answer.is_none());
    assert!(failing.count() > 5);
    let differences: BTreeMap<String, String> =
        serde_json::from_str(&read("differences.json")).unwrap();
    let known = differences.keys().filter_map(|name| {
        let seed = name.strip_prefix("programs.")?;
        Some(seed.parse().unwrap())
    });
    let wrong = programs.differences(&known.collect());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn other_random_programs_give_what_open_policy_agent_gave() {
    let Some(answers) = named_by("ORACLE_PROGRAMS") else {
        return;
    };
    let programs: Programs = serde_json::from_slice(&answers).unwrap();
    let wrong = programs.differences(&BTreeSet::new());
    assert_none(&wrong, programs.cases.len());
}
