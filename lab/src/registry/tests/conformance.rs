//! Requirements of the distribution specification 1.1 on a registry, in the order of its conformance
//! suite: pull, push, content discovery, content management.
//!
//! The suite itself is written in Go and not part of this repository. To run it against
//! `lab registry --listen 127.0.0.1:5799`: `OCI_REGISTRY=127.0.0.1:5799 OCI_TLS=disabled
//! OCI_VERSION=1.1 OCI_DATA_SHA512=false conformance`; this registry has SHA-256 only.

use super::*;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn code(answer: &Answer) -> String {
    let code = answer.json()["errors"][0]["code"].clone();
    code.as_str().unwrap().to_owned()
}

/// A manifest about another one, pushed by its digest.
fn refer(server: &Server, name: &str, subject: &str, kind: &str) -> Answer {
    let config = upload(server, name, b"{}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "layers": [],
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": 9}, "annotations": {"a": kind},
    });
    let digest = sha256(manifest.to_string().as_bytes());
    push(server, name, &digest, &manifest)
}

#[test]
fn pull_of_what_is_there_and_of_what_is_not() {
    let server = start(Options::default());
    let digest = push_small(&server, "a/b", "v1");
    let (blob, missing) = (sha256(b"{}"), sha256(b"missing"));
    assert_eq!(ask(&server, "GET", "/v2/", b"").status, 200);
    for (path, found) in [
        ("/v2/a/b/manifests/v1".to_owned(), true),
        (format!("/v2/a/b/manifests/{digest}"), true),
        (format!("/v2/a/b/blobs/{blob}"), true),
        ("/v2/a/b/manifests/v2".to_owned(), false),
        (format!("/v2/a/b/manifests/{missing}"), false),
        (format!("/v2/a/b/blobs/{missing}"), false),
        ("/v2/c/manifests/v1".to_owned(), false),
        (format!("/v2/c/blobs/{blob}"), false),
    ] {
        let head = ask(&server, "HEAD", &path, b"");
        let get = ask(&server, "GET", &path, b"");
        let status = if found { 200 } else { 404 };
        assert_eq!((head.status, get.status), (status, status), "{path}");
        if found {
            let length = get.body.len().to_string();
            assert_eq!(head.headers["content-length"], length, "{path}");
            let digest = sha256(&get.body);
            assert_eq!(head.headers["docker-content-digest"], digest, "{path}");
        } else {
            assert!(code(&get).ends_with("_UNKNOWN"), "{path}");
        }
    }
}

#[test]
fn pull_of_a_part_of_a_blob() {
    let server = start(Options::default());
    let path = format!("/v2/a/blobs/{}", upload(&server, "a", b"0123456789"));
    let get = |range: &str| ask_with(&server, "GET", &path, &[("range", range)], b"").unwrap();
    for (range, status, body) in [
        ("bytes=2-5", 206, "2345"),
        ("bytes=7-", 206, "789"),
        ("bytes=8-20", 206, "89"),
        ("bytes=-3", 206, "789"),
        ("bytes=0-0", 206, "0"),
        ("bytes=5-2", 416, ""),
        ("bytes=10-12", 416, ""),
        ("lines=1-2", 200, "0123456789"),
    ] {
        let answer = get(range);
        assert_eq!(answer.status, status, "{range}");
        assert!(status == 416 || answer.body == body.as_bytes(), "{range}");
    }
    assert_eq!(get("bytes=2-5").headers["content-range"], "bytes 2-5/10");
    let empty = format!("/v2/a/blobs/{}", upload(&server, "a", b""));
    let head = ask(&server, "HEAD", &empty, b"");
    assert_eq!(head.headers["content-length"], "0");
}

#[test]
fn push_of_a_blob_in_every_way() {
    let server = start(Options::default());
    let begin = || {
        let begun = ask(&server, "POST", "/v2/a/blobs/uploads/", b"");
        begun.headers["location"].clone()
    };
    let finish = |place: &str, bytes: &[u8], whole: &[u8]| {
        let path = format!("{place}?digest={}", sha256(whole));
        ask(&server, "PUT", &path, bytes).status
    };
    assert_eq!(finish(&begin(), b"whole", b"whole"), 201);
    assert_eq!(finish(&begin(), b"whole", b"other"), 400);
    let streamed = begin();
    assert_eq!(ask(&server, "PATCH", &streamed, b"streamed").status, 202);
    assert_eq!(finish(&streamed, b"", b"streamed"), 201);
    // In chunks; the last one comes with the closing request.
    let chunked = begin();
    let chunk = |method: &str, path: &str, range: &str, bytes: &[u8]| {
        let answer = ask_with(&server, method, path, &[("content-range", range)], bytes);
        let answer = answer.unwrap();
        (answer.status, answer.headers.get("range").cloned())
    };
    let so_far = Some("0-3".to_owned());
    let first = chunk("PATCH", &chunked, "0-3", b"chun");
    assert_eq!(first, (202, so_far.clone()));
    let other = chunk("PATCH", &chunked, "6-8", b"xyz");
    assert_eq!(other, (416, so_far));
    let state = ask(&server, "GET", &chunked, b"");
    assert_eq!(
        (state.status, state.headers["range"].as_str()),
        (204, "0-3")
    );
    let end = format!("{chunked}?digest={}", sha256(b"chunks"));
    assert_eq!(chunk("PUT", &end, "7-8", b"ks").0, 416);
    assert_eq!(chunk("PUT", &end, "4-5", b"ks").0, 201);
    let cancelled = begin();
    assert_eq!(ask(&server, "DELETE", &cancelled, b"").status, 204);
    assert_eq!(ask(&server, "GET", &cancelled, b"").status, 404);
    for bytes in [&b"whole"[..], b"streamed", b"chunks"] {
        let path = format!("/v2/a/blobs/{}", sha256(bytes));
        assert_eq!(ask(&server, "GET", &path, b"").body, bytes);
    }
}

#[test]
fn push_of_a_manifest_that_is_wrong() {
    let server = start(Options::default());
    push_small(&server, "a", "v1");
    let bytes = server.manifest("a", "v1").unwrap();
    let put = |reference: &str, bytes: &[u8]| {
        let path = format!("/v2/a/manifests/{reference}");
        ask_with(&server, "PUT", &path, &[("content-type", MANIFEST)], bytes).unwrap()
    };
    assert_eq!(put(&sha256(&bytes), &bytes).status, 201);
    assert_eq!(code(&put(&sha256(b"other"), &bytes)), "DIGEST_INVALID");
    assert_eq!(put("-no-tag", &bytes).status, 400);
    assert_eq!(code(&put("v2", b"no JSON")), "MANIFEST_INVALID");
    let text = String::from_utf8(bytes).unwrap();
    let missing = sha256(b"missing");
    let lacking = text.replace(&sha256(b"{}"), &missing);
    let refused = put("v2", lacking.as_bytes());
    assert_eq!(code(&refused), "MANIFEST_BLOB_UNKNOWN");
    assert!(server.manifest("a", "v2").is_none());
    // Non-distributable layers may be missing.
    let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let layer = format!(r#""layers":[{{"mediaType":"{kind}","size":7,"digest":"{missing}"}}]"#);
    let foreign = text.replace("\"layers\":[]", &layer);
    assert_ne!(foreign, text);
    assert_eq!(put("v2", foreign.as_bytes()).status, 201);
}

#[test]
fn discovery_of_tags_in_order_and_page_by_page() {
    let server = start(Options::default());
    for tag in ["b", "a", "d", "c"] {
        push_small(&server, "a", tag);
    }
    let tags = |query: &str| {
        let answer = ask(&server, "GET", &format!("/v2/a/tags/list{query}"), b"");
        assert_eq!(answer.status, 200);
        answer.json()["tags"].clone()
    };
    assert_eq!(tags(""), json!(["a", "b", "c", "d"]));
    assert_eq!(tags("?n=2"), json!(["a", "b"]));
    assert_eq!(tags("?n=2&last=b"), json!(["c", "d"]));
    assert_eq!(tags("?n=0"), json!([]));
    assert_eq!(ask(&server, "GET", "/v2/none/tags/list", b"").status, 404);
}

#[test]
fn discovery_of_referrers_also_of_what_is_not_there() {
    let server = start(Options::default());
    let subject = sha256(b"not pushed yet");
    let list = |query: &str| {
        let path = format!("/v2/a/referrers/{subject}{query}");
        ask(&server, "GET", &path, b"")
    };
    push_small(&server, "a", "v1");
    let none = list("");
    assert_eq!(none.status, 200);
    assert_eq!(none.headers["content-type"], INDEX);
    assert_eq!(none.json()["manifests"], json!([]));
    for kind in ["application/x", "application/y"] {
        let pushed = refer(&server, "a", &subject, kind);
        assert_eq!(pushed.status, 201);
        assert_eq!(pushed.headers["oci-subject"], subject);
    }
    let all = list("").json();
    assert_eq!(all["mediaType"], INDEX);
    assert_eq!(all["manifests"].as_array().unwrap().len(), 2);
    let some = list("?artifactType=application/y");
    assert_eq!(some.headers["oci-filters-applied"], "artifactType");
    let entry = &some.json()["manifests"][0];
    assert_eq!(entry["artifactType"], "application/y");
    assert_eq!(entry["annotations"], json!({"a": "application/y"}));
}

#[test]
fn management_of_tags_manifests_and_blobs() {
    let server = start(Options::default());
    let digest = push_small(&server, "a", "v1");
    push_small(&server, "a", "v2");
    let status =
        |method: &str, what: &str| ask(&server, method, &format!("/v2/a/{what}"), b"").status;
    assert_eq!(status("DELETE", "manifests/v1"), 202);
    assert_eq!(status("GET", "manifests/v1"), 404);
    assert_eq!(status("GET", "manifests/v2"), 200);
    let by_digest = format!("manifests/{digest}");
    assert_eq!(status("DELETE", &by_digest), 202);
    assert_eq!(status("GET", &by_digest), 404);
    assert_eq!(status("GET", "manifests/v2"), 404);
    assert_eq!(status("DELETE", &by_digest), 404);
    let blob = format!("blobs/{}", sha256(b"{}"));
    assert_eq!(status("DELETE", &blob), 202);
    assert_eq!(status("GET", &blob), 404);
    assert_eq!(status("DELETE", &blob), 404);
}
