//! Expands the images to judge: a list or one reference, and the children of indexes.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::Error;
use crate::{
    image::{Digest, DigestReference, MediaType, Reference, Tag},
    policy::{self, Dialect},
    registry::{self, Content, Descriptor, Registry, Version},
    snapshot::{Component, Images, Snapshot},
};

/// The annotation by which a builder marks its own attestation in an index.
const ATTESTATION_CHILD: (&str, &str) = ("vnd.docker.reference.type", "attestation-manifest");

/// The most images that an index may hold.
const MAX_CHILDREN: usize = 1_000;
/// How many images are searched for children in parallel.
const PARALLEL: usize = 5;

/// An image to verify: an entry of the list, or the child of an index in it.
#[derive(Debug, Clone)]
pub(super) struct ImageTarget {
    /// The component as rules and reports see it.
    pub(super) component: Component,
    pub(super) image: DigestReference,
    /// The identity of the listed component that the image belongs to.
    pub(super) of: String,
    /// Set for an image inside an index of the component.
    pub(super) is_child: bool,
    /// True for an index, whose images are targets of their own.
    pub(super) index: bool,
    /// Why the index cannot be read; then the component does not pass.
    pub(super) unlisted: Option<registry::Error>,
    /// Entries of the index that are not images.
    pub(super) left_out: Vec<Digest>,
}

#[derive(Debug, Default)]
struct Children {
    /// True if the image is an index.
    index: bool,
    images: Vec<ImageTarget>,
    left_out: Vec<Digest>,
}

/// Makes a list of one reference, pinned to the digest that its tag names now.
///
/// # Errors
/// [`Error::ImageNotFound`], or the registry's error.
pub(crate) async fn image_list(
    reference: &Reference,
    registry: &Registry,
) -> Result<Images, Error> {
    let image = match (reference.digest, &reference.tag) {
        (Some(digest), _) => reference.repository.pinned(digest),
        (None, tag) => {
            let tag = tag.clone().unwrap_or_else(Tag::latest);
            let version = tag.clone().into();
            let head = registry.head(&reference.repository, &version).await?;
            let head = head.ok_or_else(|| Error::ImageNotFound {
                image: reference.repository.tagged(&tag).to_string(),
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
    Ok(Images::parse(&snapshot.to_bytes()?, "--image")?)
}

/// Returns the images of the list and the children of indexes, sorted by reference.
pub(super) async fn expand(
    images: &Images,
    registry: &Registry,
    dialect: Dialect,
) -> Vec<ImageTarget> {
    let components = images.components();
    let expanded =
        components.map(|(component, image)| with_children(registry, component, image, dialect));
    let expanded: Vec<Vec<ImageTarget>> = stream::iter(expanded).buffered(PARALLEL).collect().await;
    let mut targets: Vec<_> = expanded.into_iter().flatten().collect();
    sort(&mut targets);
    targets
}

/// Sorts images into the order in which rules see them.
pub(super) fn sort(targets: &mut [ImageTarget]) {
    targets.sort_by(|a, b| {
        (&a.component.container_image, &a.of).cmp(&(&b.component.container_image, &b.of))
    });
}

/// Returns the Snapshot with these components in place of its own, as rules see it.
pub(super) fn snapshot_with<'a>(
    snapshot: &Snapshot,
    components: impl Iterator<Item = &'a Component>,
) -> Value {
    let mut components: Vec<Component> = components.cloned().collect();
    components.sort_by(|a, b| a.container_image.cmp(&b.container_image));
    policy::input::snapshot(&Snapshot {
        components,
        ..snapshot.clone()
    })
}

/// Returns an image and, if it is an index, the images in it.
pub(super) async fn with_children(
    registry: &Registry,
    component: &Component,
    image: &DigestReference,
    dialect: Dialect,
) -> Vec<ImageTarget> {
    let (children, unlisted) = match children(registry, component, image, dialect).await {
        Ok(children) => (children, None),
        Err(error) => (Children::default(), Some(error)),
    };
    let mut targets = children.images;
    targets.push(ImageTarget {
        component: component.clone(),
        image: image.clone(),
        of: component.identity(),
        is_child: false,
        index: children.index,
        unlisted,
        left_out: children.left_out,
    });
    targets
}

/// Returns the images of an index, including those of nested indexes.
async fn children(
    registry: &Registry,
    component: &Component,
    image: &DigestReference,
    dialect: Dialect,
) -> Result<Children, registry::Error> {
    let mut found = Children::default();
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
        if dialect == Dialect::Conforma && digest != image.digest {
            tracing::warn!(image = %image.repository.pinned(digest), "Conforma's ec does not verify the images of a nested index, which are verified here");
        }
        found.index |= digest == image.digest;
        let (before, mut repeated) = (found.images.len(), false);
        for (at, child) in index.manifests.iter().enumerate() {
            // Conforma's ec treats them as images, which then fail.
            if is_builders_attestation(child) && dialect == Dialect::Promote {
                tracing::info!(digest = %child.digest, "skipped a builder's attestation inside the index");
                found.left_out.push(child.digest);
                continue;
            }
            if !known.insert(child.digest) {
                repeated = true;
                continue;
            }
            if MediaType::parse(&child.media_type).is_some_and(MediaType::is_index) {
                indexes.push(child.digest);
            }
            found.images.push(target(component, image, child, at));
            if found.images.len() > MAX_CHILDREN {
                return Err(registry::Error::Manifest {
                    digest: image.digest,
                    reason: format!("the index has more than {MAX_CHILDREN} images"),
                });
            }
        }
        // An index without a single image proves nothing about images that run.
        if found.images.len() == before && !repeated {
            return Err(registry::Error::Manifest {
                digest,
                reason: "the index has no images".to_owned(),
            });
        }
    }
    Ok(found)
}

/// Tells whether a builder added the entry to describe an image. By the annotation alone a builder
/// could hide an image that nodes still run, so its platform must be `unknown` as well.
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

fn target(
    component: &Component,
    image: &DigestReference,
    child: &Descriptor,
    at: usize,
) -> ImageTarget {
    let architecture = child
        .platform
        .as_ref()
        .map(|platform| platform.architecture.clone());
    let architecture = architecture
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("noarch-{at}"));
    let image = image.repository.pinned(child.digest);
    ImageTarget {
        component: Component {
            name: format!("{}-{}-{architecture}", component.name, child.digest),
            container_image: image.to_string(),
            ..component.clone()
        },
        of: component.identity(),
        is_child: true,
        image,
        index: MediaType::parse(&child.media_type).is_some_and(MediaType::is_index),
        unlisted: None,
        left_out: Vec::new(),
    }
}
