//! Where an image stands in a GitOps repository, and the edit of that one scalar.
//!
//! Pure functions over the bytes of files: fetching, committing and pushing is `git`'s work.
//! An edit replaces the bytes of one scalar and is parsed again to prove that nothing else
//! changed. What cannot be edited without a surprise (an alias, a shared anchor, a duplicate
//! key, a template) is refused.

mod error;
mod find;
mod splice;
mod yaml;

pub(crate) use error::Error;

use find::{Found, Target};

/// Which image of a file is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Locator {
    /// The container of a workload: by name, by its present repository, or the only one there is.
    Container {
        /// The component's name.
        name: String,
        /// The repositories under which the image may stand there now.
        repositories: Vec<String>,
    },
    /// The scalar at a path such as `.spec.template.spec.containers[name=web].image`.
    Path(String),
}

/// An edit of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The file after the edit.
    pub(crate) content: Vec<u8>,
    /// What stood there before.
    pub(crate) previous: String,
}

/// Puts the image where the locator says; an edit with the same content changed nothing.
///
/// # Errors
/// Any [`Error`]; `file` only names the file in them.
pub(crate) fn set_image(
    file: &str,
    content: &[u8],
    locator: &Locator,
    image: &str,
) -> Result<Edit, Error> {
    let text = std::str::from_utf8(content).map_err(|_| Error::Parse {
        file: file.to_owned(),
        reason: "it is no UTF-8".to_owned(),
    })?;
    let documents = yaml::parse(file, text)?;
    let Found { scalar, path } = match locator {
        Locator::Container { name, repositories } => find::container(
            &documents,
            &Target {
                file,
                name,
                repositories,
            },
        )?,
        Locator::Path(path) => find::at_path(&documents, file, path)?,
    };
    let edited = splice::replace(file, text, &path, scalar, image)?;
    Ok(Edit {
        content: edited.into_bytes(),
        previous: scalar.text().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests;
