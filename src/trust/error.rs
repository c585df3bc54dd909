//! Why an image could not be examined, and why a candidate does not count.
//!
//! [`Error`] ends the run: configuration, registry or log failed, so nothing is known.
//! [`Reason`] is the verdict about one candidate, with a variant for each cause.

use std::fmt;

use jiff::Timestamp;

use crate::{
    evidence::StatementError,
    http,
    image::{Digest, DigestReference},
    kube, registry,
};

/// Nothing can be said about the image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A public key cannot be used: our user's configuration is wrong.
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
    /// The TUF repository failed a check, or served something older than what was seen before.
    #[error("the TUF repository {mirror} is refused: {reason}")]
    Tuf {
        /// The repository's URL.
        mirror: String,
        reason: String,
    },
    /// The first TUF root is not the one that was asked for.
    #[error("the TUF root from {origin} has checksum {found}, expected {expected}")]
    RootChecksum {
        origin: String,
        found: String,
        expected: String,
    },
    /// A server with keys, roots or log entries cannot be reached or answered with an error.
    #[error("{url} failed: {reason}")]
    Remote {
        /// The URL without its query.
        url: String,
        reason: String,
    },
    /// The cluster's API did not give the key.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The registry failed, which is never the same as having no signatures.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error("image {image} not found", image = .image)]
    ImageNotFound { image: DigestReference },
    /// More hangs on the image than is read.
    #[error("{found} {what} hang on {image}, expected at most {limit}")]
    TooMany {
        what: &'static str,
        image: DigestReference,
        found: usize,
        limit: usize,
    },
}

/// Why a candidate does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    /// It is larger than what is read.
    #[error("{what} of {found} exceeds the limit of {limit}")]
    TooLarge {
        what: &'static str,
        found: u64,
        limit: u64,
    },
    #[error("the {what} cannot be read: {reason}")]
    Malformed { what: &'static str, reason: String },
    /// There is no signature on it.
    #[error("it carries no signature")]
    NoSignature,
    /// The signature was not made by the expected key, or not over these bytes.
    #[error("the signature does not verify over these bytes with {with}")]
    Signature {
        /// The expected keys, or the certificate.
        with: &'static str,
    },
    /// The key's scheme hashes otherwise than with SHA-256, and only that hash is known.
    #[error("a signature of this kind of key needs the artifact itself, not its digest")]
    OnlyDigest,
    /// It is no statement of an image signature.
    #[error("critical.type is {found:?}, expected \"cosign container image signature\"")]
    ClaimType { found: String },
    /// It is the signature of another image.
    #[error("the signature is for {found}, not for this image")]
    ClaimDigest { found: String },
    /// A demanded annotation is not signed.
    #[error("the signed annotations lack {name}={value}")]
    Annotation { name: String, value: String },
    /// The envelope holds something else than a statement.
    #[error("payload type {found:?}, expected application/vnd.in-toto+json")]
    PayloadType { found: String },
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The signed statement is about other artifacts.
    #[error("no subject of the statement is this image")]
    Subject,
    /// An attestation is offered where a signature is asked for.
    #[error("it is an attestation of type {predicate_type}, which is no image signature")]
    NotASignature { predicate_type: String },
    /// Another kind of attestation is asked for.
    #[error("the attestation is of type {found}, expected {expected}")]
    PredicateType {
        found: String,
        /// The one that was asked for.
        expected: String,
    },
    /// A keyless signature is asked for, this one has no certificate.
    #[error("it has no certificate")]
    NoCertificate,
    /// A signature by key is asked for, this one names a certificate.
    #[error("it was made with a certificate, expected a key")]
    NotByKey,
    /// Nothing proves that it was logged.
    #[error("no transparency log entry is stored with it")]
    NoLogEntry,
    /// The log that was looked up has no entry either.
    #[error("no transparency log entry is stored with it, and {log} has none for it")]
    NotLogged {
        /// The log's URL.
        log: String,
    },
    /// The log could not be looked up.
    #[error("no transparency log entry is stored with it, and the log cannot be read: {reason}")]
    LogUnreachable { reason: String },
    /// The log entry is of a kind that cannot be checked.
    #[error("log entries of kind {kind}/{version} are not supported")]
    UnsupportedLogEntry {
        /// Such as `rekord`.
        kind: String,
        /// Such as `0.0.1`.
        version: String,
    },
    /// The log is not in the trusted root, or was not yet or no longer trusted then.
    #[error("log {log} is not trusted at the time of the entry")]
    UnknownLog { log: String },
    /// The inclusion proof does not prove it.
    #[error("the inclusion proof is wrong: {reason}")]
    LogProof { reason: String },
    /// The checkpoint is not the log's.
    #[error("the checkpoint is wrong: {reason}")]
    Checkpoint { reason: String },
    /// The log did not sign this entry.
    #[error("the signed entry timestamp is wrong: {reason}")]
    LogPromise { reason: String },
    /// The log entry is real, but of another signature.
    #[error("the log entry is for another {what}")]
    LogEntry { what: String },
    /// The log's time is in the future, or not in the certificate's life.
    #[error("the log's time is wrong: {reason}")]
    LogTime { reason: String },
    /// The certificate does not lead to a trusted authority, or not at the time of the signature.
    #[error("the certificate is not trusted: {reason}")]
    Chain { reason: String },
    /// The authority was not valid when it was signed.
    #[error("no trusted certificate authority is valid at {time}")]
    AuthorityTime { time: Timestamp },
    /// The certificate was not logged in a trusted certificate log.
    #[error("the certificate's log timestamp is wrong: {reason}")]
    CertificateLog { reason: String },
    /// Nothing authenticates when it was signed.
    #[error("nothing proves when it was signed")]
    NoTime,
    /// The key came in a certificate that was not alive when it was signed.
    #[error("signed at {time}, outside the life of the key's certificate")]
    KeyTime { time: Timestamp },
    /// A timestamp token is not of a trusted authority, or for other bytes.
    #[error("the timestamp is wrong: {reason}")]
    Timestamp { reason: String },
    /// A timestamp authority signed outside its own time.
    #[error("the timestamp {time} is outside the life of its authority")]
    TimestampTime { time: Timestamp },
    #[error("signed by {subject} of {issuer}, who is not expected")]
    Identity { subject: String, issuer: String },
    /// An expression for the signer matches a part of the name only.
    #[error("the expression {pattern} matches only a part of {name}; end it with .*")]
    IdentityPart { pattern: String, name: String },
    /// A bundle of an old or unknown version, which needs less proof.
    #[error("bundle version {found:?}, expected v0.3")]
    BundleVersion { found: String },
    /// A bundle without an envelope says nothing about an image.
    #[error("the bundle holds no DSSE envelope")]
    BundleContent,
    /// The bundle hangs on this image, but says that it belongs to another.
    #[error("the artifact's subject is {found}, not this image")]
    ForeignSubject { found: Digest },
    /// A bundle artifact has one layer.
    #[error("the artifact has {found} layers, expected 1")]
    Layers { found: usize },
}

/// What kind of evidence was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Signature,
    Attestation,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "signature",
            Self::Attestation => "attestation",
        })
    }
}

/// A candidate that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) origin: String,
    /// For which question it was a candidate; without one, for both.
    pub(crate) kind: Option<Kind>,
    pub(crate) reason: Reason,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.reason)
    }
}

/// No candidate counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureFailure {
    pub(crate) kind: Kind,
    /// Each candidate with its reason; empty when there was none.
    pub(crate) rejected: Vec<Rejected>,
}

impl SignatureFailure {
    /// Tells whether nothing was there that could have been one.
    pub(crate) fn is_absence(&self) -> bool {
        self.rejected.is_empty()
    }

    /// Tells whether every candidate lacks nothing but an entry in a transparency log.
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
