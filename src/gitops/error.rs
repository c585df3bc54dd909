//! Why a file of a GitOps repository is not edited.

/// A refusal; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The file is no YAML.
    #[error("{file} is no YAML: {reason}")]
    Parse {
        /// The file.
        file: String,
        /// What the parser said, with the line.
        reason: String,
    },
    /// The path is not of the form that we read.
    #[error("path {path:?} is not understood: expected .key[0][name=web].key")]
    PathSyntax {
        /// The path.
        path: String,
    },
    /// Nothing stands at the path.
    #[error("nothing at {path} in {file}: {missing} is missing")]
    NothingThere {
        /// The file.
        file: String,
        /// The whole path.
        path: String,
        /// The first part that is missing.
        missing: String,
    },
    /// No container fits.
    #[error("no container {name:?} in {file}: it has {containers}")]
    NoContainer {
        /// The file.
        file: String,
        /// The component.
        name: String,
        /// The containers that are there.
        containers: String,
    },
    /// No entry of `images:` fits.
    #[error("no images: entry for {name:?} in {file}: it has {entries}")]
    NoEntry {
        /// The file.
        file: String,
        /// The component.
        name: String,
        /// The entries that are there.
        entries: String,
    },
    /// No setter marker names the component.
    #[error("no marker {{\"$imagepolicy\": \"…:{name}\"}} in {file}")]
    NoMarker {
        /// The file.
        file: String,
        /// The component.
        name: String,
    },
    /// Several places fit.
    #[error("{file} has several places for {name}: {places}")]
    Ambiguous {
        /// The file.
        file: String,
        /// The component or path.
        name: String,
        /// The places.
        places: String,
    },
    /// The place is there, but an edit would change more or other things than it seems.
    #[error("{path} in {file} is not edited: {reason}")]
    NotEditable {
        /// The file.
        file: String,
        /// The place.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// The proof after the edit failed: a bug, and nothing is written.
    #[error("the edit of {path} in {file} would change something else too")]
    NotExact {
        /// The file.
        file: String,
        /// The place.
        path: String,
    },
}
