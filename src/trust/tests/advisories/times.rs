//! Advisories about the validity of keys, certificates, logs and timestamps.

use super::*;

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

/// Verifies the real bundle of the image `keyless` with the real root, both changed by the test.
fn check_keyless(change_root: fn(&mut Value), change: fn(&mut Value)) -> Result<(), Reason> {
    check_bundle(TrustedSigners::Identities(anybody()), change_root, change)
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
