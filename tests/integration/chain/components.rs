//! A release of two components: both are promoted, or none.

use std::collections::BTreeMap;

use lab::{
    chain::Step,
    universe::{Component, Universe},
};

use super::run;
use crate::harness::Scene;

/// Starts with `web`, which is signed and attested, and `api`, which is neither.
fn two_components() -> (Scene, Component) {
    let mut scene = Scene::attested();
    let api = scene.universe.add_component("api").unwrap();
    (scene, api)
}

/// Returns what production runs, by component.
fn deployed(universe: &Universe) -> BTreeMap<String, String> {
    let components = universe.components().into_iter();
    let deployed = components.map(|component| {
        let reference = universe.deployed_component(&component.name).unwrap();
        (component.name, reference)
    });
    deployed.collect()
}

/// Returns what production must run after the promotion.
fn promoted(universe: &Universe) -> BTreeMap<String, String> {
    let at = universe.registry.address();
    let components = universe.components().into_iter();
    let promoted = components.map(|Component { name, image }| {
        let reference = format!("{at}/acme/{name}:prod-v1.0@{}", image.digest);
        (name, reference)
    });
    promoted.collect()
}

#[test]
fn one_refused_component_keeps_both_from_production() {
    let (scene, api) = two_components();
    let (universe, chain) = (&scene.universe, scene.chain());
    let before = universe.state().unwrap();
    let steps = chain.all().unwrap();
    let (last, ran) = steps.last().unwrap();
    assert_eq!((*last, ran.code), (Step::VerifyEc, 4), "{}", ran.stderr);
    assert!(ran.stderr.contains("api has "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("web has "), "{}", ran.stderr);
    assert_eq!(universe.state().unwrap(), before);
    // The verdict is a refusal, so no later step does anything.
    for (step, code) in [(Step::CopyImage, 4), (Step::UpdateDeployment, 2)] {
        assert_eq!(chain.step(step).unwrap().code, code);
    }
    run(universe, &scene.dir, &[]).exits(4).says("api has ");
    assert_eq!(universe.state().unwrap(), before);

    universe.sign_and_attest_image(&api.image).unwrap();
    let steps = chain.all().unwrap();
    let (last, ran) = steps.last().unwrap();
    let end = (Step::UpdateDeployment, 0);
    assert_eq!((*last, ran.code), end, "{}", ran.stderr);
    assert_eq!(deployed(universe), promoted(universe));
}

#[test]
fn both_components_are_promoted_by_one_commit() {
    let (scene, api) = two_components();
    let universe = &scene.universe;
    universe.sign_and_attest_image(&api.image).unwrap();
    let gitops = universe.gitops().unwrap();
    let before = gitops.resolve("main").unwrap();
    run(universe, &scene.dir, &[]).exits(0);
    assert_eq!(deployed(universe), promoted(universe));
    assert_eq!(gitops.resolve("main^").unwrap(), before);
}
