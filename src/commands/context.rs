//! The context in which every command runs, and the outcome that it returns.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::files::in_data_dir;
use crate::{
    clock::Clock,
    env::Env,
    failure::{Failure, Kind},
    gate::Clients,
    git::Git,
    http::Http,
    registry::Registry,
    tekton::Results,
};

/// The largest hand-over file or event that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// The environment, the clock, the clients and the directories of a command.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The environment as it was at the start.
    pub(crate) env: Env,
    /// The time that goes into files.
    pub(crate) clock: Clock,
    pub(crate) http: Http,
    pub(crate) registry: Registry,
    /// Where hand-over files and reports are read and written by their default names.
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) git: Git,
    /// Set when standard output is coloured.
    pub(crate) color: bool,
}

impl Context {
    /// Returns the clients that the gate uses.
    pub(crate) fn clients(&self) -> Clients {
        Clients {
            env: self.env.clone(),
            http: self.http.clone(),
            registry: self.registry.clone(),
            git: self.git.clone(),
        }
    }

    /// Returns the path of a hand-over file: that of a flag unchanged, the default name in the data directory.
    pub(crate) fn path(&self, flag: Option<&Path>, default: &str) -> PathBuf {
        match (flag, &self.data_dir) {
            (Some(path), _) => self.in_data_dir(path),
            (None, Some(dir)) => dir.join(default),
            (None, None) => PathBuf::from(default),
        }
    }

    fn in_data_dir(&self, path: &Path) -> PathBuf {
        in_data_dir(path, self.data_dir.as_deref())
    }

    /// Reads a file, or standard input for `-`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when it does not exist, else [`Kind::Usage`]; both name the file.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let read = if path == Path::new("-") {
            io::stdin().lock().take(MAX_FILE).read_to_end(&mut bytes)
        } else {
            let path = self.in_data_dir(path);
            let data = self.data_dir.as_deref();
            let checked = data.map_or(Ok(()), |dir| regular_in(dir, &path));
            let file = checked.and_then(|()| fs::File::open(&path));
            file.and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes))
        };
        match read {
            Ok(size) if size as u64 >= MAX_FILE => Err(Failure::message(
                Kind::Usage,
                format!("{} has more than {MAX_FILE} bytes", path.display()),
            )),
            Ok(_) => Ok(bytes),
            Err(error) => {
                let path = path.display();
                Err(match error.kind() {
                    io::ErrorKind::NotFound => {
                        Failure::message(Kind::NotFound, format!("{path} does not exist"))
                    }
                    _ => Failure::new(Kind::Usage, error).context(format!("cannot read {path}")),
                })
            }
        }
    }
}

/// Refuses what is in the data directory and is not a regular file, or a link out of it.
fn regular_in(dir: &Path, path: &Path) -> io::Result<()> {
    if !path.starts_with(dir) {
        return Ok(());
    }
    let (real, dir) = (fs::canonicalize(path)?, fs::canonicalize(dir)?);
    let refused = |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    if !real.starts_with(dir) {
        return refused("the link leads out of the data directory");
    }
    match fs::metadata(&real)?.is_file() {
        true => Ok(()),
        false => refused("not a regular file"),
    }
}

/// The result of a command: standard output, Tekton results and, when it was refused
/// after its report was written, the failure.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) results: Results,
    /// The reason for an exit code other than 0 although there are results.
    pub(crate) failure: Option<Failure>,
}
