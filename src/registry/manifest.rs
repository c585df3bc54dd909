//! Manifests, indexes and descriptors (OCI image specification 1.1). The raw bytes are kept:
//! a manifest that is written again would have another digest.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use serde_json::Value;

use super::Error;
use crate::{
    image::{Digest, MediaType},
    json,
};

/// A manifest as it was served.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    /// The media type that the registry named, or that the document names itself.
    pub(crate) media_type: String,
    /// The digest of the bytes, which we hashed.
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
}

/// The parsed document of a manifest.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Image(ImageManifest),
    Index(Index),
}

/// A pointer to a blob or manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    /// The media type of the content.
    pub(crate) media_type: String,
    #[serde(deserialize_with = "Digest::of_descriptor")]
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Free text for machines; nothing signs it.
    #[serde(
        default,
        deserialize_with = "json::nullable_texts",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(crate) annotations: BTreeMap<String, String>,
    /// The artifact type of a referrer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    /// The platform of a child of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    /// URLs of further copies of the content; set for foreign layers.
    #[serde(
        default,
        deserialize_with = "json::nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(crate) urls: Vec<String>,
}

/// The platform of a child of an index, such as `linux/arm/v8`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) architecture: String,
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
    /// The version of the operating system.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) os_version: Option<String>,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant
            .iter()
            .try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// A manifest of one image or artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageManifest {
    pub(crate) schema_version: u32,
    /// The media type in the document itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    /// The artifact type, when it is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Descriptor,
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) layers: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    /// Free text for machines; nothing signs it.
    #[serde(
        default,
        deserialize_with = "json::nullable_texts",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The media types of image configurations.
const CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

impl ImageManifest {
    /// Reads the configuration, whose bytes have the digest of the descriptor. The configuration of
    /// an artifact may be anything: `None` for one that is not as an image's.
    ///
    /// # Errors
    /// [`Error::Manifest`] when an image's configuration cannot be read, or in several ways.
    pub(crate) fn read_config(&self, bytes: &[u8]) -> Result<Option<Value>, Error> {
        match json::document(bytes, &json::IMAGE_CONFIG) {
            Ok(document) => Ok(Some(document)),
            Err(error) if CONFIGS.contains(&self.config.media_type.as_str()) => {
                Err(Error::Manifest {
                    digest: self.config.digest,
                    reason: format!("the configuration of the image: {error}"),
                })
            }
            Err(_) => Ok(None),
        }
    }
}

/// An index (OCI) or manifest list (Docker) of further manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u32,
    /// The media type in the document itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    /// The artifact type, when it is not a list of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, deserialize_with = "json::nullable")]
    pub(crate) manifests: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    /// Free text for machines; nothing signs it.
    #[serde(
        default,
        deserialize_with = "json::nullable_texts",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The most children or layers that a manifest may have.
const MAX_CHILDREN: usize = 2000;

impl Descriptor {
    /// Describes content by its media type, digest and size in bytes alone.
    pub(crate) fn of(media_type: String, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            annotations: BTreeMap::new(),
            artifact_type: None,
            platform: None,
            urls: Vec::new(),
        }
    }
}

impl Manifest {
    /// Parses the bytes that a registry served.
    ///
    /// The digest binds the document and no header, so the document decides: its own media type,
    /// else the served one if it fits the members, else the OCI type that fits them.
    pub(super) fn new(served: &str, bytes: Bytes) -> Self {
        let members = Members::of(&bytes).unwrap_or_default();
        let declared = members.media_type.clone().filter(|named| !named.is_empty());
        let media_type = match (declared, MediaType::parse(served), members.kind()) {
            (Some(named), ..) => match MediaType::parse(&named) {
                Some(known) => known.as_str().to_owned(),
                None => named,
            },
            (None, Some(known), Some(index)) if known.is_index() != index => {
                oci_type(index).as_str().to_owned()
            }
            (None, Some(known), _) => known.as_str().to_owned(),
            (None, None, Some(index)) => oci_type(index).as_str().to_owned(),
            (None, None, None) => served.to_owned(),
        };
        Self {
            media_type,
            digest: Digest::of(&bytes),
            bytes,
        }
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        let size = self.bytes.len() as u64;
        Descriptor::of(self.media_type.clone(), self.digest, size)
    }

    /// Tells whether it lists other manifests.
    pub(crate) fn is_index(&self) -> bool {
        MediaType::parse(&self.media_type).is_some_and(MediaType::is_index)
    }

    /// Parses the document.
    ///
    /// # Errors
    /// [`Error::Manifest`] for schema 1, an unknown media type or a document of another shape.
    pub(crate) fn content(&self) -> Result<Content, Error> {
        let wrong = |reason: String| Error::Manifest {
            digest: self.digest,
            reason,
        };
        let Some(kind) = MediaType::parse(&self.media_type) else {
            return Err(wrong(unknown_type(&self.media_type)));
        };
        let document = json::document(&self.bytes, &json::MANIFEST)
            .map_err(|error| wrong(error.to_string()))?;
        Members::in_document(&document)
            .fit(kind)
            .map_err(|reason| wrong(reason.to_owned()))?;
        let content = if kind.is_index() {
            json::decode(&document).map(Content::Index)
        } else {
            json::decode(&document).map(Content::Image)
        };
        let content = content.map_err(|error| wrong(error.to_string()))?;
        let children = match &content {
            Content::Image(image) => image.layers.len(),
            Content::Index(index) => index.manifests.len(),
        };
        if children > MAX_CHILDREN {
            return Err(wrong(format!(
                "it lists {children} entries, expected at most {MAX_CHILDREN}"
            )));
        }
        Ok(content)
    }
}

/// The members that tell an image from an index.
#[derive(Debug, Default, Deserialize)]
struct Members {
    #[serde(rename = "mediaType", default)]
    media_type: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    manifests: bool,
    #[serde(default)]
    config: Option<IgnoredAny>,
    #[serde(default)]
    layers: Option<IgnoredAny>,
}

/// Tells that a member is there, `null` or not.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Members {
    /// Looks at the members of unverified bytes; `None` for those that [`Manifest::content`] refuses.
    fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn in_document(document: &Value) -> Self {
        let has = |name: &str| document.get(name).filter(|value| !value.is_null());
        Self {
            media_type: None,
            manifests: document.get("manifests").is_some(),
            config: has("config").map(|_| IgnoredAny),
            layers: has("layers").map(|_| IgnoredAny),
        }
    }

    fn is_image(&self) -> bool {
        self.config.is_some() || self.layers.is_some()
    }

    /// Returns `true` for an index and `false` for an image, `None` when the members do not tell.
    fn kind(&self) -> Option<bool> {
        (self.manifests != self.is_image()).then_some(self.manifests)
    }

    /// Refuses a document that is an image to one reader and an index to another.
    fn fit(&self, kind: MediaType) -> Result<(), &'static str> {
        match (self.manifests, self.is_image()) {
            (true, true) => Err("it is an image and an index at once"),
            (true, false) if !kind.is_index() => {
                Err("it says that it is an image, but lists manifests as an index does")
            }
            (false, true) if kind.is_index() => {
                Err("it says that it is an index, but has config or layers as an image has")
            }
            _ => Ok(()),
        }
    }
}

fn oci_type(index: bool) -> MediaType {
    if index {
        MediaType::OciIndex
    } else {
        MediaType::OciManifest
    }
}

/// Describes why a media type is not supported.
fn unknown_type(media_type: &str) -> String {
    if media_type.starts_with("application/vnd.docker.distribution.manifest.v1+") {
        return "it has Docker schema 1, which has no digest to rely on: push the image again with a current tool".to_owned();
    }
    if media_type.starts_with("application/vnd.oci.artifact.manifest.v1+") {
        return "it is an OCI artifact manifest, which OCI 1.1 withdrew before its release: attach the artifact again with a current tool".to_owned();
    }
    let shown: String = media_type.chars().take(100).collect();
    format!("media type {shown:?} is neither an OCI nor a Docker manifest")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn manifest(served: &str, text: &str) -> Manifest {
        let text = text.replace(
            "DESCRIPTOR",
            &format!(r#"{{"mediaType":"t","digest":"{DIGEST}","size":0}}"#),
        );
        Manifest::new(served, Bytes::from(text))
    }

    #[test]
    fn the_members_decide_what_a_document_is() {
        let image = r#"{"schemaVersion":2,"config":DESCRIPTOR,"layers":[]}"#;
        for served in [
            "",
            "text/plain",
            MediaType::OciIndex.as_str(),
            MediaType::OciManifest.as_str(),
        ] {
            let manifest = manifest(served, image);
            assert_eq!(
                manifest.media_type,
                MediaType::OciManifest.as_str(),
                "{served}"
            );
            assert!(matches!(manifest.content().unwrap(), Content::Image(_)));
        }
        let docker = manifest(MediaType::DockerManifest.as_str(), image);
        assert_eq!(docker.media_type, MediaType::DockerManifest.as_str());
        let index = r#"{"schemaVersion":2,"manifests":[DESCRIPTOR]}"#;
        let index = manifest(MediaType::OciManifest.as_str(), index);
        assert_eq!(index.media_type, MediaType::OciIndex.as_str());
        assert!(matches!(index.content().unwrap(), Content::Index(_)));
    }

    #[test]
    fn refuses_what_contradicts_itself() {
        let index = MediaType::OciIndex.as_str();
        let image = MediaType::OciManifest.as_str();
        for text in [
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{index}","config":DESCRIPTOR,"layers":[]}}"#
            ),
            format!(r#"{{"schemaVersion":2,"mediaType":"{image}","manifests":[DESCRIPTOR]}}"#),
            r#"{"schemaVersion":2,"config":DESCRIPTOR,"manifests":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"config":DESCRIPTOR,"manifests":null}"#.to_owned(),
            r#"{"schemaVersion":2,"config":DESCRIPTOR,"layers":[],"Layers":[DESCRIPTOR]}"#
                .to_owned(),
            r#"{"schemaVersion":2,"manifests":[],"Manifests":[DESCRIPTOR]}"#.to_owned(),
            r#"{"schemaVersion":2,"Manifests":[DESCRIPTOR]}"#.to_owned(),
            r#"[2,null,null,DESCRIPTOR,[]]"#.to_owned(),
        ] {
            let found = manifest(index, &text).content();
            assert!(
                matches!(found, Err(Error::Manifest { .. })),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn null_is_absent() {
        let text = r#"{"schemaVersion":2,"config":{"mediaType":"t","digest":"DIGEST","size":0,"urls":null},"layers":null,"annotations":null,"subject":null}"#;
        let image = |text: &str| match manifest("", &text.replace("DIGEST", DIGEST)).content() {
            Ok(Content::Image(image)) => image,
            other => panic!("it is an image: {other:?}"),
        };
        let empty = image(text);
        assert!(empty.layers.is_empty() && empty.annotations.is_empty());
        let annotated = r#""annotations":{"a":null,"b":"c"}"#;
        let annotated = image(&text.replace(r#""annotations":null"#, annotated));
        let annotations = [("a", ""), ("b", "c")].map(|(name, text)| (name.into(), text.into()));
        assert_eq!(annotated.annotations, annotations.into());
        let index = manifest("", r#"{"schemaVersion":2,"manifests":null}"#);
        assert!(
            matches!(index.content().unwrap(), Content::Index(index) if index.manifests.is_empty())
        );
    }

    #[test]
    fn the_configuration_of_an_image_has_one_reading() {
        let image = |media_type: &str| {
            let text = format!(
                r#"{{"config":{{"mediaType":"{media_type}","digest":"{DIGEST}","size":0}},"schemaVersion":2}}"#
            );
            match manifest("", &text).content() {
                Ok(Content::Image(image)) => image,
                other => panic!("{other:?}"),
            }
        };
        let (of_image, of_chart) = (
            image(CONFIGS[0]),
            image("application/vnd.cncf.helm.config.v1+json"),
        );
        let good = br#"{"os":"linux","config":{"Labels":{"a":"1","A":"2"},"Env":null},"x":1}"#;
        assert!(of_image.read_config(good).unwrap().is_some());
        for wrong in [
            r#"{"config":{"Labels":{"good":"1"}},"Config":{"Labels":{"bad":"1"}}}"#,
            r#"{"config":{"Labels":{"good":"1"},"labels":{"bad":"1"}}}"#,
            r#"{"config":{"User":"65532","user":"0"}}"#,
            r#"{"config":{"u\u017fer":"0"}}"#,
            r#"{"config":[]}"#,
            "[]",
            "no JSON",
        ] {
            let found = of_image.read_config(wrong.as_bytes());
            assert!(matches!(found, Err(Error::Manifest { .. })), "{wrong}");
            assert_eq!(of_chart.read_config(wrong.as_bytes()).unwrap(), None);
        }
    }

    #[test]
    fn names_what_it_does_not_know() {
        for (media_type, expected) in [
            (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                "schema 1",
            ),
            (
                "application/vnd.oci.artifact.manifest.v1+json",
                "artifact manifest",
            ),
            ("text/html", "neither"),
        ] {
            let error = manifest(media_type, "{}")
                .content()
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
