//! Runs one attempt of a Task: its steps, one program each, in a directory of its own.
//!
//! The directory is in place of the pod's file system: `/tekton/…` and `/workspace/…` are mapped
//! into it, in arguments and variables alike. There is no container: a step sees the
//! machine's other files too.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::json;

use super::{
    documents, kubelet,
    model::{EnvVar, OnError, TaskSpec, TaskStep, Value},
    programs::{Call, Programs},
    status::{Attempt, StepStatus},
    variables::{Variables, references},
    volumes,
};

/// The largest termination message of one container, in bytes.
const TERMINATION_MESSAGE: usize = 4096;

/// The part of a log that is kept, in bytes.
const LOG: u64 = 1 << 20;

/// Where the service account is mounted.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The beginnings of paths that are the pod's own.
const PATHS: [&str; 4] = ["/tekton/", "/workspace/", "/mnt/", "/var/run/secrets/"];

/// The program of the shipped Tasks.
pub(crate) const PROGRAM: &str = "/usr/bin/promote";

/// One attempt of a Task, with everything that it needs.
pub(crate) struct TaskRun<'a> {
    pub(crate) name: &'a str,
    pub(crate) task: &'a str,
    pub(crate) spec: &'a TaskSpec,
    /// The spec in the form that a cluster has.
    pub(crate) document: &'a serde_json::Value,
    /// Values of the params that the Pipeline sets.
    pub(crate) params: &'a BTreeMap<String, Value>,
    /// The bound workspaces: the Task's name for each, and the directory.
    pub(crate) workspaces: &'a BTreeMap<String, PathBuf>,
    pub(crate) promote: &'a Path,
    /// Other programs, and the stand-ins.
    pub(crate) programs: &'a Programs,
    /// Directories in place of Secrets and ConfigMaps.
    pub(crate) objects: &'a volumes::Objects,
    pub(crate) env: &'a [(String, String)],
    pub(crate) account: Option<&'a Path>,
    pub(crate) timeout: Option<Duration>,
    /// Its directory, still to be made.
    pub(crate) root: PathBuf,
}

enum End {
    Exited(i32),
    TimedOut,
}

impl TaskRun<'_> {
    /// Runs the steps in order until one fails or the time is over.
    pub(crate) fn attempt(&self) -> Result<Attempt> {
        self.make_directories()
            .with_context(|| format!("cannot make {}", self.root.display()))?;
        let variables = self.variables();
        volumes::mount(self.spec, &variables, self.objects, &self.root)?;
        let mut attempt = Attempt {
            started: Timestamp::now(),
            completed: Timestamp::now(),
            succeeded: true,
            reason: "Succeeded",
            message: "All Steps have completed executing".to_owned(),
            steps: Vec::new(),
            results: BTreeMap::new(),
            log: String::new(),
            spec: documents::filled_steps(self.document, &variables),
        };
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        if let Some(reference) = self.leftover(&variables) {
            attempt.fail(
                "PodCreationFailed",
                format!("non-existent variable in $({reference})"),
            );
        }
        for step in &self.spec.steps {
            if !attempt.succeeded {
                attempt
                    .steps
                    .push(status(step, None, "Skipped", Timestamp::now()));
                continue;
            }
            self.step(step, &variables, deadline, &mut attempt)?;
        }
        attempt.completed = Timestamp::now();
        attempt.log = self.log()?;
        Ok(attempt)
    }

    fn step(
        &self,
        step: &TaskStep,
        variables: &Variables,
        deadline: Option<Instant>,
        attempt: &mut Attempt,
    ) -> Result<()> {
        let began = Timestamp::now();
        let end = self.run(step, variables, deadline)?;
        let fits = self.read_results(&mut attempt.results)?;
        let code = match end {
            End::TimedOut => {
                attempt
                    .steps
                    .push(status(step, None, "TimeoutExceeded", began));
                let limit = self.timeout.unwrap_or_default();
                let message = format!("TaskRun {:?} failed to finish within {limit:?}", self.name);
                attempt.fail("TaskRunTimeout", message);
                return Ok(());
            }
            // Tekton's own words; the entrypoint fails although the program did not.
            End::Exited(_) if !fits => {
                self.say("Termination message is above max allowed size 4096, caused by large task result.")?;
                1
            }
            End::Exited(code) => code,
        };
        let file = self
            .root
            .join(format!("tekton/steps/step-{}/exitCode", step.name));
        fs::write(file, code.to_string())?;
        let reason = match (code, step.on_error) {
            (0, _) => "Completed",
            (_, OnError::Continue) if fits => "Continued",
            _ => "Error",
        };
        let mut ended = status(step, Some(code), reason, began);
        ended.message = message(&attempt.results);
        attempt.steps.push(ended);
        if reason == "Error" {
            attempt.fail(
                "StepFailed",
                format!("\"step-{}\" exited with code {code}: Error", step.name),
            );
        }
        Ok(())
    }

    fn make_directories(&self) -> Result<()> {
        for dir in [
            "tekton/results",
            "tekton/home",
            "tekton/creds",
            "workspace",
            "empty",
        ] {
            fs::create_dir_all(self.root.join(dir))?;
        }
        for step in &self.spec.steps {
            fs::create_dir_all(self.root.join(format!("tekton/steps/step-{}", step.name)))?;
        }
        if let Some(account) = self.account {
            copy(account, &self.root.join(ACCOUNT.trim_start_matches('/')))?;
        }
        for declared in &self.spec.workspaces {
            let Some(bound) = self.workspaces.get(&declared.name) else {
                continue;
            };
            let here = self.root.join("workspace").join(&declared.name);
            if declared.read_only {
                // Root may write anywhere: what is written there must at least not arrive.
                copy(bound, &here)?;
            } else {
                symlink(bound, here)?;
            }
        }
        Ok(())
    }

    fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        let mut params = BTreeMap::new();
        for param in &self.spec.params {
            match self.params.get(&param.name).or(param.default.as_ref()) {
                Some(Value::String(text)) => {
                    params.insert(format!("params.{}", param.name), text.clone());
                }
                Some(Value::Array(items)) => {
                    variables.array(format!("params.{}", param.name), items.clone());
                }
                None => {}
            }
        }
        variables.pass(params);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        variables.pass([
            pair("context.taskRun.name", self.name),
            pair("context.taskRun.namespace", super::NAMESPACE),
            pair("context.task.name", self.task),
        ]);
        let results = self.spec.results.iter().map(|result| &result.name);
        variables.pass(results.map(|name| {
            (
                format!("results.{name}.path"),
                format!("/tekton/results/{name}"),
            )
        }));
        let steps = self.spec.steps.iter().map(|step| &step.name);
        variables.pass(steps.map(|name| {
            let path = format!("/tekton/steps/step-{name}/exitCode");
            (format!("steps.step-{name}.exitCode.path"), path)
        }));
        let workspaces = self.spec.workspaces.iter().map(|own| &own.name);
        variables.pass(workspaces.flat_map(|name| {
            let bound = self.workspaces.contains_key(name);
            let path = if bound {
                format!("/workspace/{name}")
            } else {
                String::new()
            };
            [
                (format!("workspaces.{name}.path"), path),
                (format!("workspaces.{name}.bound"), bound.to_string()),
            ]
        }));
        variables.pass([pair("credentials.path", "/tekton/creds")]);
        variables
    }

    /// A reference to a param that is left after all passes: the pod would not be created.
    fn leftover(&self, variables: &Variables) -> Option<String> {
        let texts = self.spec.steps.iter().flat_map(|step| {
            let env = step.env.iter().map(|env| variables.replace(&env.value));
            let all = variables.replace_all(&step.command).into_iter();
            all.chain(variables.replace_all(&step.args))
                .chain(env)
                .collect::<Vec<_>>()
        });
        let mut left = texts.flat_map(|text| {
            references(&text)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        left.find(|name| name.starts_with("params."))
    }

    fn run(
        &self,
        step: &TaskStep,
        variables: &Variables,
        deadline: Option<Instant>,
    ) -> Result<End> {
        let env = self.environment(step, variables);
        let arguments = variables.replace_all(&[step.command.clone(), step.args.clone()].concat());
        let mut arguments = arguments.iter().map(|text| {
            let expanded = kubelet::expand(text, &env);
            self.localize(&expanded)
        });
        let program = arguments.next().unwrap_or_default();
        let log = self.open_log()?;
        if let Some(function) = self.programs.function(&step.command) {
            // The first argument names the stand-in.
            let arguments: Vec<_> = arguments.collect();
            let env: Vec<_> = env
                .iter()
                .map(|(name, value)| (name.clone(), self.localize(value)))
                .collect();
            let call = Call {
                program: &program,
                arguments: &arguments,
                env: &env,
                root: &self.root,
                log: &log,
            };
            return call.run(function).map(End::Exited);
        }
        let child = Command::new(self.promote)
            .args(arguments)
            .env_clear()
            .envs(env.iter().map(|(name, value)| (name, self.localize(value))))
            .current_dir(self.root.join("empty"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        let mut child = child.with_context(|| format!("cannot run {}", self.promote.display()))?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(End::Exited(code_of(status)));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                child.kill()?;
                child.wait()?;
                return Ok(End::TimedOut);
            }
            thread::sleep(Duration::from_millis(4));
        }
    }

    /// Returns the variables of a step with the values that the kubelet sets.
    fn environment(&self, step: &TaskStep, variables: &Variables) -> Vec<(String, String)> {
        let declared = |name: &str| {
            let own = step.env.iter().find(|env| env.name == name);
            own.is_some()
        };
        let template = self.spec.step_template.env.iter();
        let template = template.filter(|env| !declared(&env.name));
        let own: Vec<&EnvVar> = template.chain(&step.env).collect();
        let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
        let mut known = vec![path];
        known.extend(self.env.iter().cloned());
        for env in own {
            let value = kubelet::expand(&variables.replace(&env.value), &known);
            known.push((env.name.clone(), value));
        }
        known
    }

    /// Puts the pod's paths, at the start or behind a `=`, into this attempt's directory.
    fn localize(&self, text: &str) -> String {
        let mut local = String::new();
        for (at, part) in text.split('=').enumerate() {
            if at > 0 {
                local.push('=');
            }
            if PATHS.iter().any(|root| part.starts_with(root)) {
                local.push_str(&self.root.display().to_string());
            }
            local.push_str(part);
        }
        local
    }

    /// Reads the declared results and tells whether they fit into the termination message.
    fn read_results(&self, results: &mut BTreeMap<String, String>) -> Result<bool> {
        let mut message =
            vec![json!({"key": "StartedAt", "value": "2026-01-02T03:04:05.006Z", "type": 3})];
        for declared in &self.spec.results {
            let path = self.root.join("tekton/results").join(&declared.name);
            let Ok(file) = File::open(path) else {
                continue;
            };
            let mut bytes = Vec::new();
            file.take(LOG).read_to_end(&mut bytes)?;
            let value = String::from_utf8_lossy(&bytes).into_owned();
            message.push(json!({"key": declared.name, "value": value, "type": 1}));
            results.insert(declared.name.clone(), value);
        }
        let fits = serde_json::to_vec(&message)?.len() <= TERMINATION_MESSAGE;
        if !fits {
            results.clear();
        }
        Ok(fits)
    }

    fn open_log(&self) -> Result<File> {
        let path = self.root.join("log");
        let log = File::options().create(true).append(true).open(&path);
        log.with_context(|| format!("cannot write {}", path.display()))
    }

    fn say(&self, line: &str) -> Result<()> {
        use std::io::Write as _;
        Ok(writeln!(self.open_log()?, "{line}")?)
    }

    /// The end of the log, with the pod's paths in place of ours.
    fn log(&self) -> Result<String> {
        let mut log = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(self.root.join("log"))?;
        let size = log.metadata()?.len();
        log.seek(SeekFrom::Start(size.saturating_sub(LOG)))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.replace(&self.root.display().to_string(), ""))
    }
}

impl Attempt {
    fn fail(&mut self, reason: &'static str, message: String) {
        self.succeeded = false;
        self.reason = reason;
        self.message = message;
    }
}

fn status(
    step: &TaskStep,
    exit_code: Option<i32>,
    reason: &'static str,
    started: Timestamp,
) -> StepStatus {
    StepStatus {
        name: step.name.clone(),
        image: step.image.clone(),
        exit_code,
        reason,
        started,
        finished: Timestamp::now(),
        message: None,
    }
}

/// The results as the container's termination message has them.
fn message(results: &BTreeMap<String, String>) -> Option<String> {
    let entries = results.iter();
    let entries = entries.map(|(name, value)| json!({"key": name, "value": value, "type": 1}));
    let entries: Vec<_> = entries.collect();
    (!entries.is_empty()).then(|| serde_json::Value::from(entries).to_string())
}

/// Returns the exit code as a shell does: a signal is 128 plus its number.
fn code_of(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    let signal = status.signal().map(|signal| 128 + signal);
    status.code().or(signal).unwrap_or(1)
}

/// Copies a directory, following the links that a Secret's volume is made of.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if fs::metadata(entry.path())?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
