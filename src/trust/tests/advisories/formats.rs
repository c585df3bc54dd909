//! Advisories about payloads, signature schemes, bundles and the certificate library.

use super::*;

#[tokio::test]
async fn cve_2026_39395_a_signed_payload_that_is_not_a_statement() {
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
    let lock = include_str!("../../../../Cargo.lock");
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
