//! Applies kustomize's built-in transformers (`transformers:`), and `configurations:`.

use super::{
    build::{BuildState, OverlayBuilder, refused},
    images::{FieldSpec, ImagesEntry},
    layer::Kustomization,
    patches::strategic,
    value::{Value, load, load_inside},
};
use crate::gitops::Error;

impl OverlayBuilder<'_, '_> {
    /// Applies one entry of `transformers:`, or refuses it when it could set an image.
    pub(super) fn transformer(
        &mut self,
        layer: &Kustomization,
        config: &Value,
        state: &mut BuildState,
    ) -> Result<(), Error> {
        let kind = config.get("kind").and_then(Value::text).unwrap_or_default();
        let at = config.position(&layer.file);
        if is_function(config) || config.get("apiVersion").and_then(Value::text) != Some("builtin")
        {
            return Err(refused(
                at,
                &format!("the transformer {kind}"),
                "it runs a program that could set an image",
            ));
        }
        let file = at.file.clone();
        let inner = Kustomization {
            dir: layer.dir.clone(),
            file,
            value: config.clone(),
        };
        match kind {
            "ImageTagTransformer" => {
                let specs = field_specs(config.get("fieldSpecs"));
                let tag = config
                    .get("imageTag")
                    .ok_or_else(|| refused(at, kind, "it has no imageTag"))?;
                let own = std::mem::replace(&mut state.specs, specs);
                let done = self.image(ImagesEntry::read(tag, &inner.file)?, state, false);
                state.specs = own;
                done
            }
            "PatchTransformer" => self.patch(layer, config, state, false),
            "PatchJson6902Transformer" => self.patch(layer, config, state, true),
            "PatchStrategicMergeTransformer" => {
                for path in inner.texts("paths")? {
                    let documents = self.inline_or_file(layer, &path)?;
                    strategic(&mut state.resources, documents, None, &at)?;
                }
                for path in inner.text("patches").into_iter() {
                    strategic(&mut state.resources, load_inside(&path.1)?, None, &at)?;
                }
                Ok(())
            }
            "ReplacementTransformer" => {
                for replacement in inner.items("replacements")? {
                    self.replacement(layer, replacement, state)?;
                }
                Ok(())
            }
            "AnnotationsTransformer" | "LabelTransformer" | "ReplicaCountTransformer" => Ok(()),
            _ => Err(refused(
                at,
                &format!("the transformer {kind}"),
                "it is not followed here",
            )),
        }
    }
}

/// Applies the `images:` field specifications of a transformer configuration.
pub(super) fn configuration(
    file: &str,
    text: &str,
    specs: &mut Vec<FieldSpec>,
) -> Result<(), Error> {
    for document in load(file, text)? {
        for (key, value) in document.entries() {
            if key == "images" {
                specs.extend(field_specs(Some(value)));
                continue;
            }
            let about_images = |item: &&Value| {
                let paths = std::iter::once(*item).chain(item.items_at(&["fieldSpecs"]));
                paths.into_iter().any(|spec| {
                    spec.get("path")
                        .and_then(Value::text)
                        .is_some_and(|path| path.ends_with("image"))
                })
            };
            if let Some(item) = value.items().iter().find(about_images) {
                return Err(refused(
                    item.position(file),
                    &format!("{key} of a configuration"),
                    "it reaches an image",
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn field_specs(value: Option<&Value>) -> Vec<FieldSpec> {
    let items = value.map_or(&[][..], Value::items);
    let one = |item: &Value| {
        let text = |key: &str| {
            item.get(key)
                .and_then(Value::text)
                .unwrap_or_default()
                .to_owned()
        };
        FieldSpec {
            path: text("path"),
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
        }
    };
    items
        .iter()
        .map(one)
        .filter(|spec| !spec.path.is_empty())
        .collect()
}

pub(super) fn is_function(config: &Value) -> bool {
    ["config.kubernetes.io/function", "config.k8s.io/function"]
        .iter()
        .any(|key| config.at(&["metadata", "annotations", key]).is_some())
}
