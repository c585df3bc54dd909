//! Tells whether an image is older than the one that it would replace: by the source commits
//! of both, else by their versions. The commands decide whether to refuse it.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    git::{Git, Relation, is_commit},
    image::{Digest, Repository},
    registry::{Content, Error, Registry},
};

/// The largest image configuration that is read, in bytes.
const MAX_CONFIG: u64 = 4 << 20;
/// How many commits of a GitOps repository are searched for the commit that set an image.
pub(crate) const SEARCHED: u32 = 500;

/// The facts by which two images are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageOrigin {
    /// The source commit of the build.
    pub(crate) commit: Option<String>,
    pub(crate) version: Option<String>,
    /// The time of the build; used only for releases of Snapshots.
    pub(crate) built: Option<Timestamp>,
}

/// The order of a new image and the running one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// The new image is newer, or equal.
    Newer,
    /// The new image is older, with the reason.
    Older(String),
    /// The two cannot be ordered, with the reason.
    Unknown(String),
}

impl ImageOrigin {
    /// Reads the labels `org.opencontainers.image.revision` and `.version` of an image; for an
    /// index, of its first platform.
    ///
    /// # Errors
    /// Any [`Error`] of the registry.
    pub(crate) async fn of_image(
        registry: &Registry,
        repository: &Repository,
        digest: Digest,
    ) -> Result<Self, Error> {
        let config = Self::config(registry, repository, digest).await?;
        Ok(config.map_or_else(Self::default, |config| Self::of_config(&config)))
    }

    /// Reads the time at which an image was made, by its configuration; for an index, by that of its first
    /// platform. `None` when it is not set.
    ///
    /// # Errors
    /// Any [`Error`] of the registry.
    pub(crate) async fn created(
        registry: &Registry,
        repository: &Repository,
        digest: Digest,
    ) -> Result<Option<Timestamp>, Error> {
        #[derive(Deserialize)]
        struct CreationTime {
            created: Option<String>,
        }
        let config = Self::config(registry, repository, digest).await?;
        let config = config.and_then(|config| serde_json::from_slice::<CreationTime>(&config).ok());
        Ok(config.and_then(|config| config.created?.parse().ok()))
    }

    /// Returns the configuration of an image, or of the first platform of an index.
    async fn config(
        registry: &Registry,
        repository: &Repository,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Error> {
        let missing = |digest: Digest| Error::NotFound {
            what: format!("manifest {digest}"),
            repository: repository.to_string(),
        };
        let mut at = digest;
        // An index of indexes is not searched further.
        for _ in 0..2 {
            let manifest = registry.manifest(repository, &at.into()).await?;
            match manifest.ok_or_else(|| missing(at))?.content()? {
                Content::Image(image) => {
                    let config = registry.blob(repository, &image.config, MAX_CONFIG).await?;
                    return Ok(Some(config.to_vec()));
                }
                Content::Index(index) => {
                    let known = |platform: &str| platform != "unknown";
                    let mut children = index.manifests.iter();
                    let first = children.find(|child| {
                        let platform = child.platform.as_ref();
                        platform.is_none_or(|platform| known(&platform.os))
                    });
                    match first {
                        Some(child) => at = child.digest,
                        None => break,
                    }
                }
            }
        }
        Ok(None)
    }

    fn of_config(config: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct LabelledImage {
            created: Option<String>,
            config: Option<LabelConfig>,
        }
        #[derive(Deserialize)]
        struct LabelConfig {
            #[serde(rename = "Labels")]
            labels: Option<std::collections::BTreeMap<String, String>>,
        }
        let config = serde_json::from_slice::<LabelledImage>(config).ok();
        let created = config.as_ref().and_then(|config| config.created.clone());
        let labels = config.and_then(|config| config.config?.labels);
        let labels = labels.unwrap_or_default();
        let build_date = labels.get("build-date").cloned();
        let built = build_date.or(created).and_then(|time| time.parse().ok());
        let label = |name: &str| {
            labels
                .get(&format!("org.opencontainers.image.{name}"))
                .cloned()
        };
        Self {
            commit: label("revision").filter(|commit| is_commit(commit)),
            version: label("version"),
            built,
        }
    }
}

/// Compares a new image with the running one; blocks while it fetches commits of the source.
pub(crate) fn compare(
    git: &Git,
    source: Option<&str>,
    running: &ImageOrigin,
    new: &ImageOrigin,
) -> Order {
    let (Some(url), Some(old_commit), Some(new_commit)) =
        (source, running.commit.as_deref(), new.commit.as_deref())
    else {
        return by_versions(running, new, "a source commit is not known");
    };
    let history = git.history(url, &[old_commit, new_commit], None);
    match history.and_then(|history| history.relation(new_commit, old_commit)) {
        Ok(Relation::Descendant) => Order::Newer,
        Ok(Relation::Ancestor) => Order::Older(format!(
            "its source commit {new_commit} is an ancestor of the running one's, {old_commit}"
        )),
        Ok(Relation::Sibling) => Order::Unknown(format!(
            "of the source commits {new_commit} and {old_commit} (running) neither descends from the other"
        )),
        Ok(Relation::Same) => match by_versions(running, new, "") {
            Order::Unknown(_) => Order::Newer,
            known => known,
        },
        Err(error) => by_versions(running, new, &error.to_string()),
    }
}

/// Compares versions if both are set; `reason` explains why commits do not decide.
fn by_versions(running: &ImageOrigin, new: &ImageOrigin, reason: &str) -> Order {
    let (old, new) = match (running.version.as_deref(), new.version.as_deref()) {
        (Some(old), Some(new)) => (old, new),
        _ => return Order::Unknown(format!("{reason}, and a version is not known")),
    };
    match compare_versions(old, new) {
        Some(Ordering::Greater) => Order::Older(format!(
            "version {new} is lower than {old}, which is running"
        )),
        Some(_) => Order::Newer,
        None => Order::Unknown(format!(
            "{reason}, and the tags {new} and {old} (running) are not two versions"
        )),
    }
}

/// Orders two tags that are versions after the same prefix, such as `prod-v1.9` and `prod-v1.10`.
fn compare_versions(old: &str, new: &str) -> Option<Ordering> {
    let (old, new) = (version(old)?, version(new)?);
    let prefix = |text: &str| text.trim_end_matches(['v', 'V']).to_owned();
    (prefix(old.0) == prefix(new.0)).then(|| old.1.cmp_precedence(&new.1))
}

/// Splits a tag into a prefix and a semantic version of two or three numbers.
fn version(tag: &str) -> Option<(&str, semver::Version)> {
    let digit = |at: usize| tag.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let starts = (0..tag.len()).filter(|at| digit(*at) && (*at == 0 || !digit(*at - 1)));
    let mut found = starts.filter_map(|at| {
        let (prefix, rest) = tag.split_at_checked(at)?;
        // A version does not start in the middle of a word or a number.
        let apart = prefix.is_empty() || prefix.ends_with(['v', 'V', '-', '_', '.', '/']);
        let versioned = apart && !prefix.ends_with('.');
        let version = versioned.then(|| padded(rest)).flatten()?;
        Some((prefix, version))
    });
    found.next()
}

fn padded(text: &str) -> Option<semver::Version> {
    let numbers = text.find(['-', '+', '_']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at_checked(numbers)?;
    // A tag cannot contain the plus of build metadata; an underscore replaces it.
    let rest = rest.replacen('_', "+", 1);
    let text = match numbers.matches('.').count() {
        1 => format!("{numbers}.0{rest}"),
        2 => format!("{numbers}{rest}"),
        _ => return None,
    };
    semver::Version::parse(&text).ok()
}

/// Returns the source commit in the trailers of the promotion commit that set the component to the
/// digest; `messages` are newest first.
pub(crate) fn source_commit(messages: &[String], name: &str, digest: Digest) -> Option<String> {
    let set = format!("Image-Digest: {name} {digest}");
    let trailers = messages.iter().map(|message| trailers(message));
    let mut setting = trailers.filter(|trailers| trailers.contains(&set.as_str()));
    setting.next()?.iter().find_map(|trailer| {
        let commit = trailer.strip_prefix("Source-Commit: ")?.trim();
        is_commit(commit).then(|| commit.to_owned())
    })
}

/// Returns the lines of a message's last paragraph, where Git keeps trailers.
pub(crate) fn trailers(message: &str) -> Vec<&str> {
    let last = message.trim_end().rsplit("\n\n").next();
    last.unwrap_or_default().lines().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_versions_behind_one_prefix() {
        for (old, new, order) in [
            ("v1.0", "v0.9", Some(Ordering::Greater)),
            ("prod-v1.9.0", "prod-v1.10.0", Some(Ordering::Less)),
            ("1.0", "1.0.0", Some(Ordering::Equal)),
            ("1.1.0", "v1.0.0", Some(Ordering::Greater)),
            ("v1.0.0", "v1.0.0-rc.1", Some(Ordering::Greater)),
            ("v1.2.3", "prod-v1.2.2", None),
            ("latest", "v1.0", None),
            ("20260101", "20250101", None),
            ("build-7", "build-6", None),
            ("1.2.3.4", "1.2.3.3", None),
        ] {
            assert_eq!(compare_versions(old, new), order, "{old} {new}");
        }
    }

    #[test]
    fn the_commit_that_set_a_digest_names_its_source() {
        let (running, other) = (Digest::of(b"running"), Digest::of(b"other"));
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let message = |name: &str, digest: Digest, commit: &str| {
            format!(
                "promote(prod): {name}\n\nImage-Digest: {name} {digest}\nSource-Commit: {commit}\n"
            )
        };
        let messages = [
            "scale up\n".to_owned(),
            message("api", running, &two),
            message("web", other, &two),
            message("web", running, &one),
        ];
        assert_eq!(source_commit(&messages, "web", running), Some(one));
        assert_eq!(source_commit(&messages, "job", running), None);
        // Only the last paragraph has trailers.
        let quoted = [format!(
            "{}\n\nRefs: 7\n",
            message("web", running, &two).trim_end()
        )];
        assert_eq!(source_commit(&quoted, "web", running), None);
    }

    #[test]
    fn labels_name_commit_and_version() {
        let commit = "a".repeat(40);
        let config = serde_json::json!({"config": {"Labels": {
            "org.opencontainers.image.revision": commit, "org.opencontainers.image.version": "1.2",
        }}});
        let origin = ImageOrigin::of_config(config.to_string().as_bytes());
        assert_eq!(origin.commit, Some(commit));
        assert_eq!(origin.version.as_deref(), Some("1.2"));
        for without in [
            "{}",
            "{\"config\":null}",
            "[]",
            "{\"config\":{\"Labels\":null}}",
        ] {
            assert_eq!(
                ImageOrigin::of_config(without.as_bytes()),
                ImageOrigin::default()
            );
        }
    }
}
