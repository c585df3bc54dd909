//! The way of `install/README.md`, typed line by line against a stand-in for the API: the run of
//! `on-tag.yaml` finds every object that it names, and no command names a file that is not there.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::docs::root;

const NAMESPACE: &str = "acme-web";
const ON_TAG: &str = "pipelines/promote-to-prod/pac/on-tag.yaml";
const PIPELINES: [&str; 2] = [
    "pipelines/promote-to-prod/promote-to-prod.yaml",
    "pipelines/promote-run/promote-run.yaml",
];

/// Kind and name.
type Objects = BTreeSet<(String, String)>;

fn text(path: &str) -> String {
    let read = fs::read_to_string(root().join(path));
    read.unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn documents(path: &str) -> Vec<Value> {
    let text = text(path);
    let parts = text.split("\n---\n");
    parts
        .map(|part| serde_saphyr::from_str(part).unwrap())
        .collect()
}

/// The lines of the unmarked code blocks, continued lines joined.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    let blocks = blocks.filter(|block| block.starts_with('\n'));
    let lines = blocks.flat_map(|block| {
        let joined = block.replace("\\\n", " ");
        joined.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.filter(|line| !line.trim().is_empty()).collect()
}

/// The objects of a file, or of a kustomization with all that it includes.
fn apply(path: &str, made: &mut Objects) {
    if root().join(path).is_dir() {
        let kustomization = &documents(&format!("{path}/kustomization.yaml"))[0];
        for resource in kustomization["resources"].as_array().unwrap() {
            let joined = root().join(path).join(resource.as_str().unwrap());
            let full = fs::canonicalize(&joined).unwrap();
            let inner = full.strip_prefix(fs::canonicalize(root()).unwrap());
            apply(inner.unwrap().to_str().unwrap(), made);
        }
        return;
    }
    for document in documents(path) {
        let of = |value: &Value| value.as_str().unwrap().to_owned();
        made.insert((of(&document["kind"]), of(&document["metadata"]["name"])));
    }
}

/// Carries out what a command asks of the API.
fn typed(command: &str, made: &mut Objects) {
    let words: Vec<_> = command.split_whitespace().collect();
    let behind = |flag: &str| {
        let at = words.iter().position(|word| *word == flag)?;
        words.get(at + 1).copied()
    };
    match words.as_slice() {
        ["kubectl", "create", "namespace", name] => assert_eq!(*name, NAMESPACE),
        [
            "kubectl",
            "create",
            "secret",
            "generic" | "docker-registry",
            name,
            ..,
        ] => {
            assert_eq!(behind("--namespace"), Some(NAMESPACE), "{command}");
            made.insert(("Secret".to_owned(), (*name).to_owned()));
        }
        ["kubectl", "apply", ..] => {
            assert_eq!(behind("--namespace"), Some(NAMESPACE), "{command}");
            let path = behind("-k").or(behind("-f"));
            apply(path.unwrap_or_else(|| panic!("{command}")), made);
        }
        ["kubectl", "patch", kind, name, ..] => {
            let patched = ("ServiceAccount".to_owned(), (*name).to_owned());
            assert!(
                *kind == "serviceaccount" && made.contains(&patched),
                "{command}"
            );
        }
        ["kubectl", "get" | "logs", ..] | ["git", "tag" | "push", ..] => {}
        ["make", target] => {
            let rule = format!("\n{target}:");
            assert!(text("Makefile").contains(&rule), "{command}");
        }
        ["podman", "push" | "inspect", ..] | ["promote", "bundle", "push", ..] => {}
        _ => panic!("a step that this test cannot type: {command}"),
    }
}

/// Every object that a run of the trigger names.
fn named() -> Objects {
    let run = &documents(ON_TAG)[0]["spec"];
    let mut names = Objects::new();
    let mut add = |kind: &str, name: &Value| {
        let name = name.as_str().unwrap().to_owned();
        // Pipelines-as-Code makes that Secret for each run.
        if !name.contains("{{") {
            names.insert((kind.to_owned(), name));
        }
    };
    add(
        "ServiceAccount",
        &run["taskRunTemplate"]["serviceAccountName"],
    );
    for workspace in run["workspaces"].as_array().unwrap() {
        if workspace["secret"].is_object() {
            add("Secret", &workspace["secret"]["secretName"]);
        }
        if workspace["configMap"].is_object() {
            add("ConfigMap", &workspace["configMap"]["name"]);
        }
    }
    for param in run["pipelineRef"]["params"].as_array().unwrap() {
        if param["name"] == "name" {
            add("Pipeline", &param["value"]);
        }
    }
    for param in run["params"].as_array().unwrap() {
        let value = param["value"].as_str().unwrap_or_default();
        if let Some((_, secret)) = value
            .strip_prefix("k8s://")
            .and_then(|at| at.rsplit_once('/'))
        {
            add("Secret", &secret.into());
        }
    }
    for path in PIPELINES {
        let spec = &documents(path)[0]["spec"];
        for list in ["tasks", "finally"] {
            for task in spec[list].as_array().into_iter().flatten() {
                if task["taskRef"].is_object() {
                    add("Task", &task["taskRef"]["name"]);
                }
            }
        }
    }
    names
}

#[test]
fn the_run_finds_what_the_page_lets_one_make() {
    let page = text("install/README.md");
    let commands = commands(&page);
    assert!(commands.len() >= 12, "{commands:?}");
    let mut made = Objects::new();
    for command in &commands {
        typed(command, &mut made);
    }
    let named = named();
    assert!(named.len() >= 11, "{named:?}");
    let missing: Vec<_> = named.difference(&made).collect();
    assert!(missing.is_empty(), "no command makes {missing:?}");
    // The role reads the key and nothing else.
    let role = documents("install/service-account.yaml");
    assert_eq!(
        role[1]["rules"][0]["resourceNames"],
        serde_json::json!(["cosign-pub"])
    );
    // A page without one of its steps is found out.
    for (number, command) in commands.iter().enumerate() {
        if !command.starts_with("kubectl create secret") && !command.contains(" -k install") {
            continue;
        }
        let mut fewer = Objects::new();
        for (at, other) in commands.iter().enumerate() {
            if at != number && !other.starts_with("kubectl patch") {
                typed(other, &mut fewer);
            }
        }
        assert!(named.difference(&fewer).next().is_some(), "{command}");
    }
}
