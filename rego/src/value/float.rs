//! Floating point numbers with a 64-bit mantissa, as OPA calculates with them.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{One as _, Signed as _, ToPrimitive as _, Zero as _};

use super::Number;
use super::decimal::Decimal;

/// `±mantissa × 2^exponent`; the mantissa's highest bit is set unless the value is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Float {
    negative: bool,
    mantissa: u64,
    exponent: i64,
}

/// Bits of a mantissa, and of one that is rounded to a double's.
const BITS: u32 = 64;
const DOUBLE_BITS: u32 = 53;

impl Float {
    pub(super) const ZERO: Float = Float {
        negative: false,
        mantissa: 0,
        exponent: 0,
    };

    /// Rounds a decimal to the nearest value.
    pub(super) fn from_decimal(decimal: &Decimal) -> Float {
        let (digits, power) = decimal.scaled();
        let ten = |power: i64| BigUint::from(10u8).pow(u32::try_from(power).unwrap_or(0));
        if power >= 0 {
            return Float::rounded(decimal.is_negative(), &(digits * ten(power)), 0, false);
        }
        let divisor = ten(-power);
        let shift = (divisor.bits() + 66).saturating_sub(digits.bits());
        let dividend = digits << shift;
        let quotient = &dividend / &divisor;
        let inexact = !(dividend % divisor).is_zero();
        let shift = i64::try_from(shift).unwrap_or(0);
        Float::rounded(decimal.is_negative(), &quotient, -shift, inexact)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    pub(super) fn negated(&self) -> Float {
        Float {
            negative: !self.negative,
            ..*self
        }
    }

    pub(super) fn abs(&self) -> Float {
        Float {
            negative: false,
            ..*self
        }
    }

    pub(super) fn add(&self, other: &Float) -> Float {
        if self.is_zero() || other.is_zero() {
            return match (self.is_zero(), other.is_zero()) {
                (true, true) => Float {
                    negative: self.negative && other.negative,
                    ..Float::ZERO
                },
                (true, false) => *other,
                _ => *self,
            };
        }
        let (high, low) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        let distance = high.exponent - low.exponent;
        // Beyond 130 bits the smaller one is below every rounding bit.
        let shift = distance.min(130);
        let a = BigUint::from(high.mantissa) << shift;
        let b = if distance > 130 {
            BigUint::one()
        } else {
            BigUint::from(low.mantissa)
        };
        let exponent = high.exponent - shift;
        if high.negative == low.negative {
            return Float::rounded(high.negative, &(a + b), exponent, false);
        }
        match a.cmp(&b) {
            Ordering::Equal => Float::ZERO,
            Ordering::Greater => Float::rounded(high.negative, &(a - b), exponent, false),
            Ordering::Less => Float::rounded(low.negative, &(b - a), exponent, false),
        }
    }

    pub(super) fn multiply(&self, other: &Float) -> Float {
        let negative = self.negative != other.negative;
        let product = BigUint::from(self.mantissa) * BigUint::from(other.mantissa);
        Float::rounded(negative, &product, self.exponent + other.exponent, false)
    }

    pub(super) fn divide(&self, other: &Float) -> Float {
        let negative = self.negative != other.negative;
        if self.is_zero() || other.is_zero() {
            return Float {
                negative,
                ..Float::ZERO
            };
        }
        let dividend = BigUint::from(self.mantissa) << 68u32;
        let divisor = BigUint::from(other.mantissa);
        let inexact = !(&dividend % &divisor).is_zero();
        let exponent = self.exponent - other.exponent - 68;
        Float::rounded(negative, &(dividend / divisor), exponent, inexact)
    }

    /// Multiplies, and rounds once to a double's mantissa (the exponent keeps its range).
    pub(super) fn multiply_to_double(&self, other: &Float) -> Float {
        let negative = self.negative != other.negative;
        let product = BigUint::from(self.mantissa) * BigUint::from(other.mantissa);
        let exponent = self.exponent + other.exponent;
        Float::rounded_to(DOUBLE_BITS, negative, &product, exponent, false).normal()
    }

    /// Rounds to the nearest integer, halves away from zero.
    pub(super) fn round(&self) -> BigInt {
        let half = Float {
            negative: self.negative,
            mantissa: 1 << 63,
            exponent: -64,
        };
        self.add(&half).truncated()
    }

    /// Rounds up. The integral part of a negative fraction is zero without a sign, to which OPA adds one.
    pub(super) fn ceil(&self) -> BigInt {
        let whole = self.truncated();
        if self.is_whole() || whole.is_negative() {
            whole
        } else {
            whole + 1
        }
    }

    /// Rounds down. The integral part of a negative fraction is zero without a sign, which OPA keeps.
    pub(super) fn floor(&self) -> BigInt {
        let whole = self.truncated();
        if self.is_whole() || !whole.is_negative() {
            whole
        } else {
            whole - 1
        }
    }

    /// Writes the value as OPA does: integers in full, others with the shortest digits.
    pub(super) fn to_number(self) -> Number {
        self.written(BITS)
    }

    /// Writes a value that was rounded to a double's mantissa.
    pub(super) fn to_number_of_double(self) -> Number {
        self.written(DOUBLE_BITS)
    }

    fn written(self, bits: u32) -> Number {
        let text = self.shortest(bits).general(self.is_whole());
        Number::parse(&text).unwrap_or_else(|| Number::from(0i64))
    }

    fn is_whole(&self) -> bool {
        self.is_zero()
            || self.exponent >= 0
            || self.exponent > -64 && self.mantissa & ((1u64 << -self.exponent) - 1) == 0
    }

    /// Returns the integral part, towards zero.
    pub(super) fn truncated(&self) -> BigInt {
        let size = match self.exponent {
            ..=-64 => BigUint::ZERO,
            exponent @ ..0 => BigUint::from(self.mantissa >> -exponent),
            exponent => BigUint::from(self.mantissa) << exponent,
        };
        let sign = if self.negative {
            Sign::Minus
        } else {
            Sign::Plus
        };
        BigInt::from_biguint(sign, size)
    }

    /// Moves the mantissa's highest bit to its place.
    fn normal(self) -> Float {
        let empty = self.mantissa.leading_zeros();
        if self.is_zero() || empty == 0 {
            return self;
        }
        Float {
            mantissa: self.mantissa << empty,
            exponent: self.exponent - i64::from(empty),
            ..self
        }
    }

    /// Rounds an integer times a power of two to 64 bits, to even at halves.
    fn rounded(negative: bool, value: &BigUint, exponent: i64, inexact: bool) -> Float {
        Float::rounded_to(BITS, negative, value, exponent, inexact)
    }

    fn rounded_to(
        limit: u32,
        negative: bool,
        value: &BigUint,
        exponent: i64,
        inexact: bool,
    ) -> Float {
        if value.is_zero() {
            return Float {
                negative,
                ..Float::ZERO
            };
        }
        let bits = i64::try_from(value.bits()).unwrap_or(i64::MAX);
        let excess = bits - i64::from(limit);
        if excess <= 0 {
            let mantissa = (value << -excess).to_u64().unwrap_or(0);
            return Float {
                negative,
                mantissa,
                exponent: exponent + excess,
            };
        }
        let mut mantissa = (value >> excess).to_u64().unwrap_or(0);
        let dropped = value & ((BigUint::one() << excess) - 1u8);
        let half = BigUint::one() << (excess - 1);
        let up = match dropped.cmp(&half) {
            Ordering::Greater => true,
            Ordering::Equal => inexact || mantissa & 1 == 1,
            Ordering::Less => false,
        };
        let mut exponent = exponent + excess;
        if up {
            mantissa = mantissa.wrapping_add(1);
            if mantissa == 0 || mantissa >> (limit - 1) > 1 {
                mantissa = 1 << (limit - 1);
                exponent += 1;
            }
        }
        Float {
            negative,
            mantissa,
            exponent,
        }
    }

    /// Returns the shortest decimal that is rounded to this value with so many bits.
    fn shortest(&self, bits: u32) -> Decimal {
        if self.is_zero() {
            return Decimal::new(self.negative, Vec::new(), 0);
        }
        let twice = BigUint::from(self.mantissa) << 1u32;
        let half = BigUint::one() << (BITS - bits);
        let (lower, _) = expand(&(&twice - &half), self.exponent - 1);
        let (upper, _) = expand(&(&twice + &half), self.exponent - 1);
        let (digits, point) = expand(&twice, self.exponent - 1);
        let inclusive = self.mantissa >> (BITS - bits) & 1 == 0;
        let at = |digits: &[u8], index: usize| digits.get(index).copied().unwrap_or(b'0');
        for (index, digit) in digits.iter().copied().enumerate() {
            let (low, high) = (at(&lower, index), at(&upper, index));
            let down = low != digit || inclusive && index + 1 == lower.len();
            let up = digit != high && (inclusive || digit + 1 < high || index + 1 < upper.len());
            if down || up {
                let up = if down && up {
                    nearer_above(&digits, index + 1)
                } else {
                    up
                };
                return cut(self.negative, &digits, index + 1, up, point);
            }
        }
        Decimal::new(self.negative, digits, point)
    }
}

/// Writes an integer times a power of two in full: digits without zeros at the end, and the
/// position of the decimal point.
fn expand(value: &BigUint, exponent: i64) -> (Vec<u8>, i64) {
    let power = u32::try_from(exponent.unsigned_abs()).unwrap_or(0);
    let (integer, fraction) = if exponent >= 0 {
        (value << power, 0)
    } else {
        // v / 2^n is v × 5^n / 10^n.
        (value * BigUint::from(5u8).pow(power), i64::from(power))
    };
    let mut digits = integer.to_string().into_bytes();
    let point = i64::try_from(digits.len()).unwrap_or(i64::MAX) - fraction;
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    (digits, point)
}

/// Tells if digits are rounded up when they are cut, to even at halves.
fn nearer_above(digits: &[u8], length: usize) -> bool {
    match digits.get(length) {
        None => false,
        Some(b'5') if length + 1 == digits.len() => digits
            .get(length.wrapping_sub(1))
            .is_some_and(|last| last & 1 == 1),
        Some(next) => *next >= b'5',
    }
}

fn cut(negative: bool, digits: &[u8], length: usize, up: bool, point: i64) -> Decimal {
    let mut kept = digits.get(..length).unwrap_or(digits).to_vec();
    if !up || length >= digits.len() {
        return Decimal::new(negative, kept, point);
    }
    while kept.last() == Some(&b'9') {
        kept.pop();
    }
    match kept.last_mut() {
        Some(last) => {
            *last += 1;
            Decimal::new(negative, kept, point)
        }
        None => Decimal::new(negative, vec![b'1'], point + 1),
    }
}
