//! The programs of steps besides `/usr/bin/promote`: functions of this process, by the program as the step names it, and
//! stand-ins for the Tasks of other images, by the Task's name.
//!
//! A stand-in keeps the interface of the Task that it replaces: params, results and workspaces are read from its file, the
//! steps are not. A Task that the runner cannot run and that has no stand-in is refused by name.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value as Json;

use super::{
    Run,
    model::{
        OnError, ParamSpec, ResultSpec, ResultType, TaskSpec, TaskStep, Type, Value, WorkspaceSpec,
    },
};

/// The command of a stand-in's only step.
const STAND_IN: &str = "/usr/bin/stand-in";

/// A call of a program that is a function.
pub struct Call<'a> {
    /// The program as the step names it.
    pub program: &'a str,
    /// The arguments, with the paths of this machine.
    pub arguments: &'a [String],
    pub env: &'a [(String, String)],
    /// The directory in place of the pod's file system.
    pub(crate) root: &'a Path,
    pub(crate) log: &'a File,
}

impl Call<'_> {
    /// Writes a line into the step's log.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn say(&self, line: &str) -> Result<()> {
        let mut log = self.log;
        Ok(writeln!(log, "{line}")?)
    }

    /// Returns the program with its arguments, with the pod's own paths.
    #[must_use]
    pub fn line(&self) -> String {
        let words = std::iter::once(self.program).chain(self.arguments.iter().map(String::as_str));
        let line = words.collect::<Vec<_>>().join(" ");
        line.replace(&self.root.display().to_string(), "")
    }

    /// Calls the function and returns the exit code.
    pub(crate) fn run(&self, function: &Function) -> Result<i32> {
        match function(self) {
            Ok(()) => Ok(0),
            Err(error) => {
                self.say(&format!("{error:#}"))?;
                Ok(1)
            }
        }
    }

    /// The value of `--NAME=VALUE`.
    ///
    /// # Errors
    /// The argument is not there.
    pub fn value(&self, name: &str) -> Result<&str> {
        let prefix = format!("--{name}=");
        let mut values = self
            .arguments
            .iter()
            .filter_map(|argument| argument.strip_prefix(&prefix));
        values
            .next()
            .with_context(|| format!("--{name} is not given"))
    }
}

/// A program as a function: an error is its exit code 1, with the text in the log.
pub(crate) type Function = Arc<dyn Fn(&Call<'_>) -> Result<()> + Send + Sync>;

/// The programs and stand-ins of a run.
#[derive(Clone, Default)]
pub(crate) struct Programs {
    functions: BTreeMap<String, Function>,
    stand_ins: BTreeMap<String, Function>,
}

impl Run {
    /// Lets steps call a function as this program, such as `kubectl` or `/usr/bin/lab`.
    #[must_use]
    pub fn program(
        mut self,
        program: &str,
        function: impl Fn(&Call<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.programs
            .functions
            .insert(program.to_owned(), Arc::new(function));
        self
    }

    /// Runs a function in place of all steps of a Task of another image. Its arguments are `--NAME=VALUE` for each param,
    /// `--workspace-NAME=DIR` and `--result-NAME=FILE`.
    #[must_use]
    pub fn stand_in(
        mut self,
        task: &str,
        function: impl Fn(&Call<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.programs
            .stand_ins
            .insert(task.to_owned(), Arc::new(function));
        self
    }
}

impl Programs {
    /// The function that a step's command names.
    pub(crate) fn function(&self, command: &[String]) -> Option<&Function> {
        match command {
            [program, task, ..] if program == STAND_IN => self.stand_ins.get(task),
            [program, ..] => self.functions.get(program),
            [] => None,
        }
    }

    /// The Task in place of one of another image, if there is a stand-in of its name.
    pub(crate) fn stand_in_for(&self, document: &Json) -> Result<Option<(String, TaskSpec)>> {
        let name = document
            .pointer("/metadata/name")
            .and_then(Json::as_str)
            .unwrap_or_default();
        if document["kind"] != "Task" || !self.stand_ins.contains_key(name) {
            return Ok(None);
        }
        Ok(Some((name.to_owned(), interface(name, &document["spec"])?)))
    }
}

/// A Task of the same interface with one step.
fn interface(name: &str, spec: &Json) -> Result<TaskSpec> {
    let list = |member: &str| spec[member].as_array().cloned().unwrap_or_default();
    let params = list("params");
    let params = params.iter().map(|item| param(name, item));
    let params = params.collect::<Result<Vec<_>>>()?;
    let mut results = Vec::new();
    for item in list("results") {
        results.push(ResultSpec {
            name: name_of(name, &item)?,
            r#type: ResultType::String,
            description: String::new(),
            value: None,
        });
    }
    let mut workspaces = Vec::new();
    for item in list("workspaces") {
        workspaces.push(WorkspaceSpec {
            name: name_of(name, &item)?,
            description: String::new(),
            optional: item["optional"] == true,
            read_only: item["readOnly"] == true,
        });
    }
    let strings = params.iter().filter(|param| param.kind() == Type::String);
    let mut args: Vec<_> = strings
        .map(|param| format!("--{0}=$(params.{0})", param.name))
        .collect();
    let paths = workspaces.iter();
    args.extend(paths.map(|own| format!("--workspace-{0}=$(workspaces.{0}.path)", own.name)));
    let paths = results.iter();
    args.extend(paths.map(|own| format!("--result-{0}=$(results.{0}.path)", own.name)));
    Ok(TaskSpec {
        display_name: String::new(),
        description: String::new(),
        params,
        results,
        workspaces,
        step_template: Default::default(),
        steps: vec![stand_in_step(name, args)],
        volumes: Vec::new(),
    })
}

fn name_of(task: &str, item: &Json) -> Result<String> {
    let name = item["name"].as_str().map(str::to_owned);
    name.with_context(|| format!("Task {task:?}: a name is missing"))
}

/// Reads a declared param; types other than strings and lists are refused.
fn param(task: &str, item: &Json) -> Result<ParamSpec> {
    let text = |item: &Json| item.as_str().unwrap_or_default().to_owned();
    let default = match &item["default"] {
        Json::Null => None,
        Json::String(text) => Some(Value::String(text.clone())),
        Json::Array(items) => Some(Value::Array(items.iter().map(text).collect())),
        _ => bail!("Task {task}: a default is neither a text nor a list"),
    };
    let r#type = match item["type"].as_str() {
        Some("array") => Some(Type::Array),
        Some("string") | None => None,
        Some(other) => {
            bail!("Task {task}: params of type {other} are not implemented by the runner")
        }
    };
    Ok(ParamSpec {
        name: name_of(task, item)?,
        r#type,
        description: String::new(),
        default,
    })
}

/// Returns the only step of a stand-in, whose arguments are its params, workspaces and results.
fn stand_in_step(task: &str, args: Vec<String>) -> TaskStep {
    TaskStep {
        name: "stand-in".to_owned(),
        r#ref: None,
        params: Vec::new(),
        image: String::new(),
        command: vec![STAND_IN.to_owned(), task.to_owned()],
        args,
        volume_mounts: Vec::new(),
        env: Vec::new(),
        on_error: OnError::StopAndFail,
        security_context: None,
        compute_resources: None,
    }
}

/// `git-clone` of the catalogues: a checkout with all branches in `subdirectory` of the workspace `output`.
///
/// # Errors
/// When git fails.
pub fn git_clone(call: &Call<'_>) -> Result<()> {
    let output = PathBuf::from(call.value("workspace-output")?);
    let below = call.value("subdirectory").unwrap_or("source");
    let dir = output.join(below);
    let (url, revision) = (
        call.value("url")?,
        call.value("revision").unwrap_or_default(),
    );
    let git = |arguments: &[&str]| -> Result<()> {
        let done = std::process::Command::new("git")
            .args(arguments)
            .envs(call.env.iter().map(|(name, value)| (name, value)))
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .context("cannot run git")?;
        if !done.status.success() {
            bail!("git: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    };
    let path = dir.display().to_string();
    // The lab's servers are on plain HTTP; a login in the URL stays on this machine.
    let login = call.value("workspace-basic-auth").unwrap_or_default();
    let read = |name: &str| std::fs::read_to_string(PathBuf::from(login).join(name));
    let with_login = match (read("username"), read("password")) {
        (Ok(user), Ok(password)) if !login.is_empty() => url.replacen(
            "://",
            &format!("://{}:{}@", user.trim(), password.trim()),
            1,
        ),
        _ => url.to_owned(),
    };
    git(&["clone", "--quiet", &with_login, &path])?;
    if !revision.is_empty() {
        git(&["-C", &path, "checkout", "--quiet", revision])?;
    }
    call.say(&format!("cloned {url} into {below}"))
}
