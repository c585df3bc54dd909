//! Parses a header block of a tar archive: V7, POSIX ustar or GNU.

use tar::Header;

use super::Error;

/// The size of a block, in bytes.
pub(super) const BLOCK: usize = 512;
const DIFFERS: Error = Error::Differs {
    what: "the prefix of a name",
};

/// The fields of a header that identify an entry.
#[derive(Debug)]
pub(super) struct HeaderFields {
    pub(super) name: String,
    /// The type flag; zero for files of old archives.
    pub(super) flag: u8,
    pub(super) size: u64,
    pub(super) link: String,
}

/// Checks and parses a header block.
///
/// # Errors
/// [`Error::Damaged`] or [`Error::Differs`].
pub(super) fn fields(block: &[u8; BLOCK]) -> Result<HeaderFields, Error> {
    let header = Header::from_byte_slice(block);
    let old = header.as_old();
    check_sum(block, &old.cksum)?;
    // Go and Python both refuse a header with a malformed number.
    for field in [&old.mode, &old.uid, &old.gid] {
        number(field)?;
    }
    number(&old.mtime)?;
    for device in [part(block, 329, 337), part(block, 337, 345)] {
        number(device)?;
    }
    let size = number(&old.size)?.ok_or_else(|| damaged("a size is negative"))?;
    let name = text(&old.name);
    let prefix = prefix(block)?;
    Ok(HeaderFields {
        name: if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        },
        // The library takes a zero for a regular file, and V7 writes directories so too.
        flag: block.get(156).copied().unwrap_or_default(),
        size,
        link: text(&old.linkname),
    })
}

fn damaged(reason: &str) -> Error {
    Error::Damaged {
        reason: reason.to_owned(),
    }
}

fn part(block: &[u8; BLOCK], from: usize, to: usize) -> &[u8] {
    block.get(from..to).unwrap_or_default()
}

/// Returns the prefix of a long name in POSIX archives. Python treats these bytes as a prefix in other
/// formats too, where Go reads times or nothing.
fn prefix(block: &[u8; BLOCK]) -> Result<String, Error> {
    let posix = part(block, 257, 263) == b"ustar\0";
    let prefix = part(block, 345, 500);
    if !posix {
        return match prefix.first() {
            Some(0) | None => Ok(String::new()),
            Some(_) => Err(DIFFERS),
        };
    }
    let prefix = text(prefix);
    // Schily's tar has a shorter prefix field.
    if part(block, 508, 512) == b"tar\0" && prefix.len() > 131 {
        return Err(DIFFERS);
    }
    Ok(prefix)
}

/// Compares the checksum with the sum of all bytes, where the field itself is replaced by spaces; the bytes may be
/// unsigned or signed.
fn check_sum(block: &[u8; BLOCK], field: &[u8]) -> Result<(), Error> {
    let (mut unsigned, mut signed) = (0_i64, 0_i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        unsigned += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    let stated = number(field)?.and_then(|sum| i64::try_from(sum).ok());
    if stated == Some(unsigned) || stated == Some(signed) {
        return Ok(());
    }
    Err(damaged(
        "the checksum of a header is wrong, so it is not a tar archive",
    ))
}

/// Returns the text up to the first zero byte.
pub(super) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0);
    let field = end.and_then(|end| field.get(..end)).unwrap_or(field);
    String::from_utf8_lossy(field).into_owned()
}

/// Parses a number in octal digits or in base 256; `None` for a negative one.
fn number(field: &[u8]) -> Result<Option<u64>, Error> {
    let too_large = || damaged("a number in a header is too large");
    match field {
        [0x80, digits @ ..] => {
            let value = digits.iter().try_fold(0_i64, |value, digit| {
                value.checked_mul(256)?.checked_add(i64::from(*digit))
            });
            let value = value.ok_or_else(too_large)?;
            return Ok(u64::try_from(value).ok());
        }
        [0xff, digits @ ..] => {
            let value = digits.iter().try_fold(0_i64, |value, digit| {
                value.checked_mul(256)?.checked_add(i64::from(!*digit))
            });
            // Python's reader has numbers of any size.
            return match value {
                Some(_) => Ok(None),
                None => Err(Error::Differs {
                    what: "a number in a header",
                }),
            };
        }
        [0x80..=0xff, ..] => {
            return Err(Error::Differs {
                what: "a number in a header",
            });
        }
        _ => {}
    }
    let padding = |byte: &u8| matches!(byte, b' ' | 0);
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    // Go trims zero bytes on both sides, Python stops at the first.
    if !rest.iter().all(padding) {
        return Err(Error::Differs {
            what: "a number in a header",
        });
    }
    let digits = std::str::from_utf8(digits).unwrap_or("?").trim_matches(' ');
    if digits.is_empty() {
        return Ok(Some(0));
    }
    if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return Err(damaged(
            "a number in a header is malformed, so it is not a tar archive",
        ));
    }
    let value = i64::from_str_radix(digits, 8).map_err(|_| too_large())?;
    Ok(u64::try_from(value).ok())
}
