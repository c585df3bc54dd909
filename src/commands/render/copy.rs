//! The copy of a directory, with what its kustomization reads outside of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    commands::{failures::edit_failure, update_deployment::local_tree},
    failure::{Failure, Kind, OrFail as _},
    gitops::{self, DirectoryKind},
};

/// The number of levels above the directory in which files are searched.
const MAX_ABOVE: usize = 8;
/// The largest number of files that are copied, and of their bytes.
const MAX_FILES: usize = 20_000;
const MAX_BYTES: usize = 64 << 20;

/// The contents of files, by their paths.
type Files = BTreeMap<String, Vec<u8>>;

/// Files, by their paths from a common root.
pub(super) struct Copy {
    pub(super) files: Files,
    /// The directory's path from the root.
    pub(super) dir: String,
    /// The last name of the directory.
    pub(super) name: String,
}

impl Copy {
    /// Reads the directory into memory.
    pub(super) fn read(dir: &Path, out: &Path) -> Result<Self, Failure> {
        if !dir.is_dir() {
            let message = format!("--dir {} is not a directory", dir.display());
            return Err(Failure::message(Kind::NotFound, message));
        }
        check_out(out)?;
        let dir = dir.canonicalize().or_fail(Kind::Usage)?;
        let own = regular_files(&dir)?;
        let name = dir
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let (root, below, outside) = outside(&dir)?;
        let mut files = outside;
        for path in own {
            let content =
                fs::read(dir.join(&path)).map_err(|error| unreadable(&dir.join(&path), error))?;
            let path = if below.is_empty() {
                path
            } else {
                format!("{below}/{path}")
            };
            files.insert(path, content);
        }
        tracing::debug!("{} files below {}", files.len(), root.display());
        let bytes: usize = files.values().map(Vec::len).sum();
        if files.len() > MAX_FILES || bytes > MAX_BYTES {
            let message = format!(
                "--dir {} has {} files of {bytes} bytes, expected at most {MAX_FILES} of {MAX_BYTES}",
                dir.display(),
                files.len()
            );
            return Err(Failure::message(Kind::Usage, message));
        }
        Ok(Self {
            files,
            dir: below,
            name: name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "app".to_owned()),
        })
    }

    /// Moves all files into one directory of the copy.
    pub(super) fn nest(&mut self, name: &str) {
        let files = std::mem::take(&mut self.files);
        self.files = files
            .into_iter()
            .map(|(path, content)| (format!("{name}/{path}"), content))
            .collect();
        self.dir = if self.dir.is_empty() {
            name.to_owned()
        } else {
            format!("{name}/{}", self.dir)
        };
    }

    /// Writes the files below a directory.
    pub(super) fn write(&self, out: &Path) -> Result<(), Failure> {
        for (path, content) in &self.files {
            let full = out.join(path);
            let parent = full.parent().unwrap_or(out);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&full, content))
                .map_err(|error| {
                    Failure::new(Kind::Usage, error)
                        .context(format!("cannot write {}", full.display()))
                })?;
        }
        Ok(())
    }
}

/// Refuses an output directory that has files.
fn check_out(out: &Path) -> Result<(), Failure> {
    match fs::read_dir(out) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::message(
                Kind::Usage,
                format!("--out {} is not empty", out.display()),
            )
            .hint("name a new directory")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(Failure::new(Kind::Usage, error)
                .context(format!("cannot use --out {}", out.display())))
        }
    }
}

/// Returns the root that holds all that the directory's kustomization reads, the directory's path there, and the files.
fn outside(dir: &Path) -> Result<(PathBuf, String, Files), Failure> {
    let mut failed = None;
    for root in dir.ancestors().take(MAX_ABOVE) {
        let below = dir.strip_prefix(root).or_fail(Kind::Bug)?;
        let below = below.to_string_lossy().into_owned();
        let tree = local_tree(root);
        if gitops::layout(&tree, &below).map_err(edit_failure)? != DirectoryKind::Kustomize {
            return Ok((dir.to_owned(), String::new(), Files::new()));
        }
        match gitops::files(&tree, &below) {
            Ok(files) => return Ok((root.to_owned(), below, files)),
            Err(error @ gitops::Error::Outside { .. }) => failed = Some(error),
            Err(error) => return Err(edit_failure(error)),
        }
        // Files outside of the checkout are not read.
        if root.join(".git").exists() {
            break;
        }
    }
    Err(failed.map_or_else(
        || Failure::message(Kind::Bug, "no directory was read"),
        edit_failure,
    ))
}

/// Returns the files of a directory; a link is refused, because it may lead anywhere.
fn regular_files(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(at) = open.pop() {
        let full = dir.join(&at);
        for entry in fs::read_dir(&full).map_err(|error| unreadable(&full, error))? {
            let entry = entry.map_err(|error| unreadable(&full, error))?;
            let kind = entry
                .file_type()
                .map_err(|error| unreadable(&full, error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let message = format!("{} is not UTF-8", full.join(&name).display());
                return Err(Failure::message(Kind::Usage, message));
            };
            let path = if at.is_empty() {
                name.to_owned()
            } else {
                format!("{at}/{name}")
            };
            if kind.is_dir() {
                if name != ".git" {
                    open.push(path);
                }
            } else if kind.is_file() {
                files.push(path);
            } else {
                let message = format!("{} is not a regular file", dir.join(&path).display());
                return Err(Failure::message(Kind::Usage, message)
                    .hint("replace the link by the file that it leads to"));
            }
            if files.len() > MAX_FILES {
                let message = format!("--dir {} has more than {MAX_FILES} files", dir.display());
                return Err(Failure::message(Kind::Usage, message));
            }
        }
    }
    Ok(files)
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::new(Kind::Usage, error).context(format!("cannot read {}", path.display()))
}
