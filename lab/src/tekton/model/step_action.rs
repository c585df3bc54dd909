//! `kind: StepAction`: a step that Tasks refer to.

use serde::Deserialize;

use super::{EnvVar, Metadata, ParamSpec, ResultSpec, SecurityContext, VolumeMount};

/// `kind: StepAction`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepAction {
    /// `tekton.dev/v1beta1`.
    pub api_version: String,
    /// `StepAction`.
    pub kind: String,
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// The step.
    pub spec: StepActionSpec,
}

/// The spec of a StepAction.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepActionSpec {
    /// A description for people.
    #[serde(default)]
    pub description: String,
    /// Its params.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// Its results.
    #[serde(default)]
    pub results: Vec<ResultSpec>,
    /// The container image.
    pub image: String,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// Further arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Limits of the container.
    pub security_context: Option<SecurityContext>,
    /// Where it sees volumes of the Task.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
}

/// The StepAction that a step is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRef {
    /// Its name.
    pub name: String,
}
