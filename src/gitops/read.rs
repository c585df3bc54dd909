//! Lists the images that a directory of a GitOps repository deploys.
//!
//! Kustomizations are built; files that none of them reads are treated as objects, values of
//! charts, or patches. Reading fails closed: an unclear image is an error.

use std::collections::BTreeSet;

use super::{
    Error,
    error::Position,
    graph::{
        Built, build, kustomization_of,
        places::places,
        reach::PathReach,
        split,
        value::{Value, load},
    },
    tree::Tree,
    update::{is_kustomization, yaml_files},
};
use crate::image::Reference;

/// A deployed image with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployed {
    /// The reference as written.
    pub(crate) image: String,
    /// The container's name, or the last key of the values; may be empty.
    pub(crate) container: String,
}

/// Lists every image of a directory once, in the order of the objects.
///
/// # Errors
/// Any [`Error`]: an unreadable file could hide an image.
pub(crate) fn deployed(tree: &Tree<'_>, dir: &str) -> Result<(Vec<Deployed>, Vec<String>), Error> {
    let mut reading = DeploymentReader::default();
    if kustomization_of(tree, dir)?.is_some() {
        reading.built(&build(tree, dir)?)?;
        reading.name_unread(tree, dir)?;
    } else {
        reading.directory(tree, dir)?;
    }
    let mut known = BTreeSet::new();
    reading.found.retain(|one| known.insert(one.image.clone()));
    Ok((reading.found, reading.warnings))
}

#[derive(Default)]
struct DeploymentReader {
    found: Vec<Deployed>,
    warnings: Vec<String>,
}

impl DeploymentReader {
    /// Warns of files with images beside a kustomization that does not read them.
    fn name_unread(&mut self, tree: &Tree<'_>, dir: &str) -> Result<(), Error> {
        let read = PathReach::read(tree)?.below(dir, "\0");
        for file in yaml_files(tree)? {
            let parent = file.rsplit_once('/').map_or("", |(parent, _)| parent);
            if parent != dir || is_kustomization(&file) || read.contains(&file) {
                continue;
            }
            let text = tree.text(&file)?.unwrap_or_default();
            if text.contains("image") {
                self.warnings.push(format!(
                    "{file}: the kustomization does not read this file, its images are not listed"
                ));
            }
        }
        Ok(())
    }

    /// Reads a directory without a kustomization of its own: those below it, and single files.
    fn directory(&mut self, tree: &Tree<'_>, dir: &str) -> Result<(), Error> {
        let below = |path: &str| dir.is_empty() || path.starts_with(&format!("{dir}/"));
        let reach = PathReach::read(tree)?;
        let mut dirs: Vec<_> = tree
            .kustomizations()?
            .into_iter()
            .filter(|one| below(one))
            .collect();
        let all = dirs.clone();
        dirs.retain(|one| {
            !all.iter()
                .any(|other| other != one && reach.below(other, "\0").contains(one))
        });
        let mut read = BTreeSet::new();
        for root in &dirs {
            read.extend(reach.below(root, "\0"));
            match build(tree, root) {
                Ok(built) => self.built(&built)?,
                // A component alone builds nothing; its patches are read where it is used.
                Err(error) if is_component(tree, root)? => tracing::debug!("not built: {error}"),
                Err(error) => return Err(error),
            }
        }
        for file in yaml_files(tree)? {
            if !below(&file) || is_kustomization(&file) || read.contains(&file) {
                continue;
            }
            let text = tree.text(&file)?.unwrap_or_default();
            for document in load(&file, &text)? {
                self.document(&document, &file)?;
            }
        }
        Ok(())
    }

    fn built(&mut self, built: &Built) -> Result<(), Error> {
        for resource in &built.resources {
            self.document(&resource.value, &resource.file)?;
        }
        let Some((url, at)) = built.remote.first() else {
            return Ok(());
        };
        let alone: Vec<_> = built
            .entries
            .iter()
            .filter(|(_, matched)| *matched == 0)
            .collect();
        if alone.is_empty() {
            return Err(Error::NotUnderstood {
                at: at.clone(),
                construct: format!("the resource {url}"),
                reason: "a remote resource is not fetched, so that its images are unknown"
                    .to_owned(),
                hint: "vendor the resource, or name the images by --image".to_owned(),
            });
        }
        self.warnings.push(format!(
            "{at}: the resource {url} is not fetched; its images are assumed to be the images: entries"
        ));
        for (entry, _) in alone {
            let text = |scalar: &Option<super::graph::value::Scalar>| {
                scalar
                    .as_ref()
                    .map(|scalar| scalar.text.clone())
                    .unwrap_or_default()
            };
            let mut image = entry
                .new_name
                .as_ref()
                .map_or_else(|| entry.name.clone(), |name| name.text.clone());
            for (mark, part) in [(":", text(&entry.new_tag)), ("@", text(&entry.digest))] {
                if !part.is_empty() {
                    image = format!("{image}{mark}{part}");
                }
            }
            self.add(&image, "", entry.position())?;
        }
        Ok(())
    }

    fn document(&mut self, document: &Value, file: &str) -> Result<(), Error> {
        match document {
            Value::List(operations) => self.patch(operations, file),
            Value::Map(_) => {
                if document.get("kind").and_then(Value::text) == Some("CustomResourceDefinition") {
                    return Ok(());
                }
                let resource = super::graph::resource(document.clone(), file);
                let mut seen = BTreeSet::new();
                for place in places(std::slice::from_ref(&resource)) {
                    self.add(&place.scalar.text, &place.container, place.position(file))?;
                    seen.insert(place.path);
                }
                self.values(document, "", "", &seen, file)
            }
            Value::Scalar(_) => Ok(()),
        }
    }

    /// Reads a JSON patch outside of kustomizations: its values at paths of images.
    fn patch(&mut self, operations: &[Value], file: &str) -> Result<(), Error> {
        for operation in operations {
            let path = operation
                .get("path")
                .and_then(Value::text)
                .unwrap_or_default();
            let Some(value) = operation.get("value") else {
                continue;
            };
            match value.text() {
                Some(text) if path.ends_with("/image") || path.ends_with("/image/reference") => {
                    self.add(text, "", value.position(file))?;
                }
                _ => self.document(value, file)?,
            }
        }
        Ok(())
    }

    /// Reads images in the values of charts, and in fields named `image` of any other kind.
    fn values(
        &mut self,
        value: &Value,
        key: &str,
        path: &str,
        seen: &BTreeSet<String>,
        file: &str,
    ) -> Result<(), Error> {
        match value {
            Value::Map(entries) => {
                if let Some(image) = composed(value) {
                    let (image, at) =
                        image.map_err(|reason| unclear(value.position(file), path, &reason))?;
                    self.add(&image, &owner(path), at.position(file))?;
                }
                for (name, inner) in entries {
                    let below = format!("{path}.{}", super::graph::value::quoted(name));
                    self.values(inner, name, &below, seen, file)?;
                }
            }
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    let below = super::graph::value::path_of(path, at, items);
                    if key == "images" && path.contains("kustomize") && item.text().is_some() {
                        let text = item.text().unwrap_or_default();
                        let text = text.split_once('=').map_or(text, |(_, image)| image);
                        self.add(text, "", item.position(file))?;
                        continue;
                    }
                    self.values(item, "", &below, seen, file)?;
                }
            }
            Value::Scalar(scalar) => {
                let named = key == "image" || key.ends_with("Image");
                if named && !scalar.null && !seen.contains(path) && looks_like_image(&scalar.text) {
                    self.add(&scalar.text, &owner(path), value.position(file))?;
                } else if key == "values"
                    && scalar.text.contains('\n')
                    && scalar.text.contains("image")
                {
                    // Values of an Argo CD Application as text.
                    let Some(mark) = scalar.mark() else {
                        return Ok(());
                    };
                    for inner in super::graph::value::load_inside(mark)? {
                        self.values(&inner, "", "", &BTreeSet::new(), file)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, image: &str, container: &str, at: Position) -> Result<(), Error> {
        if let Err(error) = image.parse::<Reference>() {
            return Err(unclear(at, image, &error.to_string()));
        }
        self.found.push(Deployed {
            image: image.to_owned(),
            container: container.to_owned(),
        });
        Ok(())
    }
}

fn unclear(at: Position, what: &str, reason: &str) -> Error {
    Error::NotUnderstood {
        at,
        construct: format!("the image {what}"),
        reason: reason.to_owned(),
        hint: "name the images by --image, or the directory of one environment by --overlay"
            .to_owned(),
    }
}

/// Returns the image of a mapping with `repository` and a version.
fn composed(value: &Value) -> Option<Result<(String, &Value), String>> {
    let text = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| value.get(key).and_then(Value::text))
            .unwrap_or_default()
    };
    let place = ["repository", "image"]
        .iter()
        .find_map(|key| value.get(key).filter(|value| value.text().is_some()))?;
    let version = ["tag", "digest", "sha", "sha256", "version", "imageTag"];
    if !version
        .iter()
        .any(|key| value.get(key).is_some_and(|value| value.scalar().is_some()))
    {
        return None;
    }
    let repository = place.text().unwrap_or_default();
    if split(repository).0 != repository
        || value.get("chart").is_some()
        || repository.contains("://")
    {
        return None;
    }
    let mut image = match text(&["registry"]) {
        "" => repository.to_owned(),
        registry => format!("{registry}/{repository}"),
    };
    let tag = text(&["tag", "version", "imageTag"]);
    let digest = text(&["digest", "sha", "sha256"]);
    if tag.is_empty() && digest.is_empty() {
        return Some(Err(format!("{image} has no tag: the chart decides")));
    }
    if !tag.is_empty() {
        image = format!("{image}:{tag}");
    }
    if !digest.is_empty() {
        image = format!("{image}@sha256:{}", digest.trim_start_matches("sha256:"));
    }
    Some(Ok((image, place)))
}

/// Returns the component of a value's key: `web` of `.web.image`.
fn owner(path: &str) -> String {
    let mut keys = path
        .split(['.', '['])
        .filter(|key| !key.is_empty() && !key.starts_with("image"));
    keys.next_back()
        .unwrap_or_default()
        .trim_matches(['"', ']'])
        .to_owned()
}

/// Tells whether text under a key named `image` is a reference.
fn looks_like_image(text: &str) -> bool {
    let word = !text.is_empty() && !text.contains(char::is_whitespace);
    word && (text.contains('/') || text.contains(':') || text.contains("${") || text.contains("{{"))
        && !text.contains("://")
}

fn is_component(tree: &Tree<'_>, dir: &str) -> Result<bool, Error> {
    let Some(file) = kustomization_of(tree, dir)? else {
        return Ok(false);
    };
    let text = tree.text(&file)?.unwrap_or_default();
    let documents = load(&file, &text)?;
    Ok(documents
        .iter()
        .any(|one| one.get("kind").and_then(Value::text) == Some("Component")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<Vec<String>, Error> {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        let (found, _) = deployed(&Tree::of(files.collect()), "")?;
        Ok(found.into_iter().map(|one| one.image).collect())
    }

    #[test]
    fn finds_images_of_every_kind_of_file() {
        for (text, expected) in [
            (
                "kind: List\nitems:\n- kind: Pod\n  spec: {containers: [{name: w, image: 'q.io/a:v1'}]}\n",
                "q.io/a:v1",
            ),
            (
                "kind: Pod\nspec: {volumes: [{name: d, image: {reference: 'q.io/b:v1'}}]}\n",
                "q.io/b:v1",
            ),
            (
                "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: q.io/c:v1\n",
                "q.io/c:v1",
            ),
            (
                "kind: ScaledJob\nspec: {jobTargetRef: {template: {spec: {containers: [{name: w, image: 'q.io/d:v1'}]}}}}\n",
                "q.io/d:v1",
            ),
            (
                "kind: CronWorkflow\nspec: {workflowSpec: {templates: [{name: w, container: {image: 'q.io/e:v1'}}]}}\n",
                "q.io/e:v1",
            ),
            (
                "kind: Task\nspec: {steps: [{name: w, image: 'q.io/f:v1'}]}\n",
                "q.io/f:v1",
            ),
            (
                "web:\n  image: {registry: q.io, repository: g, tag: v1}\n",
                "q.io/g:v1",
            ),
            (
                "image: {repository: q.io/h, tag: v1, sha: '0123456789012345678901234567890123456789012345678901234567890123'}\n",
                "q.io/h:v1@sha256:0123456789012345678901234567890123456789012345678901234567890123",
            ),
            (
                "kind: HelmRelease\nspec: {values: {image: {repository: q.io/i, tag: v1}}}\n",
                "q.io/i:v1",
            ),
            (
                "kind: Prometheus\nspec: {image: 'q.io/j:v1'}\n",
                "q.io/j:v1",
            ),
            (
                "kind: Application\nspec:\n  source:\n    helm:\n      values: |\n        image:\n          repository: q.io/k\n          tag: v1\n",
                "q.io/k:v1",
            ),
        ] {
            assert_eq!(found(&[("a.yaml", text)]).unwrap(), [expected], "{text}");
        }
    }

    #[test]
    fn fails_on_an_image_that_it_does_not_understand() {
        for text in [
            "kind: Pod\nspec: {containers: [{name: w, image: '${WEB}'}]}\n",
            "image: {repository: q.io/h, tag: ''}\n",
            "a: [\n",
        ] {
            assert!(found(&[("a.yaml", text)]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_kustomization_is_built() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec: {containers: [{name: w, image: 'q.io/a:v1'}]}\n";
        let entry = "resources: [pod.yaml]\nimages: [{name: q.io/a, newTag: v2}]\n";
        let files = [("k/pod.yaml", pod), ("k/kustomization.yaml", entry)];
        assert_eq!(found(&files).unwrap(), ["q.io/a:v2"]);
        let remote = [(
            "kustomization.yaml",
            "resources: ['https://example.com/x?ref=v1']\nimages: [{name: w, newName: q.io/w, newTag: v3}]\n",
        )];
        assert_eq!(found(&remote).unwrap(), ["q.io/w:v3"]);
        let unknown = [(
            "kustomization.yaml",
            "resources: ['https://example.com/x?ref=v1']\n",
        )];
        assert!(found(&unknown).is_err());
    }

    #[test]
    fn every_kind_of_a_kustomization_is_read_and_other_files_are_named() {
        let every = [
            (
                "kustomization.yaml",
                "resources: [list.yaml, volume.yaml, scaledjob.yaml, deployment.yaml]\npatches: [{path: p.yaml, target: {kind: Deployment}}]\n",
            ),
            (
                "list.yaml",
                "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: l}, spec: {containers: [{name: web, image: 'q.io/a:v1'}]}}]\n",
            ),
            (
                "volume.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: v}\nspec: {containers: [{name: api, image: 'q.io/api:v1'}], volumes: [{name: d, image: {reference: 'q.io/b:v1'}}]}\n",
            ),
            (
                "deployment.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {template: {spec: {containers: [{name: w, image: 'q.io/old:v1'}]}}}\n",
            ),
            (
                "p.yaml",
                "- {op: replace, path: /spec/template/spec/containers/0/image, value: 'q.io/c:v1'}\n",
            ),
            (
                "scaledjob.yaml",
                "apiVersion: keda.sh/v1alpha1\nkind: ScaledJob\nmetadata: {name: s}\nspec: {jobTargetRef: {template: {spec: {containers: [{name: w, image: 'q.io/d:v1'}]}}}}\n",
            ),
            (
                "left.yaml",
                "kind: Pod\nspec: {containers: [{name: w, image: 'q.io/x:v1'}]}\n",
            ),
        ];
        let mut images = found(&every).unwrap();
        images.sort();
        assert_eq!(
            images,
            [
                "q.io/a:v1",
                "q.io/api:v1",
                "q.io/b:v1",
                "q.io/c:v1",
                "q.io/d:v1"
            ]
        );
        let files = every.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        let (_, warnings) = deployed(&Tree::of(files.into()), "").unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("left.yaml:"), "{warnings:?}");
    }
}
