//! Verifies signatures and attestations of images by trusted signers, without any policy.
//!
//! [`ImageVerifier`] finds every possible signature or attestation of an image, checks each one
//! separately and returns the reason for each refusal. It fails closed: a failed registry or log
//! is an error, never an absence.

mod artifact;
mod bundle;
mod bundle_by_key;
mod certificate;
mod discover;
pub(crate) mod dsse;
mod error;
mod examined;
mod fetch;
#[cfg(test)]
pub(crate) mod fuzz;
mod identity;
mod key;
mod key_source;
mod legacy;
mod limits;
mod loaded;
mod own_log;
pub(crate) mod pem;
mod rekor_lookup;
mod rekor_v1;
mod rekor_v2;
mod request;
mod root;
mod root_from_files;
mod root_parts;
mod root_source;
mod sigstore;
mod simple_signing;
mod stand_in;
mod subject;
#[cfg(test)]
mod tests;
mod tuf;
mod unverified;
mod verifier;

pub(crate) use artifact::Artifact;
pub(crate) use bundle::{PROMOTION, SIGN, VSA, claimed_predicate_type};
pub(crate) use certificate::subject_of;
pub(crate) use discover::BUNDLE;
pub(crate) use error::{Error, EvidenceKind, Reason, Rejected, SignatureFailure};
pub(crate) use examined::{Attestation, Examined, Signer, VerifiedImage, VerifiedSignature};
pub(crate) use identity::{ExpectedIdentity, Matcher};
pub(crate) use key::{TrustedKey, certificate_key};
pub(crate) use legacy::{CERTIFICATE, CHAIN, TIMESTAMP};
pub(crate) use loaded::Loaded;
pub(crate) use rekor_lookup::Rekor;
pub(crate) use request::{Patterns, TrustRequest};
pub(crate) use root::SigstoreRoot;
pub(crate) use root_source::RootSource;
pub(crate) use tuf::{PUBLIC_GOOD, Start, Tuf};
pub(crate) use unverified::unverified;
pub(crate) use verifier::{ImageVerifier, LogPolicy, TrustedSigners, VerifierOptions};
