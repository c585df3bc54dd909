//! Releases of a Konflux application: the repositories and tags of each image of a Snapshot.
//!
//! The data of a Release, its ReleasePlan and its ReleasePlanAdmission are merged ([`data`]); the
//! member `mapping` of the result names repositories and tag templates by component
//! ([`mapping`], [`template`]); [`objects`] reads the resources and tells what may be released,
//! [`changed`] what is new.
//! All tags are computed and checked here, before anything is written.

pub(crate) mod changed;
pub(crate) mod data;
pub(crate) mod mapping;
pub(crate) mod objects;
pub(crate) mod plan;
pub(crate) mod template;

use crate::image::ReferenceError;

/// The reason why a release is not planned. Each is a mistake in an object that a user wrote.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An object does not have the expected shape.
    #[error("{object}: {member} is {found}, expected {expected}")]
    Shape {
        /// The object, or the place in the merged data.
        object: String,
        member: String,
        /// The kind of value that is there.
        found: &'static str,
        /// The kind of value that should be there.
        expected: &'static str,
    },
    /// Two documents that are merged have different kinds of values at one place.
    #[error("{member} is {first} in one document and {second} in {document}")]
    Merge {
        member: String,
        /// The kind of the earlier value.
        first: &'static str,
        /// The kind of the later value.
        second: &'static str,
        document: String,
    },
    /// No document names the repositories of the images.
    #[error(
        "no member data.mapping in {0}: nothing would be released; map each component to its repositories"
    )]
    NoMapping(String),
    /// The mapping has a member without effect, or a forbidden one.
    #[error("{place}: {problem}; {way}")]
    Mapping {
        place: String,
        problem: String,
        way: String,
    },
    /// A repository of the mapping is not a valid repository.
    #[error("{place}: {url:?} is not a repository: {source}")]
    Repository {
        place: String,
        url: String,
        source: ReferenceError,
    },
    /// A tag template cannot be filled, or its result is not a tag.
    #[error("{place}: the tag {template:?} {problem}")]
    Tag {
        place: String,
        /// The template as it is written.
        template: String,
        problem: String,
    },
    /// Components of the Snapshot are not mapped, or the other way round.
    #[error("{0}; map them, remove them, or give --allow-unmapped")]
    Unmapped(String),
    /// The objects do not belong together, or must not be released.
    #[error("{object}: {problem}")]
    Object { object: String, problem: String },
}

/// Names the kind of a JSON value in messages.
pub(crate) fn kind(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a boolean",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a text",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object",
    }
}
