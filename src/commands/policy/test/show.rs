//! Results of tests as text and as JSON.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value, json};

use super::failed;
use crate::{
    policy::rego::testing::{Coverage, TestFailure, TestRun, TestVerdict, Tested},
    text,
};

/// The number of characters of a value that are shown.
const MAX_VALUE: usize = 300;
/// The number of lines of an expression that are shown.
const MAX_LINES: usize = 12;

/// The texts of the modules, by file.
type Texts = BTreeMap<String, String>;

/// Returns the failed tests and the counts, with the lines that no test evaluated before them.
pub(super) fn text(run: &TestRun, texts: &Texts, verbose: bool, coverage: bool) -> String {
    let mut out = String::new();
    for test in &run.tests {
        let line = match &test.verdict {
            TestVerdict::Passed if verbose => format!("PASS {}", test.name),
            TestVerdict::Passed => continue,
            TestVerdict::Skipped => format!("SKIP {}", test.name),
            TestVerdict::Failed(why) => {
                let why = shortened(why);
                format!("FAIL {} at {}: {why}", test.name, test.place)
            }
            TestVerdict::Errored(why) => format!("ERROR {} at {}: {why}", test.name, test.place),
        };
        let _ = writeln!(out, "{}", text::indented(&line));
        if let Some(failure) = &test.failure {
            explain(&mut out, failure, texts);
        }
        for printed in &test.printed {
            let _ = writeln!(out, "  {}", text::line(printed));
        }
    }
    if coverage {
        cover(&mut out, &run.coverage);
    }
    let count = |wanted: fn(&Tested) -> bool| run.tests.iter().filter(|test| wanted(test)).count();
    let passed = count(|test| test.verdict == TestVerdict::Passed);
    let skipped = count(|test| test.verdict == TestVerdict::Skipped);
    if skipped > 0 {
        let _ = writeln!(out, "{skipped} skipped by their names");
    }
    let _ = writeln!(out, "{passed} passed, {} failed", count(failed));
    out
}

/// Writes the expression that failed and the values of the variables in it.
fn explain(out: &mut String, failure: &TestFailure, texts: &Texts) {
    let expression = expression(failure, texts);
    let mut lines = expression.lines();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "  {}: {}", failure.place, text::line(first));
    for line in lines.take(MAX_LINES) {
        let line = line.replace('\t', "    ");
        let _ = writeln!(out, "    {}", text::line(&line));
    }
    for (name, value) in used(failure, expression) {
        let value = shortened(&value.to_string());
        let _ = writeln!(out, "    {} = {value}", text::line(name));
    }
}

fn expression<'t>(failure: &TestFailure, texts: &'t Texts) -> &'t str {
    let text = texts.get(&failure.place.file);
    let part = text.and_then(|text| text.get(failure.bytes.clone()));
    part.unwrap_or_default()
}

/// Returns the variables that the expression names, in the order of their names.
fn used<'f>(failure: &'f TestFailure, expression: &str) -> BTreeMap<&'f str, &'f Value> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let names: Vec<&str> = expression.split(|c| !is_name(c)).collect();
    let variables = failure.variables.iter();
    let variables = variables.map(|(name, value)| (name.as_str(), value));
    variables.filter(|(name, _)| names.contains(name)).collect()
}

fn shortened(value: &str) -> String {
    let value = text::line(value);
    match value.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{}…", value.get(..at).unwrap_or_default()),
        None => value.into_owned(),
    }
}

fn cover(out: &mut String, coverage: &[Coverage]) {
    for file in coverage {
        let _ = write!(out, "{:5.1} % {}", percent([file]), text::line(&file.file));
        if !file.missed.is_empty() {
            let _ = write!(out, ", not evaluated: {}", ranges(file).join(", "));
        }
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "{:5.1} % of all lines with rules and expressions",
        percent(coverage)
    );
}

/// Returns the lines that were not evaluated, neighbours in the list of lines as one range.
fn ranges(file: &Coverage) -> Vec<String> {
    spans(&file.missed.iter().copied().collect::<Vec<_>>())
        .into_iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect()
}

fn spans(lines: &[u32]) -> Vec<(u32, u32)> {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for line in lines {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => spans.push((*line, *line)),
        }
    }
    spans
}

fn percent<'c>(files: impl IntoIterator<Item = &'c Coverage>) -> f64 {
    let (mut covered, mut all) = (0_u32, 0_u32);
    for file in files {
        let found = u32::try_from(file.covered.len()).unwrap_or(u32::MAX);
        let missed = u32::try_from(file.missed.len()).unwrap_or(u32::MAX);
        covered = covered.saturating_add(found);
        all = all.saturating_add(found).saturating_add(missed);
    }
    match all {
        0 => 100.0,
        all => (f64::from(covered) * 1000.0 / f64::from(all)).round() / 10.0,
    }
}

/// Returns the tests as `opa test` lists them; with coverage an object of these and of OPA's coverage report.
///
/// # Errors
/// Never for the values of tests; the signature is serde's.
pub(super) fn json(
    run: &TestRun,
    texts: &Texts,
    coverage: bool,
) -> Result<String, serde_json::Error> {
    let tests: Vec<_> = run.tests.iter().map(|test| tested(test, texts)).collect();
    let document = match coverage {
        false => Value::Array(tests),
        true => json!({
            "tests": tests,
            "coverage": percent(&run.coverage),
            "files": files(&run.coverage),
        }),
    };
    let shown = serde_json::to_string_pretty(&document)?;
    Ok(format!("{}\n", text::json(&shown)))
}

fn tested(test: &Tested, texts: &Texts) -> Value {
    let (package, name) = test.name.rsplit_once('.').unwrap_or(("", &test.name));
    let duration = u64::try_from(test.took.as_nanos()).unwrap_or(u64::MAX);
    let mut shown = json!({
        "location": {"file": test.place.file, "row": test.place.line},
        "package": format!("data.{package}"),
        "name": name,
        "duration": duration,
    });
    let member = match &test.verdict {
        TestVerdict::Passed => None,
        TestVerdict::Skipped => Some(("skip", json!(true))),
        TestVerdict::Failed(_) => Some(("fail", json!(true))),
        TestVerdict::Errored(why) => Some(("error", json!({"message": why}))),
    };
    if let Some((member, value)) = member {
        shown[member] = value;
    }
    if let TestVerdict::Failed(why) = &test.verdict {
        shown["reason"] = json!(why);
    }
    if let Some(failure) = &test.failure {
        let text = expression(failure, texts);
        let variables = used(failure, text).into_iter();
        let variables: Map<_, _> = variables
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        shown["expression"] = json!({
            "location": {"file": failure.place.file, "row": failure.place.line},
            "text": text,
            "variables": variables,
        });
    }
    if !test.printed.is_empty() {
        shown["printed"] = json!(test.printed);
    }
    shown
}

fn files(coverage: &[Coverage]) -> Value {
    let rows = |lines: &std::collections::BTreeSet<u32>| -> Vec<Value> {
        let lines: Vec<_> = lines.iter().copied().collect();
        let spans = spans(&lines).into_iter();
        spans
            .map(|(first, last)| json!({"start": {"row": first}, "end": {"row": last}}))
            .collect()
    };
    let files = coverage.iter().map(|file| {
        let shown = json!({
            "covered": rows(&file.covered),
            "not_covered": rows(&file.missed),
            "covered_lines": file.covered.len(),
            "not_covered_lines": file.missed.len(),
            "coverage": percent([file]),
        });
        (file.file.clone(), shown)
    });
    Value::Object(files.collect())
}
