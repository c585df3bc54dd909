//! Go's `fmt.Sprintf`: verbs, flags and mistakes, over integers, floats and strings.

mod directive;
mod float;

use std::fmt::Write as _;

use num_bigint::{BigInt, Sign};

use directive::DirectiveReader;

/// An argument of a known Go type.
pub(super) enum Argument {
    Integer(i64),
    Big(BigInt),
    Float(f64),
    Text(String),
}

/// Flags, width and precision of a directive.
#[derive(Debug, Default, Clone, Copy)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    /// `%#v`: the value as Go source.
    syntax: bool,
    zero: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The widest field, as in Go.
const MAX_WIDTH: usize = 1_000_000;

/// Writes the arguments as the format says.
pub(super) fn formatted(format: &str, arguments: &[Argument]) -> String {
    let mut reader = DirectiveReader {
        rest: format.chars().peekable(),
        arguments,
        next: 0,
        good: true,
        reordered: false,
        out: String::new(),
    };
    while let Some(c) = reader.rest.next() {
        match c {
            '%' => reader.directive(),
            c => reader.out.push(c),
        }
    }
    let DirectiveReader { mut out, next, .. } = reader;
    if !reader.reordered
        && let Some(extra @ [_, ..]) = arguments.get(next..)
    {
        let shown = extra
            .iter()
            .map(|extra| format!("{}={}", extra.kind(), extra.plain()));
        let _ = write!(out, "%!(EXTRA {})", shown.collect::<Vec<_>>().join(", "));
    }
    out
}

impl Argument {
    fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "int64",
            Self::Big(_) => "*big.Int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
        }
    }

    fn plain(&self) -> String {
        Spec::default().apply('v', self)
    }
}

impl Spec {
    fn apply(&self, verb: char, argument: &Argument) -> String {
        // %+v and %#v have other meanings than the flags of numbers.
        let plain = Self {
            plus: self.plus && verb != 'v',
            sharp: self.sharp && verb != 'v',
            syntax: self.sharp && verb == 'v',
            ..*self
        };
        plain.applied(verb, argument)
    }

    fn applied(&self, verb: char, argument: &Argument) -> String {
        let done = match (argument, verb) {
            (argument, 'T') => Some(argument.kind().to_owned()),
            (Argument::Text(text), _) => self.text(verb, text),
            (Argument::Integer(integer), _) => self.integer(verb, *integer),
            (Argument::Big(integer), _) => match verb {
                's' | 'v' => self.digits('d', integer),
                'b' | 'o' | 'O' | 'd' | 'x' | 'X' => self.digits(verb, integer),
                _ => return format!("%!{verb}(big.Int={integer})"),
            },
            (Argument::Float(float), _) => self.float(verb, *float),
        };
        match done {
            Some(text) => self.pad(text, verb, argument),
            None => format!(
                "%!{verb}({}={})",
                argument.kind(),
                self.applied('v', argument)
            ),
        }
    }

    fn pad(&self, text: String, verb: char, argument: &Argument) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            return text + &" ".repeat(missing);
        }
        // Integers have their zeros already.
        let zeros = match argument {
            Argument::Text(_) | Argument::Float(_) => true,
            Argument::Integer(_) => matches!(verb, 'c' | 'q'),
            Argument::Big(_) => false,
        };
        if !(self.zero && zeros) {
            return " ".repeat(missing) + &text;
        }
        if !matches!(argument, Argument::Float(_)) {
            return "0".repeat(missing) + &text;
        }
        let digits = text.trim_start_matches(['+', '-']);
        let sign = text.strip_suffix(digits).unwrap_or_default();
        format!("{sign}{}{digits}", "0".repeat(missing))
    }

    fn text(&self, verb: char, text: &str) -> Option<String> {
        let cut = || match self.precision {
            Some(limit) => text.chars().take(limit).collect(),
            None => text.to_owned(),
        };
        let joint = if self.space { " " } else { "" };
        let bytes = |upper: bool| {
            let bytes = text.bytes().take(self.precision.unwrap_or(usize::MAX));
            let bytes = bytes.map(|b| {
                if upper {
                    format!("{b:02X}")
                } else {
                    format!("{b:02x}")
                }
            });
            bytes.collect::<Vec<_>>().join(joint)
        };
        Some(match verb {
            'v' if self.syntax => quoted(text, '"'),
            'v' | 's' => cut(),
            'q' if self.sharp && is_plain(&cut()) => format!("`{}`", cut()),
            'q' if self.plus => in_ascii(&quoted(&cut(), '"')),
            'q' => quoted(&cut(), '"'),
            'x' if self.sharp => format!("0x{}", bytes(false)),
            'X' if self.sharp => format!("0X{}", bytes(true)),
            'x' => bytes(false),
            'X' => bytes(true),
            _ => return None,
        })
    }

    fn integer(&self, verb: char, integer: i64) -> Option<String> {
        match verb {
            'c' => Some(character(integer).to_string()),
            'q' => Some(quoted(&character(integer).to_string(), '\'')),
            'U' if self.sharp => Some(format!("U+{integer:04X} '{}'", character(integer))),
            'U' => Some(format!("U+{integer:04X}")),
            _ => self.digits(verb, &BigInt::from(integer)),
        }
    }

    fn digits(&self, verb: char, integer: &BigInt) -> Option<String> {
        let size = integer.magnitude();
        let (prefix, digits) = match verb {
            'd' | 'v' => ("", size.to_string()),
            'x' => ("0x", size.to_str_radix(16)),
            'X' => ("0X", size.to_str_radix(16).to_uppercase()),
            'o' => ("0", size.to_str_radix(8)),
            'O' => ("0o", size.to_str_radix(8)),
            'b' => ("0b", size.to_str_radix(2)),
            _ => return None,
        };
        let sign = match (integer.sign() == Sign::Minus, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let least = match (self.precision, self.zero && !self.minus) {
            (Some(precision), _) => precision,
            (None, true) => self.width.unwrap_or(0).saturating_sub(sign.len()),
            (None, false) => 0,
        };
        let zeros = "0".repeat(least.saturating_sub(digits.len()));
        let prefix = if self.sharp || verb == 'O' {
            prefix
        } else {
            ""
        };
        Some(format!("{sign}{prefix}{zeros}{digits}"))
    }
}

/// Tells if Go would write the text between grave accents.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c != '`' && c != '\u{feff}' && (c == '\t' || !c.is_control());
    text.chars().all(plain)
}

/// The quoted text with everything beyond ASCII as escapes.
fn in_ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match u32::from(c) {
            0..=0x7f => out.push(c),
            code @ 0x80..=0xffff => {
                let _ = write!(out, "\\u{code:04x}");
            }
            code => {
                let _ = write!(out, "\\U{code:08x}");
            }
        }
    }
    out
}

fn character(integer: i64) -> char {
    let code = u32::try_from(integer).ok().and_then(char::from_u32);
    code.unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text in quotes with Go's escapes.
fn quoted(text: &str, quote: char) -> String {
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{b}' => out.push_str("\\v"),
            c if c == quote => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if is_hidden(c) && u32::from(c) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c if is_hidden(c) => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Tells if Go writes the letter as an escape: other spaces than the blank, marks of formatting, private use.
fn is_hidden(c: char) -> bool {
    matches!(u32::from(c),
        0x80..=0xa0 | 0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x1680 | 0x180e
        | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x3000 | 0xe000..=0xf8ff | 0xfeff
        | 0xfff0..=0xfffb | 0xfffe | 0xffff | 0xe0000..=0xe0fff | 0xf0000..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_go() {
        let text = |text: &str| Argument::Text(text.to_owned());
        let arguments = [
            Argument::Integer(1),
            text("a"),
            Argument::Float(1.5),
            Argument::Integer(65),
            text("hi"),
            Argument::Integer(3),
            Argument::Integer(3),
            Argument::Integer(3),
            Argument::Integer(3),
            Argument::Integer(2),
            text("true"),
            Argument::Integer(1),
        ];
        assert_eq!(
            formatted("%s|%d|%v|%q|%x|%5d|%-5d|%05d|%+d|%.2f|%t|%T", &arguments),
            "%!s(int64=1)|%!d(string=a)|1.5|'A'|6869|    3|3    |00003|+3|%!f(int64=02)|%!t(string=true)|int64"
        );
        assert_eq!(
            formatted("%s %d", &[Argument::Integer(1)]),
            "%!s(int64=1) %!d(MISSING)"
        );
        let big = || Argument::Big(BigInt::from(1) << 70);
        assert_eq!(
            formatted("%s %d %c", &[big(), big(), big()]),
            "1180591620717411303424 1180591620717411303424 %!c(big.Int=1180591620717411303424)"
        );
    }
}
