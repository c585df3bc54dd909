//! `plan-release`, and the copy that follows it: what a Konflux release does with a Snapshot.

use lab::registry::{Options, Server};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

const COMMIT: &str = "1f2e3d4c1f2e3d4c1f2e3d4c1f2e3d4c1f2e3d4c";

/// A registry with the images of an application, and a directory for its resources.
struct PlannedRelease {
    registry: Server,
    dir: Workdir,
}

impl PlannedRelease {
    fn new() -> Self {
        Self {
            registry: Server::start(Options::default()).unwrap(),
            dir: Workdir::new(),
        }
    }

    /// Pushes an image that was built at a time; returns its reference.
    fn image(&self, name: &str, built: &str, labels: &Value) -> String {
        let repository = format!("builds/{name}");
        let config = json!({"architecture": "amd64", "os": "linux", "created": built,
            "config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = config.to_string();
        let digest = self.registry.put_blob(&repository, config.as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()},
            "layers": [], "annotations": {"org.opencontainers.image.version": "1.4.2+b3"}});
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = manifest.to_string();
        let digest = self
            .registry
            .put_manifest(&repository, None, media_type, manifest.as_bytes());
        format!("{}/{repository}@{digest}", self.registry.address())
    }

    fn snapshot(&self, images: &[(&str, &str)], labels: &Value) {
        let components: Vec<_> = images
            .iter()
            .map(|(name, image)| {
                json!({"name": name, "containerImage": image,
                    "source": {"git": {"url": "https://git.invalid/shop", "revision": COMMIT}}})
            })
            .collect();
        let snapshot = json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot",
            "metadata": {"namespace": "tenant", "name": "snap", "labels": labels},
            "spec": {"application": "shop", "components": components}});
        self.dir.write("snapshot.json", snapshot.to_string());
    }

    fn plan(&self, data: &Value) {
        let plan = json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "ReleasePlan",
            "metadata": {"namespace": "tenant", "name": "plan"},
            "spec": {"application": "shop", "data": data}});
        self.dir.write("plan.json", plan.to_string());
    }

    fn plan_release(&self, flags: &[&str]) -> Run {
        let all = [
            "plan-release",
            "--snapshot=snapshot.json",
            "--release-plan=plan.json",
            "--results-dir=results",
        ];
        self.dir.promote(&[&all, flags].concat())
    }

    /// Copies by a verdict over the images of `images.json`.
    fn copy(&self, flags: &[&str]) -> Run {
        let images: Value = serde_json::from_str(&self.dir.read("images.json")).unwrap();
        let zeros = format!("sha256:{}", "0".repeat(64));
        let components = images["components"].as_array().unwrap().iter();
        let components: Vec<_> = components
            .map(|component| {
                json!({"name": component["name"], "containerImage": component["containerImage"],
                    "success": true, "violations": 0, "warnings": 0, "exceptions": []})
            })
            .collect();
        let verdict = json!({"version": 1, "imagesDigest": self.dir.read("results/IMAGES_DIGEST"),
            "gitTag": null, "commit": null, "destinationTag": null,
            "verifiedAt": "2025-11-24T16:00:00Z", "effectiveTime": "2025-11-24T16:00:00Z",
            "policy": {"sources": [], "digest": zeros}, "reportDigest": zeros, "skippedChecks": [],
            "components": components});
        self.dir.write("verified.json", verdict.to_string());
        let all = ["copy-image", "--release=release.json", "--retries=0"];
        self.dir.promote(&[&all, flags].concat())
    }

    fn tags(&self) -> Vec<String> {
        let tags = self.registry.tags().into_keys();
        let released = tags.filter_map(|tag| tag.strip_prefix("released/").map(str::to_owned));
        released.collect()
    }

    fn mapping(&self, names: &[&str], tags: &[&str]) -> Value {
        let at = self.registry.address();
        let components: Vec<_> = names
            .iter()
            .map(|name| {
                json!({"name": name, "repositories": [{"url": format!("{at}/released/{name}"), "tags": tags}]})
            })
            .collect();
        json!({"mapping": {"components": components, "defaults": {"timestampFormat": "%Y%m%d"}}})
    }
}

const BUILT: &str = "2026-08-05T10:00:00Z";

#[test]
fn a_release_gets_all_its_tags_and_a_second_run_writes_nothing() {
    let world = PlannedRelease::new();
    let web = world.image("web", BUILT, &json!({"version": "1.4.2"}));
    let api = world.image("api", BUILT, &json!({"version": "1.4.2"}));
    world.snapshot(&[("web", &web), ("api", &api)], &json!({}));
    let tags = [
        "released",
        "{{ labels.version }}-{{ timestamp }}",
        "{{ git_short_sha }}",
        "{{oci_version}}",
        "v{{ labels.version }}-{{ incrementer }}",
    ];
    world.plan(&world.mapping(&["web", "api"], &tags));
    let expected = [
        "1.4.2-20260805",
        "1.4.2_b3",
        "1f2e3d4",
        "released",
        "v1.4.2-1",
    ];
    let expected: Vec<_> = ["api", "web"]
        .iter()
        .flat_map(|name| expected.map(|tag| format!("{name}:{tag}")))
        .collect();
    for _ in 0..2 {
        world.plan_release(&[]).exits(0);
        world.registry.forget_requests();
        world.copy(&[]).exits(0);
        assert_eq!(world.tags(), expected);
    }
    let written = world.registry.requests();
    let written = written.iter().filter(|request| request.method == "PUT");
    assert_eq!(written.count(), 0);
    let placed: Value = serde_json::from_str(&world.dir.read("promoted.json")).unwrap();
    assert_eq!(
        placed["components"][0]["destinations"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    // Another image of the same component gets the next number.
    let newer = world.image("web", "2026-08-06T10:00:00Z", &json!({"version": "1.4.2"}));
    world.snapshot(&[("web", &newer)], &json!({}));
    world.plan(&world.mapping(&["web"], &["v{{ labels.version }}-{{ incrementer }}"]));
    world.plan_release(&[]).exits(0).prints("web:v1.4.2-2");
}

#[test]
fn an_older_snapshot_that_finishes_later_moves_nothing_back() {
    let world = PlannedRelease::new();
    let older = world.image("web", BUILT, &json!({}));
    let newer = world.image("web", "2026-08-06T10:00:00Z", &json!({}));
    world.plan(&world.mapping(&["web"], &["released"]));
    world.snapshot(&[("web", &newer)], &json!({}));
    world.plan_release(&[]).exits(0);
    world.copy(&[]).exits(0);
    let before = world.registry.tags();
    world.snapshot(&[("web", &older)], &json!({}));
    world.plan_release(&[]).exits(0);
    world.copy(&[]).exits(4).says("names a newer image");
    assert_eq!(world.registry.tags(), before);
    world.copy(&["--allow-rollback"]).exits(0);
    assert_ne!(world.registry.tags(), before);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let world = PlannedRelease::new();
    let web = world.image("web", BUILT, &json!({}));
    world.snapshot(&[("web", &web)], &json!({}));
    world.plan(&world.mapping(&["web"], &["released"]));
    world.plan_release(&[]).exits(0);
    let release = world.dir.read("release.json");
    world
        .dir
        .write("release.json", release.replace("released\"]", "other\"]"));
    let digest = format!(
        "--release-digest={}",
        world.dir.read("results/RELEASE_DIGEST")
    );
    world.copy(&[&digest]).exits(4);
    let images = format!("sha256:{}", "1".repeat(64));
    let own = world.dir.read("results/IMAGES_DIGEST");
    world
        .dir
        .write("release.json", release.replace(&own, &images));
    world.copy(&[]).exits(4).says("other images");
    assert!(world.tags().is_empty());
}

#[test]
fn what_cannot_be_released_ends_before_anything_is_written() {
    let world = PlannedRelease::new();
    let labels = json!({"version": "1.0+b", "evil": "{{ git_sha }}", "empty": ""});
    let web = world.image("web", BUILT, &labels);
    let component = json!({"test.appstudio.openshift.io/type": "component", "appstudio.openshift.io/component": "web"});
    let plain = json!({});
    let group = json!({"test.appstudio.openshift.io/type": "group"});
    let released = world.mapping(&["web"], &["released"]);
    let mut single = world.mapping(&["other"], &["released"]);
    single["singleComponentMode"] = json!(true);
    let tagged = |tag: &str| world.mapping(&["web"], &[tag]);
    for (labels, data, says) in [
        (&group, released.clone(), "pull requests"),
        (&plain, json!({}), "nothing would be released"),
        (&plain, world.mapping(&["other"], &["released"]), "web"),
        (&component, single, "web"),
        (&plain, tagged("{{ labels.version }}"), "becomes"),
        (&plain, tagged("{{ labels.evil }}"), "becomes"),
        (&plain, tagged("{{ labels.empty }}"), "empty"),
        (&plain, tagged("{{ labels.absent }}"), "absent"),
        (&plain, tagged("-released"), "-released"),
        (&plain, tagged("{{ release_timestamp }}"), "Release"),
        (&plain, tagged("{{ nosuch }}"), "nosuch"),
    ] {
        world.snapshot(&[("web", &web)], &plain);
        world.plan(&released);
        world.plan_release(&[]).exits(0);
        world.snapshot(&[("web", &web)], labels);
        world.plan(&data);
        world.plan_release(&[]).exits(2).says(says);
        assert!(!world.dir.exists("release.json") && !world.dir.exists("images.json"));
    }
    assert!(world.tags().is_empty());
}

#[test]
fn an_image_that_expires_is_refused() {
    let world = PlannedRelease::new();
    let web = world.image("web", BUILT, &json!({"quay.expires-after": "5d"}));
    world.snapshot(&[("web", &web)], &json!({}));
    world.plan(&world.mapping(&["web"], &["released"]));
    world.plan_release(&[]).exits(4).says("quay.expires-after");
    world.plan_release(&["--allow-expiring"]).exits(0);
    world.dir.write(
        "snapshot.json",
        world
            .dir
            .read("snapshot.json")
            .replace(&web[web.len() - 64..], &"0".repeat(64)),
    );
    world.plan_release(&[]).exits(3);
}

#[test]
fn several_repositories_of_one_component_are_staged_and_tagged() {
    let world = PlannedRelease::new();
    let web = world.image("web", BUILT, &json!({}));
    world.snapshot(&[("web", &web)], &json!({}));
    let at = world.registry.address();
    let to = |name: &str, tag: &str| json!({"url": format!("{at}/released/{name}"), "tags": [tag]});
    world.plan(
        &json!({"mapping": {"defaults": {"tags": ["both"]}, "components": [
        {"name": "web", "repositories": [to("one", "a"), to("two", "b")]}]}}),
    );
    world.plan_release(&[]).exits(0);
    world.copy(&["--stage-only"]).exits(0);
    assert!(world.tags().is_empty());
    world
        .dir
        .promote(&["copy-image", "--tags-only", "--retries=0"])
        .exits(0);
    assert_eq!(world.tags(), ["one:a", "one:both", "two:b", "two:both"]);
}
