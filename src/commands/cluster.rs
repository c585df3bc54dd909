//! Resources of Konflux that commands read from the cluster with the pod's own service account.

use std::path::PathBuf;

use serde_json::Value;

use super::{Context, failures::kube_failure};
use crate::{
    failure::Failure,
    kube::{self, Kube},
    release::objects::{GROUPS, ObjectKind},
};

/// The version of the API in paths.
pub(crate) const API_VERSION: &str = "v1alpha1";

/// Flags of commands that read from the cluster.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ClusterFlags {
    /// Connect to the cluster with the files token, namespace and ca.crt of this directory [default: as --kubeconfig]
    #[arg(long, value_name = "DIR")]
    service_account: Option<PathBuf>,
}

/// An object of the cluster, by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectName {
    /// The namespace; `None` is the pod's.
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl ObjectName {
    /// Parses `[NAMESPACE/]NAME`, with or without `k8s:` or `k8s://` before it.
    ///
    /// # Errors
    /// [`kube::Error::Name`].
    pub(crate) fn parse(text: &str) -> Result<Self, kube::Error> {
        let text = text.strip_prefix("k8s:").unwrap_or(text);
        let text = text.strip_prefix("//").unwrap_or(text);
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        if let Some(namespace) = namespace {
            kube::check_namespace(namespace)?;
        }
        kube::check_name(name)?;
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl ClusterFlags {
    /// Opens the API of the cluster.
    ///
    /// # Errors
    /// A configuration error without a cluster.
    pub(crate) fn open(&self, context: &Context) -> Result<Kube, Failure> {
        let opened = match &self.service_account {
            Some(account) => Kube::of_pod(&context.env, account),
            None => Kube::open(&context.env),
        };
        opened.map_err(kube_failure)
    }
}

/// Reads a resource, in the group of Konflux's API or in its later one; returns the group too.
///
/// # Errors
/// Not found, and a configuration error when the service account may not read it: the hint is the missing Role.
pub(crate) async fn object(
    kube: &Kube,
    of: ObjectKind,
    at: &ObjectName,
) -> Result<(Value, &'static str), Failure> {
    let namespace = at.namespace.as_deref().unwrap_or(kube.namespace());
    let mut absent = None;
    for group in GROUPS {
        let api = ["apis", group, of.version()];
        let found = kube.object(&api, of.resource(), of.name(), namespace, &at.name);
        match found.await {
            Ok(object) => return Ok((Value::Object(object), group)),
            Err(error @ kube::Error::NotFound { .. }) => absent = absent.or(Some(error)),
            // A Role without the later group must not turn an absent object into a refusal.
            Err(kube::Error::Denied { .. }) if absent.is_some() => {}
            Err(error @ kube::Error::Denied { .. }) => {
                let role = role(
                    kube,
                    namespace,
                    "promote-release-reader",
                    &rules(of.resource(), "get"),
                );
                return Err(kube_failure(error).hint(format!(
                    "apply this Role, or examples/konflux/role.yaml:\n{role}"
                )));
            }
            Err(error) => return Err(kube_failure(error)),
        }
    }
    Err(kube_failure(absent.unwrap_or(kube::Error::NotFound {
        what: format!("{} {namespace}/{}", of.name(), at.name),
    })))
}

/// Returns the rules of a Role, as YAML.
pub(crate) fn rules(resource: &str, verb: &str) -> String {
    format!(
        "- apiGroups: [{}]\n  resources: [{resource}]\n  verbs: [{verb}]",
        GROUPS.join(", ")
    )
}

/// Returns a Role with its binding for the service account, as YAML.
pub(crate) fn role(kube: &Kube, namespace: &str, name: &str, rules: &str) -> String {
    let account = kube
        .account()
        .unwrap_or_else(|| "SERVICE-ACCOUNT".to_owned());
    let of_account = kube.namespace();
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: {name}, namespace: {namespace}}}
rules:
{rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {name}, namespace: {namespace}}}
subjects:
- {{kind: ServiceAccount, name: {account}, namespace: {of_account}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}"
    )
}
