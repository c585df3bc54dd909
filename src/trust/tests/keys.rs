//! Tests every type of key in every format, each with a good signature and one of another type.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA256_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::trust::{key::Message, pem};

const MESSAGE: &[u8] = b"what is signed";
/// A P-384 key, and its signature with SHA-256 by `openssl dgst -sha256 -sign`.
const P384: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAENI1tTiwrUlnF42c+Se23K5qsxkUItqQzNOmJIon09JalrrwrpNM+1LvqJwOU/9a+Fz+pRd6xVWmCDgqQUs340AD9zELI6hriLriIZxRdT9ETuGYH1mMi11/3m2vM5rkp";
const P384_SHA256: &str = "MGUCMQC+//ujB/HYm8yhSuOO1rkQemsFHapXpy09rbQtJtgPYgim1ul8Q8kB8R16xfBK84QCMBGNOGvjbFEI/oQoY1Yie9W2Lo1Ww+R6kHSrjxBHx+prQXmymIPFsB/T40/vFZDhyQ==";

/// The public key of `openssl genrsa 1024`.
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCojZFQoPnTopDP/Sufdbrqo88v+7LVqearNFNFmbvKGp63PtZe8D1S7196JrBbt8zjw+h0IYzV0ASar6DIyL1jKXToXQaDZKCYNCPuNcelWGnReYMfjJxsKNXRSg3XEmjk66JSVZF1r+aB+X5JV9Vfc0vIKq//f4T0ZgIiclNGuQIDAQAB";

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> (Vec<u8>, Vec<u8>) {
    let key = EcdsaKeyPair::generate(algorithm).unwrap();
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let signature = key.sign(&SystemRandom::new(), MESSAGE).unwrap();
    (der.as_ref().to_vec(), signature.as_ref().to_vec())
}

fn rsa(size: KeySize, padding: &'static dyn RsaEncoding) -> (RsaKeyPair, Vec<u8>) {
    let key = RsaKeyPair::generate(size).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature)
        .unwrap();
    (key, signature)
}

fn spki(key: &RsaKeyPair) -> Vec<u8> {
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    der.as_ref().to_vec()
}

fn load(label: &str, der: &[u8]) -> Result<TrustedKey, crate::trust::Error> {
    TrustedKey::from_pem(&pem::write(label, der), "a test")
}

#[test]
fn reads_each_key_of_a_list_and_refuses_a_bad_one() {
    let der = STANDARD.decode(P384).unwrap();
    let one = pem::write("PUBLIC KEY", &der);
    let keys = TrustedKey::list_from_pem(&format!("{one}{one}"), "a test").unwrap();
    assert_eq!(keys.len(), 2);
    let short = pem::write("PUBLIC KEY", &STANDARD.decode(RSA_1024).unwrap());
    for bad in ["", "no key", &format!("{one}{short}")] {
        let error = TrustedKey::list_from_pem(bad, "a test").unwrap_err();
        assert!(matches!(error, crate::trust::Error::Key { .. }), "{error}");
    }
}

#[test]
fn each_kind_of_key_verifies_its_own_signature_only() {
    let ed25519 = {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        (der.as_ref().to_vec(), key.sign(MESSAGE).as_ref().to_vec())
    };
    let (pkcs1, pkcs1_signature) = rsa(KeySize::Rsa2048, &signature::RSA_PKCS1_SHA256);
    let (pss, pss_signature) = rsa(KeySize::Rsa3072, &signature::RSA_PSS_SHA256);
    let kinds = [
        ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
        ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
        ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
        ecdsa(&ECDSA_P521_SHA256_ASN1_SIGNING),
        // cosign used SHA-256 for every curve.
        (
            STANDARD.decode(P384).unwrap(),
            STANDARD.decode(P384_SHA256).unwrap(),
        ),
        (spki(&pkcs1), pkcs1_signature),
        (spki(&pss), pss_signature),
        ed25519,
    ];
    for (number, (der, own)) in kinds.iter().enumerate() {
        let key = load("PUBLIC KEY", der).unwrap();
        assert!(key.verifies(Message::Bytes(MESSAGE), own), "{number}");
        assert!(
            !key.verifies(Message::Bytes(b"something else"), own),
            "{number}"
        );
        for (other, (_, signature)) in kinds.iter().enumerate() {
            assert_eq!(
                key.verifies(Message::Bytes(MESSAGE), signature),
                number == other,
                "{number} {other}"
            );
        }
    }
}

#[test]
fn a_key_reads_the_same_in_every_form() {
    let world = World::new();
    let key = world.expected_key();
    let certificate = load("CERTIFICATE", &world.honest_certificate()).unwrap();
    assert_eq!(certificate.fingerprint(), key.fingerprint());
    let (rsa, _) = rsa(KeySize::Rsa2048, &signature::RSA_PKCS1_SHA256);
    // A PKCS#1 key is the content of the bit string of the other format, after 24 bytes.
    let spki = spki(&rsa);
    let pkcs1 = load("RSA PUBLIC KEY", &spki[24..]).unwrap();
    assert_eq!(
        pkcs1.fingerprint(),
        load("PUBLIC KEY", &spki).unwrap().fingerprint()
    );
    assert_eq!(
        TrustedKey::from_pem(&key.to_pem(), "a test")
            .unwrap()
            .fingerprint(),
        key.fingerprint()
    );
}

#[test]
fn refuses_keys_that_are_too_weak() {
    let good = World::new().key.public_pem();
    assert!(TrustedKey::from_pem(&good, "a test").is_ok());
    assert!(TrustedKey::from_pem(&good.repeat(2), "a test").is_err());
    assert!(TrustedKey::from_pem("", "a test").is_err());
    assert!(TrustedKey::from_pem(&good.replace("PUBLIC", "PRIVATE"), "a test").is_err());
    let rsa_1024 = STANDARD.decode(RSA_1024).unwrap();
    let short = load("PUBLIC KEY", &rsa_1024).unwrap_err().to_string();
    assert!(
        short.contains("1024 bits, expected at least 2048"),
        "{short}"
    );
    let (rsa, _) = rsa(KeySize::Rsa2048, &signature::RSA_PKCS1_SHA256);
    let mut short = spki(&rsa);
    short.truncate(200);
    assert!(load("PUBLIC KEY", &short).is_err());
}
