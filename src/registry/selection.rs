//! Selects the attached artifacts to copy with an image: all of the source, none, or exactly those that
//! an earlier step saw.

use serde_json::Value;

use super::{Content, Descriptor, Error, ImageStore, Manifest};
use crate::image::{Digest, Tag};

/// The attached artifacts to copy with an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ArtifactSelection {
    /// Everything that the source has at the time of the copy.
    #[default]
    Everything,
    Nothing,
    /// Exactly these; further attachments of the source are not copied.
    Listed(Vec<Listed>),
}

/// An attached artifact that an earlier step saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) at: Attachment,
    pub(crate) digest: Digest,
    /// The positions of the layers to copy; `None` copies all of them.
    pub(crate) layers: Option<Vec<usize>>,
    /// Refuses the copy when the source has lost it, because a verdict rests on it.
    pub(crate) required: bool,
}

/// How an artifact is attached: by a side tag or by its `subject`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attachment {
    /// Under a tag such as `sha256-<hex>.sig`.
    Tag(Tag),
    Referrer {
        /// The manifest that its `subject` names.
        subject: Digest,
    },
}

impl std::fmt::Display for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Referrer { subject } => write!(f, "referrers/{subject}"),
        }
    }
}

impl Attachment {
    /// Parses what [`Display`](std::fmt::Display) writes: a tag, or `referrers/<digest>`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("referrers/") {
            Some(subject) => Some(Self::Referrer {
                subject: subject.parse().ok()?,
            }),
            None => text.parse().ok().map(Self::Tag),
        }
    }
}

impl ArtifactSelection {
    /// Tells whether a copy without this artifact is refused.
    pub(super) fn requires(&self, digest: &Digest) -> bool {
        let Self::Listed(listed) = self else {
            return false;
        };
        let mut listed = listed.iter();
        listed.any(|entry| entry.required && entry.digest == *digest)
    }

    /// Returns the referrers of a subject to copy, out of those that the source lists now.
    pub(super) async fn referrers(
        &self,
        from: &ImageStore,
        subject: &Digest,
        now: Vec<Descriptor>,
    ) -> Result<Vec<Descriptor>, Error> {
        let Self::Listed(listed) = self else {
            return Ok(now);
        };
        let here = Attachment::Referrer { subject: *subject };
        let wanted: Vec<_> = listed.iter().filter(|entry| entry.at == here).collect();
        let (mut chosen, late): (Vec<_>, Vec<_>) = now
            .into_iter()
            .partition(|entry| wanted.iter().any(|wanted| wanted.digest == entry.digest));
        for entry in late {
            left_behind(from, &format!("referrer {}", entry.digest), subject);
        }
        for wanted in wanted {
            if chosen.iter().any(|entry| entry.digest == wanted.digest) {
                continue;
            }
            if let Some(manifest) = wanted.fetch(from).await? {
                chosen.push(descriptor(&manifest)?);
            }
        }
        Ok(chosen)
    }

    /// Returns the manifest to copy for a side tag, which points to `now` at the source.
    pub(super) async fn side_tag(
        &self,
        from: &ImageStore,
        subject: &Digest,
        tag: &Tag,
        now: Option<Manifest>,
    ) -> Result<Option<Manifest>, Error> {
        let Self::Listed(listed) = self else {
            return Ok(now);
        };
        let here = |entry: &&Listed| matches!(&entry.at, Attachment::Tag(at) if at == tag);
        let wanted = listed.iter().find(here);
        let is_same = now.as_ref().map(|now| now.digest) == wanted.map(|wanted| wanted.digest);
        let Some(wanted) = wanted else {
            if let Some(now) = now {
                left_behind(from, &format!("{tag} ({})", now.digest), subject);
            }
            return Ok(None);
        };
        let found = if is_same {
            now
        } else {
            if let Some(now) = now {
                left_behind(from, &format!("{tag} ({})", now.digest), subject);
            }
            wanted.fetch(from).await?
        };
        found.map(|found| wanted.without_layers(found)).transpose()
    }
}

impl Listed {
    /// Fetches it by its digest; `None` when the source has lost it and it is not required.
    async fn fetch(&self, from: &ImageStore) -> Result<Option<Manifest>, Error> {
        let found = from.manifest(&self.digest.into()).await?;
        if found.is_none() {
            let what = format!("{} ({})", self.digest, self.at);
            if self.required {
                return Err(Error::Gone {
                    what,
                    repository: from.to_string(),
                });
            }
            tracing::warn!("{from} lost {what} since it was verified: not copied");
        }
        Ok(found)
    }

    /// Removes the layers that are not copied.
    fn without_layers(&self, manifest: Manifest) -> Result<Manifest, Error> {
        let Some(kept) = &self.layers else {
            return Ok(manifest);
        };
        let wrong = |reason: String| Error::Manifest {
            digest: manifest.digest,
            reason,
        };
        let mut document: Value =
            serde_json::from_slice(&manifest.bytes).map_err(|error| wrong(error.to_string()))?;
        let layers = document.get_mut("layers").and_then(Value::as_array_mut);
        let layers = layers.ok_or_else(|| wrong("it has no layers".to_owned()))?;
        let count = layers.len();
        if let Some(beyond) = kept.iter().find(|number| **number >= count) {
            return Err(wrong(format!("it has no layer {beyond}")));
        }
        let mut number = 0..;
        layers.retain(|_| number.next().is_some_and(|number| kept.contains(&number)));
        let left = count - layers.len();
        if left == 0 {
            return Ok(manifest);
        }
        tracing::info!(
            "{}: {left} of {count} layers were not accepted: left out",
            self.at
        );
        Ok(Manifest::new(
            &manifest.media_type,
            document.to_string().into(),
        ))
    }
}

fn left_behind(from: &ImageStore, what: &str, subject: &Digest) {
    tracing::warn!(
        "{what} was attached to {subject} in {from} after verification: it is not copied"
    );
}

/// Describes a referrer as a list of referrers does (distribution specification 1.1).
pub(super) fn descriptor(manifest: &Manifest) -> Result<Descriptor, Error> {
    let mut entry = manifest.descriptor();
    let (kind, annotations) = match manifest.content()? {
        Content::Image(image) => (
            image.artifact_type.or(Some(image.config.media_type)),
            image.annotations,
        ),
        Content::Index(index) => (index.artifact_type, index.annotations),
    };
    entry.artifact_type = kind;
    entry.annotations = annotations;
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_reads_as_it_is_written() {
        let hex = "ab".repeat(32);
        for text in [
            format!("sha256-{hex}.sig"),
            format!("referrers/sha256:{hex}"),
        ] {
            let parsed = Attachment::parse(&text).unwrap();
            assert_eq!(parsed.to_string(), text);
        }
        for wrong in ["referrers/", "referrers/x", "a b", ""] {
            assert_eq!(Attachment::parse(wrong), None, "{wrong}");
        }
    }
}
