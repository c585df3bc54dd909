//! Kustomizations: the entries of `images:` and the files that may set an image instead.
//!
//! Only keys that are there are written; an entry is never added, because comments and order
//! of such a file are somebody's work.

use super::{
    Component, Error, Wanted,
    find::{Target, listed, once},
    helm::{Parts, versions},
    yaml::Node,
};
use crate::image::Reference;

/// The names that kustomize looks for.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Tells whether a path is a kustomization.
pub(crate) fn is_kustomization(path: &str) -> bool {
    NAMES.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// What a kustomization names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kustomization {
    /// `name` and `newName` of each entry of `images:`.
    entries: Vec<Vec<String>>,
    /// Files that patch what the lower ones say.
    pub(crate) patches: Vec<String>,
    /// Files and directories below: components first, then resources.
    pub(crate) below: Vec<String>,
}

impl Kustomization {
    /// The paths at which a directory's kustomization may stand.
    pub(crate) fn candidates(dir: &str) -> Vec<String> {
        let below = |name: &&str| match dir {
            "" => (*name).to_owned(),
            dir => format!("{dir}/{name}"),
        };
        NAMES.iter().map(below).collect()
    }

    pub(super) fn read(documents: &[Node], file: &str) -> Result<Self, Error> {
        let mut found = Self::default();
        for document in documents {
            let items =
                |key| Ok::<_, Error>(once(document, key, file, "")?.map_or(&[][..], Node::items));
            let texts = |key| -> Result<Vec<String>, Error> {
                Ok(items(key)?
                    .iter()
                    .filter_map(Node::text)
                    .map(str::to_owned)
                    .collect())
            };
            for entry in items("images")? {
                let names = ["name", "newName"].into_iter();
                let names = names.filter_map(|key| entry.get(key).and_then(Node::text));
                found.entries.push(names.map(str::to_owned).collect());
            }
            for patch in items("patches")? {
                let path = patch.get("path").and_then(Node::text);
                found.patches.extend(path.map(str::to_owned));
            }
            found.patches.extend(texts("patchesStrategicMerge")?);
            for key in ["components", "resources", "bases"] {
                found.below.extend(texts(key)?);
            }
        }
        Ok(found)
    }

    /// Tells whether an entry of `images:` is about the component.
    pub(crate) fn has_entry(&self, component: &Component) -> bool {
        let target = component.target("");
        let fits = |names: &Vec<String>| names.iter().any(|name| fits(name, &target));
        self.entries.iter().any(fits)
    }
}

fn fits(name: &str, target: &Target<'_>) -> bool {
    name == target.name || target.knows(name)
}

/// The scalars to change in the component's entry of `images:`.
pub(super) fn wanted<'a>(
    documents: &'a [Node],
    target: &Target<'_>,
    image: &Reference,
) -> Result<Vec<Wanted<'a>>, Error> {
    let file = target.file;
    let mut entries = Vec::new();
    for document in documents {
        let images = once(document, "images", file, "")?;
        entries.extend(images.map_or(&[][..], Node::items));
    }
    let name_of = |entry: &&'a Node| entry.get("name").and_then(Node::text).unwrap_or_default();
    let about = |entry: &&&'a Node| {
        let mut names = ["name", "newName"].into_iter();
        names.any(|key| {
            let name = entry.get(key).and_then(Node::text);
            name.is_some_and(|name| fits(name, target))
        })
    };
    let fitting: Vec<_> = entries.iter().filter(about).copied().collect();
    let entry = match fitting.as_slice() {
        [one] => *one,
        [] => {
            return Err(Error::NoEntry {
                file: file.to_owned(),
                name: target.name.to_owned(),
                entries: listed(entries.iter().map(name_of)),
            });
        }
        several => {
            return Err(Error::Ambiguous {
                file: file.to_owned(),
                name: target.name.to_owned(),
                places: listed(several.iter().map(name_of)),
            });
        }
    };
    let path = format!(".images[name={}]", name_of(&entry));
    let parts = Parts {
        node: entry,
        file,
        path: &path,
    };
    let mut wanted = Vec::new();
    let repository = image.repository.to_string();
    match parts.scalar("newName")? {
        Some(found) => wanted.push(Wanted {
            found,
            value: repository,
        }),
        None if parts.is_named(&repository) => {}
        None => return Err(parts.missing("newName")),
    }
    let (tag, digest) = (parts.scalar("newTag")?, parts.scalar("digest")?);
    wanted.extend(versions(&parts, tag, digest, image)?);
    Ok(wanted)
}

impl Parts<'_, '_> {
    /// Tells whether the entry's own name is the repository, so that no other has to be written.
    fn is_named(&self, repository: &str) -> bool {
        let known = [repository.to_owned()];
        let target = Target {
            file: self.file,
            name: "",
            repositories: &known,
        };
        let name = self.node.get("name").and_then(Node::text);
        name.is_some_and(|name| target.knows(name))
    }
}
