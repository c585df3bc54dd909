//! Parts of a Snapshot that are released: components that changed since the last release, and images of sources.

use lab::signer::{self, Image};
use serde_json::{Value, json};

use crate::tenant::Tenant;

const TYPE: &str = "test.appstudio.openshift.io/type";
const COMPONENT: &str = "appstudio.openshift.io/component";

/// A tenant whose Snapshots are of a ComponentGroup with two components, one of them in two versions.
struct Shop {
    tenant: Tenant,
}

impl Shop {
    fn new() -> Self {
        let shop = Self {
            tenant: Tenant::new(),
        };
        shop.tenant.cluster.allow_reading();
        shop
    }

    fn component(&self, name: &str, version: &str, seed: &str) -> Value {
        let image = self.tenant.image(name, seed);
        let mut component = self.tenant.component(name, &image);
        component["version"] = json!(version);
        component
    }

    /// Stores the Snapshot of a build of `front`, with a seed for each image.
    fn snapshot(&self, name: &str, seeds: [&str; 3]) -> Value {
        let components = [
            self.component("front", "v1", seeds[0]),
            self.component("front", "v2", seeds[1]),
            self.component("back", "v1", seeds[2]),
        ];
        let mut snapshot = self.tenant.snapshot(name, &components);
        snapshot["metadata"]["labels"] = json!({TYPE: "component", COMPONENT: "front"});
        snapshot["spec"] = json!({"componentGroup": "shop", "components": components});
        self.tenant.cluster.put(snapshot.clone());
        snapshot
    }

    /// Stores the group, whose candidates are the images of a Snapshot.
    fn group(&self, snapshot: &Value, change: impl Fn(&mut Value)) {
        let components = snapshot["spec"]["components"].as_array().unwrap();
        let candidates = components.iter().map(|component| {
            json!({"name": component["name"], "version": component["version"],
                "url": "https://git.invalid/shop", "lastPromotedImage": component["containerImage"]})
        });
        let members =
            json!([{"name": "front", "kind": "component", "componentVersion": {"name": "v1"}}]);
        let mut group = json!({"apiVersion": "appstudio.redhat.com/v1beta2", "kind": "ComponentGroup",
            "metadata": {"namespace": "tenant", "name": "shop"}, "spec": {"components": members},
            "status": {"globalCandidateList": candidates.collect::<Vec<_>>()}});
        change(&mut group);
        self.tenant.cluster.put(group);
    }

    fn release(&self, single: bool) {
        let at = self.tenant.registry.address();
        let entry = |name: &str, version: &str| {
            json!({"name": name, "version": version, "repositories": [
                {"url": format!("{at}/released/{name}"), "tags": [format!("{version}-released")]}]})
        };
        let data = json!({"singleComponentMode": single, "mapping": {"components": [
            entry("front", "v1"), entry("front", "v2"), entry("back", "v1")]}});
        self.tenant.release("snap", &data);
        let mut plan = self.tenant.cluster.object("releaseplans", "plan");
        plan["spec"] = json!({"componentGroup": "shop", "data": data});
        self.tenant.cluster.put(plan);
    }

    /// The components that are released, after a plan that succeeded.
    fn released(&self, flags: &[&str]) -> Vec<String> {
        self.tenant.plan(flags).exits(0);
        let release: Value =
            serde_json::from_str(&self.tenant.dir.read("data/release.json")).unwrap();
        let components = release["components"].as_array().unwrap().iter();
        let names = components.map(|one| {
            let text = |member: &str| one[member].as_str().unwrap().to_owned();
            format!("{} {}", text("name"), text("version"))
        });
        names.collect()
    }
}

const GROUP: &str = "--component-group=k8s:shop";
const PREVIOUS: &str = "--previous-snapshot=k8s:tenant/before";

#[test]
fn only_what_changed_since_the_last_release_is_released() {
    let shop = Shop::new();
    let before = shop.snapshot("before", ["1", "2", "3"]);
    shop.group(&before, |_| {});
    shop.snapshot("snap", ["1", "new", "3"]);
    shop.release(false);
    assert_eq!(shop.released(&[]), ["front v1", "front v2", "back v1"]);
    for since in [GROUP, PREVIOUS] {
        assert_eq!(shop.released(&[since]), ["front v2"]);
        // The policy judges all of them.
        assert_eq!(shop.tenant.result("IMAGES_COUNT"), "3");
    }
    // The label names front, which has two versions: what changed tells which.
    shop.release(true);
    shop.tenant.plan(&[]).exits(2).says("2 components named");
    assert_eq!(shop.released(&[GROUP]), ["front v2"]);
    shop.snapshot("snap", ["1", "new", "new"]);
    assert_eq!(shop.released(&[PREVIOUS]), ["front v2"]);
    let run = shop.tenant.plan(&[PREVIOUS]);
    run.says("not released: back (version v1)");
    // Both versions, or only another component than the label's: nothing is guessed.
    for seeds in [["new", "new", "3"], ["1", "2", "new"]] {
        shop.snapshot("snap", seeds);
        shop.tenant
            .plan(&[GROUP])
            .exits(2)
            .says("that changed since");
        assert!(!shop.tenant.dir.exists("data/release.json"));
    }
}

#[test]
fn a_release_without_a_change_or_since_something_else_is_refused() {
    let shop = Shop::new();
    let before = shop.snapshot("before", ["1", "2", "3"]);
    shop.group(&before, |_| {});
    shop.snapshot("snap", ["1", "2", "3"]);
    shop.release(false);
    for since in [GROUP, PREVIOUS] {
        shop.tenant
            .plan(&[since])
            .exits(2)
            .says("nothing would be released");
    }
    shop.tenant
        .plan(&[GROUP, PREVIOUS])
        .exits(2)
        .says("cannot be used with");
    shop.tenant.plan(&["--component-group=k8s:none"]).exits(3);
    shop.tenant.plan(&["--previous-snapshot=k8s:none"]).exits(3);
    shop.snapshot("snap", ["1", "new", "3"]);
    shop.tenant.plan(&[GROUP]).exits(0);
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 4] = [
        (|group| group["status"] = Value::Null, "globalCandidateList"),
        (
            |group| {
                group["status"]["globalCandidateList"][0]["lastPromotedImage"] =
                    json!("quay.io/acme/web:v1");
            },
            "cannot be compared",
        ),
        (
            |group| group["status"]["globalCandidateList"] = json!({"front": "v1"}),
            "expected a list",
        ),
        (
            |group| group["status"]["globalCandidateList"][1]["name"] = json!(7),
            "expected a text",
        ),
    ];
    for (change, says) in changes {
        shop.group(&before, change);
        shop.tenant.plan(&[GROUP]).exits(2).says(says);
        assert!(!shop.tenant.dir.exists("data/release.json"));
    }
    // A component that was never promoted has no image in the list yet.
    shop.group(&before, |group| {
        let candidates = group["status"]["globalCandidateList"]
            .as_array_mut()
            .unwrap();
        candidates[2]["lastPromotedImage"] = Value::Null;
    });
    assert_eq!(shop.released(&[GROUP]), ["front v2", "back v1"]);
    // A group of that name that the Snapshot is not of.
    let mut snapshot = shop.tenant.cluster.object("snapshots", "snap");
    snapshot["spec"]["componentGroup"] = json!("other");
    shop.tenant
        .dir
        .write("data/snapshot.json", snapshot.to_string());
    shop.tenant
        .promote(&[
            "plan-release",
            "--snapshot=file:snapshot.json",
            "--release-plan=k8s:plan",
            GROUP,
            "--service-account=account",
        ])
        .exits(2)
        .says("the Snapshot of the componentGroup other");
}

#[test]
fn an_entry_without_a_version_does_not_choose_between_two() {
    let shop = Shop::new();
    shop.snapshot("snap", ["1", "2", "3"]);
    shop.release(false);
    let mut plan = shop.tenant.cluster.object("releaseplans", "plan");
    let whole = plan["spec"]["data"].clone();
    let components = plan["spec"]["data"]["mapping"]["components"]
        .as_array_mut()
        .unwrap();
    components.remove(1);
    components[0].as_object_mut().unwrap().remove("version");
    shop.tenant.cluster.put(plan.clone());
    shop.tenant
        .plan(&[])
        .exits(2)
        .says("front (version v1), front (version v2)");
    // A commit is the only revision that makes a tag of it.
    let revision = |text: &str| {
        let mut snapshot = shop.tenant.cluster.object("snapshots", "snap");
        snapshot["spec"]["components"][2]["source"]["git"]["revision"] = json!(text);
        shop.tenant.cluster.put(snapshot);
        let mut plan = plan.clone();
        plan["spec"]["data"] = whole.clone();
        plan["spec"]["data"]["mapping"]["components"][2]["componentTags"] =
            json!(["{{ git_short_sha }}"]);
        shop.tenant.cluster.put(plan);
        shop.tenant.plan(&[])
    };
    revision("main").exits(2).says("\"main\"");
    revision("1f2e3d4").exits(2).says("component back");
    revision(crate::tenant::COMMIT).exits(0);
}

/// Pushes the image of the sources of an image, as a build does.
fn push_sources(tenant: &Tenant, of: &Image, seed: &str) -> Image {
    signer::push_image(
        &tenant.registry,
        &of.repository,
        &of.attached_tag("src"),
        seed,
        1,
    )
    .unwrap()
}

fn mapping(tenant: &Tenant, push: &Value) -> Value {
    let mut data = tenant.mapping(&["front"], &["released", "{{ git_short_sha }}"]);
    if !push.is_null() {
        data["mapping"]["components"][0]["pushSourceContainer"] = push.clone();
    }
    data
}

#[test]
fn the_image_of_the_sources_is_released_where_there_is_one() {
    for (push, there, code) in [
        (json!(null), false, 0),
        (json!(false), false, 0),
        (json!(true), false, 3),
        (json!("yes"), false, 2),
        (json!(false), true, 0),
    ] {
        let tenant = Tenant::new();
        let image = tenant.signed("front", "1");
        if there {
            push_sources(&tenant, &image, "sources");
        }
        tenant.snapshot("snap", &[tenant.component("front", &image)]);
        tenant.cluster.allow_reading();
        tenant.release("snap", &mapping(&tenant, &push));
        let run = tenant.plan(&[]).exits(code);
        match code {
            0 => assert_eq!(tenant.result("IMAGES_COUNT"), "1", "{push}"),
            _ => {
                run.says("pushSourceContainer");
                assert!(!tenant.dir.exists("data/release.json"));
            }
        }
    }
    for push in [json!(null), json!(true)] {
        let tenant = Tenant::new();
        let image = tenant.signed("front", "1");
        let sources = push_sources(&tenant, &image, "sources");
        tenant.sign_and_attest(&sources);
        tenant.snapshot("snap", &[tenant.component("front", &image)]);
        tenant.cluster.allow_reading();
        tenant.release("snap", &mapping(&tenant, &push));
        for round in 0..2 {
            tenant.plan(&[]).exits(0).says("front-source");
            assert_eq!(tenant.result("IMAGES_COUNT"), "2");
            tenant.verify(&[]).exits(0);
            tenant.registry.forget_requests();
            tenant.push(&[]).exits(0);
            let released = tenant.released();
            assert_eq!(
                released,
                [
                    ("front:1f2e3d4".to_owned(), image.digest.clone()),
                    ("front:1f2e3d4-source".to_owned(), sources.digest.clone()),
                    ("front:released".to_owned(), image.digest.clone()),
                    ("front:released-source".to_owned(), sources.digest.clone()),
                ],
                "{push}"
            );
            let beside = format!("released/front:{}", image.attached_tag("src"));
            assert_eq!(tenant.registry.tags()[&beside], sources.digest);
            assert!(round == 0 || tenant.writes() == 0);
        }
    }
}

#[test]
fn the_image_of_the_sources_is_judged_like_every_image() {
    let tenant = Tenant::new();
    let image = tenant.signed("front", "1");
    // It is not signed.
    push_sources(&tenant, &image, "sources");
    tenant.snapshot("snap", &[tenant.component("front", &image)]);
    tenant.cluster.allow_reading();
    tenant.release("snap", &mapping(&tenant, &json!(true)));
    tenant.plan(&[]).exits(0);
    tenant.verify(&[]).exits(4).says("front-source");
    tenant.push(&[]).exits(4);
    assert!(tenant.released().is_empty());
    // With a tag that leaves no room for the end of the name nothing is planned.
    let long = "x".repeat(125);
    tenant.release("snap", &tenant.mapping(&["front"], &[&long]));
    tenant.plan(&[]).exits(2);
    // An image of the sources that its registry deletes is found as well.
    let tenant = Tenant::new();
    let image = tenant.signed("front", "1");
    let expiring = tenant.labelled("front", &json!({"quay.expires-after": "5d"}), &json!({}));
    let manifest = tenant
        .registry
        .manifest(&expiring.repository, &expiring.digest)
        .unwrap();
    let tag = image.attached_tag("src");
    tenant
        .registry
        .put_manifest(&image.repository, Some(&tag), signer::MANIFEST, &manifest);
    tenant.snapshot("snap", &[tenant.component("front", &image)]);
    tenant.cluster.allow_reading();
    tenant.release("snap", &mapping(&tenant, &json!(true)));
    tenant.plan(&[]).exits(4).says("quay.expires-after");
}
