//! Escapes external text for display, and checks the grammars of names in documents.
//!
//! Every text of a registry, a Git host, a policy, a Snapshot or a file passes through this module
//! before it reaches a terminal, a log line, a report or a commit. Data for another
//! program (hand-over files, JSON members) keeps its content.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

/// The longest line that is printed, in characters.
const MAX_LINE: usize = 4096;
/// The most characters of a value in a commit message.
const MAX_VALUE: usize = 500;
/// The longest name of a component, as of a Kubernetes object.
const MAX_NAME: usize = 253;
/// The longest Git tag that is promoted.
const MAX_TAG: usize = 255;

/// Reads a duration with its unit, such as `90s`, `5m` or `1h30m`; `None` for other text and a negative one.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let parsed: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(parsed).ok()
}

/// Returns a number with its noun, in the plural except for 1.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {}", plural(number, noun))
}

/// Returns the noun of a number, in the plural except for 1.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{noun}{ending}")
}

/// Returns a secret without the final newline of an editor.
pub(crate) fn without_newline(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Tells whether the character changes how a terminal or an editor displays its surroundings: control
/// characters, line separators, direction marks, invisible format characters.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the text as one line: unsafe characters are escaped, and a long text is cut.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    let cut = cut(text, MAX_LINE);
    if cut.len() == text.len() && !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(cut.len() + 16);
    for c in cut.chars() {
        push(&mut shown, c);
    }
    if cut.len() < text.len() {
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// Returns the text with its lines: other unsafe characters are escaped, nothing is truncated.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let stays = |c: char| matches!(c, '\n' | '\t') || !is_unsafe(c);
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if stays(c) {
            shown.push(c);
        } else {
            push(&mut shown, c);
        }
    }
    Cow::Owned(shown)
}

/// Returns the text with every line after the first indented, so that none of them looks like a line
/// of the program.
pub(crate) fn indented(text: &str) -> String {
    let mut all = text.lines();
    let mut shown = line(all.next().unwrap_or_default()).into_owned();
    for rest in all {
        shown.push('\n');
        if !rest.starts_with("  ") {
            shown.push_str("  ");
        }
        shown.push_str(&line(&rest.replace('\t', "    ")));
    }
    shown
}

/// Returns the text as a value of a commit message: one short line.
pub(crate) fn value(text: &str) -> String {
    let one = line(text.trim());
    let cut = cut(&one, MAX_VALUE);
    if cut.len() < one.len() {
        format!("{cut}…")
    } else {
        one.into_owned()
    }
}

/// Escapes unsafe characters of a JSON document as JSON escapes; its value does not change.
pub(crate) fn json(document: &str) -> Cow<'_, str> {
    let stays = |c: char| c == '\n' || !is_unsafe(c);
    if document.chars().all(stays) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        if stays(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing into a `String` cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    Cow::Owned(shown)
}

fn push(shown: &mut String, c: char) {
    if is_unsafe(c) {
        shown.extend(c.escape_default());
    } else {
        shown.push(c);
    }
}

/// Returns the first characters of a text.
fn cut(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((at, _)) => text.get(..at).unwrap_or_default(),
        None => text,
    }
}

/// Tells whether a text is the name of a component: letters, digits, `.`, `_` and `-`, a letter or
/// digit first, no `..`.
pub(crate) fn is_name(text: &str) -> bool {
    let part = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    text.len() <= MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(part)
        && !text.contains("..")
}

/// Tells whether a text is a commit: 40 or 64 lower-case hexadecimal digits.
pub(crate) fn is_commit(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    matches!(text.len(), 40 | 64) && text.bytes().all(digit)
}

/// Tells whether a text is a valid Git tag by [`git_tag_problem`].
pub(crate) fn is_git_tag(text: &str) -> bool {
    git_tag_problem(text).is_none()
}

/// Describes why a text is not usable as a Git tag: it violates the grammar of `git-check-ref-format(1)`, or has
/// characters that are special in a shell, in Kubernetes' `$(NAME)` or on a terminal.
pub(crate) fn git_tag_problem(text: &str) -> Option<String> {
    let refused = |c: char| is_unsafe(c) || " ~^:?*[]\\$`\"'()<>|&;".contains(c);
    if let Some(c) = text.chars().find(|c| refused(*c)) {
        return Some(format!("it has {c:?}, which is not allowed"));
    }
    if text.starts_with('-') {
        return Some("it begins with '-'".to_owned());
    }
    if text.len() > MAX_TAG {
        return Some(format!("it has more than {MAX_TAG} bytes"));
    }
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.to_ascii_lowercase().ends_with(".lock")
    };
    let is_ref = text != "@"
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && text.split('/').all(part);
    (!is_ref).then(|| "Git does not allow this name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}abc\u{2028}d\re\nf\tg\u{feff}\u{e0041}";

    #[test]
    fn one_line_has_no_unsafe_character() {
        let shown = line(HOSTILE);
        assert!(!shown.chars().any(is_unsafe), "{shown:?}");
        assert!(
            shown.contains("\\u{202e}abc\\u{2028}d\\re\\nf\\tg"),
            "{shown}"
        );
        assert!(matches!(line("Grüße – 東京"), Cow::Borrowed(_)));
        assert_eq!(line(&"x".repeat(5000)).chars().count(), MAX_LINE + 1);
    }

    #[test]
    fn several_lines_stay_lines_and_cannot_pass_for_the_programs_own() {
        assert_eq!(lines("a\n\tb\u{1b}[2J"), "a\n\tb\\u{1b}[2J");
        assert_eq!(
            indented("no\nhint: run this\n  - kept"),
            "no\n  hint: run this\n  - kept"
        );
        assert!(!indented(HOSTILE).contains(['\u{1b}', '\r', '\u{202e}', '\u{2028}']));
    }

    #[test]
    fn a_value_is_short_and_starts_no_trailer() {
        let shown = value("v1\nSigned-off-by: A <a@b>");
        assert_eq!(shown, "v1\\nSigned-off-by: A <a@b>");
        assert!(value(&"\n".repeat(1000)).chars().count() <= MAX_VALUE + 1);
    }

    #[test]
    fn json_means_the_same() {
        let document = serde_json::to_string(HOSTILE).unwrap();
        let shown = json(&document);
        assert!(
            !shown.chars().any(|c| c != '\n' && is_unsafe(c)),
            "{shown:?}"
        );
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), HOSTILE);
    }

    #[test]
    fn names_follow_their_grammar() {
        for good in ["web", "my-app.v2", "A_1", "9"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "-x",
            ".x",
            "a b",
            "a/b",
            "a..b",
            "a\n",
            "a|b",
            "$(x)",
            "<b>",
            "a\u{202e}",
            "ü",
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn tags_follow_gits_grammar() {
        for good in [
            "v1.0",
            "release/2026.1",
            "web@1.2.3",
            "v1.0+build",
            "größe-1",
        ] {
            assert!(is_git_tag(good), "{good}");
        }
        for bad in [
            "",
            "@",
            "-x",
            "a..b",
            "a.",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "/a",
            "a//b",
            "a b",
            "a~1",
            "a:b",
            "a@{1}",
            "a\\b",
            "v1$(PW)",
            "v1\nReviewed-by: x",
            "a\u{2028}",
            "a`b",
            "a\"b",
        ] {
            assert!(!is_git_tag(bad), "{bad:?}");
        }
        assert!(!is_git_tag(&"a".repeat(256)));
    }

    #[test]
    fn commits_have_40_or_64_digits() {
        assert!(is_commit(&"a1".repeat(20)) && is_commit(&"0f".repeat(32)));
        for bad in ["", "abc", &"A".repeat(40), &"g".repeat(40), &"a".repeat(41)] {
            assert!(!is_commit(bad), "{bad}");
        }
    }
}
