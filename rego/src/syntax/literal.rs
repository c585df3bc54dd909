//! Literals: strings with escapes, numbers within limits.

use super::{
    ast::{Term, TermKind},
    parser::{Parsed, Parser},
};

/// Largest exponent of two of a number, as in OPA.
const MAX_EXPONENT: f64 = 1e5;

impl Parser<'_> {
    /// Parses a string in quotes or backquotes.
    pub(super) fn string(&mut self) -> Parsed<Term> {
        let (span, lit) = (self.span(), self.lit());
        let inner = lit.get(1..lit.len().saturating_sub(1)).unwrap_or_default();
        let text = if lit.starts_with('`') {
            Some(inner.to_owned())
        } else {
            unescape(inner)
        };
        let Some(text) = text else {
            self.error(span, format!("illegal string literal: {lit}"));
            return None;
        };
        Some(Term {
            span,
            kind: TermKind::String(text.into()),
        })
    }
}

/// Reads the text between the quotes of a string; `None` for one that JSON refuses.
///
/// Text without any backslash is taken as it is, control characters included, as in OPA.
pub(super) fn unescape(inner: &str) -> Option<String> {
    if !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'u' => out.push(unicode(&mut chars)?),
                other @ ('"' | '\\' | '/') => out.push(other),
                _ => return None,
            },
            c if c < ' ' || c == '"' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

fn hex(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |sum, _| Some(sum * 16 + chars.next()?.to_digit(16)?))
}

/// Reads what is behind `\u`. A lone surrogate is the replacement character, as in Go.
fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let first = hex(chars)?;
    if (0xd800..0xdc00).contains(&first) {
        let mut ahead = chars.clone();
        if ahead.next() == Some('\\') && ahead.next() == Some('u') {
            let second = hex(&mut ahead)?;
            if (0xdc00..0xe000).contains(&second) {
                *chars = ahead;
                return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
        }
    }
    Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Compares the size of a number with OPA's limit: powers of two of at most 100,000.
pub(super) fn too_big(text: &str) -> bool {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text
        .split_once(['e', 'E'])
        .map_or((text, Some(0.0)), |(mantissa, exponent)| {
            (mantissa, exponent.parse::<f64>().ok())
        });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('0');
    let digits = if whole.is_empty() {
        let leading = fraction.len() - fraction.trim_start_matches('0').len();
        if leading == fraction.len() {
            return false;
        }
        -f64::from(u32::try_from(leading).unwrap_or(u32::MAX))
    } else {
        f64::from(u32::try_from(whole.len()).unwrap_or(u32::MAX))
    };
    exponent.is_none_or(|exponent| {
        ((digits + exponent) * std::f64::consts::LOG2_10).abs() > MAX_EXPONENT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_json() {
        assert_eq!(
            unescape(r"a\n\u0041\ud83d\ude00").as_deref(),
            Some("a\nA😀")
        );
        assert_eq!(unescape(r"\ud83d!").as_deref(), Some("\u{fffd}!"));
        assert_eq!(unescape("a\tb").as_deref(), Some("a\tb"));
        assert_eq!(unescape("a\tb\\n"), None);
        assert_eq!(unescape(r"\u00g0"), None);
    }

    #[test]
    fn numbers_have_a_limit() {
        assert!(!too_big("1e30000"));
        assert!(too_big("1e40000"));
        assert!(too_big("1e-40000"));
        assert!(too_big("1e99999999999999999999"));
        assert!(!too_big("0e40000"));
        assert!(!too_big("-0.001"));
    }
}
