//! Parses and prints sizes of memory.

use std::{fmt, str::FromStr};

/// A number of bytes: `512Mi`, `512MiB`, `1GiB`, `500M` or plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(usize);

/// The smallest budget with which the program can work.
const LEAST: usize = 32 << 20;

/// The accepted units, the largest first.
const UNITS: [(&str, usize); 6] = [
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1000),
];

impl Size {
    /// Makes a size of a number of bytes.
    pub(crate) const fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a size such as 512Mi, 1Gi or 500M".to_owned();
        let digits = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
        let number: usize = number.parse().map_err(|_| wrong())?;
        let unit = unit.trim_start().trim_end_matches('B');
        let unit = match unit {
            "" => 1,
            unit => {
                let found = UNITS
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(unit));
                found.ok_or_else(wrong)?.1
            }
        };
        let bytes = number.checked_mul(unit).ok_or_else(wrong)?;
        if bytes < LEAST {
            return Err(format!("expected at least {}", Self(LEAST)));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().take(3);
        let exact = exact
            .copied()
            .find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match exact {
            Some((name, unit)) => write!(f, "{} {name}B", self.0 / unit),
            None => write!(f, "{} MiB", self.0 >> 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_as_kubernetes_and_people_write_them() {
        for (text, bytes) in [
            ("192MiB", 192 << 20),
            ("448Mi", 448 << 20),
            ("1Gi", 1 << 30),
            ("1 GiB", 1 << 30),
            ("500M", 500_000_000),
            ("67108864", 64 << 20),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in [
            "",
            "1",
            "much",
            "-1Gi",
            "1Tx",
            "31Mi",
            "99999999999999999999Gi",
            "4 4Gi",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn shows_sizes_in_the_largest_whole_unit() {
        assert_eq!(Size(192 << 20).to_string(), "192 MiB");
        assert_eq!(Size(1 << 30).to_string(), "1 GiB");
        assert_eq!(Size(500_000_000).to_string(), "476 MiB");
    }
}
