//! The mapping: merged data, former forms, templates, and components without an entry.

use serde_json::{Value, json};

use super::{ADMITTED, admission, release, tags, two};
use crate::tenant::{COMMIT, Tenant};

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
            json!({"name": "front", "pushSourceContainer": "yes", "repositories": [{"url": url("front"), "tags": ["a"]}]}),
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
