//! `ec`: upstream's flags, output, messages and exit codes, so that a script swaps the binary.

mod messages;

use std::path::Path;

use lab::{
    registry::{Effect, Fault},
    signer::{self, Key},
    universe::STAGING,
};
use serde_json::{Value, json};

use crate::harness::{Run, Scene};

const ATTESTED: &str = r#"package main
import rego.v1
# METADATA
# title: Attested
# description: There has to be an attestation.
# custom:
#   short_name: attested
#   solution: Attest the image.
#   collections: [minimal]
deny contains {"code": "main.attested", "msg": "no attestation"} if count(input.attestations) == 0
"#;
const NEVER: &str = r#"package never
import rego.v1
# METADATA
# title: Never
# custom:
#   short_name: ever
deny contains {"code": "never.ever", "msg": "Never <ever>."}
"#;

/// Adds two policies: `good.yaml` requires an attestation, `bad.yaml` refuses each image too.
fn with_policies(scene: Scene) -> Scene {
    scene
        .file("good/a.rego", ATTESTED)
        .file("bad/a.rego", NEVER)
        .file("good.yaml", "sources: [{policy: [./good]}]\n")
        .file("bad.yaml", "sources: [{policy: [./good, ./bad]}]\n")
}

fn unsigned_image() -> Scene {
    with_policies(Scene::unsigned())
}

fn attested_image() -> Scene {
    with_policies(Scene::attested())
}

/// Runs `promote ec`.
fn ec(scene: &Scene, arguments: &[&str]) -> Run {
    scene.dir.promote(&[&["ec"], arguments].concat())
}

/// Runs `ec validate image` for the image.
fn validate(scene: &Scene, policy: &str, more: &[&str]) -> Run {
    scene.judge(&["ec", "validate", "image"], policy, more)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_good_image_passes_with_upstreams_report() {
    let scene = attested_image();
    let run = validate(
        &scene,
        "good.yaml",
        &["--output", "json,appstudio=test.json"],
    );
    let run = run.exits(0);
    let report = json(&run.stdout);
    let members: Vec<_> = report.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        [
            "success",
            "components",
            "key",
            "policy",
            "ec-version",
            "effective-time"
        ]
    );
    let component = report["components"][0].as_object().unwrap();
    let members: Vec<_> = component.keys().cloned().collect();
    assert_eq!(
        members,
        [
            "name",
            "containerImage",
            "source",
            "success",
            "signatures",
            "attestations"
        ]
    );
    assert_eq!(component["name"], "Unnamed");
    assert_eq!(component["containerImage"], scene.image());
    let output = json(&scene.dir.read("test.json"));
    assert_eq!(
        (&output["result"], &output["successes"]),
        (&"SUCCESS".into(), &4.into())
    );
    assert!(!scene.dir.exists("verified.json"), "ec writes no verdict");
    // What the report has no place for is said.
    run.says("level=warning msg=skipped checks=transparency-log");
}

#[test]
fn a_refusal_is_one_line_and_exit_1() {
    let scene = attested_image();
    let run = validate(&scene, "bad.yaml", &["--quiet"]).exits(1);
    assert_eq!(run.stderr, "Error: success criteria not met\n");
    assert!(
        run.stdout.contains("✕ [Violation] never.ever\n"),
        "{}",
        run.stdout
    );
    validate(&scene, "bad.yaml", &["--strict=false"]).exits(0);
    validate(&scene, "bad.yaml", &["-s=f"]).exits(0);
    let report = validate(&scene, "bad.yaml", &["--output=json", "--info"])
        .exits(1)
        .stdout;
    assert!(
        report.contains(r#""msg":"Never \u003cever\u003e.""#),
        "{report}"
    );
    assert_eq!(
        json(&report)["components"][0]["violations"][0]["metadata"]["title"],
        "Never"
    );
}

#[test]
fn unsigned_images_are_refused_with_upstreams_results() {
    let codes = |run: Run| -> Vec<String> {
        let report = json(&run.exits(1).stdout);
        let violations = report["components"][0]["violations"].as_array().unwrap();
        violations
            .iter()
            .map(|found| found["metadata"]["code"].as_str().unwrap().to_owned())
            .collect()
    };
    let unsigned = unsigned_image();
    let found = codes(validate(&unsigned, "good.yaml", &["--output", "json"]));
    let expected = [
        "builtin.attestation.signature_check",
        "builtin.image.signature_check",
    ];
    assert_eq!(found, expected);

    // An attestation is not an image signature, in whatever way it is packed.
    let attested = unsigned_image();
    let universe = &attested.universe;
    universe.attest(&universe.key, &universe.commit).unwrap();
    let found = codes(validate(&attested, "good.yaml", &["--output", "json"]));
    assert_eq!(found, ["builtin.image.signature_check"]);

    let stranger = unsigned_image();
    let other = Key::generate().unwrap();
    stranger.universe.sign(&other).unwrap();
    stranger
        .universe
        .attest(&other, &stranger.universe.commit)
        .unwrap();
    let run = validate(&stranger, "good.yaml", &["--output", "json"]);
    assert!(
        run.stdout
            .contains("No image signatures found matching the given public key.")
    );
    assert_eq!(codes(run), expected);

    let image = format!("{}:absent", unsigned.universe.staging());
    let run = ec(
        &unsigned,
        &[
            "validate",
            "image",
            "-i",
            &image,
            "-p",
            "good.yaml",
            "-k",
            "cosign.pub",
            "--ignore-rekor",
            "--output",
            "json",
        ],
    );
    assert!(run.stdout.contains("Image URL is not accessible: "));
    assert_eq!(codes(run), ["builtin.image.accessible"]);
}

#[test]
fn skipped_checks_leave_no_result_and_are_reported() {
    let scene = unsigned_image();
    scene
        .universe
        .attest(&scene.universe.key, &scene.universe.commit)
        .unwrap();
    validate(&scene, "good.yaml", &[]).exits(1);
    let run = validate(
        &scene,
        "good.yaml",
        &[
            "--skip-image-sig-check",
            "--show-successes",
            "--output",
            "json",
        ],
    );
    let run = run.exits(0).says("image-signature");
    assert!(
        !run.stdout.contains("builtin.image.signature_check"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_snapshot_is_read_and_merged_as_upstream_does() {
    let scene = attested_image();
    let other = signer::push_image(&scene.universe.registry, "acme/other", "o", "o", 1).unwrap();
    scene.universe.sign_and_attest_image(&other).unwrap();
    let address = scene.universe.registry.address();
    let (first, second) = (
        scene.image(),
        format!("{address}/acme/other@{}", other.digest),
    );
    scene.dir.write(
        "snapshot.yaml",
        format!(
            r"kind: Snapshot
spec:
  application: app
  components:
  - {{name: a, containerImage: '{first}'}}
  - {{name: b, containerImage: '{second}'}}
  - {{name: c, containerImage: '{first}'}}
"
        ),
    );
    let run = ec(
        &scene,
        &[
            "validate",
            "image",
            "--images",
            "snapshot.yaml",
            "--policy",
            "good.yaml",
            "-k",
            "cosign.pub",
            "--ignore-rekor",
            "--output",
            "json",
            "--output",
            "policy-input=input.jsonl",
        ],
    );
    let report = json(&run.exits(0).stdout);
    let names: Vec<_> = report["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].clone())
        .collect();
    assert_eq!(names.len(), 2, "an image is listed once: {report}");
    let inputs = scene.dir.read("input.jsonl");
    let input = json(inputs.lines().next().unwrap());
    assert_eq!(input["snapshot"]["application"], "app");
    let run = ec(
        &scene,
        &[
            "validate",
            "image",
            "--images",
            r#"{"components": []}"#,
            "-p",
            "good.yaml",
            "-k",
            "cosign.pub",
            "--ignore-rekor",
        ],
    );
    run.exits(1)
        .says("level=warning msg=\"an empty Snapshot passes upstream and is refused here\"")
        .says("Error: the Snapshot has no components");
}

#[test]
fn a_refusal_that_passes_upstream_is_reported() {
    let scene = unsigned_image();
    let universe = &scene.universe;
    let statement = &universe.statements(&universe.image, &universe.commit)[0];
    let payload = statement.to_string();
    let envelope = signer::envelope(
        &universe.key,
        "application/vnd.in-toto+json",
        payload.as_bytes(),
    );
    let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let bundle = json!({
        "mediaType": kind,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": envelope.unwrap(),
    });
    let bundle = bundle.to_string();
    signer::push_referrer(&universe.registry, &universe.image, kind, bundle.as_bytes()).unwrap();
    let said =
        "Conforma's ec accepts an attestation bundle as an image signature, which is refused here";
    let run = validate(&scene, "good.yaml", &["--output", "json"]).exits(1);
    let run = run.says(&format!("level=warning msg=\"{said}\""));
    let report = json(&run.stdout);
    let violations = report["components"][0]["violations"].as_array().unwrap();
    let codes: Vec<_> = violations.iter().map(|v| &v["metadata"]["code"]).collect();
    assert_eq!(codes, ["builtin.image.signature_check"]);
    universe.sign(&universe.key).unwrap();
    let run = validate(&scene, "good.yaml", &[]).exits(0);
    assert!(!run.stderr.contains(said), "{}", run.stderr);
}

#[test]
fn an_index_that_passes_upstream_unread_is_reported() {
    let scene = attested_image();
    let registry = &scene.universe.registry;
    let push = |tag: &str, child: &signer::Image| {
        let children = [child.descriptor()];
        let index = signer::push_index_of(registry, STAGING, tag, &children);
        scene.universe.sign_and_attest_image(&index).unwrap();
        index
    };
    let outer = push("outer", &push("inner", &scene.universe.image));
    let image = format!("{}@{}", scene.universe.staging(), outer.digest);
    // The last value of a flag counts.
    let validate = || validate(&scene, "good.yaml", &["-i", &image]);
    let said =
        "Conforma's ec does not verify the images of a nested index, which are verified here";
    validate().exits(0).says(&format!("msg=\"{said}\""));
    let fault = Fault::new(Effect::OtherBytes).of("GET", format!("manifests/{}", outer.digest));
    registry.fail(fault.once());
    let said = "Conforma's ec ignores an index that cannot be read, which is an error here";
    validate().exits(1).says(&format!("msg=\"{said}\""));
}

#[test]
fn the_version_is_that_of_reports() {
    let scene = attested_image();
    let version = json(&ec(&scene, &["version", "--json"]).exits(0).stdout)["Version"].clone();
    let short = ec(&scene, &["version", "-s"]).exits(0).stdout;
    assert_eq!(version, short.as_str());
    let report = json(
        &validate(&scene, "good.yaml", &["--output", "json"])
            .exits(0)
            .stdout,
    );
    assert_eq!(report["ec-version"], version);
}

#[test]
fn a_binary_called_ec_is_ec() {
    let scene = unsigned_image();
    let program = scene.dir.path("ec");
    std::os::unix::fs::symlink(Path::new(env!("CARGO_BIN_EXE_promote")), &program).unwrap();
    let run = |arguments: &[&str]| {
        Run::of(
            scene
                .dir
                .command_of(&program)
                .args(arguments)
                .output()
                .unwrap(),
        )
    };
    run(&["version"]).exits(0);
    let help = run(&["validate", "image", "--help"]).exits(0);
    assert!(help.stdout.contains("--policy"), "{}", help.stdout);
    run(&["--timeout", "1s", "nope"])
        .exits(1)
        .says("Error: unknown command \"nope\" for \"ec\"");
}

#[test]
fn a_trust_root_is_fetched_silently() {
    let scene = unsigned_image();
    ec(
        &scene,
        &[
            "sigstore",
            "initialize",
            "--mirror",
            "http://127.0.0.1:1",
            "--root",
            "absent.json",
        ],
    )
    .exits(1)
    .says("Error: ");
}
