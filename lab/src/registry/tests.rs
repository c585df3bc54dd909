//! The registry and its faults, over plain sockets.

mod access;
mod conformance;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Access, Effect, Fault, Grant, Options, Server, store::sha256};
use crate::{git::Account, tls::Tls};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends one request on a connection of its own; `None` when there was no answer.
fn talk(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in more {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Answer {
        status,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: bytes[end + 4..].to_vec(),
    })
}

fn ask_with(
    server: &Server,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    talk(
        TcpStream::connect(server.address()).unwrap(),
        method,
        path,
        more,
        body,
    )
}

#[track_caller]
fn ask(server: &Server, method: &str, path: &str, body: &[u8]) -> Answer {
    ask_with(server, method, path, &[], body).unwrap()
}

fn start(options: Options) -> Server {
    Server::start(options).unwrap()
}

fn upload(server: &Server, name: &str, bytes: &[u8]) -> String {
    let digest = sha256(bytes);
    let begun = ask(server, "POST", &format!("/v2/{name}/blobs/uploads/"), b"");
    assert_eq!(begun.status, 202);
    let path = format!(
        "{}?digest={}",
        begun.headers["location"],
        digest.replace(':', "%3A")
    );
    assert_eq!(ask(server, "PUT", &path, bytes).status, 201);
    digest
}

fn push(server: &Server, name: &str, tag: &str, manifest: &Value) -> Answer {
    let path = format!("/v2/{name}/manifests/{tag}");
    ask_with(
        server,
        "PUT",
        &path,
        &[("content-type", MANIFEST)],
        manifest.to_string().as_bytes(),
    )
    .unwrap()
}

/// A manifest of one config, pushed by the protocol.
fn push_small(server: &Server, name: &str, tag: &str) -> String {
    let config = upload(server, name, b"{}");
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": "x/y", "digest": config, "size": 2}, "layers": []});
    let pushed = push(server, name, tag, &manifest);
    assert_eq!(
        pushed.status,
        201,
        "{}",
        String::from_utf8_lossy(&pushed.body)
    );
    pushed.headers["docker-content-digest"].clone()
}

#[test]
fn serves_what_was_pushed_by_tag_and_digest() {
    let server = start(Options::default());
    let digest = push_small(&server, "a/b", "v1");
    for reference in ["v1", &digest] {
        let got = ask(
            &server,
            "GET",
            &format!("/v2/a/b/manifests/{reference}"),
            b"",
        );
        assert_eq!((got.status, sha256(&got.body)), (200, digest.clone()));
        assert_eq!(got.headers["content-type"], MANIFEST);
        let head = ask(
            &server,
            "HEAD",
            &format!("/v2/a/b/manifests/{reference}"),
            b"",
        );
        assert_eq!(head.headers["content-length"], got.body.len().to_string());
        assert!(head.body.is_empty());
    }
    assert_eq!(server.tags()["a/b:v1"], digest);
    assert_eq!(ask(&server, "GET", "/v2/a/b/manifests/v2", b"").status, 404);
    assert_eq!(
        ask(&server, "GET", "/v2/other/manifests/v1", b"").status,
        404
    );
}

#[test]
fn refuses_a_manifest_whose_blob_is_missing_and_an_upload_with_another_digest() {
    let server = start(Options::default());
    let manifest = json!({"config": {"digest": sha256(b"gone")}, "layers": []});
    let refused = push(&server, "a", "v1", &manifest);
    assert_eq!(refused.json()["errors"][0]["code"], "MANIFEST_BLOB_UNKNOWN");
    let begun = ask(&server, "POST", "/v2/a/blobs/uploads/", b"");
    let path = format!("{}?digest={}", begun.headers["location"], sha256(b"one"));
    assert_eq!(
        ask(&server, "PUT", &path, b"two").json()["errors"][0]["code"],
        "DIGEST_INVALID"
    );
    assert!(server.tags().is_empty());
}

#[test]
fn takes_chunks_in_order_only() {
    let server = start(Options::default());
    let begun = ask(&server, "POST", "/v2/a/blobs/uploads/", b"");
    let at = &begun.headers["location"];
    let chunk = |range: &str, body: &[u8]| {
        ask_with(&server, "PATCH", at, &[("content-range", range)], body).unwrap()
    };
    assert_eq!(chunk("0-2", b"abc").headers["range"], "0-2");
    assert_eq!(chunk("0-2", b"abc").status, 416);
    assert_eq!(ask(&server, "GET", at, b"").headers["range"], "0-2");
    assert_eq!(chunk("3-5", b"def").status, 202);
    let end = format!("{at}?digest={}", sha256(b"abcdefg"));
    assert_eq!(ask(&server, "PUT", &end, b"g").status, 201);
    assert_eq!(server.blob("a", &sha256(b"abcdefg")).unwrap(), b"abcdefg");
}

#[test]
fn mounts_from_another_repository_and_from_itself() {
    let server = start(Options::default());
    let digest = upload(&server, "from", b"layer");
    let mount = |name: &str, from: &str| {
        ask(
            &server,
            "POST",
            &format!("/v2/{name}/blobs/uploads/?mount={digest}&from={from}"),
            b"",
        )
        .status
    };
    assert_eq!(mount("to", "nowhere"), 202);
    assert_eq!(mount("to", "from"), 201);
    assert_eq!(mount("to", "to"), 201);
    assert_eq!(
        ask(&server, "HEAD", &format!("/v2/to/blobs/{digest}"), b"").status,
        200
    );
    server.fail(Fault::new(Effect::NoMount).once());
    assert_eq!(mount("to", "from"), 202);
    assert_eq!(mount("to", "from"), 201);
}

#[test]
fn lists_tags_and_referrers_page_by_page() {
    let server = start(Options {
        page: Some(2),
        ..Options::default()
    });
    let subject = push_small(&server, "a", "t1");
    for tag in ["t2", "t3"] {
        push_small(&server, "a", tag);
    }
    let first = ask(&server, "GET", "/v2/a/tags/list", b"");
    assert_eq!(first.json()["tags"], json!(["t1", "t2"]));
    let link = first.headers["link"].clone();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    assert_eq!(ask(&server, "GET", next, b"").json()["tags"], json!(["t3"]));
    let config = sha256(b"{}");
    for number in 0..3 {
        let referrer = json!({"mediaType": MANIFEST, "artifactType": format!("x/{number}"), "config": {"digest": config}, "layers": [], "subject": {"digest": subject}});
        let path = sha256(referrer.to_string().as_bytes());
        assert_eq!(
            push(&server, "a", &path, &referrer).headers["oci-subject"],
            subject
        );
    }
    let page = ask(&server, "GET", &format!("/v2/a/referrers/{subject}"), b"");
    assert_eq!(page.json()["manifests"].as_array().unwrap().len(), 2);
    let link = page.headers["link"].clone();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    assert_eq!(
        ask(&server, "GET", next, b"").json()["manifests"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let one = ask(
        &server,
        "GET",
        &format!("/v2/a/referrers/{subject}?artifactType=x%2F1"),
        b"",
    );
    assert_eq!(one.json()["manifests"].as_array().unwrap().len(), 1);
}

#[test]
fn can_lack_the_referrers_api_and_answer_the_fallback_tag_as_gitlab_does() {
    let server = start(Options {
        referrers: false,
        fallback_tag_is_image: true,
        ..Options::default()
    });
    let digest = push_small(&server, "a", "v1");
    assert_eq!(
        ask(&server, "GET", &format!("/v2/a/referrers/{digest}"), b"").status,
        404
    );
    let fallback = ask(
        &server,
        "GET",
        &format!("/v2/a/manifests/{}", digest.replace(':', "-")),
        b"",
    );
    assert_eq!(sha256(&fallback.body), digest);
}

#[test]
fn refuses_to_move_an_immutable_tag_and_a_body_that_is_too_large() {
    let server = start(Options {
        immutable_tags: true,
        max_body_bytes: Some(4),
        ..Options::default()
    });
    push_small(&server, "a", "v1");
    let other = json!({"config": {"digest": sha256(b"{}")}, "layers": [], "other": true});
    assert_eq!(push(&server, "a", "v1", &other).status, 409);
    assert_eq!(push(&server, "a", "v2", &other).status, 201);
    let begun = ask(&server, "POST", "/v2/a/blobs/uploads/", b"");
    assert_eq!(
        ask(&server, "PATCH", &begun.headers["location"], b"12345").status,
        413
    );
    assert_eq!(
        ask(&server, "PATCH", &begun.headers["location"], b"1234").status,
        202
    );
}

#[test]
fn each_fault_strikes_the_requests_that_it_concerns() {
    let server = start(Options::default());
    let digest = push_small(&server, "a", "v1");
    let get = || ask_with(&server, "GET", "/v2/a/manifests/v1", &[], b"");
    let whole = get().unwrap();
    let strike = |effect: Effect| {
        server.fail(Fault::new(effect).of("GET", "/manifests/").after(1).once());
        assert_eq!(get().unwrap().body, whole.body);
        let struck = get();
        assert_eq!(get().unwrap().body, whole.body);
        struck
    };
    assert_eq!(strike(Effect::Status(503)).unwrap().status, 503);
    let limited = strike(Effect::RetryAfter(429, 7)).unwrap();
    assert_eq!(
        (limited.status, limited.headers["retry-after"].as_str()),
        (429, "7")
    );
    assert!(
        strike(Effect::Page(502))
            .unwrap()
            .body
            .starts_with(b"<html>")
    );
    assert!(strike(Effect::Reset).is_none());
    assert!(strike(Effect::ResetAfter).is_none());
    let cut = strike(Effect::CutAnswer(10)).unwrap();
    assert_eq!(cut.headers["content-length"], whole.body.len().to_string());
    assert_eq!(cut.body, whole.body[..10]);
    let bare = strike(Effect::Without("docker-content-digest")).unwrap();
    assert!(!bare.headers.contains_key("docker-content-digest"));
    let lie = strike(Effect::Header("docker-content-digest", "sha256:0")).unwrap();
    assert_eq!(lie.headers["docker-content-digest"], "sha256:0");
    let other = strike(Effect::OtherBytes).unwrap();
    assert_eq!(other.headers["docker-content-digest"], digest);
    assert_ne!(sha256(&other.body), digest);
}

#[test]
fn an_upload_can_be_cut_its_range_stuck_and_its_location_missing() {
    let server = start(Options::default());
    server.fail(
        Fault::new(Effect::Without("location"))
            .of("POST", "/uploads/")
            .once(),
    );
    assert!(
        !ask(&server, "POST", "/v2/a/blobs/uploads/", b"")
            .headers
            .contains_key("location")
    );
    let begun = ask(&server, "POST", "/v2/a/blobs/uploads/", b"");
    server.fail(
        Fault::new(Effect::Header("range", "0-0"))
            .of("PATCH", "/uploads/")
            .once(),
    );
    assert_eq!(
        ask(&server, "PATCH", &begun.headers["location"], b"abc").headers["range"],
        "0-0"
    );
    server.fail(
        Fault::new(Effect::CutUpload(1))
            .of("PUT", "/uploads/")
            .once(),
    );
    let path = format!("{}?digest={}", begun.headers["location"], sha256(b"abcdef"));
    assert!(ask_with(&server, "PUT", &path, &[], b"def").is_none());
    assert!(server.blob("a", &sha256(b"abcdef")).is_none());
    assert_eq!(ask(&server, "PUT", &path, b"def").status, 201);
    let last = server.requests().pop().unwrap();
    assert_eq!((last.status, last.received), (201, 3));
}

#[test]
fn resumes_a_download_by_range_also_of_a_layer_that_is_only_a_length() {
    let server = start(Options::default());
    let digest = server.put_zeros("a", 300_000);
    assert_eq!(digest, sha256(&vec![0; 300_000]));
    let path = format!("/v2/a/blobs/{digest}");
    let rest = ask_with(&server, "GET", &path, &[("range", "bytes=299990-")], b"").unwrap();
    assert_eq!((rest.status, rest.body), (206, vec![0; 10]));
    assert_eq!(rest.headers["content-range"], "bytes 299990-299999/300000");
    assert_eq!(ask(&server, "GET", &path, b"").body, vec![0; 300_000]);
}

#[test]
fn redirects_a_download_to_another_origin_and_logs_who_came_with_a_name() {
    let store = start(Options::default());
    let base = format!("http://{}", store.address());
    let server = start(Options {
        redirect_blobs: Some(base.clone()),
        ..Options::default()
    });
    let digest = upload(&server, "a", b"layer");
    let path = format!("/v2/a/blobs/{digest}");
    let name = [("authorization", "Basic eDp5")];
    let sent = ask_with(&server, "GET", &path, &name, b"").unwrap();
    assert_eq!(sent.status, 307);
    assert_eq!(sent.headers["location"], format!("{base}{path}"));
    assert_eq!(ask(&server, "HEAD", &path, b"").status, 200);
    let logged: Vec<_> = server.requests().into_iter().rev().take(2).collect();
    assert_eq!(logged[1].authorization.as_deref(), Some("Basic"));
    assert_eq!(logged[0].authorization, None);
}

#[test]
fn can_be_slow_and_can_be_silent() {
    let server = start(Options::default());
    let pause = Duration::from_millis(60);
    server.fail(
        Fault::new(Effect::Slow(pause))
            .of("PUT", "/uploads/")
            .once(),
    );
    let begun = Instant::now();
    upload(&server, "a", b"layer");
    assert!(begun.elapsed() >= pause);
    server.fail(Fault::new(Effect::Hang).once());
    let socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(pause)).unwrap();
    assert!(talk(socket, "GET", "/v2/", &[], b"").is_none());
    server.fail(Fault::new(Effect::Status(503)));
    assert_eq!(ask(&server, "GET", "/v2/", b"").status, 503);
    server.heal();
    assert_eq!(ask(&server, "GET", "/v2/", b"").status, 200);
}
