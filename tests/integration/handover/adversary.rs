//! A registry that lies once: at the n-th read of a promotion of three components.

use std::collections::BTreeSet;

use lab::{
    registry::{Effect, Fault},
    signer,
};
use serde_json::{Value, json};

use super::trio::{NAMES, Trio};
use crate::harness::Workdir;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The lies, with what the registry serves for them.
struct Lies {
    manifest: Vec<u8>,
    referrer: (String, Vec<u8>),
    list: Vec<u8>,
}

impl Lies {
    /// Pushes what is lied about into a repository that nothing names.
    fn new(trio: &Trio) -> Self {
        let registry = &trio.universe.registry;
        let evil = signer::push_image(registry, "evil/web", "evil", "evil", 1).unwrap();
        let manifest = registry.manifest("evil/web", &evil.digest).unwrap();
        let target = signer::Image {
            repository: "evil/web".to_owned(),
            ..trio.images[0].clone()
        };
        let referrer =
            signer::push_referrer(registry, &target, "application/evil", b"evil").unwrap();
        let bytes = registry.manifest("evil/web", &referrer.digest).unwrap();
        let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{
            "mediaType": signer::MANIFEST, "digest": referrer.digest, "size": bytes.len(),
            "artifactType": "application/evil",
        }]});
        Self {
            manifest,
            referrer: (referrer.digest, bytes),
            list: list.to_string().into_bytes(),
        }
    }

    fn effects(&self) -> [Effect; 5] {
        [
            Effect::Document(signer::MANIFEST, self.manifest.clone()),
            Effect::Body(self.manifest.clone()),
            Effect::Status(404),
            Effect::Body(Vec::new()),
            Effect::Document(INDEX, self.list.clone()),
        ]
    }
}

/// Everything that production holds and deploys is verified or listed.
fn check(trio: &Trio, dir: &Workdir, place: &str) {
    let registry = &trio.universe.registry;
    let verified: BTreeSet<String> = trio
        .images
        .iter()
        .map(|image| image.digest.clone())
        .collect();
    let mut listed = verified.clone();
    if dir.exists("verified.json") {
        let verdict: Value = serde_json::from_str(&dir.read("verified.json")).unwrap();
        for component in verdict["components"].as_array().unwrap() {
            let attached = component["attached"].as_array().unwrap();
            listed.extend(
                attached
                    .iter()
                    .map(|entry| entry["digest"].as_str().unwrap().to_owned()),
            );
        }
    }
    for name in NAMES {
        let repository = format!("prod/{name}");
        for digest in registry.manifests(&repository) {
            let bytes = registry.manifest(&repository, &digest).unwrap();
            let manifest: Value = serde_json::from_slice(&bytes).unwrap();
            // The record of this promotion is our own, and about what was verified.
            if manifest["artifactType"] == "application/vnd.promote.evidence.v1+json" {
                let subject = manifest["subject"]["digest"].as_str().unwrap();
                assert!(
                    verified.contains(subject),
                    "{digest} is about {subject}: {place}"
                );
                continue;
            }
            assert!(
                listed.contains(&digest),
                "{digest} is in {repository}: {place}"
            );
        }
    }
    let (tags, _) = trio.state();
    for (tag, digest) in tags.iter().filter(|(tag, _)| !tag.contains(":sha256-")) {
        assert!(verified.contains(digest), "{tag} is {digest}: {place}");
    }
    let gitops = trio.universe.gitops().unwrap();
    for name in NAMES {
        let path = format!("components/{name}/overlays/prod/deployment-patch.yaml");
        let text = gitops.read("main", &path).unwrap();
        if let Some((_, rest)) = text.split_once(&format!("prod/{name}:prod-v1.0@")) {
            let digest = &rest[..71];
            assert!(
                verified.contains(digest),
                "{name} deploys {digest}: {place}"
            );
        }
    }
}

/// Lies at every `step`-th read; returns how many promotions were run and how many succeeded.
fn lied_to(step: usize) -> (usize, usize) {
    let trio = Trio::new();
    let lies = Lies::new(&trio);
    let registry = &trio.universe.registry;
    trio.reset();
    trio.run(&Workdir::new()).exits(0);
    let requests = registry.requests();
    let is_read = |method: &str| matches!(method, "GET" | "HEAD");
    let reads = requests
        .iter()
        .filter(|request| is_read(&request.method))
        .count();
    let (mut runs, mut passed) = (0, 0);
    for number in (0..reads).step_by(step) {
        for (kind, effect) in lies.effects().into_iter().enumerate() {
            trio.reset();
            let (digest, bytes) = &lies.referrer;
            let served = Effect::Document(signer::MANIFEST, bytes.clone());
            registry.fail(Fault::new(served).of_reads(format!("/manifests/{digest}")));
            registry.fail(Fault::new(effect).of_reads("/v2/").after(number).once());
            let dir = Workdir::new();
            let run = trio.run(&dir);
            let place = format!(
                "lie {kind} at read {number} of {reads}: exit {}\n{}",
                run.code, run.stderr
            );
            assert_ne!(run.code, 1, "{place}");
            check(&trio, &dir, &place);
            runs += 1;
            passed += usize::from(run.code == 0);
        }
    }
    (runs, passed)
}

#[test]
fn a_registry_that_lies_puts_nothing_unverified_into_production() {
    let (runs, _) = lied_to(17);
    assert!(runs >= 15, "{runs}");
}

/// The whole figure; `cargo test lies_anywhere -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "the figure is the result")]
fn a_registry_that_lies_anywhere_puts_nothing_unverified_into_production() {
    let (runs, passed) = lied_to(1);
    println!("{runs} promotions with one lie each, {passed} went through, 0 unverified digests");
}
