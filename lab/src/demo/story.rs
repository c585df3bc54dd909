//! How the demo speaks: calm lines, colours on a terminal only.

use std::{
    env,
    io::{self, IsTerminal, Write as _},
};

/// Tells whether a stream shows colours: it is a terminal and nobody asked for plain text.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule is for the product; this is the lab's only question to its terminal"
)]
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !plain && stream.is_terminal()
}

/// Writes to standard output.
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

    /// Something that ended well: its name and what it found or did.
    pub(super) fn done(self, name: &str, text: &str) {
        self.line(&format!("  {} {name:<30} {text}", self.paint("32", "✓")));
    }

    /// Something that was stopped.
    pub(super) fn stop(self, text: &str) {
        self.line(&format!("  {} {text}", self.paint("33", "■")));
    }

    /// Something that must not be.
    pub(super) fn wrong(self, text: &str) {
        self.line(&format!("  {} {text}", self.paint("31", "✗")));
    }

    /// A line that belongs to the one above.
    pub(super) fn aside(self, text: &str) {
        self.line(&format!("    {}", self.paint("2", text)));
    }

    pub(super) fn line(self, text: &str) {
        // A reader that has gone away ends the demo soon enough.
        let _ = writeln!(io::stdout(), "{text}");
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}
