//! Examines an image: finds and verifies its signatures and attestations.
//!
//! Steps: fetch the manifest and hash it; find all candidates; look up missing log entries, if a log
//! is configured; verify each candidate separately; sort accepted and refused ones.

use std::sync::Arc;

use super::{
    Error,
    bundle::{PROMOTION, SIGN, VSA, claimed_by, claimed_predicate_type},
    discover::{self, Container, EvidenceCandidate, FoundCandidates},
    dsse::SignedEnvelope,
    error::{EvidenceKind, Reason, Rejected, SignatureFailure},
    examined::{Attestation, Examined, VerifiedSignature},
    identity::ExpectedIdentity,
    key::TrustedKey,
    legacy::{CheckedEvidence, LoggedCandidate, unlogged},
    rekor_lookup::Rekor,
    root::SigstoreRoot,
};
use crate::{
    image::{Digest, DigestReference, Repository},
    registry::{Registry, Version},
};

/// The use of the transparency log for signatures by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPolicy {
    Required,
    /// Neither log nor time is checked: the key alone decides.
    Ignored,
}

/// The accepted signers. Without a log a certificate needs another proof of time, because it is valid
/// for ten minutes.
#[derive(Debug)]
pub(crate) enum TrustedSigners {
    /// The owners of these keys; a signature by one of them is enough.
    Keys {
        keys: Vec<TrustedKey>,
        log: LogPolicy,
    },
    /// Keyless signers; a signature by one of them is enough.
    Identities(Vec<ExpectedIdentity>),
    /// Keyless signers without a log: a timestamp authority proves the time of the signature.
    Stamped(Vec<ExpectedIdentity>),
}

impl TrustedSigners {
    /// Tells whether a log entry is needed.
    pub(crate) fn needs_log(&self) -> bool {
        match self {
            Self::Keys { log, .. } => *log == LogPolicy::Required,
            Self::Identities(_) => true,
            Self::Stamped(_) => false,
        }
    }

    /// Tells whether a trusted root is needed.
    pub(crate) fn needs_root(&self) -> bool {
        self.needs_log() || matches!(self, Self::Stamped(_))
    }
}

/// The settings of a verifier.
#[derive(Debug)]
pub(crate) struct VerifierOptions {
    pub(crate) who: TrustedSigners,
    /// The trusted root; `None` only for keys with an ignored log.
    pub(crate) root: Option<Arc<SigstoreRoot>>,
    /// The log for the lookup of entries that are not stored with the signature.
    pub(crate) rekor: Option<Rekor>,
    /// Refuse a candidate whose log cannot be read, instead of ending the run.
    pub(crate) refuse_unreachable: bool,
    /// Accept certificates without a certificate log, as of a private authority.
    pub(crate) skip_certificate_log: bool,
    /// A separate repository with the signatures.
    pub(crate) repository: Option<Repository>,
}

/// The accepted signers and the trusted root, for the checks of candidates.
#[derive(Debug)]
pub(super) struct TrustChecks {
    pub(super) who: TrustedSigners,
    root: Option<Arc<SigstoreRoot>>,
    pub(super) skip_certificate_log: bool,
}

impl TrustChecks {
    /// Returns the trusted root; refuses a candidate that needs one if none is loaded.
    pub(super) fn root(&self) -> Result<&SigstoreRoot, Reason> {
        self.root.as_deref().ok_or_else(|| Reason::UnknownLog {
            log: "(no trusted root is loaded)".to_owned(),
        })
    }
}

/// Examines images. One verifier is used for a whole run; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ImageVerifier {
    trust: Arc<TrustChecks>,
    rekor: Option<Rekor>,
    refuse_unreachable: bool,
    repository: Option<Repository>,
}

impl ImageVerifier {
    pub(crate) fn new(options: VerifierOptions) -> Self {
        Self {
            trust: Arc::new(TrustChecks {
                who: options.who,
                root: options.root,
                skip_certificate_log: options.skip_certificate_log,
            }),
            rekor: options.rekor,
            refuse_unreachable: options.refuse_unreachable,
            repository: options.repository,
        }
    }

    /// Returns the signers and the root for checks of single candidates.
    pub(super) fn trust(&self) -> &TrustChecks {
        &self.trust
    }

    /// Returns the accepted signers, with the use of the log.
    pub(crate) fn who(&self) -> &TrustedSigners {
        &self.trust.who
    }

    /// Returns the skipped checks, by their names in reports.
    pub(crate) fn skipped_checks(&self) -> Vec<String> {
        let log = !self.trust.who.needs_log();
        let certificate_log = self.trust.skip_certificate_log;
        let names = [
            (log, "transparency-log"),
            (certificate_log, "certificate-log"),
        ];
        let skipped = names.into_iter().filter(|(skipped, _)| *skipped);
        skipped.map(|(_, name)| name.to_owned()).collect()
    }

    /// Examines an image: fetches it, finds its candidates and verifies each one.
    ///
    /// # Errors
    /// Returns an error if the image does not exist or a server failed. The absence of an accepted
    /// signature is part of [`Examined`], not an error.
    pub(crate) async fn examine(
        &self,
        registry: &Registry,
        image: &DigestReference,
    ) -> Result<Examined, Error> {
        let version = Version::Digest(image.digest);
        let manifest = registry.manifest(&image.repository, &version).await?;
        let manifest = manifest.ok_or_else(|| Error::ImageNotFound {
            image: image.clone(),
        })?;
        let repository = self.repository.as_ref().unwrap_or(&image.repository);
        let FoundCandidates {
            candidates,
            rejected,
        } = discover::candidates(registry, repository, image).await?;
        let mut sorted = Sorted::default();
        for rejected in rejected {
            sorted.reject(rejected);
        }
        for candidate in candidates {
            sorted.opened.push(Digest::of(&candidate.bytes));
            let kind = kind_of(&candidate);
            let origin = candidate.origin.clone();
            let container = candidate.container;
            let promotion = is_promotion(&candidate);
            match self.check(candidate, manifest.digest).await? {
                Ok(CheckedEvidence::Signature(signature)) => sorted.signatures.push(signature),
                Ok(CheckedEvidence::Attestation(attestation)) => {
                    sorted.attest(attestation, container);
                }
                Err(reason) => sorted.reject(Rejected {
                    origin,
                    kind,
                    promotion,
                    reason,
                }),
            }
        }
        Ok(sorted.into_examined(image.clone(), manifest))
    }

    /// Verifies one candidate, on a thread that may block.
    async fn check(
        &self,
        candidate: EvidenceCandidate,
        digest: Digest,
    ) -> Result<Result<CheckedEvidence, Reason>, Error> {
        let looked_up = match self.look_up(&candidate).await {
            Ok(looked_up) => looked_up,
            // Without its entry the signature is refused, so a failed log never makes it pass.
            Err(error @ Error::Remote { .. }) if self.refuse_unreachable => {
                let reason = error.to_string();
                return Ok(Err(Reason::LogUnreachable { reason }));
            }
            Err(error) => return Err(error),
        };
        let nothing = looked_up.as_ref().is_some_and(Vec::is_empty);
        let log = self.rekor.as_ref().filter(|_| nothing);
        let log = log.map(|rekor| rekor.to_string());
        let trust = Arc::clone(&self.trust);
        let work = tokio::task::spawn_blocking(move || {
            let mut last = Err(Reason::NoLogEntry);
            let entries: Vec<_> = match looked_up {
                Some(found) if !found.is_empty() => found.into_iter().map(Some).collect(),
                _ => vec![None],
            };
            for looked_up in entries {
                let subject = LoggedCandidate {
                    candidate: &candidate,
                    looked_up,
                };
                last = trust.check(&subject, &digest);
                if last.is_ok() {
                    break;
                }
            }
            match (last, log) {
                (Err(Reason::NoLogEntry), Some(log)) => Err(Reason::NotLogged { log }),
                (last, _) => last,
            }
        });
        // A panic in the check is a refusal, never a pass.
        Ok(work.await.unwrap_or_else(|error| {
            Err(Reason::Malformed {
                what: "candidate",
                reason: error.to_string(),
            })
        }))
    }

    async fn look_up(
        &self,
        candidate: &EvidenceCandidate,
    ) -> Result<Option<Vec<super::rekor_v1::LogEntry>>, Error> {
        let Some(rekor) = self.rekor.as_ref().filter(|_| self.trust.who.needs_log()) else {
            return Ok(None);
        };
        let Some(unlogged) = unlogged(candidate) else {
            return Ok(None);
        };
        let signers: Vec<String> = match (&self.trust.who, unlogged.certificate) {
            (TrustedSigners::Keys { keys, .. }, _) => keys.iter().map(TrustedKey::to_pem).collect(),
            (TrustedSigners::Identities(_), Some(certificate)) => vec![certificate],
            (TrustedSigners::Identities(_), None) | (TrustedSigners::Stamped(_), _) => {
                return Ok(None);
            }
        };
        let blob = &candidate.bytes;
        let is_envelope = candidate.container == Container::Envelope;
        let found = rekor
            .entries(blob, is_envelope, &unlogged.signatures, &signers)
            .await?;
        Ok(Some(found))
    }
}

/// Returns the kind of evidence that a candidate may be; `None` for both, as for an unreadable one.
fn kind_of(candidate: &EvidenceCandidate) -> Option<EvidenceKind> {
    match candidate.container {
        Container::SimpleSigning => Some(EvidenceKind::Signature),
        Container::Envelope => Some(EvidenceKind::Attestation),
        Container::Bundle => match claimed_predicate_type(&candidate.bytes)?.as_str() {
            SIGN => Some(EvidenceKind::Signature),
            _ => Some(EvidenceKind::Attestation),
        },
    }
}

#[derive(Default)]
struct Sorted {
    signatures: Vec<VerifiedSignature>,
    attestations: Vec<Attestation>,
    refused_signatures: Vec<Rejected>,
    refused_attestations: Vec<Rejected>,
    rejected: Vec<Rejected>,
    opened: Vec<Digest>,
}

impl Sorted {
    /// Adds an attestation. A bundle with one is also a candidate for a signature, and refused as such;
    /// an attestation under its tag is not.
    fn attest(&mut self, attestation: Attestation, container: Container) {
        if container == Container::Bundle {
            self.refused_signatures.push(Rejected {
                origin: attestation.origin.clone(),
                kind: Some(EvidenceKind::Signature),
                promotion: false,
                reason: Reason::NotASignature {
                    predicate_type: attestation.statement.predicate_type().to_owned(),
                },
            });
        }
        self.attestations.push(attestation);
    }

    fn reject(&mut self, rejected: Rejected) {
        let kind = rejected.kind;
        if kind != Some(EvidenceKind::Attestation) {
            self.refused_signatures.push(rejected.clone());
        }
        if kind != Some(EvidenceKind::Signature) {
            self.refused_attestations.push(rejected.clone());
        }
        self.rejected.push(rejected);
    }

    fn into_examined(
        self,
        image: DigestReference,
        manifest: crate::registry::Manifest,
    ) -> Examined {
        let signatures = found(
            EvidenceKind::Signature,
            self.signatures,
            self.refused_signatures,
        );
        let attestations = found(
            EvidenceKind::Attestation,
            self.attestations,
            self.refused_attestations,
        );
        Examined {
            image,
            manifest,
            signatures,
            attestations,
            rejected: self.rejected,
            opened: self.opened,
        }
    }
}

/// Tells whether a candidate calls itself the record of a promotion; it is refused all the same.
fn is_promotion(candidate: &EvidenceCandidate) -> bool {
    let claimed = match candidate.container {
        Container::Bundle => claimed_predicate_type(&candidate.bytes),
        Container::Envelope => match SignedEnvelope::parse(&candidate.bytes) {
            Ok(envelope) => claimed_by(&envelope.payload),
            Err(_) => None,
        },
        Container::SimpleSigning => None,
    };
    claimed.is_some_and(|kind| [VSA, PROMOTION].contains(&kind.as_str()))
}

fn found<T>(
    kind: EvidenceKind,
    found: Vec<T>,
    rejected: Vec<Rejected>,
) -> Result<Vec<T>, SignatureFailure> {
    if found.is_empty() {
        Err(SignatureFailure { kind, rejected })
    } else {
        Ok(found)
    }
}
