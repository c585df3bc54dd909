//! One row for each attack: how it is made, the expected signer, and the reason of the refusal.

mod bundles;
mod legacy;
pub(super) mod parts;

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    signer,
    sigstore::{
        CertificateRequest, Layer, SIGNED, Sct, Signer, Sigstore, Stamper, dsse_entry,
        hashedrekord, intoto_entry, put_bundle,
    },
};
use parts::*;
use serde_json::{Value, json};

use super::*;
use crate::trust::{
    EvidenceKind,
    discover::{Container, EvidenceCandidate},
    legacy::LoggedCandidate,
};

type Make = fn(&World);
type Expect = fn(&World) -> ImageVerifier;

/// An attack: the kind of evidence, the expected signer, the change, and the name of the reason.
struct Lie(EvidenceKind, Expect, Make, &'static str);

/// Returns the name of a reason's variant.
fn name(reason: &Reason) -> String {
    let shown = format!("{reason:?}");
    let end = shown.find(|c: char| !c.is_alphanumeric());
    shown[..end.unwrap_or(shown.len())].to_owned()
}

/// Reasons that other tests cover: the file, the test, and the text by which it names the reason.
const ELSEWHERE: [(&str, &str, &str, &str); 8] = [
    (
        "IdentityPart",
        include_str!("../../../tests/integration/trust.rs"),
        "verifies_an_index_and_every_platform",
        "matches only a part of",
    ),
    (
        "LogUnreachable",
        include_str!("servers.rs"),
        "the_log_is_searched_for_an_entry_that_was_not_stored",
        "Reason::LogUnreachable",
    ),
    (
        "NotLogged",
        include_str!("servers.rs"),
        "the_log_is_searched_for_an_entry_that_was_not_stored",
        "Reason::NotLogged",
    ),
    (
        "OnlyDigest",
        include_str!("schemes.rs"),
        "each_scheme_is_accepted_in_each_form",
        "refused(found, \"OnlyDigest\"",
    ),
    (
        "KeyTime",
        include_str!("advisories/times.rs"),
        "ghsa_wqqc_jjcq_vfxm_a_key_outside_its_life",
        "Reason::KeyTime",
    ),
    (
        "Annotation",
        include_str!("../../../tests/integration/trust.rs"),
        "an_attestation_is_not_a_signature_and_vice_versa",
        "lack env=prod",
    ),
    (
        "PredicateType",
        include_str!("../../../tests/integration/trust.rs"),
        "cve_2022_35929_an_attestation_of_another_type_than_requested",
        "expected https://spdx.dev/Document",
    ),
    (
        "TimestampTime",
        include_str!("attacks.rs"),
        "a_timestamp_outside_the_life_of_its_authority_is_refused",
        "Reason::TimestampTime",
    ),
];

fn body_of<'a>(test: &str, file: &'a str) -> &'a str {
    let start = file.find(&format!("fn {test}("));
    let start = start.unwrap_or_else(|| panic!("there is no {test}"));
    file[start..].split("\n}\n").next().unwrap()
}

/// Returns a good artefact of each format with the signer that it is accepted for.
fn good_artefacts() -> [(&'static str, Expect, Make); 15] {
    [
        ("sig by key", owner, |w| {
            put_sig(w, signed_layer(w, &w.claims()));
        }),
        ("sig by logged key", logged, |w| {
            put_sig(w, logged_layer(w, &w.claims(), |_| {}));
        }),
        ("keyless sig", keyless, |w| {
            put_sig(w, keyless_layer(w, &w.honest_certificate(), SIGNED));
        }),
        ("bundle by key", owner, |w| attach(w, &key_bundle(w, SIGN))),
        ("bundle by logged key", logged, |w| {
            attach(w, &key_bundle(w, SIGN));
        }),
        ("keyless bundle", keyless, |w| {
            attach(w, &keyless_bundle(w, SIGN));
        }),
        ("bundle of Chains", owner, |w| {
            attach(w, &chains_bundle(w, &w.claims()));
        }),
        ("att by key", owner, |w| {
            put_att(w, Layer::envelope(&w.envelope(&w.statement(PREDICATE))));
        }),
        ("keyless att", keyless, |w| {
            put_att(w, keyless_envelope_layer(w, dsse_entry));
        }),
        ("keyless att, intoto entry", keyless, |w| {
            put_att(w, keyless_envelope_layer(w, intoto_entry));
        }),
        ("keyless sig, stamped", keyless, |w| {
            put_sig(w, stamped_layer(w, SIGNED + 60));
        }),
        ("keyless att, stamped", keyless, |w| {
            put_att(w, stamped_envelope_layer(w, dsse_entry, SIGNED + 60));
        }),
        ("keyless att, intoto entry, stamped", keyless, |w| {
            put_att(w, stamped_envelope_layer(w, intoto_entry, SIGNED + 60));
        }),
        ("bundle with attestation", keyless, |w| {
            attach(w, &keyless_bundle(w, PREDICATE));
        }),
        ("att by logged key, intoto entry", logged, |w| {
            let envelope = w.envelope(&w.statement(PREDICATE));
            let entry = w.log(&intoto_entry(&envelope, &Signer::key(&w.key)));
            put_att(w, Layer::envelope(&envelope).logged(&entry));
        }),
    ]
}

#[tokio::test]
async fn the_good_artefacts_are_accepted() {
    for (what, expect, make) in good_artefacts() {
        let world = World::new();
        make(&world);
        let examined = world.examine(&expect(&world)).await;
        let attests = what.contains("att");
        let counts = if attests {
            examined.attestations.is_ok()
        } else {
            examined.signatures.is_ok()
        };
        assert!(counts, "{what}: {:?}", examined.rejected);
        // A candidate of one kind is never accepted as the other.
        assert_eq!(examined.signatures.is_ok(), !attests, "{what}");
        assert!(examined.verified().is_err(), "{what}");
    }
}

#[tokio::test]
async fn an_image_with_both_is_verified() {
    let world = World::new();
    put_sig(&world, signed_layer(&world, &world.claims()));
    assert!(world.examine(&world.by_key()).await.verified().is_err());
    put_att(
        &world,
        Layer::envelope(&world.envelope(&world.statement(PREDICATE))),
    );
    let verified = world.examine(&world.by_key()).await.verified().unwrap();
    assert_eq!(verified.image(), &world.reference());
}

fn lies() -> Vec<Lie> {
    let mut lies = legacy::by_key();
    lies.extend(legacy::logged());
    lies.extend(legacy::keyless());
    lies.extend(bundles::lies());
    lies
}

#[tokio::test]
async fn each_lie_is_refused_by_its_reason() {
    let mut seen = BTreeSet::new();
    for (number, Lie(kind, expect, make, expected)) in lies().into_iter().enumerate() {
        let world = match expected {
            // Forged lists of referrers are those under a tag.
            "ForeignSubject" => World::without_referrers(),
            _ => World::new(),
        };
        make(&world);
        let examined = world.examine(&expect(&world)).await;
        let found = match kind {
            EvidenceKind::Signature => reason(examined.signatures),
            EvidenceKind::Attestation => reason(examined.attestations),
        };
        assert_eq!(name(&found), expected, "lie {number}: {found}");
        seen.insert(expected);
    }
    let expired = expired_authority().await;
    assert_eq!(name(&expired), "AuthorityTime");
    seen.insert("AuthorityTime");
    for (name, file, test, shown) in ELSEWHERE {
        assert!(body_of(test, file).contains(shown), "{name}: not in {test}");
        assert!(seen.insert(name), "{name} is a lie already");
    }
    assert_eq!(seen, variants("Reason", ERRORS, 11));
}

/// Checks that each defect of a signed statement has its own reason.
#[tokio::test]
async fn each_wrong_statement_is_refused_by_its_cause() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 6] = [
        ("Malformed", |statement| *statement = json!([])),
        ("Type", |statement| statement["_type"] = "other".into()),
        ("NoPredicateType", |statement| {
            statement["predicateType"] = "".into();
        }),
        ("NoSubject", |statement| statement["subject"] = json!([])),
        ("TooMany", |statement| {
            statement["subject"] = vec![statement["subject"][0].clone(); 1025].into();
        }),
        ("NoDigest", |statement| {
            statement["subject"][0]["digest"] = json!({});
        }),
    ];
    let mut seen = BTreeSet::new();
    for (expected, change) in changes {
        let world = World::new();
        let mut statement = world.statement(PREDICATE);
        change(&mut statement);
        put_att(&world, Layer::envelope(&world.envelope(&statement)));
        let refused = reason(world.examine(&world.by_key()).await.attestations);
        let shown = format!("{refused:?}");
        assert!(
            shown.starts_with(&format!("Statement({expected}")),
            "{shown}"
        );
        seen.insert(expected);
    }
    let source = include_str!("../../evidence/statement.rs");
    assert_eq!(seen, variants("StatementError", source, 6));
}

/// CVE-2026-24122: the issuing authority's own certificate had expired; the root does not say so.
async fn expired_authority() -> Reason {
    let mut world = World::new();
    world.sigstore = Sigstore::with_authority(2020, 2021).unwrap();
    put_sig(
        &world,
        keyless_layer(&world, &world.honest_certificate(), SIGNED),
    );
    reason(world.examine(&world.keyless()).await.signatures)
}

#[test]
fn a_timestamp_outside_the_life_of_its_authority_is_refused() {
    let mut root: Value = serde_json::from_slice(&fixture("cosign-v3/trusted_root.json")).unwrap();
    let good = check_real(&root, |_| {});
    let good = good.iter().filter(|found| found.is_ok()).count();
    assert!(good >= 4, "{good}");
    for authority in root["timestampAuthorities"].as_array_mut().unwrap() {
        authority["validFor"] =
            json!({"start": "2026-01-01T00:00:00Z", "end": "2026-11-21T23:38:46Z"});
    }
    let late = check_real(&root, |_| {});
    let outside = late
        .iter()
        .filter(|found| matches!(found, Err(Reason::TimestampTime { .. })));
    assert_eq!(outside.count(), good);
    assert!(late.iter().all(Result::is_err));
}

/// Checks the real bundles of cosign v3, each changed.
fn check_real(root: &Value, change: impl Fn(&mut Value)) -> Vec<Result<(), Reason>> {
    let anybody = || Matcher::pattern(".*").unwrap();
    let who = TrustedSigners::Identities(vec![ExpectedIdentity {
        subject: anybody(),
        issuer: anybody(),
    }]);
    let verifier = verifier(who, Some(parse_root(root)));
    let bundles = real_bundles().into_iter();
    let checked = bundles.map(|(named, bytes)| {
        let mut document: Value = serde_json::from_slice(&bytes).unwrap();
        change(&mut document);
        let candidate = EvidenceCandidate {
            origin: "fixture".to_owned(),
            container: Container::Bundle,
            bytes: document.to_string().into(),
            annotations: named.clone(),
        };
        let subject = LoggedCandidate {
            candidate: &candidate,
            looked_up: None,
        };
        let digest = named["subject"].parse().unwrap();
        verifier.trust().check(&subject, &digest).map(drop)
    });
    checked.collect()
}

#[test]
fn a_real_bundle_is_refused_by_what_was_changed() {
    let root: Value = serde_json::from_slice(&fixture("cosign-v3/trusted_root.json")).unwrap();
    let good = check_real(&root, |_| {})
        .iter()
        .filter(|found| found.is_ok())
        .count();
    assert!(good >= 4, "{good}");
    let counted = |expected: &str, change: &dyn Fn(&mut Value)| {
        let found = check_real(&root, change);
        assert!(found.iter().all(Result::is_err));
        let named = found
            .iter()
            .filter(|found| found.as_ref().is_err_and(|reason| name(reason) == expected));
        assert_eq!(named.count(), good, "{expected}: {found:?}");
    };
    let token = |bundle: &Value| {
        bundle.pointer("/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp").cloned()
    };
    let tokens: Vec<_> = real_bundles()
        .iter()
        .filter_map(|(_, bytes)| token(&serde_json::from_slice(bytes).unwrap()))
        .collect();
    // A real token, but for another signature.
    counted("Timestamp", &|bundle| {
        let own = token(bundle);
        let other = tokens
            .iter()
            .find(|token| Some(*token) != own.as_ref())
            .unwrap()
            .clone();
        if own.is_some() {
            bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] =
                other;
        }
    });
    // Rekor v2 does not prove a time, so a token is required.
    counted("NoTime", &|bundle| {
        bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
    });
    counted("NoLogEntry", &|bundle| {
        bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    });
    // A whole chain in place of the single certificate of this version.
    counted("Malformed", &|bundle| {
        let material = bundle["verificationMaterial"].as_object_mut().unwrap();
        if let Some(certificate) = material.remove("certificate") {
            material.insert(
                "x509CertificateChain".to_owned(),
                json!({"certificates": [certificate]}),
            );
        }
    });
}
