//! The folder of each Task: README with tables, StepAction, example, changelog. What is generated is held fresh.

use std::{fmt::Write as _, fs, path::PathBuf};

use lab::tekton::{
    self,
    model::{EnvVar, ParamSpec, Resource, Task, Type, Value},
};

use crate::{
    docs::{check, root},
    task_examples::task_run,
};

pub(crate) const MARK: &str =
    "<!-- Generated from the Task: `UPDATE_DOCS=1 cargo test docs` renews what follows. -->";
pub(crate) const GENERATED: &str =
    "# Generated from the Task: `UPDATE_DOCS=1 cargo test docs` renews it.\n";
const DROP_IN: &str = "drop-in";

/// The folders of all Tasks, from the root.
pub(crate) fn folders() -> Vec<String> {
    let mut found = Vec::new();
    for dir in ["tasks", DROP_IN] {
        for entry in fs::read_dir(root().join(dir)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let folder = format!("{dir}/{name}");
            if root().join(format!("{folder}/{name}.yaml")).is_file() {
                found.push(folder);
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn task_of(folder: &str) -> Task {
    let name = folder.rsplit('/').next().unwrap();
    let text = fs::read_to_string(root().join(format!("{folder}/{name}.yaml"))).unwrap();
    match tekton::parse(&text).unwrap() {
        Resource::Task(task) => task,
        other => panic!("{folder} has no Task: {other:?}"),
    }
}

#[test]
fn docs_task_folders_are_fresh() {
    for folder in folders() {
        let task = task_of(&folder);
        let name = &task.metadata.name;
        check(&format!("{folder}/stepaction.yaml"), &step_action(&task));
        check(
            &format!("{folder}/samples/taskrun.yaml"),
            &task_run(&folder, &task),
        );
        let changes =
            fs::read_to_string(root().join(format!("{folder}/CHANGELOG.md"))).unwrap_or_default();
        let version = &task.metadata.labels["app.kubernetes.io/version"];
        assert!(
            changes.contains(&format!("## {version}")),
            "{folder}/CHANGELOG.md has no entry for {version}"
        );
        if folder.starts_with(DROP_IN) {
            let path = format!("{folder}/README.md");
            let found = fs::read_to_string(root().join(&path)).unwrap_or_default();
            let by_hand = found.split(MARK).next().unwrap_or_default();
            assert!(
                by_hand.split_whitespace().count() > 40,
                "{path}: what differs from the original is written by hand"
            );
            check(
                &path,
                &format!(
                    "{by_hand}{MARK}\n{}",
                    crate::tekton_yaml::tables(&folder, &task)
                ),
            );
        }
        let listed = fs::read_to_string(root().join(match folder.starts_with(DROP_IN) {
            true => "drop-in/kustomization.yaml",
            false => "tasks/kustomization.yaml",
        }));
        assert!(
            listed.unwrap().contains(&format!("{name}/{name}.yaml")),
            "{name} is not in kustomization.yaml"
        );
    }
}

/// The sections of a README behind its tables: exit codes and the StepAction.
pub(crate) fn sections(task: &Task) -> String {
    let name = &task.metadata.name;
    let mut text =
        "\n## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done, or already done |\n"
            .to_owned();
    for (code, meaning) in promote::cli::exit_codes() {
        writeln!(text, "| {code} | {meaning} |").unwrap();
    }
    write!(
        text,
        "\n## As a step\n\nTo use this step in your own Task, install `stepaction.yaml`. Its params are those of the Task, and a path for each workspace and volume.\n\n```yaml\nsteps:\n  - name: {name}\n    ref:\n      name: {name}\n    params:\n{}```\n",
        required(task).map(|param| format!("      - name: {}\n        value: …\n", param.name)).collect::<String>()
            + &paths(task).iter().map(|(param, from)| format!("      - name: {param}\n        value: {from}\n")).collect::<String>()
    )
    .unwrap();
    text
}

pub(crate) fn required(task: &Task) -> impl Iterator<Item = &ParamSpec> {
    task.spec
        .params
        .iter()
        .filter(|param| param.default.is_none())
}

/// The params of a StepAction that stand for directories, and where a Task has these.
fn paths(task: &Task) -> Vec<(String, String)> {
    let workspaces = task.spec.workspaces.iter().map(|own| {
        (
            format!("{}-path", own.name.replace('_', "-")),
            format!("$(workspaces.{}.path)", own.name),
        )
    });
    let mounts = task.spec.step_template.volume_mounts.iter();
    let mounts = mounts.map(|mount| (format!("{}-path", mount.name), mount.mount_path.clone()));
    workspaces.chain(mounts).collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

const SECURITY_CONTEXT: &str = r"  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
";

/// The one step as a StepAction. Workspaces and volumes are a Task's: their paths become params.
fn step_action(task: &Task) -> String {
    let paths = paths(task);
    let [step] = task.spec.steps.as_slice() else {
        panic!("{}: not one step", task.metadata.name);
    };
    let filled = |text: &str| {
        let mut text = text.to_owned();
        for (param, from) in &paths {
            text = text.replace(from.as_str(), &format!("$(params.{param})"));
        }
        for result in &task.spec.results {
            let (from, to) = (
                format!("$(results.{}.path)", result.name),
                format!("$(step.results.{}.path)", result.name),
            );
            text = text.replace(&from, &to);
        }
        text
    };
    let mut text = format!(
        r"{GENERATED}apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata:
  name: {}
  labels:
    app.kubernetes.io/version: {}
spec:
  description: {}
  params:
",
        task.metadata.name,
        quoted(&task.metadata.labels["app.kubernetes.io/version"]),
        quoted(&task.spec.display_name),
    );
    let used = |name: &str| {
        let all = step.args.iter().map(String::as_str).chain(
            task.spec
                .step_template
                .env
                .iter()
                .map(|env| env.value.as_str()),
        );
        all.into_iter().any(|text| {
            text.contains(&format!("$(params.{name})"))
                || text.contains(&format!("$(params.{name}[*])"))
        })
    };
    for param in task.spec.params.iter().filter(|param| used(&param.name)) {
        write_param(&mut text, param);
    }
    for (param, _) in &paths {
        write!(text, "    - name: {param}\n      description: \"The directory, as a Task's workspace or volume has it; empty for none.\"\n      default: \"\"\n").unwrap();
    }
    if !task.spec.results.is_empty() {
        text.push_str("  results:\n");
    }
    for result in &task.spec.results {
        write!(
            text,
            "    - name: {}\n      description: {}\n",
            result.name,
            quoted(&result.description)
        )
        .unwrap();
    }
    text.push_str("  env:\n");
    let own: &[EnvVar] = &task.spec.step_template.env;
    for env in own {
        write!(
            text,
            "    - name: {}\n      value: {}\n",
            env.name,
            quoted(&filled(&env.value))
        )
        .unwrap();
    }
    write!(
        text,
        r"  # lint: ignore image-without-digest: the installation puts its own image here
  image: {}
  command: [{}]
  args:
",
        step.image,
        step.command.join(", ")
    )
    .unwrap();
    for argument in &step.args {
        writeln!(text, "    - {}", quoted(&filled(argument))).unwrap();
    }
    text.push_str(SECURITY_CONTEXT);
    text
}

fn write_param(text: &mut String, param: &ParamSpec) {
    write!(
        text,
        "    - name: {}\n      description: {}\n",
        param.name,
        quoted(&param.description)
    )
    .unwrap();
    if param.kind() == Type::Array {
        text.push_str("      type: array\n");
    }
    match &param.default {
        None => {}
        Some(Value::String(value)) => {
            writeln!(text, "      default: {}", quoted(value)).unwrap();
        }
        Some(Value::Array(items)) => {
            let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
            writeln!(text, "      default: [{}]", items.join(", ")).unwrap();
        }
    }
}

/// The Task and the StepAction made of it do the same.
#[test]
fn a_step_action_does_what_its_task_does() {
    let action = fs::read_to_string(root().join("tasks/extract-tag/stepaction.yaml")).unwrap();
    let task = r"apiVersion: tekton.dev/v1
kind: Task
metadata: {name: mine}
spec:
  params: [{name: ref}, {name: url}, {name: login}]
  results:
    - name: DESTINATION
      value: $(steps.first.results.DESTINATION_IMAGE_TAG)
  steps:
    - name: first
      ref: {name: extract-tag}
      params:
        - {name: ref, value: $(params.ref)}
        - {name: git-url, value: $(params.url)}
        - {name: git-credentials-path, value: $(params.login)}
";
    let universe = lab::universe::Universe::new().unwrap();
    let run = |reference: &str| {
        tekton::Run::new(Vec::<PathBuf>::new())
            .text("task.yaml", task)
            .text("stepaction.yaml", action.clone())
            .promote(env!("CARGO_BIN_EXE_promote"))
            .param("ref", reference)
            .param("url", universe.source_url())
            .param("login", universe.credentials().display().to_string())
            .run()
    };
    let status = run("refs/tags/v1.0").unwrap();
    let done = status.task("mine").unwrap();
    assert!(status.succeeded, "{}", done.log());
    assert_eq!(done.result("DESTINATION"), Some("prod-v1.0"));
    assert!(!run("refs/heads/main").unwrap().succeeded);
}

#[test]
fn what_a_step_refers_to_has_to_be_there() {
    let refuse = |task: &str, reason: &str| {
        let run = tekton::Run::new(Vec::<PathBuf>::new())
            .text("task.yaml", task)
            .promote("/nowhere")
            .run();
        let error = format!("{:#}", run.err().unwrap());
        assert!(error.contains(reason), "{error}");
    };
    let head = r"apiVersion: tekton.dev/v1
kind: Task
metadata: {name: mine}
spec:
";
    refuse(
        &format!("{head}  steps: [{{name: a, ref: {{name: nope}}}}]\n"),
        "the StepAction nope is in none of the files",
    );
    refuse(
        &format!("{head}  steps: [{{name: a, image: x, command: [/bin/sh]}}]\n"),
        "runs /bin/sh",
    );
    refuse(
        &format!(
            "{head}  volumes: [{{name: v, secret: {{secretName: s}}}}]\n  steps: [{{name: a, image: x, command: [/usr/bin/promote], volumeMounts: [{{name: v, mountPath: /etc/x}}]}}]\n"
        ),
        "below /mnt/ alone",
    );
}

/// A Task of another image runs by its stand-in, and is refused by name without one.
#[test]
fn a_task_of_another_image_has_a_stand_in_or_is_refused() {
    let foreign = r"apiVersion: tekton.dev/v1
kind: Task
metadata: {name: scan}
spec:
  params: [{name: url}]
  results: [{name: FOUND}]
  steps: [{name: a, image: x, script: echo}]
";
    let run = || {
        tekton::Run::new(Vec::<PathBuf>::new())
            .text("scan.yaml", foreign)
            .promote("/nowhere")
            .param("url", "u")
    };
    let error = format!("{:#}", run().run().err().unwrap());
    assert!(
        error.contains("script") || error.contains("not implemented"),
        "{error}"
    );
    let status = run()
        .stand_in("scan", |call| {
            fs::write(call.value("result-FOUND")?, call.value("url")?)?;
            Ok(())
        })
        .run()
        .unwrap();
    assert_eq!(status.task("scan").unwrap().result("FOUND"), Some("u"));
}

/// Every case below `tests/tasks` ends as it says.
#[test]
fn every_case_of_a_task_passes() {
    let cases = tekton::cases::cases(&root().join("tests/tasks")).unwrap();
    assert!(cases.len() >= 20, "{cases:?}");
    let mut wrong = Vec::new();
    for case in cases {
        if let Err(error) =
            tekton::cases::run(&case, std::path::Path::new(env!("CARGO_BIN_EXE_promote")))
        {
            wrong.push(format!("{}: {error:#}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Each param of a drop-in Task is read, or named among those that are not.
#[test]
fn every_param_of_a_drop_in_is_given_to_the_program() {
    for folder in folders()
        .iter()
        .filter(|folder| folder.starts_with(DROP_IN))
    {
        let text = fs::read_to_string(root().join(format!(
            "{folder}/{}.yaml",
            folder.rsplit('/').next().unwrap()
        )))
        .unwrap();
        let task = task_of(folder);
        for param in &task.spec.params {
            let used = [
                format!("$(params.{})", param.name),
                format!("$(params.{}[*])", param.name),
            ];
            assert!(
                used.iter().any(|used| text.contains(used)),
                "{folder} does not read {}",
                param.name
            );
        }
        let arguments = [
            &task.spec.steps[0].command[1..],
            &task.spec.steps[0].args[..],
        ]
        .concat();
        let given = arguments.iter().map(|text| filled(&task, text));
        let given = std::iter::once("promote".to_owned()).chain(given.flatten());
        let given = promote::cli::arrange(given.map(Into::into).collect());
        let parsed = promote::cli::command().try_get_matches_from(&given);
        assert!(parsed.is_ok(), "{given:?}: {}", parsed.unwrap_err());
    }
}

/// An argument with the defaults of the params, and a value where there is none.
fn filled(task: &Task, argument: &str) -> Vec<String> {
    let mut text = argument.to_owned();
    for param in &task.spec.params {
        let value = match &param.default {
            Some(Value::Array(items)) if text == format!("$(params.{}[*])", param.name) => {
                return items.clone();
            }
            Some(Value::String(value)) => value.clone(),
            _ => "x".to_owned(),
        };
        text = text.replace(&format!("$(params.{})", param.name), &value);
    }
    for own in &task.spec.workspaces {
        let path = if own.optional { "" } else { "/workspace/x" };
        text = text.replace(&format!("$(workspaces.{}.path)", own.name), path);
    }
    for result in &task.spec.results {
        text = text.replace(
            &format!("$(results.{}.path)", result.name),
            "/tekton/results/x",
        );
    }
    vec![text]
}
