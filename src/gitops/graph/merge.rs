//! Applies strategic merge patches as kustomize does.
//!
//! Lists merge by key where kustomize's own schema has one, which is for the built-in workload
//! kinds; items of the patch come first. In any other kind the patch's list replaces the list.

use super::value::Value;

/// Returns the merge key for a list of a built-in kind.
fn merge_key(field: &str) -> Option<&'static str> {
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets" => Some("name"),
        "hostAliases" => Some("ip"),
        "ports" => Some("containerPort"),
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "topologySpreadConstraints" => Some("topologyKey"),
        "ownerReferences" => Some("uid"),
        _ => None,
    }
}

/// Tells whether kustomize's schema has merge keys for a kind.
pub(crate) fn has_schema(api_version: &str, kind: &str) -> bool {
    match api_version {
        "apps/v1" => matches!(
            kind,
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"
        ),
        "batch/v1" => matches!(kind, "Job" | "CronJob"),
        "batch/v1beta1" => kind == "CronJob",
        "v1" => matches!(kind, "Pod" | "PodTemplate" | "ReplicationController"),
        _ => false,
    }
}

/// The `$patch` directive of a mapping or list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(text: &str) -> Result<Directive, String> {
    match text {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        other => Err(format!("$patch: {other} is not a directive")),
    }
}

/// Merges a patch into a value; `None` when the patch deletes it.
///
/// # Errors
/// The reason, when kustomize would fail or the patch has an unsupported directive.
pub(crate) fn merge(
    dest: Option<Value>,
    patch: Value,
    field: &str,
    schema: bool,
) -> Result<Option<Value>, String> {
    match (dest, patch) {
        (_, patch) if patch.is_null() => Ok(None),
        (Some(dest), patch) if dest.is_null() => merge(None, patch, field, schema),
        (Some(Value::Map(dest)), Value::Map(patch)) => merge_maps(Some(dest), patch, schema),
        (None, Value::Map(patch)) => merge_maps(None, patch, schema),
        (Some(Value::List(dest)), Value::List(patch)) => merge_lists(dest, patch, field, schema),
        (None, Value::List(patch)) => merge_lists(Vec::new(), patch, field, schema),
        (Some(Value::Scalar(_)) | None, patch @ Value::Scalar(_)) => Ok(Some(patch)),
        _ => Err(format!(
            "{field} has another type in the patch than in its target"
        )),
    }
}

fn merge_maps(
    dest: Option<Vec<(String, Value)>>,
    mut patch: Vec<(String, Value)>,
    schema: bool,
) -> Result<Option<Value>, String> {
    let mut what = Directive::Merge;
    if let Some(at) = patch.iter().position(|(key, _)| key == "$patch") {
        let (_, value) = patch.remove(at);
        what = directive(value.text().unwrap_or_default())?;
    }
    if let Some((key, _)) = patch.iter().find(|(key, _)| {
        key.starts_with("$setElementOrder")
            || key.starts_with("$deleteFrom")
            || key == "$retainKeys"
    }) {
        return Err(format!("the directive {key} is not followed here"));
    }
    let mut merged = match what {
        Directive::Delete => return Ok(None),
        Directive::Replace => Vec::new(),
        Directive::Merge => dest.unwrap_or_default(),
    };
    for (key, value) in patch {
        let at = merged.iter().position(|(known, _)| *known == key);
        let old = at.map(|at| merged.remove(at).1);
        if let Some(value) = merge(old, value, &key, schema)? {
            merged.insert(at.unwrap_or(merged.len()), (key, value));
        }
    }
    Ok(Some(Value::Map(merged)))
}

fn merge_lists(
    dest: Vec<Value>,
    mut patch: Vec<Value>,
    field: &str,
    schema: bool,
) -> Result<Option<Value>, String> {
    let Some(key) = merge_key(field).filter(|_| schema) else {
        // kustomize leaves directives in lists that are replaced as a whole in its output.
        return Ok(Some(Value::List(patch)));
    };
    let mut what = Directive::Merge;
    let only = |item: &Value| item.get("$patch").is_some() && item.entries().len() == 1;
    if let Some(at) = patch.iter().position(only) {
        let item = patch.remove(at);
        what = directive(item.get("$patch").and_then(Value::text).unwrap_or_default())?;
    }
    let mut rest = match what {
        Directive::Delete => return Ok(None),
        Directive::Replace => Vec::new(),
        Directive::Merge => dest,
    };
    let mut merged: Vec<Value> = Vec::new();
    for item in patch {
        let name = item.get(key).and_then(Value::text).map(str::to_owned);
        let Some(name) = name else {
            return Err(format!("an item of {field} has no {key}"));
        };
        let same = |other: &Value| {
            other.get(key).and_then(Value::text) == Some(&name)
                && same_protocol(field, other, &item)
        };
        let old = rest.iter().position(same).map(|at| rest.remove(at));
        if let Some(value) = merge(old, item, field, schema)? {
            merged.push(value);
        }
    }
    merged.extend(rest);
    Ok(Some(Value::List(merged)))
}

/// Tells whether two ports have one protocol.
fn same_protocol(field: &str, a: &Value, b: &Value) -> bool {
    let of = |value: &Value| {
        value
            .get("protocol")
            .and_then(Value::text)
            .unwrap_or("TCP")
            .to_owned()
    };
    field != "ports" || of(a) == of(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitops::graph::value::load;

    fn merged(dest: &str, patch: &str, schema: bool) -> Option<Value> {
        let one = |text| load("f", text).unwrap().remove(0);
        merge(Some(one(dest)), one(patch), "", schema).unwrap()
    }

    fn shown(value: &Value) -> String {
        match value {
            Value::Scalar(scalar) => scalar.text.clone(),
            Value::List(items) => format!(
                "[{}]",
                items.iter().map(shown).collect::<Vec<_>>().join(",")
            ),
            Value::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(k, v)| format!("{k}:{}", shown(v)))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }

    #[test]
    fn items_of_the_patch_come_first_and_merge_by_name() {
        let dest = "containers: [{name: a, image: x}, {name: b, image: y}]";
        for (patch, schema, expected) in [
            (
                "containers: [{name: b, image: z}]",
                true,
                "{containers:[{name:b,image:z},{name:a,image:x}]}",
            ),
            (
                "containers: [{name: c}]",
                true,
                "{containers:[{name:c},{name:a,image:x},{name:b,image:y}]}",
            ),
            (
                "containers: [{name: a, $patch: delete}]",
                true,
                "{containers:[{name:b,image:y}]}",
            ),
            (
                "containers: [{$patch: replace}, {name: c}]",
                true,
                "{containers:[{name:c}]}",
            ),
            (
                "containers: [{name: b, image: z}]",
                false,
                "{containers:[{name:b,image:z}]}",
            ),
            ("containers: null", true, "{}"),
            (
                "{x: {y: null, z: 1}}",
                true,
                "{containers:[{name:a,image:x},{name:b,image:y}],x:{z:1}}",
            ),
        ] {
            assert_eq!(
                shown(&merged(dest, patch, schema).unwrap()),
                expected,
                "{patch}"
            );
        }
        assert!(merged(dest, "$patch: delete", true).is_none());
    }
}
