//! Finds objects that a namespace for tests cannot have.

use super::{DirectoryKind, below, object_files};
use crate::gitops::{
    Error,
    error::Position,
    graph::{Built, build, build_file, value::Value},
    tree::Tree,
};

/// An object that a target cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) at: Position,
    /// `KIND/NAME`.
    pub(crate) object: String,
    /// The kind, or `activeDeadlineSeconds`: the value for `--skip-kinds` and `--allow-kinds`.
    pub(crate) kind: String,
    pub(crate) reason: &'static str,
}

/// Kinds that are not in a namespace.
const CLUSTER_SCOPED: [&str; 42] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterInterceptor",
    "ClusterIssuer",
    "ClusterPolicy",
    "ClusterResourceQuota",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterSecretStore",
    "ClusterTask",
    "ClusterTriggerBinding",
    "ClusterTrustBundle",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "GatewayClass",
    "IPAddress",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "OAuthClient",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "Project",
    "ProjectRequest",
    "ResourceSlice",
    "RuntimeClass",
    "SecurityContextConstraints",
    "ServiceCIDR",
    "StorageClass",
    "StorageVersionMigration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeSnapshotClass",
];
/// Kinds with a quota of zero in a provisioned test namespace.
const EXPOSED: [&str; 2] = ["Ingress", "Route"];
/// Kinds with which a tenant of Konflux requests, or once requested, an environment or a cluster.
const CLAIMS: [&str; 4] = [
    "ClusterTemplateInstance",
    "SnapshotEnvironmentBinding",
    "SpaceRequest",
    "TestPlatformCluster",
];
/// The field that limits the lifetime of a pod; such pods have a separate quota.
const DEADLINE: &str = "activeDeadlineSeconds";

/// Lists the objects that a namespace cannot have.
///
/// # Errors
/// Any [`Error`] of reading the directory.
pub(crate) fn unfit(
    tree: &Tree<'_>,
    dir: &str,
    layout: DirectoryKind,
) -> Result<Vec<Unfit>, Error> {
    let mut found = Vec::new();
    match layout {
        DirectoryKind::Kustomize => judge(&build(tree, dir)?, &mut found),
        DirectoryKind::Plain => {
            for file in object_files(tree, dir)? {
                judge(&build_file(tree, &file)?, &mut found);
            }
        }
        DirectoryKind::Helm => {
            for file in tree.files()?.iter() {
                let inside = file.strip_prefix(&below(dir, "")).unwrap_or_default();
                if !inside
                    .split('/')
                    .any(|part| matches!(part, "templates" | "crds"))
                {
                    continue;
                }
                let Some(bytes) = tree.read(file)? else {
                    continue;
                };
                let text = String::from_utf8_lossy(&bytes);
                for (at, line) in text.lines().enumerate() {
                    let kind = line.strip_prefix("kind:").unwrap_or_default();
                    let kind = kind.trim().trim_matches(['"', '\'']);
                    if let Some(reason) = reason_against(kind) {
                        found.push(Unfit {
                            at: Position::new(file, at + 1, 1),
                            object: kind.to_owned(),
                            kind: kind.to_owned(),
                            reason,
                        });
                    }
                    if line.trim_start().starts_with("activeDeadlineSeconds:") {
                        found.push(Unfit {
                            at: Position::new(file, at + 1, 1),
                            object: "a pod".to_owned(),
                            kind: DEADLINE.to_owned(),
                            reason: "a pod with a deadline has a quota of none in test namespaces",
                        });
                    }
                }
            }
        }
    }
    Ok(found)
}

fn judge(built: &Built, found: &mut Vec<Unfit>) {
    for resource in &built.resources {
        let kind = resource.id().kind;
        let mut add = |kind: &str, reason| {
            found.push(Unfit {
                at: resource.value.position(&resource.file),
                object: resource.kind_and_name(),
                kind: kind.to_owned(),
                reason,
            });
        };
        if let Some(reason) = reason_against(&kind) {
            add(&kind, reason);
        } else if has_deadline(&resource.value) {
            add(
                DEADLINE,
                "a pod with a deadline has a quota of none in test namespaces",
            );
        }
    }
}

fn reason_against(kind: &str) -> Option<&'static str> {
    if CLUSTER_SCOPED.contains(&kind) {
        return Some("it belongs to the whole cluster");
    }
    if EXPOSED.contains(&kind) {
        return Some("test namespaces have a quota of none for it");
    }
    if CLAIMS.contains(&kind) {
        return Some("it claims an environment, which the Pipeline test-snapshot makes");
    }
    None
}

fn has_deadline(value: &Value) -> bool {
    match value {
        Value::Map(entries) => entries
            .iter()
            .any(|(key, inner)| key == DEADLINE && !inner.is_null() || has_deadline(inner)),
        Value::List(items) => items.iter().any(has_deadline),
        Value::Scalar(_) => false,
    }
}
