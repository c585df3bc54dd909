//! `verify-ec` on an index: what it holds is verified too, whatever the index says of it.

use lab::{
    registry::{Effect, Fault},
    signer::{self, Image},
    universe::{STAGING, Universe},
};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

/// A signed and attested index of descriptors.
struct Scene {
    universe: Universe,
    dir: Workdir,
    index: Image,
}

impl Scene {
    fn new(universe: Universe, children: &[Value]) -> Self {
        let dir = Workdir::new();
        dir.write("cosign.pub", universe.key.public_pem());
        let registry = &universe.registry;
        let index = signer::push_index_of(registry, STAGING, "index", children);
        let scene = Self {
            index,
            universe,
            dir,
        };
        vouch(&scene.universe, &scene.index);
        let image = format!("{}@{}", scene.universe.staging(), scene.index.digest);
        let (url, commit) = (scene.universe.source_url(), &scene.universe.commit);
        let list = json!({"application": "", "components": [
            {"name": "web", "containerImage": image, "source": {"git": {"url": url, "revision": commit}}},
        ]});
        scene.dir.write("images.json", list.to_string());
        scene
    }

    fn verify(&self) -> Run {
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/release");
        self.dir.promote(&[
            "verify-ec",
            "--public-key=cosign.pub",
            "--ignore-rekor",
            "--policy",
            policy,
        ])
    }
}

fn vouch(universe: &Universe, image: &Image) {
    signer::sign(&universe.registry, image, &universe.key).unwrap();
    let statements = universe.statements(image, &universe.commit);
    signer::attest(&universe.registry, image, &universe.key, &statements).unwrap();
}

fn push(universe: &Universe, seed: &str) -> Image {
    signer::push_image(&universe.registry, STAGING, seed, seed, 1).unwrap()
}

fn child(image: &Image, os: &str, architecture: &str) -> Value {
    let mut descriptor = image.descriptor();
    descriptor["platform"] = json!({"os": os, "architecture": architecture});
    descriptor
}

/// As a builder marks what it says of an image beside that image.
fn marked(mut descriptor: Value) -> Value {
    descriptor["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    descriptor
}

#[test]
fn an_image_of_the_index_that_nobody_signed_refuses_the_index() {
    for signed in [true, false] {
        let universe = Universe::new().unwrap();
        let image = push(&universe, "arm");
        if signed {
            vouch(&universe, &image);
        }
        let scene = Scene::new(universe, &[child(&image, "linux", "arm64")]);
        scene.verify().exits(if signed { 0 } else { 4 });
        let verified: Value = serde_json::from_str(&scene.dir.read("verified.json")).unwrap();
        assert_eq!(verified["components"][0]["success"], signed);
    }
}

#[test]
fn an_image_of_an_index_in_the_index_is_verified_too() {
    for signed in [true, false] {
        let universe = Universe::new().unwrap();
        let image = push(&universe, "arm");
        if signed {
            vouch(&universe, &image);
        }
        let children = [child(&image, "linux", "arm64")];
        let inner = signer::push_index_of(&universe.registry, STAGING, "inner", &children);
        vouch(&universe, &inner);
        let scene = Scene::new(universe, &[inner.descriptor()]);
        scene.verify().exits(if signed { 0 } else { 4 });
    }
}

#[test]
fn only_what_no_node_can_run_is_left_out_as_a_builders_attestation() {
    for (os, architecture, code) in [("unknown", "unknown", 0), ("linux", "amd64", 4)] {
        let universe = Universe::new().unwrap();
        let (image, hidden) = (push(&universe, "arm"), push(&universe, "hidden"));
        vouch(&universe, &image);
        let children = [
            child(&image, "linux", "arm64"),
            marked(child(&hidden, os, architecture)),
        ];
        let scene = Scene::new(universe, &children);
        let run = scene.verify().exits(code);
        // What is left out stands in the report.
        let said = format!("{}, a builder's attestation", hidden.digest);
        assert_eq!(run.stdout.contains(&said), code == 0, "{}", run.stdout);
    }
}

#[test]
fn an_index_whose_images_cannot_be_listed_is_never_vouched_for() {
    let universe = Universe::new().unwrap();
    let image = push(&universe, "arm");
    let scene = Scene::new(universe, &[child(&image, "linux", "arm64")]);
    // Broken when its images are listed, whole when the index itself is verified.
    let path = format!("manifests/{}", scene.index.digest);
    let fault = Fault::new(Effect::OtherBytes).of("GET", path).once();
    scene.universe.registry.fail(fault);
    scene
        .verify()
        .exits(5)
        .says("cannot tell which images its index holds");
    assert!(!scene.dir.exists("verified.json"));
}
