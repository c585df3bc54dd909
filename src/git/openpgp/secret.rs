//! Secret-key packets: the public fields, the protection by a passphrase, the secret numbers
//! (RFC 9580, sections 3.7 and 5.5).

use aws_lc_rs::{
    cipher::{AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey},
    digest,
    iv::FixedLength,
};
use ssh_encoding::Decode as _;
use ssh_key::private::KeypairData;

use super::{ECDSA, ED25519, EDDSA_LEGACY, RSA, SigningError};

/// Object identifiers of curves (RFC 9580, section 9.2).
const OID_ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// The rest of a byte sequence.
struct PacketReader<'a>(&'a [u8]);

impl<'a> PacketReader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], SigningError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, SigningError> {
        self.take(1)?.first().copied().ok_or_else(cut_off)
    }

    /// Reads a multiprecision integer: its length in bits, then its bytes.
    fn mpi(&mut self) -> Result<&'a [u8], SigningError> {
        let bits = self
            .take(2)?
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(bits.div_ceil(8))
    }

    fn short(&mut self) -> Result<&'a [u8], SigningError> {
        let length = self.byte()?;
        self.take(usize::from(length))
    }
}

fn cut_off() -> SigningError {
    SigningError::Format {
        reason: "an OpenPGP key is cut off".to_owned(),
    }
}

fn unusable(reason: impl Into<String>) -> SigningError {
    SigningError::Unusable {
        reason: reason.into(),
    }
}

/// Splits a packet after its public fields.
pub(super) fn public_part(body: &[u8]) -> Result<(&[u8], &[u8]), SigningError> {
    let mut reader = PacketReader(body);
    let algorithm = reader.take(6)?.last().copied().unwrap_or_default();
    match algorithm {
        1..=3 => {
            reader.mpi()?;
            reader.mpi()?;
        }
        ECDSA | EDDSA_LEGACY => {
            reader.short()?;
            reader.mpi()?;
        }
        // ECDH also has the parameters of its key derivation.
        18 => {
            reader.short()?;
            reader.mpi()?;
            reader.short()?;
        }
        25 | ED25519 => {
            reader.take(32)?;
        }
        _ => return Err(unusable(format!("algorithm {algorithm} is not known"))),
    }
    let at = body.len() - reader.0.len();
    body.split_at_checked(at).ok_or_else(cut_off)
}

/// Tells whether GnuPG omitted the secret part (`--export-secret-subkeys`, cards).
pub(super) fn is_stub(rest: &[u8]) -> bool {
    matches!(rest, [253..=255, _, 101, ..])
}

/// Decrypts and checks the secret numbers.
pub(super) fn unlocked(
    algorithm: u8,
    public: &[u8],
    rest: &[u8],
    passphrase: Option<&[u8]>,
) -> Result<KeypairData, SigningError> {
    let mut reader = PacketReader(rest);
    let usage = reader.byte()?;
    let secret = match usage {
        0 => checked(reader.0, 2)?,
        254 | 255 => {
            let cipher = reader.byte()?;
            let key = derived(&mut reader, cipher, passphrase)?;
            let iv: [u8; 16] = reader.take(16)?.try_into().map_err(|_| cut_off())?;
            let plain = decrypted(cipher, &key, iv, reader.0)?;
            checked(&plain, if usage == 254 { 20 } else { 2 })
                .map_err(|_| SigningError::Passphrase)?
        }
        253 => {
            return Err(unusable(
                "it is protected by AEAD: export it by `gpg --export-secret-keys`",
            ));
        }
        _ => return Err(unusable("its protection is older than RFC 4880")),
    };
    pair(algorithm, public, &secret)
}

/// Removes the checksum and verifies it: SHA-1, or the sum of the bytes.
fn checked(secret: &[u8], length: usize) -> Result<Vec<u8>, SigningError> {
    let at = secret.len().checked_sub(length).ok_or_else(cut_off)?;
    let (numbers, sum) = secret.split_at_checked(at).ok_or_else(cut_off)?;
    let same = if length == 20 {
        digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, numbers).as_ref() == sum
    } else {
        let expected = numbers
            .iter()
            .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        expected.to_be_bytes() == sum
    };
    if same {
        Ok(numbers.to_vec())
    } else {
        Err(SigningError::Format {
            reason: "its checksum does not match".to_owned(),
        })
    }
}

/// Derives the symmetric key from a passphrase (RFC 9580, section 3.7.1).
fn derived(
    reader: &mut PacketReader<'_>,
    cipher: u8,
    passphrase: Option<&[u8]>,
) -> Result<Vec<u8>, SigningError> {
    let size = match cipher {
        7 => 16,
        8 => 24,
        9 => 32,
        _ => return Err(unusable(format!("cipher {cipher} is not AES"))),
    };
    let kind = reader.byte()?;
    let hash = match reader.byte()? {
        2 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        8 => &digest::SHA256,
        9 => &digest::SHA384,
        10 => &digest::SHA512,
        11 => &digest::SHA224,
        other => return Err(unusable(format!("hash {other} is not known"))),
    };
    let (salt, count) = match kind {
        0 => (&[][..], 0),
        1 => (reader.take(8)?, 0),
        3 => {
            let salt = reader.take(8)?;
            let coded = usize::from(reader.byte()?);
            (salt, (16 + (coded & 15)) << ((coded >> 4) + 6))
        }
        other => return Err(unusable(format!("key derivation {other} is not known"))),
    };
    let passphrase = passphrase.ok_or(SigningError::Encrypted)?;
    let text = [salt, passphrase].concat();
    let mut key = Vec::new();
    let mut zeros = 0;
    while key.len() < size {
        let mut context = digest::Context::new(hash);
        context.update(&vec![0; zeros]);
        let mut left = count.max(text.len());
        while left > 0 && !text.is_empty() {
            let part = text.get(..left.min(text.len())).unwrap_or_default();
            context.update(part);
            left -= part.len();
        }
        key.extend(context.finish().as_ref());
        zeros += 1;
    }
    key.truncate(size);
    Ok(key)
}

fn decrypted(cipher: u8, key: &[u8], iv: [u8; 16], data: &[u8]) -> Result<Vec<u8>, SigningError> {
    let algorithm = match cipher {
        7 => &AES_128,
        8 => &AES_192,
        _ => &AES_256,
    };
    let mut plain = data.to_vec();
    UnboundCipherKey::new(algorithm, key)
        .and_then(DecryptingKey::cfb128)
        .and_then(|key| {
            let context = DecryptionContext::Iv128(FixedLength::from(iv));
            key.decrypt(&mut plain, context).map(|_| ())
        })
        .map_err(|_| unusable("it cannot be decrypted"))?;
    Ok(plain)
}

/// Converts the numbers into an SSH key (`PROTOCOL.key`).
fn pair(algorithm: u8, public: &[u8], secret: &[u8]) -> Result<KeypairData, SigningError> {
    let (mut public, mut secret) = (
        PacketReader(public.get(6..).unwrap_or_default()),
        PacketReader(secret),
    );
    let mut wire = Vec::new();
    if RSA.contains(&algorithm) {
        let (n, e) = (public.mpi()?, public.mpi()?);
        let (d, p, q, u) = (secret.mpi()?, secret.mpi()?, secret.mpi()?, secret.mpi()?);
        // OpenPGP keeps the inverse of p modulo q, SSH that of q modulo p.
        put(&mut wire, b"ssh-rsa");
        for number in [n, e, d, u, q, p] {
            put_number(&mut wire, number);
        }
    } else if algorithm == ECDSA {
        let (oid, point, d) = (public.short()?, public.mpi()?, secret.mpi()?);
        if oid != OID_P256 {
            return Err(unusable("its curve is not NIST P-256"));
        }
        put(&mut wire, b"ecdsa-sha2-nistp256");
        put(&mut wire, b"nistp256");
        put(&mut wire, point);
        put_number(&mut wire, d);
    } else {
        let (point, seed) = if algorithm == ED25519 {
            (public.take(32)?, secret.take(32)?.to_vec())
        } else {
            let (oid, point, seed) = (public.short()?, public.mpi()?, secret.mpi()?);
            let point = point.strip_prefix(&[0x40]).filter(|_| oid == OID_ED25519);
            let point = point.ok_or_else(|| unusable("its curve is not Ed25519"))?;
            let zeros = 32_usize.checked_sub(seed.len()).ok_or_else(cut_off)?;
            (point, [&vec![0; zeros], seed].concat())
        };
        put(&mut wire, b"ssh-ed25519");
        put(&mut wire, point);
        put(&mut wire, &[&seed, point].concat());
    }
    KeypairData::decode(&mut wire.as_slice()).map_err(|error| SigningError::Format {
        reason: error.to_string(),
    })
}

fn put(wire: &mut Vec<u8>, bytes: &[u8]) {
    wire.extend(u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
    wire.extend(bytes);
}

/// Writes a positive number: without leading zeros, except one before a set high bit.
fn put_number(wire: &mut Vec<u8>, bytes: &[u8]) {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(zeros..).unwrap_or_default();
    match bytes.first() {
        Some(first) if first & 0x80 != 0 => put(wire, &[&[0], bytes].concat()),
        _ => put(wire, bytes),
    }
}

/// Splits off a string of the SSH wire format.
pub(super) fn ssh_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    rest.split_at_checked(usize::try_from(length).ok()?)
}
