//! Reads policies and data from files and directories, as `opa test` does: Rego files are modules, a named data
//! file is merged at the root, and one found in a directory below the names of its directories.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::module::Module;
use crate::policy::local::{LEADS_OUT, NOT_REGULAR, leads_inside};

const MAX_DEPTH: usize = 32;
const MAX_FILES: usize = 50_000;
/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Policy or data files that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// The path does not exist or cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The directories exceed the limits on number, size or depth of files.
    #[error("{} is too large for a policy: at most {MAX_FILES} files of {MAX_BYTES} bytes, {MAX_DEPTH} levels deep", path.display())]
    TooLarge { path: PathBuf },
    /// A link points outside of the named path, or an entry is not a regular file.
    #[error("{}: {reason}", path.display())]
    Kind { path: PathBuf, reason: &'static str },
    /// A data file is not YAML or JSON.
    #[error("{} is not valid YAML or JSON data: {cause}", path.display())]
    Data { path: PathBuf, cause: String },
    /// Two data files have a value at the same path.
    #[error("{} and an earlier file both have a value at {at}", path.display())]
    Collision { path: PathBuf, at: String },
}

/// The modules and merged data of some paths.
#[derive(Debug, Default)]
pub(crate) struct PolicyFiles {
    /// The Rego modules, sorted by path.
    pub(crate) modules: Vec<Module>,
    pub(crate) data: Map<String, Value>,
    count: usize,
}

impl PolicyFiles {
    /// Reads files and directories.
    ///
    /// # Errors
    /// [`FilesError`] naming the path.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, FilesError> {
        let mut files = Self::default();
        for path in paths {
            files.path(path, path, &mut Vec::new())?;
        }
        Ok(files)
    }

    fn path(
        &mut self,
        root: &Path,
        path: &Path,
        below: &mut Vec<String>,
    ) -> Result<(), FilesError> {
        let failed = |source| FilesError::Read {
            path: path.to_owned(),
            source,
        };
        let refused = |reason| FilesError::Kind {
            path: path.to_owned(),
            reason,
        };
        let is_link = fs::symlink_metadata(path).map_err(failed)?.is_symlink();
        if is_link && path != root && !leads_inside(root, path).map_err(failed)? {
            return Err(refused(LEADS_OUT));
        }
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_file() {
            return self.file(path, metadata.len(), below);
        }
        if !metadata.is_dir() {
            return match is_read(path) {
                // Reading a pipe may block, and a device may never end.
                true => Err(refused(NOT_REGULAR)),
                false => Ok(()),
            };
        }
        if below.len() >= MAX_DEPTH {
            return Err(FilesError::TooLarge {
                path: path.to_owned(),
            });
        }
        let entries = fs::read_dir(path).map_err(failed)?;
        let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
        let mut entries = entries.map_err(failed)?;
        entries.sort();
        for entry in entries {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let directory = entry.is_dir();
            if directory {
                below.push(name.into_owned());
            }
            self.path(root, &entry, below)?;
            if directory {
                below.pop();
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, size: u64, below: &[String]) -> Result<(), FilesError> {
        if !is_read(path) {
            return Ok(());
        }
        let kind = path.extension().and_then(|kind| kind.to_str());
        self.count += 1;
        if self.count > MAX_FILES || size > MAX_BYTES {
            return Err(FilesError::TooLarge {
                path: path.to_owned(),
            });
        }
        let source = fs::read_to_string(path).map_err(|source| FilesError::Read {
            path: path.to_owned(),
            source,
        })?;
        if kind == Some("rego") {
            let file = path.display().to_string();
            self.modules.push(Module { file, source });
            return Ok(());
        }
        let failed = |cause| FilesError::Data {
            path: path.to_owned(),
            cause,
        };
        let value: Value = match kind {
            Some("json") => serde_json::from_str(&source).map_err(|e| failed(e.to_string()))?,
            _ => serde_saphyr::from_str(&source).map_err(|e| failed(e.to_string()))?,
        };
        let nested = below.iter().rev().fold(value, |value, name| {
            Value::Object(Map::from_iter([(name.clone(), value)]))
        });
        let Value::Object(members) = nested else {
            return Err(failed("expected a mapping at the top".to_owned()));
        };
        merge(&mut self.data, members).map_err(|at| FilesError::Collision {
            path: path.to_owned(),
            at,
        })
    }
}

fn is_read(path: &Path) -> bool {
    let kind = path.extension().and_then(|kind| kind.to_str());
    matches!(kind, Some("rego" | "json" | "yaml" | "yml"))
}

/// Adds the members; returns the path of a duplicate value as the error.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) -> Result<(), String> {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(value)) => {
                merge(known, value).map_err(|at| format!("{key}.{at}"))?;
            }
            (Some(_), _) => return Err(key),
            (None, value) => drop(into.insert(key, value)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(first: Value, second: Value) -> Result<Value, String> {
        let (Value::Object(mut first), Value::Object(second)) = (first, second) else {
            unreachable!()
        };
        merge(&mut first, second).map(|()| Value::Object(first))
    }

    #[test]
    fn merges_deeply_and_refuses_two_values_at_one_place() {
        let both = merged(json!({"a": {"b": 1}}), json!({"a": {"c": 2}}));
        assert_eq!(both, Ok(json!({"a": {"b": 1, "c": 2}})));
        let both = merged(json!({"a": {"b": 1}}), json!({"a": {"b": 1}}));
        assert_eq!(both, Err("a.b".to_owned()));
    }
}
