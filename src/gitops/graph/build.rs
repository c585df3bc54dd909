//! Builds a kustomization in the order of kustomize v5.7: resources, generators, components,
//! then the transformers (patches, names, labels, JSON patches, images, replacements, others).

use std::{collections::BTreeSet, rc::Rc};

use super::{
    images::{self, FieldSpec, ImagesEntry},
    layer::{Kustomization, MarkedText, with_mark},
    patches::strategic,
    replace,
    resource::{BuiltResource, expanded},
    transformers::{configuration, is_function},
    value::{Mark, Value, load, load_inside},
};
use crate::gitops::{
    Error,
    error::Position,
    tree::{KUSTOMIZATIONS, Tree, joined},
};

const MAX_DEPTH: usize = 32;
/// The most objects of one build.
const MAX_RESOURCES: usize = 20_000;

/// The objects of a kustomization, with the places that set their images.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(crate) resources: Vec<BuiltResource>,
    /// URLs of remote resources, which are not fetched.
    pub(crate) remote: Vec<(String, Position)>,
    /// Every `images:` entry with the number of images that it matched.
    pub(crate) entries: Vec<(Rc<ImagesEntry>, usize)>,
    /// The directories of all kustomizations that were read.
    pub(crate) dirs: BTreeSet<String>,
    /// The kustomization file of the overlay itself.
    pub(crate) file: String,
}

/// Builds the kustomization of a directory.
///
/// # Errors
/// [`Error::NotUnderstood`] for an unsupported construct that could set an image,
/// [`Error::NoFile`], [`Error::Parse`], [`Error::NotEditable`].
pub(crate) fn build(tree: &Tree<'_>, dir: &str) -> Result<Built, Error> {
    let mut builder = OverlayBuilder {
        tree,
        stack: Vec::new(),
        built: Built::default(),
    };
    let (file, _) = builder.kustomization(dir)?;
    builder.built.file = file;
    let all = builder.target(dir, None, BuildState::default())?;
    let mut built = builder.built;
    built.resources = all.resources;
    built.resources.retain(|resource| {
        let local = [
            "metadata",
            "annotations",
            "config.kubernetes.io/local-config",
        ];
        resource
            .value
            .at(&local)
            .and_then(Value::text)
            .is_none_or(|text| text == "false")
    });
    Ok(built)
}

/// Returns the directory's kustomization file, if it has one.
pub(crate) fn kustomization_of(tree: &Tree<'_>, dir: &str) -> Result<Option<String>, Error> {
    let mut found = Vec::new();
    for name in KUSTOMIZATIONS {
        let path = if dir.is_empty() {
            name.to_owned()
        } else {
            format!("{dir}/{name}")
        };
        if tree.read(&path)?.is_some() {
            found.push(path);
        }
    }
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        [first, ..] => Err(Error::NotUnderstood {
            at: Position::start(first),
            construct: "a directory with several kustomizations".to_owned(),
            reason: found.join(", "),
            hint: "keep one of them".to_owned(),
        }),
    }
}

/// Reads the objects of one file as if it were the only resource.
///
/// # Errors
/// [`Error::Parse`], [`Error::NotEditable`].
pub(crate) fn build_file(tree: &Tree<'_>, file: &str) -> Result<Built, Error> {
    let Some(text) = tree.text(file)? else {
        return Err(Error::no_file(tree, file));
    };
    let documents = load(file, &text)?;
    let objects = documents
        .into_iter()
        .filter(|value| matches!(value, Value::Map(_)))
        .collect();
    let objects =
        expanded(objects).map_err(|reason| refused(Position::start(file), "a List", &reason))?;
    Ok(Built {
        resources: objects
            .into_iter()
            .map(|value| BuiltResource::new(value, file))
            .collect(),
        file: file.to_owned(),
        ..Built::default()
    })
}

#[derive(Default)]
pub(super) struct BuildState {
    pub(super) resources: Vec<BuiltResource>,
    pub(super) specs: Vec<FieldSpec>,
}

pub(super) struct OverlayBuilder<'a, 't> {
    tree: &'a Tree<'t>,
    stack: Vec<String>,
    built: Built,
}

impl OverlayBuilder<'_, '_> {
    fn kustomization(&self, dir: &str) -> Result<(String, Value), Error> {
        let Some(file) = kustomization_of(self.tree, dir)? else {
            let shown = if dir.is_empty() { "." } else { dir };
            return Err(Error::no_file(
                self.tree,
                &format!("{shown}/kustomization.yaml"),
            ));
        };
        let text = self.tree.text(&file)?.unwrap_or_default();
        let mut documents = load(&file, &text)?;
        documents.retain(|document| !document.is_null());
        match (documents.len(), documents.pop()) {
            (1, Some(value @ Value::Map(_))) => Ok((file, value)),
            _ => Err(Error::NotUnderstood {
                at: Position::start(&file),
                construct: "the kustomization".to_owned(),
                reason: "it is not one mapping".to_owned(),
                hint: String::new(),
            }),
        }
    }

    /// Builds a directory on top of `state`, which is empty except for a component.
    fn target(
        &mut self,
        dir: &str,
        from: Option<&Rc<Mark>>,
        state: BuildState,
    ) -> Result<BuildState, Error> {
        let at = || from.map_or_else(|| Position::start(dir), |mark| mark.position());
        if self.stack.iter().any(|open| open == dir) || self.stack.len() >= MAX_DEPTH {
            return Err(refused(
                at(),
                "a kustomization",
                "it includes itself, or is nested too deep",
            ));
        }
        let (file, value) = self.kustomization(dir)?;
        self.built.dirs.insert(dir.to_owned());
        self.stack.push(dir.to_owned());
        let layer = Kustomization {
            dir: dir.to_owned(),
            file,
            value,
        };
        layer.check()?;
        let state = self.layer(&layer, state);
        self.stack.pop();
        state
    }

    fn layer(&mut self, layer: &Kustomization, mut state: BuildState) -> Result<BuildState, Error> {
        for key in ["resources", "bases"] {
            for path in layer.texts(key)? {
                self.resource(layer, &path, &mut state)?;
            }
        }
        for path in layer.texts("configurations")? {
            let text = self.file(layer, &path)?;
            configuration(&path.0, &text, &mut state.specs)?;
        }
        super::generate::run(
            self.tree,
            &layer.dir,
            &layer.file,
            &layer.value,
            &mut state.resources,
        )?;
        for path in layer.texts("generators")? {
            self.external_generator(layer, &path)?;
        }
        for path in layer.texts("components")? {
            let Some(below) = joined(&layer.dir, &path.0) else {
                return Err(outside(&path));
            };
            if kustomization_of(self.tree, &below)?.is_none() {
                return Err(missing_resource(&path, "a component"));
            }
            state = self.target(&below, Some(&path.1), state)?;
        }
        self.transform(layer, &mut state)?;
        if state.resources.len() > MAX_RESOURCES {
            return Err(refused(
                Position::start(&layer.file),
                "the kustomization",
                "it has too many objects",
            ));
        }
        Ok(state)
    }

    fn resource(
        &mut self,
        layer: &Kustomization,
        path: &MarkedText,
        state: &mut BuildState,
    ) -> Result<(), Error> {
        let below = joined(&layer.dir, &path.0);
        if let Some(below) = &below {
            if let Some(text) = self.tree.text(below)? {
                let documents = load(below, &text)?;
                for value in expanded(documents)
                    .map_err(|reason| refused(path.1.position(), below, &reason))?
                {
                    state.resources.push(BuiltResource::new(value, below));
                }
                return Ok(());
            }
            if kustomization_of(self.tree, below)?.is_some() {
                let found = self.target(below, Some(&path.1), BuildState::default())?;
                state.resources.extend(found.resources);
                state.specs.extend(found.specs);
                return Ok(());
            }
        }
        if is_remote(&path.0) {
            self.built.remote.push((path.0.clone(), path.1.position()));
            return Ok(());
        }
        Err(below.map_or_else(|| outside(path), |_| missing_resource(path, "a resource")))
    }

    /// Reads a file that a kustomization names.
    pub(super) fn file(&self, layer: &Kustomization, path: &MarkedText) -> Result<String, Error> {
        let Some(full) = joined(&layer.dir, &path.0) else {
            return Err(outside(path));
        };
        self.tree
            .text(&full)?
            .ok_or_else(|| missing_resource(path, "a file"))
    }

    /// Parses a field that holds either a path or the text itself.
    pub(super) fn inline_or_file(
        &self,
        layer: &Kustomization,
        path: &MarkedText,
    ) -> Result<Vec<Value>, Error> {
        if path.0.contains('\n') || path.0.trim_start().starts_with(['{', '[']) {
            return load_inside(&path.1);
        }
        let text = self.file(layer, path)?;
        let full = joined(&layer.dir, &path.0).unwrap_or_default();
        load(&full, &text)
    }

    fn external_generator(
        &mut self,
        layer: &Kustomization,
        path: &MarkedText,
    ) -> Result<(), Error> {
        for value in self.configs(layer, path)? {
            let kind = value
                .get("kind")
                .and_then(Value::text)
                .unwrap_or_default()
                .to_owned();
            if !matches!(kind.as_str(), "ConfigMapGenerator" | "SecretGenerator")
                || is_function(&value)
            {
                let at = value.position(&layer.file);
                return Err(refused(
                    at,
                    &format!("the generator {kind}"),
                    "it could make a workload",
                ));
            }
        }
        Ok(())
    }

    /// Reads the configurations of generators or transformers: inline, a file, or a kustomization.
    fn configs(&mut self, layer: &Kustomization, path: &MarkedText) -> Result<Vec<Value>, Error> {
        let dir = joined(&layer.dir, &path.0).filter(|_| !path.0.contains('\n'));
        if let Some(dir) = dir
            && self.tree.read(&dir)?.is_none()
            && kustomization_of(self.tree, &dir)?.is_some()
        {
            let found = self.target(&dir, Some(&path.1), BuildState::default())?;
            return Ok(found
                .resources
                .into_iter()
                .map(|resource| resource.value)
                .collect());
        }
        self.inline_or_file(layer, path)
    }

    fn transform(&mut self, layer: &Kustomization, state: &mut BuildState) -> Result<(), Error> {
        for path in layer.texts("patchesStrategicMerge")? {
            let documents = self.inline_or_file(layer, &path)?;
            strategic(&mut state.resources, documents, None, &path.1.position())?;
        }
        for patch in layer.items("patches")? {
            self.patch(layer, patch, state, false)?;
        }
        layer.names(&mut state.resources)?;
        for patch in layer.items("patchesJson6902")? {
            self.patch(layer, patch, state, true)?;
        }
        for key in ["images", "imageTags"] {
            for entry in layer.items(key)? {
                self.image(ImagesEntry::read(entry, &layer.file)?, state, true)?;
            }
        }
        for replacement in layer.items("replacements")? {
            self.replacement(layer, replacement, state)?;
        }
        for path in layer.texts("transformers")? {
            for config in self.configs(layer, &path)? {
                self.transformer(layer, &config, state)?;
            }
        }
        Ok(())
    }

    pub(super) fn image(
        &mut self,
        entry: ImagesEntry,
        state: &mut BuildState,
        defaults: bool,
    ) -> Result<(), Error> {
        let entry = Rc::new(entry);
        let pattern = entry.pattern()?;
        let mut matched = 0;
        for resource in &mut state.resources {
            matched += images::apply(
                &mut resource.value,
                &entry,
                &pattern,
                &state.specs,
                defaults,
            )
            .map_err(|reason| fails(entry.position(), "an images: entry", &reason))?;
        }
        self.built.entries.push((entry, matched));
        Ok(())
    }

    pub(super) fn replacement(
        &mut self,
        layer: &Kustomization,
        value: &Value,
        state: &mut BuildState,
    ) -> Result<(), Error> {
        let at = value.position(&layer.file);
        let found = match value.get("path").and_then(Value::scalar) {
            Some(scalar) => {
                let path = with_mark(scalar, &layer.file);
                let text = self.file(layer, &path)?;
                let full = joined(&layer.dir, &path.0).unwrap_or_default();
                load(&full, &text)?
            }
            None => vec![value.clone()],
        };
        for document in found {
            let each = match document {
                Value::List(items) => items,
                one => vec![one],
            };
            for one in each {
                let at = one
                    .first_mark()
                    .map_or_else(|| at.clone(), |mark| mark.position());
                replace::apply(&mut state.resources, &one)
                    .map_err(|reason| fails(at, "a replacement", &reason))?;
            }
        }
        Ok(())
    }
}

pub(super) fn is_remote(path: &str) -> bool {
    let host = path.split(['/', ':']).next().unwrap_or_default();
    path.contains("://")
        || path.starts_with("git@")
        || path.contains("?ref=")
        || path.contains(".git/")
        || path.contains("//")
        || host.contains('.') && !host.starts_with('.') && path.contains('/')
}

fn outside(path: &MarkedText) -> Error {
    Error::Outside {
        at: path.1.position(),
        path: path.0.clone(),
    }
}

fn missing_resource(path: &MarkedText, what: &str) -> Error {
    Error::NotUnderstood {
        at: path.1.position(),
        construct: format!("{what} named {}", path.0),
        reason: "no such file, and no directory with a kustomization".to_owned(),
        hint: "correct the path; kustomize build fails there too".to_owned(),
    }
}

pub(super) fn refused(at: Position, construct: &str, reason: &str) -> Error {
    Error::NotUnderstood {
        at,
        construct: construct.to_owned(),
        reason: reason.to_owned(),
        hint: String::new(),
    }
}

/// The error for a construct at which kustomize itself would fail.
pub(super) fn fails(at: Position, construct: &str, reason: &str) -> Error {
    Error::NotUnderstood {
        at,
        construct: construct.to_owned(),
        reason: reason.to_owned(),
        hint: "run `kustomize build`, which fails here too".to_owned(),
    }
}
