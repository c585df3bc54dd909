//! `verify-ec` against the lab's registry and Git server: the good image passes, each lie is refused.

mod requests;

use lab::{
    registry::{Effect, Fault},
    signer::{self, Key},
    universe::{STAGING, TAG, Universe},
};
use serde_json::Value;

use crate::harness::{EFFECTIVE_TIME, Run, Workdir};

const DENY_ALL: &str = "package main\nimport rego.v1\n# METADATA\n# title: Never\n# custom:\n#   short_name: never\ndeny contains {\"code\": \"main.never\", \"msg\": \"never\"}\n";

/// A universe and a directory with its `images.json`.
struct Scene {
    universe: Universe,
    dir: Workdir,
}

impl Scene {
    /// Nobody has signed anything yet.
    fn new() -> Self {
        let universe = Universe::new().unwrap();
        let dir = Workdir::new();
        dir.write("cosign.pub", universe.key.public_pem());
        let scene = Self { universe, dir };
        scene.list(&scene.universe.commit);
        scene
    }

    fn vouched() -> Self {
        let scene = Self::new();
        scene.universe.vouch().unwrap();
        scene
    }

    fn list(&self, commit: &str) {
        let image = format!("{}@{}", self.universe.staging(), self.universe.image.digest);
        let url = self.universe.source_url();
        let list = serde_json::json!({
            "application": "",
            "components": [{"name": "web", "containerImage": image, "source": {"git": {"url": url, "revision": commit}}}],
            "promote": {"version": 1, "gitTag": TAG, "commit": commit, "destinationTag": "prod-v1.0", "components": {}},
        });
        self.dir.write("images.json", list.to_string());
    }

    fn verify(&self, more: &[&str]) -> Run {
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/release");
        let mut arguments = vec![
            "verify-ec",
            "--public-key",
            "cosign.pub",
            "--results-dir",
            "results",
        ];
        if !more.contains(&"--policy") {
            arguments.extend(["--policy", policy]);
        }
        if !more.contains(&"--ignore-rekor=false") {
            arguments.push("--ignore-rekor");
        }
        arguments.extend(more);
        self.dir.promote(&arguments)
    }

    fn verified(&self) -> Value {
        serde_json::from_str(&self.dir.read("verified.json")).unwrap()
    }

    /// The codes of the violations in a JSON report.
    fn codes(&self) -> Vec<String> {
        let run = self.verify(&["--output", "json"]).exits(4);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let violations = report["components"][0]["violations"].as_array().unwrap();
        violations
            .iter()
            .map(|violation| violation["metadata"]["code"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn passes_a_vouched_image_and_writes_the_verdict() {
    let scene = Scene::vouched();
    let at = ["--effective-time", EFFECTIVE_TIME];
    let outputs = ["--output", "text", "--output", "json=report.json"];
    let run = scene.verify(&[&outputs[..], &at].concat()).exits(0);
    assert!(
        run.stdout.starts_with("Success: true\nResult: SUCCESS\n"),
        "{}",
        run.stdout
    );
    let verified = scene.verified();
    assert_eq!(verified["components"][0]["success"], true);
    assert_eq!(verified["gitTag"], TAG);
    assert_eq!(verified["verifiedAt"], "2025-11-24T16:00:00Z");
    assert_eq!(verified["skippedChecks"][0], "transparency-log");
    assert!(
        scene
            .dir
            .read("results/VERIFIED_DIGEST")
            .starts_with("sha256:")
    );
    let test_output: Value = serde_json::from_str(&scene.dir.read("results/TEST_OUTPUT")).unwrap();
    assert_eq!(test_output["result"], "SUCCESS");
    assert_eq!(test_output["timestamp"], "1764000000");
    let first = scene.dir.read("verified.json");
    scene.verify(&at).exits(0);
    assert_eq!(
        scene.dir.read("verified.json"),
        first,
        "a fixed clock makes the same bytes"
    );
}

#[test]
fn reads_a_policy_from_a_repository_and_pins_its_commit() {
    let scene = Scene::vouched();
    let commit = scene.universe.set_policy(&[]).unwrap();
    let policy = scene.universe.policy_url();
    let credentials = scene.universe.credentials();
    let credentials = credentials.to_str().unwrap();
    scene
        .verify(&["--policy", &policy, "--git-credentials-dir", credentials])
        .exits(0);
    let source = scene.verified()["policy"]["sources"][0]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        source.ends_with(&format!("//release?ref={commit}")),
        "{source}"
    );
}

#[test]
fn refuses_an_image_that_nobody_signed() {
    let scene = Scene::new();
    scene
        .universe
        .attest(&scene.universe.key, &scene.universe.commit)
        .unwrap();
    assert_eq!(
        scene.codes(),
        ["builtin.image.signature_check", "image_signature.signed"]
    );
    assert_eq!(scene.verified()["components"][0]["success"], false);
}

#[test]
fn refuses_an_image_without_attestations() {
    let scene = Scene::new();
    scene.universe.sign(&scene.universe.key).unwrap();
    assert_eq!(scene.codes(), ["builtin.attestation.signature_check"]);
}

#[test]
fn refuses_another_key() {
    let scene = Scene::new();
    let other = Key::generate().unwrap();
    scene.universe.sign(&other).unwrap();
    scene
        .universe
        .attest(&other, &scene.universe.commit)
        .unwrap();
    let expected = [
        "builtin.attestation.signature_check",
        "builtin.image.signature_check",
    ];
    let mut codes = scene.codes();
    codes.sort();
    assert_eq!(codes, expected);
}

#[test]
fn refuses_the_signature_and_attestation_of_another_image() {
    let scene = Scene::new();
    let universe = &scene.universe;
    let other = signer::push_image(
        &universe.registry,
        &universe.image.repository,
        "other",
        "other",
        1,
    )
    .unwrap();
    signer::sign(&universe.registry, &other, &universe.key).unwrap();
    signer::attest(
        &universe.registry,
        &other,
        &universe.key,
        &universe.statements(&other, &universe.commit),
    )
    .unwrap();
    signer::steal(&universe.registry, "sig", &other, &universe.image).unwrap();
    signer::steal(&universe.registry, "att", &other, &universe.image).unwrap();
    let mut codes = scene.codes();
    codes.sort();
    assert_eq!(
        codes,
        [
            "builtin.attestation.signature_check",
            "builtin.image.signature_check"
        ]
    );
}

#[test]
fn refuses_provenance_of_another_commit() {
    let scene = Scene::new();
    scene.universe.sign(&scene.universe.key).unwrap();
    scene
        .universe
        .attest(
            &scene.universe.key,
            "00000000000000000000000000000000000000aa",
        )
        .unwrap();
    assert_eq!(scene.codes(), ["source.commit"]);
}

#[test]
fn demands_the_transparency_log_unless_told_otherwise() {
    let scene = Scene::vouched();
    scene.verify(&["--ignore-rekor=false"]).exits(4).says("log");
    assert_eq!(scene.verified()["components"][0]["success"], false);
}

#[test]
fn a_list_with_another_digest_is_refused() {
    let scene = Scene::vouched();
    let wrong = format!("sha256:{}", "0".repeat(64));
    scene
        .verify(&["--images-digest", &wrong])
        .exits(4)
        .says("belongs to another run");
    assert!(!scene.dir.exists("verified.json"));
}

#[test]
fn strict_false_turns_a_refusal_into_a_success_that_vouches_for_nothing() {
    let scene = Scene::vouched();
    scene.dir.write("policy/deny.rego", DENY_ALL);
    scene
        .verify(&["--policy", "policy"])
        .exits(4)
        .says("main.never");
    scene
        .verify(&["--policy", "policy", "--strict=false"])
        .exits(0);
    assert_eq!(scene.verified()["components"][0]["success"], false);
}

#[test]
fn an_excluded_rule_is_named_as_an_exception() {
    let scene = Scene::vouched();
    scene.dir.write("rules/deny.rego", DENY_ALL);
    scene.dir.write(
        "policy.yaml",
        "sources:\n- policy: [./rules]\n  config: {exclude: [main.never]}\n",
    );
    scene
        .verify(&["--policy", "policy.yaml"])
        .exits(2)
        .says("no rule of the policy returned a result");
    scene.dir.write("rules/other.rego", "package other\nimport rego.v1\n# METADATA\n# title: t\n# custom:\n#   short_name: r\ndeny contains {\"code\": \"other.r\", \"msg\": \"no\"} if input.absent\n");
    scene.verify(&["--policy", "policy.yaml"]).exits(0);
    assert_eq!(
        scene.verified()["components"][0]["exceptions"][0],
        "main.never"
    );
}

#[test]
fn configurations_that_cannot_be_used_verify_nothing() {
    let scene = Scene::vouched();
    scene.verify(&[]).exits(0);
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
            "package a\n\ndeny contains x if {\n\tx := http.send({})\n}\n",
        ),
        ("value", "package a\n\ndeny contains x if x := 7 * 6\n"),
        (
            "conflict",
            "package a\n\ndeny contains \"x\" if y == 1\n\ny := 1\n\ny := 2\n",
        ),
        (
            "several",
            "package a\n\ndeny contains \"x\" if y == \"none\"\n\ny := x if walk(input, [_, x])\n",
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
        scene.verify(&["--policy", policy]).exits(code).says(said);
        assert!(
            !scene.dir.exists("verified.json"),
            "{policy} left an old verdict"
        );
    }
}

/// A package with a rule that is a success unless it speaks.
fn silent(body: &str) -> String {
    format!(
        "package main\n\n# METADATA\n# title: t\n# custom:\n#   short_name: r\ndeny contains \"no\" if {{\n{body}\n}}\n"
    )
}

#[test]
fn a_rule_that_cannot_be_evaluated_leaves_its_component_in_the_report() {
    let scene = Scene::vouched();
    let verify = || scene.verify(&["--policy", "rules", "--output=json=report.json"]);
    scene.dir.write("rules/a.rego", silent("\tinput.absent"));
    verify().exits(0);
    assert!(scene.dir.exists("verified.json"));
    let conflict = silent("\ty == 1") + "\ny := 1 if input.image\n\ny := 2 if input.image\n";
    scene.dir.write("rules/a.rego", conflict);
    let said = "rule main.deny at rules/a.rego:7 could not be evaluated: ";
    for strict in ["--strict=true", "--strict=false"] {
        let arguments = ["--policy", "rules", "--output=json=report.json", strict];
        scene.verify(&arguments).exits(2).says(said);
        assert!(!scene.dir.exists("verified.json"));
        let report: Value = serde_json::from_str(&scene.dir.read("report.json")).unwrap();
        assert_eq!(report["success"], false);
        let component = &report["components"][0];
        assert_eq!(
            (&component["name"], &component["success"]),
            (&"web".into(), &false.into())
        );
        let error = component["error"].as_str().unwrap();
        assert!(error.contains(said), "{error}");
        let test_output = scene.dir.read("results/TEST_OUTPUT");
        assert!(
            test_output.contains(r#""result":"FAILURE""#),
            "{test_output}"
        );
        assert_eq!(scene.dir.read("results/VERIFIED_DIGEST"), "");
    }
}

#[test]
fn a_function_that_finds_nothing_is_undefined_and_said() {
    let scene = Scene::vouched();
    // Nothing else names it, and it is in another repository.
    let address = scene.universe.registry.address();
    let absent = format!("{address}/elsewhere@sha256:{}", "0".repeat(64));
    for (call, code) in [
        (format!("ec.oci.image_manifest(\"{absent}\")"), 0),
        ("ec.oci.image_manifest(\"no reference!\")".to_owned(), 0),
        (format!("not ec.oci.image_manifest(\"{absent}\")"), 4),
        (
            format!(
                "not ec.sigstore.verify_image(\"{absent}\", {{\"ignore_rekor\": true}}).success"
            ),
            4,
        ),
    ] {
        scene
            .dir
            .write("rules/a.rego", silent(&format!("\t{call}")));
        let run = scene.verify(&["--policy", "rules"]).exits(code);
        if call.contains("ec.oci") {
            run.says("registry lookup by a policy rule")
                .says("ec.oci.image_manifest");
        }
    }
}

#[test]
fn an_archive_is_no_policy() {
    let scene = Scene::vouched();
    scene.dir.write("rules.tar.gz", "x");
    scene
        .dir
        .write("policy.yaml", "sources: [{policy: [./rules.tar.gz]}]");
    scene
        .verify(&["--policy", "policy.yaml"])
        .exits(2)
        .says("policy source ./rules.tar.gz is an archive");
    assert!(!scene.dir.exists("verified.json"));
}

#[test]
fn one_image_under_two_names_is_two_components() {
    let scene = Scene::vouched();
    let mut list: Value = serde_json::from_str(&scene.dir.read("images.json")).unwrap();
    let mut second = list["components"][0].clone();
    second["name"] = "worker".into();
    list["components"].as_array_mut().unwrap().push(second);
    scene.dir.write("images.json", list.to_string());
    let run = scene.verify(&["--output", "json"]).exits(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let verified = scene.verified();
    for document in [&report, &verified] {
        let components = document["components"].as_array().unwrap();
        let mut names: Vec<_> = components
            .iter()
            .map(|c| c["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["web", "worker"]);
        assert!(
            components
                .iter()
                .all(|component| component["success"] == true)
        );
    }
}

#[test]
fn a_configuration_comes_from_a_web_server_that_is_known() {
    let scene = Scene::vouched();
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
        .verify(&["--policy", &local, "--ca-file", "ca.pem"])
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
    scene.verify(&flags).exits(2).says("name no host");
    let run = scene.verify(&[
        "--policy",
        &url,
        "--ca-file",
        "ca.pem",
        "--git-credentials-dir",
        credentials,
    ]);
    assert!([0, 4].contains(&run.code), "{}", run.stderr);
    scene.verify(&["--policy", &url]).exits(2).says(&address);
    let other = url.replace("acme/config", "acme/other");
    scene
        .verify(&["--policy", &other, "--ca-file", "ca.pem"])
        .exits(3)
        .says("does not exist");
}

#[test]
fn the_bundle_of_an_operator_shows_its_manifests_to_the_rules() {
    let scene = Scene::new();
    let universe = &scene.universe;
    let layer = universe
        .registry
        .put_blob(STAGING, &tar("manifests/csv.yaml", "kind: CSV\n"));
    let size = tar("manifests/csv.yaml", "kind: CSV\n").len();
    let config = r#"{"config": {"Labels": {"operators.operatorframework.io.bundle.manifests.v1": "manifests/"}}}"#;
    let config_digest = universe.registry.put_blob(STAGING, config.as_bytes());
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size}],
    });
    let repository = universe.image.repository.clone();
    let bytes = manifest.to_string().into_bytes();
    let digest = universe.registry.put_manifest(
        &repository,
        Some("bundle"),
        "application/vnd.oci.image.manifest.v1+json",
        &bytes,
    );
    let bundle = signer::Image {
        digest,
        ..universe.image.clone()
    };
    signer::sign(&universe.registry, &bundle, &universe.key).unwrap();
    let statements = universe.statements(&bundle, &universe.commit);
    signer::attest(&universe.registry, &bundle, &universe.key, &statements).unwrap();
    let rule = "package main\n\n# METADATA\n# custom:\n#   short_name: a\ndeny contains \"no CSV\" if not input.image.files[\"manifests/csv.yaml\"].kind == \"CSV\"\n";
    scene.dir.write("rules/a.rego", rule);
    let image = format!("{}@{}", universe.staging(), bundle.digest);
    scene
        .verify(&["--policy", "rules", "--image", &image])
        .exits(0);
    let plain = format!("{}@{}", universe.staging(), universe.image.digest);
    universe.vouch().unwrap();
    scene
        .verify(&["--policy", "rules", "--image", &plain])
        .exits(4)
        .says("no CSV");
}

/// A tar archive of one file.
fn tar(path: &str, content: &str) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..path.len()].copy_from_slice(path.as_bytes());
    bytes[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    bytes[156] = b'0';
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes.extend(content.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    bytes
}

#[test]
fn an_image_that_does_not_exist_is_not_found() {
    let scene = Scene::vouched();
    let image = format!("{}@sha256:{}", scene.universe.staging(), "0".repeat(64));
    scene
        .verify(&["--image", &image, "--output", "json=report.json"])
        .exits(3);
    assert!(!scene.dir.exists("verified.json"));
    let report: Value = serde_json::from_str(&scene.dir.read("report.json")).unwrap();
    assert_eq!(report["success"], false);
    assert!(
        report["components"][0]["error"]
            .as_str()
            .unwrap()
            .contains("not found")
    );
    let tag = format!("{}:absent", scene.universe.staging());
    scene.verify(&["--image", &tag]).exits(3);
}

#[test]
fn a_registry_that_is_down_is_a_remote_failure() {
    let scene = Scene::vouched();
    let image = format!("127.0.0.1:1/acme/web@sha256:{}", "0".repeat(64));
    scene.verify(&["--image", &image]).exits(5);
    assert!(!scene.dir.exists("verified.json"));
}

#[test]
fn an_index_whose_children_cannot_be_seen_never_passes() {
    let scene = Scene::new();
    let universe = &scene.universe;
    let push = |name| signer::push_image(&universe.registry, STAGING, name, name, 1).unwrap();
    let (amd64, arm64) = (push("amd64"), push("arm64"));
    let children = [("amd64", &amd64), ("arm64", &arm64)];
    let index = signer::push_index(&universe.registry, STAGING, "index", &children).unwrap();
    let vouch = |image: &signer::Image| {
        signer::sign(&universe.registry, image, &universe.key).unwrap();
        let statements = universe.statements(image, &universe.commit);
        signer::attest(&universe.registry, image, &universe.key, &statements).unwrap();
    };
    vouch(&index);
    let list = scene.dir.read("images.json");
    let list = list.replace(&universe.image.digest, &index.digest);
    scene.dir.write("images.json", list);
    scene.verify(&[]).exits(4);
    // Once the index is not shown; asked for again it would be, and nobody would know its children.
    let path = format!("/manifests/{}", index.digest);
    let fault = Fault::new(Effect::Status(403)).of("GET", path).once();
    universe.registry.fail(fault);
    scene.verify(&[]).exits(2);
    assert!(!scene.dir.exists("verified.json"));
    vouch(&amd64);
    vouch(&arm64);
    scene.verify(&[]).exits(0);
}

#[test]
fn an_empty_list_is_nothing_to_act_on() {
    let scene = Scene::vouched();
    scene
        .verify(&["--images", r#"{"components": []}"#])
        .exits(3);
    scene
        .verify(&["--images", r#"{"components": []}"#, "--allow-empty"])
        .exits(0);
}

#[test]
fn a_past_effective_time_has_to_be_allowed() {
    let scene = Scene::vouched();
    scene
        .verify(&["--effective-time", "2020-01-01"])
        .exits(2)
        .says("is in the past");
    scene
        .verify(&[
            "--effective-time",
            "2020-01-01",
            "--allow-past-effective-time",
        ])
        .exits(0);
    assert_eq!(scene.verified()["effectiveTime"], "2020-01-01T00:00:00Z");
}

#[test]
fn writes_every_format() {
    let scene = Scene::vouched();
    for (format, part) in [
        ("json", "\"success\":true"),
        ("yaml", "\nsuccess: true"),
        ("text", "Success: true"),
        ("appstudio", "\"result\":\"SUCCESS\""),
        ("summary", "\"total_violations\":0"),
        ("summary-markdown", "| Failures | 0 |"),
        ("junit", "<testsuites "),
        ("html", "<h1>Passed</h1>"),
        (
            "attestation",
            "\"predicateType\":\"https://slsa.dev/provenance/",
        ),
        ("policy-input", "{\"attestations\":[{\"statement\":{"),
    ] {
        let run = scene.verify(&["--output", format]).exits(0);
        assert!(
            run.stdout.contains(part) && run.stdout.ends_with('\n'),
            "{format}: {}",
            run.stdout
        );
    }
    scene
        .verify(&["--output", "pdf"])
        .exits(2)
        .says("not a valid report format");
}

#[test]
fn compat_and_the_filter_type_change_which_rules_count() {
    let scene = Scene::vouched();
    let shared = "package main\nimport rego.v1\n# METADATA\n# title: t\n# custom:\n#   short_name: r\n#   pipeline_intention: [release]\ndeny contains {\"code\": \"main.r\", \"msg\": \"no\"}\nwarn contains {\"code\": \"main.r\", \"msg\": \"hm\"}\n";
    scene.dir.write("policy/a.rego", shared);
    scene
        .verify(&["--policy", "policy"])
        .exits(4)
        .says("main.r");
    // Upstream makes warnings of all results whose code a warning has too.
    scene.verify(&["--policy", "policy", "--compat"]).exits(0);
    let config = |intention: &str| {
        format!("sources: [{{policy: [./policy], ruleData: {{pipeline_intention: {intention}}}}}]")
    };
    scene.dir.write("release.yaml", config("release"));
    scene
        .verify(&["--policy", "release.yaml", "--filter-type", "ec-policy"])
        .exits(4);
}

#[test]
fn a_saved_input_is_judged_again_without_vouching_for_it() {
    let scene = Scene::vouched();
    scene
        .verify(&[
            "--output",
            "policy-input=input.json",
            "--output",
            "json=first.json",
        ])
        .exits(0);
    let verdict = scene.dir.read("verified.json");
    let replay = |more: &[&str]| {
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/release");
        let mut arguments = vec!["verify-ec", "--policy-input", "input.json"];
        if !more.contains(&"--policy") {
            arguments.extend(["--policy", policy]);
        }
        arguments.extend(more);
        scene.dir.promote(&arguments)
    };
    let run = replay(&["--output", "json", "--show-successes"]).exits(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["components"][0]["name"], "web");
    assert_eq!(
        report["skipped_checks"],
        serde_json::json!(["image-signature", "attestation-signature"])
    );
    let successes = report["components"][0]["successes"].as_array().unwrap();
    let of = |code: &str| {
        successes
            .iter()
            .any(|found| found["metadata"]["code"] == code)
    };
    assert!(
        of("source.commit") && !of("builtin.image.signature_check"),
        "{report}"
    );
    assert_eq!(
        scene.dir.read("verified.json"),
        verdict,
        "a replay leaves the verdict alone"
    );

    // The input without its image signature is refused by the rule that wants one.
    let mut input: Value = serde_json::from_str(&scene.dir.read("input.json")).unwrap();
    input["image"].as_object_mut().unwrap().remove("signatures");
    scene.dir.write("input.json", input.to_string());
    replay(&[]).exits(4).says("image_signature.signed");
    scene.dir.write("input.json", "[1]");
    replay(&[]).exits(2).says("is not a policy input");
    scene.dir.write("input.json", "");
    replay(&[]).exits(2).says("is not a policy input");
    replay(&["--images", "images.json"]).exits(2);
}

#[test]
fn rules_are_judged_for_the_time_of_the_build_when_asked() {
    let scene = Scene::vouched();
    let run = scene
        .verify(&["--effective-time", "attestation", "--output", "attestation"])
        .exits(0);
    let finished: Vec<String> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|statement| {
            let text = statement["predicate"]["metadata"]["buildFinishedOn"].as_str();
            text.map(str::to_owned)
        })
        .collect();
    let expected = finished.iter().max().cloned();
    let expected = expected.unwrap_or_else(|| "2025-11-24T16:00:00Z".to_owned());
    assert_eq!(scene.verified()["effectiveTime"], expected);
}

#[test]
fn skipped_signature_checks_stand_in_the_report_and_vouch_for_nothing() {
    let scene = Scene::new();
    scene
        .universe
        .attest(&scene.universe.key, &scene.universe.commit)
        .unwrap();
    scene.dir.write(
        "policy/a.rego",
        "package main\nimport rego.v1\n# METADATA\n# title: t\n# custom:\n#   short_name: r\ndeny contains {\"code\": \"main.r\", \"msg\": \"no\"} if count(input.attestations) == 0\n",
    );
    scene
        .verify(&["--policy", "policy"])
        .exits(4)
        .says("builtin.image.signature_check");
    let skip = [
        "--policy",
        "policy",
        "--skip-image-sig-check",
        "--output",
        "json",
    ];
    let run = scene.verify(&skip).exits(0).says("no image passes").stdout;
    let report: Value = serde_json::from_str(&run).unwrap();
    assert_eq!(report["success"], true);
    assert!(
        report["skipped_checks"]
            .as_array()
            .unwrap()
            .contains(&"image-signature".into())
    );
    let verified = scene.verified();
    assert_eq!(verified["components"][0]["success"], false);
    assert!(
        verified["skippedChecks"]
            .as_array()
            .unwrap()
            .contains(&"image-signature".into())
    );

    // Attestations by a stranger are read only when their signatures are not checked.
    let scene = Scene::new();
    let other = Key::generate().unwrap();
    scene.universe.sign(&scene.universe.key).unwrap();
    scene
        .universe
        .attest(&other, &scene.universe.commit)
        .unwrap();
    scene.dir.write("policy/a.rego", "package main\nimport rego.v1\n# METADATA\n# title: t\n# custom:\n#   short_name: r\ndeny contains {\"code\": \"main.r\", \"msg\": \"no\"} if count(input.attestations) == 0\n");
    scene
        .verify(&["--policy", "policy"])
        .exits(4)
        .says("builtin.attestation.signature_check");
    scene
        .verify(&["--policy", "policy", "--skip-att-sig-check"])
        .exits(0);
    assert_eq!(scene.verified()["components"][0]["success"], false);
}

#[test]
fn text_options_of_an_output_count_for_it_alone() {
    let scene = Scene::vouched();
    scene.dir.write("policy/warn.rego", "package main\nimport rego.v1\n# METADATA\n# title: t\n# custom:\n#   short_name: w\nwarn contains {\"code\": \"main.w\", \"msg\": \"hm\"}\n");
    let run = scene
        .verify(&[
            "--policy",
            "policy",
            "--output",
            "text=quiet.txt?show-warnings=false",
            "--output",
            "text=full.txt?show-successes=true&show-policy-docs-link=true",
            "--output",
            "text",
        ])
        .exits(0);
    let (quiet, full) = (scene.dir.read("quiet.txt"), scene.dir.read("full.txt"));
    assert!(run.stdout.contains("› [Warning] main.w"), "{}", run.stdout);
    assert!(!run.stdout.contains("✓ [Success]"), "{}", run.stdout);
    assert!(!quiet.contains("main.w"), "{quiet}");
    assert!(
        full.contains("✓ [Success] builtin.image.signature_check"),
        "{full}"
    );
    assert!(full.contains("see the policy documentation"), "{full}");
}

#[test]
fn rule_data_is_text_and_not_a_file() {
    let scene = Scene::vouched();
    scene.dir.write("policy/a.rego", "package main\nimport rego.v1\n# METADATA\n# title: t\n# custom:\n#   short_name: r\ndeny contains {\"code\": \"main.r\", \"msg\": data.rule_data__configuration__.said}\n");
    scene.dir.write("said.yaml", "from a file");
    scene
        .verify(&["--policy", "policy", "--extra-rule-data", "said=itself"])
        .exits(4)
        .says("main.r: itself");
    scene
        .verify(&["--policy", "policy", "--extra-rule-data", "said=said.yaml"])
        .exits(2)
        .says("is a path of this machine, which only ec reads");
    scene
        .verify(&["--policy", "policy", "--extra-rule-data", "said"])
        .exits(2)
        .says("incorrect syntax for --extra-rule-data 0");
}

#[test]
fn a_name_that_is_no_file_is_looked_for_in_the_cluster() {
    let scene = Scene::vouched();
    scene
        .verify(&["--policy", "team/policy"])
        .exits(3)
        .says("policy \"team/policy\" is not an existing file or directory");
    scene.dir.write("team/policies/a.rego", DENY_ALL);
    scene
        .verify(&["--policy", "team/policie"])
        .exits(3)
        .says("did you mean team/policies?");
    scene
        .verify(&["--policy", "k8s://team/policy"])
        .exits(2)
        .says("policy \"k8s://team/policy\" is not a file");
}

#[test]
fn with_a_log_file_the_output_of_a_refusal_is_the_report_alone() {
    let scene = Scene::vouched();
    scene.dir.write("policy/deny.rego", DENY_ALL);
    let run = scene.verify(&[
        "--policy",
        "policy",
        "--output",
        "json",
        "--log-file",
        "run.log",
    ]);
    let run = run.exits(4);
    assert_eq!(run.stderr, "");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["success"], false);
    let log = scene.dir.read("run.log");
    assert!(
        log.contains("ERROR the policy refuses the images: web has 1 violation(s)"),
        "{log}"
    );
    // Without a report to read, the failure is said where it is seen.
    scene
        .verify(&[
            "--policy",
            "./absent",
            "--output",
            "json",
            "--log-file",
            "run.log",
        ])
        .exits(3)
        .says("./absent");
}
