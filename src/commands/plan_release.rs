//! `plan-release`: computes the repositories and tags of a Konflux release for each image of a Snapshot.
//!
//! 1. read Release, ReleasePlan, ReleasePlanAdmission and Snapshot; check that they belong together
//! 2. merge their data and read the mapping
//! 3. compute and check every tag; the registry is read for labels and numbers only
//! 4. write `images.json` with all images, which verify-ec verifies, and `release.json` with the
//!    repositories and tags of those that are released

mod args;
mod facts;
mod read;
mod rights;
mod sources;

use std::path::PathBuf;

pub(crate) use args::Args;
use facts::{Numbers, ReleaseImage};
use serde_json::Value;

use super::{
    Context, Outcome,
    cluster::ClusterFlags,
    files::{remove_file, write_file},
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover::{Destination, ReleaseFile, ReleasedComponent, ReleasedSource, VERSION},
    image::{Digest, DigestReference},
    release::{
        changed::Base,
        data,
        mapping::{Mapping, MappingEntry},
        objects::{ObjectKind, Objects},
        plan::{AssignOptions, Changed, ComponentIdentity, assign},
    },
    snapshot::{Component, Images, Snapshot},
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["IMAGES_COUNT", "IMAGES_DIGEST", "RELEASE_DIGEST"];

/// The resources of the release to plan, and its options.
#[derive(Debug, Clone)]
pub(crate) struct PlanRequest {
    /// Where the Snapshot is: a file, `-`, JSON, or `k8s:` with its name.
    pub(crate) snapshot: String,
    pub(crate) release: Option<String>,
    pub(crate) plan: Option<String>,
    pub(crate) admission: Option<String>,
    /// Releases only the component that the Snapshot was made for.
    pub(crate) single_component: bool,
    /// Where the images of before are, if only components are released that changed since.
    pub(crate) since: Option<Since>,
    /// Accepts components without an entry, which are left out.
    pub(crate) allow_unmapped: bool,
    /// Accepts images that the registry will delete.
    pub(crate) allow_expiring: bool,
    /// Try the right to push for every repository that gets a tag.
    pub(crate) check_rights: bool,
    pub(crate) cluster: ClusterFlags,
    /// Where the images are written; `None` is the default name.
    pub(crate) images_out: Option<PathBuf>,
    /// Where the destinations are written; `None` is the default name.
    pub(crate) release_out: Option<PathBuf>,
}

/// The images of before.
#[derive(Debug, Clone)]
pub(crate) enum Since {
    /// Those of an earlier Snapshot.
    Snapshot(String),
    /// The candidates of a ComponentGroup.
    Group(String),
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Usage`] for objects that do not fit together and invalid tags, [`Kind::NotFound`]
/// for what does not exist, [`Kind::Refused`] for an image that expires.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let request = PlanRequest::try_from(args)?;
    let images_out = context.path(request.images_out.as_deref(), "images.json");
    let release_out = context.path(request.release_out.as_deref(), "release.json");
    remove_file(&images_out)?;
    remove_file(&release_out)?;
    let objects = read::objects(&request, context).await?;
    objects.check().or_fail(Kind::Usage)?;
    let images = images(&objects)?;
    let documents = objects.data().or_fail(Kind::Usage)?;
    let data = data::merge(&documents).or_fail(Kind::Usage)?;
    let origin: Vec<_> = documents.iter().map(|(name, _)| name.as_str()).collect();
    let origin = match origin.is_empty() {
        true => "the release, which names no ReleasePlan (--release-plan)".to_owned(),
        false => origin.join(", "),
    };
    let mapping = Mapping::of(&data, &origin).or_fail(Kind::Usage)?;
    for notice in &mapping.notices {
        tracing::warn!("{notice}");
    }
    if !mapping.ignored.is_empty() {
        tracing::warn!(
            "ignored members of the mapping: {}",
            mapping.ignored.join(", ")
        );
    }
    let single = request.single_component || single_component(&data)?;
    let choice = AssignOptions {
        single: match single {
            true => Some(objects.built_component().or_fail(Kind::Usage)?),
            false => None,
        },
        allow_unmapped: request.allow_unmapped,
        changed: changed(&request, &objects, &images, context).await?,
    };
    let (release, images) = planned(
        &request, &objects, images, &mapping, &choice, &data, context,
    )
    .await?;
    if request.check_rights {
        rights::check(&release, context).await?;
    }
    let bytes = serde_json::to_vec(&release).or_fail(Kind::Bug)?;
    write_file(&images_out, &images.snapshot.to_bytes().or_fail(Kind::Bug)?)?;
    write_file(&release_out, &bytes)?;
    Ok(outcome(&release, &images, Digest::of(&bytes)))
}

/// Returns the images of the Snapshot as `images.json` has them.
fn images(objects: &Objects) -> Result<Images, Failure> {
    let shown = &objects.snapshot.shown;
    let spec = objects.snapshot.spec().or_fail(Kind::Usage)?;
    let snapshot = Snapshot::parse(&spec.to_string(), shown).or_fail(Kind::Usage)?;
    if snapshot.components.is_empty() {
        let text = format!("{shown} has no components: nothing would be released");
        return Err(Failure::message(Kind::Usage, text));
    }
    let bytes = snapshot.to_bytes().or_fail(Kind::Bug)?;
    Images::parse(&bytes, shown).or_fail(Kind::Usage)
}

/// The images with those of the sources, which the gate judges too.
fn with_sources(images: Images, sources: Vec<Component>, shown: &str) -> Result<Images, Failure> {
    if sources.is_empty() {
        return Ok(images);
    }
    let mut snapshot = images.snapshot;
    snapshot.components.extend(sources);
    let bytes = snapshot.to_bytes().or_fail(Kind::Bug)?;
    Images::parse(&bytes, shown).or_fail(Kind::Usage)
}

/// The components that changed since the images of before.
async fn changed(
    request: &PlanRequest,
    objects: &Objects,
    images: &Images,
    context: &Context,
) -> Result<Option<Changed>, Failure> {
    let Some(since) = &request.since else {
        return Ok(None);
    };
    let base = match since {
        Since::Snapshot(from) => {
            let earlier = read::object(from, ObjectKind::Snapshot, request, context).await?;
            Base::of_snapshot(&earlier, &objects.snapshot)
        }
        Since::Group(from) => {
            let group = read::object(from, ObjectKind::Group, request, context).await?;
            Base::of_group(&group, &objects.snapshot)
        }
    };
    let base = base.or_fail(Kind::Usage)?;
    let components = images.components();
    let components =
        components.map(|(component, image)| base.is_changed(&identity(component), image.digest));
    Ok(Some(Changed {
        components: components.collect(),
        since: base.shown.clone(),
    }))
}

fn single_component(data: &Value) -> Result<bool, Failure> {
    match data.get("singleComponentMode") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(single)) => Ok(*single),
        Some(other) => {
            let text = format!("data.singleComponentMode is {other}, expected true or false");
            Err(Failure::message(Kind::Usage, text))
        }
    }
}

async fn planned(
    request: &PlanRequest,
    objects: &Objects,
    images: Images,
    mapping: &Mapping,
    choice: &AssignOptions,
    data: &Value,
    context: &Context,
) -> Result<(ReleaseFile, Images), Failure> {
    let identities: Vec<_> = images
        .components()
        .map(|(component, _)| identity(component))
        .collect();
    let assigned = assign(&identities, mapping, choice).or_fail(Kind::Usage)?;
    let released = objects.release.as_ref();
    let created = released
        .map(|release| release.created())
        .transpose()
        .or_fail(Kind::Usage)?;
    let named = images.components().map(|(_, image)| &image.repository);
    context.registry.named_by_snapshot(named);
    let (mut components, mut left_out) = (Vec::new(), Vec::new());
    let mut added = Vec::new();
    for ((component, image), (identity, entry)) in
        images.components().zip(identities.iter().zip(assigned))
    {
        let Some(entry) = entry else {
            left_out.push(identity.to_string());
            continue;
        };
        let found = read_image(image, request.allow_expiring, context).await?;
        let source = source(component);
        let revision = source.as_ref().map(|source| source.revision.clone());
        let facts = found.facts(image, revision, created.flatten(), entry)?;
        let released = ReleasedComponent {
            destinations: destinations(entry, identity, &facts, image, context).await?,
            name: identity.name.clone(),
            version: identity.version.clone(),
            container_image: image.clone(),
            built: facts.built.map(|built| built.to_string()),
            platforms: found.platforms,
            source,
        };
        let of_source = match sources::find(entry, image, context).await? {
            Some(of_source) => Some(released_source(&released, of_source, request, context).await?),
            None => None,
        };
        components.push(released);
        if let Some(of_source) = of_source {
            added.push(sources::component(component, &of_source.container_image));
            components.push(of_source);
        }
    }
    check_released(&components)?;
    let images = with_sources(images, added, &objects.snapshot.shown)?;
    let release = ReleaseFile {
        version: VERSION,
        images_digest: images.digest,
        release: released
            .map(|release| release.name())
            .transpose()
            .or_fail(Kind::Usage)?,
        snapshot: objects.snapshot.name().or_fail(Kind::Usage)?,
        data_digest: Digest::of(data.to_string().as_bytes()),
        components,
        left_out,
        ignored: mapping.ignored.clone(),
    };
    Ok((release, images))
}

/// The release of the image of a component's sources.
async fn released_source(
    of: &ReleasedComponent,
    image: DigestReference,
    request: &PlanRequest,
    context: &Context,
) -> Result<ReleasedComponent, Failure> {
    let name = sources::name(&of.name);
    tracing::info!("{image} is released too, as the component {name}");
    Ok(ReleasedComponent {
        name,
        destinations: sources::destinations(&of.container_image, &of.destinations)?,
        platforms: read_image(&image, request.allow_expiring, context)
            .await?
            .platforms,
        container_image: image,
        ..of.clone()
    })
}

/// Reads an image; refuses one that the registry will delete, unless that is allowed.
async fn read_image(
    image: &DigestReference,
    allow_expiring: bool,
    context: &Context,
) -> Result<ReleaseImage, Failure> {
    let found = ReleaseImage::read(&context.registry, image).await?;
    if found.disagree {
        tracing::info!(
            "the platforms of {image} were built at different times: the first one's is used"
        );
    }
    if let Some(mark) = found.expires.as_ref().filter(|_| !allow_expiring) {
        let text = format!("{image} has {mark}: the registry would delete the released image");
        return Err(Failure::message(Kind::Refused, text)
            .hint("build it without the label; --allow-expiring releases it anyway"));
    }
    Ok(found)
}

fn identity(component: &Component) -> ComponentIdentity {
    ComponentIdentity {
        name: component.name.clone(),
        version: component.version().map(str::to_owned),
    }
}

fn source(component: &Component) -> Option<ReleasedSource> {
    let git = component.source.as_ref()?.git.as_ref()?;
    (!git.revision.is_empty()).then(|| ReleasedSource {
        url: git.url.clone(),
        revision: git.revision.clone(),
    })
}

async fn destinations(
    entry: &MappingEntry,
    identity: &ComponentIdentity,
    facts: &crate::release::template::ImageFacts,
    image: &DigestReference,
    context: &Context,
) -> Result<Vec<Destination>, Failure> {
    let (mut destinations, mut numbers) = (Vec::new(), Numbers::default());
    for target in &entry.targets {
        let place = format!("component {identity} in {}", target.repository);
        let mut tags = Vec::new();
        for template in &target.templates {
            let filled = template.fill(facts, &place).or_fail(Kind::Usage)?;
            let at = &target.repository;
            let tag = numbers
                .tag(filled, at, entry, image.digest, &context.registry)
                .await?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        destinations.push(Destination {
            repository: target.repository.clone(),
            tags,
        });
    }
    Ok(destinations)
}

/// Refuses a release without components, and two images that would get one tag.
fn check_released(components: &[ReleasedComponent]) -> Result<(), Failure> {
    if components.is_empty() {
        let text = "no component is released: the mapping and the Snapshot have none in common";
        return Err(Failure::message(Kind::Usage, text));
    }
    let mut known = std::collections::BTreeMap::new();
    for component in components {
        for place in &component.destinations {
            for tag in &place.tags {
                let shown = format!("{}:{tag}", place.repository);
                let other = known.insert(shown.clone(), component);
                let other =
                    other.filter(|o| o.container_image.digest != component.container_image.digest);
                if let Some(other) = other {
                    let text = format!(
                        "{} and {} would both get the tag {shown}",
                        other.name, component.name
                    );
                    return Err(Failure::message(Kind::Usage, text)
                        .hint("give each component its own repository or tag"));
                }
            }
        }
    }
    Ok(())
}

fn outcome(release: &ReleaseFile, images: &Images, digest: Digest) -> Outcome {
    let mut outcome = Outcome::default();
    let results = &mut outcome.results;
    results.set("IMAGES_COUNT", images.pinned.len().to_string());
    results.set("IMAGES_DIGEST", release.images_digest.to_string());
    results.set("RELEASE_DIGEST", digest.to_string());
    for component in &release.components {
        for place in &component.destinations {
            for tag in &place.tags {
                let line = format!(
                    "{} {} to {}:{tag}\n",
                    component.name, component.container_image.digest, place.repository
                );
                outcome.stdout.extend(line.into_bytes());
            }
        }
    }
    outcome
}
