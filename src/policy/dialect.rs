//! The dialect of a run: this program's own behaviour, or that of Conforma's `ec`.

/// Decides how rules are selected, results are read, indexes are expanded and reports are worded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// This program's own, without the known bugs of Conforma's `ec`.
    #[default]
    Promote,
    /// That of Conforma's `ec`, including known bugs.
    Conforma,
}

impl Dialect {
    /// Tells whether the behaviour of `ec` is reproduced.
    pub(crate) fn is_conforma(self) -> bool {
        self == Self::Conforma
    }
}
