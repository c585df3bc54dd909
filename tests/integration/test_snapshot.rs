//! The Pipelines for Snapshots, run by the lab's runner: promote itself is real, kubectl, helm and git are functions
//! that record what they would be called with.

mod release;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use lab::tekton::{Call, Fate, Run, Status, UID};
use serde_json::Value;

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
