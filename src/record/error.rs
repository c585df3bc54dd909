//! Errors while a promotion is recorded or a record is read.

use crate::{kube, registry, trust};

/// An error while writing or reading a record.
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
    /// The signing key is also trusted for image signatures.
    #[error(
        "{signer} signs images: a summary by the same signer would make an unsigned image look signed"
    )]
    ImageSigner { signer: String },
    #[error("{service} {url}: {reason}")]
    Service {
        service: &'static str,
        url: String,
        reason: String,
        /// Set if the service rejected the request (4xx except 429).
        refused: bool,
    },
    /// The layout of the image's signatures does not support this kind of signature.
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
