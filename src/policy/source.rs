//! Fetches policies, data and configurations from `file`, `git`, `http` and `oci` sources.
//!
//! Each source is classified as Conforma's go-gather does, fetched once per run and pinned to the
//! commit of a repository or the digest of an artifact. Only Rego, JSON and YAML files are kept.

mod address;
mod document;
mod oci;
mod tree;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

pub(crate) use address::{AddressError, GitAddress, SourceAddress};
use document::document;
use tree::directory;

use super::{local::Hidden, rego::Module};
use crate::{
    git::{self, Git},
    http::{self, CertificateProblem, Http},
    image::Digest,
    registry::{self, Registry},
};

/// The largest number of files of a source.
const MAX_FILES: usize = 20_000;
/// The largest source, in bytes of the kept files.
const MAX_BYTES: usize = 128 << 20;
/// The largest depth of nested directories.
const MAX_DEPTH: usize = 32;

/// A policy source that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The configuration must not name this local path.
    #[error("policy source {origin}: {reason}")]
    Local { origin: String, reason: String },
    /// The reading thread panicked, which is a bug of this program.
    #[error("policy source {origin}: reading it was interrupted: {reason}")]
    Interrupted { origin: String, reason: String },
    #[error("policy source {origin} does not exist: {what} not found")]
    Missing { origin: String, what: String },
    #[error("policy source {origin}: cannot read {path}: {source}")]
    File {
        origin: String,
        path: String,
        source: std::io::Error,
    },
    /// The source exceeds a limit.
    #[error("policy source {origin} has more than {limit}")]
    TooLarge { origin: String, limit: String },
    /// The source is an archive, which is not unpacked.
    #[error(
        "policy source {origin} is an archive: expected a directory, a Git repository, an OCI artifact or one .rego, .json or .yaml file"
    )]
    Archive { origin: String },
    /// A layer of an artifact cannot be read, or contains rules in an unsupported form.
    #[error("policy source {origin}: layer {layer}: {reason}")]
    Layer {
        origin: String,
        layer: Digest,
        reason: String,
    },
    #[error("policy source {origin}: {path} is not UTF-8 text")]
    Encoding { origin: String, path: String },
    /// The Git repository cannot be fetched.
    #[error("policy source {origin}: {source}")]
    Git { origin: String, source: git::Error },
    #[error("policy source {origin}: {source}")]
    Registry {
        origin: String,
        source: registry::Error,
    },
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error("policy source {origin}: the server responded with status {status}")]
    Denied { origin: String, status: u16 },
    /// The server's certificate is not accepted.
    #[error("policy source {origin}: {reason}")]
    Certificate {
        origin: String,
        problem: CertificateProblem,
        reason: String,
    },
    /// The server could not be reached or returned an error.
    #[error("policy source {origin}: {reason}")]
    Remote { origin: String, reason: String },
}

/// A file of a source, by its path and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// The path from the root of the source.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// Tells whether the file is a data document, by its extension.
    pub(crate) fn is_data(&self) -> bool {
        has_extension(&self.path, &["json", "yaml", "yml"])
    }

    /// Tells whether the file is a policy, by its extension.
    pub(crate) fn is_policy(&self) -> bool {
        has_extension(&self.path, &["rego"])
    }
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let extension = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.contains(&extension))
}

fn is_kept(path: &str) -> bool {
    has_extension(path, &["rego", "json", "yaml", "yml"])
}

/// A fetched source: its pinned name and its files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// The source with its commit or digest.
    pub(crate) pinned: String,
    /// The Rego, JSON and YAML files, sorted by path.
    pub(crate) files: Vec<SourceFile>,
}

impl Fetched {
    /// Returns the SHA-256 over the files' paths and contents.
    pub(crate) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for file in &self.files {
            for part in [&file.path, &file.text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        Digest::from_sha256(hash.finalize().into())
    }

    /// Returns the policies without files of unit tests.
    pub(crate) fn modules(&self) -> impl Iterator<Item = Module> {
        let policies = self.files.iter().filter(|file| file.is_policy());
        let modules = policies.map(|file| Module {
            file: self.name_of(&file.path),
            source: file.text.clone(),
        });
        modules.filter(|module| !module.is_test())
    }

    /// Returns the name of a file in messages: a local path, or the pinned source with the path in it.
    pub(crate) fn name_of(&self, path: &str) -> String {
        let root = self.pinned.strip_prefix("file::").unwrap_or(&self.pinned);
        if root == path || root.ends_with(&format!("/{path}")) {
            return root.to_owned();
        }
        match root.split_once('?') {
            Some((root, query)) if self.pinned.starts_with("git::") => {
                format!("{}/{path}?{query}", root.trim_end_matches('/'))
            }
            _ => format!("{}/{path}", root.trim_end_matches('/')),
        }
    }

    /// Returns the file with this path from the root of the source.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Fetches sources and caches them by their text.
#[derive(Debug)]
pub(crate) struct Fetcher {
    git: Git,
    http: Http,
    registry: Registry,
    hidden: Hidden,
    known: Mutex<BTreeMap<String, Arc<Fetched>>>,
}

impl Fetcher {
    /// Makes a fetcher that uses these clients.
    pub(crate) fn new(git: Git, http: Http, registry: Registry) -> Self {
        Self {
            git,
            http,
            registry,
            hidden: Hidden::default(),
            known: Mutex::default(),
        }
    }

    /// Refuses local sources at these paths.
    #[must_use]
    pub(crate) fn hiding(mut self, hidden: Hidden) -> Self {
        self.hidden = hidden;
        self
    }

    /// Fetches a source, or returns it from the cache.
    ///
    /// # Errors
    /// Any [`Error`], naming the source.
    pub(crate) async fn fetch(&self, text: &str) -> Result<Arc<Fetched>, Error> {
        let mut known = self.known.lock().await;
        if let Some(found) = known.get(text) {
            return Ok(found.clone());
        }
        let address = SourceAddress::parse(text)?;
        // A login in a URL stays out of messages, logs and reports.
        let origin = match &address {
            SourceAddress::File(_) => text.to_owned(),
            _ => address::without_login(text),
        };
        let fetched = match address {
            SourceAddress::File(path) => self.directory(&origin, path).await?,
            SourceAddress::Git(git) => self.repository(&origin, git).await?,
            SourceAddress::Http(url) => document(&self.http, &origin, &url).await?,
            SourceAddress::Oci(reference) => {
                oci::artifact(&self.registry, &origin, &reference).await?
            }
        };
        let fetched = Arc::new(fetched);
        known.insert(text.to_owned(), fetched.clone());
        known.insert(fetched.pinned.clone(), fetched.clone());
        Ok(fetched)
    }

    /// Reads a local path on a thread that may block.
    async fn directory(&self, origin: &str, root: PathBuf) -> Result<Fetched, Error> {
        let (text, hidden) = (origin.to_owned(), self.hidden.clone());
        let read = tokio::task::spawn_blocking(move || directory(&text, &root, &hidden)).await;
        read.unwrap_or_else(|error| {
            Err(Error::Interrupted {
                origin: origin.to_owned(),
                reason: error.to_string(),
            })
        })
    }

    async fn repository(&self, origin: &str, address: GitAddress) -> Result<Fetched, Error> {
        let (url, revision) = (address.url.clone(), address.revision.clone());
        let dir = address.dir.clone();
        let read = self.git.run(move |git| {
            let repository = git.fetch(&url, revision.as_deref())?;
            let mut files = Vec::new();
            let mut size = 0;
            for path in repository.files(&dir)? {
                let relative = path.strip_prefix(dir.as_str()).unwrap_or(&path);
                let relative = relative.trim_start_matches('/').to_owned();
                if !is_kept(&relative) {
                    continue;
                }
                size += repository.size(&path)?;
                if size > MAX_BYTES || files.len() >= MAX_FILES {
                    return Ok(None);
                }
                if let Some(bytes) = repository.read(&path)? {
                    files.push((relative, bytes));
                }
            }
            Ok(Some((repository.commit_id(), files)))
        });
        let read = read.await.map_err(|source| Error::Git {
            origin: origin.to_owned(),
            source,
        })?;
        let (commit, files) = read.ok_or_else(|| too_large(origin))?;
        tracing::debug!(
            "policy source {origin}: {} files of commit {commit}",
            files.len()
        );
        if files.is_empty() && !address.dir.is_empty() {
            return Err(Error::Missing {
                origin: origin.to_owned(),
                what: format!("path {} in the repository", address.dir),
            });
        }
        Ok(Fetched {
            pinned: address.pinned(&commit),
            files: texts(origin, files)?,
        })
    }
}

/// Checks the limits and decodes the files as UTF-8.
fn texts(origin: &str, files: Vec<(String, Vec<u8>)>) -> Result<Vec<SourceFile>, Error> {
    let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    if files.len() > MAX_FILES || size > MAX_BYTES {
        return Err(too_large(origin));
    }
    let texts = files.into_iter().map(|(path, bytes)| {
        let text = String::from_utf8(bytes).map_err(|_| Error::Encoding {
            origin: origin.to_owned(),
            path: path.clone(),
        })?;
        Ok::<_, Error>(SourceFile { path, text })
    });
    let mut texts = texts.collect::<Result<Vec<_>, _>>()?;
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(texts)
}

fn too_large(origin: &str) -> Error {
    Error::TooLarge {
        origin: origin.to_owned(),
        limit: format!("{MAX_FILES} files or {MAX_BYTES} bytes"),
    }
}

/// Refuses an archive, which would otherwise be treated as a file without rules.
fn refuse_archive(origin: &str, path: &str) -> Result<(), Error> {
    let packed = [
        ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst",
    ];
    match packed.iter().any(|end| path.ends_with(end)) {
        true => Err(Error::Archive {
            origin: origin.to_owned(),
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
