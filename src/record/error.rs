//! Errors when a promotion is recorded or a record is read.

use crate::{kube, registry, trust};

/// An error of the record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A trusted key or root cannot be used, or an image cannot be examined.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    /// A secret cannot be read.
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
    Key {
        /// Where the key came from.
        origin: String,
        /// The defect.
        reason: String,
    },
    /// The signing key is trusted for images.
    #[error(
        "{signer} signs images: a summary by the same signer would make an unsigned image look signed"
    )]
    ImageSigner {
        /// The key or identity.
        signer: String,
    },
    /// A Sigstore service failed.
    #[error("{service} {url}: {reason}")]
    Service {
        /// The service.
        service: &'static str,
        /// Its URL.
        url: String,
        /// The cause.
        reason: String,
        /// Set when it refused what was sent.
        refused: bool,
    },
    /// The way of signing does not fit what is attached to the image.
    #[error("{image}: {reason}")]
    Layout {
        /// The image.
        image: String,
        /// The contradiction.
        reason: &'static str,
    },
    /// A document cannot be read.
    #[error("{what} cannot be read: {reason}")]
    Document {
        /// The document.
        what: String,
        /// The text of the parser.
        reason: String,
    },
    /// An image has no promotion that the trust file accepts.
    #[error("{image} has no accepted promotion to {environment}: {reason}")]
    NotPromoted {
        /// The image.
        image: String,
        /// The environment.
        environment: String,
        /// Why each candidate was refused.
        reason: String,
    },
}
