//! The documents about security are true: every row names tests that exist, every param has
//! its row, and the samples are what Kubernetes accepts.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use lab::tekton::{self, model::Resource};
use serde_json::Value;

use crate::docs::root;

const PIPELINE: &str = "pipelines/promote-to-prod/promote-to-prod.yaml";
const README: &str = "pipelines/promote-to-prod/README.md";

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The cells of every row below a header that begins with the text.
fn table(document: &str, header: &str) -> Vec<Vec<String>> {
    let lines = document
        .lines()
        .skip_while(|line| !line.starts_with(header));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let row = row.trim().trim_matches('|');
        row.split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// The words in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for dir in ["src", "tests", "lab/src", "rego/src"] {
        walk(&root().join(dir), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let mut is_test = false;
        for line in fs::read_to_string(file).unwrap().lines() {
            let line = line.trim();
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                names.extend(rest.split('(').next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn every_threat_names_its_tests() {
    let tests = tests();
    assert!(tests.len() > 500, "{}", tests.len());
    let rows = table(&text("docs/threat-model.md"), "| actor |");
    assert!(rows.len() > 40, "{}", rows.len());
    for row in rows {
        assert_eq!(row.len(), 4, "{row:?}");
        let named = quoted(&row[3]);
        assert!(!named.is_empty(), "{row:?}");
        for name in named {
            assert!(tests.contains(name), "no test {name}: {}", row[1]);
        }
    }
}

#[test]
fn the_readme_says_what_every_param_of_the_pipeline_opens() {
    let Resource::Pipeline(pipeline) = tekton::parse(&text(PIPELINE)).unwrap() else {
        panic!("no Pipeline");
    };
    let rows = table(&text(README), "| param |");
    let named: Vec<_> = rows.iter().flat_map(|row| quoted(&row[0])).collect();
    for param in &pipeline.spec.params {
        let rows = named.iter().filter(|name| **name == param.name).count();
        assert_eq!(rows, 1, "{}", param.name);
    }
    assert_eq!(named.len(), pipeline.spec.params.len());
    for row in &rows {
        assert_eq!(row.len(), 3, "{row:?}");
        let belongs = row[1].as_str();
        assert!(["trigger", "Pipeline"].contains(&belongs), "{row:?}");
    }
    let of_trigger: BTreeSet<_> = rows
        .iter()
        .filter(|row| row[1] == "trigger")
        .flat_map(|row| quoted(&row[0]))
        .collect();
    assert_eq!(
        of_trigger,
        BTreeSet::from(["git-tag", "released-at", "revision"])
    );
}

/// The YAML documents of the README's code blocks.
fn samples() -> Vec<Value> {
    let readme = text(README);
    let blocks = readme.split("```yaml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks
        .map(|block| serde_saphyr::from_str(block).unwrap())
        .collect()
}

/// Checks a sample by a schema that has no room for other members.
fn check(kind: &str, schema: &str) -> Value {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let found = samples();
    let mut found = found.into_iter().filter(|sample| sample["kind"] == kind);
    let sample = found.next().unwrap();
    assert!(found.next().is_none(), "one {kind}");
    let errors: Vec<_> = validator
        .iter_errors(&sample)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{kind}: {}", errors.join("; "));
    let mut wrong = sample.clone();
    wrong["spec"] = serde_json::json!({"noSuchField": 1});
    assert!(
        !validator.is_valid(&wrong),
        "the schema of {kind} accepts everything"
    );
    sample
}

#[test]
fn the_samples_are_what_kubernetes_accepts() {
    let role = check(
        "Role",
        include_str!("../fixtures/kubernetes/role.schema.json"),
    );
    assert_eq!(role["rules"].as_array().unwrap().len(), 1, "one right");
    assert_eq!(role["rules"][0]["verbs"], serde_json::json!(["get"]));
    let policy = check(
        "NetworkPolicy",
        include_str!("../fixtures/kubernetes/network-policy.schema.json"),
    );
    let pipeline: Value = serde_saphyr::from_str(&text(PIPELINE)).unwrap();
    let selected = &policy["spec"]["podSelector"]["matchLabels"]["tekton.dev/pipeline"];
    assert_eq!(selected, &pipeline["metadata"]["name"]);
    let types = serde_json::json!(["Ingress", "Egress"]);
    assert_eq!(policy["spec"]["policyTypes"], types);
    assert!(
        policy["spec"].get("ingress").is_none(),
        "nothing may connect"
    );
    // Link-local addresses, where clouds keep credentials, are out of reach.
    assert!(policy.to_string().contains("169.254.0.0/16"));
}

#[test]
fn the_image_has_the_date_of_its_source() {
    let (make, image) = (text("Makefile"), text("Containerfile"));
    assert!(make.contains("--build-arg PROMOTE_COMMIT_DATE=$$(git log -1 --format=%ct)"));
    let (_, stage) = image.split_once("AS build\n").unwrap();
    let (argument, build) = (
        stage.find("ARG PROMOTE_COMMIT_DATE\n"),
        stage.find("cargo build"),
    );
    assert!(
        argument.unwrap() < build.unwrap(),
        "the build does not see it"
    );
}
