//! The record of a promotion: the evidence bundle, the verification summary and the promotion statement that are attached to
//! a promoted image, and their reading.
//!
//! Nothing here changes what other tools say of an image: the layout of a statement follows that of the image's own
//! signatures ([`Layout`]), and the key that signs statements is never one that is trusted for images.

mod attest;
mod error;
mod evidence;
mod forecast;
mod found;
mod key;
mod key_source;
mod keyless;
mod require;
mod signed;
mod statement;
#[cfg(test)]
mod tests;
mod trust_file;

pub(crate) use attest::{Attested, Job, Recorder, Written};
pub(crate) use error::Error;
pub(crate) use evidence::{EVIDENCE, Evidence, File};
pub(crate) use forecast::{Attachments, Forecast, Layout};
pub(crate) use found::FoundImage;
pub(crate) use key::SigningKey;
pub(crate) use keyless::Keyless;
pub(crate) use require::Requirement;
pub(crate) use signed::Signing;
pub(crate) use statement::{Approval, GitopsPlace, Level, PROMOTION, Run, Subject, VSA, is_level};
pub(crate) use trust_file::TrustFile;
