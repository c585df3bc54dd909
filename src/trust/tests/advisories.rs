//! A pair for each relevant published advisory: the good artefact is accepted, the attack is refused
//! for the expected reason. Advisories of TUF are in `repositories.rs`.
//! `docs/trust.md` has the list; a test compares it with the names of the tests.

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

#[tokio::test]
async fn cve_2022_23649_a_promise_of_the_log_for_another_signature() {
    let replay = |world: &World| {
        let other = signer::claims(&world.another_image());
        let other = logged_layer(world, other.as_bytes(), |_| {});
        let entry = log_annotation(&other).to_string();
        let layer = signed_layer(world, &world.claims());
        put_sig(world, annotated(layer, "dev.sigstore.cosign/bundle", entry));
    };
    pair(
        EvidenceKind::Signature,
        logged,
        good_logged,
        replay,
        "LogEntry",
    )
    .await;
}

#[tokio::test]
async fn cve_2022_36056_a_bundle_of_somebody_else_beside_the_signature() {
    // The entry is real and by a trusted signer, the signature is by another.
    let stolen = |world: &World| {
        let stranger = signer::Key::generate().unwrap();
        let mut layer = keyless_layer(world, &world.honest_certificate(), SIGNED);
        let signature = STANDARD.encode(stranger.sign(&world.claims()).unwrap());
        layer = annotated(layer, "dev.cosignproject.cosign/signature", signature);
        put_sig(world, layer);
    };
    pair(
        EvidenceKind::Signature,
        keyless,
        good_keyless,
        stolen,
        "LogEntry",
    )
    .await;
    // The identity is checked in every format.
    let stranger = |world: &World| {
        let request = CertificateRequest::new("mallory@evil.example", ISSUER);
        put_sig(
            world,
            keyless_layer(world, &world.certificate(&request), SIGNED),
        );
    };
    pair(
        EvidenceKind::Signature,
        keyless,
        good_keyless,
        stranger,
        "Identity",
    )
    .await;
    // An unreadable bundle is not skipped.
    let broken = |world: &World| {
        let layer = keyless_layer(world, &world.honest_certificate(), SIGNED);
        put_sig(world, annotated(layer, "dev.sigstore.cosign/bundle", "{}"));
    };
    pair(
        EvidenceKind::Signature,
        keyless,
        good_keyless,
        broken,
        "Malformed",
    )
    .await;
}

#[tokio::test]
async fn cve_2023_46737_endless_attestations() {
    let many = |count: usize| async move {
        let world = World::new();
        let layer = Layer::envelope(&world.envelope(&world.statement(PREDICATE)));
        put_layers(&world.registry, &world.image, "att", &vec![layer; count]);
        let verifier = world.by_key();
        verifier.examine(&registry(), &world.reference()).await
    };
    assert_eq!(many(20).await.unwrap().attestations.unwrap().len(), 20);
    let error = many(1001).await.unwrap_err();
    assert!(matches!(error, Error::TooMany { .. }), "{error}");
}

/// Makes a `.sig` whose layers only claim their size.
fn claim(world: &World, count: usize, size: u64) {
    let digest = world.registry.put_blob("acme/app", b"small");
    let layer = json!({
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "size": size, "digest": digest,
    });
    let config =
        json!({"mediaType": "x", "size": 2, "digest": world.registry.put_blob("acme/app", b"{}")});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": signer::MANIFEST, "config": config, "layers": vec![layer; count],
    });
    let (tag, manifest) = (world.image.attached_tag("sig"), manifest.to_string());
    world.registry.put_manifest(
        "acme/app",
        Some(&tag),
        signer::MANIFEST,
        manifest.as_bytes(),
    );
}

#[tokio::test]
async fn cve_2024_29902_a_huge_attachment() {
    let good = |world: &World| put_sig(world, signed_layer(world, &world.claims()));
    let huge = |world: &World| claim(world, 1, u64::from(u32::MAX));
    pair(EvidenceKind::Signature, owner, good, huge, "TooLarge").await;
}

#[tokio::test]
async fn cve_2024_29903_memory_by_the_registrys_numbers() {
    let world = World::new();
    put_sig(&world, signed_layer(&world, &world.claims()));
    assert!(world.examine(&world.by_key()).await.signatures.is_ok());
    // Each one is within the limit, but their sum is not.
    claim(&world, 9, 32 << 20);
    let verifier = world.by_key();
    let error = verifier.examine(&registry(), &world.reference()).await;
    assert!(matches!(error, Err(Error::TooMany { .. })), "{error:?}");
}

#[tokio::test]
async fn cve_2026_22703_a_real_entry_of_another_bundle() {
    let unrelated = |world: &World| {
        let mut bundle = keyless_bundle(world, SIGN);
        let mut other = keyless_bundle(world, PREDICATE);
        *entry_of(&mut bundle) = entry_of(&mut other).clone();
        attach(world, &bundle);
    };
    pair(
        EvidenceKind::Signature,
        keyless,
        good_keyless_bundle,
        unrelated,
        "LogEntry",
    )
    .await;
    let unrelated = |world: &World| {
        let mut bundle = key_bundle(world, SIGN);
        let mut other = key_bundle(world, PREDICATE);
        *entry_of(&mut bundle) = entry_of(&mut other).clone();
        attach(world, &bundle);
    };
    let good = |world: &World| attach(world, &key_bundle(world, SIGN));
    pair(EvidenceKind::Signature, logged, good, unrelated, "LogEntry").await;
}

#[tokio::test]
async fn cve_2026_24122_the_authority_had_expired() {
    for bundled in [false, true] {
        let put = if bundled {
            good_keyless_bundle
        } else {
            good_keyless
        };
        let mut world = World::new();
        put(&world);
        assert!(world.examine(&world.keyless()).await.signatures.is_ok());
        world = World::new();
        // The root itself has no end for the authority.
        world.sigstore = Sigstore::with_authority(2020, 2021).unwrap();
        put(&world);
        let refused = reason(world.examine(&world.keyless()).await.signatures);
        assert!(matches!(refused, Reason::AuthorityTime { .. }), "{refused}");
    }
}

#[tokio::test]
async fn cve_2026_39395_a_signed_payload_that_is_no_statement() {
    let attacks: [Make; 3] = [
        |w| put_att(w, Layer::envelope(&w.envelope(&json!({"_type": "x"})))),
        |w| put_att(w, Layer::envelope(&w.envelope(&json!("text")))),
        |w| {
            let mut statement = w.statement(PREDICATE);
            statement["predicateType"] = "".into();
            put_att(w, Layer::envelope(&w.envelope(&statement)));
        },
    ];
    for attack in attacks {
        pair(
            EvidenceKind::Attestation,
            owner,
            good_attestation,
            attack,
            "Statement",
        )
        .await;
    }
}

#[tokio::test]
async fn ghsa_cq38_jh5f_37mq_thousands_of_entries_timestamps_and_subjects() {
    let entries = |world: &World| {
        let mut bundle = keyless_bundle(world, SIGN);
        let one = entry_of(&mut bundle).clone();
        bundle["verificationMaterial"]["tlogEntries"] = vec![one; 5000].into();
        attach(world, &bundle);
    };
    let stamps = |world: &World| {
        let mut bundle = keyless_bundle(world, SIGN);
        let many = vec![json!({"signedTimestamp": "AAAA"}); 5000];
        bundle["verificationMaterial"]["timestampVerificationData"] =
            json!({"rfc3161Timestamps": many});
        attach(world, &bundle);
    };
    for attack in [entries as Make, stamps] {
        pair(
            EvidenceKind::Signature,
            keyless,
            good_keyless_bundle,
            attack,
            "TooLarge",
        )
        .await;
    }
    let subjects = |world: &World| {
        let mut statement = world.statement(PREDICATE);
        let one = statement["subject"][0].clone();
        statement["subject"] = vec![one; 5000].into();
        put_att(world, Layer::envelope(&world.envelope(&statement)));
    };
    pair(
        EvidenceKind::Attestation,
        owner,
        good_attestation,
        subjects,
        "Statement",
    )
    .await;
    let digests = |world: &World| {
        let mut statement = world.statement(PREDICATE);
        for number in 0..33 {
            statement["subject"][0]["digest"][format!("hash{number}")] = "00".into();
        }
        put_att(world, Layer::envelope(&world.envelope(&statement)));
    };
    pair(
        EvidenceKind::Attestation,
        owner,
        good_attestation,
        digests,
        "Statement",
    )
    .await;
}

/// Expects the key of a certificate, which is valid as long as the certificate.
fn certified(world: &World) -> ImageVerifier {
    let pem = crate::trust::pem::write("CERTIFICATE", &world.honest_certificate());
    let key = TrustedKey::from_pem(&pem, "a test").unwrap();
    verifier(keys(key, LogPolicy::Required), Some(world.root()))
}

#[tokio::test]
async fn ghsa_wqqc_jjcq_vfxm_a_key_outside_its_life() {
    let at = |world: &World, time: i64| {
        let payload = world.claims();
        let signature = world.key.sign(&payload).unwrap();
        let document = hashedrekord(&payload, &signature, &Signer::key(&world.key));
        let entry = world.sigstore.log.add(&document, time).unwrap();
        put_sig(world, Layer::signature(&payload, &signature).logged(&entry));
    };
    for hours in [-1, 1] {
        let world = World::new();
        at(&world, SIGNED + hours * 3600);
        let refused = reason(world.examine(&certified(&world)).await.signatures);
        assert!(matches!(refused, Reason::KeyTime { .. }), "{refused}");
        // The same key without a limited validity.
        assert!(
            world
                .examine(&world.by_logged_key())
                .await
                .signatures
                .is_ok()
        );
    }
    let world = World::new();
    at(&world, SIGNED);
    assert!(world.examine(&certified(&world)).await.signatures.is_ok());
    // In a bundle, and with a log that does not prove a time.
    let bundled = |world: &World| attach(world, &key_bundle(world, SIGN));
    let late = |world: &World| {
        let envelope = world.envelope(&world.statement(SIGN));
        let signer = Signer::key(&world.key);
        let entry = dsse_entry(&envelope, &signer);
        let entry = world.sigstore.log.add(&entry, SIGNED + 3600).unwrap();
        let log = &world.sigstore.log;
        attach(
            world,
            &sigstore::bundle(log, &envelope, &signer, Some(&entry)).unwrap(),
        );
    };
    pair(EvidenceKind::Signature, certified, bundled, late, "KeyTime").await;
    let timeless = |world: &World| {
        let mut bundle = key_bundle(world, SIGN);
        let entry = entry_of(&mut bundle).as_object_mut().unwrap();
        entry.remove("inclusionPromise");
        attach(world, &bundle);
    };
    pair(
        EvidenceKind::Signature,
        certified,
        bundled,
        timeless,
        "NoTime",
    )
    .await;
}

#[tokio::test]
async fn a_log_whose_key_had_ended_proves_nothing_after() {
    let world = World::new();
    good_logged(&world);
    let mut root = world.sigstore.trusted_root();
    let mut check = async |start: &str, end: &str| {
        root["tlogs"][0]["publicKey"]["validFor"] = json!({"start": start, "end": end});
        let who = keys(world.expected_key(), LogPolicy::Required);
        world
            .examine(&verifier(who, Some(parse_root(&root))))
            .await
            .signatures
    };
    // A log that has ended is still accepted for earlier entries.
    assert!(
        check("2025-01-01T00:00:00Z", "2026-01-03T00:00:00Z")
            .await
            .is_ok()
    );
    for (start, end) in [
        ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"),
    ] {
        let refused = reason(check(start, end).await);
        assert!(matches!(refused, Reason::UnknownLog { .. }), "{refused}");
    }
}

#[tokio::test]
async fn cve_2024_55655_logged_after_the_certificates_life() {
    let late = |world: &World| {
        let certificate = world.honest_certificate();
        let envelope = world.envelope(&world.statement(SIGN));
        let signer = Signer::keyless(&world.key, &certificate);
        let entry = dsse_entry(&envelope, &signer);
        let entry = world.sigstore.log.add(&entry, SIGNED + 3600).unwrap();
        let log = &world.sigstore.log;
        attach(
            world,
            &sigstore::bundle(log, &envelope, &signer, Some(&entry)).unwrap(),
        );
    };
    pair(
        EvidenceKind::Signature,
        keyless,
        good_keyless_bundle,
        late,
        "Chain",
    )
    .await;
}

#[tokio::test]
async fn cve_2023_47122_a_log_that_vouches_for_its_own_key() {
    let foreign = |world: &World| {
        let payload = world.claims();
        let signature = world.key.sign(&payload).unwrap();
        let document = hashedrekord(&payload, &signature, &Signer::key(&world.key));
        let entry = Sigstore::new().unwrap().log.add(&document, SIGNED).unwrap();
        put_sig(world, Layer::signature(&payload, &signature).logged(&entry));
    };
    pair(
        EvidenceKind::Signature,
        logged,
        good_logged,
        foreign,
        "UnknownLog",
    )
    .await;
}

#[tokio::test]
async fn cve_2023_33199_a_malformed_entry_of_an_attestation() {
    let put = |world: &World, change: fn(&mut Value)| {
        let envelope = world.envelope(&world.statement(PREDICATE));
        let mut document = intoto2_entry(&envelope, &Signer::key(&world.key));
        change(&mut document);
        put_att(
            world,
            Layer::envelope(&envelope).logged(&world.log(&document)),
        );
    };
    let world = World::new();
    put(&world, |_| {});
    assert!(
        world
            .examine(&world.by_logged_key())
            .await
            .attestations
            .is_ok()
    );
    let changes: [fn(&mut Value); 6] = [
        |entry| entry["spec"] = Value::Null,
        |entry| entry["spec"]["content"] = json!([]),
        |entry| entry["spec"]["content"]["payloadHash"] = json!({}),
        |entry| entry["spec"]["content"]["envelope"] = Value::Null,
        |entry| entry["spec"]["content"]["envelope"]["signatures"] = json!([]),
        |entry| entry["spec"]["content"]["envelope"]["signatures"][0]["publicKey"] = Value::Null,
    ];
    for change in changes {
        let world = World::new();
        put(&world, change);
        let refused = reason(world.examine(&world.by_logged_key()).await.attestations);
        assert!(matches!(refused, Reason::LogEntry { .. }), "{refused}");
    }
}

/// There is no threshold of several logs: one entry is enough and none may be invalid, so an
/// additional entry is never an advantage.
#[tokio::test]
async fn ghsa_9vcr_p3rj_q5q6_entries_are_not_counted() {
    let of_two_logs = |world: &World| {
        let mut bundle = key_bundle(world, SIGN);
        let body = STANDARD.decode(entry_of(&mut bundle)["canonicalizedBody"].as_str().unwrap());
        let body = serde_json::from_slice(&body.unwrap()).unwrap();
        let foreign = Sigstore::new().unwrap().log;
        let entry = foreign.add(&body, SIGNED).unwrap();
        let entry = foreign.bundle_entry(&entry).unwrap();
        let entries = &mut bundle["verificationMaterial"]["tlogEntries"];
        entries.as_array_mut().unwrap().push(entry);
        attach(world, &bundle);
    };
    let good = |world: &World| attach(world, &key_bundle(world, SIGN));
    pair(
        EvidenceKind::Signature,
        logged,
        good,
        of_two_logs,
        "UnknownLog",
    )
    .await;
}

#[tokio::test]
async fn tob_sigstore_6_the_scheme_is_the_keys_whatever_is_said_about_it() {
    // The key details in the root have no effect: neither for the key's own signature, nor for one by
    // the named scheme.
    for scheme in signer::Scheme::ALL {
        let world = World::new();
        good_logged(&world);
        let mut root = world.sigstore.trusted_root();
        let other = signer::Key::of(scheme).unwrap();
        root["tlogs"][0]["publicKey"]["keyDetails"] = other.details().into();
        let check = async |world: &World, root: &Value| {
            let who = keys(world.expected_key(), LogPolicy::Required);
            world.examine(&verifier(who, Some(parse_root(root)))).await
        };
        assert!(check(&world, &root).await.signatures.is_ok());
        let payload = world.claims();
        let mut layer = logged_layer(&world, &payload, |_| {});
        let mut entry = log_annotation(&layer);
        let promise = STANDARD.encode(other.sign(entry["Payload"].to_string().as_bytes()).unwrap());
        entry["SignedEntryTimestamp"] = promise.into();
        layer = annotated(layer, "dev.sigstore.cosign/bundle", entry.to_string());
        put_sig(&world, layer);
        let refused = reason(check(&world, &root).await.signatures);
        assert!(matches!(refused, Reason::LogPromise { .. }), "{refused}");
    }
    // A signature by one scheme is not accepted for another.
    for scheme in signer::Scheme::ALL {
        let mut world = World::new();
        world.key = signer::Key::of(scheme).unwrap();
        attach(&world, &key_bundle(&world, SIGN));
        assert!(
            world
                .examine(&world.by_logged_key())
                .await
                .signatures
                .is_ok()
        );
        for other in signer::Scheme::ALL {
            let stranger = signer::Key::of(other).unwrap();
            let key = TrustedKey::from_pem(&stranger.public_pem(), "a test").unwrap();
            let who = keys(key, LogPolicy::Required);
            let refused = world.examine(&verifier(who, Some(world.root()))).await;
            let refused = reason(refused.signatures);
            assert!(matches!(refused, Reason::Signature { .. }), "{refused}");
        }
    }
}

/// Checks that verification does not block the threads that serve connections.
#[test]
fn tob_sigstore_8_checks_do_not_hold_up_connections() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (free, wait) = std::sync::mpsc::channel::<()>();
    let (bare, signed) = (World::new(), World::new());
    put_sig(&signed, signed_layer(&signed, &signed.claims()));
    runtime.block_on(async {
        let busy = tokio::task::spawn_blocking(move || wait.recv());
        // Without a candidate the busy thread has no effect.
        assert!(bare.examine(&bare.by_key()).await.signatures.is_err());
        let verifier = signed.by_key();
        let mut examined = std::pin::pin!(signed.examine(&verifier));
        let patience = std::time::Duration::from_millis(500);
        let early = tokio::time::timeout(patience, &mut examined).await;
        assert!(early.is_err(), "it was checked among the connections");
        free.send(()).unwrap();
        assert!(examined.await.signatures.is_ok());
        busy.await.unwrap().unwrap();
    });
}

#[tokio::test]
async fn tob_sigstore_9_a_bundle_of_two_signatures() {
    let two = |world: &World| {
        let mut bundle = key_bundle(world, SIGN);
        let one = bundle["dsseEnvelope"]["signatures"][0].clone();
        bundle["dsseEnvelope"]["signatures"] = json!([one, one]);
        attach(world, &bundle);
    };
    let good = |world: &World| attach(world, &key_bundle(world, SIGN));
    pair(EvidenceKind::Signature, logged, good, two, "Malformed").await;
    pair(EvidenceKind::Signature, owner, good, two, "Malformed").await;
}

#[test]
fn rustsec_2026_0098_the_certificate_library_is_a_repaired_one() {
    let lock = include_str!("../../../Cargo.lock");
    let versions = lock.split("[[package]]").filter_map(|package| {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name))?;
            line.strip_prefix(" = ").map(|text| text.trim_matches('"'))
        };
        (field("name")? == "rustls-webpki")
            .then(|| field("version"))
            .flatten()
    });
    let versions: Vec<_> = versions
        .map(|text| text.parse::<semver::Version>().unwrap())
        .collect();
    assert!(!versions.is_empty());
    let repaired = semver::Version::new(0, 103, 12);
    assert!(
        versions.iter().all(|version| *version >= repaired),
        "{versions:?}"
    );
}

/// Verifies the real bundle of the image `keyless` with the real root, both changed by the test.
fn check_keyless(change_root: fn(&mut Value), change: fn(&mut Value)) -> Result<(), Reason> {
    check_bundle(TrustedSigners::Identities(anybody()), change_root, change)
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

fn stamps(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
}

fn forged() -> Value {
    json!({"signedTimestamp": STANDARD.encode(fixture("cosign-v3/forged-timestamp.tsr"))})
}

#[test]
fn cve_2026_39984_a_forged_certificate_first_in_the_token() {
    check_keyless(|_| {}, |_| {}).unwrap();
    let forged_alone = check_keyless(|_| {}, |bundle| *stamps(bundle) = json!([forged()]));
    assert!(
        matches!(forged_alone, Err(Reason::Timestamp { .. })),
        "{forged_alone:?}"
    );
    // A forged one next to a good one is refused too, in either order.
    let before = check_keyless(
        |_| {},
        |bundle| {
            let good = stamps(bundle)[0].clone();
            *stamps(bundle) = json!([forged(), good]);
        },
    );
    assert!(
        matches!(before, Err(Reason::Timestamp { .. })),
        "{before:?}"
    );
    let after = check_keyless(
        |_| {},
        |bundle| {
            let good = stamps(bundle)[0].clone();
            *stamps(bundle) = json!([good, forged()]);
        },
    );
    assert!(matches!(after, Err(Reason::Timestamp { .. })), "{after:?}");
}

#[test]
fn tob_sigstore_11_another_authority_lends_no_time() {
    // The right authority has ended; another one of the same form is valid.
    let ended = |root: &mut Value| {
        let list = root["timestampAuthorities"].as_array_mut().unwrap();
        let mut other = list[0].clone();
        list[0]["validFor"] =
            json!({"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"});
        let authority = &root["certificateAuthorities"][0]["certChain"];
        other["certChain"] = authority.clone();
        root["timestampAuthorities"]
            .as_array_mut()
            .unwrap()
            .push(other);
    };
    check_keyless(|_| {}, |_| {}).unwrap();
    let refused = check_keyless(ended, |_| {});
    assert!(
        matches!(
            refused,
            Err(Reason::TimestampTime { .. } | Reason::Timestamp { .. })
        ),
        "{refused:?}"
    );
}

/// Compares the tests named in `docs/trust.md` with those that exist.
#[test]
fn the_documents_list_of_advisories_is_that_of_the_tests() {
    let sources = [
        include_str!("advisories.rs"),
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
