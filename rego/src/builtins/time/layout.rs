//! Go's time layouts (`2006-01-02T15:04:05Z07:00`): their elements.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Literal(&'a str),
    Year,
    ShortYear,
    Month(bool),
    MonthName,
    ShortMonth,
    WeekdayName,
    ShortWeekday,
    Day(bool),
    SpacedDay,
    /// Padded by zeros, else by spaces.
    DayOfYear(bool),
    Hour,
    Hour12(bool),
    Minute(bool),
    Second(bool),
    /// Number of digits, `true` if trailing zeros are removed, and the separator.
    Fraction(usize, bool, char),
    HalfDay(bool),
    ZoneName,
    Offset(Offset),
}

/// The form of an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) zulu: bool,
    pub(super) colon: bool,
    /// Number of fields: hours, minutes, seconds.
    pub(super) numbers: usize,
}

const fn offset(zulu: bool, colon: bool, numbers: usize) -> Part<'static> {
    Part::Offset(Offset {
        zulu,
        colon,
        numbers,
    })
}

/// The elements in the order in which they are tried.
const PARTS: [(&str, Part<'static>); 31] = [
    ("January", Part::MonthName),
    ("Monday", Part::WeekdayName),
    ("MST", Part::ZoneName),
    ("002", Part::DayOfYear(true)),
    ("01", Part::Month(true)),
    ("02", Part::Day(true)),
    ("03", Part::Hour12(true)),
    ("04", Part::Minute(true)),
    ("05", Part::Second(true)),
    ("06", Part::ShortYear),
    ("15", Part::Hour),
    ("1", Part::Month(false)),
    ("2006", Part::Year),
    ("2", Part::Day(false)),
    ("__2", Part::DayOfYear(false)),
    ("_2", Part::SpacedDay),
    ("3", Part::Hour12(false)),
    ("4", Part::Minute(false)),
    ("5", Part::Second(false)),
    ("PM", Part::HalfDay(true)),
    ("pm", Part::HalfDay(false)),
    ("-07:00:00", offset(false, true, 3)),
    ("-070000", offset(false, false, 3)),
    ("-07:00", offset(false, true, 2)),
    ("-0700", offset(false, false, 2)),
    ("-07", offset(false, false, 1)),
    ("Z07:00:00", offset(true, true, 3)),
    ("Z070000", offset(true, false, 3)),
    ("Z07:00", offset(true, true, 2)),
    ("Z0700", offset(true, false, 2)),
    ("Z07", offset(true, false, 1)),
];

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// The layout that a name of Go's `time` package means, or the layout itself.
pub(super) fn named(layout: &str) -> &str {
    match layout {
        "ANSIC" => "Mon Jan _2 15:04:05 2006",
        "UnixDate" => "Mon Jan _2 15:04:05 MST 2006",
        "RubyDate" => "Mon Jan 02 15:04:05 -0700 2006",
        "RFC822" => "02 Jan 06 15:04 MST",
        "RFC822Z" => "02 Jan 06 15:04 -0700",
        "RFC850" => "Monday, 02-Jan-06 15:04:05 MST",
        "RFC1123" => "Mon, 02 Jan 2006 15:04:05 MST",
        "RFC1123Z" => "Mon, 02 Jan 2006 15:04:05 -0700",
        "RFC3339" => "2006-01-02T15:04:05Z07:00",
        "RFC3339Nano" => "2006-01-02T15:04:05.999999999Z07:00",
        other => other,
    }
}

/// Splits a layout into its elements and the texts between them.
pub(super) fn parts(mut layout: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    while !layout.is_empty() {
        let (rest, part) = first(layout);
        found.push(part);
        layout = rest;
    }
    found
}

fn first(layout: &str) -> (&str, Part<'_>) {
    // A year behind a line, not a day with a space.
    if let Some(rest) = layout.strip_prefix('_')
        && rest.starts_with("2006")
    {
        return (rest, Part::Literal("_"));
    }
    let known = PARTS.iter();
    if let Some(found) = known
        .filter_map(|(text, part)| Some((layout.strip_prefix(text)?, *part)))
        .next()
    {
        return found;
    }
    // A short name is one only when no lower case letter follows.
    for (text, part) in [("Jan", Part::ShortMonth), ("Mon", Part::ShortWeekday)] {
        if let Some(rest) = layout.strip_prefix(text)
            && !rest.starts_with(|c: char| c.is_ascii_lowercase())
        {
            return (rest, part);
        }
    }
    if let Some(found) = fraction(layout) {
        return found;
    }
    let width = layout.chars().next().map_or(1, char::len_utf8);
    let (literal, rest) = layout.split_at_checked(width).unwrap_or((layout, ""));
    (rest, Part::Literal(literal))
}

/// `.000` or `,999`, when no digit follows.
fn fraction(layout: &str) -> Option<(&str, Part<'_>)> {
    let mark = layout.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let after = layout.strip_prefix(mark)?;
    let digit = after.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let rest = after.trim_start_matches(digit);
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = after.len() - rest.len();
    Some((rest, Part::Fraction(digits, digit == '9', mark)))
}
