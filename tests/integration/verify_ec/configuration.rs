//! Configurations: sources, rule data, criteria, and those that are refused.

use super::{DENY_ALL, attested_release};

#[test]
fn an_excluded_rule_is_named_as_an_exception() {
    let scene = attested_release();
    scene.dir.write("rules/deny.rego", DENY_ALL);
    scene.dir.write(
        "policy.yaml",
        "sources:\n- policy: [./rules]\n  config: {exclude: [main.never]}\n",
    );
    scene
        .verify_images(&["--policy", "policy.yaml"])
        .exits(2)
        .says("no rule of the policy returned a result");
    scene.dir.write(
        "rules/other.rego",
        r#"package other
import rego.v1
# METADATA
# title: t
# custom:
#   short_name: r
deny contains {"code": "other.r", "msg": "no"} if input.absent
"#,
    );
    scene.verify_images(&["--policy", "policy.yaml"]).exits(0);
    assert_eq!(
        scene.verified()["components"][0]["exceptions"][0],
        "main.never"
    );
}

#[test]
fn configurations_that_cannot_be_used_verify_nothing() {
    let scene = attested_release();
    scene.verify_images(&[]).exits(0);
    scene
        .dir
        .write("broken/a.rego", "package a\ndeny contains {\n");
    scene.dir.write("empty/README.md", "no rules");
    scene.dir.write("data/a.yaml", "a: 1");
    scene.dir.write("data/b.yaml", "a: 1");
    scene.dir.write("rules/deny.rego", DENY_ALL);
    scene.dir.write(
        "collision.yaml",
        "sources: [{policy: [./rules], data: [./data]}]",
    );
    scene.dir.write(
        "misspelt.yaml",
        "sources: [{policy: [./rules], exlude: []}]",
    );
    let rules = [
        ("boolean", "package a\n\ndeny if input.image\n"),
        (
            "unknown",
            "package a\n\ndeny contains x if x := nosuch.f(1)\n",
        ),
        (
            "forbidden",
            r"package a

deny contains x if {
	x := http.send({})
}
",
        ),
        ("value", "package a\n\ndeny contains x if x := 7 * 6\n"),
        (
            "conflict",
            r#"package a

deny contains "x" if y == 1

y := 1

y := 2
"#,
        ),
        (
            "several",
            r#"package a

deny contains "x" if y == "none"

y := x if walk(input, [_, x])
"#,
        ),
        ("none", "package a\n"),
    ];
    for (name, source) in rules {
        scene.dir.write(&format!("{name}/a.rego"), source);
    }
    for (policy, said) in [
        ("broken", "broken/a.rego:"),
        ("boolean", "boolean/a.rego:3: a.deny returns a boolean"),
        (
            "unknown",
            "unknown/a.rego:3:25: rego_type_error: undefined function nosuch.f",
        ),
        (
            "forbidden",
            "forbidden/a.rego:4:7: function http.send is not available",
        ),
        ("value", "rule a.deny at value/a.rego:3 returns a number"),
        (
            "conflict",
            "rule a.deny at conflict/a.rego:3 could not be evaluated",
        ),
        (
            "several",
            "rule a.deny at several/a.rego:3 could not be evaluated",
        ),
        ("none", "the policy has no rules"),
        ("empty", "no suitable config file"),
        ("./absent", "./absent"),
        (
            "collision.yaml",
            "data/b.yaml:1: merge error: data member a is also set in ./data/a.yaml:1",
        ),
        ("misspelt.yaml", "exlude"),
        ("http://policy.example/p", "insecure source"),
    ] {
        let code = if policy == "./absent" { 3 } else { 2 };
        scene
            .verify_images(&["--policy", policy])
            .exits(code)
            .says(said);
        assert!(
            !scene.dir.exists("verified.json"),
            "{policy} left an old verdict"
        );
    }
}

#[test]
fn an_archive_is_not_a_policy() {
    let scene = attested_release();
    scene.dir.write("rules.tar.gz", "x");
    scene
        .dir
        .write("policy.yaml", "sources: [{policy: [./rules.tar.gz]}]");
    scene
        .verify_images(&["--policy", "policy.yaml"])
        .exits(2)
        .says("policy source ./rules.tar.gz is an archive");
    assert!(!scene.dir.exists("verified.json"));
}

#[test]
fn a_configuration_comes_from_a_web_server_that_is_known() {
    let scene = attested_release();
    scene.dir.write("rules/deny.rego", DENY_ALL);
    let tls = lab::tls::Tls::private_authority().unwrap();
    scene.dir.write("ca.pem", &tls.trusted_pem);
    let server = lab::registry::Server::start(lab::registry::Options {
        tls: Some(tls),
        ..lab::registry::Options::default()
    });
    let server = server.unwrap();
    let address = server.address();
    let served = |config: &str| {
        let digest = server.put_blob("acme/config", config.as_bytes());
        format!("https://{address}/v2/acme/config/blobs/{digest}")
    };
    let local = served("sources: [{policy: [./rules]}]\n");
    scene
        .verify_images(&["--policy", &local, "--ca-file", "ca.pem"])
        .exits(2)
        .says("a local path is taken only from a configuration that is a local file");
    let repository = scene.universe.policy_url();
    let url = served(&format!("sources: [{{policy: ['{repository}']}}]\n"));
    // Without a host they are for hosts of the command line, which this one is not.
    let of_any = scene.universe.credentials();
    let read = |name: &str| std::fs::read_to_string(of_any.join(name)).unwrap();
    let (user, password) = (read("username"), read("password"));
    let bound = repository.replacen(
        "git::http://",
        &format!("http://{}:{}@", user.trim(), password.trim()),
        1,
    );
    scene.dir.write("git/.git-credentials", bound + "\n");
    let credentials = scene.dir.path("git");
    let credentials = credentials.to_str().unwrap();
    let elsewhere = of_any.to_str().unwrap();
    let flags = [
        "--policy",
        &url,
        "--ca-file",
        "ca.pem",
        "--git-credentials-dir",
        elsewhere,
    ];
    scene.verify_images(&flags).exits(2).says("name no host");
    let run = scene.verify_images(&[
        "--policy",
        &url,
        "--ca-file",
        "ca.pem",
        "--git-credentials-dir",
        credentials,
    ]);
    assert!([0, 4].contains(&run.code), "{}", run.stderr);
    scene
        .verify_images(&["--policy", &url])
        .exits(2)
        .says(&address);
    let other = url.replace("acme/config", "acme/other");
    scene
        .verify_images(&["--policy", &other, "--ca-file", "ca.pem"])
        .exits(3)
        .says("does not exist");
}

#[test]
fn compat_and_the_filter_type_change_which_rules_are_included() {
    let scene = attested_release();
    let shared = r#"package main
import rego.v1
# METADATA
# title: t
# custom:
#   short_name: r
#   pipeline_intention: [release]
deny contains {"code": "main.r", "msg": "no"}
warn contains {"code": "main.r", "msg": "hm"}
"#;
    scene.dir.write("policy/a.rego", shared);
    scene
        .verify_images(&["--policy", "policy"])
        .exits(4)
        .says("main.r");
    // Upstream makes warnings of all results whose code a warning has too.
    scene
        .verify_images(&["--policy", "policy", "--compat"])
        .exits(0);
    let config = |intention: &str| {
        format!("sources: [{{policy: [./policy], ruleData: {{pipeline_intention: {intention}}}}}]")
    };
    scene.dir.write("release.yaml", config("release"));
    scene
        .verify_images(&["--policy", "release.yaml", "--filter-type", "ec-policy"])
        .exits(4);
}

#[test]
fn rule_data_is_text_and_not_a_file() {
    let scene = attested_release();
    scene.dir.write(
        "policy/a.rego",
        r#"package main
import rego.v1
# METADATA
# title: t
# custom:
#   short_name: r
deny contains {"code": "main.r", "msg": data.rule_data__configuration__.said}
"#,
    );
    scene.dir.write("said.yaml", "from a file");
    scene
        .verify_images(&["--policy", "policy", "--extra-rule-data", "said=itself"])
        .exits(4)
        .says("main.r: itself");
    scene
        .verify_images(&["--policy", "policy", "--extra-rule-data", "said=said.yaml"])
        .exits(2)
        .says("is a local path, which only ec reads");
    scene
        .verify_images(&["--policy", "policy", "--extra-rule-data", "said"])
        .exits(2)
        .says("incorrect syntax for --extra-rule-data 0");
}

#[test]
fn a_name_without_a_file_is_looked_up_in_the_cluster() {
    let scene = attested_release();
    scene
        .verify_images(&["--policy", "team/policy"])
        .exits(3)
        .says("policy \"team/policy\" is not an existing file or directory");
    scene.dir.write("team/policies/a.rego", DENY_ALL);
    scene
        .verify_images(&["--policy", "team/policie"])
        .exits(3)
        .says("did you mean team/policies?");
    scene
        .verify_images(&["--policy", "k8s://team/policy"])
        .exits(2)
        .says("policy \"k8s://team/policy\" is not a file");
}
