//! `--overlay`: the images that a GitOps directory deploys, as a Snapshot.

use std::path::PathBuf;

use serde_json::Map;

use crate::{
    commands::{Context, failures::git_failure, files::list_files},
    failure::{Failure, Kind, OrFail as _},
    git, gitops,
    snapshot::{Component, Snapshot},
};

/// How many files are read.
const MAX_FILES: usize = 50_000;

/// The images of the directory; with a branch, only those that this branch does not deploy there.
pub(super) async fn snapshot(
    dir: PathBuf,
    target: Option<&str>,
    context: &Context,
) -> Result<Snapshot, Failure> {
    let mut files = Vec::new();
    for name in list_files(&dir)?.into_iter().filter(|name| is_yaml(name)) {
        let content = context.read(&dir.join(&name))?;
        files.push((name, content));
    }
    let mut images = images(files)?;
    if let Some(branch) = target.map(str::to_owned) {
        let before = context
            .git
            .run(move |_| git::files_of_branch(&dir, &branch))
            .await
            .map_err(git_failure)?;
        let before = self::images(before)?;
        images.retain(|image| !before.contains(image));
    }
    let component = |image| Component {
        name: String::new(),
        container_image: image,
        source: None,
        other: Map::new(),
    };
    Ok(Snapshot {
        components: images.into_iter().map(component).collect(),
        ..Snapshot::default()
    })
}

fn images(mut files: Vec<(String, Vec<u8>)>) -> Result<Vec<String>, Failure> {
    files.retain(|(name, _)| is_yaml(name));
    files.sort();
    if files.len() > MAX_FILES {
        let message = format!("there are more than {MAX_FILES} YAML files to read");
        return Err(Failure::message(Kind::Usage, message));
    }
    let files = files
        .iter()
        .map(|(name, content)| (name.as_str(), content.as_slice()));
    gitops::images(files).or_fail(Kind::Usage)
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml") || gitops::is_kustomization(path)
}
