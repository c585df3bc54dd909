//! Tests unusual certificates, trusted roots and evidence stored with a signature.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lab::sigstore::{Layer, Signer, hashedrekord};

use super::{
    attacks::parts::{attach, entry_of, keyless_bundle, keyless_layer, logged, put_sig},
    *,
};

#[tokio::test]
async fn a_certificate_has_exactly_one_subject_name_without_control_characters() {
    for (subject, good) in [
        ("ci@example.com", true),
        ("https://example.com/ci", true),
        ("ci@example.com evil@example.org", false),
        ("ci@example.com https://example.com/ci", false),
        ("", false),
        ("ci@example.com\u{1}", false),
        ("ci\u{1b}[2J@example.com", false),
    ] {
        let world = World::new();
        let certificate = world.certificate(&CertificateRequest::new(subject, ISSUER));
        put_sig(&world, keyless_layer(&world, &certificate, SIGNED));
        let anybody = TrustedSigners::Identities(vec![ExpectedIdentity {
            subject: Matcher::pattern("(?s).*").unwrap(),
            issuer: Matcher::exact(ISSUER).unwrap(),
        }]);
        let examined = world.examine(&verifier(anybody, Some(world.root()))).await;
        assert_eq!(
            examined.signatures.is_ok(),
            good,
            "{subject:?}: {:?}",
            examined.rejected
        );
    }
}

#[tokio::test]
async fn an_unreadable_or_doubled_log_does_not_spoil_the_root() {
    let world = World::new();
    put_sig(
        &world,
        keyless_layer(&world, &world.honest_certificate(), SIGNED),
    );
    let honest = world.sigstore.trusted_root();
    let broken = json!({
        "baseUrl": "", "hashAlgorithm": "SHA2_256", "logId": {"keyId": "AAAA"},
        "publicKey": {"rawBytes": "AAAA", "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
    });
    let twice = honest["tlogs"][0].clone();
    let other_key = {
        let mut log = twice.clone();
        log["publicKey"] = honest["ctlogs"][0]["publicKey"].clone();
        log
    };
    let with = |logs: &[&Value]| {
        let mut root = honest.clone();
        root["tlogs"] = logs.iter().map(|log| (*log).clone()).collect();
        root
    };
    let own = &honest["tlogs"][0];
    for (root, good) in [
        (with(&[own]), true),
        (with(&[&broken, own]), true),
        (with(&[own, &twice]), true),
        (with(&[own, &broken, &twice]), true),
        (with(&[own, &other_key]), false),
        (with(&[&broken]), false),
    ] {
        let who = identity(SUBJECT, ISSUER);
        let examined = world.examine(&verifier(who, Some(parse_root(&root)))).await;
        assert_eq!(examined.signatures.is_ok(), good, "{}", root["tlogs"]);
    }
}

#[tokio::test]
async fn rules_see_the_chain_of_the_trusted_root_or_none() {
    let world = World::new();
    let root = world.sigstore.trusted_root();
    let own = &root["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"];
    let foreign = Sigstore::new().unwrap().trusted_root();
    let foreign = &foreign["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"];
    let pem = |der: &Value| {
        let der = der.as_str().unwrap();
        format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
    };
    for (chain, shown) in [
        (pem(own), 1),
        (pem(foreign), 0),
        (pem(own) + &pem(foreign), 0),
    ] {
        let mut layer = keyless_layer(&world, &world.honest_certificate(), SIGNED);
        layer
            .annotations
            .insert("dev.sigstore.cosign/chain".to_owned(), chain.into());
        put_sig(&world, layer);
        let who = identity(SUBJECT, ISSUER);
        let examined = world.examine(&verifier(who, Some(world.root()))).await;
        let signatures = examined.signatures.unwrap();
        assert_eq!(signatures[0].chain.len(), shown);
    }
}

#[tokio::test]
async fn a_log_entry_is_accepted_by_its_own_log_alone() {
    const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
    let foreign = Sigstore::new().unwrap().trusted_root()["tlogs"][0].clone();
    let other = foreign["logId"]["keyId"].clone();
    let nothing = STANDARD.encode([0; 32]);
    for (id, good) in [
        (None, true),
        (Some(other), false),
        (Some(nothing.into()), false),
    ] {
        // Both logs are trusted; only one of them has the entry.
        let world = World::new();
        let mut root = world.sigstore.trusted_root();
        root["tlogs"].as_array_mut().unwrap().push(foreign.clone());
        let mut bundle = keyless_bundle(&world, SIGN);
        if let Some(id) = &id {
            entry_of(&mut bundle)["logId"]["keyId"] = id.clone();
        }
        attach(&world, &bundle);
        let who = identity(SUBJECT, ISSUER);
        let examined = world.examine(&verifier(who, Some(parse_root(&root)))).await;
        let rejected = &examined.rejected;
        assert_eq!(examined.signatures.is_ok(), good, "{id:?}: {rejected:?}");
    }
}

#[tokio::test]
async fn a_log_has_no_entry_of_the_future() {
    let hour = 3600;
    let now = jiff::Timestamp::now().as_second();
    for (time, good) in [(SIGNED, true), (now - hour, true), (now + hour, false)] {
        let world = World::new();
        let payload = world.claims();
        let signature = world.key.sign(&payload).unwrap();
        let document = hashedrekord(&payload, &signature, &Signer::key(&world.key));
        let entry = world.sigstore.log.add(&document, time).unwrap();
        put_sig(
            &world,
            Layer::signature(&payload, &signature).logged(&entry),
        );
        let examined = world.examine(&logged(&world)).await;
        let rejected = &examined.rejected;
        assert_eq!(examined.signatures.is_ok(), good, "{time}: {rejected:?}");
    }
}
