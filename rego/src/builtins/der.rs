//! DER and PEM, as far as keys and certificates need them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::{BigInt, BigUint};

/// A value of DER: its tag, its content and all its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) all: &'a [u8],
}

/// A reader of values that follow each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// Tells if all bytes are read.
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Returns the next value, or `None` at the end and for malformed lengths.
    pub(super) fn next(&mut self) -> Option<Item<'a>> {
        let bytes = self.0;
        let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let digits = bytes.get(2..2 + count)?;
                let length = digits
                    .iter()
                    .fold(0, |length, digit| length << 8 | usize::from(*digit));
                (length, 2 + count)
            }
            _ => return None,
        };
        let end = header.checked_add(length)?;
        let item = Item {
            tag,
            content: bytes.get(header..end)?,
            all: bytes.get(..end)?,
        };
        self.0 = bytes.get(end..)?;
        Some(item)
    }

    /// The next value when it has the tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<Item<'a>> {
        self.next().filter(|item| item.tag == tag)
    }

    /// The next value when it has the tag; it stays otherwise.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Item<'a>> {
        let mut ahead = *self;
        let found = ahead.expect(tag)?;
        *self = ahead;
        Some(found)
    }

    /// The values of the next sequence.
    pub(super) fn sequence(&mut self) -> Option<Self> {
        Some(Self(self.expect(SEQUENCE)?.content))
    }

    /// The next whole number that is not negative.
    pub(super) fn integer(&mut self) -> Option<BigUint> {
        let content = self.expect(INTEGER)?.content;
        if content.first()? & 0x80 != 0 {
            return None;
        }
        Some(BigUint::from_bytes_be(content))
    }

    /// Returns the next whole number, which may be negative.
    pub(super) fn signed(&mut self) -> Option<BigInt> {
        Some(BigInt::from_signed_bytes_be(self.expect(INTEGER)?.content))
    }

    /// The next object identifier, in numbers.
    pub(super) fn identifier(&mut self) -> Option<Vec<u64>> {
        numbers(self.expect(IDENTIFIER)?.content)
    }

    /// The bytes of the next string of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        let (unused, bytes) = self.expect(BITS)?.content.split_first()?;
        (*unused == 0).then_some(bytes)
    }
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BITS: u8 = 0x03;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// The numbers of an object identifier.
pub(super) fn numbers(content: &[u8]) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    let mut number = 0_u64;
    for byte in content {
        number = number
            .checked_mul(128)?
            .checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            if found.is_empty() {
                let first = (number / 40).min(2);
                found.push(first);
                number -= first * 40;
            }
            found.push(number);
            number = 0;
        }
    }
    (!found.is_empty() && content.last()? & 0x80 == 0).then_some(found)
}

/// Writes an object identifier with dots: `1.2.840.113549`.
pub(super) fn dotted(numbers: &[u64]) -> String {
    numbers
        .iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(".")
}

/// Encodes a tag, the length and the content.
pub(super) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let bytes: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A whole number that is not negative.
pub(super) fn encode_integer(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    encode(INTEGER, &bytes)
}

/// A block of PEM: its kind and its bytes.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: String,
    pub(super) bytes: Vec<u8>,
}

/// The next block of a text, and what follows it; other text is passed over.
pub(super) fn block(text: &str) -> Option<(Block, &str)> {
    let mut rest = text;
    loop {
        let start = rest.find("-----BEGIN ")?;
        let at_line = start == 0
            || rest
                .get(..start)
                .is_some_and(|before| before.ends_with('\n'));
        let after = rest.get(start + 11..)?;
        if at_line && let Some(found) = body(after) {
            return Some(found);
        }
        rest = after;
    }
}

fn body(after: &str) -> Option<(Block, &str)> {
    let (line, body) = after.split_once('\n')?;
    let kind = line.trim_end().strip_suffix("-----")?;
    let end = format!("-----END {kind}-----");
    let at = body.find(&end)?;
    let (content, rest) = (body.get(..at)?, body.get(at + end.len()..)?);
    let (line_rest, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    if !line_rest.trim().is_empty() {
        return None;
    }
    // Headers end with an empty line.
    let content = match content.split_once("\n\n") {
        Some((headers, content)) if headers.contains(':') => content,
        _ => content,
    };
    let letters: String = content
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD.decode(letters).ok()?;
    Some((
        Block {
            kind: kind.to_owned(),
            bytes,
        },
        rest,
    ))
}
