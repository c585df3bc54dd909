//! Resolves the tags in a Snapshot to digests, as Conforma's `ec` does.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use super::{
    Error, ImageJudgement,
    builtins::ACCESSIBLE,
    images::{ImageTarget, sort, with_children},
};
use crate::{
    image::{DigestReference, Reference, Tag},
    policy::{self, Dialect},
    registry::Registry,
    report::ReportedComponent,
    snapshot::{Component, Snapshot},
};

/// How many images are looked up in parallel.
const PARALLEL: usize = 5;

/// A component whose image cannot be fetched, with the reason.
pub(super) struct Inaccessible {
    pub(super) component: Component,
    pub(super) reason: String,
}

impl Inaccessible {
    /// Returns the judgement with the violation that Conforma's `ec` reports.
    pub(super) fn judged(self) -> ImageJudgement {
        let text = format!("Image URL is not accessible: {}", self.reason);
        let report = ReportedComponent {
            name: self.component.name.clone(),
            container_image: self.component.container_image.clone(),
            source: policy::input::source(&self.component),
            violations: vec![ACCESSIBLE.finding(text)],
            ..ReportedComponent::default()
        };
        ImageJudgement::new(report, &self.component.identity())
    }
}

/// Resolves every image to a digest and adds the images of indexes, in the order of Conforma's `ec`.
///
/// # Errors
/// [`Error::Component`] for an image that is not a reference.
pub(super) async fn resolve(
    snapshot: &Snapshot,
    registry: &Registry,
    dialect: Dialect,
) -> Result<(Vec<ImageTarget>, Vec<Inaccessible>), Error> {
    let mut references = Vec::new();
    for component in &snapshot.components {
        let reference = component.reference("").map_err(|error| Error::Component {
            image: component.container_image.clone(),
            component: component.name.clone(),
            source: Box::new(error.into()),
        })?;
        references.push((component, reference));
    }
    registry.named_by_snapshot(
        references
            .iter()
            .map(|(_, reference)| &reference.repository),
    );
    // Components may share an image, which is looked up once.
    let mut unique: BTreeMap<String, Reference> = BTreeMap::new();
    for (component, reference) in &references {
        unique.insert(component.container_image.clone(), reference.clone());
    }
    let heads = unique
        .into_iter()
        .map(|(text, reference)| async move { (text, head(&reference, registry).await) });
    let heads: BTreeMap<_, _> = stream::iter(heads).buffered(PARALLEL).collect().await;
    let mut found = Vec::new();
    let mut inaccessible = Vec::new();
    for (component, _) in references {
        match heads.get(&component.container_image) {
            Some(Ok(image)) => found.push((component, image.clone())),
            Some(Err(reason)) => inaccessible.push(Inaccessible {
                component: component.clone(),
                reason: reason.clone(),
            }),
            None => {}
        }
    }
    let expanded = found
        .iter()
        .map(|(component, image)| with_children(registry, component, image, dialect));
    let expanded: Vec<Vec<ImageTarget>> = stream::iter(expanded).buffered(PARALLEL).collect().await;
    let mut targets: Vec<_> = expanded.into_iter().flatten().collect();
    sort(&mut targets);
    Ok((targets, inaccessible))
}

async fn head(reference: &Reference, registry: &Registry) -> Result<DigestReference, String> {
    let version = match (reference.digest, &reference.tag) {
        (Some(digest), _) => digest.into(),
        (None, Some(tag)) => tag.clone().into(),
        (None, None) => Tag::latest().into(),
    };
    match registry.head(&reference.repository, &version).await {
        Ok(Some(head)) => Ok(reference.repository.pinned(head.digest)),
        // The text of Conforma's ec.
        Ok(None) => Err(format!(
            "HEAD {}: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)",
            registry.manifest_url(&reference.repository, &version)
        )),
        Err(error) => Err(error.to_string()),
    }
}
