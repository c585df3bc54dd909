//! Registries, proxies and Git hosts as networks have them, in pairs: the odd one that is right is
//! served, its hostile or broken twin is refused with the documented code.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lab::{
    git::{self, Account},
    registry::{Access, Effect, Fault, Grant, Options, Server},
    signer::{self, Image},
    tls::Tls,
};
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};

use crate::harness::{Run, Workdir};

/// Everything that a fault keeps has to live as long as the process.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn start() -> Server {
    Server::start(Options::default()).unwrap()
}

fn push(registry: &Server) -> Image {
    signer::push_image(registry, "staging/app", "v1", "a", 3).unwrap()
}

fn copy(dir: &Workdir, from: &Server, to: &Server, env: &[(&str, &str)], flags: &[&str]) -> Run {
    let (from, to) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:v1", to.address()),
    );
    let mut command = dir.command();
    command.args(["copy-image", &from, &to, "--unverified"]);
    command.args(flags).envs(env.iter().copied());
    Run::of(command.output().unwrap())
}

#[test]
fn a_head_that_is_refused_becomes_a_get_and_a_refused_get_is_a_refusal() {
    for status in [403, 405, 501] {
        let (dir, from, to) = (Workdir::new(), start(), start());
        let image = push(&from);
        for server in [&from, &to] {
            server.fail(Fault::new(Effect::Status(status)).of("HEAD", ""));
        }
        copy(&dir, &from, &to, &[], &[]).exits(0);
        assert_eq!(to.tags()["prod/app:v1"], image.digest, "{status}");
        // With the tag there, a repeat reads it by GET too and writes nothing.
        to.forget_requests();
        copy(&dir, &from, &to, &[], &[]).exits(0);
        assert!(to.requests().iter().all(|request| request.method != "PUT"));
    }
    let (dir, from, to) = (Workdir::new(), start(), start());
    push(&from);
    to.fail(Fault::new(Effect::Status(403)));
    copy(&dir, &from, &to, &[], &[]).exits(2);
    assert!(to.tags().is_empty());
}

fn tokens(prefix: &str, one_scope: bool) -> Server {
    let account = Account {
        user: "alice".to_owned(),
        password: "wonder".to_owned(),
    };
    let prefix = prefix.to_owned();
    let options = Options {
        access: Access::Token {
            grants: vec![Grant { account, prefix }],
            anonymous_pull: false,
            uses: None,
        },
        one_scope,
        ..Options::default()
    };
    Server::start(options).unwrap()
}

/// Alice's auth file for these registries; "YWxpY2U6d29uZGVy" is alice:wonder.
fn login(registries: &[&str]) -> Workdir {
    let dir = Workdir::new();
    let entries = registries.iter().map(|registry| {
        let entry = json!({"auth": "YWxpY2U6d29uZGVy"});
        ((*registry).to_owned(), entry)
    });
    let entries: serde_json::Map<_, _> = entries.collect();
    let auths = json!({ "auths": entries });
    dir.write("home/.docker/config.json", auths.to_string());
    dir
}

#[test]
fn a_token_server_of_one_scope_is_asked_again_for_each_alone() {
    let registry = tokens("", true);
    let image = push(&registry);
    let dir = login(&[&registry.address()]);
    copy(&dir, &registry, &registry, &[], &[]).exits(0);
    assert_eq!(registry.tags()["prod/app:v1"], image.digest);
    // Who has no right to production gets none by asking again.
    let registry = tokens("staging/", true);
    push(&registry);
    let dir = login(&[&registry.address()]);
    copy(&dir, &registry, &registry, &[], &[]).exits(2);
    assert!(!registry.tags().contains_key("prod/app:v1"));
}

#[test]
fn of_several_challenges_the_strongest_is_answered() {
    let registry = tokens("", false);
    let at = registry.address();
    push(&registry);
    let dir = login(&[&at]);
    let bearer = format!("Bearer realm=\"http://{at}/token\",service=\"lab\"");
    for challenge in [
        format!("Basic realm=\"reg\", {bearer}"),
        format!("{bearer}, Basic realm=\"reg\""),
        format!("Negotiate YIIb==, Basic realm=\"a \\\"b\\\", c\", {bearer}"),
        format!("Bearer service=\"lab\", {bearer}"),
    ] {
        registry.heal();
        registry.fail(Fault::new(Effect::Header(
            "www-authenticate",
            leak(challenge.clone()),
        )));
        registry.forget_requests();
        let run = copy(&dir, &registry, &registry, &[], &[]);
        assert_eq!(run.code, 0, "{challenge}: {}", run.stderr);
        registry.delete_tag("prod/app", "v1");
    }
    registry.heal();
    // A registry of tokens that offers only Basic cannot be answered.
    let basic = Effect::Header("www-authenticate", "Basic realm=\"reg\"");
    registry.fail(Fault::new(basic));
    copy(&dir, &registry, &registry, &[], &[]).exits(2);
    registry.heal();
    let none = Effect::Header("www-authenticate", "Bearer service=\"lab\"");
    registry.fail(Fault::new(none));
    copy(&dir, &registry, &registry, &[], &["--retries=0"])
        .exits(5)
        .says("realm");
}

/// A proxy that refuses everything with the status and counts who comes.
pub(crate) fn proxy(status: u16) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for peer in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            let Ok(mut peer) = peer else { continue };
            let _ = peer.read(&mut [0; 4096]);
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
            let _ = peer.write_all(answer.as_bytes());
        }
    });
    (at, count)
}

#[test]
fn this_machine_and_what_no_proxy_names_are_reached_without_a_proxy() {
    let (dir, from, to) = (Workdir::new(), start(), start());
    push(&from);
    let (proxy, count) = proxy(418);
    let all = [
        ("HTTP_PROXY", proxy.as_str()),
        ("HTTPS_PROXY", &proxy),
        ("http_proxy", &proxy),
    ];
    copy(&dir, &from, &to, &all, &[]).exits(0);
    assert_eq!(count.load(Ordering::Relaxed), 0);
    // The name has no address, so only a proxy could answer.
    let target = format!("{}/prod/x:v1", to.address());
    let far = |none: &str| {
        let mut command = dir.command();
        command.args(["copy-image", "reg.example:5000/a/x:v1", &target]);
        command.args([
            "--unverified",
            "--plain-http=reg.example:5000",
            "--retries=0",
        ]);
        command.envs(all).env("NO_PROXY", none);
        let before = count.load(Ordering::Relaxed);
        let run = Run::of(command.output().unwrap());
        assert_ne!(run.code, 0);
        count.load(Ordering::Relaxed) > before
    };
    assert!(far(""), "the twin goes to the proxy");
    assert!(far("other.example, example.org:5000"));
    for none in ["*", " *.example", ".example", "reg.example, x"] {
        assert!(!far(none), "{none}");
    }
}

#[test]
fn directories_of_certificates_may_hold_other_files() {
    let tls = Tls::private_authority().unwrap();
    let dir = Workdir::new();
    dir.write("certs/ca-bundle.crt", &tls.trusted_pem);
    dir.write("certs/README", "not a certificate\n");
    dir.write("certs/empty.pem", "");
    dir.write(
        "certs/trust.crt",
        "-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n",
    );
    dir.write(
        "certs/old.crt",
        "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n",
    );
    dir.write("others/README", "not a certificate\n");
    let options = Options {
        tls: Some(tls),
        ..Options::default()
    };
    let (from, to) = (start(), Server::start(options).unwrap());
    push(&from);
    let https = format!("--https={}", to.address());
    let at = |name: &str| format!("/nowhere:{}", dir.path(name).display());
    let (good, bad) = (at("certs"), at("others"));
    copy(&dir, &from, &to, &[("SSL_CERT_DIR", &bad)], &[&https])
        .exits(2)
        .says("--ca-file");
    copy(&dir, &from, &to, &[("SSL_CERT_DIR", &good)], &[&https]).exits(0);
    let missing = [
        ("SSL_CERT_DIR", good.as_str()),
        ("SSL_CERT_FILE", "/nowhere"),
    ];
    copy(&dir, &from, &to, &missing, &[&https]).exits(0);
}

#[test]
fn an_upload_that_leaves_tls_is_refused_by_name() {
    let tls = Tls::private_authority().unwrap();
    let dir = Workdir::new();
    dir.write("ca.pem", &tls.trusted_pem);
    let options = Options {
        tls: Some(tls),
        ..Options::default()
    };
    let (from, to) = (start(), Server::start(options).unwrap());
    push(&from);
    let at = to.address();
    let location = leak(format!("http://{at}/v2/prod/app/blobs/uploads/1"));
    let fault = Fault::new(Effect::Header("location", location));
    to.fail(fault.of("POST", "blobs/uploads").once());
    let flags = [&format!("--https={at}"), "--ca-file=ca.pem"];
    copy(&dir, &from, &to, &[], &flags)
        .exits(2)
        .says("plain HTTP");
    to.heal();
    copy(&dir, &from, &to, &[], &flags).exits(0);
}

#[test]
fn a_list_that_goes_on_at_another_host_is_never_cut_short() {
    let (dir, from, to) = (Workdir::new(), start(), start());
    push(&from);
    let elsewhere = "<https://other.example/v2/x>; rel=\"next\"";
    let fault = Fault::new(Effect::Header("link", elsewhere));
    from.fail(fault.of("GET", "/referrers/"));
    copy(&dir, &from, &to, &[], &[])
        .exits(5)
        .says("goes on at another host");
    assert!(to.tags().is_empty());
}

/// A layout whose layer is named by SHA-512; returns the layer's digest.
fn layout(dir: &Workdir, layer: &str, stored: &str) -> String {
    let sha256 = |content: &str| hex::encode(Sha256::digest(content));
    let put = |content: &str| {
        dir.write(&format!("layout/blobs/sha256/{}", sha256(content)), content);
        json!({"mediaType": "t", "digest": format!("sha256:{}", sha256(content)), "size": content.len()})
    };
    let hex = hex::encode(Sha512::digest(layer));
    dir.write(&format!("layout/blobs/sha512/{hex}"), stored);
    let digest = format!("sha512:{hex}");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let image = json!({
        "schemaVersion": 2, "mediaType": kind, "config": put("{}"),
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": layer.len()}],
    });
    let mut entry = put(&image.to_string());
    entry["mediaType"] = json!(kind);
    let index = json!({"schemaVersion": 2, "manifests": [entry]});
    dir.write("layout/index.json", index.to_string());
    dir.write("layout/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    digest
}

#[test]
fn layers_named_by_sha512_are_copied_and_compared() {
    let (dir, to) = (Workdir::new(), start());
    let target = format!("{}/prod/app:v1", to.address());
    let copy = ["copy-image", "oci:layout", &target, "--unverified"];
    let digest = layout(&dir, "layer", "lay3r");
    let run = dir.promote(&copy);
    assert_ne!(run.code, 0, "{}", run.stderr);
    assert!(to.tags().is_empty());
    layout(&dir, "layer", "layer");
    dir.promote(&copy).exits(0);
    assert_eq!(to.blob("prod/app", &digest).as_deref(), Some(&b"layer"[..]));
    // Over HTTP it is compared too.
    let (at, other) = (format!("{}/prod/app:v1", to.address()), start());
    let target = format!("{}/prod/app:v1", other.address());
    let copy = ["copy-image", &at, &target, "--unverified"];
    to.fail(Fault::new(Effect::OtherBytes).of("GET", format!("blobs/{digest}")));
    let run = dir.promote(&copy);
    assert_ne!(run.code, 0, "{}", run.stderr);
    assert!(other.tags().is_empty());
    to.heal();
    dir.promote(&copy).exits(0);
}

#[test]
fn where_no_git_host_listens_the_second_try_is_the_last() {
    let dir = Workdir::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("--gitops-repo-url=http://{at}/acme/x.git");
    let image = format!("--image=web=r.example/p/web:n@sha256:{}", "a".repeat(64));
    let began = Instant::now();
    let run = dir.promote(&["update-deployment", &url, &image, "--unverified"]);
    let run = run.exits(5).says("connection refused");
    assert_eq!(
        run.stderr.matches("trying again").count(),
        1,
        "{}",
        run.stderr
    );
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn certificates_of_git_hosts_are_unchecked_for_ec_alone() {
    let dir = Workdir::new();
    let registry = start();
    let image = push(&registry);
    let key = signer::Key::generate().unwrap();
    signer::sign(&registry, &image, &key).unwrap();
    let provenance = signer::provenance(&image, "https://git.example/web", &"0".repeat(40));
    signer::attest(&registry, &image, &key, &[provenance]).unwrap();
    dir.write("cosign.pub", key.public_pem());
    let tls = Tls::private_authority().unwrap();
    let git = git::GitServer::start_at(None, "127.0.0.1:0".parse().unwrap(), Some(&tls)).unwrap();
    let repository = git.repository("acme/policy").unwrap();
    repository
        .commit(
            "main",
            "rules",
            &[("release/a.rego", lab::tekton::cases::ATTESTED_RULE)],
        )
        .unwrap();
    let url = git.url("acme/policy");
    assert!(url.starts_with("https://"), "{url}");
    let policy = json!({"sources": [{"policy": [format!("git::{url}//release")]}]}).to_string();
    let reference = format!("{}/staging/app@{}", registry.address(), image.digest);
    let ec = [
        "ec",
        "validate",
        "image",
        "-i",
        &reference,
        "-p",
        &policy,
        "-k=cosign.pub",
        "--ignore-rekor",
    ];
    let run = |arguments: &[&str], value: &str| {
        let mut command = dir.command();
        command.args(arguments).env("GIT_SSL_NO_VERIFY", value);
        Run::of(command.output().unwrap())
    };
    for no in ["", "0", "false"] {
        run(&ec, no).exits(1).says("certificate");
    }
    for yes in ["1", "true", "YES"] {
        run(&ec, yes).exits(0).says("GIT_SSL_NO_VERIFY");
    }
    // The environment never weakens the gate itself.
    let gate = [
        "verify-ec",
        "--image",
        &reference,
        "--policy",
        &policy,
        "--public-key=cosign.pub",
        "--ignore-rekor",
    ];
    run(&gate, "1").exits(2);
}
