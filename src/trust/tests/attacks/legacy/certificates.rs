//! Attacks on signatures by certificate: signers, certificates, timestamps and log entries.

use super::*;

pub(super) fn untrusted_signers() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
        Lie(
            Sig,
            super::super::keyless,
            |w| put_sig(w, signed_layer(w, &w.claims())),
            "NoCertificate",
        ),
        Lie(
            Sig,
            super::super::keyless,
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
            super::super::keyless,
            |w| {
                let stranger =
                    w.certificate(&CertificateRequest::new(SUBJECT, "https://evil.example"));
                put_sig(w, keyless_layer(w, &stranger, SIGNED));
            },
            "Identity",
        ),
        Lie(
            Sig,
            super::super::keyless,
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
            super::super::keyless,
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

pub(super) fn certificates_without_proof() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
        Lie(
            Sig,
            super::super::keyless,
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
            super::super::keyless,
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
            super::super::keyless,
            |w| put_sig(w, keyless_layer(w, &w.honest_certificate(), SIGNED + 3600)),
            "Chain",
        ),
        Lie(
            Sig,
            super::super::keyless,
            |w| {
                let mut layer = keyless_layer(w, &w.honest_certificate(), SIGNED);
                layer.annotations.remove("dev.sigstore.cosign/bundle");
                put_sig(w, layer);
            },
            "NoLogEntry",
        ),
    ]
}

pub(super) fn expired_certificates() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
        Lie(
            Att,
            super::super::keyless,
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
            super::super::keyless,
            |w| put_att(w, stamped_envelope_layer(w, dsse_entry, SIGNED + 3600)),
            "Chain",
        ),
        Lie(
            Att,
            super::super::keyless,
            |w| put_att(w, stamped_envelope_layer(w, intoto_entry, SIGNED + 3600)),
            "Chain",
        ),
        Lie(
            EvidenceKind::Signature,
            super::super::keyless,
            |w| put_sig(w, stamped_layer(w, SIGNED + 3600)),
            "Chain",
        ),
    ]
}

pub(super) fn wrong_timestamps() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
        // A token of another envelope, and one of an untrusted authority.
        Lie(
            Att,
            super::super::keyless,
            |w| {
                let token = w.sigstore.stamper.token(b"another", SIGNED).unwrap();
                put_att(w, keyless_envelope_layer(w, dsse_entry).stamped(&token));
            },
            "Timestamp",
        ),
        Lie(
            Att,
            super::super::keyless,
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
            super::super::keyless,
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

pub(super) fn wrong_stand_in_entries() -> Vec<Lie> {
    use EvidenceKind::Attestation as Att;
    vec![
        // The facts in the stand-in's entry are still checked against the authorities.
        Lie(
            Att,
            super::super::keyless,
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
            super::super::keyless,
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
            super::super::keyless,
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
