//! The output of a copy: the plan, the progress, the last line; and the artifacts that are copied on demand.

use lab::signer;
use serde_json::{Value, json};

use super::{copy, start};
use crate::harness::Run;

fn events(run: &Run) -> Vec<Value> {
    let lines = run.stderr.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["event"] == name).collect()
}

#[test]
fn the_last_line_counts_what_was_done() {
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 3).unwrap();
    let source = format!("{}/staging/app:v1", from.address());
    let destination = format!("{}/prod/app:v1", to.address());
    for (flags, progress) in [
        (&["--log-format=json"][..], true),
        (&["--log-format=json", "--progress=plain"], true),
        (&["--log-format=json", "--progress=none"], false),
    ] {
        let to = start();
        let destination = format!("{}/prod/app:v1", to.address());
        let run = copy(&source, &destination, flags).exits(0);
        let events = events(&run);
        let blobs = of(&events, "blob");
        assert_eq!(blobs.len(), if progress { 4 } else { 0 });
        assert!(blobs.iter().all(|blob| blob["how"] == "sent"));
        let last = of(&events, "copied");
        let last = last.first().unwrap();
        assert_eq!(last["sent"], 4);
        let sizes = blobs.iter().map(|blob| blob["bytes"].as_u64().unwrap());
        assert!(!progress || last["bytes"] == sizes.sum::<u64>());
        // Four times POST, GET, PUT; a manifest; two HEAD and four GET in vain; the tag.
        assert_eq!(last["requests"], 20);
        assert!(last["milliseconds"].is_u64());
    }
    copy(&source, &destination, &[])
        .exits(0)
        .says("copied 1 image: 4 blobs sent (")
        .says("0 mounted, 0 there already");
    copy(&source, &destination, &[])
        .exits(0)
        .says("copied 1 image: everything was there already;");
    let near = format!("{}/prod/app:v1", from.address());
    copy(&source, &near, &[]).exits(0).says("4 mounted");
    copy(
        &source,
        &format!("{}/prod/app:v2", to.address()),
        &["--log-level=off"],
    )
    .exits(0);
}

#[test]
fn reports_that_the_provenance_names_go_along_on_demand() {
    let (from, to) = (start(), start());
    let image = signer::push_image(&from, "staging/app", "v1", "a", 2).unwrap();
    let report = signer::push_image(&from, "staging/app", "report", "scan", 1).unwrap();
    let key = signer::Key::generate().unwrap();
    let attest = |report: &str| {
        let map = json!({image.digest.clone(): report}).to_string();
        let mut provenance = signer::provenance(&image, "https://git.example/web", "c0ffee");
        provenance["predicate"]["buildConfig"]["tasks"] =
            json!([{"name": "scan", "results": [{"name": "REPORTS", "value": map}]}]);
        signer::attest(&from, &image, &key, &[provenance]).unwrap();
    };
    attest(&report.digest);
    let source = format!("{}/staging/app:v1", from.address());
    let destination = format!("{}/prod/app:v1", to.address());
    copy(&source, &destination, &[]).exits(0);
    assert!(to.manifest("prod/app", &report.digest).is_none());
    copy(&source, &destination, &["--with-reports"]).exits(0);
    let there = to.manifest("prod/app", &report.digest);
    assert!(there.is_some());
    assert_eq!(there, from.manifest("staging/app", &report.digest));
    assert!(!to.tags().contains_key("prod/app:report"));
    copy(
        &source,
        &destination,
        &["--with-reports", "--attached=none"],
    )
    .exits(2);
    // A report that is gone is said, and nothing moves.
    let gone = format!("sha256:{}", "7".repeat(64));
    attest(&gone);
    let next = format!("{}/prod/app:next", to.address());
    copy(&source, &next, &["--with-reports"])
        .exits(3)
        .says(&gone);
    assert!(!to.tags().contains_key("prod/app:next"));
}

#[test]
fn the_platform_of_a_single_image_is_compared() {
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    let source = format!("{}/staging/app:v1", from.address());
    let destination = format!("{}/prod/app:v1", to.address());
    copy(&source, &destination, &["--platform=linux/arm64"])
        .exits(3)
        .says("platform linux/arm64")
        .says("(linux/amd64)");
    assert!(to.tags().is_empty());
    copy(&source, &destination, &["--platform=linux/amd64"]).exits(0);
    assert_eq!(to.tags().len(), 1);
}

#[test]
fn transports_of_other_tools_are_refused_by_name() {
    let to = start();
    let destination = format!("{}/prod/app:v1", to.address());
    for source in ["docker-archive:x.tar", "containers-storage:x", "dir:x"] {
        copy(source, &destination, &[])
            .exits(2)
            .says("is not supported")
            .says("oci:DIR");
    }
    copy(&destination, "docker-daemon:x:y", &[]).exits(2);
}
