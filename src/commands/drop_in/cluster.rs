//! Lookups of a Task in the cluster: a Snapshot by name, the resource that a run is about, the text of a policy.

use std::path::Path;

use serde_json::Value;

use crate::{
    commands::{Context, ec, failures::kube_failure},
    failure::{Failure, Kind, OrFail as _},
    image::Digest,
    json,
    kube::{Kube, is_label},
    snapshot::Snapshot,
};

/// The policy bundle that is pinned, as configurations name it.
const BUNDLE: &str = "oci::quay.io/conforma/release-policy";
const BUNDLE_TAG: &str = ":konflux";
const LABEL_TYPE: &str = "test.appstudio.openshift.io/type";
const LABEL_COMPONENT: &str = "appstudio.openshift.io/component";

/// The flags that select one component of a Snapshot.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Single {
    /// Verify only the component that triggered the Snapshot
    #[arg(long)]
    single_component: bool,
    /// The resource with the label that names this component, as KIND/NAME
    #[arg(long, value_name = "KIND/NAME", default_value = "unknown")]
    single_component_custom_resource: String,
    /// The namespace of this resource
    #[arg(long, value_name = "NAMESPACE")]
    single_component_custom_resource_ns: Option<String>,
}

/// The kinds of resources that name a component: how they are called, and where the API has them.
const KINDS: [(&[&str], &[&str], &str, &str); 4] = [
    (
        &["pr", "pipelinerun", "pipelineruns"],
        &["apis", "tekton.dev", "v1"],
        "pipelineruns",
        "PipelineRun",
    ),
    (
        &["tr", "taskrun", "taskruns"],
        &["apis", "tekton.dev", "v1"],
        "taskruns",
        "TaskRun",
    ),
    (
        &["snapshot", "snapshots"],
        &["apis", "appstudio.redhat.com", "v1alpha1"],
        "snapshots",
        "Snapshot",
    ),
    (
        &["component", "components"],
        &["apis", "appstudio.redhat.com", "v1alpha1"],
        "components",
        "Component",
    ),
];

/// Returns the images to verify as a Snapshot: the text, the file or the resource of the cluster that `images` is, and one
/// component of it where one is verified alone.
pub(super) async fn snapshot(
    images: &str,
    single: &Single,
    context: &Context,
) -> Result<String, Failure> {
    let text = match std::fs::read_to_string(images) {
        Ok(text) => text,
        Err(_) if is_label(images) => {
            let snapshot = ec::snapshot_of_cluster(images, context).await?;
            String::from_utf8(snapshot.to_bytes().or_fail(Kind::Bug)?).or_fail(Kind::Bug)?
        }
        Err(_) => images.to_owned(),
    };
    if !single.single_component {
        return Ok(text);
    }
    let mut snapshot = Snapshot::parse(&text, "the Snapshot").or_fail(Kind::Usage)?;
    let Some(component) = component_of(single, context).await? else {
        return Ok(text);
    };
    snapshot.components.retain(|one| one.name == component);
    match snapshot.components.len() {
        1 => String::from_utf8(snapshot.to_bytes().or_fail(Kind::Bug)?).or_fail(Kind::Bug),
        count => {
            let text = format!(
                "the Snapshot has {count} components named {component:?}, expected the one that was built"
            );
            Err(Failure::message(Kind::NotFound, text))
        }
    }
}

/// Returns the component that the resource's labels name; `None` if it was not made by the build of one.
async fn component_of(single: &Single, context: &Context) -> Result<Option<String>, Failure> {
    let resource = &single.single_component_custom_resource;
    let (kind, name) = resource.split_once('/').ok_or_else(|| {
        let text = format!("the custom resource {resource:?} has no kind");
        Failure::message(Kind::Usage, text).hint("name it as KIND/NAME, such as pr/my-run")
    })?;
    let lower = kind.to_ascii_lowercase();
    let kind = lower.split('.').next().unwrap_or_default();
    let known = KINDS.iter().find(|(names, ..)| names.contains(&kind));
    let Some((_, api, plural, kind)) = known else {
        let text = format!(
            "resources of the kind {kind:?} are not read: expected pr, tr, snapshot or component"
        );
        return Err(Failure::message(Kind::Usage, text));
    };
    let kube = Kube::open(&context.env).map_err(kube_failure)?;
    let namespace = single.single_component_custom_resource_ns.as_deref();
    let namespace = namespace.unwrap_or(kube.namespace()).to_owned();
    let object = kube
        .object(api, plural, kind, &namespace, name)
        .await
        .map_err(kube_failure)?;
    let label = |label: &str| {
        let labels = object.get("metadata")?.get("labels")?;
        labels
            .get(label)?
            .as_str()
            .filter(|value| !value.is_empty())
    };
    let component = label(LABEL_COMPONENT).filter(|_| label(LABEL_TYPE) == Some("component"));
    Ok(component.map(str::to_owned))
}

/// Returns the policy with the release bundle pinned to a digest, as text; the policy itself where it does not name the bundle
/// by its tag, or where it is a source without a text of its own.
pub(super) async fn pinned(
    policy: &str,
    digest: Option<&str>,
    context: &Context,
) -> Result<String, Failure> {
    let Some(digest) = digest else {
        return Ok(policy.to_owned());
    };
    let digest = if digest.contains(':') {
        digest.to_owned()
    } else {
        format!("sha256:{digest}")
    };
    let digest: Digest = digest.parse().or_fail(Kind::Usage)?;
    let text = match policy {
        text if text.trim_start().starts_with('{') => text.to_owned(),
        path if Path::new(path).is_file() => std::fs::read_to_string(path).or_fail(Kind::Usage)?,
        name if name.split('/').count() <= 2 && name.split('/').all(is_label) => {
            of_cluster(name, context).await?
        }
        _ => return Ok(policy.to_owned()),
    };
    let tagged = format!("{BUNDLE}{BUNDLE_TAG}");
    if !text.contains(&tagged) || text.contains(&format!("{tagged}@sha256:")) {
        return Ok(policy.to_owned());
    }
    tracing::info!(%digest, "the release policy is pinned");
    let text = text.replace(&tagged, &format!("{BUNDLE}@{digest}"));
    // As JSON, which no reader takes for a path or a name.
    let document = json::json_or_yaml(&text).or_fail(Kind::Usage)?;
    serde_json::to_string(&document).or_fail(Kind::Bug)
}

async fn of_cluster(name: &str, context: &Context) -> Result<String, Failure> {
    let kube = Kube::open(&context.env).map_err(kube_failure)?;
    let (namespace, name) = name.split_once('/').unwrap_or((kube.namespace(), name));
    let api = ["apis", "appstudio.redhat.com", "v1alpha1"];
    let kind = "EnterpriseContractPolicy";
    let object = kube.object(&api, "enterprisecontractpolicies", kind, namespace, name);
    let object = object.await.map_err(kube_failure)?;
    let spec = object.get("spec").cloned().unwrap_or(Value::Null);
    serde_json::to_string(&spec).or_fail(Kind::Bug)
}
