//! Limits of the content that is read from registries, logs and files for trust decisions.

/// The largest signature payload, envelope or bundle, in bytes.
pub(super) const BLOB: u64 = 96 << 20;
/// The largest number of layers under `.sig`, and under `.att`.
pub(super) const CANDIDATES: usize = 1000;
/// The largest number of referrers: an image of a busy repository has thousands.
pub(super) const REFERRERS: usize = 6000;
/// The largest total size of all candidates of one image, in bytes.
pub(super) const TOTAL: u64 = 256 << 20;
/// The largest number of signatures in an envelope.
pub(super) const ENVELOPE_SIGNATURES: usize = 16;
/// The largest number of log entries, and of timestamps, in a bundle.
pub(super) const EVIDENCE: usize = 32;
/// The largest key, certificate file or trusted root, in bytes.
pub(super) const TRUST_FILE: u64 = 4 << 20;
/// The largest response of a transparency log, in bytes.
pub(super) const LOG_ANSWER: u64 = 8 << 20;
