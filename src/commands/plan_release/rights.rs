//! Checks the right to push before the first write.

use std::collections::BTreeMap;

use crate::{
    commands::{Context, failures::registry_failure},
    failure::{Failure, Kind},
    handover::ReleaseFile,
    image::{Digest, Repository, Tag},
    registry,
};

/// A repository with its tags, each with the image that it gets.
type Tagged<'a> = (&'a Repository, Vec<(&'a Tag, Digest)>);

/// Checks the right to push to every repository in which a tag has to move; the others are left alone.
///
/// # Errors
/// [`Kind::Usage`] naming every repository that may not be pushed to, with what grants it; errors of a registry.
pub(super) async fn check(release: &ReleaseFile, context: &Context) -> Result<(), Failure> {
    let mut places: BTreeMap<String, Tagged<'_>> = BTreeMap::new();
    for component in &release.components {
        for place in &component.destinations {
            let known = places.entry(place.repository.to_string());
            let (_, tags) = known.or_insert((&place.repository, Vec::new()));
            let digest = component.container_image.digest;
            tags.extend(place.tags.iter().map(|tag| (tag, digest)));
        }
    }
    let mut denied = Vec::new();
    for (name, (repository, tags)) in places {
        match try_push(repository, &tags, context).await {
            Ok(()) => {}
            Err(registry::Error::Denied { .. }) => denied.push(name),
            Err(error) => return Err(registry_failure(error)),
        }
    }
    if denied.is_empty() {
        return Ok(());
    }
    let text = format!("the credentials may not push to {}", denied.join(", "));
    Err(Failure::message(Kind::Usage, text).hint(
        "give the service account of the release a push Secret for each of them; that of one component \
         (build-pipeline-COMPONENT) may push to its own repository only:\n\
         apiVersion: v1\n\
         kind: ServiceAccount\n\
         metadata: {name: release-sa}\n\
         secrets:\n\
         - {name: PUSH-SECRET}",
    ))
}

/// Opens an upload where a tag is not at its image yet.
async fn try_push(
    repository: &Repository,
    tags: &[(&Tag, Digest)],
    context: &Context,
) -> Result<(), registry::Error> {
    for (tag, digest) in tags {
        let head = context
            .registry
            .head(repository, &(*tag).clone().into())
            .await;
        let found = match head {
            Ok(found) => found,
            // A right to write does not include one to read, or the reverse: the upload decides.
            Err(registry::Error::Denied { .. }) => None,
            Err(error) => return Err(error),
        };
        if found.is_none_or(|found| found.digest != *digest) {
            return context.registry.try_push(repository).await;
        }
    }
    Ok(())
}
