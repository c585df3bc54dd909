//! Sources and destinations of images: a repository of a registry or an image layout.

use std::{fmt, io::Write as _, time::Duration};

use bytes::Bytes;

use super::{
    Descriptor, Error, Layout, Manifest, Registry, Version, client::MAX_MANIFEST,
    download::Download, referrers::Referrers, upload::Moved,
};
use crate::{
    image::{Digest, Repository, Tag},
    progress::Transfer,
};

/// A repository of a registry, or an image layout directory.
#[derive(Debug, Clone)]
pub(crate) enum ImageStore {
    /// A repository, with the client that reaches it.
    Repository(Registry, Repository),
    Layout(Layout),
}

impl fmt::Display for ImageStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(_, repository) => repository.fmt(f),
            Self::Layout(layout) => write!(f, "oci:{}", layout.path().display()),
        }
    }
}

impl ImageStore {
    /// Returns the registry's host, empty for a directory.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Repository(_, repository) => repository.registry(),
            Self::Layout(_) => "",
        }
    }

    /// Returns the digest of a version; `None` when it is not there.
    pub(crate) async fn head(&self, version: &Version) -> Result<Option<Digest>, Error> {
        match self {
            Self::Repository(registry, repository) => {
                let head = registry.head(repository, version).await?;
                Ok(head.map(|head| head.digest))
            }
            Self::Layout(layout) => layout.head(version),
        }
    }

    /// Returns the digest of the only image of a layout.
    pub(crate) fn only_image(&self) -> Result<Option<Digest>, Error> {
        match self {
            Self::Repository(..) => Ok(None),
            Self::Layout(layout) => layout.only_image(),
        }
    }

    /// Fetches a manifest; `None` when it is not there.
    pub(crate) async fn manifest(&self, version: &Version) -> Result<Option<Manifest>, Error> {
        match self {
            Self::Repository(registry, repository) => registry.manifest(repository, version).await,
            Self::Layout(layout) => layout.manifest(version),
        }
    }

    /// Fetches the configuration of an image.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(super) async fn configuration(&self, blob: &Descriptor) -> Result<Bytes, Error> {
        match self {
            Self::Repository(registry, repository) => {
                registry.blob(repository, blob, MAX_MANIFEST).await
            }
            Self::Layout(layout) => layout.configuration(blob),
        }
    }

    /// Lists the referrers of a manifest, and how the place stores them.
    pub(super) async fn referrers(&self, digest: &Digest) -> Result<Referrers, Error> {
        match self {
            Self::Repository(registry, repository) => {
                registry.list_referrers(repository, digest).await
            }
            Self::Layout(layout) => Ok(Referrers {
                list: layout.referrers(digest)?,
                api: true,
                fallback: None,
                read_at: std::time::Instant::now(),
            }),
        }
    }

    /// Creates what a layout needs before the first write.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        match self {
            Self::Repository(..) => Ok(()),
            Self::Layout(layout) => layout.prepare(),
        }
    }

    /// Writes a manifest under its digest or a tag.
    pub(super) async fn put_manifest(
        &self,
        version: &Version,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        match self {
            Self::Repository(registry, repository) => registry
                .put_manifest(repository, version, manifest)
                .await
                .map(|_| ()),
            Self::Layout(layout) => layout.put_manifest(version, manifest),
        }
    }

    /// Writes a manifest in a single attempt, without retries.
    pub(super) async fn put_manifest_once(
        &self,
        version: &Version,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        match self {
            Self::Repository(registry, repository) => registry
                .put_manifest_once(repository, version, manifest)
                .await
                .map(|_| ()),
            Self::Layout(layout) => layout.put_manifest(version, manifest),
        }
    }

    /// Returns the pause before a request is repeated, `None` after the last attempt.
    pub(super) fn pause(&self, attempt: u32) -> Option<Duration> {
        match self {
            Self::Repository(registry, _) => {
                let retries = registry.0.retries;
                (attempt < retries.most).then(|| retries.pause(attempt))
            }
            Self::Layout(_) => None,
        }
    }

    /// Deletes a tag by its name, never by digest; `false` where that is not possible.
    pub(super) async fn remove_tag(&self, tag: &Tag) -> Result<bool, Error> {
        match self {
            Self::Repository(registry, repository) => registry.remove_tag(repository, tag).await,
            Self::Layout(_) => Ok(false),
        }
    }

    /// Copies a blob from another place to this one.
    pub(super) async fn copy_blob(
        &self,
        from: &Self,
        blob: &Descriptor,
        shown: &Transfer,
    ) -> Result<Moved, Error> {
        let layout = match self {
            Self::Repository(registry, repository) => {
                return registry.copy_blob(from, repository, blob, shown).await;
            }
            Self::Layout(layout) => layout,
        };
        let path = layout.blob_path(&blob.digest);
        if path.metadata().is_ok_and(|file| file.len() == blob.size) {
            return Ok(Moved::Present);
        }
        let mut file = layout.new_blob()?;
        let mut download = Download::open(from, blob, shown).await?;
        while let Some(piece) = download.next().await? {
            file.write_all(&piece)
                .map_err(|error| layout.wrong(error))?;
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let kept = file.as_file().set_permissions(mode);
        kept.map_err(|error| layout.wrong(error))?;
        file.persist(&path)
            .map_err(|error| layout.wrong(error.error))?;
        Ok(Moved::Sent)
    }
}
