//! Which images are verified: a list, one reference, and the children of indexes.

use std::{collections::BTreeSet, path::Path};

use crate::{
    commands::{Context, registry_failure},
    failure::{Failure, Kind, OrFail as _},
    image::{DigestReference, MediaType, Reference, Tag},
    registry::{self, Content, Descriptor, Registry, Version},
    snapshot::{Component, Images, Snapshot},
};

/// What a builder adds to an index beside the images: no image.
const ATTESTATION_CHILD: (&str, &str) = ("vnd.docker.reference.type", "attestation-manifest");

/// The most images that an index may hold.
const MAX_CHILDREN: usize = 1_000;

/// An image to verify.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The component as rules and reports see it.
    pub(super) component: Component,
    /// The image.
    pub(super) image: DigestReference,
    /// The component of the list that it belongs to.
    pub(super) of: String,
    /// Why it is not known which images its index holds; nothing is vouched for then.
    pub(super) unlisted: Option<registry::Error>,
}

/// Reads the list: the JSON itself, or a file.
pub(super) fn read(given: Option<&str>, context: &Context) -> Result<Images, Failure> {
    let (bytes, origin) = match given {
        Some(text) if text.trim_start().starts_with('{') => {
            (text.as_bytes().to_vec(), "--images".to_owned())
        }
        given => {
            let path = context.path(given.map(Path::new), "images.json");
            (context.read(&path)?, path.display().to_string())
        }
    };
    Images::parse(&bytes, &origin).or_fail(Kind::Usage)
}

/// Forms the list for one reference, pinned to what its tag names now.
pub(super) async fn of_reference(text: &str, registry: &Registry) -> Result<Images, Failure> {
    let reference: Reference = text
        .trim_start_matches("docker://")
        .parse()
        .or_fail(Kind::Usage)?;
    let image = match (reference.digest, &reference.tag) {
        (Some(digest), _) => reference.repository.pinned(digest),
        (None, tag) => {
            let latest = || "latest".parse::<Tag>().or_fail(Kind::Bug);
            let tag = tag.clone().map_or_else(latest, Ok)?;
            let head = registry
                .head(&reference.repository, &tag.clone().into())
                .await;
            let head = head.map_err(registry_failure)?.ok_or_else(|| {
                let image = reference.repository.tagged(&tag);
                Failure::message(Kind::NotFound, format!("image {image} not found"))
            })?;
            reference.repository.pinned(head.digest)
        }
    };
    let snapshot = Snapshot {
        components: vec![Component {
            name: image.repository.last_segment().to_owned(),
            container_image: image.to_string(),
            source: None,
            other: Default::default(),
        }],
        ..Snapshot::default()
    };
    let bytes = snapshot.to_bytes().or_fail(Kind::Bug)?;
    Images::parse(&bytes, "--image").or_fail(Kind::Usage)
}

/// The images of the list and those of their indexes, by reference.
pub(super) async fn expand(images: &Images, registry: &Registry) -> Vec<Target> {
    let mut targets = Vec::new();
    for (component, image) in images.components() {
        let mut unlisted = None;
        match children(registry, component, image).await {
            Ok(children) => targets.extend(children),
            Err(error) => unlisted = Some(error),
        }
        targets.push(Target {
            component: component.clone(),
            image: image.clone(),
            of: component.name.clone(),
            unlisted,
        });
    }
    targets.sort_by(|a, b| {
        (&a.component.container_image, &a.of).cmp(&(&b.component.container_image, &b.of))
    });
    targets
}

/// The images of an index, those of the indexes in it too.
async fn children(
    registry: &Registry,
    component: &Component,
    image: &DigestReference,
) -> Result<Vec<Target>, registry::Error> {
    let mut targets: Vec<Target> = Vec::new();
    let mut known = BTreeSet::from([image.digest]);
    let mut indexes = vec![image.digest];
    while let Some(digest) = indexes.pop() {
        let version = Version::Digest(digest);
        let manifest = registry.manifest(&image.repository, &version).await?;
        let Some(Content::Index(index)) =
            manifest.map(|manifest| manifest.content()).transpose()?
        else {
            continue;
        };
        for (at, child) in index.manifests.iter().enumerate() {
            if is_builders_attestation(child) {
                tracing::info!(digest = %child.digest, "skipped a builder's attestation inside the index");
                continue;
            }
            if !known.insert(child.digest) {
                continue;
            }
            if MediaType::parse(&child.media_type).is_some_and(MediaType::is_index) {
                indexes.push(child.digest);
            }
            targets.push(target(component, image, child, at));
            if targets.len() > MAX_CHILDREN {
                return Err(registry::Error::Manifest {
                    digest: image.digest,
                    reason: format!("the index has more than {MAX_CHILDREN} images"),
                });
            }
        }
    }
    Ok(targets)
}

/// Whether a builder added it to describe an image. The annotation alone would let a builder
/// hide an image that nodes still run, so that its platform must be one that none of them has.
fn is_builders_attestation(child: &Descriptor) -> bool {
    let (kind, value) = ATTESTATION_CHILD;
    let says_so = child
        .annotations
        .get(kind)
        .is_some_and(|found| found == value);
    let platform = child.platform.as_ref();
    says_so
        && platform
            .is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown")
}

fn target(component: &Component, image: &DigestReference, child: &Descriptor, at: usize) -> Target {
    let architecture = child
        .platform
        .as_ref()
        .map(|platform| platform.architecture.clone());
    let architecture = architecture
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("noarch-{at}"));
    let image = image.repository.pinned(child.digest);
    Target {
        component: Component {
            name: format!("{}-{}-{architecture}", component.name, child.digest),
            container_image: image.to_string(),
            ..component.clone()
        },
        of: component.name.clone(),
        image,
        unlisted: None,
    }
}
