//! Reports and saved inputs, and the checks that they name as skipped.

use lab::signer::Key;
use serde_json::Value;

use super::{DENY_ALL, attested_release, unsigned_release};

#[test]
fn writes_every_format() {
    let scene = attested_release();
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
        let run = scene.verify_images(&["--output", format]).exits(0);
        assert!(
            run.stdout.contains(part) && run.stdout.ends_with('\n'),
            "{format}: {}",
            run.stdout
        );
    }
    scene
        .verify_images(&["--output", "pdf"])
        .exits(2)
        .says("not a valid report format");
}

#[test]
fn a_saved_input_is_judged_again_but_never_accepted() {
    let scene = attested_release();
    scene
        .verify_images(&[
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

    // The input without its image signature is refused by the rule that requires one.
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
fn skipped_signature_checks_are_reported_and_accept_nothing() {
    let scene = unsigned_release();
    scene
        .universe
        .attest(&scene.universe.key, &scene.universe.commit)
        .unwrap();
    scene.dir.write(
        "policy/a.rego",
        r#"package main
import rego.v1
# METADATA
# title: t
# custom:
#   short_name: r
deny contains {"code": "main.r", "msg": "no"} if count(input.attestations) == 0
"#,
    );
    scene
        .verify_images(&["--policy", "policy"])
        .exits(4)
        .says("builtin.image.signature_check");
    let skip = [
        "--policy",
        "policy",
        "--skip-image-sig-check",
        "--output",
        "json",
    ];
    let run = scene
        .verify_images(&skip)
        .exits(0)
        .says("no image passes")
        .stdout;
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
    let scene = unsigned_release();
    let other = Key::generate().unwrap();
    scene.universe.sign(&scene.universe.key).unwrap();
    scene
        .universe
        .attest(&other, &scene.universe.commit)
        .unwrap();
    scene.dir.write(
        "policy/a.rego",
        r#"package main
import rego.v1
# METADATA
# title: t
# custom:
#   short_name: r
deny contains {"code": "main.r", "msg": "no"} if count(input.attestations) == 0
"#,
    );
    scene
        .verify_images(&["--policy", "policy"])
        .exits(4)
        .says("builtin.attestation.signature_check");
    scene
        .verify_images(&["--policy", "policy", "--skip-att-sig-check"])
        .exits(0);
    assert_eq!(scene.verified()["components"][0]["success"], false);
}

#[test]
fn text_options_of_an_output_apply_to_it_alone() {
    let scene = attested_release();
    scene.dir.write(
        "policy/warn.rego",
        r#"package main
import rego.v1
# METADATA
# title: t
# custom:
#   short_name: w
warn contains {"code": "main.w", "msg": "hm"}
"#,
    );
    let run = scene
        .verify_images(&[
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
fn with_a_log_file_the_output_of_a_refusal_is_the_report_alone() {
    let scene = attested_release();
    scene.dir.write("policy/deny.rego", DENY_ALL);
    let run = scene.verify_images(&[
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
        log.contains("ERROR the policy refuses the images: web has 1 violation: "),
        "{log}"
    );
    // Without a report to read, the failure is said where it is seen.
    scene
        .verify_images(&[
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
