//! Images of the sources, as a build leaves them beside its image under the tag `sha256-<hex>.src`.
//!
//! They are released as a component of their own, `NAME-source`, so that the gate judges them like every image: under the
//! same tag, and under each tag of the component with `-source` behind it.

use crate::{
    commands::{Context, failures::registry_failure},
    failure::{Failure, Kind, OrFail as _},
    handover::Destination,
    image::{DigestReference, Tag},
    release::mapping::MappingEntry,
    snapshot::Component,
};

/// The end of the name and of the tags.
const SUFFIX: &str = "-source";

/// The image of the sources, where it is released.
///
/// # Errors
/// [`Kind::NotFound`] where the mapping demands one and there is none; what the registry says.
pub(super) async fn find(
    entry: &MappingEntry,
    image: &DigestReference,
    context: &Context,
) -> Result<Option<DigestReference>, Failure> {
    if entry.push_source == Some(false) {
        return Ok(None);
    }
    let tag = tag(image)?;
    let head = context
        .registry
        .head(&image.repository, &tag.clone().into())
        .await;
    let found = head.map_err(registry_failure)?;
    match found {
        Some(head) => Ok(Some(image.repository.pinned(head.digest))),
        None if entry.push_source == Some(true) => {
            let place = image.repository.tagged(&tag);
            let text = format!(
                "{place} does not exist, and the mapping demands the image of the sources (pushSourceContainer: true)"
            );
            Err(Failure::message(Kind::NotFound, text)
                .hint("build it, or write pushSourceContainer: false"))
        }
        None => Ok(None),
    }
}

/// The name under which the image of a component's sources is released.
pub(super) fn name(of: &str) -> String {
    format!("{of}{SUFFIX}")
}

/// The component that the image of the sources is judged as.
pub(super) fn component(of: &Component, source: &DigestReference) -> Component {
    Component {
        name: name(&of.name),
        container_image: source.to_string(),
        ..of.clone()
    }
}

/// The places of the image of the sources, by those of the image itself.
///
/// # Errors
/// [`Kind::Usage`] for a tag that becomes too long.
pub(super) fn destinations(
    image: &DigestReference,
    places: &[Destination],
) -> Result<Vec<Destination>, Failure> {
    let places = places.iter().map(|place| {
        let mut tags = vec![tag(image)?];
        for tag in &place.tags {
            tags.push(format!("{tag}{SUFFIX}").parse().or_fail(Kind::Usage)?);
        }
        Ok(Destination {
            repository: place.repository.clone(),
            tags,
        })
    });
    places.collect()
}

/// The tag by which the image of the sources is found.
fn tag(image: &DigestReference) -> Result<Tag, Failure> {
    format!("sha256-{}.src", image.digest.hex())
        .parse()
        .or_fail(Kind::Usage)
}
