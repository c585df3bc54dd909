//! Applies patches: strategic merge and JSON, by file or inline, with and without a target.

use super::{
    build::{BuildState, OverlayBuilder, fails, refused},
    json_patch,
    layer::{Kustomization, with_mark},
    merge::{self, has_schema},
    resource::{BuiltResource, Selector, expanded, id_of},
    value::{Value, load, load_inside},
};
use crate::gitops::{Error, error::Position, tree::joined};

impl OverlayBuilder<'_, '_> {
    /// Applies one entry of `patches` or `patchesJson6902`.
    pub(super) fn patch(
        &mut self,
        layer: &Kustomization,
        patch: &Value,
        state: &mut BuildState,
        json_only: bool,
    ) -> Result<(), Error> {
        let at = patch.position(&layer.file);
        let documents = self.patch_documents(layer, patch, &at)?;
        let selector = match patch.get("target").filter(|target| !target.is_null()) {
            Some(target) => Some(
                Selector::read(target)
                    .map_err(|reason| refused(at.clone(), "a patch target", &reason))?,
            ),
            None => None,
        };
        if documents
            .iter()
            .any(|document| matches!(document, Value::List(_)))
        {
            let [Value::List(operations)] = documents.as_slice() else {
                return Err(refused(at, "a JSON patch", "it has several documents"));
            };
            let Some(selector) = selector else {
                return Err(fails(at, "a JSON patch", "it has no target"));
            };
            return apply_json(&mut state.resources, operations, &selector, &at);
        }
        if json_only {
            return Err(refused(
                at,
                "patchesJson6902",
                "it is not a list of operations",
            ));
        }
        let option = |key: &str| patch.at(&["options", key]).and_then(Value::text) == Some("true");
        if option("allowKindChange") {
            return Err(refused(
                at,
                "allowKindChange",
                "the object becomes another kind",
            ));
        }
        let renames = option("allowNameChange");
        let target = selector.map(|selector| (selector, renames));
        if renames && target.is_none() {
            return Err(refused(at, "allowNameChange", "it has no target"));
        }
        strategic(&mut state.resources, documents, target.as_ref(), &at)
    }

    /// Reads the documents of a patch, which has either the text or a path.
    fn patch_documents(
        &self,
        layer: &Kustomization,
        patch: &Value,
        at: &Position,
    ) -> Result<Vec<Value>, Error> {
        let given = |value: Option<&Value>| {
            value
                .and_then(Value::scalar)
                .filter(|scalar| !scalar.null && !scalar.text.is_empty())
                .cloned()
        };
        let inline = given(patch.get("patch").or_else(|| patch.get("jsonOp")));
        match (inline, given(patch.get("path"))) {
            (Some(inline), None) => match inline.mark() {
                Some(mark) => load_inside(mark),
                None => load(&layer.file, &inline.text),
            },
            (None, Some(path)) => {
                let path = with_mark(&path, &layer.file);
                let text = self.file(layer, &path)?;
                load(&joined(&layer.dir, &path.0).unwrap_or_default(), &text)
            }
            _ => Err(refused(
                at.clone(),
                "a patch",
                "it needs either path or patch",
            )),
        }
    }
}

/// Applies a JSON patch to every object that the target selects.
fn apply_json(
    resources: &mut [BuiltResource],
    operations: &[Value],
    selector: &Selector,
    at: &Position,
) -> Result<(), Error> {
    for resource in resources {
        let selected = selector
            .selects(resource)
            .map_err(|reason| refused(at.clone(), "a patch target", &reason))?;
        if selected {
            let before = resource.id();
            json_patch::apply(&mut resource.value, operations)
                .map_err(|reason| fails(at.clone(), "a JSON patch", &reason))?;
            if resource.id() != before {
                resource.previous.push(before);
            }
        }
    }
    Ok(())
}

/// Applies strategic merge patches: to the objects of the target, else to the object of the same name.
pub(super) fn strategic(
    resources: &mut Vec<BuiltResource>,
    documents: Vec<Value>,
    target: Option<&(Selector, bool)>,
    at: &Position,
) -> Result<(), Error> {
    let documents =
        expanded(documents).map_err(|reason| refused(at.clone(), "a patch", &reason))?;
    if target.is_some() && documents.len() > 1 {
        return Err(fails(
            at.clone(),
            "a patch with a target",
            "it has several documents",
        ));
    }
    for patch in documents {
        let at = patch
            .first_mark()
            .map_or_else(|| at.clone(), |mark| mark.position());
        let id = id_of(&patch);
        let mut selected = Vec::new();
        for (index, resource) in resources.iter().enumerate() {
            let fits = match target {
                Some((selector, _)) => selector
                    .selects(resource)
                    .map_err(|reason| refused(at.clone(), "a patch target", &reason))?,
                None => resource.any_id(|known| known.matches(&id)),
            };
            if fits {
                selected.push(index);
            }
        }
        if target.is_none() && selected.len() != 1 {
            let reason = format!(
                "{} objects have its kind and name {}/{}",
                selected.len(),
                id.kind,
                id.name
            );
            return Err(fails(at, "a patch", &reason));
        }
        let renames = target.is_some_and(|(_, renames)| *renames);
        for index in selected.into_iter().rev() {
            let Some(resource) = resources.get_mut(index) else {
                continue;
            };
            if !patched(resource, &patch, renames)
                .map_err(|reason| fails(at.clone(), "a patch", &reason))?
            {
                resources.remove(index);
            }
        }
    }
    Ok(())
}

/// Merges a patch into an object; `false` when the patch deletes it.
fn patched(resource: &mut BuiltResource, patch: &Value, renames: bool) -> Result<bool, String> {
    let before = resource.id();
    let text = |key: &str| {
        resource
            .value
            .get(key)
            .and_then(Value::text)
            .unwrap_or_default()
            .to_owned()
    };
    let schema = has_schema(&text("apiVersion"), &text("kind"));
    let mut patch = patch.clone();
    patch.remove("apiVersion");
    patch.remove("kind");
    if let Some(metadata) = patch.get_mut("metadata") {
        metadata.remove("namespace");
        if !renames {
            metadata.remove("name");
        }
    }
    let old = std::mem::replace(&mut resource.value, Value::Map(Vec::new()));
    match merge::merge(Some(old), patch, "the object", schema)? {
        Some(value) => {
            resource.value = value;
            if resource.id() != before {
                resource.previous.push(before);
            }
            Ok(true)
        }
        None => Ok(false),
    }
}
