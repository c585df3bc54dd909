//! `registry/repository:tag@digest`, the grammar of the distribution specification 1.1.
//!
//! `docker.io` is normalised as in the reference implementation: a name without a
//! registry belongs to `docker.io`, and there a name without a namespace to `library/`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Digest, DigestError};

const MAX_TAG: usize = 128;
const MAX_REPOSITORY: usize = 255;

/// An OCI tag, which matches `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(String);

/// A text that is not an OCI tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagError {
    #[error("a tag must not be empty")]
    Empty,
    /// The text is longer than 128 characters.
    #[error("tag {tag:?}… has {length} characters, an OCI tag has at most {MAX_TAG}")]
    TooLong {
        /// The first characters of the text.
        tag: String,
        /// How many characters the text has.
        length: usize,
    },
    /// A character that the grammar does not allow at its position.
    #[error(
        "tag {tag:?} has {character:?} at position {position}: an OCI tag is [A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}"
    )]
    Character {
        tag: String,
        /// The first character that is not allowed.
        character: char,
        /// The position in characters, from 1.
        position: usize,
    },
}

impl Tag {
    /// Returns the tag of a reference without one: `latest`.
    #[must_use]
    pub(crate) fn latest() -> Self {
        Self("latest".to_owned())
    }

    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = text.chars().count();
        if length == 0 {
            return Err(TagError::Empty);
        }
        let wrong = text
            .chars()
            .enumerate()
            .find(|(at, c)| !(word(*c) || *at > 0 && matches!(c, '.' | '-')));
        if let Some((at, character)) = wrong {
            return Err(TagError::Character {
                tag: text.chars().take(200).collect(),
                character,
                position: at + 1,
            });
        }
        if length > MAX_TAG {
            let tag = text.chars().take(40).collect();
            return Err(TagError::TooLong { tag, length });
        }
        Ok(Self(text.to_owned()))
    }
}

/// A repository of a registry, such as `quay.io/org/app`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Repository {
    registry: String,
    path: String,
}

/// A text that is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    /// The registry or the path breaks the grammar.
    #[error("{text:?} is not an image reference: {reason}")]
    Name { text: String, reason: &'static str },
    /// The part behind `:` is not a tag.
    #[error("{text:?} is not an image reference: {reason}")]
    Tag {
        text: String,
        /// The mistake in the tag; not a source, whose text would be printed twice.
        reason: TagError,
    },
    /// The part behind `@` is not a digest.
    #[error("{text:?} is not an image reference: {reason}")]
    Digest {
        text: String,
        /// The mistake in the digest; not a source, whose text would be printed twice.
        reason: DigestError,
    },
    /// A tag or no version where a digest is required.
    #[error("{text:?} is not pinned: expected repository@sha256:…")]
    NotPinned { text: String },
    /// A version where only a repository is expected.
    #[error("{text:?} names a tag or digest: expected a repository alone")]
    NotBare { text: String },
}

impl Repository {
    /// Returns the host and, if present, port of the registry.
    #[must_use]
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the path below the registry, without a leading slash.
    #[must_use]
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the last segment of the path, which is the default name of a component.
    #[must_use]
    pub(crate) fn last_segment(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Returns the reference `repository:tag`.
    #[must_use]
    pub(crate) fn tagged(&self, tag: &Tag) -> Reference {
        Reference {
            repository: self.clone(),
            tag: Some(tag.clone()),
            digest: None,
        }
    }

    /// Returns the reference `repository@digest`.
    #[must_use]
    pub(crate) fn pinned(&self, digest: Digest) -> DigestReference {
        DigestReference {
            repository: self.clone(),
            digest,
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (registry, path) = match text.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first, rest.to_owned()),
            _ => ("docker.io", text.to_owned()),
        };
        check_registry(registry)?;
        let path = if registry == "docker.io" && !path.contains('/') {
            format!("library/{path}")
        } else {
            path
        };
        if path.len() > MAX_REPOSITORY {
            return Err("the repository has more than 255 characters");
        }
        if !path.split('/').all(is_segment) {
            return Err(
                "a repository is lower-case letters, digits and ._- in segments split by /",
            );
        }
        let registry = registry.to_owned();
        Ok(Self { registry, path })
    }
}

/// Applies the rule of the reference implementation: the first part is a registry when it has a
/// dot, a port or an upper-case letter, or equals `localhost`.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase)
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let address = |c: char| c.is_ascii_hexdigit() || c == ':';
    let valid = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address6) => !address6.is_empty() && address6.chars().all(address),
        None => !host.is_empty() && host.chars().all(name) && !host.starts_with(['.', '-']),
    };
    if !valid {
        return Err("the registry's host name has characters that are not allowed");
    }
    match port {
        Some(port) if port.parse::<u16>().is_err() => {
            Err("the registry's port is not a number up to 65535")
        }
        _ => Ok(()),
    }
}

/// Words before a colon that name a transport of other tools. Without this they would be read as images of Docker Hub
/// with a tag.
const TRANSPORTS: [&str; 10] = [
    "atomic",
    "containers-storage",
    "dir",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "ostree",
    "sif",
    "tarball",
];

/// Returns the reason why a text cannot have been meant as a repository, although the grammar may allow it.
fn mistaken_name(name: &str, tag: Option<&Tag>) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.contains("://") {
        return Some("it is a URL: expected REGISTRY/REPOSITORY");
    }
    if name.contains('/') {
        return None;
    }
    let tag = tag?.as_str();
    let is_port = tag.bytes().all(|byte| byte.is_ascii_digit());
    if is_port && (name == "localhost" || name.contains('.')) {
        return Some("it names a registry alone: expected REGISTRY/REPOSITORY");
    }
    is_transport(name)
        .then_some("it names a transport of other tools: expected REGISTRY/REPOSITORY")
}

/// Tells whether the word before a colon is a transport in containers-transports(5), or `sif` or `tarball`.
pub(crate) fn is_transport(word: &str) -> bool {
    TRANSPORTS.contains(&word)
}

/// Tells whether a segment matches `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_segment(segment: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |s: &str| matches!(s, "." | "_" | "__") || s.chars().all(|c| c == '-');
    let mut rest = segment;
    loop {
        let word = rest.find(|c| !alphanumeric(c)).unwrap_or(rest.len());
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        if rest.is_empty() {
            return true;
        }
        let gap = rest.find(alphanumeric).unwrap_or(rest.len());
        if !separator(&rest[..gap]) {
            return false;
        }
        rest = &rest[gap..];
    }
}

/// An image reference as users write it: `repository[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reference {
    pub(crate) repository: Repository,
    /// The tag, if there is one.
    pub(crate) tag: Option<Tag>,
    /// The digest, if the reference is pinned.
    pub(crate) digest: Option<Digest>,
}

impl Reference {
    /// Refuses a reference that is not pinned to a digest; a tag beside the digest is dropped.
    ///
    /// # Errors
    /// [`ReferenceError::NotPinned`] without a digest.
    pub(crate) fn into_pinned(self) -> Result<DigestReference, ReferenceError> {
        match self.digest {
            Some(digest) => Ok(self.repository.pinned(digest)),
            None => Err(ReferenceError::NotPinned {
                text: self.to_string(),
            }),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let digest = digest.map(str::parse).transpose();
        let digest = digest.map_err(|reason| ReferenceError::Digest {
            text: text.to_owned(),
            reason,
        })?;
        // A colon behind the last slash starts a tag; one before it belongs to a port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let tag = tag.map(str::parse).transpose();
        let tag = tag.map_err(|reason| ReferenceError::Tag {
            text: text.to_owned(),
            reason,
        })?;
        let mistaken = mistaken_name(name, tag.as_ref());
        let repository = match mistaken {
            Some(reason) => Err(reason),
            None => Repository::parse(name),
        };
        let repository = repository.map_err(|reason| ReferenceError::Name {
            text: text.to_owned(),
            reason,
        })?;
        Ok(Self {
            repository,
            tag,
            digest,
        })
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: Reference = text.parse()?;
        if reference.tag.is_some() || reference.digest.is_some() {
            return Err(ReferenceError::NotBare {
                text: text.to_owned(),
            });
        }
        Ok(reference.repository)
    }
}

/// An image pinned to its digest, `repository@sha256:…`, as in hand-over files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DigestReference {
    pub(crate) repository: Repository,
    pub(crate) digest: Digest,
}

impl FromStr for DigestReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        text.parse::<Reference>()?.into_pinned()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DigestReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(Tag, Repository, Reference, DigestReference);

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn parses_every_part() {
        let text = format!("quay.io:8443/org/my_app--x:v1.0@sha256:{HEX}");
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.repository.registry(), "quay.io:8443");
        assert_eq!(reference.repository.path(), "org/my_app--x");
        assert_eq!(reference.tag.as_ref().unwrap().as_str(), "v1.0");
        assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn normalises_docker_hub_names() {
        let cases = [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1", "docker.io/library/nginx:1"),
            ("org/app", "docker.io/org/app"),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/app", "localhost:5000/app"),
            ("[::1]:5000/app:v1", "[::1]:5000/app:v1"),
            ("oci", "docker.io/library/oci"),
            ("docker.io/library/oci:v1", "docker.io/library/oci:v1"),
            ("node.js:v20", "docker.io/library/node.js:v20"),
        ];
        for (text, shown) in cases {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn refuses_bad_names() {
        for text in [
            "",
            "oci:dir",
            "docker-archive:image.tar",
            "https://quay.io/app",
            "127.0.0.1:5000",
            "localhost:5000",
            "quay.io:443@sha256:abc",
            "/app",
            "quay.io/",
            "quay.io/App",
            "quay.io/a..b",
            "quay.io/a___b",
            "quay.io/-a",
            "quay.io/a/",
            "quay.io:x/a",
            "quay io/a",
            "a@sha256:00",
            "a:",
            "a:b/c:d:e",
            "quay.io/$(id)",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_bad_tags_naming_the_character() {
        assert!("v1.0".parse::<Tag>().is_ok());
        assert!("_".parse::<Tag>().is_ok());
        assert!("a".repeat(128).parse::<Tag>().is_ok());
        assert!("a".repeat(129).parse::<Tag>().is_err());
        let wrong = "v1.0$(touch x)".parse::<Tag>().unwrap_err();
        assert!(matches!(
            wrong,
            TagError::Character {
                character: '$',
                position: 5,
                ..
            }
        ));
        for text in ["", ".a", "-a", "a/b", "a+b", "ä", "a b", "a\n"] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pinned_reference_needs_a_digest() {
        assert!("quay.io/a:v1".parse::<DigestReference>().is_err());
        let pinned: DigestReference = format!("quay.io/a:v1@sha256:{HEX}").parse().unwrap();
        assert_eq!(pinned.to_string(), format!("quay.io/a@sha256:{HEX}"));
        assert!("quay.io/a:v1".parse::<Repository>().is_err());
    }
}
