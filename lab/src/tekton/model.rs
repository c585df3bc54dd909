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

/// One resource of a file.
#[derive(Debug, Clone)]
pub enum Resource {
    /// A Task.
    Task(Task),
    /// A Pipeline.
    Pipeline(Pipeline),
    /// A PipelineRun.
    PipelineRun(PipelineRun),
    /// A StepAction.
    StepAction(StepAction),
}

/// `kind: Task`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Task {
    /// `tekton.dev/v1`.
    pub api_version: String,
    /// `Task`.
    pub kind: String,
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What it does.
    pub spec: TaskSpec,
}

/// `kind: Pipeline`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pipeline {
    /// `tekton.dev/v1`.
    pub api_version: String,
    /// `Pipeline`.
    pub kind: String,
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What it does.
    pub spec: PipelineSpec,
}

/// `kind: PipelineRun`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineRun {
    /// `tekton.dev/v1`.
    pub api_version: String,
    /// `PipelineRun`.
    pub kind: String,
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What it runs, with which values.
    pub spec: PipelineRunSpec,
}

/// The metadata of a resource.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name; a PipelineRun may give `generateName` instead.
    #[serde(default)]
    pub name: String,
    /// The beginning of a name.
    #[serde(default)]
    pub generate_name: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// The value of a param.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A string.
    String(String),
    /// A list of strings.
    Array(Vec<String>),
}

impl Value {
    /// The strings in it.
    pub fn strings(&self) -> &[String] {
        match self {
            Self::String(text) => std::slice::from_ref(text),
            Self::Array(list) => list,
        }
    }

    /// Its type.
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
    /// A string.
    #[default]
    String,
    /// A list of strings.
    Array,
}

/// A declared param.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    /// The name.
    pub name: String,
    /// The type; a string when neither this nor the default says otherwise.
    pub r#type: Option<Type>,
    /// What it is for.
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

/// A value for a param.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Value,
}

/// A declared workspace.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceSpec {
    /// The name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether a run may leave it unbound.
    #[serde(default)]
    pub optional: bool,
    /// Whether the Task may only read it.
    #[serde(default)]
    pub read_only: bool,
}

/// A declared result of a Task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultSpec {
    /// The name.
    pub name: String,
    /// `string`, the only type the runner has.
    #[serde(default)]
    pub r#type: ResultType,
    /// What it holds.
    #[serde(default)]
    pub description: String,
    /// The result of a step that it is, as `$(steps.STEP.results.NAME)`.
    pub value: Option<String>,
}

/// The type of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultType {
    /// A string.
    #[default]
    String,
}

/// What a Task does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSpec {
    /// A name for people.
    #[serde(default)]
    pub display_name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// What it takes.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// What it gives.
    #[serde(default)]
    pub results: Vec<ResultSpec>,
    /// The directories that it uses.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceSpec>,
    /// What all steps share.
    #[serde(default)]
    pub step_template: StepTemplate,
    /// The volumes that steps mount.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// The steps, run one after the other.
    pub steps: Vec<Step>,
}

/// What all steps of a Task share.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepTemplate {
    /// Variables.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// What the container may do.
    pub security_context: Option<SecurityContext>,
    /// Its share of the node.
    pub compute_resources: Option<Resources>,
    /// Where steps see volumes.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
}

/// One program run of a Task.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// The name.
    pub name: String,
    /// The StepAction that it is, in place of an image and a program.
    pub r#ref: Option<ActionRef>,
    /// Values for the params of the StepAction.
    #[serde(default)]
    pub params: Vec<Param>,
    /// The container image.
    #[serde(default)]
    pub image: String,
    /// The program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// Further arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Where it sees volumes.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    /// Variables.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// What a failure means.
    #[serde(default)]
    pub on_error: OnError,
    /// What the container may do.
    pub security_context: Option<SecurityContext>,
    /// Its share of the node.
    pub compute_resources: Option<Resources>,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum OnError {
    /// It stops what it is part of.
    #[default]
    #[serde(rename = "stopAndFail")]
    StopAndFail,
    /// It is noted and passed over.
    #[serde(rename = "continue")]
    Continue,
}

/// A variable with its value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// What a container may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityContext {
    /// Whether it may gain more privileges than its parent.
    pub allow_privilege_escalation: Option<bool>,
    /// Whether its root file system is read-only.
    pub read_only_root_filesystem: Option<bool>,
    /// Whether it is refused as root.
    pub run_as_non_root: Option<bool>,
    /// Its capabilities.
    pub capabilities: Option<Capabilities>,
    /// Its system-call filter.
    pub seccomp_profile: Option<SeccompProfile>,
}

/// Capabilities of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Those taken away.
    #[serde(default)]
    pub drop: Vec<String>,
}

/// The system-call filter of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeccompProfile {
    /// `RuntimeDefault`.
    pub r#type: String,
}

/// A share of the node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// What is set aside.
    #[serde(default)]
    pub requests: BTreeMap<String, String>,
    /// What is the most.
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
}
