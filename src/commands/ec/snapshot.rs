//! The images of `ec validate image`: Snapshots and references, merged as upstream merges them.
//!
//! Unlike `images.json` of the other commands, images may be tags, and names may be missing. Members are matched
//! as Go's decoder matches them, in any case; two that differ in case alone are refused.

use serde_json::Value;

use super::{Context, image::Args};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    json,
    kube::Kube,
    snapshot::{Component, MAX_BYTES, Snapshot},
};

const UNNAMED: &str = "Unnamed";

/// Reads and merges everything that the flags name.
///
/// # Errors
/// [`Kind::Usage`] when nothing is named or something cannot be read.
pub(super) async fn determine(args: &Args, context: &Context) -> Result<Snapshot, Failure> {
    let mut merged = Snapshot::default();
    let mut provided = false;
    let mut add = |snapshot: Snapshot| {
        merge(&mut merged, snapshot);
        provided = true;
    };
    if let Some(text) = given(&args.images) {
        // A text that is not the name of a file is the Snapshot itself.
        add(match std::fs::read_to_string(text) {
            Ok(content) => read(&content)?,
            Err(_) => read(text)?,
        });
    }
    if let Some(path) = given(&args.file_path) {
        let content = std::fs::read_to_string(path).or_fail(Kind::Usage);
        let content = content.map_err(|failure| failure.context(format!("open {path}")))?;
        add(read(&content)?);
    }
    if let Some(text) = given(&args.json_input) {
        add(read(text)?);
    }
    if let Some(image) = given(&args.image) {
        add(Snapshot {
            components: vec![Component {
                name: UNNAMED.to_owned(),
                container_image: image.to_owned(),
                source: None,
                other: Default::default(),
            }],
            ..Snapshot::default()
        });
    }
    if let Some(name) = given(&args.snapshot) {
        add(of_cluster(name, context).await?);
    }
    if !provided {
        let text = "neither Snapshot nor image reference provided to validate";
        return Err(Failure::message(Kind::Usage, text));
    }
    Ok(merged)
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn read(text: &str) -> Result<Snapshot, Failure> {
    let failed = |reason: String| {
        let text = format!("unable to parse Snapshot specification from {text}: {reason}");
        Failure::message(Kind::Usage, text)
    };
    if text.len() > MAX_BYTES {
        return Err(failed(format!("it has more than {MAX_BYTES} bytes")));
    }
    let document = json::json_or_yaml(text).map_err(|error| failed(error.to_string()))?;
    if let Some(kind) = document.get("kind").and_then(Value::as_str)
        && kind != "Snapshot"
    {
        tracing::warn!(
            "a document of kind {kind:?} is read as a Snapshot, as upstream does; verify-ec refuses it"
        );
    }
    let document = in_go(document).map_err(failed)?;
    Snapshot::of_document(document, "the input").map_err(|error| failed(error.to_string()))
}

/// Renames the members of a Snapshot to the case that they have in the resource.
fn in_go(mut document: Value) -> Result<Value, String> {
    fold(&mut document, &["spec"])?;
    let spec = match document.get_mut("spec") {
        Some(spec) if spec.is_object() => spec,
        _ => &mut document,
    };
    fold(
        spec,
        &[
            "application",
            "displayName",
            "displayDescription",
            "components",
            "artifacts",
        ],
    )?;
    text(spec, &["application", "displayName", "displayDescription"]);
    let components = spec.get_mut("components").and_then(Value::as_array_mut);
    for component in components.into_iter().flatten() {
        fold(component, &["name", "containerImage", "source"])?;
        text(component, &["name", "containerImage"]);
        let Some(source) = component.get_mut("source") else {
            continue;
        };
        fold(source, &["git"])?;
        if let Some(git) = source.get_mut("git") {
            fold(
                git,
                &["url", "revision", "context", "devfileUrl", "dockerfileUrl"],
            )?;
            if let Some(git) = git.as_object_mut() {
                git.entry("url").or_insert_with(|| Value::from(""));
            }
        }
    }
    Ok(document)
}

/// Turns a number or boolean into a text, as Go's YAML reader does where a text is expected.
fn text(object: &mut Value, names: &[&str]) {
    for name in names {
        let Some(value) = object.get_mut(*name) else {
            continue;
        };
        let scalar = match &*value {
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            _ => None,
        };
        if let Some(scalar) = scalar {
            *value = scalar.into();
        }
    }
}

fn fold(object: &mut Value, names: &[&str]) -> Result<(), String> {
    let Some(members) = object.as_object_mut() else {
        return Ok(());
    };
    for name in names {
        let same: Vec<_> = members
            .keys()
            .filter(|member| member.eq_ignore_ascii_case(name))
            .cloned()
            .collect();
        match same.as_slice() {
            [] => {}
            [one] if one == name => {}
            [one] => {
                if let Some(value) = members.shift_remove(one) {
                    members.insert((*name).to_owned(), value);
                }
            }
            many => {
                return Err(format!(
                    "the members {} differ in case alone",
                    many.join(" and ")
                ));
            }
        }
    }
    Ok(())
}

/// Reads a Snapshot of the cluster, as `[NAMESPACE/]NAME`.
///
/// # Errors
/// Those of the cluster's API.
pub(crate) async fn of_cluster(name: &str, context: &Context) -> Result<Snapshot, Failure> {
    let kube = Kube::open(&context.env).or_fail(Kind::Usage)?;
    let (namespace, name) = name.split_once('/').unwrap_or((kube.namespace(), name));
    let api = ["apis", "appstudio.redhat.com", "v1alpha1"];
    let object = kube
        .object(&api, "snapshots", "Snapshot", namespace, name)
        .await
        .or_fail(Kind::Usage)?;
    read(&Value::Object(object).to_string())
}

/// Merges two Snapshots: the first text wins; an image is listed once, under the first real name.
fn merge(merged: &mut Snapshot, snapshot: Snapshot) {
    if merged.application.is_empty() {
        merged.application = snapshot.application;
    }
    for member in ["displayName", "displayDescription"] {
        if let Some(value) = snapshot.other.get(member) {
            let entry = merged.other.entry(member.to_owned());
            entry.or_insert_with(|| value.clone());
        }
    }
    for component in snapshot.components {
        let known = merged
            .components
            .iter_mut()
            .find(|known| known.container_image == component.container_image);
        match known {
            None => merged.components.push(component),
            Some(known) if known.name.is_empty() || known.name == UNNAMED => {
                known.name = component.name;
            }
            Some(known) => tracing::warn!(
                image = known.container_image,
                kept = known.name,
                dropped = component.name,
                "two components have the same image"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(components: &[(&str, &str)]) -> Snapshot {
        let components = components.iter().map(|(name, image)| Component {
            name: (*name).to_owned(),
            container_image: (*image).to_owned(),
            source: None,
            other: Default::default(),
        });
        Snapshot {
            components: components.collect(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn an_image_is_listed_once_under_its_first_real_name() {
        let mut merged = Snapshot::default();
        merge(
            &mut merged,
            snapshot(&[("", "a:1"), ("b", "b:1"), ("a", "a:1"), ("c", "b:1")]),
        );
        merge(&mut merged, snapshot(&[(UNNAMED, "c:1"), ("other", "a:1")]));
        merge(&mut merged, snapshot(&[("c", "c:1")]));
        assert_eq!(
            merged.components,
            snapshot(&[("a", "a:1"), ("b", "b:1"), ("c", "c:1")]).components
        );
    }

    #[test]
    fn members_are_found_in_any_case() {
        let read_text = |text: &str| read(text).map_err(|failure| failure.cause());
        let found = read_text(
            r#"{"Components": [{"NAME": "a", "containerimage": "a:1", "source": {"Git": {}}}]}"#,
        );
        let found = found.unwrap();
        assert_eq!(found.components[0].name, "a");
        assert_eq!(found.components[0].container_image, "a:1");
        let twice =
            read_text(r#"{"components": [{"containerImage": "a:1", "ContainerImage": "b:1"}]}"#);
        assert!(twice.unwrap_err().contains("case alone"));
        let number = read_text(r#"{"components": [{"name": 1, "containerImage": "a:1"}]}"#);
        assert_eq!(number.unwrap().components[0].name, "1");
        assert!(read_text(r#"{"components": [{"name": {}, "containerImage": "a:1"}]}"#).is_err());
    }

    #[test]
    fn the_first_application_wins() {
        let mut merged = Snapshot::default();
        for application in ["", "first", "second"] {
            let given = Snapshot {
                application: application.to_owned(),
                ..Snapshot::default()
            };
            merge(&mut merged, given);
        }
        assert_eq!(merged.application, "first");
    }
}
