//! Limits of what a policy may reach: files of this machine, private hosts by redirects, hosts that are not listed.

use lab::{
    registry::{Options, Server},
    sigstore::Web,
    tls::Tls,
};

use crate::{
    harness::{Run, Scene, Workdir},
    strangers_lead::private_name,
};

const LEAK: &str = r#"package main

import rego.v1

shown contains {"known": data.known}

shown contains data.auths

shown contains data.rule_data__configuration__

# METADATA
# title: T
# custom:
#   short_name: x
warn contains {"code": "main.x", "msg": sprintf("%v", [shown])}
"#;
const CONFIG: &str = "{\"auths\": {\"registry.example\": {\"auth\": \"cm9ib3Q6UzNDUkVU\"}}}";

fn scene_with_logins() -> Scene {
    Scene::attested()
        .file("team/rules/a.rego", LEAK)
        .file("team/data/d.json", "{\"known\": 1}")
        .file("home/.docker/config.json", CONFIG)
        .file("logins/config.json", CONFIG)
        .file("git/.git-credentials", "https://u:S3CRET@git.example\n")
        .file("git/d.json", CONFIG)
}

impl Scene {
    fn verify_without_leak(&self, policy: &str, more: &[&str]) -> Run {
        let run = self.judge(&["verify-ec"], policy, more);
        for stream in [&run.stdout, &run.stderr] {
            assert!(!stream.contains("cm9ib3Q6UzNDUkVU"), "{stream}");
        }
        run
    }

    fn configured(&self, sources: &str) -> String {
        self.dir
            .write("team/policy.yaml", format!("sources: [{sources}]\n"));
        "team/policy.yaml".to_owned()
    }
}

#[test]
fn local_paths_come_from_local_configurations_and_below_their_directory() {
    let scene = scene_with_logins();
    for good in [
        "{policy: [./rules], data: [./data]}",
        "{policy: [team/rules], data: [team/data]}",
    ] {
        scene
            .verify_without_leak(&scene.configured(good), &[])
            .exits(0)
            .prints("known");
    }
    scene.verify_without_leak("team/rules", &[]).exits(0);
    let outside = "the path is not below team, the directory of the configuration";
    for bad in [
        "{policy: [./rules], data: [../logins]}",
        "{policy: [./rules], data: [./logins]}",
        "{policy: [./rules], data: ['file::logins']}",
        "{policy: [./rules, home/.docker]}",
    ] {
        scene
            .verify_without_leak(&scene.configured(bad), &[])
            .exits(2)
            .says(outside);
    }
    for text in [
        "{\"sources\": [{\"policy\": [\"team/rules\"]}]}",
        "{\"sources\": [{\"policy\": [\"git::./team\"]}]}",
        "{\"sources\": [{\"policy\": [\"git::file:///team\"]}]}",
    ] {
        let local = "a local path is taken only from a configuration that is a local file";
        scene.verify_without_leak(text, &[]).exits(2).says(local);
    }
}

#[test]
fn places_of_credentials_are_never_read() {
    let scene = scene_with_logins();
    let hidden = "it contains credentials of this run";
    let above = |sources: &str| {
        scene
            .dir
            .write("policy.yaml", format!("sources: [{sources}]\n"));
        "policy.yaml"
    };
    let rules = "policy: [team/rules]";
    scene
        .verify_without_leak(above(&format!("{{{rules}, data: [team/data]}}")), &[])
        .exits(0);
    scene
        .verify_without_leak(above(&format!("{{{rules}, data: [home]}}")), &[])
        .exits(2)
        .says(hidden);
    scene
        .verify_without_leak(above(&format!("{{{rules}, data: [home/.docker]}}")), &[])
        .exits(2)
        .says(hidden);
    let logins = above(&format!("{{{rules}, data: [logins]}}"));
    scene
        .verify_without_leak(logins, &["--authfile", "logins/config.json"])
        .exits(2)
        .says(hidden);
    let git = above(&format!("{{{rules}, data: [git]}}"));
    scene
        .verify_without_leak(git, &["--git-credentials-dir", "git"])
        .exits(2)
        .says(hidden);
    std::os::unix::fs::symlink(
        scene.dir.path("home/.docker"),
        scene.dir.path("team/data/link"),
    )
    .unwrap();
    scene
        .verify_without_leak(above(&format!("{{{rules}, data: [team/data]}}")), &[])
        .exits(2)
        .says("the link leads out");
    scene
        .verify_without_leak("home/.docker", &[])
        .exits(2)
        .says(hidden);
}

#[test]
fn rule_data_of_the_command_line_is_text() {
    let scene = scene_with_logins();
    let data = |value: &str| scene.verify_without_leak("team/rules", &["--extra-rule-data", value]);
    data("k=v").exits(0).prints("\"k\": \"v\"");
    data("k=logins/config.json")
        .exits(2)
        .says("is a local path");
    data("k=absent.json").exits(0).prints("absent.json");
}

/// A policy server over TLS whose redirects a test sets.
fn server(dir: &Workdir) -> Web {
    let tls = Tls::private_authority().unwrap();
    let web = Web::start_with_tls(&tls).unwrap();
    dir.write("ca.pem", &tls.trusted_pem);
    web.serve_files([("d/main.rego".to_owned(), LEAK.as_bytes().to_vec())].into());
    web
}

#[test]
fn redirects_of_documents_are_followed_over_tls_and_not_to_private_hosts() {
    let dir = Workdir::new();
    let web = server(&dir);
    let inner = Web::start().unwrap();
    inner.serve_files([("d/main.rego".to_owned(), LEAK.as_bytes().to_vec())].into());
    let list = |to: &str| {
        web.redirect("r/main.rego", to);
        let url = format!("{}/r/main.rego", web.url());
        let run = dir.promote(&["policy", "list", &url, "--ca-file", "ca.pem"]);
        assert!(!run.stderr.contains("SECRET-BODY"), "{}", run.stderr);
        run
    };
    list("/d/main.rego").exits(0).prints("main.x");
    list(&format!("{}/d/main.rego", web.url()))
        .exits(0)
        .prints("main.x");
    list(&format!("{}/d/main.rego", inner.url()))
        .exits(5)
        .says("redirects from TLS to plain HTTP");
    list("https://10.1.2.3/d/main.rego")
        .exits(2)
        .says("10.1.2.3 is a private address");
    list(&inner.url().replace("http:", "https:"))
        .exits(2)
        .says("is a private address");
    list("https://169.254.169.254/latest")
        .exits(2)
        .says("169.254.169.254");
    list("/r/main.rego")
        .exits(5)
        .says("redirects more than 5 times");
    assert!(inner.requests().is_empty());
}

#[test]
fn plain_http_serves_documents_of_this_machine_only() {
    let dir = Workdir::new();
    let web = Web::start().unwrap();
    web.serve_files([("d/main.rego".to_owned(), LEAK.as_bytes().to_vec())].into());
    web.redirect("r/main.rego", "/d/main.rego");
    for path in ["d", "r"] {
        let url = format!("{}/{path}/main.rego", web.url());
        dir.promote(&["policy", "list", &url])
            .exits(0)
            .prints("main.x");
    }
    dir.promote(&["policy", "list", "http://policies.example/p.rego"])
        .exits(2)
        .says("insecure");
}

#[test]
fn redirects_of_keys_are_followed_over_tls() {
    let scene = scene_with_logins();
    let web = server(&scene.dir);
    let key = scene.universe.key.public_pem();
    web.serve_files([("cosign.pub".to_owned(), key.as_bytes().to_vec())].into());
    let image = format!(
        "{}@{}",
        scene.universe.staging(),
        scene.universe.image.digest
    );
    let verify = |to: &str| {
        web.redirect("key", to);
        let url = format!("{}/key", web.url());
        scene.dir.promote(&[
            "verify-ec",
            "--image",
            &image,
            "--policy",
            "team/rules",
            "--ignore-rekor",
            "--public-key",
            &url,
            "--ca-file",
            "ca.pem",
        ])
    };
    verify("/cosign.pub").exits(0);
    verify("http://127.0.0.1:1/cosign.pub")
        .exits(5)
        .says("redirects from TLS to plain HTTP");
    verify("https://192.168.7.7/cosign.pub")
        .exits(2)
        .says("192.168.7.7 is a private address");
}

/// A rule that looks an image of another registry up.
fn asking(image: &str) -> String {
    LEAK.replace(
        "warn contains {\"code\": \"main.x\", \"msg\": sprintf(\"%v\", [shown])}",
        &format!("deny contains {{\"code\": \"main.x\", \"msg\": \"there\"}} if ec.oci.blob(\"{image}\") == \"text\""),
    )
}

#[test]
fn rules_ask_the_listed_hosts_and_the_images_own() {
    let scene = scene_with_logins();
    let other = Server::start(Options::default()).unwrap();
    let digest = other.put_blob("acme/facts", b"text");
    let host = other.address();
    scene.dir.write(
        "asks/a.rego",
        asking(&format!("{host}/acme/facts@{digest}")),
    );
    scene
        .verify_without_leak("asks", &[])
        .exits(4)
        .prints("there");
    scene
        .verify_without_leak("asks", &["--policy-hosts", &host])
        .exits(4)
        .prints("there");
    let before = other.requests().len();
    scene
        .verify_without_leak("asks", &["--policy-hosts", "quay.example"])
        .exits(2)
        .says("is not among the hosts of --policy-hosts");
    assert_eq!(other.requests().len(), before);
    // The image's own registry needs no listing.
    let own = &scene.universe.image.digest;
    let own = asking(&format!("{}@{own}", scene.universe.staging()));
    scene.dir.write(
        "asks/a.rego",
        own.replace("ec.oci.blob", "ec.oci.image_manifest")
            .replace(" == \"text\"", ".schemaVersion == 2"),
    );
    scene
        .verify_without_leak("asks", &["--policy-hosts", "quay.example"])
        .exits(4)
        .prints("there");
}

#[test]
fn a_registry_that_only_rules_name_redirects_to_no_private_host() {
    let scene = scene_with_logins();
    let store = Server::start(Options::default()).unwrap();
    let digest = store.put_blob("acme/facts", b"text");
    let address = store.address();
    let (host, port) = address.rsplit_once(':').unwrap();
    let names = [Some(host.to_owned()), private_name()];
    for name in names.into_iter().flatten() {
        let other = Server::start(Options {
            redirect_blobs: Some(format!("http://{name}:{port}")),
            ..Options::default()
        });
        let other = other.unwrap();
        other.put_blob("acme/facts", b"text");
        scene.dir.write(
            "asks/a.rego",
            asking(&format!("{}/acme/facts@{digest}", other.address())),
        );
        let before = store.requests().len();
        scene
            .verify_without_leak("asks", &[])
            .exits(2)
            .says(&format!("{name}:{port} is a private address"));
        assert_eq!(store.requests().len(), before);
    }
}
