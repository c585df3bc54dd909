//! A timestamp authority: tokens as RFC 3161 has them (a `TimeStampResp` around CMS signed data,
//! RFC 5652), without any certificate inside.

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::der;
use crate::signer::Key;

const NAME: &str = "lab time";
const SERIAL: u8 = 7;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const TOKEN_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x10, 1, 4];
const POLICY: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 2];

#[derive(Debug)]
pub struct Stamper {
    key: Key,
    chain: [Vec<u8>; 2],
}

impl Stamper {
    /// Makes one whose certificates live from the start of one year to the start of the other.
    pub fn new(from: i32, to: i32) -> Result<Self> {
        let life = |params: &mut CertificateParams, name: &str| {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(to, 1, 1);
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
        };
        let mut root = CertificateParams::default();
        life(&mut root, NAME);
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let (root_key, key) = (KeyPair::generate()?, Key::generate()?);
        let root_der = root.self_signed(&root_key)?.der().to_vec();
        let mut leaf = CertificateParams::default();
        life(&mut leaf, "lab clock");
        leaf.serial_number = Some(SerialNumber::from(vec![SERIAL]));
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping];
        let public = KeyPair::from_pem(&key.private_pem()?)?;
        let leaf = leaf.signed_by(&public, &Issuer::new(root, root_key))?;
        let chain = [leaf.der().to_vec(), root_der];
        Ok(Self { key, chain })
    }

    /// The authority as a trusted root has it.
    #[must_use]
    pub fn authority(&self) -> Value {
        let raw = |der: &Vec<u8>| json!({"rawBytes": STANDARD.encode(der)});
        let certificates: Vec<_> = self.chain.iter().map(raw).collect();
        json!({"certChain": {"certificates": certificates}, "validFor": {"start": "2000-01-01T00:00:00Z"}})
    }

    /// Says in base64 that some bytes were there at a time, in seconds since 1970.
    pub fn token(&self, bytes: &[u8], time: i64) -> Result<String> {
        self.token_of(&Sha256::digest(bytes), time)
    }

    /// The same for bytes of which only the SHA-256 is known.
    pub fn token_of(&self, hashed: &[u8], time: i64) -> Result<String> {
        let algorithm = |oid: &[u8]| sequence(&[&der(6, oid)]);
        let hash = |bytes: &[u8]| der(4, &Sha256::digest(bytes));
        let time = Timestamp::from_second(time)?.to_zoned(TimeZone::UTC);
        let info = sequence(&[
            &der(2, &[1]),
            &der(6, POLICY),
            &sequence(&[&algorithm(SHA256), &der(4, hashed)]),
            &der(2, &[1]),
            &der(0x18, time.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()),
        ]);
        let attribute = |oid, value: &[u8]| sequence(&[&der(6, oid), &der(0x31, value)]);
        let attributes = [
            attribute(CONTENT_TYPE, &der(6, TOKEN_INFO)),
            attribute(MESSAGE_DIGEST, &hash(&info)),
        ]
        .concat();
        // They are signed as a set, and written with another tag.
        let signature = self.key.sign(&der(0x31, &attributes))?;
        let name = sequence(&[&der(6, COMMON_NAME), &der(0x0c, NAME.as_bytes())]);
        let issuer = sequence(&[&der(0x31, &name)]);
        let signer = sequence(&[
            &der(2, &[1]),
            &sequence(&[&issuer, &der(2, &[SERIAL])]),
            &algorithm(SHA256),
            &der(0xa0, &attributes),
            &algorithm(ECDSA_SHA256),
            &der(4, &signature),
        ]);
        let signed = sequence(&[
            &der(2, &[3]),
            &der(0x31, &algorithm(SHA256)),
            &sequence(&[&der(6, TOKEN_INFO), &der(0xa0, &der(4, &info))]),
            &der(0x31, &signer),
        ]);
        let token = sequence(&[&der(6, SIGNED_DATA), &der(0xa0, &signed)]);
        let granted = sequence(&[&der(2, &[0])]);
        Ok(STANDARD.encode(sequence(&[&granted, &token])))
    }
}

fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    der(0x30, &elements.concat())
}
