//! Dates in METADATA: a plain date is a timestamp in OPA's YAML, so it gains its time.

/// Puts the timestamp in place of a plain date at the end of a line.
pub(super) fn with_timestamp(line: &str) -> String {
    let Some((before, value)) = line.rsplit_once(' ') else {
        return line.to_owned();
    };
    let moment = match value.split_once(['T', 't']) {
        None => date(value).map(|date| format!("{date}T00:00:00Z")),
        Some((day, clock)) => date(day)
            .zip(time(clock))
            .map(|(day, clock)| format!("{day}T{clock}")),
    };
    match moment {
        Some(moment) if before.trim_end().ends_with([':', '-']) => {
            format!("{before} \"{moment}\"")
        }
        _ => line.to_owned(),
    }
}

/// Reads `YYYY-M-D`, with one digit or two for month and day, as `YYYY-MM-DD`.
fn date(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-')?;
    let [month, day] = padded(rest, '-')?;
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    is_year.then(|| format!("{year}-{month}-{day}"))
}

/// Reads `H:M:S` with a zone, with one digit or two each, as `HH:MM:SS` with that zone.
fn time(text: &str) -> Option<String> {
    let at = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at(at);
    let [hour, minute, second] = padded(clock, ':')?;
    Some(format!("{hour}:{minute}:{second}{zone}"))
}

/// Reads that many numbers of one digit or two, with two each.
fn padded<const N: usize>(text: &str, between: char) -> Option<[String; N]> {
    let number = |part: &str| {
        let is_number =
            matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("{part:0>2}"))
    };
    let numbers: Option<Vec<_>> = text.split(between).map(number).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_date_gains_its_time_and_a_quoted_one_does_not() {
        for (line, expected) in [
            ("a: 2025-07-01", "a: \"2025-07-01T00:00:00Z\""),
            ("a: 2025-5-1", "a: \"2025-05-01T00:00:00Z\""),
            ("a: 2025-5-01T0:00:00Z", "a: \"2025-05-01T00:00:00Z\""),
            ("a: 2025-5-01T00:00Z", "a: 2025-5-01T00:00Z"),
            ("a: 2025-007-01", "a: 2025-007-01"),
            ("a: \"2025-07-01\"", "a: \"2025-07-01\""),
            ("text since 2025-07-01", "text since 2025-07-01"),
        ] {
            assert_eq!(with_timestamp(line), expected);
        }
    }
}
