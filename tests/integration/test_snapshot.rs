//! The Pipelines for Snapshots, run by the lab's runner: promote itself is real, kubectl, helm and git are functions
//! that record what they would be called with.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use lab::tekton::{Call, Fate, Run, Status, UID};
use serde_json::{Value, json};

use crate::{docs::root, interop::tool, tenant::Tenant};

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

/// A test Task of a user.
const TEST: &str = "apiVersion: tekton.dev/v1
kind: Task
metadata: {name: e2e}
spec:
  params:
  - {name: SNAPSHOT}
  - {name: namespace}
  - {name: kubeconfig-secret}
  steps:
  - name: test
    image: registry.example.com/test:1
    command: [run-tests]
    args: ['--namespace=$(params.namespace)']
";

/// In place of the Task of openshift/konflux-tasks, with its params and results.
const PROVISION: &str = "apiVersion: tekton.dev/v1
kind: Task
metadata: {name: provision-ephemeral-cluster}
spec:
  params:
  - {name: ownerKind}
  - {name: ownerName}
  - {name: ownerUid}
  - {name: workflow}
  - {name: clusterProfile}
  - {name: clusterClaim}
  - {name: releases}
  results:
  - {name: secretRef}
  steps:
  - name: provision
    image: registry.example.com/oc:1
    command: [provision]
    args: ['$(results.secretRef.path)', '$(context.taskRun.name)', '$(params.ownerUid)']
";

const KUSTOMIZATION: &str = "resources:
- deployment.yaml
";

fn deployment(names: &[&str]) -> String {
    let one = |name: &&str| {
        format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  template:
    spec:
      containers:
      - name: {name}
        image: builds/{name}:old
---
"
        )
    };
    names.iter().map(one).collect()
}

fn tasks(names: &[&str], pipeline: &str) -> Vec<PathBuf> {
    let tasks = names.iter().map(|name| format!("tasks/{name}/{name}.yaml"));
    let all = tasks.chain([pipeline.to_owned()]);
    all.map(|path| root().join(path)).collect()
}

/// The calls, in order.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    fn add(&self, call: &Call<'_>) {
        call.say(&call.line()).unwrap();
        self.0.lock().unwrap().push(call.line());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn has(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }
}

/// How the programs of others behave.
#[derive(Clone, Copy, Default)]
struct Behaviour {
    /// The beginning of the call that fails.
    fails: &'static str,
    /// The task after which the run is cancelled.
    cancelled_after: &'static str,
    helm: bool,
    cluster: bool,
}

struct Outcome {
    status: Status,
    calls: Calls,
    /// The files that kubectl or helm was called with.
    applied: Arc<Mutex<String>>,
    digests: Vec<String>,
}

impl Outcome {
    fn output(&self) -> Value {
        let task = self.status.task("test-output").unwrap();
        serde_json::from_str(task.result("TEST_OUTPUT").unwrap()).unwrap()
    }

    #[track_caller]
    fn cleaned_up(&self) {
        let cleanup = self.status.task("cleanup").unwrap();
        assert_eq!(cleanup.fate, Fate::Succeeded, "{}", cleanup.log());
        let by_name = format!("kubectl delete namespace snapshot-test-{UID} ");
        let by_label =
            format!("kubectl delete namespace --selector=test-snapshot/pipeline-run-uid={UID} ");
        assert!(
            self.calls.has(&by_name) && self.calls.has(&by_label),
            "{:?}",
            self.calls.lines()
        );
    }
}

/// All files below a directory as one text.
fn files(dir: &Path, all: &mut String) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files(&path, all),
            false => all.push_str(&fs::read_to_string(&path).unwrap()),
        }
    }
}

/// Writes the directory to deploy: a chart, or a kustomization.
fn check_out(dir: &Path, helm: bool) {
    fs::create_dir_all(dir.join("templates")).unwrap();
    if helm {
        let chart = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";
        fs::write(dir.join("Chart.yaml"), chart).unwrap();
        let values = "web: {image: 'builds/web:old'}\napi: {image: 'builds/api:old'}\n";
        fs::write(dir.join("values.yaml"), values).unwrap();
    } else {
        fs::write(dir.join("kustomization.yaml"), KUSTOMIZATION).unwrap();
        fs::write(dir.join("deployment.yaml"), deployment(&["web", "api"])).unwrap();
    }
}

fn run(tenant: &Tenant, behaviour: Behaviour) -> Outcome {
    let (web, api) = (tenant.image("web", "1"), tenant.image("api", "1"));
    let components = [tenant.component("web", &web), tenant.component("api", &api)];
    let snapshot = tenant.snapshot("snap", &components);
    let calls = Calls::default();
    let applied = Arc::new(Mutex::new(String::new()));
    let name = match behaviour.cluster {
        true => "test-snapshot-on-cluster",
        false => "test-snapshot",
    };
    let pipeline = format!("pipelines/test-snapshot/{name}.yaml");
    let files_of_run = tasks(&["gather-images", "render", "test-output"], &pipeline);
    let (recorded, seen) = (calls.clone(), Arc::clone(&applied));
    let other = move |call: &Call<'_>| {
        recorded.add(call);
        if !behaviour.fails.is_empty() && call.line().starts_with(behaviour.fails) {
            return Err(io::Error::other("it fails").into());
        }
        let behind = |flag: &str| call.arguments.iter().find_map(|arg| arg.strip_prefix(flag));
        let path = behind("--kustomize=").or_else(|| behind("--filename="));
        let chart = (call.program == "helm")
            .then(|| call.arguments.get(3).map(String::as_str))
            .flatten();
        if let Some(dir) = path.or(chart) {
            files(Path::new(dir), &mut seen.lock().unwrap());
            if call.program == "kubectl" && path.is_some() {
                kubectl_builds(Path::new(dir), &seen);
            }
        }
        Ok(())
    };
    let (recorded, helm) = (calls.clone(), behaviour.helm);
    let git = move |call: &Call<'_>| {
        recorded.add(call);
        if call.arguments.iter().any(|arg| arg == "checkout") {
            check_out(&Path::new(&call.arguments[1]).join("overlays/test"), helm);
        }
        Ok(())
    };
    let recorded = calls.clone();
    let provision = move |call: &Call<'_>| {
        recorded.add(call);
        if behaviour.fails == "provision" {
            return Err(io::Error::other("it fails").into());
        }
        fs::write(&call.arguments[0], "cluster-secret").unwrap();
        Ok(())
    };
    let mut run = Run::new(files_of_run)
        .promote(PROMOTE)
        .program("kubectl", other.clone())
        .program("helm", other.clone())
        .program("run-tests", other)
        .program("git", git)
        .program("provision", provision)
        .resolved("test", TEST)
        .param("SNAPSHOT", snapshot["spec"].to_string())
        .param("source-url", "https://git.invalid/shop-gitops")
        .param("dir", "overlays/test")
        .param("test-url", "https://git.invalid/shop")
        .param("test-path", "tests/task.yaml")
        .param("git-image", "git")
        .param("kubectl-image", "kubectl")
        .param("helm-image", "helm")
        .param("maps", "web=builds/web")
        .param("maps", "api=builds/api")
        .workspace("docker-config", tenant.dir.path("docker"))
        .workspace("data", tenant.dir.path("data"));
    if behaviour.cluster {
        let secret = tenant.dir.path("cluster-secret");
        fs::create_dir_all(&secret).unwrap();
        fs::write(secret.join("kubeconfig"), "apiVersion: v1").unwrap();
        run = run
            .resolved("provision-cluster", PROVISION)
            .param("workflow", "none")
            .secret("cluster-secret", secret);
    }
    if !behaviour.cancelled_after.is_empty() {
        run = run.cancel_after(behaviour.cancelled_after);
    }
    Outcome {
        status: run.run().unwrap(),
        calls,
        applied,
        digests: vec![web.digest, api.digest],
    }
}

/// Lets the real kubectl read the directory, where it is installed.
fn kubectl_builds(dir: &Path, seen: &Mutex<String>) {
    let (program, first) = match (tool("kubectl"), tool("kustomize")) {
        (Some(program), _) => (program, "kustomize"),
        (None, Some(program)) => (program, "build"),
        (None, None) => return,
    };
    let output = Command::new(program).arg(first).arg(dir).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("@sha256:").count(), 2, "{text}");
    assert_eq!(
        text.matches(&format!("namespace: snapshot-test-{UID}"))
            .count(),
        2,
        "{text}"
    );
    seen.lock().unwrap().push_str(&text);
}

#[test]
fn every_digest_is_deployed_tested_and_removed() {
    for helm in [false, true] {
        let tenant = Tenant::new();
        let outcome = run(
            &tenant,
            Behaviour {
                helm,
                ..Behaviour::default()
            },
        );
        let failed = outcome.status.failed_task().map(|task| task.log());
        assert!(
            outcome.status.succeeded,
            "{}: {failed:?}",
            outcome.status.message
        );
        let applied = outcome.applied.lock().unwrap();
        for digest in &outcome.digests {
            assert!(
                applied.contains(&format!("@{digest}")),
                "{digest} in\n{applied}"
            );
        }
        assert!(!applied.contains(":old"), "{applied}");
        outcome.cleaned_up();
        assert!(
            outcome
                .calls
                .has(&format!("run-tests --namespace=snapshot-test-{UID}"))
        );
        let output = outcome.output();
        assert_eq!(output["result"], "SUCCESS");
        assert_eq!(output["failures"], 0);
        // A namespace is deployed before it is cleaned up.
        let lines = outcome.calls.lines();
        let at = |text: &str| {
            lines
                .iter()
                .position(|line| line.starts_with(text))
                .unwrap()
        };
        assert!(at("kubectl create namespace") < at("kubectl label"));
        assert!(at("run-tests") < at("kubectl delete namespace"));
    }
}

#[test]
fn cleanup_runs_whatever_failed() {
    for (fails, failed, result) in [
        ("run-tests", "test", "FAILURE"),
        ("kubectl apply", "deploy-kustomize", "FAILURE"),
        ("kubectl rollout status statefulset", "rollout", "FAILURE"),
        ("kubectl label", "provision", "FAILURE"),
        ("kubectl create", "provision", "FAILURE"),
    ] {
        let tenant = Tenant::new();
        let outcome = run(
            &tenant,
            Behaviour {
                fails,
                ..Behaviour::default()
            },
        );
        assert!(!outcome.status.succeeded, "{fails}");
        assert_eq!(
            outcome.status.task(failed).unwrap().fate,
            Fate::Failed,
            "{fails}"
        );
        outcome.cleaned_up();
        let output = outcome.output();
        assert_eq!(output["result"], result, "{output}");
        assert!(
            output["note"].as_str().unwrap().contains(failed),
            "{output}"
        );
        accepted(&output);
    }
}

#[test]
fn cleanup_runs_after_a_cancelled_run() {
    for cancelled_after in ["provision", "rollout"] {
        let tenant = Tenant::new();
        let outcome = run(
            &tenant,
            Behaviour {
                cancelled_after,
                ..Behaviour::default()
            },
        );
        assert_eq!(outcome.status.reason, "Cancelled");
        assert!(!outcome.calls.has("run-tests"));
        outcome.cleaned_up();
        let output = outcome.output();
        assert_eq!(output["result"], "ERROR", "{output}");
        accepted(&output);
    }
}

#[test]
fn a_cluster_is_given_back_also_when_making_it_failed() {
    for fails in ["", "provision", "run-tests"] {
        let tenant = Tenant::new();
        let outcome = run(
            &tenant,
            Behaviour {
                cluster: true,
                fails,
                ..Behaviour::default()
            },
        );
        assert_eq!(
            outcome.status.succeeded,
            fails.is_empty(),
            "{fails}: {}",
            outcome.status.message
        );
        let claim = format!("{}-provision-cluster", outcome.status.name);
        let deleted = format!("kubectl delete testplatformclusters.ci.openshift.org {claim} ");
        assert!(outcome.calls.has(&deleted), "{:?}", outcome.calls.lines());
        assert!(outcome.calls.has("\"tearDownCluster\":true"));
        assert_eq!(
            outcome.status.task("cleanup").unwrap().fate,
            Fate::Succeeded
        );
        // The claim is named after the TaskRun that makes it.
        assert!(
            outcome.calls.has(&format!("{claim} {UID}")),
            "{:?}",
            outcome.calls.lines()
        );
        accepted(&outcome.output());
    }
}

/// Checks what the integration service of Konflux demands of TEST_OUTPUT.
fn accepted(output: &Value) {
    let results = ["SUCCESS", "FAILURE", "WARNING", "SKIPPED", "ERROR"];
    assert!(
        results.contains(&output["result"].as_str().unwrap()),
        "{output}"
    );
    for count in ["successes", "failures", "warnings"] {
        assert!(output[count].is_u64(), "{count} of {output}");
    }
    let time = output["timestamp"].as_str().unwrap();
    assert!(
        time.len() == 10 && time.bytes().all(|b| b.is_ascii_digit()),
        "{output}"
    );
}

#[test]
fn what_is_not_a_status_is_not_a_test_result() {
    let tenant = Tenant::new();
    for (tasks, code) in [
        (&["test=Succeeded"][..], 0),
        (&["test=Success"], 2),
        (&["test=$(tasks.test.status)"], 2),
        (&["other=Succeeded"], 2),
        (&[], 2),
    ] {
        let own = ["test-output", "--required=test", "--"];
        let run = tenant.dir.promote(&[&own, tasks].concat()).exits(code);
        if code == 0 {
            accepted(&serde_json::from_str(&run.stdout).unwrap());
        }
    }
}

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
