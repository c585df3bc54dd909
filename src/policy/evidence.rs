//! The evidence about one image that a policy is asked about, and the pass that only verified
//! evidence can give.
//!
//! [`Evidence::Verified`] is made of an examination whose signatures and attestations were both
//! verified, and of nothing else. [`Pass`] has no public constructor: a policy without violations
//! over verified evidence makes one.

use std::sync::Arc;

use serde_json::Value;

use super::{input::Background, outcome::Outcome};
use crate::{
    image::DigestReference,
    trust::{Attestation, Examined, Signature, SignatureFailure, VerifiedImage},
};

/// Evidence about one image, as the document that rules see.
#[derive(Debug, Clone)]
pub(crate) enum Evidence {
    /// Signatures and attestations are verified.
    Verified(VerifiedEvidence),
    /// Something is missing or was not checked.
    Unverified(UnverifiedEvidence),
    /// A saved document.
    Replayed(Arc<Value>),
}

/// Evidence of an image that is signed and attested by the trusted signers.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedEvidence {
    image: VerifiedImage,
    document: Arc<Value>,
}

/// Evidence with a gap: no verified image signature, or checks that were skipped.
#[derive(Debug, Clone)]
pub(crate) struct UnverifiedEvidence {
    document: Arc<Value>,
}

/// An image that verified evidence and a policy without violations let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    image: DigestReference,
}

/// The answer of a policy about one image.
#[derive(Debug)]
pub(crate) struct Opinion {
    /// The results of the rules.
    pub(crate) outcome: Outcome,
    pass: Option<Pass>,
}

impl VerifiedEvidence {
    /// Takes signatures and attestations from the examination itself.
    ///
    /// # Errors
    /// The failure of the signatures, else of the attestations.
    pub(crate) fn new<'e>(
        examined: &'e Examined,
        background: &Background<'_>,
    ) -> Result<Self, &'e SignatureFailure> {
        let image = examined.verified()?;
        let signatures = examined.signatures.as_ref()?;
        let attestations = examined.attestations.as_ref()?;
        Ok(Self {
            image,
            document: Arc::new(background.document(signatures, attestations)),
        })
    }
}

impl UnverifiedEvidence {
    /// Takes what there is.
    pub(crate) fn new(
        signatures: &[Signature],
        attestations: &[Attestation],
        background: &Background<'_>,
    ) -> Self {
        Self {
            document: Arc::new(background.document(signatures, attestations)),
        }
    }
}

impl Evidence {
    /// The document that rules see as `input`.
    pub(crate) fn document(&self) -> &Arc<Value> {
        match self {
            Self::Verified(evidence) => &evidence.document,
            Self::Unverified(evidence) => &evidence.document,
            Self::Replayed(document) => document,
        }
    }

    /// Splits off the verified image, if this is verified evidence.
    pub(super) fn into_parts(self) -> (Arc<Value>, Option<VerifiedImage>) {
        match self {
            Self::Verified(evidence) => (evidence.document, Some(evidence.image)),
            Self::Unverified(evidence) => (evidence.document, None),
            Self::Replayed(document) => (document, None),
        }
    }
}

impl Opinion {
    pub(super) fn new(outcome: Outcome, verified: Option<VerifiedImage>) -> Self {
        let pass = verified
            .filter(|_| outcome.violations.is_empty())
            .map(|verified| Pass {
                image: verified.image().clone(),
            });
        Self { outcome, pass }
    }

    /// Splits the results from the pass.
    pub(crate) fn into_parts(self) -> (Outcome, Option<Pass>) {
        (self.outcome, self.pass)
    }
}

impl Pass {
    /// The image that may pass, by digest.
    pub(crate) fn image(&self) -> &DigestReference {
        &self.image
    }
}
