//! The OCI distribution client (distribution specification 1.1). Independent of trust decisions.

mod address;
mod attach;
mod attached;
mod auth;
mod challenge;
mod client;
mod copy;
mod credentials;
mod download;
mod error;
#[cfg(test)]
pub(crate) mod fuzz;
mod image_store;
mod layout;
mod limit;
mod list;
mod lookups;
mod lost;
mod manifest;
mod pages;
mod plan;
mod referrers;
mod request;
mod retries;
mod rights;
mod seen;
mod selection;
mod side_tags;
mod strangers;
mod tags;
mod token;
mod upload;

pub(crate) use attach::{NewLayer, NewReferrer, ReadList};
pub(crate) use attached::PREDICATE_TYPE;
pub(crate) use client::{ClientOptions, Registry, Version};
pub(crate) use copy::CopyOutcome;
pub(crate) use error::Error;
pub(crate) use image_store::ImageStore;
pub(crate) use layout::Layout;
pub(crate) use manifest::{Content, Descriptor, ImageManifest, Index, Manifest};
pub(crate) use plan::{CopyItem, CopyRules, Planned};
pub(crate) use referrers::Referrers;
pub(crate) use retries::Retries;
pub(crate) use seen::SeenArtifact;
pub(crate) use selection::{ArtifactSelection, Attachment, Listed};
pub(crate) use strangers::named_host;
