//! `kind: StepAction`: a step that Tasks refer to.

use serde::Deserialize;

use super::{EnvVar, Metadata, ParamSpec, ResultSpec, SecurityContext, VolumeMount};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepAction {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: StepActionSpec,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepActionSpec {
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    #[serde(default)]
    pub results: Vec<ResultSpec>,
    pub image: String,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub env: Vec<EnvVar>,
    pub security_context: Option<SecurityContext>,
    /// Where it sees volumes of the Task.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
}

/// The StepAction that a step is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRef {
    pub name: String,
}
