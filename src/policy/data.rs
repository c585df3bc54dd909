//! Merges the data documents of a group of sources into the document that rules see as `data`.
//!
//! Objects are merged recursively. Any other duplicate member is an error, because a rule could
//! otherwise decide by the wrong value.

mod lines;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{config, source::Fetched};

/// Data documents that cannot be read or merged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file is neither JSON nor YAML.
    #[error(transparent)]
    Parse(#[from] config::Error),
    /// The file is not an object.
    #[error("data file {file} is not an object: expected members by name")]
    Shape { file: String },
    /// Two documents have the same member.
    #[error("{place}: merge error: data member {path} is also set in {other}")]
    Collision {
        /// File and line of the member in the later document.
        place: String,
        path: String,
        other: String,
    },
}

/// The merged data of one group.
#[derive(Debug, Clone, Default)]
pub(crate) struct MergedData {
    merged: Map<String, Value>,
    /// The names and texts of the merged documents, to find the line of a member.
    texts: Vec<(String, String)>,
}

impl MergedData {
    /// Adds the files of one source.
    ///
    /// Each directory with a data file is a root. Its members are also visible from the roots above
    /// it, below the name of the directory.
    ///
    /// # Errors
    /// Any [`Error`], naming the file.
    pub(crate) fn add_source(&mut self, source: &Fetched) -> Result<(), Error> {
        let files = source.files.iter().filter(|file| file.is_data());
        let files: Vec<_> = files.collect();
        let roots: BTreeSet<&str> = files.iter().map(|file| directory(&file.path)).collect();
        let mut documents = BTreeMap::new();
        for file in files {
            let name = source.name_of(&file.path);
            let Value::Object(document) = config::document(&file.text, &name)? else {
                return Err(Error::Shape { file: name });
            };
            self.texts.push((name.clone(), file.text.clone()));
            documents.insert(&file.path, (name, document));
        }
        for root in roots {
            for (path, (name, document)) in &documents {
                let Some(below) = below(root, directory(path)) else {
                    continue;
                };
                let segments = below.split('/').filter(|segment| !segment.is_empty());
                let mut document = document.clone();
                for segment in segments.rev() {
                    document = Map::from_iter([(segment.to_owned(), Value::Object(document))]);
                }
                self.merge(document, name)?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, document: Map<String, Value>, name: &str) -> Result<(), Error> {
        merge(&mut self.merged, document, "").map_err(|path| {
            let find = |own: bool| {
                let texts = || self.texts.iter().filter(|(file, _)| (file == name) == own);
                let line = |whole: bool| {
                    texts().find_map(|(file, text)| {
                        Some(format!("{file}:{}", lines::of(text, &path, whole)?))
                    })
                };
                line(true).or_else(|| line(false))
            };
            let (own, other) = (find(true), find(false));
            Error::Collision {
                place: own.unwrap_or_else(|| name.to_owned()),
                path,
                other: other.unwrap_or_else(|| "another document".to_owned()),
            }
        })
    }

    /// Adds the `ruleData` of the configuration.
    ///
    /// # Errors
    /// [`Error::Collision`].
    pub(crate) fn add_rule_data(&mut self, rule_data: &Map<String, Value>) -> Result<(), Error> {
        let document = json!({"rule_data__configuration__": rule_data});
        let Value::Object(document) = document else {
            return Ok(());
        };
        self.merge(document, "ruleData of the configuration")
    }

    /// Returns the merged document with the members that this program provides.
    ///
    /// # Errors
    /// [`Error::Collision`] if a data source sets the same member below `config`.
    pub(crate) fn document(&self, own: &Value) -> Result<Value, Error> {
        let mut all = self.clone();
        let own = Map::from_iter([("config".to_owned(), own.clone())]);
        all.merge(own, "the program's own data")?;
        Ok(Value::Object(all.merged))
    }
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Returns the path of a directory relative to a root; `None` if it is not below the root.
fn below<'a>(root: &str, directory: &'a str) -> Option<&'a str> {
    let rest = directory.strip_prefix(root)?;
    (root.is_empty() || rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Adds the members; returns the path of a duplicate as the error.
fn merge(
    into: &mut Map<String, Value>,
    from: Map<String, Value>,
    path: &str,
) -> Result<(), String> {
    for (member, value) in from {
        let path = if path.is_empty() {
            member.clone()
        } else {
            format!("{path}.{member}")
        };
        match (into.get_mut(&member), value) {
            (None, value) => {
                into.insert(member, value);
            }
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from, &path)?,
            (Some(_), _) => return Err(path),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::source::SourceFile;

    fn data(files: &[(&str, &str)]) -> Result<Value, Error> {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        let files: Vec<_> = files.iter().map(file).collect();
        let source = Fetched {
            pinned: "file::d".to_owned(),
            files,
        };
        let mut data = MergedData::default();
        data.add_source(&source)?;
        data.document(&json!({}))
    }

    #[test]
    fn merges_objects_deeply() {
        let merged = data(&[
            ("a.yaml", "rule_data: {x: [1]}"),
            ("b.json", r#"{"rule_data": {"y": true}, "z": 1}"#),
            ("policy.rego", "package a"),
            ("README.md", "# no data"),
        ])
        .unwrap();
        let expected = json!({"rule_data": {"x": [1], "y": true}, "z": 1, "config": {}});
        assert_eq!(merged, expected);
    }

    #[test]
    fn refuses_repeated_values_even_when_equal() {
        let twice = data(&[("a.yml", "a:\n  b: 1"), ("b.yml", "# c\nx: 1\na: {b: 1}")]);
        assert_eq!(
            twice.unwrap_err().to_string(),
            "d/b.yml:3: merge error: data member a.b is also set in d/a.yml:2"
        );
        let mixed = data(&[("a.yml", "a: {b: 1}"), ("b.yml", "a: 1")]);
        assert!(matches!(mixed, Err(Error::Collision { .. })));
        assert!(matches!(
            data(&[("a.yml", "- 1")]),
            Err(Error::Shape { .. })
        ));
        assert!(matches!(data(&[("a.yml", "a: [")]), Err(Error::Parse(_))));
        assert!(matches!(
            data(&[("a.yml", "config: 1")]),
            Err(Error::Collision { .. })
        ));
    }

    #[test]
    fn a_nested_directory_is_a_root_and_a_member_of_the_roots_above() {
        let nested = data(&[("x/y/a.yaml", "a: 1")]).unwrap();
        assert_eq!(nested, json!({"a": 1, "config": {}}));
        let both = data(&[("x/b.yaml", "b: 1"), ("x/y/a.yaml", "a: 1")]).unwrap();
        assert_eq!(both, json!({"b": 1, "y": {"a": 1}, "a": 1, "config": {}}));
        let beside = data(&[("x/b.yaml", "b: 1"), ("xy/a.yaml", "a: 1")]).unwrap();
        assert_eq!(beside, json!({"b": 1, "a": 1, "config": {}}));
    }
}
