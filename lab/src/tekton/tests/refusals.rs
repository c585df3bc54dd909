//! Refusals before anything runs: variables, params, fields, programs.

use super::*;

#[test]
fn an_undeclared_reference_is_refused_before_anything_runs() {
    let task = Tiny {
        args: &["$(results.NOPE.path)"],
        ..GIVES
    };
    assert!(refusal(alone(&task)).contains("$(results.NOPE.path)"));
    let run = tiny(
        &[&TAKES, &GIVES],
        "  tasks:\n  - {name: a, taskRef: {name: writes}, params: [{name: value, value: x}]}\n  \
         - {name: b, taskRef: {name: takes}, params: [{name: value, value: $(tasks.a.results.NOPE)}]}\n",
    );
    assert!(refusal(run).contains("task b: unknown variable $(tasks.a.results.NOPE)"));
    let early = tiny(
        &[&TAKES, &GIVES],
        "  tasks:\n  - {name: a, taskRef: {name: writes}, params: [{name: value, value: x}]}\n  \
         - {name: b, taskRef: {name: takes}, params: [{name: value, value: $(tasks.a.status)}]}\n",
    );
    assert!(refusal(early).contains("$(tasks.a.status)"));
}

#[test]
fn params_and_workspaces_must_fit_the_task() {
    for (task, problem) in [
        ("{name: b, taskRef: {name: takes}}", "needs the param value"),
        (
            "{name: b, taskRef: {name: takes}, params: [{name: value, value: x}, {name: more, value: x}]}",
            "no param more",
        ),
        (
            "{name: b, taskRef: {name: takes}, params: [{name: value, value: [x]}]}",
            "another type",
        ),
        ("{name: b, taskRef: {name: nope}}", "in none of the files"),
        (
            "{name: b, taskRef: {name: takes}, params: [{name: value, value: x}], runAfter: [b]}",
            "waits for itself",
        ),
        (
            "{name: b, taskRef: {name: takes}, params: [{name: value, value: x}], runAfter: [c]}",
            "does not exist",
        ),
        (
            "{name: b, taskRef: {name: takes}, params: [{name: value, value: x}], workspaces: [{name: w}]}",
            "no workspace w",
        ),
        (
            "{name: b, taskRef: {name: takes}, params: [{name: value, value: x}], retries: 1, onError: continue}",
            "exclude",
        ),
    ] {
        let refused = refusal(tiny(&[&TAKES], &format!("  tasks:\n  - {task}\n")));
        assert!(refused.contains(problem), "{refused}");
    }
    let needs = Tiny {
        extra: "  workspaces: [{name: data}]\n",
        ..FAILS
    };
    assert!(refusal(alone(&needs)).contains("needs the workspace data"));
    assert!(refusal(alone(&TAKES)).contains("needs the param value"));
}

#[test]
fn a_field_that_is_not_implemented_is_refused_by_name() {
    for (from, to, named) in [
        (
            "    image: promote",
            "    image: promote\n    script: echo",
            "script",
        ),
        ("  steps:", "  sidecars: []\n  steps:", "sidecars"),
        (
            "  steps:",
            "  volumes: [{name: v, nfs: {server: s, path: /}}]\n  steps:",
            "nfs",
        ),
        (
            "    image: promote",
            "    image: promote\n    securityContext: {readonlyRootFilesystem: true}",
            "readonlyRootFilesystem",
        ),
        ("tekton.dev/v1", "tekton.dev/v1beta1", "v1beta1"),
        ("kind: Task", "kind: StepAction", "StepAction"),
    ] {
        let text = FAILS.yaml().replace(from, to);
        let run = Run::new(Vec::<PathBuf>::new())
            .promote("/bin/sh")
            .text("task", text);
        let refused = refusal(run);
        assert!(refused.contains(named), "{refused}");
    }
    for field in ["matrix: {}", "taskRef2: x", "pipelineSpec: {}"] {
        let text = format!("  tasks:\n  - {{name: a, taskRef: {{name: fails}}, {field}}}\n");
        let refused = refusal(tiny(&[&FAILS], &text));
        assert!(
            refused.contains(field.split(':').next().unwrap()),
            "{refused}"
        );
    }
    for field in ["timeouts: {}", "taskRunSpecs: []", "status: Cancelled"] {
        let run = format!(
            "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {{name: r}}\nspec:\n  pipelineRef: {{name: p}}\n  {field}\n"
        );
        let text = "  tasks:\n  - {name: a, taskRef: {name: fails}}\n";
        let refused = refusal(tiny(&[&FAILS], text).text("run", run));
        assert!(
            refused.contains(field.split(':').next().unwrap()),
            "{refused}"
        );
    }
}

#[test]
fn another_program_is_refused() {
    let text = FAILS.yaml().replace("/usr/bin/promote", "/bin/sh");
    let run = Run::new(Vec::<PathBuf>::new())
        .promote("/bin/sh")
        .text("task", text);
    assert!(refusal(run).contains("runs only /usr/bin/promote"));
}

#[test]
fn references_that_finally_may_not_use_are_refused() {
    for (task, problem) in [
        (
            "{name: end, taskRef: {name: fails}, runAfter: [a]}",
            "runAfter has no place in finally",
        ),
        (
            "{name: end, taskRef: {name: takes}, params: [{name: value, value: $(tasks.end.status)}]}",
            "$(tasks.end.status)",
        ),
    ] {
        let text = format!(
            "  tasks:\n  - {{name: a, taskRef: {{name: fails}}}}\n  finally:\n  - {task}\n"
        );
        let refused = refusal(tiny(&[&FAILS, &TAKES], &text));
        assert!(refused.contains(problem), "{refused}");
    }
}
