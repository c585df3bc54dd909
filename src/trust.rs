//! Is this image signed, and by whom we trust? Knows nothing of policy.
//!
//! [`Verifier`] finds everything that may be a signature or attestation of an image, checks
//! each alone and says of each why it counts or not. Everything fails closed: a registry or
//! log that fails is an error, never an absence. `docs/design` has the formats.

mod bundle;
mod certificate;
mod check;
mod discover;
mod dsse;
mod error;
mod examined;
mod identity;
mod key;
mod limits;
mod log;
mod pem;
mod rekor;
mod remote;
mod root;
mod sigstore;
mod simple;
mod verifier;

pub(crate) use error::{Error, Kind, Reason, Rejected, SignatureFailure};
pub(crate) use examined::{Attestation, Examined, Signature, Signer, VerifiedImage};
pub(crate) use identity::{Identity, Matcher};
pub(crate) use key::Key;
pub(crate) use rekor::Rekor;
pub(crate) use root::Root;
pub(crate) use verifier::{LogPolicy, Options, Verifier, Who};
