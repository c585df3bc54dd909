//! The evidence bundle: one JSON document with the files that justify a promotion, byte for byte.
//!
//! It is attached to the promoted image as an OCI referrer with its own media type, which Sigstore clients ignore.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::{handover::PolicyRecord, image::Digest, json, registry::NewReferrer};

/// The artifact type of an evidence bundle, and the media type of its document.
pub(crate) const EVIDENCE: &str = "application/vnd.promote.evidence.v1+json";
const VERSION: u32 = 1;

/// A file in an evidence bundle, with its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledFile {
    /// The file name, such as `verified.json`.
    pub(crate) name: String,
    pub(crate) digest: Digest,
    pub(crate) content: String,
}

/// The files of a promotion with facts about the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EvidenceBundle {
    pub(crate) version: u32,
    pub(crate) tool: String,
    /// The environment to which the images were promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run_url: Option<String>,
    /// The policy of the verdict, with pinned sources.
    pub(crate) policy: PolicyRecord,
    /// Files that the promotion names but that were not found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<String>,
    pub(crate) files: Vec<BundledFile>,
}

impl BundledFile {
    /// Makes an entry of a file's name and content.
    ///
    /// # Errors
    /// [`Error::Document`] when it is not UTF-8.
    pub(crate) fn new(name: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        let digest = Digest::of(&bytes);
        let content = String::from_utf8(bytes).map_err(|error| Error::Document {
            what: name.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            name: name.to_owned(),
            digest,
            content,
        })
    }
}

impl EvidenceBundle {
    /// Makes the document; `missing` are the names of files that were not found.
    pub(crate) fn new(policy: PolicyRecord, files: Vec<BundledFile>, missing: Vec<String>) -> Self {
        Self {
            version: VERSION,
            tool: concat!("promote ", env!("CARGO_PKG_VERSION")).to_owned(),
            environment: None,
            run_url: None,
            policy,
            missing,
            files,
        }
    }

    /// Parses a document and compares each file with its listed digest.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub(crate) fn parse(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Document {
            what: format!("the evidence bundle {origin}"),
            reason,
        };
        let found: Self =
            json::read(bytes, &json::Shape::Any).map_err(|error| wrong(error.to_string()))?;
        if found.version != VERSION {
            return Err(wrong(format!(
                "it has version {}, this program reads version {VERSION}",
                found.version
            )));
        }
        let changed = |file: &&BundledFile| Digest::of(file.content.as_bytes()) != file.digest;
        if let Some(file) = found.files.iter().find(changed) {
            return Err(wrong(format!(
                "the content of {} differs from its listed digest",
                file.name
            )));
        }
        Ok(found)
    }

    /// Returns a file by its name.
    pub(crate) fn file(&self, name: &str) -> Option<&BundledFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Makes the referrer with the bundle as its only layer.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub(super) fn referrer(&self, annotations: Annotations) -> Result<NewReferrer, Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Document {
            what: "the evidence bundle".to_owned(),
            reason: error.to_string(),
        })?;
        Ok(NewReferrer {
            artifact_type: EVIDENCE,
            content: Bytes::from(bytes),
            annotations,
            empty_config: false,
        })
    }
}

/// The annotations of a manifest as keys and values.
pub(super) type Annotations = Vec<(&'static str, String)>;
