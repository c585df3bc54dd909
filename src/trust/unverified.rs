//! Reads attestations without verifying them (`--skip-att-sig-check`).
//!
//! The result is never a [`super::VerifiedImage`].

use super::{
    Error,
    discover::{self, Container},
    dsse::SignedEnvelope,
    examined::Attestation,
};
use crate::{
    evidence::InTotoStatement,
    image::{Digest, DigestReference},
    registry::Registry,
};

/// Reads the statements under the tag for attestations, which may be empty, or returns why one
/// cannot be read.
///
/// # Errors
/// Returns an error if the registry failed.
pub(crate) async fn unverified(
    registry: &Registry,
    image: &DigestReference,
) -> Result<Result<Vec<Attestation>, String>, Error> {
    let found = discover::candidates(registry, &image.repository, image).await?;
    let envelopes = found
        .candidates
        .into_iter()
        .filter(|candidate| candidate.container == Container::Envelope);
    let read = envelopes.map(|candidate| {
        let envelope =
            SignedEnvelope::parse(&candidate.bytes).map_err(|error| error.to_string())?;
        let statement =
            InTotoStatement::parse(&envelope.payload).map_err(|error| error.to_string())?;
        Ok(Attestation {
            bundled: false,
            digest: Digest::of(&candidate.bytes),
            origin: candidate.origin,
            statement,
            signatures: Vec::new(),
        })
    });
    Ok(read.collect())
}
