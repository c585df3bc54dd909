//! `policy test` and `policy list`: what they print and how they exit.

use crate::harness::Workdir;

const POLICY: &str = r#"package main

# METADATA
# title: Image is labelled
# custom:
#   short_name: labelled
#   collections: [minimal]
#   effective_on: 2025-07-01
deny contains result if {
	not ec.oci.image_manifest(input.ref).annotations.label
	result := {"code": "main.labelled", "msg": "no label"}
}

# METADATA
# title: Package URL is valid
# custom:
#   short_name: purl
warn contains "invalid" if not ec.purl.is_valid(input.purl)
"#;

const TESTS: &str = r#"package main_test

import data.main

test_labelled if {
	count(main.deny) == 0 with input.ref as "r" with ec.oci.image_manifest as {"annotations": {"label": "x"}}
}

test_unlabelled if {
	count(main.deny) == 1 with input.ref as "r" with ec.oci.image_manifest as manifest
}

manifest(_) := {"annotations": {}}

test_purl if count(main.warn) == 0 with input.purl as "pkg:rpm/a@1"
"#;

fn workdir() -> Workdir {
    let dir = Workdir::new();
    dir.write("policy/main.rego", POLICY);
    dir.write("policy/main_test.rego", TESTS);
    dir
}

#[test]
fn runs_tests_that_replace_registry_functions() {
    let run = workdir().promote(&["policy", "test", "policy"]).exits(0);
    assert_eq!(run.stdout, "3 passed, 0 failed\n");
}

#[test]
fn a_failing_test_is_named_and_refuses() {
    let dir = workdir();
    dir.write(
        "policy/more_test.rego",
        "package more_test\n\ntest_wrong if 1 == 2\n",
    );
    let run = dir.promote(&["policy", "test", "policy"]).exits(4);
    assert_eq!(
        run.stdout,
        "FAIL more_test.test_wrong at policy/more_test.rego:3: it is undefined\n3 passed, 1 failed\n"
    );
}

#[test]
fn a_test_that_cannot_be_evaluated_fails() {
    let dir = workdir();
    let broken = "package more_test\n\ntest_broken if twice == 1\n\ntwice := 1\n\ntwice := 2\n";
    dir.write("policy/more_test.rego", broken);
    let run = dir.promote(&["policy", "test", "policy"]).exits(4);
    assert!(
        run.stdout.starts_with("ERROR more_test.test_broken at "),
        "{}",
        run.stdout
    );
    assert!(run.stdout.ends_with("\n3 passed, 1 failed\n"));
}

#[test]
fn a_policy_that_cannot_be_used_is_refused_with_file_and_line() {
    let dir = workdir();
    dir.write(
        "policy/wrong.rego",
        "package wrong\n\nx := nosuch.function(1)\n",
    );
    dir.promote(&["policy", "test", "policy"])
        .exits(2)
        .says("policy/wrong.rego:3: unknown function nosuch.function");
    dir.write("policy/wrong.rego", "package wrong\n\nx := {\n");
    dir.promote(&["policy", "test", "policy"])
        .exits(2)
        .says("policy/wrong.rego:");
}

#[test]
fn no_test_is_no_success() {
    let dir = workdir();
    dir.promote(&["policy", "test", "policy", "--run", "nosuch"])
        .exits(3);
    dir.promote(&["policy", "test", "absent"])
        .exits(3)
        .says("absent");
    dir.write("empty/readme.txt", "nothing");
    dir.promote(&["policy", "test", "empty"]).exits(2);
}

#[test]
fn reads_data_files_and_refuses_two_values_at_one_place() {
    let dir = workdir();
    let test = "package data_test\n\ntest_data if data.known == [1]\n";
    dir.write("policy/data_test.rego", test);
    dir.write("a.yaml", "known: [1]\n");
    dir.promote(&["policy", "test", "a.yaml", "policy"])
        .exits(0);
    dir.promote(&["policy", "test", "policy"]).exits(4);
    dir.write("b.json", "{\"known\": [1]}");
    dir.promote(&["policy", "test", "a.yaml", "b.json", "policy"])
        .exits(2)
        .says("b.json");
}

#[test]
fn lists_rules_with_their_annotations() {
    let dir = workdir();
    let run = dir.promote(&["policy", "list", "policy"]).exits(0);
    assert_eq!(
        run.stdout,
        "main.labelled (deny)\n  Image is labelled\n  collections: minimal\n  effective on: 2025-07-01T00:00:00Z\nmain.purl (warn)\n  Package URL is valid\n"
    );
    let run = dir
        .promote(&["policy", "list", "policy", "--output", "json"])
        .exits(0);
    let rules: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(rules[0]["code"], "main.labelled");
    assert_eq!(rules[0]["line"], 9);
}
