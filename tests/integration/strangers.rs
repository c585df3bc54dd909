//! Registries that only a Snapshot names: a private address is asked where the user names it too.

use lab::{
    registry::{self, Options},
    signer::{self, Image},
    universe::{STAGING, Universe},
};
use serde_json::json;

use crate::harness::{Run, Scene, Workdir};

struct HostAliases {
    universe: Universe,
    dir: Workdir,
}

impl HostAliases {
    fn new() -> Self {
        let Scene { universe, dir } = Scene::with_label_policy();
        Self { universe, dir }
    }

    fn port(&self) -> String {
        let address = self.universe.registry.address();
        address.rsplit(':').next().unwrap().to_owned()
    }

    /// The image by another name of the host.
    fn image(&self, host: &str) -> String {
        let digest = &self.universe.image.digest;
        format!("{host}:{}/{STAGING}@{digest}", self.port())
    }

    fn list(&self, host: &str) -> String {
        let component = json!({"name": "web", "containerImage": self.image(host)});
        json!({"application": "a", "components": [component]}).to_string()
    }

    fn judge(&self, more: &[&str]) -> Run {
        let own = [
            "verify-ec",
            "--policy=policy.yaml",
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ];
        self.universe.registry.forget_requests();
        self.dir.promote(&[&own[..], more].concat())
    }

    fn is_asked(&self) -> bool {
        !self.universe.registry.requests().is_empty()
    }
}

#[test]
fn a_private_address_that_only_a_snapshot_names_is_not_asked() {
    let scene = HostAliases::new();
    // The address of no host and of every one: the system takes it for this machine.
    let list = scene.list("0.0.0.0");
    let plain = format!("--plain-http=0.0.0.0:{}", scene.port());
    scene
        .judge(&["--images", &list])
        .exits(2)
        .says("to which only a Snapshot leads")
        .says("name it by a flag");
    assert!(!scene.is_asked());
    // The honest twin: a flag names the host.
    scene.judge(&["--images", &list, &plain]).exits(0);
    assert!(scene.is_asked());
    let image = scene.image("0.0.0.0");
    let run = scene.judge(&["--image", &image]);
    assert!(!run.stderr.contains("Snapshot leads"), "{}", run.stderr);
    // So does a file of credentials; the host speaks no TLS, which is said then.
    let logins = json!({"auths": {format!("0.0.0.0:{}", scene.port()): {"auth": "dTpw"}}});
    scene.dir.write("auth.json", logins.to_string());
    let run = scene.judge(&["--authfile=auth.json", "--images", &list]);
    assert!(!run.stderr.contains("Snapshot leads"), "{}", run.stderr);
}

#[test]
fn a_value_from_a_trigger_names_no_host() {
    let scene = HostAliases::new();
    let list = scene.list("0.0.0.0");
    let text = format!("k=0.0.0.0:{}/x", scene.port());
    scene
        .judge(&["--images", &list, "--extra-rule-data", &text])
        .exits(2)
        .says("to which only a Snapshot leads");
}

#[test]
fn the_other_fronts_hold_it_too() {
    let scene = HostAliases::new();
    let list = scene.list("0.0.0.0");
    let plain = format!("--plain-http=0.0.0.0:{}", scene.port());
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
    assert!(!scene.is_asked());
    scene.judge(&["--images", &list, &plain]).exits(0);
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
    let scene = HostAliases::new();
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
        let list = scene.list(host);
        scene.judge(&["--images", &list]).exits(0);
        scene.universe.registry.forget_requests();
        let refused = run(&["--images", &list])
            .exits(2)
            .says(&format!("{host}:{} is a private", scene.port()))
            .says("to which only a Snapshot leads")
            .says("name it by a flag");
        assert!(!refused.stderr.contains("(try 2"), "{}", refused.stderr);
        assert!(!scene.is_asked());
        run(&["--image", &scene.image(host)]).exits(0);
        let plain = format!("--plain-http={host}:{}", scene.port());
        run(&["--images", &list, &plain]).exits(0);
    }
}

#[test]
fn a_registry_of_a_snapshot_does_not_redirect_into_a_private_network() {
    let scene = HostAliases::new();
    let options = Options {
        redirect_blobs: Some(format!("http://0.0.0.0:{}", scene.port())),
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
    let run = scene.judge(&["--images", &list]);
    assert_ne!(run.code, 0, "{}", run.stderr);
    assert!(!scene.is_asked());
    // A registry that a flag names may keep its blobs in a private store.
    scene.judge(&["--image", &reference]);
    assert!(scene.is_asked());
}
