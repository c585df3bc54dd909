//! Expected keyless signers: subject and OIDC issuer, by exact text or pattern.
//!
//! Patterns of the command line are anchored. Without anchors, `https://github.com/org/.*` would also match
//! `https://evil.example/?https://github.com/org/`.

use std::fmt;

use regex::{Regex, RegexBuilder};

use super::Error;

const MAX_PATTERN: usize = 1 << 20;

/// An expected text, or a pattern for it.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    Exact(String),
    /// A pattern that may match a part of the text.
    Pattern(Regex),
    /// A pattern that must match the whole text, and the same without anchors for the message.
    Anchored {
        whole: Regex,
        /// The pattern without anchors, as the user wrote it.
        given: Regex,
    },
}

impl Matcher {
    /// Makes a matcher of exactly this text.
    ///
    /// # Errors
    /// [`Error::Identity`] for an empty text.
    pub(crate) fn exact(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Identity {
                reason: "it is empty".to_owned(),
            });
        }
        Ok(Self::Exact(text.to_owned()))
    }

    /// Makes a matcher of a pattern that must match the whole text.
    ///
    /// # Errors
    /// [`Error::Identity`] for an empty or invalid pattern.
    pub(crate) fn pattern(text: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Identity { reason };
        if text.is_empty() {
            return Err(wrong("the pattern is empty".to_owned()));
        }
        // Compiled without anchors first, so that a stray parenthesis cannot end the anchored group.
        let compile = |text: &str| RegexBuilder::new(text).size_limit(MAX_PATTERN).build();
        let given = compile(text).map_err(|error| wrong(error.to_string()))?;
        let whole = compile(&format!("^(?:{text})$")).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::Anchored { whole, given })
    }

    /// Makes a matcher of a pattern that may match a part of the text, as in cosign.
    ///
    /// # Errors
    /// [`Error::Identity`] for an empty or invalid pattern.
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

    /// Returns the pattern, if it matches only a part of the text.
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

/// An expected keyless signer, by subject and issuer.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedIdentity {
    /// The expected subject alternative name of the certificate.
    pub(crate) subject: Matcher,
    /// The expected OIDC issuer, which authenticated the signer.
    pub(crate) issuer: Matcher,
}

impl ExpectedIdentity {
    /// Tells whether the subject and issuer of a certificate are the expected ones.
    pub(super) fn matches(&self, subject: &str, issuer: &str) -> bool {
        self.subject.matches(subject) && self.issuer.matches(issuer)
    }

    /// Returns the pattern that matches only a part of the signer's name, and the name. The other claim
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
    fn an_exact_text_is_not_a_pattern() {
        let exact = Matcher::exact("a.c").unwrap();
        assert!(exact.matches("a.c") && !exact.matches("abc"));
    }

    #[test]
    fn refuses_patterns_that_escape_or_are_empty() {
        for text in ["", "a)|(?:.*", "(", "a{1000000}"] {
            assert!(Matcher::pattern(text).is_err(), "{text}");
        }
        assert!(Matcher::exact("").is_err());
    }
}
