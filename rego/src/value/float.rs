//! Floating point numbers with a 64-bit mantissa, as OPA calculates with them.

use std::cmp::Ordering;

use num_bigint::BigUint;
use num_traits::{One as _, ToPrimitive as _, Zero as _};

use super::Number;
use super::decimal::Decimal;

/// `±mantissa × 2^exponent`; the mantissa's highest bit is set unless the value is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Float {
    negative: bool,
    mantissa: u64,
    exponent: i64,
}

const ZERO: Float = Float {
    negative: false,
    mantissa: 0,
    exponent: 0,
};

impl Float {
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
                    ..ZERO
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
            Ordering::Equal => ZERO,
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
            return Float { negative, ..ZERO };
        }
        let dividend = BigUint::from(self.mantissa) << 68u32;
        let divisor = BigUint::from(other.mantissa);
        let inexact = !(&dividend % &divisor).is_zero();
        let exponent = self.exponent - other.exponent - 68;
        Float::rounded(negative, &(dividend / divisor), exponent, inexact)
    }

    /// Rounds to the nearest integer, halves away from zero.
    pub(super) fn round(&self) -> Float {
        let half = Float {
            negative: self.negative,
            mantissa: 1 << 63,
            exponent: -64,
        };
        self.add(&half).truncated()
    }

    pub(super) fn ceil(&self) -> Float {
        let whole = self.truncated();
        if whole == *self || self.negative {
            whole
        } else {
            whole.add(&Float::one(false))
        }
    }

    pub(super) fn floor(&self) -> Float {
        let whole = self.truncated();
        if whole == *self || !self.negative {
            whole
        } else {
            whole.add(&Float::one(true))
        }
    }

    /// Writes the value as OPA does: integers in full, others with the shortest digits.
    pub(super) fn to_number(self) -> Number {
        let text = self.shortest().general(self.truncated() == self);
        Number::parse(&text).unwrap_or_else(|| Number::from(0i64))
    }

    fn one(negative: bool) -> Float {
        Float {
            negative,
            mantissa: 1 << 63,
            exponent: -63,
        }
    }

    fn truncated(&self) -> Float {
        if self.exponent >= 0 || self.is_zero() {
            return *self;
        }
        if self.exponent <= -64 {
            // Zero from an integer has no sign.
            return ZERO;
        }
        let fraction = (1u64 << -self.exponent) - 1;
        Float {
            mantissa: self.mantissa & !fraction,
            ..*self
        }
    }

    /// Rounds an integer times a power of two to 64 bits, to even at halves.
    fn rounded(negative: bool, value: &BigUint, exponent: i64, inexact: bool) -> Float {
        if value.is_zero() {
            return Float { negative, ..ZERO };
        }
        let bits = i64::try_from(value.bits()).unwrap_or(i64::MAX);
        let excess = bits - 64;
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
            if mantissa == 0 {
                mantissa = 1 << 63;
                exponent += 1;
            }
        }
        Float {
            negative,
            mantissa,
            exponent,
        }
    }

    /// Returns the shortest decimal that is rounded to this value.
    fn shortest(&self) -> Decimal {
        if self.is_zero() {
            return Decimal::new(self.negative, Vec::new(), 0);
        }
        let twice = BigUint::from(self.mantissa) << 1u32;
        let (lower, _) = expand(&(&twice - 1u8), self.exponent - 1);
        let (upper, _) = expand(&(&twice + 1u8), self.exponent - 1);
        let (digits, point) = expand(&twice, self.exponent - 1);
        let inclusive = self.mantissa & 1 == 0;
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
