//! Registries behind TLS, as companies run them.

use lab::{
    registry::{Options, Server},
    signer,
    tls::Tls,
};

use super::start;
use crate::harness::{Run, Workdir};

fn server(tls: Tls) -> Server {
    let options = Options {
        tls: Some(tls),
        ..Options::default()
    };
    Server::start(options).unwrap()
}

/// Copies from a registry on plain HTTP to one behind TLS.
fn copy(dir: &Workdir, from: &Server, to: &Server, flags: &[&str]) -> Run {
    let (source, destination) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:v1", to.address()),
    );
    let https = format!("--https={}", to.address());
    let own = [
        "copy-image",
        &source,
        &destination,
        "--unverified",
        "--retries=0",
        &https,
    ];
    dir.promote(&[&own, flags].concat())
}

#[test]
fn a_private_authority_is_trusted_by_its_file_alone() {
    let tls = Tls::private_authority().unwrap();
    let dir = Workdir::new();
    dir.write("ca.pem", &tls.trusted_pem);
    dir.write("other.pem", Tls::private_authority().unwrap().trusted_pem);
    dir.write("dir/ca.crt", &tls.trusted_pem);
    let (from, to) = (start(), server(tls));
    let image = signer::push_image(&from, "staging/app", "v1", "a", 2).unwrap();
    for flags in [&[][..], &["--ca-file=other.pem"]] {
        copy(&dir, &from, &to, flags).exits(2).says("--ca-file");
        assert!(to.tags().is_empty());
    }
    for flag in ["--ca-file=ca.pem", "--ca-file=dir"] {
        copy(&dir, &from, &to, &[flag]).exits(0);
        assert_eq!(to.tags()["prod/app:v1"], image.digest);
    }
    let insecure = format!("--insecure-skip-tls-verify={}", to.address());
    copy(&dir, &from, &to, &[&insecure])
        .exits(0)
        .says("is not checked");
}

/// Small registries show a certificate that calls itself an authority (`CA:TRUE`): trusted itself, as
/// Go takes it, it serves; by its authority's name alone it does not.
#[test]
fn an_authority_that_serves_as_its_own_server_must_be_trusted_itself() {
    let tls = Tls::self_signed_authority().unwrap();
    let dir = Workdir::new();
    dir.write("ca.pem", &tls.trusted_pem);
    let (from, to) = (start(), server(tls));
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    copy(&dir, &from, &to, &["--ca-file=ca.pem"]).exits(0);
    let other = Tls::self_signed_authority().unwrap();
    dir.write("other.pem", &other.trusted_pem);
    copy(&dir, &from, &to, &["--ca-file=other.pem"])
        .exits(2)
        .says("is not accepted");
}

/// A machine without any certificate store, as a container from scratch is.
#[test]
fn a_machine_without_certificates_still_uses_a_given_authority() {
    let tls = Tls::private_authority().unwrap();
    let dir = Workdir::new();
    dir.write("ca.pem", &tls.trusted_pem);
    std::fs::create_dir(dir.path("empty")).unwrap();
    let (from, near, far) = (start(), start(), server(tls));
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let run = |to: &Server, flags: &[&str]| {
        let mut command = dir.command();
        command.env("SSL_CERT_DIR", dir.path("empty"));
        command.args(["copy-image", "--unverified", "--retries=0"]);
        command.arg(format!("{}/staging/app:v1", from.address()));
        command.arg(format!("{}/prod/app:v1", to.address()));
        Run::of(command.args(flags).output().unwrap())
    };
    run(&near, &[]).exits(0);
    let https = format!("--https={}", far.address());
    run(&far, &[&https, "--ca-file=ca.pem"]).exits(0);
    run(&far, &[&https]).exits(2).says("--ca-file");
}

/// Go's servers throttle uploads over HTTP/2, and small calls are quicker over one connection.
#[test]
fn bodies_go_over_http_1_and_small_calls_over_http_2() {
    let tls = Tls::private_authority().unwrap();
    let dir = Workdir::new();
    dir.write("ca.pem", &tls.trusted_pem);
    let (from, to) = (start(), server(tls));
    signer::push_image(&from, "staging/app", "v1", "a", 3).unwrap();
    copy(&dir, &from, &to, &["--ca-file=ca.pem"]).exits(0);
    let requests = to.requests();
    let versions = |bodies: bool| {
        let wanted = requests.iter().filter(|request| {
            let body = request.method == "PUT" && request.path.contains("/blobs/uploads/");
            body == bodies
        });
        let mut versions: Vec<_> = wanted.map(|request| request.version.as_str()).collect();
        versions.dedup();
        versions
    };
    assert_eq!(versions(true), ["HTTP/1.1"]);
    assert_eq!(versions(false), ["HTTP/2.0"]);
}

#[test]
fn a_download_is_not_redirected_from_tls_to_plain_http() {
    let tls = Tls::private_authority().unwrap();
    let dir = Workdir::new();
    dir.write("ca.pem", &tls.trusted_pem);
    let store = start();
    let from = Server::start(Options {
        tls: Some(tls),
        redirect_blobs: Some(format!("http://{}", store.address())),
        ..Options::default()
    })
    .unwrap();
    for registry in [&from, &store] {
        signer::push_image(registry, "staging/app", "v1", "a", 1).unwrap();
    }
    let to = start();
    let run = dir.promote(&[
        "copy-image",
        "--unverified",
        &format!("{}/staging/app:v1", from.address()),
        &format!("{}/prod/app:v1", to.address()),
        &format!("--https={}", from.address()),
        "--ca-file=ca.pem",
    ]);
    run.exits(5).says("from TLS to plain HTTP");
    assert!(store.requests().is_empty() && to.tags().is_empty());
}
