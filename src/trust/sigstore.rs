//! Wraps the Sigstore library: calls its verifier and converts its refusals to reasons.

use jiff::{SignedDuration, Timestamp};
use sigstore_verify::{
    CertificateError, Error as Refusal, Policy, PublicKeyVerificationPolicy, SubjectAltName,
    TimestampError, TransparencyLogError, VerificationPolicy, VerificationResult, Verifier,
    bundle::Error as Shape,
    types::{Artifact, Bundle},
};

use super::{
    error::Reason, examined::Signer, identity::ExpectedIdentity, key::TrustedKey, subject,
};

/// How far the clock of a timestamp authority may be ahead.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Verifies a bundle with its certificate: times, chain, certificate log, transparency log,
/// signature and the entry's content; then checks the signer.
pub(super) fn keyless<'a>(
    verifier: &Verifier,
    artifact: impl Into<Artifact<'a>>,
    bundle: &Bundle,
    expected: &[ExpectedIdentity],
    skip_certificate_log: bool,
) -> Result<Signer, Reason> {
    let policy = VerificationPolicy::any_identity();
    certified(
        verifier,
        artifact,
        bundle,
        expected,
        skip_certificate_log,
        policy,
    )
}

/// Verifies a keyless bundle without log entries, whose timestamps prove the time.
pub(super) fn by_timestamp<'a>(
    verifier: &Verifier,
    artifact: impl Into<Artifact<'a>>,
    bundle: &Bundle,
    expected: &[ExpectedIdentity],
    skip_certificate_log: bool,
) -> Result<Signer, Reason> {
    let policy = VerificationPolicy::any_identity().skip_tlog_unsafe();
    certified(
        verifier,
        artifact,
        bundle,
        expected,
        skip_certificate_log,
        policy,
    )
}

fn certified<'a>(
    verifier: &Verifier,
    artifact: impl Into<Artifact<'a>>,
    bundle: &Bundle,
    expected: &[ExpectedIdentity],
    skip_certificate_log: bool,
    mut policy: VerificationPolicy,
) -> Result<Signer, Reason> {
    if skip_certificate_log {
        policy = policy.skip_sct();
    }
    let result = verify(verifier, artifact, bundle, &policy)?;
    if result.verified_timestamps().is_empty() {
        return Err(Reason::NoTime);
    }
    let leaf = bundle.signing_certificate().ok_or(Reason::NoCertificate)?;
    subject::check(leaf.as_bytes())?;
    let subject = result
        .identity()
        .map(SubjectAltName::as_str)
        .unwrap_or_default();
    let issuer = result.issuer().unwrap_or_default();
    if !expected
        .iter()
        .any(|identity| identity.matches(subject, issuer))
    {
        let mut expected = expected.iter();
        let partly = expected.find_map(|identity| identity.partly(subject, issuer));
        return Err(match partly {
            Some((pattern, name)) => Reason::IdentityPart {
                pattern: pattern.to_owned(),
                name: name.to_owned(),
            },
            None => Reason::Identity {
                subject: subject.to_owned(),
                issuer: issuer.to_owned(),
            },
        });
    }
    Ok(Signer::Identity {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
    })
}

/// Verifies a bundle with a key: transparency log, timestamps, signature and the entry's content.
pub(super) fn by_key<'a>(
    verifier: &Verifier,
    artifact: impl Into<Artifact<'a>>,
    bundle: &Bundle,
    key: &TrustedKey,
) -> Result<(), Reason> {
    let policy = PublicKeyVerificationPolicy::new(key.spki().clone());
    let result = verify(verifier, artifact, bundle, &policy)?;
    key.lives_at(result.verified_timestamps())
}

fn verify<'a>(
    verifier: &Verifier,
    artifact: impl Into<Artifact<'a>>,
    bundle: &Bundle,
    policy: &impl Policy,
) -> Result<VerificationResult, Reason> {
    let result = verifier.verify(artifact, bundle, policy).map_err(reason)?;
    for time in result.verified_timestamps() {
        not_of_the_future(*time)?;
    }
    Ok(result)
}

/// Refuses a timestamp in the future, except for the allowed difference of clocks.
///
/// # Errors
/// [`Reason::Timestamp`].
pub(super) fn not_of_the_future(time: Timestamp) -> Result<(), Reason> {
    if time <= Timestamp::now() + CLOCK_SKEW {
        return Ok(());
    }
    Err(Reason::Timestamp {
        reason: format!("{time} is in the future"),
    })
}

fn reason(refusal: Refusal) -> Reason {
    let malformed = |what, reason: String| Reason::Malformed { what, reason };
    match refusal {
        Refusal::SignatureInvalid(_) => Reason::Signature {
            with: "the bundle's key or certificate",
        },
        // The library has one variant for two causes: the log entry and the statement.
        Refusal::ArtifactMismatch(what) if what.contains("entry") => Reason::LogEntry {
            what: "artifact".to_owned(),
        },
        Refusal::ArtifactMismatch(_) => Reason::Subject,
        Refusal::Certificate(error) => certificate(error),
        Refusal::TransparencyLog(error) => log(error),
        Refusal::Timestamp(error) => match error {
            TimestampError::OutsideAuthorityValidity { time } => Reason::TimestampTime { time },
            TimestampError::NoVerifiedTimestamp(_) => Reason::NoTime,
            error => Reason::Timestamp {
                reason: error.to_string(),
            },
        },
        Refusal::Bundle(
            Shape::MissingInclusionProof(_)
            | Shape::MissingInclusionPromise(_)
            | Shape::MissingSigningTimeEvidence,
        ) => Reason::NoLogEntry,
        Refusal::Bundle(
            error @ (Shape::MissingCheckpoint
            | Shape::LogIndexOutOfRange { .. }
            | Shape::CheckpointRootMismatch),
        ) => Reason::Checkpoint {
            reason: error.to_string(),
        },
        error => malformed("bundle", error.to_string()),
    }
}

fn certificate(error: CertificateError) -> Reason {
    match error {
        CertificateError::Malformed(reason) => Reason::Malformed {
            what: "certificate",
            reason,
        },
        CertificateError::NoValidAuthority { time } => Reason::AuthorityTime { time },
        CertificateError::Sct(reason) => Reason::CertificateLog { reason },
        error => Reason::Chain {
            reason: error.to_string(),
        },
    }
}

fn log(error: TransparencyLogError) -> Reason {
    match error {
        TransparencyLogError::UnknownLog { log_id } => Reason::UnknownLog { log: log_id },
        TransparencyLogError::InclusionProof(reason) => Reason::LogProof { reason },
        TransparencyLogError::Checkpoint(reason) => Reason::Checkpoint { reason },
        TransparencyLogError::InclusionPromise(reason) => Reason::LogPromise { reason },
        TransparencyLogError::EntryMismatch(what) => Reason::LogEntry { what },
        TransparencyLogError::IntegratedTime(reason) => Reason::LogTime { reason },
        error => Reason::Malformed {
            what: "log entry",
            reason: error.to_string(),
        },
    }
}
