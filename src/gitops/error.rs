//! Refusals: a file of a GitOps repository that is not edited, the place, and the way forward.

use std::fmt;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The path from the root of the repository.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1.
    pub(crate) column: usize,
}

impl Position {
    pub(crate) fn new(file: &str, line: usize, column: usize) -> Self {
        Self {
            file: file.to_owned(),
            line: line.max(1),
            column: column.max(1),
        }
    }

    /// The beginning of a file.
    pub(crate) fn start(file: &str) -> Self {
        Self::new(file, 1, 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A refusal; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The file is not YAML.
    #[error("{at}: not valid YAML: {reason}")]
    Parse {
        /// Where the parser stopped.
        at: Position,
        /// The parser's complaint.
        reason: String,
    },
    /// The file could not be read.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// The file.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The file is a symbolic link, or is reached through one.
    #[error("{file}:1:1: it is a symbolic link to {target}")]
    Link {
        /// The link.
        file: String,
        /// Its target.
        target: String,
    },
    /// The path does not follow the grammar.
    #[error("path {path:?} is malformed: {reason}")]
    PathSyntax {
        /// The path.
        path: String,
        /// The first thing that is wrong.
        reason: String,
    },
    /// A file or directory that was named does not exist.
    #[error("{path} does not exist in the GitOps repository")]
    NoFile {
        /// The path.
        path: String,
    },
    /// The path leads nowhere.
    #[error("{at}: nothing at {path}: {missing} is missing ({there})")]
    NothingThere {
        /// The deepest node that exists.
        at: Position,
        /// The whole path.
        path: String,
        /// The first part that is missing.
        missing: String,
        /// The keys or items that exist instead.
        there: String,
    },
    /// No container fits.
    #[error("{at}: no container {name:?}: found {containers}")]
    NoContainer {
        /// The file or kustomization.
        at: Position,
        /// The component.
        name: String,
        /// The containers that exist.
        containers: String,
    },
    /// No setter marker names the component.
    #[error("{file}: no marker {{\"$imagepolicy\": \"NAMESPACE:{name}\"}}{others}")]
    NoMarker {
        /// The file.
        file: String,
        /// The component.
        name: String,
        /// The markers that exist.
        others: String,
    },
    /// Several places fit.
    #[error("{at}: several places for {name}: {places}")]
    Ambiguous {
        /// The first of them.
        at: Position,
        /// The component or path.
        name: String,
        /// The places.
        places: String,
        /// The way forward.
        hint: String,
    },
    /// The place exists, but an edit of it would change more or other things than it seems.
    #[error("{at}: {path} is not edited: {reason}")]
    NotEditable {
        /// The scalar or collection.
        at: Position,
        /// Its path.
        path: String,
        /// The reason.
        reason: String,
        /// The way forward.
        hint: String,
    },
    /// A construct that could set the image and whose effect is unknown.
    #[error("{at}: {construct} is not understood: {reason}")]
    NotUnderstood {
        /// The construct.
        at: Position,
        /// Its name.
        construct: String,
        /// The reason.
        reason: String,
        /// The way forward.
        hint: String,
    },
    /// A kustomization names a path above the root.
    #[error("{at}: the path {path} leads out of the repository")]
    Outside {
        /// The path's place.
        at: Position,
        /// The path.
        path: String,
    },
    /// The file also serves other environments.
    #[error("{at}: {file} also serves {others}")]
    Shared {
        /// The scalar.
        at: Position,
        /// The file.
        file: String,
        /// The other kustomizations.
        others: String,
        /// The entry to write instead.
        entry: String,
    },
    /// Two components would write one scalar.
    #[error("{at}: {path} is the image of {owner} and cannot be that of {name} too")]
    Claimed {
        /// The scalar.
        at: Position,
        /// Its path.
        path: String,
        /// The component that wrote it.
        owner: String,
        /// The component that would write it now.
        name: String,
    },
    /// The environment would not render as promised after the edit.
    #[error("{at}: an edit of {path} would not have the promised effect: {reason}")]
    NoEffect {
        /// The scalar.
        at: Position,
        /// Its path.
        path: String,
        /// The difference.
        reason: String,
    },
    /// The proof of a single edit failed: a bug, and nothing is written.
    #[error("{at}: the edit of {path} would change something else too")]
    NotExact {
        /// The scalar or list.
        at: Position,
        /// The place.
        path: String,
    },
}

const BY_HAND: &str =
    "name the scalar by --file FILE --path PATH (its effect on the environment is then not proved)";

impl Error {
    /// The next thing to type.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Parse { at, .. } => format!(
                "mend {}, or name another place by --file, --kustomize or --helm-values",
                at.file
            ),
            Self::Read { .. } => {
                "make it a regular file of at most 64 MiB that may be read, or name another place by --file, --kustomize or --helm-values".to_owned()
            }
            Self::NotExact { at, .. } => format!(
                "edit {} by hand, and report its form: promote cannot prove an edit of it",
                at.file
            ),
            Self::Link { target, .. } => format!("name the file itself: {target}"),
            Self::PathSyntax { .. } => {
                "write .key[0][name=web].key; quote keys with dots or slashes: .\"a.b/c\".d".to_owned()
            }
            Self::NoFile { .. } => {
                "check the path, --branch and --environment, name the place by --kustomize, --file or --helm-values, or let --auto find it".to_owned()
            }
            Self::NothingThere { there, .. } if there.starts_with("items") || there.starts_with("keys") => {
                "use one of the names in parentheses; --create writes what is missing of an images: entry".to_owned()
            }
            Self::NothingThere { .. } => "correct the path".to_owned(),
            Self::NoContainer { .. } => {
                "name the component as its container (NAME=REF), use --adopt for the only container, or name the place by --file FILE --path PATH".to_owned()
            }
            Self::NoMarker { .. } => "add the marker behind the scalar, or name the place by --file".to_owned(),
            Self::Ambiguous { hint, .. } => hint.clone(),
            Self::NotEditable { hint, .. } | Self::NotUnderstood { hint, .. } if !hint.is_empty() => hint.clone(),
            Self::NotEditable { .. } | Self::NotUnderstood { .. } => BY_HAND.to_owned(),
            Self::Shared { entry, .. } => format!(
                "--create writes into the overlay: {entry}; --shared-base edits the shared file all the same"
            ),
            Self::Claimed { .. } => {
                "name each component as its container (NAME=REF), or the place by --file FILE --path PATH".to_owned()
            }
            Self::NoEffect { .. } => BY_HAND.to_owned(),
            Self::Outside { .. } => "give the directory above, which holds it too".to_owned(),
        }
    }
}
