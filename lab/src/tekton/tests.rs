//! Tiny Tasks whose program is a shell: every rule of the runner in a few lines.
//!
//! What is expected here was measured on a cluster with Tekton Pipelines v1.15.

mod failures;
mod refusals;
mod workspaces;

use std::sync::{Arc, Mutex};

use super::*;

/// A Task of one step that runs a shell script with its params as `$1`, `$2`, ….
struct Tiny {
    name: &'static str,
    script: &'static str,
    args: &'static [&'static str],
    params: &'static [&'static str],
    results: &'static [&'static str],
    extra: &'static str,
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            name: "a",
            script: "true",
            args: &[],
            params: &[],
            results: &[],
            extra: "",
        }
    }
}

impl Tiny {
    fn yaml(&self) -> String {
        let list = |names: &[&str]| {
            let items: Vec<_> = names
                .iter()
                .map(|name| format!("{{name: {name}}}"))
                .collect();
            items.join(", ")
        };
        let args: Vec<_> = self.args.iter().map(|text| format!("{text:?}")).collect();
        format!(
            "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {{name: {}}}\nspec:\n  params: [{}]\n  \
             results: [{}]\n{}  steps:\n  - name: run\n    image: promote\n    command: [/usr/bin/promote, -c]\n    \
             args: [{:?}, sh, {}]\n",
            self.name,
            list(self.params),
            list(self.results),
            self.extra,
            self.script,
            args.join(", "),
        )
    }
}

const GIVES: Tiny = Tiny {
    name: "writes",
    script: "printf %s \"$1\" > \"$2\"",
    args: &["$(params.value)", "$(results.R.path)"],
    params: &["value"],
    results: &["R"],
    extra: "",
};

const TAKES: Tiny = Tiny {
    name: "takes",
    script: "echo \"got $1\"",
    args: &["$(params.value)"],
    params: &["value"],
    results: &[],
    extra: "",
};

const FAILS: Tiny = Tiny {
    name: "fails",
    script: "exit 3",
    args: &[],
    params: &[],
    results: &[],
    extra: "",
};

fn pipeline(tasks: &str) -> String {
    let head = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n";
    format!("{head}{tasks}")
}

fn tiny(tasks: &[&Tiny], pipeline_tasks: &str) -> Run {
    let run = Run::new(Vec::<PathBuf>::new()).promote("/bin/sh");
    let run = tasks
        .iter()
        .fold(run, |run, task| run.text(task.name, task.yaml()));
    run.text("pipeline", pipeline(pipeline_tasks))
}

fn alone(task: &Tiny) -> Run {
    Run::new(Vec::<PathBuf>::new())
        .promote("/bin/sh")
        .text(task.name, task.yaml())
}

#[track_caller]
fn refusal(run: Run) -> String {
    format!("{:#}", run.run().unwrap_err())
}

fn fates(status: &Status) -> Vec<(&str, Fate)> {
    status
        .tasks
        .iter()
        .map(|task| (task.name.as_str(), task.fate.clone()))
        .collect()
}

#[test]
fn passes_a_result_on_without_a_given_order() {
    let status = tiny(
        &[&TAKES, &GIVES],
        "  tasks:\n  - {name: second, taskRef: {name: takes}, params: [{name: value, value: \"x-$(tasks.first.results.R)\"}]}\n  \
         - {name: first, taskRef: {name: writes}, params: [{name: value, value: one}]}\n  \
         results: [{name: OUT, value: $(tasks.first.results.R)}]\n",
    )
    .run()
    .unwrap();
    assert!(status.succeeded, "{status:?}");
    assert_eq!(status.task("first").unwrap().result("R"), Some("one"));
    assert_eq!(status.task("second").unwrap().log(), "got x-one\n");
    assert_eq!(status.results.get("OUT").map(String::as_str), Some("one"));
    assert_eq!(status.reason, "Succeeded");
}

#[test]
fn the_kubelet_expands_variables_a_second_time() {
    let leaks = Tiny {
        extra: "  stepTemplate: {env: [{name: PW, value: hunter2}, {name: TWICE, value: \"<$(PW)>\"}]}\n",
        script: "echo $1 $TWICE",
        ..TAKES
    };
    let log = |value: &str| {
        let status = alone(&leaks).param("value", value).run().unwrap();
        status.task("takes").unwrap().log().to_owned()
    };
    assert_eq!(log("v1$(PW)"), "v1hunter2 <hunter2>\n");
    assert_eq!(log("$$(PW)"), "$(PW) <hunter2>\n");
    assert_eq!(log("$(NOPE)"), "$(NOPE) <hunter2>\n");
    // A later pass of the controller replaces what a param's value brings.
    assert_eq!(log("$(context.task.name)"), "takes <hunter2>\n");
}

#[test]
fn a_reference_to_a_param_in_a_value_stops_the_pod() {
    let status = alone(&TAKES)
        .param("value", "$(params.value)")
        .run()
        .unwrap();
    let task = status.task("takes").unwrap();
    assert_eq!(
        (task.reason(), task.exit_code()),
        ("PodCreationFailed", None)
    );
    assert!(!status.succeeded);
}

#[test]
fn results_too_large_fail_the_step() {
    let run = |size: usize| {
        alone(&GIVES)
            .param("value", "x".repeat(size))
            .run()
            .unwrap()
    };
    assert!(run(3900).succeeded);
    let status = run(4100);
    let task = status.task("writes").unwrap();
    assert_eq!((task.reason(), task.exit_code()), ("StepFailed", Some(1)));
    assert!(
        task.log()
            .contains("Termination message is above max allowed size 4096")
    );
    assert_eq!(task.result("R"), None);
}

const GUARDED: &str = "  params: [{name: go, default: \"no\"}]\n  tasks:\n  \
    - {name: a, taskRef: {name: writes}, params: [{name: value, value: x}], when: [{input: $(params.go), operator: in, values: [\"yes\"]}]}\n  \
    - {name: b, taskRef: {name: takes}, params: [{name: value, value: $(tasks.a.results.R)}]}\n  \
    - {name: c, taskRef: {name: takes}, params: [{name: value, value: x}], runAfter: [b]}\n  \
    - {name: d, taskRef: {name: takes}, params: [{name: value, value: x}], runAfter: [a]}\n  \
    finally:\n  - {name: end, taskRef: {name: takes}, params: [{name: value, value: $(tasks.status)}]}\n  \
    - {name: never, taskRef: {name: takes}, params: [{name: value, value: $(tasks.a.results.R)}]}\n";

#[test]
fn a_skipped_task_takes_along_who_needs_its_results_but_not_who_waits_for_it() {
    let status = tiny(&[&GIVES, &TAKES], GUARDED).run().unwrap();
    assert_eq!(
        fates(&status),
        [
            ("a", Fate::Skipped(Skip::When)),
            ("b", Fate::Skipped(Skip::MissingResult)),
            ("c", Fate::Skipped(Skip::Parent)),
            ("d", Fate::Succeeded),
            ("end", Fate::Succeeded),
            ("never", Fate::Skipped(Skip::MissingResult)),
        ]
    );
    assert_eq!(status.task("end").unwrap().log(), "got Completed\n");
    assert_eq!((status.succeeded, status.reason), (true, "Completed"));
    let all = tiny(&[&GIVES, &TAKES], GUARDED)
        .param("go", "yes")
        .run()
        .unwrap();
    assert_eq!(all.reason, "Succeeded");
}

#[test]
fn a_run_in_which_everything_is_skipped_is_completed() {
    let never = "when: [{input: a, operator: notin, values: [a, b]}]";
    let status = tiny(
        &[&FAILS],
        &format!("  tasks:\n  - {{name: a, taskRef: {{name: fails}}, {never}}}\n"),
    )
    .run()
    .unwrap();
    assert_eq!((status.succeeded, status.reason), (true, "Completed"));
}

#[test]
fn a_list_becomes_separate_arguments() {
    let text = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: a}\nspec:\n  \
        params: [{name: items, type: array, default: []}]\n  steps:\n  - name: run\n    image: x\n    \
        command: [/usr/bin/promote, -c]\n    args: ['for x; do echo \"<$x>\"; done', sh, '$(params.items[*])']\n";
    let run = || {
        Run::new(Vec::<PathBuf>::new())
            .promote("/bin/sh")
            .text("task", text)
    };
    let status = run()
        .param("items", "a b")
        .param("items", "c")
        .run()
        .unwrap();
    assert_eq!(status.task("a").unwrap().log(), "<a b>\n<c>\n");
    assert_eq!(run().run().unwrap().task("a").unwrap().log(), "");
}

#[test]
fn variables_are_those_of_the_task_alone() {
    let shows = Tiny {
        name: "shows",
        script: "env | cut -d= -f1 | sort | tr '\\n' ' '; pwd",
        extra: "  stepTemplate: {env: [{name: HOME, value: /tekton/home}]}\n",
        ..Tiny::default()
    };
    let status = alone(&shows).env("SOURCE_DATE_EPOCH", "1").run().unwrap();
    let log = status.task("shows").unwrap().log().to_owned();
    assert_eq!(log, "HOME PATH PWD SOURCE_DATE_EPOCH /empty\n");
}

#[test]
fn a_hook_runs_between_two_tasks() {
    let dir = tempfile::tempdir().unwrap();
    let shows = Tiny {
        name: "shows",
        script: "ls \"$1\"",
        args: &["$(workspaces.data.path)"],
        extra: "  workspaces: [{name: data}]\n",
        ..Tiny::default()
    };
    let text = "  workspaces: [{name: data}]\n  tasks:\n  \
        - {name: a, taskRef: {name: shows}, workspaces: [{name: data}]}\n  \
        - {name: b, taskRef: {name: shows}, workspaces: [{name: data}], runAfter: [a]}\n";
    let file = dir.path().join("new");
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let status = tiny(&[&shows], text)
        .workspace("data", dir.path())
        .after("a", move || {
            *count.lock().unwrap() += 1;
            fs::write(file, "").unwrap();
        })
        .run()
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), 1);
    assert_eq!(status.task("a").unwrap().log(), "");
    assert_eq!(status.task("b").unwrap().log(), "new\n");
    assert!(
        refusal(
            tiny(
                &[&FAILS],
                "  tasks:\n  - {name: a, taskRef: {name: fails}}\n"
            )
            .after("x", || {})
        )
        .contains("no task x")
    );
}

#[test]
fn writes_what_a_cluster_would_show() {
    let out = tempfile::tempdir().unwrap();
    tiny(&[&GIVES, &TAKES], GUARDED)
        .out(out.path())
        .run()
        .unwrap();
    let read = |name: &str| fs::read_to_string(out.path().join(name)).unwrap();
    let status: serde_json::Value = serde_json::from_str(&read("status.json")).unwrap();
    assert_eq!(status["kind"], "PipelineRun");
    assert_eq!(status["status"]["conditions"][0]["reason"], "Completed");
    assert_eq!(
        status["status"]["skippedTasks"][1]["reason"],
        "Results were missing"
    );
    assert_eq!(
        status["status"]["childReferences"][0]["pipelineTaskName"],
        "d"
    );
    let task: serde_json::Value = serde_json::from_str(&read("taskruns/p-run-d.json")).unwrap();
    assert_eq!(task["status"]["steps"][0]["terminated"]["exitCode"], 0);
    assert_eq!(read("logs/d.log"), "got x\n");
}

#[test]
fn fills_a_pipeline_run_from_an_event() {
    let run = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  generateName: on-tag-\n  annotations:\n    \
        pipelinesascode.tekton.dev/on-event: \"[push]\"\n    pipelinesascode.tekton.dev/on-target-branch: \"[refs/tags/*]\"\n\
        spec:\n  pipelineRef: {resolver: cluster, params: [{name: kind, value: pipeline}, {name: name, value: p}]}\n  \
        params:\n  - name: value\n    value: \"{{ git_tag }}\"\n";
    let text = "  params: [{name: value}]\n  tasks:\n  - {name: a, taskRef: {name: takes}, params: [{name: value, value: $(params.value)}]}\n";
    let with = |reference: &str| {
        let event = format!("{{\"ref\":\"{reference}\",\"head_commit\":{{\"id\":\"abc\"}}}}");
        tiny(&[&TAKES], text).text("on-tag", run).event(event)
    };
    let status = with("refs/tags/v1.0").run().unwrap();
    assert_eq!(status.task("a").unwrap().log(), "got v1.0\n");
    assert_eq!(status.name, "on-tag-local");
    assert!(refusal(with("refs/heads/main")).contains("pushes no tag"));
    // The values go into the text: a quote in a tag must end in an error, never in more YAML.
    assert!(refusal(with("refs/tags/v1\\\"x")).contains("on-tag"));
    let without = tiny(&[&TAKES], text).text("on-tag", run);
    assert!(refusal(without).contains("needs an event"));
}
