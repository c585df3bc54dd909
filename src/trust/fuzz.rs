//! The targets of `crate::fuzz` for mutated signatures, keys and roots.

use super::{
    bundle, certificate, dsse::SignedEnvelope, key::TrustedKey, root::SigstoreRoot, simple_signing,
    subject,
};
use crate::image::Digest;

/// Parses a DSSE envelope and computes its signed bytes.
pub(crate) fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = SignedEnvelope::parse(bytes) {
        let _ = envelope.signed_bytes();
    }
}

/// Parses a Sigstore bundle and reads its predicate type.
pub(crate) fn bundle(bytes: &[u8]) {
    let _ = bundle::parse(bytes);
    let _ = bundle::claimed_predicate_type(bytes);
}

/// Checks the names of a certificate and describes it.
pub(crate) fn certificate(bytes: &[u8]) {
    let _ = subject::check(bytes);
    let _ = certificate::describe(Some(bytes));
}

/// Parses a public key in PEM.
pub(crate) fn key(bytes: &[u8]) {
    let _ = TrustedKey::from_pem(&String::from_utf8_lossy(bytes), "fuzz");
}

/// Parses the JSON of a trusted root.
pub(crate) fn root(bytes: &[u8]) {
    let _ = SigstoreRoot::parse(bytes, "fuzz");
}

/// Parses TUF metadata as the library does.
pub(crate) fn metadata(bytes: &[u8]) {
    let _ = super::tuf::read_metadata(bytes);
}

/// Parses the payload of a simple-signing signature.
pub(crate) fn payload(bytes: &[u8]) {
    let _ = simple_signing::check(bytes, &Digest::of(b"x"));
}
