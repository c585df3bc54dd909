//! Applies `images:` of a kustomization and `ImageTagTransformer` as kustomize does.

use std::rc::Rc;

use regex::Regex;

use super::value::{Mark, Scalar, Value};
use crate::gitops::{Error, error::Position};

/// An entry of `images:` with its scalars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImagesEntry {
    pub(crate) file: Rc<str>,
    /// The path of the mapping, such as `.images[name=web]`.
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) name: String,
    pub(crate) new_name: Option<Scalar>,
    pub(crate) new_tag: Option<Scalar>,
    pub(crate) digest: Option<Scalar>,
    pub(crate) suffix: Option<Scalar>,
}

/// A field that a configuration adds to the default fields of `images:`.
#[derive(Debug, Clone)]
pub(crate) struct FieldSpec {
    pub(crate) path: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

/// The keys of an entry in kustomize's schema.
const FIELDS: [&str; 6] = [
    "spec/containers[]/image",
    "spec/initContainers[]/image",
    "spec/volumes[]/image/reference",
    "spec/template/spec/containers[]/image",
    "spec/template/spec/initContainers[]/image",
    "spec/template/spec/volumes[]/image/reference",
];

impl ImagesEntry {
    pub(crate) fn read(value: &Value, file: &str) -> Result<Self, Error> {
        let at = value.position(file);
        let wrong = |reason: String| Error::NotUnderstood {
            at: at.clone(),
            construct: "an images: entry".to_owned(),
            reason,
            hint: String::new(),
        };
        let scalar = |key: &str| match value.get(key) {
            Some(Value::Scalar(scalar)) if !scalar.null && !scalar.text.is_empty() => {
                Ok(Some(scalar.clone()))
            }
            None | Some(Value::Scalar(_)) => Ok(None),
            Some(_) => Err(wrong(format!("{key} is not a scalar"))),
        };
        const KEYS: [&str; 5] = ["name", "newName", "newTag", "digest", "tagSuffix"];
        if let Some((key, _)) = value
            .entries()
            .iter()
            .find(|(key, _)| !KEYS.contains(&key.as_str()))
        {
            return Err(wrong(format!("{key} is not one of {}", KEYS.join(", "))));
        }
        let name = scalar("name")?;
        let path = name
            .as_ref()
            .and_then(Scalar::mark)
            .map(|mark| mark.path.trim_end_matches(".name").to_owned());
        Ok(Self {
            file: file.into(),
            path: path.unwrap_or_else(|| ".images".to_owned()),
            line: at.line,
            column: at.column,
            name: name.map(|name| name.text).unwrap_or_default(),
            new_name: scalar("newName")?,
            new_tag: scalar("newTag")?,
            digest: scalar("digest")?,
            suffix: scalar("tagSuffix")?,
        })
    }

    pub(crate) fn position(&self) -> Position {
        Position::new(&self.file, self.line, self.column)
    }

    /// Returns the expression by which kustomize compares names; a dot in a name matches any character.
    pub(crate) fn pattern(&self) -> Result<Regex, Error> {
        let pattern = format!(
            "^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$",
            self.name
        );
        Regex::new(&pattern).map_err(|_| Error::NotUnderstood {
            at: self.position(),
            construct: "an images: entry".to_owned(),
            reason: format!("its name {:?} is not a regular expression", self.name),
            hint: "write the name of a repository".to_owned(),
        })
    }

    fn changes(&self) -> bool {
        self.new_name.is_some()
            || self.new_tag.is_some()
            || self.digest.is_some()
            || self.suffix.is_some()
    }

    /// Returns the image after the entry is applied.
    fn applied(&self, image: &str) -> String {
        let text = |scalar: &Option<Scalar>| scalar.as_ref().map(|scalar| scalar.text.clone());
        let (name, mut tag, mut digest) = split(image);
        let mut image = text(&self.new_name).unwrap_or_else(|| name.to_owned());
        let (new_tag, new_digest) = (text(&self.new_tag), text(&self.digest));
        let (tag, digest) = match (&new_tag, &new_digest, &self.suffix) {
            (Some(tag), Some(digest), _) => (tag.clone(), digest.clone()),
            (Some(tag), None, _) => (tag.clone(), String::new()),
            (None, Some(digest), _) => (String::new(), digest.clone()),
            (None, None, Some(suffix)) => (format!("{tag}{}", suffix.text), String::new()),
            (None, None, None) => (
                std::mem::take(&mut tag).to_owned(),
                std::mem::take(&mut digest).to_owned(),
            ),
        };
        if !tag.is_empty() {
            image = format!("{image}:{tag}");
        }
        if !digest.is_empty() {
            image = format!("{image}@{digest}");
        }
        image
    }
}

/// Splits an image into name, tag and digest as kustomize does.
pub(crate) fn split(image: &str) -> (&str, &str, &str) {
    let slash = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let rest = image.get(slash..).unwrap_or_default();
    let (at, colon) = (rest.find('@'), rest.find(':'));
    let cut = |from: usize| image.split_at(slash + from);
    match (at, colon) {
        (None, None) => (image, "", ""),
        (Some(at), colon) if colon.is_none_or(|colon| at < colon) => {
            let (name, digest) = cut(at);
            (name, "", digest.trim_start_matches('@'))
        }
        (at, Some(colon)) => {
            let (name, version) = cut(colon);
            let version = version.get(1..).unwrap_or_default();
            match at {
                Some(_) => match version.split_once('@') {
                    Some((tag, digest)) => (name, tag, digest),
                    None => (name, version, ""),
                },
                None => (name, version, ""),
            }
        }
        _ => (image, "", ""),
    }
}

/// Applies an entry to an object; returns how many images it matched.
pub(crate) fn apply(
    value: &mut Value,
    entry: &Rc<ImagesEntry>,
    pattern: &Regex,
    specs: &[FieldSpec],
    defaults: bool,
) -> Result<usize, String> {
    if value.get("kind").and_then(Value::text) == Some("CustomResourceDefinition") {
        return Ok(0);
    }
    let mut change = EntryChange {
        entry,
        pattern,
        matched: 0,
    };
    change.legacy(value);
    let own = FIELDS.iter().filter(|_| defaults);
    for path in own {
        change.field(value, path)?;
    }
    let id = super::resource::id_of(value);
    let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    for spec in specs {
        if fits(&spec.group, &id.group)
            && fits(&spec.version, &id.version)
            && fits(&spec.kind, &id.kind)
        {
            change.field(value, &spec.path)?;
        }
    }
    Ok(change.matched)
}

struct EntryChange<'a> {
    entry: &'a Rc<ImagesEntry>,
    pattern: &'a Regex,
    matched: usize,
}

impl EntryChange<'_> {
    fn set(&mut self, scalar: &mut Scalar) {
        if !self.pattern.is_match(&scalar.text) {
            return;
        }
        self.matched += 1;
        if !self.entry.changes() {
            return;
        }
        let text = self.entry.applied(&scalar.text);
        *scalar = Scalar::unplaced(text);
        scalar.entry = Some(Rc::clone(self.entry));
    }

    /// Changes `image` of every item of any `containers` and `initContainers`, at any depth.
    fn legacy(&mut self, value: &mut Value) {
        match value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.legacy(value);
                    if matches!(key.as_str(), "containers" | "initContainers")
                        && let Value::List(items) = value
                    {
                        for item in items {
                            if let Some(Value::Scalar(scalar)) = item.get_mut("image") {
                                self.set(scalar);
                            }
                        }
                    }
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.legacy(item)),
            Value::Scalar(_) => {}
        }
    }

    fn field(&mut self, value: &mut Value, path: &str) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        if path.is_empty() {
            return match value {
                Value::Scalar(scalar) => {
                    self.set(scalar);
                    Ok(())
                }
                _ => Err("an image is not a scalar".to_owned()),
            };
        }
        match value {
            Value::List(items) => {
                for item in items {
                    self.field(item, path)?;
                }
                Ok(())
            }
            Value::Map(_) => {
                let (first, rest) = path.split_once('/').unwrap_or((path, ""));
                match value.get_mut(first.trim_end_matches("[]")) {
                    Some(next) => self.field(next, rest),
                    None => Ok(()),
                }
            }
            Value::Scalar(_) => Err(format!("{path} leads through a scalar")),
        }
    }
}

/// Returns a mark of the entry itself, for messages and claims.
pub(crate) fn mark_of(entry: &ImagesEntry) -> Mark {
    Mark {
        file: Rc::clone(&entry.file),
        line: entry.line,
        column: entry.column,
        path: entry.path.clone(),
        text: String::new(),
        range: 0..0,
        inner: None,
        shared: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitops::graph::value::load;

    #[test]
    fn splits_as_kustomize_does() {
        for (image, parts) in [
            ("web", ("web", "", "")),
            ("web:v1", ("web", "v1", "")),
            ("h:5000/web", ("h:5000/web", "", "")),
            ("h:5000/web:v1@sha256:00", ("h:5000/web", "v1", "sha256:00")),
            ("h/web@sha256:00", ("h/web", "", "sha256:00")),
        ] {
            assert_eq!(split(image), parts, "{image}");
        }
    }

    fn applied(entry: &str, value: &str) -> Value {
        let mut value = load("f", value).unwrap().remove(0);
        let entry = load("k", entry).unwrap().remove(0);
        let entry = Rc::new(ImagesEntry::read(&entry, "k").unwrap());
        let pattern = entry.pattern().unwrap();
        apply(&mut value, &entry, &pattern, &[], true).unwrap();
        value
    }

    #[test]
    fn changes_what_has_its_name() {
        for (entry, image, expected) in [
            ("{name: r/web, newTag: v2}", "r/web:v1@sha256:0", "r/web:v2"),
            ("{name: r/web, newName: p/web}", "r/web:v1", "p/web:v1"),
            (
                "{name: r/web, newTag: v2, digest: 'sha256:1'}",
                "r/web",
                "r/web:v2@sha256:1",
            ),
            (
                "{name: r/web, digest: 'sha256:1'}",
                "r/web:v1",
                "r/web@sha256:1",
            ),
            ("{name: web, newTag: v2}", "r/web:v1", "r/web:v1"),
            ("{name: r.io/web, newTag: v2}", "rxio/web", "rxio/web:v2"),
        ] {
            let value = applied(
                entry,
                &format!("spec: {{containers: [{{image: '{image}'}}]}}"),
            );
            let found = value.at(&["spec", "containers"]).unwrap().items()[0]
                .get("image")
                .unwrap();
            assert_eq!(found.text(), Some(expected), "{entry}");
        }
        let crd = applied(
            "{name: web, newTag: v2}",
            "kind: CustomResourceDefinition\nx: {containers: [{image: web}]}",
        );
        assert_eq!(
            crd.at(&["x", "containers"]).unwrap().items()[0]
                .get("image")
                .unwrap()
                .text(),
            Some("web")
        );
    }
}
