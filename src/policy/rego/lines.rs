//! Puts a semicolon before a bracket or a negative number that starts a statement on a line of its own.
//!
//! A call's `(` and an index's `[` follow what they belong to at once in Rego. The engine takes them
//! across lines too, so that `x := y` and `(x > 1)` below it become `x := y(x > 1)`.

use super::syntax;

/// Words after which an expression goes on.
const OPEN: [&str; 9] = [
    "as", "contains", "else", "every", "if", "in", "not", "some", "with",
];

/// The source, with the same lines.
pub(super) fn separated(mut source: String) -> String {
    for at in starts(&source).into_iter().rev() {
        source.insert(at, ';');
    }
    source
}

/// Where such statements start.
fn starts(source: &str) -> Vec<usize> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let (mut last, mut line) = (None, 0);
    for (at, byte) in syntax::code(source, 0) {
        match byte {
            b'\n' => line = at + 1,
            byte if byte.is_ascii_whitespace() => continue,
            b'(' | b'[' | b'-' => {
                let first = source
                    .get(line..at)
                    .is_some_and(|text| text.trim().is_empty());
                let ends = last.is_some_and(|last| ends_a_term(source, last));
                let starts = byte != b'-' || number(source, at + 1);
                if first && ends && starts && open.last() == Some(&b'{') {
                    found.push(at);
                }
                if byte != b'-' {
                    open.push(byte);
                }
            }
            b'{' => open.push(byte),
            b')' | b']' | b'}' => {
                open.pop();
            }
            _ => {}
        }
        if byte != b'\n' {
            last = Some(at);
        }
    }
    found
}

fn number(source: &str, at: usize) -> bool {
    source.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
}

/// Whether a term can end with the byte there.
fn ends_a_term(source: &str, at: usize) -> bool {
    let text = source.get(..=at).unwrap_or_default();
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    match text.as_bytes().last() {
        Some(b')' | b']' | b'}' | b'"' | b'`') => true,
        Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => {
            let start = text.rfind(word).map_or(0, |before| before + 1);
            !OPEN.contains(&text.get(start..).unwrap_or_default())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bracket_on_a_new_line_starts_a_statement() {
        let given = "p if {\n\tx := y # (\n\t(x > 1)\n\t[a] = \"(\"\n\t(a)\n\t-1 == a\n}";
        let expected = "p if {\n\tx := y # (\n\t;(x > 1)\n\t;[a] = \"(\"\n\t;(a)\n\t;-1 == a\n}";
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
            "p if {\n\tx := y\n\t- z\n}",
        ] {
            assert_eq!(separated(given.to_owned()), given);
        }
    }
}
