//! Go's forms of a `float64`: `%e`, `%f`, `%g`, hexadecimal `%x` and binary `%b`, with the flag `#`.

use super::Spec;

impl Spec {
    pub(super) fn float(&self, verb: char, float: f64) -> Option<String> {
        let text = match verb {
            'f' | 'F' => fixed(float, self.precision.unwrap_or(6)),
            'e' => scientific(float, self.precision.unwrap_or(6)),
            'E' => scientific(float, self.precision.unwrap_or(6)).to_uppercase(),
            'v' | 'g' => general(float, self.precision),
            'G' => general(float, self.precision).to_uppercase(),
            'x' => hexadecimal(float, self.precision),
            'X' => hexadecimal(float, self.precision).to_uppercase(),
            'b' => binary(float),
            _ => return None,
        };
        let text = if self.sharp && verb != 'b' {
            self.with_point(&text, verb)
        } else {
            text
        };
        let positive = !text.starts_with('-');
        Some(match (positive, self.plus, self.space) {
            (true, true, _) => format!("+{text}"),
            (true, _, true) => format!(" {text}"),
            _ => text,
        })
    }

    /// The number with a decimal point, and for `%#g` and `%#x` with its trailing zeros.
    fn with_point(&self, text: &str, verb: char) -> String {
        let hexadecimal = matches!(verb, 'x' | 'X');
        let (sign, text) = text
            .strip_prefix('-')
            .map_or(("", text), |text| ("-", text));
        let is_exponent =
            |c: char| matches!(c, 'p' | 'P') || !hexadecimal && matches!(c, 'e' | 'E');
        let (number, exponent) = text.split_at(text.find(is_exponent).unwrap_or(text.len()));
        let least = match verb {
            'g' | 'G' | 'x' => self.precision.unwrap_or(6),
            _ => 0,
        };
        let digits = number.chars().filter(|c| *c != '.');
        // As in Go, the `x` of `0x` is counted.
        let written = digits.skip_while(|c| *c == '0').count() + usize::from(number == "0");
        let point = if number.contains('.') { "" } else { "." };
        let zeros = "0".repeat(least.saturating_sub(written));
        format!("{sign}{number}{point}{zeros}{exponent}")
    }
}

/// No float64 has more digits than these; Rust writes at most 65,535.
const MOST_DIGITS: usize = 1_100;

fn fixed(float: f64, precision: usize) -> String {
    let digits = precision.min(MOST_DIGITS);
    format!("{float:.digits$}{}", "0".repeat(precision - digits))
}

fn scientific(float: f64, precision: usize) -> String {
    let digits = precision.min(MOST_DIGITS);
    let written = format!("{float:.digits$e}");
    let (mantissa, power) = written.split_once('e').unwrap_or((&written, "0"));
    exponent(&format!(
        "{mantissa}{}e{power}",
        "0".repeat(precision - digits)
    ))
}

/// The form of a float with as many digits as it needs, or at most so many; with an exponent where
/// Go writes one.
fn general(float: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(precision) => format!("{float:.*e}", precision.clamp(1, MOST_DIGITS) - 1),
        None => format!("{float:e}"),
    };
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let digits = i64::try_from(digits).unwrap_or(i64::MAX);
    let power: i64 = power.parse().unwrap_or(0);
    let most = match precision.map(|precision| i64::try_from(precision.max(1)).unwrap_or(i64::MAX))
    {
        Some(most) if most > digits && digits > power => digits,
        Some(most) => most,
        None => 6,
    };
    if (-4..most).contains(&power) {
        let decimals = usize::try_from(digits - power - 1).unwrap_or(0);
        format!("{float:.decimals$}")
    } else {
        exponent(&format!("{mantissa}e{power}"))
    }
}

/// Writes the exponent as Go does: `1e5` as `1e+05`.
fn exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits = exponent.trim_start_matches('-');
    let sign = if digits.len() < exponent.len() {
        '-'
    } else {
        '+'
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// The mantissa and the power of two of its last bit.
fn parts(float: f64) -> (u64, i64) {
    let bits = float.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) & 0x7ff {
        0 => (fraction, -1074),
        power => (fraction | 1 << 52, i64::try_from(power).unwrap_or(0) - 1075),
    }
}

/// `1.5` as `6755399441055744p-52`.
fn binary(float: f64) -> String {
    let (mantissa, power) = parts(float);
    format!("{}{mantissa}p{power:+}", sign(float))
}

/// `1.5` as `0x1.8p+00`, rounded to so many digits behind the point.
fn hexadecimal(float: f64, precision: Option<usize>) -> String {
    let (mantissa, power) = parts(float);
    // The first digit is the bit 60, fifteen digits follow.
    let shift = mantissa.leading_zeros().saturating_sub(3);
    let (mut mantissa, mut power) = match mantissa {
        0 => (0, 0),
        mantissa => (mantissa << shift, power + 60 - i64::from(shift)),
    };
    if let Some(digits) = precision.filter(|digits| *digits < 15) {
        let cut = 60 - 4 * digits;
        let rest = mantissa & ((1 << cut) - 1);
        mantissa >>= cut;
        // To the nearest, and to the even one between two.
        if rest | (mantissa & 1) > 1 << (cut - 1) {
            mantissa += 1;
        }
        mantissa <<= cut;
        if mantissa & 1 << 61 != 0 {
            mantissa >>= 1;
            power += 1;
        }
    }
    let first = mantissa >> 60;
    let fraction = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(digits) if digits < fraction.len() => {
            fraction.get(..digits).unwrap_or_default().to_owned()
        }
        Some(digits) => format!("{fraction}{}", "0".repeat(digits - fraction.len())),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let joint = if power < 0 { '-' } else { '+' };
    format!(
        "{}0x{first}{point}{fraction}p{joint}{:02}",
        sign(float),
        power.unsigned_abs()
    )
}

fn sign(float: f64) -> &'static str {
    if float.is_sign_negative() { "-" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::super::{Argument, formatted};

    fn all(format: &str, floats: &[f64]) -> Vec<String> {
        let one = |float: &f64| formatted(format, &[Argument::Float(*float)]);
        floats.iter().map(one).collect()
    }

    #[test]
    fn hexadecimal_and_binary_as_go() {
        let floats = [1.5, -1.5, 0.1, 100_000.25, 0.0, 5e-324, f64::MAX];
        assert_eq!(
            all("%x", &floats),
            [
                "0x1.8p+00",
                "-0x1.8p+00",
                "0x1.999999999999ap-04",
                "0x1.86a04p+16",
                "0x0p+00",
                "0x1p-1074",
                "0x1.fffffffffffffp+1023"
            ]
        );
        assert_eq!(
            all("%.0x", &[1.5, 1.7, 2.5]),
            ["0x1p+01", "0x1p+01", "0x1p+01"]
        );
        assert_eq!(
            all("%.2X", &[1.7, f64::MAX]),
            ["0X1.B3P+00", "0X1.00P+1024"]
        );
        assert_eq!(all("%.15x", &[1.5]), ["0x1.800000000000000p+00"]);
        assert_eq!(all("%+x", &[1.5]), ["+0x1.8p+00"]);
        assert_eq!(all("%010x", &[1.5, -1.5]), ["00x1.8p+00", "-0x1.8p+00"]);
        assert_eq!(all("%b", &[1.5, 0.0]), ["6755399441055744p-52", "0p-1074"]);
    }

    #[test]
    fn keeps_the_point_and_the_zeros_as_go() {
        assert_eq!(
            all("%#g", &[1.5, 1e21, 0.0, 1_234_567.0]),
            ["1.50000", "1.00000e+21", "0.00000", "1.234567e+06"]
        );
        assert_eq!(all("%#.3g", &[1.5, -0.5]), ["1.50", "-0.500"]);
        assert_eq!(all("%#.0f|", &[1.5, 0.5]), ["2.|", "0.|"]);
        assert_eq!(all("%#.0e", &[1.5]), ["2.e+00"]);
        assert_eq!(all("%#x", &[1.5]), ["0x1.8000p+00"]);
        assert_eq!(all("%#v", &[1.5]), ["1.5"]);
    }

    #[test]
    fn writes_more_digits_than_a_float_has() {
        let text = all("%.70000f", &[0.1]).concat();
        assert_eq!(text.len(), 70_002);
        assert!(text.starts_with("0.1000000000000000055511151231257827"));
        assert!(text.ends_with("00000"));
        assert_eq!(all("%.70000e", &[1.5]).concat().len(), 70_006);
    }
}
