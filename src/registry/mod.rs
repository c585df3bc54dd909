//! The OCI distribution client (distribution specification 1.1). Independent of trust decisions.

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
mod layout;
mod limit;
mod list;
mod lookups;
mod lost;
mod manifest;
mod pages;
mod place;
mod plan;
mod referrers;
mod retries;
mod rights;
mod seen;
mod selection;
mod send;
mod side_tags;
mod strangers;
mod tags;
mod token;
mod upload;

pub(crate) use attach::{NewLayer, NewReferrer, ReadList};
pub(crate) use attached::PREDICATE_TYPE;
pub(crate) use client::{Options, Registry, Version};
pub(crate) use copy::Done;
pub(crate) use error::Error;
pub(crate) use layout::Layout;
pub(crate) use manifest::{Content, Descriptor, ImageManifest, Index, Manifest};
pub(crate) use place::Place;
pub(crate) use plan::{Item, Planned, Rules};
pub(crate) use referrers::Referrers;
pub(crate) use retries::Retries;
pub(crate) use seen::SeenArtifact;
pub(crate) use selection::{Attachment, Listed, Selection};
pub(crate) use strangers::named_host;
