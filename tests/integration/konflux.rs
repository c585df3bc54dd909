//! Public forms of Snapshots, plans and admissions of Konflux, and the release of each.

mod mapping;

use std::fs;

use serde_json::{Value, json};

use crate::{docs::root, tenant::Tenant};

const TYPE: &str = "test.appstudio.openshift.io/type";
const COMPONENT: &str = "appstudio.openshift.io/component";
const AUTO: &str = "release.appstudio.openshift.io/auto-release";

fn release(tenant: &Tenant) -> Value {
    serde_json::from_str(&tenant.dir.read("data/release.json")).unwrap()
}

/// The tags of the first destination of a component.
fn tags(tenant: &Tenant, component: usize) -> Vec<String> {
    let release = release(tenant);
    let tags = release["components"][component]["destinations"][0]["tags"].clone();
    let mut tags: Vec<String> = serde_json::from_value(tags).unwrap();
    tags.sort();
    tags
}

/// A tenant with two components in the Snapshot `snap`, which has these labels.
fn two(labels: &Value) -> Tenant {
    let tenant = Tenant::new();
    let components = [
        tenant.component("front", &tenant.image("front", "1")),
        tenant.component("back", &tenant.image("back", "1")),
    ];
    let mut snapshot = tenant.snapshot("snap", &components);
    snapshot["metadata"]["labels"] = labels.clone();
    tenant.cluster.put(snapshot);
    tenant.cluster.allow_reading();
    tenant
}

fn admission(tenant: &Tenant, data: &Value) {
    tenant.cluster.put(
        json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "ReleasePlanAdmission",
        "metadata": {"namespace": "tenant", "name": "adm"},
        "spec": {"applications": ["shop"], "origin": "tenant", "policy": "p", "data": data}}),
    );
}

const ADMITTED: &str = "--release-plan-admission=k8s:adm";

#[test]
fn one_component_is_released_only_where_the_snapshot_says_which() {
    let built = json!({TYPE: "component", COMPONENT: "front"});
    for (labels, expected) in [
        (built.clone(), Ok(1)),
        (json!({TYPE: "override"}), Err("component")),
        (json!({TYPE: "component"}), Err(COMPONENT)),
        (json!({TYPE: "component", COMPONENT: "gone"}), Err("gone")),
        (json!({COMPONENT: "front"}), Err("component")),
    ] {
        let tenant = two(&labels);
        let mut data = tenant.mapping(&["front", "back"], &["released"]);
        data["singleComponentMode"] = json!(true);
        tenant.release("snap", &data);
        match expected {
            Ok(count) => {
                tenant.plan(&[]).exits(0);
                assert_eq!(
                    release(&tenant)["components"].as_array().unwrap().len(),
                    count
                );
                // The policy judges all of them.
                assert_eq!(tenant.result("IMAGES_COUNT"), "2");
            }
            Err(says) => {
                tenant.plan(&[]).exits(2).says(says);
                assert!(!tenant.dir.exists("data/release.json"));
            }
        }
    }
    let tenant = two(&built);
    tenant.release("snap", &tenant.mapping(&["front", "back"], &["released"]));
    tenant.plan(&[]).exits(0);
    assert_eq!(release(&tenant)["components"].as_array().unwrap().len(), 2);
}

#[test]
fn a_snapshot_of_many_components_keeps_their_order() {
    let tenant = Tenant::new();
    let names: Vec<_> = (0..12).map(|n| format!("part-{:02}", 11 - n)).collect();
    let components: Vec<_> = names
        .iter()
        .map(|name| tenant.component(name, &tenant.image(name, "1")))
        .collect();
    tenant.snapshot("snap", &components);
    tenant.cluster.allow_reading();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    tenant.release("snap", &tenant.mapping(&names, &["released"]));
    tenant.plan(&[]).exits(0);
    let images: Value = serde_json::from_str(&tenant.dir.read("data/images.json")).unwrap();
    for (number, name) in names.iter().enumerate() {
        assert_eq!(images["components"][number]["name"], *name);
        assert_eq!(
            images["components"][number]["source"]["git"]["dockerfileUrl"],
            "Containerfile"
        );
    }
}

#[test]
fn a_snapshot_without_sources_is_released_without_their_commit() {
    let tenant = Tenant::new();
    let image = tenant.image("front", "1");
    let snapshot = json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot",
        "metadata": {"generateName": "shop-", "namespace": "tenant", "labels": {TYPE: "override"}},
        "spec": {"application": "shop", "components": [{"name": "front", "containerImage": tenant.reference(&image)}]}});
    tenant.dir.write("data/snapshot.json", snapshot.to_string());
    tenant.cluster.allow_reading();
    tenant.release("snap", &json!({}));
    let plan = |tag: &str| {
        tenant.release("snap", &tenant.mapping(&["front"], &[tag]));
        tenant.promote(&[
            "plan-release",
            "--snapshot=file:snapshot.json",
            "--release-plan=k8s:plan",
            "--service-account=account",
        ])
    };
    plan("released").exits(0);
    assert!(
        release(&tenant)["snapshot"].as_str().unwrap().is_empty()
            || release(&tenant)["snapshot"] == "tenant"
    );
    assert!(release(&tenant)["components"][0].get("source").is_none());
    for template in ["{{ git_sha }}", "v-{{git_short_sha}}", "{{ oci_version }}"] {
        plan(template).exits(2).says("front");
    }
}

#[test]
fn what_was_built_for_pull_requests_is_never_released() {
    let event = "pac.test.appstudio.openshift.io/event-type";
    let number = "pac.test.appstudio.openshift.io/pull-request";
    for (labels, refused) in [
        (json!({TYPE: "group"}), true),
        (
            json!({TYPE: "component", COMPONENT: "front", event: "pull_request"}),
            true,
        ),
        (
            json!({TYPE: "component", COMPONENT: "front", event: "Merge_Request"}),
            true,
        ),
        (
            json!({TYPE: "component", COMPONENT: "front", event: "retest-comment", number: "12"}),
            true,
        ),
        (
            json!({TYPE: "component", COMPONENT: "front", event: "push"}),
            false,
        ),
        (
            json!({TYPE: "component", COMPONENT: "front", event: "incoming", number: ""}),
            false,
        ),
    ] {
        let tenant = two(&labels);
        tenant.release("snap", &tenant.mapping(&["front", "back"], &["released"]));
        tenant.plan(&[]).exits(if refused { 2 } else { 0 });
        // An integration test deploys it all the same.
        tenant
            .promote(&[
                "gather-images",
                "--snapshot=snap",
                "--service-account=account",
            ])
            .exits(0);
    }
}

#[test]
fn an_automatic_release_obeys_the_label_of_the_snapshot() {
    for (automated, label, code) in [
        (json!(true), "false", 2),
        (json!(false), "false", 0),
        (json!(null), "false", 0),
        (json!(true), "true", 0),
        (json!("true"), "false", 2),
    ] {
        let tenant = two(&json!({AUTO: label}));
        tenant.release("snap", &tenant.mapping(&["front", "back"], &["released"]));
        let mut object = tenant.cluster.object("releases", "rel");
        object["status"]["automated"] = automated;
        tenant.cluster.put(object);
        tenant.plan(&[]).exits(code);
    }
}

#[test]
fn plan_and_snapshot_are_of_one_application() {
    let tenant = two(&json!({}));
    tenant.release("snap", &tenant.mapping(&["front", "back"], &["released"]));
    for spec in [
        json!({"application": "other"}),
        json!({"componentGroup": "shop"}),
        json!({"application": ""}),
        json!({"application": "shop", "componentGroup": "shop"}),
    ] {
        let mut plan = tenant.cluster.object("releaseplans", "plan");
        let mut with = spec.clone();
        with["data"] = plan["spec"]["data"].clone();
        plan["spec"] = with;
        tenant.cluster.put(plan);
        tenant.plan(&[]).exits(2);
    }
    // Two empty names are not one application.
    let mut snapshot = tenant.cluster.object("snapshots", "snap");
    snapshot["spec"]["application"] = json!("");
    tenant.cluster.put(snapshot);
    tenant.plan(&[]).exits(2);
    tenant.release("other", &tenant.mapping(&["front", "back"], &["released"]));
    tenant.plan(&[]).exits(2).says("its snapshot is other");
}

#[test]
fn an_image_that_its_registry_deletes_is_found_in_every_platform() {
    let tenant = Tenant::new();
    let kept = tenant.labelled("front", &json!({"platform": "one"}), &json!({}));
    let expiring = tenant.labelled("front", &json!({"quay.expires-after": "5d"}), &json!({}));
    let entry = |image: &lab::signer::Image, architecture: &str| {
        let mut entry = image.descriptor();
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entry
    };
    let index = |second: &lab::signer::Image| {
        let list = [entry(&kept, "amd64"), entry(second, "arm64")];
        lab::signer::push_index_of(&tenant.registry, "builds/front", "index", &list)
    };
    let other = tenant.labelled("front", &json!({"platform": "two"}), &json!({}));
    let annotated = tenant.labelled("front", &json!({}), &json!({"quay.expires-after": "1w"}));
    tenant.cluster.allow_reading();
    for (image, code) in [(index(&other), 0), (index(&expiring), 4), (annotated, 4)] {
        tenant.snapshot("snap", &[tenant.component("front", &image)]);
        tenant.release("snap", &tenant.mapping(&["front"], &["released"]));
        tenant.plan(&[]).exits(code);
        tenant.plan(&["--allow-expiring"]).exits(0);
    }
}

#[test]
fn a_retry_returns_the_tags_of_the_first_run() {
    let tenant = Tenant::new();
    let image = tenant.signed("front", "1");
    tenant.snapshot("snap", &[tenant.component("front", &image)]);
    tenant.cluster.allow_reading();
    let mut data = tenant.mapping(
        &["front"],
        &["r-{{ incrementer }}", "t-{{ release_timestamp }}"],
    );
    let second = json!({"url": format!("{}/mirror/front", tenant.registry.address()), "tags": ["c-{{ component-incrementer }}"]});
    data["mapping"]["components"][0]["repositories"]
        .as_array_mut()
        .unwrap()
        .push(second);
    tenant.release("snap", &data);
    let mut seen = Vec::new();
    for _ in 0..3 {
        tenant.plan(&[]).exits(0);
        tenant.verify(&[]).exits(0);
        tenant.registry.forget_requests();
        tenant.push(&[]).exits(0);
        seen.push((release(&tenant), tenant.registry.tags()));
    }
    assert_eq!(tenant.writes(), 0);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(tags(&tenant, 0), ["r-1", "t-1785924000"]);
}

#[test]
fn the_samples_have_what_the_services_of_konflux_need() {
    let yaml = |name: &str| -> Vec<Value> {
        let path = root().join("examples/konflux").join(name);
        let text = fs::read_to_string(path).unwrap();
        text.split("\n---\n")
            .map(|one| serde_saphyr::from_str(one).unwrap())
            .collect()
    };
    let plan = &yaml("release-plan.yaml")[0];
    // With a label of its own a plan gets no default; without attribution an automatic Release has no author.
    assert_eq!(plan["metadata"]["labels"][AUTO], "true");
    assert_eq!(
        plan["metadata"]["labels"]["release.appstudio.openshift.io/standing-attribution"],
        "true"
    );
    assert!(plan["metadata"]["annotations"][AUTO].is_string());
    assert_ne!(
        plan["spec"]["tenantPipeline"]["serviceAccountName"],
        "appstudio-pipeline"
    );
    let path = plan["spec"]["tenantPipeline"]["pipelineRef"]["params"][2]["value"]
        .as_str()
        .unwrap();
    let pipeline: Value =
        serde_saphyr::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap();
    let params = pipeline["spec"]["params"].as_array().unwrap();
    for given in [
        "release",
        "releasePlan",
        "snapshot",
        "taskGitUrl",
        "taskGitRevision",
    ] {
        assert!(params.iter().any(|param| param["name"] == given), "{given}");
    }
    for role in [&yaml("role.yaml")[0], &yaml("status-role.yaml")[0]] {
        assert_eq!(
            role["rules"][0]["apiGroups"],
            json!(["appstudio.redhat.com", "konflux-ci.dev"])
        );
        for right in ["impersonate", "create", "delete", "*"] {
            assert!(!role.to_string().contains(right), "{right}");
        }
    }
    let scenario = &yaml("integration-test.yaml")[0];
    assert_eq!(scenario["apiVersion"], "appstudio.redhat.com/v1beta2");
    let given = scenario["spec"]["params"].as_array().unwrap();
    assert!(
        given.iter().all(|param| param["name"] != "SNAPSHOT"),
        "the webhook refuses it"
    );
    let path = scenario["spec"]["resolverRef"]["params"][2]["value"]
        .as_str()
        .unwrap();
    let pipeline: Value =
        serde_saphyr::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap();
    for param in pipeline["spec"]["params"].as_array().unwrap() {
        let is_given = given.iter().any(|one| one["name"] == param["name"]);
        let needs = param.get("default").is_none() && param["name"] != "SNAPSHOT";
        assert!(is_given || !needs, "{}", param["name"]);
    }
    for param in given {
        assert!(
            pipeline["spec"]["params"]
                .as_array()
                .unwrap()
                .iter()
                .any(|own| own["name"] == param["name"])
        );
    }
}
