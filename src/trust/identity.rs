//! Whom keyless signatures are expected from: subject and OIDC issuer, exactly or by pattern.
//!
//! Patterns of the command line are anchored: unanchored, `https://github.com/org/.*` would also match
//! `https://evil.example/?https://github.com/org/`.

use std::fmt;

use regex::{Regex, RegexBuilder};

use super::Error;

const MAX_PATTERN: usize = 1 << 20;

/// A text that is expected, or a pattern for it.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    Exact(String),
    /// A pattern for the whole text.
    Pattern(Regex),
    /// A pattern for the whole text, and the same without its anchors for the message.
    Anchored {
        whole: Regex,
        /// The pattern as it was given.
        given: Regex,
    },
}

impl Matcher {
    /// Expects this text.
    ///
    /// # Errors
    /// [`Error::Identity`] when it is empty.
    pub(crate) fn exact(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Identity {
                reason: "it is empty".to_owned(),
            });
        }
        Ok(Self::Exact(text.to_owned()))
    }

    /// Expects a text that the pattern matches from its first to its last character.
    ///
    /// # Errors
    /// [`Error::Identity`] when the pattern is empty or wrong.
    pub(crate) fn pattern(text: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Identity { reason };
        if text.is_empty() {
            return Err(wrong("the pattern is empty".to_owned()));
        }
        // Compiled alone first, so that a stray parenthesis cannot reach out of the anchored group.
        let compile = |text: &str| RegexBuilder::new(text).size_limit(MAX_PATTERN).build();
        let given = compile(text).map_err(|error| wrong(error.to_string()))?;
        let whole = compile(&format!("^(?:{text})$")).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::Anchored { whole, given })
    }

    /// Expects a text of which a part matches, as cosign does.
    ///
    /// # Errors
    /// [`Error::Identity`] when the pattern is empty or wrong.
    pub(crate) fn part(text: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Identity { reason };
        if text.is_empty() {
            return Err(wrong("the pattern is empty".to_owned()));
        }
        let pattern = RegexBuilder::new(text).size_limit(MAX_PATTERN).build();
        let pattern = pattern.map_err(|error| wrong(error.to_string()))?;
        Ok(Self::Pattern(pattern))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(expected) => expected == text,
            Self::Pattern(pattern) => pattern.is_match(text),
            Self::Anchored { whole, .. } => whole.is_match(text),
        }
    }

    /// The pattern, if it matches a part of the text only.
    fn partly(&self, text: &str) -> Option<&str> {
        match self {
            Self::Anchored { whole, given } if !whole.is_match(text) && given.is_match(text) => {
                Some(given.as_str())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Pattern(pattern) => f.write_str(pattern.as_str()),
            Self::Anchored { given, .. } => f.write_str(given.as_str()),
        }
    }
}

/// An expected signer.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Who signs: the certificate's subject alternative name.
    pub(crate) subject: Matcher,
    /// Who vouches for the signer: the OIDC issuer.
    pub(crate) issuer: Matcher,
}

impl Identity {
    /// Tells whether the certificate's claims are the expected ones.
    pub(super) fn matches(&self, subject: &str, issuer: &str) -> bool {
        self.subject.matches(subject) && self.issuer.matches(issuer)
    }

    /// Names the pattern that only a part of the signer's name matches, and the name. The other claim
    /// must match at least in part.
    pub(super) fn partly<'a>(
        &'a self,
        subject: &'a str,
        issuer: &'a str,
    ) -> Option<(&'a str, &'a str)> {
        let parts = [(&self.subject, subject), (&self.issuer, issuer)];
        let near = |(matcher, text): &(&Matcher, &str)| {
            matcher.matches(text) || matcher.partly(text).is_some()
        };
        if !parts.iter().all(near) {
            return None;
        }
        parts
            .into_iter()
            .find_map(|(matcher, text)| Some((matcher.partly(text)?, text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_text_only() {
        let pattern = Matcher::pattern("https://github.com/org/.*").unwrap();
        assert!(pattern.matches("https://github.com/org/app"));
        assert!(!pattern.matches("https://evil/?https://github.com/org/"));
        assert!(!pattern.matches("https://evil/\nhttps://github.com/org/app"));
        let alternatives = Matcher::pattern("a|b").unwrap();
        assert!(alternatives.matches("b") && !alternatives.matches("ab"));
    }

    #[test]
    fn a_part_is_enough_where_upstream_decides() {
        let prefix = Matcher::part("^https://k8s.example/namespaces/default/").unwrap();
        assert!(prefix.matches("https://k8s.example/namespaces/default/serviceaccounts/x"));
        assert!(!prefix.matches("https://evil/?https://k8s.example/namespaces/default/"));
        let whole = Matcher::part("^a$").unwrap();
        assert!(whole.matches("a") && !whole.matches("ab") && !whole.matches("a\n"));
        assert!(Matcher::part("").is_err() && Matcher::part("(").is_err());
    }

    #[test]
    fn an_exact_text_is_no_pattern() {
        let exact = Matcher::exact("a.c").unwrap();
        assert!(exact.matches("a.c") && !exact.matches("abc"));
    }

    #[test]
    fn refuses_patterns_that_break_out_or_say_nothing() {
        for text in ["", "a)|(?:.*", "(", "a{1000000}"] {
            assert!(Matcher::pattern(text).is_err(), "{text}");
        }
        assert!(Matcher::exact("").is_err());
    }
}
