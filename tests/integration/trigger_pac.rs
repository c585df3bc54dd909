//! The samples for Pipelines-as-Code: one Repository for each Git host, and the incoming webhook.

use std::fs;

use lab::tekton::{self, Run};
use serde_json::{Value, json};

use crate::docs::root;

fn yaml(name: &str) -> Value {
    let path = root().join("triggers/pac").join(name);
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The kind of each host in Pipelines-as-Code; the GitHub App needs none.
const HOSTS: [(&str, Option<&str>); 7] = [
    ("github-app", None),
    ("github", Some("github")),
    ("gitlab", Some("gitlab")),
    ("gitea", Some("gitea")),
    ("bitbucket-cloud", Some("bitbucket-cloud")),
    ("bitbucket-datacenter", Some("bitbucket-datacenter")),
    ("incoming", Some("gitlab")),
];

#[test]
fn every_host_has_its_repository_and_runs_from_the_default_branch() {
    for (host, kind) in HOSTS {
        let repository = yaml(&format!("repository-{host}.yaml"));
        let spec = &repository["spec"];
        assert_eq!(
            spec["settings"]["pipelinerun_provenance"], "default_branch",
            "{host}"
        );
        assert_eq!(spec["concurrency_limit"], 1, "{host}");
        assert_eq!(spec["git_provider"]["type"].as_str(), kind, "{host}");
        // A webhook without a secret is only Bitbucket Cloud's, which has none.
        let secret = spec["git_provider"]["webhook_secret"]["name"].as_str();
        let needed = kind.is_some() && host != "bitbucket-cloud";
        assert_eq!(secret.is_some(), needed, "{host}");
    }
    let shown = fs::read_dir(root().join("triggers/pac")).unwrap().count();
    assert_eq!(shown, HOSTS.len() + 1, "a sample without a test");
}

#[test]
fn the_incoming_webhook_starts_the_run_of_its_branch_alone() {
    let incoming = fs::read_to_string(root().join("triggers/pac/on-incoming.yaml")).unwrap();
    let starts = |body: Value| {
        Run::new(tekton::shipped())
            .text("on-incoming.yaml", incoming.clone())
            .event(body.to_string())
            .starts()
    };
    let body = |branch: &str, params: Value| json!({"repository": "web", "branch": branch, "pipelinerun": "promote-incoming", "secret": "s", "params": params});
    assert!(starts(body("main", json!({"git_tag": "v1.0"}))));
    assert!(!starts(body("feature", json!({"git_tag": "v1.0"}))));
    // A param that is not listed, one that is not a text, and none.
    assert!(!starts(body(
        "main",
        json!({"git_tag": "v1.0", "policy": "mine"})
    )));
    assert!(!starts(body("main", json!({"git_tag": {"a": 1}}))));
    assert!(!starts(body("main", json!({}))));
    // The push of a tag is another event.
    let push = json!({"ref": "refs/tags/v1.0", "head_commit": {"id": "1f2e3d4c"},
        "repository": {"html_url": "https://git.invalid/acme/web", "full_name": "acme/web"}});
    assert!(!starts(push));
    assert_eq!(
        yaml("repository-incoming.yaml")["spec"]["incoming"][0]["params"],
        json!(["git_tag"])
    );
}
