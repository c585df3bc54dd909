//! A shard: the part `I/N` of a list that one run of verify-ec judges.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The largest number of shards of a list.
const MOST: u16 = 256;

/// The I-th of N parts, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Shard {
    index: u16,
    count: u16,
}

impl Shard {
    /// The number of the part, from 1.
    pub(crate) fn index(self) -> u16 {
        self.index
    }

    /// Tells whether the component at this position of the list, from 0, is in the shard.
    pub(crate) fn has(self, position: usize) -> bool {
        position % usize::from(self.count) == usize::from(self.index - 1)
    }

    /// Returns the name of a file of this shard: `verified.json` becomes `verified-1-of-4.json`.
    pub(crate) fn file(self, name: &str) -> String {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "json"));
        format!("{stem}-{}-of-{}.{extension}", self.index, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected I/N, the I-th of N parts, N at most {MOST}");
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (index, count) = text.split_once('/').ok_or_else(expected)?;
        if !plain(index) || !plain(count) {
            return Err(expected());
        }
        let index: u16 = index.parse().map_err(|_| expected())?;
        let count: u16 = count.parse().map_err(|_| expected())?;
        match (1..=count).contains(&index) && count <= MOST {
            true => Ok(Self { index, count }),
            false => Err(expected()),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_is_in_exactly_one_part() {
        let parts: Vec<Shard> = (1..=4).map(|i| format!("{i}/4").parse().unwrap()).collect();
        for position in 0..100 {
            let having = parts.iter().filter(|part| part.has(position)).count();
            assert_eq!(having, 1, "{position}");
        }
        assert_eq!(parts[1].file("verified.json"), "verified-2-of-4.json");
    }

    #[test]
    fn refuses_what_is_not_a_part() {
        for wrong in [
            "", "1", "0/4", "5/4", "1/0", "+1/4", "1/257", "1/4/4", " 1/4", "a/b", "1/70000",
        ] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
