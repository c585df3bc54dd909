//! `update-deployment --helm-values` over charts in the shapes of public ones; where helm is
//! installed, `helm template` before and after differs in the image alone.
#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::{
    docs::root,
    harness::{Run, Workdir},
    overlays::{IMAGE, write_files},
};

const HEX: &str = "abababababababababababababababababababababababababababababababab";

/// A chart with its values and the expected edit.
#[derive(Default)]
struct Case {
    name: String,
    key: Option<String>,
    flags: Vec<String>,
    image: String,
    templates: Vec<String>,
    renders: String,
    refused: Option<(i32, String)>,
    values: String,
}

fn cases() -> Vec<Case> {
    let text = fs::read_to_string(root().join("tests/fixtures/helm/charts.txt")).unwrap();
    let text = text.replace("[HEX]", HEX).replace("[OLD]", &"0".repeat(64));
    let parts = text.strip_prefix("== ").unwrap().split("\n== ");
    parts.map(case).collect()
}

fn case(text: &str) -> Case {
    let mut lines = text.lines();
    let mut case = Case {
        name: lines.next().unwrap().to_owned(),
        image: IMAGE.to_owned(),
        ..Case::default()
    };
    for line in lines {
        let fact = line.split_once(": ").filter(|_| case.values.is_empty());
        match fact {
            Some(("key", value)) => case.key = Some(value.to_owned()),
            Some(("flags", value)) => case.flags = value.split(' ').map(str::to_owned).collect(),
            Some(("image", value)) if value.starts_with("web=") => case.image = value.to_owned(),
            Some(("template", value)) => case.templates.push(value.to_owned()),
            Some(("renders", value)) => case.renders = value.to_owned(),
            Some(("refused", value)) => {
                let (code, text) = value.split_once(' ').unwrap();
                case.refused = Some((code.parse().unwrap(), text.to_owned()));
            }
            _ => case.values.push_str(&format!("{line}\n")),
        }
    }
    case
}

impl Case {
    fn files(&self) -> BTreeMap<String, String> {
        let containers = self.templates.iter().enumerate();
        let containers =
            containers.map(|(at, template)| format!("  - name: c{at}\n    image: {template}\n"));
        let pod = format!(
            r"apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
{}",
            containers.collect::<String>()
        );
        let chart = r"apiVersion: v2
name: web
version: 0.1.0
appVersion: v0
";
        BTreeMap::from([
            ("Chart.yaml".to_owned(), chart.to_owned()),
            ("templates/pod.yaml".to_owned(), pod),
            ("values.yaml".to_owned(), self.values.clone()),
        ])
    }

    fn update(&self, dir: &Workdir) -> Run {
        let mut args: Vec<String> = [
            "update-deployment",
            "--local=repo",
            "--unverified",
            "--helm-values=values.yaml",
        ]
        .map(str::to_owned)
        .into();
        args.push(format!("--image={}", self.image));
        args.extend(self.key.iter().map(|key| format!("--key={key}")));
        args.extend(self.flags.iter().cloned());
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        dir.promote(&args)
    }

    /// Compares what helm renders before and after.
    fn compare(&self, before: &str, after: &str) -> Result<(), String> {
        let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
        if old.len() != new.len() {
            return Err(format!("other lines:\n{after}"));
        }
        let changed = old.iter().zip(&new).filter(|(old, new)| old != new);
        let changed: Vec<_> = changed.map(|(_, new)| new.trim()).collect();
        let image = |line: &&str| {
            let text = line.strip_prefix("image: ").unwrap_or_default();
            text.trim_matches(['"', '\'']) == self.renders
        };
        if changed.is_empty() || !changed.iter().all(image) {
            return Err(format!("expected {}, changed {changed:?}", self.renders));
        }
        Ok(())
    }
}

fn rendered(helm: &Path, chart: &Path) -> Result<String, String> {
    let mut command = Command::new(helm);
    command.args(["template", "web"]).arg(chart);
    let output = command.output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn helm_renders_the_promoted_image_and_nothing_else_differs() {
    let helm = crate::interop::tool("helm");
    let (mut edited, mut wrong) = (0, Vec::new());
    for case in cases() {
        let dir = Workdir::new();
        write_files(&dir, &case.files());
        let chart = dir.path("repo");
        let before = helm.as_ref().map(|helm| rendered(helm, &chart));
        let run = case.update(&dir);
        let now = dir.read("repo/values.yaml");
        if let Some((code, text)) = &case.refused {
            let placed = run.stderr.contains("values.yaml:") && run.stderr.contains("hint: ");
            if run.code != *code || !run.stderr.contains(text) || now != case.values || !placed {
                wrong.push(format!("{}: exit {}\n{}", case.name, run.code, run.stderr));
            }
            continue;
        }
        if run.code != 0 || now == case.values {
            wrong.push(format!("{}: exit {}\n{}", case.name, run.code, run.stderr));
            continue;
        }
        edited += 1;
        if let (Some(helm), Some(before)) = (&helm, before) {
            let result = before.and_then(|before| case.compare(&before, &rendered(helm, &chart)?));
            wrong.extend(
                result
                    .err()
                    .map(|reason| format!("{}: {reason}", case.name)),
            );
        }
        let again = case.update(&dir);
        if again.code != 0 || dir.read("repo/values.yaml") != now {
            wrong.push(format!("{}: a second run: {}", case.name, again.stderr));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(edited >= 20, "{edited} edited");
}
