//! Finds what may be a signature or attestation of an image: the tags `sha256-<hex>.sig` and
//! `.att`, and everything that refers to the image (OCI distribution 1.1, "Listing Referrers").
//!
//! Neither a list's artifact type nor any annotation decides what a candidate is: registries
//! differ in what they repeat, and nothing signs it. Layers are opened by their media type.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Error, dsse,
    error::{Kind, Reason, Rejected},
    limits, simple,
};
use crate::{
    image::{Digest, DigestReference, Repository, Tag},
    registry::{self, Content, Descriptor, ImageManifest, Registry, Version},
};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// How many referrers and blobs are fetched at the same time.
const PARALLEL: usize = 8;

/// Bytes that may be a signature or attestation.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Where it was found.
    pub(super) origin: String,
    /// What it is.
    pub(super) container: Container,
    /// The bytes of its layer.
    pub(super) bytes: Bytes,
    /// The unsigned annotations of its layer, which hold signatures, certificates and log entries.
    pub(super) annotations: BTreeMap<String, String>,
}

/// How a candidate is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// A simple-signing payload with its signature in an annotation.
    SimpleSigning,
    /// A DSSE envelope.
    Envelope,
    /// A Sigstore bundle.
    Bundle,
}

impl Container {
    fn of(media_type: &str) -> Option<Self> {
        match media_type {
            simple::MEDIA_TYPE => Some(Self::SimpleSigning),
            dsse::MEDIA_TYPE | dsse::IN_TOTO => Some(Self::Envelope),
            bundle if bundle.starts_with(BUNDLE) => Some(Self::Bundle),
            _ => None,
        }
    }
}

/// All candidates, and those that are out before anything was fetched.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What has to be checked.
    pub(super) candidates: Vec<Candidate>,
    /// What cannot count.
    pub(super) rejected: Vec<Rejected>,
}

/// A layer that is worth fetching.
struct Layer {
    origin: String,
    container: Container,
    descriptor: Descriptor,
    annotations: BTreeMap<String, String>,
}

/// Looks everywhere, in the repository where signatures are kept.
///
/// # Errors
/// [`Error::Registry`] for anything but "not found", [`Error::TooMany`].
pub(super) async fn candidates(
    registry: &Registry,
    repository: &Repository,
    image: &DigestReference,
) -> Result<Found, Error> {
    let (sig, att, referrers) = tokio::try_join!(
        attached(registry, repository, image, "sig", Kind::Signature),
        attached(registry, repository, image, "att", Kind::Attestation),
        referrers(registry, repository, image),
    )?;
    let mut found = Found::default();
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
    let fetched = stream::iter(layers).map(|layer| fetch(registry, repository, layer));
    found.candidates = fetched.buffered(PARALLEL).try_collect().await?;
    Ok(found)
}

type Layers = (Vec<Layer>, Vec<Rejected>);

/// The layers under `sha256-<hex>.<suffix>`.
async fn attached(
    registry: &Registry,
    repository: &Repository,
    image: &DigestReference,
    suffix: &str,
    kind: Kind,
) -> Result<Layers, Error> {
    let name = format!("sha256-{}.{suffix}", image.digest.hex());
    let Ok(tag) = name.parse::<Tag>() else {
        return Ok(Layers::default());
    };
    let Some(manifest) = registry.manifest(repository, &tag.into()).await? else {
        return Ok(Layers::default());
    };
    let Content::Image(content) = manifest.content()? else {
        let reason = Reason::Malformed {
            what: "manifest",
            reason: "it is an index, expected layers".to_owned(),
        };
        let rejected = Rejected {
            origin: name,
            kind: Some(kind),
            reason,
        };
        return Ok((Vec::new(), vec![rejected]));
    };
    limit("layers", image, content.layers.len())?;
    let mut found = Layers::default();
    for (number, layer) in content.layers.into_iter().enumerate() {
        let origin = format!("{name} layer {number}");
        let expected = match kind {
            Kind::Signature => Container::SimpleSigning,
            Kind::Attestation => Container::Envelope,
        };
        if Container::of(&layer.media_type) == Some(expected) {
            let annotations = layer.annotations.clone();
            push(&mut found, Some(kind), origin, expected, layer, annotations);
        } else {
            let reason = Reason::Malformed {
                what: "layer",
                reason: format!("media type {:?} is no {kind}", layer.media_type),
            };
            found.1.push(Rejected {
                origin,
                kind: Some(kind),
                reason,
            });
        }
    }
    Ok(found)
}

/// The layers of what refers to the image.
async fn referrers(
    registry: &Registry,
    repository: &Repository,
    image: &DigestReference,
) -> Result<Layers, Error> {
    let list = registry.referrers(repository, &image.digest).await?;
    limit("referrers", image, list.len())?;
    let opened = stream::iter(list).map(|descriptor| open(registry, repository, descriptor.digest));
    let opened: Vec<_> = opened.buffered(PARALLEL).try_collect().await?;
    let mut found = Layers::default();
    for (digest, manifest) in opened.into_iter().flatten() {
        referrer(&mut found, image, digest, manifest);
    }
    Ok(found)
}

async fn open(
    registry: &Registry,
    repository: &Repository,
    digest: Digest,
) -> Result<Option<(Digest, ImageManifest)>, Error> {
    let Some(manifest) = registry
        .manifest(repository, &Version::Digest(digest))
        .await?
    else {
        // The fallback list may still name what was deleted.
        return Ok(None);
    };
    match manifest.content() {
        Ok(Content::Image(content)) => Ok(Some((digest, content))),
        // An index or some other document cannot hold a signature.
        Ok(Content::Index(_)) | Err(registry::Error::Manifest { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn referrer(found: &mut Layers, image: &DigestReference, digest: Digest, manifest: ImageManifest) {
    let origin = format!("referrer {digest}");
    let layers = manifest.layers.len();
    let is_candidate = |layer: &Descriptor| Container::of(&layer.media_type);
    let Some(container) = manifest.layers.iter().find_map(is_candidate) else {
        return;
    };
    let mut reject = |reason| {
        found.1.push(Rejected {
            origin: origin.clone(),
            kind: None,
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
    kind: Option<Kind>,
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
            reason,
        });
        return;
    }
    found.0.push(Layer {
        origin,
        container,
        descriptor,
        annotations,
    });
}

async fn fetch(
    registry: &Registry,
    repository: &Repository,
    layer: Layer,
) -> Result<Candidate, Error> {
    let bytes = registry
        .blob(repository, &layer.descriptor, limits::BLOB)
        .await?;
    Ok(Candidate {
        origin: layer.origin,
        container: layer.container,
        bytes,
        annotations: layer.annotations,
    })
}

fn limit(what: &'static str, image: &DigestReference, found: usize) -> Result<(), Error> {
    if found <= limits::CANDIDATES {
        return Ok(());
    }
    Err(Error::TooMany {
        what,
        image: image.clone(),
        found,
        limit: limits::CANDIDATES,
    })
}
