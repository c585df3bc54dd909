//! Facts about an image by which its tag templates are filled, and the numbers of a registry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    commands::failures::registry_failure,
    failure::{Failure, Kind},
    image::{Digest, DigestReference, Repository, Tag},
    registry::{Content, Error, Manifest, Registry, Version},
    release::{
        mapping::MappingEntry,
        template::{Filled, ImageFacts, number},
    },
};

/// The largest image configuration that is read, in bytes.
const MAX_CONFIG: u64 = 4 << 20;
/// The label or annotation by which Quay deletes an image after a time.
const EXPIRES: &str = "quay.expires-after";
const CREATED: &str = "org.opencontainers.image.created";
const VERSION: &str = "org.opencontainers.image.version";

/// An image with the labels, dates and platforms of its manifests and configurations.
#[derive(Debug)]
pub(super) struct ReleaseImage {
    /// The labels of the first platform.
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    created: Option<String>,
    /// The mark by which the registry will delete the image.
    pub(super) expires: Option<String>,
    /// Set when the platforms were built at different times.
    pub(super) disagree: bool,
    /// The platforms as `os/arch`, by their configurations.
    pub(super) platforms: Vec<String>,
}

impl ReleaseImage {
    /// Reads an image: its manifest, and the manifest and configuration of each platform.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when it does not exist; those of the registry.
    pub(super) async fn read(
        registry: &Registry,
        image: &DigestReference,
    ) -> Result<Self, Failure> {
        let repository = &image.repository;
        let root = manifest(registry, repository, image.digest).await?;
        let mut found = Self {
            labels: BTreeMap::new(),
            annotations: annotations(&root)?,
            created: None,
            expires: None,
            disagree: false,
            platforms: Vec::new(),
        };
        let platforms = platforms(registry, repository, root).await?;
        found.note_expiry(&found.annotations.clone(), "an annotation");
        let mut times = Vec::new();
        for (number, platform) in platforms.iter().enumerate() {
            let own = annotations(platform)?;
            found.note_expiry(&own, "an annotation");
            let Content::Image(image) = platform.content().map_err(registry_failure)? else {
                continue;
            };
            let bytes = registry.blob(repository, &image.config, MAX_CONFIG).await;
            let config = image.read_config(&bytes.map_err(registry_failure)?);
            let config = config.map_err(registry_failure)?.unwrap_or(Value::Null);
            let text = |member: &str| config[member].as_str().filter(|text| !text.is_empty());
            if let (Some(os), Some(architecture)) = (text("os"), text("architecture")) {
                found.platforms.push(format!("{os}/{architecture}"));
            }
            let labels = labels(&config);
            found.note_expiry(&labels, "a label");
            let created = config["created"].as_str().map(str::to_owned);
            let created = created.or_else(|| own.get(CREATED).cloned());
            times.push(
                labels
                    .get("build-date")
                    .cloned()
                    .or_else(|| created.clone()),
            );
            if number == 0 {
                found.labels = labels;
                found.created = created;
                found.annotations.extend(own);
            }
        }
        found.disagree = times.windows(2).any(|pair| pair.first() != pair.last());
        Ok(found)
    }

    fn note_expiry(&mut self, marks: &BTreeMap<String, String>, what: &str) {
        if let Some(after) = marks.get(EXPIRES).filter(|after| !after.is_empty()) {
            self.expires = Some(format!("{what} {EXPIRES}: {after}"));
        }
    }

    /// Returns the facts for the templates of an entry.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a build time that cannot be read.
    pub(super) fn facts(
        &self,
        image: &DigestReference,
        revision: Option<String>,
        released: Option<Timestamp>,
        entry: &MappingEntry,
    ) -> Result<ImageFacts, Failure> {
        let build_date = self
            .labels
            .get("build-date")
            .filter(|date| !date.is_empty());
        let date = build_date.or(self.created.as_ref());
        let built = match date {
            Some(date) => Some(time(date).ok_or_else(|| {
                let text = format!("{image} was built {date:?}, expected a time (RFC 3339)");
                Failure::message(Kind::Usage, text)
            })?),
            None => None,
        };
        let version = self.annotations.get(VERSION).or(self.labels.get(VERSION));
        Ok(ImageFacts {
            digest: image.digest,
            revision,
            built,
            released,
            labels: self.labels.clone(),
            version: version.cloned(),
            format: entry.timestamp_format.clone(),
        })
    }
}

/// The numbered tags of one component, by repository.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<String, Vec<String>>);

impl Numbers {
    /// Returns the tag of a filled template in one repository.
    ///
    /// A number whose tag names the image already is reused, so that a repetition of the
    /// release computes the same tags; otherwise it is one above the highest there, or in all
    /// repositories of the component.
    ///
    /// # Errors
    /// Those of the registry; [`Kind::Usage`] for a number of more than six digits.
    pub(super) async fn tag(
        &mut self,
        filled: Filled,
        at: &Repository,
        entry: &MappingEntry,
        digest: Digest,
        registry: &Registry,
    ) -> Result<Tag, Failure> {
        let (prefix, suffix, everywhere) = match filled {
            Filled::Tag(tag) => return Ok(tag),
            Filled::Numbered {
                prefix,
                suffix,
                everywhere,
            } => (prefix, suffix, everywhere),
        };
        let all = entry.targets.iter().map(|target| &target.repository);
        let repositories: Vec<_> = all.filter(|other| everywhere || *other == at).collect();
        let mut highest = 0;
        for repository in repositories {
            for tag in self.tags(repository, registry).await? {
                let Some(found) = number(&tag, &prefix, &suffix) else {
                    continue;
                };
                let parsed: Tag = tag
                    .parse()
                    .map_err(|error| Failure::new(Kind::Usage, error))?;
                let head = registry.head(repository, &parsed.clone().into()).await;
                if head
                    .map_err(registry_failure)?
                    .is_some_and(|head| head.digest == digest)
                {
                    return Ok(parsed);
                }
                highest = highest.max(found);
            }
        }
        let next = highest + 1;
        let tag = format!("{prefix}{next}{suffix}");
        if next > 999_999 {
            let text = format!("{at}: the next tag is {tag}, numbers have at most six digits");
            return Err(Failure::message(Kind::Usage, text));
        }
        tag.parse()
            .map_err(|error| Failure::new(Kind::Usage, error))
    }

    async fn tags(&mut self, of: &Repository, registry: &Registry) -> Result<Vec<String>, Failure> {
        let key = of.to_string();
        if let Some(tags) = self.0.get(&key) {
            return Ok(tags.clone());
        }
        let digit = |tag: &str| tag.bytes().any(|b| b.is_ascii_digit());
        let tags = registry.tags(of, digit).await.map_err(registry_failure)?;
        self.0.insert(key, tags.clone());
        Ok(tags)
    }
}

/// Returns the manifests of an index's platforms, or the image's own manifest.
async fn platforms(
    registry: &Registry,
    repository: &Repository,
    root: Manifest,
) -> Result<Vec<Manifest>, Failure> {
    let index = match root.content().map_err(registry_failure)? {
        Content::Image(_) => return Ok(vec![root]),
        Content::Index(index) => index,
    };
    let mut platforms = Vec::new();
    for child in &index.manifests {
        // A builder's attestation is not a platform.
        if child.platform.as_ref().is_none_or(|p| p.os != "unknown") {
            platforms.push(manifest(registry, repository, child.digest).await?);
        }
    }
    Ok(platforms)
}

async fn manifest(
    registry: &Registry,
    repository: &Repository,
    digest: Digest,
) -> Result<Manifest, Failure> {
    let found = registry
        .manifest(repository, &Version::Digest(digest))
        .await;
    let missing = || Error::NotFound {
        what: format!("manifest {digest}"),
        repository: repository.to_string(),
    };
    let found = found.and_then(|found| found.ok_or_else(missing));
    found.map_err(registry_failure)
}

fn annotations(manifest: &Manifest) -> Result<BTreeMap<String, String>, Failure> {
    Ok(match manifest.content().map_err(registry_failure)? {
        Content::Image(image) => image.annotations,
        Content::Index(index) => index.annotations,
    })
}

fn labels(config: &Value) -> BTreeMap<String, String> {
    let labels = config["config"]["Labels"].as_object().into_iter().flatten();
    let labels =
        labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    labels.collect()
}

/// Parses a time in RFC 3339, or one without a zone, which is in UTC.
fn time(text: &str) -> Option<Timestamp> {
    let with_zone: Result<Timestamp, _> = text.parse();
    let utc = || {
        let time: jiff::civil::DateTime = text.parse().ok()?;
        time.to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|time| time.timestamp())
    };
    with_zone.ok().or_else(utc)
}
