//! The Pipelines with the params of other catalogues, run by the lab's runner, and bundles of what is shipped.

use std::{fs, path::PathBuf};

use lab::{
    registry::{Options, Server},
    signer,
    tekton::{Fate, Run, git_clone},
    universe::{STAGING, Universe},
};
use serde_json::Value;

use crate::{
    docs::root,
    harness::{Workdir, deployment_patch},
};

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

fn files(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| root().join(name)).collect()
}

#[test]
fn a_tag_comes_to_its_environment_with_the_workshops_params() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    // The build tags the image with the commit.
    signer::push_image(&universe.registry, STAGING, &universe.commit, "honest", 3).unwrap();
    let data = tempfile::tempdir().unwrap();
    let run = || {
        Run::new(files(&[
            "tasks/extract-tag/extract-tag.yaml",
            "tasks/gather-images/gather-images.yaml",
            "tasks/verify-ec/verify-ec.yaml",
            "tasks/copy-image/copy-image.yaml",
            "tasks/update-deployment/update-deployment.yaml",
            "pipelines/promote-to-stage/promote-to-stage.yaml",
        ]))
        .promote(PROMOTE)
        .env("SOURCE_DATE_EPOCH", "1767322000")
        .param("source-image", universe.staging())
        .param("source-image-tag", &universe.commit)
        .param("revision", &universe.commit)
        .param("git-url", universe.source_page())
        .param("target-branch", "refs/tags/v1.0")
        .param("environment", "prod")
        .param("ec-policy-configuration", universe.policy_url())
        .param(
            "ec-public-key",
            fs::read_to_string(universe.public_key()).unwrap(),
        )
        .param("ec-ignore-rekor", "true")
        .workspace("workspace", data.path())
        .workspace("git-auth", universe.credentials())
    };
    let status = run().run().unwrap();
    let log = status.failed_task().map(|task| task.log().to_owned());
    assert!(status.succeeded, "{}", log.unwrap_or_default());
    let deployed = universe.deployed().unwrap();
    assert!(
        deployed.ends_with(&format!(":v1.0@{}", universe.image.digest)),
        "{deployed}"
    );
    // A branch is not a release, and nothing after it runs.
    let refused = run().set("target-branch", "refs/heads/main").run().unwrap();
    assert_eq!(
        refused.failed_task().unwrap().name,
        "extract-destination-image-tag"
    );
    assert!(
        refused
            .task("copy-image")
            .is_none_or(|task| task.attempts.is_empty())
    );
}

#[test]
fn a_pull_request_is_verified_by_what_it_changes() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let image = format!("{}@{}", universe.staging(), universe.image.digest);
    let placeholder = deployment_patch("quay.io/redhat-tssc/task-runner:1");
    let overlay =
        |environment: &str| format!("components/web/overlays/{environment}/deployment-patch.yaml");
    let (stage, prod, development) = (overlay("stage"), overlay("prod"), overlay("development"));
    let gitops = universe.gitops().unwrap();
    let base = [
        ("application.yaml", "metadata:\n  name: web\n"),
        (development.as_str(), placeholder.as_str()),
        (stage.as_str(), placeholder.as_str()),
        (prod.as_str(), placeholder.as_str()),
    ];
    gitops.commit("main", "start", &base).unwrap();
    let changed = deployment_patch(&image);
    let mut head = base;
    head[2].1 = &changed;
    let commit = gitops.commit("change", "stage v1.0", &head).unwrap();
    let rules = tempfile::tempdir().unwrap();
    fs::write(
        rules.path().join("main.rego"),
        r#"package main
import rego.v1
# METADATA
# custom:
#   short_name: attested
deny contains {"code": "main.attested", "msg": "x"} if count(input.attestations) == 0
"#,
    )
    .unwrap();
    let policy = format!(
        r#"{{"sources": [{{"policy": ["file::{}"]}}]}}"#,
        rules.path().display()
    );
    let git_clone_of_others = r#"apiVersion: tekton.dev/v1
kind: Task
metadata: {name: git-clone}
spec:
  params: [{name: url}, {name: revision, default: ""}, {name: fetchTags, default: ""}, {name: depth, default: "1"}, {name: subdirectory, default: source}]
  workspaces: [{name: output}, {name: basic-auth, optional: true}]
  steps: [{name: clone, image: x, script: git clone}]
"#;
    let run = |revision: &str| {
        let data = tempfile::tempdir().unwrap();
        let status = Run::new(files(&[
            "drop-in/gather-deploy-images/gather-deploy-images.yaml",
            "drop-in/verify-enterprise-contract/verify-enterprise-contract.yaml",
            "pipelines/gitops-pull-request/gitops-pull-request.yaml",
        ]))
        .text("git-clone.yaml", git_clone_of_others)
        .stand_in("git-clone", git_clone)
        .promote(PROMOTE)
        .param("git-url", universe.gitops_url())
        .param("revision", revision)
        .param("ec-policy-configuration", policy.clone())
        .param("ec-public-key", universe.public_key().display().to_string())
        .param("ec-ignore-rekor", "true")
        .workspace("workspace", data.path())
        .workspace("git-auth", universe.credentials())
        .run()
        .unwrap();
        let log = status
            .failed_task()
            .map(|task| format!("{}: {}", task.name, task.log()));
        (status, log.unwrap_or_default())
    };
    let (status, log) = run(&commit);
    assert!(status.succeeded, "{log}");
    let verified = status.task("verify-enterprise-contract").unwrap();
    assert!(
        verified
            .result("TEST_OUTPUT")
            .unwrap()
            .contains("\"result\":\"SUCCESS\"")
    );
    // Nothing changes on the target branch itself, so that nothing is verified.
    let (status, log) = run("main");
    assert!(status.succeeded, "{log}");
    let skipped = status.task("verify-enterprise-contract").unwrap();
    assert!(
        matches!(skipped.fate, Fate::Skipped(..)),
        "{:?}",
        skipped.fate
    );
}

#[test]
fn what_is_shipped_becomes_bundles_by_the_contract() {
    let registry = Server::start(Options::default()).unwrap();
    let dir = Workdir::new();
    let to = format!(
        "{}/bundles/{{kind}}-{{name}}:{{version}}",
        registry.address()
    );
    let task = root().join("tasks/verify-ec/verify-ec.yaml");
    let action = root().join("tasks/verify-ec/stepaction.yaml");
    let (task, action) = (task.to_str().unwrap(), action.to_str().unwrap());
    let pushed = dir
        .promote(&["bundle", "push", "--to", &to, task, action])
        .exits(0)
        .stdout;
    let lines: Vec<_> = pushed.lines().collect();
    assert_eq!(lines.len(), 2, "{pushed}");
    assert!(
        lines.iter().any(|line| line.starts_with("Task verify-ec ")
            && line.contains("/bundles/task-verify-ec:0.1.0@sha256:")),
        "{pushed}"
    );
    let tags = registry.tags();
    let digest = tags["bundles/task-verify-ec:0.1.0"].clone();
    assert!(pushed.contains(&digest));
    let manifest: Value = serde_json::from_slice(
        &registry
            .manifest("bundles/task-verify-ec", &digest)
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        manifest["layers"][0]["annotations"]["dev.tekton.image.name"],
        "verify-ec"
    );
    // The same bytes again, and one bundle for all.
    assert_eq!(
        dir.promote(&["bundle", "push", "--to", &to, task, action])
            .exits(0)
            .stdout,
        pushed
    );
    let one = format!("{}/bundles/all:v1", registry.address());
    dir.promote(&["bundle", "push", "--to", &one, "--immutable", task, action])
        .exits(0);
    dir.promote(&["bundle", "push", "--to", &one, "--immutable", task])
        .exits(6);
    let dry = format!("{}/bundles/dry:v1", registry.address());
    dir.promote(&["bundle", "push", "--to", &dry, "--dry-run", task])
        .exits(0);
    assert!(!registry.tags().contains_key("bundles/dry:v1"));
}

#[test]
fn what_no_cluster_resolves_is_not_bundled() {
    let dir = Workdir::new();
    let to = [
        "bundle",
        "push",
        "--to",
        "registry.example.com/x:v1",
        "--dry-run",
    ];
    let push = |files: &[&str]| dir.promote(&[&to[..], files].concat());
    dir.write(
        "run.yaml",
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: a}\n",
    );
    push(&["run.yaml"])
        .exits(2)
        .says("expected one of Task, Pipeline, StepAction");
    dir.write(
        "task.yaml",
        r"apiVersion: tekton.dev/v1
kind: Task
metadata: {name: a}
spec: {steps: []}
",
    );
    push(&["task.yaml", "task.yaml"]).exits(2).says("twice");
    dir.write(
        "api.yaml",
        "apiVersion: example.com/v1\nkind: Task\nmetadata: {name: a}\n",
    );
    push(&["api.yaml"]).exits(2).says("apiVersion");
    push(&["absent.yaml"]).exits(3);
    let many: Vec<_> = (0..21)
        .map(|number| {
            let name = format!("t{number}.yaml");
            dir.write(
                &name,
                format!("apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {{name: t{number}}}\n"),
            );
            name
        })
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    push(&many).exits(2).says("a bundle holds 20");
}

/// The sample of a GitOps repository is what update-deployment edits.
#[test]
fn the_sample_repository_is_edited() {
    let dir = root().join("examples/gitops");
    let image = format!(
        "web=registry.example.com/acme/web:v1.1@sha256:{}",
        "2".repeat(64)
    );
    for environment in ["stage", "prod"] {
        let run = Workdir::new().promote(&[
            "update-deployment",
            "--local",
            dir.to_str().unwrap(),
            "--environment",
            environment,
            "--unverified",
            "--dry-run",
            "--image",
            &image,
        ]);
        run.exits(0)
            .prints("+          image: registry.example.com/acme/web:v1.1@sha256:2222");
    }
}
