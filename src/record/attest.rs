//! Writes the record of a promotion beside each promoted image.
//!
//! For each digest and repository: list the attached artifacts, make the evidence bundle, the summary and the promotion
//! statement, and write those that are missing. The statements depend on the files alone, so a second run finds them and
//! writes nothing, and a run after an interrupted one adds the rest.

use std::collections::BTreeSet;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use serde_json::Value;

use super::{
    Error, EvidenceBundle, FoundImage, PROMOTION, PromotionFacts, Signing, StatementLayout, VSA,
    forecast::Attachments, found::Depth,
};
use crate::{
    handover::PromotedComponent,
    image::{Digest, DigestReference, MediaType, Repository},
    registry::{Content, Descriptor, NewLayer, Registry},
};

/// How many images are recorded in parallel.
const PARALLEL: usize = 4;

/// A promoted image to record at its destination.
#[derive(Debug, Clone)]
pub(crate) struct RecordJob {
    pub(crate) component: PromotedComponent,
    pub(crate) image: DigestReference,
}

/// Writes the records of a promotion to registries.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    pub(crate) registry: &'a Registry,
    /// The environment that the images are promoted to.
    pub(crate) environment: &'a str,
    /// The files of the promotion for the evidence bundle; `None` writes no bundle.
    pub(crate) evidence: Option<&'a EvidenceBundle>,
    /// The facts of the statements, and the predicate types to write.
    pub(crate) subject: Option<(&'a PromotionFacts, &'a [&'static str])>,
    /// The signer of the statements; `None` only prints them.
    pub(crate) signing: Option<&'a Signing>,
    /// The layout; `None` chooses the one that does not change the result of other tools.
    pub(crate) layout: Option<StatementLayout>,
    /// The time of the verdict, for annotations.
    pub(crate) verified_at: &'a str,
    pub(crate) dry_run: bool,
}

/// A document that was attached by this run or earlier.
#[derive(Debug, Clone)]
pub(crate) struct AttachedDocument {
    /// The predicate type, or the artifact type of the evidence bundle.
    pub(crate) kind: &'static str,
    /// The image that the document refers to.
    pub(crate) image: DigestReference,
    /// The digest of the referrer's manifest, or of the layer under the tag.
    pub(crate) digest: Option<Digest>,
    /// The layout of a statement; `None` for an evidence bundle.
    pub(crate) layout: Option<StatementLayout>,
    /// Set when this run wrote it.
    pub(crate) is_new: bool,
    pub(crate) document: Vec<u8>,
    /// The signed envelope of a statement that this run signed.
    pub(crate) envelope: Option<Vec<u8>>,
}

/// The record of one image: the documents attached to it.
#[derive(Debug, Clone)]
pub(crate) struct ImageRecord {
    pub(crate) name: String,
    /// The environment that it is promoted to.
    pub(crate) environment: String,
    pub(crate) image: DigestReference,
    /// The digest of the evidence bundle.
    pub(crate) evidence: Option<Digest>,
    /// Every document that was written or found.
    pub(crate) written: Vec<AttachedDocument>,
}

impl Recorder<'_> {
    /// Records all images.
    ///
    /// # Errors
    /// The first [`Error`]. Documents written before remain, and a second run continues from there.
    pub(crate) async fn record(&self, jobs: Vec<RecordJob>) -> Result<Vec<ImageRecord>, Error> {
        let jobs = iter(jobs).map(|job| self.record_image(job));
        jobs.buffered(PARALLEL).try_collect().await
    }

    async fn record_image(&self, job: RecordJob) -> Result<ImageRecord, Error> {
        let RecordJob { component, image } = job;
        let subject = self.descriptor(&component, &image).await?;
        let found = self.look(&component, &image).await?;
        let mut new = Vec::new();
        let mut written = Vec::new();
        let mut evidence_digest = None;
        if let Some(evidence) = self.evidence {
            let referrer = evidence.referrer(self.annotations(evidence))?;
            let digest = referrer.manifest(&subject).digest;
            let listed = found.artifacts.iter().any(|a| a.entry.digest == digest);
            evidence_digest = Some(digest);
            written.push(AttachedDocument {
                kind: super::EVIDENCE,
                image: image.clone(),
                digest: Some(digest),
                layout: None,
                is_new: !listed,
                document: referrer.content.to_vec(),
                envelope: None,
            });
            new.extend((!listed).then_some(referrer));
        }
        let mut statements = Vec::new();
        if let Some((about, kinds)) = self.subject {
            if kinds.contains(&VSA) {
                statements.push((VSA, about.vsa(&component, &image)));
            }
            if let (true, Some(evidence)) = (kinds.contains(&PROMOTION), evidence_digest) {
                statements.push((PROMOTION, about.promotion(&component, &image, evidence)));
            }
        }
        written.extend(
            self.write(&image, &subject, &found, new, statements)
                .await?,
        );
        if self.subject.is_some_and(|(_, kinds)| kinds.contains(&VSA)) {
            for platform in self.platforms(&image, &subject).await? {
                written.extend(self.platform(&component, &image, platform).await?);
            }
        }
        Ok(ImageRecord {
            name: component.name,
            environment: self.environment.to_owned(),
            image,
            evidence: evidence_digest,
            written,
        })
    }

    /// Records the summary of one platform of an index.
    async fn platform(
        &self,
        component: &PromotedComponent,
        index: &DigestReference,
        platform: Descriptor,
    ) -> Result<Vec<AttachedDocument>, Error> {
        let Some((about, _)) = self.subject else {
            return Ok(Vec::new());
        };
        let image = index.repository.pinned(platform.digest);
        let found = self.look(component, &image).await?;
        let statements = vec![(VSA, about.vsa(component, &image))];
        self.write(&image, &platform, &found, Vec::new(), statements)
            .await
    }

    /// Writes the artifacts and the statements that are missing.
    async fn write(
        &self,
        image: &DigestReference,
        subject: &Descriptor,
        found: &FoundImage,
        mut new: Vec<crate::registry::NewReferrer>,
        statements: Vec<(&'static str, Value)>,
    ) -> Result<Vec<AttachedDocument>, Error> {
        let layout = self.layout(image, &found.attachments, !statements.is_empty());
        let mut written = Vec::new();
        let mut layers = Vec::new();
        let before = new.len();
        for (kind, statement) in statements {
            let payload = statement.to_string().into_bytes();
            let there = self.find(found, kind, &payload).await?;
            let mut one = AttachedDocument {
                kind,
                image: image.clone(),
                digest: there,
                layout: Some(layout),
                is_new: there.is_none(),
                document: payload,
                envelope: None,
            };
            if let (None, Some(signing)) = (there, self.signing) {
                let signed = signing.sign(kind, &one.document, layout).await?;
                one.envelope = Some(signed.envelope());
                match layout {
                    StatementLayout::Bundle => {
                        new.push(signing.referrer(&signed, self.verified_at));
                    }
                    StatementLayout::Tag => {
                        let layer = signing.layer(&signed, &image.to_string())?;
                        one.digest = Some(Digest::of(&layer.content));
                        layers.push(layer);
                    }
                }
            }
            written.push(one);
        }
        if self.dry_run {
            return Ok(written);
        }
        let repository = &image.repository;
        let digests = self
            .registry
            .attach(repository, subject, &found.referrers, &new)
            .await?;
        let unnamed = written.iter_mut().filter(|one| one.digest.is_none());
        for (one, digest) in unnamed.zip(digests.into_iter().skip(before)) {
            one.digest = Some(digest);
        }
        if !layers.is_empty() {
            self.append_layers(repository, found, &layers).await?;
        }
        Ok(written)
    }

    /// Appends statements to the tag `.att` of the image.
    async fn append_layers(
        &self,
        repository: &Repository,
        found: &FoundImage,
        layers: &[NewLayer],
    ) -> Result<(), Error> {
        let tag = found.att_tag()?;
        let list = match &found.att {
            Some(list) => list.clone(),
            None => self.registry.read_list(repository, &tag).await?,
        };
        self.registry
            .append_layers(repository, &tag, list, layers)
            .await?;
        Ok(())
    }

    /// Returns the layout of statements; warns if it hides existing signatures from other tools.
    fn layout(
        &self,
        image: &DigestReference,
        attachments: &Attachments,
        has_statements: bool,
    ) -> StatementLayout {
        let layout = self.layout;
        let layout = layout.unwrap_or_else(|| StatementLayout::of(attachments));
        if has_statements && layout.hides(attachments) {
            tracing::warn!(
                "{image}: a bundle hides the signatures under .sig and .att from cosign, ec, Kyverno and policy-controller; --layout=auto does not"
            );
        }
        layout
    }

    /// Returns the digest of an equal statement by the same signer, if one is attached.
    async fn find(
        &self,
        found: &FoundImage,
        kind: &str,
        payload: &[u8],
    ) -> Result<Option<Digest>, Error> {
        let Some(signing) = self.signing else {
            return Ok(None);
        };
        let envelopes = found.envelopes(self.registry, kind).await?;
        let same = envelopes
            .into_iter()
            .find(|(_, envelope)| signing.made(envelope, payload));
        Ok(same.map(|(digest, _)| digest))
    }

    async fn look(
        &self,
        component: &PromotedComponent,
        image: &DigestReference,
    ) -> Result<FoundImage, Error> {
        let depth = match self.subject {
            Some(_) => Depth::Layout,
            None => Depth::Referrers,
        };
        // The gate accepted these, and the copy took them along or found them.
        let verdict = self.subject.and_then(|(about, _)| about.verdict(component));
        let evidence = verdict.iter().flat_map(|verdict| &verdict.evidence);
        let bundles = evidence.filter(|found| found.kind == "signature");
        let bundles = bundles.filter_map(|found| found.uri.rsplit_once('@')?.1.parse().ok());
        let bundles: BTreeSet<Digest> = bundles.collect();
        let sig = format!("sha256-{}.sig", image.digest.hex());
        let here = component.source.repository == image.repository;
        // A copy that moved attached artifacts moved all that were accepted.
        let came = component.copied.referrers > 0;
        let mut attached = verdict.iter().flat_map(|verdict| &verdict.attached);
        let signed = attached.any(|found| found.place == sig && (here || came && found.accepted));
        FoundImage::look(self.registry, image, depth, &bundles, signed).await
    }

    /// Returns the image's descriptor, which becomes the `subject` of artifacts.
    async fn descriptor(
        &self,
        component: &PromotedComponent,
        image: &DigestReference,
    ) -> Result<Descriptor, Error> {
        let known = component.media_type.clone().zip(component.size);
        let (media_type, size) = match known {
            Some(known) => known,
            None => {
                let head = self
                    .registry
                    .head(&image.repository, &image.digest.into())
                    .await?;
                let head = head.ok_or_else(|| Error::Missing {
                    what: image.to_string(),
                })?;
                (head.media_type, head.size)
            }
        };
        Ok(Descriptor::of(media_type, image.digest, size))
    }

    /// Returns the images of an index, without attestation entries of a builder.
    async fn platforms(
        &self,
        image: &DigestReference,
        subject: &Descriptor,
    ) -> Result<Vec<Descriptor>, Error> {
        if !MediaType::parse(&subject.media_type).is_some_and(MediaType::is_index) {
            return Ok(Vec::new());
        }
        let found = self
            .registry
            .manifest(&image.repository, &image.digest.into())
            .await?;
        let manifest = found.ok_or_else(|| Error::Missing {
            what: image.to_string(),
        })?;
        let Content::Index(index) = manifest.content()? else {
            return Ok(Vec::new());
        };
        let is_image = |child: &Descriptor| {
            let unknown = child.platform.as_ref().is_some_and(|p| p.os == "unknown");
            MediaType::parse(&child.media_type).is_some() && !unknown
        };
        let children = index.manifests.into_iter().filter(is_image);
        Ok(children
            .map(|child| Descriptor::of(child.media_type, child.digest, child.size))
            .collect())
    }

    fn annotations(&self, evidence: &EvidenceBundle) -> Vec<(&'static str, String)> {
        let mut annotations = vec![(
            "org.opencontainers.image.created",
            self.verified_at.to_owned(),
        )];
        let known = [
            ("vnd.promote.environment", &evidence.environment),
            ("vnd.promote.run-url", &evidence.run_url),
        ];
        let known = known.into_iter();
        annotations.extend(known.filter_map(|(name, value)| Some((name, value.clone()?))));
        annotations
    }
}
