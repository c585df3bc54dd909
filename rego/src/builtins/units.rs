//! `units.parse` and `units.parse_bytes`: amounts with decimal and binary units.

use num_bigint::{BigInt, Sign};

use super::operand::{Answer, Failure, give, string};
use crate::value::{Number, Value};

/// The most digits of an exponent.
const MAX_EXPONENT: usize = 6;

/// The largest exponent that is written out.
const MAX_POWER: i64 = 100_000;

/// Cuts a text into amount and unit; nothing when the exponent is too large.
fn cut(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' | b'.' | b'+' | b'-' => {}
            b'e' | b'E' => {
                let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
                if !signed && !digit(at + 1) {
                    break;
                }
                at += usize::from(signed);
                let digits = bytes.get(at + 1..).unwrap_or_default();
                let digits = digits
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                if digits > MAX_EXPONENT {
                    return None;
                }
            }
            _ => break,
        }
        at += 1;
    }
    text.split_at_checked(at)
}

/// A decimal amount as digits and a power of ten.
struct Amount {
    digits: BigInt,
    power: i64,
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, power.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (sign, number) = match number.strip_prefix('-') {
            Some(number) => (Sign::Minus, number),
            None => (Sign::Plus, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let magnitude = num_bigint::BigUint::parse_bytes(digits.as_bytes(), 10)?;
        let power = power - i64::try_from(fraction.len()).ok()?;
        if power.abs() > MAX_POWER {
            return None;
        }
        Some(Self {
            digits: BigInt::from_biguint(sign, magnitude),
            power,
        })
    }

    /// Returns numerator and denominator of the amount.
    fn fraction(self) -> (BigInt, BigInt) {
        let ten = BigInt::from(10).pow(u32::try_from(self.power.unsigned_abs()).unwrap_or(0));
        if self.power >= 0 {
            (self.digits * ten, BigInt::from(1))
        } else {
            (self.digits, ten)
        }
    }
}

fn size(unit: &str) -> Option<BigInt> {
    let (letter, binary) = match unit.strip_suffix('i') {
        Some(letter) => (letter, true),
        None => (unit, false),
    };
    let at = ["", "k", "m", "g", "t", "p", "e"]
        .iter()
        .position(|own| *own == letter)?;
    let at = u32::try_from(at).ok()?;
    if binary && at == 0 {
        return None;
    }
    Some(BigInt::from(if binary { 1024 } else { 1000 }).pow(at))
}

/// `units.parse(text)`: `m` is a thousandth, `M` a million.
pub(super) fn parse(operands: &[Value]) -> Answer {
    let fail = |text: &str| Failure::new(format!("units.parse: {text}"));
    let text = string(operands, 0)?.replace('"', "");
    if text.contains(' ') {
        return Err(fail("spaces not allowed in resource strings"));
    }
    let (number, unit) = cut(&text).ok_or_else(|| fail("exponent too large"))?;
    if number.is_empty() {
        return Err(fail("no amount provided"));
    }
    let thousandth = unit == "m";
    let size = size(&unit.to_lowercase()).filter(|_| unit.is_ascii());
    let size = size.ok_or_else(|| fail(&format!("unit {unit} not recognized")))?;
    let amount = Amount::parse(number);
    let amount = amount.ok_or_else(|| fail("could not parse amount to a number"))?;
    if thousandth {
        // OPA's thousandth is the nearest double, which the ten decimals do not show.
        let (above, below) = amount.fraction();
        return give(rational(above, below * 1000));
    }
    let (above, below) = amount.fraction();
    give(rational(above * size, below))
}

/// A fraction as a whole number, or with ten decimals.
fn rational(above: BigInt, below: BigInt) -> Value {
    let whole = &above / &below;
    if &whole * &below == above {
        return Number::from(whole).into();
    }
    let scaled: BigInt = above * 10_000_000_000_i64;
    let mut shown = &scaled / &below;
    let rest: BigInt = (&scaled - &shown * &below) * 2;
    if rest.magnitude() >= below.magnitude() {
        shown += if scaled.sign() == Sign::Minus { -1 } else { 1 };
    }
    let sign = if shown.sign() == Sign::Minus { "-" } else { "" };
    let digits = format!("{:0>11}", shown.magnitude().to_string());
    let (whole, decimals) = digits.split_at(digits.len() - 10);
    let text = format!("{sign}{whole}.{decimals}");
    Number::parse(&text).map_or(Value::Null, Value::from)
}

/// `units.parse_bytes(text)`: whole bytes; `K` is 1,000 and `Ki` 1,024.
pub(super) fn parse_bytes(operands: &[Value]) -> Answer {
    let fail = |text: &str| Failure::new(format!("units.parse_bytes: {text}"));
    let text = string(operands, 0)?.to_lowercase().replace('"', "");
    if text.contains(' ') {
        return Err(fail("spaces not allowed in resource strings"));
    }
    let (number, unit) = cut(&text).ok_or_else(|| fail("exponent too large"))?;
    if number.is_empty() {
        return Err(fail("no byte amount provided"));
    }
    let bare = unit
        .strip_suffix('b')
        .filter(|bare| !bare.is_empty())
        .unwrap_or(unit);
    let size = size(bare);
    let size = size.ok_or_else(|| fail(&format!("byte unit {unit} not recognized")))?;
    let amount = Amount::parse(number);
    let amount = amount.ok_or_else(|| fail("could not parse byte amount to a number"))?;
    if let Some(number) = Number::parse(number) {
        // Both factors and the product have OPA's 64-bit mantissa.
        let rounded = Number::sum(std::iter::once(&number));
        return give(Number::from(
            rounded.multiply(&Number::from(size)).truncated(),
        ));
    }
    let (above, below) = amount.fraction();
    give(Number::from(above * size / below))
}
