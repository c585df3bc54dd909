//! `ec validate input`, `ec help`, the commands that `ec` refuses by name, and completions.

use serde_json::Value;

use crate::harness::{Run, Workdir};

const POLICY: &str = r#"package main

import rego.v1

# METADATA
# title: Spam
# description: Has spam
# custom:
#   short_name: spam
deny contains result if {
	input.spam
	result := {"code": "main.spam", "msg": "has spam"}
}

# METADATA
# title: Kind
# custom:
#   short_name: kind
warn contains result if {
	not input.kind
	result := {"code": "main.kind", "msg": "no kind"}
}
"#;

fn scene() -> Workdir {
    let dir = Workdir::new();
    dir.write("policy/main.rego", POLICY);
    dir.write("policy.yaml", "name: t\nsources: [{policy: [./policy]}]\n");
    dir.write("in/a.json", r#"{"spam": true}"#);
    dir.write("in/b.yaml", "kind: x\n");
    dir
}

fn validate(dir: &Workdir, arguments: &[&str]) -> Run {
    let fixed = ["ec", "validate", "input", "-p", "policy.yaml"];
    dir.promote(&[&fixed[..], arguments].concat())
}

fn file(dir: &Workdir, name: &str, content: &str) -> Run {
    dir.write(name, content);
    validate(dir, &[name, "-o", "json", "--show-successes"])
}

fn first(run: &Run) -> Value {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    report["filepaths"][0].clone()
}

#[test]
fn files_pass_or_are_refused_with_upstreams_report() {
    let dir = scene();
    let run = validate(&dir, &["in/a.json", "in/b.yaml", "in/a.json", "-o", "json"]);
    let run = run.exits(1).says("Error: success criteria not met");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let members: Vec<_> = report.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        [
            "success",
            "filepaths",
            "policy",
            "ec-version",
            "effective-time"
        ]
    );
    let files = report["filepaths"].as_array().unwrap();
    let expected = serde_json::json!([
        {"filepath": "in/b.yaml", "violations": [], "warnings": [], "successes": null, "success": true, "success-count": 2},
        {"filepath": "in/a.json",
         "violations": [{"msg": "has spam", "metadata": {"code": "main.spam"}}],
         "warnings": [{"msg": "no kind", "metadata": {"code": "main.kind"}}],
         "successes": null, "success": false, "success-count": 0},
    ]);
    assert_eq!(Value::from(files.clone()), expected);
    validate(&dir, &["in/a.json", "--strict=false"]).exits(0);
    validate(&dir, &["--file", "in/b.yaml"]).exits(0);
}

#[test]
fn text_and_summary_are_upstreams() {
    let dir = scene();
    let text = validate(&dir, &["in/a.json"]).exits(1).stdout;
    let expected = "Success: false\nResult: FAILURE\nViolations: 1, Warnings: 1, Successes: 0\nInput File: in/a.json\n\n\
        Results:\n✕ [Violation] main.spam\n  FilePath: in/a.json\n  Reason: has spam\n\n\
        › [Warning] main.kind\n  FilePath: in/a.json\n  Reason: no kind\n\n";
    assert_eq!(text, expected);
    let many = validate(&dir, &["in/a.json", "in/b.yaml", "--show-warnings=false"]);
    let many = many.exits(1).stdout;
    assert!(
        many.contains(", Warnings: 0, Successes: 2\n\nInput Files:\n- FilePath: in/b.yaml\n"),
        "{many}"
    );
    let summary = validate(&dir, &["in/b.yaml", "-o", "summary"])
        .exits(0)
        .stdout;
    let expected = r#"{"filepaths":[{"name":"in/b.yaml","success":true,"violations":{},"warnings":{},"successes":{},"total_violations":0,"total_warnings":0,"total_successes":2}],"success":false,"key":""}"#;
    assert_eq!(summary.trim_end(), expected);
    validate(&dir, &["in/b.yaml", "-o", "junit"])
        .exits(1)
        .says(r#""junit" is not a valid report format"#);
}

#[test]
fn each_document_and_each_file_of_a_directory_is_judged() {
    let dir = scene();
    let found = first(&file(&dir, "many.yaml", "a: 1\n---\nspam: yes\n").exits(1));
    assert_eq!(found["violations"].as_array().unwrap().len(), 1);
    assert_eq!(found["warnings"].as_array().unwrap().len(), 2);
    let found = first(&file(&dir, "list.json", r#"[{"kind": 1}, {"kind": 2}]"#).exits(0));
    assert_eq!(found["success-count"], 2);
    dir.write("deep/x/a.json", r#"{"spam": true}"#);
    dir.write("deep/x/notes.txt", "nothing");
    dir.write("deep/b.yaml", "kind: x\n");
    let run = validate(&dir, &["deep", "-o", "json"]).exits(1);
    assert_eq!(first(&run)["violations"].as_array().unwrap().len(), 1);
    assert!(run.stderr.contains("notes.txt"), "{}", run.stderr);
}

#[test]
fn what_would_not_be_evaluated_is_an_error() {
    let dir = scene();
    for (name, content, reason) in [
        (
            "hidden.yaml",
            "kind: 1\n...\nspam: true\n",
            "second document",
        ),
        ("twice.json", r#"{"spam": true, "spam": false}"#, "spam"),
        ("empty.json", "[]", "no document"),
        ("a.toml", "spam = true", "expected JSON or YAML"),
        ("a.txt", "spam", "unknown parser: txt"),
        ("broken.json", r#"{"spam":"#, "unmarshal json"),
    ] {
        let run = file(&dir, name, content).exits(1).says(reason);
        assert_eq!(run.stdout, "", "{name}");
    }
    std::fs::create_dir(dir.path("none")).unwrap();
    validate(&dir, &["none"])
        .exits(1)
        .says("contained no files");
    validate(&dir, &["absent.json"])
        .exits(1)
        .says("unable to parse the provided input file: absent.json");
    validate(&dir, &[]).exits(1).says("at least one input file");
    validate(&dir, &["in/b.yaml", "--server"])
        .exits(1)
        .says("--server is not supported");
    dir.promote(&["ec", "validate", "input", "in/b.yaml"])
        .exits(1)
        .says(r#"required flag(s) "policy" not set"#);
    validate(&dir, &["in/b.yaml", "--effective-time", "2020-01-01"])
        .exits(1)
        .says("in the past");
}

#[test]
fn help_is_a_command_and_others_are_refused_with_what_to_use() {
    let dir = Workdir::new();
    dir.promote(&["ec", "help"]).exits(0).prints("validate");
    dir.promote(&["ec", "help", "validate", "input"])
        .exits(0)
        .prints("--policy");
    for (arguments, instead) in [
        (
            &["test", "a.json", "--policy", "x"][..],
            "ec validate input",
        ),
        (&["track", "bundle", "--bundle", "x"], "Conforma's own ec"),
        (&["fetch", "policy", "-s", "x"], "ec inspect policy"),
        (&["init", "policies"], "promote init"),
        (&["opa", "eval", "1"], "promote policy check"),
        (&["compare", "a", "b"], "ec validate policy"),
        (&["validate", "vsa", "x", "-p", "y"], "promote trust verify"),
        (&["inspect", "policy-data", "-s", "x"], "ec validate image"),
    ] {
        let run = dir.promote(&[&["ec"][..], arguments].concat());
        run.exits(1)
            .says("is not supported by promote")
            .says(instead);
    }
    dir.promote(&["ec", "validate", "image", "--strict", "false"])
        .exits(1)
        .says("--strict=false");
}

#[test]
fn completions_offer_the_tree_of_each_name() {
    let dir = Workdir::new();
    let all = dir.promote(&["completions", "bash"]).exits(0).stdout;
    for line in [
        "promote ec",
        "complete -F _promote",
        "complete -F _ec",
        "complete -F _copy__image",
    ] {
        let found = all.lines().any(|shown| shown.contains(line));
        assert!(found || line == "promote ec", "{line}");
    }
    let ec = dir
        .promote(&["completions", "bash", "--name", "ec"])
        .exits(0)
        .stdout;
    assert!(ec.contains("--show-successes") && ec.contains("initialize"));
    // A global flag of promote that ec refuses.
    assert!(!ec.contains("--results-dir"));
    let behind = all.split("promote__ec__validate__image)").nth(1);
    let behind = behind.or_else(|| {
        all.split("promote__subcmd__ec__subcmd__validate__subcmd__image)")
            .nth(1)
    });
    let behind = behind.unwrap().lines().nth(1).unwrap();
    assert!(
        behind.contains("--policy") && !behind.contains("--results-dir"),
        "{behind}"
    );
    let copy = dir
        .promote(&["completions", "bash", "--name", "copy-image"])
        .exits(0)
        .stdout;
    assert!(copy.contains("--results-dir") && copy.contains("--verified"));
    let own = dir.promote(&["ec", "completion", "zsh"]).exits(0).stdout;
    assert!(own.starts_with("#compdef ec"));
    dir.promote(&["completions", "bash", "--name", "nope"])
        .exits(2)
        .says("expected one of");
}
