//! The output of the demo: lines in two columns, colours on a terminal only.

use std::{
    env,
    io::{self, IsTerminal, Write as _},
};

/// The width of a usual terminal.
const WIDTH: usize = 80;
/// The width of the column of names.
const NAME: usize = 29;

/// Tells whether a stream shows colours: it is a terminal and `NO_COLOR` is not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule is for the product; this is the lab's only question to its terminal"
)]
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !plain && stream.is_terminal()
}

/// Writes the lines of the demo to standard output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story {
    colour: bool,
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            colour: has_colours(&io::stdout()),
        }
    }

    pub(super) fn heading(self, text: &str) {
        self.line(&format!("\n{}", self.paint("1", text)));
    }

    /// Shows a step that ended well: its name and its result.
    pub(super) fn done(self, name: &str, text: &str) {
        self.marked("32", "✓", name, &[text.to_owned()]);
    }

    /// Shows an attack that was stopped, with a paragraph for each text.
    pub(super) fn stop(self, name: &str, texts: &[String]) {
        self.marked("33", "■", name, texts);
    }

    /// Shows a check of the demo that failed, with a paragraph for each text.
    pub(super) fn wrong(self, name: &str, texts: &[String]) {
        self.marked("31", "✗", name, texts);
    }

    /// Shows a name and a text in two columns.
    pub(super) fn row(self, name: &str, text: &str) {
        self.marked("2", " ", name, &[text.to_owned()]);
    }

    /// Two columns: the name, and the texts broken into lines; the last of several is dim.
    fn marked(self, colour: &str, mark: &str, name: &str, texts: &[String]) {
        let mut left = format!("{} {name:<NAME$}", self.paint(colour, mark));
        for (number, text) in texts.iter().enumerate() {
            let is_aside = number > 1 && number + 1 == texts.len();
            for line in wrapped(text, WIDTH - NAME - 3) {
                let line = if is_aside {
                    self.paint("2", &line)
                } else {
                    line
                };
                self.line(&format!("{left} {line}"));
                left = " ".repeat(NAME + 2);
            }
        }
    }

    pub(super) fn line(self, text: &str) {
        // A closed standard output is not an error.
        let _ = writeln!(io::stdout(), "{text}");
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// The lines of a text, broken between words; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else {
            break;
        };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_between_words_and_never_inside_one() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a-long-word b", 4), ["a-long-word", "b"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
