//! Verifies one Sigstore bundle of any version over a plain artifact (client specification of
//! Sigstore; the protocol of its conformance suite). Images have stricter rules of their own.

use sigstore_verify::types::Sha256Hash;

use super::{
    bundle,
    error::Reason,
    examined::Signer,
    sigstore,
    verifier::{Verifier, Who},
};
use crate::image::Digest;

/// What a bundle should be about.
#[derive(Debug, Clone)]
pub(crate) enum Artifact {
    /// Some bytes.
    Bytes(Vec<u8>),
    /// The SHA-256 of some bytes.
    Digest(Digest),
}

impl Verifier {
    /// Verifies a bundle over an artifact and says who signed.
    ///
    /// # Errors
    /// Why it does not count.
    pub(crate) fn verify_bundle(
        &self,
        bytes: &[u8],
        artifact: &Artifact,
    ) -> Result<Signer, Reason> {
        let bundle = bundle::parse(bytes)?;
        let trust = self.trust();
        let root = trust.root()?;
        let hash;
        let artifact: sigstore_verify::types::Artifact<'_> = match artifact {
            Artifact::Bytes(bytes) => bytes.as_slice().into(),
            Artifact::Digest(digest) => {
                hash = Sha256Hash::new(*digest.as_bytes());
                hash.into()
            }
        };
        match &trust.who {
            Who::Keys { keys, .. } => {
                let mut refusal = Reason::NotByKey;
                for key in keys {
                    match sigstore::by_key(root.verifier(), artifact.clone(), &bundle, key) {
                        Ok(()) => {
                            return Ok(Signer::Key {
                                fingerprint: key.fingerprint(),
                            });
                        }
                        Err(reason) => refusal = reason,
                    }
                }
                Err(refusal)
            }
            Who::Identities(expected) => {
                let skip = trust.skip_certificate_log;
                let found = sigstore::keyless(root.verifier(), artifact, &bundle, expected, skip)?;
                Ok(Signer::Identity {
                    subject: found.subject,
                    issuer: found.issuer,
                })
            }
        }
    }
}
