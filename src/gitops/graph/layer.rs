//! A kustomization: its fields, and the names and labels that it adds to objects.

use std::rc::Rc;

use super::{
    build::refused,
    resource::BuiltResource,
    value::{Mark, Scalar, Value},
};
use crate::gitops::Error;

/// Fields that cannot change an image, or whose effect is handled elsewhere.
const HARMLESS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "replicas",
    "sortOptions",
    "crds",
    "generatorOptions",
    "buildMetadata",
    "validators",
    "helmGlobals",
];
const FOLLOWED: &[&str] = &[
    "resources",
    "bases",
    "components",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "images",
    "imageTags",
    "replacements",
    "transformers",
    "configurations",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "configMapGenerator",
    "secretGenerator",
    "generators",
    "vars",
    "openapi",
    "helmCharts",
    "helmChartInflationGenerator",
];

/// A text with its place in a file.
pub(super) type MarkedText = (String, Rc<Mark>);

pub(super) fn with_mark(scalar: &Scalar, file: &str) -> MarkedText {
    let mark = scalar.mark().cloned().unwrap_or_else(|| {
        Rc::new(Mark {
            file: file.into(),
            line: 1,
            column: 1,
            path: String::new(),
            text: scalar.text.clone(),
            range: 0..0,
            inner: None,
            shared: false,
        })
    });
    (scalar.text.clone(), mark)
}

/// A kustomization with its directory and file.
pub(super) struct Kustomization {
    pub(super) dir: String,
    pub(super) file: String,
    pub(super) value: Value,
}

impl Kustomization {
    /// Refuses unsupported fields that could set an image.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (key, value) in self.value.entries() {
            let empty = value.is_null()
                || value.items().is_empty()
                    && value.entries().is_empty()
                    && value.text().is_none_or(str::is_empty);
            let at = value.position(&self.file);
            let known = HARMLESS.contains(&key.as_str()) || FOLLOWED.contains(&key.as_str());
            match key.as_str() {
                _ if !known => {
                    return Err(refused(
                        at,
                        &format!("the field {key}"),
                        "kustomize v5 does not have it",
                    ));
                }
                _ if empty => {}
                "helmCharts" | "helmChartInflationGenerator" => {
                    return Err(Error::NotUnderstood {
                        at,
                        construct: key.clone(),
                        reason: "the chart is rendered by helm".to_owned(),
                        hint: "edit the chart's values: --helm-values FILE --key KEY".to_owned(),
                    });
                }
                "openapi" => return Err(refused(at, key, "it changes how patches merge lists")),
                "vars" => {
                    let image = |var: &&Value| {
                        let path = var
                            .at(&["fieldref", "fieldpath"])
                            .or_else(|| var.at(&["fieldRef", "fieldPath"]));
                        path.and_then(Value::text)
                            .is_some_and(|path| path.ends_with("image"))
                    };
                    if let Some(var) = value.items().iter().find(image) {
                        return Err(refused(
                            var.position(&self.file),
                            "a var",
                            "it copies an image into other fields",
                        ));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn items(&self, key: &str) -> Result<&[Value], Error> {
        match self.value.get(key) {
            None => Ok(&[]),
            Some(value) if value.is_null() => Ok(&[]),
            Some(Value::List(items)) => Ok(items),
            Some(other) => Err(refused(other.position(&self.file), key, "it is not a list")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<MarkedText>, Error> {
        let one = |item: &Value| match item.scalar() {
            Some(scalar) if !scalar.null => Ok(with_mark(scalar, &self.file)),
            _ => Err(refused(
                item.position(&self.file),
                key,
                "an item is not text",
            )),
        };
        self.items(key)?.iter().map(one).collect()
    }

    pub(super) fn text(&self, key: &str) -> Option<MarkedText> {
        let scalar = self.value.get(key).and_then(Value::scalar)?;
        (!scalar.null && !scalar.text.is_empty()).then(|| with_mark(scalar, &self.file))
    }

    /// Applies namespace, prefix, suffix, labels and annotations: they decide which later patches match.
    pub(super) fn names(&self, resources: &mut [BuiltResource]) -> Result<(), Error> {
        let text = |key: &str| self.text(key).map(|(text, _)| text);
        let (namespace, prefix, suffix) =
            (text("namespace"), text("namePrefix"), text("nameSuffix"));
        let labels = self.labels()?;
        let annotations = self
            .value
            .get("commonAnnotations")
            .map_or(&[][..], Value::entries);
        for resource in resources {
            let kind = resource.original().kind;
            if let Some(namespace) = &namespace
                && !resource.id().is_cluster_scoped()
            {
                resource.rename("namespace", namespace);
            }
            let named = !matches!(
                kind.as_str(),
                "CustomResourceDefinition" | "Namespace" | "APIService"
            );
            if named && (prefix.is_some() || suffix.is_some()) {
                let name = resource.id().name;
                let name = format!(
                    "{}{name}{}",
                    prefix.as_deref().unwrap_or_default(),
                    suffix.as_deref().unwrap_or_default()
                );
                resource.rename("name", &name);
            }
            add_metadata(&mut resource.value, "labels", &labels);
            add_metadata(&mut resource.value, "annotations", annotations);
        }
        Ok(())
    }

    /// Collects the pairs of `labels` and `commonLabels`.
    fn labels(&self) -> Result<Vec<(String, Value)>, Error> {
        let mut labels = Vec::new();
        for entry in self.items("labels")? {
            let pairs = entry.get("pairs").map_or(&[][..], Value::entries);
            labels.extend(pairs.iter().cloned());
        }
        let common = self.value.get("commonLabels");
        labels.extend(common.map_or(&[][..], Value::entries).iter().cloned());
        Ok(labels)
    }
}

/// Adds pairs to a mapping of `metadata`, which is created if it is missing.
fn add_metadata(object: &mut Value, field: &str, pairs: &[(String, Value)]) {
    let Some(metadata) = object.get_mut("metadata").filter(|_| !pairs.is_empty()) else {
        return;
    };
    if metadata.get(field).is_none_or(Value::is_null) {
        metadata.set(field, Value::Map(Vec::new()));
    }
    if let Some(map) = metadata.get_mut(field) {
        for (key, value) in pairs {
            map.set(key, value.clone());
        }
    }
}
