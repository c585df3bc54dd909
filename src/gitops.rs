//! Sets images in a GitOps repository: finds the scalar with the image, edits it, proves the effect.
//!
//! Pure functions over a [`Tree`] of files: module `git` fetches, commits and pushes.
//! An edit replaces the bytes of one scalar and is parsed again to prove that nothing else
//! changed in the file; in an overlay, the objects are built before and after. A place that
//! cannot be edited without side effects (an alias, a shared anchor, a duplicate key, a template,
//! a construct that is not supported) is refused.

mod error;
#[cfg(test)]
pub(crate) mod fuzz;
mod graph;
mod helm;
mod insert;
mod markers;
mod overrides;
mod parts;
mod path;
mod read;
mod render;
mod scalar;
mod setter;
mod splice;
mod tree;
mod update;
mod yaml;

pub(crate) use error::Error;
pub(crate) use read::{Deployed, deployed};
pub(crate) use render::{DirectoryKind, files, fill, layout, prepare, unfit};
pub(crate) use tree::{ChangedFile, Tree};
pub(crate) use update::{Edit, Locator, update};

use crate::image::Repository;

/// The component whose image is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetComponent {
    pub(crate) name: String,
    /// The repositories that the image may have in a file before the edit.
    pub(crate) repositories: Vec<String>,
}

/// The kinds of edits that the flags allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EditOptions {
    /// Edits every image of the component's repository, not only the one container.
    pub(crate) all: bool,
    /// Writes an `images:` entry, or a key of one, that is missing.
    pub(crate) create: bool,
    /// Edits a file that other environments read too.
    pub(crate) shared_base: bool,
    /// Edits a scalar that aliases repeat.
    pub(crate) allow_shared: bool,
    /// Replaces an image that is not known to be the component's.
    pub(crate) adopt: bool,
    /// Replaces a variable that is substituted later.
    pub(crate) overwrite_variable: bool,
    /// Set when one image alone is deployed.
    pub(crate) single: bool,
    /// Set for a copy that Argo CD and Flux do not read.
    pub(crate) copy: bool,
}

/// A place with the new image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WrittenImage {
    pub(crate) file: String,
    /// The path of the scalar or entry.
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) old: String,
    /// The text after the edit; equal to `old` when nothing changed.
    pub(crate) new: String,
}

/// The places of one component, with warnings for the user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EditOutcome {
    /// Every place, edited or already correct.
    pub(crate) places: Vec<WrittenImage>,
    /// Places that were not edited, and effects that could not be proved.
    pub(crate) warnings: Vec<String>,
}

impl TargetComponent {
    /// Tells whether an image, with or without tag, has one of the component's repositories.
    pub(crate) fn knows(&self, image: &str) -> bool {
        let (repository, ..) = graph::split(image);
        // `nginx` and `docker.io/library/nginx` are the same repository.
        let full = repository.parse::<Repository>();
        let full = full.map(|repository| repository.to_string());
        let same = |known: &String| known == repository || Ok(known) == full.as_ref();
        self.repositories.iter().any(same)
    }

    /// Tells whether a repository has the last segment of the component's, in another registry or namespace.
    pub(crate) fn ends_alike(&self, image: &str) -> bool {
        let (repository, ..) = graph::split(image);
        let end = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
        let found = end(repository);
        found == self.name || self.repositories.iter().any(|known| end(known) == found)
    }
}

#[cfg(test)]
mod tests;
