//! Compares signatures with those of GnuPG, byte by byte.

use super::*;

const TEXT: &[u8] = include_bytes!("../../../tests/fixtures/openpgp/text");

/// A key, its signature by GnuPG, and the passphrase.
type Case = (&'static [u8], &'static [u8], Option<&'static [u8]>);

macro_rules! case {
    ($name:literal, $passphrase:expr) => {
        (
            include_bytes!(concat!("../../../tests/fixtures/openpgp/", $name, ".asc")).as_slice(),
            include_bytes!(concat!("../../../tests/fixtures/openpgp/", $name, ".sig")).as_slice(),
            $passphrase,
        )
    };
}

const ED: Case = case!("ed25519", None);
const LOCKED: Case = case!("locked", Some(b"correct horse"));
const SUBKEY: Case = case!("subkey", Some(b"secret"));

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn february() -> Timestamp {
    time("2025-02-01T00:00:00Z")
}

fn body(armored: &[u8]) -> Vec<u8> {
    let binary = packet::dearmored(armored).unwrap();
    let packets = packets(&binary).unwrap();
    assert_eq!(packets.len(), 1);
    packets[0].body.to_vec()
}

#[test]
fn signs_as_gnupg_does() {
    let (rsa, p256) = (case!("rsa", None), case!("p256", None));
    for (key, expected, passphrase) in [ED, rsa, p256, LOCKED, SUBKEY] {
        let key = SecretKey::parse(key, passphrase, february()).unwrap();
        let signed = key.sign(TEXT, february()).unwrap();
        assert_eq!(body(signed.as_bytes()), body(expected));
        let other = key.sign(b"tree 2", february()).unwrap();
        assert_ne!(body(other.as_bytes()), body(expected));
    }
}

#[test]
fn reads_packets_without_armor() {
    let binary = packet::dearmored(ED.0).unwrap();
    assert!(is_openpgp(&binary) && is_openpgp(ED.0));
    assert!(SecretKey::parse(&binary, None, february()).is_ok());
}

#[test]
fn needs_the_right_passphrase() {
    for (key, _, _) in [LOCKED, SUBKEY] {
        let parse = |passphrase| SecretKey::parse(key, passphrase, february());
        assert!(matches!(parse(None), Err(SigningError::Encrypted)));
        assert!(matches!(
            parse(Some(b"wrong")),
            Err(SigningError::Passphrase)
        ));
    }
}

#[test]
fn refuses_a_key_before_its_time() {
    let early = SecretKey::parse(ED.0, None, time("2024-12-31T00:00:00Z"));
    assert!(
        matches!(early, Err(SigningError::Unusable { reason }) if reason.contains("created after"))
    );
}

#[test]
fn refuses_damaged_and_foreign_files() {
    let text = String::from_utf8(ED.0.to_vec()).unwrap();
    let binary = packet::dearmored(ED.0).unwrap();
    let public = text.replace("PRIVATE", "PUBLIC");
    let mut as_public = packet::dearmored(public.as_bytes()).unwrap();
    // The tag of the first packet: a public key in place of a secret one.
    as_public[0] = (as_public[0] & 0xc3) | (PUBLIC_KEY << 2);
    let cut = binary.len() / 2;
    let damaged = text.replacen('l', "m", 3);
    for (bytes, reason) in [
        (as_public.as_slice(), "public key"),
        (&binary[..cut], "cut off"),
        (&[binary.clone(), binary.clone()].concat(), "several"),
        (damaged.as_bytes(), "damaged"),
    ] {
        let error = SecretKey::parse(bytes, None, february()).err().unwrap();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn changed_secret_numbers_do_not_pass_the_checksum() {
    let mut binary = packet::dearmored(ED.0).unwrap();
    let length = packets(&binary).unwrap()[0].body.len();
    // Header of two bytes, then the body, whose last two bytes are the sum.
    binary[2 + length - 5] ^= 1;
    let error = SecretKey::parse(&binary, None, february()).err().unwrap();
    assert!(error.to_string().contains("checksum"), "{error}");
}
