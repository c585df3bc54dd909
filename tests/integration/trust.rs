//! `trust verify` against the lab's registry: real artefacts of Tekton Chains (those of cosign have
//! a file of their own), and pairs of the lab's own: the good one passes, one thing changed is refused by its reason.

#![expect(clippy::unwrap_used, reason = "a test shows what went wrong and ends")]

use std::fs;

use lab::{
    registry::{Options, Server},
    signer,
    sigstore::{self, Sigstore},
};
use serde_json::Value;

use crate::{
    docs::root,
    ec_roots::Logged,
    harness::{Run, Workdir},
};

/// Serves an OCI layout as one repository.
pub(crate) fn serve_layout(name: &str, repository: &str) -> Server {
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
        .prints("no transparency log entry");
}

#[test]
fn verifies_an_index_and_every_platform() {
    let registry = serve_layout("cosign-v3", "acme/app");
    let fixture = root().join("tests/fixtures/cosign-v3");
    let trusted_root = fixture.join("trusted_root.json").display().to_string();
    let image = format!("{}/acme/app:index", registry.address());
    let signer = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
    let issuer = "http://127.0.0.1:6101/actions";
    let flags = |subject: &'static str| {
        [
            "--each-platform",
            "--trusted-root",
            &trusted_root,
            "--certificate-identity-regexp",
            subject,
            "--certificate-oidc-issuer",
            issuer,
        ]
        .map(str::to_owned)
    };
    let run = |subject: &'static str| {
        let flags = flags(subject);
        verify(&image, &flags.each_ref().map(String::as_str))
    };
    let good = run("https://github.com/acme/.*").exits(0);
    assert_eq!(
        good.stdout.matches("  accepted ").count(),
        3,
        "{}",
        good.stdout
    );
    assert!(good.stdout.contains(signer));
    // A pattern must match the whole subject.
    run("github.com/acme/")
        .exits(4)
        .prints("matches only a part of");
}

/// A registry with one image that a key signed and attested.
pub(crate) fn signed() -> (Server, signer::Key, signer::Image) {
    let registry = Server::start(Options::default()).unwrap();
    let key = signer::Key::generate().unwrap();
    let image = signer::push_image(&registry, "acme/app", "v1.0", "seed", 1).unwrap();
    (registry, key, image)
}

#[test]
fn an_attestation_is_not_a_signature_and_vice_versa() {
    let (registry, key, image) = signed();
    let provenance = signer::provenance(&image, "https://git.example/app", "0123abcd");
    signer::attest(&registry, &image, &key, &[provenance]).unwrap();
    let pem = key.public_pem();
    let reference = format!("{}/acme/app:v1.0", registry.address());
    let flags = ["--public-key", &pem, "--ignore-rekor"];
    verify(&reference, &flags)
        .exits(4)
        .says("no signatures found");
    let attested = [&flags[..], &["--kind", "attestation", "--type"]].concat();
    verify(&reference, &[&attested[..], &["slsaprovenance"]].concat()).exits(0);
    signer::sign(&registry, &image, &key).unwrap();
    verify(&reference, &flags).exits(0);
    let annotated = [&flags[..], &["--annotation", "env=prod"]].concat();
    verify(&reference, &annotated)
        .exits(4)
        .prints("lack env=prod");
}

#[test]
fn cve_2022_35929_an_attestation_of_another_type_than_requested() {
    let (registry, key, image) = signed();
    let provenance = signer::provenance(&image, "https://git.example/app", "0123abcd");
    signer::attest(&registry, &image, &key, &[provenance]).unwrap();
    let pem = key.public_pem();
    let reference = format!("{}/acme/app:v1.0", registry.address());
    let ask = |kind: &str| {
        let flags = [
            "--public-key",
            &pem,
            "--ignore-rekor",
            "--kind",
            "attestation",
        ];
        verify(&reference, &[&flags[..], &["--type", kind]].concat())
    };
    ask("slsaprovenance").exits(0);
    ask(signer::PROVENANCE).exits(0);
    ask("spdxjson")
        .exits(4)
        .prints("expected https://spdx.dev/Document");
}

#[test]
fn signatures_may_be_kept_in_another_repository() {
    let (registry, key, image) = signed();
    let mut elsewhere = image.clone();
    elsewhere.repository = "acme/signatures".to_owned();
    signer::sign(&registry, &elsewhere, &key).unwrap();
    let pem = key.public_pem();
    let reference = format!("{}/acme/app:v1.0", registry.address());
    let flags = [
        "trust",
        "verify",
        &reference,
        "--public-key",
        &pem,
        "--ignore-rekor",
    ];
    let workdir = Workdir::new();
    workdir.promote(&flags).exits(4).says("no signatures found");
    let repository = format!("{}/acme/signatures", registry.address());
    let mut command = workdir.command();
    let output = command
        .env("COSIGN_REPOSITORY", repository)
        .args(flags)
        .output();
    Run::of(output.unwrap()).exits(0);
}

#[test]
fn each_exit_code_of_trust_verify_has_its_cause() {
    let (registry, key, _) = signed();
    let pem = key.public_pem();
    let key = ["--public-key", &pem, "--ignore-rekor"];
    let at = |name: &str| format!("{}/{name}", registry.address());
    verify(&at("acme/app:v9"), &key).exits(3).says("not found");
    verify(&at("acme/app:v1.0"), &[])
        .exits(2)
        .says("no trusted key or identity given");
    let keyless = [
        "--certificate-identity",
        "a",
        "--certificate-oidc-issuer",
        "b",
    ];
    // The root of Sigstore's public good instance that is built in has a timestamp authority.
    let ignoring = [
        &keyless[..],
        &["--ignore-rekor", "--trusted-root=public-good"],
    ]
    .concat();
    verify(&at("acme/app:v1.0"), &ignoring)
        .exits(4)
        .says("a timestamp authority proves when");
    verify(&at("acme/app:v1.0"), &keyless[..2])
        .exits(2)
        .says("needs both");
    verify(&at("acme/app:v1.0"), &["--public-key", "nowhere.pub"])
        .exits(3)
        .says("nowhere.pub");
    verify("127.0.0.1:1/acme/app:v1.0", &key).exits(5);
    // A named root is read although a key without a log needs none.
    let with = |more: &[&'static str]| {
        let flags = [&key[..], more].concat();
        verify(&at("acme/app:v1.0"), &flags)
    };
    let unsigned = "no signatures found";
    with(&[]).exits(4).prints(unsigned);
    with(&["--trusted-root=public-good"])
        .exits(4)
        .prints(unsigned);
    with(&["--trusted-root=/no/root.json"])
        .exits(3)
        .says("/no/root.json does not exist");
    with(&["--rekor-url=nowhere"])
        .exits(2)
        .says("\"nowhere\" is not the URL of a Rekor log");
}

#[test]
fn trust_init_serves_later_runs() {
    let Logged {
        registry, web, pem, ..
    } = Logged::new();
    let reference = format!("{}/acme/app:v1.0", registry.address());
    let verify = ["trust", "verify", &reference, "--public-key", &pem];
    let workdir = Workdir::new();
    // The root of the public instance does not know this log.
    workdir.promote(&verify).exits(4).prints("is not trusted");
    let root = format!("{}/root.json", web.url());
    let init = ["trust", "init", "--mirror", &web.url(), "--root", &root];
    workdir.promote(&init).exits(0).says("trusted on first use");
    workdir.promote(&verify).exits(0);
    let zeros = "00".repeat(32);
    let pinned = [&init[..], &["--root-checksum", &zeros]].concat();
    workdir.promote(&pinned).exits(4).says("has checksum");
    web.break_down();
    workdir.promote(&verify).exits(0);
    workdir.promote(&init).exits(5);
}

#[test]
fn one_verifier_serves_all_images_of_a_run() {
    let registry = serve_layout("cosign-v3", "acme/app");
    let root = root().join("tests/fixtures/cosign-v3/trusted_root.json");
    let root = serde_json::from_slice(&fs::read(root).unwrap()).unwrap();
    let (tuf, web) = (
        sigstore::Tuf::new().unwrap(),
        sigstore::Web::start().unwrap(),
    );
    web.serve_files(tuf.serving(1, &root));
    let first = format!("{}/root.json", web.url());
    let image = format!("{}/acme/app:index", registry.address());
    let flags = [
        "--tuf-mirror",
        &web.url(),
        "--tuf-root",
        &first,
        "--certificate-identity-regexp",
        "https://github.com/acme/.*",
        "--certificate-oidc-issuer",
        "http://127.0.0.1:6101/actions",
    ];
    let asked = |each: bool| {
        let before = web.requests().len();
        let each = format!("--each-platform={each}");
        let run = verify(&image, &[&flags[..], &[each.as_str()]].concat()).exits(0);
        let images = run.stdout.matches("  accepted ").count();
        (images, web.requests().len() - before)
    };
    let (one, alone) = asked(false);
    let (three, together) = asked(true);
    assert_eq!((one, three), (1, 3));
    assert_eq!(
        alone, together,
        "the trusted root is fetched for each image"
    );
}

#[test]
fn verify_bundle_takes_each_scheme_of_keys() {
    for scheme in signer::Scheme::ALL {
        let (key, log) = (signer::Key::of(scheme).unwrap(), Sigstore::new().unwrap());
        let artifact = b"an artifact".to_vec();
        let signature = key.sign(&artifact).unwrap();
        let owner = sigstore::Signer::key(&key);
        let workdir = Workdir::new();
        workdir.write("root.json", log.trusted_root().to_string());
        workdir.write("artifact", &artifact);
        workdir.write("other", b"another artifact");
        for entry in [
            sigstore::hashedrekord(&artifact, &signature, &owner),
            sigstore::hashedrekord2(&artifact, &signature, &key),
        ] {
            let entry = log.log.add(&entry, sigstore::SIGNED).unwrap();
            let bundle =
                sigstore::message_bundle(&log.log, &artifact, &signature, &key, &entry).unwrap();
            workdir.write("bundle.json", bundle.to_string());
            let pem = key.public_pem();
            let verify = |artifact: &str| {
                let flags = ["--trusted-root", "root.json", "--key", &pem, artifact];
                let command = ["trust", "verify-bundle", "--bundle", "bundle.json"];
                workdir.promote(&[&command[..], &flags].concat())
            };
            verify("artifact").exits(0).prints("verified: signed by");
            verify("other")
                .exits(4)
                .says("does not verify over these bytes");
        }
    }
}
