//! Public forms of Snapshots, plans and admissions of Konflux, and the release of each.

use std::fs;

use serde_json::{Value, json};

use crate::{
    docs::root,
    tenant::{COMMIT, Tenant},
};

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
fn the_data_of_plan_and_admission_are_merged() {
    let tenant = two(&json!({}));
    let at = tenant.registry.address();
    let repository = |tags: &[&str]| json!([{"url": format!("{at}/released/front"), "tags": tags}]);
    let data = |public: Value, tags: &[&str]| json!({"mapping": {"components": [{"name": "front", "public": public, "repositories": repository(tags)}]}});
    tenant.release("snap", &data(json!(true), &["released", "of-plan"]));
    let mut admitted = data(json!(false), &["released", "of-admission"]);
    admitted["mapping"]["defaults"] = json!({"tags": null});
    admission(&tenant, &admitted);
    tenant.plan(&[ADMITTED, "--allow-unmapped"]).exits(0);
    assert_eq!(tags(&tenant, 0), ["of-admission", "of-plan", "released"]);
    assert_eq!(release(&tenant)["components"].as_array().unwrap().len(), 1);
    // The last object wins over a scalar, and null wins over nothing.
    let format = |format: Value| {
        json!({"mapping": {"defaults": {"timestampFormat": format, "tags": ["{{ timestamp }}"]},
            "components": [{"name": "front", "repositories": [{"url": format!("{at}/released/front")}]}]}})
    };
    tenant.release("snap", &format(json!("%Y")));
    for (of_admission, expected) in [(json!("%m"), "08"), (Value::Null, "2026")] {
        let mut image = tenant.cluster.object("snapshots", "snap");
        let dated = tenant.labelled(
            "front",
            &json!({"build-date": "2026-08-05T10:00:00Z"}),
            &json!({}),
        );
        image["spec"]["components"][0]["containerImage"] = tenant.reference(&dated).into();
        tenant.cluster.put(image);
        admission(&tenant, &format(of_admission));
        tenant.plan(&[ADMITTED, "--allow-unmapped"]).exits(0);
        assert_eq!(tags(&tenant, 0), [expected]);
    }
    let mut blocked = tenant.cluster.object("releaseplanadmissions", "adm");
    blocked["metadata"]["labels"] =
        json!({"release.appstudio.openshift.io/block-releases": "true"});
    tenant.cluster.put(blocked);
    tenant.plan(&[ADMITTED]).exits(2).says("block-releases");
}

#[test]
fn former_forms_of_a_mapping_are_read_or_refused_and_never_without_effect() {
    let tenant = two(&json!({}));
    let at = tenant.registry.address();
    let url = |name: &str| format!("{at}/released/{name}");
    let plan = |data: &Value| {
        tenant.release("snap", data);
        tenant.plan(&["--allow-unmapped"])
    };
    let of = |component: Value| json!({"mapping": {"components": [component]}});
    plan(&of(
        json!({"name": "front", "repository": url("base"), "tags": ["stream9", "c9s"]}),
    ))
    .exits(0)
    .says("deprecated");
    assert_eq!(tags(&tenant, 0), ["c9s", "stream9"]);
    // Tags of the component beside repositories have no effect upstream.
    let beside =
        json!({"name": "front", "repositories": [{"url": url("front")}], "tags": ["latest"]});
    plan(&of(beside)).exits(2).says("componentTags");
    let images = json!({"images": {"addGitShaTag": true, "floatingTags": ["latest"], "defaultTag": "x"},
        "mapping": {"components": [{"name": "front", "repositories": [{"url": url("front"), "tags": ["a"]}]}]}});
    plan(&images)
        .exits(2)
        .says("mapping.defaults.tags")
        .says("latest");
    for (component, says) in [
        (json!({"name": "front"}), "repositor"),
        (json!({"name": "front", "repositories": []}), "repositor"),
        (
            json!({"name": "front", "repositories": [{"url": url("front")}]}),
            "no tag",
        ),
        (
            json!({"name": "front", "repositories": [{"tags": ["a"]}]}),
            "url",
        ),
        (
            json!({"name": "front", "repositories": [{"url": format!("https://{}", url("front")), "tags": ["a"]}]}),
            "scheme",
        ),
        (
            json!({"name": "front", "repositories": [{"url": format!("{}:tag", url("front")), "tags": ["a"]}]}),
            "tag or digest",
        ),
        (
            json!({"name": "front", "repositories": [{"url": url("Front"), "tags": ["a"]}]}),
            "Front",
        ),
        (
            json!({"name": "front", "repositories": [{"url": "registry.redhat.io/acme/front", "tags": ["a"]}]}),
            "quay.io",
        ),
        (
            json!({"name": "front", "componentTag": ["a"], "repositories": [{"url": url("front"), "tags": ["a"]}]}),
            "componentTags",
        ),
        (
            json!({"name": "front", "containerImage": "x", "repositories": [{"url": url("front"), "tags": ["a"]}]}),
            "containerImage",
        ),
        (
            json!({"name": "front", "source": {}, "repositories": [{"url": url("front"), "tags": ["a"]}]}),
            "source",
        ),
        (
            json!({"name": "front", "pushSourceContainer": true, "repositories": [{"url": url("front"), "tags": ["a"]}]}),
            "pushSourceContainer",
        ),
    ] {
        plan(&of(component)).exits(2).says(says);
    }
    let off = json!({"name": "front", "pushSourceContainer": false, "repositories": [{"url": url("front"), "tags": ["latest", "{{ git_sha }}"]}]});
    plan(&of(off)).exits(0);
    assert_eq!(tags(&tenant, 0), [COMMIT, "latest"]);
    // A host without a dot and one with a port are hosts.
    let hosts = json!({"name": "front", "repositories": [
        {"url": "registry-service.kind-registry/released-front", "tags": ["a"]}, {"url": "localhost:5001/x", "tags": ["a"]}]});
    plan(&of(hosts)).exits(0);
}

#[test]
fn members_of_other_pipelines_are_named_once_and_ignored() {
    let tenant = two(&json!({}));
    let mut data = tenant.mapping(&["front", "back"], &["1"]);
    data["mapping"]["registrySecret"] = json!("push-secret");
    data["mapping"]["defaults"] =
        json!({"public": false, "contentGateway": {"productName": "Acme"}});
    data["mapping"]["components"][0]["staged"] =
        json!({"files": [{"filename": "a-{{ git_short_sha }}.tgz"}]});
    data["mapping"]["components"][1]["starmap"] = json!([]);
    tenant.release("snap", &data);
    let run = tenant.plan(&[]).exits(0);
    let notices = run.stderr.lines().filter(|line| line.contains("ignored"));
    assert_eq!(notices.count(), 1, "{}", run.stderr);
    for member in [
        "contentGateway",
        "staged",
        "starmap",
        "public",
        "registrySecret",
    ] {
        assert!(run.stderr.contains(member), "{member}: {}", run.stderr);
    }
    assert_eq!(release(&tenant)["components"].as_array().unwrap().len(), 2);
}

#[test]
fn templates_are_filled_once_and_checked_before_the_first_write() {
    let tenant = Tenant::new();
    let labels = json!({"version": "1.4.2", "build-date": "2026-08-05T10:00:00Z", "empty": "", "evil": "{{ git_sha }}",
        "loop": "{{ labels.loop }}", "plus": "1.0+b", "dash": "-x", "newline": "a\nb"});
    let image = tenant.labelled(
        "front",
        &labels,
        &json!({"org.opencontainers.image.version": "1.4.2+b3"}),
    );
    tenant.snapshot("snap", &[tenant.component("front", &image)]);
    tenant.cluster.allow_reading();
    for tag in [
        "v1.4.2-1",
        "v1.4.2-7",
        "v1.4.2-x",
        "v1x4x2-99",
        "v1.4.2-1234567",
    ] {
        lab::signer::push_image(&tenant.registry, "released/front", tag, tag, 1).unwrap();
    }
    let mut data = tenant.mapping(
        &["front"],
        &[
            "{{ labels.version }}-{{ timestamp }}",
            "v{{ labels.version }}-{{incrementer}}",
        ],
    );
    data["mapping"]["defaults"] = json!({"tags": ["released"], "timestampFormat": "%s"});
    data["mapping"]["components"][0]["timestampFormat"] = json!("%Y%m%d");
    data["mapping"]["components"][0]["componentTags"] =
        json!(["{{ git_short_sha }}", "{{ oci_version }}"]);
    tenant.release("snap", &data);
    tenant.plan(&[]).exits(0);
    assert_eq!(
        tags(&tenant, 0),
        [
            "1.4.2-20260805",
            "1.4.2_b3",
            "1f2e3d4",
            "released",
            "v1.4.2-8"
        ]
    );
    tenant.registry.forget_requests();
    let long = "a".repeat(129);
    for template in [
        "-released",
        ".released",
        long.as_str(),
        "{{ nosuch }}",
        "{{ labels.absent }}",
        "{{ labels.empty }}",
        "{{ labels.evil }}",
        "{{ labels.loop }}",
        "{{ labels.plus }}",
        "{{ labels.dash }}",
        "{{ labels.newline }}",
        "rel eased",
        "{{ git_sha",
        "git_sha }}x{{",
        "",
        "{{ }}",
        "{{ incrementer }}-{{ incrementer }}",
        "a/b",
        "é",
    ] {
        tenant.release("snap", &tenant.mapping(&["front"], &[template]));
        tenant.plan(&[]).exits(2).says("front");
        assert!(!tenant.dir.exists("data/release.json"), "{template}");
    }
    assert_eq!(tenant.writes(), 0);
    // 128 characters and capitals are a tag.
    let longest = "A".repeat(128);
    tenant.release("snap", &tenant.mapping(&["front"], &[&longest]));
    tenant.plan(&[]).exits(0);
}

#[test]
fn components_without_an_entry_and_entries_without_one_are_named() {
    let tenant = two(&json!({}));
    tenant.release("snap", &tenant.mapping(&["front", "ghost"], &["released"]));
    tenant.plan(&[]).exits(2).says("back").says("ghost");
    tenant.plan(&["--allow-unmapped"]).exits(0).says("left out");
    assert_eq!(release(&tenant)["leftOut"], json!(["back"]));
    for data in [
        json!({}),
        json!({"mapping": null}),
        json!({"mapping": {}}),
        json!({"mapping": {"components": []}}),
    ] {
        tenant.release("snap", &data);
        tenant
            .plan(&["--allow-unmapped"])
            .exits(2)
            .says("nothing would be released");
    }
    // One tag of one repository for two images.
    let at = tenant.registry.address();
    let one = |name: &str| json!({"name": name, "repositories": [{"url": format!("{at}/released/both"), "tags": ["released"]}]});
    tenant.release(
        "snap",
        &json!({"mapping": {"components": [one("front"), one("back")]}}),
    );
    tenant.plan(&[]).exits(2).says("released/both:released");
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
fn a_retry_gives_the_tags_of_the_first_run() {
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
