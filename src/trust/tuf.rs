//! Fetches the trusted root from a TUF repository (TUF specification 1.0, "Detailed client
//! workflow"; `cosign initialize`), with this crate's HTTP client.
//!
//! Verified metadata are cached. Later runs refuse any older version, and use the cache without the
//! network until it expires.
//!
//! The cache has the layout of cosign and Conforma's `ec` (sigstore-go, `pkg/tuf`), so that they can share it:
//! `remote.json` names the repository, `HOST-PORT-PATH/` contains its metadata and targets.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sigstore_tuf::{
    Error as Refusal, FileStore, MetadataStore as _, Repository, Updater, transport::FetchFuture,
};

use super::{
    Error, fetch,
    key_source::read_file,
    limits,
    root_from_files::{self, RootPart},
};
use crate::{
    env::Env,
    http::{self, Http, Url},
    image::Digest,
};

const TARGET: &str = "trusted_root.json";
const REMOTE: &str = "remote.json";
/// The TUF repository of the public Sigstore instance.
pub(crate) const PUBLIC_GOOD: &str = "https://tuf-repo-cdn.sigstore.dev";
/// Version 16 of its `root.json`, from which later versions are verified.
const PUBLIC_GOOD_ROOT: &[u8] = include_bytes!("roots/public-good.json");

/// A TUF repository and the root from which its trust starts.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) mirror: String,
    /// The first `root.json`, as a file or URL. `None` requires a cached root, or the repository of the
    /// public instance, whose root is built in.
    pub(crate) root: Option<String>,
    /// The expected SHA-256 of that root in hex.
    pub(crate) checksum: Option<String>,
}

/// The TUF client with its cache.
#[derive(Debug)]
pub(crate) struct Tuf {
    http: Http,
    cache: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct TufMirror {
    mirror: String,
}

impl Tuf {
    /// Makes a client with the cache in `TUF_ROOT`, else below the home directory.
    ///
    /// # Errors
    /// [`Error::Missing`] without `TUF_ROOT` and a home directory.
    pub(crate) fn new(http: Http, env: &Env) -> Result<Self, Error> {
        let home = || env.home().map(|home| home.join(".sigstore").join("root"));
        let cache = env.of_sigstore("TUF_ROOT").map(PathBuf::from).or_else(home);
        let cache = cache.ok_or_else(|| Error::Missing {
            origin: "the cache directory of the trusted root (set TUF_ROOT or HOME)".to_owned(),
        })?;
        Ok(Self { http, cache })
    }

    /// Fetches and verifies the repository, caches it for later runs, and returns the trusted root.
    ///
    /// # Errors
    /// [`Error::Tuf`], [`Error::RootChecksum`], [`Error::Remote`], [`Error::Missing`].
    pub(crate) async fn initialize(&self, start: &Start) -> Result<Vec<u8>, Error> {
        let mirror = start.mirror.clone();
        let dir = self.directory(&mirror)?;
        let first = self.first_root(start, &dir).await?;
        let remote = HttpRepository::new(self.http.clone(), &mirror)?;
        let found = verify(remote, &first, &dir, &mirror).await?;
        let named = serde_json::to_vec(&TufMirror {
            mirror: mirror.clone(),
        });
        let named = named.map_err(|error| refused(&mirror, error.to_string()))?;
        let store = FileStore::new(&self.cache);
        let stored = store.store(REMOTE, &named);
        stored.map_err(|error| refused(&mirror, http::chain(&error)))?;
        Ok(found)
    }

    /// Returns the trusted root of the last repository, from the cache until it expires; `None` without
    /// a cache.
    ///
    /// # Errors
    /// As [`Self::initialize`].
    pub(crate) async fn cached(&self) -> Result<Option<(String, Vec<u8>)>, Error> {
        let Ok(named) = fs::read(self.cache.join(REMOTE)) else {
            return Ok(None);
        };
        let origin = self.cache.join(REMOTE).display().to_string();
        let named: TufMirror = serde_json::from_slice(&named).map_err(|error| Error::Root {
            origin,
            reason: error.to_string(),
        })?;
        let mirror = named.mirror;
        let dir = self.directory(&mirror)?;
        let first = read_file(&dir.join("root.json"))?;
        let offline = LocalRepository(FileStore::new(&dir));
        if let Ok(found) = verify(offline, &first, &dir, &mirror).await {
            return Ok(Some((mirror, found)));
        }
        let remote = HttpRepository::new(self.http.clone(), &mirror)?;
        let found = verify(remote, &first, &dir, &mirror).await?;
        Ok(Some((mirror, found)))
    }

    /// Returns the cache directory of a repository, created with access only for the user.
    pub(super) fn directory(&self, mirror: &str) -> Result<PathBuf, Error> {
        let name = directory_name(mirror).ok_or_else(|| Error::Remote {
            url: mirror.to_owned(),
            reason: "expected http:// or https:// and a host".to_owned(),
        })?;
        let dir = self.cache.join(name);
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir);
        made.map_err(|error| Error::Root {
            origin: dir.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(dir)
    }

    /// Returns the root from which trust starts: pinned by a checksum, from a file, cached, or, with a
    /// warning, the one that the repository serves the first time.
    pub(super) async fn first_root(&self, start: &Start, dir: &Path) -> Result<Vec<u8>, Error> {
        let cached = cached_root(dir)?;
        let Some(origin) = &start.root else {
            let is_public = start.mirror.trim_end_matches('/') == PUBLIC_GOOD;
            let built_in = is_public.then(|| PUBLIC_GOOD_ROOT.to_vec());
            return cached.or(built_in).ok_or_else(|| Error::Missing {
                origin: format!("a first root for {} (--tuf-root)", start.mirror),
            });
        };
        let is_url = origin.contains("://");
        if let (true, None, Some(cached)) = (is_url, &start.checksum, cached) {
            return Ok(cached);
        }
        let bytes = if is_url {
            let url = parse(origin)?;
            let bytes = fetch::get(&self.http, &url, limits::TRUST_FILE).await?;
            bytes.ok_or_else(|| Error::Missing {
                origin: origin.clone(),
            })?
        } else {
            read_file(Path::new(origin))?
        };
        let found = Digest::of(&bytes).hex();
        match &start.checksum {
            Some(expected) if !expected.eq_ignore_ascii_case(&found) => Err(Error::RootChecksum {
                origin: origin.clone(),
                found,
                expected: expected.clone(),
            }),
            None if is_url => {
                tracing::warn!(
                    url = origin,
                    checksum = found,
                    "the TUF root is trusted on first use: only the connection authenticates it"
                );
                Ok(bytes)
            }
            _ => Ok(bytes),
        }
    }
}

/// Returns the root that an earlier run verified. An unreadable one is an error, because otherwise an
/// older root would be trusted in its place.
fn cached_root(dir: &Path) -> Result<Option<Vec<u8>>, Error> {
    let path = dir.join("root.json");
    match fs::read(&path) {
        Ok(root) => Ok(Some(root)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Root {
            origin: path.display().to_string(),
            reason: error.to_string(),
        }),
    }
}

/// Returns the name of a repository's directory in the cache, as sigstore-go derives it from the URL. `None` if
/// it would be outside of the cache.
fn directory_name(mirror: &str) -> Option<String> {
    let rest = mirror.strip_prefix("https://").unwrap_or(mirror);
    let rest = rest.strip_prefix("http://").unwrap_or(rest);
    let name = rest.replace(['/', ':'], "-").to_lowercase();
    let is_directory = !name.trim_matches('.').is_empty() && !name.contains(['\\', '\0']);
    (is_directory && name != REMOTE).then_some(name)
}

/// Reads the cache as a repository, for runs without the network.
struct LocalRepository(FileStore);

impl LocalRepository {
    /// Reads a file. cosign stores versioned metadata without the version in the name, which the parent
    /// metadata define; a request for a versioned root is one for a newer root.
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let mut found = self.0.load(name)?;
        let plain = name.split_once('.').filter(|(version, rest)| {
            version.bytes().all(|b| b.is_ascii_digit()) && *rest != "root.json"
        });
        if let (None, Some((_, plain))) = (&found, plain) {
            found = self.0.load(plain)?;
        }
        match found {
            Some(bytes) if bytes.len() as u64 > limit => Err(Refusal::transport(format!(
                "{name} in the cache exceeds {limit} bytes"
            ))),
            found => Ok(found),
        }
    }
}

impl Repository for LocalRepository {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        let found = self.read(name, max_length);
        Box::pin(async move { found })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        let found = self.read(&format!("targets/{path}"), max_length);
        Box::pin(async move { found })
    }
}

/// Runs the whole client workflow and returns the trusted root.
async fn verify(
    repository: impl Repository + 'static,
    first: &[u8],
    dir: &Path,
    mirror: &str,
) -> Result<Vec<u8>, Error> {
    let refused = |error: Refusal| match error {
        Refusal::Transport { .. } => Error::Remote {
            url: mirror.to_owned(),
            reason: http::chain(&error),
        },
        error => refused(mirror, http::chain(&error)),
    };
    let now = Timestamp::now();
    let mut updater = Updater::new(repository, first)
        .map_err(refused)?
        .with_store(FileStore::new(dir));
    updater.refresh(now).await.map_err(refused)?;
    match updater.get_target(TARGET, now).await {
        Err(Refusal::TargetNotFound(_)) => single_targets(&mut updater, mirror, now).await,
        found => found.map_err(refused),
    }
}

/// Assembles the trusted root from the single keys and certificates of an old repository.
async fn single_targets(
    updater: &mut Updater,
    mirror: &str,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let targets = updater.trusted().targets_role("targets");
    let names: Vec<_> = targets
        .into_iter()
        .flat_map(|role| &role.targets)
        .filter_map(|(name, target)| {
            let usage = target
                .custom
                .as_ref()?
                .pointer("/sigstore/usage")?
                .as_str()?;
            Some((name.clone(), RootPart::of_usage(usage)?))
        })
        .collect();
    if names.is_empty() {
        return Err(refused(mirror, format!("it has no target {TARGET}")));
    }
    let mut files = Vec::new();
    for (name, part) in names {
        let bytes = updater.get_target(&name, now).await;
        let bytes = bytes.map_err(|error| refused(mirror, http::chain(&error)))?;
        files.push((part, bytes, name));
    }
    root_from_files::assemble(&files)
}

fn refused(mirror: &str, reason: String) -> Error {
    Error::Tuf {
        mirror: mirror.to_owned(),
        reason,
    }
}

fn parse(url: &str) -> Result<Url, Error> {
    let wrong = |reason: String| Error::Remote {
        url: url.to_owned(),
        reason,
    };
    let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        _ => Err(wrong("expected http:// or https://".to_owned())),
    }
}

/// A remote repository that is read over HTTP.
struct HttpRepository {
    http: Http,
    base: Url,
}

impl HttpRepository {
    fn new(http: Http, mirror: &str) -> Result<Self, Error> {
        let base = parse(mirror)?;
        Ok(Self { http, base })
    }

    async fn fetch(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        let found = fetch::get(&self.http, &url, limit).await;
        found.map_err(|error| Refusal::transport(error.to_string()))
    }
}

impl Repository for HttpRepository {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(name, max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.fetch(&format!("targets/{path}"), max_length).await })
    }
}

/// Parses bytes as the first root of a repository, for fuzzing.
#[cfg(test)]
pub(super) fn read_metadata(bytes: &[u8]) -> bool {
    let http = Http::new(http::HttpOptions::default(), &Env::default());
    let repository = HttpRepository::new(http, "https://tuf.example/");
    repository.is_ok_and(|repository| Updater::new(repository, bytes).is_ok())
}
