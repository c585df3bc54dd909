//! Tests the record by the checks of tools that verify summaries: each row is one check.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Error, PROMOTION, PromotionFacts, PromotionRun, StatementKey, VSA, VerifiedLevel, is_level,
    statement::{Approval, GitopsPlace},
};
use crate::{
    handover::{PromotedFile, VerifiedFile},
    image::{Digest, DigestReference},
    trust::TrustedKey,
};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signing-keys/");
const REPOSITORY: &str = "registry.example/acme/web";

fn digest(seed: &str) -> Digest {
    Digest::of(seed.as_bytes())
}

fn image() -> DigestReference {
    format!("{REPOSITORY}@{}", digest("image")).parse().unwrap()
}

/// The facts of a promotion, changed by a test.
fn subject(change: impl FnOnce(&mut Value, &mut Value)) -> PromotionFacts {
    let mut verified = json!({
        "version": 1, "imagesDigest": digest("images"), "gitTag": "v1.0", "commit": "1".repeat(40), "destinationTag": "prod-v1.0",
        "verifiedAt": "2026-11-28T10:00:00Z", "effectiveTime": "2026-11-28T10:00:00Z",
        "policy": {"uri": "git::https://git.example/policy//release", "sources": [], "digest": digest("policy")},
        "reportDigest": digest("report"), "skippedChecks": [],
        "components": [{
            "name": "web", "containerImage": format!("registry.example/stage/web@{}", digest("image")), "success": true,
            "violations": 0, "warnings": 0, "exceptions": [], "evidence": [], "attached": [],
            "opened": [digest("signature"), digest("attestation")], "unreadable": [],
        }],
    });
    let mut promoted = json!({
        "version": 1, "verifiedDigest": digest("verified"), "gitTag": "v1.0", "commit": "1".repeat(40),
        "policyDigest": digest("policy"), "reportDigest": digest("report"), "promotedAt": "2026-11-28T10:05:00Z",
        "components": [{
            "name": "web", "source": format!("registry.example/stage/web@{}", digest("image")),
            "destinations": [format!("{REPOSITORY}:prod-v1.0")], "digest": digest("image"), "previousDigest": digest("old"),
            "copied": {"manifests": 1, "blobs": 2, "referrers": 0, "bytes": 3},
        }],
    });
    change(&mut verified, &mut promoted);
    let verdict =
        VerifiedFile::parse(verified.to_string().as_bytes(), "verified.json", None).unwrap();
    let placed =
        PromotedFile::parse(promoted.to_string().as_bytes(), "promoted.json", None).unwrap();
    PromotionFacts {
        verified: verdict.verified().clone(),
        promoted: placed.promoted().clone(),
        promoted_digest: placed.digest(),
        verifier_id: "https://acme.example/promote".to_owned(),
        policy_uri: "git::https://git.example/policy//release".to_owned(),
        environment: "prod".to_owned(),
        levels: vec![VerifiedLevel {
            name: "SLSA_BUILD_LEVEL_3".to_owned(),
            rules: vec!["slsa.builder".to_owned(), "slsa.hermetic".to_owned()],
        }],
        passed: vec![(
            "web".to_owned(),
            BTreeSet::from(["slsa.builder".to_owned()]),
        )],
        approvals: vec![Approval {
            by: "release manager".to_owned(),
        }],
        gitops: vec![GitopsPlace {
            component: "web".to_owned(),
            environment: String::new(),
            uri: "https://git.example/ops".to_owned(),
            path: Some("overlays/prod/patch.yaml".to_owned()),
            before: Some(format!("{REPOSITORY}:prod-v0.9")),
            after: Some(format!("{REPOSITORY}:prod-v1.0")),
        }],
        run: PromotionRun::default(),
        expires: None,
    }
}

fn vsa(subject: &PromotionFacts) -> Value {
    subject.vsa(&subject.promoted.components[0], &image())
}

#[test]
fn a_summary_has_what_each_reader_compares() {
    let subject = subject(|_, _| {});
    let vsa = vsa(&subject);
    for (pointer, expected) in [
        ("/_type", json!("https://in-toto.io/Statement/v1")),
        ("/predicateType", json!(VSA)),
        ("/subject/0/name", json!(REPOSITORY)),
        ("/subject/0/digest/sha256", json!(digest("image").hex())),
        ("/subject/1", Value::Null),
        (
            "/predicate/verifier/id",
            json!("https://acme.example/promote"),
        ),
        (
            "/predicate/verifier/version/promote",
            json!(env!("CARGO_PKG_VERSION")),
        ),
        ("/predicate/timeVerified", json!("2026-11-28T10:00:00Z")),
        // No tag and no scheme: verifiers on the node compare the whole text.
        ("/predicate/resourceUri", json!(image().to_string())),
        (
            "/predicate/policy/uri",
            json!("git::https://git.example/policy//release"),
        ),
        (
            "/predicate/policy/digest/sha256",
            json!(digest("policy").hex()),
        ),
        (
            "/predicate/inputAttestations/0/digest/sha256",
            json!(digest("signature").hex()),
        ),
        (
            "/predicate/inputAttestations/1/digest/sha256",
            json!(digest("attestation").hex()),
        ),
        ("/predicate/inputAttestations/2", Value::Null),
        ("/predicate/verificationResult", json!("PASSED")),
        ("/predicate/slsaVersion", json!("1.2")),
    ] {
        let found = vsa.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{pointer}");
    }
    let uri = vsa["predicate"]["resourceUri"].as_str().unwrap();
    assert!(
        !uri.contains("://") && uri.matches(':').count() == 1,
        "{uri}"
    );
}

#[test]
fn a_list_of_inputs_is_whole_or_absent() {
    let logless = subject(|verified, _| verified["skippedChecks"] = json!(["transparency-log"]));
    assert!(vsa(&logless)["predicate"]["inputAttestations"].is_array());
    let unknown = subject(|verified, _| {
        verified["components"][0]
            .as_object_mut()
            .unwrap()
            .remove("opened");
    });
    assert!(
        vsa(&unknown)["predicate"]
            .get("inputAttestations")
            .is_none()
    );
    let skipped = subject(|verified, _| verified["skippedChecks"] = json!(["image-signature"]));
    assert!(
        vsa(&skipped)["predicate"]
            .get("inputAttestations")
            .is_none()
    );
}

#[test]
fn names_a_level_only_where_every_rule_passed() {
    let levels = |subject: &PromotionFacts| vsa(subject)["predicate"]["verifiedLevels"].to_string();
    let own = r#"["PROMOTE_POLICY_PASSED"]"#;
    let mut half = subject(|_, _| {});
    assert_eq!(levels(&half), own);
    half.passed[0].1.insert("slsa.hermetic".to_owned());
    assert!(levels(&half).contains("SLSA_BUILD_LEVEL_3"));
    half.passed[0].0 = "api".to_owned();
    assert_eq!(levels(&half), own);
    let mut excepted =
        subject(|verified, _| verified["components"][0]["exceptions"] = json!(["slsa.hermetic"]));
    excepted.passed[0].1.insert("slsa.hermetic".to_owned());
    assert_eq!(levels(&excepted), own);
}

#[test]
fn knows_the_names_of_levels_that_readers_take() {
    for (name, expected) in [
        ("SLSA_BUILD_LEVEL_3", true),
        ("SLSA_SOURCE_LEVEL_2", true),
        ("SLSA_BUILD_LEVEL_0", true),
        ("ACME_REVIEWED", true),
        ("PROMOTE_POLICY_PASSED", true),
        ("SLSA_BUILD_LEVEL_UNEVALUATED", false),
        ("SLSA_BUILD_LEVEL_33", false),
        ("SLSA_BUILD_LEVEL_", false),
        ("SLSA__LEVEL_3", false),
        ("SLSA_LEVEL_3", false),
        ("SLSA_BUILD_3", false),
        ("SLSA_BUILD_TRACK_LEVEL_3", false),
        ("slsa_build_level_3", false),
        ("SLSA BUILD LEVEL 3", false),
        ("", false),
    ] {
        assert_eq!(is_level(name), expected, "{name}");
    }
}

#[test]
fn a_promotion_names_places_and_nothing_circular() {
    let subject = subject(|_, _| {});
    let component = &subject.promoted.components[0];
    let promotion = subject.promotion(component, &image(), digest("evidence"));
    for (pointer, expected) in [
        ("/predicateType", json!(PROMOTION)),
        ("/predicate/environment", json!("prod")),
        ("/predicate/destination", json!(REPOSITORY)),
        ("/predicate/tags", json!(["prod-v1.0"])),
        ("/predicate/promotedAt", json!("2026-11-28T10:05:00Z")),
        (
            "/predicate/previous/digest/sha256",
            json!(digest("old").hex()),
        ),
        ("/predicate/git/tag", json!("v1.0")),
        ("/predicate/approvals/0/by", json!("release manager")),
        (
            "/predicate/gitops/0/before",
            json!(format!("{REPOSITORY}:prod-v0.9")),
        ),
        ("/predicate/evidenceDigest", json!(digest("evidence"))),
        ("/predicate/reportDigest", json!(digest("report"))),
        ("/predicate/expires", Value::Null),
    ] {
        let found = promotion.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{pointer}");
    }
    let again = subject.promotion(component, &image(), digest("evidence"));
    assert_eq!(promotion.to_string(), again.to_string());
}

fn key(name: &str, password: Option<&str>) -> Result<StatementKey, Error> {
    let text = std::fs::read(format!("{KEYS}{name}")).unwrap();
    StatementKey::parse(&text, password.map(str::as_bytes), name)
}

#[test]
fn signs_with_every_kind_of_key() {
    for (name, password) in [
        ("cosign.key", Some("correct-horse")),
        ("p256.pem", None),
        ("p384-sec1.pem", None),
        ("ed25519.pem", None),
        ("rsa.pem", None),
    ] {
        let key = key(name, password).unwrap();
        let signature = key.sign(b"message").unwrap();
        assert!(key.verifies(b"message", &signature), "{name}");
        assert!(!key.verifies(b"massage", &signature), "{name}");
        let public = TrustedKey::from_pem(&key.public_pem(), name).unwrap();
        assert_eq!(public.fingerprint(), key.fingerprint(), "{name}");
        assert!(!format!("{key:?}").contains("BEGIN"), "{name}");
    }
    for (name, public) in [("cosign.key", "cosign.pub"), ("p256.pem", "p256.pub")] {
        let public = std::fs::read_to_string(format!("{KEYS}{public}")).unwrap();
        let expected = TrustedKey::from_pem(&public, "public")
            .unwrap()
            .fingerprint();
        let key = key(name, Some("correct-horse")).unwrap();
        assert_eq!(key.fingerprint(), expected, "{name}");
    }
}

#[test]
fn refuses_what_is_not_a_usable_key_without_showing_it() {
    for (name, password, says) in [
        ("cosign.key", None, "encrypted"),
        ("cosign.key", Some("wrong"), "password is wrong"),
        ("cosign.pub", None, "no private key"),
        ("README.md", None, "expected one PEM block"),
    ] {
        let text = key(name, password).unwrap_err().to_string();
        assert!(text.contains(says), "{name}: {text}");
    }
    let broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    let text = StatementKey::parse(broken.as_bytes(), None, "file").unwrap_err();
    assert!(!text.to_string().contains("c2VjcmV0"), "{text}");
    // A cost that would exceed the machine's memory is refused before any is allocated.
    let costly = json!({
        "kdf": {"name": "scrypt", "params": {"N": 1u64 << 40, "r": 8, "p": 1}, "salt": "AAAA"},
        "cipher": {"name": "nacl/secretbox", "nonce": "AAAA"}, "ciphertext": "AAAA",
    });
    let pem = crate::trust::pem::write(
        "ENCRYPTED SIGSTORE PRIVATE KEY",
        costly.to_string().as_bytes(),
    );
    let text = StatementKey::parse(pem.as_bytes(), Some(b"x"), "file").unwrap_err();
    assert!(text.to_string().contains("out of range"), "{text}");
}
