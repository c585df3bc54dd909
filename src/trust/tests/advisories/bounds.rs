//! Advisories about evidence without a bound: its number, size, memory and time.

use super::*;

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
