//! Case folding of object keys as Go's `encoding/json` does it (Unicode simple folding).

/// Returns the representative of all characters that Go's reader treats as equal.
fn fold(c: char) -> impl Iterator<Item = char> {
    let plain = match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    };
    // Beyond ASCII this equates at least the pairs of simple folding.
    let upper = plain.to_uppercase();
    upper.flat_map(char::to_lowercase)
}

/// Tells whether two keys name the same member for a reader that ignores case.
pub(super) fn equal(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().flat_map(fold).eq(b.chars().flat_map(fold))
}

/// Returns a text that is the same for all keys that are equal under folding.
pub(super) fn folded(key: &str) -> String {
    key.chars().flat_map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_the_two_letters_outside_ascii() {
        for (a, b) in [
            ("Layers", "layers"),
            ("layer\u{17f}", "layers"),
            ("\u{212a}eyid", "keyid"),
            ("\u{c4}", "\u{e4}"),
        ] {
            assert!(equal(a, b), "{a} {b}");
            assert_eq!(folded(a), folded(b));
        }
        assert!(!equal("layers", "layer"));
        assert!(!equal("l\u{e4}yers", "layers"));
    }
}
