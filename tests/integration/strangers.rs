//! Registries that only a Snapshot names: a private address is asked where the user names it too.

use lab::{
    registry::{self, Options},
    signer::{self, Image},
    universe::STAGING,
};
use serde_json::json;

use crate::harness::{Run, Scene};

fn port(scene: &Scene) -> String {
    let address = scene.universe.registry.address();
    address.rsplit(':').next().unwrap().to_owned()
}

/// Returns the image's reference by another name of the host.
fn image(scene: &Scene, host: &str) -> String {
    let digest = &scene.universe.image.digest;
    format!("{host}:{}/{STAGING}@{digest}", port(scene))
}

/// Returns a Snapshot with the image by another name of the host.
fn list(scene: &Scene, host: &str) -> String {
    let component = json!({"name": "web", "containerImage": image(scene, host)});
    json!({"application": "a", "components": [component]}).to_string()
}

fn judge(scene: &Scene, more: &[&str]) -> Run {
    let own = [
        "verify-ec",
        "--policy=policy.yaml",
        "--public-key=cosign.pub",
        "--ignore-rekor",
    ];
    scene.universe.registry.forget_requests();
    scene.dir.promote(&[&own[..], more].concat())
}

/// Tells whether the registry got a request.
fn is_asked(scene: &Scene) -> bool {
    !scene.universe.registry.requests().is_empty()
}

#[test]
fn a_private_address_that_only_a_snapshot_names_is_not_asked() {
    let scene = Scene::with_label_policy();
    // The address of no host and of every one: the system takes it for this machine.
    let list = list(&scene, "0.0.0.0");
    let plain = format!("--plain-http=0.0.0.0:{}", port(&scene));
    judge(&scene, &["--images", &list])
        .exits(2)
        .says("to which only a Snapshot leads")
        .says("name it by a flag");
    assert!(!is_asked(&scene));
    // The honest twin: a flag names the host.
    judge(&scene, &["--images", &list, &plain]).exits(0);
    assert!(is_asked(&scene));
    let image = image(&scene, "0.0.0.0");
    let run = judge(&scene, &["--image", &image]);
    assert!(!run.stderr.contains("Snapshot leads"), "{}", run.stderr);
    // So does a file of credentials; the host speaks no TLS, which is said then.
    let logins = json!({"auths": {format!("0.0.0.0:{}", port(&scene)): {"auth": "dTpw"}}});
    scene.dir.write("auth.json", logins.to_string());
    let run = judge(&scene, &["--authfile=auth.json", "--images", &list]);
    assert!(!run.stderr.contains("Snapshot leads"), "{}", run.stderr);
}

#[test]
fn a_value_from_a_trigger_names_no_host() {
    let scene = Scene::with_label_policy();
    let list = list(&scene, "0.0.0.0");
    let text = format!("k=0.0.0.0:{}/x", port(&scene));
    judge(&scene, &["--images", &list, "--extra-rule-data", &text])
        .exits(2)
        .says("to which only a Snapshot leads");
}

#[test]
fn the_other_fronts_hold_it_too() {
    let scene = Scene::with_label_policy();
    let list = list(&scene, "0.0.0.0");
    let plain = format!("--plain-http=0.0.0.0:{}", port(&scene));
    scene.universe.registry.forget_requests();
    let ec = [
        "ec",
        "validate",
        "image",
        "--policy=policy.yaml",
        "--public-key=cosign.pub",
        "--ignore-rekor",
        "--images",
        &list,
    ];
    scene.dir.promote(&ec).exits(1);
    assert!(!is_asked(&scene));
    judge(&scene, &["--images", &list, &plain]).exits(0);
    scene.universe.registry.forget_requests();
    let to = format!("--to={}", scene.universe.production());
    scene
        .dir
        .promote(&["copy-image", "--tag=v1", &to])
        .exits(2)
        .says("to which only a Snapshot leads");
    let reads = scene.universe.registry.requests();
    assert!(reads.iter().all(|request| !request.path.contains(STAGING)));
    scene
        .dir
        .promote(&["copy-image", "--tag=v1", &to, &plain])
        .exits(0);
}

#[test]
fn a_pod_has_no_registry_at_loopback() {
    let scene = Scene::with_label_policy();
    let run = |more: &[&str]| {
        let mut command = scene.dir.command();
        let command = command.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").args([
            "verify-ec",
            "--policy=policy.yaml",
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ]);
        Run::of(command.args(more).output().unwrap())
    };
    // A name is as private as the addresses to which it resolves.
    for host in ["127.0.0.1", "localhost"] {
        let list = list(&scene, host);
        judge(&scene, &["--images", &list]).exits(0);
        scene.universe.registry.forget_requests();
        let refused = run(&["--images", &list])
            .exits(2)
            .says(&format!("{host}:{} is a private", port(&scene)))
            .says("to which only a Snapshot leads")
            .says("name it by a flag");
        assert!(!refused.stderr.contains("(try 2"), "{}", refused.stderr);
        assert!(!is_asked(&scene));
        run(&["--image", &image(&scene, host)]).exits(0);
        let plain = format!("--plain-http={host}:{}", port(&scene));
        run(&["--images", &list, &plain]).exits(0);
    }
}

#[test]
fn a_registry_of_a_snapshot_does_not_redirect_into_a_private_network() {
    let scene = Scene::with_label_policy();
    let options = Options {
        redirect_blobs: Some(format!("http://0.0.0.0:{}", port(&scene))),
        ..Options::default()
    };
    let other = registry::Server::start(options).unwrap();
    let image: Image = signer::push_image(&other, STAGING, "v1", "other", 1).unwrap();
    let key = &scene.universe.key;
    signer::sign(&other, &image, key).unwrap();
    let statement = signer::provenance(&image, "https://git.example/a", "0123abcd");
    signer::attest(&other, &image, key, &[statement]).unwrap();
    let reference = format!("{}/{STAGING}@{}", other.address(), image.digest);
    let component = json!({"name": "web", "containerImage": reference});
    let list = json!({"application": "a", "components": [component]}).to_string();
    let run = judge(&scene, &["--images", &list]);
    assert_ne!(run.code, 0, "{}", run.stderr);
    assert!(!is_asked(&scene));
    // A registry that a flag names may keep its blobs in a private store.
    judge(&scene, &["--image", &reference]);
    assert!(is_asked(&scene));
}
