//! Lists the files of a fetched revision, within limits.

use std::path::Path;

use git2::ObjectType;

use super::{Error, FetchedRepository, error::redacted};
use crate::budget;

/// The most tree entries that are walked.
const MAX_ENTRIES: usize = 200_000;
/// The deepest nesting of directories.
const MAX_DEPTH: usize = 128;

impl FetchedRepository {
    /// Lists the paths of all regular files below a directory ("" is the root), sorted.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn files(&self, dir: &str) -> Result<Vec<String>, Error> {
        let root = self.repository.find_commit(self.commit)?.tree_id();
        let prefix = dir.trim_matches('/');
        let start = match prefix {
            "" => Some(root),
            below => {
                let tree = self.repository.find_tree(root)?;
                match tree.get_path(Path::new(below)) {
                    Ok(entry) if entry.kind() == Some(ObjectType::Tree) => Some(entry.id()),
                    Ok(_) => None,
                    Err(error) if error.code() == git2::ErrorCode::NotFound => None,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let mut files = Vec::new();
        let mut open: Vec<_> = start
            .map(|tree| (tree, prefix.to_owned()))
            .into_iter()
            .collect();
        let object = format!("the list of files of {}", redacted(&self.address));
        let too_many = |limit: String| Error::TooLarge {
            what: redacted(&self.address),
            limit,
        };
        let mut entries = 0;
        while let Some((tree, parent)) = open.pop() {
            budget::check(&object, self.size_of(tree)?)?;
            if parent.matches('/').count() > MAX_DEPTH {
                return Err(too_many(format!("{MAX_DEPTH} directories in each other")));
            }
            let tree = self.repository.find_tree(tree)?;
            entries += tree.len();
            if entries > MAX_ENTRIES {
                return Err(too_many(format!("{MAX_ENTRIES} files")));
            }
            for entry in &tree {
                let name = String::from_utf8_lossy(entry.name_bytes());
                let path = match parent.as_str() {
                    "" => name.into_owned(),
                    parent => format!("{parent}/{name}"),
                };
                match entry.kind() {
                    Some(ObjectType::Tree) => open.push((entry.id(), path)),
                    Some(ObjectType::Blob) if entry.filemode() != 0o120_000 => files.push(path),
                    _ => {}
                }
            }
        }
        files.sort();
        Ok(files)
    }
}
