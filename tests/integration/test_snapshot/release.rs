//! The Pipelines that release a Snapshot, and the list that is written as one.

use lab::tekton::{Fate, Run, Status};
use serde_json::{Value, json};

use super::{PROMOTE, tasks};
use crate::tenant::Tenant;

/// Runs the release of a tenant in the runner.
fn release(tenant: &Tenant, sharded: bool) -> Status {
    let name = match sharded {
        true => "push-to-registry-in-shards",
        false => "push-to-registry",
    };
    let names: &[&str] = match sharded {
        true => &[
            "plan-release",
            "verify-shard",
            "merge-verdicts",
            "push-snapshot",
            "release-status",
        ],
        false => &[
            "plan-release",
            "verify-ec",
            "push-snapshot",
            "release-status",
        ],
    };
    let pipeline = format!("pipelines/push-to-registry/{name}.yaml");
    let mut run = Run::new(tasks(names, &pipeline))
        .promote(PROMOTE)
        .env("SOURCE_DATE_EPOCH", "1767322000")
        .service_account(tenant.dir.path("account"))
        .param("release", "tenant/rel")
        .param("releasePlan", "tenant/plan")
        .param("snapshot", "tenant/snap")
        // The release service passes these too.
        .param("taskGitUrl", "https://git.invalid/promote")
        .param(
            "taskGitRevision",
            "1f2e3d4c1f2e3d4c1f2e3d4c1f2e3d4c1f2e3d4c",
        )
        .param("policy", tenant.dir.path("rules").display().to_string())
        .param("public-key", tenant.key.public_pem())
        .param("ignore-rekor", "true")
        .workspace("docker-config", tenant.dir.path("docker"))
        .workspace("data", tenant.dir.path("data"));
    for (name, value) in tenant.cluster.env() {
        run = run.env(name, value);
    }
    run.run().unwrap()
}

fn tenant_with_release(names: &[&str]) -> Tenant {
    let tenant = Tenant::new();
    let rules = tenant.dir.read("policy/release.rego");
    tenant.dir.write(
        "rules/release.rego",
        rules.replace("to_number(data.rule_data__configuration__.least)", "2"),
    );
    let components: Vec<_> = names
        .iter()
        .map(|name| tenant.component(name, &tenant.signed(name, "1")))
        .collect();
    tenant.snapshot("snap", &components);
    tenant.release(
        "snap",
        &tenant.mapping(names, &["released", "{{ git_short_sha }}"]),
    );
    tenant.cluster.allow_reading();
    tenant.cluster.allow("patch releases/status");
    tenant
}

#[test]
fn the_shipped_release_runs_whole_and_in_shards() {
    for sharded in [false, true] {
        let tenant = tenant_with_release(&["web", "api", "db"]);
        let status = release(&tenant, sharded);
        let log = status
            .failed_task()
            .map(|task| format!("{}: {}", task.name, task.log()));
        assert!(
            status.succeeded,
            "{}: {}",
            status.message,
            log.unwrap_or_default()
        );
        assert_eq!(tenant.released().len(), 6);
        let object = tenant.cluster.object("releases", "rel");
        assert_eq!(
            object["status"]["artifacts"]["promote"]["complete"],
            json!(true)
        );
        assert_eq!(
            object["status"]["artifacts"]["theirs"],
            json!({"kept": true})
        );
        assert_eq!(tenant.cluster.refused(), Vec::<String>::new());
        // A retry, as the release service makes them, writes nothing.
        let before = tenant.released();
        tenant.registry.forget_requests();
        assert!(release(&tenant, sharded).succeeded);
        assert_eq!((tenant.released(), tenant.writes()), (before, 0));
    }
}

#[test]
fn a_release_that_is_refused_says_so_in_its_results() {
    let tenant = tenant_with_release(&["web", "api"]);
    let bad = tenant.component("web", &tenant.image("web", "unsigned"));
    tenant.snapshot(
        "snap",
        &[bad, tenant.component("api", &tenant.signed("api", "1"))],
    );
    for sharded in [false, true] {
        let status = release(&tenant, sharded);
        assert!(!status.succeeded);
        assert!(tenant.released().is_empty());
        let recorded = status.task("release-status").unwrap();
        assert_eq!(recorded.fate, Fate::Succeeded, "{}", recorded.log());
        assert_eq!(recorded.result("RELEASED"), Some("false"));
        let object = tenant.cluster.object("releases", "rel");
        assert_eq!(
            object["status"]["artifacts"]["promote"]["tags"]["pending"],
            4
        );
    }
}

#[test]
fn an_integration_test_names_its_snapshot() {
    let tenant = Tenant::new();
    let web = tenant.component("web", &tenant.image("web", "1"));
    let snapshot = tenant.snapshot("snap", &[web]);
    let gather = |text: &str| {
        let flag = format!("--snapshot={text}");
        tenant.promote(&["gather-images", &flag, "--service-account=account"])
    };
    gather("snap")
        .exits(2)
        .says("may not read")
        .says("kind: Role");
    tenant.cluster.allow_reading();
    for text in ["snap", "tenant/snap", "k8s:snap", "k8s:tenant/snap"] {
        gather(text).exits(0).prints("web ");
        assert_eq!(tenant.result("IMAGES_COUNT"), "1");
    }
    gather(&snapshot["spec"].to_string()).exits(0);
    gather(&snapshot.to_string()).exits(0);
    gather("gone").exits(3);
    for wrong in ["no such name", "a/b/c", "k8s:UPPER", "k8s:", "../snap"] {
        gather(wrong).exits(2);
    }
    // A Snapshot that a garbage collector removed is not found, and a file of its content still is.
    tenant.cluster.remove("snapshots", "snap");
    gather("snap").exits(3);
    tenant.dir.write("data/kept.json", snapshot.to_string());
    gather("file:kept.json").exits(0);
    assert_eq!(tenant.cluster.refused(), Vec::<String>::new());
}

#[test]
fn a_list_is_written_as_a_snapshot_and_as_an_artifact() {
    let tenant = Tenant::new();
    let web = tenant.component("web", &tenant.signed("web", "1"));
    let snapshot = json!({"components": [web]}).to_string();
    let given = format!("--snapshot={snapshot}");
    let emit = ["gather-images", &given, "--emit=snapshot"];
    tenant.promote(&emit).exits(2).says("--application");
    let run = tenant
        .promote(&[&emit[..], &["--application=shop"]].concat())
        .exits(0);
    let resource: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(resource["metadata"]["generateName"], "shop-");
    assert_eq!(
        resource["metadata"]["labels"]["test.appstudio.openshift.io/type"],
        "override"
    );
    assert_eq!(resource["spec"]["components"], json!([web]));
    // It is a Snapshot for this program too, without a name.
    tenant.dir.write("data/emitted.json", &run.stdout);
    tenant
        .promote(&["gather-images", "--snapshot=file:emitted.json"])
        .exits(0);
    let to = format!("--images-artifact={}/lists/shop", tenant.registry.address());
    tenant.promote(&["gather-images", &given, &to]).exits(0);
    let pointer = tenant.result("IMAGES_TO_VERIFY");
    assert!(
        pointer.starts_with("oci:") && pointer.contains("@sha256:"),
        "{pointer}"
    );
    let digest = format!("--images-digest={}", tenant.result("IMAGES_DIGEST"));
    let images = format!("--images={pointer}");
    tenant.verify(&[&images, &digest]).exits(0);
    let zeros = format!("--images-digest=sha256:{}", "0".repeat(64));
    tenant.verify(&[&images, &zeros]).exits(4);
    let gone = format!(
        "--images={}{}",
        &pointer[..pointer.len() - 64],
        "0".repeat(64)
    );
    tenant.verify(&[&gone]).exits(3);
    let image = format!(
        "--images=oci:{}",
        tenant.reference(&tenant.image("web", "1"))
    );
    tenant
        .verify(&[&image])
        .exits(2)
        .says("not a list of images");
}
