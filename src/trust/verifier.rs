//! Examines an image: who signed it, who attested what about it.
//!
//! Steps: fetch the manifest and hash it; find all candidates; look up missing log entries, if
//! a log was named; check each candidate alone; sort what counts and what does not.

use std::sync::Arc;

use super::{
    Error,
    bundle::SIGN,
    bundle::claimed_predicate_type,
    check::{Subject, Verdict, unlogged},
    discover::{self, Candidate, Container, Found},
    error::{Kind, Reason, Rejected, SignatureFailure},
    examined::{Attestation, Examined, Signature},
    identity::Identity,
    key::Key,
    rekor::Rekor,
    root::Root,
};
use crate::{
    image::{Digest, DigestReference, Repository},
    registry::{Registry, Version},
};

/// Whether a transparency log must have the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPolicy {
    Required,
    /// Neither log nor time are looked at: the key alone decides.
    Ignored,
}

/// Whose signatures count. Without a log a certificate needs another proven time: it lives ten
/// minutes.
#[derive(Debug)]
pub(crate) enum Who {
    /// The owners of these keys; one is enough.
    Keys { keys: Vec<Key>, log: LogPolicy },
    /// These signers with certificates; one is enough.
    Identities(Vec<Identity>),
    /// The same, where there is no log: a timestamp authority proves when the certificate was used.
    Stamped(Vec<Identity>),
}

impl Who {
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

/// What a verifier is made of.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) who: Who,
    /// The trusted root; without one only keys with an ignored log can be checked.
    pub(crate) root: Option<Arc<Root>>,
    /// The log to ask for entries that were not stored.
    pub(crate) rekor: Option<Rekor>,
    /// Refuse a candidate whose log cannot be read, in place of ending the run.
    pub(crate) refuse_unreachable: bool,
    /// Accept certificates that no certificate log has, as of a private authority without one.
    pub(crate) skip_certificate_log: bool,
    /// Where signatures are kept instead of beside the image.
    pub(crate) repository: Option<Repository>,
}

/// What the checks of single candidates rely on.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) who: Who,
    root: Option<Arc<Root>>,
    pub(super) skip_certificate_log: bool,
}

impl Trust {
    /// The trusted root. Without one nothing that needs it counts.
    pub(super) fn root(&self) -> Result<&Root, Reason> {
        self.root.as_deref().ok_or_else(|| Reason::UnknownLog {
            log: "(there is no trusted root)".to_owned(),
        })
    }
}

/// Examines images; one serves a whole run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Verifier {
    trust: Arc<Trust>,
    rekor: Option<Rekor>,
    refuse_unreachable: bool,
    repository: Option<Repository>,
}

impl Verifier {
    /// Makes a verifier.
    pub(crate) fn new(options: Options) -> Self {
        Self {
            trust: Arc::new(Trust {
                who: options.who,
                root: options.root,
                skip_certificate_log: options.skip_certificate_log,
            }),
            rekor: options.rekor,
            refuse_unreachable: options.refuse_unreachable,
            repository: options.repository,
        }
    }

    /// What single checks rely on.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whose signatures count.
    pub(crate) fn who(&self) -> &Who {
        &self.trust.who
    }

    /// The checks that are left out, by the names that reports use.
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

    /// Examines an image.
    ///
    /// # Errors
    /// When nothing can be said about it: it does not exist, or a server failed. That no
    /// signature counts is no error here, but in [`Examined`].
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
        let Found {
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
            match self.check(candidate, manifest.digest).await? {
                Ok(Verdict::Signature(signature)) => sorted.signatures.push(signature),
                Ok(Verdict::Attestation(attestation)) => sorted.attest(attestation, container),
                Err(reason) => sorted.reject(Rejected {
                    origin,
                    kind,
                    reason,
                }),
            }
        }
        Ok(sorted.into_examined(image.clone(), manifest))
    }

    /// Checks one candidate, off the threads that serve connections.
    async fn check(
        &self,
        candidate: Candidate,
        digest: Digest,
    ) -> Result<Result<Verdict, Reason>, Error> {
        let looked_up = match self.look_up(&candidate).await {
            Ok(looked_up) => looked_up,
            // Without its entry the signature is refused, so that nothing passes by a log that fails.
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
                let subject = Subject {
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
        // A panic below is a refusal, never a pass.
        Ok(work.await.unwrap_or_else(|error| {
            Err(Reason::Malformed {
                what: "candidate",
                reason: error.to_string(),
            })
        }))
    }

    async fn look_up(
        &self,
        candidate: &Candidate,
    ) -> Result<Option<Vec<super::log::LogEntry>>, Error> {
        let Some(rekor) = self.rekor.as_ref().filter(|_| self.trust.who.needs_log()) else {
            return Ok(None);
        };
        let Some(unlogged) = unlogged(candidate) else {
            return Ok(None);
        };
        let signers: Vec<String> = match (&self.trust.who, unlogged.certificate) {
            (Who::Keys { keys, .. }, _) => keys.iter().map(Key::to_pem).collect(),
            (Who::Identities(_), Some(certificate)) => vec![certificate],
            (Who::Identities(_), None) | (Who::Stamped(_), _) => return Ok(None),
        };
        let blob = &candidate.bytes;
        let is_envelope = candidate.container == Container::Envelope;
        let found = rekor
            .entries(blob, is_envelope, &unlogged.signatures, &signers)
            .await?;
        Ok(Some(found))
    }
}

/// For which question a candidate is one. What cannot be read is a candidate for both.
fn kind_of(candidate: &Candidate) -> Option<Kind> {
    match candidate.container {
        Container::SimpleSigning => Some(Kind::Signature),
        Container::Envelope => Some(Kind::Attestation),
        Container::Bundle => match claimed_predicate_type(&candidate.bytes)?.as_str() {
            SIGN => Some(Kind::Signature),
            _ => Some(Kind::Attestation),
        },
    }
}

#[derive(Default)]
struct Sorted {
    signatures: Vec<Signature>,
    attestations: Vec<Attestation>,
    refused_signatures: Vec<Rejected>,
    refused_attestations: Vec<Rejected>,
    rejected: Vec<Rejected>,
    opened: Vec<Digest>,
}

impl Sorted {
    /// A bundle with an attestation is a candidate for a signature too, and refused as one;
    /// what is kept under the tag of attestations is not.
    fn attest(&mut self, attestation: Attestation, container: Container) {
        if container == Container::Bundle {
            self.refused_signatures.push(Rejected {
                origin: attestation.origin.clone(),
                kind: Some(Kind::Signature),
                reason: Reason::NotASignature {
                    predicate_type: attestation.statement.predicate_type().to_owned(),
                },
            });
        }
        self.attestations.push(attestation);
    }

    fn reject(&mut self, rejected: Rejected) {
        let kind = rejected.kind;
        if kind != Some(Kind::Attestation) {
            self.refused_signatures.push(rejected.clone());
        }
        if kind != Some(Kind::Signature) {
            self.refused_attestations.push(rejected.clone());
        }
        self.rejected.push(rejected);
    }

    fn into_examined(
        self,
        image: DigestReference,
        manifest: crate::registry::Manifest,
    ) -> Examined {
        let signatures = found(Kind::Signature, self.signatures, self.refused_signatures);
        let attestations = found(
            Kind::Attestation,
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

fn found<T>(
    kind: Kind,
    found: Vec<T>,
    rejected: Vec<Rejected>,
) -> Result<Vec<T>, SignatureFailure> {
    if found.is_empty() {
        Err(SignatureFailure { kind, rejected })
    } else {
        Ok(found)
    }
}
