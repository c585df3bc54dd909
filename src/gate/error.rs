//! Errors that leave a list or an image without a judgement.

use crate::{
    image,
    policy::{self, LocateError, UnseenFact},
    registry, snapshot, trust,
};

/// An error that prevented a decision.
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
    /// The generated list cannot be parsed.
    #[error(transparent)]
    Snapshot(#[from] snapshot::Error),
    /// The generated list cannot be serialised.
    #[error(transparent)]
    Encode(#[from] serde_json::Error),
    /// The policy has no sources, so no rule can refuse an image.
    #[error("the policy has no sources, so no rule would decide: expected at least one")]
    EmptyPolicy,
    #[error("image {image} not found")]
    ImageNotFound { image: String },
    /// The description of the signer is incomplete; the text is that of Conforma's `ec`.
    #[error("{reason}")]
    Signer { reason: String },
    /// The index cannot be read, so the images to judge are unknown.
    #[error("the images of the index cannot be listed: {0}")]
    Unlisted(registry::Error),
    /// Selected rules refer to facts that could not be read.
    #[error("a selected rule refers to facts that could not be read: {}", list(.0))]
    Unreadable(Vec<UnseenFact>),
    /// One component could not be judged; the text is that of Conforma's `ec`.
    #[error("error validating image {image} of component {component}: {source}")]
    Component {
        image: String,
        component: String,
        source: Box<Self>,
    },
}

fn list(facts: &[UnseenFact]) -> String {
    let facts: Vec<_> = facts.iter().map(ToString::to_string).collect();
    facts.join("; ")
}
