//! Attacks with layers under the tags `.sig` and `.att`.

mod certificates;

use super::*;

pub(super) fn by_key() -> Vec<Lie> {
    let tables = [
        refused_claims(),
        malformed_layers(),
        envelopes_of_others(),
        malformed_statements(),
    ];
    tables.into_iter().flatten().collect()
}

fn refused_claims() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
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
                );
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
                );
            },
            "NoSignature",
        ),
    ]
}

fn malformed_layers() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
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
                );
            },
            "Malformed",
        ),
        // An envelope in the place of a signature.
        Lie(
            Sig,
            owner,
            |w| put_sig(w, Layer::envelope(&w.envelope(&w.statement(PREDICATE)))),
            "Malformed",
        ),
        // CVE-2024-29902: a huge attachment is not read.
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
    ]
}

fn envelopes_of_others() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
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
    ]
}

fn malformed_statements() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
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
        // CVE-2026-39395: a payload that is not a statement.
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

pub(super) fn logged() -> Vec<Lie> {
    let tables = [entries_of_others(), entries_without_proof()];
    tables.into_iter().flatten().collect()
}

fn entries_of_others() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
        Lie(
            Sig,
            super::logged,
            |w| put_sig(w, signed_layer(w, &w.claims())),
            "NoLogEntry",
        ),
        // CVE-2022-23649: the entry of another signature is not accepted.
        Lie(
            Sig,
            super::logged,
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
            super::logged,
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
            super::logged,
            |w| {
                put_sig(
                    w,
                    logged_layer(w, &w.claims(), |entry| entry["kind"] = "rekord".into()),
                );
            },
            "UnsupportedLogEntry",
        ),
    ]
}

fn entries_without_proof() -> Vec<Lie> {
    use EvidenceKind::{Attestation as Att, Signature as Sig};
    vec![
        Lie(
            Sig,
            super::logged,
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
            super::logged,
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
            super::logged,
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
            super::logged,
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

pub(super) fn keyless() -> Vec<Lie> {
    let tables = [
        certificates::untrusted_signers(),
        certificates::certificates_without_proof(),
        certificates::expired_certificates(),
        certificates::wrong_timestamps(),
        certificates::wrong_stand_in_entries(),
    ];
    tables.into_iter().flatten().collect()
}
