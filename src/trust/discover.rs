//! Finds the candidates for signatures and attestations of an image: under the tags `sha256-<hex>.sig`
//! and `.att`, and among the referrers (OCI distribution 1.1, "Listing Referrers").
//!
//! The artifact type and annotations in the list do not decide the kind of a candidate: registries
//! fill them differently, and they are not signed. The media type of the layer decides.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Error, dsse,
    error::{EvidenceKind, Reason, Rejected},
    limits, simple_signing,
};
use crate::{
    budget,
    image::{Digest, DigestReference, Repository, Tag},
    registry::{Content, Descriptor, ImageManifest, Registry, Version},
};

/// The prefix of the artifact type of a Sigstore bundle.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// How many referrers and blobs are fetched in parallel.
const PARALLEL: usize = 8;

/// The bytes of a possible signature or attestation.
#[derive(Debug, Clone)]
pub(super) struct EvidenceCandidate {
    pub(super) origin: String,
    pub(super) container: Container,
    pub(super) bytes: Bytes,
    /// The unsigned annotations of the layer, which contain signatures, certificates and log entries.
    pub(super) annotations: BTreeMap<String, String>,
}

/// The format of a candidate, by the media type of its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// A simple-signing payload with its signature in an annotation.
    SimpleSigning,
    Envelope,
    Bundle,
}

impl Container {
    fn of(media_type: &str) -> Option<Self> {
        match media_type {
            simple_signing::MEDIA_TYPE => Some(Self::SimpleSigning),
            dsse::MEDIA_TYPE | dsse::IN_TOTO => Some(Self::Envelope),
            bundle if bundle.starts_with(BUNDLE) => Some(Self::Bundle),
            _ => None,
        }
    }
}

/// The candidates to check, and those that were refused before.
#[derive(Debug, Default)]
pub(super) struct FoundCandidates {
    pub(super) candidates: Vec<EvidenceCandidate>,
    pub(super) rejected: Vec<Rejected>,
}

/// A layer to fetch, whose media type may be that of a candidate.
struct CandidateLayer {
    origin: String,
    kind: Option<EvidenceKind>,
    container: Container,
    descriptor: Descriptor,
    annotations: BTreeMap<String, String>,
}

/// Finds all candidates in the repository that contains signatures.
///
/// # Errors
/// [`Error::Registry`] for anything but "not found", [`Error::TooMany`].
pub(super) async fn candidates(
    registry: &Registry,
    repository: &Repository,
    image: &DigestReference,
) -> Result<FoundCandidates, Error> {
    let (sig, att, referrers) = tokio::try_join!(
        attached(registry, repository, image, "sig", EvidenceKind::Signature),
        attached(
            registry,
            repository,
            image,
            "att",
            EvidenceKind::Attestation
        ),
        referrers(registry, repository, image),
    )?;
    let mut found = FoundCandidates::default();
    let mut layers = Vec::new();
    for (some, rejected) in [sig, att, referrers] {
        layers.extend(some);
        found.rejected.extend(rejected);
    }
    let total: u64 = layers.iter().map(|layer| layer.descriptor.size).sum();
    if total > limits::TOTAL {
        return Err(Error::TooMany {
            what: "bytes of signatures",
            image: image.clone(),
            found: usize::try_from(total).unwrap_or(usize::MAX),
            limit: usize::try_from(limits::TOTAL).unwrap_or(usize::MAX),
        });
    }
    let object = format!("what is attached to {image}");
    budget::check(&object, usize::try_from(total).unwrap_or(usize::MAX))
        .map_err(crate::registry::Error::from)?;
    let fetched = stream::iter(layers).map(|layer| fetch(registry, repository, layer));
    let fetched: Vec<_> = fetched.buffered(PARALLEL).try_collect().await?;
    for candidate in fetched {
        match candidate {
            Ok(candidate) => found.candidates.push(candidate),
            Err(rejected) => found.rejected.push(rejected),
        }
    }
    Ok(found)
}

/// Returns the refusal of an artifact that cannot be fetched or read; other candidates remain.
fn unusable(
    origin: String,
    kind: Option<EvidenceKind>,
    what: &'static str,
    reason: &str,
) -> Rejected {
    Rejected {
        origin,
        kind,
        promotion: false,
        reason: Reason::Malformed {
            what,
            reason: reason.to_owned(),
        },
    }
}

type Layers = (Vec<CandidateLayer>, Vec<Rejected>);

/// Returns the layers under the tag `sha256-<hex>.<suffix>`.
async fn attached(
    registry: &Registry,
    repository: &Repository,
    image: &DigestReference,
    suffix: &str,
    kind: EvidenceKind,
) -> Result<Layers, Error> {
    let name = format!("sha256-{}.{suffix}", image.digest.hex());
    let Ok(tag) = name.parse::<Tag>() else {
        return Ok(Layers::default());
    };
    let odd = |reason: &str| {
        let rejected = unusable(name.clone(), Some(kind), "manifest", reason);
        Ok((Vec::new(), vec![rejected]))
    };
    let content = match registry.manifest(repository, &tag.into()).await {
        Ok(None) => return Ok(Layers::default()),
        Ok(Some(manifest)) => manifest.content(),
        Err(error) => Err(error),
    };
    let content = match content {
        Ok(Content::Image(content)) => content,
        Ok(Content::Index(_)) => return odd("it is an index, expected layers"),
        Err(error) if error.concerns_content() => return odd(&error.to_string()),
        Err(error) => return Err(error.into()),
    };
    limit("layers", image, content.layers.len(), limits::CANDIDATES)?;
    let mut found = Layers::default();
    for (number, layer) in content.layers.into_iter().enumerate() {
        let origin = format!("{name} layer {number}");
        let expected = match kind {
            EvidenceKind::Signature => Container::SimpleSigning,
            EvidenceKind::Attestation => Container::Envelope,
        };
        if Container::of(&layer.media_type) == Some(expected) {
            let annotations = layer.annotations.clone();
            push(&mut found, Some(kind), origin, expected, layer, annotations);
        } else {
            let reason = Reason::Malformed {
                what: "layer",
                reason: format!("media type {:?} is not that of a {kind}", layer.media_type),
            };
            found.1.push(Rejected {
                origin,
                kind: Some(kind),
                promotion: false,
                reason,
            });
        }
    }
    Ok(found)
}

/// Returns the layers of the artifacts that refer to the image.
async fn referrers(
    registry: &Registry,
    repository: &Repository,
    image: &DigestReference,
) -> Result<Layers, Error> {
    let list = registry.referrers(repository, &image.digest).await?;
    limit("referrers", image, list.len(), limits::REFERRERS)?;
    let opened = stream::iter(list).map(|descriptor| open(registry, repository, descriptor.digest));
    let opened: Vec<_> = opened.buffered(PARALLEL).try_collect().await?;
    let mut found = Layers::default();
    for opened in opened {
        match opened {
            Opened::Artifact(digest, manifest) => referrer(&mut found, image, digest, *manifest),
            Opened::Odd(rejected) => found.1.push(rejected),
            Opened::Other => {}
        }
    }
    Ok(found)
}

enum Opened {
    Artifact(Digest, Box<ImageManifest>),
    /// The referrer cannot be fetched or read.
    Odd(Rejected),
    Other,
}

async fn open(
    registry: &Registry,
    repository: &Repository,
    digest: Digest,
) -> Result<Opened, Error> {
    let odd = |reason: &str| {
        let origin = format!("referrer {digest}");
        Ok(Opened::Odd(unusable(origin, None, "manifest", reason)))
    };
    let found = registry
        .manifest(repository, &Version::Digest(digest))
        .await;
    let content = match found {
        // The list under the fallback tag may contain deleted artifacts.
        Ok(None) => return odd("it is listed, but does not exist"),
        Ok(Some(manifest)) => manifest.content(),
        Err(error) => Err(error),
    };
    match content {
        Ok(Content::Image(content)) => Ok(Opened::Artifact(digest, Box::new(content))),
        Ok(Content::Index(_)) => Ok(Opened::Other),
        Err(error) if error.concerns_content() => odd(&error.to_string()),
        Err(error) => Err(error.into()),
    }
}

fn referrer(found: &mut Layers, image: &DigestReference, digest: Digest, manifest: ImageManifest) {
    let origin = format!("referrer {digest}");
    let layers = manifest.layers.len();
    let is_candidate = |layer: &Descriptor| Container::of(&layer.media_type);
    let candidate = manifest.layers.iter().find_map(is_candidate);
    let declared = manifest.artifact_type.as_deref().and_then(Container::of);
    let Some(container) = candidate.or(declared) else {
        return;
    };
    let mut reject = |reason| {
        found.1.push(Rejected {
            origin: origin.clone(),
            kind: None,
            promotion: false,
            reason,
        });
    };
    match manifest.subject {
        Some(subject) if subject.digest == image.digest => {}
        Some(subject) => {
            return reject(Reason::ForeignSubject {
                found: subject.digest,
            });
        }
        None => {
            return reject(Reason::Malformed {
                what: "manifest",
                reason: "it has no subject".to_owned(),
            });
        }
    }
    if container == Container::Bundle && layers != 1 {
        return reject(Reason::Layers { found: layers });
    }
    if candidate.is_none() {
        return reject(Reason::Malformed {
            what: "manifest",
            reason: "it is declared as evidence, but none of its layers is".to_owned(),
        });
    }
    for layer in manifest.layers {
        if let Some(container) = is_candidate(&layer) {
            let mut annotations = manifest.annotations.clone();
            annotations.extend(layer.annotations.clone());
            push(found, None, origin.clone(), container, layer, annotations);
        }
    }
}

fn push(
    found: &mut Layers,
    kind: Option<EvidenceKind>,
    origin: String,
    container: Container,
    descriptor: Descriptor,
    annotations: BTreeMap<String, String>,
) {
    if descriptor.size > limits::BLOB {
        let reason = Reason::TooLarge {
            what: "the size",
            found: descriptor.size,
            limit: limits::BLOB,
        };
        found.1.push(Rejected {
            origin,
            kind,
            promotion: false,
            reason,
        });
        return;
    }
    found.0.push(CandidateLayer {
        origin,
        kind,
        container,
        descriptor,
        annotations,
    });
}

async fn fetch(
    registry: &Registry,
    repository: &Repository,
    layer: CandidateLayer,
) -> Result<Result<EvidenceCandidate, Rejected>, Error> {
    let bytes = registry
        .blob(repository, &layer.descriptor, limits::BLOB)
        .await;
    match bytes {
        Ok(bytes) => Ok(Ok(EvidenceCandidate {
            origin: layer.origin,
            container: layer.container,
            bytes,
            annotations: layer.annotations,
        })),
        Err(error) if error.concerns_content() => {
            let rejected = unusable(layer.origin, layer.kind, "blob", &error.to_string());
            Ok(Err(rejected))
        }
        Err(error) => Err(error.into()),
    }
}

fn limit(
    what: &'static str,
    image: &DigestReference,
    found: usize,
    limit: usize,
) -> Result<(), Error> {
    if found <= limit {
        return Ok(());
    }
    Err(Error::TooMany {
        what,
        image: image.clone(),
        found,
        limit,
    })
}
