//! Resources of Konflux beside the Snapshot: which of them are read, and which are refused by their kind.

use lab::git;
use serde_json::{Value, json};

use crate::{
    harness::{Run, Workdir},
    tenant::Tenant,
};

const IMAGE: &str =
    "quay.io/acme/web@sha256:2d3c31e4ae7101d7e2e9750796b4966377ce11db991df95c77974f3c8d7fd815";

/// A resource of a tenant that is not a Snapshot.
fn resource(api: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": "acme", "namespace": "tenant"}, "spec": spec})
}

/// A scenario of either version of its API; the former one has no `resourceKind`.
fn scenario(version: &str) -> Value {
    let mut reference =
        json!({"resolver": "git", "params": [{"name": "revision", "value": "main"}]});
    if version == "v1beta2" {
        reference["resourceKind"] = json!("pipeline");
    }
    let spec = json!({"application": "shop", "resolverRef": reference,
        "contexts": [{"name": "application", "description": ""}]});
    let api = format!("appstudio.redhat.com/{version}");
    resource(&api, "IntegrationTestScenario", &spec)
}

/// Resources that have an application, components or images, and are still not what is to be released.
fn others() -> Vec<Value> {
    let members = json!({"components": [{"name": "web", "kind": "component", "componentVersion": {"name": "v1"}}]});
    let mut group = resource("appstudio.redhat.com/v1beta2", "ComponentGroup", &members);
    // The images that the next Snapshot starts from: they passed no test together.
    group["status"] = json!({"globalCandidateList": [{"name": "web", "version": "v1", "lastPromotedImage": IMAGE}]});
    let binding = json!({"application": "shop", "environment": "development", "snapshot": "snap",
        "components": [{"name": "web", "containerImage": IMAGE}]});
    let claim = json!({"writeConnectionSecretToRef": {"name": "test-secret"}});
    vec![
        scenario("v1beta1"),
        scenario("v1beta2"),
        group,
        resource(
            "appstudio.redhat.com/v1alpha1",
            "SnapshotEnvironmentBinding",
            &binding,
        ),
        resource(
            "toolchain.dev.openshift.com/v1alpha1",
            "SpaceRequest",
            &json!({"tierName": "appstudio-env"}),
        ),
        resource("eaas.konflux-ci.dev/v1alpha1", "Namespace", &claim),
        resource("ci.openshift.org/v1alpha1", "TestPlatformCluster", &claim),
    ]
}

#[test]
fn a_resource_of_another_kind_is_never_read_as_a_snapshot() {
    let dir = Workdir::new();
    let tenant = Tenant::new();
    tenant.cluster.allow_reading();
    tenant.release("snap", &json!({}));
    for other in others() {
        let kind = other["kind"].as_str().unwrap();
        dir.write("other.json", other.to_string());
        let text = format!("--snapshot={other}");
        for given in ["--snapshot=other.json", &text] {
            dir.promote(&[
                "gather-images",
                given,
                "--data-dir=.",
                "--results-dir=results",
            ])
            .exits(2)
            .says(kind)
            .says("expected Snapshot");
            assert!(!dir.exists("images.json"), "{kind}");
        }
        tenant.dir.write("data/other.json", other.to_string());
        tenant
            .promote(&[
                "plan-release",
                "--snapshot=file:other.json",
                "--release-plan=k8s:plan",
                "--service-account=account",
            ])
            .exits(2)
            .says(kind);
    }
    // The same members in a Snapshot are read.
    let web = tenant.component("web", &tenant.image("web", "1"));
    let snapshot = tenant.snapshot("snap", &[web]);
    let text = format!("--snapshot={snapshot}");
    tenant.promote(&["gather-images", &text]).exits(0);
}

/// The drop-in for `ec` reads what upstream reads, says so, and judges every image that is listed.
#[test]
fn ec_reads_a_resource_of_another_kind_and_passes_nothing_by_it() {
    let dir = Workdir::new();
    let tenant = Tenant::new();
    let web = tenant.image("web", "1");
    let signed = tenant.signed("web", "2");
    let key = dir.write("cosign.pub", tenant.key.public_pem());
    let validate = |document: &Value| {
        dir.write("other.json", document.to_string());
        dir.promote(&[
            "ec",
            "validate",
            "image",
            "--images=other.json",
            "--policy={\"sources\":[]}",
            &format!("--public-key={}", key.display()),
            "--ignore-rekor",
        ])
    };
    for other in others() {
        let kind = other["kind"].as_str().unwrap().to_owned();
        let run = validate(&other);
        assert_ne!(run.code, 0, "{kind}: {}", run.stdout);
        run.says(&kind)
            .says("is read as a Snapshot, as upstream does");
    }
    // What upstream would pass by another kind is judged in the same way.
    let binding = |image| {
        let components = json!([{"name": "web", "containerImage": tenant.reference(image)}]);
        resource(
            "appstudio.redhat.com/v1alpha1",
            "SnapshotEnvironmentBinding",
            &json!({"application": "shop", "components": components}),
        )
    };
    validate(&binding(&web)).exits(1);
    validate(&binding(&signed)).exits(0);
}

#[test]
fn a_claim_of_an_environment_is_not_deployed_into_one() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "quay.io/acme/web:v1"}]}});
    let snapshot = json!({"components": [{"name": "web", "containerImage": IMAGE}]});
    let flags = [
        "render",
        "--snapshot=snapshot.json",
        "--dir=app",
        "--out=out",
        "--results-dir=results",
    ];
    for kind in [
        "SpaceRequest",
        "SnapshotEnvironmentBinding",
        "TestPlatformCluster",
        "Namespace",
    ] {
        let dir = Workdir::new();
        dir.write("snapshot.json", snapshot.to_string());
        dir.write("app/pod.yaml", pod.to_string());
        let claim = others()
            .into_iter()
            .find(|other| other["kind"] == kind)
            .unwrap();
        dir.write("app/claim.yaml", claim.to_string());
        let run = dir.promote(&flags).exits(2).says(&format!("{kind}/acme"));
        if kind != "Namespace" {
            run.says("the Pipeline test-snapshot makes");
        }
        assert!(!dir.exists("out"));
        let skip = format!("--skip-kinds={kind}");
        dir.promote(&[&flags[..], &[skip.as_str()]].concat())
            .exits(0);
        assert!(dir.read("out/pod.yaml").contains(IMAGE));
    }
}

const RULES: &str = r#"package cve

import rego.v1

allowed if {
	some prefix in data.rule_data__configuration__.allowed_registry_prefixes
	startswith(input.image.ref, prefix)
}

# METADATA
# title: Blockers
# description: Refuses every image.
# custom:
#   short_name: cve_blockers
#   collections: [slsa3]
deny contains {"code": "cve.cve_blockers", "msg": "a blocker"} if true

# METADATA
# title: Registry
# description: The image is in a known registry.
# custom:
#   short_name: registry
#   collections: [slsa3]
deny contains {"code": "cve.registry", "msg": "another registry"} if not allowed
"#;

const TESTS: &str = r#"package test

import rego.v1

# METADATA
# title: Tests
# description: Refuses one test by its name.
# custom:
#   short_name: no_failed_tests
#   collections: [slsa3]
deny contains {"code": "test.no_failed_tests", "msg": "it failed", "term": "unit"} if true

# METADATA
# title: Elsewhere
# description: Belongs to no collection.
# custom:
#   short_name: elsewhere
deny contains {"code": "test.elsewhere", "msg": "not in the collection"} if true
"#;

/// The policy of a managed namespace, with an exception for components.
struct Exception<'a> {
    tenant: &'a Tenant,
    rules: String,
}

impl Exception<'_> {
    fn write(&self, until: &str, names: &[&str], exclude: &Value) {
        let prefix = format!("{}/", self.tenant.registry.address());
        let spec = json!({"publicKey": "k8s://openshift-pipelines/public-key", "sources": [{
            "name": "release", "policy": [self.rules],
            "ruleData": {"allowed_registry_prefixes": [prefix]},
            "config": {"include": ["@slsa3"], "exclude": exclude},
            "volatileConfig": {"exclude": [
                {"value": "cve.cve_blockers", "effectiveUntil": until, "componentNames": names}]}}]});
        let policy = resource(
            "appstudio.redhat.com/v1alpha1",
            "EnterpriseContractPolicy",
            &spec,
        );
        self.tenant.dir.write("ecp.yaml", policy.to_string());
        self.tenant.cluster.put(policy);
    }

    fn verify(&self, policy: &str) -> Run {
        let tenant = self.tenant;
        let token = tenant.dir.read("account/token");
        let [(_, host), (_, port)] = tenant.cluster.env();
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("https://{host}:{port}"),
                "certificate-authority": tenant.dir.path("account/ca.crt")}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "tenant"}}]});
        let kubeconfig = tenant.dir.write("kubeconfig", config.to_string());
        let policy = format!("--policy={policy}");
        let flags = [
            "verify-ec",
            &policy,
            "--public-key=cosign.pub",
            "--ignore-rekor",
            "--data-dir=data",
            "--results-dir=results",
        ];
        let mut command = tenant.dir.command();
        Run::of(
            command
                .env("KUBECONFIG", kubeconfig)
                .args(flags)
                .output()
                .unwrap(),
        )
    }
}

#[test]
fn an_exception_for_a_component_is_for_that_component_alone() {
    let tenant = Tenant::new();
    let front = tenant.component("front", &tenant.signed("front", "1"));
    let back = tenant.component("back", &tenant.signed("back", "1"));
    let mut snapshot = tenant.snapshot("snap", &[front, back]);
    snapshot["metadata"]["labels"] = json!({"test.appstudio.openshift.io/type": "component",
        "appstudio.openshift.io/component": "front"});
    tenant.cluster.put(snapshot);
    tenant.cluster.allow_reading();
    // One component is released, both are judged.
    let mut data = tenant.mapping(&["front", "back"], &["released"]);
    data["singleComponentMode"] = json!(true);
    tenant.release("snap", &data);
    tenant.plan(&[]).exits(0);
    let git = git::GitServer::start(None).unwrap();
    let repository = git.repository("acme/policy").unwrap();
    let files = [("rules/cve.rego", RULES), ("rules/test.rego", TESTS)];
    let commit = repository.commit("main", "rules", &files).unwrap();
    let rules = format!("git::{}//rules?ref={commit}", git.url("acme/policy"));
    let policy = Exception {
        tenant: &tenant,
        rules,
    };
    let unit = json!(["test.no_failed_tests:unit"]);
    let (later, over) = ("2098-12-31T00:00:00Z", "2020-12-31T00:00:00Z");
    for (until, names, exclude, code) in [
        (later, &["front", "back"][..], &unit, 0),
        (later, &["front"], &unit, 4),
        (over, &["front", "back"], &unit, 4),
        (
            later,
            &["front", "back"],
            &json!(["test.no_failed_tests:e2e"]),
            4,
        ),
    ] {
        policy.write(until, names, exclude);
        for named in ["ecp.yaml", "k8s://tenant/acme", "k8s://acme", "tenant/acme"] {
            policy.verify(named).exits(code);
        }
        if names == ["front"] {
            // What is left is the blocker of the other component.
            policy
                .verify("ecp.yaml")
                .exits(4)
                .prints("Violations: 1,")
                .says("back has 1 violation: cve.cve_blockers");
        }
    }
    policy.verify("tenant/gone").exits(2);
}
