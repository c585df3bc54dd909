//! Reading times as Go's `time.Parse` does.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz;

use super::layout::{MONTHS, Offset, Part, WEEKDAYS, named, parts};

/// Fields that are read so far.
struct Reading<'a> {
    rest: &'a str,
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    offset: i32,
}

/// Reads a text as the layout says, all of it; the result is in nanoseconds since 1970.
pub(super) fn parse(layout: &str, text: &str) -> Option<i128> {
    let mut reading = Reading {
        rest: text,
        year: 0,
        month: None,
        day: None,
        day_of_year: None,
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
            Part::Literal(" ") => {
                // Blanks of a layout match any number of them.
                if !self.rest.is_empty() && !self.rest.starts_with(' ') {
                    return None;
                }
                self.rest = self.rest.trim_start_matches(' ');
            }
            Part::Literal(text) => self.rest = self.rest.strip_prefix(text)?,
            Part::Year => self.year = self.digits(4, 4)?,
            Part::ShortYear => {
                let year: i16 = self.digits(2, 2)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
            }
            Part::Month(padded) => self.month = Some(self.padded(padded)?),
            Part::MonthName => self.month = Some(self.name(&MONTHS, None)?),
            Part::ShortMonth => self.month = Some(self.name(&MONTHS, Some(3))?),
            Part::WeekdayName => drop(self.name(&WEEKDAYS, None)?),
            Part::ShortWeekday => drop(self.name(&WEEKDAYS, Some(3))?),
            Part::Day(padded) => self.day = Some(self.padded(padded)?),
            Part::SpacedDay => {
                self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
                self.day = Some(self.padded(false)?);
            }
            Part::DayOfYear(zeros) => self.numbered_day(zeros)?,
            Part::Hour => self.hour = self.padded(false)?,
            Part::Hour12(padded) => {
                self.hour = self.padded(padded).filter(|hour| *hour <= 12)?;
            }
            Part::Minute(padded) => self.minute = self.padded(padded)?,
            Part::Second(padded) => {
                self.second = self.padded(padded)?;
                // Go accepts a fraction after the seconds although the layout has none.
                if !fraction_follows {
                    self.free_fraction()?;
                }
            }
            Part::Fraction(digits, false, _) => self.fraction(Some(digits))?,
            Part::Fraction(_, true, _) => self.free_fraction()?,
            Part::HalfDay(upper) => {
                let (am, pm) = if upper { ("AM", "PM") } else { ("am", "pm") };
                let afternoon = self.rest.starts_with(pm);
                let text = if afternoon { pm } else { am };
                self.rest = self.rest.strip_prefix(text)?;
                self.afternoon = Some(afternoon);
            }
            Part::ZoneName => self.zone()?,
            Part::Offset(form) => self.offset(form)?,
        }
        Some(())
    }

    /// A number of two digits, or of one when it is not padded.
    fn padded(&mut self, padded: bool) -> Option<i8> {
        self.digits(if padded { 2 } else { 1 }, 2)
    }

    /// A number of at least and at most so many digits.
    fn digits<N: std::str::FromStr>(&mut self, least: usize, most: usize) -> Option<N> {
        let bytes = self.rest.bytes();
        let count = bytes.take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        (count >= least).then(|| digits.parse().ok()).flatten()
    }

    fn numbered_day(&mut self, zeros: bool) -> Option<()> {
        let before = self.rest;
        if !zeros {
            self.rest = self.rest.trim_start_matches(' ');
        }
        let spaces = before.len() - self.rest.len();
        if spaces > 2 {
            return None;
        }
        let width = 3 - spaces;
        self.day_of_year = Some(self.digits(width, width)?);
        Some(())
    }

    /// A fraction when a point and a digit follow.
    fn free_fraction(&mut self) -> Option<()> {
        let after = self.rest.strip_prefix(['.', ',']);
        if after.is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
            self.fraction(None)?;
        }
        Some(())
    }

    fn fraction(&mut self, exactly: Option<usize>) -> Option<()> {
        let after = self.rest.strip_prefix(['.', ','])?;
        let bytes = after.bytes();
        let most = exactly.unwrap_or(usize::MAX);
        let count = bytes.take(most).take_while(u8::is_ascii_digit).count();
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

    /// The abbreviation of a zone; only `GMT` with hours has an offset.
    fn zone(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix("UTC") {
            self.rest = rest;
            return Some(());
        }
        if let Some(rest) = self.rest.strip_prefix("GMT") {
            self.rest = rest;
            return self.hours_after_gmt();
        }
        for odd in ["ChST", "MeST"] {
            if let Some(rest) = self.rest.strip_prefix(odd) {
                self.rest = rest;
                return Some(());
            }
        }
        let upper = self
            .rest
            .bytes()
            .take(6)
            .take_while(u8::is_ascii_uppercase)
            .count();
        let fits = match upper {
            3 => true,
            4 => self
                .rest
                .get(..4)
                .is_some_and(|name| name.ends_with('T') || name == "WITA"),
            5 => self.rest.get(..5).is_some_and(|name| name.ends_with('T')),
            _ => false,
        };
        if !fits {
            return None;
        }
        self.rest = self.rest.get(upper..)?;
        Some(())
    }

    fn hours_after_gmt(&mut self) -> Option<()> {
        let sign = match self.rest.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return Some(()),
        };
        let digits = self.rest.get(1..)?;
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let hours: Option<i32> = digits.get(..count)?.parse().ok();
        if let Some(hours) = hours.filter(|hours| *hours <= 23) {
            self.offset = sign * hours * 3600;
            self.rest = digits.get(count..)?;
        }
        Some(())
    }

    fn offset(&mut self, form: Offset) -> Option<()> {
        if form.zulu
            && let Some(rest) = self.rest.strip_prefix('Z')
        {
            self.rest = rest;
            return Some(());
        }
        let negative = self.rest.starts_with('-');
        self.rest = self.rest.strip_prefix(['+', '-'])?;
        let mut seconds = 0;
        for (at, (unit, most)) in [(3600, 24), (60, 59), (1, 59)].into_iter().enumerate() {
            if at >= form.numbers {
                break;
            }
            if form.colon && at > 0 {
                self.rest = self.rest.strip_prefix(':')?;
            }
            let number: i32 = self.digits(2, 2)?;
            if number > most {
                return None;
            }
            seconds += number * unit;
        }
        self.offset = if negative { -seconds } else { seconds };
        Some(())
    }

    fn finish(mut self) -> Option<i128> {
        if !self.rest.is_empty() {
            return None;
        }
        if let Some(afternoon) = self.afternoon {
            let twelve = self.hour == 12;
            self.hour = match (afternoon, twelve) {
                (true, false) if self.hour < 12 => self.hour + 12,
                (false, true) => 0,
                _ => self.hour,
            };
        }
        let date = self.date()?;
        let time = Time::new(self.hour, self.minute, self.second, self.nanosecond).ok()?;
        let utc = tz::Offset::UTC
            .to_timestamp(DateTime::from_parts(date, time))
            .ok()?;
        Some(utc.as_nanosecond() - i128::from(self.offset) * 1_000_000_000)
    }

    fn date(&self) -> Option<Date> {
        let Some(number) = self.day_of_year else {
            return Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok();
        };
        let first = Date::new(self.year, 1, 1).ok()?;
        if number < 1 || number > first.days_in_year() {
            return None;
        }
        let date = first.checked_add(jiff::Span::new().days(number - 1)).ok()?;
        let same = |given: Option<i8>, own: i8| given.is_none_or(|given| given == own);
        (same(self.month, date.month()) && same(self.day, date.day())).then_some(date)
    }
}
