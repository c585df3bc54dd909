//! Reads credentials of a `.gitconfig`: `http.extraHeader`, and stores in other files.
//!
//! Other helpers are programs and are not run.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use url::Url;

use super::{CredentialsError, is_below, is_same_host};
use crate::{
    env::Env,
    http::header::{HeaderName, HeaderValue},
};

/// A header of `http.extraHeader` with its secret value.
#[derive(Clone)]
pub(in crate::git) struct ExtraHeader {
    pub(in crate::git) name: HeaderName,
    pub(in crate::git) value: HeaderValue,
    /// The file that it came from.
    pub(in crate::git) origin: PathBuf,
    /// The URL that it is for; without one it is for trusted hosts.
    scope: Option<Url>,
}

impl fmt::Debug for ExtraHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtraHeader")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ExtraHeader {
    pub(super) fn is_for(&self, url: &Url, trusted: bool) -> bool {
        let Some(scope) = &self.scope else {
            return trusted;
        };
        let path = scope.path().trim_end_matches('/').trim_end_matches(".git");
        is_same_host(scope, url) && is_below(path, url.path())
    }
}

/// The settings of one `.gitconfig` that concern credentials.
#[derive(Debug, Default)]
pub(super) struct GitConfig {
    pub(super) headers: Vec<ExtraHeader>,
    pub(super) stores: Vec<PathBuf>,
}

/// Reads a file in git's format; a missing file is empty.
pub(super) fn read(path: &Path, env: &Env) -> Result<GitConfig, CredentialsError> {
    let mut found = GitConfig::default();
    if !path.is_file() {
        return Ok(found);
    }
    let unreadable = |error: git2::Error| CredentialsError::Read {
        path: path.to_owned(),
        reason: error.message().to_owned(),
    };
    let config = git2::Config::open(path).map_err(unreadable)?;
    let entries = config.entries(None).map_err(unreadable)?;
    entries
        .for_each(|entry| {
            let (Ok(name), Ok(value)) = (entry.name(), entry.value()) else {
                return;
            };
            found.add(name, value, path, env);
        })
        .map_err(unreadable)?;
    Ok(found)
}

impl GitConfig {
    fn add(&mut self, name: &str, value: &str, path: &Path, env: &Env) {
        let (section, key) = name.rsplit_once('.').unwrap_or((name, ""));
        let (section, subsection) = section.split_once('.').unwrap_or((section, ""));
        match (section, key) {
            ("http", "extraheader") => self.add_header(subsection, value, path),
            ("credential", "helper") => self.stores.extend(store_of(value, env)),
            _ => {}
        }
    }

    fn add_header(&mut self, subsection: &str, value: &str, path: &Path) {
        let scope = match subsection {
            "" => None,
            url => match Url::parse(url) {
                Ok(url) => Some(url),
                Err(_) => return,
            },
        };
        // As in git, an empty value clears the values before it.
        if value.is_empty() {
            self.headers.retain(|header| header.scope != scope);
            return;
        }
        let header = value.split_once(':').and_then(|(name, value)| {
            let mut value = HeaderValue::try_from(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name.trim()).ok()?, value))
        });
        match header {
            Some((name, value)) => self.headers.push(ExtraHeader {
                name,
                value,
                origin: path.to_owned(),
                scope,
            }),
            None => tracing::warn!(
                "an http.extraHeader of {} is ignored, expected NAME: VALUE",
                path.display()
            ),
        }
    }
}

/// Returns the file of `store --file PATH`.
fn store_of(helper: &str, env: &Env) -> Option<PathBuf> {
    let mut words = helper.split_whitespace();
    if words.next() != Some("store") {
        return None;
    }
    let option = words.next()?;
    let path = match option.strip_prefix("--file") {
        Some("") => words.next()?,
        Some(rest) => rest.strip_prefix('=')?,
        None => return None,
    };
    match path.strip_prefix("~/") {
        Some(rest) => Some(env.home()?.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}
