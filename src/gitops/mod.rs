//! Where an image stands in a GitOps repository, and the edit of that one scalar.
//!
//! Pure functions over the bytes of files: fetching, committing and pushing is `git`'s work.
//! An edit replaces the bytes of one scalar and is parsed again to prove that nothing else
//! changed. What cannot be edited without a surprise (an alias, a shared anchor, a duplicate
//! key, a template) is refused.

mod error;
mod find;
mod helm;
mod images;
mod kustomize;
mod setter;
mod splice;
mod yaml;

use std::cmp::Reverse;

pub(crate) use error::Error;
use find::{Found, Target};
pub(crate) use images::images;
pub(crate) use kustomize::{Kustomization, is_kustomization};

use crate::image::Reference;

/// Which image of a file is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Locator {
    /// The container of a workload: by name, by its present repository, or the only one there is.
    Container(Component),
    /// The scalar at a path such as `.spec.template.spec.containers[name=web].image`.
    Path(String),
    /// The entry of a kustomization's `images:`.
    Kustomize(Component),
    /// The value at a path of a Helm chart's values: a reference, or a mapping of its parts.
    Helm(String),
    /// Every scalar with a Flux marker whose policy has the component's name.
    Setter(String),
}

/// Whose image it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// The component's name.
    pub(crate) name: String,
    /// The repositories under which the image may stand in a file now.
    pub(crate) repositories: Vec<String>,
}

/// An edit of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The file after the edit.
    pub(crate) content: Vec<u8>,
    /// What stood there before.
    pub(crate) previous: String,
}

/// A scalar and the text that it shall have.
struct Wanted<'a> {
    found: Found<'a>,
    value: String,
}

/// Puts the image where the locator says; an edit with the same content changed nothing.
///
/// # Errors
/// Any [`Error`]; `file` only names the file in them.
pub(crate) fn set_image(
    file: &str,
    content: &[u8],
    locator: &Locator,
    image: &Reference,
) -> Result<Edit, Error> {
    let text = utf8(file, content)?;
    let documents = yaml::parse(file, text)?;
    let whole = |found| {
        vec![Wanted {
            found,
            value: image.to_string(),
        }]
    };
    let mut wanted = match locator {
        Locator::Container(component) => {
            whole(find::container(&documents, &component.target(file))?)
        }
        Locator::Path(path) => whole(find::at_path(&documents, file, path)?),
        Locator::Kustomize(component) => {
            kustomize::wanted(&documents, &component.target(file), image)?
        }
        Locator::Helm(key) => helm::wanted(&documents, file, key, image)?,
        Locator::Setter(name) => setter::wanted(&documents, text, file, name, image)?,
    };
    let olds = wanted
        .iter()
        .filter_map(|wanted| wanted.found.scalar.text());
    let previous = olds.collect::<Vec<_>>().join(" ");
    // From the end, so that the ranges before it stay where they are.
    wanted.sort_by_key(|wanted| Reverse(wanted.found.scalar.range.start));
    let mut edited = text.to_owned();
    for Wanted { found, value } in &wanted {
        edited = splice::replace(file, &edited, &found.path, found.scalar, value)?;
    }
    Ok(Edit {
        content: edited.into_bytes(),
        previous,
    })
}

/// How surely a file is the one that names a component's image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// A container has the component's name.
    Name,
    /// An image is of the component's repository.
    Repository,
}

/// Tells whether a file has a container for the component.
///
/// # Errors
/// [`Error::Parse`] and [`Error::NotEditable`].
pub(crate) fn fit(file: &str, content: &[u8], component: &Component) -> Result<Option<Fit>, Error> {
    let documents = yaml::parse(file, utf8(file, content)?)?;
    find::fit(&documents, &component.target(file))
}

/// Reads what a kustomization names.
///
/// # Errors
/// [`Error::Parse`] and [`Error::NotEditable`].
pub(crate) fn kustomization(file: &str, content: &[u8]) -> Result<Kustomization, Error> {
    let documents = yaml::parse(file, utf8(file, content)?)?;
    Kustomization::read(&documents, file)
}

impl Component {
    fn target<'a>(&'a self, file: &'a str) -> Target<'a> {
        Target {
            file,
            name: &self.name,
            repositories: &self.repositories,
        }
    }
}

fn utf8<'a>(file: &str, content: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(content).map_err(|_| Error::Parse {
        file: file.to_owned(),
        reason: "it is no UTF-8".to_owned(),
    })
}

#[cfg(test)]
mod tests;
