//! Which images are verified: a list, one reference, and the children of indexes.

use std::path::Path;

use crate::{
    commands::{Context, registry_failure},
    failure::{Failure, Kind, OrFail as _},
    image::{DigestReference, Reference, Tag},
    registry::{self, Content, Descriptor, Registry, Version},
    snapshot::{Component, Images, Snapshot},
};

/// What a builder adds to an index beside the images: no image.
const ATTESTATION_CHILD: (&str, &str) = ("vnd.docker.reference.type", "attestation-manifest");

/// An image to verify.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The component as rules and reports see it.
    pub(super) component: Component,
    /// The image.
    pub(super) image: DigestReference,
    /// The component of the list that it belongs to.
    pub(super) of: String,
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

/// The images of the list and the children of those that are indexes, by reference.
pub(super) async fn expand(images: &Images, registry: &Registry) -> Vec<Target> {
    let mut targets = Vec::new();
    for (component, image) in images.components() {
        match children(registry, component, image).await {
            Ok(children) => targets.extend(children),
            // The image itself is asked for again and then named as what cannot be had.
            Err(error) => {
                tracing::warn!(%image, %error, "cannot tell whether the image is an index");
            }
        }
        targets.push(Target {
            component: component.clone(),
            image: image.clone(),
            of: component.name.clone(),
        });
    }
    targets.sort_by(|a, b| {
        (&a.component.container_image, &a.of).cmp(&(&b.component.container_image, &b.of))
    });
    targets
}

async fn children(
    registry: &Registry,
    component: &Component,
    image: &DigestReference,
) -> Result<Vec<Target>, registry::Error> {
    let version = Version::Digest(image.digest);
    let manifest = registry.manifest(&image.repository, &version).await?;
    let Some(Content::Index(index)) = manifest.map(|manifest| manifest.content()).transpose()?
    else {
        return Ok(Vec::new());
    };
    let mut targets = Vec::new();
    for (at, child) in index.manifests.iter().enumerate() {
        let (kind, value) = ATTESTATION_CHILD;
        if child
            .annotations
            .get(kind)
            .is_some_and(|found| found == value)
        {
            tracing::info!(digest = %child.digest, "skipped a builder's attestation inside the index");
            continue;
        }
        targets.push(target(component, image, child, at));
    }
    Ok(targets)
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
    }
}
