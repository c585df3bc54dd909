//! What the examination of an image found. [`VerifiedImage`] is made here and nowhere else.

use std::collections::BTreeMap;

use super::error::{Rejected, SignatureFailure};
use crate::{
    evidence::Statement,
    image::{Digest, DigestReference},
    registry::Manifest,
};

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The owner of one of the expected keys.
    Key { fingerprint: Digest },
    Identity {
        subject: String,
        /// The OIDC issuer.
        issuer: String,
    },
}

/// A signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) origin: String,
    /// The digest of the layer that holds it.
    pub(crate) digest: Digest,
    /// The `docker-reference` that was signed, of a simple-signing payload.
    pub(crate) reference: Option<String>,
    pub(crate) signer: Signer,
    /// The identifier that policies see: the envelope's hint, or the certificate's key identifier.
    pub(crate) keyid: String,
    /// The signature in base64.
    pub(crate) sig: String,
    /// The certificate as PEM.
    pub(crate) certificate: Option<String>,
    /// The issuing certificates as PEM, as they were stored.
    pub(crate) chain: Vec<String>,
    /// What the certificate says, by the names that policies know.
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Whether a transparency log has it.
    pub(crate) logged: bool,
}

/// A statement about the image whose signature was verified.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attestation {
    pub(crate) origin: String,
    /// The digest of the layer that holds it.
    pub(crate) digest: Digest,
    pub(crate) statement: Statement,
    /// Whether it came as a Sigstore bundle.
    pub(crate) bundled: bool,
    /// The verified signature. An envelope's further ones are left out: nobody vouches for them.
    pub(crate) signatures: Vec<Signature>,
}

/// All that is known about one image.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) image: DigestReference,
    /// Its manifest, whose bytes have the digest.
    pub(crate) manifest: Manifest,
    /// The image signatures, or why there is none.
    pub(crate) signatures: Result<Vec<Signature>, SignatureFailure>,
    /// The attestations, or why there is none.
    pub(crate) attestations: Result<Vec<Attestation>, SignatureFailure>,
    /// Every candidate that does not count, whatever else does.
    pub(crate) rejected: Vec<Rejected>,
    /// The digests of all candidates that were opened, accepted or not.
    pub(crate) opened: Vec<Digest>,
}

impl Examined {
    /// The image, if it is signed and attested by whom it has to be.
    ///
    /// # Errors
    /// What is missing: the failure of the signatures, else of the attestations.
    pub(crate) fn verified(&self) -> Result<VerifiedImage, &SignatureFailure> {
        self.signatures.as_ref()?;
        self.attestations.as_ref()?;
        Ok(VerifiedImage {
            image: self.image.clone(),
        })
    }

    /// The image, if it is signed, and attested unless there is nothing that could attest it.
    ///
    /// # Errors
    /// What is missing or refused: the failure of the signatures, else of the attestations.
    pub(crate) fn signed(&self) -> Result<VerifiedImage, &SignatureFailure> {
        self.signatures.as_ref()?;
        match &self.attestations {
            Err(failure) if !failure.is_absence() => Err(failure),
            Ok(_) | Err(_) => Ok(VerifiedImage {
                image: self.image.clone(),
            }),
        }
    }
}

/// An image with at least one verified signature, and with a verified attestation unless the user
/// does without one.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedImage {
    image: DigestReference,
}

impl VerifiedImage {
    /// The image by digest.
    pub(crate) fn image(&self) -> &DigestReference {
        &self.image
    }
}
