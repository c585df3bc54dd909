//! State that `ec` shares with cosign and Conforma's own program: the cache of trust roots, and a log that cannot be
//! read.

use std::fs;

use lab::{
    registry::Server,
    signer,
    sigstore::{self, Sigstore},
    universe::Universe,
};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

/// An image whose signature is logged in a private log.
pub(crate) struct Logged {
    pub(crate) registry: Server,
    tuf: sigstore::Tuf,
    sigstore: Sigstore,
    pub(crate) web: sigstore::Web,
    pub(crate) pem: String,
}

impl Logged {
    pub(crate) fn new() -> Self {
        let (registry, key, image) = super::trust::signed();
        let (sigstore, tuf) = (Sigstore::new().unwrap(), sigstore::Tuf::new().unwrap());
        let web = sigstore::Web::start().unwrap();
        web.serve_files(tuf.serving(1, &sigstore.trusted_root()));
        let claims = signer::claims(&image).into_bytes();
        let signature = key.sign(&claims).unwrap();
        let owner = sigstore::Signer::key(&key);
        let entry = sigstore::hashedrekord(&claims, &signature, &owner);
        let entry = sigstore.log.add(&entry, sigstore::SIGNED).unwrap();
        let layer = sigstore::Layer::signature(&claims, &signature).logged(&entry);
        sigstore::put_layers(&registry, &image, "sig", &[layer]);
        let pem = key.public_pem();
        Self {
            registry,
            tuf,
            sigstore,
            web,
            pem,
        }
    }

    fn verify(&self, dir: &Workdir) -> Run {
        let image = format!("{}/acme/app:v1.0", self.registry.address());
        dir.promote(&["trust", "verify", &image, "--public-key", &self.pem])
    }

    /// The directory in which sigstore-go keeps the repository.
    fn directory(&self) -> String {
        let name = self
            .web
            .url()
            .replace("http://", "")
            .replace([':', '/'], "-");
        format!("home/.sigstore/root/{name}")
    }
}

#[test]
fn a_root_that_cosign_laid_down_is_read_without_the_network() {
    let world = Logged::new();
    let dir = Workdir::new();
    world.verify(&dir).exits(4).prints("is not trusted");
    let cache = world.directory();
    for (path, content) in world.tuf.serving(1, &world.sigstore.trusted_root()) {
        dir.write(
            &format!("{cache}/{}", path.trim_start_matches('/')),
            content,
        );
    }
    let remote = json!({"mirror": world.web.url()}).to_string();
    dir.write("home/.sigstore/root/remote.json", remote);
    world.web.break_down();
    world.verify(&dir).exits(0);
    // The twin with another root in the same place.
    let other = sigstore::Tuf::new().unwrap();
    dir.write(&format!("{cache}/root.json"), other.root());
    world.verify(&dir).exits(5);
}

#[test]
fn a_root_is_laid_down_where_cosign_reads_it() {
    let world = Logged::new();
    let dir = Workdir::new();
    let root = format!("{}/root.json", world.web.url());
    let line = [
        "ec",
        "sigstore",
        "initialize",
        "--mirror",
        &world.web.url(),
        "--root",
        &root,
    ];
    assert_eq!(dir.promote(&line).exits(0).stdout, "");
    let remote: Value = serde_json::from_str(&dir.read("home/.sigstore/root/remote.json")).unwrap();
    assert_eq!(remote, json!({"mirror": world.web.url()}));
    for name in [
        "root.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "targets/trusted_root.json",
    ] {
        let path = dir.path(&format!("{}/{name}", world.directory()));
        assert!(fs::metadata(&path).is_ok(), "{}", path.display());
    }
    world.verify(&dir).exits(0);
}

/// The signature is not logged with the image, so that the log has to be read.
#[test]
fn an_unreachable_log_refuses_the_component_and_leaves_the_reports() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let dir = Workdir::new();
    dir.write("cosign.pub", universe.key.public_pem());
    dir.write(
        "policy/a.rego",
        r#"package main
import rego.v1
# METADATA
# custom:
#   short_name: a
deny contains {"code": "main.a", "msg": "x"} if false
"#,
    );
    dir.write("policy.yaml", "sources: [{policy: [./policy]}]\n");
    let image = format!("{}@{}", universe.staging(), universe.image.digest);
    let line = |command: &[&str], more: &[&str]| {
        let own = [
            "--image",
            &image,
            "--policy",
            "policy.yaml",
            "--public-key",
            "cosign.pub",
            "--rekor-url",
            "http://127.0.0.1:1",
        ];
        dir.promote(&[command, &own, more].concat())
    };
    line(
        &["ec", "validate", "image"],
        &["--output", "json=report.json"],
    )
    .exits(1);
    let report: Value = serde_json::from_str(&dir.read("report.json")).unwrap();
    let violations = report["components"][0]["violations"].as_array().unwrap();
    let codes: Vec<_> = violations
        .iter()
        .map(|one| one["metadata"]["code"].as_str().unwrap())
        .collect();
    assert!(
        codes.iter().all(|code| code.ends_with("signature_check")),
        "{codes:?}"
    );
    assert!(!codes.is_empty());
    // In a gate a log that cannot be read decides nothing.
    line(&["verify-ec"], &[]).exits(5);
}
