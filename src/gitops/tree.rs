//! The files of a repository or directory, with the edits so far.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::Error;

/// Returns a file's content; `None` when there is no such file.
type Read<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>, Error> + 'a;
/// Lists the paths of all files.
type List<'a> = dyn Fn() -> Result<Vec<String>, Error> + 'a;

/// The file names of kustomizations.
pub(super) const KUSTOMIZATIONS: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Files by their path from the root.
pub(crate) struct Tree<'a> {
    read: Box<Read<'a>>,
    list: Box<List<'a>>,
    seen: RefCell<BTreeMap<String, Option<Rc<[u8]>>>>,
    changed: RefCell<BTreeMap<String, Rc<[u8]>>>,
    names: RefCell<Option<Rc<[String]>>>,
    /// The scalars that components wrote.
    claims: RefCell<Vec<ScalarClaim>>,
}

/// A scalar with the image of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScalarClaim {
    pub(super) file: String,
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) owner: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedFile {
    pub(crate) path: String,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl<'a> Tree<'a> {
    /// Makes a tree from two functions that read one file and list all files.
    pub(crate) fn new(
        read: impl Fn(&str) -> Result<Option<Vec<u8>>, Error> + 'a,
        list: impl Fn() -> Result<Vec<String>, Error> + 'a,
    ) -> Self {
        Self {
            read: Box::new(read),
            list: Box::new(list),
            seen: RefCell::default(),
            changed: RefCell::default(),
            names: RefCell::default(),
            claims: RefCell::default(),
        }
    }

    /// Makes a tree of files in memory.
    pub(crate) fn of(files: BTreeMap<String, Vec<u8>>) -> Tree<'static> {
        let names: Vec<_> = files.keys().cloned().collect();
        Tree::new(
            move |path| Ok(files.get(path).cloned()),
            move || Ok(names.clone()),
        )
    }

    /// Reads a file with the edits so far; `None` when it does not exist.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Link`].
    pub(crate) fn read(&self, path: &str) -> Result<Option<Rc<[u8]>>, Error> {
        if let Some(content) = self.changed.borrow().get(path) {
            return Ok(Some(Rc::clone(content)));
        }
        if let Some(known) = self.seen.borrow().get(path) {
            return Ok(known.clone());
        }
        let content: Option<Rc<[u8]>> = (self.read)(path)?.map(Into::into);
        self.seen
            .borrow_mut()
            .insert(path.to_owned(), content.clone());
        Ok(content)
    }

    /// Reads a text file with the edits so far.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.read(path)? else {
            return Ok(None);
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Error::Parse {
                at: super::error::Position::start(path),
                reason: "it is not UTF-8".to_owned(),
            }),
        }
    }

    /// Lists the paths of all files, sorted.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn files(&self) -> Result<Rc<[String]>, Error> {
        if let Some(names) = self.names.borrow().as_ref() {
            return Ok(Rc::clone(names));
        }
        let mut names = (self.list)()?;
        names.sort();
        let names: Rc<[String]> = names.into();
        *self.names.borrow_mut() = Some(Rc::clone(&names));
        Ok(names)
    }

    /// Lists the directories that have a kustomization file.
    pub(super) fn kustomizations(&self) -> Result<BTreeSet<String>, Error> {
        let files = self.files()?;
        let dirs = files.iter().filter_map(|path| {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            KUSTOMIZATIONS.contains(&name).then(|| dir.to_owned())
        });
        Ok(dirs.collect())
    }

    /// Replaces a file's content in the tree.
    pub(super) fn put(&self, path: &str, content: Vec<u8>) {
        self.changed
            .borrow_mut()
            .insert(path.to_owned(), content.into());
    }

    /// Returns the edits and claims so far, for [`Self::restore`].
    pub(super) fn save(&self) -> Saved {
        Saved(self.changed.borrow().clone(), self.claims.borrow().clone())
    }

    /// Undoes every edit and claim since [`Self::save`].
    pub(super) fn restore(&self, saved: Saved) {
        *self.changed.borrow_mut() = saved.0;
        *self.claims.borrow_mut() = saved.1;
    }

    /// Records that a component writes a scalar; fails when another component has written it.
    pub(super) fn claim(&self, claim: ScalarClaim) -> Result<(), Error> {
        let mut claims = self.claims.borrow_mut();
        let same = |other: &&ScalarClaim| other.file == claim.file && other.path == claim.path;
        match claims.iter().find(same) {
            Some(other) if other.owner != claim.owner => Err(Error::Claimed {
                at: super::error::Position::new(&claim.file, claim.line, 1),
                path: claim.path,
                owner: other.owner.clone(),
                name: claim.owner,
            }),
            Some(_) => Ok(()),
            None => {
                claims.push(claim);
                Ok(())
            }
        }
    }

    /// Returns the paths of all files that were read.
    pub(super) fn read_so_far(&self) -> BTreeSet<String> {
        let seen = self.seen.borrow();
        let there = seen.iter().filter(|(_, content)| content.is_some());
        there.map(|(path, _)| path.clone()).collect()
    }

    /// Lists the files whose content differs from the original.
    pub(crate) fn changes(&self) -> Vec<ChangedFile> {
        let (changed, seen) = (self.changed.borrow(), self.seen.borrow());
        let one = |(path, after): (&String, &Rc<[u8]>)| {
            let before = seen.get(path).cloned().flatten();
            let before = before.map_or_else(Vec::new, |bytes| bytes.to_vec());
            (before != after.to_vec()).then(|| ChangedFile {
                path: path.clone(),
                before,
                after: after.to_vec(),
            })
        };
        changed.iter().filter_map(one).collect()
    }
}

/// A saved state of edits and claims.
pub(super) struct Saved(BTreeMap<String, Rc<[u8]>>, Vec<ScalarClaim>);

/// Joins a path to a directory; `None` when it leads out of the repository.
pub(super) fn joined(dir: &str, name: &str) -> Option<String> {
    if name.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_paths_below_the_root() {
        assert_eq!(joined("a/b", "../c/./d.yaml").unwrap(), "a/c/d.yaml");
        assert_eq!(joined("", "base").unwrap(), "base");
        assert_eq!(joined("a", "..").unwrap(), "");
        for (dir, name) in [("a", "../../x"), ("a", "/etc"), ("", "..")] {
            assert_eq!(joined(dir, name), None, "{dir} {name}");
        }
    }
}
