//! Checks that the log named in an entry is trusted and is the one that signed the proof: a proof by
//! another trusted log is not accepted.

use sigstore_verify::{
    crypto::VerificationKey,
    types::{Bundle, Checkpoint, Sha256Hash},
};

use super::{error::Reason, root::SigstoreRoot};

/// Checks the log of every entry of a bundle.
///
/// # Errors
/// [`Reason::UnknownLog`], [`Reason::Checkpoint`].
pub(super) fn check(bundle: &Bundle, root: &SigstoreRoot) -> Result<(), Reason> {
    for entry in &bundle.verification_material.tlog_entries {
        let id = hex::encode(entry.log_id.key_id.as_bytes());
        let key = key(&id, root)?;
        let proof = entry.inclusion_proof.as_ref();
        if let Some(note) = proof.and_then(|proof| proof.checkpoint.checkpoint()) {
            signed(note, key)?;
        }
    }
    Ok(())
}

/// Returns the key of a trusted log by its identifier in hexadecimal digits.
///
/// # Errors
/// [`Reason::UnknownLog`].
pub(super) fn key<'a>(id: &str, root: &'a SigstoreRoot) -> Result<&'a VerificationKey, Reason> {
    let hash = Sha256Hash::from_hex(id).ok();
    let key = hash.and_then(|hash| root.logs().key(&hash));
    key.ok_or_else(|| Reason::UnknownLog { log: id.to_owned() })
}

/// Checks that the log with this key signed the checkpoint.
///
/// # Errors
/// [`Reason::Checkpoint`].
pub(super) fn signed(note: &Checkpoint, key: &VerificationKey) -> Result<(), Reason> {
    let mut signatures = note.signatures().iter();
    let by_key = signatures.any(|one| key.verify(note.signed_data(), &one.signature).is_ok());
    match by_key {
        true => Ok(()),
        false => Err(Reason::Checkpoint {
            reason: "the log of the entry did not sign it".to_owned(),
        }),
    }
}
