//! A release by the objects of a cluster: rights, results after a failure, and the patch of one key.

use lab::{
    registry::{Effect, Fault},
    signer,
};
use serde_json::{Value, json};

use crate::tenant::Tenant;

/// A tenant with two signed components and a Release of both.
fn world() -> Tenant {
    let tenant = Tenant::new();
    let (web, api) = (tenant.signed("web", "a"), tenant.signed("api", "a"));
    let components = [tenant.component("web", &web), tenant.component("api", &api)];
    tenant.snapshot("snap", &components);
    tenant.release("snap", &tenant.mapping(&["web", "api"], &["released"]));
    tenant
}

fn results(tenant: &Tenant) -> Value {
    serde_json::from_str(&tenant.dir.read("data/release-results.json")).unwrap()
}

#[test]
fn a_release_is_read_from_the_cluster_and_noted_in_it() {
    let tenant = world();
    // Without a Role the first read says what is missing.
    tenant
        .plan(&[])
        .exits(2)
        .says("may not read")
        .says("kind: RoleBinding")
        .says("name: release-sa");
    tenant.cluster.allow_reading();
    tenant.plan(&["--check-rights"]).exits(0).prints("web");
    tenant.verify(&[]).exits(0);
    tenant.push(&[]).exits(0);
    let status = [
        "release-status",
        "--patch=k8s:tenant/rel",
        "--service-account=account",
    ];
    // Without the right the Release is left alone, and the results are written.
    let before = tenant.cluster.object("releases", "rel");
    tenant
        .promote(&status)
        .exits(0)
        .says("resources: [releases/status]");
    assert_eq!(tenant.cluster.object("releases", "rel"), before);
    assert_eq!(results(&tenant)["complete"], true);
    assert_eq!(tenant.result("RELEASED"), "true");
    tenant.cluster.allow("patch releases/status");
    tenant.promote(&status).exits(0);
    let after = tenant.cluster.object("releases", "rel");
    let own = &after["status"]["artifacts"]["promote"];
    assert_eq!(
        (&own["complete"], &own["components"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(own["results"], tenant.result("RELEASE_RESULTS_DIGEST"));
    // Nothing else of the object changed.
    let mut rest = after.clone();
    rest["status"]["artifacts"]
        .as_object_mut()
        .unwrap()
        .remove("promote");
    assert_eq!(rest, before);
    assert_eq!(tenant.cluster.refused(), Vec::<String>::new());
}

#[test]
fn an_object_of_the_later_group_is_read_too() {
    let tenant = world();
    tenant.cluster.allow_reading();
    let mut snapshot = tenant.snapshot(
        "snap",
        &[tenant.component("web", &tenant.signed("web", "b"))],
    );
    tenant.cluster.remove("snapshots", "snap");
    snapshot["apiVersion"] = json!("konflux-ci.dev/v1alpha1");
    tenant.cluster.put(snapshot);
    tenant.release("snap", &tenant.mapping(&["web"], &["released"]));
    tenant.plan(&[]).exits(0);
    tenant.cluster.remove("snapshots", "snap");
    tenant
        .plan(&[])
        .exits(3)
        .says("Snapshot tenant/snap not found");
    for name in ["k8s:../x", "k8s:a/b/c", "k8s:"] {
        let flag = format!("--snapshot={name}");
        tenant
            .promote(&["plan-release", &flag, "--service-account=account"])
            .exits(2);
    }
}

#[test]
fn a_component_that_cannot_be_pushed_moves_no_tag_and_is_pending() {
    let tenant = world();
    tenant.cluster.allow_reading();
    // `released` of web exists and names an older image.
    let old = signer::push_image(&tenant.registry, "released/web", "released", "old", 1).unwrap();
    tenant.plan(&[]).exits(0);
    tenant.verify(&[]).exits(0);
    tenant
        .registry
        .fail(Fault::new(Effect::Status(500)).of("PUT", "/v2/released/api/manifests/released"));
    tenant.push(&["--allow-rollback"]).exits(5);
    assert_eq!(
        tenant.released(),
        [("web:released".to_owned(), old.digest.clone())],
        "the tag that existed is where it was, the new one is not there"
    );
    tenant
        .promote(&["release-status"])
        .exits(0)
        .prints("pending web")
        .prints("pending api");
    let found = results(&tenant);
    assert_eq!(
        found["tags"],
        json!({"released": 0, "pending": 2, "unknown": 0})
    );
    assert_eq!(found["images"][0]["tags"][0]["found"], old.digest);
    assert_eq!(tenant.result("RELEASED"), "false");
    tenant.registry.heal();
    tenant.push(&["--allow-rollback"]).exits(0);
    tenant
        .promote(&["release-status"])
        .exits(0)
        .prints("released api");
    // A second run has nothing to do.
    tenant.registry.forget_requests();
    tenant.plan(&["--check-rights"]).exits(0);
    tenant.push(&[]).exits(0);
    assert_eq!(tenant.writes(), 0);
}

#[test]
fn a_tag_that_cannot_be_read_is_neither_released_nor_pending() {
    let tenant = world();
    tenant.cluster.allow_reading();
    tenant.plan(&[]).exits(0);
    tenant.verify(&[]).exits(0);
    tenant.push(&[]).exits(0);
    tenant
        .registry
        .fail(Fault::new(Effect::Status(403)).of_reads("/v2/released/api/manifests/released"));
    tenant
        .promote(&["release-status"])
        .exits(5)
        .says("cannot be read");
    assert_eq!(results(&tenant)["tags"]["unknown"], 1);
    tenant.registry.heal();
    tenant.promote(&["release-status"]).exits(0);
    let zeros = format!("--release-digest=sha256:{}", "0".repeat(64));
    tenant.promote(&["release-status", &zeros]).exits(4);
    tenant
        .promote(&["release-status", "--release-digest="])
        .exits(2)
        .says("--release-digest");
}

#[test]
fn a_repository_without_the_right_to_push_is_found_before_the_first_write() {
    let tenant = world();
    tenant.cluster.allow_reading();
    tenant
        .registry
        .fail(Fault::new(Effect::Status(403)).of("POST", "/v2/released/api/blobs/uploads/"));
    tenant
        .plan(&["--check-rights"])
        .exits(2)
        .says("released/api")
        .says("build-pipeline-COMPONENT");
    assert!(!tenant.dir.exists("data/release.json"));
    tenant.registry.heal();
    tenant.plan(&["--check-rights"]).exits(0);
}
