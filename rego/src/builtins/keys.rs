//! Private and public keys: RSA, ECDSA on the curves of NIST, and Ed25519, from PEM, DER and JSON (RFC 7517).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use num_bigint::{BigInt, BigUint};

use super::der::{self, Der, OCTETS, SEQUENCE};
use super::operand::{Answer, Failure, give, string};
use crate::value::{Number, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) fn of(identifier: &[u64]) -> Option<Self> {
        match identifier {
            [1, 2, 840, 10045, 3, 1, 7] => Some(Self::P256),
            [1, 3, 132, 0, 34] => Some(Self::P384),
            [1, 3, 132, 0, 35] => Some(Self::P521),
            _ => None,
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Returns the length of a coordinate in bytes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The numbers of a private RSA key.
#[derive(Debug, Clone)]
pub(super) struct Rsa {
    pub(super) n: BigUint,
    pub(super) e: BigUint,
    pub(super) d: BigUint,
    pub(super) p: BigUint,
    pub(super) q: BigUint,
}

impl Rsa {
    fn dp(&self) -> BigUint {
        &self.d % (&self.p - 1_u32)
    }

    fn dq(&self) -> BigUint {
        &self.d % (&self.q - 1_u32)
    }

    fn qi(&self) -> BigUint {
        self.q.modinv(&self.p).unwrap_or_default()
    }

    /// Returns the key in PKCS #1 DER.
    pub(super) fn der(&self) -> Vec<u8> {
        let numbers = [
            &BigUint::ZERO,
            &self.n,
            &self.e,
            &self.d,
            &self.p,
            &self.q,
            &self.dp(),
            &self.dq(),
            &self.qi(),
        ];
        let content: Vec<u8> = numbers.into_iter().flat_map(der::encode_integer).collect();
        der::encode(SEQUENCE, &content)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut numbers = Der(bytes).sequence()?;
        if numbers.integer()? != BigUint::ZERO {
            return None;
        }
        let key = Self {
            n: numbers.integer()?,
            e: numbers.integer()?,
            d: numbers.integer()?,
            p: numbers.integer()?,
            q: numbers.integer()?,
        };
        let sound = key.p > BigUint::from(1_u32)
            && key.q > BigUint::from(1_u32)
            && &key.p * &key.q == key.n;
        sound.then_some(key)
    }
}

#[derive(Debug, Clone)]
pub(super) enum Private {
    Rsa(Box<Rsa>),
    /// The curve, the number and the two coordinates of the public point.
    Ec(Curve, BigUint, Vec<u8>, Vec<u8>),
    /// The seed and the public key.
    Ed25519(Vec<u8>, Vec<u8>),
}

impl Private {
    /// A key of PEM; nothing for a block of another kind.
    fn from_block(block: &der::Block) -> Option<Result<Self, Failure>> {
        let found = match block.kind.as_str() {
            "RSA PRIVATE KEY" => Rsa::parse(&block.bytes).map(|rsa| Self::Rsa(Box::new(rsa))),
            "PRIVATE KEY" => Self::pkcs8(&block.bytes),
            "EC PRIVATE KEY" => Self::sec1(&block.bytes, None),
            _ => return None,
        };
        Some(found.ok_or_else(|| Failure::new("x509: failed to parse private key")))
    }

    /// The key of a block of PEM.
    pub(super) fn of(block: &der::Block) -> Result<Self, Failure> {
        let wrong = || Failure::new("tls: failed to parse private key");
        Self::from_block(block).ok_or_else(wrong)?
    }

    fn pkcs8(bytes: &[u8]) -> Option<Self> {
        let mut outer = Der(bytes).sequence()?;
        outer.integer()?;
        let mut algorithm = outer.sequence()?;
        let identifier = algorithm.identifier()?;
        let key = outer.expect(OCTETS)?.content;
        match identifier.as_slice() {
            [1, 2, 840, 113549, 1, 1, 1] => Rsa::parse(key).map(|rsa| Self::Rsa(Box::new(rsa))),
            [1, 2, 840, 10045, 2, 1] => Self::sec1(key, Some(Curve::of(&algorithm.identifier()?)?)),
            [1, 3, 101, 112] => Self::ed25519(Der(key).expect(OCTETS)?.content),
            _ => None,
        }
    }

    pub(super) fn ed25519(seed: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        Some(Self::Ed25519(
            seed.to_vec(),
            pair.public_key().as_ref().to_vec(),
        ))
    }

    fn sec1(bytes: &[u8], curve: Option<Curve>) -> Option<Self> {
        let mut outer = Der(bytes).sequence()?;
        outer.integer()?;
        let number = BigUint::from_bytes_be(outer.expect(OCTETS)?.content);
        let own = outer.optional(0xa0);
        let own = own.and_then(|own| Der(own.content).identifier());
        let curve = match curve {
            Some(curve) => curve,
            None => Curve::of(&own?)?,
        };
        Self::ec(curve, number)
    }

    /// A key of ECDSA with the public point that belongs to it.
    pub(super) fn ec(curve: Curve, number: BigUint) -> Option<Self> {
        let pair = ec_pair(curve, &number)?;
        let point = pair.public_key().as_ref().get(1..)?;
        let (x, y) = point.split_at_checked(curve.size())?;
        Some(Self::Ec(curve, number, x.to_vec(), y.to_vec()))
    }

    /// The key as Go writes its structure.
    pub(super) fn as_go(&self) -> Value {
        let number = |number: &BigUint| Value::from(Number::from(BigInt::from(number.clone())));
        let bytes = |bytes: &[u8]| number(&BigUint::from_bytes_be(bytes));
        match self {
            Self::Rsa(rsa) => fields([
                ("N", number(&rsa.n)),
                ("E", number(&rsa.e)),
                ("D", number(&rsa.d)),
                ("Primes", Value::array(vec![number(&rsa.p), number(&rsa.q)])),
                (
                    "Precomputed",
                    fields([
                        ("Dp", number(&rsa.dp())),
                        ("Dq", number(&rsa.dq())),
                        ("Qinv", number(&rsa.qi())),
                        ("CRTValues", Value::array(Vec::new())),
                    ]),
                ),
            ]),
            Self::Ec(_, d, x, y) => fields([
                ("Curve", Value::object(Vec::new())),
                ("D", number(d)),
                ("X", bytes(x)),
                ("Y", bytes(y)),
            ]),
            Self::Ed25519(seed, public) => {
                Value::from(STANDARD.encode([seed.as_slice(), public.as_slice()].concat()))
            }
        }
    }

    /// The key as JSON (RFC 7517).
    fn as_jwk(&self) -> Value {
        let bytes = |bytes: &[u8]| Value::from(URL_SAFE_NO_PAD.encode(bytes));
        let number = |number: &BigUint| bytes(&number.to_bytes_be());
        match self {
            Self::Rsa(rsa) => fields([
                ("kty", Value::from("RSA")),
                ("n", number(&rsa.n)),
                ("e", number(&rsa.e)),
                ("d", number(&rsa.d)),
                ("p", number(&rsa.p)),
                ("q", number(&rsa.q)),
                ("dp", number(&rsa.dp())),
                ("dq", number(&rsa.dq())),
                ("qi", number(&rsa.qi())),
            ]),
            Self::Ec(curve, d, x, y) => fields([
                ("kty", Value::from("EC")),
                ("crv", Value::from(curve.name())),
                ("d", bytes(&padded(d, curve.size()))),
                ("x", bytes(x)),
                ("y", bytes(y)),
            ]),
            Self::Ed25519(seed, public) => fields([
                ("kty", Value::from("OKP")),
                ("crv", Value::from("Ed25519")),
                ("d", bytes(seed)),
                ("x", bytes(public)),
            ]),
        }
    }
}

/// The pair of a number on a curve.
pub(super) fn ec_pair(curve: Curve, number: &BigUint) -> Option<EcdsaKeyPair> {
    let (algorithm, identifier): (_, &[u8]) = match curve {
        Curve::P256 => (
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        ),
        Curve::P384 => (
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            &[0x06, 5, 0x2b, 0x81, 4, 0, 34],
        ),
        Curve::P521 => (
            &ECDSA_P521_SHA512_FIXED_SIGNING,
            &[0x06, 5, 0x2b, 0x81, 4, 0, 35],
        ),
    };
    let number = padded(number, curve.size());
    let content = [
        der::encode(der::INTEGER, &[1]),
        der::encode(OCTETS, &number),
        der::encode(0xa0, identifier),
    ];
    let key = der::encode(SEQUENCE, &content.concat());
    EcdsaKeyPair::from_private_key_der(algorithm, &key).ok()
}

/// The number in so many bytes.
pub(super) fn padded(number: &BigUint, size: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let zeros = vec![0; size.saturating_sub(bytes.len())];
    [zeros, bytes].concat()
}

/// Builds an object with string keys.
pub(super) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::object(
        fields
            .into_iter()
            .map(|(name, value)| (Value::from(name), value))
            .collect(),
    )
}

/// The private keys in blocks of PEM, which may be in Base64.
pub(super) fn private_keys(text: &str) -> Result<Vec<Private>, Failure> {
    let decoded = super::encoding::standard(text).ok();
    let decoded = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut rest = decoded.as_deref().unwrap_or(text);
    let mut found = Vec::new();
    while let Some((block, after)) = der::block(rest) {
        if let Some(key) = Private::from_block(&block) {
            found.push(key?);
        }
        rest = after;
    }
    Ok(found)
}

/// `crypto.parse_private_keys(text)`: the keys of all PEM blocks, as Go's structures.
pub(super) fn parse_private_keys(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    if text.is_empty() {
        return give(Value::Null);
    }
    let keys = private_keys(text)?;
    give(Value::array(keys.iter().map(Private::as_go).collect()))
}

/// `crypto.x509.parse_rsa_private_key(text)`: the first key as JSON.
pub(super) fn parse_rsa_private_key(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    if text.is_empty() {
        return Err(Failure::new("input PEM data was empty"));
    }
    let decoded = match text.starts_with("-----BEGIN") {
        true => text.to_owned(),
        false => String::from_utf8_lossy(&super::encoding::standard(text)?).into_owned(),
    };
    let keys = private_keys(&decoded)?;
    give(keys.first().map_or(Value::Null, Private::as_jwk))
}
