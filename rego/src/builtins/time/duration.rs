//! `time.parse_duration_ns`: Go's durations, and days, weeks and years.

/// Returns the nanoseconds of a duration; `None` for other text, or one that is too long.
pub(super) fn parse(text: &str) -> Option<i64> {
    if !text.contains(['d', 'w', 'y']) {
        return nanoseconds(text);
    }
    nanoseconds(&in_hours(text)?)
}

/// Rewrites days, weeks and years as hours.
fn in_hours(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(['-', '+']) {
        out.push_str(rest.get(..1)?);
        rest = after;
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = rest
            .get(..rest.len() - after.len())
            .filter(|digits| !digits.is_empty())?;
        let two = ["ms", "us", "µs", "ns"]
            .into_iter()
            .find(|unit| after.starts_with(unit));
        let unit = match two {
            Some(unit) => unit,
            None => after
                .get(..1)
                .filter(|unit| unit.bytes().all(|b| b.is_ascii_lowercase()))?,
        };
        let hours = match unit {
            "d" => Some(24.0),
            "w" => Some(7.0 * 24.0),
            "y" => Some(365.0 * 24.0),
            _ => None,
        };
        match hours {
            Some(hours) => out.push_str(&format!("{}h", digits.parse::<f64>().ok()? * hours)),
            None => out.extend([digits, unit]),
        }
        rest = after.get(unit.len()..)?;
    }
    Some(out)
}

/// Parses a duration as Go's `time.ParseDuration` does: `1h30m`, `-1.5s`.
fn nanoseconds(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit());
        let (unit, after) = after.split_at_checked(unit_end.unwrap_or(after.len()))?;
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let value = if whole.is_empty() {
            0
        } else {
            whole.parse::<u64>().ok()?
        };
        total = total.checked_add(value.checked_mul(unit)?)?;
        total = total.checked_add(part_of(fraction, unit))?;
        if total > 1 << 63 {
            return None;
        }
        rest = after;
    }
    let total = i128::from(total);
    i64::try_from(if negative { -total } else { total }).ok()
}

/// The leading digits and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The fraction of a unit, cut to nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a fraction of a unit is below 2^42, and Go cuts it the same way"
)]
fn part_of(fraction: &str, unit: u64) -> u64 {
    let fraction = fraction.get(..fraction.len().min(18)).unwrap_or_default();
    let Ok(value) = fraction.parse::<u64>() else {
        return 0;
    };
    let scale = 10_f64.powi(i32::try_from(fraction.len()).unwrap_or(0));
    (value as f64 * (unit as f64 / scale)) as u64
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_durations() {
        for (text, expected) in [
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("0", Some(0)),
            ("1d", Some(86_400_000_000_000)),
            ("1w2.5d3us", Some(820_800_000_003_000)),
            (".5ms", Some(500_000)),
            ("", None),
            ("3", None),
            ("d", None),
            ("1x", None),
            ("300y", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
