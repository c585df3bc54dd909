//! One byte of what was signed is changed, the rest made to fit again: refused, every time.

use lab::{
    chain::{Chain, Step},
    signer,
};

use crate::harness::Scene;

/// How many bytes of each artefact are tried.
const SAMPLES: usize = 24;

/// Positions spread over the length, the first and the last among them.
fn sampled(length: usize) -> impl Iterator<Item = usize> {
    (0..SAMPLES).map(move |number| number * (length - 1) / (SAMPLES - 1))
}

/// Starts with an attested image for which everything is ready for `verify-ec`.
fn gathered() -> Scene {
    let scene = Scene::attested();
    for step in [Step::ExtractTag, Step::GatherImages, Step::VerifyEc] {
        let ran = scene.chain().step(step).unwrap();
        assert_eq!(ran.code, 0, "{}: {}", step.command(), ran.stderr);
    }
    scene
}

#[track_caller]
fn refuses(chain: &Chain<'_>, what: &str) {
    let ran = chain.step(Step::VerifyEc).unwrap();
    assert_eq!(ran.code, 4, "{what}: {}", ran.stderr);
    let verdict = chain.file("verified.json");
    assert!(verdict.contains("\"success\":false"), "{what}: {verdict}");
    assert!(!verdict.contains("\"success\":true"), "{what}: {verdict}");
}

/// Flips one bit of each sampled byte of the artefact, which is then put back.
fn flip(suffix: &str, harmless: &str) {
    let scene = gathered();
    let (universe, chain) = (&scene.universe, scene.chain());
    let good = universe.registry.save();
    let mut length = 0;
    let mut exempt = None;
    signer::tamper(&universe.registry, &universe.image, suffix, |content| {
        length = content.len();
        let text = String::from_utf8_lossy(content);
        exempt = text
            .find(harmless)
            .map(|start| start..start + harmless.len());
    })
    .unwrap();
    for at in sampled(length) {
        if exempt.as_ref().is_some_and(|exempt| exempt.contains(&at)) {
            continue;
        }
        universe.registry.restore(good.clone());
        signer::tamper(&universe.registry, &universe.image, suffix, |content| {
            content[at] ^= 1;
        })
        .unwrap();
        refuses(&chain, &format!("byte {at} of {suffix}"));
    }
    universe.registry.restore(good);
    assert_eq!(chain.step(Step::VerifyEc).unwrap().code, 0);
}

#[test]
fn refuses_a_signed_payload_with_any_byte_changed() {
    flip("sig", "no part of a payload is harmless");
}

#[test]
fn refuses_an_envelope_with_any_byte_changed() {
    // The key's name is a hint: it is not signed and must not decide.
    flip("att", "\"keyid\":\"\"");
}

#[test]
fn refuses_a_signature_with_any_byte_changed() {
    let scene = gathered();
    let (universe, chain) = (&scene.universe, scene.chain());
    let payload = signer::claims(&universe.image);
    let good = universe.key.sign(payload.as_bytes()).unwrap();
    for at in sampled(good.len()) {
        let mut signature = good.clone();
        signature[at] ^= 1;
        signer::put_signature(
            &universe.registry,
            &universe.image,
            payload.as_bytes(),
            &signature,
        )
        .unwrap();
        refuses(&chain, &format!("byte {at} of the signature"));
    }
    signer::put_signature(
        &universe.registry,
        &universe.image,
        payload.as_bytes(),
        &good,
    )
    .unwrap();
    assert_eq!(chain.step(Step::VerifyEc).unwrap().code, 0);
}
