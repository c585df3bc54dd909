//! Key pairs of every kind that signs in the field.

use anyhow::{Context as _, Result};
use aws_lc_rs::{
    digest::{Digest, SHA256, SHA384, digest},
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The algorithm of a key: its curve or size, and the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    P256,
    P384,
    /// ECDSA P-384 with SHA-256, as cosign hashed for every curve.
    P384Sha256,
    Rsa,
    RsaPss,
    Ed25519,
}

impl Scheme {
    pub const ALL: [Self; 6] = [
        Self::P256,
        Self::P384,
        Self::P384Sha256,
        Self::Rsa,
        Self::RsaPss,
        Self::Ed25519,
    ];
}

#[derive(Debug)]
pub struct Key {
    scheme: Scheme,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub fn generate() -> Result<Self> {
        Self::of(Scheme::P256)
    }

    /// Makes a new key that signs by a scheme.
    pub fn of(scheme: Scheme) -> Result<Self> {
        let ecdsa = |algorithm| EcdsaKeyPair::generate(algorithm).context("no key");
        let pair = match scheme {
            Scheme::P256 => Pair::Ecdsa(ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)?),
            Scheme::P384 | Scheme::P384Sha256 => {
                Pair::Ecdsa(ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING)?)
            }
            Scheme::Rsa | Scheme::RsaPss => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).context("no key")?)
            }
            Scheme::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().context("no key")?),
        };
        Ok(Self { scheme, pair })
    }

    /// The public key as `cosign.pub` has it.
    #[must_use]
    pub fn public_pem(&self) -> String {
        let der: Result<PublicKeyX509Der<'_>, _> = match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        };
        der.map(|der| pem("PUBLIC KEY", der.as_ref()))
            .unwrap_or_default()
    }

    /// The scheme's name in a Rekor v2 log, which has none for P-384 with SHA-256.
    #[must_use]
    pub fn details(&self) -> &'static str {
        match self.scheme {
            Scheme::P256 => "PKIX_ECDSA_P256_SHA_256",
            Scheme::P384 | Scheme::P384Sha256 => "PKIX_ECDSA_P384_SHA_384",
            Scheme::Rsa => "PKIX_RSA_PKCS1V15_2048_SHA256",
            Scheme::RsaPss => "PKIX_RSA_PSS_2048_SHA256",
            Scheme::Ed25519 => "PKIX_ED25519",
        }
    }

    /// The private key of an elliptic curve, unencrypted, for tools that sign.
    pub fn private_pem(&self) -> Result<String> {
        let Pair::Ecdsa(pair) = &self.pair else {
            anyhow::bail!("only ECDSA keys are given away");
        };
        let der = pair.to_pkcs8v1().ok().context("no PKCS#8")?;
        Ok(pem("PRIVATE KEY", der.as_ref()))
    }

    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let signature = match (&self.pair, self.scheme) {
            (Pair::Ecdsa(pair), Scheme::P384Sha256) => {
                // What is signed is the hash as a number: with zeros before it, the same one.
                let mut hash = vec![0; 16];
                hash.extend(digest(&SHA256, message).as_ref());
                let hash = Digest::import_less_safe(&hash, &SHA384).context("no hash")?;
                pair.sign_digest(&hash).map(|found| found.as_ref().to_vec())
            }
            (Pair::Ecdsa(pair), _) => pair
                .sign(&random, message)
                .map(|found| found.as_ref().to_vec()),
            (Pair::Rsa(pair), scheme) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = if scheme == Scheme::RsaPss {
                    pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature)
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                };
                signed.map(|()| signature)
            }
            (Pair::Ed25519(pair), _) => Ok(pair.sign(message).as_ref().to_vec()),
        };
        signature.context("not signed")
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
