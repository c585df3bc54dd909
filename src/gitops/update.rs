//! Sets a component's image at the places of a locator.

use super::{
    EditOptions, EditOutcome, Error, TargetComponent, WrittenImage,
    error::{BELOW_ROOT, Position},
    graph::{
        self, Overlay, OverlaySource, build, compare,
        places::places,
        reach::PathReach,
        value::{Mark, load},
    },
    helm, overrides, path,
    scalar::write,
    tree::{Tree, joined},
};
use crate::image::Reference;

const MAX_FILES: usize = 50_000;

/// A description of an image's places on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Locator {
    /// The overlay of the environment at its usual path.
    Usual {
        /// Searches all files of the environment when the usual path does not exist.
        search: bool,
    },
    Kustomize(String),
    /// A container in a file of objects.
    File(String),
    /// A path in a file: a scalar, or a mapping of an image's parts.
    Path(String, String),
    /// Flux markers, in one file or all, of one namespace or any.
    Setter {
        /// The file; `None` for all files.
        file: Option<String>,
        /// The namespace of the policy; `None` for any.
        namespace: Option<String>,
    },
}

/// A component's image, with the locator of its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) locator: Locator,
    pub(crate) environment: String,
    pub(crate) component: TargetComponent,
    pub(crate) image: Reference,
    pub(crate) options: EditOptions,
    /// `KIND/NAME`, or an index from 0.
    pub(crate) document: Option<String>,
}

/// Edits the tree; nothing is changed on an error.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn update(tree: &Tree<'_>, edit: &Edit) -> Result<EditOutcome, Error> {
    let saved = tree.save();
    let done = edit.run(tree);
    if done.is_err() {
        tree.restore(saved);
    }
    done
}

impl Edit {
    fn run(&self, tree: &Tree<'_>) -> Result<EditOutcome, Error> {
        match &self.locator {
            Locator::Usual { search } => self.usual(tree, *search),
            Locator::Kustomize(dir) => {
                let dir = checked(dir)?;
                graph::check_dir(tree, &dir)?;
                self.overlay(OverlaySource::Dir(&dir)).update(tree)
            }
            Locator::File(file) => {
                let file = existing(tree, file)?;
                if is_kustomization(&file) {
                    let dir = file.rsplit_once('/').map_or("", |(dir, _)| dir);
                    return self.overlay(OverlaySource::Dir(dir)).update(tree);
                }
                self.effect(tree, &file, || {
                    self.overlay(OverlaySource::File(&file)).update(tree)
                })
            }
            Locator::Path(file, path) => {
                let file = existing(tree, file)?;
                self.effect(tree, &file, || self.path(tree, &file, path))
            }
            Locator::Setter { file, namespace } => {
                self.setter(tree, file.as_deref(), namespace.as_deref())
            }
        }
    }

    fn overlay<'a>(&'a self, source: OverlaySource<'a>) -> Overlay<'a> {
        Overlay {
            source,
            environment: &self.environment,
            component: &self.component,
            image: &self.image,
            options: &self.options,
            document: self.document.as_deref(),
        }
    }

    /// Edits the component's overlay of the environment at the path of the workshop's template.
    fn usual(&self, tree: &Tree<'_>, search: bool) -> Result<EditOutcome, Error> {
        let environment = &self.environment;
        let dirs = [
            format!("components/{}/overlays/{environment}", self.component.name),
            format!("overlays/{environment}"),
        ];
        let mut failed = None;
        for dir in &dirs {
            let dir = checked(dir)?;
            if graph::kustomization_of(tree, &dir)?.is_some() {
                match self.overlay(OverlaySource::Dir(&dir)).update(tree) {
                    Err(error @ Error::NoContainer { .. }) => failed = Some(error),
                    done => return done,
                }
            }
            let file = format!("{dir}/deployment-patch.yaml");
            if failed.is_none() && tree.read(&file)?.is_some() {
                return self.effect(tree, &file, || {
                    self.overlay(OverlaySource::File(&file)).update(tree)
                });
            }
        }
        if search {
            return self.searched(tree);
        }
        Err(failed.unwrap_or_else(|| {
            let usual =
                dirs.map(|dir| format!("{dir}/kustomization.yaml or deployment-patch.yaml"));
            Error::no_file(tree, &usual.join(", or "))
        }))
    }

    /// Edits the one overlay, or else the one file, of the environment that deploys the component.
    fn searched(&self, tree: &Tree<'_>) -> Result<EditOutcome, Error> {
        let overlays = self.deploying_overlays(tree)?;
        match overlays.as_slice() {
            [dir] => return self.overlay(OverlaySource::Dir(dir)).update(tree),
            [] => {}
            [first, ..] => {
                return Err(self.ambiguous(first, &overlays, "name one by --kustomize DIR"));
            }
        }
        let files = self.deploying_files(tree)?;
        match files.as_slice() {
            [file] => self.effect(tree, file, || {
                self.overlay(OverlaySource::File(file)).update(tree)
            }),
            [] => Err(Error::NoContainer {
                at: Position::start(&format!("**/{}/**", self.environment)),
                name: self.component.name.clone(),
                containers: "no file of the environment with that container or repository"
                    .to_owned(),
            }),
            [first, ..] => Err(self.ambiguous(first, &files, "name one by --file FILE")),
        }
    }

    fn ambiguous(&self, first: &str, places: &[String], hint: &str) -> Error {
        Error::Ambiguous {
            at: Position::start(first),
            name: self.component.name.clone(),
            places: places.join(", "),
            hint: hint.to_owned(),
        }
    }

    fn is_of_environment(&self, path: &str) -> bool {
        path.split('/').any(|part| part == self.environment)
    }

    /// Lists the overlays of the environment that deploy the component, without those that include
    /// another one of them.
    fn deploying_overlays(&self, tree: &Tree<'_>) -> Result<Vec<String>, Error> {
        let reach = PathReach::read(tree)?;
        let mut all = Vec::new();
        for dir in tree.kustomizations()? {
            if !self.is_of_environment(&dir) {
                continue;
            }
            match self.overlay(OverlaySource::Dir(&dir)).deploys(tree) {
                Ok(true) => all.push(dir),
                Ok(false) => {}
                Err(error) => {
                    // A component alone, or an overlay with another unsupported construct.
                    tracing::debug!("not searched: {error}");
                    if self.names_component(tree, &dir)? {
                        return Err(error);
                    }
                }
            }
        }
        let includes =
            |dir: &str, other: &str| dir != other && reach.below(dir, "\0").contains(other);
        let outer = all
            .iter()
            .filter(|dir| !all.iter().any(|other| includes(dir, other)));
        Ok(outer.cloned().collect())
    }

    /// Lists the files of the environment, outside of kustomizations, that deploy the component.
    fn deploying_files(&self, tree: &Tree<'_>) -> Result<Vec<String>, Error> {
        let mut files = Vec::new();
        for file in yaml_files(tree)? {
            if !self.is_of_environment(&file) || is_kustomization(&file) {
                continue;
            }
            match self.overlay(OverlaySource::File(&file)).deploys(tree) {
                Ok(true) => files.push(file),
                Ok(false) => {}
                // A template or another file without objects.
                Err(error) => tracing::debug!("not searched: {error}"),
            }
        }
        Ok(files)
    }

    /// Tells whether the text of a kustomization contains the component's name.
    fn names_component(&self, tree: &Tree<'_>, dir: &str) -> Result<bool, Error> {
        let Some(file) = graph::kustomization_of(tree, dir)? else {
            return Ok(false);
        };
        let text = tree.read(&file)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        Ok(self
            .component
            .repositories
            .iter()
            .any(|known| text.contains(known.as_str()))
            || dir.contains(&self.component.name))
    }

    /// Edits a path in one document of a file.
    fn path(&self, tree: &Tree<'_>, file: &str, text: &str) -> Result<EditOutcome, Error> {
        let steps = path::parse(text)?;
        let content = tree.text(file)?.unwrap_or_default();
        let documents = path::documents(load(file, &content)?, self.document.as_deref(), file)?;
        let (mut edits, mut failed, mut fitting) = (Vec::new(), None, 0);
        for document in &documents {
            let mut tried = Err(Error::no_file(tree, file));
            for steps in path::roots(document, &steps) {
                let target = helm::ValuesTarget {
                    document,
                    file,
                    steps: &steps,
                    path: text,
                    component: &self.component,
                    image: &self.image,
                    adopt: self.options.adopt,
                };
                tried = helm::edits(&target);
                if !matches!(tried, Err(Error::NothingThere { .. })) {
                    break;
                }
            }
            match tried {
                Ok(found) => {
                    fitting += 1;
                    edits = found;
                }
                Err(error @ Error::NothingThere { .. }) => failed = failed.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        match (fitting, failed) {
            (1, _) => {
                let warnings = if self.options.copy {
                    Vec::new()
                } else {
                    let values = overrides::Values {
                        file,
                        key: text,
                        steps: &steps,
                        component: &self.component,
                        image: self.image.to_string(),
                    };
                    overrides::check_values(tree, &values)?
                };
                let mut done = self.write(tree, edits)?;
                done.warnings.extend(warnings);
                Ok(done)
            }
            (0, Some(error)) => Err(error),
            _ => Err(Error::Ambiguous {
                at: Position::start(file),
                name: text.to_owned(),
                places: format!("{fitting} documents have it"),
                hint: "name one by --document KIND/NAME or its index from 0".to_owned(),
            }),
        }
    }

    /// Writes scalars of one file, backwards.
    pub(super) fn write(
        &self,
        tree: &Tree<'_>,
        mut edits: Vec<helm::Edit>,
    ) -> Result<EditOutcome, Error> {
        edits.sort_by_key(|(mark, _)| {
            std::cmp::Reverse((
                mark.range.start,
                mark.inner.as_ref().map(|inner| inner.start),
            ))
        });
        let mut done = EditOutcome::default();
        for (mark, text) in edits {
            write(tree, &mark, &text, &self.component.name, &self.options)?;
            done.places.insert(0, written(&mark, &text));
        }
        Ok(done)
    }

    /// Edits a file and proves the effect on the environment when a kustomization reads it.
    fn effect(
        &self,
        tree: &Tree<'_>,
        file: &str,
        edit: impl FnOnce() -> Result<EditOutcome, Error>,
    ) -> Result<EditOutcome, Error> {
        let roots = PathReach::read(tree)?.roots(file);
        if roots.len() > 1 && !self.options.shared_base {
            return Err(self.shared(file, &roots));
        }
        let [root] = roots.as_slice() else {
            return edit();
        };
        let before = build(tree, root);
        let warnings = match self.options.copy {
            true => Vec::new(),
            false => overrides::check_image(tree, root, &self.component, &self.image.to_string())?,
        };
        let mut done = edit()?;
        done.warnings.extend(warnings);
        match before {
            Ok(before) => {
                let after = build(tree, root)?;
                check_effect(&done, &before, &after, root, file)?;
            }
            Err(error) => done
                .warnings
                .push(format!("the effect on {root} is not proved: {error}")),
        }
        Ok(done)
    }

    /// The error for a file that several kustomizations reach.
    fn shared(&self, file: &str, roots: &[String]) -> Error {
        let is_other = |dir: &&String| !dir.split('/').any(|part| part == self.environment);
        let others: Vec<_> = roots.iter().filter(is_other).cloned().collect();
        let others = if others.is_empty() {
            roots.to_vec()
        } else {
            others
        };
        Error::Shared {
            at: Position::start(file),
            file: file.to_owned(),
            others: others.join(", "),
            entry: "an images: entry, with --kustomize DIR of the environment".to_owned(),
        }
    }
}

/// Checks that an edit changes only images of the kustomization `root`, and at least one of them.
fn check_effect(
    done: &EditOutcome,
    before: &graph::Built,
    after: &graph::Built,
    root: &str,
    file: &str,
) -> Result<(), Error> {
    let failed = |reason: String| {
        let first = done.places.first();
        Error::NoEffect {
            at: first.map_or_else(
                || Position::start(file),
                |place| Position::new(&place.file, place.line, 1),
            ),
            path: first.map(|place| place.path.clone()).unwrap_or_default(),
            reason,
        }
    };
    let images = places(&before.resources);
    let mut has_effect = false;
    for (index, (old, new)) in before.resources.iter().zip(&after.resources).enumerate() {
        let mut differences = Vec::new();
        compare(&old.value, &new.value, "", &mut differences);
        for difference in differences {
            has_effect = true;
            let is_image = images
                .iter()
                .any(|place| place.resource == index && place.path == difference.path);
            if !is_image && !difference.source {
                return Err(failed(format!(
                    "{}{} would change too",
                    old.kind_and_name(),
                    difference.path
                )));
            }
        }
    }
    let is_changed = done.places.iter().any(|place| place.old != place.new);
    if is_changed && !has_effect && !before.resources.is_empty() && before.remote.is_empty() {
        return Err(failed(format!(
            "{root} overrides it, or does not use it: name {root} by --kustomize"
        )));
    }
    Ok(())
}

fn written(mark: &Mark, text: &str) -> WrittenImage {
    WrittenImage {
        file: mark.file.to_string(),
        path: mark.path.clone(),
        line: mark.line,
        old: mark.text.clone(),
        new: text.to_owned(),
    }
}

/// Checks that a path is below the root; returns it without `.` and trailing slashes.
fn checked(path: &str) -> Result<String, Error> {
    joined("", path.trim_end_matches('/'))
        .filter(|_| !path.is_empty())
        .ok_or_else(|| Error::PathSyntax {
            path: path.to_owned(),
            reason: BELOW_ROOT.to_owned(),
        })
}

pub(super) fn existing(tree: &Tree<'_>, file: &str) -> Result<String, Error> {
    let path = checked(file)?;
    match tree.read(&path)? {
        Some(_) => Ok(path),
        None => Err(Error::no_file(tree, &path)),
    }
}

pub(super) fn is_kustomization(path: &str) -> bool {
    super::tree::KUSTOMIZATIONS.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// Lists every file that may contain objects.
pub(super) fn yaml_files(tree: &Tree<'_>) -> Result<Vec<String>, Error> {
    let files = tree.files()?;
    let named = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or(path);
        [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| name.ends_with(end))
            || is_kustomization(path)
    };
    let files: Vec<_> = files.iter().filter(named).cloned().collect();
    if files.len() > MAX_FILES {
        return Err(Error::List {
            root: "the repository".to_owned(),
            reason: format!("it has {} YAML files, expected at most {MAX_FILES}", files.len()),
            hint: "keep the environments in a smaller repository, another environment may read any of the files".to_owned(),
        });
    }
    Ok(files)
}
