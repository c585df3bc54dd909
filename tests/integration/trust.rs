//! `trust verify` against the lab's registry: real artefacts of cosign v3 and Tekton Chains,
//! and pairs of the lab's own: the good one passes, one thing changed is refused by its reason.

use std::fs;

use lab::registry::{Options, Server};
use serde_json::Value;

use crate::{
    docs::root,
    harness::{Run, Workdir},
};

/// Serves an OCI layout as one repository.
fn serve_layout(name: &str, repository: &str) -> Server {
    let registry = Server::start(Options::default()).unwrap();
    let dir = root().join("tests/fixtures").join(name).join("layout");
    let blobs = dir.join("blobs/sha256");
    let index: Value = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
    for blob in fs::read_dir(&blobs).unwrap() {
        registry.put_blob(repository, &fs::read(blob.unwrap().path()).unwrap());
    }
    let manifests = index["manifests"].as_array().unwrap();
    for manifest in manifests {
        let digest = manifest["digest"].as_str().unwrap();
        let bytes = fs::read(blobs.join(digest.trim_start_matches("sha256:"))).unwrap();
        let tag = manifest["annotations"]["org.opencontainers.image.ref.name"].as_str();
        let media_type = manifest["mediaType"].as_str().unwrap();
        registry.put_manifest(repository, tag, media_type, &bytes);
    }
    registry
}

fn verify(image: &str, flags: &[&str]) -> Run {
    let mut arguments = vec!["trust", "verify", image];
    arguments.extend(flags);
    Workdir::new().promote(&arguments)
}

#[test]
fn verifies_everything_that_cosign_v3_wrote() {
    let registry = serve_layout("cosign-v3", "acme/app");
    let fixture = root().join("tests/fixtures/cosign-v3");
    let file = |name: &str| fixture.join(name).display().to_string();
    let trusted_root = file("trusted_root.json");
    let cases = fs::read_to_string(fixture.join("cases.tsv")).unwrap();
    let mut seen = 0;
    for line in cases.lines().skip(1) {
        let fields: Vec<_> = line.split('\t').collect();
        let [
            name,
            repository,
            digest,
            mode,
            key,
            subject,
            issuer,
            command,
            kind,
            annotation,
            log,
            _,
        ] = fields[..]
        else {
            panic!("{line}")
        };
        let image = format!("{}/{repository}@{digest}", registry.address());
        let key = file(key);
        let mut flags = vec!["--kind", command];
        match mode {
            "key" => flags.extend(["--public-key", &key]),
            _ => flags.extend([
                "--certificate-identity",
                subject,
                "--certificate-oidc-issuer",
                issuer,
            ]),
        }
        match log {
            "ignored" => flags.push("--ignore-rekor"),
            _ => flags.extend(["--trusted-root", &trusted_root]),
        }
        if !kind.is_empty() {
            flags.extend(["--type", kind]);
        }
        if !annotation.is_empty() {
            flags.extend(["--annotation", annotation]);
        }
        let run = verify(&image, &flags);
        assert_eq!(run.code, 0, "{name}\n{}\n{}", run.stdout, run.stderr);
        // The twin: the same artefacts, but somebody else is expected.
        let others = ["--certificate-identity", "somebody@else.example"];
        let other = fixture
            .join("../chains-oci/cosign.pub")
            .display()
            .to_string();
        let changed: Vec<_> = match mode {
            "key" => flags
                .iter()
                .map(|flag| if *flag == key { &other } else { *flag })
                .collect(),
            _ => flags
                .iter()
                .map(|flag| if *flag == subject { others[1] } else { *flag })
                .collect(),
        };
        let expected = if mode == "key" {
            "does not verify"
        } else {
            "who is not expected"
        };
        verify(&image, &changed).exits(4).says(expected);
        seen += 1;
    }
    assert_eq!(seen, 13);
}

#[test]
fn verifies_what_tekton_chains_wrote() {
    let registry = serve_layout("chains-oci", "acme/app");
    let key = root()
        .join("tests/fixtures/chains-oci/cosign.pub")
        .display()
        .to_string();
    let image = format!("{}/acme/app:v1.0", registry.address());
    let flags = ["--public-key", &key, "--ignore-rekor"];
    verify(&image, &flags).exits(0);
    let attested = verify(
        &image,
        &[&flags[..], &["--kind", "attestation", "--output", "json"]].concat(),
    );
    let report: Value = serde_json::from_str(&attested.exits(0).stdout).unwrap();
    assert_eq!(
        report["images"][0]["attestations"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(report["skippedChecks"][0], "transparency-log");
    // Chains stored no log entry: without --ignore-rekor that is a refusal, never a pass.
    verify(&image, &["--public-key", &key])
        .exits(4)
        .says("no transparency log entry");
}
