//! The OCI distribution client (distribution specification 1.1). Knows nothing of trust.

mod client;
mod error;
mod manifest;

pub(crate) use client::{Head, Registry, Version};
pub(crate) use error::Error;
pub(crate) use manifest::{Content, Descriptor, ImageManifest, Index, Manifest, Platform};
