//! The purpose of rules by their names (conftest's rules for names).

/// The purpose of a rule, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `deny`, `violation`, `deny_…`: its results are violations.
    Deny,
    /// `warn`, `warn_…`: its results are warnings.
    Warn,
}

impl Purpose {
    /// Returns the purpose of a rule of this name; `None` for a rule that others use.
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

/// The name of a rule as exceptions write it.
pub(super) fn without_purpose(rule: &str) -> &str {
    let prefixes = ["violation_", "deny_", "warn_"];
    match rule {
        "violation" | "deny" | "warn" => "",
        _ => prefixes.into_iter().fold(rule, |rest, prefix| {
            rest.strip_prefix(prefix).unwrap_or(rest)
        }),
    }
}
