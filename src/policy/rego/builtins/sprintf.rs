//! `sprintf` with the verbs, flags and mistakes of Go's `fmt.Sprintf` over integers, floats and strings.

use std::fmt::Write as _;

use regorus::Value;

/// An argument as Open Policy Agent hands it to Go.
enum Argument {
    Integer(i128),
    Float(f64),
    Text(String),
}

/// What stands between `%` and the verb.
#[derive(Debug, Default, Clone, Copy)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    zero: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The widest field, as in Go.
const MAX_WIDTH: usize = 1_000_000;

/// `sprintf(format, arguments)`.
pub(super) fn sprintf(arguments: &[Value]) -> Value {
    let [Value::String(format), Value::Array(values)] = arguments else {
        return Value::Undefined;
    };
    let arguments: Vec<_> = values.iter().map(argument).collect();
    Value::from(formatted(format, &arguments))
}

fn argument(value: &Value) -> Argument {
    match value {
        Value::String(text) => Argument::Text(text.to_string()),
        Value::Number(number) => {
            let text = number.format_decimal();
            match (text.parse(), text.parse()) {
                (Ok(integer), _) => Argument::Integer(integer),
                (_, Ok(float)) => Argument::Float(float),
                _ => Argument::Text(text),
            }
        }
        other => {
            let mut text = String::new();
            write_rego(other, &mut text);
            Argument::Text(text)
        }
    }
}

/// The text form of a value in Rego: `{"a": [1, 2]}`.
fn write_rego(value: &Value, out: &mut String) {
    let list = |items: &mut dyn Iterator<Item = &Value>, out: &mut String| {
        for (number, item) in items.enumerate() {
            out.push_str(if number > 0 { ", " } else { "" });
            write_rego(item, out);
        }
    };
    match value {
        Value::Array(items) => {
            out.push('[');
            list(&mut items.iter(), out);
            out.push(']');
        }
        Value::Set(items) if items.is_empty() => out.push_str("set()"),
        Value::Set(items) => {
            out.push('{');
            list(&mut items.iter(), out);
            out.push('}');
        }
        Value::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            members.sort();
            for (number, (key, member)) in members.into_iter().enumerate() {
                out.push_str(if number > 0 { ", " } else { "" });
                write_rego(key, out);
                out.push_str(": ");
                write_rego(member, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_json_str().unwrap_or_default()),
    }
}

fn formatted(format: &str, arguments: &[Argument]) -> String {
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    let (mut next, mut reordered) = (0, false);
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = flags(&mut rest);
        let mut chosen = index(&mut rest, &mut next);
        spec.width = number(&mut rest, arguments, &mut next);
        if spec.width.is_some() && spec.zero && spec.minus {
            spec.zero = false;
        }
        if rest.next_if_eq(&'.').is_some() {
            chosen |= index(&mut rest, &mut next);
            spec.precision = Some(number(&mut rest, arguments, &mut next).unwrap_or(0));
        }
        chosen |= index(&mut rest, &mut next);
        reordered |= chosen;
        match rest.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match arguments.get(next) {
                Some(argument) => {
                    out.push_str(&spec.apply(verb, argument));
                    next += 1;
                }
                None => {
                    let why = if chosen { "BADINDEX" } else { "MISSING" };
                    let _ = write!(out, "%!{verb}({why})");
                }
            },
        }
    }
    if !reordered && let Some(extra @ [_, ..]) = arguments.get(next..) {
        let shown = extra
            .iter()
            .map(|extra| format!("{}={}", extra.kind(), extra.plain()));
        let _ = write!(out, "%!(EXTRA {})", shown.collect::<Vec<_>>().join(", "));
    }
    out
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn flags(rest: &mut Rest<'_>) -> Spec {
    let mut spec = Spec::default();
    while let Some(flag) = rest.next_if(|c| "-+# 0".contains(*c)) {
        match flag {
            '-' => spec.minus = true,
            '+' => spec.plus = true,
            '#' => spec.sharp = true,
            '0' => spec.zero = true,
            _ => spec.space = true,
        }
    }
    spec
}

/// `[n]` chooses the next argument; says whether it was there.
fn index(rest: &mut Rest<'_>, next: &mut usize) -> bool {
    if rest.next_if_eq(&'[').is_none() {
        return false;
    }
    let mut digits = String::new();
    while let Some(digit) = rest.next_if(|c| *c != ']') {
        digits.push(digit);
    }
    rest.next();
    *next = digits
        .parse()
        .map_or(usize::MAX, |n: usize| n.wrapping_sub(1));
    true
}

/// A width or precision: digits, or `*` for the next argument.
fn number(rest: &mut Rest<'_>, arguments: &[Argument], next: &mut usize) -> Option<usize> {
    if rest.next_if_eq(&'*').is_some() {
        let given = arguments.get(*next);
        *next += 1;
        return match given {
            Some(Argument::Integer(width)) => {
                usize::try_from(*width).ok().filter(|w| *w <= MAX_WIDTH)
            }
            _ => None,
        };
    }
    let mut found = None;
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        let digit = digit.to_digit(10).unwrap_or(0) as usize;
        found = Some((found.unwrap_or(0) * 10 + digit).min(MAX_WIDTH));
    }
    found
}

impl Argument {
    fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "int64",
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
        // Go's %+v asks structures for their names, numbers not for their sign.
        let plain = Self {
            plus: self.plus && verb != 'v',
            ..*self
        };
        plain.applied(verb, argument)
    }

    fn applied(&self, verb: char, argument: &Argument) -> String {
        let done = match (argument, verb) {
            (argument, 'T') => Some(argument.kind().to_owned()),
            (Argument::Text(text), _) => self.text(verb, text),
            (Argument::Integer(integer), _) => self.integer(verb, *integer),
            (Argument::Float(float), _) => self.float(verb, *float),
        };
        match done {
            Some(text) => self.pad(text, matches!(argument, Argument::Float(_))),
            None => format!(
                "%!{verb}({}={})",
                argument.kind(),
                self.apply('v', argument)
            ),
        }
    }

    fn pad(&self, text: String, zeros: bool) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            return text + &" ".repeat(missing);
        }
        if !(self.zero && zeros) {
            return " ".repeat(missing) + &text;
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
            let bytes = text.bytes();
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
            'v' if self.sharp => quoted(text, '"'),
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

    fn integer(&self, verb: char, integer: i128) -> Option<String> {
        let size = integer.unsigned_abs();
        let (prefix, digits) = match verb {
            'd' | 'v' => ("", size.to_string()),
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            'o' => ("0", format!("{size:o}")),
            'O' => return Some(format!("0o{size:o}")),
            'b' => ("0b", format!("{size:b}")),
            'c' => return Some(character(integer).to_string()),
            'q' => return Some(quoted(&character(integer).to_string(), '\'')),
            'U' if self.sharp => {
                return Some(format!("U+{size:04X} '{}'", character(integer)));
            }
            'U' => return Some(format!("U+{size:04X}")),
            _ => return None,
        };
        let sign = match (integer < 0, self.plus, self.space) {
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
        let prefix = if self.sharp { prefix } else { "" };
        Some(format!("{sign}{prefix}{zeros}{digits}"))
    }

    fn float(&self, verb: char, float: f64) -> Option<String> {
        let text = match verb {
            'f' | 'F' => format!("{float:.*}", self.precision.unwrap_or(6)),
            'e' => exponent(&format!("{float:.*e}", self.precision.unwrap_or(6))),
            'E' => exponent(&format!("{float:.*e}", self.precision.unwrap_or(6))).to_uppercase(),
            'v' | 'g' => general(float, self.precision),
            'G' => general(float, self.precision).to_uppercase(),
            _ => return None,
        };
        let positive = !text.starts_with('-');
        Some(match (positive, self.plus, self.space) {
            (true, true, _) => format!("+{text}"),
            (true, _, true) => format!(" {text}"),
            _ => text,
        })
    }
}

/// The form of a float with as many digits as it needs, or at most so many; with an exponent where
/// Go writes one.
fn general(float: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(precision) => format!("{float:.*e}", precision.max(1) - 1),
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

/// `1e5` as `1e+05`.
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

/// Whether Go would write the text between grave accents.
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

fn character(integer: i128) -> char {
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
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, arguments: &str, expected: &str) {
        let arguments = Value::from_json_str(arguments).unwrap();
        let given = sprintf(&[Value::from(format), arguments]);
        assert_eq!(given, Value::from(expected), "{format}");
    }

    #[test]
    fn formats_as_the_reference_implementation() {
        check(
            "%s|%d|%v|%q|%x|%5d|%-5d|%05d|%+d|%.2f|%t|%T",
            r#"[1, "a", 1.5, 65, "hi", 3, 3, 3, 3, 2, true, 1]"#,
            "%!s(int64=1)|%!d(string=a)|1.5|'A'|6869|    3|3    |00003|+3|%!f(int64=02)|%!t(string=true)|int64",
        );
        check("%s %d", "[1]", "%!s(int64=1) %!d(MISSING)");
        check(
            "%s",
            r#"["a", 2, 1.5, {"x": 1}]"#,
            "a%!(EXTRA int64=2, float64=1.5, string={\"x\": 1})",
        );
        check(
            "%f %e %5.1f|%-8.2f|%08.3f",
            "[1.5, 1500.25, 2.25, 3.14159, 2.5]",
            "1.500000 1.500250e+03   2.2|3.14    |0002.500",
        );
        check(
            "%%|%z|%!|%",
            r#"["a"]"#,
            "%|%!z(string=a)|%!!(MISSING)|%!(NOVERB)",
        );
        check("%[2]s %[1]s", r#"["a","b"]"#, "b a");
        check("%*d", "[5, 3]", "    3");
        check(
            "%x %X %o %b %c %U",
            "[255, 255, 8, 5, 65, 65]",
            "ff FF 10 101 A U+0041",
        );
        check(
            "%10s|%-10s|%.2s|%q",
            r#"["abc", "abc", "abc", "a\"b\né"]"#,
            "       abc|abc       |ab|\"a\\\"b\\né\"",
        );
        check(
            "%d",
            "[100000000000000000000000]",
            "100000000000000000000000",
        );
        check("%#v %+v %#x", r#"["x", 1, 255]"#, "\"x\" 1 0xff");
        check("% d|% x", r#"[5, "ab"]"#, " 5|61 62");
        check("%v %v", "[0.000001, [1, null]]", "1e-06 [1, null]");
    }
}
