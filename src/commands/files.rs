//! Files that commands find, read and write.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
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

/// Returns the regular files below a directory, without hidden directories such as `.git`, by their paths there.
///
/// # Errors
/// [`Kind::NotFound`] without the directory, else [`Kind::Usage`].
pub(crate) fn list_files(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(at) = open.pop() {
        let full = dir.join(&at);
        let entries = fs::read_dir(&full).map_err(|error| {
            let full = full.display();
            match error.kind() {
                io::ErrorKind::NotFound => {
                    Failure::message(Kind::NotFound, format!("{full} does not exist"))
                }
                _ => Failure::new(Kind::Usage, error).context(format!("cannot read {full}")),
            }
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

/// Warns that a hand-over file was read without a digest for comparison, and returns its name for the
/// next file.
pub(crate) fn unchecked(digest: Option<Digest>, name: &str, flag: &str) -> Option<String> {
    if digest.is_some() {
        return None;
    }
    tracing::warn!("{name} is read without {flag}: a change since it was written is not detected");
    Some(name.to_owned())
}

/// The destination of a path that is written to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WriteTarget {
    /// A regular file, which may not exist yet; it is replaced as a whole.
    File(PathBuf),
    /// A device, a pipe or a socket, which is opened and never replaced.
    Special(PathBuf),
}

impl WriteTarget {
    /// Follows a link to its target.
    ///
    /// # Errors
    /// A link to a regular file outside of its own directory: anyone who may write to a workspace could
    /// choose the file that is overwritten.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let found = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::File(path.to_owned()));
            }
            found => found?,
        };
        if !found.file_type().is_symlink() {
            let path = path.to_owned();
            return match found.is_file() || found.is_dir() {
                true => Ok(Self::File(path)),
                false => Ok(Self::Special(path)),
            };
        }
        let leaves = || io::Error::other("it is a link to a file outside of its directory");
        let target = match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return dangling(path)?.map(Self::File).ok_or_else(leaves);
            }
            target => target?,
        };
        if !target.is_file() && !target.is_dir() {
            return Ok(Self::Special(path.to_owned()));
        }
        let target = path.canonicalize()?;
        let directory = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).canonicalize()?;
        match target.starts_with(directory) {
            true => Ok(Self::File(target)),
            false => Err(leaves()),
        }
    }
}

/// Returns the file that a link names and that does not exist, as when it was removed; `None` where it would be
/// made outside of the link's own directory.
fn dangling(path: &Path) -> io::Result<Option<PathBuf>> {
    let above = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new(".")).canonicalize()?;
    let target = above.join(fs::read_link(path)?);
    // A link to a further link is not followed: each could lead elsewhere.
    let (Some(dir), Some(name)) = (target.parent(), target.file_name()) else {
        return Ok(None);
    };
    let target = match dir.canonicalize() {
        Ok(dir) => dir.join(name),
        Err(_) => return Ok(None),
    };
    let is_link = fs::symlink_metadata(&target).is_ok();
    Ok(Some(target).filter(|target| !is_link && target.starts_with(&above)))
}

/// The longest time that a pipe may have no reader.
const READER_TIME: Duration = Duration::from_secs(5);

/// Writes a file so that it exists whole or not at all; a device or a pipe is written to.
///
/// # Errors
/// [`Kind::Usage`], naming the file.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || match WriteTarget::of(path)? {
        WriteTarget::File(path) => replace(&path, bytes),
        WriteTarget::Special(path) => write_special(path, bytes.to_vec()),
    };
    write().map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("cannot write {}", path.display()))
    })?;
    tracing::info!("wrote {}", path.display());
    Ok(())
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    if !dir.exists() {
        fs::create_dir_all(dir)?;
        tracing::info!("made the directory {}", dir.display());
    }
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    // A temporary file is private; a hand-over file is read by the next step's user.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn write_special(path: PathBuf, bytes: Vec<u8>) -> io::Result<()> {
    within_reader_time(move || {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        file.write_all(&bytes)
    })
}

/// Opens a device or a pipe to write to it.
///
/// # Errors
/// Those of the system, and a pipe without a reader.
pub(crate) fn open_special(path: PathBuf) -> io::Result<fs::File> {
    within_reader_time(move || fs::OpenOptions::new().append(true).open(path))
}

/// Runs an operation on a pipe, which waits for its reader; the run must not wait for ever.
fn within_reader_time<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // The receiver is gone when the wait is over.
        let _ = sender.send(work());
    });
    let done = receiver.recv_timeout(READER_TIME);
    done.unwrap_or_else(|_| Err(io::Error::other("nothing reads from it")))
}

/// Removes a regular file of an earlier run, if there is one. Other kinds of files are kept.
///
/// # Errors
/// [`Kind::Usage`], naming the file.
pub(crate) fn remove_file(path: &Path) -> Result<(), Failure> {
    let removed = match WriteTarget::of(path) {
        Ok(WriteTarget::File(target)) => fs::remove_file(target),
        Ok(WriteTarget::Special(_)) => Ok(()),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let failure = Failure::new(Kind::Usage, error);
            Err(failure.context(format!("cannot replace {}", path.display())))
        }
        Ok(()) => {
            tracing::info!("removed {}, which an earlier run wrote", path.display());
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_is_followed_within_its_directory_only() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("out")).unwrap();
        fs::write(at("victim"), "v").unwrap();
        fs::write(at("out/own"), "o").unwrap();
        for (name, target) in [
            ("out/inside", "own"),
            ("out/outside", "../victim"),
            ("out/dangling", "../made"),
        ] {
            symlink(target, at(name)).unwrap();
        }
        write_file(&at("out/inside"), b"new").unwrap();
        assert_eq!(fs::read(at("out/own")).unwrap(), b"new");
        assert!(at("out/inside").is_symlink());
        for name in ["out/outside", "out/dangling"] {
            assert!(write_file(&at(name), b"new").is_err(), "{name}");
            assert!(remove_file(&at(name)).is_err(), "{name}");
        }
        assert_eq!(fs::read(at("victim")).unwrap(), b"v");
        assert!(!at("made").exists());
        remove_file(&at("out/inside")).unwrap();
        assert!(!at("out/own").exists() && at("out/inside").is_symlink());
        // The link that is left is written through again; a chain of links is not.
        write_file(&at("out/inside"), b"again").unwrap();
        assert_eq!(fs::read(at("out/own")).unwrap(), b"again");
        symlink("first", at("out/second")).unwrap();
        symlink("../made", at("out/first")).unwrap();
        assert!(write_file(&at("out/second"), b"x").is_err() && !at("made").exists());
    }

    #[test]
    fn a_socket_is_never_replaced_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(write_file(&path, b"x").is_err());
        remove_file(&path).unwrap();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        assert!(kind.is_socket());
    }
}
