//! Verifies one Sigstore bundle of any version over a plain artifact (client specification of
//! Sigstore; the protocol of its conformance suite). Bundles of images have stricter rules.

use sha2::{Digest as _, Sha512};
use sigstore_verify::types::{
    Artifact as Signed, Bundle, HashAlgorithm, Sha256Hash, Sha512Hash, SignatureContent, Statement,
};

use super::{
    bundle, dsse, error::Reason, examined::Signer, key::Message, legacy::malformed,
    verifier::ImageVerifier,
};
use crate::{image::Digest, json};

/// The artifact that a bundle must refer to.
#[derive(Debug, Clone)]
pub(crate) enum Artifact {
    Bytes(Vec<u8>),
    /// The SHA-256 of the artifact's bytes.
    Digest(Digest),
}

impl ImageVerifier {
    /// Verifies a bundle over an artifact and returns its signer.
    ///
    /// # Errors
    /// The [`Reason`] of the refusal.
    pub(crate) fn verify_bundle(
        &self,
        bytes: &[u8],
        artifact: &Artifact,
    ) -> Result<Signer, Reason> {
        let bundle = bundle::parse(bytes)?;
        let artifact: Signed<'_> = match artifact {
            Artifact::Bytes(bytes) => bytes.as_slice().into(),
            Artifact::Digest(digest) => Sha256Hash::new(*digest.as_bytes()).into(),
        };
        let signer = self.trust().signer(&bundle, &artifact)?;
        is_about(&bundle, Message::of(&artifact)?)?;
        Ok(signer)
    }
}

/// Checks that a bundle refers to the artifact: by a subject of its statement, or by the digest next
/// to a plain signature.
fn is_about(bundle: &Bundle, artifact: Message<'_>) -> Result<(), Reason> {
    let is_about = match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) => {
            if envelope.payload_type != dsse::IN_TOTO {
                let found = envelope.payload_type.clone();
                return Err(Reason::PayloadType { found });
            }
            let statement: Statement = json::read(envelope.payload.as_bytes(), &json::STATEMENT)
                .map_err(|error| malformed("statement", error))?;
            let sha512 = match artifact {
                Message::Bytes(bytes) => Some(Sha512Hash::new(Sha512::digest(bytes).into())),
                Message::Sha256(_) => None,
            };
            statement.matches_sha256(&Sha256Hash::new(*artifact.sha256().as_bytes()))
                || sha512.is_some_and(|hash| statement.matches_sha512(&hash))
        }
        SignatureContent::MessageSignature(message) => {
            let stated = message.message_digest.as_ref();
            stated.is_none_or(|stated| {
                let hash = artifact.hash(match stated.algorithm {
                    HashAlgorithm::Sha2256 => "SHA2_256",
                    HashAlgorithm::Sha2384 => "SHA2_384",
                    HashAlgorithm::Sha2512 => "SHA2_512",
                    _ => "",
                });
                hash.is_some_and(|hash| stated.digest == hash.as_slice())
            })
        }
        _ => false,
    };
    if is_about {
        Ok(())
    } else {
        Err(Reason::Subject)
    }
}
