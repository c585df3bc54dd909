//! OpenPGP framing: armor, packets, and signatures about keys (RFC 9580, sections 4 to 6).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::SigningError;

/// The size limit of a file with keys.
const MAX_BYTES: usize = 1 << 20;
const MAX_PACKETS: usize = 4096;

pub(super) struct Packet<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

/// A self-signature or binding signature about a key.
pub(super) struct KeySignature {
    pub(super) kind: u8,
    pub(super) created: u32,
    pub(super) flags: Option<u8>,
    /// The seconds from the key's creation to its expiry; 0 means no expiry.
    pub(super) lifetime: Option<u32>,
}

fn wrong(reason: &str) -> SigningError {
    SigningError::Format {
        reason: reason.to_owned(),
    }
}

/// Removes the armor; a file without armor is returned unchanged.
pub(super) fn dearmored(bytes: &[u8]) -> Result<Vec<u8>, SigningError> {
    if bytes.len() > MAX_BYTES {
        return Err(wrong("it is larger than 1 MiB"));
    }
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return Ok(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("its armor is not text"))?;
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("-----BEGIN PGP "));
    let (mut data, mut sum, mut ended) = (String::new(), None, false);
    for line in lines.skip_while(|line| !line.is_empty()) {
        if line.starts_with("-----END PGP ") {
            ended = true;
            break;
        }
        match line.strip_prefix('=') {
            Some(crc) if line.len() == 5 => sum = Some(crc),
            _ => data.push_str(line),
        }
    }
    let decoded = STANDARD
        .decode(&data)
        .map_err(|_| wrong("its armor is not base64"))?;
    let expected = sum.map(|sum| STANDARD.decode(sum));
    let same = match expected {
        None => true,
        Some(Ok(expected)) => expected == crc24(&decoded),
        Some(Err(_)) => false,
    };
    if !ended || !same {
        return Err(wrong("its armor is cut off or damaged"));
    }
    Ok(decoded)
}

/// Armors a signature with its checksum (RFC 9580, section 6.2).
pub(super) fn armored(bytes: &[u8]) -> String {
    let data = STANDARD.encode(bytes);
    let mut text = "-----BEGIN PGP SIGNATURE-----\n\n".to_owned();
    for (at, c) in data.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    let sum = STANDARD.encode(crc24(bytes));
    format!("{text}\n={sum}\n-----END PGP SIGNATURE-----\n")
}

fn crc24(bytes: &[u8]) -> [u8; 3] {
    let mut crc: u32 = 0x00b7_04ce;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    let [_, high, middle, low] = crc.to_be_bytes();
    [high, middle, low]
}

/// Prepends the header of the new format to a body.
pub(super) fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xc0 | tag, 0xff];
    packet.extend(u32::try_from(body.len()).unwrap_or_default().to_be_bytes());
    packet.extend(body);
    packet
}

/// Splits a file into its packets.
pub(super) fn packets(bytes: &[u8]) -> Result<Vec<Packet<'_>>, SigningError> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (tag, length, header) = header(rest).ok_or_else(|| wrong("a packet is malformed"))?;
        let body = rest
            .get(header..)
            .and_then(|rest| rest.get(..length))
            .ok_or_else(|| wrong("a packet is cut off"))?;
        found.push(Packet { tag, body });
        rest = rest.get(header + length..).unwrap_or_default();
        if found.len() > MAX_PACKETS {
            return Err(wrong("it has too many packets"));
        }
    }
    Ok(found)
}

/// Returns the tag, and the lengths of the body and the header. Partial bodies do not occur in keys.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let first = *bytes.first()?;
    if first & 0x80 == 0 {
        return None;
    }
    if first & 0x40 != 0 {
        let (length, size) = length(bytes.get(1..)?)?;
        return Some((first & 0x3f, length, 1 + size));
    }
    let size = match first & 0x03 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => return None,
    };
    let number = bytes.get(1..=size)?;
    let length = number
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some(((first >> 2) & 0x0f, length, 1 + size))
}

/// Parses a length of the new format; returns it with its own size in bytes.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.first()? {
        short @ 0..=191 => Some((usize::from(short), 1)),
        high @ 192..=223 => {
            let low = usize::from(*bytes.get(1)?);
            Some((((usize::from(high) - 192) << 8) + low + 192, 2))
        }
        255 => {
            let number: [u8; 4] = bytes.get(1..5)?.try_into().ok()?;
            Some((usize::try_from(u32::from_be_bytes(number)).ok()?, 5))
        }
        _ => None,
    }
}

impl KeySignature {
    /// Parses a version 4 signature; `None` for other versions, which are ignored.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        if *body.first()? != 4 {
            return None;
        }
        let hashed = u16::from_be_bytes(body.get(4..6)?.try_into().ok()?);
        let mut rest = body.get(6..6 + usize::from(hashed))?;
        let mut signature = Self {
            kind: *body.get(1)?,
            created: 0,
            flags: None,
            lifetime: None,
        };
        while !rest.is_empty() {
            let (length, size) = length(rest)?;
            let content = rest.get(size..size + length)?;
            rest = rest.get(size + length..)?;
            let (kind, data) = content.split_first()?;
            let number = || data.try_into().map(u32::from_be_bytes).ok();
            match kind & 0x7f {
                2 => signature.created = number()?,
                9 => signature.lifetime = number(),
                27 => signature.flags = data.first().copied(),
                _ => {}
            }
        }
        Some(signature)
    }
}

/// Encodes a multiprecision integer: its length in bits, then its bytes.
pub(super) fn mpi(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(zeros..).unwrap_or_default();
    let bits = match bytes.first() {
        Some(first) => bytes.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    };
    let mut number = u16::try_from(bits)
        .unwrap_or_default()
        .to_be_bytes()
        .to_vec();
    number.extend(bytes);
    number
}
