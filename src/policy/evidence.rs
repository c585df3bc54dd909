//! The evidence about one image that a policy is asked about, and the pass that only verified
//! evidence can give.
//!
//! [`Evidence::Verified`] is made of an examination whose signatures and attestations were both
//! verified (attestations may be absent where the user does without them), and of nothing else. [`Pass`] has no public constructor: a policy without violations
//! over verified evidence makes one.

use std::sync::Arc;

use serde_json::Value;

use super::{input::Background, outcome::Outcome, seen::Unreadable};
use crate::{
    image::DigestReference,
    trust::{Attestation, Examined, Signature, SignatureFailure, VerifiedImage},
};

/// Evidence about one image, as the document that rules see.
#[derive(Debug, Clone)]
pub(crate) enum Evidence {
    Verified(VerifiedEvidence),
    /// Something is missing or was not checked.
    Unverified(UnverifiedEvidence),
    Replayed(Arc<Value>),
}

/// Evidence of an image that is signed and attested by the trusted signers.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedEvidence {
    image: VerifiedImage,
    content: Content,
}

/// Evidence with a gap: no verified image signature, or checks that were skipped.
#[derive(Debug, Clone)]
pub(crate) struct UnverifiedEvidence {
    content: Content,
}

/// The document that rules see, and the facts that are missing in it.
#[derive(Debug, Clone)]
struct Content {
    document: Arc<Value>,
    unreadable: Vec<Unreadable>,
}

impl Content {
    fn new(
        signatures: &[Signature],
        attestations: &[Attestation],
        background: &Background<'_>,
    ) -> Self {
        Self {
            document: Arc::new(background.document(signatures, attestations)),
            unreadable: background.facts.unreadable(background.pinned),
        }
    }
}

/// An image that verified evidence and a policy without violations let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    image: DigestReference,
}

/// The answer of a policy about one image.
#[derive(Debug)]
pub(crate) struct Opinion {
    pub(crate) outcome: Outcome,
    /// The facts that could not be read.
    pub(crate) unreadable: Unread,
    pass: Option<Pass>,
}

/// The facts that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Those that a selected rule refers to: the image does not pass.
    pub(crate) needed: Vec<Unreadable>,
    /// Those that no selected rule refers to.
    pub(crate) spared: Vec<Unreadable>,
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
            content: Content::new(signatures, attestations, background),
        })
    }
}

impl VerifiedEvidence {
    /// Takes signatures from the examination, and attestations if there are any.
    ///
    /// # Errors
    /// The failure of the signatures, else of attestations that are there and refused.
    pub(crate) fn signed<'e>(
        examined: &'e Examined,
        background: &Background<'_>,
    ) -> Result<Self, &'e SignatureFailure> {
        let image = examined.signed()?;
        let signatures = examined.signatures.as_ref()?;
        let attestations = examined.attestations.as_deref().unwrap_or(&[]);
        Ok(Self {
            image,
            content: Content::new(signatures, attestations, background),
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
            content: Content::new(signatures, attestations, background),
        }
    }
}

impl Evidence {
    /// The document that rules see as `input`.
    pub(crate) fn document(&self) -> &Arc<Value> {
        match self {
            Self::Verified(evidence) => &evidence.content.document,
            Self::Unverified(evidence) => &evidence.content.document,
            Self::Replayed(document) => document,
        }
    }

    /// Splits off the facts that could not be read, and the verified image if there is one.
    pub(super) fn into_parts(self) -> (Arc<Value>, Vec<Unreadable>, Option<VerifiedImage>) {
        let (content, image) = match self {
            Self::Verified(evidence) => (evidence.content, Some(evidence.image)),
            Self::Unverified(evidence) => (evidence.content, None),
            Self::Replayed(document) => return (document, Vec::new(), None),
        };
        (content.document, content.unreadable, image)
    }
}

impl Opinion {
    /// Gives a pass to verified evidence without violations, if every fact that a selected rule
    /// refers to was read.
    pub(super) fn new(
        outcome: Outcome,
        unreadable: Unread,
        verified: Option<VerifiedImage>,
    ) -> Self {
        let clean = outcome.violations.is_empty() && unreadable.needed.is_empty();
        let pass = verified.filter(|_| clean).map(|verified| Pass {
            image: verified.image().clone(),
        });
        Self {
            outcome,
            unreadable,
            pass,
        }
    }

    /// Splits the results and the facts that could not be read from the pass.
    pub(crate) fn into_parts(self) -> (Outcome, Unread, Option<Pass>) {
        (self.outcome, self.unreadable, self.pass)
    }
}

impl Pass {
    /// The image that may pass, by digest.
    pub(crate) fn image(&self) -> &DigestReference {
        &self.image
    }
}
