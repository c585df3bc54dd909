//! Evidence of several makers under one tag, evidence of another product, and evidence elsewhere.

use lab::{
    signer::{self, Image, Key},
    universe::{COMPONENT, PRODUCTION, STAGING, Universe},
};
use serde_json::Value;

use super::Promotion;
use crate::harness::{ATTESTED_RULE, Run, Workdir};

/// The layers of a side tag in a repository.
fn layers(universe: &Universe, repository: &str, suffix: &str) -> Vec<Value> {
    let tag = universe.image.attached_tag(suffix);
    let bytes = universe.registry.manifest(repository, &tag).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["layers"].as_array().unwrap().clone()
}

/// Attestations and signatures of ours, with one of a stranger in front of each.
fn mixed() -> Universe {
    let universe = Universe::new().unwrap();
    let (registry, image) = (&universe.registry, &universe.image);
    let stranger = Key::generate().unwrap();
    let envelope = |key: &Key, statement: &Value| {
        let text = statement.to_string();
        signer::envelope(key, "application/vnd.in-toto+json", text.as_bytes()).unwrap()
    };
    let statements = universe.statements(image, &universe.commit);
    let mut envelopes = vec![envelope(&stranger, &statements[0])];
    envelopes.extend(statements.iter().map(|text| envelope(&universe.key, text)));
    signer::put_attestations(registry, image, &envelopes);
    universe.sign(&stranger).unwrap();
    let theirs = layers(&universe, STAGING, "sig");
    universe.sign(&universe.key).unwrap();
    // Both signatures are annotations of one payload.
    let tag = image.attached_tag("sig");
    let bytes = registry.manifest(STAGING, &tag).unwrap();
    let mut document: Value = serde_json::from_slice(&bytes).unwrap();
    let ours = document["layers"].as_array_mut().unwrap();
    ours.splice(0..0, theirs);
    let bytes = document.to_string();
    registry.put_manifest(STAGING, Some(&tag), signer::MANIFEST, bytes.as_bytes());
    universe
}

#[test]
fn accepted_takes_the_accepted_layers_of_a_side_tag_and_seen_takes_all() {
    for (which, signatures, attestations) in [("accepted", 1, 3), ("seen", 2, 4)] {
        let promotion = Promotion {
            universe: mixed(),
            dir: Workdir::new(),
        };
        promotion.verify();
        let verdict = promotion.verdict();
        let attached = verdict["components"][0]["attached"].as_array().unwrap();
        let positions = |kind: &str| {
            let mut entries = attached.iter();
            entries.find(|entry| entry["kind"] == kind).unwrap()["layers"].clone()
        };
        assert_eq!(positions("signature"), serde_json::json!([1]));
        assert_eq!(positions("attestation"), serde_json::json!([1, 2, 3]));
        promotion.copy(&[&format!("--attached={which}")]).exits(0);
        let universe = &promotion.universe;
        let there = layers(universe, PRODUCTION, "sig");
        assert_eq!(there.len(), signatures, "{which}");
        let ours = layers(universe, STAGING, "sig")[1].clone();
        assert!(there.contains(&ours), "{which}");
        let there = layers(universe, PRODUCTION, "att");
        assert_eq!(there.len(), attestations, "{which}");
        // What arrived is whole: production accepts it by the same key.
        let at = format!("{}@{}", universe.production(), universe.image.digest);
        let key = format!("--public-key={}", universe.public_key().display());
        for kind in ["--kind=signature", "--kind=attestation"] {
            promotion
                .dir
                .promote(&["trust", "verify", &at, &key, "--ignore-rekor", kind])
                .exits(0);
        }
        let tags = universe.registry.tags();
        promotion.copy(&[&format!("--attached={which}")]).exits(0);
        assert_eq!(universe.registry.tags(), tags, "a repeat of {which}");
    }
}

#[test]
fn positions_that_the_document_does_not_have_refuse_the_copy() {
    let promotion = Promotion {
        universe: mixed(),
        dir: Workdir::new(),
    };
    promotion.verify();
    let forged = promotion.dir.read("verified.json");
    let forged = forged.replace("\"layers\":[1]", "\"layers\":[7]");
    promotion.dir.write("verified.json", forged);
    let before = promotion.universe.registry.tags();
    let run = promotion.copy(&["--attached=accepted"]);
    assert_ne!(run.code, 0);
    run.says("has no layer 7");
    assert_eq!(promotion.universe.registry.tags(), before);
}

/// Judges an image as the component `web`, whose source is the universe's.
fn judge(universe: &Universe, image: &Image, flags: &[&str]) -> Run {
    let dir = Workdir::new();
    let reference = format!("{}/{STAGING}@{}", universe.registry.address(), image.digest);
    let snapshot = serde_json::json!({"application": "a", "components": [{
        "name": COMPONENT, "containerImage": reference,
        "source": {"git": {"url": universe.source_url(), "revision": universe.commit}},
    }]});
    let images = format!("--images={snapshot}");
    let key = format!("--public-key={}", universe.public_key().display());
    // A policy that does not look at the source, as many do not.
    dir.write("policy/main.rego", ATTESTED_RULE);
    let all = [
        "verify-ec",
        &images,
        &key,
        "--ignore-rekor",
        "--policy=policy",
    ];
    dir.promote(&[&all[..], flags].concat())
}

#[test]
fn the_image_of_another_product_under_the_same_key_needs_its_own_source() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    // Another product of the same company, signed and attested by the same key, then copied.
    let registry = &universe.registry;
    let other = signer::push_image(registry, "acme/admin-shell", "v7", "shell", 2).unwrap();
    let local = Image {
        repository: STAGING.to_owned(),
        ..other.clone()
    };
    let bytes = registry.manifest(&other.repository, &other.digest).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let blobs = document["layers"].as_array().unwrap().iter();
    for blob in blobs.chain([&document["config"]]) {
        let digest = blob["digest"].as_str().unwrap();
        registry.put_blob(STAGING, &registry.blob(&other.repository, digest).unwrap());
    }
    registry.put_manifest(STAGING, Some("v7"), signer::MANIFEST, &bytes);
    signer::sign(registry, &other, &universe.key).unwrap();
    let source = "https://git.example/acme/admin-shell";
    let statement = signer::provenance(&other, source, &"7".repeat(40));
    signer::attest(registry, &other, &universe.key, &[statement]).unwrap();
    for suffix in ["sig", "att"] {
        signer::steal(registry, suffix, &other, &local).unwrap();
    }
    judge(&universe, &local, &[]).exits(0);
    judge(&universe, &local, &["--require-source"])
        .exits(4)
        .says("source");
    // The honest twins: by the provenance's source, and by the signed repository.
    judge(&universe, &universe.image, &["--require-source"]).exits(0);
    let own = format!("registry.example/{STAGING}");
    let reference = format!("{}/{STAGING}", registry.address());
    let claims = signer::claims(&local).replace(&own, &reference);
    let signature = universe.key.sign(claims.as_bytes()).unwrap();
    signer::put_signature(registry, &local, claims.as_bytes(), &signature).unwrap();
    judge(&universe, &local, &["--require-source"]).exits(0);
}

#[test]
fn evidence_in_another_repository_is_warned_of_by_the_copy() {
    let promotion = Promotion::verified();
    let to = format!("--to={}", promotion.universe.production());
    for (value, warned) in [("127.0.0.1:1/evidence", true), ("", false)] {
        let mut command = promotion.dir.command();
        command.env("COSIGN_REPOSITORY", value);
        let run = Run::of(command.args(["copy-image", &to]).output().unwrap()).exits(0);
        let said = run.stderr.contains("is not copied");
        assert_eq!(said, warned, "{}", run.stderr);
    }
}

#[test]
fn the_policy_has_a_stable_name() {
    let promotion = Promotion::verified();
    let verdict = promotion.verdict();
    let uri = verdict["policy"]["uri"].as_str().unwrap();
    assert_eq!(uri, promotion.universe.policy_url());
    assert!(!uri.contains("ref="), "{uri}");
    let source = verdict["policy"]["sources"][0].as_str().unwrap();
    assert!(source.contains("ref="), "{source}");
}
