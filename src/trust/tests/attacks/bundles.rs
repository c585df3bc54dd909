//! Attacks with bundles that refer to the image.

use super::*;

pub(super) fn lies() -> Vec<Lie> {
    let tables = [
        other_kinds_and_signers(),
        wrong_formats(),
        wrong_entries(),
        missing_proofs(),
    ];
    tables.into_iter().flatten().collect()
}

fn other_kinds_and_signers() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
        // An attestation by the right signer is not an image signature, in any layout.
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
                );
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
    ]
}

fn wrong_formats() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
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
        // The bundle of another image among this one's referrers.
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
    ]
}

fn wrong_entries() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
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
    ]
}

fn missing_proofs() -> Vec<Lie> {
    use EvidenceKind::Signature as Sig;
    vec![
        // The current time is not used instead: a proof of inclusion does not prove a time.
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
