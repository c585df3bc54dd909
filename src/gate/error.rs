//! Why nothing is known about a list or an image.

use crate::{
    image,
    policy::{self, LocateError, Unreadable},
    registry, snapshot, trust,
};

/// Why the gate could not decide.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Keys, roots, or the examination of an image failed.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// The policy cannot be used or evaluated.
    #[error(transparent)]
    Policy(#[from] policy::Error),
    /// An image is not a reference.
    #[error(transparent)]
    Reference(#[from] image::ReferenceError),
    /// The list that was formed cannot be read back.
    #[error(transparent)]
    Snapshot(#[from] snapshot::Error),
    /// The list that was formed cannot be written.
    #[error(transparent)]
    Encode(#[from] serde_json::Error),
    /// The policy has no sources, so no rule could say no.
    #[error("the policy has no sources: no rule would decide")]
    EmptyPolicy,
    #[error("image {image} not found")]
    ImageNotFound { image: String },
    /// The signer is not described well enough, in the words of Conforma's `ec`.
    #[error("{reason}")]
    Signer { reason: String },
    /// The index cannot be read, so its images are not known.
    #[error("cannot tell which images its index holds: {0}")]
    Unlisted(registry::Error),
    /// Selected rules refer to facts that could not be read.
    #[error("a selected rule refers to what could not be read: {}", list(.0))]
    Unreadable(Vec<Unreadable>),
    /// Nothing is known of one component.
    #[error("error validating image {image} of component {component}: {source}")]
    Component {
        image: String,
        component: String,
        source: Box<Self>,
    },
}

fn list(facts: &[Unreadable]) -> String {
    let facts: Vec<_> = facts.iter().map(ToString::to_string).collect();
    facts.join("; ")
}
