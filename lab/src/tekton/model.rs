//! The part of Tekton's `v1` resources that the shipped YAML uses (Tekton Pipelines API, v1.15).
//!
//! Every struct refuses fields that it does not have, so a feature that the runner lacks is
//! named and never ignored. What a container runtime would enforce (`image`, `securityContext`,
//! `computeResources`) is checked for its shape and has no effect here.

mod pipeline;
mod step_action;
mod volume;

use std::collections::BTreeMap;

pub use pipeline::{
    ClaimSpec, ClaimTemplate, Empty, Matrix, Operator, PipelineRef, PipelineResult,
    PipelineRunSpec, PipelineSpec, PipelineTask, Resolver, SecretRef, TaskRef, When,
    WorkspaceBinding, WorkspaceUse,
};
use serde::{Deserialize, Serialize};
pub use step_action::{ActionRef, StepAction, StepActionSpec};
pub use volume::{ConfigMapVolume, Item, SecretVolume, Volume, VolumeMount};

#[derive(Debug, Clone)]
pub enum Resource {
    Task(Task),
    Pipeline(Pipeline),
    PipelineRun(PipelineRun),
    StepAction(StepAction),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Task {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: TaskSpec,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pipeline {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: PipelineSpec,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineRun {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    /// The Pipeline that it runs, and its values.
    pub spec: PipelineRunSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name; a PipelineRun may give `generateName` instead.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub generate_name: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    String(String),
    Array(Vec<String>),
}

impl Value {
    /// Returns the items of a list, or the string as the only item.
    pub fn strings(&self) -> &[String] {
        match self {
            Self::String(text) => std::slice::from_ref(text),
            Self::Array(list) => list,
        }
    }

    #[must_use]
    pub fn kind(&self) -> Type {
        match self {
            Self::String(_) => Type::String,
            Self::Array(_) => Type::Array,
        }
    }
}

/// The type of a param or result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    #[default]
    String,
    Array,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    pub name: String,
    /// The type; a string when neither this nor the default sets another.
    pub r#type: Option<Type>,
    #[serde(default)]
    pub description: String,
    /// The value when none is given; without it the param is required.
    pub default: Option<Value>,
}

impl ParamSpec {
    /// The declared type, or that of the default.
    #[must_use]
    pub fn kind(&self) -> Type {
        let default = self.default.as_ref().map(Value::kind);
        self.r#type.or(default).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceSpec {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// A run may leave it unbound.
    #[serde(default)]
    pub optional: bool,
    /// The Task may only read it.
    #[serde(default)]
    pub read_only: bool,
}

/// A declared result of a Task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultSpec {
    pub name: String,
    /// `string`, the only type the runner has.
    #[serde(default)]
    pub r#type: ResultType,
    #[serde(default)]
    pub description: String,
    /// The result of a step that it is, as `$(steps.STEP.results.NAME)`.
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultType {
    #[default]
    String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSpec {
    #[serde(default)]
    pub display_name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    #[serde(default)]
    pub results: Vec<ResultSpec>,
    #[serde(default)]
    pub workspaces: Vec<WorkspaceSpec>,
    #[serde(default)]
    pub step_template: StepTemplate,
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// The steps, run one after the other.
    pub steps: Vec<TaskStep>,
}

/// Properties that all steps of a Task share.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepTemplate {
    #[serde(default)]
    pub env: Vec<EnvVar>,
    pub security_context: Option<SecurityContext>,
    pub compute_resources: Option<ComputeResources>,
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
}

/// One program run of a Task.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskStep {
    pub name: String,
    /// The StepAction that it is, in place of an image and a program.
    pub r#ref: Option<ActionRef>,
    /// Values for the params of the StepAction.
    #[serde(default)]
    pub params: Vec<Param>,
    #[serde(default)]
    pub image: String,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    #[serde(default)]
    pub env: Vec<EnvVar>,
    #[serde(default)]
    pub on_error: OnError,
    pub security_context: Option<SecurityContext>,
    pub compute_resources: Option<ComputeResources>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum OnError {
    /// A failure ends the Task, or the Pipeline.
    #[default]
    #[serde(rename = "stopAndFail")]
    StopAndFail,
    /// A failure is recorded and the next step runs.
    #[serde(rename = "continue")]
    Continue,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityContext {
    /// It may gain more privileges than its parent.
    pub allow_privilege_escalation: Option<bool>,
    /// Its root file system is read-only.
    pub read_only_root_filesystem: Option<bool>,
    /// It is refused as root.
    pub run_as_non_root: Option<bool>,
    pub capabilities: Option<Capabilities>,
    pub seccomp_profile: Option<SeccompProfile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    #[serde(default)]
    pub drop: Vec<String>,
}

/// The system-call filter of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeccompProfile {
    pub r#type: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeResources {
    #[serde(default)]
    pub requests: BTreeMap<String, String>,
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
}
