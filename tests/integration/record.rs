//! The record of a promotion: the documents beside a promoted image, their readers, and that other tools see no difference.

mod attach;
mod environments;
mod forms;
mod harm;
mod keyless;
mod read;

use std::{fs, path::PathBuf};

use lab::{
    registry::{Options, Server},
    signer::Key,
    universe::{COMPONENT, Universe},
};

use crate::harness::{Run, Workdir};

/// The verifier of the tests.
const VERIFIER: &str = "https://acme.example/promote";
const VSA: &str = "https://slsa.dev/verification_summary/v1";
const PROMOTION: &str = "urn:promote:promotion:v1";

/// A universe with a promotion up to the copy, whose files are in a directory.
struct PromotedImage {
    universe: Universe,
    dir: Workdir,
    /// The registry of production.
    production: Server,
}

impl PromotedImage {
    fn new() -> Self {
        Self::at(Options::default())
    }

    fn at(production: Options) -> Self {
        let universe = Universe::new().unwrap();
        universe.sign_and_attest().unwrap();
        let scene = Self {
            universe,
            dir: Workdir::new(),
            production: Server::start(production).unwrap(),
        };
        let key = fs::read_to_string(fixture("p256.pub")).unwrap();
        scene.dir.write("promote.pub", key);
        scene.verify(&scene.dir, &[]).exits(0);
        let to = format!("--to={}", scene.repository());
        scene
            .dir
            .promote(&["copy-image", "--tag=prod-v1.0", &to])
            .exits(0);
        scene.production.forget_requests();
        scene
    }

    fn repository(&self) -> String {
        format!("{}/acme/web", self.production.address())
    }

    fn image(&self) -> String {
        format!("{}@{}", self.repository(), self.universe.image.digest)
    }

    /// Gathers and verifies; the files are left in the directory.
    fn verify(&self, dir: &Workdir, flags: &[&str]) -> Run {
        let universe = &self.universe;
        let source = format!("--git-url={}", universe.source_url());
        let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
        let image = format!("--image={COMPONENT}={}", universe.staging());
        dir.promote(&[
            "gather-images",
            &image,
            &source,
            "--revision=v1.0",
            "--destination-tag=prod-v1.0",
            &credentials,
        ])
        .exits(0);
        let policy = format!("--policy={}", universe.policy_url());
        let key = format!("--public-key={}", universe.public_key().display());
        let own = [
            "verify-ec",
            &policy,
            &key,
            "--ignore-rekor",
            "--show-successes",
            "--output=json=report.json",
            &credentials,
        ];
        dir.promote(&[&own, flags].concat())
    }

    fn attest(&self, flags: &[&str]) -> Run {
        self.dir.promote(&[&["attest"], flags].concat())
    }

    /// The same with a key.
    fn sign(&self, flags: &[&str]) -> Run {
        let key = format!("--signing-key={}", fixture("p256.pem").display());
        let verifier = format!("--verifier-id={VERIFIER}");
        let other = flags.iter().any(|flag| flag.starts_with("--verifier-id="));
        let own = if other {
            vec![key.as_str()]
        } else {
            vec![key.as_str(), &verifier]
        };
        self.attest(&[&own, flags].concat())
    }

    /// Verifies an attestation of the promoted image by a key.
    fn finds(&self, kind: &str, key: &str) -> Run {
        self.dir.promote(&[
            "trust",
            "verify",
            &self.image(),
            "--kind=attestation",
            &format!("--type={kind}"),
            &format!("--public-key={key}"),
            "--ignore-rekor",
        ])
    }

    /// The writes that production's registry has seen.
    fn writes(&self) -> Vec<String> {
        writes(&self.production)
    }

    /// The layers under the tag of attestations.
    fn att_layers(&self) -> Vec<serde_json::Value> {
        let tag = self.universe.image.attached_tag("att");
        let bytes = self.production.manifest("acme/web", &tag).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        manifest["layers"].as_array().unwrap().clone()
    }

    /// A trust file for the verifier of the tests.
    fn trust(&self, environment: &str) -> String {
        let text = format!(
            r"verifiers:
- id: {VERIFIER}
  publicKey: {}
  environments: [{environment}]
",
            self.dir.path("promote.pub").display()
        );
        let name = format!("trust-{environment}.yaml");
        self.dir.write(&name, text);
        format!("--require-attestation={name}")
    }
}

fn writes(registry: &Server) -> Vec<String> {
    let requests = registry.requests();
    let writes = requests
        .iter()
        .filter(|one| !matches!(one.method.as_str(), "GET" | "HEAD"));
    writes
        .map(|one| format!("{} {}", one.method, one.path))
        .collect()
}

fn fixture(name: &str) -> PathBuf {
    crate::docs::root()
        .join("tests/fixtures/signing-keys")
        .join(name)
}

/// Writes the public half of a key of the lab.
fn public(dir: &Workdir, name: &str, key: &Key) -> String {
    dir.write(name, key.public_pem()).display().to_string()
}
