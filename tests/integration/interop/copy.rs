//! `copy-image` with Docker Distribution: under token authentication, and behind TLS with a
//! private authority. skopeo pushes what is copied and looks at what arrived.

use lab::{
    git::Account,
    registry::{Options, Server},
    signer::{self, Image},
    tls::Tls,
    token,
};

use super::{available, docker_registry::DockerRegistry};
use crate::harness::Workdir;

const TOOLS: &[&str] = &["docker-registry", "skopeo"];

/// An index of two platforms with a signature, in the lab's registry.
fn signed(registry: &Server) -> Image {
    let children = ["amd64", "arm64"]
        .map(|name| signer::push_image(registry, "staging/app", name, name, 3).unwrap());
    let [amd64, arm64] = &children;
    let both = [("amd64", amd64), ("arm64", arm64)];
    let index = signer::push_index(registry, "staging/app", "v1", &both).unwrap();
    signer::sign(registry, &index, &signer::Key::generate().unwrap()).unwrap();
    index
}

/// Lets skopeo push the image and its signature.
fn push(from: &Server, image: &Image, to: &DockerRegistry) {
    for tag in ["v1".to_owned(), image.attached_tag("sig")] {
        let source = format!("{}/staging/app:{tag}", from.address());
        to.push(&source, &format!("staging/app:{tag}"));
    }
}

fn assert_arrived(registry: &DockerRegistry, image: &Image) {
    assert_eq!(registry.digest("prod/app:v1"), image.digest);
    let tag = image.attached_tag("sig");
    let (there, here) = (format!("prod/app:{tag}"), format!("staging/app:{tag}"));
    assert_eq!(registry.digest(&there), registry.digest(&here));
}

#[test]
fn interop_copies_under_token_authentication_with_one_token() {
    if !available(TOOLS) {
        return;
    }
    let account = Account {
        user: "alice".to_owned(),
        password: "wonder".to_owned(),
    };
    let tokens = token::TokenServer::start(account).unwrap();
    let registry = DockerRegistry::with_tokens(&tokens, "alice:wonder");
    let lab = Server::start(Options::default()).unwrap();
    let image = signed(&lab);
    push(&lab, &image, &registry);
    let at = registry.address();
    let (from, to) = (format!("{at}/staging/app:v1"), format!("{at}/prod/app:v1"));
    let copy = ["copy-image", "--unverified", &from, &to];
    let dir = Workdir::new();
    dir.promote(&copy).exits(2).says("asks for credentials");
    // "YWxpY2U6d29uZGVy" is alice:wonder.
    let auths = format!(r#"{{"auths": {{"{at}": {{"auth": "YWxpY2U6d29uZGVy"}}}}}}"#);
    dir.write("home/.docker/config.json", auths);
    let before = tokens.given();
    dir.promote(&copy).exits(0).says("10 mounted");
    assert_eq!(tokens.given() - before, 1);
    assert_arrived(&registry, &image);
}

#[test]
fn interop_copies_behind_tls_with_a_private_authority() {
    if !available(TOOLS) {
        return;
    }
    let tls = Tls::private_authority().unwrap();
    let registry = DockerRegistry::with_tls(&tls);
    let lab = Server::start(Options::default()).unwrap();
    let image = signed(&lab);
    push(&lab, &image, &registry);
    let dir = Workdir::new();
    dir.write("ca.pem", &tls.trusted_pem);
    let at = registry.address();
    let (from, to) = (format!("{at}/staging/app:v1"), format!("{at}/prod/app:v1"));
    let https = format!("--https={at}");
    let copy = [
        "copy-image",
        "--unverified",
        "--retries=0",
        &https,
        &from,
        &to,
    ];
    dir.promote(&copy).exits(2).says("--ca-file");
    dir.promote(&[&copy[..], &["--ca-file=ca.pem"]].concat())
        .exits(0);
    assert_arrived(&registry, &image);
    // From another registry the bytes go over TLS.
    let other = format!("{at}/prod/other:v1");
    let source = format!("{}/staging/app:v1", lab.address());
    dir.promote(&[
        "copy-image",
        "--unverified",
        &https,
        "--ca-file=ca.pem",
        &source,
        &other,
    ])
    .exits(0);
    assert_eq!(registry.digest("prod/other:v1"), image.digest);
}

#[test]
fn interop_lists_referrers_under_the_fallback_tag() {
    if !available(TOOLS) {
        return;
    }
    let (lab, registry) = (
        Server::start(Options::default()).unwrap(),
        DockerRegistry::start(),
    );
    let image = signed(&lab);
    let dir = Workdir::new();
    let (from, to) = (
        format!("{}/staging/app:v1", lab.address()),
        format!("{}/prod/app:v1", registry.address()),
    );
    for number in 1..3 {
        signer::push_referrer(&lab, &image, "application/sbom", &[number]).unwrap();
        dir.promote(&["copy-image", "--unverified", &from, &to])
            .exits(0);
        let back = Server::start(Options {
            referrers: false,
            ..Options::default()
        })
        .unwrap();
        let there = format!("{}/back/app:v1", back.address());
        dir.promote(&["copy-image", "--unverified", &to, &there])
            .exits(0);
        let list = back.manifest("back/app", &image.digest.replace(':', "-"));
        let list: serde_json::Value = serde_json::from_slice(&list.unwrap()).unwrap();
        let listed = list["manifests"].as_array().unwrap().len();
        assert_eq!(listed, usize::from(number));
    }
}
