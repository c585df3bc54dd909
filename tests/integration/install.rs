//! The installation: every Task is in it, and one image reference reaches every step.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use crate::{docs::root, interop::available};

const IMAGE: &str = "registry.example.com/promote/promote";

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap()
}

#[test]
fn every_task_is_installed() {
    let listed = yaml("tasks/kustomization.yaml");
    let listed = listed["resources"].as_array().unwrap();
    let mut tasks = 0;
    for entry in fs::read_dir(root().join("tasks")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            let file = Value::from(format!("{name}/{name}.yaml"));
            assert!(listed.contains(&file), "{file} is not installed");
            tasks += 1;
        }
    }
    assert_eq!(listed.len(), tasks);
}

#[test]
fn one_reference_reaches_the_image_of_every_step() {
    let fields = yaml("install/image-fields.yaml");
    let fields: BTreeSet<(String, String)> = fields["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            let text = |key: &str| field[key].as_str().unwrap().to_owned();
            (text("kind"), text("path"))
        })
        .collect();
    let mut images = 0;
    for path in ["tasks", "pipelines"] {
        each_yaml(&root().join(path), &mut |document| {
            let kind = document["kind"].as_str().unwrap_or_default().to_owned();
            let mut found = Vec::new();
            collect(document, String::new(), &mut found);
            // The images of other programs are parameters.
            let own = found
                .into_iter()
                .filter(|(_, image)| !image.starts_with("$(params."));
            for (path, image) in own {
                assert!(image.starts_with(IMAGE), "{kind} {path}: {image}");
                let field = (kind.clone(), path);
                assert!(fields.contains(&field), "no field for {field:?}");
                images += 1;
            }
        });
    }
    assert!(images >= 6, "{images}");
    let installed = yaml("install/kustomization.yaml");
    assert_eq!(installed["images"][0]["name"], IMAGE);
}

/// Messages of Kubernetes, Tekton and Pipelines-as-Code, which are not in our sources.
const OTHERS: [&str; 11] = [
    "violates PodSecurity \"restricted:latest\"",
    "container \"prepare\"",
    "ImagePullBackOff",
    "ErrImagePull",
    "couldn't find key",
    "secret \"…\" not found",
    "ContainerCreating",
    "Permission denied",
    "Could not find Pipeline",
    "couldn't retrieve Pipeline",
    "Termination message is above max allowed size 4096",
];

/// Every message of the troubleshooting table is one that the program prints.
#[test]
fn the_messages_of_the_troubleshooting_table_are_verbatim() {
    let page = fs::read_to_string(root().join("install/README.md")).unwrap();
    let (_, table) = page.split_once("## When it does not work").unwrap();
    let rows: Vec<_> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert!(rows.len() >= 12, "{}", rows.len());
    let mut sources = String::new();
    collect_sources(&root().join("src"), &mut sources);
    for row in rows {
        let message = row.split(" | ").next().unwrap();
        for quoted in message.split('`').skip(1).step_by(2) {
            let known =
                OTHERS.contains(&quoted) || quoted.starts_with('/') || sources.contains(quoted);
            let is_name = ["UnknownIssuer", "preflight"].contains(&quoted);
            assert!(known || is_name, "{quoted:?} is in no source: {row}");
        }
    }
}

fn collect_sources(dir: &Path, text: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_sources(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// kustomize itself puts the digest into every step.
#[test]
fn kustomize_pins_every_image() {
    if !available(&["kustomize"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for part in ["install", "tasks", "pipelines"] {
        let copied = Command::new("cp")
            .arg("-r")
            .args([root().join(part), dir.path().join(part)])
            .status();
        assert!(copied.unwrap().success());
    }
    let file = dir.path().join("install/kustomization.yaml");
    let digest = format!("sha256:{}", "0a".repeat(32));
    let text = fs::read_to_string(&file).unwrap();
    let pinned = text.replace("newTag: 0.1.0", &format!("digest: {digest}"));
    assert_ne!(text, pinned);
    fs::write(&file, pinned).unwrap();
    let built = Command::new("kustomize")
        .args(["build", "install"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let built = String::from_utf8(built.stdout).unwrap();
    let images: Vec<_> = built
        .lines()
        .filter(|line| line.contains("image: "))
        .collect();
    assert!(images.len() >= 6, "{built}");
    assert!(
        images
            .iter()
            .all(|line| line.ends_with(&format!("{IMAGE}@{digest}")))
    );
}

fn each_yaml(dir: &Path, visit: &mut dyn FnMut(&Value)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_yaml(&path, visit);
        } else if path.extension().is_some_and(|ext| ext == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            for document in text.split("\n---\n") {
                visit(&serde_saphyr::from_str(document).unwrap());
            }
        }
    }
}

/// Every `image` below a value with its path, without the indexes of lists.
fn collect(value: &Value, path: String, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let path = format!("{path}/{key}");
                match member.as_str() {
                    Some(image) if key == "image" => {
                        found.push((path.trim_start_matches('/').to_owned(), image.to_owned()));
                    }
                    _ => collect(member, path, found),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, path.clone(), found);
            }
        }
        _ => {}
    }
}
