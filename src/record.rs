//! Writes and reads the record of a promotion: the evidence bundle, the verification summary and the promotion statement,
//! which are attached to a promoted image.
//!
//! A record does not change the result of other tools for an image: the layout of a statement follows that of the image's
//! own signatures ([`StatementLayout`]), and the key that signs statements must not be one that is trusted for images.

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

pub(crate) use attest::{AttachedDocument, ImageRecord, RecordJob, Recorder};
pub(crate) use error::Error;
pub(crate) use evidence::{BundledFile, EVIDENCE, EvidenceBundle};
pub(crate) use forecast::{Attachments, Forecast, StatementLayout};
pub(crate) use found::FoundImage;
pub(crate) use key::StatementKey;
pub(crate) use keyless::SigningServices;
pub(crate) use require::Requirement;
pub(crate) use signed::Signing;
pub(crate) use statement::{
    Approval, GitopsPlace, PROMOTION, PromotionFacts, PromotionRun, VSA, VerifiedLevel, is_level,
};
pub(crate) use trust_file::TrustFile;
