//! The list of shallow commits before a pack (`gitprotocol-pack`, "Packfile Negotiation").
//!
//! The Git library inserts each of them by a linear search: a long list takes minutes.

use std::io::{self, Read};

/// The most shallow commits that one answer may have.
pub(super) const MAX_SHALLOW: usize = 20_000;

/// Tells whether an answer begins with too many shallow commits.
///
/// # Errors
/// An error of the reader; the library rejects a truncated answer itself.
pub(super) fn is_flood(answer: &mut impl Read) -> io::Result<bool> {
    let mut answer = io::BufReader::new(answer);
    for _ in 0..=MAX_SHALLOW {
        let Some(line) = packet(&mut answer)? else {
            return Ok(false);
        };
        if !(line.starts_with(b"shallow ") || line.starts_with(b"unshallow ")) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads the next packet; `None` for one without content, and at the end.
fn packet(answer: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if answer.by_ref().take(4).read_to_end(&mut line)? < 4 {
        return Ok(None);
    }
    let length = std::str::from_utf8(&line).ok();
    let length = length.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let Some(length) = length.and_then(|length| length.checked_sub(4)) else {
        return Ok(None);
    };
    line.clear();
    answer.by_ref().take(length).read_to_end(&mut line)?;
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(shallow: usize) -> Vec<u8> {
        let lines = (0..shallow).map(|at| format!("0034shallow {at:040x}"));
        let mut all: String = lines.collect();
        all.push_str("00000008NAK\n");
        all.into_bytes()
    }

    #[test]
    fn a_flood_of_shallow_commits_is_noticed() {
        for (count, is) in [
            (0, false),
            (1, false),
            (MAX_SHALLOW, false),
            (MAX_SHALLOW + 1, true),
        ] {
            assert_eq!(
                is_flood(&mut answer(count).as_slice()).unwrap(),
                is,
                "{count}"
            );
        }
        for odd in ["", "00", "zzzz", "0003", "fffe", "0034shallow 1"] {
            assert!(!is_flood(&mut odd.as_bytes()).unwrap(), "{odd}");
        }
    }
}
