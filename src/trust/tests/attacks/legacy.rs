//! Attacks with layers under the tags `.sig` and `.att`.

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
        untrusted_signers(),
        certificates_without_proof(),
        expired_certificates(),
        wrong_timestamps(),
        wrong_stand_in_entries(),
    ];
    tables.into_iter().flatten().collect()
}

fn untrusted_signers() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
        Lie(
            Sig,
            super::keyless,
            |w| put_sig(w, signed_layer(w, &w.claims())),
            "NoCertificate",
        ),
        Lie(
            Sig,
            super::keyless,
            |w| {
                let stranger = w.certificate(&CertificateRequest::new(
                    "https://evil.example/?https://github.com/acme/app",
                    ISSUER,
                ));
                put_sig(w, keyless_layer(w, &stranger, SIGNED));
            },
            "Identity",
        ),
        Lie(
            Sig,
            super::keyless,
            |w| {
                let stranger =
                    w.certificate(&CertificateRequest::new(SUBJECT, "https://evil.example"));
                put_sig(w, keyless_layer(w, &stranger, SIGNED));
            },
            "Identity",
        ),
        Lie(
            Sig,
            super::keyless,
            |w| {
                let foreign = Sigstore::new().unwrap();
                let certificate = foreign
                    .certificate(&w.key, &CertificateRequest::new(SUBJECT, ISSUER))
                    .unwrap();
                put_sig(w, keyless_layer(w, &certificate, SIGNED));
            },
            "Chain",
        ),
        Lie(
            Sig,
            super::keyless,
            |w| {
                let request = CertificateRequest {
                    code_signing: false,
                    ..CertificateRequest::new(SUBJECT, ISSUER)
                };
                put_sig(w, keyless_layer(w, &w.certificate(&request), SIGNED));
            },
            "Chain",
        ),
    ]
}

fn certificates_without_proof() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
        Lie(
            Sig,
            super::keyless,
            |w| {
                let request = CertificateRequest {
                    sct: Sct::Missing,
                    ..CertificateRequest::new(SUBJECT, ISSUER)
                };
                put_sig(w, keyless_layer(w, &w.certificate(&request), SIGNED));
            },
            "CertificateLog",
        ),
        Lie(
            Sig,
            super::keyless,
            |w| {
                let request = CertificateRequest {
                    sct: Sct::Forged,
                    ..CertificateRequest::new(SUBJECT, ISSUER)
                };
                put_sig(w, keyless_layer(w, &w.certificate(&request), SIGNED));
            },
            "CertificateLog",
        ),
        // Logged an hour after the certificate's ten minutes.
        Lie(
            Sig,
            super::keyless,
            |w| put_sig(w, keyless_layer(w, &w.honest_certificate(), SIGNED + 3600)),
            "Chain",
        ),
        Lie(
            Sig,
            super::keyless,
            |w| {
                let mut layer = keyless_layer(w, &w.honest_certificate(), SIGNED);
                layer.annotations.remove("dev.sigstore.cosign/bundle");
                put_sig(w, layer);
            },
            "NoLogEntry",
        ),
    ]
}

fn expired_certificates() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
        Lie(
            Att,
            super::keyless,
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
        // The certificate had expired at the time of the token, but not at the time of the entry.
        Lie(
            Att,
            super::keyless,
            |w| put_att(w, stamped_envelope_layer(w, dsse_entry, SIGNED + 3600)),
            "Chain",
        ),
        Lie(
            Att,
            super::keyless,
            |w| put_att(w, stamped_envelope_layer(w, intoto_entry, SIGNED + 3600)),
            "Chain",
        ),
        Lie(
            EvidenceKind::Signature,
            super::keyless,
            |w| put_sig(w, stamped_layer(w, SIGNED + 3600)),
            "Chain",
        ),
    ]
}

fn wrong_timestamps() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
        // A token of another envelope, and one of an untrusted authority.
        Lie(
            Att,
            super::keyless,
            |w| {
                let token = w.sigstore.stamper.token(b"another", SIGNED).unwrap();
                put_att(w, keyless_envelope_layer(w, dsse_entry).stamped(&token));
            },
            "Timestamp",
        ),
        Lie(
            Att,
            super::keyless,
            |w| {
                let layer = keyless_envelope_layer(w, dsse_entry);
                let stranger = Stamper::new(2025, 2035).unwrap();
                let token = stranger.token(&layer.bytes, SIGNED).unwrap();
                put_att(w, layer.stamped(&token));
            },
            "Timestamp",
        ),
        // The authority had ended.
        Lie(
            Att,
            super::keyless,
            |w| {
                put_att(
                    w,
                    stamped_envelope_layer(w, dsse_entry, SIGNED + 1_000_000_000),
                );
            },
            "Timestamp",
        ),
    ]
}

fn wrong_stand_in_entries() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
        // The facts in the stand-in's entry are still checked against the authorities.
        Lie(
            Att,
            super::keyless,
            |w| {
                let request = CertificateRequest {
                    sct: Sct::Forged,
                    ..CertificateRequest::new(SUBJECT, ISSUER)
                };
                let certificate = w.certificate(&request);
                let envelope = w.envelope(&w.statement(PREDICATE));
                let entry = w.log(&intoto_entry(
                    &envelope,
                    &Signer::keyless(&w.key, &certificate),
                ));
                put_att(w, certified_envelope(&envelope, &certificate, &entry));
            },
            "CertificateLog",
        ),
        Lie(
            Att,
            super::keyless,
            |w| {
                let certificate = w.honest_certificate();
                let envelope = w.envelope(&w.statement(PREDICATE));
                let document = intoto_entry(&envelope, &Signer::keyless(&w.key, &certificate));
                let entry = w.sigstore.log.add(&document, SIGNED + 3600).unwrap();
                put_att(w, certified_envelope(&envelope, &certificate, &entry));
            },
            "Chain",
        ),
        Lie(
            Att,
            super::keyless,
            |w| {
                let certificate = w.honest_certificate();
                let envelope = w.envelope(&w.statement(PREDICATE));
                let document = intoto_entry(&envelope, &Signer::keyless(&w.key, &certificate));
                let entry = Sigstore::new().unwrap().log.add(&document, SIGNED).unwrap();
                put_att(w, certified_envelope(&envelope, &certificate, &entry));
            },
            "UnknownLog",
        ),
    ]
}

/// Makes the layer of an envelope with its certificate and log entry.
fn certified_envelope(envelope: &Value, certificate: &[u8], entry: &sigstore::Entry) -> Layer {
    Layer::envelope(envelope)
        .certified(certificate)
        .logged(entry)
}
