//! Requests of a run: each is sent once.

use lab::{
    signer,
    sigstore::{self, Sigstore},
    universe::{STAGING, Universe},
};
use serde_json::Value;

use super::Scene;

#[test]
fn what_rules_ask_of_a_registry_is_asked_once_in_a_run() {
    let scene = Scene::vouched();
    let image = format!(
        "{}@{}",
        scene.universe.staging(),
        scene.universe.image.digest
    );
    let layer = scene.universe.registry.put_blob(STAGING, b"{\"a\": 1}");
    let blob = format!("{}@{layer}", scene.universe.staging());
    let rules = format!(
        r#"package main

# METADATA
# custom:
#   short_name: a
deny contains "a" if not ec.oci.parsed_blob("{blob}").a == 1

# METADATA
# custom:
#   short_name: b
deny contains "b" if not ec.oci.parsed_blob("{blob}").a == 1

# METADATA
# custom:
#   short_name: c
deny contains "c" if ec.oci.parsed_blob("{blob}x")
"#
    );
    scene.dir.write("rules/a.rego", rules);
    let component = |name: &str| serde_json::json!({"name": name, "containerImage": image});
    let list =
        serde_json::json!({"application": "", "components": [component("one"), component("two")]});
    scene.universe.registry.forget_requests();
    let list = list.to_string();
    scene
        .verify(&["--policy", "rules", "--images", &list])
        .exits(0);
    let requests = scene.universe.registry.requests();
    let asked = requests
        .iter()
        .filter(|request| request.path.contains(&layer));
    assert_eq!(asked.count(), 1);
}

/// A signature and an attestation of an image, both logged.
fn vouch_logged(universe: &Universe, image: &signer::Image, log: &sigstore::Log) {
    let (key, owner) = (&universe.key, sigstore::Signer::key(&universe.key));
    let claims = signer::claims(image).into_bytes();
    let signature = key.sign(&claims).unwrap();
    let entry = sigstore::hashedrekord(&claims, &signature, &owner);
    let entry = log.add(&entry, sigstore::SIGNED).unwrap();
    let layer = sigstore::Layer::signature(&claims, &signature).logged(&entry);
    sigstore::put_layers(&universe.registry, image, "sig", &[layer]);
    let statement = signer::provenance(image, "https://git.example/app", "0123abcd").to_string();
    let envelope = signer::envelope(key, signer::IN_TOTO, statement.as_bytes()).unwrap();
    let entry = sigstore::dsse_entry(&envelope, &owner);
    let entry = log.add(&entry, sigstore::SIGNED).unwrap();
    let layer = sigstore::Layer::envelope(&envelope).logged(&entry);
    sigstore::put_layers(&universe.registry, image, "att", &[layer]);
}

#[test]
fn the_key_and_the_trusted_root_are_fetched_once_for_all_components() {
    let scene = Scene::new();
    let (universe, sigstore) = (&scene.universe, Sigstore::new().unwrap());
    let (tuf, web) = (
        sigstore::Tuf::new().unwrap(),
        sigstore::Web::start().unwrap(),
    );
    let mut files = tuf.serving(1, &sigstore.trusted_root());
    files.insert("cosign.pub".to_owned(), universe.key.public_pem().into());
    web.serve_files(files);
    let registry = universe.registry.address();
    let components = (0..5).map(|number| {
        let (name, repository) = (format!("c{number}"), &universe.image.repository);
        let image = signer::push_image(&universe.registry, repository, &name, &name, 1).unwrap();
        vouch_logged(universe, &image, &sigstore.log);
        let image = format!("{registry}/{repository}@{}", image.digest);
        serde_json::json!({"name": name, "containerImage": image})
    });
    let components: Vec<_> = components.collect();
    let rules = r#"package main
import rego.v1
# METADATA
# title: Never
# custom:
#   short_name: never
deny contains result if {
	false
	result := {"code": "main.never", "msg": "never"}
}
"#;
    scene.dir.write("policy/main.rego", rules);
    let asked = |count: usize| {
        let list = serde_json::json!({"application": "", "components": components[..count]});
        scene.dir.write("images.json", list.to_string());
        let before = web.requests().len();
        let url = web.url();
        let (key, root) = (format!("{url}/cosign.pub"), format!("{url}/root.json"));
        let flags = ["verify-ec", "--policy", "policy", "--public-key", &key];
        let roots = [
            "--tuf-mirror",
            &url,
            "--tuf-root",
            &root,
            "--output",
            "json",
        ];
        let run = scene.dir.promote(&[&flags[..], &roots].concat()).exits(0);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["components"].as_array().unwrap().len(), count);
        assert_eq!(report["success"], true);
        web.requests().split_off(before)
    };
    // The first run of all fills the cache.
    asked(1);
    let (one, five) = (asked(1), asked(5));
    assert_eq!(one, five);
    let keys = five.iter().filter(|path| *path == "/cosign.pub");
    assert_eq!(keys.count(), 1, "{five:?}");
}
