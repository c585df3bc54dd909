//! Images and registries that cannot be read: each has an exit code of its own.

use lab::{
    registry::{Effect, Fault},
    signer,
    universe::STAGING,
};
use serde_json::Value;

use super::{attested_release, unsigned_release};

#[test]
fn an_image_that_does_not_exist_is_not_found() {
    let scene = attested_release();
    let image = format!("{}@sha256:{}", scene.universe.staging(), "0".repeat(64));
    scene
        .verify_images(&["--image", &image, "--output", "json=report.json"])
        .exits(3);
    assert!(!scene.dir.exists("verified.json"));
    let report: Value = serde_json::from_str(&scene.dir.read("report.json")).unwrap();
    assert_eq!(report["success"], false);
    assert!(
        report["components"][0]["error"]
            .as_str()
            .unwrap()
            .contains("not found")
    );
    let tag = format!("{}:absent", scene.universe.staging());
    scene.verify_images(&["--image", &tag]).exits(3);
}

#[test]
fn a_registry_that_is_down_is_a_remote_failure() {
    let scene = attested_release();
    let image = format!("127.0.0.1:1/acme/web@sha256:{}", "0".repeat(64));
    scene.verify_images(&["--image", &image]).exits(5);
    assert!(!scene.dir.exists("verified.json"));
}

#[test]
fn an_index_whose_children_cannot_be_seen_never_passes() {
    let scene = unsigned_release();
    let universe = &scene.universe;
    let push = |name| signer::push_image(&universe.registry, STAGING, name, name, 1).unwrap();
    let (amd64, arm64) = (push("amd64"), push("arm64"));
    let children = [("amd64", &amd64), ("arm64", &arm64)];
    let index = signer::push_index(&universe.registry, STAGING, "index", &children).unwrap();
    universe.sign_and_attest_image(&index).unwrap();
    let list = scene.dir.read("images.json");
    let list = list.replace(&universe.image.digest, &index.digest);
    scene.dir.write("images.json", list);
    scene.verify_images(&[]).exits(4);
    // The index is refused once; a second request would show it, with children that were not verified.
    let path = format!("/manifests/{}", index.digest);
    let fault = Fault::new(Effect::Status(403)).of("GET", path).once();
    universe.registry.fail(fault);
    scene.verify_images(&[]).exits(2);
    assert!(!scene.dir.exists("verified.json"));
    universe.sign_and_attest_image(&amd64).unwrap();
    universe.sign_and_attest_image(&arm64).unwrap();
    scene.verify_images(&[]).exits(0);
}

#[test]
fn an_empty_list_is_nothing_to_act_on() {
    let scene = attested_release();
    scene
        .verify_images(&["--images", r#"{"components": []}"#])
        .exits(3);
    scene
        .verify_images(&["--images", r#"{"components": []}"#, "--allow-empty"])
        .exits(0);
}
