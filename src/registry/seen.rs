//! Lists the attachments of an image without copying them, for the record of a verdict.

use std::collections::BTreeSet;

use futures_util::{
    future::try_join,
    stream::{StreamExt as _, TryStreamExt as _, iter},
};

use super::{
    Attachment, Content, Descriptor, Error, Manifest, Registry,
    attached::{OF_ARTIFACT, OF_IMAGE, signs},
    plan::MAX_DEPTH,
};
use crate::image::{Digest, MediaType, Repository, Tag};

/// The most artifacts of one image that are listed.
const MAX_SEEN: usize = 10_000;
const PARALLEL: usize = 8;

/// An artifact that is attached to an image, or to what is attached to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenArtifact {
    pub(crate) at: Attachment,
    pub(crate) digest: Digest,
    /// `signature`, `attestation` or `sbom` for a tag, else the artifact type.
    pub(crate) kind: String,
    /// The digests of its layers in order; empty unless it has a side tag.
    pub(crate) layers: Vec<Digest>,
}

impl Registry {
    /// Lists everything that is attached to an image and its children, recursively.
    ///
    /// # Errors
    /// Any [`Error`]; a failing registry is never treated as one without attachments.
    pub(crate) async fn attachments(
        &self,
        repository: &Repository,
        image: &Manifest,
    ) -> Result<Vec<SeenArtifact>, Error> {
        let subjects = self.subjects(repository, image).await?;
        let mut known = subjects.clone();
        let images = subjects.into_iter().map(|subject| (subject, OF_IMAGE));
        let mut wave: Vec<(Digest, &[&'static str])> = images.collect();
        let mut seen = Vec::new();
        for _ in 0..MAX_DEPTH {
            let looks = iter(wave).map(|(subject, suffixes)| async move {
                let tags = self.side_tags_of(repository, subject, suffixes);
                let (tags, referrers) =
                    try_join(tags, self.list_referrers(repository, &subject)).await?;
                Ok::<_, Error>((subject, tags, referrers.list))
            });
            let mut found = looks.buffered(PARALLEL);
            let mut next = Vec::new();
            while let Some((subject, tags, referrers)) = found.try_next().await? {
                next.extend(referrers.iter().map(|entry| {
                    let suffixes = if signs(entry) { &[] } else { OF_ARTIFACT };
                    (entry.digest, suffixes)
                }));
                let sboms = tags.iter().filter(|seen| seen.kind == "sbom");
                next.extend(sboms.map(|seen| (seen.digest, OF_ARTIFACT)));
                seen.extend(tags);
                seen.extend(referrers.into_iter().map(|entry| referrer(subject, entry)));
                if seen.len() > MAX_SEEN {
                    return Err(Error::Manifest {
                        digest: image.digest,
                        reason: format!("more than {MAX_SEEN} artifacts are attached to it"),
                    });
                }
            }
            next.retain(|(digest, _)| known.insert(*digest));
            wave = next;
            if wave.is_empty() {
                return Ok(seen);
            }
        }
        Err(Error::Manifest {
            digest: image.digest,
            reason: format!("its referrers are nested more than {MAX_DEPTH} deep"),
        })
    }

    /// Returns the digests of an image and of everything that its indexes list.
    async fn subjects(
        &self,
        repository: &Repository,
        image: &Manifest,
    ) -> Result<BTreeSet<Digest>, Error> {
        let mut subjects = BTreeSet::from([image.digest]);
        let mut open = vec![image.clone()];
        for _ in 0..MAX_DEPTH {
            let mut nested = Vec::new();
            for manifest in std::mem::take(&mut open) {
                let Content::Index(index) = manifest.content()? else {
                    continue;
                };
                for child in index.manifests {
                    let is_index =
                        MediaType::parse(&child.media_type).is_some_and(MediaType::is_index);
                    if subjects.insert(child.digest) && is_index {
                        nested.push(child.digest);
                    }
                }
            }
            for digest in nested {
                let manifest = self.manifest(repository, &digest.into()).await?;
                open.push(manifest.ok_or_else(|| Error::NotFound {
                    what: format!("manifest {digest}"),
                    repository: repository.to_string(),
                })?);
            }
            if open.is_empty() {
                return Ok(subjects);
            }
        }
        Err(Error::Manifest {
            digest: image.digest,
            reason: format!("its indexes are nested more than {MAX_DEPTH} deep"),
        })
    }

    async fn side_tags_of(
        &self,
        repository: &Repository,
        subject: Digest,
        suffixes: &[&'static str],
    ) -> Result<Vec<SeenArtifact>, Error> {
        let looks = iter(suffixes).map(|suffix| async move {
            let tag = format!("sha256-{}.{suffix}", subject.hex());
            let Ok(tag) = tag.parse::<Tag>() else {
                return Ok(None);
            };
            let manifest = self.manifest(repository, &tag.clone().into()).await?;
            Ok::<_, Error>(manifest.and_then(|manifest| tagged(suffix, tag, &manifest)))
        });
        let found: Vec<_> = looks.buffered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// Returns the artifact under a side tag; a document without layers is ignored and never copied.
fn tagged(suffix: &str, tag: Tag, manifest: &Manifest) -> Option<SeenArtifact> {
    let Ok(Content::Image(content)) = manifest.content() else {
        tracing::warn!("{tag} holds no layers: ignored");
        return None;
    };
    let kind = match suffix {
        "sig" => "signature",
        "att" => "attestation",
        other => other,
    };
    Some(SeenArtifact {
        at: Attachment::Tag(tag),
        digest: manifest.digest,
        kind: kind.to_owned(),
        layers: content.layers.iter().map(|layer| layer.digest).collect(),
    })
}

fn referrer(subject: Digest, entry: Descriptor) -> SeenArtifact {
    SeenArtifact {
        at: Attachment::Referrer { subject },
        digest: entry.digest,
        kind: entry.artifact_type.unwrap_or(entry.media_type),
        layers: Vec::new(),
    }
}
