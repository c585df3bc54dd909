//! Small policies about one thing each (`with`, imports, calls of rules, keywords as names, template strings, bodies of `not`, `and`
//! and `or`, tokens, numbers, the order of values, recursion, conflicts), beside the frozen answers of OPA. `refresh-variants` renews them.
#![allow(clippy::expect_used, reason = "functions that tests share")]

use rego::{Options, Program, Session, Value, builtins};

/// Policies that end otherwise, by a part of their text, with the reason.
const DIFFERENT: [(&str, &str); 10] = [
    ("_ := 1", NAMES),
    (
        "r[1.0] := 2",
        "OPA finds neither of the rules for 1 and 1.0: here they conflict",
    ),
    ("(.5)", TEXTS),
    ("to_number(\"1_0\")", TEXTS),
    ("to_number(\"+1\")", TEXTS),
    ("to_number(\".5\")", TEXTS),
    ("to_number(\"5.\")", TEXTS),
    ("to_number(\"0X1P-2\")", TEXTS),
    ("to_number(\"01\")", TEXTS),
    ("package p.\n", "OPA reports the line behind the line break"),
];

/// Rules named by a wildcard have a number that depends on how often OPA tried to parse them.
const NAMES: &str = "the number of a wildcard";

/// OPA keeps the text of such numbers, which is not JSON: `json.marshal` of them is undefined.
const TEXTS: &str = "the text of a number";

/// The errors' places and codes, a value in JSON, or nothing for an evaluation that fails.
type Outcome = Result<Option<String>, Vec<String>>;

fn texts(case: &Value, name: &str) -> Vec<String> {
    let list = case.member(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn outcome(modules: &[String], input: &Value, data: &Value) -> Outcome {
    let registry = builtins::offered();
    let options = Options {
        builtins: builtins::declarations().to_vec(),
        ..Options::default()
    };
    let places = |errors: rego::Errors| -> Vec<String> {
        let place =
            |error: &rego::Error| format!("{}:{} {}", error.file, error.span.line, error.code);
        errors.0.iter().map(place).collect()
    };
    let failed = |error: rego::eval::EvalError| vec![error.to_string()];
    let mut parsed = Vec::new();
    for (at, text) in modules.iter().enumerate() {
        parsed.push(rego::parse(format!("m{at}.rego"), text.as_str()).map_err(places)?);
    }
    let compiled = rego::compile(parsed, &options).map_err(places)?;
    let program = Program::new(&compiled, &registry, &[]).map_err(failed)?;
    let program = program.with_data(data.clone());
    let query = compiled.query("x = data.p", &options).map_err(places)?;
    let query = program.query(&query).map_err(failed)?;
    let session = Session::new(&program, Some(input.clone()));
    let Ok(answer) = session
        .with_time(1_782_864_000_000_000_000, 1)
        .query(&query)
    else {
        return Ok(None);
    };
    let mut found = answer.value.into_iter().flatten();
    let found = found.find(|(name, _)| &**name == "x");
    Ok(Some(
        found.map(|(_, value)| value.to_json()).unwrap_or_default(),
    ))
}

#[test]
fn each_variant_ends_as_in_opa() {
    let frozen = Value::from_json(include_str!("variants.json")).expect("JSON");
    let document = |name: &str| frozen.member(name).cloned().expect("a document");
    let (input, data) = (document("input"), document("data"));
    let cases = document("cases");
    let cases = cases.as_array().expect("cases");
    assert!(cases.len() > 3_000);
    let mut other = Vec::new();
    for case in cases {
        let modules = texts(case, "modules");
        let wanted = |name: &str| case.member(name).and_then(Value::as_str);
        let found = outcome(&modules, &input, &data);
        let same = match (&found, wanted("value"), wanted("refused")) {
            (Ok(Some(found)), Some(value), _) => {
                *found == Value::from_json(value).expect("a value").to_json()
            }
            (Err(places), _, Some(place)) => places.iter().any(|found| found == place),
            (Ok(None), None, None) => true,
            _ => false,
        };
        let known = DIFFERENT
            .iter()
            .any(|(part, _)| modules.iter().any(|text| text.contains(part)));
        if !same && !known {
            other.push(format!("{}\n  here {found:?}", case.to_json()));
        }
    }
    assert!(
        other.is_empty(),
        "{} of {}:\n{}",
        other.len(),
        cases.len(),
        other.join("\n")
    );
}
