//! Builds a kustomize overlay as `kustomize build` v5.7 does, as far as images are concerned.
//!
//! The objects are built with the place of every scalar. The place that sets an image
//! last is therefore known, and an edit can be proved by a second build. Labels, names and the like are
//! applied as far as they decide which patch matches; an unsupported construct that could set an image
//! is refused with its place.

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
pub(super) use edit::{Overlay, OverlaySource, check_dir};
pub(super) use images::split;
pub(super) use prove::compare;

use value::Value;

/// Wraps a value of a file for tests.
pub(super) fn resource(value: Value, file: &str) -> resource::BuiltResource {
    resource::BuiltResource::new(value, file)
}
