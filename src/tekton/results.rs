//! Tekton results: one small file each, the exact bytes, no newline.
//!
//! All results of a TaskRun share one termination message of 4,096 bytes together with
//! Tekton's own records; a step whose results do not fit fails without a reason. The sizes
//! are therefore computed as Tekton will write them, and checked first.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

/// The most bytes that all results of one command may take in Tekton's JSON.
const BUDGET: usize = 3 << 10;

/// `NAME=PATH`: where to write one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultFlag {
    name: String,
    path: PathBuf,
}

impl FromStr for ResultFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            // Tekton passes an undeclared result's path on as literal text.
            Some((_, path)) if path.contains("$(") => Err(format!(
                "the path {path} is not resolved: is the result declared in the Task?"
            )),
            Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(Self {
                name: name.to_owned(),
                path: path.into(),
            }),
            _ => Err("expected NAME=PATH".to_owned()),
        }
    }
}

/// The reason why results were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command has no such result.
    #[error("no result {name}: this command has {known}")]
    Unknown {
        /// The name of the requested result.
        name: String,
        known: String,
    },
    /// They do not fit into Tekton's termination message.
    #[error(
        "the results take {size} bytes, Tekton has room for {BUDGET}: {largest} alone takes {bytes}"
    )]
    TooLarge {
        size: usize,
        largest: String,
        bytes: usize,
    },
}

impl Error {
    fn unknown(name: &str, known: &[&str]) -> Self {
        Self::Unknown {
            name: name.to_owned(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        }
    }
}

/// The results of one command, in the order in which they were set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Results(Vec<(&'static str, String)>);

impl Results {
    /// Sets a result; a later value replaces an earlier one.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Adds the results of a step.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.set(name, value.clone());
        }
    }

    /// Returns the value of a result.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the names of the results, in the order in which they were set.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Checks that a command has the results that flags name.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub(crate) fn check_names(flags: &[ResultFlag], known: &[&str]) -> Result<(), Error> {
        let unknown = flags
            .iter()
            .find(|flag| !known.contains(&flag.name.as_str()));
        unknown.map_or(Ok(()), |flag| Err(Error::unknown(&flag.name, known)))
    }

    /// Returns those of the flags whose result is set: a command that failed halfway lacks some.
    pub(crate) fn set_among(&self, flags: &[ResultFlag]) -> Vec<ResultFlag> {
        let flags = flags.iter().filter(|flag| self.get(&flag.name).is_some());
        flags.cloned().collect()
    }

    /// Replaces results by shorter values, in the order given, until all fit.
    pub(crate) fn shorten(&mut self, shorter: &[(&'static str, &str)]) {
        for (name, value) in shorter {
            if self.size() > BUDGET && self.get(name).is_some() {
                self.set(name, *value);
            }
        }
    }

    /// Returns the size of the results in Tekton's termination message, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| size_of(name, value))
            .sum()
    }

    /// Returns the number of bytes that a further result may take before the message is full.
    pub(crate) fn room(&self) -> usize {
        BUDGET.saturating_sub(self.size())
    }

    /// Tells whether the value would still fit beside the results that are set.
    pub(crate) fn fits(&self, name: &str, value: &str) -> bool {
        size_of(name, value) <= self.room()
    }

    /// Returns the files that `--result` and `--results-dir` name, with their content.
    ///
    /// # Errors
    /// Any [`Error`]: nothing may be written when a name is unknown or the sum too large.
    pub(crate) fn files(
        &self,
        flags: &[ResultFlag],
        dir: Option<&Path>,
    ) -> Result<Vec<(PathBuf, &str)>, Error> {
        let mut files = Vec::new();
        for flag in flags {
            let value = self
                .get(&flag.name)
                .ok_or_else(|| Error::unknown(&flag.name, &self.names().collect::<Vec<_>>()))?;
            files.push((flag.path.clone(), value));
        }
        if let Some(dir) = dir {
            let all = self.0.iter();
            files.extend(all.map(|(name, value)| (dir.join(name), value.as_str())));
        }
        if !files.is_empty() {
            self.check_size()?;
        }
        Ok(files)
    }

    fn check_size(&self) -> Result<(), Error> {
        let size = self.size();
        if size <= BUDGET {
            return Ok(());
        }
        let sizes = self
            .0
            .iter()
            .map(|(name, value)| (size_of(name, value), *name));
        let (bytes, largest) = sizes.max().unwrap_or_default();
        Err(Error::TooLarge {
            size,
            largest: largest.to_owned(),
            bytes,
        })
    }
}

/// Returns the size of `{"key":"NAME","value":"VALUE","type":1},` with the value escaped as JSON.
fn size_of(name: &str, value: &str) -> usize {
    let value = serde_json::Value::from(value).to_string();
    name.len() + value.len() + r#"{"key":"","value":,"type":1},"#.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_goes_to_every_path() {
        let mut results = Results::default();
        results.set("TAG", "v1.0");
        results.set("TAG", "v1.1");
        let flag: ResultFlag = "TAG=/r/one".parse().unwrap();
        let files = results.files(&[flag], Some(Path::new("/all"))).unwrap();
        let expected = [("/r/one", "v1.1"), ("/all/TAG", "v1.1")];
        assert_eq!(files, expected.map(|(path, value)| (path.into(), value)));
    }

    #[test]
    fn refuses_unknown_names_and_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let mut results = Results::default();
        results.set("BIG", "\"".repeat(BUDGET / 2));
        let path = dir.path().join("x");
        let flag = |name| ResultFlag {
            name,
            path: path.clone(),
        };
        let unknown = results.files(&[flag("NOPE".to_owned())], None);
        assert!(matches!(unknown, Err(Error::Unknown { .. })));
        let named = [flag("NOPE".to_owned())];
        assert!(Results::check_names(&named, &["TAG", "NOPE"]).is_ok());
        let error = Results::check_names(&named, &["TAG"]).unwrap_err();
        assert_eq!(error.to_string(), "no result NOPE: this command has TAG");
        let large = results.files(&[flag("BIG".to_owned())], None);
        assert!(matches!(large, Err(Error::TooLarge { .. })));
    }

    #[test]
    fn refuses_a_path_that_tekton_did_not_resolve() {
        assert!("A=$(results.A.path)".parse::<ResultFlag>().is_err());
        assert!("A=".parse::<ResultFlag>().is_err());
        assert!("=b".parse::<ResultFlag>().is_err());
    }
}
