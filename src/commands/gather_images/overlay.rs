//! `--overlay`: the images that a GitOps directory deploys, as a Snapshot.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Map;

use crate::{
    commands::{
        Context,
        failures::{edit_failure, git_failure},
        update_deployment::local_tree,
    },
    failure::{Failure, Kind, OrFail as _},
    git,
    gitops::{self, Deployed, Tree},
    image::Reference,
    snapshot::{Component, Snapshot},
};

/// Returns the images of the directory; with a branch, only those that this branch does not deploy there.
pub(super) async fn snapshot(
    dir: PathBuf,
    target: Option<&str>,
    context: &Context,
) -> Result<Snapshot, Failure> {
    let mut images = local(&dir)?;
    if let Some(branch) = target.map(str::to_owned) {
        let (root, below) = root_of(&dir)?;
        let before = context
            .git
            .run(move |_| git::files_of_branch(&root, &branch))
            .await
            .map_err(git_failure)?;
        let files: BTreeMap<_, _> = before.into_iter().collect();
        let there = |path: &String| below.is_empty() || path.starts_with(&format!("{below}/"));
        if files.keys().any(there) {
            let tree = Tree::of(files);
            let before = deployed(&tree, &below)?;
            images.retain(|one| !before.iter().any(|other| other.image == one.image));
        }
    }
    Ok(Snapshot {
        components: named_components(images)?,
        ..Snapshot::default()
    })
}

/// Returns the images of a directory, whose kustomization may read files anywhere in its checkout.
fn local(dir: &Path) -> Result<Vec<Deployed>, Failure> {
    if !dir.is_dir() {
        let message = format!("--overlay {} is not a directory", dir.display());
        return Err(Failure::message(Kind::NotFound, message));
    }
    let (root, below) = root_of(dir)?;
    let tree = local_tree(&root);
    deployed(&tree, &below)
}

fn deployed(tree: &Tree<'_>, dir: &str) -> Result<Vec<Deployed>, Failure> {
    let (images, warnings) = gitops::deployed(tree, dir).map_err(edit_failure)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(images)
}

/// Returns the checkout that a directory belongs to, and the directory's path there; without a checkout
/// the directory itself.
fn root_of(dir: &Path) -> Result<(PathBuf, String), Failure> {
    let dir = dir.canonicalize().or_fail(Kind::Usage)?;
    let root = dir.ancestors().find(|above| above.join(".git").exists());
    let root = root.unwrap_or(&dir).to_owned();
    let below = dir.strip_prefix(&root).or_fail(Kind::Bug)?;
    Ok((root.clone(), below.to_string_lossy().into_owned()))
}

/// Names components by the last segment of their repository, or by container where these are the same.
fn named_components(images: Vec<Deployed>) -> Result<Vec<Component>, Failure> {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut parsed = Vec::new();
    for one in images {
        let reference: Reference = one.image.parse().or_fail(Kind::Usage)?;
        let end = reference.repository.last_segment().to_owned();
        *ends.entry(end.clone()).or_default() += 1;
        parsed.push((one, end));
    }
    let component = |(one, end): (Deployed, String)| {
        let alone = ends.get(&end) == Some(&1);
        Component {
            name: if alone { String::new() } else { one.container },
            container_image: one.image,
            source: None,
            other: Map::new(),
        }
    };
    Ok(parsed.into_iter().map(component).collect())
}
