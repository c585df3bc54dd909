//! A revision of a remote repository, fetched into a bare repository in a temporary directory.

use std::path::Path;

use git2::{FetchOptions, ObjectType};
use jiff::Timestamp;

use super::{
    Advertised, CommitSigningKey, Error, Git,
    error::redacted,
    is_commit,
    transport::{TransportSession, is_ssh},
};
use crate::budget;

/// The largest file that is read from a repository, in bytes.
const MAX_FILE: usize = 64 << 20;
/// The longest target of a symbolic link, in bytes.
const MAX_LINK: usize = 4096;
/// Refuses a name that Git does not allow for a branch, and a full ref: it would make a branch of that name.
///
/// # Errors
/// [`Error::BranchName`].
pub(super) fn check_branch_name(branch: &str) -> Result<(), Error> {
    let expected = match branch {
        full if full.starts_with("refs/") => "the name alone, without refs/heads/",
        name if git2::Reference::is_valid_name(&format!("refs/heads/{name}")) => return Ok(()),
        _ => "a name that Git allows, such as main",
    };
    Err(Error::BranchName {
        branch: branch.to_owned(),
        expected,
    })
}

const FETCHED: &str = "refs/promote/fetched";

/// A fetched revision of a remote repository, with commits on top of it.
pub(crate) struct FetchedRepository {
    pub(super) git: Git,
    pub(super) address: String,
    pub(super) branch: Option<String>,
    /// Set when the branch does not exist yet.
    pub(super) is_new: bool,
    /// The fetched commit, below the commits of this run.
    pub(super) base: git2::Oid,
    pub(super) commit: git2::Oid,
    pub(super) repository: git2::Repository,
    // Declared last, so that the files are removed after the repository that uses them.
    _dir: tempfile::TempDir,
}

/// A file with its new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileChange {
    /// The path from the root of the repository.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

/// The author and committer of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl std::fmt::Debug for FetchedRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("address", &redacted(&self.address))
            .finish_non_exhaustive()
    }
}

impl FetchedRepository {
    pub(super) fn fetch(git: &Git, address: &str, revision: Option<&str>) -> Result<Self, Error> {
        let missing = || Error::NoRevision {
            url: redacted(address),
            revision: revision.unwrap_or("HEAD").to_owned(),
        };
        let dir = tempfile::tempdir().map_err(|error| Error::Library {
            reason: error.to_string(),
        })?;
        let repository = git2::Repository::init_bare(dir.path())?;
        let wanted = {
            let _session = TransportSession::begin(git.clone());
            let mut remote = repository.remote_anonymous(address)?;
            let advertised = Advertised::by(&mut remote);
            let advertised = advertised.map_err(|error| Error::from_git(address, &error))?;
            let wanted = FetchTarget::among(&advertised, revision).ok_or_else(missing)?;
            if let Some(source) = &wanted.source {
                fetch_from(&mut remote, address, &[source], true)?;
            }
            wanted
        };
        if wanted.source.is_none() {
            fetch_commit(git, address, &repository, wanted.exact.as_deref())?;
        }
        let commit = match &wanted.exact {
            Some(exact) => git2::Oid::from_str(exact)?,
            None => repository.refname_to_id(&format!("{FETCHED}/0"))?,
        };
        let commit = {
            let object = repository
                .find_object(commit, None)
                .map_err(|_| missing())?;
            object.peel_to_commit().map_err(|_| missing())?.id()
        };
        Ok(Self {
            git: git.clone(),
            address: address.to_owned(),
            branch: wanted.branch,
            is_new: false,
            base: commit,
            commit,
            repository,
            _dir: dir,
        })
    }

    /// Returns the fetched commit, or the last one committed since.
    pub(crate) fn commit_id(&self) -> String {
        self.commit.to_string()
    }

    /// Returns the branch that was fetched, if it was one, or that will be created.
    pub(crate) fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// Tells whether the branch does not exist yet.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Lists the parents of the fetched commit.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn parents(&self) -> Result<Vec<String>, Error> {
        let commit = self.repository.find_commit(self.base)?;
        Ok(commit.parent_ids().map(|id| id.to_string()).collect())
    }

    /// Lets the next push create a branch.
    ///
    /// # Errors
    /// [`Error::BranchName`].
    pub(super) fn create(&mut self, branch: &str) -> Result<(), Error> {
        check_branch_name(branch)?;
        self.branch = Some(branch.to_owned());
        self.is_new = true;
        Ok(())
    }

    /// Reads a file; `None` when it does not exist.
    ///
    /// # Errors
    /// [`Error::Library`] when it is not a file or too large.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let tree = self.repository.find_commit(self.commit)?.tree()?;
        let entry = match tree.get_path(Path::new(path)) {
            Ok(entry) => entry,
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if entry.kind() == Some(ObjectType::Tree) {
            return Ok(None);
        }
        // A symbolic link is a blob too, but its content is a path.
        if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == 0o120_000 {
            return Err(Error::Library {
                reason: format!("{path} is not a regular file"),
            });
        }
        // The object's header has its size, so nothing large is unpacked.
        let size = self.size_of(entry.id())?;
        if size > MAX_FILE {
            return Err(Error::TooLarge {
                what: format!("{path} of {}", redacted(&self.address)),
                limit: format!("{} MiB", MAX_FILE >> 20),
            });
        }
        // The library holds one copy, the caller gets another.
        let object = format!("{path} of {}", redacted(&self.address));
        budget::check(&object, size.saturating_mul(2))?;
        let _load = budget::load(&object);
        let blob = self.repository.find_blob(entry.id())?;
        Ok(Some(blob.content().to_vec()))
    }

    /// Returns the size of a file without reading it.
    ///
    /// # Errors
    /// [`Error::Library`], also when there is no such file.
    pub(crate) fn size(&self, path: &str) -> Result<usize, Error> {
        let tree = self.repository.find_commit(self.commit)?.tree()?;
        self.size_of(tree.get_path(Path::new(path))?.id())
    }

    /// Returns the size in the header of an object.
    pub(super) fn size_of(&self, object: git2::Oid) -> Result<usize, Error> {
        Ok(self.repository.odb()?.read_header(object)?.0)
    }

    /// Returns the first part of a path that is a symbolic link, and its target.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn link(&self, path: &str) -> Result<Option<(String, String)>, Error> {
        let tree = self.repository.find_commit(self.commit)?.tree()?;
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let part = path.get(..end).unwrap_or(path);
            match tree.get_path(Path::new(part)) {
                Ok(entry) if entry.filemode() == 0o120_000 => {
                    if self.size_of(entry.id())? > MAX_LINK {
                        return Err(Error::TooLarge {
                            what: format!("the link {part}"),
                            limit: format!("{MAX_LINK} bytes"),
                        });
                    }
                    let blob = self.repository.find_blob(entry.id())?;
                    let target = String::from_utf8_lossy(blob.content()).into_owned();
                    return Ok(Some((part.to_owned(), target)));
                }
                Ok(_) => {}
                Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Commits the changes on top of the last commit, keeping the files' modes, signed if
    /// there is a key.
    ///
    /// # Errors
    /// [`Error::Library`] or [`Error::Signing`].
    pub(crate) fn commit(
        &mut self,
        changes: &[FileChange],
        message: &str,
        author: &Author,
        time: Timestamp,
        key: Option<&CommitSigningKey>,
    ) -> Result<(), Error> {
        let parent = self.repository.find_commit(self.commit)?;
        let tree = parent.tree()?;
        let mut update = git2::build::TreeUpdateBuilder::new();
        for change in changes {
            let blob = self.repository.blob(&change.content)?;
            let mode = match tree
                .get_path(Path::new(&change.path))
                .map(|entry| entry.filemode())
            {
                Ok(0o100_755) => git2::FileMode::BlobExecutable,
                _ => git2::FileMode::Blob,
            };
            update.upsert(change.path.as_str(), blob, mode);
        }
        let tree = self
            .repository
            .find_tree(update.create_updated(&self.repository, &tree)?)?;
        let signed_at = time;
        let time = git2::Time::new(time.as_second(), 0);
        let signature = git2::Signature::new(&author.name, &author.email, &time)?;
        let buffer = self.repository.commit_create_buffer(
            &signature,
            &signature,
            message,
            &tree,
            &[&parent],
        )?;
        let content = String::from_utf8_lossy(&buffer);
        let commit = match key {
            Some(key) => {
                let signed = key.sign(&buffer, signed_at)?;
                self.repository.commit_signed(&content, &signed, None)?
            }
            None => self.repository.odb()?.write(ObjectType::Commit, &buffer)?,
        };
        drop((tree, parent));
        self.commit = commit;
        Ok(())
    }
}

/// The parts of a repository to fetch for a revision.
struct FetchTarget {
    /// The branch, without `refs/heads/`, if the revision is one.
    branch: Option<String>,
    /// The ref to fetch; `None` for a commit that no ref names.
    source: Option<String>,
    /// The commit, where it is known.
    exact: Option<String>,
}

impl FetchTarget {
    fn among(found: &Advertised, revision: Option<&str>) -> Option<Self> {
        let refs = &found.refs;
        let has = |name: &str| refs.iter().any(|found| found.name == name);
        let named = |source: String| Self {
            branch: source.strip_prefix("refs/heads/").map(str::to_owned),
            source: Some(source),
            exact: None,
        };
        let Some(name) = revision else {
            let head = refs.iter().find(|found| found.name == "HEAD")?;
            let told = found.default_branch.clone();
            let branch = told.or_else(|| default_branch(refs, &head.object));
            return Some(named(branch.unwrap_or_else(|| "HEAD".to_owned())));
        };
        for prefix in ["refs/heads/", "refs/tags/", ""] {
            let full = format!("{prefix}{name}");
            if has(&full) {
                return Some(named(full));
            }
        }
        let at = refs.iter().find(|found| found.object == name);
        is_commit(name).then(|| Self {
            branch: None,
            source: at.map(|found| found.name.trim_end_matches("^{}").to_owned()),
            exact: Some(name.to_owned()),
        })
    }
}

/// Returns the branch of HEAD, where the host does not advertise it: the usual names first, then
/// any with its commit.
fn default_branch(refs: &[super::Ref], head: &str) -> Option<String> {
    let branches = refs.iter().filter(|found| found.object == head);
    let mut names: Vec<_> = branches
        .map(|found| found.name.as_str())
        .filter(|name| name.starts_with("refs/heads/"))
        .collect();
    names.sort_by_key(|name| (*name != "refs/heads/main", *name != "refs/heads/master"));
    names.first().map(|name| (*name).to_owned())
}

/// Fetches a commit that no ref names: alone where the host allows it, else with all refs.
fn fetch_commit(
    git: &Git,
    address: &str,
    repository: &git2::Repository,
    commit: Option<&str>,
) -> Result<(), Error> {
    let alone = commit.map(|commit| fetch_refs(git, address, repository, &[commit], true));
    let got = commit
        .and_then(|commit| git2::Oid::from_str(commit).ok())
        .is_some_and(|commit| repository.find_commit(commit).is_ok());
    if got && matches!(alone, Some(Ok(()))) {
        return Ok(());
    }
    let all = ["refs/heads/*", "refs/tags/*"];
    fetch_refs(git, address, repository, &all, false)
}

fn fetch_refs(
    git: &Git,
    address: &str,
    repository: &git2::Repository,
    sources: &[&str],
    shallow: bool,
) -> Result<(), Error> {
    let _session = TransportSession::begin(git.clone());
    let mut remote = repository.remote_anonymous(address)?;
    fetch_from(&mut remote, address, sources, shallow)
}

/// Fetches refs, or commits that no ref names, by a remote that may be connected already.
fn fetch_from(
    remote: &mut git2::Remote<'_>,
    address: &str,
    sources: &[&str],
    shallow: bool,
) -> Result<(), Error> {
    let mut options = FetchOptions::new();
    options.download_tags(git2::AutotagOption::None);
    // The library reads local paths without a protocol, and so never in part.
    if shallow && (address.starts_with("http") || is_ssh(address)) {
        options.depth(1);
    }
    let specs: Vec<_> = sources
        .iter()
        .enumerate()
        .map(|(at, source)| {
            let below = if source.ends_with('*') { "/*" } else { "" };
            format!("+{source}:{FETCHED}/{at}{below}")
        })
        .collect();
    let fetched = remote.fetch(&specs, Some(&mut options), None);
    fetched.map_err(|error| Error::from_git(address, &error))
}
