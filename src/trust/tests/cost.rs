//! Measures the cost of verification by format. It is not a test: `benches/trust` runs it optimised.

use std::time::{Duration, Instant};

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        self, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RsaEncoding,
    },
};
use lab::sigstore::{Layer, SIGNED, Signer, dsse_entry, intoto_entry};

use super::{attacks::parts::*, *};
use crate::{
    image::Digest,
    trust::{
        discover::{Container, EvidenceCandidate},
        legacy::LoggedCandidate,
        pem,
    },
};

const ENOUGH: Duration = Duration::from_millis(1500);

/// Repeats a function and prints the number of calls per second.
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn measure(what: &str, mut run: impl FnMut()) {
    run();
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < ENOUGH {
        run();
        count += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("| {what} | {:.0} |", f64::from(count) / seconds);
}

fn of_layer(container: Container, layer: &Layer) -> EvidenceCandidate {
    let annotations = layer.annotations.iter();
    let annotations =
        annotations.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()));
    EvidenceCandidate {
        origin: "measured".to_owned(),
        container,
        bytes: layer.bytes.clone().into(),
        annotations: annotations.collect(),
    }
}

fn of_bundle(bundle: &Value) -> EvidenceCandidate {
    let mut candidate = of_layer(Container::Bundle, &Layer::envelope(bundle));
    candidate.bytes = bundle.to_string().into();
    candidate
}

fn check(what: &str, verifier: &ImageVerifier, candidate: &EvidenceCandidate, digest: &Digest) {
    let subject = LoggedCandidate {
        candidate,
        looked_up: None,
    };
    measure(what, || {
        verifier.trust().check(&subject, digest).unwrap();
    });
}

/// Generates a key; returns the public key and its signature over a message.
type Made = (Vec<u8>, Vec<u8>);

fn p384(message: &[u8]) -> Made {
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let signature = key.sign(&SystemRandom::new(), message).unwrap();
    (der.as_ref().to_vec(), signature.as_ref().to_vec())
}

fn rsa(padding: &'static dyn RsaEncoding, message: &[u8]) -> Made {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let mut made = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), message, &mut made)
        .unwrap();
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    (der.as_ref().to_vec(), made)
}

fn ed25519(message: &[u8]) -> Made {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    (der.as_ref().to_vec(), key.sign(message).as_ref().to_vec())
}

/// Makes a statement with a predicate of this size in bytes.
fn attested(world: &World, size: usize) -> EvidenceCandidate {
    let mut statement = world.statement("https://spdx.dev/Document");
    statement["predicate"] = json!({"files": vec!["x".repeat(56); size / 60]});
    of_layer(
        Container::Envelope,
        &Layer::envelope(&world.envelope(&statement)),
    )
}

fn keyless_attestation(
    world: &World,
    entry: fn(&Value, &Signer<'_>) -> Value,
) -> EvidenceCandidate {
    let certificate = world.honest_certificate();
    let envelope = world.envelope(&world.statement(PREDICATE));
    let entry = world.log(&entry(
        &envelope,
        &Signer::keyless(&world.key, &certificate),
    ));
    let layer = Layer::envelope(&envelope);
    of_layer(
        Container::Envelope,
        &layer.certified(&certificate).logged(&entry),
    )
}

#[expect(clippy::print_stdout, reason = "the table is what this is for")]
#[test]
#[ignore = "a measurement: benches/trust"]
fn how_much_each_format_costs() {
    let world = World::new();
    let digest = world.reference().digest;
    let claims = world.claims();
    println!("| verified | a second |\n|---|---|");
    let signed = of_layer(Container::SimpleSigning, &signed_layer(&world, &claims));
    check("`.sig`, P-256", &world.by_key(), &signed, &digest);
    let others = [
        ("`.sig`, P-384", p384(&claims)),
        (
            "`.sig`, RSA-2048 PKCS#1",
            rsa(&signature::RSA_PKCS1_SHA256, &claims),
        ),
        (
            "`.sig`, RSA-2048 PSS",
            rsa(&signature::RSA_PSS_SHA256, &claims),
        ),
        ("`.sig`, Ed25519", ed25519(&claims)),
    ];
    for (what, (der, made)) in others {
        let key = TrustedKey::from_pem(&pem::write("PUBLIC KEY", &der), "a measurement").unwrap();
        let layer = of_layer(Container::SimpleSigning, &Layer::signature(&claims, &made));
        check(
            what,
            &verifier(keys(key, LogPolicy::Ignored), None),
            &layer,
            &digest,
        );
    }
    logged_signatures(&world, &claims, &digest);
    attestations(&world, &digest);
    bundles(&world, &digest);
    real(&fixture("cosign-v3/trusted_root.json"));
    measure("trusted root read", || {
        SigstoreRoot::public_good().unwrap();
    });
}

fn logged_signatures(world: &World, claims: &[u8], digest: &Digest) {
    let layer = logged_layer(world, claims, |_| {});
    check(
        "`.sig`, P-256 and log",
        &world.by_logged_key(),
        &of_layer(Container::SimpleSigning, &layer),
        digest,
    );
    let layer = keyless_layer(world, &world.honest_certificate(), SIGNED);
    check(
        "`.sig`, certificate",
        &world.keyless(),
        &of_layer(Container::SimpleSigning, &layer),
        digest,
    );
}

fn attestations(world: &World, digest: &Digest) {
    check(
        "`.att`, P-256",
        &world.by_key(),
        &attested(world, 600),
        digest,
    );
    check(
        "`.att`, P-256, 1 MiB",
        &world.by_key(),
        &attested(world, 1 << 20),
        digest,
    );
    let keyless = world.keyless();
    for (what, entry) in [
        (
            "`.att`, certificate, `dsse` entry",
            dsse_entry as fn(&Value, &Signer<'_>) -> Value,
        ),
        ("`.att`, certificate, `intoto` entry", intoto_entry),
    ] {
        check(what, &keyless, &keyless_attestation(world, entry), digest);
    }
}

fn bundles(world: &World, digest: &Digest) {
    check(
        "bundle, P-256",
        &world.by_key(),
        &of_bundle(&key_bundle(world, SIGN)),
        digest,
    );
    check(
        "bundle, P-256 and log",
        &world.by_logged_key(),
        &of_bundle(&key_bundle(world, SIGN)),
        digest,
    );
    check(
        "bundle, certificate, Rekor v1",
        &world.keyless(),
        &of_bundle(&keyless_bundle(world, SIGN)),
        digest,
    );
}

/// Measures keyless bundles of the real cosign: Rekor v2 and a timestamp.
fn real(root: &[u8]) {
    let anybody = || Matcher::pattern(".*").unwrap();
    let who = TrustedSigners::Identities(vec![ExpectedIdentity {
        subject: anybody(),
        issuer: anybody(),
    }]);
    let verifier = verifier(who, Some(SigstoreRoot::parse(root, "cosign-v3").unwrap()));
    let (named, bytes) = real_bundles()
        .into_iter()
        .find(|(_, bytes)| String::from_utf8_lossy(bytes).contains("\"certificate\""))
        .unwrap();
    let candidate = of_bundle(&serde_json::from_slice(&bytes).unwrap());
    let digest = named["subject"].parse().unwrap();
    check(
        "bundle, certificate, Rekor v2 and timestamp",
        &verifier,
        &candidate,
        &digest,
    );
}

#[expect(clippy::print_stdout, reason = "the table is what this is for")]
#[tokio::test]
#[ignore = "a measurement: benches/trust"]
async fn how_many_images_one_verifier_examines() {
    let world = World::new();
    attach(&world, &keyless_bundle(&world, SIGN));
    attach(&world, &keyless_bundle(&world, PREDICATE));
    let (verifier, registry) = (world.keyless(), registry());
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < ENOUGH {
        let examined = verifier.examine(&registry, &world.reference()).await;
        examined.unwrap().verified().unwrap();
        count += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = f64::from(count) / seconds;
    println!("| image with a signature and an attestation, registry on loopback | {rate:.0} |");
}
