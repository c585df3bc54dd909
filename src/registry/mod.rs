//! The OCI distribution client (distribution specification 1.1). Knows nothing of trust.

mod auth;
mod client;
mod credentials;
mod error;
mod limit;
mod manifest;
mod referrers;
mod send;

pub(crate) use client::{Head, Options, Registry, Version};
pub(crate) use error::Error;
pub(crate) use manifest::{Content, Descriptor, ImageManifest, Index, Manifest, Platform};
