//! Commits signed with an OpenPGP key, as `gpg.format = openpgp` makes them (RFC 9580, version 4).
//!
//! Reads an exported secret key, selects the signing key, and writes one detached signature.
//! The arithmetic is that of the SSH keys. Not read: version 6 keys, keys on cards, DSA, ciphers
//! other than AES.

mod packet;
mod secret;

use aws_lc_rs::digest;
use jiff::Timestamp;
use packet::{KeySignature, mpi, packets};
use signature::Signer as _;
use ssh_key::private::KeypairData;

use super::{SigningError, rsa_key};

/// Packet tags of RFC 9580, section 5.
const SIGNATURE: u8 = 2;
const SECRET_KEY: u8 = 5;
const PUBLIC_KEY: u8 = 6;
const SECRET_SUBKEY: u8 = 7;

/// Public-key algorithms of RFC 9580, section 9.1.
const RSA: [u8; 2] = [1, 3];
const ECDSA: u8 = 19;
const EDDSA_LEGACY: u8 = 22;
const ED25519: u8 = 27;

const SHA256: u8 = 8;
const SHA512: u8 = 10;
/// A signature over bytes as they are.
const BINARY: u8 = 0;
/// The key flag of keys that sign data.
const MAY_SIGN: u8 = 0x02;

/// An unlocked secret key with its fingerprint.
#[derive(Clone)]
pub(super) struct SecretKey {
    pair: KeypairData,
    algorithm: u8,
    fingerprint: [u8; 20],
}

/// A key of the file with its self-signature.
struct CandidateKey<'a> {
    tag: u8,
    body: &'a [u8],
    created: u32,
    /// The newest signature about the key.
    about: Option<KeySignature>,
    revoked: bool,
}

/// Tells whether a file holds OpenPGP packets, armored or not.
pub(super) fn is_openpgp(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    text.starts_with(b"-----BEGIN PGP ") || text.first().is_some_and(|first| first & 0x80 != 0)
}

impl SecretKey {
    /// Reads an exported key and unlocks the one that signs at `time`.
    ///
    /// # Errors
    /// [`SigningError`]: the file is not a secret key, the passphrase is missing or wrong, no key
    /// of the file may sign.
    pub(super) fn parse(
        bytes: &[u8],
        passphrase: Option<&[u8]>,
        time: Timestamp,
    ) -> Result<Self, SigningError> {
        let binary = packet::dearmored(bytes)?;
        let candidates = candidates(&binary)?;
        let chosen = chosen(&candidates, time)?;
        let (public, rest) = secret::public_part(chosen.body)?;
        let algorithm = chosen.body.get(5).copied().unwrap_or_default();
        Ok(Self {
            pair: secret::unlocked(algorithm, public, rest, passphrase)?,
            algorithm,
            fingerprint: fingerprint(public),
        })
    }

    /// Signs the bytes of a commit at `time`; returns the armored signature.
    pub(super) fn sign(&self, commit: &[u8], time: Timestamp) -> Result<String, SigningError> {
        let failed = |reason: String| SigningError::Sign { reason };
        let hash = match self.algorithm {
            ECDSA => SHA256,
            _ => SHA512,
        };
        let created = u32::try_from(time.as_second())
            .map_err(|_| failed(format!("{time} is out of range")))?;
        let mut hashed = vec![4, BINARY, self.algorithm, hash];
        let mut subpackets = vec![22, 33, 4];
        subpackets.extend(self.fingerprint);
        subpackets.extend([5, 2]);
        subpackets.extend(created.to_be_bytes());
        hashed.extend(
            u16::try_from(subpackets.len())
                .unwrap_or_default()
                .to_be_bytes(),
        );
        hashed.extend(subpackets);
        // The data, the hashed part of the packet, and a trailer with its length.
        let mut signed = commit.to_vec();
        signed.extend(&hashed);
        signed.extend([4, 0xff]);
        signed.extend(
            u32::try_from(hashed.len())
                .unwrap_or_default()
                .to_be_bytes(),
        );
        let digest = match hash {
            SHA256 => digest::digest(&digest::SHA256, &signed),
            _ => digest::digest(&digest::SHA512, &signed),
        };
        let mut body = hashed;
        let issuer = self.fingerprint.get(12..).unwrap_or_default();
        body.extend([0, 10, 9, 16]);
        body.extend(issuer);
        body.extend(digest.as_ref().iter().take(2));
        body.extend(self.raw(&signed, digest.as_ref())?);
        Ok(packet::armored(&packet::framed(SIGNATURE, &body)))
    }

    /// Returns the algorithm's own part of the signature.
    fn raw(&self, signed: &[u8], digest: &[u8]) -> Result<Vec<u8>, SigningError> {
        // RSA and ECDSA hash the message themselves; EdDSA signs the digest.
        let message = match self.algorithm {
            EDDSA_LEGACY | ED25519 => digest,
            _ => signed,
        };
        let failed = |reason: &str| SigningError::Sign {
            reason: reason.to_owned(),
        };
        if let KeypairData::Rsa(pair) = &self.pair {
            let raw = rsa_key::sign(pair, message).map_err(|reason| failed(&reason))?;
            return Ok(mpi(&raw));
        }
        let signature: ssh_key::Signature = self
            .pair
            .try_sign(message)
            .map_err(|error| failed(&error.to_string()))?;
        let raw = signature.as_bytes();
        match self.algorithm {
            ED25519 => Ok(raw.to_vec()),
            EDDSA_LEGACY => {
                let (r, s) = raw
                    .split_at_checked(32)
                    .ok_or_else(|| failed("the signature is too short"))?;
                Ok([mpi(r), mpi(s)].concat())
            }
            _ => {
                let (r, rest) = secret::ssh_string(raw).ok_or_else(|| failed("r is missing"))?;
                let (s, _) = secret::ssh_string(rest).ok_or_else(|| failed("s is missing"))?;
                Ok([mpi(r), mpi(s)].concat())
            }
        }
    }
}

/// Returns the keys of the file, each with the newest signature about it.
fn candidates(bytes: &[u8]) -> Result<Vec<CandidateKey<'_>>, SigningError> {
    let wrong = |reason: &str| SigningError::Format {
        reason: reason.to_owned(),
    };
    let mut found: Vec<CandidateKey<'_>> = Vec::new();
    for packet in packets(bytes)? {
        match packet.tag {
            PUBLIC_KEY => {
                return Err(wrong(
                    "it is an OpenPGP public key, expected what `gpg --export-secret-keys` writes",
                ));
            }
            SECRET_KEY if !found.is_empty() => {
                return Err(wrong("it holds several OpenPGP keys, expected one"));
            }
            SECRET_KEY | SECRET_SUBKEY => {
                let version = packet.body.first().copied().unwrap_or_default();
                if version != 4 {
                    return Err(wrong(&format!(
                        "it is an OpenPGP key of version {version}, expected 4"
                    )));
                }
                let created = packet.body.get(1..5).and_then(|time| time.try_into().ok());
                found.push(CandidateKey {
                    tag: packet.tag,
                    body: packet.body,
                    created: u32::from_be_bytes(created.ok_or_else(|| wrong("a key is cut off"))?),
                    about: None,
                    revoked: false,
                });
            }
            SIGNATURE => {
                let Some(key) = found.last_mut() else {
                    continue;
                };
                let Some(about) = KeySignature::read(packet.body) else {
                    continue;
                };
                match (key.tag, about.kind) {
                    (_, 0x20 | 0x28) => key.revoked = true,
                    (SECRET_KEY, 0x10..=0x13 | 0x1f) | (SECRET_SUBKEY, 0x18) => {
                        let newer = key
                            .about
                            .as_ref()
                            .is_none_or(|before| before.created <= about.created);
                        if newer {
                            key.about = Some(about);
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if found.first().is_none_or(|first| first.tag != SECRET_KEY) {
        return Err(wrong("it holds no OpenPGP secret key"));
    }
    Ok(found)
}

/// Selects the newest subkey that may sign, else the primary key, as GnuPG does.
fn chosen<'a, 'b>(
    candidates: &'b [CandidateKey<'a>],
    time: Timestamp,
) -> Result<&'b CandidateKey<'a>, SigningError> {
    let mut fitting: Option<&CandidateKey<'_>> = None;
    let mut reasons = Vec::new();
    for key in candidates {
        match key.check(time) {
            Ok(()) => {
                let better =
                    fitting.is_none_or(|best| best.tag == SECRET_KEY || best.created < key.created);
                if better {
                    fitting = Some(key);
                }
            }
            Err(reason) => reasons.push(format!("{}: {reason}", key.description())),
        }
    }
    let primary_revoked = candidates.first().is_some_and(|first| first.revoked);
    match fitting {
        Some(key) if !primary_revoked => Ok(key),
        _ => Err(SigningError::Unusable {
            reason: reasons.join("; "),
        }),
    }
}

impl CandidateKey<'_> {
    /// Checks that the key can sign at a time; the error is the reason.
    fn check(&self, time: Timestamp) -> Result<(), String> {
        let algorithm = self.body.get(5).copied().unwrap_or_default();
        if self.revoked {
            return Err("it is revoked".to_owned());
        }
        let known = RSA.contains(&algorithm) || [ECDSA, EDDSA_LEGACY, ED25519].contains(&algorithm);
        if !known {
            return Err(format!(
                "algorithm {algorithm} does not sign here, expected RSA, Ed25519 or NIST P-256"
            ));
        }
        let flags = self.about.as_ref().and_then(|about| about.flags);
        let default = if self.tag == SECRET_KEY { MAY_SIGN } else { 0 };
        if flags.unwrap_or(default) & MAY_SIGN == 0 {
            return Err("it is not for signing".to_owned());
        }
        let now = time.as_second();
        if i64::from(self.created) > now {
            return Err(format!("it was created after {time}"));
        }
        let lifetime = self.about.as_ref().and_then(|about| about.lifetime);
        if lifetime.is_some_and(|lifetime| {
            lifetime != 0 && i64::from(self.created) + i64::from(lifetime) <= now
        }) {
            return Err("it has expired".to_owned());
        }
        let (_, rest) = secret::public_part(self.body).map_err(|error| error.to_string())?;
        if secret::is_stub(rest) {
            return Err("its secret part is not in the file".to_owned());
        }
        Ok(())
    }

    fn description(&self) -> String {
        let id = secret::public_part(self.body).map(|(public, _)| {
            hex::encode_upper(fingerprint(public).get(12..).unwrap_or_default())
        });
        let kind = if self.tag == SECRET_KEY {
            "key"
        } else {
            "subkey"
        };
        format!("{kind} {}", id.unwrap_or_default())
    }
}

/// Returns the fingerprint of a version 4 key (RFC 9580, section 5.5.4.2).
fn fingerprint(public: &[u8]) -> [u8; 20] {
    let mut text = vec![0x99];
    text.extend(
        u16::try_from(public.len())
            .unwrap_or_default()
            .to_be_bytes(),
    );
    text.extend(public);
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &text);
    digest.as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests;
