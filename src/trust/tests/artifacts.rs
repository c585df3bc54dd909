//! Variants of cases of the conformance suite that the parsers refuse before the check in the case's
//! name: here only one part is wrong, so that the check itself refuses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::signer;

use super::{attacks::parts::*, *};
use crate::trust::Artifact;

/// Verifies a bundle over the image's digest.
fn verify(verifier: &ImageVerifier, world: &World, bundle: &Value) -> Result<(), Reason> {
    let artifact = Artifact::Digest(world.reference().digest);
    verifier
        .verify_bundle(bundle.to_string().as_bytes(), &artifact)
        .map(drop)
}

#[track_caller]
fn refused(outcome: Result<(), Reason>, expected: &str) {
    let reason = outcome.expect_err("it counts");
    assert!(
        format!("{reason:?}").starts_with(expected),
        "{expected}: {reason:?}"
    );
}

#[test]
fn managed_key_wrong_key() {
    let world = World::new();
    let bundle = key_bundle(&world, SIGN);
    verify(&world.by_logged_key(), &world, &bundle).unwrap();
    // The key is encoded as canonically as the right one.
    let other = signer::Key::generate().unwrap().public_pem();
    let other = TrustedKey::from_pem(&other, "a test").unwrap();
    let other = verifier(keys(other, LogPolicy::Required), Some(world.root()));
    refused(verify(&other, &world, &bundle), "Signature");
}

#[test]
fn another_artifact() {
    let world = World::new();
    for (verifier, bundle) in [
        (world.by_logged_key(), key_bundle(&world, SIGN)),
        (world.keyless(), keyless_bundle(&world, SIGN)),
    ] {
        verify(&verifier, &world, &bundle).unwrap();
        let other = Artifact::Bytes(b"other".to_vec());
        let outcome = verifier.verify_bundle(bundle.to_string().as_bytes(), &other);
        refused(outcome.map(drop), "Subject");
    }
}

fn changed(change: impl FnOnce(&mut Value)) -> Result<(), Reason> {
    let world = World::new();
    // With an earlier entry in the log the proof has a hash.
    world.log(&json!({"kind": "filler", "apiVersion": "0.0.1"}));
    let mut bundle = keyless_bundle(&world, SIGN);
    verify(&world.keyless(), &world, &bundle).unwrap();
    change(&mut bundle);
    verify(&world.keyless(), &world, &bundle)
}

#[test]
fn invalid_inclusion_proof() {
    // The checkpoint is unchanged, as the log signed it.
    let wrong = changed(|bundle| {
        entry_of(bundle)["inclusionProof"]["hashes"][0] = STANDARD.encode([7; 32]).into();
    });
    refused(wrong, "LogProof");
    let none = changed(|bundle| entry_of(bundle)["inclusionProof"]["hashes"] = json!([]));
    refused(none, "LogProof");
    let index = changed(|bundle| entry_of(bundle)["inclusionProof"]["logIndex"] = "0".into());
    refused(index, "LogProof");
}

/// Changes the lines of the checkpoint: origin, size, root, an empty one, the signature.
fn checkpoint(change: fn(&mut Vec<String>)) -> Result<(), Reason> {
    changed(|bundle| {
        let note = &mut entry_of(bundle)["inclusionProof"]["checkpoint"]["envelope"];
        let mut lines: Vec<_> = note.as_str().unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 5, "{lines:?}");
        change(&mut lines);
        *note = (lines.join("\n") + "\n").into();
    })
}

#[test]
fn checkpoints_that_can_be_read_and_are_wrong() {
    checkpoint(|_| {}).unwrap();
    // Each of these is a signed note in form.
    let origin = checkpoint(|lines| lines[0] = "another log".to_owned());
    refused(origin, "Checkpoint");
    let size = checkpoint(|lines| lines[1] = "3".to_owned());
    refused(size, "Checkpoint");
    let root = checkpoint(|lines| lines[2] = STANDARD.encode([7; 32]));
    refused(root, "Checkpoint");
    let extension = checkpoint(|lines| lines.insert(3, "extension".to_owned()));
    refused(extension, "Checkpoint");
    let signature = checkpoint(|lines| {
        let (start, text) = lines[4].rsplit_once(' ').unwrap();
        let mut bytes = STANDARD.decode(text).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        lines[4] = format!("{start} {}", STANDARD.encode(bytes));
    });
    refused(signature, "Checkpoint");
    let hint = checkpoint(|lines| {
        let (start, text) = lines[4].rsplit_once(' ').unwrap();
        let mut bytes = STANDARD.decode(text).unwrap();
        bytes[0] ^= 1;
        lines[4] = format!("{start} {}", STANDARD.encode(bytes));
    });
    refused(hint, "Checkpoint");
}

#[test]
fn certificates_in_another_place() {
    let moved = |certificates: fn(&Value) -> Value| {
        changed(|bundle| {
            let material = bundle["verificationMaterial"].as_object_mut().unwrap();
            let leaf = material.remove("certificate").unwrap();
            let chain = json!({"certificates": certificates(&leaf)});
            material.insert("x509CertificateChain".to_owned(), chain);
        })
    };
    refused(moved(|leaf| json!([leaf])), "Malformed");
    refused(moved(|leaf| json!([leaf, leaf])), "Malformed");
    refused(moved(|_| json!([])), "Malformed");
    let none = changed(|bundle| {
        let material = bundle["verificationMaterial"].as_object_mut().unwrap();
        material.insert("certificate".to_owned(), json!({"rawBytes": ""}));
    });
    refused(none, "Malformed");
}

/// Checks the real bundles of cosign, each with the token of another one.
#[test]
fn rekor2_timestamp_of_another_signature() {
    let root = fixture("cosign-v3/trusted_root.json");
    let anybody = || Matcher::pattern(".*").unwrap();
    let who = TrustedSigners::Identities(vec![ExpectedIdentity {
        subject: anybody(),
        issuer: anybody(),
    }]);
    let verifier = verifier(who, Some(SigstoreRoot::parse(&root, "cosign-v3").unwrap()));
    let bundles = real_bundles().into_iter().filter_map(|(named, bytes)| {
        let bundle: Value = serde_json::from_slice(&bytes).unwrap();
        let keyless = bundle["verificationMaterial"]["certificate"].is_object();
        keyless.then(|| (named["subject"].clone(), bundle))
    });
    let bundles: Vec<_> = bundles.collect();
    let stamps =
        |bundle: &Value| bundle["verificationMaterial"]["timestampVerificationData"].clone();
    for (number, (subject, bundle)) in bundles.iter().enumerate() {
        let artifact = Artifact::Digest(subject.parse().unwrap());
        let good = verifier.verify_bundle(bundle.to_string().as_bytes(), &artifact);
        assert!(good.is_ok(), "{good:?}");
        let (_, other) = &bundles[(number + 1) % bundles.len()];
        let mut bundle = bundle.clone();
        bundle["verificationMaterial"]["timestampVerificationData"] = stamps(other);
        let outcome = verifier.verify_bundle(bundle.to_string().as_bytes(), &artifact);
        refused(outcome.map(drop), "Timestamp");
    }
    assert!(bundles.len() >= 4);
}
