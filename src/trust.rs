//! Verifies signatures and attestations of images by trusted signers, without any policy.
//!
//! [`Verifier`] finds every possible signature or attestation of an image, checks each one
//! separately and returns the reason for each refusal. It fails closed: a failed registry or log
//! is an error, never an absence.

mod artifact;
mod bundle;
mod certificate;
mod check;
mod choose;
mod discover;
pub(crate) mod dsse;
mod error;
mod examined;
#[cfg(test)]
pub(crate) mod fuzz;
mod identity;
mod key;
mod keyed;
mod limits;
mod loaded;
mod log;
mod log_v2;
mod own_log;
mod parts;
pub(crate) mod pem;
mod rekor;
mod remote;
mod request;
mod root;
mod root_parts;
mod sigstore;
mod simple;
mod source;
mod stand_in;
mod subject;
#[cfg(test)]
mod tests;
mod tuf;
mod unverified;
mod verifier;

pub(crate) use artifact::Artifact;
pub(crate) use bundle::{SIGN, claimed_predicate_type};
pub(crate) use certificate::subject_of;
pub(crate) use check::{CERTIFICATE, CHAIN, TIMESTAMP};
pub(crate) use choose::Choice;
pub(crate) use discover::BUNDLE;
pub(crate) use error::{Error, Kind, Reason, Rejected, SignatureFailure};
pub(crate) use examined::{Attestation, Examined, Signature, Signer, VerifiedImage};
pub(crate) use identity::{Identity, Matcher};
pub(crate) use key::{Key, certificate_key};
pub(crate) use loaded::Loaded;
pub(crate) use rekor::Rekor;
pub(crate) use request::{Patterns, TrustRequest};
pub(crate) use root::Root;
pub(crate) use tuf::{PUBLIC_GOOD, Start, Tuf};
pub(crate) use unverified::unverified;
pub(crate) use verifier::{LogPolicy, Options, Verifier, Who};
