//! Values of a Helm chart: an image as one text, or in parts as most charts have it.
//!
//! Parts are `registry`, `repository`, `tag` or `version`, and `digest`. Only keys that are
//! there are written; a part that would keep its old value and win is a refusal.

use super::{
    Error, Wanted,
    find::{self, Found, once},
    yaml::{Kind, Node},
};
use crate::image::Reference;

/// The scalars to change for an image at a path of the values.
pub(super) fn wanted<'a>(
    documents: &'a [Node],
    file: &str,
    key: &str,
    image: &Reference,
) -> Result<Vec<Wanted<'a>>, Error> {
    let found = find::at_path(documents, file, key)?;
    if !matches!(found.scalar.kind, Kind::Mapping(_)) {
        let value = image.to_string();
        return Ok(vec![Wanted { found, value }]);
    }
    let parts = Parts {
        node: found.scalar,
        file,
        path: key,
    };
    let mut wanted = Vec::new();
    let repository = parts.scalar("repository")?;
    let Some(repository) = repository else {
        return Err(parts.missing("repository"));
    };
    let registry = parts.scalar("registry")?;
    match registry.filter(|found| found.scalar.text() != Some("")) {
        Some(registry) => {
            wanted.push(Wanted {
                found: registry,
                value: image.repository.registry().to_owned(),
            });
            wanted.push(Wanted {
                found: repository,
                value: image.repository.path().to_owned(),
            });
        }
        None => wanted.push(Wanted {
            found: repository,
            value: image.repository.to_string(),
        }),
    }
    let tag = match parts.scalar("tag")? {
        Some(tag) => Some(tag),
        None => parts.scalar("version")?,
    };
    wanted.extend(versions(&parts, tag, parts.scalar("digest")?, image)?);
    Ok(wanted)
}

/// The mapping that holds the parts.
pub(super) struct Parts<'a, 'b> {
    pub(super) node: &'a Node,
    pub(super) file: &'b str,
    pub(super) path: &'b str,
}

impl<'a> Parts<'a, '_> {
    /// The scalar of a key, if the key is there.
    pub(super) fn scalar(&self, key: &str) -> Result<Option<Found<'a>>, Error> {
        let scalar = once(self.node, key, self.file, self.path)?;
        Ok(scalar.map(|scalar| Found {
            scalar,
            path: format!("{}.{key}", self.path),
        }))
    }

    pub(super) fn missing(&self, key: &str) -> Error {
        Error::NothingThere {
            file: self.file.to_owned(),
            path: self.path.to_owned(),
            missing: format!("key {key}"),
        }
    }

    fn refused(&self, reason: &'static str) -> Error {
        Error::NotEditable {
            file: self.file.to_owned(),
            path: self.path.to_owned(),
            reason,
        }
    }
}

/// What the keys for tag and digest get. A tag's key alone takes `tag@digest`.
pub(super) fn versions<'a>(
    parts: &Parts<'a, '_>,
    tag: Option<Found<'a>>,
    digest: Option<Found<'a>>,
    image: &Reference,
) -> Result<Vec<Wanted<'a>>, Error> {
    let wanted = |found, value| Wanted { found, value };
    match (tag, digest, &image.tag, &image.digest) {
        (Some(place), Some(digest_place), Some(tag), Some(digest)) => Ok(vec![
            wanted(place, tag.to_string()),
            wanted(digest_place, digest.to_string()),
        ]),
        (Some(place), None, Some(tag), Some(digest)) => {
            Ok(vec![wanted(place, format!("{tag}@{digest}"))])
        }
        (Some(place), None, Some(tag), None) => Ok(vec![wanted(place, tag.to_string())]),
        (None, Some(place), _, Some(digest)) => Ok(vec![wanted(place, digest.to_string())]),
        (Some(place), Some(digest_place), None, Some(digest))
            if place.scalar.text() == Some("") =>
        {
            Ok(vec![wanted(digest_place, digest.to_string())])
        }
        (Some(_), Some(_), None, Some(_)) => {
            Err(parts.refused("the old tag would stay beside the digest: use --pin tag-and-digest"))
        }
        (_, Some(_), Some(_), None) => {
            Err(parts.refused("the old digest would win over the tag: use --pin tag-and-digest"))
        }
        (None, None, ..) => Err(parts.missing("tag or digest")),
        (Some(_), None, None, _) => Err(parts.missing("digest")),
        (_, Some(_), None, None) => Err(parts.refused("the image has neither tag nor digest")),
    }
}
