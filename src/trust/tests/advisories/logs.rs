//! Advisories about entries of the transparency log.

use super::*;

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
async fn cve_2022_36056_a_bundle_of_another_signer_beside_the_signature() {
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
async fn cve_2023_47122_a_log_that_confirms_its_own_key() {
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
