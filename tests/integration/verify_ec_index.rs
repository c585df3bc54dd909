//! `verify-ec` on an index: what it holds is verified too, whatever the index says of it.

use lab::{
    registry::{Effect, Fault},
    signer::{self, Image},
    universe::{STAGING, Universe},
};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

/// A signed and attested index of descriptors.
struct AttestedIndex {
    universe: Universe,
    dir: Workdir,
    index: Image,
}

impl AttestedIndex {
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
        scene.universe.sign_and_attest_image(&scene.index).unwrap();
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
fn an_unsigned_image_of_the_index_refuses_the_index() {
    for signed in [true, false] {
        let universe = Universe::new().unwrap();
        let image = push(&universe, "arm");
        if signed {
            universe.sign_and_attest_image(&image).unwrap();
        }
        let scene = AttestedIndex::new(universe, &[child(&image, "linux", "arm64")]);
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
            universe.sign_and_attest_image(&image).unwrap();
        }
        let children = [child(&image, "linux", "arm64")];
        let inner = signer::push_index_of(&universe.registry, STAGING, "inner", &children);
        universe.sign_and_attest_image(&inner).unwrap();
        let scene = AttestedIndex::new(universe, &[inner.descriptor()]);
        scene.verify().exits(if signed { 0 } else { 4 });
    }
}

#[test]
fn only_what_no_node_can_run_is_left_out_as_a_builders_attestation() {
    for (os, architecture, code) in [("unknown", "unknown", 0), ("linux", "amd64", 4)] {
        let universe = Universe::new().unwrap();
        let (image, hidden) = (push(&universe, "arm"), push(&universe, "hidden"));
        universe.sign_and_attest_image(&image).unwrap();
        let children = [
            child(&image, "linux", "arm64"),
            marked(child(&hidden, os, architecture)),
        ];
        let scene = AttestedIndex::new(universe, &children);
        let run = scene.verify().exits(code);
        // The report names what is left out.
        let said = format!("{}, a builder's attestation", hidden.digest);
        assert_eq!(run.stdout.contains(&said), code == 0, "{}", run.stdout);
    }
}

#[test]
fn an_index_whose_images_cannot_be_listed_is_never_accepted() {
    let universe = Universe::new().unwrap();
    let image = push(&universe, "arm");
    let scene = AttestedIndex::new(universe, &[child(&image, "linux", "arm64")]);
    // Broken when its images are listed, whole when the index itself is verified.
    let path = format!("manifests/{}", scene.index.digest);
    let fault = Fault::new(Effect::OtherBytes).of("GET", path).once();
    scene.universe.registry.fail(fault);
    scene
        .verify()
        .exits(4)
        .says("the images of the index cannot be listed");
    assert!(!scene.dir.exists("verified.json"));
}

#[test]
fn an_index_without_images_is_never_a_yes() {
    for (name, children) in [("none", 0), ("an attestation alone", 1), ("one image", 2)] {
        let universe = Universe::new().unwrap();
        let image = push(&universe, "amd");
        universe.sign_and_attest_image(&image).unwrap();
        let children = match children {
            0 => Vec::new(),
            1 => vec![marked(child(&image, "unknown", "unknown"))],
            _ => vec![child(&image, "linux", "amd64")],
        };
        let passes = name == "one image";
        let scene = AttestedIndex::new(universe, &children);
        let run = scene.verify();
        assert_eq!(run.code == 0, passes, "{name}: {}", run.stderr);
        if !passes {
            run.says("the index has no images");
            assert!(!scene.dir.exists("verified.json"), "{name}");
        }
    }
}

#[test]
fn an_index_that_its_descriptor_calls_an_image_is_refused() {
    for lie in [false, true] {
        let universe = Universe::new().unwrap();
        let image = push(&universe, "amd");
        let inner = signer::push_index_of(
            &universe.registry,
            STAGING,
            "inner",
            &[child(&image, "linux", "amd64")],
        );
        universe.sign_and_attest_image(&inner).unwrap();
        let mut entry = child(&inner, "linux", "amd64");
        if lie {
            entry["mediaType"] = json!("application/vnd.oci.image.manifest.v1+json");
        } else {
            universe.sign_and_attest_image(&image).unwrap();
        }
        let run = AttestedIndex::new(universe, &[entry]).verify();
        assert_eq!(run.code == 0, !lie, "{}", run.stderr);
        if lie {
            run.says("its descriptor calls it an image");
        }
    }
}

#[test]
fn a_document_that_go_reads_in_another_way_is_refused() {
    for lie in [false, true] {
        let universe = Universe::new().unwrap();
        let (good, evil) = (push(&universe, "good"), push(&universe, "evil"));
        universe.sign_and_attest_image(&good).unwrap();
        let mut scene = AttestedIndex::new(universe, &[child(&good, "linux", "amd64")]);
        if lie {
            let registry = &scene.universe.registry;
            let index = registry.manifest(STAGING, &scene.index.digest).unwrap();
            let index = String::from_utf8(index).unwrap();
            let more = json!([child(&evil, "linux", "amd64")]);
            let index = index.strip_suffix('}').unwrap();
            let index = format!("{index},\"Manifests\":{more}}}");
            let media_type = "application/vnd.oci.image.index.v1+json";
            let digest = registry.put_manifest(STAGING, None, media_type, index.as_bytes());
            let list = scene.dir.read("images.json");
            let list = list.replace(&scene.index.digest, &digest);
            scene.dir.write("images.json", list);
            scene.index.digest = digest;
            scene.index.size = index.len();
            scene.universe.sign_and_attest_image(&scene.index).unwrap();
        }
        let run = scene.verify();
        assert_eq!(run.code == 0, !lie, "{}", run.stderr);
        if lie {
            run.says("for readers that ignore case");
        }
    }
}
