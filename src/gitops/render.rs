//! Fills images into a copy of a directory, and finds objects that a target cannot have.
//!
//! A kustomization is built as for `update-deployment`; the values of a chart are edited; other
//! directories contain files of objects. The copy serves one deployment alone, so that a base may be
//! edited in place.

mod kinds;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use kinds::unfit;

use super::{
    Edit, EditOptions, EditOutcome, Error, Locator, TargetComponent,
    error::Position,
    graph::{
        Overlay, OverlaySource, build, build_file, kustomization_of, reach,
        value::{Value, load, path_of, quoted},
    },
    helm,
    scalar::write,
    tree::Tree,
    update::{is_kustomization, update, yaml_files},
    yaml::{self, SpannedNode},
};
use crate::image::Reference;

/// The kind of a deployment directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryKind {
    Kustomize,
    Helm,
    Plain,
}

/// Determines the kind of a directory.
///
/// # Errors
/// [`Error::NotUnderstood`] for a directory with several kustomizations.
pub(crate) fn layout(tree: &Tree<'_>, dir: &str) -> Result<DirectoryKind, Error> {
    if kustomization_of(tree, dir)?.is_some() {
        return Ok(DirectoryKind::Kustomize);
    }
    let chart = tree.read(&below(dir, "Chart.yaml"))?;
    Ok(if chart.is_some() {
        DirectoryKind::Helm
    } else {
        DirectoryKind::Plain
    })
}

/// Returns the files outside of the directory that its kustomization reads.
///
/// # Errors
/// [`Error::Outside`] when one of them is not below the tree's root, else any [`Error`].
pub(crate) fn files(tree: &Tree<'_>, dir: &str) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let built = build(tree, dir)?;
    let mut paths = tree.read_so_far();
    for dir in &built.dirs {
        let Some(file) = kustomization_of(tree, dir)? else {
            continue;
        };
        let text = tree.text(&file)?.unwrap_or_default();
        for document in load(&file, &text)? {
            reach::references(&document, dir, &mut paths);
        }
    }
    let mut found = BTreeMap::new();
    for path in paths {
        if let Some(content) = tree.read(&path)? {
            found.insert(path, content.to_vec());
        }
    }
    Ok(found)
}

/// Sets a component's image at every place where the directory deploys it.
///
/// # Errors
/// [`Error::NoContainer`] when the directory does not deploy it, else any [`Error`].
pub(crate) fn fill(
    tree: &Tree<'_>,
    dir: &str,
    layout: DirectoryKind,
    component: &TargetComponent,
    image: &Reference,
) -> Result<EditOutcome, Error> {
    let options = EditOptions {
        all: true,
        create: true,
        shared_base: true,
        allow_shared: true,
        copy: true,
        ..EditOptions::default()
    };
    let set = |source: OverlaySource<'_>| {
        let overlay = Overlay {
            source,
            environment: "",
            component,
            image,
            options: &options,
            document: None,
        };
        overlay.update(tree)
    };
    match layout {
        DirectoryKind::Kustomize => set(OverlaySource::Dir(dir)),
        DirectoryKind::Helm => chart(tree, dir, component, image, options),
        DirectoryKind::Plain => {
            let mut done = EditOutcome::default();
            for file in object_files(tree, dir)? {
                match set(OverlaySource::File(&file)) {
                    Ok(one) => {
                        done.places.extend(one.places);
                        done.warnings.extend(one.warnings);
                    }
                    Err(Error::NoContainer { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            found(done, dir, component)
        }
    }
}

fn below(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

fn object_files(tree: &Tree<'_>, dir: &str) -> Result<Vec<String>, Error> {
    let prefix = below(dir, "");
    let mut files = yaml_files(tree)?;
    files.retain(|file| file.starts_with(&prefix) && !is_kustomization(file));
    Ok(files)
}

fn found(done: EditOutcome, dir: &str, component: &TargetComponent) -> Result<EditOutcome, Error> {
    if !done.places.is_empty() {
        return Ok(done);
    }
    Err(Error::NoContainer {
        at: Position::start(if dir.is_empty() { "." } else { dir }),
        name: component.name.clone(),
        containers: format!("no image of {}", component.repositories.join(" or ")),
    })
}

/// Edits the values of a chart, and those of its subcharts that its own values set.
fn chart(
    tree: &Tree<'_>,
    dir: &str,
    component: &TargetComponent,
    image: &Reference,
    options: EditOptions,
) -> Result<EditOutcome, Error> {
    check_templates(tree, dir, component)?;
    let prefix = below(dir, "");
    let values: Vec<String> = tree
        .files()?
        .iter()
        .filter(|path| {
            let name = path.strip_prefix(&prefix).unwrap_or_default();
            name.starts_with("values") && name.ends_with(".yaml") && !name.contains('/')
        })
        .cloned()
        .collect();
    let mut done = EditOutcome::default();
    for file in values {
        let text = tree.text(&file)?.unwrap_or_default();
        let mut paths = Vec::new();
        for document in load(&file, &text)? {
            collect(&document, "", "", component, &mut paths);
        }
        for path in paths {
            let edit = Edit {
                locator: Locator::Path(file.clone(), path),
                environment: String::new(),
                component: component.clone(),
                image: image.clone(),
                options,
                document: None,
            };
            let one = update(tree, &edit)?;
            done.places.extend(one.places);
        }
    }
    found(done, dir, component)
}

/// Collects the paths of the component's images in the values of a chart.
fn collect(
    value: &Value,
    key: &str,
    path: &str,
    component: &TargetComponent,
    found: &mut Vec<String>,
) {
    match value {
        Value::Map(entries) => {
            let image = helm::present(value).is_some_and(|image| component.knows(&image));
            if image && !path.is_empty() {
                found.push(path.trim_start_matches('.').to_owned());
                return;
            }
            for (name, inner) in entries {
                let at = format!("{path}.{}", quoted(name));
                collect(inner, name, &at, component, found);
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, key, &path_of(path, at, items), component, found);
            }
        }
        Value::Scalar(scalar) => {
            let named = key.to_ascii_lowercase().contains("image");
            if named && !scalar.null && component.knows(&scalar.text) {
                found.push(path.trim_start_matches('.').to_owned());
            }
        }
    }
}

/// Refuses a template that contains the image itself: values cannot change it.
fn check_templates(tree: &Tree<'_>, dir: &str, component: &TargetComponent) -> Result<(), Error> {
    let prefix = below(dir, "templates/");
    let repositories: BTreeSet<&String> = component.repositories.iter().collect();
    for file in tree
        .files()?
        .iter()
        .filter(|file| file.starts_with(&prefix))
    {
        let bytes = tree.read(file)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for (at, line) in text.lines().enumerate() {
            let image = line.trim_start().trim_start_matches("- ");
            let Some(image) = image.strip_prefix("image:") else {
                continue;
            };
            if repositories
                .iter()
                .any(|known| image.contains(known.as_str()))
            {
                return Err(Error::NotEditable {
                    at: Position::new(file, at + 1, 1),
                    path: "image".to_owned(),
                    reason: format!("the template names the image of {} itself", component.name),
                    hint: "take it from the chart's values".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Removes objects of some kinds from files of objects, and puts the others into a namespace.
///
/// # Errors
/// Any [`Error`]; an object of these kinds inside a `kind: List` is refused.
pub(crate) fn prepare(
    tree: &Tree<'_>,
    dir: &str,
    skip: &[&str],
    namespace: Option<&str>,
) -> Result<(), Error> {
    let files = object_files(tree, dir)?;
    for file in files.iter().filter(|_| !skip.is_empty()) {
        remove_kinds(tree, file, skip)?;
    }
    let Some(namespace) = namespace else {
        return Ok(());
    };
    let mut old = BTreeSet::new();
    let mut marks = Vec::new();
    for file in &files {
        for resource in build_file(tree, file)?.resources {
            if let Some(scalar) = resource
                .value
                .at(&["metadata", "namespace"])
                .and_then(Value::scalar)
            {
                old.insert(scalar.text.clone());
                marks.extend(scalar.mark().cloned());
            }
            for subject in resource.value.items_at(&["subjects"]) {
                let scalar = subject.get("namespace").and_then(Value::scalar);
                marks.extend(scalar.and_then(|scalar| scalar.mark()).cloned());
            }
        }
    }
    // A subject in another namespace is not changed.
    marks.retain(|mark| old.contains(&mark.text));
    marks.sort_by_key(|mark| (mark.file.clone(), std::cmp::Reverse(mark.range.start)));
    let options = EditOptions {
        allow_shared: true,
        ..EditOptions::default()
    };
    for mark in marks {
        write(tree, &mark, namespace, "the namespace", &options)?;
    }
    Ok(())
}

/// Removes the documents of some kinds with the separators before them.
fn remove_kinds(tree: &Tree<'_>, file: &str, skip: &[&str]) -> Result<(), Error> {
    let text = tree.text(file)?.unwrap_or_default();
    let mut starts = vec![0];
    for (at, line) in text.lines().enumerate() {
        if at > 0 && (line == "---" || line.starts_with("--- ")) {
            starts.push(at);
        }
    }
    let mut gone = BTreeSet::new();
    for document in yaml::parse(file, &text)? {
        let kind = document
            .get("kind")
            .and_then(SpannedNode::text)
            .unwrap_or_default();
        let inside = document.get("items").map_or(&[][..], SpannedNode::items);
        let inside = inside.iter().find(|item| {
            let kind = item
                .get("kind")
                .and_then(SpannedNode::text)
                .unwrap_or_default();
            skip.contains(&kind)
        });
        if let Some(item) = inside {
            return Err(Error::NotEditable {
                at: item.position(file),
                path: "items".to_owned(),
                reason: "an item of a List is not left out".to_owned(),
                hint: "write it as its own document".to_owned(),
            });
        }
        if skip.contains(&kind) {
            gone.extend(starts.iter().rposition(|start| *start < document.line));
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let mut after = String::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let part = starts
            .iter()
            .rposition(|start| *start <= at)
            .unwrap_or_default();
        if !gone.contains(&part) {
            after.push_str(line);
        }
    }
    tree.put(file, after.into_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree<'static> {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        Tree::of(files.collect())
    }

    fn web() -> (TargetComponent, Reference) {
        let component = TargetComponent {
            name: "web".to_owned(),
            repositories: vec!["quay.io/acme/web".to_owned()],
        };
        let image = format!("quay.io/acme/web@sha256:{}", "ab".repeat(32));
        (component, image.parse().unwrap())
    }

    #[test]
    fn fills_every_image_of_a_component_and_names_one_that_is_not_deployed() {
        let pod = "kind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, image: 'quay.io/acme/web:v1'}]\n  containers: [{name: web, image: 'quay.io/acme/web:v1'}, {name: x, image: 'quay.io/acme/x:v1'}]\n";
        let tree = tree(&[("a.yaml", pod), ("sub/b.yaml", pod)]);
        assert_eq!(layout(&tree, "").unwrap(), DirectoryKind::Plain);
        let (mut component, image) = web();
        let done = fill(&tree, "", DirectoryKind::Plain, &component, &image).unwrap();
        assert_eq!(done.places.len(), 4);
        assert!(
            done.places
                .iter()
                .all(|place| place.new == image.to_string())
        );
        component.name = "other".to_owned();
        component.repositories = vec!["quay.io/acme/other".to_owned()];
        let error = fill(&tree, "", DirectoryKind::Plain, &component, &image);
        assert!(matches!(error, Err(Error::NoContainer { .. })), "{error:?}");
    }

    #[test]
    fn fills_values_and_refuses_templates_that_name_the_image() {
        let values = "web: {image: {registry: quay.io, repository: acme/web, digest: ''}}\nworker: {image: 'quay.io/acme/web:v1'}\nother: {image: 'quay.io/acme/x:v1'}\n";
        let chart = [("Chart.yaml", "name: web\n"), ("values.yaml", values)];
        let filled = tree(&chart);
        let (component, image) = web();
        let done = fill(&filled, "", DirectoryKind::Helm, &component, &image).unwrap();
        assert_eq!(done.places.len(), 4, "{:?}", done.places);
        let literal = [(
            "templates/a.yaml",
            "spec:\n  image: quay.io/acme/web:{{ .v }}\n",
        )];
        let tree = tree(&[chart.as_slice(), literal.as_slice()].concat());
        let error = fill(&tree, "", DirectoryKind::Helm, &component, &image).unwrap_err();
        assert!(
            error.to_string().starts_with("templates/a.yaml:2:1"),
            "{error}"
        );
    }

    #[test]
    fn cuts_kinds_out_and_sets_the_namespace() {
        let objects = "# first\nkind: Namespace\nmetadata: {name: a}\n---\nkind: RoleBinding\nmetadata: {name: b, namespace: a}\nsubjects: [{name: x, namespace: a}, {name: y, namespace: other}]\n--- # last\nkind: Route\nmetadata: {name: d}\n";
        let tree = tree(&[("a.yaml", objects)]);
        prepare(&tree, "", &["Namespace", "Route"], Some("test-1")).unwrap();
        let text = tree.text("a.yaml").unwrap().unwrap();
        assert_eq!(
            text,
            "---\nkind: RoleBinding\nmetadata: {name: b, namespace: test-1}\nsubjects: [{name: x, namespace: test-1}, {name: y, namespace: other}]\n"
        );
    }

    #[test]
    fn names_what_a_namespace_cannot_hold() {
        let objects = "kind: Namespace\nmetadata: {name: a}\n---\nkind: Deployment\nmetadata: {name: b}\n---\nkind: Job\nmetadata: {name: c}\nspec: {activeDeadlineSeconds: 3}\n---\nkind: Route\nmetadata: {name: d}\n---\nkind: ClusterServiceVersion\nmetadata: {name: e}\n";
        let tree = tree(&[("a.yaml", objects)]);
        let found = unfit(&tree, "", DirectoryKind::Plain).unwrap();
        let found: Vec<_> = found.iter().map(|one| one.object.as_str()).collect();
        assert_eq!(found, ["Namespace/a", "Job/c", "Route/d"]);
    }
}
