//! How files are found, read and written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, Kind, OrFail as _},
    image::Digest,
};

/// Resolves `file:NAME`, which is relative to the data directory, and leaves other paths alone.
pub(crate) fn in_data_dir(path: &Path, data_dir: Option<&Path>) -> PathBuf {
    let name = path.to_str().and_then(|path| path.strip_prefix("file:"));
    match (name, data_dir) {
        (Some(name), Some(dir)) => dir.join(name),
        (Some(name), None) => PathBuf::from(name),
        (None, _) => path.to_owned(),
    }
}

/// The regular files below a directory, without hidden directories such as `.git`, by their paths there.
///
/// # Errors
/// [`Kind::NotFound`] when there is no such directory, else [`Kind::Usage`].
pub(crate) fn list_files(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(at) = open.pop() {
        let full = dir.join(&at);
        let entries = fs::read_dir(&full).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Usage,
            };
            Failure::new(kind, error).context(format!("cannot read {}", full.display()))
        })?;
        for entry in entries {
            let entry = entry.or_fail(Kind::Usage)?;
            let kind = entry.file_type().or_fail(Kind::Usage)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let path = if at.is_empty() {
                name.clone()
            } else {
                format!("{at}/{name}")
            };
            if kind.is_file() {
                files.push(path);
            } else if kind.is_dir() && !name.starts_with('.') {
                open.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Says that a hand-over file was read without a digest to compare with, and names it for the
/// next file.
pub(crate) fn unchecked(digest: Option<Digest>, name: &str, flag: &str) -> Option<String> {
    if digest.is_some() {
        return None;
    }
    tracing::warn!("{name} is read without {flag}: a change since it was written goes unnoticed");
    Some(name.to_owned())
}

/// Writes a file so that it is there whole or not at all.
///
/// # Errors
/// [`Kind::Usage`], naming the file.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        io::Write::write_all(&mut file, bytes)?;
        // A temporary file is private; a hand-over file is read by the next step's user.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok::<_, io::Error>(())
    };
    write().map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("cannot write {}", path.display()))
    })
}

/// Removes a file of an earlier run, if there is one.
///
/// # Errors
/// [`Kind::Usage`], naming the file.
pub(crate) fn remove_file(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let failure = Failure::new(Kind::Usage, error);
            Err(failure.context(format!("cannot replace {}", path.display())))
        }
        _ => Ok(()),
    }
}
