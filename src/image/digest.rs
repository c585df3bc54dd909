//! Digests (OCI image specification 1.1, "Digests").
//!
//! References, flags and hand-over files only have SHA-256 digests: with one algorithm two
//! digests are equal exactly when their texts are. The descriptors of a manifest may also have
//! SHA-512; their content is copied and compared.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256, Sha512};

/// The hash of some bytes, displayed as `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Digest(Hash);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Hash {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

/// The text is not a `sha256:` digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a digest: expected sha256: and 64 lower-case hex digits")]
pub(crate) struct DigestError {
    text: String,
}

impl Digest {
    /// Computes the SHA-256 of the bytes.
    #[must_use]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Hash::Sha256(Sha256::digest(bytes).into()))
    }

    /// Computes the hash of other bytes with the algorithm of this digest.
    #[must_use]
    pub(crate) fn again(&self, bytes: &[u8]) -> Self {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Returns a hasher with the algorithm of this digest.
    #[must_use]
    pub(crate) fn hasher(&self) -> Hasher {
        match self.0 {
            Hash::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Hash::Sha512(_) => Hasher::Sha512(Sha512::new()),
        }
    }

    /// Returns the algorithm's name, `sha256` or `sha512`.
    #[must_use]
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.0 {
            Hash::Sha256(_) => "sha256",
            Hash::Sha512(_) => "sha512",
        }
    }

    /// Decodes the digest of a descriptor, which may be a SHA-512.
    ///
    /// # Errors
    /// The decoder's error when the text is not a digest.
    pub(crate) fn of_descriptor<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let Some(digits) = text.strip_prefix("sha512:") else {
            return text.parse().map_err(de::Error::custom);
        };
        let mut hash = [0; 64];
        let lower = digits.len() == 128 && !digits.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode_to_slice(digits, &mut hash) {
            Ok(()) if lower => Ok(Self(Hash::Sha512(hash))),
            _ => Err(de::Error::custom(
                "expected sha512: and 128 lower-case hex digits",
            )),
        }
    }

    /// Wraps a SHA-256 that was computed elsewhere.
    #[must_use]
    pub(crate) fn from_sha256(hash: [u8; 32]) -> Self {
        Self(Hash::Sha256(hash))
    }

    /// Returns the hex digits without the algorithm.
    #[must_use]
    pub(crate) fn hex(&self) -> String {
        match &self.0 {
            Hash::Sha256(hash) => hex::encode(hash),
            Hash::Sha512(hash) => hex::encode(hash),
        }
    }

    /// Returns the 32 raw bytes of a SHA-256. For a SHA-512 these are zeros, which are not the hash of any
    /// known content: signatures only cover SHA-256.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        match &self.0 {
            Hash::Sha256(hash) => hash,
            Hash::Sha512(_) => &[0; 32],
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refuse = || DigestError {
            text: text.chars().take(100).collect(),
        };
        let digits = text.strip_prefix("sha256:").ok_or_else(refuse)?;
        if digits.len() != 64 || digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(refuse());
        }
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).map_err(|_| refuse())?;
        Ok(Self(Hash::Sha256(hash)))
    }
}

/// Computes a digest incrementally, with SHA-256 or SHA-512.
#[derive(Debug, Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Returns the digest of all pieces.
    #[must_use]
    pub(crate) fn finish(self) -> Digest {
        Digest(match self {
            Self::Sha256(hash) => Hash::Sha256(hash.finalize().into()),
            Self::Sha512(hash) => Hash::Sha512(hash.finalize().into()),
        })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_it_parsed() {
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        assert_eq!(Digest::of(b"").to_string(), text);
    }

    #[test]
    fn descriptors_may_use_sha512() {
        let read = |text: &str| {
            let text = serde_json::Value::from(text);
            Digest::of_descriptor(text)
        };
        let empty = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
        let digest = read(empty).unwrap();
        assert_eq!(digest.to_string(), empty);
        assert_eq!(digest.again(b""), digest);
        assert_ne!(digest.again(b"x"), digest);
        assert!(read(&Digest::of(b"").to_string()).is_ok());
        for wrong in [
            empty.to_uppercase(),
            empty.replace("cf83", ""),
            "sha384:00".to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn refuses_anything_but_sha256() {
        let upper = format!("sha256:{}", "A".repeat(64));
        let long = format!("sha256:{}", "a".repeat(65));
        let other = format!("sha512:{}", "a".repeat(128));
        for text in ["", "sha256:", "sha256:zz", &upper, &long, &other] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
