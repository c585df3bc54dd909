//! The places of an image: the locator of a request, and the files of a directory or repository.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{DeployRequest, DeployedImage};
use crate::{
    commands::files::list_files,
    gitops::{self, Edit, EditOptions, Error, Locator},
};

impl DeployRequest {
    /// Returns the edit of one image in one environment.
    pub(super) fn edit(&self, image: &DeployedImage, environment: &str, single: bool) -> Edit {
        let setter = |file: Option<String>| Locator::Setter {
            file,
            namespace: self.setter_namespace.clone(),
        };
        let key = || self.key.clone().unwrap_or_else(|| "image".to_owned());
        let locator = match (&self.kustomize, &self.helm_values, &self.file) {
            (Some(dir), ..) => Locator::Kustomize(dir.clone()),
            (_, Some(file), _) => Locator::Path(file.clone(), key()),
            (_, _, Some(file)) if self.setter => setter(Some(file.clone())),
            (_, _, Some(file)) => match &self.path {
                Some(path) => Locator::Path(file.clone(), path.clone()),
                None => Locator::File(file.clone()),
            },
            _ if self.setter => setter(None),
            _ => Locator::Usual { search: self.auto },
        };
        Edit {
            locator,
            environment: environment.to_owned(),
            component: image.component(),
            image: image.written(self.pin),
            options: EditOptions {
                single,
                ..self.options
            },
            document: self.document.clone(),
        }
    }
}

/// Returns the files of a directory, without following links out of it.
pub(crate) fn local_tree(dir: &Path) -> gitops::Tree<'_> {
    gitops::Tree::new(
        move |path| read(dir, path),
        move || {
            list_files(dir).map_err(|failure| Error::List {
                root: dir.display().to_string(),
                reason: failure.cause(),
                hint: "make the directories in it readable, or name another directory by --local"
                    .to_owned(),
            })
        },
    )
}

fn read(dir: &Path, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let failed = |error: io::Error| Error::Read {
        file: path.to_owned(),
        reason: error.to_string(),
    };
    if let Some((link, target)) = link(dir, path).map_err(failed)? {
        return Err(Error::Link {
            file: link,
            target: target.display().to_string(),
        });
    }
    match std::fs::metadata(dir.join(path)) {
        Ok(found) if found.is_file() => std::fs::read(dir.join(path)).map(Some).map_err(failed),
        Ok(_) => Ok(None),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Returns the first part of a path that is a symbolic link, and its target.
fn link(dir: &Path, path: &str) -> io::Result<Option<(String, PathBuf)>> {
    let mut at = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if !at.is_empty() {
            at.push('/');
        }
        at.push_str(part);
        match std::fs::symlink_metadata(dir.join(&at)) {
            Ok(found) if found.file_type().is_symlink() => {
                let target = std::fs::read_link(dir.join(&at))?;
                return Ok(Some((at, target)));
            }
            Ok(_) => {}
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
