//! The images of `ec validate image`: Snapshots and references, merged as upstream merges them.
//!
//! Unlike `images.json` of the other commands, images may be tags, and names may be missing.

use super::{Context, image::Args};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    kube::Kube,
    snapshot::{Component, Snapshot},
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
        // A text that is no file is the Snapshot itself.
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
    Snapshot::parse(text, "the input").map_err(|error| {
        let text = format!("unable to parse Snapshot specification from {text}: {error}");
        Failure::message(Kind::Usage, text)
    })
}

async fn of_cluster(name: &str, context: &Context) -> Result<Snapshot, Failure> {
    let kube = Kube::open(&context.env).or_fail(Kind::Usage)?;
    let (namespace, name) = name.split_once('/').unwrap_or((kube.namespace(), name));
    let api = ["apis", "appstudio.redhat.com", "v1alpha1"];
    let object = kube
        .object(&api, "snapshots", "Snapshot", namespace, name)
        .await
        .or_fail(Kind::Usage)?;
    read(&serde_json::Value::Object(object).to_string())
}

/// The first text wins; an image stands once, under the first real name.
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
    fn an_image_stands_once_under_its_first_real_name() {
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
