//! Follows a kustomize overlay as `kustomize build` v5.7 does, as far as images go.
//!
//! The objects are built with the place of every scalar, so that the place that sets an image
//! last is known, and an edit can be proved by building again. Labels, names and the like are
//! followed as far as they decide which patch matches; a construct that could set an image and
//! is not followed is refused with its place.

mod build;
mod edit;
mod generate;
pub(super) mod images;
mod json_patch;
mod layer;
mod merge;
mod patches;
pub(super) mod places;
mod prove;
pub(super) mod reach;
mod remote;
mod replace;
mod resource;
mod transformers;
pub(super) mod value;

pub(super) use build::{Built, build, build_file, kustomization_of};
pub(super) use edit::{Overlay, Source, check_dir};
pub(super) use images::split;
pub(super) use prove::compare;

use value::Value;

/// An object of a file.
pub(super) fn resource(value: Value, file: &str) -> resource::Resource {
    resource::Resource::new(value, file)
}
