//! `kind: Pipeline` and `kind: PipelineRun`.

use serde::{Deserialize, Serialize};

use super::{ComputeResources, OnError, Param, ParamSpec, TaskSpec, WorkspaceSpec};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineSpec {
    #[serde(default)]
    pub display_name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    #[serde(default)]
    pub workspaces: Vec<WorkspaceSpec>,
    pub tasks: Vec<PipelineTask>,
    /// Tasks that run at the end, also after a failure.
    #[serde(default)]
    pub finally: Vec<PipelineTask>,
    #[serde(default)]
    pub results: Vec<PipelineResult>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineResult {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineTask {
    pub name: String,
    #[serde(default)]
    pub display_name: String,
    #[serde(default)]
    pub description: String,
    pub task_ref: Option<TaskRef>,
    pub task_spec: Option<TaskSpec>,
    #[serde(default)]
    pub params: Vec<Param>,
    /// Lists of which each value is run once.
    pub matrix: Option<Matrix>,
    #[serde(default)]
    pub workspaces: Vec<WorkspaceUse>,
    #[serde(default)]
    pub run_after: Vec<String>,
    #[serde(default)]
    pub when: Vec<When>,
    /// Number of further attempts after a failure.
    #[serde(default)]
    pub retries: u32,
    /// The longest time of one attempt, such as `5m`.
    pub timeout: Option<String>,
    #[serde(default)]
    pub on_error: OnError,
}

/// Lists of which each value is run once; the runner has one list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    pub params: Vec<Param>,
}

/// A Task by its name, or looked up by a resolver.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRef {
    #[serde(default)]
    pub name: String,
    pub kind: Option<String>,
    /// How the Task is looked up; a run of the lab is given the Task in its place.
    pub resolver: Option<String>,
    #[serde(default)]
    pub params: Vec<Param>,
}

/// A Pipeline's workspace given to a Task.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceUse {
    pub name: String,
    /// The Pipeline's name for it; the same one if absent.
    pub workspace: Option<String>,
    /// A directory within the workspace, relative to it.
    pub sub_path: Option<String>,
}

/// A condition on which a Task runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    pub input: String,
    pub operator: Operator,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// The input is one of the values.
    In,
    /// The input is none of the values.
    NotIn,
}

/// The Pipeline that a PipelineRun runs, and its values.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineRunSpec {
    pub pipeline_ref: PipelineRef,
    #[serde(default)]
    pub params: Vec<Param>,
    #[serde(default)]
    pub workspaces: Vec<WorkspaceBinding>,
    #[serde(default)]
    pub task_run_template: TaskRunTemplate,
}

/// The pods of a run. The runner has none: only the name of their service account is read.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskRunTemplate {
    pub service_account_name: Option<String>,
}

/// A Pipeline by its name, directly or by the cluster resolver.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineRef {
    pub name: Option<String>,
    pub resolver: Option<Resolver>,
    /// Params of the resolver: `kind`, `name`, `namespace`.
    #[serde(default)]
    pub params: Vec<Param>,
}

/// How a resource is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolver {
    /// In the cluster; here, among the given files.
    Cluster,
}

/// The volume that a PipelineRun binds to a workspace.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceBinding {
    pub name: String,
    /// A directory of its own for each TaskRun: nothing is shared.
    pub empty_dir: Option<Empty>,
    /// A volume that all TaskRuns share.
    pub volume_claim_template: Option<ClaimTemplate>,
    /// A Secret; the runner needs a directory in its place.
    pub secret: Option<SecretRef>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimTemplate {
    /// The size, and the access modes.
    pub spec: ClaimSpec,
}

/// The size of a claimed volume, and its access modes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimSpec {
    pub access_modes: Vec<String>,
    pub resources: ComputeResources,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    pub secret_name: String,
}
