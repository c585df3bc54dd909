//! Two versions of one component in a Snapshot are two components.

use lab::{
    signer::{self, Image},
    universe::{STAGING, Universe},
};
use serde_json::{Value, json};

use crate::harness::Workdir;

/// The universe, and its image in two versions; the second one is signed and attested on demand.
fn two_versions(signed: bool) -> (Universe, Image) {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let registry = &universe.registry;
    let second = signer::push_image(registry, STAGING, "v2.0", "second", 2).unwrap();
    if signed {
        universe.sign_and_attest_image(&second).unwrap();
    }
    (universe, second)
}

/// Writes a Snapshot whose components have one name and these versions, and judges it.
fn judge(universe: &Universe, second: &Image, versions: [Value; 2], code: i32) -> Workdir {
    let dir = Workdir::new();
    let component = |image: &Image, version: &Value| {
        json!({
            "name": "web", "version": version,
            "containerImage": format!("{}@{}", universe.staging(), image.digest),
            "source": {"git": {"url": universe.source_url(), "revision": universe.commit}},
        })
    };
    let components = [
        component(&universe.image, &versions[0]),
        component(second, &versions[1]),
    ];
    dir.write("images.json", json!({"components": components}).to_string());
    let policy = format!("--policy={}", universe.policy_url());
    let key = format!("--public-key={}", universe.public_key().display());
    let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
    dir.promote(&["verify-ec", &policy, &key, "--ignore-rekor", &credentials])
        .exits(code);
    dir
}

#[test]
fn each_version_is_judged_copied_and_recorded_on_its_own() {
    let (universe, second) = two_versions(true);
    let dir = judge(&universe, &second, ["v1".into(), "v2".into()], 0);
    let verdict: Value = serde_json::from_str(&dir.read("verified.json")).unwrap();
    let of = |at: usize| &verdict["components"][at];
    assert_eq!(
        (&of(0)["version"], &of(1)["version"]),
        (&"v1".into(), &"v2".into())
    );
    assert_ne!(of(0)["evidence"], of(1)["evidence"]);
    let to = format!("--to={}", universe.production());
    dir.promote(&["copy-image", &to, "--tag=prod"])
        .exits(2)
        .says("two images would get the tag")
        .says("{version}");
    dir.promote(&["copy-image", &to, "--tag=prod-{version}"])
        .exits(0);
    let promoted: Value = serde_json::from_str(&dir.read("promoted.json")).unwrap();
    for (at, version, image) in [(0, "v1", &universe.image), (1, "v2", &second)] {
        let component = &promoted["components"][at];
        assert_eq!(component["version"], version);
        assert_eq!(component["digest"], image.digest);
        let place = format!("{}:prod-{version}", universe.production());
        assert_eq!(component["destinations"], json!([place]));
    }
}

#[test]
fn what_one_version_lacks_the_other_does_not_lend() {
    let (universe, second) = two_versions(false);
    let dir = judge(&universe, &second, ["v1".into(), "v2".into()], 4);
    let verdict: Value = serde_json::from_str(&dir.read("verified.json")).unwrap();
    assert_eq!(verdict["components"][0]["success"], true);
    assert_eq!(verdict["components"][1]["success"], false);
    let to = format!("--to={}", universe.production());
    dir.promote(&["copy-image", &to, "--tag=prod-{version}"])
        .exits(4);
    assert!(!dir.exists("promoted.json"));
}

#[test]
fn the_same_name_without_two_versions_is_refused() {
    let (universe, second) = two_versions(true);
    for versions in [
        [Value::Null, Value::Null],
        ["".into(), Value::Null],
        ["v1".into(), "v1".into()],
        [1.into(), 2.into()],
        ["v1\nx".into(), "v2".into()],
    ] {
        judge(&universe, &second, versions, 2);
    }
}
