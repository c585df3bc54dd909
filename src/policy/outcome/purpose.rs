//! Derives the purpose of rules from their names (conftest's naming).

/// The purpose of a rule, derived from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `deny`, `violation`, `deny_…`: its results are violations.
    Deny,
    /// `warn`, `warn_…`: its results are warnings.
    Warn,
}

impl Purpose {
    /// Returns the purpose of a rule with this name; `None` for a helper rule.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let mut words = name.split('_');
        let purpose = match words.next() {
            Some("deny" | "violation") => Self::Deny,
            Some("warn") => Self::Warn,
            _ => return None,
        };
        let plain =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
        words.all(plain).then_some(purpose)
    }
}

/// Returns the name of a rule in exceptions: without `deny_`, `violation_` or `warn_`.
pub(super) fn without_purpose(rule: &str) -> &str {
    let prefixes = ["violation_", "deny_", "warn_"];
    match rule {
        "violation" | "deny" | "warn" => "",
        _ => prefixes.into_iter().fold(rule, |rest, prefix| {
            rest.strip_prefix(prefix).unwrap_or(rest)
        }),
    }
}
