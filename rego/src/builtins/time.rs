//! Times as Go reads, writes and counts them: nanoseconds since 1970, layouts, months that overflow.

mod duration;
mod layout;
mod read;
mod write;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use super::CallContext;
use super::operand::{Answer, Failure, give, integer, string, value};
use crate::value::{Number, Value};

/// `time.now_ns()`: the same in one evaluation.
pub(super) fn now_ns(_: &[Value], context: &mut CallContext) -> Answer {
    give(context.now_ns)
}

/// Tells if Go's layout reads the text; used by `format` of a schema.
pub(super) fn is_time(layout: &str, text: &str) -> bool {
    read::parse(layout, text).is_some()
}

fn nanoseconds(found: Option<i128>) -> Answer {
    let found = found.ok_or_else(|| Failure::new("parsing time: cannot parse"))?;
    match i64::try_from(found) {
        Ok(found) => give(found),
        Err(_) => Err(Failure::new("time outside of valid range")),
    }
}

/// `time.parse_ns(layout, text)`: the layout is Go's, or the name of one.
pub(super) fn parse_ns(operands: &[Value]) -> Answer {
    let (layout, text) = (string(operands, 0)?, string(operands, 1)?);
    nanoseconds(read::parse(layout, text))
}

/// `time.parse_rfc3339_ns(text)`: nanoseconds since 1970; fails beyond 64 bits.
pub(super) fn parse_rfc3339_ns(operands: &[Value]) -> Answer {
    nanoseconds(read::parse("RFC3339", string(operands, 0)?))
}

/// `time.parse_duration_ns(text)`: Go's durations, and `d`, `w` and `y`.
pub(super) fn parse_duration_ns(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    let found = duration::parse(text);
    give(found.ok_or_else(|| Failure::new(format!("time: invalid duration {text:?}")))?)
}

/// The time of an operand `ns`, `[ns, zone]` or `[ns, zone, layout]`, and the layout.
fn moment(operands: &[Value], at: usize) -> Result<(Zoned, Option<&str>), Failure> {
    let given = value(operands, at);
    let wrong = || {
        let expected = "either number (ns) or [number (ns), string (tz)]";
        Failure::wrong_type(1, given, &[expected])
    };
    let parts = match given {
        Value::Number(_) => std::slice::from_ref(given),
        Value::Array(parts) => parts,
        _ => return Err(wrong()),
    };
    let number = parts.first().ok_or_else(wrong)?;
    let number = number
        .as_number()
        .ok_or_else(|| Failure::wrong_type(1, number, &["number"]))?;
    let text = |at: usize| match parts.get(at) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_ref())),
        Some(other) => Err(Failure::wrong_type(1, other, &["string"])),
    };
    let zone = zone(text(1)?.unwrap_or_default())?;
    let layout = text(2)?.filter(|layout| !layout.is_empty());
    let nanoseconds = number
        .to_bigint()
        .and_then(|number| i64::try_from(&number).ok());
    let nanoseconds = nanoseconds.ok_or_else(|| Failure::new("timestamp too big"))?;
    let timestamp = Timestamp::from_nanosecond(i128::from(nanoseconds));
    let timestamp = timestamp.map_err(|_| Failure::new("timestamp too big"))?;
    Ok((timestamp.to_zoned(zone), layout))
}

fn zone(name: &str) -> Result<TimeZone, Failure> {
    let unknown = || Failure::new(format!("unknown time zone {name}"));
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        name => {
            let zone = TimeZone::get(name).map_err(|_| unknown())?;
            // Go compares names with their case.
            if zone.iana_name() == Some(name) {
                Ok(zone)
            } else {
                Err(unknown())
            }
        }
    }
}

/// `time.format(moment)`: RFC 3339 unless the operand has a layout.
pub(super) fn format(operands: &[Value]) -> Answer {
    let (time, layout) = moment(operands, 0)?;
    give(write::format(layout.unwrap_or("RFC3339Nano"), &time))
}

/// `time.weekday(moment)`: the English name of the day.
pub(super) fn weekday(operands: &[Value]) -> Answer {
    give(write::weekday(&moment(operands, 0)?.0))
}

fn numbers(numbers: &[i64]) -> Answer {
    give(Value::array(
        numbers.iter().map(|number| Value::from(*number)).collect(),
    ))
}

fn date_of(time: &Zoned) -> [i64; 3] {
    [
        i64::from(time.year()),
        time.month().into(),
        time.day().into(),
    ]
}

fn clock_of(time: &Zoned) -> [i64; 3] {
    [
        time.hour().into(),
        time.minute().into(),
        time.second().into(),
    ]
}

/// `time.date(moment)`: year, month and day in an array.
pub(super) fn date(operands: &[Value]) -> Answer {
    numbers(&date_of(&moment(operands, 0)?.0))
}

/// `time.clock(moment)`: hour, minute and second in an array.
pub(super) fn clock(operands: &[Value]) -> Answer {
    numbers(&clock_of(&moment(operands, 0)?.0))
}

/// `time.diff(first, second)`: years, months, days, hours, minutes and seconds between two times.
pub(super) fn diff(operands: &[Value]) -> Answer {
    let (mut first, _) = moment(operands, 0)?;
    let (second, _) = moment(operands, 1)?;
    let mut second = second.with_time_zone(first.time_zone().clone());
    if first.timestamp() > second.timestamp() {
        std::mem::swap(&mut first, &mut second);
    }
    let pairs = |of: fn(&Zoned) -> [i64; 3]| {
        let (first, second) = (of(&first), of(&second));
        let mut found = [0; 3];
        for (found, (first, second)) in found.iter_mut().zip(first.into_iter().zip(second)) {
            *found = second - first;
        }
        found
    };
    let [mut years, mut months, mut days] = pairs(date_of);
    let [mut hours, mut minutes, mut seconds] = pairs(clock_of);
    let borrow = |number: &mut i64, size: i64, next: &mut i64| {
        if *number < 0 {
            *number += size;
            *next -= 1;
        }
    };
    borrow(&mut seconds, 60, &mut minutes);
    borrow(&mut minutes, 60, &mut hours);
    borrow(&mut hours, 24, &mut days);
    borrow(&mut days, i64::from(first.days_in_month()), &mut months);
    borrow(&mut months, 12, &mut years);
    numbers(&[years, months, days, hours, minutes, seconds])
}

/// `time.add_date(moment, years, months, days)`: a day that the month does not have runs into the next.
pub(super) fn add_date(operands: &[Value]) -> Answer {
    let (time, _) = moment(operands, 0)?;
    let (years, months) = (integer(operands, 1)?, integer(operands, 2)?);
    let added = added(&time, years, months, integer(operands, 3)?);
    let added = added.and_then(|added| i64::try_from(added).ok());
    give(Number::from(added.ok_or_else(|| {
        Failure::new("time outside of valid range")
    })?))
}

fn added(time: &Zoned, years: i64, months: i64, days: i64) -> Option<i128> {
    let month = months.checked_add(i64::from(time.month()) - 1)?;
    let year = years
        .checked_add(i64::from(time.year()))?
        .checked_add(month.div_euclid(12))?;
    let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
    let first = Date::new(i16::try_from(year).ok()?, month, 1).ok()?;
    let days = days.checked_add(i64::from(time.day()) - 1)?;
    let date = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
    let moved = date
        .to_datetime(time.time())
        .to_zoned(time.time_zone().clone())
        .ok()?;
    Some(moved.timestamp().as_nanosecond())
}

#[cfg(test)]
mod tests;
