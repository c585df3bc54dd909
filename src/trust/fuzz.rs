//! What `crate::fuzz` feeds with mutated bytes.

use super::{bundle, certificate, dsse::Envelope, key::Key, root::Root, simple, subject};
use crate::image::Digest;

/// A DSSE envelope.
pub(crate) fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let _ = envelope.signed_bytes();
    }
}

/// A Sigstore bundle.
pub(crate) fn bundle(bytes: &[u8]) {
    let _ = bundle::parse(bytes);
    let _ = bundle::claimed_predicate_type(bytes);
}

/// The names of a certificate, and what a report says of it.
pub(crate) fn certificate(bytes: &[u8]) {
    let _ = subject::check(bytes);
    let _ = certificate::describe(bytes);
}

/// A key in PEM.
pub(crate) fn key(bytes: &[u8]) {
    let _ = Key::from_pem(&String::from_utf8_lossy(bytes), "fuzz");
}

/// A trusted root.
pub(crate) fn root(bytes: &[u8]) {
    let _ = Root::parse(bytes, "fuzz");
}

/// TUF metadata, as the library reads it.
pub(crate) fn metadata(bytes: &[u8]) {
    let _ = super::tuf::read_metadata(bytes);
}

/// A simple-signing payload.
pub(crate) fn payload(bytes: &[u8]) {
    let _ = simple::check(bytes, &Digest::of(b"x"));
}
