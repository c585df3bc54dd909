//! How much of what a registry serves is read (trust decisions on bounded input only).

/// The largest signature payload, envelope or bundle, in bytes.
pub(super) const BLOB: u64 = 96 << 20;
/// How many layers of `.sig` and `.att` are looked at, each.
pub(super) const CANDIDATES: usize = 1000;
/// How many referrers are looked at: an image of a busy repository has thousands.
pub(super) const REFERRERS: usize = 6000;
/// How many bytes all candidates of one image may have together.
pub(super) const TOTAL: u64 = 256 << 20;
/// How many signatures an envelope may have.
pub(super) const ENVELOPE_SIGNATURES: usize = 16;
/// How many log entries, and how many timestamps, a bundle may have.
pub(super) const EVIDENCE: usize = 32;
/// The largest key, certificate file or trusted root, in bytes.
pub(super) const TRUST_FILE: u64 = 4 << 20;
/// The largest answer of a transparency log, in bytes.
pub(super) const LOG_ANSWER: u64 = 8 << 20;
