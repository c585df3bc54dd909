//! Good resources pass; each mistake is found where it is.

use super::{ArgumentError, LintFile, LintReport, Severity, lint};

const TASK: &str = include_str!("../../tests/fixtures/lint/task.yaml");
const PIPELINE: &str = include_str!("../../tests/fixtures/lint/pipeline.yaml");
const RUN: &str = include_str!("../../tests/fixtures/lint/run.yaml");
const MISTAKES: &str = include_str!("../../tests/fixtures/lint/mistakes.txt");

fn check(files: &[(&str, &str)]) -> LintReport {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| LintFile {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    lint(&files, &|_, _| Vec::<ArgumentError>::new()).unwrap()
}

fn shown(report: &LintReport) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn accepts_a_task_a_pipeline_and_a_run_that_fit() {
    let report = check(&[("task", TASK), ("pipeline", PIPELINE), ("run", RUN)]);
    assert_eq!(shown(&report), Vec::<String>::new());
    assert_eq!(report.checked, 3);
}

/// Each mistake of the list replaces one text of one file, and must be found under one code in the line where
/// the text is, or at the resource that lacks something.
#[test]
fn finds_every_mistake_of_the_list_where_it_is() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for block in MISTAKES.split("\n---\n").skip(1) {
        let (head, change) = block.split_once('\n').unwrap();
        let (file, code) = head.split_once(' ').unwrap();
        let change = format!("{change}\n");
        let (old, new) = change.split_once("\n=>\n").unwrap();
        let (old, new) = (old.trim_end_matches('\n'), new.trim_end_matches('\n'));
        let source = match file {
            "task" => TASK,
            "pipeline" => PIPELINE,
            "run" => RUN,
            other => panic!("no file {other}"),
        };
        assert_eq!(source.matches(old).count(), 1, "{block}");
        let first = source[..source.find(old).unwrap()].lines().count().max(1);
        let last = first + new.lines().count();
        let changed = source.replacen(old, new, 1);
        let text = |name, text| if file == name { changed.as_str() } else { text };
        let report = check(&[
            ("task", text("task", TASK)),
            ("pipeline", text("pipeline", PIPELINE)),
            ("run", text("run", RUN)),
        ]);
        let (code, elsewhere) = match code.split_once(' ') {
            Some((code, elsewhere)) => (code, Some(elsewhere)),
            None => (code, None),
        };
        let found = report.findings.iter().any(|finding| {
            finding.code.name() == code
                && names_one_of(&finding.to_string(), &mutated(old, new))
                && match elsewhere {
                    Some(path) => finding.path.contains(path),
                    None => {
                        finding.file == file
                            && (first.saturating_sub(1)..=last).contains(&finding.at.line)
                    }
                }
        });
        if !found {
            wrong.push(format!("{block}\nfound: {:#?}", shown(&report)));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count >= 50, "{count} mistakes");
}

/// The words of the lines that are in one of two texts only: the field that was mutated, and its value.
fn mutated<'a>(old: &'a str, new: &'a str) -> Vec<&'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_./*".contains(c);
    let only = |of: &'a str, other: &'a str| {
        let changed = of
            .lines()
            .filter(move |line| !other.lines().any(|same| same == *line));
        changed.flat_map(move |line| line.split(move |c| !is_part(c)))
    };
    let words = only(new, old).chain(only(old, new));
    words.filter(|word| word.len() > 1).collect()
}

fn names_one_of(finding: &str, words: &[&str]) -> bool {
    words.is_empty() || words.iter().any(|word| finding.contains(word))
}

/// In an embedded spec the params and workspaces around it are known.
#[test]
fn an_embedded_spec_sees_what_surrounds_it() {
    let tasks = "\
workspaces:
  - name: shared
tasks:
  - name: greet
    workspaces:
      - name: data
        workspace: shared
    taskSpec:
      steps:
        - name: greet
          image: registry.example.com/tools/builder:1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
          command: [greet]
          args: [\"--text=$(params.greeting)\", \"--to=$(workspaces.data.path)\"]
          computeResources: {requests: {memory: 32Mi}}
";
    let indented = |by: &str| -> String {
        let lines = tasks.lines();
        lines.map(|line| format!("{by}{line}\n")).collect()
    };
    let head = r"apiVersion: tekton.dev/v1
kind: KIND
metadata:
  name: greet
spec:
";
    let params = "  params:\n    - name: greeting\n";
    let pipeline = head.replace("KIND", "Pipeline") + params + &indented("  ");
    let run = head.replace("KIND", "PipelineRun")
        + params
        + r"      value: hello
  workspaces:
    - name: shared
      emptyDir: {}
  pipelineSpec:
" + &indented("    ");
    for text in [&pipeline, &run] {
        assert_eq!(shown(&check(&[("file", text)])), Vec::<String>::new());
    }
    for (from, to) in [
        ("params.greeting", "params.greetin"),
        ("workspaces.data", "workspaces.date"),
    ] {
        for whole in [&pipeline, &run] {
            let wrong = whole.replace(from, to);
            assert_eq!(check(&[("file", &wrong)]).findings.len(), 1, "{to}");
        }
    }
}

#[test]
fn a_comment_with_a_reason_silences_one_code_at_one_place() {
    let image = "image: registry.example.com/tools/builder:1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert!(TASK.contains(image));
    let unpinned = TASK.replacen(image, "image: registry.example.com/tools/builder:1.0", 1);
    assert_eq!(check(&[("task", &unpinned)]).findings.len(), 1);
    let silenced = TASK.replacen(
        image,
        "# lint: ignore image-without-digest: the overlay pins it\n      image: registry.example.com/tools/builder:1.0",
        1,
    );
    assert_eq!(shown(&check(&[("task", &silenced)])), Vec::<String>::new());
    let other = silenced.replace("image-without-digest", "script");
    assert_eq!(check(&[("task", &other)]).findings.len(), 1);
    let without_reason = silenced.replace(": the overlay pins it", "");
    assert_eq!(check(&[("task", &without_reason)]).findings.len(), 1);
}

#[test]
fn names_the_line_that_is_not_yaml() {
    let file = LintFile {
        name: "a.yaml".to_owned(),
        text: "kind: Task\nspec: [".to_owned(),
    };
    let error = lint(&[file], &|_, _| Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("a.yaml:"), "{error}");
}

#[test]
fn nesting_aliases_and_duplicates_end_with_an_error() {
    let deep = format!("kind: Task\nspec: {}{}", "[".repeat(5000), "]".repeat(5000));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let names = vec![format!("*a{}", at - 1); 10].join(", ");
        bomb += &format!("a{at}: &a{at} [{names}]\n");
    }
    for text in [deep, bomb] {
        let file = LintFile {
            name: "a.yaml".to_owned(),
            text,
        };
        assert!(lint(&[file], &|_, _| Vec::new()).is_err());
    }
}

const BETA: &str = include_str!("../../tests/fixtures/lint/v1beta1.yaml");

/// `tekton.dev/v1beta1` has other fields: its own pass there, and not in v1.
#[test]
fn reads_v1beta1_by_its_own_fields() {
    let report = check(&[("beta", BETA)]);
    assert_eq!(shown(&report), Vec::<String>::new());
    assert_eq!(report.checked, 3);
    for (from, to, path) in [
        (
            "      resources:",
            "      computeResources:",
            "spec.steps[0]",
        ),
        (
            "serviceAccountName: builder",
            "serviceAccount: builder",
            "spec",
        ),
        ("taskPodTemplate", "podTemplate", "spec.taskRunSpecs[0]"),
        ("params.context", "params.contxt", "spec.steps[0].args"),
        ("timeout: 1h", "taskRunTemplate: {}", "spec"),
    ] {
        assert_eq!(BETA.matches(from).count(), 1, "{from}");
        let report = check(&[("beta", &BETA.replacen(from, to, 1))]);
        let errors: Vec<_> = shown(&report)
            .into_iter()
            .filter(|line| line.contains("error["))
            .collect();
        assert_eq!(errors.len(), 1, "{to}: {errors:?}");
        assert!(errors.iter().all(|line| line.contains(path)), "{errors:?}");
    }
    let as_v1 = BETA.replace("tekton.dev/v1beta1", "tekton.dev/v1");
    let unknown = shown(&check(&[("v1", &as_v1)]));
    assert!(unknown.len() >= 4, "{unknown:?}");
    assert!(
        unknown
            .iter()
            .filter(|line| line.contains("unknown-field"))
            .count()
            >= 4
    );
}

/// Pipelines-as-Code embeds the Tasks below `.tekton`: the params of the PipelineRun reach into them.
#[test]
fn a_task_below_tekton_may_use_what_its_run_gives() {
    let used = TASK.replacen(
        "--context=$(workspaces.source.path)",
        "--context=$(workspaces.elsewhere.path)",
        1,
    );
    let given = used.replacen("$(results.DIGEST.path)", "$(params.revision)", 1);
    assert_ne!(given, TASK);
    let of = |name: &str, text: &str| -> Vec<Severity> {
        let report = check(&[(name, text)]);
        report
            .findings
            .iter()
            .map(|finding| finding.level)
            .collect()
    };
    assert_eq!(
        of("tasks/build.yaml", &given),
        [Severity::Error, Severity::Error]
    );
    assert_eq!(
        of(".tekton/tasks/build.yaml", &given),
        [Severity::Warning, Severity::Warning]
    );
    let misspelt = TASK.replacen("workspaces.source.path", "workspaces.sorce.path", 1);
    assert_eq!(of(".tekton/build.yaml", &misspelt), [Severity::Error]);
}

/// Tekton does not check the params of a template; it replaces those of the run.
#[test]
fn a_param_in_a_template_may_come_from_the_run() {
    let with = |name: &str| {
        let value = format!("        value: $(params.{name})");
        let text = TASK.replacen("        value: /tekton/home", &value, 1);
        assert_ne!(text, TASK);
        let report = check(&[("task.yaml", &text)]);
        let levels = report.findings.iter().map(|finding| finding.level);
        levels.collect::<Vec<_>>()
    };
    assert_eq!(with("context"), []);
    assert_eq!(with("contxt"), [Severity::Error]);
    assert_eq!(with("secret-name-of-the-run"), [Severity::Warning]);
}

/// Tekton passes the text on to the Task, which replaces it where it has the workspace.
#[test]
fn a_path_of_a_workspace_in_a_param_is_left_to_the_task() {
    let pipeline = |reference: &str| {
        format!(
            r"apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {{name: a}}
spec:
  tasks:
  - name: t
    taskRef: {{name: t}}
    params: [{{name: p, value: '$({reference})/x'}}]
"
        )
    };
    let levels = |reference: &str| {
        let report = check(&[("a.yaml", &pipeline(reference))]);
        let levels = report.findings.iter().map(|finding| finding.level);
        levels.collect::<Vec<_>>()
    };
    assert_eq!(levels("workspaces.source.path"), [Severity::Warning]);
    assert_eq!(levels("workspaces.source.dir"), [Severity::Error]);
}
