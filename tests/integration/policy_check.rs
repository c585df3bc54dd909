//! `policy check`, and what `policy test` shows of failing expressions and of coverage.

use serde_json::Value;

use crate::harness::Workdir;

const RULES: &str = r#"package main

# METADATA
# title: Image is labelled
# custom:
#   short_name: labelled
deny contains {"code": "main.labelled", "msg": "no label"} if {
	some name in data.wanted
	not input.labels[name]
}

size(x) := count(x)

unused if {
	input.never
}
"#;

const TESTS: &str = r#"package main_test

import data.main

test_labelled if {
	found := main.deny with input as {"labels": {"a": 1}}
	count(found) == 0
}

test_wrong if {
	sizes := [n | some x in ["a", "bc"]; n := main.size(x)]
	last := sizes[count(sizes) - 1]
	last > 2
}

todo_test_later if false
"#;

fn workdir() -> Workdir {
    let dir = Workdir::new();
    dir.write("policy/main.rego", RULES);
    dir.write("policy/main_test.rego", TESTS);
    dir.write("policy/data.yaml", "wanted: [a]\n");
    dir
}

#[test]
fn a_policy_without_mistakes_passes() {
    let run = workdir().promote(&["policy", "check", "policy"]).exits(0);
    assert_eq!(
        run.stdout,
        "2 files, 1 of them tests, 1 rules with results: no mistakes\n"
    );
}

#[test]
fn each_mistake_is_shown_with_its_place_and_its_line() {
    let dir = workdir();
    dir.write("wrong/a.rego", "package a\n\nx := 1 if z > 1\n");
    let run = dir.promote(&["policy", "check", "wrong"]).exits(2);
    run.says("wrong/a.rego:3:11: rego_unsafe_var_error: var z is unsafe")
        .says("x := 1 if z > 1");
    dir.write("wrong/a.rego", "package a\n\ny := count(1)\n");
    let run = dir.promote(&["policy", "check", "wrong"]).exits(2);
    run.says("wrong/a.rego:3:6: rego_type_error: count: invalid argument(s)");
    dir.write(
        "wrong/a.rego",
        r"package a

x := {
	y := count(1)
",
    );
    let run = dir.promote(&["policy", "check", "wrong"]).exits(2);
    run.says("wrong/a.rego:")
        .says("rego_parse_error")
        .says("y := count(1)");
    dir.write(
        "wrong/a.rego",
        r"package a

p if q

q if data.a.p
",
    );
    let run = dir.promote(&["policy", "check", "wrong"]).exits(2);
    run.says("wrong/a.rego:3:1: rego_recursion_error: rule data.a.p is recursive");
}

#[test]
fn production_checks_are_made_too() {
    let dir = workdir();
    let check = |text: &str| {
        dir.write("wrong/a.rego", text);
        dir.promote(&["policy", "check", "wrong"])
    };
    check("package a\n\ndeny := true\n")
        .exits(2)
        .says("wrong/a.rego:3: a.deny returns a boolean");
    check(
        r#"package a["b.c"]

import rego.v1

deny contains "x"
"#,
    )
    .exits(2)
    .says("part with a dot");
    check("package a\n\ndeny contains http.send({})\n")
        .exits(2)
        .says("wrong/a.rego:3:15: function http.send is not available");
    let rule = r#"# METADATA
# custom:
#   short_name: same
deny contains "x"

"#;
    check(&format!("package a\n\n{rule}{rule}"))
        .exits(2)
        .says("code a.same is already used at wrong/a.rego:6");
    // Tests may replace what production must not have.
    check("package a\n\nok := 1\n").exits(0);
    dir.write("wrong/a_test.rego", "package a_test\n\ndeny := true\n");
    dir.promote(&["policy", "check", "wrong"]).exits(0);
}

#[test]
fn a_rule_without_metadata_gets_a_hint_what_to_add() {
    let dir = workdir();
    dir.write(
        "bare/x.rego",
        "package x\n\ndeny contains \"no\" if input.a\n",
    );
    let said =
        "bare/x.rego:3: rule x.deny has no METADATA with title and custom.short_name: add it";
    dir.promote(&["policy", "check", "bare"])
        .exits(0)
        .says(said);
    let run = dir.promote(&["policy", "list", "bare"]).exits(0);
    assert!(run.stdout.contains(said), "{}", run.stdout);
}

#[test]
fn paths_that_are_absent_or_hold_no_policy_are_refused() {
    let dir = workdir();
    dir.promote(&["policy", "check", "absent"])
        .exits(3)
        .says("absent");
    dir.write("empty/readme.md", "nothing");
    dir.promote(&["policy", "check", "empty"]).exits(2);
    dir.promote(&["policy", "check"]).exits(2);
}

#[test]
fn a_failing_expression_is_shown_with_its_variables() {
    let dir = workdir();
    let run = dir.promote(&["policy", "test", "policy"]);
    let run = run.exits(4);
    let shown = "FAIL main_test.test_wrong at policy/main_test.rego:10: it is undefined\n  policy/main_test.rego:13: last > 2\n    last = 2\n";
    assert!(run.stdout.starts_with(shown), "{}", run.stdout);
    assert!(
        run.stdout.ends_with(
            "SKIP main_test.todo_test_later\n1 skipped by their names\n1 passed, 1 failed\n"
        ),
        "{}",
        run.stdout
    );
}

#[test]
fn json_lists_tests_as_opa_does_with_the_expression() {
    let dir = workdir();
    let run = dir.promote(&["policy", "test", "policy", "--format", "json"]);
    let tests: Value = serde_json::from_str(&run.exits(4).stdout).unwrap();
    assert_eq!(tests[0]["name"], "test_labelled");
    assert_eq!(tests[0]["package"], "data.main_test");
    assert_eq!(tests[0]["location"]["row"], 5);
    assert!(tests[0].get("fail").is_none());
    assert_eq!(tests[1]["fail"], true);
    assert_eq!(tests[1]["expression"]["text"], "last > 2");
    assert_eq!(tests[1]["expression"]["variables"]["last"], 2);
    assert_eq!(tests[2]["skip"], true);
}

#[test]
fn coverage_names_the_lines_that_no_test_evaluates() {
    let dir = workdir();
    let run = |more: &[&str]| {
        let args = [
            &[
                "policy",
                "test",
                "policy",
                "--run",
                "labelled",
                "--coverage",
            ],
            more,
        ]
        .concat();
        dir.promote(&args).exits(0).stdout
    };
    let text = run(&[]);
    assert!(
        text.contains("policy/main.rego, not evaluated: 7, 12, 14-15\n"),
        "{text}"
    );
    assert!(text.ends_with("1 passed, 0 failed\n"), "{text}");
    let json: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    let file = &json["files"]["policy/main.rego"];
    assert_eq!(file["covered"][0]["start"]["row"], 8);
    assert_eq!(file["not_covered_lines"], 4);
    assert!(json["coverage"].as_f64().unwrap() < 100.0);
    assert_eq!(json["tests"][0]["name"], "test_labelled");
}

#[test]
fn links_stay_inside_and_pipes_are_refused_at_once() {
    let dir = workdir();
    dir.write("outside.rego", "package outside\n\nx := 1\n");
    std::os::unix::fs::symlink(dir.path("policy/main.rego"), dir.path("policy/linked.rego"))
        .unwrap();
    dir.promote(&["policy", "check", "policy"])
        .exits(2)
        .says("already used");
    std::fs::remove_file(dir.path("policy/linked.rego")).unwrap();
    std::os::unix::fs::symlink(dir.path("outside.rego"), dir.path("policy/out.rego")).unwrap();
    for command in ["check", "test", "list"] {
        dir.promote(&["policy", command, "policy"])
            .exits(2)
            .says("policy/out.rego: the link leads out of the policy");
    }
    std::fs::remove_file(dir.path("policy/out.rego")).unwrap();
    // Opening a pipe waits for its other end, opening a socket fails: neither is opened.
    let _pipe = std::os::unix::net::UnixListener::bind(dir.path("policy/pipe.rego")).unwrap();
    for command in ["check", "test", "list"] {
        dir.promote(&["policy", command, "policy"])
            .exits(2)
            .says("policy/pipe.rego: not a regular file");
    }
}
