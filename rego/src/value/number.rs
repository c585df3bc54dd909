//! Numbers as written: exact integers, decimals with their own text.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};

use super::decimal::Decimal;
use super::float::Float;

/// A number. Its text is kept as written (`1e3`, `1.50`), and comparisons are exact.
#[derive(Clone)]
pub struct Number(Form);

#[derive(Clone)]
enum Form {
    /// An integer whose text is its canonical decimal form.
    Small(i64),
    /// Any other number, by its text.
    Text(Arc<str>),
}

/// The largest binary exponent of a number that is read.
const LARGEST_EXPONENT: i64 = 100_000;

impl Number {
    /// Reads a number in JSON's grammar, as written. Returns `None` for other text and for
    /// numbers whose binary exponent exceeds 100,000.
    pub fn parse(text: &str) -> Option<Number> {
        if let Some(small) = canonical(text) {
            return Some(Number(Form::Small(small)));
        }
        let decimal = Decimal::parse(text)?;
        // One decimal digit is 3.32 bits.
        if decimal.magnitude().abs() > LARGEST_EXPONENT * 100 / 332 {
            return None;
        }
        Some(Number(Form::Text(Arc::from(text))))
    }

    /// Returns the number of a floating point value, written as Go writes it (`%g`).
    /// Returns `None` for infinities and for values that are not a number.
    pub fn from_f64(value: f64) -> Option<Number> {
        if !value.is_finite() {
            return None;
        }
        Number::parse(&super::decimal::general(value))
    }

    /// Returns the integer if it is stored as one, which is how it is written.
    pub(super) fn small(&self) -> Option<i64> {
        match &self.0 {
            Form::Small(value) => Some(*value),
            Form::Text(_) => None,
        }
    }

    /// Returns the integer if it is written without an exponent and fits. As in OPA, `1.0` is 1 (with at most 19
    /// characters), and `1e0` is not.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Small(value) => Some(*value),
            Form::Text(text) if text.trim_start_matches('-').len() > 19 => None,
            Form::Text(text) => match text.split_once('.') {
                Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => {
                    whole.parse().ok()
                }
                Some(_) => None,
                None => text.parse().ok(),
            },
        }
    }

    /// Returns the integral value if it fits, however it is written (`1.0`, `1e3`).
    pub fn as_integer(&self) -> Option<i64> {
        match &self.0 {
            Form::Small(value) => Some(*value),
            Form::Text(_) => self.to_bigint()?.to_i64(),
        }
    }

    /// Returns the exact integral value, however it is written.
    pub fn to_bigint(&self) -> Option<BigInt> {
        match &self.0 {
            Form::Small(value) => Some(BigInt::from(*value)),
            Form::Text(text) => Decimal::parse(text)?.to_bigint(),
        }
    }

    /// Returns the nearest floating point value; infinite where the range is exceeded.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Form::Small(value) => *value as f64,
            Form::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Tells if the value is integral, however it is written.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Form::Small(_) => true,
            Form::Text(text) => Decimal::parse(text).is_some_and(|decimal| decimal.is_integer()),
        }
    }

    /// Adds two numbers: exactly for integers, with OPA's 64-bit mantissa otherwise.
    pub fn add(&self, other: &Number) -> Number {
        match (&self.0, &other.0) {
            (Form::Small(a), Form::Small(b)) if a.checked_add(*b).is_some() => Number::from(a + b),
            _ => self.exact(other, |a, b| a + b, Float::add),
        }
    }

    /// Subtracts a number: exactly for integers, with OPA's 64-bit mantissa otherwise.
    pub fn subtract(&self, other: &Number) -> Number {
        match (&self.0, &other.0) {
            (Form::Small(a), Form::Small(b)) if a.checked_sub(*b).is_some() => Number::from(a - b),
            _ => self.exact(other, |a, b| a - b, |a, b| a.add(&b.negated())),
        }
    }

    /// Multiplies two numbers: exactly for integers, with OPA's 64-bit mantissa otherwise.
    pub fn multiply(&self, other: &Number) -> Number {
        match (&self.0, &other.0) {
            (Form::Small(a), Form::Small(b)) if a.checked_mul(*b).is_some() => Number::from(a * b),
            _ => self.exact(other, |a, b| a * b, Float::multiply),
        }
    }

    /// Divides by a number with OPA's 64-bit mantissa; `None` for a division by zero.
    pub fn divide(&self, other: &Number) -> Option<Number> {
        if let (Form::Small(a), Form::Small(b)) = (&self.0, &other.0)
            && a.checked_rem(*b) == Some(0)
            && a.unsigned_abs() >> 53 == 0
        {
            return Some(Number::from(a / b));
        }
        let divisor = other.to_float();
        (!divisor.is_zero()).then(|| self.to_float().divide(&divisor).to_number())
    }

    /// Returns the remainder of integers, with the sign of the dividend. `None` when one of
    /// them is not integral or the divisor is zero.
    pub fn remainder(&self, other: &Number) -> Option<Number> {
        if let (Form::Small(a), Form::Small(b)) = (&self.0, &other.0) {
            return a.checked_rem(*b).map(Number::from);
        }
        let (a, b) = (self.to_bigint()?, other.to_bigint()?);
        (!b.is_zero()).then(|| Number::from(a % b))
    }

    pub fn abs(&self) -> Number {
        match &self.0 {
            Form::Small(value) => Number::from(BigInt::from(*value).abs()),
            Form::Text(_) => self.to_float().abs().to_number(),
        }
    }

    /// Rounds to the nearest integer, halves away from zero.
    pub fn round(&self) -> Number {
        self.integral(Float::round)
    }

    /// Rounds up to an integer. As in OPA, a fraction between -1 and 0 becomes 1.
    pub fn ceil(&self) -> Number {
        self.integral(Float::ceil)
    }

    /// Rounds down to an integer. As in OPA, a fraction between -1 and 0 becomes 0.
    pub fn floor(&self) -> Number {
        self.integral(Float::floor)
    }

    /// Returns the integral part of OPA's 64-bit value: large decimals lose digits.
    pub fn truncated(&self) -> BigInt {
        self.to_float().truncated()
    }

    /// Adds numbers of which not all are integers, with a 64-bit mantissa.
    pub fn sum<'a>(numbers: impl Iterator<Item = &'a Number>) -> Number {
        let sum = numbers.fold(Float::ZERO, |sum, number| sum.add(&number.to_float()));
        sum.to_number()
    }

    /// Multiplies numbers of which not all are integers, with the 53-bit mantissa that OPA uses for products.
    pub fn product<'a>(numbers: impl Iterator<Item = &'a Number>) -> Number {
        let one = Float::from_decimal(&Decimal::from(1));
        let product = numbers.fold(one, |product, number| {
            product.multiply_to_double(&number.to_float())
        });
        product.to_number_of_double()
    }

    /// Tells if the value is zero.
    pub fn is_zero(&self) -> bool {
        match &self.0 {
            Form::Small(value) => *value == 0,
            Form::Text(text) => Decimal::parse(text).is_some_and(|decimal| decimal.is_zero()),
        }
    }

    pub(super) fn extra_bytes(&self) -> usize {
        match &self.0 {
            Form::Small(_) => 0,
            Form::Text(text) => text.len() + 16,
        }
    }

    fn integral(&self, round: impl Fn(&Float) -> BigInt) -> Number {
        match &self.0 {
            Form::Small(_) => self.clone(),
            Form::Text(_) => Number::from(round(&self.to_float())),
        }
    }

    fn exact(
        &self,
        other: &Number,
        integers: impl Fn(BigInt, BigInt) -> BigInt,
        floats: impl Fn(&Float, &Float) -> Float,
    ) -> Number {
        match (self.to_bigint(), other.to_bigint()) {
            (Some(a), Some(b)) => Number::from(integers(a, b)),
            _ => floats(&self.to_float(), &other.to_float()).to_number(),
        }
    }

    fn to_float(&self) -> Float {
        Float::from_decimal(&self.to_decimal())
    }

    fn to_decimal(&self) -> Decimal {
        match &self.0 {
            Form::Small(value) => Decimal::from(*value),
            Form::Text(text) => Decimal::parse(text).unwrap_or_else(|| Decimal::from(0)),
        }
    }

    /// A trimmed fraction that OPA compares as a double: `1.50`, not `1.5`.
    fn padded_fraction(&self) -> bool {
        match &self.0 {
            Form::Small(_) => false,
            Form::Text(text) => {
                let trimmed = text.trim_end_matches(['.', '0']);
                text.contains('.') && trimmed.len() < text.len() && trimmed.contains('.')
            }
        }
    }
}

/// Reads an integer that is written in its canonical form.
fn canonical(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let first = *digits.as_bytes().first()?;
    let canonical = digits.len() <= 19
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (first != b'0' || text == "0");
    if canonical { text.parse().ok() } else { None }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Small(a), Form::Small(b)) => a.cmp(b),
            (Form::Text(a), Form::Text(b)) if a == b => Ordering::Equal,
            _ => {
                let doubles = self.padded_fraction() && other.padded_fraction();
                if doubles && self.to_f64() == other.to_f64() {
                    return Ordering::Equal;
                }
                self.to_decimal().cmp(&other.to_decimal())
            }
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The nearest double is the same for equal numbers, and for integers it is fast.
        let double = self.to_f64();
        (if double == 0.0 { 0.0 } else { double })
            .to_bits()
            .hash(state);
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Small(value) => f.write_str(itoa::Buffer::new().format(*value)),
            Form::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number(Form::Small(value))
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Number {
        match i64::try_from(value) {
            Ok(value) => Number(Form::Small(value)),
            Err(_) => Number::from(BigInt::from(value)),
        }
    }
}

impl From<BigInt> for Number {
    fn from(value: BigInt) -> Number {
        match value.to_i64() {
            Some(small) => Number(Form::Small(small)),
            None => Number(Form::Text(Arc::from(value.to_string()))),
        }
    }
}
