//! Parses the text of a source, in the order of Conforma's go-gather.

use std::path::{Path, PathBuf};

use crate::{
    http::Url,
    image::{Reference, ReferenceError},
};

/// The hosts whose URLs are Git repositories.
const GIT_HOSTS: [&str; 3] = ["github.com", "gitlab.com", "bitbucket.org"];
/// The hosts that are registries.
const REGISTRIES: [&str; 7] = [
    "azurecr.io",
    "gcr.io",
    "registry.gitlab.com",
    "pkg.dev",
    "amazonaws.com",
    "quay.io",
    "ghcr.io",
];

/// The parsed address of a source, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceAddress {
    File(PathBuf),
    /// A directory of a Git repository.
    Git(GitAddress),
    Http(Url),
    Oci(Reference),
}

/// A directory of a Git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GitAddress {
    /// The URL or local path of the repository.
    pub(crate) url: String,
    /// The branch, tag or commit; `None` for the default branch.
    pub(crate) revision: Option<String>,
    /// The directory; empty for the whole repository.
    pub(crate) dir: String,
}

/// A text that is not the address of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("attempting to download from insecure source: {text}")]
    Insecure { text: String },
    /// The text has no known form.
    #[error(
        "policy source {text:?} is not an existing file or directory: expected a path, git::URL, https://URL or oci::REFERENCE"
    )]
    Unknown { text: String },
    /// The URL is malformed.
    #[error("policy source {text:?} is not a valid URL: {reason}")]
    Url { text: String, reason: String },
    #[error("policy source {text:?}: directory {dir:?} is outside of the repository")]
    Dir { text: String, dir: String },
    #[error("policy source {text:?}: {source}")]
    Reference {
        text: String,
        source: ReferenceError,
    },
    #[error("policy source {text:?} has a login: give credentials of a registry by --authfile")]
    Login { text: String },
}

impl SourceAddress {
    /// Parses the text of a source.
    ///
    /// # Errors
    /// Any [`AddressError`].
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        refuse_plain_http(text)?;
        if let Some(reference) = text.strip_prefix("oci://").or(text.strip_prefix("oci::")) {
            let reference = reference.trim_start_matches("//");
            // The host decides the registry's scheme, as for every reference.
            let reference = reference.strip_prefix("https://").unwrap_or(reference);
            return oci(text, reference.strip_prefix("http://").unwrap_or(reference));
        }
        if text.starts_with("https://") && !on_git_host(text) && !text.ends_with(".git") {
            return http(text, text);
        }
        // The host is this machine: plain HTTP to others was refused before.
        if text.starts_with("http://") && !text.ends_with(".git") {
            return http(text, text);
        }
        if let Some(path) = text.strip_prefix("file::").or(text.strip_prefix("file://")) {
            return Ok(Self::File(PathBuf::from(path.trim_start_matches("//"))).rooted(path));
        }
        if text.starts_with(['/', '.']) || Path::new(text).exists() {
            return Ok(Self::File(PathBuf::from(text)));
        }
        if is_git(text) {
            return git(text).map(Self::Git);
        }
        // The host is this machine, where plain HTTP cannot be intercepted.
        if text.starts_with("http://") {
            return http(text, text);
        }
        if let Some(rest) = text.strip_prefix("http::") {
            return http(text, &format!("https://{rest}"));
        }
        let host = text.split(['/', ':']).next().unwrap_or_default();
        let known = REGISTRIES
            .iter()
            .any(|name| host == *name || host.ends_with(&format!(".{name}")));
        if known || host == "127.0.0.1" || host == "localhost" || text.starts_with("[::1]") {
            return oci(text, text);
        }
        Err(AddressError::Unknown {
            text: without_login(text),
        })
    }

    /// Restores the root of an absolute path.
    fn rooted(self, path: &str) -> Self {
        match self {
            Self::File(_) if path.starts_with('/') => {
                Self::File(PathBuf::from(format!("/{}", path.trim_start_matches('/'))))
            }
            other => other,
        }
    }
}

/// Tells whether the text of `--policy` is the address of a Git repository.
pub(crate) fn is_git(text: &str) -> bool {
    ["git@", "git://", "git::"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        || !text.contains("::")
            && (on_git_host(text) || text.trim_end_matches('/').ends_with(".git"))
}

fn on_git_host(text: &str) -> bool {
    let rest = text.strip_prefix("https://").unwrap_or(text);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    GIT_HOSTS
        .iter()
        .any(|name| host == *name || host.ends_with(&format!(".{name}")))
}

/// Refuses plain HTTP to any host but loopback.
fn refuse_plain_http(text: &str) -> Result<(), AddressError> {
    let lower = text.to_ascii_lowercase();
    let plain = lower.starts_with("http:") && !lower.starts_with("http::")
        || lower.split_once("::").is_some_and(|(kind, rest)| {
            rest.starts_with("http:") && kind.bytes().all(|b| b.is_ascii_alphanumeric())
        });
    let authority = lower
        .split_once("http://")
        .and_then(|(_, rest)| rest.split('/').next())
        .unwrap_or_default();
    if plain && !crate::http::is_loopback(authority) {
        return Err(AddressError::Insecure {
            text: without_login(text),
        });
    }
    Ok(())
}

fn oci(text: &str, reference: &str) -> Result<SourceAddress, AddressError> {
    let shown = without_login(text);
    if shown != text {
        return Err(AddressError::Login { text: shown });
    }
    let reference = reference
        .parse()
        .map_err(|source| AddressError::Reference {
            text: shown,
            source,
        })?;
    Ok(SourceAddress::Oci(reference))
}

fn http(text: &str, url: &str) -> Result<SourceAddress, AddressError> {
    let url = Url::parse(url).map_err(|error| AddressError::Url {
        text: without_login(text),
        reason: error.to_string(),
    })?;
    Ok(SourceAddress::Http(url))
}

/// Parses `git::[https://]HOST/PATH[//DIR][?ref=REVISION[//DIR]]` without its prefix.
fn git(text: &str) -> Result<GitAddress, AddressError> {
    let rest = text.strip_prefix("git::").unwrap_or(text);
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, location) = match location.split_once("://") {
        Some(("git", rest)) => ("https", rest),
        Some((scheme, rest)) => (scheme, rest),
        None if location.starts_with(['/', '.']) => ("", location),
        None => ("https", location),
    };
    // As in Conforma's ec, the short form of SSH means the same repository over HTTPS.
    let ssh = location
        .strip_prefix("git@")
        .map(|rest| rest.replacen(':', "/", 1));
    let location = ssh.as_deref().unwrap_or(location);
    let (path, dir) = location.split_once("//").unwrap_or((location, ""));
    let (mut revision, mut dir) = (None, dir.to_owned());
    for pair in query.split('&') {
        if let Some(value) = pair.strip_prefix("ref=") {
            let (value, below) = value.split_once("//").unwrap_or((value, ""));
            revision = Some(value.to_owned()).filter(|value| !value.is_empty());
            if !below.is_empty() {
                below.clone_into(&mut dir);
            }
        }
    }
    let segments = dir
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."));
    let dir = segments.collect::<Vec<_>>().join("/");
    if dir.split('/').any(|segment| segment == "..") {
        return Err(AddressError::Dir {
            text: without_login(text),
            dir,
        });
    }
    let path = path.trim_end_matches('/');
    let hosted = !matches!(scheme, "" | "file");
    let suffix = if hosted && on_git_host(path) && !has_git_suffix(path) {
        ".git"
    } else {
        ""
    };
    let url = match scheme {
        "" => path.to_owned(),
        scheme => format!("{scheme}://{path}{suffix}"),
    };
    Ok(GitAddress { url, revision, dir })
}

/// The text of a source without the user and the password of its URL, for messages and reports.
pub(super) fn without_login(text: &str) -> String {
    let (kind, rest) = match text.split_once("::") {
        Some((kind, rest)) => (format!("{kind}::"), rest),
        None => (String::new(), text),
    };
    let (scheme, rest) = match rest.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), rest),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        // The user of `git@HOST:PATH` is everybody's.
        Some((login, host)) if !scheme.is_empty() || login.contains(':') => {
            format!("{kind}{scheme}{host}{path}")
        }
        _ => text.to_owned(),
    }
}

fn has_git_suffix(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".git")
}

impl GitAddress {
    /// Returns the source with the fetched commit.
    pub(crate) fn pinned(&self, commit: &str) -> String {
        let url = without_login(&self.url);
        let location = match url.split_once("://") {
            // Conforma's ec omits the scheme, except for local paths.
            Some((scheme, rest)) if scheme != "file" => rest,
            _ => url.as_str(),
        };
        let dir = if self.dir.is_empty() {
            String::new()
        } else {
            format!("//{}", self.dir)
        };
        format!("git::{location}{dir}?ref={commit}")
    }
}
