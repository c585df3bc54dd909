//! Private keys that sign statements: PKCS#8 and SEC 1 PEM, and the encrypted form of cosign (scrypt, then NaCl's
//! secretbox). ECDSA P-256 and P-384, Ed25519, RSA from 2048 bits. Hardware tokens (PKCS#11) are not supported, because a
//! static binary cannot load their library.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
        ECDSA_P384_SHA384_ASN1_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto_secretbox::{KeyInit as _, XSalsa20Poly1305, aead::Aead as _};
use serde::Deserialize;

use super::Error;
use crate::{image::Digest, json, trust::pem};

/// The largest cost of scrypt that is accepted, as a power of two; cosign writes 16, which takes 64 MiB.
const MOST_COST: u32 = 17;

/// The function that hashes a signed message for the transparency log.
pub(super) type LogHash = fn(&[u8]) -> Vec<u8>;

/// A private key with its public key; `Debug` does not print it.
pub(crate) struct StatementKey {
    pair: Pair,
    spki: Vec<u8>,
    origin: String,
}

enum Pair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl fmt::Debug for StatementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.origin).finish()
    }
}

impl StatementKey {
    /// Reads a PEM text with one private key.
    ///
    /// # Errors
    /// [`Error::Key`], which names the origin and never the content.
    pub(crate) fn parse(text: &[u8], password: Option<&[u8]>, origin: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Key {
            origin: origin.to_owned(),
            reason: reason.to_owned(),
        };
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is not PEM"))?;
        let blocks = pem::parse(text).ok_or_else(|| wrong("it is not PEM"))?;
        // openssl writes the curve parameters in a block before the key.
        let mut keys = blocks
            .into_iter()
            .filter(|block| block.label != "EC PARAMETERS");
        let (Some(block), None) = (keys.next(), keys.next()) else {
            return Err(wrong("expected one PEM block with a private key"));
        };
        let pair = match block.label.as_str() {
            "PRIVATE KEY" => Pair::of_pkcs8(&block.der),
            "EC PRIVATE KEY" => Pair::of_sec1(&block.der),
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let password = password.ok_or_else(|| {
                    wrong("it is encrypted: expected --signing-key-password-file with the file that contains its password")
                })?;
                let der = decrypt(&block.der, password).map_err(|reason| wrong(&reason))?;
                Pair::of_pkcs8(&der)
            }
            "ENCRYPTED PRIVATE KEY" => {
                return Err(wrong(
                    "PKCS#8 with a password is not supported; expected PKCS#8 without one, or a key of cosign generate-key-pair",
                ));
            }
            "PUBLIC KEY" | "CERTIFICATE" => return Err(wrong("it contains no private key")),
            _ => {
                return Err(wrong(
                    "expected a PRIVATE KEY (PKCS#8) or a key of cosign generate-key-pair",
                ));
            }
        };
        let pair = pair.ok_or_else(|| {
            wrong("it is not an ECDSA P-256 or P-384, Ed25519 or RSA key of at least 2048 bits")
        })?;
        Self::of_pair(pair, origin)
    }

    /// Generates a P-256 key that is never stored.
    ///
    /// # Errors
    /// [`Error::Key`] if the system's random generator fails.
    pub(crate) fn ephemeral() -> Result<Self, Error> {
        let origin = "an ephemeral key";
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        let pair = pair.map_err(|error| Error::Key {
            origin: origin.to_owned(),
            reason: error.to_string(),
        })?;
        Self::of_pair(Pair::P256(pair), origin)
    }

    fn of_pair(pair: Pair, origin: &str) -> Result<Self, Error> {
        let spki = pair.spki().ok_or_else(|| Error::Key {
            origin: origin.to_owned(),
            reason: "it has no public key".to_owned(),
        })?;
        Ok(Self {
            pair,
            spki,
            origin: origin.to_owned(),
        })
    }

    /// Signs a message; ECDSA keys use the hash of their curve.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        let failed = |_| Error::Key {
            origin: self.origin.clone(),
            reason: "it does not sign".to_owned(),
        };
        let signature = match &self.pair {
            Pair::P256(pair) | Pair::P384(pair) => {
                let signature = pair.sign(&random, message).map_err(failed)?;
                signature.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(failed)?;
                signature
            }
        };
        Ok(signature)
    }

    /// Tells whether a signature is by this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let holds = |algorithm: &'static dyn aws_lc_rs::signature::VerificationAlgorithm,
                     key: &[u8]| {
            let key = UnparsedPublicKey::new(algorithm, key);
            key.verify(message, signature).is_ok()
        };
        match &self.pair {
            Pair::P256(pair) => holds(&ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref()),
            Pair::P384(pair) => holds(&ECDSA_P384_SHA384_ASN1, pair.public_key().as_ref()),
            Pair::Ed25519(pair) => holds(&ED25519, pair.public_key().as_ref()),
            Pair::Rsa(pair) => holds(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()),
        }
    }

    /// Returns the public key as DER `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Returns the public key as a PEM block `PUBLIC KEY`.
    pub(crate) fn public_pem(&self) -> String {
        pem::write("PUBLIC KEY", &self.spki)
    }

    /// Returns the SHA-256 of the DER `SubjectPublicKeyInfo`.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(&self.spki)
    }

    /// Returns the name of an ECDSA key's algorithm in Rekor v2 logs, with its hash; `None` for other keys.
    pub(super) fn log_details(&self) -> Option<(&'static str, LogHash)> {
        use sha2::{Digest as _, Sha256, Sha384};
        match &self.pair {
            Pair::P256(_) => Some(("PKIX_ECDSA_P256_SHA_256", |bytes| {
                Sha256::digest(bytes).to_vec()
            })),
            Pair::P384(_) => Some(("PKIX_ECDSA_P384_SHA_384", |bytes| {
                Sha384::digest(bytes).to_vec()
            })),
            Pair::Ed25519(_) | Pair::Rsa(_) => None,
        }
    }
}

impl Pair {
    fn of_pkcs8(der: &[u8]) -> Option<Self> {
        let ecdsa =
            |algorithm: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::from_pkcs8(algorithm, der);
        let rsa = || {
            let pair = RsaKeyPair::from_pkcs8(der).ok()?;
            (pair.public_modulus_len() >= 256).then(|| Self::Rsa(Box::new(pair)))
        };
        let p256 = ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Self::P256);
        let p384 = || ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Self::P384);
        let ed25519 = || Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519);
        p256.or_else(|_| p384())
            .or_else(|_| ed25519())
            .ok()
            .or_else(rsa)
    }

    fn of_sec1(der: &[u8]) -> Option<Self> {
        let of = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_private_key_der(algorithm, der)
        };
        let p256 = of(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Self::P256);
        p256.or_else(|_| of(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Self::P384))
            .ok()
    }

    fn spki(&self) -> Option<Vec<u8>> {
        let der: Result<PublicKeyX509Der<'_>, _> = match self {
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
            Self::Rsa(pair) => pair.public_key().as_der(),
        };
        der.ok().map(|der| der.as_ref().to_vec())
    }
}

/// The JSON in an encrypted key (go-securesystemslib, "encrypted").
#[derive(Deserialize)]
struct Encrypted {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Cost,
    salt: String,
}

#[derive(Deserialize)]
struct Cost {
    #[serde(rename = "N")]
    cost: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Decrypts the JSON in an encrypted key; returns PKCS#8 in DER.
fn decrypt(document: &[u8], password: &[u8]) -> Result<Vec<u8>, String> {
    let found: Encrypted = json::read(document, &json::Shape::Any)
        .map_err(|_| "its encrypted content is not JSON as cosign writes it".to_owned())?;
    if found.kdf.name != "scrypt" || found.cipher.name != "nacl/secretbox" {
        return Err(
            "its encryption is not supported: expected scrypt and nacl/secretbox".to_owned(),
        );
    }
    let odd = || "its encryption parameters are out of range".to_owned();
    let Cost { cost, r, p } = found.kdf.params;
    let power = cost.trailing_zeros();
    if !cost.is_power_of_two() || !(1..=MOST_COST).contains(&power) || r > 8 || p > 4 {
        return Err(odd());
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| odd());
    let power = u8::try_from(power).map_err(|_| odd())?;
    let params = scrypt::Params::new(power, r, p, 32).map_err(|_| odd())?;
    let mut key = [0; 32];
    scrypt::scrypt(password, &decode(&found.kdf.salt)?, &params, &mut key).map_err(|_| odd())?;
    let nonce: [u8; 24] = decode(&found.cipher.nonce)?.try_into().map_err(|_| odd())?;
    let cipher = XSalsa20Poly1305::new(&key.into());
    let opened = cipher.decrypt(&nonce.into(), decode(&found.ciphertext)?.as_slice());
    opened.map_err(|_| "the password is wrong".to_owned())
}
