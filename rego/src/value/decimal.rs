//! Decimal numbers: sign, digits and a power of ten.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::Num as _;

/// `±0.d1d2d3… × 10^point`, without zeros at either end of the digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// Reads a number in JSON's grammar.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let well_formed = !whole.is_empty()
            && (whole.len() == 1 || !whole.starts_with('0'))
            && whole
                .bytes()
                .chain(fraction.bytes())
                .all(|byte| byte.is_ascii_digit());
        if !well_formed {
            return None;
        }
        let digits = whole.bytes().chain(fraction.bytes()).collect();
        let point = exponent.checked_add(i64::try_from(whole.len()).ok()?)?;
        Some(
            Decimal {
                negative,
                digits,
                point,
            }
            .normal(),
        )
    }

    /// Returns the decimal of digits before a point that is moved by a power of ten.
    pub(super) fn new(negative: bool, digits: Vec<u8>, point: i64) -> Decimal {
        Decimal {
            negative,
            digits,
            point,
        }
        .normal()
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Returns the position of the decimal point relative to the first digit.
    pub(super) fn magnitude(&self) -> i64 {
        self.point
    }

    pub(super) fn is_integer(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|length| length <= self.point.max(0))
            || self.is_zero()
    }

    /// Returns the digits as an integer and the power of ten it is multiplied with.
    pub(super) fn scaled(&self) -> (BigUint, i64) {
        let text = std::str::from_utf8(&self.digits).unwrap_or("0");
        let digits = BigUint::from_str_radix(if text.is_empty() { "0" } else { text }, 10);
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        (digits.unwrap_or_default(), self.point - length)
    }

    pub(super) fn to_bigint(&self) -> Option<BigInt> {
        if !self.is_integer() {
            return None;
        }
        let (digits, power) = self.scaled();
        let zeros = u32::try_from(power.max(0)).ok()?;
        let sign = if self.negative {
            Sign::Minus
        } else {
            Sign::Plus
        };
        Some(BigInt::from_biguint(
            sign,
            digits * BigUint::from(10u8).pow(zeros),
        ))
    }

    /// Writes the number as Go's `%g` with the shortest digits, or `%f` for integers.
    pub(super) fn general(&self, integer: bool) -> String {
        let sign = if self.negative { "-" } else { "" };
        let digits = std::str::from_utf8(&self.digits).unwrap_or("0");
        if digits.is_empty() {
            return format!("{sign}0");
        }
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let exponent = self.point - 1;
        if !integer && !(-4..EXPONENT_FROM).contains(&exponent) {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            let mark = if exponent < 0 { '-' } else { '+' };
            return format!("{sign}{first}{dot}{rest}e{mark}{:02}", exponent.abs());
        }
        let zeros = |count: i64| "0".repeat(usize::try_from(count.max(0)).unwrap_or(0));
        if self.point <= 0 {
            format!("{sign}0.{}{digits}", zeros(-self.point))
        } else if self.point >= length {
            format!("{sign}{digits}{}", zeros(self.point - length))
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(self.point).unwrap_or(0));
            format!("{sign}{whole}.{fraction}")
        }
    }

    fn normal(mut self) -> Decimal {
        let leading = self
            .digits
            .iter()
            .take_while(|digit| **digit == b'0')
            .count();
        self.digits.drain(..leading);
        self.point -= i64::try_from(leading).unwrap_or(i64::MAX);
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.point = 0;
        }
        self
    }

    fn cmp_magnitude(&self, other: &Decimal) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self
                .point
                .cmp(&other.point)
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        let digits = value.unsigned_abs().to_string().into_bytes();
        let point = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        Decimal {
            negative: value < 0,
            digits,
            point,
        }
        .normal()
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let below = |decimal: &Decimal| decimal.negative && !decimal.is_zero();
        match (below(self), below(other)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The exponent from which Go's shortest `%g` writes an exponent.
const EXPONENT_FROM: i64 = 6;

/// Writes a floating point value as Go's `%g` with the shortest digits.
pub(super) fn general(value: f64) -> String {
    let text = format!("{value:e}");
    match Decimal::parse(&text) {
        Some(decimal) => decimal.general(false),
        None => text,
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !well_formed {
        return None;
    }
    // Numbers beyond the range are far beyond every limit.
    let value = digits.parse().unwrap_or(1 << 40).min(1 << 40);
    Some(if text.starts_with('-') { -value } else { value })
}
