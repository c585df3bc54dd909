//! Errors of an examination, and reasons for which a candidate is refused.
//!
//! [`Error`] ends the run: configuration, registry or log failed, so there is no result.
//! [`Reason`] is the refusal of one candidate, with a variant for each cause.

use std::fmt;

use jiff::Timestamp;

use crate::{
    evidence::StatementError,
    http,
    image::{Digest, DigestReference},
    kube, registry,
};

/// An error that leaves the image without a result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A configured public key cannot be used.
    #[error("the public key from {origin} cannot be used: {reason}")]
    Key { origin: String, reason: String },
    /// A file, variable or URL with a key or trusted root does not exist.
    #[error("{origin} does not exist")]
    Missing { origin: String },
    /// A regular expression or an identity cannot be used.
    #[error("the expected identity cannot be used: {reason}")]
    Identity { reason: String },
    #[error("no trusted key or identity given")]
    NoSigner,
    #[error("{reason}")]
    Contradiction { reason: String },
    /// The trusted root cannot be used.
    #[error("the trusted root from {origin} cannot be used: {reason}")]
    Root { origin: String, reason: String },
    /// The TUF repository failed a check, or served an older version than before.
    #[error("the TUF repository {mirror} is refused: {reason}")]
    Tuf { mirror: String, reason: String },
    /// The first TUF root does not have the expected checksum.
    #[error("the TUF root from {origin} has checksum {found}, expected {expected}")]
    RootChecksum {
        origin: String,
        found: String,
        expected: String,
    },
    /// A server with keys, roots or log entries cannot be reached or returned an error.
    #[error("{url} failed: {reason}")]
    Remote { url: String, reason: String },
    /// The cluster's API did not return the key.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The registry failed, which is never treated as having no signatures.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error("image {image} not found", image = .image)]
    ImageNotFound { image: DigestReference },
    /// The image has more attached artifacts or layers than are read.
    #[error("{image} has {found} attached {what}, expected at most {limit}")]
    TooMany {
        what: &'static str,
        image: DigestReference,
        found: usize,
        limit: usize,
    },
}

/// The reason for which a candidate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    /// A part is larger, or has more elements, than the limit.
    #[error("{what} of {found} exceeds the limit of {limit}")]
    TooLarge {
        what: &'static str,
        found: u64,
        limit: u64,
    },
    #[error("the {what} cannot be read: {reason}")]
    Malformed { what: &'static str, reason: String },
    /// The candidate has no signature.
    #[error("it has no signature")]
    NoSignature,
    /// The signature is not by the expected key, or not over these bytes.
    #[error("the signature does not verify over these bytes with {with}")]
    Signature {
        /// The expected keys, or the certificate.
        with: &'static str,
    },
    /// The key's scheme uses a hash other than SHA-256, but only the SHA-256 is available.
    #[error("a signature of this kind of key needs the artifact itself, not its digest")]
    OnlyDigest,
    /// The payload is not that of an image signature.
    #[error("critical.type is {found:?}, expected \"cosign container image signature\"")]
    ClaimType { found: String },
    /// The signature is for another image.
    #[error("the signature is for {found}, not for this image")]
    ClaimDigest { found: String },
    /// A required annotation is not among the signed ones.
    #[error("the signed annotations lack {name}={value}")]
    Annotation { name: String, value: String },
    /// The payload of the envelope is not a statement.
    #[error("payload type {found:?}, expected application/vnd.in-toto+json")]
    PayloadType { found: String },
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The subjects of the signed statement are other artifacts.
    #[error("no subject of the statement is this image")]
    Subject,
    /// The candidate for a signature is an attestation.
    #[error("it is an attestation of type {predicate_type}, not an image signature")]
    NotASignature { predicate_type: String },
    /// The attestation has another predicate type than expected.
    #[error("the attestation is of type {found}, expected {expected}")]
    PredicateType { found: String, expected: String },
    /// A keyless signature is expected, but it has no certificate.
    #[error("it has no certificate")]
    NoCertificate,
    /// A signature by key is expected, but it has a certificate.
    #[error("it was made with a certificate, expected a key")]
    NotByKey,
    /// No log entry is stored with the signature.
    #[error("no transparency log entry is stored with it")]
    NoLogEntry,
    /// The lookup in the log found no entry either.
    #[error("no transparency log entry is stored with it, and {log} has none for it")]
    NotLogged { log: String },
    /// The lookup in the log failed.
    #[error("no transparency log entry is stored with it, and the log cannot be read: {reason}")]
    LogUnreachable { reason: String },
    /// The kind of the log entry is not supported.
    #[error("log entries of kind {kind}/{version} are not supported")]
    UnsupportedLogEntry {
        /// The kind of the entry, such as `rekord`.
        kind: String,
        /// The version of the kind, such as `0.0.1`.
        version: String,
    },
    /// The log is not in the trusted root, or was not trusted at that time.
    #[error("log {log} is not trusted at the time of the entry")]
    UnknownLog { log: String },
    /// The inclusion proof is invalid.
    #[error("the inclusion proof is wrong: {reason}")]
    LogProof { reason: String },
    /// The checkpoint is not signed by the log.
    #[error("the checkpoint is wrong: {reason}")]
    Checkpoint { reason: String },
    /// The signed entry timestamp is not by the log, or for another entry.
    #[error("the signed entry timestamp is wrong: {reason}")]
    LogPromise { reason: String },
    /// The log entry is valid, but for another signature.
    #[error("the log entry is for another {what}")]
    LogEntry { what: String },
    /// The log's time is in the future, or outside of the certificate's validity.
    #[error("the log's time is wrong: {reason}")]
    LogTime { reason: String },
    /// The certificate has no chain to an authority that is trusted at the time of the signature.
    #[error("the certificate is not trusted: {reason}")]
    Chain { reason: String },
    /// No authority was valid at the time of the signature.
    #[error("no trusted certificate authority is valid at {time}")]
    AuthorityTime { time: Timestamp },
    /// The certificate has no valid timestamp of a trusted certificate log.
    #[error("the certificate's log timestamp is wrong: {reason}")]
    CertificateLog { reason: String },
    /// The time of the signature is not proven.
    #[error("nothing proves the time of the signature")]
    NoTime,
    /// The key is from a certificate that was not valid at the time of the signature.
    #[error("signed at {time}, when the key's certificate was not valid")]
    KeyTime { time: Timestamp },
    /// A timestamp token is not by a trusted authority, or for other bytes.
    #[error("the timestamp is wrong: {reason}")]
    Timestamp { reason: String },
    /// A timestamp authority was not valid at the time of its token.
    #[error("the timestamp authority was not valid at {time}")]
    TimestampTime { time: Timestamp },
    #[error("signed by {subject} of {issuer}, expected another signer")]
    Identity { subject: String, issuer: String },
    /// An expression for the signer matches only a part of the name.
    #[error("the expression {pattern} matches only a part of {name}; end it with .*")]
    IdentityPart { pattern: String, name: String },
    /// The bundle has an old or unknown version, which needs less proof.
    #[error("bundle version {found:?}, expected v0.3")]
    BundleVersion { found: String },
    /// The bundle has no envelope, so it does not refer to an image.
    #[error("the bundle has no DSSE envelope")]
    BundleContent,
    /// The bundle is listed for this image, but its `subject` is another.
    #[error("the artifact's subject is {found}, not this image")]
    ForeignSubject { found: Digest },
    /// The manifest of a bundle does not have exactly one layer.
    #[error("the artifact has {found} layers, expected 1")]
    Layers { found: usize },
}

/// The kind of evidence: signature or attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvidenceKind {
    Signature,
    Attestation,
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "signature",
            Self::Attestation => "attestation",
        })
    }
}

/// A refused candidate, with its place and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) origin: String,
    /// The kind of evidence that it may be; `None` for both.
    pub(crate) kind: Option<EvidenceKind>,
    /// Set when it calls itself the record of a promotion, which attests no build.
    pub(crate) promotion: bool,
    pub(crate) reason: Reason,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.reason)
    }
}

/// The failure to find any accepted candidate of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureFailure {
    pub(crate) kind: EvidenceKind,
    /// The refused candidates with their reasons; empty without any candidate.
    pub(crate) rejected: Vec<Rejected>,
}

impl SignatureFailure {
    /// Tells whether the image has no candidate of this kind.
    pub(crate) fn is_absence(&self) -> bool {
        self.rejected.is_empty()
    }

    /// Tells whether nothing was there that could have been evidence of a build: what promotions leave behind must not
    /// turn an image that is not attested into one whose attestations are refused.
    pub(crate) fn is_unattested(&self) -> bool {
        self.rejected.iter().all(|rejected| rejected.promotion)
    }

    /// Tells whether every candidate lacks only an entry in a transparency log.
    pub(crate) fn is_unlogged(&self) -> bool {
        let mut reasons = self.rejected.iter().map(|rejected| &rejected.reason);
        !self.is_absence()
            && reasons.all(|reason| matches!(reason, Reason::NoLogEntry | Reason::NotLogged { .. }))
    }
}

impl std::error::Error for SignatureFailure {}

impl fmt::Display for SignatureFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind;
        if self.rejected.is_empty() {
            return write!(f, "no {kind}s found");
        }
        write!(f, "no matching {kind}s")?;
        self.rejected
            .iter()
            .try_for_each(|rejected| write!(f, "\n  {rejected}"))
    }
}
