//! `lint`: the shipped resources pass, and each mistake in the arguments of our own steps is found.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::{fs, path::PathBuf};

use crate::{docs::root, harness::Workdir};

const TASK: &str = "\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: copy
spec:
  params:
    - name: tag
    - name: places
      type: array
  steps:
    - name: copy
      image: registry.example.com/promote:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      command: [COMMAND]
      args: [ARGS]
      computeResources:
        requests: {memory: 32Mi}
";

fn task(command: &str, args: &str) -> String {
    TASK.replace("COMMAND", command).replace("ARGS", args)
}

/// The shipped YAML.
fn shipped() -> Vec<String> {
    let mut found = Vec::new();
    let dirs = ["tasks", "pipelines", "examples"];
    let mut open: Vec<PathBuf> = dirs.map(|dir| root().join(dir)).into();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "yaml") {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn the_shipped_resources_pass_strictly() {
    let dir = Workdir::new();
    let files = shipped();
    assert!(files.len() >= 7, "{files:?}");
    let mut arguments = vec!["lint", "--strict"];
    arguments.extend(files.iter().map(String::as_str));
    let run = dir.promote(&arguments).exits(0);
    assert_eq!(run.stdout, "");
    let tasks = root().join("tasks");
    dir.promote(&["lint", "--strict", tasks.to_str().unwrap()])
        .exits(0);
}

#[test]
fn holds_the_arguments_of_our_steps_against_the_command_line() {
    let good = [
        ("/usr/bin/promote, copy-image", "--tag=$(params.tag)"),
        ("/usr/bin/copy-image", "--tag=$(params.tag), --dry-run=true"),
        ("promote", "--log-level=debug, copy-image, --jobs=3"),
        (
            "/usr/bin/promote, gather-images",
            "--git-url=x, --, \"$(params.places[*])\"",
        ),
        ("promote, trust, verify", "$(params.tag)"),
        ("ec, validate, image", "--image=$(params.tag), --policy=x"),
        ("skopeo, copy", "--no-such-flag"),
    ];
    for (command, args) in good {
        let dir = Workdir::new();
        dir.write("task.yaml", task(command, args));
        dir.promote(&["lint", "task.yaml"]).exits(0);
    }
    let bad = [
        (
            "/usr/bin/promote, copy-image",
            "--tags=$(params.tag)",
            "did you mean --tag?",
        ),
        (
            "/usr/bin/promote, copy-images",
            "--tag=$(params.tag)",
            "no command copy-images",
        ),
        ("/usr/bin/promote", "--tag=$(params.tag)", "no flag --tag"),
        ("/usr/bin/copy-image", "--jobs=many", "'many'"),
        ("/usr/bin/copy-image", "--dry-run=perhaps", "perhaps"),
        (
            "/usr/bin/promote, test-output",
            "--log-level=info",
            "needs --required",
        ),
        (
            "/usr/bin/promote, report",
            "--output=pdf, report.json",
            "pdf",
        ),
        (
            "/usr/bin/promote, report",
            "a.json, b.json",
            "takes no argument b.json",
        ),
        ("promote, trust", "--log-level=info", "needs a command"),
        ("ec, validate, image", "--imagee=x", "did you mean --image?"),
    ];
    for (command, args, expected) in bad {
        let dir = Workdir::new();
        dir.write("task.yaml", task(command, args));
        let run = dir.promote(&["lint", "task.yaml"]).exits(4);
        assert!(run.stdout.contains("error[argument]"), "{}", run.stdout);
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
}

#[test]
fn warnings_are_errors_when_strict() {
    let dir = Workdir::new();
    let unpinned = task("skopeo", "copy").replace(
        "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "",
    );
    dir.write("task.yaml", unpinned);
    let run = dir.promote(&["lint", "task.yaml"]).exits(0);
    assert!(
        run.stdout
            .starts_with("task.yaml:12:14: warning[image-without-digest]: Task copy ")
    );
    let run = dir
        .promote(&["lint", "--strict", "--output=json", "task.yaml"])
        .exits(4);
    let findings: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(findings[0]["code"], "image-without-digest");
    assert_eq!(findings[0]["level"], "error");
    assert_eq!(findings[0]["line"], 12);
}

#[test]
fn ends_with_the_documented_codes() {
    let dir = Workdir::new();
    dir.write(
        "task.yaml",
        task("skopeo", "copy").replace("steps:", "stesp:"),
    );
    let run = dir.promote(&["lint", "task.yaml"]).exits(4);
    assert!(
        run.stdout
            .contains("unknown field stesp, did you mean steps?")
    );
    assert!(run.stdout.contains("field steps is missing"));
    dir.write("broken.yaml", "kind: Task\nspec: [");
    dir.promote(&["lint", "broken.yaml"])
        .exits(2)
        .says("broken.yaml:");
    dir.write("other.yaml", "kind: Secret\n");
    dir.promote(&["lint", "other.yaml"])
        .exits(3)
        .says("no Tekton resource in ");
    dir.promote(&["lint", "absent.yaml"]).exits(3);
    dir.promote(&["lint"]).exits(2);
}

/// The schemas that Tekton's custom resource definitions amount to know the same fields.
#[test]
fn agrees_with_tektons_schemas_about_the_shipped_resources() {
    let schemas = root().join("../shared/peers/tekton-schema");
    if !schemas.is_dir() {
        eprintln!("skipped: the schemas are not beside the project");
        return;
    }
    let task = fs::read_to_string(schemas.join("Task.v1.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&task).unwrap();
    let dir = Workdir::new();
    let mut compared = 0;
    let steps = &schema["properties"]["spec"]["properties"]["steps"]["items"]["properties"];
    for field in steps.as_object().unwrap().keys() {
        for (field, known) in [(field.clone(), true), (format!("{field}x"), false)] {
            let text = task_with(&field);
            dir.write("task.yaml", text);
            let run = dir.promote(&["lint", "task.yaml"]);
            let refused = run.stdout.contains(&format!("unknown field {field}"));
            assert_eq!(refused, !known, "{field}: {}", run.stdout);
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

fn task_with(field: &str) -> String {
    TASK.replace(
        "      command: [COMMAND]\n      args: [ARGS]\n",
        &format!("      {field}: null\n"),
    )
}
