//! Tags of a Snapshot move together or not at all, and a tag with `--immutable` has one owner.

use std::{thread, time::Duration};

use lab::{
    registry::{Effect, Fault, Server},
    signer::{self, Image},
};

use super::{copy, start, verdict};
use crate::harness::{Run, Workdir};

const NAMES: [&str; 3] = ["web", "api", "job"];

/// Three images of staging and a verdict over them.
fn snapshot(registry: &Server, seed: &str) -> (Vec<Image>, Workdir) {
    let push = |name: &str| {
        let repository = format!("staging/{name}");
        signer::push_image(registry, &repository, seed, &format!("{name} {seed}"), 2).unwrap()
    };
    let images: Vec<_> = NAMES.iter().map(|name| push(name)).collect();
    let at = registry.address();
    let pinned: Vec<_> = images
        .iter()
        .map(|image| format!("{at}/{}@{}", image.repository, image.digest))
        .collect();
    let all: Vec<_> = NAMES
        .iter()
        .zip(&pinned)
        .map(|(name, image)| (*name, image.as_str(), true))
        .collect();
    let dir = Workdir::new();
    dir.write("verified.json", verdict(&all));
    (images, dir)
}

fn promote(registry: &Server, dir: &Workdir, tag: &str) -> Run {
    let to = format!("--to={}/prod/{{name}}", registry.address());
    let tag = format!("--tag={tag}");
    dir.promote(&["copy-image", &to, &tag, "--retries=0"])
}

fn production(registry: &Server, tag: &str) -> Vec<Option<String>> {
    let tags = registry.tags();
    let name = |name: &&str| tags.get(&format!("prod/{name}:{tag}")).cloned();
    NAMES.iter().map(name).collect()
}

/// The production tag of one component refuses to be written.
fn refuse(registry: &Server, name: &str, tag: &str) {
    let path = format!("/v2/prod/{name}/manifests/{tag}");
    registry.fail(Fault::new(Effect::Status(403)).of("PUT", path));
}

#[test]
fn when_one_tag_cannot_be_moved_all_go_back_and_a_rerun_finishes() {
    let registry = start();
    let (old, dir) = snapshot(&registry, "v1");
    promote(&registry, &dir, "live").exits(0);
    let (new, dir) = snapshot(&registry, "v2");
    for failing in NAMES {
        refuse(&registry, failing, "live");
        let run = promote(&registry, &dir, "live");
        assert_ne!(run.code, 0);
        // All three are named.
        for name in NAMES {
            assert!(
                run.stderr.contains(&format!("prod/{name}:live")),
                "{}",
                run.stderr
            );
        }
        let before: Vec<_> = old.iter().map(|image| Some(image.digest.clone())).collect();
        assert_eq!(production(&registry, "live"), before, "{failing}");
        assert!(!dir.exists("promoted.json"));
        registry.heal();
    }
    promote(&registry, &dir, "live").exits(0);
    let after: Vec<_> = new.iter().map(|image| Some(image.digest.clone())).collect();
    assert_eq!(production(&registry, "live"), after);
}

#[test]
fn a_new_tag_is_taken_back_by_its_name_and_never_by_digest() {
    let registry = start();
    let (images, dir) = snapshot(&registry, "v1");
    refuse(&registry, "job", "first");
    promote(&registry, &dir, "first");
    assert_eq!(production(&registry, "first"), [None, None, None]);
    for image in &images {
        let name = image.repository.replace("staging", "prod");
        // What was staged is still there for the rerun.
        assert!(registry.manifest(&name, &image.digest).is_some());
    }
    let deletions = registry.requests().into_iter();
    let mut deletions = deletions.filter(|request| request.method == "DELETE");
    assert!(deletions.all(|request| request.path.ends_with("/manifests/first")));
    // Where the registry deletes no tags, the tag stays and is named.
    registry.fail(Fault::new(Effect::Status(405)).of("DELETE", "/manifests/"));
    promote(&registry, &dir, "first").says("prod/web:first could not be taken back");
    registry.heal();
    promote(&registry, &dir, "first").exits(0);
    assert!(production(&registry, "first").iter().all(Option::is_some));
}

#[test]
fn a_tag_that_another_run_moved_is_left_alone() {
    let registry = start();
    let (_, dir) = snapshot(&registry, "v1");
    promote(&registry, &dir, "live").exits(0);
    let (_, dir) = snapshot(&registry, "v2");
    // The look before taking back finds another image.
    let other = signer::push_image(&registry, "prod/web", "other", "other", 1).unwrap();
    refuse(&registry, "job", "live");
    let bytes = registry.manifest("prod/web", &other.digest).unwrap();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let path = "/v2/prod/web/manifests/live";
    registry.fail(
        Fault::new(Effect::Document(kind, bytes))
            .of("HEAD", path)
            .after(1),
    );
    promote(&registry, &dir, "live").says("prod/web:live could not be taken back");
    let writes = registry.requests().into_iter();
    let writes = writes.filter(|request| request.method == "PUT" && request.path == path);
    assert_eq!(writes.count(), 2, "once for each promotion");
}

#[test]
fn an_answer_that_is_lost_is_settled_by_a_look_at_the_tag() {
    for effect in [Effect::ResetAfter, Effect::CutAnswer(0)] {
        let registry = start();
        let (images, dir) = snapshot(&registry, "v1");
        let path = "/v2/prod/api/manifests/live";
        registry.fail(Fault::new(effect).of("PUT", path));
        promote(&registry, &dir, "live").exits(0);
        let now: Vec<_> = images
            .iter()
            .map(|image| Some(image.digest.clone()))
            .collect();
        assert_eq!(production(&registry, "live"), now);
    }
    // An answer of 500 to what was not done is a failure.
    let registry = start();
    let (_, dir) = snapshot(&registry, "v1");
    registry.fail(Fault::new(Effect::Status(500)).of("PUT", "/v2/prod/api/manifests/live"));
    promote(&registry, &dir, "live").exits(5);
    assert_eq!(production(&registry, "live"), [None, None, None]);
}

/// Two images and a production tag that both are copied to at once. The write of each takes
/// `delays`; returns both exit codes and whether the tag names the image of the one that won.
fn race(delays: [Duration; 2]) -> [i32; 2] {
    let registry = start();
    let at = registry.address();
    let names = ["a", "b"];
    for name in names {
        signer::push_image(&registry, "staging/app", name, name, 1).unwrap();
    }
    registry.fail(
        Fault::new(Effect::Slow(delays[0]))
            .of("PUT", "/prod/app/manifests/v1")
            .once(),
    );
    registry.fail(
        Fault::new(Effect::Slow(delays[1]))
            .of("PUT", "/prod/app/manifests/v1")
            .after(1)
            .once(),
    );
    let one = |name: &str| {
        let (from, to) = (
            format!("{at}/staging/app:{name}"),
            format!("{at}/prod/app:v1"),
        );
        copy(&from, &to, &["--immutable"]).code
    };
    thread::scope(|scope| {
        let runs = names.map(|name| scope.spawn(move || one(name)));
        runs.map(|run| run.join().unwrap())
    })
}

#[test]
fn of_two_overlapping_immutable_copies_at_most_one_succeeds() {
    let millis = Duration::from_millis;
    for (one, two) in [(0, 0), (0, 300), (300, 0), (200, 250), (600, 50)] {
        let codes = race([millis(one), millis(two)]);
        let won = codes.iter().filter(|code| **code == 0).count();
        assert!(won <= 1, "{codes:?} after {one} and {two} ms");
        assert!(codes.contains(&6), "{codes:?}");
    }
}

#[test]
fn an_immutable_copy_reads_writes_and_reads_again() {
    let registry = start();
    let at = registry.address();
    signer::push_image(&registry, "app", "v1", "a", 1).unwrap();
    registry.forget_requests();
    copy(
        &format!("{at}/app:v1"),
        &format!("{at}/app:prod"),
        &["--immutable"],
    )
    .exits(0);
    let asked: Vec<_> = registry
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with("/manifests/prod"))
        .map(|request| request.method)
        .collect();
    assert_eq!(asked, ["HEAD", "PUT", "HEAD"]);
}
