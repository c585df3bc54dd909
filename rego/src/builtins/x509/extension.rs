//! Extensions of certificates (RFC 5280 section 4.2) as Go reads them.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::builtins::der::{BITS, Der, OCTETS, SEQUENCE, dotted};

/// An extension: identifier, whether it is critical, content.
#[derive(Debug, Clone)]
pub(super) struct Extension<'a> {
    pub(super) identifier: Vec<u64>,
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

/// The alternative names of a subject.
#[derive(Debug, Default, Clone)]
pub(super) struct Names {
    pub(super) dns: Vec<String>,
    pub(super) email: Vec<String>,
    pub(super) uri: Vec<String>,
    pub(super) ip: Vec<String>,
}

/// The extensions in the content of their sequence.
pub(super) fn list(content: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut rest = Der(content);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let mut one = rest.sequence()?;
        let identifier = one.identifier()?;
        let critical = one
            .optional(0x01)
            .is_some_and(|flag| flag.content == [0xff]);
        let value = one.expect(OCTETS)?.content;
        found.push(Extension {
            identifier,
            critical,
            value,
        });
    }
    Some(found)
}

/// Fields that Go reads from the extensions of a certificate.
#[derive(Debug, Default)]
pub(super) struct KnownExtensions<'a> {
    pub(super) key_usage: i64,
    pub(super) extended: Vec<i64>,
    pub(super) unknown_extended: Vec<Vec<u64>>,
    pub(super) names: Names,
    pub(super) constraints: Option<(bool, Option<i64>)>,
    pub(super) subject_key: Option<&'a [u8]>,
    pub(super) authority_key: Option<&'a [u8]>,
    pub(super) revocation: Vec<String>,
    pub(super) responders: Vec<String>,
    pub(super) issuers: Vec<String>,
    pub(super) policies: Vec<Vec<u64>>,
    pub(super) name_constraints: bool,
    pub(super) unhandled: Vec<Vec<u64>>,
}

impl<'a> KnownExtensions<'a> {
    pub(super) fn read(extensions: &[Extension<'a>]) -> Option<Self> {
        let mut known = Self::default();
        for extension in extensions {
            let handled = known.read_one(extension)?;
            if extension.critical && !handled {
                known.unhandled.push(extension.identifier.clone());
            }
        }
        Some(known)
    }

    fn read_one(&mut self, extension: &Extension<'a>) -> Option<bool> {
        let mut value = Der(extension.value);
        match extension.identifier.as_slice() {
            [2, 5, 29, 15] => self.key_usage = usage(value.expect(BITS)?.content),
            [2, 5, 29, 19] => {
                let mut content = value.sequence()?;
                let authority = content
                    .optional(0x01)
                    .is_some_and(|flag| flag.content == [0xff]);
                let length = match content.is_empty() {
                    true => None,
                    false => Some(i64::try_from(content.signed()?).ok()?),
                };
                self.constraints = Some((authority, length));
            }
            [2, 5, 29, 17] => self.names = alternative(value.sequence()?)?,
            [2, 5, 29, 30] => self.name_constraints = true,
            [2, 5, 29, 31] => self.revocation = points(value.sequence()?)?,
            [2, 5, 29, 35] => {
                self.authority_key = value.sequence()?.optional(0x80).map(|key| key.content);
            }
            [2, 5, 29, 37] => self.extended(value.sequence()?)?,
            [2, 5, 29, 14] => self.subject_key = Some(value.expect(OCTETS)?.content),
            [2, 5, 29, 32] => {
                let mut policies = value.sequence()?;
                while !policies.is_empty() {
                    self.policies.push(policies.sequence()?.identifier()?);
                }
            }
            [1, 3, 6, 1, 5, 5, 7, 1, 1] => self.access(value.sequence()?)?,
            // Mappings, constraints of policies and their inhibition are read and not shown.
            [2, 5, 29, 33 | 36 | 54] => {}
            _ => return Some(false),
        }
        Some(true)
    }

    fn extended(&mut self, mut usages: Der<'_>) -> Option<()> {
        while !usages.is_empty() {
            let identifier = usages.identifier()?;
            match extended_number(&identifier) {
                Some(number) => self.extended.push(number),
                None => self.unknown_extended.push(identifier),
            }
        }
        Some(())
    }

    fn access(&mut self, mut places: Der<'_>) -> Option<()> {
        while !places.is_empty() {
            let mut place = places.sequence()?;
            let method = dotted(&place.identifier()?);
            let Some(location) = place.optional(0x86) else {
                continue;
            };
            let location = String::from_utf8(location.content.to_vec()).ok()?;
            match method.as_str() {
                "1.3.6.1.5.5.7.48.1" => self.responders.push(location),
                "1.3.6.1.5.5.7.48.2" => self.issuers.push(location),
                _ => {}
            }
        }
        Some(())
    }
}

/// The flags with the first as the lowest bit.
fn usage(bits: &[u8]) -> i64 {
    let bytes = bits.get(1..).unwrap_or_default().iter().take(2).enumerate();
    bytes.fold(0, |flags, (at, byte)| {
        flags | i64::from(byte.reverse_bits()) << (8 * at)
    })
}

/// The number in Go of an extended usage.
fn extended_number(identifier: &[u64]) -> Option<i64> {
    Some(match identifier {
        [2, 5, 29, 37, 0] => 0,
        [1, 3, 6, 1, 5, 5, 7, 3, last @ 1..=9] => i64::try_from(*last).ok()?,
        [1, 3, 6, 1, 4, 1, 311, 10, 3, 3] => 10,
        [2, 16, 840, 1, 113730, 4, 1] => 11,
        [1, 3, 6, 1, 4, 1, 311, 2, 1, 22] => 12,
        [1, 3, 6, 1, 4, 1, 311, 61, 1, 1] => 13,
        _ => return None,
    })
}

fn alternative(mut content: Der<'_>) -> Option<Names> {
    let mut names = Names::default();
    while !content.is_empty() {
        let item = content.next()?;
        let text = || String::from_utf8(item.content.to_vec()).ok();
        match item.tag {
            0x81 => names.email.push(text()?),
            0x82 => names.dns.push(text()?),
            0x86 => names.uri.push(text()?),
            0x87 => names.ip.push(address(item.content)?),
            _ => {}
        }
    }
    Some(names)
}

fn address(bytes: &[u8]) -> Option<String> {
    let four: Option<[u8; 4]> = bytes.try_into().ok();
    let sixteen: Option<[u8; 16]> = bytes.try_into().ok();
    let four = four.map(|bytes| Ipv4Addr::from(bytes).to_string());
    four.or_else(|| sixteen.map(|bytes| Ipv6Addr::from(bytes).to_canonical().to_string()))
}

/// Reads the addresses of the CRL distribution points.
fn points(mut content: Der<'_>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let mut point = Der(content.expect(SEQUENCE)?.content);
        let Some(name) = point.optional(0xa0) else {
            continue;
        };
        let Some(full) = Der(name.content).optional(0xa0) else {
            continue;
        };
        let mut names = Der(full.content);
        while !names.is_empty() {
            let name = names.next()?;
            if name.tag == 0x86 {
                found.push(String::from_utf8(name.content.to_vec()).ok()?);
            }
        }
    }
    Some(found)
}
