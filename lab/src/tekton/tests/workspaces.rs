//! Workspaces: sub-paths, unbound and read-only ones.

use super::*;

#[test]
fn a_sub_path_is_a_directory_within_the_workspace() {
    let writes = Tiny {
        name: "writes",
        script: "touch \"$1/x\"",
        args: &["$(workspaces.data.path)"],
        extra: "  workspaces: [{name: data}]\n",
        ..Tiny::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let run = |below: &str| {
        let text = format!(
            "  params: [{{name: sub, default: a}}]\n  workspaces: [{{name: data}}]\n  tasks:\n  \
             - {{name: a, taskRef: {{name: writes}}, workspaces: [{{name: data, subPath: {below}}}]}}\n"
        );
        tiny(&[&writes], &text).workspace("data", dir.path()).run()
    };
    assert!(run("$(params.sub)/b").unwrap().succeeded);
    assert!(dir.path().join("a/b/x").exists());
    assert!(format!("{:#}", run("../c").unwrap_err()).contains("leaves the workspace"));
}

#[test]
fn an_unbound_workspace_is_an_empty_path_and_a_fresh_one_is_not_shared() {
    let shows = Tiny {
        name: "shows",
        script: "echo \"$2 [$1]\"; test -z \"$1\" || { ls \"$1\"; touch \"$1/x\"; }",
        args: &["$(workspaces.data.path)", "$(workspaces.data.bound)"],
        extra: "  workspaces: [{name: data, optional: true}]\n",
        ..Tiny::default()
    };
    let text = "  workspaces: [{name: data, optional: true}]\n  tasks:\n  \
        - {name: a, taskRef: {name: shows}, workspaces: [{name: data}]}\n  \
        - {name: b, taskRef: {name: shows}, workspaces: [{name: data}], runAfter: [a]}\n";
    let log = |run: Run| run.run().unwrap().task("b").unwrap().log().to_owned();
    assert_eq!(log(tiny(&[&shows], text)), "false []\n");
    let run_with = |binding: &str| {
        let run = format!(
            "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {{generateName: p-}}\nspec:\n  \
             pipelineRef: {{name: p}}\n  workspaces: [{{name: data, {binding}}}]\n"
        );
        tiny(&[&shows], text).text("run", run)
    };
    assert_eq!(log(run_with("emptyDir: {}")), "true [/workspace/data]\n");
    let claim = "volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}";
    assert_eq!(log(run_with(claim)), "true [/workspace/data]\nx\n");
    let secret = refusal(run_with("secret: {secretName: s}"));
    assert!(secret.contains("Secret s"), "{secret}");
}

#[test]
fn a_read_only_workspace_does_not_change() {
    let writes = Tiny {
        name: "writes",
        script: "cat \"$1/given\"; echo y > \"$1/given\"; echo x > \"$1/new\"; true",
        args: &["$(workspaces.data.path)"],
        extra: "  workspaces: [{name: data, readOnly: true}]\n",
        ..Tiny::default()
    };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("given"), "secret").unwrap();
    let status = alone(&writes).workspace("data", dir.path()).run().unwrap();
    assert!(status.task("writes").unwrap().log().starts_with("secret"));
    assert_eq!(fs::read(dir.path().join("given")).unwrap(), b"secret");
    assert!(!dir.path().join("new").exists());
}
