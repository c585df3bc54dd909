//! The merged file system of an image's layers, with links resolved inside it
//! (OCI image specification 1.1, "Image Layer Filesystem Changeset").

use std::{collections::BTreeMap, sync::Arc};

use super::{ArchiveEntry, EntryKind, Error, MAX_ENTRIES, clean, walk};

/// The name of the opaque whiteout, which hides the content of its directory in lower layers.
const OPAQUE: &str = ".wh..wh..opq";
/// The prefix of a whiteout, which removes a file of lower layers.
const WHITEOUT: &str = ".wh.";
/// The largest number of links on the way to a file.
const MAX_LINKS: usize = 40;

/// The paths of layers, which are added from the lowest to the highest.
#[derive(Debug, Default)]
pub(crate) struct LayerTree {
    nodes: BTreeMap<String, TreeNode>,
    layers: usize,
}

#[derive(Debug, Clone)]
enum TreeNode {
    File(FileContent),
    Directory,
    Link(String),
    /// A hard link whose target does not exist.
    Broken,
    Other,
}

/// The content of a file, or where to read it.
#[derive(Debug, Clone)]
pub(crate) enum FileContent {
    Kept(Arc<[u8]>),
    /// In an entry of a layer.
    At {
        /// The number of the layer, from 0.
        layer: usize,
        entry: usize,
    },
}

impl LayerTree {
    /// Adds a layer above the others; `keep` selects the files whose content will probably be read.
    ///
    /// # Errors
    /// Any [`Error`] of the archive.
    pub(crate) fn add(&mut self, bytes: &[u8], keep: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        let mut entries = Vec::new();
        walk(bytes, &|_, path| keep(path), &mut |_, entry| {
            entries.push(entry);
            Ok(())
        })?;
        for entry in &entries {
            self.remove_lower(entry);
        }
        let layer = self.layers;
        for (number, entry) in entries.into_iter().enumerate() {
            let name = entry.path.rsplit('/').next().unwrap_or_default();
            if !name.starts_with(WHITEOUT) {
                let content = FileContent::At {
                    layer,
                    entry: number,
                };
                self.insert(entry, content);
            }
        }
        self.layers += 1;
        if self.nodes.len() > MAX_ENTRIES {
            return Err(Error::TooLarge {
                what: "the number of files",
                limit: MAX_ENTRIES as u64,
            });
        }
        Ok(())
    }

    /// Applies a whiteout to the files of lower layers.
    fn remove_lower(&mut self, entry: &ArchiveEntry) {
        let (directory, name) = split(&entry.path);
        if name == OPAQUE {
            self.remove_below(directory);
        } else if let Some(name) = name.strip_prefix(WHITEOUT) {
            let path = join(directory, name);
            self.nodes.remove(&path);
            self.remove_below(&path);
        }
    }

    fn remove_below(&mut self, directory: &str) {
        if directory.is_empty() {
            return self.nodes.clear();
        }
        let start = format!("{directory}/");
        let below = self.nodes.range(start.clone()..);
        let below = below.take_while(|(path, _)| path.starts_with(&start));
        let below: Vec<_> = below.map(|(path, _)| path.clone()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    fn insert(&mut self, entry: ArchiveEntry, at: FileContent) {
        let node = match entry.kind {
            EntryKind::File => TreeNode::File(match entry.content {
                Some(bytes) => FileContent::Kept(bytes.into()),
                None => at,
            }),
            EntryKind::Directory => TreeNode::Directory,
            EntryKind::Symbolic(target) => TreeNode::Link(target),
            // A hard link refers to the file at this moment; a later file with that name is another one.
            EntryKind::Hard(target) => {
                let target = clean(&target).and_then(|target| self.nodes.get(&target));
                target.cloned().unwrap_or(TreeNode::Broken)
            }
            EntryKind::Other => TreeNode::Other,
        };
        if !matches!(node, TreeNode::Directory) && !entry.path.is_empty() {
            self.remove_below(&entry.path);
        }
        self.nodes.insert(entry.path, node);
    }

    /// Finds a regular file; `None` if the name does not exist.
    ///
    /// # Errors
    /// [`Error::Link`] or [`Error::Escapes`] for a link that cannot be resolved.
    pub(crate) fn file(&self, path: &str) -> Result<Option<FileContent>, Error> {
        let Some(start) = clean(path) else {
            return Ok(None);
        };
        // A path that the archive lists has precedence over one that links in its directory produce.
        let node = match self.nodes.get(&start) {
            Some(TreeNode::Link(_)) | None => {
                let Some(real) = self.real(&start)? else {
                    return match self.nodes.get(&start) {
                        None => Ok(None),
                        Some(_) => Err(broken(path, "it is not in the archive")),
                    };
                };
                self.nodes.get(&real)
            }
            found => found,
        };
        match node {
            Some(TreeNode::File(content)) => Ok(Some(content.clone())),
            Some(TreeNode::Broken) => Err(broken(path, "it is not in the archive")),
            _ => Ok(None),
        }
    }

    /// Returns all files whose paths match the predicate.
    ///
    /// # Errors
    /// [`Error::Link`] or [`Error::Escapes`].
    pub(crate) fn files(
        &self,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, FileContent>, Error> {
        let mut found = BTreeMap::new();
        for path in self.nodes.keys().filter(|path| wanted(path)) {
            if let Some(content) = self.file(path)? {
                found.insert(path.clone(), content);
            }
        }
        Ok(found)
    }

    /// Returns the files directly in a directory whose names match the predicate; the directory's path is
    /// compared without case.
    ///
    /// # Errors
    /// [`Error::Link`] or [`Error::Escapes`].
    pub(crate) fn files_in(
        &self,
        directory: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, FileContent>, Error> {
        let Some(directory) = clean(directory) else {
            return Ok(BTreeMap::new());
        };
        let mut found = BTreeMap::new();
        for (shown, real) in self.directories(&directory)? {
            for path in self.nodes.keys() {
                let (parent, name) = split(path);
                if parent != real || !wanted(name) {
                    continue;
                }
                if let Some(content) = self.file(path)? {
                    found.insert(join(&shown, name), content);
                }
            }
        }
        Ok(found)
    }

    /// Returns the directories that match a path without case, by name and resolved path.
    fn directories(&self, wanted: &str) -> Result<BTreeMap<String, String>, Error> {
        let mut found = BTreeMap::new();
        let mut linked = Vec::new();
        for (path, node) in &self.nodes {
            let (parent, _) = split(path);
            if parent.eq_ignore_ascii_case(wanted) {
                found.insert(parent.to_owned(), parent.to_owned());
            }
            let leads = wanted.get(..path.len()).is_some_and(|start| {
                start.eq_ignore_ascii_case(path)
                    && matches!(wanted.as_bytes().get(path.len()), None | Some(b'/'))
            });
            if leads && matches!(node, TreeNode::Link(_)) {
                let rest = wanted.get(path.len()..).unwrap_or_default();
                linked.push(format!("{path}{rest}"));
            }
        }
        for path in linked {
            let real = self
                .real(&path)?
                .ok_or_else(|| broken(&path, "it is not in the archive"))?;
            found.insert(path, real);
        }
        Ok(found)
    }

    /// Resolves all symbolic links of a path; `None` if it does not exist.
    fn real(&self, path: &str) -> Result<Option<String>, Error> {
        let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut real = String::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    if real.is_empty() {
                        return Err(Error::Escapes {
                            path: path.to_owned(),
                        });
                    }
                    split(&real).0.to_owned().clone_into(&mut real);
                    continue;
                }
                _ => {}
            }
            let next = join(&real, &part);
            let Some(TreeNode::Link(target)) = self.nodes.get(&next) else {
                real = next;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(broken(path, "too many links lead to it"));
            }
            if target.starts_with('/') {
                real.clear();
            }
            left.extend(target.split('/').rev().map(str::to_owned));
        }
        let start = format!("{real}/");
        let mut below = self.nodes.range(start.clone()..);
        let directory = below
            .next()
            .is_some_and(|(path, _)| path.starts_with(&start));
        let there = real.is_empty() || directory || self.nodes.contains_key(&real);
        Ok(there.then_some(real))
    }
}

fn broken(path: &str, reason: &'static str) -> Error {
    Error::Link {
        path: path.to_owned(),
        reason,
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}
