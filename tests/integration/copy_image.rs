//! `copy-image` against the lab's registries: what moves, and in which order.

mod access;
mod bars;
mod positions;
mod quirks;
mod requests;
mod shown;
mod tags;
mod tls;

use lab::{
    registry::{Effect, Fault, Options, Server},
    signer::{self, Image},
};

use crate::harness::{Run, Workdir};

fn start() -> Server {
    Server::start(Options::default()).unwrap()
}

fn without_referrers() -> Server {
    let options = Options {
        referrers: false,
        ..Options::default()
    };
    Server::start(options).unwrap()
}

fn copy(from: &str, to: &str, flags: &[&str]) -> Run {
    let dir = Workdir::new();
    let all = [&["copy-image", from, to, "--unverified"], flags].concat();
    dir.promote(&all)
}

/// An index of two platforms, each child with a referrer that has a referrer.
fn family(registry: &Server) -> (Image, Vec<String>) {
    let mut all = Vec::new();
    let children = ["amd64", "arm64"].map(|name| {
        let child = signer::push_image(registry, "staging/app", name, name, 2).unwrap();
        let sbom =
            signer::push_referrer(registry, &child, "application/sbom", name.as_bytes()).unwrap();
        let bundle =
            signer::push_referrer(registry, &sbom, "application/bundle", name.as_bytes()).unwrap();
        all.extend([child.digest.clone(), sbom.digest, bundle.digest]);
        child
    });
    let [amd64, arm64] = &children;
    let index = signer::push_index(
        registry,
        "staging/app",
        "v1",
        &[("amd64", amd64), ("arm64", arm64)],
    )
    .unwrap();
    all.push(index.digest.clone());
    (index, all)
}

fn assert_same(from: &Server, to: &Server, repository: &str, digests: &[String]) {
    for digest in digests {
        let there = to.manifest(repository, digest);
        assert!(there.is_some(), "{digest} is missing");
        assert_eq!(there, from.manifest("staging/app", digest));
    }
}

/// No tag moves before the last manifest is there by its digest.
fn assert_tags_last(registry: &Server) {
    let puts: Vec<_> = registry
        .requests()
        .into_iter()
        .filter(|r| r.method == "PUT" && r.path.contains("/manifests/"))
        .collect();
    let by_digest = puts
        .iter()
        .rposition(|put| put.path.contains("/manifests/sha256:"));
    let tag = puts
        .iter()
        .position(|put| !put.path.contains("/manifests/sha256:"));
    assert!(by_digest < tag, "{puts:?}");
}

#[test]
fn copies_an_index_with_referrers_of_referrers_byte_for_byte() {
    let (from, to) = (start(), start());
    let (index, all) = family(&from);
    let source = format!("{}/staging/app:v1", from.address());
    copy(&source, &format!("{}/prod/app:v1", to.address()), &[]).exits(0);
    assert_same(&from, &to, "prod/app", &all);
    assert_eq!(to.tags()["prod/app:v1"], index.digest);
    assert_tags_last(&to);
}

#[test]
fn on_a_registry_without_the_api_the_fallback_index_is_merged() {
    let (from, to) = (start(), without_referrers());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let mut want = Vec::new();
    let destination = format!("{}/prod/app:v1", to.address());
    for name in ["one", "two"] {
        let artifact =
            signer::push_referrer(&from, &image, "application/x", name.as_bytes()).unwrap();
        want.push(artifact.digest);
        copy(
            &format!("{}/staging/app:v1", from.address()),
            &destination,
            &[],
        )
        .exits(0);
    }
    let index = to
        .manifest("prod/app", &image.digest.replace(':', "-"))
        .unwrap();
    let index = String::from_utf8(index).unwrap();
    assert!(want.iter().all(|digest| index.contains(digest)), "{index}");
}

#[test]
fn a_signature_that_is_added_later_arrives_with_a_repeat() {
    let (from, to) = (start(), start());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let (source, destination) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:v1", to.address()),
    );
    copy(&source, &destination, &[]).exits(0);
    let tag = format!("prod/app:{}", image.attached_tag("sig"));
    assert!(!to.tags().contains_key(&tag));
    signer::sign(&from, &image, &signer::Key::generate().unwrap()).unwrap();
    copy(&source, &destination, &[]).exits(0);
    assert!(to.tags().contains_key(&tag));
}

#[test]
fn signatures_of_what_is_attached_go_along() {
    let (from, to) = (start(), start());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let by_tag = signer::attach_sbom(&from, &image, b"by tag");
    let by_subject = signer::push_referrer(&from, &image, "application/sbom", b"1").unwrap();
    let key = signer::Key::generate().unwrap();
    for signed in [&image, &by_tag, &by_subject] {
        signer::sign(&from, signed, &key).unwrap();
    }
    let (source, destination) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:v1", to.address()),
    );
    copy(&source, &destination, &[]).exits(0);
    for tag in [
        image.attached_tag("sbom"),
        image.attached_tag("sig"),
        by_tag.attached_tag("sig"),
        by_subject.attached_tag("sig"),
    ] {
        let there = to.manifest("prod/app", &tag);
        assert!(there.is_some(), "{tag}");
        assert_eq!(there, from.manifest("staging/app", &tag));
    }
    assert_tags_last(&to);
    // A signature that was added at the destination is kept beside the source's.
    let other = signer::Key::generate().unwrap();
    let there = Image {
        repository: "prod/app".to_owned(),
        ..image.clone()
    };
    signer::sign(&to, &there, &other).unwrap();
    copy(&source, &destination, &[]).exits(0);
    let both = to.manifest("prod/app", &image.attached_tag("sig")).unwrap();
    let both: serde_json::Value = serde_json::from_slice(&both).unwrap();
    assert_eq!(both["layers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_broken_download_goes_on_where_it_broke_and_changed_bytes_are_refused() {
    let (from, to) = (start(), start());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let (source, destination) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:v1", to.address()),
    );
    from.fail(Fault::new(Effect::OtherBytes).of("GET", "/blobs/"));
    copy(&source, &destination, &["--retries=1"])
        .exits(5)
        .says("expected sha256:");
    assert!(to.tags().is_empty());
    from.heal();
    from.fail(
        Fault::new(Effect::CutAnswer(20))
            .of("GET", "/blobs/")
            .once(),
    );
    copy(&source, &destination, &[]).exits(0);
    assert_eq!(to.tags()["prod/app:v1"], image.digest);
}

#[test]
fn an_immutable_tag_with_another_image_is_a_conflict() {
    let registry = start();
    let at = registry.address();
    let old = signer::push_image(&registry, "app", "old", "a", 1).unwrap();
    signer::push_image(&registry, "app", "new", "b", 1).unwrap();
    let (old_name, new_name) = (format!("{at}/app:old"), format!("{at}/app:new"));
    let prod = format!("{at}/app:prod");
    copy(&old_name, &prod, &["--immutable"]).exits(0);
    copy(&old_name, &prod, &["--immutable"]).exits(0);
    copy(&new_name, &prod, &["--immutable"])
        .exits(6)
        .says(&old.digest);
    assert_eq!(registry.tags()["app:prod"], old.digest);
    copy(&new_name, &prod, &[]).exits(0);
    assert_ne!(registry.tags()["app:prod"], old.digest);
}

#[test]
fn an_image_layout_is_source_and_destination() {
    let (from, to) = (start(), start());
    let (index, all) = family(&from);
    let dir = Workdir::new();
    dir.promote(&[
        "copy-image",
        &format!("{}/staging/app:v1", from.address()),
        "oci:layout:v1",
        "--unverified",
    ])
    .exits(0);
    // With its attachments it is still the layout's only image.
    for (layout, tag) in [("oci:layout:v1", "v1"), ("oci:layout", "v2")] {
        let destination = format!("{}/prod/app:{tag}", to.address());
        dir.promote(&["copy-image", layout, &destination, "--unverified"])
            .exits(0);
        assert_same(&from, &to, "prod/app", &all);
        assert_eq!(to.tags()[&format!("prod/app:{tag}")], index.digest);
    }
    signer::push_image(&from, "staging/app", "other", "o", 1).unwrap();
    let other = format!("{}/staging/app:other", from.address());
    dir.promote(&["copy-image", &other, "oci:layout:other", "--unverified"])
        .exits(0);
    let destination = format!("{}/prod/app:v3", to.address());
    dir.promote(&["copy-image", "oci:layout", &destination, "--unverified"])
        .exits(2)
        .says("name its tag");
    // One layout into another.
    dir.promote(&["copy-image", "oci:layout:v1", "oci:copy:v1", "--unverified"])
        .exits(0);
    let blob = format!("copy/blobs/sha256/{}", &index.digest[7..]);
    assert!(dir.exists(&blob));
}

#[test]
fn a_dry_run_writes_nothing_and_a_missing_image_is_3() {
    let registry = start();
    let at = registry.address();
    signer::push_image(&registry, "app", "v1", "a", 2).unwrap();
    registry.forget_requests();
    let run = copy(
        &format!("{at}/app:v1"),
        &format!("{at}/prod:v1"),
        &["--dry-run"],
    )
    .exits(0);
    assert!(
        run.stdout.contains("3 blobs") && run.stdout.contains("tags to move: v1"),
        "{}",
        run.stdout
    );
    assert!(
        registry
            .requests()
            .iter()
            .all(|request| matches!(request.method.as_str(), "GET" | "HEAD"))
    );
    copy(&format!("{at}/app:v2"), &format!("{at}/prod:v1"), &[])
        .exits(3)
        .says("v2");
    copy(&format!("{at}/app:v1"), &format!("{at}/prod"), &[])
        .exits(2)
        .says("no tag");
}

/// A verdict over images of `staging`.
fn verdict(images: &[(&str, &str, bool)]) -> String {
    let zeros = format!("sha256:{}", "0".repeat(64));
    let components: Vec<_> = images
        .iter()
        .map(|(name, image, success)| {
            serde_json::json!({
                "name": name, "containerImage": image, "success": success,
                "violations": u64::from(!success), "warnings": 0, "exceptions": [],
            })
        })
        .collect();
    serde_json::json!({
        "version": 1, "imagesDigest": zeros, "gitTag": "v1.0", "commit": "0".repeat(40),
        "destinationTag": "prod-v1.0", "verifiedAt": "2025-11-24T16:00:00Z", "effectiveTime": "2025-11-24T16:00:00Z",
        "policy": {"sources": [], "digest": zeros}, "reportDigest": zeros, "skippedChecks": [],
        "components": components,
    }).to_string()
}

#[test]
fn promotes_what_the_verdict_accepts_and_nothing_else() {
    let registry = start();
    let at = registry.address();
    let good = signer::push_image(&registry, "staging/web", "v1", "a", 2).unwrap();
    let api = signer::push_image(&registry, "staging/api", "v1", "b", 2).unwrap();
    let other = signer::push_image(&registry, "staging/web", "other", "c", 2).unwrap();
    let name = |image: &Image| format!("{at}/{}@{}", image.repository, image.digest);
    let dir = Workdir::new();
    dir.write(
        "verified.json",
        verdict(&[("web", &name(&good), true), ("api", &name(&api), true)]),
    );
    let to = format!("--to={at}/prod/{{name}}");
    let run = dir
        .promote(&[
            "copy-image",
            "--verified=verified.json",
            &to,
            "--tag=live-{tag}",
            "--tag=latest",
            "--results-dir=r",
        ])
        .exits(0);
    assert_eq!(run.stdout.lines().count(), 4);
    assert_eq!(registry.tags()["prod/web:live-v1.0"], good.digest);
    assert_eq!(registry.tags()["prod/api:latest"], api.digest);
    assert_eq!(dir.read("r/PROMOTED"), run.stdout.trim_end());
    assert!(dir.read("promoted.json").contains(&good.digest));
    assert_tags_last(&registry);

    let wrong = format!("--verified-digest=sha256:{}", "1".repeat(64));
    dir.promote(&["copy-image", &to, &wrong])
        .exits(4)
        .says("changed");
    dir.promote(&["copy-image", &name(&other), &format!("{at}/prod/web:x")])
        .exits(4)
        .says("does not list");
    dir.promote(&["copy-image", &name(&good), &format!("{at}/prod/web:x")])
        .exits(0);
    dir.promote(&["copy-image", "--tag=one", &format!("--to={at}/prod/all")])
        .exits(2)
        .says("two images");

    let before = registry.tags();
    dir.write(
        "verified.json",
        verdict(&[("web", &name(&good), true), ("api", &name(&api), false)]),
    );
    dir.promote(&["copy-image", &to, "--tag=next"])
        .exits(4)
        .says("refused");
    dir.write("verified.json", verdict(&[]));
    dir.promote(&["copy-image", &to]).exits(3);
    dir.promote(&["copy-image", &to, "--allow-empty"]).exits(0);
    std::fs::remove_file(dir.path("verified.json")).unwrap();
    dir.promote(&["copy-image", &to])
        .exits(3)
        .says("--unverified");
    assert_eq!(registry.tags(), before);
}

#[test]
fn components_go_where_they_are_mapped_under_several_tags() {
    let registry = start();
    let at = registry.address();
    let names = ["web", "api"];
    let images = names.map(|name| {
        let repository = format!("staging/{name}");
        signer::push_image(&registry, &repository, "v1", name, 1).unwrap()
    });
    let pinned = images
        .each_ref()
        .map(|image| format!("{at}/{}@{}", image.repository, image.digest));
    let dir = Workdir::new();
    let all = [("web", &*pinned[0], true), ("api", &*pinned[1], true)];
    dir.write("verified.json", verdict(&all));
    // In place, as a release of several environments marks what was validated and released.
    dir.promote(&["copy-image", "--tag=validated", "--tag=released"])
        .exits(0);
    let to = format!("--to={at}/prod/{{name}}");
    let map = format!("--map=web={at}/shop/frontend");
    dir.promote(&["copy-image", &to, &map, "--tag=validated"])
        .exits(0);
    let tags = registry.tags();
    for (tag, image) in [
        ("staging/web:validated", 0),
        ("staging/web:released", 0),
        ("staging/api:validated", 1),
        ("shop/frontend:validated", 0),
        ("prod/api:validated", 1),
    ] {
        assert_eq!(tags[tag], images[image].digest, "{tag}");
    }
    assert!(!tags.contains_key("prod/web:validated"));
    let unknown = format!("--map=job={at}/shop/job");
    dir.promote(&["copy-image", &to, &unknown])
        .exits(2)
        .says("does not list");
    dir.promote(&["copy-image", &to, "--map=web"])
        .exits(2)
        .says("NAME=REPO");
}

#[test]
fn one_platform_is_taken_out_of_an_index() {
    let (from, to) = (start(), start());
    let (_, all) = family(&from);
    let (source, destination) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:arm", to.address()),
    );
    copy(&source, &destination, &["--platform=linux/arm64"]).exits(0);
    // The second child with its SBOM and the bundle about that; nothing of the first.
    assert_same(&from, &to, "prod/app", &all[3..6]);
    assert_eq!(to.tags()["prod/app:arm"], all[3]);
    assert!(to.manifest("prod/app", &all[0]).is_none());
    copy(&source, &destination, &["--platform=linux/s390x"])
        .exits(3)
        .says("platform linux/s390x");
}

#[test]
fn a_blob_that_the_destination_lost_comes_back_with_deep() {
    let (from, to) = (start(), start());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 3).unwrap();
    let (source, destination) = (
        format!("{}/staging/app:v1", from.address()),
        format!("{}/prod/app:v1", to.address()),
    );
    copy(&source, &destination, &[]).exits(0);
    let manifest = from.manifest("staging/app", "v1").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let layer = manifest["layers"][1]["digest"].as_str().unwrap();
    to.delete_blob("prod/app", layer);
    copy(&source, &destination, &[]).exits(0);
    assert!(to.blob("prod/app", layer).is_none());
    copy(&source, &destination, &["--deep"])
        .exits(0)
        .says("1 blob sent (")
        .says("3 there already");
    assert_eq!(to.blob("prod/app", layer), from.blob("staging/app", layer));
    assert_eq!(to.tags()["prod/app:v1"], image.digest);
}

#[test]
fn a_tag_beside_the_digest_must_still_name_it() {
    let registry = start();
    let at = registry.address();
    let image = signer::push_image(&registry, "app", "v1", "a", 1).unwrap();
    let source = format!("{at}/app:v1@{}", image.digest);
    copy(&source, &format!("{at}/app:prod"), &[]).exits(0);
    signer::push_image(&registry, "app", "v1", "b", 1).unwrap();
    copy(&source, &format!("{at}/app:next"), &[])
        .exits(4)
        .says("is sha256:");
}
