//! The Pipelines: what they forward to the Tasks, and that both have one interface.

use std::collections::BTreeSet;

use lab::tekton::{self, model::Resource};
use serde_json::Value as Json;

use super::{ONE_POD, PIPELINE, pipeline, task, text};

#[test]
fn the_pipeline_hands_every_digest_on() {
    let pipeline = pipeline();
    let names: Vec<_> = pipeline
        .spec
        .tasks
        .iter()
        .map(|task| task.name.as_str())
        .collect();
    let known = [
        "preflight",
        "extract-destination-image-tag",
        "gather-images-to-verify",
        "verify-enterprise-contract",
        "copy-image",
        "attest",
        "move-tags",
        "update-deployment",
    ];
    assert_eq!(names, known);
    let given = |task: &str, param: &str| {
        let task = pipeline
            .spec
            .tasks
            .iter()
            .find(|one| one.name == task)
            .unwrap();
        let param = task
            .params
            .iter()
            .find(|given| given.name == param)
            .unwrap();
        param.value.strings()[0].clone()
    };
    for (task, param, from) in [
        (
            "verify-enterprise-contract",
            "images-digest",
            "$(tasks.gather-images-to-verify.results.IMAGES_DIGEST)",
        ),
        (
            "copy-image",
            "verified-digest",
            "$(tasks.verify-enterprise-contract.results.VERIFIED_DIGEST)",
        ),
        (
            "update-deployment",
            "promoted-digest",
            "$(tasks.copy-image.results.PROMOTED_DIGEST)",
        ),
        (
            "attest",
            "promoted-digest",
            "$(tasks.copy-image.results.PROMOTED_DIGEST)",
        ),
        (
            "move-tags",
            "promoted-digest",
            "$(tasks.copy-image.results.PROMOTED_DIGEST)",
        ),
        (
            "update-deployment",
            "evidence",
            "$(tasks.attest.results.EVIDENCE_DIGEST)",
        ),
    ] {
        assert_eq!(given(task, param), from);
    }
    let copy = pipeline
        .spec
        .tasks
        .iter()
        .find(|task| task.name == "copy-image");
    assert_eq!(copy.unwrap().run_after, ["preflight"]);
    for task in pipeline.spec.tasks.iter().chain(&pipeline.spec.finally) {
        assert_eq!(task.retries, 0, "{}: a refusal is not repeated", task.name);
        assert!(
            !task.display_name.is_empty(),
            "{} has no displayName",
            task.name
        );
    }
    // A tag may be named like a commit, which gather-images would take as it is.
    let revision = given("gather-images-to-verify", "revision");
    assert_eq!(revision, "refs/tags/$(params.git-tag)");
    let lenient = pipeline
        .spec
        .tasks
        .iter()
        .flat_map(|task| &task.params)
        .find(|param| param.name == "strict");
    assert!(lenient.is_none(), "a refusal must fail the Pipeline");
}

/// Both Pipelines have the params of update-deployment, preflight and promote-run.
#[test]
fn both_pipelines_forward_what_the_tasks_offer() {
    let own = [
        "promoted",
        "promoted-digest",
        "evidence",
        "log-level",
        "dry-run",
    ];
    let offered = task("update-deployment").spec.params;
    let offered = offered
        .iter()
        .filter(|param| !own.contains(&param.name.as_str()));
    let offered: Vec<_> = offered.map(|param| param.name.clone()).collect();
    for (path, tasks) in [
        (PIPELINE, &["update-deployment", "preflight"][..]),
        (ONE_POD, &["promote-run"]),
    ] {
        let Resource::Pipeline(pipeline) = tekton::parse(&text(path)).unwrap() else {
            panic!("{path} is not a Pipeline");
        };
        for name in &offered {
            let declared = pipeline
                .spec
                .params
                .iter()
                .find(|param| param.name == *name);
            assert!(declared.is_some(), "{path} has no param {name}");
            for task in tasks {
                let task = pipeline
                    .spec
                    .tasks
                    .iter()
                    .find(|one| one.name == *task)
                    .unwrap();
                let given = task.params.iter().find(|given| given.name == *name);
                let given = given.map(|given| given.value.strings()[0].clone());
                assert_eq!(
                    given,
                    Some(format!("$(params.{name})")),
                    "{path} {}",
                    task.name
                );
            }
        }
    }
}

/// One Pipeline can stand in for the other in a PipelineRun.
#[test]
fn both_pipelines_have_the_same_interface() {
    let of = |path: &str| match tekton::parse(&text(path)).unwrap() {
        Resource::Pipeline(pipeline) => {
            let params: BTreeSet<_> = pipeline
                .spec
                .params
                .iter()
                .map(|p| p.name.clone())
                .collect();
            let workspaces = pipeline.spec.workspaces.iter().map(|w| w.name.clone());
            let workspaces: BTreeSet<_> = workspaces.collect();
            let results = pipeline.spec.results.iter().map(|r| r.name.clone());
            (params, workspaces, results.collect::<BTreeSet<_>>())
        }
        other => panic!("not a Pipeline: {other:?}"),
    };
    assert_eq!(of(PIPELINE), of(ONE_POD));
}

#[test]
fn the_run_comes_from_the_default_branch() {
    let repository: Json =
        serde_saphyr::from_str(&text("pipelines/promote-to-prod/pac/repository.yaml")).unwrap();
    assert_eq!(
        repository["spec"]["settings"]["pipelinerun_provenance"],
        "default_branch"
    );
    assert_eq!(repository["spec"]["concurrency_limit"], 1);
}
