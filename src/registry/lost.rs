//! Attached artifacts that a source lists or names but does not have whole. They do not stop the
//! copy of what is good: each is named in a warning and left out, as verification ignores it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use super::{Content, Error, Manifest, Planned};
use crate::image::Digest;

impl Error {
    /// Tells whether the content of one object is missing or wrong, while the registry works.
    pub(crate) fn concerns_content(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::WrongDigest { .. }
                | Self::WrongSize { .. }
                | Self::Manifest { .. }
        )
    }
}

/// Returns the value, but turns an error about content into a warning and `None`.
///
/// # Errors
/// Every other error.
pub(super) fn or_warn<T>(result: Result<T, Error>, what: &str) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.concerns_content() => {
            tracing::warn!("{what} is not copied: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The blobs and manifests that a copy leaves out.
#[derive(Debug, Default)]
pub(super) struct Lost {
    required: BTreeSet<Digest>,
    lost: Mutex<BTreeSet<Digest>>,
}

impl Lost {
    /// Only blobs that nothing but attached artifacts needs may be missing.
    pub(super) fn new(plans: &[Planned]) -> Self {
        let required = plans.iter().flat_map(|plan| {
            let blobs = plan.blobs.keys();
            blobs.filter(|blob| !plan.optional.contains(blob)).copied()
        });
        Self {
            required: required.collect(),
            lost: Mutex::default(),
        }
    }

    /// Records a blob as lost.
    ///
    /// # Errors
    /// The error itself where the blob is needed or the registry failed.
    pub(super) fn blob(&self, digest: Digest, error: Error) -> Result<(), Error> {
        if self.required.contains(&digest) || !error.concerns_content() {
            return Err(error);
        }
        tracing::warn!("blob {digest} of an attached artifact is not copied: {error}");
        self.note(digest);
        Ok(())
    }

    fn note(&self, digest: Digest) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.insert(digest);
    }

    fn has(&self, digest: &Digest) -> bool {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.contains(digest)
    }

    /// Tells whether a manifest can be written; one that cannot is lost too.
    pub(super) fn allows(&self, manifest: &Manifest) -> Result<bool, Error> {
        let parts: Vec<Digest> = match manifest.content()? {
            Content::Image(image) => {
                let layers = image.layers.iter().map(|layer| layer.digest);
                layers.chain([image.config.digest]).collect()
            }
            Content::Index(index) => index.manifests.iter().map(|child| child.digest).collect(),
        };
        let Some(part) = parts.iter().find(|part| self.has(part)) else {
            return Ok(true);
        };
        tracing::warn!(
            "attached artifact {} is not copied: its part {part} is missing at the source",
            manifest.digest
        );
        self.note(manifest.digest);
        Ok(false)
    }

    /// The document of a side tag without the entries that are lost; `None` when none is left.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub(super) fn trim(&self, manifest: &Manifest) -> Result<Option<Manifest>, Error> {
        let (list, entries, config) = match manifest.content()? {
            Content::Image(image) => ("layers", image.layers, Some(image.config.digest)),
            Content::Index(index) => ("manifests", index.manifests, None),
        };
        if config.is_some_and(|config| self.has(&config)) {
            tracing::warn!(
                "{} is not copied: its configuration is missing",
                manifest.digest
            );
            return Ok(None);
        }
        let lost: Vec<bool> = entries
            .iter()
            .map(|entry| self.has(&entry.digest))
            .collect();
        if !lost.contains(&true) {
            return Ok(Some(manifest.clone()));
        }
        if !lost.contains(&false) {
            tracing::warn!("{} is not copied: nothing of it is there", manifest.digest);
            return Ok(None);
        }
        let wrong = |error: serde_json::Error| Error::Manifest {
            digest: manifest.digest,
            reason: error.to_string(),
        };
        let mut document: Value = serde_json::from_slice(&manifest.bytes).map_err(wrong)?;
        if let Some(entries) = document.get_mut(list).and_then(Value::as_array_mut) {
            let mut lost = lost.into_iter();
            entries.retain(|_| !lost.next().unwrap_or_default());
        }
        let bytes = document.to_string().into();
        Ok(Some(Manifest::new(&manifest.media_type, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::image::MediaType;

    fn side_tag(layers: &[Digest]) -> Manifest {
        let entry = |digest: &Digest| json!({"mediaType": "t", "digest": digest, "size": 1});
        let layers: Vec<_> = layers.iter().map(entry).collect();
        let config = entry(&Digest::of(b"config"));
        let document = json!({"schemaVersion": 2, "config": config, "layers": layers});
        Manifest::new(MediaType::OciManifest.as_str(), document.to_string().into())
    }

    fn gone() -> Error {
        Error::NotFound {
            what: "blob".to_owned(),
            repository: "r".to_owned(),
        }
    }

    #[test]
    fn a_side_tag_loses_what_is_gone_and_keeps_the_rest() {
        let (good, bad) = (Digest::of(b"good"), Digest::of(b"bad"));
        let lost = Lost::default();
        let both = side_tag(&[good, bad]);
        assert_eq!(lost.trim(&both).unwrap().unwrap().bytes, both.bytes);
        lost.blob(bad, gone()).unwrap();
        let left = lost.trim(&both).unwrap().unwrap();
        let Content::Image(image) = left.content().unwrap() else {
            panic!("it has layers");
        };
        assert_eq!(
            image.layers.iter().map(|l| l.digest).collect::<Vec<_>>(),
            [good]
        );
        assert!(lost.trim(&side_tag(&[bad])).unwrap().is_none());
        assert!(!lost.allows(&both).unwrap());
        assert!(lost.allows(&side_tag(&[good])).unwrap());
    }

    #[test]
    fn what_is_needed_or_refused_is_an_error() {
        let needed = Digest::of(b"needed");
        let lost = Lost {
            required: BTreeSet::from([needed]),
            lost: Mutex::default(),
        };
        assert!(lost.blob(needed, gone()).is_err());
        let denied = Error::Denied {
            url: "u".to_owned(),
            status: 403,
            credentials: None,
            searched: String::new(),
        };
        assert!(lost.blob(Digest::of(b"other"), denied).is_err());
    }
}
