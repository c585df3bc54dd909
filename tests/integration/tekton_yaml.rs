//! The shipped Task and Pipeline YAML: fits the command line, each other, Tekton's schemas and its own docs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on stops, and says what it skipped"
)]

mod pipelines;

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

use lab::tekton::{
    self,
    model::{Pipeline, Resource, Task, Value},
};
use serde_json::Value as Json;

use crate::docs::{check, root};

/// All Tasks that are shipped.
const ALL: [&str; 17] = [
    "commit-status",
    "extract-tag",
    "gather-images",
    "verify-ec",
    "copy-image",
    "attest",
    "update-deployment",
    "preflight",
    "promote-run",
    "move-tags",
    "plan-release",
    "push-snapshot",
    "render",
    "verify-shard",
    "merge-verdicts",
    "release-status",
    "test-output",
];

/// The Tasks of a promotion.
pub(crate) const TASKS: [&str; 10] = [
    "extract-tag",
    "gather-images",
    "verify-ec",
    "copy-image",
    "attest",
    "move-tags",
    "update-deployment",
    "preflight",
    "promote-run",
    "render",
];

/// The command of a Task that is not named as it.
const COMMANDS: [(&str, &str); 6] = [
    ("merge-verdicts", "verify-ec"),
    ("verify-shard", "verify-ec"),
    ("move-tags", "copy-image"),
    ("preflight", "doctor"),
    ("promote-run", "run"),
    ("push-snapshot", "copy-image"),
];

const ONE_POD: &str = "pipelines/promote-run/promote-run.yaml";
const TO_REGISTRY: &str = "pipelines/push-to-registry/push-to-registry.yaml";

const OF_SNAPSHOTS: [&str; 3] = [
    "pipelines/push-to-registry/push-to-registry-in-shards.yaml",
    "pipelines/test-snapshot/test-snapshot.yaml",
    "pipelines/test-snapshot/test-snapshot-on-cluster.yaml",
];

const PIPELINE: &str = "pipelines/promote-to-prod/promote-to-prod.yaml";
const ON_TAG: &str = "pipelines/promote-to-prod/pac/on-tag.yaml";

const MARK: &str =
    "<!-- Generated from the Task: `UPDATE_DOCS=1 cargo test docs` renews what follows. -->";

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn path_of(task: &str) -> String {
    format!("tasks/{task}/{task}.yaml")
}

pub(crate) fn task(name: &str) -> Task {
    match tekton::parse(&text(&path_of(name))).unwrap() {
        Resource::Task(task) => task,
        other => panic!("no Task: {other:?}"),
    }
}

fn pipeline() -> Pipeline {
    match tekton::parse(&text(PIPELINE)).unwrap() {
        Resource::Pipeline(pipeline) => pipeline,
        other => panic!("no Pipeline: {other:?}"),
    }
}

fn command_of(task: &str) -> &str {
    let other = COMMANDS.iter().find(|(name, _)| *name == task);
    other.map_or(task, |(_, command)| command)
}

/// The arguments of the one step, without the program.
pub(crate) fn arguments(task: &Task) -> Vec<String> {
    let [step] = task.spec.steps.as_slice() else {
        panic!("{}: not one step", task.metadata.name);
    };
    assert_eq!(
        step.command,
        ["/usr/bin/promote", command_of(&task.metadata.name)]
    );
    [&step.command[1..], &step.args[..]].concat()
}

/// The values with which a Task is run in this test, beside its defaults.
fn value(task: &str, param: &str) -> Option<&'static str> {
    match (task, param) {
        ("extract-tag" | "preflight" | "promote-run", "tag") | ("gather-images", "revision") => {
            Some("v1.0")
        }
        (_, "policy" | "git-url" | "gitops-repo-url") => Some("https://git.example.com/acme/web"),
        (_, "commit") => Some("82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"),
        ("commit-status", "state") => Some("Failed"),
        ("plan-release", "snapshot") => Some("k8s:acme/web-x1abc"),
        (_, "public-key") => Some("k8s://release/cosign-pub"),
        (_, "images-digest" | "verified-digest" | "promoted-digest" | "release-digest") => {
            Some(DIGEST)
        }
        ("render", "snapshot" | "dir") | ("test-output", "required") => Some("x"),
        ("verify-shard", "shard") => Some("1/2"),
        _ => None,
    }
}

/// Tells if the program requires the param whatever its default.
fn needs_value(param: &str) -> bool {
    param == "tag" || param == "git-url" || param.ends_with("-digest")
}

/// Fills an argument as a run does: with all values, or with the defaults alone.
fn filled(task: &Task, argument: &str, with_values: bool) -> Vec<String> {
    let mut text = argument.to_owned();
    for workspace in &task.spec.workspaces {
        let path = if with_values || !workspace.optional {
            "/workspace/x"
        } else {
            ""
        };
        text = text.replace(&format!("$(workspaces.{}.path)", workspace.name), path);
    }
    for result in &task.spec.results {
        text = text.replace(
            &format!("$(results.{}.path)", result.name),
            "/tekton/results/x",
        );
    }
    for param in &task.spec.params {
        let needed = value(&task.metadata.name, &param.name)
            .filter(|_| with_values || param.default.is_none() || needs_value(&param.name));
        match (&param.default, param.kind()) {
            (_, tekton::model::Type::Array) if text == format!("$(params.{}[*])", param.name) => {
                return vec![match param.name.as_str() {
                    "verified-digests" => DIGEST.to_owned(),
                    _ => "web=registry.example.com/acme/web".to_owned(),
                }];
            }
            (_, tekton::model::Type::Array) => {}
            (default, tekton::model::Type::String) => {
                let default = default.as_ref().map(|value| value.strings()[0].as_str());
                let value = needed.or(default).unwrap_or_default();
                text = text.replace(&format!("$(params.{})", param.name), value);
            }
        }
    }
    assert!(!text.contains("$("), "{text}");
    vec![text]
}

#[test]
fn the_command_line_accepts_the_arguments_of_every_task() {
    for name in ALL {
        let task = task(name);
        for with_values in [false, true] {
            let all = arguments(&task);
            let given = all.iter().flat_map(|text| filled(&task, text, with_values));
            let given = std::iter::once("promote".to_owned()).chain(given);
            let given = promote::cli::arrange(given.map(Into::into).collect());
            let parsed = promote::cli::command().try_get_matches_from(&given);
            assert!(parsed.is_ok(), "{given:?}: {}", parsed.unwrap_err());
        }
        let changed = ["promote", command_of(name), "--no-such-flag=x"];
        assert!(
            promote::cli::command()
                .try_get_matches_from(changed)
                .is_err()
        );
    }
}

#[test]
fn a_param_is_the_flag_of_its_name_and_nothing_declared_is_unused() {
    for name in ALL {
        let task = task(name);
        let arguments: BTreeSet<_> = arguments(&task).into_iter().collect();
        for param in &task.spec.params {
            let of_step = |step: &str| format!("--set={step}.{0}=$(params.{0})", param.name);
            let own = match param.kind() {
                tekton::model::Type::Array => format!("$(params.{}[*])", param.name),
                tekton::model::Type::String => format!("--{0}=$(params.{0})", param.name),
            };
            let given = [
                own.clone(),
                of_step("extract-tag"),
                of_step("attest"),
                of_step("verify-ec"),
                format!(
                    "--set=attest.{}=$(params.{})",
                    param.name.trim_start_matches("signing-"),
                    param.name
                ),
                of_step("update-deployment"),
            ];
            assert!(
                given.iter().any(|given| arguments.contains(given)),
                "{name} lacks {own}"
            );
            assert!(!param.description.is_empty(), "{name}: {}", param.name);
        }
        for result in &task.spec.results {
            let own = format!("--result={0}=$(results.{0}.path)", result.name);
            assert!(arguments.contains(&own), "{name} lacks {own}");
        }
        for workspace in &task.spec.workspaces {
            let own = format!("=$(workspaces.{}.path)", workspace.name);
            assert!(
                arguments.iter().any(|text| text.ends_with(&own)),
                "{name} lacks {own}"
            );
        }
    }
}

#[test]
fn no_yaml_has_a_script_a_secret_in_a_variable_or_a_shell() {
    for path in shipped() {
        let text = fs::read_to_string(&path).unwrap();
        for never in ["script:", "valueFrom", "secretKeyRef", "/bin/sh", "bash"] {
            assert!(!text.contains(never), "{} has {never}", path.display());
        }
    }
}

#[test]
fn every_step_is_confined_and_of_this_version() {
    for name in ALL {
        let task = task(name);
        assert_eq!(task.metadata.name, name);
        assert_eq!(
            task.metadata.labels["app.kubernetes.io/version"],
            env!("CARGO_PKG_VERSION")
        );
        let context = task.spec.step_template.security_context.as_ref().unwrap();
        assert_eq!(context.allow_privilege_escalation, Some(false));
        assert_eq!(context.read_only_root_filesystem, Some(true));
        assert_eq!(context.run_as_non_root, Some(true));
        assert_eq!(context.capabilities.as_ref().unwrap().drop, ["ALL"]);
        assert_eq!(
            context.seccomp_profile.as_ref().unwrap().r#type,
            "RuntimeDefault"
        );
        let step = &task.spec.steps[0];
        assert!(
            step.image
                .ends_with(concat!("/promote:", env!("CARGO_PKG_VERSION"))),
            "{}",
            step.image
        );
        let resources = step.compute_resources.as_ref().unwrap();
        assert!(
            resources.requests.contains_key("cpu") && resources.requests.contains_key("memory")
        );
        assert!(resources.limits.contains_key("memory"));
    }
}

#[test]
fn the_image_runs_as_nobody_and_has_every_step_by_its_name() {
    let file = text("Containerfile");
    let (_, last) = file.rsplit_once("\nFROM ").unwrap();
    assert!(
        last.starts_with("scratch\n"),
        "the last stage has a shell: {last}"
    );
    assert!(
        last.contains("\nUSER 65532:65532\n"),
        "the kubelet needs a numeric user"
    );
    assert!(last.contains("ENTRYPOINT [\"/usr/bin/promote\"]"));
    let (_, applets) = file.split_once("for applet in ").unwrap();
    let (applets, _) = applets.split_once(';').unwrap();
    let command = promote::cli::command();
    for applet in applets.split_whitespace() {
        assert!(command.find_subcommand(applet).is_some(), "{applet}");
    }
    for name in ALL.iter().filter(|name| command_of(name) == **name) {
        assert!(
            applets.split_whitespace().any(|applet| applet == *name),
            "{name}"
        );
    }
}

/// The image that CI builds and runs is the shipped one: the last stages differ in where the files come from.
#[test]
fn both_containerfiles_end_in_the_same_image() {
    let last = |path: &str| {
        let file = text(path);
        let (_, last) = file.rsplit_once("\nFROM ").unwrap();
        last.replace("COPY --from=build /rootfs /", "COPY rootfs /")
    };
    assert_eq!(last("Containerfile"), last("Containerfile.static"));
    let (file, layout) = (text("Containerfile"), text(".ci/rootfs"));
    for part in [
        "commit-status extract-tag gather-images plan-release verify-ec copy-image attest release-status render test-output update-deployment ec",
        "nonroot:x:65532:65532::/tmp:/sbin/nologin",
        "install -d -m 1777",
        "libgit2-COPYING",
    ] {
        assert!(file.contains(part) && layout.contains(part), "{part}");
    }
}

#[test]
fn every_resource_has_a_name_for_people() {
    let tasks = ALL.map(path_of);
    for path in tasks
        .iter()
        .map(String::as_str)
        .chain([PIPELINE, ONE_POD, TO_REGISTRY])
    {
        let document: Json = serde_saphyr::from_str(&text(path)).unwrap();
        let shown = &document["metadata"]["annotations"]["tekton.dev/displayName"];
        assert!(shown.is_string(), "{path}");
        assert!(document["spec"]["displayName"].is_string(), "{path}");
    }
}

#[test]
fn tektons_own_schemas_accept_it() {
    let schemas = root().join("../shared/peers/tekton-schema");
    if !schemas.is_dir() {
        eprintln!("skipped: no schemas at {}", schemas.display());
        return;
    }
    for path in ALL
        .map(path_of)
        .iter()
        .map(String::as_str)
        .chain([PIPELINE, ONE_POD, TO_REGISTRY, ON_TAG])
        .chain(OF_SNAPSHOTS)
    {
        let document: Json = serde_saphyr::from_str(&text(path)).unwrap();
        let kind = document["kind"].as_str().unwrap().to_owned();
        let schema = fs::read_to_string(schemas.join(format!("{kind}.v1.json"))).unwrap();
        let schema: Json = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{path}: {}", errors.join("; "));
        let mut wrong = document;
        wrong["spec"]["noSuchField"] = Json::from(1);
        assert!(
            !validator.is_valid(&wrong),
            "the schema of {kind} accepts everything"
        );
    }
}

#[test]
fn docs_tables_of_the_tasks_are_fresh() {
    for name in ALL {
        let path = format!("tasks/{name}/README.md");
        let found = fs::read_to_string(root().join(&path)).unwrap_or_default();
        let by_hand = found.split(MARK).next().unwrap_or_default();
        let words = by_hand.split_whitespace().count();
        assert!(
            words > 40,
            "{path}: what the Task is for, and what it refuses, is written by hand"
        );
        let task = task(name);
        let mut generated = tables(&format!("tasks/{name}"), &task);
        if task.spec.params.iter().any(|param| param.name == "path") {
            write!(generated, "\n## Paths\n\n{}\n", path_grammar()).unwrap();
        }
        check(&path, &format!("{by_hand}{MARK}\n{generated}"));
    }
}

/// How paths in files are written, as the help of the flag says it.
fn path_grammar() -> String {
    let command = promote::cli::command();
    let command = command.find_subcommand("update-deployment").unwrap();
    let mut flags = command.get_arguments();
    let flag = flags.find(|flag| flag.get_id() == "path").unwrap();
    let help = flag.get_long_help().unwrap().to_string();
    let (_, grammar) = help.split_once("\n\n").unwrap();
    grammar.to_owned()
}

pub(crate) fn tables(folder: &str, task: &Task) -> String {
    let mut text = crate::task_examples::example(folder, task);
    text.push_str("\n## Params\n\n| param | default | description |\n|---|---|---|\n");
    for param in &task.spec.params {
        let default = match &param.default {
            None => "required".to_owned(),
            Some(Value::Array(_)) => "none (a list)".to_owned(),
            Some(Value::String(text)) if text.is_empty() => String::new(),
            Some(Value::String(text)) => format!("`{text}`"),
        };
        writeln!(
            text,
            "| `{}` | {default} | {} |",
            param.name, param.description
        )
        .unwrap();
    }
    text.push_str("\n## Results\n\n| result | description |\n|---|---|\n");
    for result in &task.spec.results {
        writeln!(text, "| `{}` | {} |", result.name, result.description).unwrap();
    }
    text.push_str(
        r"
## Workspaces

| workspace | optional | description |
|---|---|---|
",
    );
    for workspace in &task.spec.workspaces {
        let optional = if workspace.optional { "yes" } else { "no" };
        writeln!(
            text,
            "| `{}` | {optional} | {} |",
            workspace.name, workspace.description
        )
        .unwrap();
    }
    text.push_str(&crate::task_folders::sections(task));
    text
}

/// Every YAML file below `tasks` and `pipelines`.
fn shipped() -> Vec<PathBuf> {
    let mut dirs = vec![root().join("tasks"), root().join("pipelines")];
    let mut found = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml") {
                found.push(path);
            }
        }
    }
    assert!(found.len() >= 8, "{found:?}");
    found
}
