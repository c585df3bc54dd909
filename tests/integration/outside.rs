//! Checks the surroundings of the code: workflows, issue forms, links between pages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;
use serde_json::Value;

use crate::docs::root;

/// Directories that hold no pages of ours.
const FOREIGN: [&str; 4] = ["target", ".git", "tests", "fuzz"];

fn files(dir: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            match path.is_dir() {
                true if FOREIGN.contains(&name.as_str()) => {}
                true => open.push(path),
                false if name.ends_with(ending) => found.push(path),
                false => {}
            }
        }
    }
    found
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the actions that a workflow uses without a commit.
fn not_pinned(workflow: &str) -> Vec<&str> {
    let pinned = Regex::new(r"^(?:\./|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d)").unwrap();
    let uses = workflow
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses:"));
    uses.map(str::trim)
        .filter(|action| !pinned.is_match(action))
        .collect()
}

#[test]
fn workflows_pin_each_action_by_its_commit() {
    for path in files(".github/workflows", ".yml") {
        let text = fs::read_to_string(&path).unwrap();
        let found = not_pinned(&text);
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
    let by_tag = "    steps:\n      - uses: actions/checkout@v4\n";
    assert_eq!(not_pinned(by_tag), ["actions/checkout@v4"]);
}

#[test]
fn workflows_have_no_rights_by_default_and_run_scripts_that_exist() {
    let script = Regex::new(r"\.ci/[\w/]+").unwrap();
    for path in files(".github/workflows", ".yml") {
        let document = yaml(&path);
        let permissions = document["permissions"].as_object();
        assert_eq!(permissions.map(serde_json::Map::len), Some(0));
        let text = fs::read_to_string(&path).unwrap();
        for found in script.find_iter(&text) {
            assert!(root().join(found.as_str()).is_file(), "{}", found.as_str());
        }
    }
}

#[test]
fn issue_forms_have_what_a_form_needs() {
    for name in ["bug.yml", "feature.yml"] {
        let form = yaml(&root().join(".github/ISSUE_TEMPLATE").join(name));
        assert!(form["name"].is_string() && form["description"].is_string());
        for field in form["body"].as_array().unwrap() {
            let is_text = field["type"] == "markdown";
            assert!(is_text || field["id"].is_string(), "{name}: {field}");
            let described = &field["attributes"][if is_text { "value" } else { "label" }];
            assert!(described.is_string(), "{name}: {field}");
        }
    }
}

/// Returns the links of a page, as they are written, whose file or heading does not exist.
fn dead_links(page: &Path, text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let dir = page.parent().unwrap();
    let mut dead = Vec::new();
    for found in link.captures_iter(text) {
        let target = found.get(1).unwrap().as_str();
        if target.contains("://") {
            continue;
        }
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let path = match file {
            "" => page.to_owned(),
            _ => dir.join(file),
        };
        let there = path.exists()
            && (heading.is_empty()
                || anchors(&fs::read_to_string(&path).unwrap()).contains(&heading.to_owned()));
        if !there {
            dead.push(target.to_owned());
        }
    }
    dead
}

/// The anchors that a forge makes of a page's headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    for page in files("", ".md") {
        let text = fs::read_to_string(&page).unwrap();
        let dead = dead_links(&page, &text);
        assert!(dead.is_empty(), "{}: {dead:?}", page.display());
    }
    let page = root().join("README.md");
    let text = "[a](docs/cli.md) [b](docs/none.md) [c](docs/cli.md#no-such-heading)";
    let expected = ["docs/none.md", "docs/cli.md#no-such-heading"];
    assert_eq!(dead_links(&page, text), expected);
}
