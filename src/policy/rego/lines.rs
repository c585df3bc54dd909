//! Separates what the engine reads as one: a call's `(` and an index's `[` follow what they belong to at
//! once in Rego, the engine takes them across lines, so that `x := y` and `(x > 1)` below it become
//! `x := y(x > 1)`. They get a semicolon. In `x -1` it takes `-1` for a number after `x`; it gets a space.

use super::syntax;

/// Words after which an expression goes on.
const OPEN: [&str; 9] = [
    "as", "contains", "else", "every", "if", "in", "not", "some", "with",
];

/// The source, with the same lines.
pub(super) fn separated(mut source: String) -> String {
    for (at, text) in insertions(&source).into_iter().rev() {
        source.insert(at, text);
    }
    source
}

/// What has to come where.
fn insertions(source: &str) -> Vec<(usize, char)> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let (mut last, mut line) = (None, 0);
    for (at, byte) in syntax::code(source, 0) {
        let ends = || last.is_some_and(|last| ends_a_term(source, last));
        let first = || {
            source
                .get(line..at)
                .is_some_and(|text| text.trim().is_empty())
        };
        match byte {
            b'\n' => line = at + 1,
            byte if byte.is_ascii_whitespace() => continue,
            b'(' | b'[' => {
                if open.last() == Some(&b'{') && first() && ends() {
                    found.push((at, ';'));
                }
                open.push(byte);
            }
            b'{' => open.push(byte),
            b')' | b']' | b'}' => {
                open.pop();
            }
            b'-' if is_digit(source, at + 1) && ends() => found.push((at + 1, ' ')),
            _ => {}
        }
        if byte != b'\n' {
            last = Some(at);
        }
    }
    found
}

fn is_digit(source: &str, at: usize) -> bool {
    let byte = source.as_bytes().get(at);
    byte.is_some_and(u8::is_ascii_digit)
}

/// Whether a term can end with the byte there.
fn ends_a_term(source: &str, at: usize) -> bool {
    let text = source.get(..=at).unwrap_or_default();
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    match text.as_bytes().last() {
        Some(b')' | b']' | b'}' | b'"' | b'`') => true,
        Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => {
            let start = text.rfind(word).map_or(0, |before| before + 1);
            let word = text.get(start..).unwrap_or_default();
            // The start of a number with an exponent is not one yet.
            let number = word.starts_with(|c: char| c.is_ascii_digit());
            let exponent = number && word.ends_with(['e', 'E']);
            !OPEN.contains(&word) && !exponent
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bracket_on_a_new_line_starts_a_statement() {
        let given = "p if {\n\tx := y # (\n\t(x > 1)\n\t[a] = \"(\"\n\t(a)\n}";
        let expected = "p if {\n\tx := y # (\n\t;(x > 1)\n\t;[a] = \"(\"\n\t;(a)\n}";
        assert_eq!(separated(given.to_owned()), expected);
    }

    #[test]
    fn a_number_after_a_term_is_taken_away() {
        let given =
            "p := [x -1, f(y)-2, -3, \"-4\" -5] if {\n\tx\n\t-1 < 2\n\tnot -1 == x -z\n\t1.5e-7\n}";
        let expected = "p := [x - 1, f(y)- 2, -3, \"-4\" - 5] if {\n\tx\n\t- 1 < 2\n\tnot -1 == x -z\n\t1.5e-7\n}";
        assert_eq!(separated(given.to_owned()), expected);
    }

    #[test]
    fn expressions_that_go_on_stay() {
        for given in [
            "p if\n(x)",
            "p if {\n\t(x)\n}",
            "p if {\n\tx ==\n\t(y)\n}",
            "p if {\n\tf(\n\t\ta,\n\t\t(b),\n\t)\n}",
            "p if {\n\tnot\n\t(b)\n}",
            "p := {\n\t\"a\":\n\t[1],\n}",
            "p := [\n\ta,\n\t[b],\n]",
        ] {
            assert_eq!(separated(given.to_owned()), given);
        }
    }
}
