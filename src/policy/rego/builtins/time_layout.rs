//! Go's time layouts (`2006-01-02T15:04:05Z07:00`): strict parsing and formatting.

use jiff::{
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

/// An element of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Literal(&'a str),
    Year,
    ShortYear,
    /// Whether it has two digits always.
    Month(bool),
    MonthName,
    ShortMonth,
    WeekdayName,
    ShortWeekday,
    /// Whether it has two digits always.
    Day(bool),
    /// Padded by a space.
    SpacedDay,
    DayOfYear,
    Hour,
    /// Whether it has two digits always.
    Hour12(bool),
    /// Whether it has two digits always.
    Minute(bool),
    /// Whether it has two digits always.
    Second(bool),
    /// How many digits and whether trailing zeros go.
    Fraction(usize, bool),
    /// Whether in capitals.
    HalfDay(bool),
    ZoneName,
    /// Whether zero is `Z`, and whether there is a colon before the minutes.
    Offset {
        zulu: bool,
        colon: bool,
    },
}

/// The elements in the order in which they are tried.
const PARTS: [(&str, Part<'static>); 30] = [
    ("January", Part::MonthName),
    ("Jan", Part::ShortMonth),
    ("Monday", Part::WeekdayName),
    ("Mon", Part::ShortWeekday),
    ("MST", Part::ZoneName),
    ("2006", Part::Year),
    ("002", Part::DayOfYear),
    ("01", Part::Month(true)),
    ("02", Part::Day(true)),
    ("03", Part::Hour12(true)),
    ("04", Part::Minute(true)),
    ("05", Part::Second(true)),
    ("06", Part::ShortYear),
    ("15", Part::Hour),
    ("_2006", Part::Literal("_2006")),
    ("_2", Part::SpacedDay),
    (
        "Z07:00",
        Part::Offset {
            zulu: true,
            colon: true,
        },
    ),
    (
        "Z0700",
        Part::Offset {
            zulu: true,
            colon: false,
        },
    ),
    (
        "-07:00",
        Part::Offset {
            zulu: false,
            colon: true,
        },
    ),
    (
        "-0700",
        Part::Offset {
            zulu: false,
            colon: false,
        },
    ),
    ("PM", Part::HalfDay(true)),
    ("pm", Part::HalfDay(false)),
    (".000000000", Part::Fraction(9, false)),
    (".000000", Part::Fraction(6, false)),
    (".000", Part::Fraction(3, false)),
    (".999999999", Part::Fraction(9, true)),
    (".999999", Part::Fraction(6, true)),
    (".999", Part::Fraction(3, true)),
    ("1", Part::Month(false)),
    ("2", Part::Day(false)),
];

/// The elements of one digit that stand alone.
const DIGITS: [(&str, Part<'static>); 3] = [
    ("3", Part::Hour12(false)),
    ("4", Part::Minute(false)),
    ("5", Part::Second(false)),
];

const MONTHS: [&str; 12] = [
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

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// The layout that a name of Go's `time` package stands for, or the layout itself.
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

fn parts(mut layout: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    while !layout.is_empty() {
        let mut known = PARTS.iter().chain(&DIGITS);
        match known.find_map(|(text, part)| Some((layout.strip_prefix(text)?, *part))) {
            Some((rest, part)) => {
                found.push(part);
                layout = rest;
            }
            None => {
                let width = layout.chars().next().map_or(1, char::len_utf8);
                let (literal, rest) = layout.split_at(width);
                found.push(Part::Literal(literal));
                layout = rest;
            }
        }
    }
    found
}

/// What was read so far.
struct Reading<'a> {
    rest: &'a str,
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    offset: i32,
}

/// Reads a text as the layout says, all of it; the result is in nanoseconds since 1970.
pub(super) fn parse(layout: &str, text: &str) -> Option<i64> {
    let mut reading = Reading {
        rest: text,
        year: 0,
        month: 1,
        day: 1,
        hour: 0,
        afternoon: None,
        minute: 0,
        second: 0,
        nanosecond: 0,
        offset: 0,
    };
    let parts = parts(named(layout));
    for (at, part) in parts.iter().enumerate() {
        let fraction = matches!(parts.get(at + 1), Some(Part::Fraction(..)));
        reading.part(*part, fraction)?;
    }
    reading.finish()
}

impl Reading<'_> {
    fn part(&mut self, part: Part<'_>, fraction_follows: bool) -> Option<()> {
        match part {
            Part::Literal(text) => self.rest = self.rest.strip_prefix(text)?,
            Part::Year => self.year = self.digits(4, 4)?,
            Part::ShortYear => {
                let year: i16 = self.digits(2, 2)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
            }
            Part::Month(padded) => self.month = self.digits(if padded { 2 } else { 1 }, 2)?,
            Part::MonthName => self.month = self.name(&MONTHS, None)?,
            Part::ShortMonth => self.month = self.name(&MONTHS, Some(3))?,
            Part::WeekdayName => drop(self.name(&WEEKDAYS, None)?),
            Part::ShortWeekday => drop(self.name(&WEEKDAYS, Some(3))?),
            Part::Day(padded) => self.day = self.digits(if padded { 2 } else { 1 }, 2)?,
            Part::SpacedDay => {
                self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
                self.day = self.digits(1, 2)?;
            }
            Part::DayOfYear => return None,
            Part::Hour => self.hour = self.digits(2, 2)?,
            Part::Hour12(padded) => self.hour = self.digits(if padded { 2 } else { 1 }, 2)?,
            Part::Minute(padded) => self.minute = self.digits(if padded { 2 } else { 1 }, 2)?,
            Part::Second(padded) => {
                self.second = self.digits(if padded { 2 } else { 1 }, 2)?;
                // Go takes a fraction after the seconds although the layout has none.
                if !fraction_follows && self.rest.starts_with(['.', ',']) {
                    self.fraction(None)?;
                }
            }
            Part::Fraction(digits, false) => self.fraction(Some(digits))?,
            Part::Fraction(_, true) if self.rest.starts_with('.') => self.fraction(None)?,
            Part::Fraction(_, true) => {}
            Part::HalfDay(upper) => {
                let (am, pm) = if upper { ("AM", "PM") } else { ("am", "pm") };
                let afternoon = self.rest.starts_with(pm);
                let text = if afternoon { pm } else { am };
                self.rest = self.rest.strip_prefix(text)?;
                self.afternoon = Some(afternoon);
            }
            Part::ZoneName => {
                self.rest = self
                    .rest
                    .strip_prefix("UTC")
                    .or(self.rest.strip_prefix("GMT"))?;
            }
            Part::Offset { zulu, colon } => self.offset(zulu, colon)?,
        }
        Some(())
    }

    /// A number of at least and at most so many digits.
    fn digits<N: std::str::FromStr>(&mut self, least: usize, most: usize) -> Option<N> {
        let bytes = self.rest.bytes();
        let count = bytes.take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        (count >= least).then(|| digits.parse().ok()).flatten()
    }

    fn fraction(&mut self, exactly: Option<usize>) -> Option<()> {
        let after = self.rest.strip_prefix(['.', ','])?;
        let bytes = after.bytes();
        let count = bytes.take_while(u8::is_ascii_digit).count();
        if count == 0 || exactly.is_some_and(|digits| digits != count) {
            return None;
        }
        let (digits, rest) = after.split_at_checked(count)?;
        self.nanosecond = format!("{digits:0<9}").get(..9)?.parse().ok()?;
        self.rest = rest;
        Some(())
    }

    /// A name of the list, whole or cut, in any case; its number from 1.
    fn name(&mut self, names: &[&str], cut: Option<usize>) -> Option<i8> {
        let numbered = (1..).zip(names);
        let (number, rest) = numbered
            .filter_map(|(number, name)| {
                let name = name.get(..cut.unwrap_or(name.len()))?;
                let (given, rest) = self.rest.split_at_checked(name.len())?;
                given.eq_ignore_ascii_case(name).then_some((number, rest))
            })
            .next()?;
        self.rest = rest;
        Some(number)
    }

    fn offset(&mut self, zulu: bool, colon: bool) -> Option<()> {
        if zulu && let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(());
        }
        let negative = self.rest.starts_with('-');
        self.rest = self.rest.strip_prefix(['+', '-'])?;
        let hours: i32 = self.digits(2, 2)?;
        if colon {
            self.rest = self.rest.strip_prefix(':')?;
        }
        let minutes: i32 = self.digits(2, 2)?;
        if hours > 24 || minutes >= 60 {
            return None;
        }
        let seconds = hours * 3600 + minutes * 60;
        self.offset = if negative { -seconds } else { seconds };
        Some(())
    }

    fn finish(mut self) -> Option<i64> {
        if !self.rest.is_empty() {
            return None;
        }
        if let Some(afternoon) = self.afternoon {
            let twelve = self.hour == 12;
            self.hour = match (afternoon, twelve) {
                (true, false) => self.hour.checked_add(12)?,
                (false, true) => 0,
                _ => self.hour,
            };
        }
        let date = Date::new(self.year, self.month, self.day).ok()?;
        let time = Time::new(self.hour, self.minute, self.second, self.nanosecond).ok()?;
        let utc = Offset::UTC
            .to_timestamp(DateTime::from_parts(date, time))
            .ok()?;
        let nanoseconds = utc.as_nanosecond() - i128::from(self.offset) * 1_000_000_000;
        i64::try_from(nanoseconds).ok()
    }
}

/// Writes a time as the layout says.
pub(super) fn format(layout: &str, timestamp: jiff::Timestamp, zone: &TimeZone) -> String {
    let zoned = timestamp.to_zoned(zone.clone());
    let mut out = String::new();
    for part in parts(named(layout)) {
        out.push_str(&shown(part, &zoned));
    }
    out
}

fn shown(part: Part<'_>, time: &jiff::Zoned) -> String {
    let from_one = |names: &[&str], number: i8| {
        let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
        names.get(at).copied().unwrap_or_default().to_owned()
    };
    let short = |name: String| name.get(..3).unwrap_or_default().to_owned();
    let month = from_one(&MONTHS, time.month());
    let weekday = from_one(&WEEKDAYS, time.weekday().to_monday_one_offset());
    let hour = time.hour();
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    let number = |number: i8, padded: bool| {
        if padded {
            format!("{number:02}")
        } else {
            number.to_string()
        }
    };
    match part {
        Part::Literal(text) => text.to_owned(),
        Part::Year => format!("{:04}", time.year()),
        Part::ShortYear => format!("{:02}", time.year().rem_euclid(100)),
        Part::Month(padded) => number(time.month(), padded),
        Part::MonthName => month,
        Part::ShortMonth => short(month),
        Part::WeekdayName => weekday,
        Part::ShortWeekday => short(weekday),
        Part::Day(padded) => number(time.day(), padded),
        Part::SpacedDay => format!("{:2}", time.day()),
        Part::DayOfYear => format!("{:03}", time.day_of_year()),
        Part::Hour => format!("{hour:02}"),
        Part::Hour12(padded) => number(half, padded),
        Part::Minute(padded) => number(time.minute(), padded),
        Part::Second(padded) => number(time.second(), padded),
        Part::Fraction(digits, trimmed) => fraction(time.subsec_nanosecond(), digits, trimmed),
        Part::HalfDay(upper) => match (hour >= 12, upper) {
            (true, true) => "PM".to_owned(),
            (false, true) => "AM".to_owned(),
            (true, false) => "pm".to_owned(),
            (false, false) => "am".to_owned(),
        },
        Part::ZoneName => {
            let info = time.time_zone().to_offset_info(time.timestamp());
            info.abbreviation().to_owned()
        }
        Part::Offset { zulu, colon } => offset(time.offset().seconds(), zulu, colon),
    }
}

fn fraction(nanosecond: i32, digits: usize, trimmed: bool) -> String {
    let all = format!("{nanosecond:09}");
    let kept = all.get(..digits).unwrap_or(&all);
    match kept.trim_end_matches('0') {
        "" if trimmed => String::new(),
        short if trimmed => format!(".{short}"),
        _ => format!(".{kept}"),
    }
}

fn offset(seconds: i32, zulu: bool, colon: bool) -> String {
    if zulu && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let joint = if colon { ":" } else { "" };
    format!("{sign}{:02}{joint}{:02}", minutes / 60, minutes % 60)
}
