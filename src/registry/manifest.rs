//! Manifests, indexes and descriptors (OCI image specification 1.1). The raw bytes are kept:
//! a manifest that is written again would have another digest.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::Error;
use crate::image::{Digest, MediaType};

/// A manifest as it was served.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    /// The media type that the registry named, or that the document names itself.
    pub(crate) media_type: String,
    /// The digest of the bytes, which we hashed.
    pub(crate) digest: Digest,
    /// The bytes.
    pub(crate) bytes: Bytes,
}

/// What a manifest says.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made and never kept in numbers"
)]
pub(crate) enum Content {
    /// One image or artifact.
    Image(ImageManifest),
    /// A list of manifests.
    Index(Index),
}

/// A pointer to a blob or manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    /// What kind of content it is.
    pub(crate) media_type: String,
    /// The content's digest.
    pub(crate) digest: Digest,
    /// The content's size in bytes.
    pub(crate) size: u64,
    /// Free text for machines; nothing signs it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    /// Which kind of artifact a referrer is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    /// For which platform a child of an index is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    /// Where else the content may be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) urls: Vec<String>,
}

/// A platform of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    /// Such as `amd64`.
    #[serde(default)]
    pub(crate) architecture: String,
    /// Such as `linux`.
    #[serde(default)]
    pub(crate) os: String,
    /// Such as `v8`.
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
    /// Always 2.
    pub(crate) schema_version: u32,
    /// What the document says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    /// Which kind of artifact it is, if it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    /// The image's configuration.
    pub(crate) config: Descriptor,
    /// The layers.
    #[serde(default)]
    pub(crate) layers: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    /// Free text for machines; nothing signs it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    /// Always 2.
    pub(crate) schema_version: u32,
    /// What the document says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    /// Which kind of artifact it is, if it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    /// The children.
    #[serde(default)]
    pub(crate) manifests: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    /// Free text for machines; nothing signs it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The most children or layers that a manifest may have.
const MAX_CHILDREN: usize = 2000;

impl Manifest {
    /// Takes the bytes that a registry served. The media type that the document names comes
    /// before the one that was served: the digest binds the document and no header.
    pub(super) fn new(served: &str, bytes: Bytes) -> Self {
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "mediaType")]
            media_type: Option<String>,
        }
        let named = || {
            serde_json::from_slice::<Named>(&bytes)
                .ok()
                .and_then(|named| named.media_type)
        };
        let named = named();
        let known = named.as_deref().and_then(MediaType::parse);
        let media_type = match known.or_else(|| MediaType::parse(served)) {
            Some(known) => known.as_str().to_owned(),
            None => named.unwrap_or_else(|| served.to_owned()),
        };
        Self {
            media_type,
            digest: Digest::of(&bytes),
            bytes,
        }
    }

    /// A descriptor of this manifest.
    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest,
            size: self.bytes.len() as u64,
            annotations: BTreeMap::new(),
            artifact_type: None,
            platform: None,
            urls: Vec::new(),
        }
    }

    /// Tells whether it lists other manifests.
    pub(crate) fn is_index(&self) -> bool {
        MediaType::parse(&self.media_type).is_some_and(MediaType::is_index)
    }

    /// A document that is an image to one reader and an index to another is neither.
    fn is_one_thing(&self) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Shape {
            manifests: Option<IgnoredAny>,
            config: Option<IgnoredAny>,
            layers: Option<IgnoredAny>,
        }
        let shape: Shape =
            serde_json::from_slice(&self.bytes).map_err(|error| error.to_string())?;
        match (shape.manifests, shape.config.or(shape.layers)) {
            (Some(_), Some(_)) => Err("it is an image and an index at once".to_owned()),
            _ => Ok(()),
        }
    }

    /// Reads what the manifest says.
    ///
    /// # Errors
    /// [`Error::Manifest`] for schema 1, an unknown media type or a document of another shape.
    pub(crate) fn content(&self) -> Result<Content, Error> {
        let wrong = |reason: String| Error::Manifest {
            digest: self.digest,
            reason,
        };
        let Some(kind) = MediaType::parse(&self.media_type) else {
            let schema1 = self.media_type.contains("manifest.v1+");
            return Err(wrong(if schema1 {
                "it has Docker schema 1, which has no digest to rely on: push the image again with a current tool".to_owned()
            } else {
                format!(
                    "media type {:?} is neither an OCI nor a Docker manifest",
                    self.media_type
                )
            }));
        };
        let content = if kind.is_index() {
            serde_json::from_slice(&self.bytes).map(Content::Index)
        } else {
            serde_json::from_slice(&self.bytes).map(Content::Image)
        };
        let content = content.map_err(|error| wrong(error.to_string()))?;
        self.is_one_thing().map_err(wrong)?;
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
