//! Parses extended headers (POSIX pax): records of `LENGTH KEY=VALUE` and a line feed.

use super::Error;

/// The records that change an entry.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<String>,
    pub(super) link: Option<String>,
    pub(super) size: Option<u64>,
    /// True for a sparse file of GNU tar.
    pub(super) sparse: bool,
    /// True when Go's reader refuses a number that Python's takes for zero.
    pub(super) odd_number: bool,
}

impl Records {
    /// Parses the content of an extended header; the last of equal keys is used.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Differs`].
    pub(super) fn parse(mut content: &[u8]) -> Result<Self, Error> {
        let mut records = Self::default();
        while !content.is_empty() {
            let (key, value, rest) = record(content).ok_or_else(|| Error::Damaged {
                reason: "an extended header cannot be read".to_owned(),
            })?;
            content = rest;
            let decides = matches!(key, b"path" | b"linkpath" | b"size");
            // For an empty value Go uses the header's own, and Python none.
            if decides && (value.is_empty() || value.contains(&0)) {
                return Err(Error::Differs {
                    what: "an empty record of an extended header",
                });
            }
            let text = || String::from_utf8_lossy(value).into_owned();
            match key {
                b"path" => records.path = Some(text()),
                b"linkpath" => records.link = Some(text()),
                b"size" => records.size = Some(size(value)?),
                b"hdrcharset" if value != b"BINARY" => {
                    return Err(Error::Differs {
                        what: "the character set of names",
                    });
                }
                b"uid" | b"gid" => records.odd_number |= !is_whole(value),
                b"mtime" | b"atime" | b"ctime" => records.odd_number |= !is_time(value),
                key if key.starts_with(b"GNU.sparse.") => records.sparse = true,
                _ => {}
            }
        }
        Ok(records)
    }

    /// Tells whether no record changes a member that is read.
    pub(super) fn is_idle(&self) -> bool {
        self.path.is_none() && self.link.is_none() && self.size.is_none() && !self.sparse
    }
}

fn record(content: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = content.iter().take(12).position(|byte| *byte == b' ')?;
    let (length, _) = content.split_at(space);
    if length.first() == Some(&b'0') || !length.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    let (record, rest) = content.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = record.split_at(equals);
    let valid = !key.is_empty() && !key.contains(&0);
    valid.then_some((key, value.get(1..)?, rest))
}

/// Tells whether both readers take it for a whole number. An empty value keeps the header's own.
fn is_whole(value: &[u8]) -> bool {
    let digits = match value {
        [b'+' | b'-', digits @ ..] => digits,
        digits => digits,
    };
    value.is_empty() || (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// The same for seconds with a fraction.
fn is_time(value: &[u8]) -> bool {
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (parts.next().unwrap_or_default(), parts.next());
    let is_fraction = |digits: &[u8]| !whole.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_whole(whole) && fraction.is_none_or(is_fraction)
}

fn size(value: &[u8]) -> Result<u64, Error> {
    let digits = value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits);
    let size = text.and_then(|text| text.parse::<i64>().ok());
    // Python reads a malformed number as zero.
    size.and_then(|size| u64::try_from(size).ok())
        .ok_or(Error::Differs {
            what: "the size in an extended header",
        })
}
