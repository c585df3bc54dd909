//! Requests of a run: each is sent once.

use lab::{
    signer,
    sigstore::{self, Sigstore},
    universe::{STAGING, Universe},
};
use serde_json::Value;

use super::{Scene, attested_release, unsigned_release};

#[test]
fn what_rules_ask_of_a_registry_is_asked_once_in_a_run() {
    let scene = attested_release();
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
        .verify_images(&["--policy", "rules", "--images", &list])
        .exits(0);
    let requests = scene.universe.registry.requests();
    let asked = requests
        .iter()
        .filter(|request| request.path.contains(&layer));
    assert_eq!(asked.count(), 1);
}

/// A signature and an attestation of an image, both logged.
fn sign_and_attest_logged(universe: &Universe, image: &signer::Image, log: &sigstore::Log) {
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

/// Images that the key signed, with a server that has the key and the trusted root.
struct Served {
    scene: Scene,
    web: sigstore::Web,
    components: Vec<Value>,
}

impl Served {
    fn new(count: usize) -> Self {
        let scene = unsigned_release();
        let (universe, sigstore) = (&scene.universe, Sigstore::new().unwrap());
        let (tuf, web) = (
            sigstore::Tuf::new().unwrap(),
            sigstore::Web::start().unwrap(),
        );
        let mut files = tuf.serving(1, &sigstore.trusted_root());
        for name in ["cosign.pub", "again.pub"] {
            files.insert(name.to_owned(), universe.key.public_pem().into());
        }
        web.serve_files(files);
        let (registry, repository) = (universe.registry.address(), &universe.image.repository);
        let components = (0..count).map(|number| {
            let name = format!("c{number}");
            let image =
                signer::push_image(&universe.registry, repository, &name, &name, 1).unwrap();
            sign_and_attest_logged(universe, &image, &sigstore.log);
            let image = format!("{registry}/{repository}@{}", image.digest);
            serde_json::json!({"name": name, "containerImage": image})
        });
        let components = components.collect();
        Self {
            scene,
            web,
            components,
        }
    }

    /// Verifies the first components with the folder `policy`; returns what the server was sent.
    fn requests(&self, count: usize, key: &str) -> Vec<String> {
        let list = serde_json::json!({"application": "", "components": self.components[..count]});
        self.scene.dir.write("images.json", list.to_string());
        let before = self.web.requests().len();
        let url = self.web.url();
        let root = format!("{url}/root.json");
        let flags = ["verify-ec", "--policy", "policy", "--public-key", key];
        let roots = [
            "--tuf-mirror",
            &url,
            "--tuf-root",
            &root,
            "--output",
            "json",
        ];
        let run = self
            .scene
            .dir
            .promote(&[&flags[..], &roots].concat())
            .exits(0);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["components"].as_array().unwrap().len(), count);
        assert_eq!(report["success"], true);
        self.web.requests().split_off(before)
    }
}

#[test]
fn the_key_and_the_trusted_root_are_fetched_once_for_all_components() {
    let served = Served::new(5);
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
    served.scene.dir.write("policy/main.rego", rules);
    let key = format!("{}/cosign.pub", served.web.url());
    // The first run of all fills the cache.
    served.requests(1, &key);
    let (one, five) = (served.requests(1, &key), served.requests(5, &key));
    assert_eq!(one, five);
    let keys = five.iter().filter(|path| *path == "/cosign.pub");
    assert_eq!(keys.count(), 1, "{five:?}");
}

#[test]
fn what_rules_verify_signatures_with_is_loaded_once_in_a_run() {
    let served = Served::new(5);
    let url = served.web.url();
    let rule = |name: &str, condition: &str| {
        format!(
            r#"# METADATA
# custom:
#   short_name: {name}
deny contains "{name}" if {condition}

"#
        )
    };
    let given =
        |options: &str| format!("object.union(data.config.default_sigstore_opts, {options})");
    let by_key = |name: &str| given(&format!("{{\"public_key\": \"{url}/{name}\"}}"));
    let by_pattern = given(
        "{\"public_key\": \"\", \"certificate_identity_regexp\": \"^https://ci\", \"certificate_oidc_issuer_regexp\": \"issuer\"}",
    );
    let image = "input.image.ref";
    let rules = [
        "package main\n\n".to_owned(),
        rule(
            "signed",
            &format!(
                "not ec.sigstore.verify_image({image}, {}).success",
                by_key("cosign.pub")
            ),
        ),
        rule(
            "attested",
            &format!(
                "not ec.sigstore.verify_attestation({image}, {}).success",
                by_key("cosign.pub")
            ),
        ),
        rule(
            "again",
            &format!(
                "not ec.sigstore.verify_image({image}, {}).success",
                by_key("again.pub")
            ),
        ),
        // No certificate is there: the pattern and the root are loaded, and the answer is no.
        rule(
            "keyless",
            &format!("ec.sigstore.verify_image({image}, {by_pattern}).success"),
        ),
        rule(
            "unsaid",
            &format!(
                "not \
                 count(ec.sigstore.verify_attestation({image}, {by_pattern}).errors) == 1"
            ),
        ),
    ];
    served.scene.dir.write("policy/main.rego", rules.concat());
    // The run's own key is a file: the rules alone ask the server for keys.
    let key = served.scene.universe.key.public_pem();
    served.scene.dir.write("own.pub", key);
    served.requests(1, "own.pub");
    let (one, five) = (served.requests(1, "own.pub"), served.requests(5, "own.pub"));
    assert_eq!(one, five);
    for path in ["/cosign.pub", "/again.pub"] {
        let asked = five.iter().filter(|asked| *asked == path);
        assert_eq!(asked.count(), 1, "{path}: {five:?}");
    }
    let mut paths = five.clone();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), five.len(), "{five:?}");
}
