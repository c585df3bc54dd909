//! Errors when a promotion is recorded or a record is read.

use crate::{kube, registry, trust};

/// An error of the record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A trusted key or root cannot be used, or an image cannot be examined.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// A file or secret does not exist.
    #[error("{what} does not exist")]
    Missing {
        /// The file, or the entry of a secret.
        what: String,
    },
    /// A signing key cannot be used.
    #[error("cannot sign with {origin}: {reason}")]
    Key { origin: String, reason: String },
    /// The signing key is trusted for images.
    #[error(
        "{signer} signs images: a summary by the same signer would make an unsigned image look signed"
    )]
    ImageSigner { signer: String },
    #[error("{service} {url}: {reason}")]
    Service {
        service: &'static str,
        /// Its URL.
        url: String,
        reason: String,
        /// Set when it refused what was sent.
        refused: bool,
    },
    /// The way of signing does not fit what is attached to the image.
    #[error("{image}: {reason}")]
    Layout { image: String, reason: &'static str },
    #[error("{what} cannot be read: {reason}")]
    Document { what: String, reason: String },
    /// An image has no promotion that the trust file accepts.
    #[error("{image} has no accepted promotion to {environment}: {reason}")]
    NotPromoted {
        image: String,
        environment: String,
        reason: String,
    },
}
