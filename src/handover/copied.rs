//! The counts of a copy in `promoted.json`.

use serde::{Deserialize, Serialize};

/// Everything that a copy moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Copied {
    /// Manifests and indexes written.
    pub(crate) manifests: u64,
    /// Blobs uploaded.
    pub(crate) blobs: u64,
    /// Attached artifacts: referrers and `.sig`, `.att`, `.sbom` tags.
    pub(crate) referrers: u64,
    /// Bytes uploaded as blobs.
    pub(crate) bytes: u64,
}
