//! The real `ec`'s answers about images signed by the real cosign, replayed without either
//! (see the fixtures' README).

use std::fs;

use serde_json::Value;

use crate::{
    docs::root,
    harness::{Run, Workdir},
    trust::serve_layout,
};

const FIXTURE: &str = "ec/compare";

#[test]
fn ecs_answers_are_ours() {
    let fixture = root().join("tests/fixtures").join(FIXTURE);
    let answers = fs::read(fixture.join("answers.json")).unwrap();
    let answers: Value = serde_json::from_slice(&answers).unwrap();
    let registry = serve_layout(FIXTURE, "team/app");
    let address = registry.address().to_string();
    let dir = Workdir::new();
    dir.write("ours.pub", fs::read(fixture.join("ours.pub")).unwrap());
    for folder in ["build/build.rego", "release/release.rego", "data/data.json"] {
        let text = fs::read(fixture.join("policies").join(folder)).unwrap();
        dir.write(&format!("policies/{folder}"), text);
    }
    for (name, policy) in answers["policies"].as_object().unwrap() {
        dir.write(&format!("{name}.json"), policy.to_string());
    }
    let cases = answers["cases"].as_array().unwrap();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let arguments: Vec<String> = case["arguments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().replace("REGISTRY", &address))
            .collect();
        let run = ec(&dir, &arguments);
        let place = dir.path("").display().to_string();
        let ours = |text: &str| {
            // Legacy statements name the registry of the day they were made.
            replace(&normal(text), &[(r"127\.0\.0\.1:\d+", "REGISTRY")])
                .replace(place.trim_end_matches('/'), "DIRECTORY")
        };
        let exact = case["verdict"] == "same";
        let same = |ours: &str, theirs: &Value| {
            let theirs = theirs.as_str().unwrap();
            match exact {
                true => ours == theirs,
                false => without_reasons(ours) == without_reasons(theirs),
            }
        };
        let printed = same(&ours(&run.stdout), &case["stdout"]);
        let written = case["written"]
            .as_str()
            .is_none_or(|theirs| ours(&dir.read("written")) == theirs);
        if i64::from(run.code) != case["exit"].as_i64().unwrap() || !printed || !written {
            wrong.push(format!(
                "{}: exit {}, {} expected\n{}\n--- expected:\n{}",
                arguments.join(" "),
                run.code,
                case["exit"],
                ours(&run.stdout),
                case["stdout"].as_str().unwrap(),
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

fn ec(dir: &Workdir, arguments: &[String]) -> Run {
    let mut all = vec!["ec"];
    all.extend(arguments.iter().map(String::as_str));
    let output = dir.command().args(all).env("NO_COLOR", "1").output();
    Run::of(output.unwrap())
}

/// Replaces the values that differ from run to run by those of the fixtures.
fn normal(text: &str) -> String {
    let patterns = [
        (r#"("?ec-version"?:\s*)("[^"]*"|[^"\n]+)"#, "${1}VERSION"),
        (r#"("?effective-time"?:\s*)("[^"]*"|\S+)"#, "${1}TIME"),
        (r#"timestamp="[^"]*""#, "timestamp=\"TIME\""),
        (r#""timestamp":"\d+""#, "\"timestamp\":\"TIME\""),
        (r"\| Time \| [^|]*\|", "| Time | TIME |"),
    ];
    replace(text, &patterns)
}

/// Without the words of errors about signatures.
fn without_reasons(text: &str) -> String {
    replace(
        text,
        &[
            (r#"( Error: )(?:[^"\\]|\\.)*""#, "${1}\""),
            (r#"(check failed: )(?:[^"\\]|\\.)*""#, "${1}\""),
        ],
    )
}

fn replace(text: &str, patterns: &[(&str, &str)]) -> String {
    patterns
        .iter()
        .fold(text.to_owned(), |text, (pattern, with)| {
            let pattern = regex::Regex::new(pattern).unwrap();
            pattern.replace_all(&text, *with).into_owned()
        })
}
