//! The result of an image's examination. Only this module makes a [`VerifiedImage`].

use std::collections::BTreeMap;

use super::error::{Rejected, SignatureFailure};
use crate::{
    evidence::InTotoStatement,
    image::{Digest, DigestReference},
    registry::Manifest,
};

/// The signer of an accepted signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The owner of an expected key.
    Key {
        fingerprint: Digest,
    },
    Identity {
        subject: String,
        issuer: String,
    },
}

/// A verified signature with its signer and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedSignature {
    pub(crate) origin: String,
    /// The digest of the layer with the signature or statement.
    pub(crate) digest: Digest,
    /// The signed `docker-reference` of a simple-signing payload.
    pub(crate) reference: Option<String>,
    pub(crate) signer: Signer,
    /// The key identifier for policies: the envelope's hint, or that of the certificate.
    pub(crate) keyid: String,
    /// The bytes of the signature in base64.
    pub(crate) sig: String,
    /// The certificate of a keyless signer as PEM.
    pub(crate) certificate: Option<String>,
    /// The stored certificates of the issuers as PEM.
    pub(crate) chain: Vec<String>,
    /// The members of the certificate by the names in policies.
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// True if an entry in a transparency log was verified.
    pub(crate) logged: bool,
}

/// A statement about the image with a verified signature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attestation {
    pub(crate) origin: String,
    /// The digest of the layer with the signature or statement.
    pub(crate) digest: Digest,
    pub(crate) statement: InTotoStatement,
    /// True for a statement in a Sigstore bundle.
    pub(crate) bundled: bool,
    /// The verified signature. Further signatures of the envelope are omitted, because they are not verified.
    pub(crate) signatures: Vec<VerifiedSignature>,
}

/// The result of the examination of one image.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) image: DigestReference,
    /// The manifest, whose bytes have the digest.
    pub(crate) manifest: Manifest,
    /// The accepted image signatures, or the failure to find any.
    pub(crate) signatures: Result<Vec<VerifiedSignature>, SignatureFailure>,
    /// The accepted attestations, or the failure to find any.
    pub(crate) attestations: Result<Vec<Attestation>, SignatureFailure>,
    /// Every refused candidate, even if others are accepted.
    pub(crate) rejected: Vec<Rejected>,
    /// The digests of all candidates that were read, accepted or not.
    pub(crate) opened: Vec<Digest>,
}

impl Examined {
    /// Returns the image, if the trusted signers signed and attested it.
    ///
    /// # Errors
    /// The failure of the signatures, else of the attestations.
    pub(crate) fn verified(&self) -> Result<VerifiedImage, &SignatureFailure> {
        self.signatures.as_ref()?;
        self.attestations.as_ref()?;
        Ok(VerifiedImage {
            image: self.image.clone(),
        })
    }

    /// Returns the image, if it is signed, and attested unless it has no candidate for an attestation.
    ///
    /// # Errors
    /// The failure of the signatures, else of refused attestations.
    pub(crate) fn signed(&self) -> Result<VerifiedImage, &SignatureFailure> {
        self.signatures.as_ref()?;
        match &self.attestations {
            Err(failure) if !failure.is_unattested() => Err(failure),
            Ok(_) | Err(_) => Ok(VerifiedImage {
                image: self.image.clone(),
            }),
        }
    }
}

/// An image with at least one verified signature, and with a verified attestation unless the user
/// allows images without any.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedImage {
    image: DigestReference,
}

impl VerifiedImage {
    /// Returns the image as a reference by digest.
    pub(crate) fn image(&self) -> &DigestReference {
        &self.image
    }
}
