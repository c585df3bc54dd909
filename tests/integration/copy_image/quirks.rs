//! Deviations of registries from the specification, each with its remedy.
//! The names in the comments are those of the registries where it was seen.

use lab::{
    registry::{Effect, Fault, Options, Server},
    signer::{self, Image},
};

use super::{assert_same, copy, family, start, without_referrers};
use crate::harness::Run;

const MIB: u64 = 1 << 20;

fn server(options: Options) -> Server {
    Server::start(options).unwrap()
}

/// Copies `staging/app:v1` to `prod/app:v1`.
fn promote(from: &Server, to: &Server, flags: &[&str]) -> Run {
    copy(
        &format!("{}/staging/app:v1", from.address()),
        &format!("{}/prod/app:v1", to.address()),
        flags,
    )
}

/// An index with attachments crosses although the destination does this.
fn crosses_in_spite_of(fault: Fault) -> (Server, Server) {
    let (from, to) = (start(), start());
    let (_, all) = family(&from);
    to.fail(fault.clone());
    let run = promote(&from, &to, &[]);
    assert_eq!(run.code, 0, "{fault:?}: {}", run.stderr);
    assert_same(&from, &to, "prod/app", &all);
    (from, to)
}

/// An image of one layer of zeros, which costs the lab no memory.
fn large(registry: &Server, bytes: u64) -> Image {
    signer::push_zeros(registry, "staging/app", "v1", bytes)
}

fn count(server: &Server, method: &str, part: &str) -> usize {
    let requests = server.requests();
    let wanted = requests.iter();
    wanted
        .filter(|request| request.method == method && request.path.contains(part))
        .count()
}

/// Harbor answers 401 and others 400 or 403 to a mount; ECR and Docker Hub open an upload.
#[test]
fn a_refused_mount_becomes_an_upload_and_is_not_tried_again() {
    crosses_in_spite_of(Fault::new(Effect::NoMount).of("POST", "mount="));
    for status in [400, 401, 403, 404, 405] {
        let (_, to) = crosses_in_spite_of(Fault::new(Effect::Status(status)).of("POST", "mount="));
        assert!(count(&to, "POST", "mount=") <= 6, "{status}");
    }
    // Within one registry both kinds of mount are refused.
    let registry = start();
    let image = signer::push_image(&registry, "staging/app", "v1", "a", 20).unwrap();
    registry.fail(Fault::new(Effect::Status(403)).of("POST", "mount="));
    promote(&registry, &registry, &["--jobs=1"]).exits(0);
    assert_eq!(registry.tags()["prod/app:v1"], image.digest);
    assert_eq!(count(&registry, "POST", "mount="), 2);
}

/// Old Quays answer 400 to a mount that does not say where from.
#[test]
fn a_mount_always_says_where_from() {
    let (from, to) = (start(), start());
    family(&from);
    promote(&from, &to, &[]).exits(0);
    let mounts = count(&to, "POST", "mount=");
    assert!(mounts > 0 && mounts == count(&to, "POST", "from="));
}

/// 5xx, HTML of a proxy, a lost answer: the blob may be there all the same.
#[test]
fn a_finished_upload_whose_answer_was_lost_is_not_sent_again() {
    let (_, to) = crosses_in_spite_of(
        Fault::new(Effect::ResetAfter)
            .of("PUT", "/blobs/uploads/")
            .once(),
    );
    let blobs = count(&to, "POST", "/blobs/uploads/");
    assert_eq!(count(&to, "PUT", "/blobs/uploads/"), blobs);
    crosses_in_spite_of(
        Fault::new(Effect::Page(502))
            .of("PUT", "/blobs/uploads/")
            .times(3),
    );
    crosses_in_spite_of(
        Fault::new(Effect::CutUpload(10))
            .of("PUT", "/blobs/uploads/")
            .once(),
    );
}

/// Old Artifactories and ACR refuse a body by PUT.
#[test]
fn a_registry_that_refuses_a_body_by_put_gets_it_by_patch() {
    for status in [400, 405, 413, 415, 501] {
        let (_, to) = crosses_in_spite_of(
            Fault::new(Effect::Status(status))
                .of("PUT", "/blobs/uploads/")
                .once(),
        );
        assert_eq!(count(&to, "PATCH", ""), 1, "{status}");
    }
}

/// GAR has no chunked uploads and some proxies cut every large request: one whole body is the first choice.
#[test]
fn a_body_goes_whole_when_nothing_speaks_against_it() {
    let (from, to) = (start(), start());
    large(&from, 20 * MIB);
    promote(&from, &to, &[]).exits(0);
    assert_eq!(count(&to, "PATCH", ""), 0);
}

#[test]
fn a_body_that_is_too_large_goes_in_chunks() {
    let limited = || {
        server(Options {
            max_body_bytes: Some(9 * MIB),
            ..Options::default()
        })
    };
    let faults = [
        None,
        // ECR names the range of the first chunk for ever.
        Some(Fault::new(Effect::Header("range", "0-8388607")).of("PATCH", "")),
        // The answer to a chunk is lost, or the chunk itself.
        Some(
            Fault::new(Effect::ResetAfter)
                .of("PATCH", "")
                .after(2)
                .once(),
        ),
        Some(
            Fault::new(Effect::Status(503))
                .of("PATCH", "")
                .after(2)
                .once(),
        ),
    ];
    for fault in faults {
        let (from, to) = (start(), limited());
        let image = large(&from, 20 * MIB);
        let shown = format!("{fault:?}");
        if let Some(fault) = fault {
            to.fail(fault);
        }
        let run = promote(&from, &to, &[]);
        assert_eq!(run.code, 0, "{shown}: {}", run.stderr);
        assert_eq!(to.tags()["prod/app:v1"], image.digest);
    }
}

/// ECR answers without `Location` to a manifest, others without the digest to HEAD.
#[test]
fn headers_that_are_missing_are_done_without() {
    crosses_in_spite_of(Fault::new(Effect::Without("location")).of("PUT", "/manifests/"));
    crosses_in_spite_of(Fault::new(Effect::Without("docker-content-digest")).of("HEAD", ""));
    crosses_in_spite_of(Fault::new(Effect::Without("docker-content-digest")).of("PUT", ""));
    crosses_in_spite_of(
        Fault::new(Effect::Without("location"))
            .of("PATCH", "")
            .times(9),
    );
    let (from, to) = (start(), start());
    family(&from);
    from.fail(Fault::new(Effect::Header("content-type", "text/plain")).of("GET", "/manifests/"));
    promote(&from, &to, &[]).exits(0);
}

#[test]
fn an_upload_without_a_location_breaks_the_protocol() {
    let (from, to) = (start(), start());
    family(&from);
    to.fail(Fault::new(Effect::Without("location")).of("POST", "/blobs/uploads/"));
    promote(&from, &to, &[])
        .exits(5)
        .says("without saying where");
    assert!(to.tags().is_empty());
}

/// ECR and Harbor want the repository to be made first.
#[test]
fn a_repository_that_must_be_made_first_is_a_hint() {
    let (from, to) = (start(), start());
    family(&from);
    to.fail(Fault::new(Effect::Status(404)).of("POST", "/blobs/uploads/"));
    promote(&from, &to, &[])
        .exits(5)
        .says("create the destination's first");
    assert!(to.tags().is_empty());
}

/// ECR refuses to write an immutable tag also when nothing would change.
#[test]
fn an_immutable_tag_that_is_right_already_is_not_a_conflict() {
    let to = server(Options {
        immutable_tags: true,
        ..Options::default()
    });
    let from = start();
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    // The registry does not show the tag before it is written.
    to.fail(
        Fault::new(Effect::Status(404))
            .of("HEAD", "/manifests/v1")
            .once(),
    );
    promote(&from, &to, &[]).exits(0);
    to.fail(
        Fault::new(Effect::Status(404))
            .of("HEAD", "/manifests/v1")
            .once(),
    );
    promote(&from, &to, &[]).exits(0);
    signer::push_image(&from, "staging/app", "v1", "b", 1).unwrap();
    promote(&from, &to, &[]).exits(6).says("must not become");
}

/// ACR and ECR throttle the writing of manifests.
#[test]
fn throttling_is_waited_out_also_for_manifests_and_bodies() {
    for (method, path) in [
        ("PUT", "/manifests/"),
        ("PUT", "/blobs/uploads/"),
        ("POST", "/blobs/uploads/"),
    ] {
        let fault = Fault::new(Effect::RetryAfter(429, 0)).of(method, path);
        crosses_in_spite_of(fault.times(4));
    }
    let (from, to) = (start(), start());
    family(&from);
    from.fail(
        Fault::new(Effect::RetryAfter(429, 0))
            .of("GET", "/blobs/")
            .times(4),
    );
    promote(&from, &to, &[]).exits(0);
}

#[test]
fn the_pause_that_a_registry_asks_for_is_kept() {
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    for (method, path) in [("PUT", "/manifests/"), ("PUT", "/blobs/uploads/")] {
        to.fail(
            Fault::new(Effect::RetryAfter(429, 1))
                .of(method, path)
                .once(),
        );
    }
    promote(&from, &to, &[]).exits(0).says("in 1.0s");
}

/// Quay says 400 to the referrers API, an old Harbor 401, others 404, 405 or 501.
#[test]
fn a_registry_without_the_referrers_api_is_known_by_many_answers() {
    for status in [400, 404, 405, 501] {
        let (from, to) = (without_referrers(), start());
        let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
        let bundle = signer::push_listed_referrer(&from, &image, "application/x", b"1").unwrap();
        from.fail(Fault::new(Effect::Status(status)).of("GET", "/referrers/"));
        promote(&from, &to, &[]).exits(0);
        assert_same(&from, &to, "prod/app", &[bundle.digest]);
    }
}

/// A refusal does not mean absence: signatures would silently be lost.
#[test]
fn referrers_that_are_refused_are_not_taken_for_missing() {
    for status in [401, 403] {
        let (from, to) = (start(), start());
        signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
        let fault = Fault::new(Effect::Status(status)).of("GET", "/referrers/");
        from.fail(fault);
        promote(&from, &to, &[]).exits(2);
        assert!(to.tags().is_empty());
        let listed = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
        signer::push_listed_referrer(&from, &listed, "application/x", b"1").unwrap();
        promote(&from, &to, &[]).exits(0);
    }
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    from.fail(Fault::new(Effect::Status(500)).of("GET", "/referrers/"));
    promote(&from, &to, &["--retries=1"]).exits(5);
}

/// GitLab resolves the fallback tag of the referrers API to the image itself.
#[test]
fn a_fallback_tag_that_is_the_image_itself_is_not_a_list_of_referrers() {
    let gitlab = || {
        server(Options {
            referrers: false,
            fallback_tag_is_image: true,
            ..Options::default()
        })
    };
    let (from, to) = (gitlab(), gitlab());
    // The children of the index have no referrers, but the index lists them as if they were.
    let one = signer::push_image(&from, "staging/app", "one", "a", 1).unwrap();
    let index = signer::push_index(&from, "staging/app", "v1", &[("amd64", &one)]).unwrap();
    promote(&from, &to, &[]).exits(0);
    assert_same(&from, &to, "prod/app", &[one.digest, index.digest]);
    assert_eq!(to.tags().len(), 1, "{:?}", to.tags());
    // What is attached to it elsewhere gets a list of its own there.
    let full = start();
    let one = signer::push_image(&full, "staging/app", "one", "a", 1).unwrap();
    let index = signer::push_index(&full, "staging/app", "v1", &[("amd64", &one)]).unwrap();
    let sbom = signer::push_referrer(&full, &index, "application/sbom", b"1").unwrap();
    let to = gitlab();
    promote(&full, &to, &[]).exits(0);
    let list = to.manifest("prod/app", &index.digest.replace(':', "-"));
    let list = String::from_utf8(list.unwrap()).unwrap();
    assert!(list.contains(&sbom.digest) && !list.contains(&one.digest));
}

/// ECR said `OCI-Subject` before it had the API.
#[test]
fn a_subject_that_is_acknowledged_does_not_replace_the_list() {
    let (from, to) = (start(), without_referrers());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    signer::push_referrer(&from, &image, "application/x", b"1").unwrap();
    to.fail(Fault::new(Effect::Header("oci-subject", "sha256:0")).of("PUT", "/manifests/"));
    promote(&from, &to, &[]).exits(0);
    let list = to.manifest("prod/app", &image.digest.replace(':', "-"));
    assert!(list.is_some());
}

/// zot and olareg want what is referred to before what refers to it.
#[test]
fn a_subject_is_written_before_what_refers_to_it() {
    let (from, to) = (start(), start());
    let (index, all) = family(&from);
    promote(&from, &to, &[]).exits(0);
    let requests = to.requests();
    let put = |digest: &str| {
        let path = format!("/manifests/{digest}");
        let of = |request: &lab::registry::Request| {
            request.method == "PUT" && request.path.ends_with(&path)
        };
        requests.iter().position(of).unwrap()
    };
    // Image, its SBOM, the bundle about the SBOM; for each child.
    for child in all[..6].chunks(3) {
        assert!(put(&child[0]) < put(&child[1]) && put(&child[1]) < put(&child[2]));
        assert!(put(&child[0]) < put(&index.digest));
    }
}

#[test]
fn a_referrer_that_does_not_refer_is_left_out() {
    let (from, to) = (without_referrers(), start());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let other = signer::push_image(&from, "staging/app", "other", "b", 1).unwrap();
    let stray = signer::push_listed_referrer(&from, &other, "application/x", b"1").unwrap();
    let list = from.manifest("staging/app", &other.digest.replace(':', "-"));
    let tag = image.digest.replace(':', "-");
    from.put_manifest("staging/app", Some(&tag), signer::INDEX, &list.unwrap());
    promote(&from, &to, &[]).exits(0).says("left out");
    assert!(to.manifest("prod/app", &stray.digest).is_none());
}

#[test]
fn lists_of_referrers_are_read_to_their_last_page() {
    let from = server(Options {
        page: Some(2),
        ..Options::default()
    });
    let to = start();
    let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let push = |number: u8| {
        let artifact = signer::push_referrer(&from, &image, "application/x", &[number]);
        artifact.unwrap().digest
    };
    let all: Vec<_> = (0..5).map(push).collect();
    promote(&from, &to, &[]).exits(0);
    assert_same(&from, &to, "prod/app", &all);
}

#[test]
fn a_redirected_download_carries_no_credentials() {
    let store = start();
    let from = server(Options {
        redirect_blobs: Some(format!("http://{}", store.address())),
        access: super::access::basic(),
        ..Options::default()
    });
    let image = signer::push_image(&from, "staging/app", "v1", "a", 2).unwrap();
    signer::push_image(&store, "staging/app", "v1", "a", 2).unwrap();
    let to = start();
    let dir = super::access::login(&from);
    let (source, destination) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:v1", to.address()),
    );
    dir.promote(&["copy-image", &source, &destination, "--unverified"])
        .exits(0);
    assert_eq!(to.tags()["prod/app:v1"], image.digest);
    let seen = store.requests();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request.authorization.is_none()));
}

#[test]
fn a_redirect_in_a_circle_ends() {
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    for effect in [Effect::Status(307), Effect::Header("location", "/v2/x")] {
        from.fail(Fault::new(effect).of("GET", ""));
    }
    promote(&from, &to, &[])
        .exits(5)
        .says("redirects more than 5 times");
}

#[test]
fn a_warning_of_the_registry_is_shown_once() {
    let (from, to) = (start(), start());
    family(&from);
    let effect = Effect::Header("warning", "299 - \"this registry closes in May\"");
    to.fail(Fault::new(effect));
    let run = promote(&from, &to, &[]).exits(0);
    assert_eq!(run.stderr.matches("closes in May").count(), 1);
}

#[test]
fn bytes_and_sizes_that_are_wrong_are_refused() {
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    from.fail(Fault::new(Effect::OtherBytes).of("GET", "/blobs/"));
    promote(&from, &to, &["--retries=1"])
        .exits(5)
        .says("expected sha256:");
    from.heal();
    from.fail(Fault::new(Effect::OtherBytes).of("GET", "/manifests/"));
    promote(&from, &to, &["--retries=1"]).exits(4);
    from.heal();
    let image = from.manifest("staging/app", "v1").unwrap();
    let text = String::from_utf8(image).unwrap();
    let longer = text.replacen("\"size\":", "\"size\":1", 1);
    from.put_manifest(
        "staging/app",
        Some("v1"),
        signer::MANIFEST,
        longer.as_bytes(),
    );
    promote(&from, &to, &["--retries=1"])
        .exits(5)
        .says("bytes, expected");
    assert!(to.tags().is_empty());
    let both = text.replacen('{', "{\"manifests\":[],", 1);
    from.put_manifest("staging/app", Some("v1"), signer::MANIFEST, both.as_bytes());
    promote(&from, &to, &[])
        .exits(4)
        .says("an image and an index at once");
}

#[test]
fn schema_1_is_refused_by_name() {
    let (from, to) = (start(), start());
    let kind = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let old = br#"{"schemaVersion": 1, "name": "app", "tag": "v1", "fsLayers": []}"#;
    from.put_manifest("staging/app", Some("v1"), kind, old);
    promote(&from, &to, &[]).exits(4).says("schema 1");
}

#[test]
fn a_layer_that_its_publisher_keeps_stays_there() {
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let text = String::from_utf8(from.manifest("staging/app", "v1").unwrap()).unwrap();
    let digest = format!("sha256:{}", "5".repeat(64));
    let foreign = format!(
        r#""layers":[{{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","size":9,"digest":"{digest}","urls":["https://example.com/base"]}},"#
    );
    let text = text.replacen("\"layers\":[", &foreign, 1);
    let image = from.put_manifest("staging/app", Some("v1"), signer::MANIFEST, text.as_bytes());
    promote(&from, &to, &[]).exits(0).says("foreign layer");
    assert_eq!(to.tags()["prod/app:v1"], image);
}
