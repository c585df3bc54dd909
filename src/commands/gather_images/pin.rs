//! Pins the images of Snapshots to digests and their sources to commits.

use super::{GatherRequest, ImageSource, ResolvedRevision, describe, no_image, promote};
use crate::{
    commands::{
        Context,
        failures::{git_failure, no_components, registry_failure},
    },
    failure::{Failure, Kind, OrFail as _},
    git,
    image::Reference,
    registry::{Manifest, Version},
    snapshot::{GitSource, Promote, Snapshot, names_components},
    text,
};

/// Reads a Snapshot, given as JSON or in a file, and returns its name for messages too.
pub(crate) fn read(text: &str, context: &Context) -> Result<(Snapshot, String), Failure> {
    let (bytes, name) = if text.trim_start().starts_with('{') {
        (text.as_bytes().to_vec(), "--snapshot")
    } else {
        (context.read(text.as_ref())?, text)
    };
    let text = String::from_utf8(bytes).or_fail(Kind::Usage)?;
    let snapshot = Snapshot::parse(&text, name).or_fail(Kind::Usage)?;
    if snapshot.components.is_empty() && !names_components(text.as_bytes()) {
        return Err(no_components(name));
    }
    Ok((snapshot, name.to_owned()))
}

impl GatherRequest {
    /// Pins the images of a Snapshot; an image that is pinned already must exist.
    pub(super) async fn pin(
        &self,
        mut snapshot: Snapshot,
        name: &str,
        origin: &ResolvedRevision,
        context: &Context,
    ) -> Result<Snapshot, Failure> {
        let mut found = std::collections::BTreeMap::new();
        for component in &mut snapshot.components {
            let reference = component.reference(name).or_fail(Kind::Usage)?;
            if matches!(self.source, ImageSource::Snapshot(_)) {
                context.registry.named_by_snapshot([&reference.repository]);
            }
            let manifest = pinned(&reference, self.cross_check, context).await?;
            if component.name.is_empty() {
                reference
                    .repository
                    .last_segment()
                    .clone_into(&mut component.name);
            }
            if reference.digest.is_none() {
                let name = text::line(&component.name);
                tracing::info!("{name}: {reference} is {}", manifest.digest);
            }
            component.container_image = reference.repository.pinned(manifest.digest).to_string();
            let key = match found.contains_key(&component.name) {
                true => component.identity(),
                false => component.name.clone(),
            };
            found.insert(key, describe(reference.tag, &manifest)?);
            if matches!(self.source, ImageSource::Overlay { .. }) {
                component.source = self.source(origin);
            }
            let source = component.source.as_mut();
            if let Some(git) = source.and_then(|source| source.git.as_mut()) {
                self.pin_source(&component.name, git, origin, context)
                    .await?;
            }
        }
        let known = snapshot.promote.take();
        snapshot.promote = Some(Promote {
            components: found,
            ..known.unwrap_or_else(|| promote(Default::default()))
        });
        Ok(snapshot)
    }

    /// Pins the source of a Snapshot's component to a commit: that of `--revision` if it is about
    /// the same repository, else the one that the Snapshot's tag or branch has now.
    async fn pin_source(
        &self,
        name: &str,
        source: &mut GitSource,
        origin: &ResolvedRevision,
        context: &Context,
    ) -> Result<(), Failure> {
        let same = self.git_url.as_ref().is_none_or(|url| *url == source.url);
        let commit = match &origin.commit {
            Some(commit) if same => {
                if git::is_commit(&source.revision) && source.revision != *commit {
                    let message = format!(
                        "the Snapshot names commit {} as the source of {name}, --revision is commit {commit}",
                        source.revision
                    );
                    return Err(Failure::message(Kind::Refused, message));
                }
                commit.clone()
            }
            _ if source.revision.is_empty() || git::is_commit(&source.revision) => return Ok(()),
            _ => {
                if matches!(self.source, ImageSource::Snapshot(_)) {
                    let named = context.git.named_by_snapshot(&source.url);
                    named.map_err(git_failure)?;
                }
                commit_at(&source.url, &source.revision, context).await?
            }
        };
        source.revision = commit;
        Ok(())
    }
}

/// Returns the commit of a tag or branch at its host.
async fn commit_at(url: &str, revision: &str, context: &Context) -> Result<String, Failure> {
    let address = url.to_owned();
    let refs = context.git.run(move |git| git.ls_remote(&address)).await;
    let refs = refs.map_err(git_failure)?;
    let tag = revision.strip_prefix("refs/tags/").unwrap_or(revision);
    let branch = revision.strip_prefix("refs/heads/").unwrap_or(revision);
    let commit = git::commit_of_tag(&refs, tag).or_else(|| git::commit_of_branch(&refs, branch));
    commit.map(str::to_owned).ok_or_else(|| {
        let message = format!("no tag or branch {revision:?} in {url}");
        Failure::message(Kind::NotFound, message)
    })
}

/// Reads the manifest of a reference. A tag beside a digest may have moved: the digest decides.
async fn pinned(
    reference: &Reference,
    cross_check: bool,
    context: &Context,
) -> Result<Manifest, Failure> {
    let repository = &reference.repository;
    let version: Version = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => (*digest).into(),
        (None, Some(tag)) => tag.clone().into(),
        (None, None) => {
            return Err(Failure::message(
                Kind::Usage,
                format!("{reference} names neither tag nor digest"),
            ));
        }
    };
    let manifest = context
        .registry
        .manifest(repository, &version)
        .await
        .map_err(registry_failure)?;
    let manifest = manifest.ok_or_else(|| no_image(&reference.to_string()))?;
    if let (Some(digest), Some(tag)) = (&reference.digest, &reference.tag) {
        let head = context
            .registry
            .head(repository, &tag.clone().into())
            .await
            .map_err(registry_failure)?;
        if let Some(head) = head.filter(|head| head.digest != *digest) {
            let message = format!("the tag of {reference} has moved on to {}", head.digest);
            if !cross_check {
                tracing::warn!("{message}: the digest is taken");
                return Ok(manifest);
            }
            return Err(Failure::message(Kind::Refused, message));
        }
    }
    Ok(manifest)
}
