//! `verify-ec` against the lab's registry and Git server: the good image passes, each lie is refused.

mod places;
mod requests;

mod configuration;
mod refusals;
mod reports;
mod rules;
mod unavailable;

use lab::universe::TAG;
use serde_json::Value;

use crate::harness::{EFFECTIVE_TIME, Run, Scene};

const DENY_ALL: &str = r#"package main
import rego.v1
# METADATA
# title: Never
# custom:
#   short_name: never
deny contains {"code": "main.never", "msg": "never"}
"#;

/// Returns an unsigned image and its `images.json`.
fn unsigned_release() -> Scene {
    let scene = Scene::unsigned();
    scene.write_images(&scene.universe.commit);
    scene
}

/// Returns a signed and attested image and its `images.json`.
fn attested_release() -> Scene {
    let scene = Scene::attested();
    scene.write_images(&scene.universe.commit);
    scene
}

impl Scene {
    fn write_images(&self, commit: &str) {
        let image = format!("{}@{}", self.universe.staging(), self.universe.image.digest);
        let url = self.universe.source_url();
        let list = serde_json::json!({
            "application": "",
            "components": [{"name": "web", "containerImage": image, "source": {"git": {"url": url, "revision": commit}}}],
            "promote": {"version": 1, "gitTag": TAG, "commit": commit, "destinationTag": "prod-v1.0", "components": {}},
        });
        self.dir.write("images.json", list.to_string());
    }

    fn verify_images(&self, more: &[&str]) -> Run {
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

    /// The codes of the violations in a JSON report.
    fn violation_codes(&self) -> Vec<String> {
        let run = self.verify_images(&["--output", "json"]).exits(4);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let violations = report["components"][0]["violations"].as_array().unwrap();
        violations
            .iter()
            .map(|violation| violation["metadata"]["code"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn passes_an_attested_image_and_writes_the_verdict() {
    let scene = attested_release();
    let at = ["--effective-time", EFFECTIVE_TIME];
    let outputs = ["--output", "text", "--output", "json=report.json"];
    let run = scene.verify_images(&[&outputs[..], &at].concat()).exits(0);
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
    scene.verify_images(&at).exits(0);
    assert_eq!(
        scene.dir.read("verified.json"),
        first,
        "a fixed clock makes the same bytes"
    );
}

#[test]
fn reads_a_policy_from_a_repository_and_pins_its_commit() {
    let scene = attested_release();
    let commit = scene.universe.set_policy(&[]).unwrap();
    let policy = scene.universe.policy_url();
    let credentials = scene.universe.credentials();
    let credentials = credentials.to_str().unwrap();
    scene
        .verify_images(&["--policy", &policy, "--git-credentials-dir", credentials])
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
