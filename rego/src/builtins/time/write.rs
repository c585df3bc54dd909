//! Writing times as Go's `Time.Format` does.

use jiff::Zoned;

use super::layout::{MONTHS, Offset, Part, WEEKDAYS, named, parts};

/// Writes a time as the layout says.
pub(super) fn format(layout: &str, time: &Zoned) -> String {
    let mut out = String::new();
    for part in parts(named(layout)) {
        out.push_str(&element(part, time));
    }
    out
}

/// The name of the day of the week.
pub(super) fn weekday(time: &Zoned) -> String {
    from_one(&WEEKDAYS, time.weekday().to_monday_one_offset())
}

fn from_one(names: &[&str], number: i8) -> String {
    let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
    names.get(at).copied().unwrap_or_default().to_owned()
}

fn element(part: Part<'_>, time: &Zoned) -> String {
    let short = |name: String| name.get(..3).unwrap_or_default().to_owned();
    let hour = time.hour();
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    let number = |number: i8, padded: bool| match padded {
        true => format!("{number:02}"),
        false => number.to_string(),
    };
    match part {
        Part::Literal(text) => text.to_owned(),
        Part::Year => format!("{:04}", time.year()),
        Part::ShortYear => format!("{:02}", time.year().rem_euclid(100)),
        Part::Month(padded) => number(time.month(), padded),
        Part::MonthName => from_one(&MONTHS, time.month()),
        Part::ShortMonth => short(from_one(&MONTHS, time.month())),
        Part::WeekdayName => weekday(time),
        Part::ShortWeekday => short(weekday(time)),
        Part::Day(padded) => number(time.day(), padded),
        Part::SpacedDay => format!("{:2}", time.day()),
        Part::DayOfYear(true) => format!("{:03}", time.day_of_year()),
        Part::DayOfYear(false) => format!("{:3}", time.day_of_year()),
        Part::Hour => format!("{hour:02}"),
        Part::Hour12(padded) => number(half, padded),
        Part::Minute(padded) => number(time.minute(), padded),
        Part::Second(padded) => number(time.second(), padded),
        Part::Fraction(digits, trimmed, mark) => {
            fraction(time.subsec_nanosecond(), digits, trimmed, mark)
        }
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
        Part::Offset(form) => offset(time.offset().seconds(), form),
    }
}

fn fraction(nanosecond: i32, digits: usize, trimmed: bool, mark: char) -> String {
    let all = format!("{nanosecond:09}");
    let kept: String = all
        .chars()
        .chain(std::iter::repeat('0'))
        .take(digits.min(9))
        .collect();
    match kept.trim_end_matches('0') {
        "" if trimmed => String::new(),
        short if trimmed => format!("{mark}{short}"),
        _ => format!("{mark}{kept}"),
    }
}

fn offset(seconds: i32, form: Offset) -> String {
    if form.zulu && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.abs();
    let numbers = [size / 3600, size / 60 % 60, size % 60];
    let numbers = numbers
        .iter()
        .take(form.numbers)
        .map(|number| format!("{number:02}"));
    let joint = if form.colon { ":" } else { "" };
    format!("{sign}{}", numbers.collect::<Vec<_>>().join(joint))
}
