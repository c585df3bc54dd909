//! Keys of tokens: JSON (RFC 7517), certificates and public keys in PEM, and what is signed with them (RFC 7518).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, Ed25519KeyPair, RsaEncoding, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use hmac::{Hmac, Mac as _};
use num_bigint::BigUint;
use sha2::{Sha256, Sha384, Sha512};

use crate::builtins::der;
use crate::builtins::keys::{Curve, Private, Rsa, ec_pair, padded};
use crate::builtins::operand::Failure;
use crate::builtins::x509::{Subject, subject_of};
use crate::value::Value;

/// The algorithms of signatures that are known.
const ALGORITHMS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256",
    "HS384", "HS512", "EdDSA",
];

/// Tells if the algorithm is known.
pub(super) fn is_known(algorithm: &str) -> bool {
    ALGORITHMS.contains(&algorithm)
}

/// The key that a token is signed or verified with.
#[derive(Debug, Clone)]
pub(super) enum Material {
    /// A public key of RSA in PKCS #1.
    Rsa(Vec<u8>),
    /// A curve and an uncompressed point.
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(Vec<u8>),
}

/// A key with what it says of itself.
#[derive(Debug, Clone)]
pub(super) struct TokenKey {
    pub(super) algorithm: String,
    pub(super) id: String,
    pub(super) material: Material,
    private: Option<Private>,
}

/// The keys of a certificate, a public key or JSON.
pub(super) fn keys(text: &str) -> Result<Vec<TokenKey>, Failure> {
    let one = |material| {
        Ok(vec![TokenKey {
            algorithm: String::new(),
            id: String::new(),
            material,
            private: None,
        }])
    };
    let Some((block, rest)) = der::block(text) else {
        let keys = from_json(text);
        let keys = keys
            .map_err(|reason| Failure::new(format!("failed to parse a JWK key (set): {reason}")))?;
        return Ok(keys
            .into_iter()
            .filter(|key| key.algorithm.is_empty() || is_known(&key.algorithm))
            .collect());
    };
    if !rest.is_empty() {
        return Err(Failure::new("extra data after a PEM certificate block"));
    }
    let (subject, wrong) = match block.kind.as_str() {
        "CERTIFICATE" => (
            subject_of(&block.bytes, true),
            "failed to parse a PEM certificate: x509: malformed certificate",
        ),
        "PUBLIC KEY" => (
            subject_of(&block.bytes, false),
            "failed to parse a PEM public key: x509: malformed key",
        ),
        _ => {
            return Err(Failure::new(
                "failed to extract a Key from the PEM certificate",
            ));
        }
    };
    match subject.ok_or_else(|| Failure::new(wrong))? {
        Subject::Rsa(key) => one(Material::Rsa(key)),
        Subject::Ec(curve, point) => one(Material::Ec(curve, point)),
        Subject::Ed25519(key) => one(Material::Ed25519(key)),
    }
}

/// The keys of one or of a set in JSON.
pub(super) fn from_json(text: &str) -> Result<Vec<TokenKey>, String> {
    let document = Value::from_json(text).map_err(|error| error.to_string())?;
    if document.as_object().is_none() {
        return Err("expected an object".to_owned());
    }
    match document.member("keys") {
        Some(Value::Array(keys)) => keys.iter().map(from_jwk).collect(),
        Some(_) => Err("keys must be a list".to_owned()),
        None => Ok(vec![from_jwk(&document)?]),
    }
}

fn from_jwk(key: &Value) -> Result<TokenKey, String> {
    let text = |name: &str| key.member(name).and_then(Value::as_str);
    let bytes = |name: &str| -> Result<Vec<u8>, String> {
        let text = text(name).ok_or_else(|| format!("required field {name} is missing"))?;
        let bare = text.trim_end_matches('=');
        crate::builtins::encoding::url_safe(bare).map_err(|error| error.to_string())
    };
    let number = |name: &str| bytes(name).map(|bytes| BigUint::from_bytes_be(&bytes));
    let wrong = || "invalid key".to_owned();
    let private = key.member("d").is_some();
    let (material, private) = match text("kty") {
        Some("RSA") => {
            let (n, e) = (number("n")?, number("e")?);
            let numbers = [der::encode_integer(&n), der::encode_integer(&e)];
            let public = der::encode(der::SEQUENCE, &numbers.concat());
            let private = match private && key.member("p").is_some() {
                true => {
                    let (d, p, q) = (number("d")?, number("p")?, number("q")?);
                    let rsa = Rsa { n, e, d, p, q };
                    Some(Private::Rsa(Box::new(rsa)))
                }
                false => None,
            };
            (Material::Rsa(public), private)
        }
        Some("EC") => {
            let curve = text("crv").and_then(Curve::named).ok_or_else(wrong)?;
            let (x, y) = (number("x")?, number("y")?);
            let size = curve.size();
            let point = [vec![4], padded(&x, size), padded(&y, size)].concat();
            let private = match private {
                true => Some(Private::ec(curve, number("d")?).ok_or_else(wrong)?),
                false => None,
            };
            (Material::Ec(curve, point), private)
        }
        Some("OKP") if text("crv") == Some("Ed25519") => {
            let private = match private {
                true => Some(Private::ed25519(&bytes("d")?).ok_or_else(wrong)?),
                false => None,
            };
            (Material::Ed25519(bytes("x")?), private)
        }
        Some("oct") => (Material::Secret(bytes("k")?), None),
        Some(other) => return Err(format!("invalid key type {other:?}")),
        None => return Err("required field kty is missing".to_owned()),
    };
    Ok(TokenKey {
        algorithm: text("alg").unwrap_or_default().to_owned(),
        id: text("kid").unwrap_or_default().to_owned(),
        material,
        private,
    })
}

/// The keyed digest of a text; nothing for another algorithm.
fn digest(algorithm: &str, key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    macro_rules! mac {
        ($digest:ty) => {{
            let mut mac = Hmac::<$digest>::new_from_slice(key).ok()?;
            mac.update(text);
            Some(mac.finalize().into_bytes().to_vec())
        }};
    }
    match algorithm {
        "HS256" => mac!(Sha256),
        "HS384" => mac!(Sha384),
        "HS512" => mac!(Sha512),
        _ => None,
    }
}

/// Tells if a secret made the keyed digest.
pub(super) fn verify_secret(algorithm: &str, secret: &[u8], text: &[u8], given: &[u8]) -> bool {
    digest(algorithm, secret, text)
        .is_some_and(|own| aws_lc_rs::constant_time::verify_slices_are_equal(&own, given).is_ok())
}

impl Material {
    /// Tells if the private part of the key signed the text.
    pub(super) fn verify(&self, algorithm: &str, text: &[u8], given: &[u8]) -> bool {
        let (known, key): (Option<&'static dyn VerificationAlgorithm>, &[u8]) = match self {
            Self::Secret(secret) => return verify_secret(algorithm, secret, text, given),
            Self::Rsa(key) => (rsa(algorithm), key),
            Self::Ed25519(key) if algorithm == "EdDSA" => (Some(&signature::ED25519), key),
            Self::Ed25519(_) => return false,
            Self::Ec(curve, point) => (ecdsa(algorithm, *curve), point),
        };
        known.is_some_and(|known| {
            UnparsedPublicKey::new(known, key)
                .verify(text, given)
                .is_ok()
        })
    }
}

fn rsa(algorithm: &str) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn ecdsa(algorithm: &str, curve: Curve) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (algorithm, curve) {
        ("ES256", Curve::P256) => &signature::ECDSA_P256_SHA256_FIXED,
        ("ES384", Curve::P384) => &signature::ECDSA_P384_SHA384_FIXED,
        ("ES512", Curve::P521) => &signature::ECDSA_P521_SHA512_FIXED,
        _ => return None,
    })
}

impl TokenKey {
    /// Returns the signature of a text; fails if key and algorithm do not fit.
    pub(super) fn sign(&self, algorithm: &str, text: &[u8]) -> Result<Vec<u8>, Failure> {
        let unfit = || Failure::new(format!("the key does not sign with {algorithm}"));
        if let Material::Secret(secret) = &self.material {
            return digest(algorithm, secret, text).ok_or_else(unfit);
        }
        let random = SystemRandom::new();
        match self.private.as_ref().ok_or_else(unfit)? {
            Private::Rsa(rsa) => {
                let pair = RsaKeyPair::from_der(&rsa.der()).map_err(Failure::failed)?;
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => return Err(unfit()),
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, text, &mut signed)
                    .map_err(|_| unfit())?;
                Ok(signed)
            }
            Private::Ec(curve, number, ..) => {
                ecdsa(algorithm, *curve).ok_or_else(unfit)?;
                let pair = ec_pair(*curve, number).ok_or_else(unfit)?;
                let signed = pair.sign(&random, text).map_err(|_| unfit())?;
                Ok(signed.as_ref().to_vec())
            }
            Private::Ed25519(seed, _) if algorithm == "EdDSA" => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| unfit())?;
                Ok(pair.sign(text).as_ref().to_vec())
            }
            Private::Ed25519(..) => Err(unfit()),
        }
    }
}
