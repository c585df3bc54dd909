//! Where an image is edited: the component's overlay, a place that was named, or one that is found.

use super::{DeployRequest, Image};
use crate::{
    commands::failures::edit_failure,
    failure::{Failure, Kind},
    gitops::{self, Component, Fit, Kustomization, Locator},
};

/// How deep kustomizations are followed.
const MAX_DEPTH: u32 = 16;
/// How many files are searched.
const MAX_FILES: usize = 50_000;

/// Gives a file's content; `None` when there is no such file.
type Read<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>, Failure> + 'a;
/// Lists all files.
type List<'a> = dyn Fn() -> Result<Vec<String>, Failure> + 'a;

/// The files of a repository or directory before any edit.
pub(super) struct Tree<'a> {
    pub(super) read: Box<Read<'a>>,
    pub(super) list: Box<List<'a>>,
}

/// A file and the place in it.
pub(super) type Place = (String, Locator);

/// Finds every place that has to be edited for an image; one, but for setter markers.
pub(super) fn places(
    request: &DeployRequest,
    image: &Image,
    tree: &Tree<'_>,
) -> Result<Vec<Place>, Failure> {
    let component = image.component();
    if let Some(dir) = &request.kustomize {
        let dir = checked(dir.trim_end_matches('/'))?;
        let dir = if dir == "." { "" } else { dir };
        let found = kustomized(dir, &component, tree, 0)?;
        let missing = || missing(image, &format!("{dir:?} and what it names"));
        return Ok(vec![found.ok_or_else(missing)?]);
    }
    if let Some(file) = &request.helm_values {
        let file = existing(file, image, tree)?;
        let key = request.key.clone().unwrap_or_else(|| "image".to_owned());
        return Ok(vec![(file, Locator::Helm(key))]);
    }
    if request.setter {
        return marked(request, image, tree);
    }
    let locator = match &request.path {
        Some(path) => Locator::Path(path.clone()),
        None => Locator::Container(component.clone()),
    };
    if let Some(file) = &request.file {
        return Ok(vec![(existing(file, image, tree)?, locator)]);
    }
    let environment = &request.environment;
    let candidates = [
        format!(
            "components/{}/overlays/{environment}/deployment-patch.yaml",
            image.name
        ),
        format!("overlays/{environment}/deployment-patch.yaml"),
    ];
    for path in &candidates {
        if (tree.read)(checked(path)?)?.is_some() {
            return Ok(vec![(path.clone(), locator)]);
        }
    }
    if request.auto {
        return Ok(vec![searched(environment, image, &component, tree)?]);
    }
    Err(missing(image, &candidates.join(" and "))
        .hint("name the place by --file, --kustomize or --helm-values, or let --auto find it"))
}

fn missing(image: &Image, looked: &str) -> Failure {
    let message = format!(
        "no place for {} in the GitOps repository: looked for {looked}",
        image.name
    );
    Failure::message(Kind::NotFound, message)
}

fn ambiguous(image: &str, places: &[Place]) -> Failure {
    let files: Vec<_> = places.iter().map(|(file, _)| file.as_str()).collect();
    let message = format!("{image} stands in several files: {}", files.join(", "));
    Failure::message(Kind::Usage, message).hint("name one by --file")
}

/// A path that stays below the root.
fn checked(path: &str) -> Result<&str, Failure> {
    let inside = |part: &str| !part.is_empty() && part != "." && part != "..";
    if path == "." || path.split('/').all(inside) {
        return Ok(path);
    }
    let message = format!("{path:?} is no path below the repository's root");
    Err(Failure::message(Kind::Usage, message))
}

fn existing(file: &str, image: &Image, tree: &Tree<'_>) -> Result<String, Failure> {
    match (tree.read)(checked(file)?)? {
        Some(_) => Ok(file.to_owned()),
        None => Err(missing(image, file)),
    }
}

fn is_yaml(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".yaml") || name.ends_with(".yml")
}

fn list(tree: &Tree<'_>) -> Result<Vec<String>, Failure> {
    let mut files = (tree.list)()?;
    files.retain(|path| is_yaml(path) || gitops::is_kustomization(path));
    if files.len() > MAX_FILES {
        let message = format!("there are more than {MAX_FILES} YAML files to search");
        return Err(Failure::message(Kind::Usage, message));
    }
    Ok(files)
}

/// Every file with a setter marker of the component.
fn marked(request: &DeployRequest, image: &Image, tree: &Tree<'_>) -> Result<Vec<Place>, Failure> {
    let files = match &request.file {
        Some(file) => vec![existing(file, image, tree)?],
        None => list(tree)?,
    };
    let locator = Locator::Setter(image.name.clone());
    let mut found = Vec::new();
    for file in files {
        let content = (tree.read)(&file)?.unwrap_or_default();
        // Most files have no marker at all, and some are templates that do not parse.
        if !content
            .windows(13)
            .any(|window| window == b"$imagepolicy\"")
        {
            continue;
        }
        match gitops::set_image(&file, &content, &locator, &image.written(request.pin)) {
            Ok(_) => found.push((file, locator.clone())),
            Err(gitops::Error::NoMarker { .. }) => {}
            Err(error) => return Err(edit_failure(error)),
        }
    }
    if found.is_empty() {
        return Err(missing(
            image,
            "a marker # {\"$imagepolicy\": \"NAMESPACE:NAME\"} with its name",
        ));
    }
    Ok(found)
}

/// The one file of the environment that names the image: by its repository, else by the
/// container's name.
fn searched(
    environment: &str,
    image: &Image,
    component: &Component,
    tree: &Tree<'_>,
) -> Result<Place, Failure> {
    let mut found: Vec<(Fit, Place)> = Vec::new();
    for file in list(tree)? {
        if !file.split('/').any(|part| part == environment) {
            continue;
        }
        let content = (tree.read)(&file)?.unwrap_or_default();
        match fit(&file, &content, component) {
            Ok(Some((fit, locator))) => found.push((fit, (file, locator))),
            Ok(None) => {}
            // A template or another file that is none of ours.
            Err(error) => tracing::debug!("not searched: {error}"),
        }
    }
    let best = found.iter().map(|(fit, _)| *fit).max();
    found.retain(|(fit, _)| Some(*fit) == best);
    let mut places: Vec<_> = found.into_iter().map(|(_, place)| place).collect();
    match (places.len(), places.pop()) {
        (1, Some(place)) => Ok(place),
        (0, _) | (_, None) => Err(missing(
            image,
            &format!("its repository or name in files below a directory {environment}"),
        )),
        (_, Some(last)) => {
            places.push(last);
            Err(ambiguous(&image.name, &places))
        }
    }
}

fn fit(
    file: &str,
    content: &[u8],
    component: &Component,
) -> Result<Option<(Fit, Locator)>, gitops::Error> {
    if gitops::is_kustomization(file) {
        let entry = gitops::kustomization(file, content)?.has_entry(component);
        return Ok(entry.then(|| (Fit::Repository, Locator::Kustomize(component.clone()))));
    }
    let fit = gitops::fit(file, content, component)?;
    Ok(fit.map(|fit| (fit, Locator::Container(component.clone()))))
}

/// Follows a kustomization as kustomize applies it, from what wins to what is overridden:
/// `images:`, then patches, then components and resources.
fn kustomized(
    dir: &str,
    component: &Component,
    tree: &Tree<'_>,
    depth: u32,
) -> Result<Option<Place>, Failure> {
    let mut here = None;
    for path in Kustomization::candidates(dir) {
        if let Some(content) = (tree.read)(&path)? {
            here = Some((path, content));
            break;
        }
    }
    let Some((path, content)) = here else {
        return Ok(None);
    };
    if depth == MAX_DEPTH {
        let message = format!("{path} is nested deeper than {MAX_DEPTH} kustomizations");
        return Err(Failure::message(Kind::Usage, message));
    }
    let kustomization = gitops::kustomization(&path, &content).map_err(edit_failure)?;
    if kustomization.has_entry(component) {
        return Ok(Some((path, Locator::Kustomize(component.clone()))));
    }
    for names in [&kustomization.patches, &kustomization.below] {
        let mut found = Vec::new();
        for name in names {
            // An inline patch or a remote base is no path of this repository.
            let Some(path) = joined(dir, name) else {
                continue;
            };
            match (tree.read)(&path) {
                Ok(Some(content)) if is_yaml(&path) => {
                    let fit = gitops::fit(&path, &content, component).map_err(edit_failure)?;
                    found.extend(fit.map(|_| (path, Locator::Container(component.clone()))));
                }
                _ => found.extend(kustomized(&path, component, tree, depth + 1)?),
            }
        }
        match (found.len(), found.pop()) {
            (0, _) | (_, None) => {}
            (1, place) => return Ok(place),
            (_, Some(last)) => {
                found.push(last);
                return Err(ambiguous(&component.name, &found));
            }
        }
    }
    Ok(None)
}

/// A path relative to a directory, if it stays below the root.
fn joined(dir: &str, name: &str) -> Option<String> {
    if name.contains(['\n', ':', '?']) || name.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_paths_below_the_root() {
        assert_eq!(joined("a/b", "../c/./d.yaml").unwrap(), "a/c/d.yaml");
        assert_eq!(joined("", "base").unwrap(), "base");
        for (dir, name) in [
            ("a", "../../x"),
            ("a", "/etc"),
            ("", ".."),
            ("a", "https://x/y"),
            ("a", "k: |\n v"),
        ] {
            assert_eq!(joined(dir, name), None, "{dir} {name}");
        }
    }
}
