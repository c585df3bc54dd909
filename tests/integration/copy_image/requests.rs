//! How many requests a copy takes: exactly as many as the protocol needs.

use lab::{registry::Server, signer};

use super::{copy, start, verdict, without_referrers};
use crate::harness::Workdir;

/// Runs a copy and counts the requests of both registries.
fn count(near: &Server, far: &Server, to: &str, flags: &[&str]) -> usize {
    near.forget_requests();
    far.forget_requests();
    let source = format!("{}/staging/app:v1", near.address());
    copy(&source, to, flags).exits(0);
    near.requests().len() + far.requests().len()
}

#[test]
fn needs_as_few_requests_as_the_protocol_allows() {
    for (layers, mount, cross) in [(12, 16, 43), (40, 44, 127)] {
        let (near, far) = (start(), start());
        signer::push_image(&near, "staging/app", "v1", "a", layers).unwrap();
        let alone = |to: String| count(&near, &far, &to, &["--attached=none"]);
        let (here, there) = (near.address(), far.address());
        assert_eq!(alone(format!("{here}/staging/app:prod")), 3, "retag");
        assert_eq!(alone(format!("{here}/staging/app:prod")), 2, "repeat");
        assert_eq!(alone(format!("{here}/prod/app:v1")), mount, "mount");
        assert_eq!(alone(format!("{there}/prod/app:v1")), cross, "cross");
        assert_eq!(alone(format!("{there}/prod/app:v1")), 2, "repeat");
    }
}

#[test]
fn a_repeat_writes_nothing() {
    let (near, far) = (start(), start());
    signer::push_image(&near, "staging/app", "v1", "a", 3).unwrap();
    let to = format!("{}/prod/app:v1", far.address());
    count(&near, &far, &to, &[]);
    count(&near, &far, &to, &[]);
    let reads = |server: &Server| {
        let requests = server.requests();
        requests
            .iter()
            .all(|request| ["GET", "HEAD"].contains(&request.method.as_str()))
    };
    assert!(reads(&near) && reads(&far));
}

#[test]
fn where_nothing_is_attached_that_costs_four_requests() {
    let (near, far) = (start(), start());
    signer::push_image(&near, "staging/app", "v1", "a", 12).unwrap();
    let to = format!("{}/prod/app:v1", near.address());
    assert_eq!(count(&near, &far, &to, &[]), 16 + 4);
    let to = format!("{}/prod/app:v1", far.address());
    assert_eq!(count(&near, &far, &to, &[]), 43 + 4);
    assert_eq!(count(&near, &far, &to, &[]), 2 + 4, "repeat");
}

/// One more than with the API: the fallback tag.
#[test]
fn without_the_referrers_api_that_costs_five_requests() {
    let (near, far) = (without_referrers(), without_referrers());
    signer::push_image(&near, "staging/app", "v1", "a", 12).unwrap();
    let to = format!("{}/prod/app:v1", near.address());
    assert_eq!(count(&near, &far, &to, &["--attached=none"]), 16);
    let to = format!("{}/test/app:v1", near.address());
    assert_eq!(count(&near, &far, &to, &[]), 16 + 5);
    let to = format!("{}/prod/app:v1", far.address());
    assert_eq!(count(&near, &far, &to, &[]), 43 + 5);
    assert_eq!(count(&near, &far, &to, &[]), 2 + 5, "repeat");
}

/// Three layers, `.sig`, `.att` and `.sbom`, two bundles; the registries lack the referrers API.
#[test]
fn a_signed_image_is_mounted_in_37_requests_and_copied_elsewhere_in_59() {
    let (near, far) = (without_referrers(), without_referrers());
    let image = signer::push_image(&near, "staging/app", "v1", "a", 3).unwrap();
    let key = signer::Key::generate().unwrap();
    signer::sign(&near, &image, &key).unwrap();
    let provenance = signer::provenance(&image, "https://git.example/web", &"0".repeat(40));
    signer::attest(&near, &image, &key, &[provenance]).unwrap();
    signer::attach_sbom(&near, &image, b"{}{}");
    for content in [b"one", b"two"] {
        let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
        signer::push_listed_referrer(&near, &image, kind, content).unwrap();
    }
    let to = format!("{}/prod/app:v1", near.address());
    assert_eq!(count(&near, &far, &to, &[]), 37, "mount");
    let to = format!("{}/prod/app:v1", far.address());
    // Eleven blobs have to be sent, and all but the empty one be fetched: 21 more requests,
    // and one that asks whether the image is there.
    assert_eq!(count(&near, &far, &to, &[]), 59, "cross");
    assert_eq!(count(&near, &far, &to, &[]), 16, "repeat");
}

#[test]
fn two_hundred_components_are_retagged_with_three_requests_each() {
    let registry = start();
    let at = registry.address();
    let names: Vec<_> = (0..200).map(|number| format!("app{number}")).collect();
    let push = |name: &String| {
        let repository = format!("staging/{name}");
        let image = signer::push_image(&registry, &repository, "v1", name, 5).unwrap();
        format!("{at}/{repository}@{}", image.digest)
    };
    let images: Vec<_> = names.iter().map(push).collect();
    let named = names.iter().zip(&images);
    let all: Vec<_> = named
        .map(|(name, image)| (name.as_str(), image.as_str(), true))
        .collect();
    let dir = Workdir::new();
    dir.write("verified.json", verdict(&all));
    registry.forget_requests();
    dir.promote(&["copy-image", "--tag=prod"]).exits(0);
    let requests = registry.requests();
    assert_eq!(requests.len(), 3 * 200);
    let first = requests.iter().position(|request| request.method == "PUT");
    let mut from_first = requests[first.unwrap()..].iter();
    assert!(
        from_first.all(|request| request.method == "PUT"),
        "tags move together, last"
    );
}

#[test]
fn no_tag_of_a_snapshot_moves_before_the_last_manifest_of_all_is_there() {
    let (near, far) = (start(), start());
    let key = signer::Key::generate().unwrap();
    let mut images = Vec::new();
    for name in ["web", "api", "job"] {
        let repository = format!("staging/{name}");
        let image = signer::push_image(&near, &repository, "v1", name, 3).unwrap();
        signer::sign(&near, &image, &key).unwrap();
        signer::push_referrer(&near, &image, "application/sbom", name.as_bytes()).unwrap();
        let reference = format!("{}/{repository}@{}", near.address(), image.digest);
        images.push((name, reference));
    }
    let all: Vec<_> = images
        .iter()
        .map(|(name, image)| (*name, image.as_str(), true))
        .collect();
    let dir = Workdir::new();
    dir.write("verified.json", verdict(&all));
    let to = format!("--to={}/prod/{{name}}", far.address());
    dir.promote(&["copy-image", &to, "--tag=released", "--tag={tag}"])
        .exits(0);
    super::assert_tags_last(&far);
    let tags = far.tags();
    let moved = tags.keys().filter(|tag| !tag.contains("sha256-")).count();
    assert_eq!(moved, 6, "{tags:?}");
}
