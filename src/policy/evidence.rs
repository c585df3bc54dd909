//! The evidence about one image that a policy judges, and the pass that only verified evidence
//! can lead to.
//!
//! [`Evidence::Verified`] is made only from an examination whose signatures and attestations were both
//! verified (attestations may be absent if the user allows it). [`Pass`] has no public constructor: it is
//! made for verified evidence without violations.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{input::Background, outcome::PolicyOutcome, seen::UnseenFact};
use crate::{
    image::{Digest, DigestReference},
    trust::{Attestation, Examined, SignatureFailure, VerifiedImage, VerifiedSignature},
};

/// Evidence about one image, as the document that rules see.
#[derive(Debug, Clone)]
pub(crate) enum Evidence {
    Verified(VerifiedEvidence),
    /// A signature is missing, or a check was skipped.
    Unverified(UnverifiedEvidence),
    Replayed(Arc<Value>),
}

/// The evidence of an image that trusted signers signed and attested.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedEvidence {
    image: VerifiedImage,
    content: EvidenceDocument,
}

/// Evidence with a gap: no verified image signature, or checks that were skipped.
#[derive(Debug, Clone)]
pub(crate) struct UnverifiedEvidence {
    content: EvidenceDocument,
}

/// The document that rules see, and the facts missing in it.
#[derive(Debug, Clone)]
struct EvidenceDocument {
    document: Arc<Value>,
    unreadable: Vec<UnseenFact>,
}

impl EvidenceDocument {
    fn new(
        signatures: &[VerifiedSignature],
        attestations: &[Attestation],
        background: &Background<'_>,
    ) -> Self {
        Self {
            document: Arc::new(background.document(signatures, attestations)),
            unreadable: background.facts.unreadable(background.pinned),
        }
    }
}

/// An image that passes: verified evidence and no violation of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    image: DigestReference,
}

/// The results of a policy for one image, with the pass if there is one.
#[derive(Debug)]
pub(crate) struct Opinion {
    pub(crate) outcome: PolicyOutcome,
    pub(crate) unreadable: Unread,
    /// The digests of blobs, signatures and attestations that rules opened.
    pub(crate) opened: BTreeSet<Digest>,
    pass: Option<Pass>,
}

/// The facts that could not be read, by their effect on the pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Facts that a selected rule uses: the image does not pass.
    pub(crate) needed: Vec<UnseenFact>,
    /// Facts that no selected rule uses.
    pub(crate) spared: Vec<UnseenFact>,
}

impl VerifiedEvidence {
    /// Makes evidence of the verified signatures and attestations of an examination.
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
            content: EvidenceDocument::new(signatures, attestations, background),
        })
    }
}

impl VerifiedEvidence {
    /// Makes evidence of the verified signatures, and of attestations if there are any.
    ///
    /// # Errors
    /// The failure of the signatures, else of existing attestations that were refused.
    pub(crate) fn signed<'e>(
        examined: &'e Examined,
        background: &Background<'_>,
    ) -> Result<Self, &'e SignatureFailure> {
        let image = examined.signed()?;
        let signatures = examined.signatures.as_ref()?;
        let attestations = examined.attestations.as_deref().unwrap_or(&[]);
        Ok(Self {
            image,
            content: EvidenceDocument::new(signatures, attestations, background),
        })
    }
}

impl UnverifiedEvidence {
    /// Makes evidence of the available signatures and attestations.
    pub(crate) fn new(
        signatures: &[VerifiedSignature],
        attestations: &[Attestation],
        background: &Background<'_>,
    ) -> Self {
        Self {
            content: EvidenceDocument::new(signatures, attestations, background),
        }
    }
}

impl Evidence {
    /// Returns the document that rules see as `input`.
    pub(crate) fn document(&self) -> &Arc<Value> {
        match self {
            Self::Verified(evidence) => &evidence.content.document,
            Self::Unverified(evidence) => &evidence.content.document,
            Self::Replayed(document) => document,
        }
    }

    /// Returns the document, the facts that could not be read, and the verified image if there is one.
    pub(super) fn into_parts(self) -> (Arc<Value>, Vec<UnseenFact>, Option<VerifiedImage>) {
        let (content, image) = match self {
            Self::Verified(evidence) => (evidence.content, Some(evidence.image)),
            Self::Unverified(evidence) => (evidence.content, None),
            Self::Replayed(document) => return (document, Vec::new(), None),
        };
        (content.document, content.unreadable, image)
    }
}

impl Opinion {
    /// Makes a pass of verified evidence without violations, if every fact that a selected rule uses
    /// was read.
    pub(super) fn new(
        outcome: PolicyOutcome,
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
            opened: BTreeSet::new(),
            pass,
        }
    }

    /// Adds the digests of what rules opened.
    pub(super) fn with_opened(mut self, opened: BTreeSet<Digest>) -> Self {
        self.opened.extend(opened);
        self
    }

    /// Returns the results, the facts that could not be read, and the pass.
    pub(crate) fn into_parts(self) -> (PolicyOutcome, Unread, Option<Pass>) {
        (self.outcome, self.unreadable, self.pass)
    }
}

impl Pass {
    /// Returns the image that passes, by digest.
    pub(crate) fn image(&self) -> &DigestReference {
        &self.image
    }
}
