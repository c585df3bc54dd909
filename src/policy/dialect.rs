//! Whose habits a run has: this program's own, or those of Conforma's `ec`.

/// How rules are selected, results are read, indexes are expanded and reports are worded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// This program's own, with the known faults of Conforma's `ec` mended.
    #[default]
    Promote,
    /// That of Conforma's `ec`, known faults included.
    Conforma,
}

impl Dialect {
    /// Tells whether `ec`'s habits are reproduced.
    pub(crate) fn is_conforma(self) -> bool {
        self == Self::Conforma
    }
}
