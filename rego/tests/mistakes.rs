//! Policies with one mistake each: the first error has the code and the place that `opa check` reports.
//! `refresh-mistakes` renews what is expected.
#![allow(clippy::expect_used, reason = "functions that tests share")]

use std::{collections::BTreeMap, fs, path::Path};

use rego::{Error, Errors, Options, builtins};
use serde_json::Value;

/// Errors whose column differs: OPA reports the character before a byte order mark.
const OTHER_COLUMN: [&str; 1] = ["second_bom"];

fn first_error(name: &str, text: &str) -> Option<Error> {
    let options = Options {
        print: true,
        ..Options::new(&builtins::offered())
    };
    let checked = rego::parse(format!("{name}.rego"), text)
        .and_then(|module| rego::compile(vec![module], &options));
    let Errors(errors) = checked.err()?;
    errors
        .into_iter()
        .min_by_key(|error| (error.span.line, error.span.column))
}

fn policies() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder of policies") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path
            .extension()
            .is_some_and(|extension| extension == "rego")
        {
            found.insert(name, fs::read_to_string(&path).expect("a policy"));
        }
    }
    found
}

#[test]
fn each_mistake_is_refused_where_opa_refuses_it() {
    let expected: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("mistakes/expected.json")).expect("JSON");
    let policies = policies();
    assert!(policies.len() > 150, "{}", policies.len());
    assert!(policies.keys().eq(expected.keys()));
    let mut wrong = Vec::new();
    for (name, text) in &policies {
        let want = &expected[name];
        let Some(error) = first_error(name, text) else {
            wrong.push(format!("{name}: accepted, expected {want}"));
            continue;
        };
        let place = error.span.line == want["line"]
            && (error.span.column == want["column"] || OTHER_COLUMN.contains(&name.as_str()));
        if !place || error.code.as_str() != want["code"] {
            wrong.push(format!("{name}: {error}, expected {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn changed_policies_do_not_panic() {
    // A linear congruential generator: the same changes in each run.
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
    };
    let policies: Vec<String> = policies().into_values().collect();
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "|",
        ":=",
        " in ",
        "some ",
        "not ",
        "\"",
        "`",
        "$\"",
        "\n",
        "x",
        "1",
        ".",
        ",",
        "with input as ",
    ];
    for _ in 0..4_000 {
        let mut text: Vec<char> = policies[random(policies.len())].chars().collect();
        for _ in 0..=random(3) {
            let at = random(text.len() + 1);
            match random(3) {
                0 => text.truncate(at),
                1 if at < text.len() => drop(text.remove(at)),
                _ => {
                    let piece = pieces[random(pieces.len())].chars();
                    text.splice(at..at, piece);
                }
            }
        }
        let text: String = text.into_iter().collect();
        let _ = first_error("changed", &text);
    }
}

#[test]
fn nested_terms_are_compiled_or_refused_at_once() {
    for (open, close) in [
        ("[", "]"),
        ("{\"a\": ", "}"),
        ("{", "}"),
        ("(", ")"),
        ("f(", ")"),
        ("x[", "]"),
        ("[y | y := ", "]"),
        ("1 + ", ""),
    ] {
        for levels in [20, 90, 280, 10_000] {
            let nested = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let text = format!("package a\nf(x) := x\np if {{ x := [1]; z := {nested} }}\n");
            let error = first_error("nested", &text);
            if levels == 20 && open != "x[" {
                assert_eq!(error, None, "{open}");
            }
            if levels == 10_000 {
                assert!(error.is_some(), "{open}");
            }
        }
    }
}
