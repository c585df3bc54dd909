//! Releases of a Konflux application: which images of a Snapshot get which tags, and where.
//!
//! The data of a Release, its ReleasePlan and its ReleasePlanAdmission are merged ([`data`]); the
//! member `mapping` of the result names repositories and tag templates by component
//! ([`mapping`], [`template`]); [`objects`] reads the resources and tells what may be released.
//! All tags are computed and checked here, before anything is written.

pub(crate) mod data;
pub(crate) mod mapping;
pub(crate) mod objects;
pub(crate) mod plan;
pub(crate) mod template;

use crate::image::ReferenceError;

/// Why a release is not planned. Each is a mistake in an object that a user wrote.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An object has not the expected shape.
    #[error("{object}: {member} is {found}, expected {expected}")]
    Shape {
        /// The object, or the place in the merged data.
        object: String,
        /// The member.
        member: String,
        /// The kind of value that is there.
        found: &'static str,
        /// The kind of value that should be there.
        expected: &'static str,
    },
    /// Two documents that are merged have different kinds of values at one place.
    #[error("{member} is {first} in one document and {second} in {document}")]
    Merge {
        /// The path of the member.
        member: String,
        /// The kind of the earlier value.
        first: &'static str,
        /// The kind of the later value.
        second: &'static str,
        /// The later document.
        document: String,
    },
    /// There is nothing that says where images go.
    #[error(
        "no member data.mapping in {0}: nothing would be released; map each component to its repositories"
    )]
    NoMapping(String),
    /// The mapping says something that has no effect, or that it must not say.
    #[error("{place}: {problem}; {way}")]
    Mapping {
        /// The place in the mapping.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        way: String,
    },
    /// A repository of the mapping cannot be one.
    #[error("{place}: {url:?} is not a repository: {source}")]
    Repository {
        /// The place in the mapping.
        place: String,
        /// The text.
        url: String,
        /// What is wrong with it.
        source: ReferenceError,
    },
    /// A tag template cannot be filled, or its result is not a tag.
    #[error("{place}: the tag {template:?} {problem}")]
    Tag {
        /// The component and repository.
        place: String,
        /// The template as it is written.
        template: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Components of the Snapshot are not mapped, or the other way round.
    #[error("{0}; map them, remove them, or say --allow-unmapped")]
    Unmapped(String),
    /// The objects do not belong together, or must not be released.
    #[error("{object}: {problem}")]
    Object {
        /// The object.
        object: String,
        /// Why it is not released.
        problem: String,
    },
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
