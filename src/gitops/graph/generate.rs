//! Generated ConfigMaps and Secrets: replacements may copy their data into images.

use super::{
    build::refused,
    resource::BuiltResource,
    value::{Scalar, Value},
};
use crate::gitops::{
    Error,
    tree::{Tree, joined},
};

/// Adds the generated objects, or merges them into existing ones.
pub(crate) fn run(
    tree: &Tree<'_>,
    dir: &str,
    file: &str,
    kustomization: &Value,
    resources: &mut Vec<BuiltResource>,
) -> Result<(), Error> {
    for (key, kind) in [
        ("configMapGenerator", "ConfigMap"),
        ("secretGenerator", "Secret"),
    ] {
        for arguments in kustomization.items_at(&[key]) {
            let data = data(tree, dir, file, arguments)?;
            let text = |key: &str| arguments.get(key).and_then(Value::text);
            let name = text("name").unwrap_or_default();
            match text("behavior").unwrap_or("create") {
                behavior @ ("merge" | "replace") => {
                    let same = |one: &&mut BuiltResource| {
                        one.any_id(|id| id.kind == kind && id.name == name)
                    };
                    let Some(found) = resources.iter_mut().find(same) else {
                        let at = arguments.position(file);
                        return Err(refused(
                            at,
                            key,
                            &format!("there is no {kind} {name} to {behavior}"),
                        ));
                    };
                    if behavior == "replace" || found.value.get("data").is_none() {
                        found.value.set("data", Value::Map(Vec::new()));
                    }
                    if let Some(map) = found.value.get_mut("data") {
                        for (key, value) in data {
                            map.set(&key, value);
                        }
                    }
                }
                _ => resources.push(BuiltResource::new(
                    object(kind, name, text("namespace"), data),
                    file,
                )),
            }
        }
    }
    Ok(())
}

fn object(kind: &str, name: &str, namespace: Option<&str>, data: Vec<(String, Value)>) -> Value {
    let made = |text: &str| Value::Scalar(Scalar::unplaced(text));
    let mut metadata = vec![("name".to_owned(), made(name))];
    metadata.extend(namespace.map(|namespace| ("namespace".to_owned(), made(namespace))));
    Value::Map(vec![
        ("apiVersion".to_owned(), made("v1")),
        ("kind".to_owned(), made(kind)),
        ("metadata".to_owned(), Value::Map(metadata)),
        ("data".to_owned(), Value::Map(data)),
    ])
}

fn data(
    tree: &Tree<'_>,
    dir: &str,
    file: &str,
    arguments: &Value,
) -> Result<Vec<(String, Value)>, Error> {
    let mut data = Vec::new();
    let read = |path: &str| {
        let full = joined(dir, path);
        let content = match &full {
            Some(full) => tree.read(full)?,
            None => None,
        };
        content.ok_or_else(|| {
            let at = arguments.position(file);
            refused(at, "a generator", &format!("there is no file {path}"))
        })
    };
    let texts = |key: &str| arguments.items_at(&[key]);
    for item in texts("files") {
        let text = item.text().unwrap_or_default();
        let (key, path) = match text.split_once('=') {
            Some((key, path)) => (key, path),
            None => (text.rsplit('/').next().unwrap_or(text), text),
        };
        let content = read(path)?;
        let content = String::from_utf8_lossy(&content).into_owned();
        data.push((key.to_owned(), Value::Scalar(Scalar::unplaced(content))));
    }
    let single = arguments.get("env").into_iter();
    for item in single.chain(texts("envs")) {
        let content = read(item.text().unwrap_or_default())?;
        for line in String::from_utf8_lossy(&content).lines() {
            let line = line.trim_start();
            if let Some((key, value)) = line.split_once('=')
                && !line.starts_with('#')
            {
                data.push((key.to_owned(), Value::Scalar(Scalar::unplaced(value))));
            }
        }
    }
    for item in texts("literals") {
        let Some(scalar) = item.scalar() else {
            continue;
        };
        let Some((key, value)) = scalar.text.split_once('=') else {
            continue;
        };
        let quoted = |q: char| value.len() > 1 && value.starts_with(q) && value.ends_with(q);
        let inset = usize::from(quoted('"') || quoted('\''));
        let start = key.len() + 1 + inset;
        let pieces = scalar.slice(start..scalar.text.len() - inset);
        data.push((key.to_owned(), Value::Scalar(Scalar::joined(pieces))));
    }
    Ok(data)
}
