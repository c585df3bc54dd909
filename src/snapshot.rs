//! `images.json`: a Snapshot spec whose images are pinned to digests and sources to commits.
//!
//! Valid input for other Snapshot consumers (Konflux application-api `SnapshotSpec`); the members
//! of this program are below the one key `promote`. Unknown members are preserved. The bytes are compact JSON
//! without a newline, and their SHA-256 binds the later steps to this list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    image::{Digest, DigestReference, Reference, ReferenceError, Tag},
    json, text,
};

/// The version of the member `promote` that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

const KIND: &str = "Snapshot";

/// The largest Snapshot that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// A text that is not a usable list of images.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is neither JSON nor YAML of the Snapshot's shape.
    #[error("{origin} is not a Snapshot: {reason}")]
    Parse {
        /// The file, or another name of the text's source.
        origin: String,
        reason: String,
    },
    #[error("{origin} has {size} bytes, a Snapshot has at most {MAX_BYTES}")]
    TooLarge {
        /// The file, or another name of the text's source.
        origin: String,
        size: usize,
    },
    /// A component's image is not a reference, or is not pinned to a digest.
    #[error("component {name:?} of {origin}: {source}")]
    Image {
        /// The file, or another name of the text's source.
        origin: String,
        name: String,
        /// The mistake in its `containerImage`.
        source: ReferenceError,
    },
    /// A component's name has characters that are special in a path, a log or a commit message.
    #[error(
        "{origin} has a component named {name:?}: expected letters, digits, '.', '_' and '-', a letter or digit first"
    )]
    Name {
        /// The file, or another name of the text's source.
        origin: String,
        name: String,
    },
    /// The Git tag or the commit of the member `promote` is malformed.
    #[error("{origin} has the {what} {found:?}, which is not one")]
    Revision {
        /// The file, or another name of the text's source.
        origin: String,
        /// `gitTag` or `commit`.
        what: &'static str,
        found: String,
    },
    #[error("{origin} has two components named {name:?}: name and version must differ")]
    Duplicate {
        /// The file, or another name of the text's source.
        origin: String,
        name: String,
    },
    /// The version of a component is not usable in logs and commit messages.
    #[error("{origin} has a component with the version {version:?}: expected a text such as v1.2")]
    ComponentVersion { origin: String, version: String },
    /// It was written by a later version of this program.
    #[error("{origin} has version {found}, this program reads version {VERSION}")]
    Version {
        /// The file, or another name of the text's source.
        origin: String,
        found: u32,
    },
}

/// A Snapshot spec as in the document: images may still have tags only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) application: String,
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) components: Vec<Component>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) promote: Option<Promote>,
    /// Members that this program does not interpret; preserved in output.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// One component of a Snapshot with its image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Component {
    /// The component's name; empty when the Snapshot has none.
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) name: String,
    /// The image: pinned in `images.json`, perhaps with a tag only in another writer's Snapshot.
    #[serde(rename = "containerImage")]
    pub(crate) container_image: String,
    /// The source from which the image was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<ComponentSource>,
    /// Members that this program does not interpret; preserved in output.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// The Git source of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ComponentSource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) git: Option<GitSource>,
    /// Members that this program does not interpret; preserved in output.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// A commit of a Git repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GitSource {
    pub(crate) url: String,
    /// The commit in `images.json`, perhaps a branch or tag in another writer's Snapshot.
    #[serde(
        default,
        deserialize_with = "json::nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub(crate) revision: String,
    /// Members that this program does not interpret; preserved in output.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// The member `promote`, which this program adds to a Snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Promote {
    pub(crate) version: u32,
    /// The Git tag that is being promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) git_tag: Option<String>,
    /// The commit to which the tag was peeled: 40 or 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The tag that the images get at their destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination_tag: Option<Tag>,
    /// The repository of the commit, with details of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SourceCommit>,
    /// The origin of each image, by the component's name.
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) components: BTreeMap<String, ImageOrigin>,
}

/// The commit that is being promoted, with details for records and messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceCommit {
    pub(crate) url: String,
    /// Its name: 40 or 64 hex digits.
    pub(crate) commit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<String>,
    /// The first line of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// The rest of its message, truncated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// When it was committed (RFC 3339, UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<String>,
}

/// The tag and the manifest of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageOrigin {
    /// The tag that was resolved to the digest, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<Tag>,
    /// The media type of the manifest.
    pub(crate) media_type: String,
    /// The platforms of an index as `os/arch[/variant]`; empty for a single image.
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) platforms: Vec<String>,
}

impl Promote {
    /// Checks the Git tag and the commit, which are used in requests and commit messages.
    fn check(&self, origin: &str) -> Result<(), Error> {
        type Grammar = fn(&str) -> bool;
        let members: [(_, _, Grammar); 2] = [
            ("gitTag", &self.git_tag, text::is_git_tag),
            ("commit", &self.commit, text::is_commit),
        ];
        for (what, found, grammar) in members {
            if let Some(found) = found.as_deref().filter(|found| !grammar(found)) {
                return Err(Error::Revision {
                    origin: origin.to_owned(),
                    what,
                    found: found.to_owned(),
                });
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// Returns the commit that is being promoted: the recorded one, else the source of all
    /// components if they share one.
    pub(crate) fn source_commit(&self) -> Option<SourceCommit> {
        let recorded = self
            .promote
            .as_ref()
            .and_then(|promote| promote.source.clone());
        if recorded.is_some() {
            return recorded;
        }
        let mut sources = self.components.iter().map(|component| {
            let git = component
                .source
                .as_ref()
                .and_then(|source| source.git.as_ref());
            git.map(|git| (git.url.clone(), git.revision.clone()))
        });
        let (url, commit) = sources.next()??;
        let same = |source: Option<(String, String)>| {
            source.is_some_and(|source| (&source.0, &source.1) == (&url, &commit))
        };
        (!commit.is_empty() && sources.all(same)).then(|| SourceCommit {
            url: url.clone(),
            commit: commit.clone(),
            ..SourceCommit::default()
        })
    }

    /// Parses JSON or YAML: a bare spec or a Snapshot resource with `spec`, never a resource of another kind.
    ///
    /// # Errors
    /// Any [`Error`] except [`Error::Image`]: the images are not checked.
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLarge {
                origin: origin.to_owned(),
                size: text.len(),
            });
        }
        let wrong = |reason: String| Error::Parse {
            origin: origin.to_owned(),
            reason,
        };
        let document = json::json_or_yaml(text).map_err(|error| wrong(error.to_string()))?;
        match document.get("kind").and_then(Value::as_str) {
            Some(kind) if kind != KIND => {
                Err(wrong(format!("it is of kind {kind:?}, expected {KIND}")))
            }
            _ => Self::of_document(document, origin),
        }
    }

    /// Converts a document: a bare spec or a Snapshot resource with `spec`.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(crate) fn of_document(mut document: Value, origin: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Parse {
            origin: origin.to_owned(),
            reason,
        };
        if let Some(spec) = document.get_mut("spec").filter(|spec| spec.is_object()) {
            document = spec.take();
        }
        if !document.is_object() {
            return Err(wrong("expected an object with components".to_owned()));
        }
        json::check(&document, &json::SNAPSHOT).map_err(|error| wrong(error.to_string()))?;
        let snapshot: Self =
            serde_json::from_value(document).map_err(|error| wrong(error.to_string()))?;
        match &snapshot.promote {
            Some(promote) if promote.version != VERSION => Err(Error::Version {
                origin: origin.to_owned(),
                found: promote.version,
            }),
            _ => Ok(snapshot),
        }
    }

    /// Returns the bytes of `images.json`: compact JSON without a newline.
    ///
    /// # Errors
    /// Never for values of this type; the signature is serde's.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// Returns `NAME`, or `NAME@VERSION` where there is a version. A name has no `@`.
pub(crate) fn identity(name: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{name}@{version}"),
        None => name.to_owned(),
    }
}

impl Component {
    /// Returns the version, which distinguishes components of one name (Konflux); `null` and an empty text are
    /// `None`.
    pub(crate) fn version(&self) -> Option<&str> {
        let version = self.other.get("version").and_then(Value::as_str);
        version.filter(|version| !version.is_empty())
    }

    /// Returns `NAME`, or `NAME@VERSION` where there is a version.
    pub(crate) fn identity(&self) -> String {
        identity(&self.name, self.version())
    }

    /// Returns the image as a reference, pinned or not.
    ///
    /// # Errors
    /// [`Error::Image`] when `containerImage` is not a reference.
    pub(crate) fn reference(&self, origin: &str) -> Result<Reference, Error> {
        let image = self.container_image.strip_prefix("docker://");
        let image = image.unwrap_or(&self.container_image);
        image.parse().map_err(|source| self.wrong(origin, source))
    }

    fn wrong(&self, origin: &str, source: ReferenceError) -> Error {
        Error::Image {
            origin: origin.to_owned(),
            name: self.name.clone(),
            source,
        }
    }
}

/// `images.json` as later steps require it: every image pinned, every name present and unique.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    pub(crate) snapshot: Snapshot,
    /// The SHA-256 of the bytes that were read or written.
    pub(crate) digest: Digest,
    /// The images in the document's order, one for each component.
    pub(crate) pinned: Vec<DigestReference>,
}

impl Images {
    /// Reads `images.json` and checks that every image is pinned and every name unique.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn parse(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|error| Error::Parse {
            origin: origin.to_owned(),
            reason: error.to_string(),
        })?;
        Self::new(Snapshot::parse(text, origin)?, Digest::of(bytes), origin)
    }

    fn new(mut snapshot: Snapshot, digest: Digest, origin: &str) -> Result<Self, Error> {
        if let Some(promote) = &snapshot.promote {
            promote.check(origin)?;
        }
        let mut pinned = Vec::with_capacity(snapshot.components.len());
        let mut names = std::collections::BTreeSet::new();
        for component in &mut snapshot.components {
            let reference = component.reference(origin)?;
            if component.name.is_empty() {
                reference
                    .repository
                    .last_segment()
                    .clone_into(&mut component.name);
            }
            if !text::is_name(&component.name) {
                return Err(Error::Name {
                    origin: origin.to_owned(),
                    name: component.name.clone(),
                });
            }
            if let Some(version) = component.version().filter(|text| !text::is_git_tag(text)) {
                return Err(Error::ComponentVersion {
                    origin: origin.to_owned(),
                    version: version.to_owned(),
                });
            }
            if !names.insert(component.identity()) {
                return Err(Error::Duplicate {
                    origin: origin.to_owned(),
                    name: component.name.clone(),
                });
            }
            let image = reference.into_pinned();
            pinned.push(image.map_err(|source| component.wrong(origin, source))?);
        }
        Ok(Self {
            snapshot,
            digest,
            pinned,
        })
    }

    /// Returns the components at some positions of the list, with the digest of the whole list.
    pub(crate) fn part(&self, has: impl Fn(usize) -> bool) -> Self {
        let chosen = |position: &usize| has(*position);
        let positions: Vec<_> = (0..self.pinned.len()).filter(chosen).collect();
        let components = &self.snapshot.components;
        let kept = positions
            .iter()
            .filter_map(|at| components.get(*at).cloned());
        Self {
            snapshot: Snapshot {
                components: kept.collect(),
                ..self.snapshot.clone()
            },
            digest: self.digest,
            pinned: positions
                .iter()
                .filter_map(|at| self.pinned.get(*at).cloned())
                .collect(),
        }
    }

    /// Returns the components with their pinned images.
    pub(crate) fn components(&self) -> impl Iterator<Item = (&Component, &DigestReference)> {
        self.snapshot.components.iter().zip(&self.pinned)
    }
}

/// Tells whether a document has a list of components; YAML is searched as text.
pub(crate) fn names_components(bytes: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(document) => [&document, &document["spec"]]
            .iter()
            .any(|document| document.get("components").is_some()),
        Err(_) => String::from_utf8_lossy(bytes).contains("components:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn keeps_what_it_does_not_know() {
        let text = format!(
            r#"{{"application":"a","components":[{{"name":"web","containerImage":"quay.io/o/web@{DIGEST}","source":{{"git":{{"url":"u","revision":"r","context":"c"}},"x":1}},"version":"2"}}],"artifacts":{{}}}}"#
        );
        let images = Images::parse(text.as_bytes(), "images.json").unwrap();
        assert_eq!(images.snapshot.to_bytes().unwrap(), text.as_bytes());
        assert_eq!(images.digest, Digest::of(text.as_bytes()));
    }

    #[test]
    fn reads_yaml_and_resources() {
        let text = format!(
            "kind: Snapshot\nspec:\n  components:\n  - containerImage: quay.io/o/web@{DIGEST}\n"
        );
        let images = Images::parse(text.as_bytes(), "snapshot.yaml").unwrap();
        assert_eq!(images.snapshot.components[0].name, "web");
    }

    #[test]
    fn null_is_absent_and_keys_that_fold_are_refused() {
        let text = format!(
            r#"{{"application":null,"components":[{{"name":"x","containerImage":"q.io/o/x@{DIGEST}","source":{{"git":{{"url":"u","revision":null}}}}}}]}}"#
        );
        let images = Images::parse(text.as_bytes(), "s").unwrap();
        assert_eq!(images.pinned.len(), 1);
        for (from, to) in [
            ("containerImage", "ContainerImage"),
            ("\"components\"", "\"Components\":[],\"components\""),
            ("\"name\":\"x\"", "\"name\":\"x\",\"name\":\"y\""),
            ("{\"git\":{\"url\":\"u\",\"revision\":null}}", "[[\"u\"]]"),
        ] {
            let wrong = text.replacen(from, to, 1);
            assert_ne!(wrong, text);
            let error = Images::parse(wrong.as_bytes(), "s").unwrap_err();
            assert!(matches!(error, Error::Parse { .. }), "{error}");
        }
        let yaml = "Components: []\ncomponents: []\n";
        assert!(Snapshot::parse(yaml, "s").is_err());
    }

    #[test]
    fn refuses_tags_duplicates_and_later_versions() {
        let tag = r#"{"components":[{"name":"web","containerImage":"quay.io/o/web:v1"}]}"#;
        let twice = format!(
            r#"{{"components":[{{"name":"w","containerImage":"q.io/o/a@{DIGEST}"}},{{"name":"w","containerImage":"q.io/o/b@{DIGEST}"}}]}}"#
        );
        let later = r#"{"components":[],"promote":{"version":9}}"#;
        let read = |text: &str| Images::parse(text.as_bytes(), "images.json").unwrap_err();
        assert!(matches!(read(tag), Error::Image { .. }));
        let lines = twice.replacen("\"w\"", r#""w\nGit-Tag: v2""#, 1);
        assert!(matches!(read(&lines), Error::Name { .. }));
        assert!(matches!(read(&twice), Error::Duplicate { .. }));
        let version = |text: &str, version: &str| {
            text.replacen(
                "{\"name\":\"w\",",
                &format!("{{\"name\": \"w\",\"version\":\"{version}\","),
                1,
            )
        };
        let versions = version(&version(&twice, "v1"), "v2");
        assert!(Images::parse(versions.as_bytes(), "images.json").is_ok());
        let same = version(&version(&twice, "v1"), "v1");
        assert!(matches!(read(&same), Error::Duplicate { .. }));
        assert!(matches!(read(later), Error::Version { found: 9, .. }));
        let tag = r#"{"components":[],"promote":{"version":1,"gitTag":"v1\nReviewed-by: x"}}"#;
        assert!(matches!(read(tag), Error::Revision { what: "gitTag", .. }));
        let commit = tag.replace("gitTag", "commit");
        assert!(matches!(
            read(&commit),
            Error::Revision { what: "commit", .. }
        ));
        assert!(matches!(read("[]"), Error::Parse { .. }));
        assert!(matches!(read("{"), Error::Parse { .. }));
    }
}
