//! One row for each lie: how it is made, who is expected, and by which reason it is refused.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    signer,
    sigstore::{
        Layer, Request, SIGNED, Sct, Signer, Sigstore, bundle, dsse_entry, hashedrekord,
        intoto_entry, put_bundle, put_layers,
    },
};
use serde_json::{Value, json};

use super::*;
use crate::trust::{
    Kind,
    check::Subject,
    discover::{Candidate, Container},
};

type Make = fn(&World);
type Expect = fn(&World) -> Verifier;

/// A lie: what is asked, who is expected, how it is made, the name of the reason.
struct Lie(Kind, Expect, Make, &'static str);

/// The name of a reason. Without a wildcard, so that a new reason needs a row below.
fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::TooLarge { .. } => "TooLarge",
        Reason::Malformed { .. } => "Malformed",
        Reason::NoSignature => "NoSignature",
        Reason::Signature { .. } => "Signature",
        Reason::ClaimType { .. } => "ClaimType",
        Reason::ClaimDigest { .. } => "ClaimDigest",
        Reason::Annotation { .. } => "Annotation",
        Reason::PayloadType { .. } => "PayloadType",
        Reason::Statement(_) => "Statement",
        Reason::Subject => "Subject",
        Reason::NotASignature { .. } => "NotASignature",
        Reason::PredicateType { .. } => "PredicateType",
        Reason::NoCertificate => "NoCertificate",
        Reason::NotByKey => "NotByKey",
        Reason::NoLogEntry => "NoLogEntry",
        Reason::UnsupportedLogEntry { .. } => "UnsupportedLogEntry",
        Reason::UnknownLog { .. } => "UnknownLog",
        Reason::LogProof { .. } => "LogProof",
        Reason::Checkpoint { .. } => "Checkpoint",
        Reason::LogPromise { .. } => "LogPromise",
        Reason::LogEntry { .. } => "LogEntry",
        Reason::LogTime { .. } => "LogTime",
        Reason::Chain { .. } => "Chain",
        Reason::AuthorityTime { .. } => "AuthorityTime",
        Reason::CertificateLog { .. } => "CertificateLog",
        Reason::NoTime => "NoTime",
        Reason::Timestamp { .. } => "Timestamp",
        Reason::TimestampTime { .. } => "TimestampTime",
        Reason::Identity { .. } => "Identity",
        Reason::BundleVersion { .. } => "BundleVersion",
        Reason::BundleContent => "BundleContent",
        Reason::ForeignSubject { .. } => "ForeignSubject",
        Reason::Layers { .. } => "Layers",
    }
}

/// All reasons there are.
const ALL: [&str; 33] = [
    "TooLarge",
    "Malformed",
    "NoSignature",
    "Signature",
    "ClaimType",
    "ClaimDigest",
    "Annotation",
    "PayloadType",
    "Statement",
    "Subject",
    "NotASignature",
    "PredicateType",
    "NoCertificate",
    "NotByKey",
    "NoLogEntry",
    "UnsupportedLogEntry",
    "UnknownLog",
    "LogProof",
    "Checkpoint",
    "LogPromise",
    "LogEntry",
    "LogTime",
    "Chain",
    "AuthorityTime",
    "CertificateLog",
    "NoTime",
    "Timestamp",
    "TimestampTime",
    "Identity",
    "BundleVersion",
    "BundleContent",
    "ForeignSubject",
    "Layers",
];
/// Reasons that belong to other questions and have their cases there.
const ELSEWHERE: [&str; 3] = ["Annotation", "PredicateType", "TimestampTime"];

// Who is expected.
fn owner(world: &World) -> Verifier {
    world.by_key()
}
fn logged(world: &World) -> Verifier {
    world.by_logged_key()
}
fn keyless(world: &World) -> Verifier {
    world.keyless()
}

// Building blocks of the good artefacts; each lie changes one thing in one of them.
fn put_sig(world: &World, layer: Layer) {
    put_layers(&world.registry, &world.image, "sig", &[layer]);
}
fn put_att(world: &World, layer: Layer) {
    put_layers(&world.registry, &world.image, "att", &[layer]);
}
fn signed_layer(world: &World, payload: &[u8]) -> Layer {
    Layer::signature(payload, &world.key.sign(payload).unwrap())
}
fn logged_layer(world: &World, payload: &[u8], change: impl FnOnce(&mut Value)) -> Layer {
    let signature = world.key.sign(payload).unwrap();
    let mut document = hashedrekord(payload, &signature, &Signer::key(&world.key));
    change(&mut document);
    Layer::signature(payload, &signature).logged(&world.log(&document))
}
fn keyless_layer(world: &World, certificate: &[u8], time: i64) -> Layer {
    let payload = world.claims();
    let signature = world.key.sign(&payload).unwrap();
    let document = hashedrekord(
        &payload,
        &signature,
        &Signer::keyless(&world.key, certificate),
    );
    let entry = world.sigstore.log.add(&document, time).unwrap();
    Layer::signature(&payload, &signature)
        .certified(certificate)
        .logged(&entry)
}
fn keyless_envelope_layer(world: &World, entry: fn(&Value, &Signer<'_>) -> Value) -> Layer {
    let certificate = world.honest_certificate();
    let envelope = world.envelope(&world.statement(PREDICATE));
    let entry = world.log(&entry(
        &envelope,
        &Signer::keyless(&world.key, &certificate),
    ));
    Layer::envelope(&envelope)
        .certified(&certificate)
        .logged(&entry)
}
fn key_bundle(world: &World, predicate_type: &str) -> Value {
    let envelope = world.envelope(&world.statement(predicate_type));
    let signer = Signer::key(&world.key);
    let entry = world.log(&dsse_entry(&envelope, &signer));
    bundle(&world.sigstore.log, &envelope, &signer, Some(&entry)).unwrap()
}
fn keyless_bundle(world: &World, predicate_type: &str) -> Value {
    let certificate = world.honest_certificate();
    let envelope = world.envelope(&world.statement(predicate_type));
    let signer = Signer::keyless(&world.key, &certificate);
    let entry = world.log(&dsse_entry(&envelope, &signer));
    bundle(&world.sigstore.log, &envelope, &signer, Some(&entry)).unwrap()
}
fn chains_bundle(world: &World, payload: &[u8]) -> Value {
    let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
    let signature = STANDARD.encode(world.key.sign(payload).unwrap());
    let envelope = json!({"payloadType": kind, "payload": STANDARD.encode(payload), "signatures": [{"sig": signature}]});
    bundle(
        &world.sigstore.log,
        &envelope,
        &Signer::key(&world.key),
        None,
    )
    .unwrap()
}
fn attach(world: &World, bundle: &Value) {
    put_bundle(&world.registry, &world.image, bundle).unwrap();
}
fn entry_of(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}
fn annotated(mut layer: Layer, name: &str, value: impl Into<Value>) -> Layer {
    layer.annotations.insert(name.to_owned(), value.into());
    layer
}
fn log_annotation(layer: &Layer) -> Value {
    serde_json::from_str(
        layer.annotations["dev.sigstore.cosign/bundle"]
            .as_str()
            .unwrap(),
    )
    .unwrap()
}

#[tokio::test]
async fn the_good_artefacts_count() {
    let goods: [(&str, Expect, Make); 11] = [
        ("sig by key", owner, |w| {
            put_sig(w, signed_layer(w, &w.claims()))
        }),
        ("sig by logged key", logged, |w| {
            put_sig(w, logged_layer(w, &w.claims(), |_| {}))
        }),
        ("keyless sig", keyless, |w| {
            put_sig(w, keyless_layer(w, &w.honest_certificate(), SIGNED))
        }),
        ("bundle by key", owner, |w| attach(w, &key_bundle(w, SIGN))),
        ("bundle by logged key", logged, |w| {
            attach(w, &key_bundle(w, SIGN))
        }),
        ("keyless bundle", keyless, |w| {
            attach(w, &keyless_bundle(w, SIGN))
        }),
        ("bundle of Chains", owner, |w| {
            attach(w, &chains_bundle(w, &w.claims()))
        }),
        ("att by key", owner, |w| {
            put_att(w, Layer::envelope(&w.envelope(&w.statement(PREDICATE))))
        }),
        ("keyless att", keyless, |w| {
            put_att(w, keyless_envelope_layer(w, dsse_entry))
        }),
        ("bundle with attestation", keyless, |w| {
            attach(w, &keyless_bundle(w, PREDICATE))
        }),
        ("att by logged key, intoto entry", logged, |w| {
            let envelope = w.envelope(&w.statement(PREDICATE));
            let entry = w.log(&intoto_entry(&envelope, &Signer::key(&w.key)));
            put_att(w, Layer::envelope(&envelope).logged(&entry));
        }),
    ];
    for (what, expect, make) in goods {
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
        // Neither is ever both: the other question stays unanswered.
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
    assert_eq!(verified.manifest().digest, world.reference().digest);
    assert_eq!(
        (verified.signatures().len(), verified.attestations().len()),
        (1, 1)
    );
}

fn lies() -> Vec<Lie> {
    let mut lies = legacy_by_key();
    lies.extend(legacy_logged());
    lies.extend(legacy_keyless());
    lies.extend(bundles());
    lies
}

fn legacy_by_key() -> Vec<Lie> {
    use Kind::{Attestation as Att, Signature as Sig};
    vec![
        Lie(
            Sig,
            owner,
            |w| {
                let stranger = signer::Key::generate().unwrap();
                put_sig(
                    w,
                    Layer::signature(&w.claims(), &stranger.sign(&w.claims()).unwrap()),
                );
            },
            "Signature",
        ),
        Lie(
            Sig,
            owner,
            |w| {
                put_sig(
                    w,
                    signed_layer(w, signer::claims(&w.another_image()).as_bytes()),
                )
            },
            "ClaimDigest",
        ),
        Lie(
            Sig,
            owner,
            |w| {
                let claims =
                    signer::claims(&w.image).replace("cosign container image signature", "atomic");
                put_sig(w, signed_layer(w, claims.as_bytes()));
            },
            "ClaimType",
        ),
        Lie(
            Sig,
            owner,
            |w| {
                put_sig(
                    w,
                    annotated(
                        signed_layer(w, &w.claims()),
                        "dev.cosignproject.cosign/signature",
                        "",
                    ),
                )
            },
            "NoSignature",
        ),
        Lie(
            Sig,
            owner,
            |w| {
                put_sig(
                    w,
                    annotated(
                        signed_layer(w, &w.claims()),
                        "dev.cosignproject.cosign/signature",
                        "no base64!",
                    ),
                )
            },
            "Malformed",
        ),
        // An envelope offered where a signature belongs.
        Lie(
            Sig,
            owner,
            |w| put_sig(w, Layer::envelope(&w.envelope(&w.statement(PREDICATE)))),
            "Malformed",
        ),
        // CVE-2024-29902: a huge attachment is not read at all.
        Lie(
            Sig,
            owner,
            |w| {
                let layer = json!({"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "size": 1_u64 << 31,
                "digest": w.registry.put_blob("acme/app", b"small")});
                let config = json!({"mediaType": "x", "size": 2, "digest": w.registry.put_blob("acme/app", b"{}")});
                let manifest = json!({"schemaVersion": 2, "mediaType": signer::MANIFEST, "config": config, "layers": [layer]});
                let tag = w.image.attached_tag("sig");
                w.registry.put_manifest(
                    "acme/app",
                    Some(&tag),
                    signer::MANIFEST,
                    manifest.to_string().as_bytes(),
                );
            },
            "TooLarge",
        ),
        // Signed over the payload instead of its encoding.
        Lie(
            Att,
            owner,
            |w| {
                let mut envelope = w.envelope(&w.statement(PREDICATE));
                let payload = STANDARD
                    .decode(envelope["payload"].as_str().unwrap())
                    .unwrap();
                envelope["signatures"][0]["sig"] =
                    STANDARD.encode(w.key.sign(&payload).unwrap()).into();
                put_att(w, Layer::envelope(&envelope));
            },
            "Signature",
        ),
        Lie(
            Att,
            owner,
            |w| {
                let payload = w.statement(PREDICATE).to_string();
                put_att(
                    w,
                    Layer::envelope(
                        &signer::envelope(&w.key, "text/plain", payload.as_bytes()).unwrap(),
                    ),
                );
            },
            "PayloadType",
        ),
        Lie(
            Att,
            owner,
            |w| {
                let statement = signer::statement(&w.another_image(), PREDICATE, &json!({}));
                put_att(w, Layer::envelope(&w.envelope(&statement)));
            },
            "Subject",
        ),
        // GHSA-cq38-jh5f-37mq: thousands of subjects.
        Lie(
            Att,
            owner,
            |w| {
                let mut statement = w.statement(PREDICATE);
                let one = statement["subject"][0].clone();
                statement["subject"] = vec![one; 1025].into();
                put_att(w, Layer::envelope(&w.envelope(&statement)));
            },
            "Statement",
        ),
        // CVE-2026-39395: a payload that is no statement.
        Lie(
            Att,
            owner,
            |w| put_att(w, Layer::envelope(&w.envelope(&json!({"_type": "x"})))),
            "Statement",
        ),
        Lie(
            Att,
            owner,
            |w| {
                let mut envelope = w.envelope(&w.statement(PREDICATE));
                envelope["signatures"] = vec![envelope["signatures"][0].clone(); 17].into();
                put_att(w, Layer::envelope(&envelope));
            },
            "TooLarge",
        ),
    ]
}

fn legacy_logged() -> Vec<Lie> {
    use Kind::{Attestation as Att, Signature as Sig};
    vec![
        Lie(
            Sig,
            logged,
            |w| put_sig(w, signed_layer(w, &w.claims())),
            "NoLogEntry",
        ),
        // CVE-2022-23649: the entry of another signature does not count.
        Lie(
            Sig,
            logged,
            |w| {
                let other = logged_layer(w, signer::claims(&w.another_image()).as_bytes(), |_| {});
                let replayed = log_annotation(&other).to_string();
                put_sig(
                    w,
                    annotated(
                        signed_layer(w, &w.claims()),
                        "dev.sigstore.cosign/bundle",
                        replayed,
                    ),
                );
            },
            "LogEntry",
        ),
        Lie(
            Sig,
            logged,
            |w| {
                put_sig(
                    w,
                    logged_layer(w, &w.claims(), |entry| {
                        let other = signer::Key::generate().unwrap();
                        entry["spec"]["signature"]["publicKey"]["content"] =
                            Signer::key(&other).verifier().into();
                    }),
                );
            },
            "LogEntry",
        ),
        Lie(
            Sig,
            logged,
            |w| {
                put_sig(
                    w,
                    logged_layer(w, &w.claims(), |entry| entry["kind"] = "rekord".into()),
                );
            },
            "UnsupportedLogEntry",
        ),
        Lie(
            Sig,
            logged,
            |w| {
                let layer = logged_layer(w, &w.claims(), |_| {});
                let mut entry = log_annotation(&layer);
                entry["Payload"]["integratedTime"] = (SIGNED + 1).into();
                put_sig(
                    w,
                    annotated(layer, "dev.sigstore.cosign/bundle", entry.to_string()),
                );
            },
            "LogPromise",
        ),
        Lie(
            Sig,
            logged,
            |w| {
                let payload = w.claims();
                let signature = w.key.sign(&payload).unwrap();
                let document = hashedrekord(&payload, &signature, &Signer::key(&w.key));
                let entry = w.sigstore.log.add(&document, 4_000_000_000).unwrap();
                put_sig(w, Layer::signature(&payload, &signature).logged(&entry));
            },
            "LogTime",
        ),
        // CVE-2023-47122: a log's key comes from the root, not from the log.
        Lie(
            Sig,
            logged,
            |w| {
                let payload = w.claims();
                let signature = w.key.sign(&payload).unwrap();
                let document = hashedrekord(&payload, &signature, &Signer::key(&w.key));
                let entry = Sigstore::new().unwrap().log.add(&document, SIGNED).unwrap();
                put_sig(w, Layer::signature(&payload, &signature).logged(&entry));
            },
            "UnknownLog",
        ),
        // CVE-2026-22703: a real entry of another envelope.
        Lie(
            Att,
            logged,
            |w| {
                let other = w.envelope(&w.statement("https://example.com/other"));
                let entry = w.log(&intoto_entry(&other, &Signer::key(&w.key)));
                put_att(
                    w,
                    Layer::envelope(&w.envelope(&w.statement(PREDICATE))).logged(&entry),
                );
            },
            "LogEntry",
        ),
    ]
}

fn legacy_keyless() -> Vec<Lie> {
    use Kind::{Attestation as Att, Signature as Sig};
    vec![
        Lie(
            Sig,
            keyless,
            |w| put_sig(w, signed_layer(w, &w.claims())),
            "NoCertificate",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let stranger = w.certificate(&Request::new(
                    "https://evil.example/?https://github.com/acme/app",
                    ISSUER,
                ));
                put_sig(w, keyless_layer(w, &stranger, SIGNED));
            },
            "Identity",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let stranger = w.certificate(&Request::new(SUBJECT, "https://evil.example"));
                put_sig(w, keyless_layer(w, &stranger, SIGNED));
            },
            "Identity",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let foreign = Sigstore::new().unwrap();
                let certificate = foreign
                    .certificate(&w.key, &Request::new(SUBJECT, ISSUER))
                    .unwrap();
                put_sig(w, keyless_layer(w, &certificate, SIGNED));
            },
            "Chain",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let request = Request {
                    code_signing: false,
                    ..Request::new(SUBJECT, ISSUER)
                };
                put_sig(w, keyless_layer(w, &w.certificate(&request), SIGNED));
            },
            "Chain",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let request = Request {
                    sct: Sct::Missing,
                    ..Request::new(SUBJECT, ISSUER)
                };
                put_sig(w, keyless_layer(w, &w.certificate(&request), SIGNED));
            },
            "CertificateLog",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let request = Request {
                    sct: Sct::Forged,
                    ..Request::new(SUBJECT, ISSUER)
                };
                put_sig(w, keyless_layer(w, &w.certificate(&request), SIGNED));
            },
            "CertificateLog",
        ),
        // Logged an hour after the certificate's ten minutes.
        Lie(
            Sig,
            keyless,
            |w| put_sig(w, keyless_layer(w, &w.honest_certificate(), SIGNED + 3600)),
            "Chain",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let mut layer = keyless_layer(w, &w.honest_certificate(), SIGNED);
                layer.annotations.remove("dev.sigstore.cosign/bundle");
                put_sig(w, layer);
            },
            "NoLogEntry",
        ),
        Lie(
            Att,
            keyless,
            |w| {
                let layer = keyless_envelope_layer(w, dsse_entry);
                let token = json!({"SignedRFC3161Timestamp": "AAAA"}).to_string();
                put_att(
                    w,
                    annotated(layer, "dev.sigstore.cosign/rfc3161timestamp", token),
                );
            },
            "Timestamp",
        ),
        // The library knows no such entries with a certificate; said plainly, never skipped.
        Lie(
            Att,
            keyless,
            |w| put_att(w, keyless_envelope_layer(w, intoto_entry)),
            "UnsupportedLogEntry",
        ),
    ]
}

fn bundles() -> Vec<Lie> {
    use Kind::Signature as Sig;
    vec![
        // An attestation by the right signer is no image signature, in any layout.
        Lie(
            Sig,
            owner,
            |w| attach(w, &key_bundle(w, PREDICATE)),
            "NotASignature",
        ),
        Lie(
            Sig,
            logged,
            |w| attach(w, &key_bundle(w, PREDICATE)),
            "NotASignature",
        ),
        Lie(
            Sig,
            keyless,
            |w| attach(w, &keyless_bundle(w, PREDICATE)),
            "NotASignature",
        ),
        Lie(
            Sig,
            owner,
            |w| {
                attach(
                    w,
                    &chains_bundle(w, signer::claims(&w.another_image()).as_bytes()),
                )
            },
            "ClaimDigest",
        ),
        Lie(
            Sig,
            owner,
            |w| attach(w, &keyless_bundle(w, SIGN)),
            "NotByKey",
        ),
        Lie(
            Sig,
            keyless,
            |w| attach(w, &key_bundle(w, SIGN)),
            "NoCertificate",
        ),
        // A registry must not choose a version that needs less proof.
        Lie(
            Sig,
            keyless,
            |w| {
                let mut bundle = keyless_bundle(w, SIGN);
                bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
                attach(w, &bundle);
            },
            "BundleVersion",
        ),
        Lie(
            Sig,
            owner,
            |w| {
                let mut bundle = key_bundle(w, SIGN);
                bundle.as_object_mut().unwrap().remove("dsseEnvelope");
                bundle["messageSignature"] = json!({"signature": "AAAA"});
                attach(w, &bundle);
            },
            "BundleContent",
        ),
        // The bundle of another image under this one's referrers.
        Lie(
            Sig,
            owner,
            |w| {
                let other = w.another_image();
                let manifest = put_bundle(&w.registry, &other, &key_bundle(w, SIGN)).unwrap();
                refer(w, &manifest);
            },
            "ForeignSubject",
        ),
        Lie(
            Sig,
            owner,
            |w| {
                let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
                let bytes = key_bundle(w, SIGN).to_string();
                let layer = json!({"mediaType": kind, "size": bytes.len(), "digest": w.registry.put_blob("acme/app", bytes.as_bytes())});
                let config = json!({"mediaType": "x", "size": 2, "digest": w.registry.put_blob("acme/app", b"{}")});
                let manifest = json!({"schemaVersion": 2, "mediaType": signer::MANIFEST, "config": config,
                "layers": [layer, layer], "subject": w.image.descriptor()});
                w.registry.put_manifest(
                    "acme/app",
                    None,
                    signer::MANIFEST,
                    manifest.to_string().as_bytes(),
                );
            },
            "Layers",
        ),
        // GHSA-cq38-jh5f-37mq: a bundle with very many entries.
        Lie(
            Sig,
            keyless,
            |w| {
                let mut bundle = keyless_bundle(w, SIGN);
                let one = entry_of(&mut bundle).clone();
                bundle["verificationMaterial"]["tlogEntries"] = vec![one; 33].into();
                attach(w, &bundle);
            },
            "TooLarge",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                let mut bundle = keyless_bundle(w, SIGN);
                entry_of(&mut bundle)["inclusionProof"]["checkpoint"]["envelope"] =
                    "log.lab.example - 1\n1\nAAAA\n".into();
                attach(w, &bundle);
            },
            "Malformed",
        ),
        // A checkpoint of another log over the same tree.
        Lie(
            Sig,
            keyless,
            |w| {
                let foreign = Sigstore::new().unwrap();
                let mut bundle = keyless_bundle(w, SIGN);
                let entry = entry_of(&mut bundle);
                let document = STANDARD
                    .decode(entry["canonicalizedBody"].as_str().unwrap())
                    .unwrap();
                let document = serde_json::from_slice(&document).unwrap();
                let copied = foreign.log.add(&document, SIGNED).unwrap();
                entry["inclusionProof"] =
                    foreign.log.bundle_entry(&copied).unwrap()["inclusionProof"].clone();
                attach(w, &bundle);
            },
            "Checkpoint",
        ),
        Lie(
            Sig,
            keyless,
            |w| {
                w.log(&json!({"kind": "filler", "apiVersion": "0.0.1"}));
                let mut bundle = keyless_bundle(w, SIGN);
                let proof = &mut entry_of(&mut bundle)["inclusionProof"];
                proof["hashes"][0] = STANDARD.encode([7; 32]).into();
                attach(w, &bundle);
            },
            "LogProof",
        ),
        // No fallback to the present: a proof of inclusion says nothing about when.
        Lie(
            Sig,
            keyless,
            |w| {
                let mut bundle = keyless_bundle(w, SIGN);
                entry_of(&mut bundle)
                    .as_object_mut()
                    .unwrap()
                    .remove("inclusionPromise");
                attach(w, &bundle);
            },
            "NoTime",
        ),
        Lie(
            Sig,
            logged,
            |w| {
                let mut bundle = key_bundle(w, SIGN);
                bundle["verificationMaterial"]["tlogEntries"] = json!([]);
                attach(w, &bundle);
            },
            "NoLogEntry",
        ),
    ]
}

/// Lists a manifest among the image's referrers although its subject is another.
fn refer(world: &World, manifest: &signer::Image) {
    let index = json!({"schemaVersion": 2, "mediaType": signer::INDEX, "manifests": [manifest.descriptor()]});
    let tag = world.image.digest.replace(':', "-");
    world.registry.put_manifest(
        "acme/app",
        Some(&tag),
        signer::INDEX,
        index.to_string().as_bytes(),
    );
}

#[tokio::test]
async fn each_lie_is_refused_by_its_reason() {
    let mut seen = BTreeSet::new();
    for (number, Lie(kind, expect, make, expected)) in lies().into_iter().enumerate() {
        let world = match expected {
            // Lists of referrers that lie are those kept under a tag.
            "ForeignSubject" => World::without_referrers(),
            _ => World::new(),
        };
        make(&world);
        let examined = world.examine(&expect(&world)).await;
        let found = match kind {
            Kind::Signature => reason(examined.signatures),
            Kind::Attestation => reason(examined.attestations),
        };
        assert_eq!(name(&found), expected, "lie {number}: {found}");
        seen.insert(expected);
    }
    let expired = expired_authority().await;
    assert_eq!(name(&expired), "AuthorityTime");
    seen.insert("AuthorityTime");
    let missing: Vec<_> = ALL
        .iter()
        .filter(|name| !seen.contains(*name) && !ELSEWHERE.contains(name))
        .collect();
    assert!(missing.is_empty(), "no lie shows {missing:?}");
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
    let mut document: Value =
        serde_json::from_slice(&fixture("cosign-v3/trusted_root.json")).unwrap();
    let check = |document: &Value| {
        let who = Who::Identities(vec![Identity {
            subject: Matcher::pattern(".*").unwrap(),
            issuer: Matcher::pattern(".*").unwrap(),
        }]);
        let verifier = verifier(who, Some(parse_root(document)));
        real_bundles()
            .into_iter()
            .map(move |(named, bytes)| {
                let candidate = Candidate {
                    origin: "fixture".to_owned(),
                    container: Container::Bundle,
                    bytes: bytes.into(),
                    annotations: named.clone(),
                };
                let subject = Subject {
                    candidate: &candidate,
                    looked_up: None,
                };
                verifier
                    .trust()
                    .check(&subject, &named["subject"].parse().unwrap())
                    .map(drop)
            })
            .collect::<Vec<_>>()
    };
    let good = check(&document).into_iter().filter(Result::is_ok).count();
    assert!(good >= 4, "{good}");
    for authority in document["timestampAuthorities"].as_array_mut().unwrap() {
        authority["validFor"] =
            json!({"start": "2026-01-01T00:00:00Z", "end": "2026-11-21T23:38:46Z"});
    }
    let late = check(&document);
    let outside = late
        .iter()
        .filter(|outcome| matches!(outcome, Err(Reason::TimestampTime { .. })));
    assert_eq!(outside.count(), good);
    assert!(late.iter().all(Result::is_err));
}
