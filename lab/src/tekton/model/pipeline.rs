//! What a Pipeline and a PipelineRun say.

use serde::{Deserialize, Serialize};

use super::{OnError, Param, ParamSpec, Resources, TaskSpec, WorkspaceSpec};

/// What a Pipeline does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineSpec {
    /// A name for people.
    #[serde(default)]
    pub display_name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// What it takes.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// The directories that it uses.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceSpec>,
    /// Its Tasks.
    pub tasks: Vec<PipelineTask>,
    /// What runs at the end, whatever happened.
    #[serde(default)]
    pub finally: Vec<PipelineTask>,
    /// What it gives.
    #[serde(default)]
    pub results: Vec<PipelineResult>,
}

/// A result of a Pipeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineResult {
    /// The name.
    pub name: String,
    /// What it holds.
    #[serde(default)]
    pub description: String,
    /// References to results of Tasks.
    pub value: String,
}

/// A Task of a Pipeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineTask {
    /// Its name in this Pipeline.
    pub name: String,
    /// A name for people.
    #[serde(default)]
    pub display_name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The Task by its name.
    pub task_ref: Option<TaskRef>,
    /// The Task itself.
    pub task_spec: Option<TaskSpec>,
    /// Values for the Task.
    #[serde(default)]
    pub params: Vec<Param>,
    /// Lists of which each value is run once.
    pub matrix: Option<Matrix>,
    /// Directories for the Task.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceUse>,
    /// What must be done before.
    #[serde(default)]
    pub run_after: Vec<String>,
    /// When it runs.
    #[serde(default)]
    pub when: Vec<When>,
    /// How many more attempts it has.
    #[serde(default)]
    pub retries: u32,
    /// How long one attempt may take, such as `5m`.
    pub timeout: Option<String>,
    /// What a failure means.
    #[serde(default)]
    pub on_error: OnError,
}

/// Lists of which each value is run once; the runner has one list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// The param with its list.
    pub params: Vec<Param>,
}

/// A Task by its name, or looked up by a resolver.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRef {
    /// The Task's name.
    #[serde(default)]
    pub name: String,
    /// `Task`.
    pub kind: Option<String>,
    /// How the Task is looked up; a run of the lab is given the Task in its place.
    pub resolver: Option<String>,
    /// Params of the resolver.
    #[serde(default)]
    pub params: Vec<Param>,
}

/// A Pipeline's workspace given to a Task.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceUse {
    /// The Task's name for it.
    pub name: String,
    /// The Pipeline's name for it; the same one if absent.
    pub workspace: Option<String>,
    /// A directory within it.
    pub sub_path: Option<String>,
}

/// A condition on which a Task runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// What is looked at.
    pub input: String,
    /// How.
    pub operator: Operator,
    /// What it is compared with.
    pub values: Vec<String>,
}

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// The input is one of the values.
    In,
    /// The input is none of the values.
    NotIn,
}

/// What a PipelineRun runs, with which values.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineRunSpec {
    /// The Pipeline.
    pub pipeline_ref: PipelineRef,
    /// Values for it.
    #[serde(default)]
    pub params: Vec<Param>,
    /// Directories for it.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceBinding>,
    /// How its pods run.
    #[serde(default)]
    pub task_run_template: TaskRunTemplate,
}

/// The pods of a run, which the runner has none of: only the name of their service account is taken.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskRunTemplate {
    /// The service account.
    pub service_account_name: Option<String>,
}

/// A Pipeline by its name, directly or by the cluster resolver.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineRef {
    /// The Pipeline's name.
    pub name: Option<String>,
    /// `cluster`.
    pub resolver: Option<Resolver>,
    /// What the resolver looks for: `kind`, `name`, `namespace`.
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

/// What a PipelineRun binds to a workspace.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceBinding {
    /// The Pipeline's name for it.
    pub name: String,
    /// A directory of its own for each TaskRun: nothing is shared.
    pub empty_dir: Option<Empty>,
    /// A volume that all TaskRuns share.
    pub volume_claim_template: Option<ClaimTemplate>,
    /// A Secret; the runner needs a directory in its place.
    pub secret: Option<SecretRef>,
}

/// `{}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A volume to be claimed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimTemplate {
    /// How large, and who may mount it.
    pub spec: ClaimSpec,
}

/// How large a claimed volume is, and who may mount it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimSpec {
    /// Such as `ReadWriteOnce`.
    pub access_modes: Vec<String>,
    /// Its size.
    pub resources: Resources,
}

/// A Secret by its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// The name.
    pub secret_name: String,
}
