//! The failure of a command: its kind (the exit code), its cause and the next thing to do.
//!
//! Domain modules have error enums of their own; only `commands` and `cli` use failures.

use std::fmt;

use crate::text;

/// The kind of a failure. Each kind is one exit code of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Bug,
    /// Flags, files, policy syntax or other input cannot be used as they are.
    Usage,
    /// The tag, image, component or file does not exist.
    NotFound,
    /// A signature, attestation, policy or hand-over check refused an image.
    Refused,
    Remote,
    /// An immutable tag has another digest, or a push was rejected for good.
    Conflict,
    Interrupted,
}

impl Kind {
    /// Every kind with an exit code of the contract, in their order. A signal has the code that
    /// shells use for it.
    pub(crate) const ALL: [Self; 6] = [
        Self::Bug,
        Self::Usage,
        Self::NotFound,
        Self::Refused,
        Self::Remote,
        Self::Conflict,
    ];

    /// Returns the exit code of the process.
    #[must_use]
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Bug => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Remote => 5,
            Self::Conflict => 6,
            Self::Interrupted => 130,
        }
    }

    /// Returns the meaning in one line, as the documentation prints it.
    #[must_use]
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Bug => "unexpected error: a bug in promote",
            Self::Usage => {
                "wrong usage or configuration: options, files, policy syntax, missing or refused credentials"
            }
            Self::NotFound => "not found: a tag, image, component or file does not exist",
            Self::Refused => {
                "refused: a check of a signature, attestation, policy or hand-over file failed"
            }
            Self::Remote => {
                "a remote server failed after retries; another run (`retries:` in Tekton) may help"
            }
            Self::Conflict => {
                "conflict: an immutable tag has another digest, or a push was finally rejected"
            }
            Self::Interrupted => "interrupted by the user",
        }
    }
}

/// The cause of a failed command, with its kind and hint.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    source: anyhow::Error,
    hint: Option<String>,
    is_shown: bool,
}

impl Failure {
    /// Returns a failure of the kind from any error or message.
    pub(crate) fn new(kind: Kind, source: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            source: source.into(),
            hint: None,
            is_shown: false,
        }
    }

    /// Returns a failure of the kind from a message.
    pub(crate) fn message(kind: Kind, message: impl fmt::Display) -> Self {
        Self::new(kind, anyhow::anyhow!("{message}"))
    }

    /// Adds the next thing to type or to look at.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the operation that failed.
    #[must_use]
    pub(crate) fn context(mut self, doing: impl fmt::Display) -> Self {
        self.source = self.source.context(doing.to_string());
        self
    }

    /// Marks the failure as shown to the user already.
    #[must_use]
    pub(crate) fn already_shown(mut self) -> Self {
        self.is_shown = true;
        self
    }

    /// Tells whether the failure was shown to the user already.
    #[must_use]
    pub(crate) fn is_already_shown(&self) -> bool {
        self.is_shown
    }

    /// Returns the cause without the hint.
    #[must_use]
    pub(crate) fn cause(&self) -> String {
        let mut text = String::new();
        for link in self.source.chain().map(ToString::to_string) {
            // Many errors show their source as a part of their own text.
            if text.ends_with(&link) {
                continue;
            }
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&link);
        }
        text
    }

    /// Returns the hint: the next thing to type or to look at.
    #[must_use]
    pub(crate) fn next(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the cause as it is shown: a foreign text must not look like a line of this program.
    #[must_use]
    pub(crate) fn safe_cause(&self) -> String {
        text::indented(&self.cause())
    }

    /// Returns the hint as it is shown.
    #[must_use]
    pub(crate) fn safe_hint(&self) -> Option<String> {
        self.hint.as_deref().map(text::indented)
    }

    /// Returns the kind, from which the exit code follows.
    #[must_use]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.safe_cause())?;
        if let Some(hint) = self.safe_hint() {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Turns an error of a domain module into a failure: `result.kind(Kind::Usage)?`.
pub(crate) trait OrFail<T> {
    /// Adds the kind to the error.
    ///
    /// # Errors
    /// The same error, as a [`Failure`] of that kind.
    fn or_fail(self, kind: Kind) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self, kind: Kind) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(kind, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_chain_of_causes_and_the_hint() {
        let cause = std::io::Error::other("disk full");
        let failure = Failure::new(Kind::Usage, cause)
            .context("writing images.json")
            .hint("free some room");
        let shown = "writing images.json: disk full\nhint: free some room";
        assert_eq!(failure.to_string(), shown);
    }

    #[test]
    fn shows_a_cause_once_although_the_text_around_it_repeats_it() {
        #[derive(Debug, thiserror::Error)]
        #[error("component \"web\": {source}")]
        struct Around {
            source: std::io::Error,
        }
        let source = std::io::Error::other("disk full");
        let failure = Failure::new(Kind::Usage, Around { source }).context("images.json");
        assert_eq!(failure.cause(), "images.json: component \"web\": disk full");
    }
}
