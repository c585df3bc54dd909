//! Tests each signature scheme with `trust verify-bundle` and for images: envelopes and plain
//! signatures, logged by Rekor v1 and v2. Good ones are accepted, each attack is refused by its reason.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::{
    signer::{IN_TOTO, Scheme},
    sigstore::{Signer, bundle, dsse_entry, hashedrekord, hashedrekord2, message_bundle},
};

use super::{attacks::parts::*, *};
use crate::trust::Artifact;

/// The content of a bundle, and the log with its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Envelope,
    EnvelopeV2,
    Message,
    MessageV2,
}

const FORMS: [Form; 4] = [
    Form::Envelope,
    Form::EnvelopeV2,
    Form::Message,
    Form::MessageV2,
];

impl Form {
    fn is_envelope(self) -> bool {
        matches!(self, Self::Envelope | Self::EnvelopeV2)
    }
}

fn world(scheme: Scheme) -> World {
    let mut world = World::new();
    world.key = signer::Key::of(scheme).unwrap();
    // With an earlier entry in the log the proof has a hash.
    world.log(&json!({"kind": "filler", "apiVersion": "0.0.1"}));
    world
}

/// Returns the image's manifest, whose bytes are signed.
fn artifact(world: &World) -> Vec<u8> {
    manifest(world, &world.image)
}

fn manifest(world: &World, image: &Image) -> Vec<u8> {
    let found = world.registry.manifest(&image.repository, &image.digest);
    found.unwrap()
}

fn make(world: &World, form: Form) -> Value {
    make_for(world, form, &world.image)
}

fn make_for(world: &World, form: Form, image: &Image) -> Value {
    let (key, log, artifact) = (&world.key, &world.sigstore.log, manifest(world, image));
    let signer = Signer::key(key);
    if form.is_envelope() {
        let statement = signer::statement(image, SIGN, &json!({})).to_string();
        let envelope = signer::envelope(key, IN_TOTO, statement.as_bytes()).unwrap();
        let signature = envelope["signatures"][0]["sig"].as_str().unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        let message = signer::encode(IN_TOTO, statement.as_bytes());
        let entry = world.log(&match form {
            Form::Envelope => dsse_entry(&envelope, &signer),
            _ => hashedrekord2(&message, &signature, key),
        });
        return bundle(log, &envelope, &signer, Some(&entry)).unwrap();
    }
    let signature = key.sign(&artifact).unwrap();
    let entry = world.log(&match form {
        Form::Message => hashedrekord(&artifact, &signature, &signer),
        _ => hashedrekord2(&artifact, &signature, key),
    });
    message_bundle(log, &artifact, &signature, key, &entry).unwrap()
}

fn verify(verifier: &ImageVerifier, bundle: &Value, artifact: &Artifact) -> Result<(), Reason> {
    let bytes = bundle.to_string();
    verifier.verify_bundle(bytes.as_bytes(), artifact).map(drop)
}

#[track_caller]
fn refused(outcome: Result<(), Reason>, expected: &str, about: (Scheme, Form)) {
    let reason = outcome.expect_err("it counts");
    let shown = format!("{reason:?}");
    assert!(shown.starts_with(expected), "{about:?}: {shown}");
}

#[test]
fn each_scheme_is_accepted_in_each_form() {
    for scheme in Scheme::ALL {
        for form in FORMS {
            let (world, about) = (world(scheme), (scheme, form));
            let (verifier, bundle) = (world.by_logged_key(), make(&world, form));
            let found = verify(&verifier, &bundle, &Artifact::Bytes(artifact(&world)));
            assert_eq!(found, Ok(()), "{about:?}");
            // A SHA-256 is not enough if the scheme uses another hash.
            let found = verify(
                &verifier,
                &bundle,
                &Artifact::Digest(world.reference().digest),
            );
            let hashes_otherwise = matches!(scheme, Scheme::P384 | Scheme::Ed25519);
            if hashes_otherwise && !form.is_envelope() {
                refused(found, "OnlyDigest", about);
            } else {
                assert_eq!(found, Ok(()), "{about:?}");
            }
        }
    }
}

#[tokio::test]
async fn each_scheme_is_accepted_on_an_image() {
    for scheme in Scheme::ALL {
        for form in [Form::Envelope, Form::EnvelopeV2] {
            let world = world(scheme);
            attach(&world, &make(&world, form));
            let examined = world.examine(&world.by_logged_key()).await;
            let rejected = examined.rejected;
            assert!(
                examined.signatures.is_ok(),
                "{scheme:?} {form:?}: {rejected:?}"
            );
        }
    }
}

/// Changes a bundle of each scheme and form, and checks the reason.
fn each_refused(change: impl Fn(&World, Form, &mut Value), expected: &str) {
    for scheme in Scheme::ALL {
        for form in FORMS {
            let world = world(scheme);
            let mut bundle = make(&world, form);
            let good = Artifact::Bytes(artifact(&world));
            let verifier = world.by_logged_key();
            assert_eq!(
                verify(&verifier, &bundle, &good),
                Ok(()),
                "{scheme:?} {form:?}"
            );
            change(&world, form, &mut bundle);
            refused(verify(&verifier, &bundle, &good), expected, (scheme, form));
        }
    }
}

#[test]
fn another_artifact_and_another_key_are_refused() {
    for scheme in Scheme::ALL {
        for form in FORMS {
            let (world, about) = (world(scheme), (scheme, form));
            let (verifier, bundle) = (world.by_logged_key(), make(&world, form));
            let other = verify(&verifier, &bundle, &Artifact::Bytes(b"other".to_vec()));
            // A plain signature is over the artifact, and a statement names it.
            let expected = if form.is_envelope() {
                "Subject"
            } else {
                "Signature"
            };
            refused(other, expected, about);
            let stranger = signer::Key::of(scheme).unwrap();
            let key = TrustedKey::from_pem(&stranger.public_pem(), "a test").unwrap();
            let stranger = verifier_of(key, &world);
            let good = Artifact::Bytes(artifact(&world));
            refused(verify(&stranger, &bundle, &good), "Signature", about);
        }
    }
}

fn verifier_of(key: TrustedKey, world: &World) -> ImageVerifier {
    verifier(keys(key, LogPolicy::Required), Some(world.root()))
}

#[test]
fn the_log_must_have_this_very_signature() {
    each_refused(
        |world, form, bundle| {
            let mut other = make_for(world, form, &world.another_image());
            *entry_of(bundle) = entry_of(&mut other).clone();
        },
        "LogEntry",
    );
    each_refused(
        |_, _, bundle| bundle["verificationMaterial"]["tlogEntries"] = json!([]),
        "NoLogEntry",
    );
    each_refused(
        |_, _, bundle| {
            entry_of(bundle)["inclusionProof"]["hashes"][0] = STANDARD.encode([7; 32]).into();
        },
        "LogProof",
    );
    each_refused(
        |_, _, bundle| {
            let foreign = Sigstore::new().unwrap().log;
            let body = entry_of(bundle)["canonicalizedBody"].as_str().unwrap();
            let body = serde_json::from_slice(&STANDARD.decode(body).unwrap()).unwrap();
            let copied = foreign.add(&body, SIGNED).unwrap();
            let copied = foreign.bundle_entry(&copied).unwrap();
            entry_of(bundle)["inclusionProof"] = copied["inclusionProof"].clone();
        },
        "Checkpoint",
    );
}

const V0_1: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

/// The proof of a Rekor v1 entry: a signed entry timestamp in version 0.1, an inclusion proof in later ones.
#[test]
fn each_version_of_bundles_has_its_own_proof() {
    for scheme in Scheme::ALL {
        for form in [Form::Envelope, Form::Message] {
            let (world, about) = (world(scheme), (scheme, form));
            let (verifier, good) = (world.by_logged_key(), Artifact::Bytes(artifact(&world)));
            let without = |version: Option<&str>, part: &str| {
                let mut bundle = make(&world, form);
                if let Some(version) = version {
                    bundle["mediaType"] = version.into();
                }
                entry_of(&mut bundle).as_object_mut().unwrap().remove(part);
                verify(&verifier, &bundle, &good)
            };
            assert_eq!(without(Some(V0_1), "inclusionProof"), Ok(()), "{about:?}");
            assert_eq!(without(None, "inclusionPromise"), Ok(()), "{about:?}");
            let refusals = [
                without(Some(V0_1), "inclusionPromise"),
                without(None, "inclusionProof"),
            ];
            for refusal in refusals {
                refused(refusal, "NoLogEntry", about);
            }
        }
    }
}

/// The scheme decides the signed hash, not the digest next to the signature.
#[test]
fn the_digest_beside_a_plain_signature_is_that_of_the_artifact() {
    for scheme in Scheme::ALL {
        for form in [Form::Message, Form::MessageV2] {
            let world = world(scheme);
            let mut bundle = make(&world, form);
            let good = Artifact::Bytes(artifact(&world));
            let stated = &mut bundle["messageSignature"]["messageDigest"]["digest"];
            *stated = STANDARD.encode([7; 32]).into();
            let verifier = world.by_logged_key();
            refused(verify(&verifier, &bundle, &good), "Subject", (scheme, form));
        }
    }
}
