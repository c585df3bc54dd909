//! A pair for each relevant published advisory: the good artefact is accepted, the attack is refused
//! for the expected reason. Advisories of TUF are in `repositories.rs`.
//! `docs/trust.md` has the list; a test compares it with the names of the tests.

mod bounds;
mod formats;
mod logs;
mod times;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    signer,
    sigstore::{
        CertificateRequest, Layer, SIGNED, Signer, dsse_entry, hashedrekord, intoto2_entry,
        put_layers,
    },
};

use super::{attacks::parts::*, *};
use crate::trust::{
    Error, EvidenceKind,
    discover::{Container, EvidenceCandidate},
    legacy::LoggedCandidate,
};

type Make = fn(&World);
type Expect = fn(&World) -> ImageVerifier;

/// Checks that the good artefact is accepted, and the attack on another image is refused for the reason.
async fn pair(kind: EvidenceKind, expect: Expect, good: Make, attack: Make, expected: &str) {
    let world = World::new();
    good(&world);
    let examined = world.examine(&expect(&world)).await;
    let counts = match kind {
        EvidenceKind::Signature => examined.signatures.is_ok(),
        EvidenceKind::Attestation => examined.attestations.is_ok(),
    };
    assert!(counts, "the good one: {:?}", examined.rejected);
    let world = World::new();
    attack(&world);
    let examined = world.examine(&expect(&world)).await;
    let found = match kind {
        EvidenceKind::Signature => reason(examined.signatures),
        EvidenceKind::Attestation => reason(examined.attestations),
    };
    let shown = format!("{found:?}");
    assert!(shown.starts_with(expected), "{shown}");
}

fn good_logged(world: &World) {
    put_sig(world, logged_layer(world, &world.claims(), |_| {}));
}

fn good_keyless(world: &World) {
    put_sig(
        world,
        keyless_layer(world, &world.honest_certificate(), SIGNED),
    );
}

fn good_keyless_bundle(world: &World) {
    attach(world, &keyless_bundle(world, SIGN));
}

fn good_attestation(world: &World) {
    put_att(
        world,
        Layer::envelope(&world.envelope(&world.statement(PREDICATE))),
    );
}

/// Expects any signer with a certificate.
pub(super) fn anybody() -> Vec<ExpectedIdentity> {
    let anything = || Matcher::pattern(".*").unwrap();
    vec![ExpectedIdentity {
        subject: anything(),
        issuer: anything(),
    }]
}

/// Verifies the changed bundle for these signers.
pub(super) fn check_bundle(
    who: TrustedSigners,
    change_root: fn(&mut Value),
    change: fn(&mut Value),
) -> Result<(), Reason> {
    let mut root: Value = serde_json::from_slice(&fixture("cosign-v3/trusted_root.json")).unwrap();
    change_root(&mut root);
    let verifier = verifier(who, Some(parse_root(&root)));
    let is_keyless = |bytes: &[u8]| {
        let document: Value = serde_json::from_slice(bytes).unwrap();
        let payload = document["dsseEnvelope"]["payload"].as_str().unwrap();
        let payload = STANDARD.decode(payload).unwrap();
        String::from_utf8(payload)
            .unwrap()
            .contains("\"env\":\"prod\"")
    };
    let mut bundles = real_bundles().into_iter();
    let (named, bytes) = bundles.find(|(_, bytes)| is_keyless(bytes)).unwrap();
    let mut document: Value = serde_json::from_slice(&bytes).unwrap();
    change(&mut document);
    let candidate = EvidenceCandidate {
        origin: "fixture".to_owned(),
        container: Container::Bundle,
        bytes: document.to_string().into(),
        annotations: BTreeMap::new(),
    };
    let subject = LoggedCandidate {
        candidate: &candidate,
        looked_up: None,
    };
    let digest = named["subject"].parse().unwrap();
    verifier.trust().check(&subject, &digest).map(drop)
}

/// Compares the tests named in `docs/trust.md` with those that exist.
#[test]
fn the_documents_list_of_advisories_is_that_of_the_tests() {
    let sources = [
        include_str!("advisories/bounds.rs"),
        include_str!("advisories/formats.rs"),
        include_str!("advisories/logs.rs"),
        include_str!("advisories/times.rs"),
        include_str!("delegations.rs"),
        include_str!("repositories.rs"),
        include_str!("../../../tests/integration/trust.rs"),
    ];
    let is_advisory = |name: &str| {
        ["cve_", "ghsa_", "tob_", "rustsec_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let tests: BTreeSet<_> = sources
        .iter()
        .flat_map(|source| source.split("fn ").skip(1))
        .filter_map(|rest| rest.split('(').next())
        .filter(|name| is_advisory(name))
        .collect();
    let document = include_str!("../../../docs/trust.md");
    let listed: BTreeSet<_> = document
        .split('`')
        .filter(|name| is_advisory(name))
        .collect();
    assert!(tests.len() > 20, "{tests:?}");
    assert_eq!(listed, tests);
}
