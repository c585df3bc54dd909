//! The numbers of transferred manifests and blobs in `promoted.json`.

use serde::{Deserialize, Serialize};

/// The numbers of manifests, blobs and bytes that a copy transferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Copied {
    pub(crate) manifests: u64,
    pub(crate) blobs: u64,
    /// Attached artifacts: referrers and `.sig`, `.att`, `.sbom` tags.
    pub(crate) referrers: u64,
    pub(crate) bytes: u64,
}
