//! `policy test` and `policy list`: what they print and how they exit.

use lab::{
    registry::{Access, Grant, Options, Server},
    sigstore::Web,
    tls::Tls,
    universe::Universe,
};

use crate::harness::{Run, Workdir};

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
        "FAIL more_test.test_wrong at policy/more_test.rego:3: it is undefined\n  policy/more_test.rego:3: 1 == 2\n3 passed, 1 failed\n"
    );
}

#[test]
fn a_test_that_cannot_be_evaluated_fails() {
    let dir = workdir();
    let broken = r"package more_test

test_broken if twice == 1

twice := 1

twice := 2
";
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
        .says("policy/wrong.rego:3:6: rego_type_error: undefined function nosuch.function");
    dir.write("policy/wrong.rego", "package wrong\n\nx := {\n");
    dir.promote(&["policy", "test", "policy"])
        .exits(2)
        .says("policy/wrong.rego:");
}

#[test]
fn without_a_test_there_is_no_success() {
    let dir = workdir();
    dir.promote(&["policy", "test", "policy", "--run", "nosuch"])
        .exits(3);
    dir.promote(&["policy", "test", "policy", "--run", "("])
        .exits(2)
        .says("--run");
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
        r"main.labelled (deny)
  Image is labelled
  collections: minimal
  effective on: 2025-07-01T00:00:00Z
  policy/main.rego:9
main.purl (warn)
  Package URL is valid
  policy/main.rego:18
"
    );
    let run = dir
        .promote(&["policy", "list", "policy", "--output", "json"])
        .exits(0);
    let rules: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(rules[0]["code"], "main.labelled");
    assert_eq!(rules[0]["line"], 9);
}

#[test]
fn run_chooses_tests_by_their_path_and_verbose_names_them() {
    let dir = workdir();
    let run =
        |pattern: &str| dir.promote(&["policy", "test", "policy", "--verbose", "-r", pattern]);
    let all = "PASS main_test.test_labelled\nPASS main_test.test_purl\nPASS main_test.test_unlabelled\n3 passed, 0 failed\n";
    assert_eq!(run("^data\\.main_test\\.").exits(0).stdout, all);
    let one = "PASS main_test.test_purl\n1 passed, 0 failed\n";
    assert_eq!(run("test_p.*l$").exits(0).stdout, one);
}

const LISTED: &str = "main.labelled (deny)\n  Image is labelled\n";

/// Puts the policy into a registry, a layer a file.
fn push_policy(registry: &Server) {
    let content = POLICY.as_bytes();
    let layer = registry.put_blob("acme/policy", content);
    let config = registry.put_blob("acme/policy", b"{}");
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.cncf.openpolicyagent.config.v1+json", "digest": config, "size": 2},
        "layers": [{
            "mediaType": "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego",
            "digest": layer, "size": content.len(),
            "annotations": {"org.opencontainers.image.title": "policy/main.rego"},
        }],
    });
    registry.put_manifest(
        "acme/policy",
        Some("v1"),
        "application/vnd.oci.image.manifest.v1+json",
        manifest.to_string().as_bytes(),
    );
}

fn lists(run: Run) {
    let run = run.exits(0);
    assert!(run.stdout.starts_with(LISTED), "{}", run.stdout);
}

#[test]
fn lists_rules_of_every_kind_of_source() {
    let dir = workdir();
    lists(dir.promote(&["policy", "list", "policy"]));
    lists(dir.promote(&["policy", "list", "file::policy"]));
    lists(dir.promote(&["policy", "list", "./policy/main.rego"]));
    let universe = Universe::new().unwrap();
    let url = universe.policy_url();
    let credentials = universe.credentials();
    let with = ["--git-credentials-dir", credentials.to_str().unwrap()];
    let run = dir.promote(&["policy", "list", &url, with[0], with[1]]);
    assert!(run.exits(0).stdout.contains("cve.fixable (deny)\n"));
    dir.promote(&["policy", "list", &url])
        .exits(2)
        .says("credentials");
    let registry = Server::start(Options::default()).unwrap();
    push_policy(&registry);
    let bundle = format!("oci::{}/acme/policy:v1", registry.address());
    lists(dir.promote(&["policy", "list", &bundle]));
    // Several sources are one policy, in which a code names one rule.
    dir.promote(&["policy", "list", "policy", &bundle])
        .exits(2)
        .says("code main.labelled is already used at");
    let absent = format!("oci::{}/acme/policy:v2", registry.address());
    dir.promote(&["policy", "list", &absent])
        .exits(3)
        .says("v2");
    dir.promote(&["policy", "list", "absent"])
        .exits(3)
        .says("absent");
    dir.promote(&["policy", "list", "./absent"])
        .exits(3)
        .says("./absent");
}

#[test]
fn a_document_of_a_web_server_is_a_source() {
    let dir = workdir();
    let tls = Tls::private_authority().unwrap();
    let web = Web::start_with_tls(&tls).unwrap();
    dir.write("ca.pem", &tls.trusted_pem);
    let files = [("rules/main.rego".to_owned(), POLICY.as_bytes().to_vec())];
    web.serve_files(files.into());
    let url = format!("{}/rules/main.rego", web.url());
    let list = |url: &str| dir.promote(&["policy", "list", url, "--ca-file", "ca.pem"]);
    lists(list(&url));
    list(&format!("{}/absent.rego", web.url()))
        .exits(3)
        .says("absent.rego");
    dir.promote(&["policy", "list", &url])
        .exits(2)
        .says("certificate")
        .says("--ca-file");
    web.break_down();
    list(&url).exits(5).says("500");
}

#[test]
fn an_archive_is_refused_by_its_name_wherever_it_is() {
    let dir = workdir();
    let tls = Tls::private_authority().unwrap();
    let web = Web::start_with_tls(&tls).unwrap();
    dir.write("ca.pem", &tls.trusted_pem);
    let names = ["rules.zip", "rules.tar.gz", "rules.tgz", "rules.tar"];
    let served = names.map(|name| (name.to_owned(), POLICY.as_bytes().to_vec()));
    web.serve_files(served.into());
    for name in names {
        dir.write(name, POLICY);
        for source in [format!("{}/{name}", web.url()), format!("./{name}")] {
            let said = format!("policy source {source} is an archive: expected a directory");
            dir.promote(&["policy", "list", &source, "--ca-file", "ca.pem"])
                .exits(2)
                .says(&said);
        }
    }
}

#[test]
fn a_private_registry_serves_a_policy_after_a_login() {
    let dir = workdir();
    let account = lab::git::Account {
        user: "robot".to_owned(),
        password: "s3cret".to_owned(),
    };
    let registry = Server::start(Options {
        access: Access::Basic(vec![Grant {
            account,
            prefix: String::new(),
        }]),
        ..Options::default()
    });
    let registry = registry.unwrap();
    push_policy(&registry);
    let host = registry.address();
    let auth = |text: &str| serde_json::json!({"auths": {&host: {"auth": text}}}).to_string();
    // robot:s3cret and robot:guess.
    dir.write("auth.json", auth("cm9ib3Q6czNjcmV0"));
    dir.write("wrong.json", auth("cm9ib3Q6Z3Vlc3M="));
    let bundle = format!("oci::{host}/acme/policy:v1");
    let list = |authfile: &str| dir.promote(&["policy", "list", &bundle, "--authfile", authfile]);
    lists(list("auth.json"));
    list("wrong.json").exits(2);
}
