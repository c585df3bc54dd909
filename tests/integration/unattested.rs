//! Evidence that is missing: images without any attestation, and signatures without an entry in a
//! transparency log. The refusal names what is missing and what to type.

use lab::{
    registry::{Effect, Fault},
    signer::Key,
};
use serde_json::Value;

use crate::harness::{Run, Scene};

/// Returns a signed image without attestations, and a policy that looks at a label alone.
fn signed_image() -> Scene {
    let scene = Scene::signed();
    scene.forbid("input.image.config.Labels.forbidden");
    scene
}

impl Scene {
    fn forbid(&self, condition: &str) {
        let rule = format!(
            r#"package main

import rego.v1

# METADATA
# title: Label
# custom:
#   short_name: label
deny contains result if {{
	{condition}
	result := {{"code": "main.label", "msg": "no"}}
}}
"#
        );
        self.dir.write("policy/label.rego", rule);
    }

    fn verify_by_label(&self, more: &[&str]) -> Run {
        let image = self.image();
        let mut arguments = vec!["verify-ec", "--image", &image, "--policy=./policy"];
        arguments.push("--public-key=cosign.pub");
        arguments.extend(more);
        self.dir.promote(&arguments)
    }

    fn passed(&self) -> bool {
        self.verified()["components"][0]["success"] == true
    }
}

const UNATTESTED: &[&str] = &["--ignore-rekor", "--allow-unattested"];

#[test]
fn an_image_without_attestations_is_refused_without_blaming_key_or_policy() {
    let scene = signed_image();
    let run = scene.verify_by_label(&["--ignore-rekor"]).exits(4);
    let run = run.says(&format!("No attestation is attached to {}", scene.image()));
    let run = run.says("no rule was evaluated").says("--allow-unattested");
    for wrong in ["policy refuses", "public key", "matching"] {
        assert!(!run.stderr.contains(wrong), "{wrong}: {}", run.stderr);
    }
    assert!(!scene.passed());
}

#[test]
fn the_refusal_is_the_same_where_signatures_of_attestations_are_not_checked() {
    let scene = signed_image();
    let report = ["--ignore-rekor", "--skip-att-sig-check", "--output=json"];
    let run = scene.verify_by_label(&report).exits(4);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let violations = report["components"][0]["violations"].as_array().unwrap();
    assert_eq!(violations.len(), 1, "{violations:?}");
    let code = &violations[0]["metadata"]["code"];
    assert_eq!(code, "builtin.attestation.signature_check");
    run.says("No attestation is attached to");
}

#[test]
fn an_image_without_attestations_passes_where_that_is_allowed_and_recorded() {
    let scene = signed_image();
    scene
        .verify_by_label(UNATTESTED)
        .exits(0)
        .says("no attestation is attached")
        .prints("attestations");
    assert!(scene.passed());
    let skipped = scene.verified()["skippedChecks"].to_string();
    assert!(skipped.contains("\"attestations\""), "{skipped}");
}

#[test]
fn an_attested_image_is_judged_as_before_where_attestations_may_be_missing() {
    let scene = signed_image();
    scene.universe.sign_and_attest().unwrap();
    scene.forbid("count(input.attestations) == 0");
    scene.verify_by_label(UNATTESTED).exits(0);
    scene.forbid("count(input.attestations) > 0");
    scene
        .verify_by_label(UNATTESTED)
        .exits(4)
        .says("the policy refuses the images");
}

#[test]
fn rules_decide_over_an_image_without_attestations() {
    let scene = signed_image();
    scene.forbid("count(input.attestations) == 0");
    scene
        .verify_by_label(UNATTESTED)
        .exits(4)
        .says("main.label");
    assert!(!scene.passed());
}

#[test]
fn an_attestation_that_is_refused_is_not_a_missing_one() {
    let scene = signed_image();
    let stranger = Key::generate().unwrap();
    scene
        .universe
        .attest(&stranger, &scene.universe.commit)
        .unwrap();
    scene
        .verify_by_label(UNATTESTED)
        .exits(4)
        .says("does not verify over these bytes");
    assert!(!scene.passed());
}

#[test]
fn an_attestation_that_cannot_be_read_is_not_a_missing_one() {
    let scene = signed_image();
    scene.universe.sign_and_attest().unwrap();
    let digest = scene.universe.image.digest.replace(':', "-");
    let tag = format!("manifests/{digest}.att");
    for (status, code) in [(403, 2), (500, 5)] {
        scene.universe.registry.heal();
        let fault = Fault::new(Effect::Status(status)).of_reads(tag.clone());
        scene.universe.registry.fail(fault);
        scene.verify_by_label(UNATTESTED).exits(code);
        assert!(!scene.dir.exists("verified.json"), "{status}");
    }
}

#[test]
fn an_unsigned_image_is_refused_where_attestations_may_be_missing() {
    let scene = signed_image();
    let stranger = Key::generate().unwrap();
    let image = lab::signer::push_image(
        &scene.universe.registry,
        lab::universe::STAGING,
        "other",
        "other",
        2,
    )
    .unwrap();
    lab::signer::sign(&scene.universe.registry, &image, &stranger).unwrap();
    let reference = format!("{}@{}", scene.universe.staging(), image.digest);
    let policy = ["--policy=./policy", "--public-key=cosign.pub"];
    let arguments = [
        &["verify-ec", "--image", &reference],
        &policy[..],
        UNATTESTED,
    ]
    .concat();
    scene.dir.promote(&arguments).exits(4);
    assert!(!scene.passed());
}

#[test]
fn a_signature_that_is_not_logged_is_refused_by_what_is_missing() {
    let scene = signed_image();
    scene.universe.sign_and_attest().unwrap();
    let run = scene.verify_by_label(&[]).exits(4);
    let run = run
        .says("has no transparency-log entry, which is required")
        .says("--ignore-rekor");
    for wrong in ["policy refuses", "correct public key"] {
        assert!(!run.stderr.contains(wrong), "{wrong}: {}", run.stderr);
    }
    scene.verify_by_label(&["--ignore-rekor"]).exits(0);
}

#[test]
fn ec_keeps_the_sentences_of_upstream() {
    let scene = signed_image();
    let image = scene.image();
    let policy = "sources: [{policy: [./policy]}]\n";
    scene.dir.write("policy.yaml", policy);
    let arguments = ["ec", "validate", "image", "--image", &image, "--info"];
    let more = ["--policy=policy.yaml", "--public-key=cosign.pub"];
    for rekor in [&["--ignore-rekor"][..], &[]] {
        let run = scene.dir.promote(&[&arguments, &more[..], rekor].concat());
        run.exits(1)
            .prints("No image attestations found matching the given public key.");
    }
}
