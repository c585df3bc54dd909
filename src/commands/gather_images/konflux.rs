//! Snapshots of Konflux: read from the cluster by name, and written as a resource.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    commands::{
        Context,
        cluster::{self, API_VERSION, ClusterFlags, ObjectName},
        failures::kube_failure,
    },
    failure::{Failure, Kind, OrFail as _},
    release::objects::{GROUP, ObjectKind},
    snapshot::Images,
};

/// Returns the text of `--snapshot`: a resource of the cluster as JSON, other texts unchanged.
///
/// An integration test has the specification as JSON, or the bare name of the Snapshot in the namespace of its
/// PipelineRun. A file is preferred to a name.
///
/// # Errors
/// Those of reading the resource; [`Kind::Usage`] for a text that is neither JSON nor a file nor a name.
pub(super) async fn text(
    given: String,
    flags: &ClusterFlags,
    context: &Context,
) -> Result<String, Failure> {
    let is_text = given.trim_start().starts_with('{') || given == "-" || given.starts_with("file:");
    if is_text {
        return Ok(given);
    }
    let named = given.starts_with("k8s:");
    let in_pod = context.env.get("KUBERNETES_SERVICE_HOST").is_some();
    if !named && (!in_pod || context.path(Some(Path::new(&given)), "").exists()) {
        return Ok(given);
    }
    let name = ObjectName::parse(&given).map_err(|error| {
        kube_failure(error).hint(
            "--snapshot takes the JSON of a Snapshot, a file, NAME or NAMESPACE/NAME in the cluster",
        )
    })?;
    let kube = flags.open(context)?;
    let (snapshot, _) = cluster::object(&kube, ObjectKind::Snapshot, &name).await?;
    Ok(snapshot.to_string())
}

/// Returns an override Snapshot with the images, for `kubectl create`.
///
/// # Errors
/// [`Kind::Usage`] without the name of the application.
pub(super) fn resource(images: &Images, application: Option<&str>) -> Result<Vec<u8>, Failure> {
    let own = Some(images.snapshot.application.as_str()).filter(|name| !name.is_empty());
    let Some(application) = application.or(own) else {
        let text = "a Snapshot belongs to an application, which is not known";
        return Err(Failure::message(Kind::Usage, text).hint("name it by --application NAME"));
    };
    ObjectName::parse(application).map_err(kube_failure)?;
    let components = images.components().map(|(component, image)| {
        let mut written = json!({"name": component.name, "containerImage": image.to_string()});
        let members = [
            ("version", component.version().map(Value::from)),
            (
                "source",
                component
                    .source
                    .as_ref()
                    .and_then(|source| serde_json::to_value(source).ok()),
            ),
        ];
        for (member, value) in members {
            if let Some(value) = value {
                written[member] = value;
            }
        }
        written
    });
    let resource = json!({
        "apiVersion": format!("{GROUP}/{API_VERSION}"),
        "kind": ObjectKind::Snapshot.name(),
        "metadata": {
            "generateName": format!("{application}-"),
            "labels": {"test.appstudio.openshift.io/type": "override"},
        },
        "spec": {"application": application, "components": components.collect::<Vec<_>>()},
    });
    let mut bytes = serde_json::to_vec_pretty(&resource).or_fail(Kind::Bug)?;
    bytes.push(b'\n');
    Ok(bytes)
}
