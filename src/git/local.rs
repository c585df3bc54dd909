//! Reads a checkout on this machine: the tag at its head, the files of a branch.

use std::path::Path;

use super::{Error, error};

/// How many files of a branch are read.
const MAX_FILES: usize = 50_000;

/// Returns the one tag of a local repository's HEAD, and its commit.
///
/// # Errors
/// [`Error::NoRepository`] when there is none, [`Error::NoRevision`] when HEAD has no tag,
/// [`Error::Ambiguous`] when it has several.
pub(crate) fn tag_at_head(dir: &Path) -> Result<(String, String), Error> {
    let url = dir.display().to_string();
    let repository = git2::Repository::discover(dir).map_err(|error| error::local(dir, &error))?;
    let head = repository
        .head()
        .and_then(|head| head.peel_to_commit())
        .map_err(|_| Error::NoRevision {
            url: url.clone(),
            revision: "HEAD".to_owned(),
        })?;
    let head = head.id();
    let mut tags = Vec::new();
    for name in repository.tag_names(None)?.iter().flatten().flatten() {
        let tag = repository.find_reference(&format!("refs/tags/{name}"))?;
        if tag.peel_to_commit().is_ok_and(|commit| commit.id() == head) {
            tags.push(name.to_owned());
        }
    }
    match tags.as_slice() {
        [] => Err(Error::NoRevision {
            url,
            revision: format!("tag at HEAD {head}"),
        }),
        [tag] => Ok((tag.clone(), head.to_string())),
        _ => Err(Error::Ambiguous {
            url,
            tags: tags.join(", "),
        }),
    }
}

/// Reads the regular files below a directory of a checkout as they are on a branch, by their paths
/// below the directory; empty when the branch has no such directory. The remote-tracking branch
/// takes precedence over a local branch of that name.
///
/// # Errors
/// [`Error::NoRepository`] and [`Error::NoRevision`].
pub(crate) fn files_of_branch(dir: &Path, branch: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let missing = || Error::NoRevision {
        url: dir.display().to_string(),
        revision: branch.to_owned(),
    };
    let repository = git2::Repository::discover(dir).map_err(|error| error::local(dir, &error))?;
    let names = [
        format!("refs/remotes/origin/{branch}"),
        format!("refs/heads/{branch}"),
    ];
    let found = names
        .iter()
        .find_map(|name| repository.find_reference(name).ok());
    let commit = found.ok_or_else(missing)?.peel_to_commit()?;
    let root = repository
        .workdir()
        .and_then(|root| root.canonicalize().ok());
    let below = dir.canonicalize().ok().zip(root);
    let below = below.and_then(|(dir, root)| Some(dir.strip_prefix(root).ok()?.to_owned()));
    let below = below.ok_or_else(missing)?;
    let mut tree = commit.tree()?;
    if !below.as_os_str().is_empty() {
        let Ok(entry) = tree.get_path(&below) else {
            return Ok(Vec::new());
        };
        tree = repository.find_tree(entry.id())?;
    }
    let mut blobs = Vec::new();
    tree.walk(git2::TreeWalkMode::PreOrder, |parent, entry| {
        if entry.kind() == Some(git2::ObjectType::Blob) && entry.filemode() != 0o120_000 {
            let name = String::from_utf8_lossy(entry.name_bytes());
            blobs.push((format!("{parent}{name}"), entry.id()));
        }
        git2::TreeWalkResult::Ok
    })?;
    if blobs.len() > MAX_FILES {
        return Err(Error::Library {
            reason: format!("{branch} has more than {MAX_FILES} files there"),
        });
    }
    let read =
        |(path, id): (String, git2::Oid)| Ok((path, repository.find_blob(id)?.content().to_vec()));
    blobs.into_iter().map(read).collect()
}
