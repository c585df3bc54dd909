//! Times as Go reads, writes and counts them: nanoseconds since 1970, strict layouts, months that overflow.

use jiff::{
    Span, Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use regorus::Value;

use super::time_layout;

const RFC3339_NANO: &str = "RFC3339Nano";

/// What `time.now_ns()` gives when it is asked now.
pub(super) fn now() -> Value {
    let now = i64::try_from(Timestamp::now().as_nanosecond());
    now.map_or(Value::Undefined, Value::from)
}

/// `time.parse_ns(layout, text)`.
pub(super) fn parse_ns(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(layout), Value::String(text)] => {
            nanoseconds(time_layout::parse(layout, text))
        }
        _ => Value::Undefined,
    }
}

/// `time.parse_rfc3339_ns(text)`.
pub(super) fn parse_rfc3339_ns(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(text)] => nanoseconds(time_layout::parse("RFC3339", text)),
        _ => Value::Undefined,
    }
}

/// `time.add_date(ns, years, months, days)`: a day that the month does not have runs into the next.
pub(super) fn add_date(arguments: &[Value]) -> Value {
    nanoseconds(added(arguments))
}

/// `time.format(ns)` or `time.format([ns, zone])` or `time.format([ns, zone, layout])`.
pub(super) fn format(arguments: &[Value]) -> Value {
    let Some((timestamp, zone, layout)) = arguments.first().and_then(moment) else {
        return Value::Undefined;
    };
    Value::from(time_layout::format(&layout, timestamp, &zone))
}

/// `time.weekday(ns)` or `time.weekday([ns, zone])`.
pub(super) fn weekday(arguments: &[Value]) -> Value {
    let Some((timestamp, zone, _)) = arguments.first().and_then(moment) else {
        return Value::Undefined;
    };
    Value::from(time_layout::format("Monday", timestamp, &zone))
}

fn nanoseconds(found: Option<i64>) -> Value {
    found.map_or(Value::Undefined, Value::from)
}

fn moment(value: &Value) -> Option<(Timestamp, TimeZone, String)> {
    let (time, zone, layout) = match value {
        Value::Array(parts) => {
            let text = |at: usize| parts.get(at).and_then(|part| part.as_string().ok());
            (parts.first()?, text(1), text(2))
        }
        number => (number, None, None),
    };
    let nanoseconds = time.as_i64().ok()?;
    let timestamp = Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()?;
    let zone = match zone.map(AsRef::as_ref) {
        None | Some("" | "UTC") => TimeZone::UTC,
        Some("Local") => TimeZone::system(),
        Some(name) => TimeZone::get(name).ok()?,
    };
    let layout = layout.filter(|layout| !layout.is_empty());
    let layout = layout.map_or(RFC3339_NANO, AsRef::as_ref);
    Some((timestamp, zone, layout.to_owned()))
}

fn added(arguments: &[Value]) -> Option<i64> {
    let [time, years, months, days] = arguments else {
        return None;
    };
    let number = |value: &Value| value.as_i64().ok();
    let timestamp = Timestamp::from_nanosecond(i128::from(number(time)?)).ok()?;
    let start = Offset::UTC.to_datetime(timestamp);
    let month = number(months)?.checked_add(i64::from(start.month()) - 1)?;
    let year = number(years)?.checked_add(i64::from(start.year()) + month.div_euclid(12))?;
    let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
    let first = Date::new(i16::try_from(year).ok()?, month, 1).ok()?;
    let days = number(days)?.checked_add(i64::from(start.day()) - 1)?;
    let date = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
    let moved = Offset::UTC
        .to_timestamp(date.to_datetime(start.time()))
        .ok()?;
    i64::try_from(moved.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(layout: &str, text: &str) -> Value {
        parse_ns(&[Value::from(layout), Value::from(text)])
    }

    #[test]
    fn parses_strictly() {
        let day = Value::from(1_672_531_200_000_000_000_i64);
        assert_eq!(parsed("2006-01-02", "2023-01-01"), day);
        assert_eq!(parsed("RFC3339", "2023-01-01T00:00:00Z"), day);
        let half = Value::from(1_672_524_000_500_000_000_i64);
        assert_eq!(
            parsed("2006-01-02T15:04:05Z07:00", "2023-01-01T00:00:00.5+02:00"),
            half
        );
        assert_eq!(
            parsed("Jan 2, 2006", "Feb 3, 2024"),
            Value::from(1_706_918_400_000_000_000_i64)
        );
        for wrong in [
            "2023-1-01",
            "2023-01-01 ",
            "2023-02-30",
            "2023-01-01T00:00:00Z",
        ] {
            assert_eq!(parsed("2006-01-02", wrong), Value::Undefined, "{wrong}");
        }
    }

    #[test]
    fn takes_rfc_3339_in_its_strict_form() {
        let parse = |text: &str| parse_rfc3339_ns(&[Value::from(text)]);
        let early = Value::from(1_672_511_400_123_000_000_i64);
        assert_eq!(parse("2023-01-01T00:00:00.123+05:30"), early);
        for wrong in [
            "2023-01-01t00:00:00z",
            "2023-01-01 00:00:00Z",
            "2023-01-01T00:00:60Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00",
        ] {
            assert_eq!(parse(wrong), Value::Undefined, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_date_is_undefined() {
        for (years, months, days) in [
            (i64::MAX, 0, 0),
            (0, i64::MAX, 0),
            (0, 0, i64::MAX),
            (0, 0, 10_000_000_000),
        ] {
            let arguments = [1, years, months, days].map(Value::from);
            assert_eq!(add_date(&arguments), Value::Undefined);
        }
    }

    #[test]
    fn adds_a_month_to_the_last_of_january() {
        let numbers = [1_706_659_200_000_000_000_i64, 0, 1, 0].map(Value::from);
        assert_eq!(
            add_date(&numbers),
            Value::from(1_709_337_600_000_000_000_i64)
        );
    }

    #[test]
    fn formats_with_layout() {
        let time = Value::from(1_700_000_000_123_456_789_i64);
        assert_eq!(
            format(std::slice::from_ref(&time)),
            Value::from("2023-11-14T22:13:20.123456789Z")
        );
        let layout = "Mon Jan _2 15:04:05.000 2006 PM Z07:00";
        let given = Value::from(vec![time, Value::from("UTC"), Value::from(layout)]);
        assert_eq!(
            format(&[given]),
            Value::from("Tue Nov 14 22:13:20.123 2023 PM Z")
        );
        assert_eq!(weekday(&[Value::from(0_i64)]), Value::from("Thursday"));
    }
}
