//! Image layout directories (OCI image specification 1.1, "Image Layout"), named `oci:DIR[:TAG]`.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use serde_json::{Value, json as value};

use super::{
    Content, Descriptor, Error, Index, Manifest, Version, client::MAX_MANIFEST, lost::or_warn,
};
use crate::{
    image::{Digest, MediaType, Tag},
    json,
};

const NAME: &str = "org.opencontainers.image.ref.name";
const MAX_INDEX: u64 = 64 << 20;

/// An OCI image layout directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    path: Arc<PathBuf>,
    index: Arc<Mutex<()>>,
}

impl Layout {
    /// Names a directory; nothing is read or made yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            index: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The error [`Error::Layout`] for this directory.
    pub(super) fn wrong(&self, reason: impl ToString) -> Error {
        Error::Layout {
            path: (*self.path).clone(),
            reason: reason.to_string(),
        }
    }

    /// Returns the path of a blob, `blobs/ALGORITHM/HEX`.
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        let dir = self.path.join("blobs").join(digest.algorithm());
        dir.join(digest.hex())
    }

    fn read_index(&self) -> Result<Option<Index>, Error> {
        let path = self.path.join("index.json");
        match fs::metadata(&path) {
            Ok(file) if file.len() > MAX_INDEX => return Err(self.wrong("index.json is too large")),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.wrong(error)),
        }
        let bytes = fs::read(&path).map_err(|error| self.wrong(error))?;
        let index = json::read(&bytes, &json::MANIFEST);
        index
            .map(Some)
            .map_err(|error| self.wrong(format!("index.json: {error}")))
    }

    /// Returns the digest of a version, `None` when it is not there.
    pub(super) fn head(&self, version: &Version) -> Result<Option<Digest>, Error> {
        match version {
            Version::Digest(digest) => Ok(self.blob_path(digest).is_file().then_some(*digest)),
            Version::Tag(tag) => {
                let manifests = self.read_index()?.map(|index| index.manifests);
                let mut named = manifests.into_iter().flatten();
                let named = named.find(|entry| {
                    entry
                        .annotations
                        .get(NAME)
                        .is_some_and(|name| name == tag.as_str())
                });
                Ok(named.map(|entry| entry.digest))
            }
        }
    }

    /// Returns the one image of the layout, when it has no other; its attachments are left out.
    pub(super) fn only_image(&self) -> Result<Option<Digest>, Error> {
        let manifests = self.read_index()?.map(|index| index.manifests);
        let mut images = BTreeSet::new();
        for entry in manifests.into_iter().flatten() {
            let name = entry.annotations.get(NAME);
            let by_tag = name.is_some_and(|name| name.starts_with("sha256-"));
            if !by_tag
                && self
                    .subject_unless_odd(&entry.digest)?
                    .is_some_and(|of| of.is_none())
            {
                images.insert(entry.digest);
            }
        }
        let mut images = images.into_iter();
        Ok(match (images.next(), images.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        })
    }

    /// Returns the subject of a manifest that is listed; `None` with a warning for one that cannot be read.
    fn subject_unless_odd(&self, digest: &Digest) -> Result<Option<Option<Descriptor>>, Error> {
        let what = format!("manifest {digest} of oci:{}", self.path.display());
        or_warn(self.subject(digest), &what)
    }

    /// Returns the subject of a manifest that is listed.
    fn subject(&self, digest: &Digest) -> Result<Option<Descriptor>, Error> {
        let Some(manifest) = self.manifest(&(*digest).into())? else {
            return Err(Error::NotFound {
                what: format!("manifest {digest}"),
                repository: format!("oci:{}", self.path.display()),
            });
        };
        Ok(match manifest.content()? {
            Content::Image(image) => image.subject,
            Content::Index(index) => index.subject,
        })
    }

    /// Reads a manifest by its digest or tag; `None` when it is not listed.
    pub(super) fn manifest(&self, version: &Version) -> Result<Option<Manifest>, Error> {
        let Some(digest) = self.head(version)? else {
            return Ok(None);
        };
        // A manifest may leave its media type to the descriptor.
        let entries = self.read_index()?.map(|index| index.manifests);
        let listed = entries.into_iter().flatten();
        let mut listed = listed.filter(|entry| entry.digest == digest);
        let media_type = listed.next().map(|entry| entry.media_type);
        let path = self.blob_path(&digest);
        let size = fs::metadata(&path)
            .map_err(|error| self.wrong(format!("{digest}: {error}")))?
            .len();
        if size > MAX_MANIFEST {
            return Err(self.wrong(format!("manifest {digest} is too large")));
        }
        let bytes = fs::read(&path).map_err(|error| self.wrong(error))?;
        let mut manifest = Manifest::new(&media_type.unwrap_or_default(), Bytes::from(bytes));
        manifest.digest = digest.again(&manifest.bytes);
        if manifest.digest != digest {
            return Err(Error::WrongDigest {
                url: path.display().to_string(),
                found: manifest.digest,
                expected: digest,
            });
        }
        Ok(Some(manifest))
    }

    /// Reads the configuration of an image.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::WrongDigest`] for other bytes.
    pub(super) fn configuration(&self, blob: &Descriptor) -> Result<Bytes, Error> {
        let path = self.blob_path(&blob.digest);
        let found = fs::metadata(&path).map_err(|error| self.wrong(error))?;
        if found.len() != blob.size || blob.size > MAX_INDEX {
            return Err(self.wrong(format!("the size of {} is wrong", blob.digest)));
        }
        let bytes = fs::read(&path).map_err(|error| self.wrong(error))?;
        if blob.digest.again(&bytes) != blob.digest {
            return Err(self.wrong(format!("{} has other bytes", blob.digest)));
        }
        Ok(bytes.into())
    }

    /// Lists the referrers of a manifest: the entries of `index.json` with it as their subject.
    pub(super) fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let entries = self.read_index()?.map(|index| index.manifests);
        let mut found = Vec::new();
        for entry in entries.into_iter().flatten() {
            let about = self.subject_unless_odd(&entry.digest)?.flatten();
            if about.is_some_and(|about| about.digest == *subject) {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Writes a layout with the one artifact of these blobs; returns the digest of its manifest.
    ///
    /// # Errors
    /// [`Error::Layout`]; [`Error::Manifest`] for a document that is not a manifest.
    pub(crate) fn of_artifact(
        path: PathBuf,
        blobs: &[Bytes],
        manifest: Bytes,
    ) -> Result<(Self, Digest), Error> {
        let layout = Self::new(path);
        layout.prepare()?;
        for blob in blobs {
            layout.write(&layout.blob_path(&Digest::of(blob)), blob)?;
        }
        let manifest = Manifest::new(MediaType::OciManifest.as_str(), manifest);
        layout.put_manifest(&manifest.digest.into(), &manifest)?;
        layout.list(&manifest, None)?;
        Ok((layout, manifest.digest))
    }

    /// Creates the directory, with the marker file `oci-layout`.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        let made = fs::create_dir_all(self.path.join("blobs/sha256"));
        made.map_err(|error| self.wrong(error))?;
        let marker = value!({"imageLayoutVersion": "1.0.0"}).to_string();
        self.write(&self.path.join("oci-layout"), marker.as_bytes())
    }

    /// Writes a file atomically.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let write = || {
            if let Some(dir) = path.parent() {
                fs::create_dir_all(dir)?;
            }
            let mut file = tempfile::NamedTempFile::new_in(&*self.path)?;
            file.write_all(bytes)?;
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(mode)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok::<_, std::io::Error>(())
        };
        write().map_err(|error| self.wrong(error))
    }

    /// Keeps a manifest, and names it by a tag or as a referrer in `index.json`.
    pub(super) fn put_manifest(&self, version: &Version, manifest: &Manifest) -> Result<(), Error> {
        self.write(&self.blob_path(&manifest.digest), &manifest.bytes)?;
        let subject = match manifest.content()? {
            Content::Image(image) => image.subject,
            Content::Index(index) => index.subject,
        };
        match version {
            Version::Tag(tag) => self.list(manifest, Some(tag)),
            Version::Digest(_) if subject.is_some() => self.list(manifest, None),
            Version::Digest(_) => Ok(()),
        }
    }

    fn list(&self, manifest: &Manifest, tag: Option<&Tag>) -> Result<(), Error> {
        let _guard = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path.join("index.json");
        let mut index: Value = match fs::read(&path) {
            Ok(bytes) => {
                json::document(&bytes, &json::MANIFEST).map_err(|error| self.wrong(error))?
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(self.wrong(error));
            }
            Err(_) => {
                value!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": []})
            }
        };
        let mut entry =
            serde_json::to_value(manifest.descriptor()).map_err(|error| self.wrong(error))?;
        if let (Some(tag), Some(entry)) = (tag, entry.as_object_mut()) {
            entry.insert("annotations".to_owned(), value!({NAME: tag.as_str()}));
        }
        if index["manifests"].is_null() {
            index["manifests"] = value!([]);
        }
        let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
        let entries = entries.ok_or_else(|| self.wrong("index.json has no list of manifests"))?;
        let name = |entry: &Value| entry["annotations"][NAME].as_str().map(str::to_owned);
        let digest = manifest.digest.to_string();
        entries.retain(|other| match tag {
            Some(tag) => name(other).as_deref() != Some(tag.as_str()),
            None => name(other).is_some() || other["digest"].as_str() != Some(digest.as_str()),
        });
        entries.push(entry);
        self.write(&path, index.to_string().as_bytes())
    }

    /// Creates a temporary file for a blob; it gets its final name when it is complete.
    pub(super) fn new_blob(&self) -> Result<tempfile::NamedTempFile, Error> {
        tempfile::NamedTempFile::new_in(&*self.path).map_err(|error| self.wrong(error))
    }
}
