//! Lists everything that is attached to an image and reads the type of each artifact. Nothing here is verified.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;

use super::{Attachments, EVIDENCE, Error, EvidenceBundle, PROMOTION, signed::LAYER_TYPE};
use crate::{
    image::{Digest, DigestReference, Repository, Tag},
    json,
    registry::{Content, Descriptor, ImageManifest, PREDICATE_TYPE, ReadList, Referrers, Registry},
    trust::{BUNDLE, SIGN, claimed_predicate_type, dsse},
};

/// The largest attestation or evidence bundle that is read, in bytes.
const MAX_BLOB: u64 = 64 << 20;
/// How many statements of one type are compared with a new one.
const MOST_COMPARED: usize = 64;

/// A referrer with its type, as far as it was read.
#[derive(Debug, Clone)]
pub(crate) struct FoundArtifact {
    /// The descriptor in the list of referrers.
    pub(crate) entry: Descriptor,
    /// The predicate type of a bundle that was read.
    pub(crate) predicate_type: Option<String>,
}

/// An image with its attached artifacts.
#[derive(Debug)]
pub(crate) struct FoundImage {
    repository: Repository,
    digest: Digest,
    /// The referrers and how the registry lists them.
    pub(super) referrers: Referrers,
    pub(crate) artifacts: Vec<FoundArtifact>,
    /// The tag `.att`, if it was read.
    pub(super) att: Option<ReadList>,
    pub(crate) attachments: Attachments,
}

/// How much of the attached artifacts is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Referrers,
    /// Only the parts that decide the layout.
    Layout,
    Whole,
}

impl FoundImage {
    /// Reads the artifacts of an image; `signing` are bundles that are known to be signatures, `signed` is true if the tag
    /// `.sig` is known to exist.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub(super) async fn look(
        registry: &Registry,
        image: &DigestReference,
        depth: Depth,
        signing: &BTreeSet<Digest>,
        signed: bool,
    ) -> Result<Self, Error> {
        let repository = image.repository.clone();
        let referrers = registry.list_referrers(&repository, &image.digest).await?;
        let mut found = Self {
            repository,
            digest: image.digest,
            artifacts: Vec::new(),
            att: None,
            attachments: Attachments::default(),
            referrers,
        };
        found.read_referrers(registry, depth, signing).await?;
        let is_signed = found.attachments.bundles.iter().any(|kind| kind == SIGN);
        if depth == Depth::Referrers || depth == Depth::Layout && is_signed {
            return Ok(found);
        }
        let att = registry
            .read_list(&found.repository, &found.tag("att")?)
            .await?;
        found.attachments.att = att.manifest.is_some();
        found.att = Some(att);
        let asked = depth == Depth::Whole || !found.attachments.att;
        found.attachments.sig = signed;
        if asked && !signed {
            let tag = found.tag("sig")?;
            let head = registry.head(&found.repository, &tag.into()).await?;
            found.attachments.sig = head.is_some();
        }
        Ok(found)
    }

    /// Reads everything that is attached to an image.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub(crate) async fn of(registry: &Registry, image: &DigestReference) -> Result<Self, Error> {
        Self::look(registry, image, Depth::Whole, &BTreeSet::new(), false).await
    }

    /// Reads the referrers of an image, without the tags.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub(crate) async fn referrers_of(
        registry: &Registry,
        image: &DigestReference,
    ) -> Result<Self, Error> {
        Self::look(registry, image, Depth::Referrers, &BTreeSet::new(), false).await
    }

    fn tag(&self, suffix: &str) -> Result<Tag, Error> {
        let tag = format!("sha256-{}.{suffix}", self.digest.hex());
        tag.parse().map_err(|_| Error::Document {
            what: self.digest.to_string(),
            reason: "its digest makes no tag".to_owned(),
        })
    }

    /// Returns the tag `sha256-<hex>.att` of the image.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub(super) fn att_tag(&self) -> Result<Tag, Error> {
        self.tag("att")
    }

    async fn read_referrers(
        &mut self,
        registry: &Registry,
        depth: Depth,
        signing: &BTreeSet<Digest>,
    ) -> Result<(), Error> {
        let mut is_signed = false;
        for entry in self.referrers.list.clone() {
            let kind = entry.artifact_type.as_deref().unwrap_or_default();
            let mut predicate_type = None;
            if kind.starts_with(BUNDLE) {
                predicate_type = match entry.annotations.get(PREDICATE_TYPE) {
                    Some(kind) => Some(kind.clone()),
                    None if signing.contains(&entry.digest) => Some(SIGN.to_owned()),
                    None if depth == Depth::Referrers || depth == Depth::Layout && is_signed => {
                        None
                    }
                    None => self.bundle_type(registry, &entry.digest).await?,
                };
                is_signed |= predicate_type.as_deref() == Some(SIGN);
                let kind = predicate_type.clone().unwrap_or_default();
                self.attachments.bundles.push(kind);
            }
            self.artifacts.push(FoundArtifact {
                entry,
                predicate_type,
            });
        }
        Ok(())
    }

    /// Reads the predicate type of a bundle whose descriptor lacks it; `None` if the bundle is deleted or malformed.
    async fn bundle_type(
        &self,
        registry: &Registry,
        digest: &Digest,
    ) -> Result<Option<String>, Error> {
        let Some(manifest) = self.artifact(registry, digest).await? else {
            return Ok(None);
        };
        if let Some(kind) = manifest.annotations.get(PREDICATE_TYPE) {
            return Ok(Some(kind.clone()));
        }
        let Some(layer) = manifest.layers.first() else {
            return Ok(None);
        };
        let bytes = registry.blob(&self.repository, layer, MAX_BLOB).await;
        match bytes {
            Ok(bytes) => Ok(claimed_predicate_type(&bytes)),
            Err(error) if error.concerns_content() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the manifest of an artifact; `None` if it is deleted or malformed.
    async fn artifact(
        &self,
        registry: &Registry,
        digest: &Digest,
    ) -> Result<Option<ImageManifest>, Error> {
        let found = registry.manifest(&self.repository, &(*digest).into()).await;
        let content = match found {
            Ok(None) => return Ok(None),
            Ok(Some(manifest)) => manifest.content(),
            Err(error) => Err(error),
        };
        match content {
            Ok(Content::Image(manifest)) => {
                let subject = manifest.subject.as_ref().map(|subject| subject.digest);
                let is_own = subject == Some(self.digest);
                Ok(Some(manifest).filter(|_| is_own))
            }
            Ok(Content::Index(_)) => Ok(None),
            Err(error) if error.concerns_content() => {
                tracing::warn!("ignored {digest}: {error}");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the layer of an artifact that has exactly one.
    async fn layer_of(&self, registry: &Registry, digest: &Digest) -> Result<Option<Bytes>, Error> {
        let Some(manifest) = self.artifact(registry, digest).await? else {
            return Ok(None);
        };
        match manifest.layers.as_slice() {
            [layer] => Ok(Some(
                registry.blob(&self.repository, layer, MAX_BLOB).await?,
            )),
            _ => Ok(None),
        }
    }

    /// Reads the evidence bundles that refer to the image, with their digests; warns about those that cannot be read.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub(crate) async fn evidence(
        &self,
        registry: &Registry,
    ) -> Result<Vec<(Digest, EvidenceBundle)>, Error> {
        let mut opened = Vec::new();
        for found in &self.artifacts {
            if found.entry.artifact_type.as_deref() != Some(EVIDENCE) {
                continue;
            }
            let digest = found.entry.digest;
            let Some(bytes) = self.layer_of(registry, &digest).await? else {
                tracing::warn!(
                    "the evidence bundle {digest} is listed, but it is missing or malformed"
                );
                continue;
            };
            match EvidenceBundle::parse(&bytes, &digest.to_string()) {
                Ok(evidence) => opened.push((digest, evidence)),
                Err(error) => tracing::warn!("ignored: {error}"),
            }
        }
        Ok(opened)
    }

    /// Returns the attached envelopes of a predicate type, unverified, by the digest of their manifest or layer.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub(crate) async fn envelopes(
        &self,
        registry: &Registry,
        predicate_type: &str,
    ) -> Result<Vec<(Digest, Value)>, Error> {
        let mut envelopes = Vec::new();
        let bundles = self.artifacts.iter().rev();
        let bundles = bundles.filter(|a| a.predicate_type.as_deref() == Some(predicate_type));
        for found in bundles.take(MOST_COMPARED) {
            let digest = found.entry.digest;
            let bytes = self.layer_of(registry, &digest).await?;
            let document = bytes.and_then(|bytes| json::document(&bytes, &json::BUNDLE).ok());
            let envelope =
                document.and_then(|mut bundle| bundle.get_mut("dsseEnvelope").map(Value::take));
            envelopes.extend(envelope.map(|envelope| (digest, envelope)));
        }
        let manifest = self.att.as_ref().and_then(|list| list.manifest.as_ref());
        let Some(Content::Image(content)) = manifest.map(|list| list.content()).transpose()? else {
            return Ok(envelopes);
        };
        let is_kind = |layer: &&Descriptor| {
            let kind = layer.annotations.get(LAYER_TYPE);
            layer.media_type == dsse::MEDIA_TYPE && kind.is_some_and(|kind| kind == predicate_type)
        };
        for layer in content
            .layers
            .iter()
            .rev()
            .filter(is_kind)
            .take(MOST_COMPARED)
        {
            let bytes = registry.blob(&self.repository, layer, MAX_BLOB).await?;
            let document = json::document(&bytes, &json::ENVELOPE).ok();
            envelopes.extend(document.map(|envelope| (layer.digest, envelope)));
        }
        Ok(envelopes)
    }

    /// Tells whether an evidence bundle, and with `signed` a promotion statement, of an earlier promotion to the environment
    /// is attached; neither is verified.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub(crate) async fn is_promoted(
        &self,
        registry: &Registry,
        environment: &str,
        signed: bool,
    ) -> Result<bool, Error> {
        let evidence = self.evidence(registry).await?;
        let mut here = evidence.iter().map(|(_, evidence)| &evidence.environment);
        if !here.any(|of| of.as_deref() == Some(environment)) {
            return Ok(false);
        }
        if !signed {
            return Ok(true);
        }
        let envelopes = self.envelopes(registry, PROMOTION).await?;
        Ok(envelopes.iter().any(|(_, envelope)| {
            let statement = payload(envelope);
            let named = statement
                .as_ref()
                .and_then(|s| s.pointer("/predicate/environment"));
            named.and_then(Value::as_str) == Some(environment)
        }))
    }
}

/// Decodes the statement in an envelope, unverified.
fn payload(envelope: &Value) -> Option<Value> {
    let text = envelope.get("payload").and_then(Value::as_str)?;
    let bytes = STANDARD.decode(text).ok()?;
    json::document(&bytes, &json::STATEMENT).ok()
}
