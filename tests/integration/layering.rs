//! The edges between modules. The table is the rule; a new edge is a decision, so change it with a reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::docs::root;

/// A module and the modules of ours that it may use. What is not listed may use nothing.
const EDGES: &[(&str, &[&str])] = &[
    ("image", &[]),
    ("json", &[]),
    ("text", &[]),
    ("event", &["text"]),
    ("env", &[]),
    ("budget", &[]),
    ("failure", &["text"]),
    ("clock", &["env"]),
    ("snapshot", &["image", "json", "text"]),
    ("release", &["image", "json", "text"]),
    ("handover", &["image", "json", "snapshot", "text"]),
    ("progress", &[]),
    ("tekton", &["image"]),
    ("stop", &[]),
    ("evidence", &["image", "json"]),
    ("lint", &[]),
    ("http", &["budget", "env"]),
    ("git", &["budget", "env", "http", "text"]),
    ("kube", &["env", "http", "json"]),
    ("forge", &["git", "http", "text"]),
    (
        "registry",
        &["budget", "env", "http", "image", "json", "progress", "text"],
    ),
    (
        "trust",
        &[
            "budget", "env", "evidence", "http", "image", "json", "kube", "registry", "text",
        ],
    ),
    (
        "record",
        &[
            "env", "handover", "http", "image", "json", "kube", "registry", "text", "trust",
        ],
    ),
    ("lineage", &["git", "image", "registry"]),
    ("gitops", &["image"]),
    (
        "policy",
        &[
            "budget", "env", "git", "http", "image", "json", "kube", "registry", "snapshot",
            "stop", "text", "trust",
        ],
    ),
    (
        "fuzz",
        &[
            "event", "git", "gitops", "image", "policy", "registry", "snapshot", "trust",
        ],
    ),
    ("report", &["policy", "text"]),
    (
        "gate",
        &[
            "env", "evidence", "git", "handover", "http", "image", "policy", "registry", "report",
            "snapshot", "trust",
        ],
    ),
    (
        "commands",
        &[
            "clock", "env", "event", "evidence", "failure", "forge", "gate", "git", "gitops",
            "handover", "http", "image", "json", "kube", "lineage", "lint", "policy", "progress",
            "record", "registry", "release", "report", "snapshot", "tekton", "text", "trust",
        ],
    ),
    (
        "cli",
        &[
            "budget", "clock", "commands", "env", "failure", "git", "http", "json", "progress",
            "registry", "stop", "tekton", "text",
        ],
    ),
];

/// A big dependency and the only files that may name it.
const DOORS: &[(&str, &[&str])] = &[
    ("clap::", &["src/cli.rs", "src/cli/", "src/commands/"]),
    ("reqwest::", &["src/http.rs", "src/http/"]),
    ("sigstore_verify::", &["src/trust/"]),
    ("sigstore_tuf::", &["src/trust/"]),
    ("sigstore_merkle::", &["src/trust/"]),
    ("rego::eval", &["src/policy/rego/"]),
    ("indicatif::", &["src/progress.rs"]),
    ("git2::", &["src/git.rs", "src/git/"]),
    ("std::env::", &["src/env.rs", "src/cli.rs", "src/fuzz.rs"]),
    ("io::stdout", &["src/cli.rs", "src/cli/"]),
    ("\"/tekton", &["src/tekton", "src/policy/local.rs"]),
];

#[test]
fn modules_use_only_what_the_table_allows() {
    let allowed: BTreeMap<_, _> = EDGES.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        let Some(may) = allowed.get(module.as_str()) else {
            wrong.push(format!(
                "{} belongs to no module of the table",
                path.display()
            ));
            continue;
        };
        for used in uses(&code) {
            if used != module
                && allowed.contains_key(used.as_str())
                && !may.contains(&used.as_str())
            {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_edge_of_the_table_is_used() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, code) in sources() {
        used.entry(module_of(&path))
            .or_default()
            .extend(uses(&code));
    }
    let is_used = |module: &str, edge: &str| {
        let edges = used.get(module);
        edges.is_some_and(|edges| edges.contains(edge))
    };
    let unused: Vec<_> = EDGES
        .iter()
        .flat_map(|(module, edges)| edges.iter().map(move |edge| (module, edge)))
        .filter(|(module, edge)| !is_used(module, edge))
        .map(|(module, edge)| format!("{module} does not use {edge}"))
        .collect();
    assert!(unused.is_empty(), "take them out:\n{}", unused.join("\n"));
}

#[test]
fn the_architecture_page_names_every_module() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let unnamed = EDGES
        .iter()
        .map(|(module, _)| module)
        .filter(|module| !page.contains(&format!("`{module}`")));
    let unnamed: Vec<_> = unnamed.collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

#[test]
fn each_big_dependency_has_one_door() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let shown = path.to_string_lossy().replace('\\', "/");
        for (name, doors) in DOORS {
            let named = code
                .lines()
                .any(|line| line.contains(name) && !line.trim_start().starts_with("//"));
            if named && !doors.iter().any(|door| shown.starts_with(door)) {
                wrong.push(format!("{shown} names {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_file_may_be_unsafe() {
    let files: Vec<_> = sources()
        .into_iter()
        .filter(|(_, code)| code.contains("unsafe {"))
        .collect();
    assert!(
        files.len() <= 1,
        "{:?}",
        files.iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
}

#[test]
fn no_source_file_is_longer_than_it_may_be() {
    let long = |(path, code): &(PathBuf, String)| {
        let product = code
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let lines = product.lines().count();
        (lines > 500).then(|| format!("{}: {lines} lines", path.display()))
    };
    let mut all = sources();
    collect(&root().join("rego/src"), &mut all);
    let long: Vec<_> = all.iter().filter_map(long).collect();
    assert!(long.is_empty(), "split by subject:\n{}", long.join("\n"));
}

/// Every product source, its path relative to the root.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&root().join("src"), &mut found);
    assert!(found.len() > 10, "the sources were not found");
    found
}

fn collect(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !test {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !test {
            let code = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root()).unwrap().to_owned(), code));
        }
    }
}

/// The first segment below `src`: `src/registry/auth.rs` belongs to `registry`.
fn module_of(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below.iter().next().unwrap().to_str().unwrap();
    match first.trim_end_matches(".rs") {
        "bin" | "lib" => "cli".to_owned(),
        module => module.to_owned(),
    }
}

/// The modules that `crate::…` names, in grouped imports too.
fn uses(code: &str) -> Vec<String> {
    let code: Vec<_> = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.push(name(rest)),
        }
    }
    found
}

/// The first name of each element of `a::{b, c}, d};`.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut at_start, mut names) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if c.is_alphabetic() && at_start => {
                names.push(name(&group[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn reads_grouped_imports() {
    let code = r"use crate::{
    image::{Digest, Tag},
    http,
};
fn f(x: crate::git::Repo) {}";
    assert_eq!(uses(code), ["image", "http", "git"]);
}
