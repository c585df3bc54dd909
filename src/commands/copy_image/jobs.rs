//! Turns the flags and `verified.json` into images, repositories and tags.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CopyRequest, CopySource,
    endpoint::{CopyEndpoint, End, check_transport},
};
use crate::{
    commands::failures::{handover_failure, registry_failure},
    failure::{Failure, Kind, OrFail as _},
    git::is_commit,
    handover::{PromotedFile, ReleaseFile, VerifiedFile},
    image::{Digest, Reference, Repository, Tag},
    lineage::ImageOrigin,
    registry::{ArtifactSelection, CopyItem, ImageStore, Layout, Registry, Version},
};

/// An image to copy, with its source, destination and tags.
#[derive(Debug, Clone)]
pub(super) struct CopyJob {
    pub(super) name: String,
    /// The component's version, where it has one.
    pub(super) component_version: Option<String>,
    from: End,
    version: Option<Version>,
    to: End,
    pub(super) tags: Vec<Tag>,
    /// The digest in the destination's name, which the image must have.
    pub(super) pinned_destination: Option<Digest>,
    /// The tag beside the source's digest, which must still name it.
    pub(super) source_tag: Option<Tag>,
    pub(super) platform: Option<String>,
    /// The component's own commit and build time, where a release of a Snapshot names them.
    pub(super) built_from: Option<BuiltFrom>,
}

/// The source and time of one component's build.
#[derive(Debug, Clone)]
pub(super) struct BuiltFrom {
    /// The URL of the source repository.
    pub(super) url: Option<String>,
    pub(super) origin: ImageOrigin,
}

/// The images to copy, in the order of the verdict.
#[derive(Debug)]
pub(super) struct CopyJobs(pub(super) Vec<CopyJob>);

impl CopyJobs {
    /// Finds source, destination and tags of every image.
    pub(super) fn of(
        request: &CopyRequest,
        verdict: Option<&VerifiedFile>,
        released: Option<&ReleaseFile>,
    ) -> Result<Self, Failure> {
        let jobs = match &request.source {
            CopySource::One { from, to } => vec![single_image(from, to, request, verdict)?],
            CopySource::All { to, map } => listed_images(to.as_deref(), map, request, verdict)?,
            CopySource::Released { .. } => released.map_or_else(Vec::new, of_release),
            CopySource::Staged { .. } => Vec::new(),
        };
        let jobs = Self(jobs);
        jobs.check_tags()?;
        Ok(jobs)
    }

    /// Returns the tags of what an earlier copy staged; its images are at their destinations already.
    pub(super) fn of_staged(staged: &PromotedFile) -> Result<Self, Failure> {
        let mut jobs = Vec::new();
        for component in &staged.promoted().components {
            let mut repositories: Vec<(&Repository, Vec<Tag>)> = Vec::new();
            for place in &component.destinations {
                let tag = place.tag.clone().ok_or_else(|| {
                    let text = format!("promoted.json names no tag for {}", component.name);
                    Failure::message(Kind::Usage, text)
                })?;
                let known = repositories
                    .iter_mut()
                    .find(|known| *known.0 == place.repository);
                match known {
                    Some((_, tags)) => tags.push(tag),
                    None => repositories.push((&place.repository, vec![tag])),
                }
            }
            let job = |(to, tags): (&Repository, _)| CopyJob {
                name: component.name.clone(),
                component_version: component.version.clone(),
                from: End::Repository(to.clone()),
                version: Some(component.digest.into()),
                to: End::Repository(to.clone()),
                tags: unique(tags),
                pinned_destination: None,
                source_tag: None,
                platform: None,
                built_from: None,
            };
            jobs.extend(repositories.into_iter().map(job));
        }
        let jobs = Self(jobs);
        jobs.check_tags()?;
        Ok(jobs)
    }

    /// Refuses two different images that would get one tag.
    fn check_tags(&self) -> Result<(), Failure> {
        let mut known: BTreeMap<String, &CopyJob> = BTreeMap::new();
        for job in &self.0 {
            for tag in &job.tags {
                let place = format!("{}:{tag}", job.to);
                let other = known.insert(place.clone(), job);
                if other.is_some_and(|other| other.version != job.version) {
                    let message = format!("two images would get the tag {place}");
                    return Err(Failure::message(Kind::Usage, message)
                        .hint("write {name} or {version} into --tag, {name} into --to, or name repositories by --map"));
                }
            }
        }
        Ok(())
    }

    /// Returns the images as requests to the registry client.
    pub(super) fn items(&self, registry: &Registry) -> Result<Vec<CopyItem>, Failure> {
        self.0.iter().map(|job| job.item(registry)).collect()
    }

    /// Marks the registries that only a Snapshot names: the sources of a verdict. The destinations
    /// of a release are the administrator's.
    pub(super) fn mark_unnamed_registries(&self, source: &CopySource, registry: &Registry) {
        if matches!(source, CopySource::All { .. } | CopySource::Released { .. }) {
            registry.named_by_snapshot(self.0.iter().filter_map(CopyJob::source));
        }
        if matches!(source, CopySource::Released { .. }) {
            let targets = self.0.iter().filter_map(CopyJob::target);
            registry.trust_hosts(targets.filter_map(|target| target.registry().parse().ok()));
        }
    }

    /// Returns by component the destination's first tag with the digest.
    pub(super) fn places(&self) -> Vec<(String, Reference)> {
        let jobs = self.0.iter();
        let places = jobs.filter_map(|job| {
            let Some(Version::Digest(digest)) = &job.version else {
                return None;
            };
            let mut place = job.target()?.tagged(job.tags.first()?);
            place.digest = Some(*digest);
            Some((job.name.clone(), place))
        });
        places.collect()
    }
}

impl CopyJob {
    pub(super) fn source(&self) -> Option<&Repository> {
        self.from.repository()
    }

    pub(super) fn target(&self) -> Option<&Repository> {
        self.to.repository()
    }

    fn item(&self, registry: &Registry) -> Result<CopyItem, Failure> {
        let (from, to) = match (&self.from, &self.to) {
            (End::Repository(from), End::Repository(to)) => registry.places(from, to),
            (End::Repository(from), End::Layout(to)) => (
                registry.places(from, from).0,
                ImageStore::Layout(to.clone()),
            ),
            (End::Layout(from), End::Repository(to)) => {
                (ImageStore::Layout(from.clone()), registry.places(to, to).1)
            }
            (End::Layout(from), End::Layout(to)) => (
                ImageStore::Layout(from.clone()),
                ImageStore::Layout(to.clone()),
            ),
        };
        let version = match &self.version {
            Some(version) => version.clone(),
            None => {
                let only = from.only_image().map_err(registry_failure)?;
                let missing = || match &self.from {
                    End::Layout(layout) if !layout.path().join("index.json").exists() => {
                        let text = format!("{from} is not an image layout: it has no index.json");
                        Failure::message(Kind::NotFound, text)
                    }
                    _ => {
                        let text = format!("{from} does not have exactly one image");
                        Failure::message(Kind::Usage, text)
                            .hint(format!("name its tag: {from}:TAG"))
                    }
                };
                only.ok_or_else(missing)?.into()
            }
        };
        let tags = self.tags.clone();
        Ok(CopyItem {
            from,
            version,
            to,
            tags,
            along: Vec::new(),
            attached: ArtifactSelection::default(),
        })
    }
}

/// Returns an image for each repository of a release.
fn of_release(release: &ReleaseFile) -> Vec<CopyJob> {
    let mut jobs = Vec::new();
    for component in &release.components {
        let image = &component.container_image;
        let source = component.source.as_ref();
        let commit = source.map(|source| source.revision.clone());
        let built = component
            .built
            .as_ref()
            .and_then(|built| built.parse().ok());
        let built_from = BuiltFrom {
            url: source.map(|source| source.url.clone()),
            origin: ImageOrigin {
                commit: commit.filter(|commit| is_commit(commit)),
                version: None,
                built,
            },
        };
        jobs.extend(component.destinations.iter().map(|place| CopyJob {
            name: component.name.clone(),
            component_version: component.version.clone(),
            from: End::Repository(image.repository.clone()),
            version: Some(image.digest.into()),
            to: End::Repository(place.repository.clone()),
            tags: unique(place.tags.clone()),
            pinned_destination: None,
            source_tag: None,
            platform: None,
            built_from: Some(built_from.clone()),
        }));
    }
    jobs
}

/// Returns the one image of SRC and DST.
fn single_image(
    source: &CopyEndpoint,
    destination: &CopyEndpoint,
    request: &CopyRequest,
    verdict: Option<&VerifiedFile>,
) -> Result<CopyJob, Failure> {
    let (from, source_tag, digest) = (source.end.clone(), source.tag.clone(), source.digest);
    let (to, tag) = (destination.end.clone(), destination.tag.clone());
    let pinned_destination = destination.digest;
    let name = match from.repository().or(to.repository()) {
        Some(repository) => repository.last_segment().to_owned(),
        None => "image".to_owned(),
    };
    let (name, component_version) = match (verdict, digest) {
        (Some(verdict), Some(digest)) => {
            let component = verdict.accepted(digest).map_err(handover_failure)?;
            (component.name.clone(), component.version.clone())
        }
        _ => (name, None),
    };
    let mut tags: Vec<Tag> = tag.into_iter().collect();
    for template in &request.tags {
        tags.push(fill(
            template,
            (&name, component_version.as_deref()),
            verdict,
        )?);
    }
    if tags.is_empty() {
        let message = format!(
            "{} has no tag: expected the one that the image gets",
            destination.text
        );
        let bare = destination.text.split('@').next().unwrap_or_default();
        return Err(Failure::message(Kind::Usage, message).hint(format!("write {bare}:TAG")));
    }
    let version = match (digest, &source_tag) {
        (Some(digest), _) => Some(digest.into()),
        (None, Some(tag)) => Some(tag.clone().into()),
        (None, None) if from.repository().is_some() => {
            let message = format!("{} names neither tag nor digest", source.text);
            let hint = format!("write {0}:TAG or {0}@sha256:…", source.text);
            return Err(Failure::message(Kind::Usage, message).hint(hint));
        }
        (None, None) => None,
    };
    Ok(CopyJob {
        name,
        component_version,
        from,
        version,
        to,
        tags: unique(tags),
        pinned_destination,
        source_tag: source_tag.filter(|_| digest.is_some()),
        platform: request.platform.clone(),
        built_from: None,
    })
}

/// Returns every image of `verified.json`; one that was refused refuses them all.
fn listed_images(
    to: Option<&str>,
    map: &BTreeMap<String, String>,
    request: &CopyRequest,
    verdict: Option<&VerifiedFile>,
) -> Result<Vec<CopyJob>, Failure> {
    let Some(verdict) = verdict else {
        return Err(Failure::message(
            Kind::Usage,
            "--unverified needs SRC and DST",
        ));
    };
    let components = &verdict.verified().components;
    let is_listed = |name: &&String| components.iter().any(|known| known.name == **name);
    if let Some(name) = map.keys().find(|name| !is_listed(name)) {
        let message = format!("--map names {name:?}, which verified.json does not list");
        return Err(Failure::message(Kind::Usage, message));
    }
    let mut jobs = Vec::new();
    for component in components {
        let name = component.name.as_str();
        let image = verdict.image(component).map_err(handover_failure)?;
        let to = destination(
            map.get(name).map(String::as_str),
            to,
            name,
            &image.repository,
        )?;
        let mut tags = Vec::new();
        for template in &request.tags {
            let identity = (name, component.version.as_deref());
            tags.push(fill(template, identity, Some(verdict))?);
        }
        if tags.is_empty() {
            tags.extend(verdict.verified().destination_tag.clone());
        }
        if tags.is_empty() {
            let message = "no destination tag: neither --tag nor verified.json names one";
            return Err(Failure::message(Kind::Usage, message));
        }
        jobs.push(CopyJob {
            name: name.to_owned(),
            component_version: component.version.clone(),
            from: End::Repository(image.repository.clone()),
            version: Some(image.digest.into()),
            to,
            tags: unique(tags),
            pinned_destination: None,
            source_tag: None,
            platform: request.platform.clone(),
            built_from: None,
        });
    }
    Ok(jobs)
}

/// Returns the destination of a component: its own of --map, else --to, else the repository that it is in.
fn destination(
    mapped: Option<&str>,
    to: Option<&str>,
    name: &str,
    own: &Repository,
) -> Result<End, Failure> {
    let to = match (mapped, to) {
        (Some(repository), _) => repository.to_owned(),
        (None, Some(to)) => to.replace("{name}", name),
        (None, None) => own.to_string(),
    };
    check_transport(&to)?;
    let to = to.strip_prefix("docker://").unwrap_or(&to);
    Ok(match to.strip_prefix("oci:") {
        Some(dir) => End::Layout(Layout::new(dir.into())),
        None => End::Repository(to.parse().or_fail(Kind::Usage)?),
    })
}

/// Returns the repository into which a component of this repository would be copied; `None` for a
/// directory.
///
/// # Errors
/// [`Kind::Usage`] for a destination that is not a repository.
pub(in crate::commands) fn expected(
    source: &CopySource,
    name: &str,
    own: &Repository,
) -> Result<Option<Repository>, Failure> {
    let end = match source {
        CopySource::All { to, map } => {
            let mapped = map.get(name).map(String::as_str);
            destination(mapped, to.as_deref(), name, own)?
        }
        CopySource::One { to, .. } => to.end.clone(),
        CopySource::Released { .. } | CopySource::Staged { .. } => End::Repository(own.clone()),
    };
    Ok(end.repository().cloned())
}

fn unique(tags: Vec<Tag>) -> Vec<Tag> {
    let mut known = BTreeSet::new();
    tags.into_iter()
        .filter(|tag| known.insert(tag.clone()))
        .collect()
}

/// Fills a tag's template in one pass: what a Git tag contains is never read as a placeholder.
fn fill(
    template: &str,
    (name, version): (&str, Option<&str>),
    verdict: Option<&VerifiedFile>,
) -> Result<Tag, Failure> {
    let verified = verdict.map(VerifiedFile::verified);
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, behind)) = rest.split_once('{') {
        let wrong =
            |reason: &str| Failure::message(Kind::Usage, format!("--tag {template:?}: {reason}"));
        let (placeholder, after) = behind
            .split_once('}')
            .ok_or_else(|| wrong("a { without }"))?;
        let value = match placeholder {
            "name" => Some(name),
            "version" => version,
            "tag" => verified.and_then(|verified| verified.git_tag.as_deref()),
            "commit" => verified.and_then(|verified| verified.commit.as_deref()),
            _ => return Err(wrong("expected {tag}, {commit}, {name} or {version}")),
        };
        text.push_str(before);
        text.push_str(value.ok_or_else(|| wrong(&format!("verified.json has no {placeholder}")))?);
        rest = after;
    }
    text.push_str(rest);
    text.parse().or_fail(Kind::Usage)
}
