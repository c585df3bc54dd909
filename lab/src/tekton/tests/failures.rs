//! Failures: retries, timeouts, skipped Tasks and `finally`.

use super::*;

#[test]
fn a_failed_task_stops_what_has_not_started_and_finally_sees_it() {
    let status = tiny(
        &[&FAILS, &TAKES],
        "  tasks:\n  - {name: a, taskRef: {name: takes}, params: [{name: value, value: x}]}\n  \
         - {name: b, taskRef: {name: fails}, retries: 1}\n  \
         - {name: c, taskRef: {name: takes}, params: [{name: value, value: x}], runAfter: [b]}\n  \
         finally:\n  - {name: end, taskRef: {name: takes}, params: [{name: value, \
         value: $(tasks.status) $(tasks.b.status) $(tasks.c.status) $(tasks.b.reason)}]}\n",
    )
    .run()
    .unwrap();
    assert_eq!(
        fates(&status),
        [
            ("a", Fate::Succeeded),
            ("b", Fate::Failed),
            ("c", Fate::Skipped(Skip::Stopping)),
            ("end", Fate::Succeeded)
        ]
    );
    assert_eq!(status.task("b").unwrap().attempts.len(), 2);
    assert_eq!(
        status.task("end").unwrap().log(),
        "got Failed Failed None StepFailed\n"
    );
    assert_eq!((status.succeeded, status.reason), (false, "Failed"));
    assert_eq!(status.failed_task().unwrap().exit_code(), Some(3));
}

#[test]
fn an_attempt_that_succeeds_ends_the_retries() {
    let flaky = Tiny {
        name: "flaky",
        script: "test -e \"$1/seen\" || { touch \"$1/seen\"; exit 5; }",
        args: &["$(workspaces.data.path)"],
        extra: "  workspaces: [{name: data}]\n",
        ..Tiny::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let status = tiny(
        &[&flaky],
        "  workspaces: [{name: data}]\n  tasks:\n  - {name: a, taskRef: {name: flaky}, retries: 3, workspaces: [{name: data}]}\n",
    )
    .workspace("data", dir.path())
    .run()
    .unwrap();
    assert!(status.succeeded);
    assert_eq!(status.task("a").unwrap().attempts.len(), 2);
}

#[test]
fn an_ignored_failure_passes_but_is_shown() {
    let status = tiny(
        &[&FAILS, &TAKES],
        "  tasks:\n  - {name: a, taskRef: {name: fails}, onError: continue}\n  \
         - {name: b, taskRef: {name: takes}, params: [{name: value, value: x}], runAfter: [a]}\n  \
         finally:\n  - {name: end, taskRef: {name: takes}, params: [{name: value, value: $(tasks.status) $(tasks.a.reason)}]}\n",
    )
    .run()
    .unwrap();
    assert!(status.succeeded);
    assert_eq!(status.task("b").unwrap().fate, Fate::Succeeded);
    assert_eq!(
        status.task("end").unwrap().log(),
        "got Failed FailureIgnored\n"
    );
    assert!(
        status
            .message
            .contains("(Failed: 1 (Ignored: 1), Cancelled 0)"),
        "{}",
        status.message
    );
}

#[test]
fn a_failure_in_finally_fails_the_run_and_runs_no_other_less() {
    let status = tiny(
        &[&FAILS, &TAKES],
        "  tasks:\n  - {name: a, taskRef: {name: takes}, params: [{name: value, value: x}]}\n  \
         finally:\n  - {name: end, taskRef: {name: fails}}\n  \
         - {name: also, taskRef: {name: takes}, params: [{name: value, value: $(tasks.status)}]}\n",
    )
    .run()
    .unwrap();
    assert_eq!((status.succeeded, status.reason), (false, "Failed"));
    assert_eq!(status.task("also").unwrap().log(), "got Succeeded\n");
}

#[test]
fn a_declared_result_that_is_not_written_ends_the_run_when_it_is_needed() {
    let silent = Tiny {
        script: "true",
        ..GIVES
    };
    let status = tiny(
        &[&silent, &TAKES],
        "  tasks:\n  - {name: a, taskRef: {name: writes}, params: [{name: value, value: x}]}\n  \
         - {name: b, taskRef: {name: takes}, params: [{name: value, value: $(tasks.a.results.R)}]}\n  \
         finally:\n  - {name: end, taskRef: {name: takes}, params: [{name: value, value: $(tasks.status) $(tasks.b.status)}]}\n",
    )
    .run()
    .unwrap();
    assert_eq!(
        (status.succeeded, status.reason),
        (false, "PipelineValidationFailed")
    );
    assert!(
        status.message.contains("did not emit the result R"),
        "{}",
        status.message
    );
    assert_eq!(status.task("b").unwrap().fate, Fate::NotRun);
    assert_eq!(status.task("end").unwrap().log(), "got Succeeded None\n");
}

#[test]
fn a_step_that_may_fail_leaves_its_exit_code() {
    let text = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: a}\nspec:\n  steps:\n  \
        - {name: one, image: x, command: [/usr/bin/promote, -c, exit 3], onError: continue}\n  \
        - {name: two, image: x, command: [/usr/bin/promote, -c, 'cat \"$1\"', sh, $(steps.step-one.exitCode.path)]}\n";
    let run = Run::new(Vec::<PathBuf>::new())
        .promote("/bin/sh")
        .text("task", text);
    let status = run.run().unwrap();
    let task = status.task("a").unwrap();
    assert_eq!((task.log(), status.succeeded), ("3", true));
    let reasons: Vec<_> = task.attempts[0]
        .steps
        .iter()
        .map(|step| step.reason)
        .collect();
    assert_eq!(reasons, ["Continued", "Completed"]);
}

#[test]
fn a_task_that_takes_too_long_is_stopped() {
    let slow = Tiny {
        name: "slow",
        script: "exec sleep 60",
        ..Tiny::default()
    };
    let status = tiny(
        &[&slow],
        "  tasks:\n  - {name: a, taskRef: {name: slow}, timeout: 100ms}\n",
    )
    .run()
    .unwrap();
    let task = status.task("a").unwrap();
    assert_eq!((task.reason(), task.exit_code()), ("TaskRunTimeout", None));
}
