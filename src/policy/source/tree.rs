//! Reads local files and directories.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    super::local::{Hidden, LEADS_OUT, NOT_REGULAR, leads_inside},
    Error, Fetched, MAX_BYTES, MAX_DEPTH, MAX_FILES, is_kept, refuse_archive, texts, too_large,
};

/// Reads a directory or one file. Links are followed if their target is inside.
pub(super) fn directory(origin: &str, root: &Path, hidden: &Hidden) -> Result<Fetched, Error> {
    if root.is_file() {
        refuse_archive(origin, &root.to_string_lossy())?;
    }
    let mut files = Vec::new();
    let mut size = 0;
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((path, depth)) = open.pop() {
        let failed = |error| failed(origin, &path, error);
        let metadata = fs::metadata(&path).map_err(failed)?;
        if metadata.is_dir() {
            if depth > MAX_DEPTH {
                return Err(too_large(origin));
            }
            hidden.check(&path).map_err(failed)?;
            let children = children(origin, root, &path)?;
            open.extend(children.into_iter().map(|child| (child, depth + 1)));
            continue;
        }
        let name = relative(root, &path);
        if is_kept(&name) {
            // Reading a pipe may block, and a device may never end. The named path itself may be a pipe.
            if !metadata.is_file() && path != root {
                return Err(refused(origin, &path, NOT_REGULAR));
            }
            hidden.check(&path).map_err(failed)?;
            if size + usize::try_from(metadata.len()).unwrap_or(usize::MAX) > MAX_BYTES {
                return Err(too_large(origin));
            }
            let bytes = read(&path).map_err(failed)?;
            size += bytes.len();
            if size > MAX_BYTES || files.len() > MAX_FILES {
                return Err(too_large(origin));
            }
            files.push((name, bytes));
        }
    }
    Ok(Fetched {
        pinned: format!("file::{}", root.display()),
        files: texts(origin, files)?,
    })
}

/// Returns the entries of a directory, without those of Git and the directories behind the links of a
/// mounted Secret (`..data`). Refuses a link that points outside of the root.
fn children(origin: &str, root: &Path, directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| failed(origin, directory, error);
    let mut children = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name == ".git" || name.to_string_lossy().starts_with("..") {
            continue;
        }
        let is_link = entry.file_type().map_err(failed)?.is_symlink();
        if is_link && !leads_inside(root, &entry.path()).map_err(failed)? {
            return Err(refused(origin, &entry.path(), LEADS_OUT));
        }
        children.push(entry.path());
    }
    Ok(children)
}

fn failed(origin: &str, path: &Path, source: io::Error) -> Error {
    let origin = origin.to_owned();
    let path = path.display().to_string();
    match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { origin, what: path },
        _ => Error::File {
            origin,
            path,
            source,
        },
    }
}

fn refused(origin: &str, path: &Path, reason: &str) -> Error {
    let source = io::Error::new(io::ErrorKind::InvalidInput, reason);
    failed(origin, path, source)
}

/// Reads a file up to the limit, because its size may change meanwhile.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn relative(root: &Path, path: &Path) -> String {
    let below: PathBuf = path
        .strip_prefix(root)
        .ok()
        .filter(|below| !below.as_os_str().is_empty())
        .map_or_else(
            || PathBuf::from(path.file_name().unwrap_or_default()),
            Path::to_path_buf,
        );
    below.to_string_lossy().into_owned()
}
