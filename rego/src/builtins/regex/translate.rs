//! From Go's syntax of regular expressions to that of the `regex` crate.

use std::{iter::Peekable, str::Chars};

/// The most that a repetition may ask for, as in Go.
const MAX_REPEAT: u32 = 1000;

type Rest<'a> = Peekable<Chars<'a>>;

/// Rewrites a pattern; none for one that Go refuses.
pub(super) fn from_go(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut names = Vec::new();
    // The last thing read is a repetition, which may not be repeated.
    let mut repeated = false;
    while let Some(c) = rest.next() {
        let was_repeated = std::mem::take(&mut repeated);
        match c {
            '\\' => escape(&mut rest, &mut out)?,
            '[' => class(&mut rest, &mut out)?,
            '(' if rest.next_if_eq(&'?').is_some() => group(&mut rest, &mut names, &mut out)?,
            '*' | '+' | '?' => {
                repeated = true;
                repetition(was_repeated, c.to_string(), &mut rest, &mut out)?;
            }
            '{' => match bounds(&mut rest)? {
                Some(bounds) => {
                    repeated = true;
                    repetition(was_repeated, bounds, &mut rest, &mut out)?;
                }
                // Other braces mean themselves.
                None => out.push_str("\\{"),
            },
            '}' => out.push_str("\\}"),
            ']' => out.push_str("\\]"),
            c => out.push(c),
        }
    }
    Some(out)
}

fn repetition(again: bool, text: String, rest: &mut Rest<'_>, out: &mut String) -> Option<()> {
    if again {
        return None;
    }
    out.push_str(&text);
    if rest.next_if_eq(&'?').is_some() {
        out.push('?');
    }
    Some(())
}

/// `n}`, `n,}` or `n,m}`, of which nothing is consumed when it is something else.
#[expect(
    clippy::option_option,
    reason = "refused, no repetition, or a repetition"
)]
fn bounds(rest: &mut Rest<'_>) -> Option<Option<String>> {
    let mut ahead = rest.clone();
    let text: String = ahead.by_ref().take_while(|c| *c != '}').collect();
    let consumed = text.chars().count() + 1;
    let (least, most) = text.split_once(',').unwrap_or((&text, &text));
    let number = |text: &str| -> Option<u32> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    };
    let closed = rest.clone().any(|c| c == '}');
    let Some(least) = number(least).filter(|_| closed) else {
        return Some(None);
    };
    let most = match most {
        "" => None,
        most => match number(most) {
            Some(most) => Some(most),
            None => return Some(None),
        },
    };
    if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
        return None;
    }
    rest.nth(consumed - 1);
    Some(Some(format!("{{{text}}}")))
}

/// Reads the rest of a group behind `(?`: a name, or one of Go's four flags.
fn group(rest: &mut Rest<'_>, names: &mut Vec<String>, out: &mut String) -> Option<()> {
    if rest.next_if_eq(&'P').is_some() {
        rest.next_if_eq(&'<')?;
        return named_group(rest, names, out);
    }
    if rest.next_if_eq(&'<').is_some() {
        return named_group(rest, names, out);
    }
    out.push_str("(?");
    loop {
        match rest.next()? {
            c @ ('i' | 'm' | 's' | 'U' | '-') => out.push(c),
            c @ (':' | ')') => {
                out.push(c);
                return Some(());
            }
            _ => return None,
        }
    }
}

/// The name of a group. Go allows ASCII alone, a name twice (the first group is meant) and a digit in front.
fn named_group(rest: &mut Rest<'_>, names: &mut Vec<String>, out: &mut String) -> Option<()> {
    let mut name = String::new();
    loop {
        match rest.next()? {
            '>' => break,
            c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
            _ => return None,
        }
    }
    let first = name.chars().next()?;
    if first.is_ascii_digit() || names.contains(&name) {
        out.push('(');
    } else {
        out.push_str(&format!("(?P<{name}>"));
        names.push(name);
    }
    Some(())
}

/// Reads an escape outside of a set.
fn escape(rest: &mut Rest<'_>, out: &mut String) -> Option<()> {
    match rest.next()? {
        'b' => out.push_str("(?-u:\\b)"),
        // The crate has no ASCII form of this one for texts.
        'B' => out.push_str("\\B"),
        'A' => out.push_str("\\A"),
        'z' => out.push_str("\\z"),
        'Q' => {
            let mut quoted = String::new();
            while let Some(c) = rest.next() {
                if c == '\\' && rest.next_if_eq(&'E').is_some() {
                    break;
                }
                quoted.push(c);
            }
            out.push_str(&regex::escape(&quoted));
        }
        c => match perl(c) {
            Some((set, negated)) => {
                let negation = if negated { "^" } else { "" };
                out.push_str(&format!("[{negation}{set}]"));
            }
            None => common(c, rest, out)?,
        },
    }
    Some(())
}

/// The ASCII set of `\d`, `\s`, `\w`, and whether all else is meant.
fn perl(c: char) -> Option<(&'static str, bool)> {
    let set = match c.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\t\\n\\f\\r ",
        'w' => "0-9A-Za-z_",
        _ => return None,
    };
    Some((set, c.is_ascii_uppercase()))
}

/// A property of Unicode: one letter, or a name in braces. `^` in front of the name negates it.
fn property(negated: bool, rest: &mut Rest<'_>, out: &mut String) -> Option<()> {
    let first = rest.next()?;
    if first != '{' {
        out.extend(['\\', if negated { 'P' } else { 'p' }, first]);
        return Some(());
    }
    let turned = rest.next_if_eq(&'^').is_some();
    out.extend(['\\', if negated != turned { 'P' } else { 'p' }, '{']);
    for c in rest.by_ref() {
        out.push(c);
        if c == '}' {
            return Some(());
        }
    }
    None
}

/// Escapes that mean the same inside and outside of a set.
fn common(c: char, rest: &mut Rest<'_>, out: &mut String) -> Option<()> {
    match c {
        'a' | 'f' | 't' | 'n' | 'r' | 'v' => out.extend(['\\', c]),
        'p' | 'P' => property(c == 'P', rest, out)?,
        'x' => {
            let digits: String = if rest.next_if_eq(&'{').is_some() {
                rest.by_ref().take_while(|c| *c != '}').collect()
            } else {
                rest.by_ref().take(2).collect()
            };
            code(u32::from_str_radix(&digits, 16).ok()?, out)?;
        }
        // A single digit other than 0 would be a back reference.
        '0'..='7' => {
            let mut value = c.to_digit(8)?;
            let mut digits = 1;
            while digits < 3
                && let Some(digit) = rest.peek().and_then(|c| c.to_digit(8))
            {
                rest.next();
                value = value * 8 + digit;
                digits += 1;
            }
            if c != '0' && digits == 1 {
                return None;
            }
            code(value, out)?;
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => {
            out.push_str(&regex::escape(&c.to_string()));
        }
        _ => return None,
    }
    Some(())
}

fn code(value: u32, out: &mut String) -> Option<()> {
    char::from_u32(value)?;
    out.push_str(&format!("\\x{{{value:x}}}"));
    Some(())
}

/// A set: operators on sets are plain letters in Go.
fn class(rest: &mut Rest<'_>, out: &mut String) -> Option<()> {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let c = rest.next()?;
        match c {
            ']' if !first => break,
            '[' if rest.peek() == Some(&':') => posix(rest, out)?,
            '\\' => {
                let c = rest.next()?;
                match perl(c) {
                    Some((set, false)) => out.push_str(set),
                    Some((set, true)) => out.push_str(&format!("[^{set}]")),
                    None => common(c, rest, out)?,
                }
            }
            '[' | ']' | '&' | '~' | '^' => out.extend(['\\', c]),
            // A minus that makes no range.
            '-' if first || rest.peek() == Some(&']') => out.push_str("\\-"),
            '-' if rest.peek() == Some(&'-') => {
                rest.next();
                out.push_str("-\\-");
            }
            c => out.push(c),
        }
        first = false;
    }
    out.push(']');
    Some(())
}

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Reads a POSIX class in a set: `[:name:]` or `[:^name:]`.
fn posix(rest: &mut Rest<'_>, out: &mut String) -> Option<()> {
    let mut name = String::from("[");
    while let Some(c) = rest.next() {
        name.push(c);
        if c == ':' && name.len() > 2 && rest.next_if_eq(&']').is_some() {
            name.push(']');
            let plain = name.trim_matches(['[', ']', ':']);
            if !POSIX.contains(&plain.trim_start_matches('^')) {
                return None;
            }
            out.push_str(&name);
            return Some(());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::from_go;

    #[test]
    fn shorthands_mean_ascii() {
        for (go, ours) in [
            (r"^\w+$", "^[0-9A-Za-z_]+$"),
            (r"[\d.-]\D", r"[0-9.\-][^0-9]"),
            (r"[^\W]", "[^[^0-9A-Za-z_]]"),
            (r"\bx\B", r"(?-u:\b)x\B"),
            (r"\Qa.b\E+", r"a\.b+"),
            (r"[[a]&&~]", r"[\[a]&&~\]"),
            (r"[]a]", r"[\]a]"),
            (r"a{,2}{2}", r"a\{,2\}{2}"),
            (r"\101\x41\x{1F600}", r"\x{41}\x{41}\x{1f600}"),
            (r"(?<n>a)(?P<m>b)(?i-s:c)", r"(?P<n>a)(?P<m>b)(?i-s:c)"),
            (r"[[:alpha:]_]", r"[[:alpha:]_]"),
        ] {
            assert_eq!(from_go(go).as_deref(), Some(ours), "{go}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for wrong in [
            "a**",
            "a++",
            "a{2}{3}",
            "a{1001}",
            "a{3,2}",
            "(?x)a",
            "(?R)a",
            "(?=a)",
            r"\e",
            r"\1",
            r"[\b]",
            r"\",
            "[a",
            r"\x{110000}",
            "[[:alpha:",
            "[[:foo:]]",
        ] {
            assert_eq!(from_go(wrong), None, "{wrong}");
        }
    }
}
