//! The members of `verified.json` about evidence and attachments.

use serde::{Deserialize, Serialize};

use crate::image::Digest;

/// An accepted signature or attestation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AcceptedEvidence {
    /// Either `signature` or `attestation`, in lower case.
    pub(crate) kind: String,
    /// The predicate type of an attestation.
    pub(crate) predicate_type: Option<String>,
    /// The reference under which it was found.
    pub(crate) uri: String,
    /// The digest of the layer that holds it.
    pub(crate) digest: Digest,
    /// The signer: `key sha256:…`, or subject and issuer of a certificate.
    pub(crate) signer: String,
}

/// An artifact that was attached to an image during verification.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AttachedArtifact {
    /// `signature`, `attestation`, `sbom`, or the artifact type of a referrer.
    pub(crate) kind: String,
    /// The tag, or `referrers/<digest of the subject>`.
    pub(crate) place: String,
    pub(crate) digest: Digest,
    /// Set if it holds accepted evidence, or accepted evidence names it.
    pub(crate) accepted: bool,
    /// The positions of the accepted layers, from 0; empty if the artifact is accepted as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) layers: Vec<usize>,
    /// Why it was not accepted, or which evidence names it.
    pub(crate) reason: Option<String>,
}

/// A fact that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UnreadableFact {
    /// The name of the fact, such as `image.config`.
    pub(crate) fact: String,
    /// Why it could not be read.
    pub(crate) reason: String,
}
