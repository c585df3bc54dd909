//! Only what was verified moves: attachments, hand-over digests, and two promotions at once.

mod accepted;
mod adversary;
mod floating;
mod killed;
mod rollback;
mod trio;
mod versions;

use lab::{
    registry::Server,
    signer::{self, Image, Key},
    universe::{COMPONENT, PRODUCTION, STAGING, Universe},
};
use serde_json::Value;

use crate::harness::{Run, Workdir};

/// A universe whose image is signed and attested, and a directory with its verdict.
struct Promotion {
    universe: Universe,
    dir: Workdir,
}

impl Promotion {
    fn verified() -> Self {
        let universe = Universe::new().unwrap();
        universe.sign_and_attest().unwrap();
        let promotion = Self {
            universe,
            dir: Workdir::new(),
        };
        promotion.verify();
        promotion
    }

    fn verify(&self) {
        let universe = &self.universe;
        let source = format!("--git-url={}", universe.source_url());
        let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
        let image = format!("--image={COMPONENT}={}", universe.staging());
        let gather = ["gather-images", &image, &source, "--revision=v1.0"];
        let tag = "--destination-tag=prod-v1.0";
        self.dir
            .promote(&[&gather[..], &[tag, &credentials]].concat())
            .exits(0);
        let policy = format!("--policy={}", universe.policy_url());
        let key = format!("--public-key={}", universe.public_key().display());
        self.dir
            .promote(&["verify-ec", &policy, &key, "--ignore-rekor", &credentials])
            .exits(0)
            .says("images.json is read without --images-digest");
    }

    fn copy(&self, flags: &[&str]) -> Run {
        let to = format!("--to={}", self.universe.production());
        self.dir.promote(&[&["copy-image", &to], flags].concat())
    }

    fn verdict(&self) -> Value {
        serde_json::from_str(&self.dir.read("verified.json")).unwrap()
    }

    fn in_production(&self, digest: &str) -> bool {
        self.universe
            .registry
            .manifest(PRODUCTION, digest)
            .is_some()
    }

    fn side_tag(&self, suffix: &str) -> String {
        self.universe.image.attached_tag(suffix)
    }
}

/// An attachment by a person who may push to staging: an index under `.sig` that names an image,
/// other attestations, an SBOM and a referrer. Returns the digests.
fn attach_evil(registry: &Server, image: &Image) -> Vec<String> {
    let evil = signer::push_image(registry, STAGING, "evil", "evil", 1).unwrap();
    let index = signer::push_index(
        registry,
        STAGING,
        &image.attached_tag("sig"),
        &[("amd64", &evil)],
    )
    .unwrap();
    let attested =
        signer::push_image(registry, STAGING, &image.attached_tag("att"), "forged", 1).unwrap();
    let sbom = signer::attach_sbom(registry, image, b"forged");
    let referrer = signer::push_referrer(registry, image, "application/sbom", b"forged").unwrap();
    vec![
        evil.digest,
        index.digest,
        attested.digest,
        sbom.digest,
        referrer.digest,
    ]
}

#[test]
fn attachments_that_change_after_the_verdict_stay_behind() {
    let promotion = Promotion::verified();
    let registry = &promotion.universe.registry;
    let seen: Vec<_> = ["sig", "att"]
        .map(|suffix| registry.tags()[&format!("{STAGING}:{}", promotion.side_tag(suffix))].clone())
        .into();
    // Production has a signature of its own.
    let there = Image {
        repository: PRODUCTION.to_owned(),
        ..promotion.universe.image.clone()
    };
    let release_team = Key::generate().unwrap();
    signer::sign(registry, &there, &release_team).unwrap();
    let evil = attach_evil(registry, &promotion.universe.image);
    promotion
        .copy(&["--immutable"])
        .exits(0)
        .says("after verification: it is not copied");
    for digest in &evil {
        assert!(!promotion.in_production(digest), "{digest}");
    }
    assert!(promotion.in_production(&seen[1]));
    // Both signatures are under the tag, and a key's owner finds each.
    let both = registry
        .manifest(PRODUCTION, &promotion.side_tag("sig"))
        .unwrap();
    let both: Value = serde_json::from_slice(&both).unwrap();
    assert_eq!(both["layers"].as_array().unwrap().len(), 2);
    let image = format!(
        "{}@{}",
        promotion.universe.production(),
        promotion.universe.image.digest
    );
    let owners = [
        promotion.universe.key.public_pem(),
        release_team.public_pem(),
    ];
    for owner in owners {
        promotion.dir.write("owner.pub", owner);
        promotion
            .dir
            .promote(&[
                "trust",
                "verify",
                &image,
                "--public-key=owner.pub",
                "--ignore-rekor",
            ])
            .exits(0);
    }
    // A rerun changes nothing.
    let before = registry.tags();
    promotion.copy(&["--immutable"]).exits(0);
    assert_eq!(registry.tags(), before);
}

#[test]
fn what_was_seen_travels_and_is_recorded() {
    let promotion = Promotion::verified();
    let registry = &promotion.universe.registry;
    let sbom = signer::push_referrer(
        registry,
        &promotion.universe.image,
        "application/sbom",
        b"{}",
    )
    .unwrap();
    promotion.verify();
    let verdict = promotion.verdict();
    let component = &verdict["components"][0];
    let kinds: Vec<_> = component["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|evidence| evidence["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"signature") && kinds.contains(&"attestation"),
        "{kinds:?}"
    );
    let attached = component["attached"].as_array().unwrap();
    let accepted = |digest: &str| {
        let entry = attached.iter().find(|entry| entry["digest"] == digest);
        entry.map(|entry| entry["accepted"].as_bool().unwrap())
    };
    let signature = registry.tags()[&format!("{STAGING}:{}", promotion.side_tag("sig"))].clone();
    assert_eq!(accepted(&signature), Some(true));
    assert_eq!(accepted(&sbom.digest), Some(false));
    assert_eq!(verdict["unchecked"], serde_json::json!(["images.json"]));
    assert_eq!(verdict["source"]["commit"], promotion.universe.commit);
    let attached_here = |digest: &str| promotion.in_production(digest);
    promotion.copy(&["--attached=none"]).exits(0);
    assert!(!attached_here(&signature) && !attached_here(&sbom.digest));
    promotion.copy(&["--attached=accepted"]).exits(0);
    assert!(attached_here(&signature) && !attached_here(&sbom.digest));
    promotion.copy(&[]).exits(0);
    assert!(attached_here(&sbom.digest));
    let promoted: Value = serde_json::from_str(&promotion.dir.read("promoted.json")).unwrap();
    assert_eq!(promoted["source"]["subject"], "web: say hello");
    assert_eq!(
        promoted["unchecked"],
        serde_json::json!(["images.json", "verified.json"])
    );
}

#[test]
fn evidence_that_was_accepted_and_is_gone_refuses_the_copy() {
    let promotion = Promotion::verified();
    let registry = &promotion.universe.registry;
    let tag = promotion.side_tag("att");
    let digest = registry.tags()[&format!("{STAGING}:{tag}")].clone();
    // The tag alone may go: the manifest is found by its digest.
    registry.delete_tag(STAGING, &tag);
    promotion.copy(&["--tag=one"]).exits(0);
    assert!(promotion.in_production(&digest));
    registry.delete_tag(PRODUCTION, &tag);
    let path = format!("/v2/{STAGING}/manifests/{digest}");
    registry.fail(lab::registry::Fault::new(lab::registry::Effect::Status(404)).of_reads(path));
    promotion
        .copy(&["--tag=two"])
        .exits(4)
        .says("was verified and is not in");
    assert!(!registry.tags().contains_key(&format!("{PRODUCTION}:two")));
}

#[test]
fn an_empty_or_wrong_digest_of_a_hand_over_file_is_refused() {
    let promotion = Promotion::verified();
    let registry = &promotion.universe.registry;
    let before = registry.tags();
    let forged = promotion
        .dir
        .read("verified.json")
        .replace("prod-v1.0", "prod-evil");
    let honest = format!(
        "--verified-digest={}",
        sha256(&promotion.dir.read("verified.json"))
    );
    promotion.dir.write("verified.json", forged);
    promotion
        .copy(&["--verified-digest="])
        .exits(2)
        .says("--verified-digest");
    promotion.copy(&["--verified-digest", ""]).exits(2);
    promotion.copy(&[&honest]).exits(4).says("was changed");
    assert_eq!(registry.tags(), before);
    for command in ["verify-ec", "update-deployment"] {
        let flag = match command {
            "verify-ec" => "--images-digest=",
            _ => "--promoted-digest=",
        };
        promotion
            .dir
            .promote(&[command, flag])
            .exits(2)
            .says(flag.trim_end_matches('='));
    }
}

fn sha256(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

#[test]
fn staging_moves_no_tag_and_tags_only_moves_exactly_those() {
    let promotion = Promotion::verified();
    let registry = &promotion.universe.registry;
    let before = registry.tags();
    promotion.copy(&["--stage-only"]).exits(0);
    let image_tags = |tags: std::collections::BTreeMap<String, String>| -> Vec<_> {
        tags.into_keys()
            .filter(|tag| !tag.contains(":sha256-"))
            .collect()
    };
    assert_eq!(image_tags(registry.tags()), image_tags(before));
    assert!(promotion.in_production(&promotion.universe.image.digest));
    let promoted = promotion.dir.read("promoted.json");
    let digest = format!("--promoted-digest={}", sha256(&promoted));
    registry.forget_requests();
    promotion
        .dir
        .promote(&["copy-image", "--tags-only", &digest])
        .exits(0)
        .prints("prod-v1.0@");
    assert_eq!(registry.requests().len(), 3);
    assert_eq!(promotion.dir.read("promoted.json"), promoted);
    let tag = format!("{PRODUCTION}:prod-v1.0");
    assert_eq!(registry.tags()[&tag], promotion.universe.image.digest);
    // Another file than the one that was staged moves nothing.
    promotion
        .dir
        .write("promoted.json", promoted.replace("prod-v1.0", "prod-evil"));
    promotion
        .dir
        .promote(&["copy-image", "--tags-only", &digest])
        .exits(4);
    promotion
        .dir
        .promote(&["copy-image", "--tags-only", "--promoted-digest="])
        .exits(2);
    assert!(
        !registry
            .tags()
            .contains_key(&format!("{PRODUCTION}:prod-evil"))
    );
}
