use super::*;
use crate::policy::rego::Policy;

/// Tells whether the first rule `deny` of the package `a` refers to the fact.
fn refers(sources: &[&str], fact: &str) -> bool {
    let modules: Vec<_> = sources
        .iter()
        .enumerate()
        .map(|(at, source)| Module {
            file: format!("{at}.rego"),
            source: (*source).to_owned(),
        })
        .collect();
    let policy = Policy::read(modules.clone()).unwrap();
    let references = References::of(&modules, policy.rules());
    let rule = policy
        .rules()
        .find(|rule| rule.package == "a" && rule.name == "deny")
        .unwrap();
    references.refers(&[(&rule.place.file, rule.place.line)], fact)
}

const CONFIG: &str = "input.image.config";

#[test]
fn finds_the_fact_however_it_is_named() {
    for body in [
        "input.image.config.Labels.bad",
        "input.image[\"config\"].Labels.bad",
        "input[\"image\"]. config",
        "some member; input.image[member].Labels.bad",
        "image := input.image; image.config",
        "object.get(input, [\"image\", \"config\"], {})",
        "walk(input)",
        "{\"image\": {\"config\": _}} = input",
        "cfg.Labels.bad",
        "lib.label(\"bad\")",
        "data.lib.label(\"bad\")",
        "data.lib[name]",
        "helper(1)",
    ] {
        let body = body.replace("]. config", "].config");
        let source = format!(
            r#"package a

import data.lib
import input.image.config as cfg

deny contains "x" if {{
	{body}
}}

helper(_) if deeper

deeper if input.image.config.User

name := "label"
"#
        );
        let lib = "package lib\n\nlabel(name) := input.image.config.Labels[name]\n";
        assert!(refers(&[&source, lib], CONFIG), "{body}");
    }
}

#[test]
fn leaves_out_what_a_rule_does_not_reach() {
    for body in [
        "input.image.ref",
        "input.image.parent.ref",
        "count(input.attestations) == 0",
        "\"input.image.config\" == input.component_name",
        "true # input.image.config",
        "lib.other",
    ] {
        let source = format!(
            r#"package a

import data.lib

deny contains "x" if {{
	{body}
}}

deny contains "y" if input.image.config
"#
        );
        let lib = r"package lib

label := input.image.config

other if input.image.source
";
        assert!(!refers(&[&source, lib], CONFIG), "{body}");
    }
}

#[test]
fn a_part_of_a_fact_differs_from_another() {
    let source = r#"package a

deny contains "x" if contains(input.image.parent.ref, "bad")
"#;
    assert!(!refers(&[source], "input.image.parent.config"));
    assert!(refers(&[source], "input.image.parent"));
    let source = "package a\n\ndeny contains \"x\" if ec.oci.blob(\"r\")\n";
    assert!(refers(&[source], "ec.oci.blob"));
    assert!(!refers(&[source], "ec.oci.blob_files"));
}

#[test]
fn codes_in_the_text_are_known() {
    let modules = [Module {
        file: "a.rego".to_owned(),
        source: r#"package a

deny contains {"code": "a.b", "msg": "m"} if input.x
"#
        .to_owned(),
    }];
    let policy = Policy::read(modules.to_vec()).unwrap();
    let references = References::of(&modules, policy.rules());
    let codes: Vec<_> = references.codes("a.rego", 3).collect();
    assert_eq!(codes, ["a.b"]);
}
