//! The cells of the table that a network and the rights of an account make, for every fact, under
//! every front, each with its twin in which no selected rule looks.

use lab::registry::Effect;

use super::{FACTS, Fact, Front, Scene, every_fact};
use crate::harness::Run;

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

#[test]
fn upstreams_habits_do_not_pass_over_the_network_and_rights_either() {
    every_fact(|fact, scene| {
        for front in [Front::Compat, Front::Ec] {
            for (effect, code) in faults(fact) {
                // One that is repeated is enough where the code is the same.
                if matches!(effect, Effect::Reset | Effect::Status(401)) {
                    scene.cell(fact, front, &effect, code);
                }
            }
        }
    });
}

#[test]
fn a_closed_port_is_a_remote_that_failed_where_a_rule_looks() {
    let named = |name: &str| FACTS.iter().find(|fact| fact.name == name).unwrap();
    for name in [
        "foreign-blob",
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
        let scene = Scene::new(fact);
        let source = scene.dir.read("rules/a.rego");
        let address = scene.universe.registry.address();
        // No server listens at a port of the reserved range.
        let elsewhere = source.replace(&address, "127.0.0.1:1");
        assert_ne!(source, elsewhere, "{name}");
        scene.dir.write("rules/a.rego", elsewhere);
        for front in [Front::VerifyEc, Front::Compat, Front::Ec] {
            let code = if front == Front::Ec { 1 } else { 5 };
            let run: Run = scene.run(front, "looks.yaml");
            assert_eq!(run.code, code, "{name} {front:?}: {}", run.stderr);
            assert!(front == Front::Ec || !scene.passed(), "{name}");
            let run = scene.run(front, "spared.yaml").exits(0);
            assert!(front == Front::Ec || scene.passed(), "{name}");
            drop(run);
        }
    }
}
