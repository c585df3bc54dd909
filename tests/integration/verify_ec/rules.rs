//! Evaluation: errors of rules, undefined lookups, operator bundles, and the time of the evaluation.

use lab::{signer, universe::STAGING};
use serde_json::Value;

use super::{attested_release, unsigned_release};

/// A package with a rule that is a success unless it speaks.
fn silent(body: &str) -> String {
    format!(
        r#"package main

# METADATA
# title: t
# custom:
#   short_name: r
deny contains "no" if {{
{body}
}}
"#
    )
}

#[test]
fn a_rule_that_cannot_be_evaluated_leaves_its_component_in_the_report() {
    let scene = attested_release();
    let verify = || scene.verify_images(&["--policy", "rules", "--output=json=report.json"]);
    scene.dir.write("rules/a.rego", silent("\tinput.absent"));
    verify().exits(0);
    assert!(scene.dir.exists("verified.json"));
    let conflict = silent("\ty == 1")
        + r"
y := 1 if input.image

y := 2 if input.image
";
    scene.dir.write("rules/a.rego", conflict);
    let said = "rule main.deny at rules/a.rego:7 could not be evaluated: ";
    for strict in ["--strict=true", "--strict=false"] {
        let arguments = ["--policy", "rules", "--output=json=report.json", strict];
        scene.verify_images(&arguments).exits(2).says(said);
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
fn a_function_that_finds_nothing_is_undefined_and_logged() {
    let scene = attested_release();
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
        let run = scene.verify_images(&["--policy", "rules"]).exits(code);
        if call.contains("ec.oci") {
            run.says("registry lookup by a policy rule")
                .says("ec.oci.image_manifest");
        }
    }
}

#[test]
fn one_image_under_two_names_is_two_components() {
    let scene = attested_release();
    let mut list: Value = serde_json::from_str(&scene.dir.read("images.json")).unwrap();
    let mut second = list["components"][0].clone();
    second["name"] = "worker".into();
    list["components"].as_array_mut().unwrap().push(second);
    scene.dir.write("images.json", list.to_string());
    let run = scene.verify_images(&["--output", "json"]).exits(0);
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
fn the_bundle_of_an_operator_shows_its_manifests_to_the_rules() {
    let scene = unsigned_release();
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
    universe.sign_and_attest_image(&bundle).unwrap();
    let rule = r#"package main

# METADATA
# custom:
#   short_name: a
deny contains "no CSV" if not input.image.files["manifests/csv.yaml"].kind == "CSV"
"#;
    scene.dir.write("rules/a.rego", rule);
    let image = format!("{}@{}", universe.staging(), bundle.digest);
    scene
        .verify_images(&["--policy", "rules", "--image", &image])
        .exits(0);
    let plain = format!("{}@{}", universe.staging(), universe.image.digest);
    universe.sign_and_attest().unwrap();
    scene
        .verify_images(&["--policy", "rules", "--image", &plain])
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
fn a_past_effective_time_has_to_be_allowed() {
    let scene = attested_release();
    scene
        .verify_images(&["--effective-time", "2020-01-01"])
        .exits(2)
        .says("is in the past");
    scene
        .verify_images(&[
            "--effective-time",
            "2020-01-01",
            "--allow-past-effective-time",
        ])
        .exits(0);
    assert_eq!(scene.verified()["effectiveTime"], "2020-01-01T00:00:00Z");
}

#[test]
fn rules_are_judged_for_the_time_of_the_build_when_asked() {
    let scene = attested_release();
    let run = scene
        .verify_images(&["--effective-time", "attestation", "--output", "attestation"])
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
