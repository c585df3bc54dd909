//! The cells of the table that a network and the rights of an account make, for every fact, under
//! every front, each with its twin in which no selected rule looks.

use lab::{registry::Effect, universe::STAGING};
use serde_json::json;

use super::{CONFIG, FACTS, Fact, FactImage, Front, MANIFEST, every_fact};

/// Faults of the network and of rights with the code that each has for a fact.
fn faults(fact: &Fact) -> Vec<(Effect, i32)> {
    let mut faults = vec![(Effect::Reset, 5), (Effect::Status(429), 5)];
    // An answer to HEAD has no body to cut.
    if fact.codes[3].is_some() {
        faults.push((Effect::CutAnswer(5), 5));
    }
    if let Some(code) = fact.codes[1] {
        faults.push((Effect::Status(401), code));
    }
    faults
}

#[test]
fn every_fact_under_every_fault_of_the_network_and_of_rights() {
    every_fact(|fact, scene| {
        for (effect, code) in faults(fact) {
            scene.cell(fact, Front::VerifyEc, &effect, code);
        }
    });
}

#[test]
fn the_same_holds_under_upstreams_habits() {
    every_fact(|fact, scene| {
        for front in [Front::Compat, Front::Ec] {
            let effects = [
                (Effect::Status(404), 0),
                (Effect::Status(403), 1),
                (Effect::OtherBytes, 3),
            ];
            for (effect, code) in effects {
                if let Some(code) = fact.codes[code] {
                    scene.cell(fact, front, &effect, code);
                }
            }
        }
        // A fault that is repeated takes its time.
        if fact.name == "config" || fact.name == "blob" {
            for front in [Front::Compat, Front::Ec] {
                scene.cell(fact, front, &Effect::Status(500), 5);
            }
        }
    });
}

/// Asserts the faults of the network and of rights for every fact under one front.
fn habits_do_not_pass(front: Front) {
    every_fact(|fact, scene| {
        for (effect, code) in faults(fact) {
            scene.cell(fact, front, &effect, code);
        }
    });
}

#[test]
fn the_reports_of_upstreams_task_do_not_pass_over_the_network_and_rights_either() {
    habits_do_not_pass(Front::Compat);
}

#[test]
fn upstreams_command_does_not_pass_over_the_network_and_rights_either() {
    habits_do_not_pass(Front::Ec);
}

#[test]
fn a_closed_port_is_a_remote_that_failed_where_a_rule_looks() {
    let named = |name: &str| FACTS.iter().find(|fact| fact.name == name).unwrap();
    for name in [
        "blob",
        "foreign-blob",
        "manifest",
        "manifests",
        "foreign-manifest",
        "descriptor",
        "parsed-blob",
        "blob-files",
        "index",
        "tags",
        "referrers",
        "signature",
        "attestation",
    ] {
        let fact = named(name);
        let scene = FactImage::new(fact);
        let source = scene.dir.read("rules/a.rego");
        let address = scene.universe.registry.address();
        // No server listens at a port of the reserved range.
        let elsewhere = source.replace(&address, "127.0.0.1:1");
        assert_ne!(source, elsewhere, "{name}");
        scene.dir.write("rules/a.rego", elsewhere);
        fails_where_a_rule_looks(&scene, name);
    }
}

/// Asserts under every front that the remote failed, and that it does not matter unless a rule looks.
fn fails_where_a_rule_looks(scene: &FactImage, name: &str) {
    for front in [Front::VerifyEc, Front::Compat, Front::Ec] {
        let code = if front == Front::Ec { 1 } else { 5 };
        let run = scene.run(front, "looks.yaml");
        assert_eq!(run.code, code, "{name} {front:?}: {}", run.stderr);
        assert!(front == Front::Ec || !scene.passed(), "{name}");
        scene.run(front, "spared.yaml").exits(0);
        assert!(front == Front::Ec || scene.passed(), "{name}");
    }
}

#[test]
fn a_parent_behind_a_closed_port_is_a_remote_that_failed_where_a_rule_looks() {
    for fact in FACTS.iter().filter(|fact| fact.name.starts_with("parent")) {
        let mut scene = FactImage::new(fact);
        let registry = &scene.universe.registry;
        let config = b"{\"config\": {}}";
        let digest = registry.put_blob(STAGING, config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()},
            "annotations": {
                "org.opencontainers.image.base.name": "127.0.0.1:1/base/os",
                "org.opencontainers.image.base.digest": digest,
            },
        });
        scene.image = scene.signed(&manifest);
        fails_where_a_rule_looks(&scene, fact.name);
    }
}
