//! Tests every place of evidence: the right kind is accepted there, and an attestation by the right
//! signer is never accepted as an image signature.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    signer::{self, Image},
    sigstore::{
        Layer, Signer, bundle, dsse_entry, hashedrekord, intoto_entry, intoto2_entry, put_bundle,
        put_layers,
    },
};

use super::{attacks::parts::*, *};
use crate::trust::pem;

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Pushes an OCI 1.1 artifact with these layers that refers to the image.
fn put_referrer(world: &World, layers: &[Layer]) -> Image {
    let put = |media_type: &str, bytes: &[u8]| {
        let digest = world.registry.put_blob("acme/app", bytes);
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let layers = layers.iter().map(|layer| {
        let mut descriptor = put(layer.media_type, &layer.bytes);
        descriptor["annotations"] = Value::Object(layer.annotations.clone());
        descriptor
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": signer::MANIFEST, "layers": layers.collect::<Vec<_>>(),
        "config": put("application/vnd.oci.empty.v1+json", b"{}"), "subject": world.image.descriptor(),
    });
    let manifest = manifest.to_string();
    let bytes = manifest.as_bytes();
    Image {
        repository: "acme/app".to_owned(),
        digest: world
            .registry
            .put_manifest("acme/app", None, signer::MANIFEST, bytes),
        size: bytes.len(),
        media_type: signer::MANIFEST,
    }
}

/// Makes a layer with the same bytes and another media type.
fn relabelled(mut layer: Layer, media_type: &'static str) -> Layer {
    layer.media_type = media_type;
    layer
}

fn document(bundle: &Value) -> Layer {
    relabelled(Layer::envelope(bundle), BUNDLE)
}

/// A signer with a log entry of each kind for an envelope.
fn attested(world: &World, certificate: Option<&[u8]>, predicate_type: &str) -> (Layer, Value) {
    let signer = Signer {
        key: &world.key,
        certificate,
    };
    let envelope = world.envelope(&world.statement(predicate_type));
    let entry = world.log(&dsse_entry(&envelope, &signer));
    let mut layer = Layer::envelope(&envelope).logged(&entry);
    if let Some(certificate) = certificate {
        layer = layer.certified(certificate);
    }
    let bundle = bundle(&world.sigstore.log, &envelope, &signer, Some(&entry)).unwrap();
    (layer, bundle)
}

/// Makes the layer for a place from the layer of the envelope or of the bundle.
type Made = fn(&Layer, &Value) -> Layer;

/// Returns the places of an attestation, and true for those where it is accepted as one.
fn places() -> [(&'static str, Made, bool); 11] {
    [
        ("referrer", |_, bundle| document(bundle), true),
        ("referrer", |layer, _| layer.clone(), true),
        (
            "referrer",
            |layer, _| relabelled(signed(layer), SIMPLE_SIGNING),
            false,
        ),
        (
            "referrer",
            |layer, _| relabelled(layer.clone(), BUNDLE),
            false,
        ),
        (
            "referrer",
            |_, bundle| relabelled(document(bundle), SIMPLE_SIGNING),
            false,
        ),
        ("att", |layer, _| layer.clone(), true),
        ("att", |_, bundle| document(bundle), false),
        ("sig", |layer, _| layer.clone(), false),
        (
            "sig",
            |layer, _| relabelled(signed(layer), SIMPLE_SIGNING),
            false,
        ),
        ("sig", |_, bundle| document(bundle), false),
        (
            "sig",
            |_, bundle| relabelled(document(bundle), SIMPLE_SIGNING),
            false,
        ),
    ]
}

#[tokio::test]
async fn an_attestation_is_never_accepted_as_a_signature() {
    let signers: [(&str, Expect); 3] = [("owner", owner), ("logged", logged), ("keyless", keyless)];
    for without_referrers in [false, true] {
        for (signer, expect) in signers {
            for (number, (place, make, attests)) in places().into_iter().enumerate() {
                let world = if without_referrers {
                    World::without_referrers()
                } else {
                    World::new()
                };
                let certificate = (signer == "keyless").then(|| world.honest_certificate());
                let (layer, bundle) = attested(&world, certificate.as_deref(), PREDICATE);
                let layer = make(&layer, &bundle);
                match place {
                    "referrer" => {
                        let manifest = put_referrer(&world, &[layer]);
                        if without_referrers {
                            refer(&world, &manifest);
                        }
                    }
                    suffix => put_layers(&world.registry, &world.image, suffix, &[layer]),
                }
                let examined = world.examine(&expect(&world)).await;
                let case = format!("{number} {place}, {signer}: {:?}", examined.rejected);
                assert!(examined.signatures.is_err(), "{case}");
                // In the place of envelopes the same one is accepted as an attestation.
                assert_eq!(examined.attestations.is_ok(), attests, "{case}");
            }
        }
    }
}

type Expect = fn(&World) -> ImageVerifier;

/// Adds the envelope's signature in the form of a simple-signing layer.
fn signed(layer: &Layer) -> Layer {
    let envelope: Value = serde_json::from_slice(&layer.bytes).unwrap();
    let mut signed = layer.clone();
    signed.annotations.insert(
        "dev.cosignproject.cosign/signature".to_owned(),
        envelope["signatures"][0]["sig"].clone(),
    );
    signed
}

#[tokio::test]
async fn a_signature_statement_is_accepted_in_a_bundle_only() {
    let world = World::new();
    attach(&world, &attested(&world, None, SIGN).1);
    assert!(world.examine(&world.by_key()).await.signatures.is_ok());
    // A bare envelope or `.att` is a place for attestations, so it is accepted as one of an unusual type.
    for bare in [true, false] {
        let world = World::new();
        let (layer, _) = attested(&world, None, SIGN);
        if bare {
            put_referrer(&world, &[layer]);
        } else {
            put_att(&world, layer);
        }
        let examined = world.examine(&world.by_key()).await;
        assert!(examined.signatures.is_err() && examined.attestations.is_ok());
    }
}

#[tokio::test]
async fn a_legacy_signature_may_be_a_referrer() {
    let world = World::new();
    put_referrer(&world, &[signed_layer(&world, &world.claims())]);
    assert!(world.examine(&world.by_key()).await.signatures.is_ok());
    let world = World::new();
    let other = signer::claims(&world.another_image());
    put_referrer(&world, &[signed_layer(&world, other.as_bytes())]);
    let refused = reason(world.examine(&world.by_key()).await.signatures);
    assert!(matches!(refused, Reason::ClaimDigest { .. }), "{refused}");
}

#[tokio::test]
async fn each_of_several_layers_is_judged_alone() {
    let world = World::new();
    let stranger = signer::Key::generate().unwrap();
    let strange = Layer::signature(&world.claims(), &stranger.sign(&world.claims()).unwrap());
    let good = signed_layer(&world, &world.claims());
    let unsigned = relabelled(Layer::envelope(&json!({})), SIMPLE_SIGNING);
    put_layers(
        &world.registry,
        &world.image,
        "sig",
        &[strange.clone(), good, unsigned],
    );
    attach(&world, &key_bundle(&world, SIGN));
    let examined = world.examine(&world.by_key()).await;
    let origins: Vec<_> = examined
        .signatures
        .as_ref()
        .unwrap()
        .iter()
        .map(|s| &s.origin)
        .collect();
    // Tags and bundles are both tried, and each result has its place.
    assert_eq!(origins.len(), 2, "{origins:?}");
    assert!(origins[0].ends_with(".sig layer 1") && origins[1].starts_with("referrer "));
    let refused: Vec<_> = examined.rejected.iter().map(|r| r.reason.clone()).collect();
    assert!(
        matches!(refused[..], [Reason::Signature { .. }, Reason::NoSignature]),
        "{refused:?}"
    );
    // Without the good ones, the failure names every candidate.
    let world = World::new();
    put_layers(
        &world.registry,
        &world.image,
        "sig",
        &[strange.clone(), strange.clone(), strange],
    );
    let failure = world.examine(&world.by_key()).await.signatures.unwrap_err();
    assert_eq!(failure.rejected.len(), 3);
    assert_eq!(failure.to_string().lines().count(), 4, "{failure}");
}

#[tokio::test]
async fn one_of_several_signatures_in_an_envelope_is_enough() {
    let (world, stranger) = (World::new(), signer::Key::generate().unwrap());
    let statement = world.statement(PREDICATE).to_string();
    let sign = |key: &signer::Key| {
        let envelope = signer::envelope(key, signer::IN_TOTO, statement.as_bytes()).unwrap();
        envelope["signatures"][0].clone()
    };
    let mut envelope = world.envelope(&world.statement(PREDICATE));
    envelope["signatures"] = json!([sign(&stranger), sign(&world.key), {"sig": ""}]);
    put_att(&world, Layer::envelope(&envelope));
    let found = world.examine(&world.by_key()).await.attestations.unwrap();
    assert_eq!(found[0].signatures.len(), 1);
    let sig = &envelope["signatures"][1]["sig"];
    assert_eq!(found[0].signatures[0].sig, sig.as_str().unwrap());

    let world = World::new();
    envelope["signatures"] = json!([sign(&stranger), sign(&stranger)]);
    put_att(&world, Layer::envelope(&envelope));
    let refused = reason(world.examine(&world.by_key()).await.attestations);
    assert!(matches!(refused, Reason::Signature { .. }), "{refused}");
}

#[tokio::test]
async fn every_kind_of_log_entry_of_an_attestation_is_accepted() {
    type Entry = fn(&Value, &Signer<'_>) -> Value;
    let kinds: [Entry; 3] = [dsse_entry, intoto_entry, intoto2_entry];
    for kind in kinds {
        for signer in ["logged", "keyless"] {
            let world = World::new();
            let certificate = (signer == "keyless").then(|| world.honest_certificate());
            let who = Signer {
                key: &world.key,
                certificate: certificate.as_deref(),
            };
            let put = |entry_of: &Value, envelope: &Value| {
                let mut layer = Layer::envelope(envelope).logged(&world.log(&kind(entry_of, &who)));
                if let Some(certificate) = &certificate {
                    layer = layer.certified(certificate);
                }
                put_att(&world, layer);
            };
            let verifier = match signer {
                "logged" => world.by_logged_key(),
                _ => world.keyless(),
            };
            let envelope = world.envelope(&world.statement(PREDICATE));
            put(&envelope, &envelope);
            let good = world.examine(&verifier).await;
            assert!(good.attestations.is_ok(), "{signer}: {:?}", good.rejected);
            let other = world.envelope(&world.statement("https://example.com/other"));
            put(&other, &envelope);
            let refused = reason(world.examine(&verifier).await.attestations);
            assert!(
                matches!(refused, Reason::LogEntry { .. }),
                "{signer}: {refused}"
            );
        }
    }
}

#[tokio::test]
async fn signatures_of_another_repository_are_about_this_image() {
    let world = World::new();
    let verifier = |repository: &str| {
        let repository = format!("{}/{repository}", world.registry.address());
        ImageVerifier::new(VerifierOptions {
            who: keys(world.expected_key(), LogPolicy::Ignored),
            root: None,
            rekor: None,
            refuse_unreachable: false,
            skip_certificate_log: false,
            repository: Some(repository.parse().unwrap()),
        })
    };
    let mut elsewhere = world.image.clone();
    elsewhere.repository = "acme/signatures".to_owned();
    put_bundle(&world.registry, &elsewhere, &key_bundle(&world, SIGN)).unwrap();
    let layer = Layer::envelope(&world.envelope(&world.statement(PREDICATE)));
    put_layers(&world.registry, &elsewhere, "att", &[layer]);
    assert!(
        world
            .examine(&verifier("acme/signatures"))
            .await
            .verified()
            .is_ok()
    );
    assert!(
        world
            .examine(&verifier("acme/app"))
            .await
            .verified()
            .is_err()
    );
    assert!(world.examine(&world.by_key()).await.verified().is_err());
}

#[tokio::test]
async fn chains_signs_the_payload_and_not_its_encoding() {
    let world = World::new();
    attach(&world, &chains_bundle(&world, &world.claims()));
    assert!(world.examine(&world.by_key()).await.signatures.is_ok());
    // No tool writes the same payload type with the encoding, and an in-toto statement is refused
    // without it.
    let world = World::new();
    let mut bundle = key_bundle(&world, PREDICATE);
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let payload = STANDARD.decode(payload).unwrap();
    let raw = STANDARD.encode(world.key.sign(&payload).unwrap());
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = raw.into();
    attach(&world, &bundle);
    let refused = reason(world.examine(&world.by_key()).await.attestations);
    assert!(matches!(refused, Reason::Signature { .. }), "{refused}");
    let world = World::new();
    let envelope = signer::envelope(&world.key, SIMPLE_SIGNING, &world.claims()).unwrap();
    let mut bundle = key_bundle(&world, SIGN);
    bundle["dsseEnvelope"] = envelope;
    attach(&world, &bundle);
    let refused = reason(world.examine(&world.by_key()).await.signatures);
    assert!(matches!(refused, Reason::Signature { .. }), "{refused}");
}

#[tokio::test]
async fn chains_bundles_need_the_log_like_all_others() {
    let entry = |world: &World, payload: &[u8]| {
        let bundle = chains_bundle(world, payload);
        let sig = bundle["dsseEnvelope"]["signatures"][0]["sig"]
            .as_str()
            .unwrap();
        let signature = STANDARD.decode(sig).unwrap();
        let document = hashedrekord(payload, &signature, &Signer::key(&world.key));
        let entry = world
            .sigstore
            .log
            .bundle_entry(&world.log(&document))
            .unwrap();
        (bundle, entry)
    };
    let world = World::new();
    let (mut bundle, good) = entry(&world, &world.claims());
    bundle["verificationMaterial"]["tlogEntries"] = json!([good]);
    attach(&world, &bundle);
    let examined = world.examine(&world.by_logged_key()).await;
    assert!(examined.signatures.is_ok(), "{:?}", examined.rejected);
    let world = World::new();
    let (mut bundle, _) = entry(&world, &world.claims());
    let (_, other) = entry(&world, signer::claims(&world.another_image()).as_bytes());
    bundle["verificationMaterial"]["tlogEntries"] = json!([other]);
    attach(&world, &bundle);
    let refused = reason(world.examine(&world.by_logged_key()).await.signatures);
    assert!(matches!(refused, Reason::LogEntry { .. }), "{refused}");
}

/// A key of another type than the lab's own, with a function that signs.
struct Rsa(RsaKeyPair);

impl Rsa {
    fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        pem::write("PUBLIC KEY", der.as_ref())
    }

    fn sign(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> String {
        let mut made = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(padding, &SystemRandom::new(), message, &mut made)
            .unwrap();
        STANDARD.encode(made)
    }
}

/// Attaches a logged bundle of an RSA key with some padding, after a change.
async fn rsa_bundle(
    padding: &'static dyn RsaEncoding,
    change: impl FnOnce(&World, &mut Value),
) -> Result<(), Reason> {
    let world = World::new();
    let key = Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let mut envelope = world.envelope(&world.statement(SIGN));
    let payload = envelope["payload"].as_str().unwrap();
    let payload = STANDARD.decode(payload).unwrap();
    let encoded = format!(
        "DSSEv1 {} {} {} ",
        signer::IN_TOTO.len(),
        signer::IN_TOTO,
        payload.len()
    );
    let message = [encoded.into_bytes(), payload].concat();
    envelope["signatures"][0]["sig"] = key.sign(padding, &message).into();
    let signer = Signer::key(&world.key);
    let mut document = dsse_entry(&envelope, &signer);
    document["spec"]["signatures"][0]["verifier"] = STANDARD.encode(key.pem()).into();
    let entry = world.log(&document);
    let mut bundle = bundle(&world.sigstore.log, &envelope, &signer, Some(&entry)).unwrap();
    change(&world, &mut bundle);
    attach(&world, &bundle);
    let key = TrustedKey::from_pem(&key.pem(), "a test").unwrap();
    let verifier = verifier(keys(key, LogPolicy::Required), Some(world.root()));
    match world.examine(&verifier).await.signatures {
        Ok(_) => Ok(()),
        failure => Err(reason(failure)),
    }
}

#[tokio::test]
async fn a_logged_bundle_is_accepted_with_each_scheme_of_a_key() {
    for padding in [&RSA_PKCS1_SHA256 as &dyn RsaEncoding, &RSA_PSS_SHA256] {
        rsa_bundle(padding, |_, _| {}).await.unwrap();
    }
    type Change = fn(&World, &mut Value);
    let lies: [(&str, Change); 6] = [
        ("NoLogEntry", |_, bundle| {
            bundle["verificationMaterial"]["tlogEntries"] = json!([]);
        }),
        ("NoLogEntry", |_, bundle| {
            entry_of(bundle)
                .as_object_mut()
                .unwrap()
                .remove("inclusionProof");
        }),
        ("LogPromise", |_, bundle| {
            let promise = &mut entry_of(bundle)["inclusionPromise"]["signedEntryTimestamp"];
            *promise = STANDARD.encode([7; 64]).into();
        }),
        ("LogEntry", |world, bundle| {
            *entry_of(bundle) = entry_of(&mut key_bundle(world, SIGN)).clone();
        }),
        ("Checkpoint", |_, bundle| {
            entry_of(bundle)["inclusionProof"]["treeSize"] = "7".into();
        }),
        ("Timestamp", |_, bundle| {
            bundle["verificationMaterial"]["timestampVerificationData"] =
                json!({"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]});
        }),
    ];
    for (expected, change) in lies {
        let refused = rsa_bundle(&RSA_PSS_SHA256, change).await.unwrap_err();
        assert!(
            format!("{refused:?}").starts_with(expected),
            "{expected}: {refused}"
        );
    }
}
