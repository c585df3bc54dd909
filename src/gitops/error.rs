//! Refusals: a file of a GitOps repository that is not edited, the place, and the way forward.

use std::{collections::BTreeSet, fmt};

use super::tree::Tree;

/// The reason of [`Error::PathSyntax`] for a path that leaves the repository.
pub(super) const BELOW_ROOT: &str = "expected a path below the repository's root";

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

    /// The first line and column of a file.
    pub(crate) fn start(file: &str) -> Self {
        Self::new(file, 1, 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A refused edit. Nothing was changed, and each `hint` is the next thing to type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("{at}: not valid YAML: {reason}")]
    Parse { at: Position, reason: String },
    /// The file could not be read.
    #[error("{file}:1:1: cannot be read: {reason}")]
    Read { file: String, reason: String },
    /// The files of the repository could not be listed.
    #[error("{root}: its files cannot be listed, so no file or line is named: {reason}")]
    List {
        root: String,
        reason: String,
        hint: String,
    },
    /// The file is a symbolic link, or is reached through one.
    #[error("{file}:1:1: it is a symbolic link to {target}")]
    Link { file: String, target: String },
    /// The path does not follow the grammar.
    #[error("path {path:?} on the command line, not in a file, is malformed: {reason}")]
    PathSyntax { path: String, reason: String },
    /// A file or directory from the command line, or of the usual layout, that does not exist.
    #[error("{path} does not exist in the GitOps repository, so there is no line to name{there}")]
    NoFile { path: String, there: String },
    #[error("{at}: nothing at {path}: {missing} is missing ({there})")]
    NothingThere {
        at: Position,
        path: String,
        /// The first part of the path that is missing.
        missing: String,
        /// The keys or items that exist there instead.
        there: String,
    },
    #[error("{at}: no container {name:?}: found {containers}")]
    NoContainer {
        at: Position,
        name: String,
        containers: String,
    },
    /// No setter marker names the component.
    #[error("{file}: no marker {{\"$imagepolicy\": \"NAMESPACE:{name}\"}}{others}")]
    NoMarker {
        file: String,
        name: String,
        others: String,
    },
    #[error("{at}: several places for {name}: {places}")]
    Ambiguous {
        at: Position,
        name: String,
        places: String,
        hint: String,
    },
    /// The place exists, but its edit would have further effects.
    #[error("{at}: {path} is not edited: {reason}")]
    NotEditable {
        at: Position,
        path: String,
        reason: String,
        hint: String,
    },
    /// A construct that could set the image, with an unknown effect.
    #[error("{at}: {construct} is not understood: {reason}")]
    NotUnderstood {
        at: Position,
        construct: String,
        reason: String,
        hint: String,
    },
    /// A kustomization has a path that leads out of the repository.
    #[error("{at}: the path {path} leads out of the repository")]
    Outside { at: Position, path: String },
    /// The file also serves other environments.
    #[error("{at}: {file} also serves {others}")]
    Shared {
        at: Position,
        file: String,
        others: String,
        entry: String,
    },
    /// Two components would write the same scalar.
    #[error("{at}: {path} is the image of {owner} and cannot be that of {name} too")]
    Claimed {
        at: Position,
        path: String,
        owner: String,
        name: String,
    },
    /// The environment would not deploy the promised images after the edit.
    #[error("{at}: an edit of {path} would not have the promised effect: {reason}")]
    NoEffect {
        at: Position,
        path: String,
        reason: String,
    },
    /// The proof of a single edit failed: a bug, and nothing is written.
    #[error("{at}: the edit of {path} would change something else too")]
    NotExact { at: Position, path: String },
}

/// The number of entries of a directory that a message names.
const MAX_ENTRIES: usize = 12;

const BY_HAND: &str =
    "name the scalar by --file FILE --path PATH (its effect on the environment is then not proved)";

impl Error {
    /// Reports a path that does not exist, with the entries of the deepest directory on its way that does.
    pub(super) fn no_file(tree: &Tree<'_>, path: &str) -> Self {
        let first = path.split(", or ").next().unwrap_or_default();
        let there = tree.files().map(|files| entries(&files, first));
        Self::NoFile {
            path: path.to_owned(),
            there: there.unwrap_or_else(|error| format!(": {error}")),
        }
    }

    /// Returns the next thing to type.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Parse { at, .. } => format!(
                "repair {}, or name another place by --file, --kustomize or --helm-values",
                at.file
            ),
            Self::Read { .. } => {
                "make it a regular file of at most 64 MiB that may be read, or name another place by --file, --kustomize or --helm-values".to_owned()
            }
            Self::List { hint, .. } => hint.clone(),
            Self::NotExact { at, .. } => format!(
                "edit {} by hand, and report its form: promote cannot prove an edit of it",
                at.file
            ),
            Self::Link { target, .. } => format!("name the file itself: {target}"),
            Self::PathSyntax { reason, .. } if reason == BELOW_ROOT => {
                "write the path from the root of the repository, without a leading / and without ..".to_owned()
            }
            Self::PathSyntax { .. } => {
                "write .key[0][name=web].key; quote keys with dots or slashes: .\"a.b/c\".d".to_owned()
            }
            Self::NoFile { .. } => {
                "check the path, --branch and --environment, name the place by --kustomize, --file or --helm-values, or let --auto find it".to_owned()
            }
            Self::NothingThere { there, .. } if there.starts_with("items") || there.starts_with("keys") => {
                "use one of the names in parentheses; --create adds the missing keys of an images: entry".to_owned()
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
                "--create writes into the overlay: {entry}; --shared-base edits the shared file anyway"
            ),
            Self::Claimed { .. } => {
                "name each component as its container (NAME=REF), or the place by --file FILE --path PATH".to_owned()
            }
            Self::NoEffect { .. } => BY_HAND.to_owned(),
            Self::Outside { .. } => "use the parent directory, which contains it too".to_owned(),
        }
    }
}

/// The entries of the deepest directory on the way to a path that exists.
fn entries(files: &[String], path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| *part != ".").collect();
    for depth in (0..parts.len()).rev() {
        let dir = parts.get(..depth).unwrap_or_default().join("/");
        let prefix = match dir.is_empty() {
            true => String::new(),
            false => format!("{dir}/"),
        };
        let below = files.iter().filter_map(|file| file.strip_prefix(&prefix));
        let names: BTreeSet<_> = below.filter_map(|rest| rest.split('/').next()).collect();
        if names.is_empty() {
            continue;
        }
        let shown: Vec<_> = names.iter().take(MAX_ENTRIES).copied().collect();
        let more = match names.len().saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let dir = if dir.is_empty() { "its root" } else { &dir };
        return format!(": {dir} has {}{more}", shown.join(", "));
    }
    ": it has no files".to_owned()
}

#[cfg(test)]
mod tests;
