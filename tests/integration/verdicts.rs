//! Snapshots of verdicts as a reader sees them: standard error and the reports.
//!
//! `UPDATE_EXPECT=1 cargo test --test integration verdicts` renews them.

use expect_test::{Expect, expect};

use lab::signer;
use regex::Regex;

use crate::harness::{EFFECTIVE_TIME, Run, Scene};

const RULES: &str = r#"package main

import rego.v1

# METADATA
# title: Image has a licence
# description: Each image names its licence.
# custom:
#   short_name: licence
#   failure_msg: The image has no licence
#   solution: Set the label licence
deny contains result if {
	not input.image.config.Labels.present
	data.strict
	result := {"code": "main.licence", "msg": "The image has no licence"}
}

# METADATA
# title: Image names a maintainer
# description: An image should name its maintainer.
# custom:
#   short_name: maintainer
warn contains result if {
	not input.image.config.Labels.maintainer
	data.careful
	result := {"code": "main.maintainer", "msg": "The image names no maintainer"}
}
"#;

/// Masks what differs between runs: digests, signatures, keys, ports, times and durations.
fn masked(text: &str) -> String {
    let patterns = [
        (r"sha256:[0-9a-f]{12,64}", "sha256:DIGEST"),
        (r"sha256-[0-9a-f]{64}", "sha256-DIGEST"),
        (r"\b[0-9a-f]{40,64}\b", "HEX"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\b\d+(\.\d+)? ?m?s\b", "DURATION"),
        (r"/[^\s]*/\.tmp\w+", "DIR"),
        (r#""timestamp":"?\d+"?"#, r#""timestamp":TIME"#),
        (
            r"(?s)-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----",
            "KEY",
        ),
        (r"\b[A-Za-z0-9+/]{80,}={0,2}", "SIGNATURE"),
        (r"promote \d+\.\d+\.\d+", "promote VERSION"),
        (r"(?m)[ \t]+$", ""),
        // `expect!` takes indentation off that all lines share.
        (r"(?m)^ (INFO|WARN)", "$1"),
    ];
    let mut masked = text.to_owned();
    for (pattern, mask) in patterns {
        let pattern = Regex::new(pattern).unwrap();
        masked = pattern.replace_all(&masked, mask).into_owned();
    }
    masked
}

fn assert_shown(text: &str, expected: &Expect) {
    expected.assert_eq(&masked(text));
}

/// Adds the rules, which `data` turns on, and their configuration.
fn with_rules(scene: Scene, data: &str) -> Scene {
    let policy = "sources: [{policy: [./rules], data: [./data]}]\n";
    scene
        .file("rules/main.rego", RULES)
        .file("data/data.json", data)
        .file("policy.yaml", policy)
}

fn attested(data: &str) -> Scene {
    with_rules(Scene::attested(), data)
}

fn judge(scene: &Scene, more: &[&str]) -> Run {
    let time = ["--effective-time", EFFECTIVE_TIME];
    scene.judge(&["verify-ec"], "policy.yaml", &[&time, more].concat())
}

const QUIET: &str = r#"{"strict": false, "careful": false}"#;
const STRICT: &str = r#"{"strict": true, "careful": false}"#;
const CAREFUL: &str = r#"{"strict": false, "careful": true}"#;

#[test]
fn a_success_on_standard_error() {
    let run = judge(&attested(QUIET), &[]).exits(0);
    assert_shown(
        &run.stderr,
        &expect![[r#"
         WARN the transparency log is ignored: the key alone decides
         INFO examining image=127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
         INFO wrote verified.json
    "#]],
    );
}

#[test]
fn a_success_as_text() {
    let run = judge(&attested(QUIET), &["--output", "text"]).exits(0);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        Success: true
        Result: SUCCESS
        Violations: 0, Warnings: 0, Successes: 5
        Component: web
        ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST

        Skipped check: transparency-log

    "#]],
    );
}

#[test]
fn a_violation_on_standard_error() {
    let run = judge(&attested(STRICT), &[]).exits(4);
    assert_shown(
        &run.stderr,
        &expect![[r#"
            WARN the transparency log is ignored: the key alone decides
            INFO examining image=127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
            INFO wrote verified.json
            error: the policy refuses the images: web has 1 violation: main.licence: The image has no licence
            hint: verify-ec --info adds the description and the solution of each rule to the report
        "#]],
    );
}

#[test]
fn a_violation_as_text() {
    let run = judge(&attested(STRICT), &["--output", "text"]).exits(4);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        Success: false
        Result: FAILURE
        Violations: 1, Warnings: 0, Successes: 4
        Component: web
        ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST

        Skipped check: transparency-log

        Results:
        ✕ [Violation] main.licence
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: The image has no licence
          Rule: ./rules/main.rego:12

    "#]],
    );
}

#[test]
fn a_violation_as_junit() {
    let run = judge(&attested(STRICT), &["--output", "junit"]).exits(4);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        <testsuites tests="1" failures="1"><testsuite name="web (127.0.0.1:PORT/acme/staging/web@sha256:DIGEST)" tests="1" failures="1" errors="0" id="0" time="" timestamp="TIME"><properties><property name="image" value="127.0.0.1:PORT/acme/staging/web@sha256:DIGEST"></property><property name="key" value="KEY&#xA;"></property><property name="success" value="false"></property><property name="keyId" value=""></property><property name="signature" value="SIGNATURE"></property></properties><testcase name="main.licence: The image has no licence" classname="main.licence: The image has no licence"><failure message="The image has no licence"><![CDATA[The image has no licence]]></failure></testcase></testsuite></testsuites>
    "#]],
    );
}

#[test]
fn a_violation_as_the_result_of_a_task() {
    let run = judge(&attested(STRICT), &["--output", "appstudio"]).exits(4);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        {"timestamp":TIME,"namespace":"","successes":4,"failures":1,"warnings":0,"result":"FAILURE","note":"web: The image has no licence"}
    "#]],
    );
}

#[test]
fn a_warning_on_standard_error() {
    let run = judge(&attested(CAREFUL), &[]).exits(0);
    assert_shown(
        &run.stderr,
        &expect![[r#"
         WARN the transparency log is ignored: the key alone decides
         INFO examining image=127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
         INFO wrote verified.json
    "#]],
    );
}

#[test]
fn a_warning_as_text() {
    let run = judge(&attested(CAREFUL), &["--output", "text"]).exits(0);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        Success: true
        Result: WARNING
        Violations: 0, Warnings: 1, Successes: 4
        Component: web
        ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST

        Skipped check: transparency-log

        Results:
        › [Warning] main.maintainer
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: The image names no maintainer
          Rule: ./rules/main.rego:23

    "#]],
    );
}

#[test]
fn a_violation_with_its_explanation_as_text() {
    let run = judge(&attested(STRICT), &["--info", "--output", "text"]).exits(4);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        Success: false
        Result: FAILURE
        Violations: 1, Warnings: 0, Successes: 4
        Component: web
        ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST

        Skipped check: transparency-log

        Results:
        ✕ [Violation] main.licence
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: The image has no licence
          Rule: ./rules/main.rego:12
          Title: Image has a licence
          Description: Each image names its licence. To exclude this rule add "main.licence" to the `exclude` section of the policy
          configuration.
          Solution: Set the label licence

    "#]],
    );
}

#[test]
fn an_unsigned_image_on_standard_error() {
    let scene = with_rules(Scene::unsigned(), QUIET);
    let run = judge(&scene, &[]).exits(4);
    assert_shown(
        &run.stderr,
        &expect![[r#"
            WARN the transparency log is ignored: the key alone decides
            INFO examining image=127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
            INFO wrote verified.json
            error: the images are refused: web has 2 violations, first builtin.attestation.signature_check: No attestation is attached to 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST: no rule was evaluated.
            hint: attest its provenance (Tekton Chains, cosign attest), or give --allow-unattested to let the policy decide by the image and its signature alone; promote trust verify checks the signature
        "#]],
    );
}

#[test]
fn an_unsigned_image_as_text() {
    let scene = with_rules(Scene::unsigned(), QUIET);
    let run = judge(&scene, &["--output", "text"]).exits(4);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        Success: false
        Result: FAILURE
        Violations: 2, Warnings: 0, Successes: 0
        Component: web
        ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST

        Skipped check: transparency-log

        Results:
        ✕ [Violation] builtin.attestation.signature_check
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: No attestation is attached to
          127.0.0.1:PORT/acme/staging/web@sha256:DIGEST: no rule was evaluated.

        ✕ [Violation] builtin.image.signature_check
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: Image signature check failed: no signatures found

    "#]],
    );
}

#[test]
fn an_image_signed_by_another_key_as_text() {
    let other = signer::Key::generate().unwrap();
    let scene = attested(QUIET).file("cosign.pub", other.public_pem());
    let run = judge(&scene, &["--output", "text"]).exits(4);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        Success: false
        Result: FAILURE
        Violations: 2, Warnings: 0, Successes: 0
        Component: web
        ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST

        Skipped check: transparency-log

        Results:
        ✕ [Violation] builtin.attestation.signature_check
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: No image attestations found matching the given public key. Verify the correct public key was provided, and one or more
          attestations were created. Error: no matching attestations
            sha256-DIGEST.att layer 0: the signature does not verify over these
          bytes with the public key
            sha256-DIGEST.att layer 1: the signature does not verify over these
          bytes with the public key
            sha256-DIGEST.att layer 2: the signature does not verify over these
          bytes with the public key

        ✕ [Violation] builtin.image.signature_check
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: No image signatures found matching the given public key. Verify the correct public key was provided, and a signature was
          created. Error: no matching signatures
            sha256-DIGEST.sig layer 0: the signature does not verify over these
          bytes with the public key

    "#]],
    );
}

#[test]
fn a_signature_without_attestations_as_text() {
    let scene = with_rules(Scene::signed(), QUIET);
    let run = judge(&scene, &["--output", "text"]).exits(4);
    assert_shown(
        &run.stdout,
        &expect![[r#"
        Success: false
        Result: FAILURE
        Violations: 1, Warnings: 0, Successes: 1
        Component: web
        ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST

        Skipped check: transparency-log

        Results:
        ✕ [Violation] builtin.attestation.signature_check
          ImageRef: 127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
          Reason: No attestation is attached to
          127.0.0.1:PORT/acme/staging/web@sha256:DIGEST: no rule was evaluated.

    "#]],
    );
}

#[test]
fn a_policy_without_rules_on_standard_error() {
    let scene = attested(QUIET).file("rules/main.rego", "package main\n");
    let run = judge(&scene, &[]);
    assert_shown(
        &run.stderr,
        &expect![[r#"
            WARN the transparency log is ignored: the key alone decides
            error: the policy cannot be used: the policy has no rules: expected at least one .rego file with rules
        "#]],
    );
}

#[test]
fn a_policy_that_does_not_parse_on_standard_error() {
    let scene = attested(QUIET).file("rules/main.rego", "package main\n\ndeny contains {\n");
    let run = judge(&scene, &[]).exits(2);
    assert_shown(
        &run.stderr,
        &expect![[r#"
            WARN the transparency log is ignored: the key alone decides
            error: the policy cannot be used: ./rules/main.rego:4:0: rego_parse_error: unexpected eof token
              ./rules/main.rego:4:0: rego_parse_error: unexpected eof token: expected rule key term (e.g., deny contains <VALUE> { ... })
        "#]],
    );
}

#[test]
fn the_words_of_the_html_report() {
    let run = judge(&attested(STRICT), &["--info", "--output", "html"]).exits(4);
    let (_, body) = run.stdout.split_once("<body").unwrap();
    let tags = Regex::new("<[^>]*>").unwrap();
    let words = tags.replace_all(&body[body.find('>').unwrap() + 1..], "\n");
    let lines: Vec<_> = words
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_shown(
        &lines.join("\n"),
        &expect![[r#"
        Refused
        1 image: 1 violation, 0 warnings, 4 checks passed.
        Rules as of TIME.
        Not checked:
        transparency-log: no entry in a transparency log was required (--ignore-rekor), so the key alone decides. Usual with Tekton Chains, which writes no entry by default.
        web
        Refused
        127.0.0.1:PORT/acme/staging/web@sha256:DIGEST
        Signed by the public key below
        Violation of the rule
        Image has a licence
        The image has no licence
        What to do
        Set the label licence
        The rule
        Each image names its licence. To exclude this rule add &quot;main.licence&quot; to the `exclude` section of the policy configuration.
        Code
        main.licence
        Written in
        ./rules/main.rego:12
        4 checks passed
        Attestation signature check passed
        builtin.attestation.signature_check
        Attestation syntax check passed
        builtin.attestation.syntax_check
        Image signature check passed
        builtin.image.signature_check
        Image names a maintainer
        main.maintainer
        Evidence: 1 signature, 3 attestations
        Image signature
        https://slsa.dev/provenance/v0.2
        tekton.dev/v1/PipelineRun
        https://spdx.dev/Document
        https://cosign.sigstore.dev/attestation/vuln/v1
        How it was decided
        Policy
        file::./rules
        Data
        file::./data
        Effective time
        TIME
        Public key
        KEY
        Made by
        promote VERSION
        Made at
        TIME"#]],
    );
}
