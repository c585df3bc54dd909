//! Public keys: SPKI, PKCS#1 and certificate PEM; ECDSA P-256, P-384 and P-521, RSA from 2048 bits,
//! and Ed25519.
//!
//! Only the key decides which signature schemes are tried, never the signature.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA512_ASN1, EcdsaVerificationAlgorithm, UnparsedPublicKey,
};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sigstore_verify::{
    crypto::{KeyAlgorithm, SigningScheme, VerificationKey},
    types::{Artifact, DerPublicKey, HashAlgorithm, SignatureBytes, TimeRange},
};
use x509_cert::{
    Certificate,
    der::{
        Any, Decode as _, Encode as _, Reader as _, SliceReader,
        asn1::{BitString, UintRef},
        oid::ObjectIdentifier,
    },
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::Time,
};

use super::{Error, error::Reason, legacy::malformed, pem};
use crate::image::Digest;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// The shortest RSA key that is accepted, in bits.
const RSA_BITS: usize = 2048;
/// The schemes of a P-521 key: with the hash of the curve, and with cosign's up to 3.1.2.
const OF_P521: [&EcdsaVerificationAlgorithm; 2] =
    [&ECDSA_P521_SHA512_ASN1, &ECDSA_P521_SHA256_ASN1];

/// The signed bytes, or only their SHA-256 if the bytes are not available.
#[derive(Debug, Clone, Copy)]
pub(super) enum Message<'a> {
    Bytes(&'a [u8]),
    Sha256(&'a [u8; 32]),
}

impl<'a> Message<'a> {
    /// Converts an artifact of the Sigstore library.
    ///
    /// # Errors
    /// [`Reason::Malformed`] for an unknown kind.
    pub(super) fn of(artifact: &'a Artifact<'_>) -> Result<Self, Reason> {
        let known = match artifact {
            Artifact::Blob(bytes) => Some(Self::Bytes(bytes)),
            Artifact::Digest(digest) => digest.as_bytes().try_into().ok().map(Self::Sha256),
            _ => None,
        };
        known.ok_or_else(|| malformed("artifact", "it is of an unknown kind"))
    }

    /// Returns the SHA-256 of the bytes.
    pub(super) fn sha256(self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::of(bytes),
            Self::Sha256(hash) => Digest::from_sha256(*hash),
        }
    }

    /// Computes the hash with this name in logs (in Rekor v2 that of Sigstore's protobuf messages); `None`
    /// if the algorithm is unknown or needs the bytes.
    pub(super) fn hash(self, algorithm: &str) -> Option<Vec<u8>> {
        match (algorithm, self) {
            ("sha256" | "SHA2_256", Self::Bytes(bytes)) => Some(Sha256::digest(bytes).to_vec()),
            ("sha256" | "SHA2_256", Self::Sha256(hash)) => Some(hash.to_vec()),
            ("sha384" | "SHA2_384", Self::Bytes(bytes)) => Some(Sha384::digest(bytes).to_vec()),
            ("sha512" | "SHA2_512", Self::Bytes(bytes)) => Some(Sha512::digest(bytes).to_vec()),
            _ => None,
        }
    }
}

/// A trusted public key.
pub(crate) struct TrustedKey {
    spki: DerPublicKey,
    schemes: Vec<VerificationKey>,
    /// The point of a P-521 key, which the Sigstore library does not support.
    p521: Option<Vec<u8>>,
    /// The validity of the certificate that contained the key.
    life: Option<TimeRange>,
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.fingerprint()).finish()
    }
}

impl TrustedKey {
    /// Parses a PEM text with exactly one key or certificate. A key from a certificate is accepted only for
    /// signatures made while the certificate was valid.
    ///
    /// # Errors
    /// [`Error::Key`] with the origin of the text.
    pub(crate) fn from_pem(text: &str, origin: &str) -> Result<Self, Error> {
        let blocks = Self::pem_blocks(text, origin)?;
        let [block] = blocks.as_slice() else {
            let found = blocks.len();
            let reason = format!(
                "it contains {found} PEM blocks, expected one public key such as cosign.pub"
            );
            return Err(unusable(origin, reason));
        };
        Self::from_block(block, origin)
    }

    /// Parses a PEM text with one or several keys, such as the member `key` of `verified.json`.
    ///
    /// # Errors
    /// [`Error::Key`] with the origin of the text, also without any key.
    pub(crate) fn list_from_pem(text: &str, origin: &str) -> Result<Vec<Self>, Error> {
        let blocks = Self::pem_blocks(text, origin)?;
        if blocks.is_empty() {
            let reason = "it contains no PEM block, expected public keys".to_owned();
            return Err(unusable(origin, reason));
        }
        let keys = blocks.iter().map(|block| Self::from_block(block, origin));
        keys.collect()
    }

    fn pem_blocks(text: &str, origin: &str) -> Result<Vec<pem::Block>, Error> {
        pem::parse(text).ok_or_else(|| unusable(origin, "it is not valid PEM".to_owned()))
    }

    fn from_block(block: &pem::Block, origin: &str) -> Result<Self, Error> {
        let wrong = |reason: String| unusable(origin, reason);
        let spki = match block.label.as_str() {
            "PUBLIC KEY" => Ok(block.der.clone()),
            "RSA PUBLIC KEY" => wrap_rsa(&block.der),
            "CERTIFICATE" => certificate_key(&block.der),
            label if label.ends_with("PRIVATE KEY") => Err(format!(
                "it holds one labelled {label}, expected a PUBLIC KEY: give its public half (cosign public-key, or openssl pkey -pubout)"
            )),
            label => Err(format!(
                "it holds one labelled {label}, expected a PUBLIC KEY"
            )),
        };
        let mut key = Self::from_spki(spki.map_err(wrong)?).map_err(wrong)?;
        if block.label == "CERTIFICATE" {
            key.life = Some(life(&block.der).map_err(wrong)?);
        }
        Ok(key)
    }

    /// Makes a key of a DER `SubjectPublicKeyInfo`.
    fn from_spki(der: Vec<u8>) -> Result<Self, String> {
        let info = SubjectPublicKeyInfoOwned::from_der(&der).map_err(|error| error.to_string())?;
        let point = info.subject_public_key.raw_bytes();
        let spki = DerPublicKey::new(der);
        if info.algorithm.oid == RSA {
            check_rsa(point)?;
        }
        let curve = info.algorithm.parameters.as_ref();
        let curve = curve.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        if info.algorithm.oid == EC && curve == Some(P521) {
            return Ok(Self {
                p521: Some(point.to_vec()),
                spki,
                schemes: Vec::new(),
                life: None,
            });
        }
        let algorithm = KeyAlgorithm::from_spki(&spki).map_err(|error| error.to_string())?;
        let schemes: &[SigningScheme] = match algorithm {
            KeyAlgorithm::EcdsaP256 => &[SigningScheme::EcdsaP256Sha256],
            // cosign up to 3.1.2 uses SHA-256 for every curve, later versions the hash of the curve.
            KeyAlgorithm::EcdsaP384 => &[
                SigningScheme::EcdsaP384Sha384,
                SigningScheme::EcdsaP384Sha256,
            ],
            KeyAlgorithm::Rsa => &[SigningScheme::RsaPkcs1Sha256, SigningScheme::RsaPssSha256],
            KeyAlgorithm::Ed25519 => &[SigningScheme::Ed25519],
            other => return Err(format!("keys of type {other:?} are not supported")),
        };
        let schemes: Result<Vec<_>, _> = schemes
            .iter()
            .map(|scheme| VerificationKey::from_spki_with_scheme(&spki, *scheme))
            .collect();
        Ok(Self {
            spki,
            schemes: schemes.map_err(|error| error.to_string())?,
            p521: None,
            life: None,
        })
    }

    /// Checks that the certificate of a key was valid at every proven time of a signature.
    ///
    /// # Errors
    /// [`Reason::NoTime`] without a proven time, [`Reason::KeyTime`].
    pub(super) fn lives_at(&self, times: &[Timestamp]) -> Result<(), Reason> {
        let Some(life) = &self.life else {
            return Ok(());
        };
        if times.is_empty() {
            return Err(Reason::NoTime);
        }
        match times.iter().find(|time| !life.contains(**time)) {
            Some(time) => Err(Reason::KeyTime { time: *time }),
            None => Ok(()),
        }
    }

    /// Tells whether the key made the signature, by any scheme for this type of key.
    pub(super) fn verifies(&self, message: Message<'_>, signature: &[u8]) -> bool {
        self.scheme(message, signature).is_some() || self.verifies_p521(message, signature)
    }

    /// Verifies with a P-521 key, which needs the bytes because the hash is not known in advance.
    fn verifies_p521(&self, message: Message<'_>, signature: &[u8]) -> bool {
        let (Some(point), Message::Bytes(bytes)) = (&self.p521, message) else {
            return false;
        };
        OF_P521.into_iter().any(|scheme| {
            UnparsedPublicKey::new(scheme, point)
                .verify(bytes, signature)
                .is_ok()
        })
    }

    /// Tells whether the key made the signature by the scheme that the Sigstore library uses.
    pub(super) fn verifies_as_usual(&self, message: Message<'_>, signature: &[u8]) -> bool {
        self.scheme(message, signature) == Some(0)
    }

    /// Returns the index of the scheme by which the key made the signature.
    fn scheme(&self, message: Message<'_>, signature: &[u8]) -> Option<usize> {
        let signature = SignatureBytes::new(signature.to_vec());
        self.schemes.iter().position(|scheme| match message {
            Message::Bytes(bytes) => scheme.verify(bytes, &signature).is_ok(),
            // A scheme with another hash refuses a hash of this length.
            Message::Sha256(hash) => scheme.verify_prehashed(hash, &signature).is_ok(),
        })
    }

    /// Tells whether some signatures of this key cannot be checked with a SHA-256 alone.
    pub(super) fn needs_bytes(&self) -> bool {
        if self.p521.is_some() {
            return true;
        }
        let hashes = self.schemes.iter().map(|key| key.scheme().hash_algorithm());
        hashes
            .into_iter()
            .any(|hash| hash != Some(HashAlgorithm::Sha2256))
    }

    /// Tells whether the key is ECDSA P-256, which every Sigstore component supports.
    pub(super) fn is_p256(&self) -> bool {
        matches!(
            KeyAlgorithm::from_spki(&self.spki),
            Ok(KeyAlgorithm::EcdsaP256)
        )
    }

    /// Returns the key as DER `SubjectPublicKeyInfo`.
    pub(super) fn spki(&self) -> &DerPublicKey {
        &self.spki
    }

    /// Returns the SHA-256 of the DER `SubjectPublicKeyInfo`.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.spki.as_bytes())
    }

    /// Returns the key as a PEM block, as in `cosign.pub`.
    pub(crate) fn to_pem(&self) -> String {
        pem::write("PUBLIC KEY", self.spki.as_bytes())
    }
}

fn unusable(origin: &str, reason: String) -> Error {
    Error::Key {
        origin: origin.to_owned(),
        reason,
    }
}

/// Refuses an RSA key that is too short for any accepted signature.
fn check_rsa(pkcs1: &[u8]) -> Result<(), String> {
    let read = || {
        let mut outer = SliceReader::new(pkcs1)?;
        outer.sequence(|inner| {
            let modulus: UintRef<'_> = inner.decode()?;
            let _exponent: UintRef<'_> = inner.decode()?;
            Ok(modulus.as_bytes().to_vec())
        })
    };
    let modulus = read().map_err(|error: x509_cert::der::Error| error.to_string())?;
    let leading = modulus.first().map_or(0, |byte| byte.leading_zeros());
    let bits = (modulus.len() * 8).saturating_sub(leading as usize);
    match bits >= RSA_BITS {
        true => Ok(()),
        false => Err(format!(
            "it is an RSA key of {bits} bits, expected at least {RSA_BITS}"
        )),
    }
}

/// Wraps a PKCS#1 key in a `SubjectPublicKeyInfo`.
fn wrap_rsa(der: &[u8]) -> Result<Vec<u8>, String> {
    let info = SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid: RSA,
            parameters: Some(Any::null()),
        },
        subject_public_key: BitString::from_bytes(der).map_err(|error| error.to_string())?,
    };
    info.to_der().map_err(|error| error.to_string())
}

/// Returns the validity of a DER certificate.
pub(super) fn life(der: &[u8]) -> Result<TimeRange, String> {
    let certificate = Certificate::from_der(der).map_err(|error| error.to_string())?;
    let validity = certificate.tbs_certificate.validity;
    let time =
        |time: Time| Timestamp::try_from(time.to_system_time()).map_err(|error| error.to_string());
    let end = time(validity.not_after)?;
    Ok(TimeRange::new(time(validity.not_before)?, Some(end)))
}

/// Returns the `SubjectPublicKeyInfo` of a DER certificate.
pub(crate) fn certificate_key(der: &[u8]) -> Result<Vec<u8>, String> {
    let certificate = Certificate::from_der(der).map_err(|error| error.to_string())?;
    let info = certificate.tbs_certificate.subject_public_key_info;
    info.to_der().map_err(|error| error.to_string())
}
