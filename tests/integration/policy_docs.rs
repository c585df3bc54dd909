//! `docs/policies.md` lists the functions of the engine as the engine does; `UPDATE_DOCS=1` renews the list.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use crate::{
    docs::{check, root},
    harness::Workdir,
};

const START: &str = "<!-- builtins: made from the engine's own list, `UPDATE_DOCS=1 cargo test --test integration policy_docs` renews it -->\n";
const END: &str = "<!-- end of builtins -->";

fn page() -> String {
    fs::read_to_string(root().join("docs/policies.md")).unwrap()
}

/// The functions by family without the deprecated ones, which Rego v1 refuses, then those that are refused with the reasons.
fn functions() -> String {
    let registry = rego::builtins::offered();
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let declared = registry
        .declarations()
        .filter(|declaration| !declaration.deprecated);
    let declared = declared.map(|declaration| declaration.name);
    for name in declared.filter(|name| !name.starts_with("internal.")) {
        let family = name.split_once('.').map_or("", |(family, _)| family);
        families.entry(family).or_default().push(name);
    }
    let mut text = String::new();
    for (family, mut names) in families {
        names.sort_unstable();
        let heading = if family.is_empty() { "general" } else { family };
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "- {heading}: {}", names.join(", "));
    }
    text.push_str(
        r"
Not offered, and refused by name before anything is verified:

| function | reason |
|---|---|
",
    );
    for (name, reason) in rego::builtins::refused() {
        let all = if name.ends_with('.') { "*" } else { "" };
        let _ = writeln!(text, "| `{name}{all}` | {reason} |");
    }
    text
}

#[test]
fn policy_docs_list_the_functions_of_the_engine() {
    let page = page();
    let (before, rest) = page.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = format!("{before}{START}{}{END}{after}", functions());
    check("docs/policies.md", &fresh);
}

#[test]
fn policy_docs_name_functions_that_compile() {
    let page = page();
    let names: Vec<&str> = page
        .split('`')
        .filter(|part| part.starts_with("ec.") && !part.contains(['*', ' ', '\n']))
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    let two = [
        "blob_files",
        "image_files",
        "verify_attestation",
        "verify_image",
    ];
    let mut rules = "package p\n\nimport rego.v1\n".to_owned();
    for (at, name) in names.iter().enumerate() {
        let more = if two.iter().any(|two| name.ends_with(two)) {
            ", {}"
        } else {
            ""
        };
        let _ = write!(rules, "\nx{at} := {name}(\"a\"{more})\n");
    }
    let dir = Workdir::new();
    dir.write("p/a.rego", rules);
    dir.promote(&["policy", "check", "p"]).exits(0);
}

#[test]
fn policy_docs_first_rule_is_a_policy() {
    let page = page();
    let rule = page.split("```rego\n").nth(1).unwrap();
    let rule = rule.split("```").next().unwrap();
    let dir = Workdir::new();
    dir.write("p/labels.rego", rule);
    let run = dir.promote(&["policy", "check", "p"]).exits(0);
    assert!(!run.stderr.contains("METADATA"), "{}", run.stderr);
    dir.promote(&["policy", "list", "p"])
        .exits(0)
        .prints("labels.maintainer (deny)\n  Image names its maintainer\n  p/labels.rego:11\n");
}
