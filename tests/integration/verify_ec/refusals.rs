//! Images, signatures and attestations that are refused, each by the check that it fails.

use lab::signer::{self, Key};

use super::{DENY_ALL, attested_release, unsigned_release};

#[test]
fn refuses_an_unsigned_image() {
    let scene = unsigned_release();
    scene
        .universe
        .attest(&scene.universe.key, &scene.universe.commit)
        .unwrap();
    assert_eq!(
        scene.violation_codes(),
        ["builtin.image.signature_check", "image_signature.signed"]
    );
    assert_eq!(scene.verified()["components"][0]["success"], false);
}

#[test]
fn refuses_an_image_without_attestations() {
    let scene = unsigned_release();
    scene.universe.sign(&scene.universe.key).unwrap();
    assert_eq!(
        scene.violation_codes(),
        ["builtin.attestation.signature_check"]
    );
}

#[test]
fn refuses_another_key() {
    let scene = unsigned_release();
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
    let mut codes = scene.violation_codes();
    codes.sort();
    assert_eq!(codes, expected);
}

#[test]
fn refuses_the_signature_and_attestation_of_another_image() {
    let scene = unsigned_release();
    let universe = &scene.universe;
    let other = signer::push_image(
        &universe.registry,
        &universe.image.repository,
        "other",
        "other",
        1,
    )
    .unwrap();
    universe.sign_and_attest_image(&other).unwrap();
    signer::steal(&universe.registry, "sig", &other, &universe.image).unwrap();
    signer::steal(&universe.registry, "att", &other, &universe.image).unwrap();
    let mut codes = scene.violation_codes();
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
    let scene = unsigned_release();
    scene.universe.sign(&scene.universe.key).unwrap();
    scene
        .universe
        .attest(
            &scene.universe.key,
            "00000000000000000000000000000000000000aa",
        )
        .unwrap();
    assert_eq!(scene.violation_codes(), ["source.commit"]);
}

#[test]
fn requires_the_transparency_log_unless_a_flag_ignores_it() {
    let scene = attested_release();
    scene
        .verify_images(&["--ignore-rekor=false"])
        .exits(4)
        .says("log");
    assert_eq!(scene.verified()["components"][0]["success"], false);
}

#[test]
fn a_list_with_another_digest_is_refused() {
    let scene = attested_release();
    let wrong = format!("sha256:{}", "0".repeat(64));
    scene
        .verify_images(&["--images-digest", &wrong])
        .exits(4)
        .says("belongs to another run");
    assert!(!scene.dir.exists("verified.json"));
}

#[test]
fn strict_false_turns_a_refusal_into_a_success_that_accepts_nothing() {
    let scene = attested_release();
    scene.dir.write("policy/deny.rego", DENY_ALL);
    scene
        .verify_images(&["--policy", "policy"])
        .exits(4)
        .says("main.never");
    scene
        .verify_images(&["--policy", "policy", "--strict=false"])
        .exits(0);
    assert_eq!(scene.verified()["components"][0]["success"], false);
}
