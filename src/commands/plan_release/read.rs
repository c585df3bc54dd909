//! Reads the resources of a release from files and from the cluster.

use std::path::Path;

use serde_json::Value;

use super::PlanRequest;
use crate::{
    commands::{
        Context,
        cluster::{self, API_VERSION, ObjectName},
        failures::kube_failure,
    },
    failure::{Failure, Kind, OrFail as _},
    release::objects::{GROUP, Object, ObjectKind, Objects, document},
};

/// Reads all resources of a release.
///
/// # Errors
/// [`Kind::NotFound`] for one that does not exist, [`Kind::Usage`] for one that cannot be read.
pub(super) async fn objects(request: &PlanRequest, context: &Context) -> Result<Objects, Failure> {
    let optional = async |from: &Option<String>, of| match from {
        Some(from) => object(from, of, request, context).await.map(Some),
        None => Ok(None),
    };
    Ok(Objects {
        release: optional(&request.release, ObjectKind::Release).await?,
        plan: optional(&request.plan, ObjectKind::Plan).await?,
        admission: optional(&request.admission, ObjectKind::Admission).await?,
        snapshot: object(&request.snapshot, ObjectKind::Snapshot, request, context).await?,
    })
}

/// Reads one resource.
///
/// # Errors
/// As [`objects`].
pub(super) async fn object(
    from: &str,
    of: ObjectKind,
    request: &PlanRequest,
    context: &Context,
) -> Result<Object, Failure> {
    let value = match from.strip_prefix("k8s:") {
        Some(name) => {
            let name = ObjectName::parse(name).map_err(kube_failure)?;
            let kube = request.cluster.open(context)?;
            cluster::object(&kube, of, &name).await?.0
        }
        None => in_file(from, of, context)?,
    };
    Object::new(value, of, &format!("{} {from}", of.name())).or_fail(Kind::Usage)
}

fn in_file(from: &str, of: ObjectKind, context: &Context) -> Result<Value, Failure> {
    let inline = from.trim_start().starts_with('{');
    let bytes = match inline {
        true => from.as_bytes().to_vec(),
        false => context.read(Path::new(from))?,
    };
    let shown = if inline { "the JSON" } else { from };
    let document = document(&bytes, shown).or_fail(Kind::Usage)?;
    // The bare specification, as the param SNAPSHOT of an integration test has it.
    let bare = of == ObjectKind::Snapshot && document.get("components").is_some();
    Ok(match bare {
        true => serde_json::json!({
            "apiVersion": format!("{GROUP}/{API_VERSION}"),
            "kind": of.name(),
            "spec": document,
        }),
        false => document,
    })
}
