//! `update-deployment` over small overlays, one construct of kustomize each: which file is edited,
//! and, where kustomize is installed, that the environment differs in the image alone.
#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{docs::root, harness::Workdir};

pub(crate) const IMAGE: &str = "web=quay.io/acme/web:v9@sha256:abababababababababababababababababababababababababababababababab";

/// A repository and the expected edit.
#[derive(Debug, Default)]
struct Case {
    name: String,
    flags: String,
    image: String,
    edited: Vec<String>,
    refused: Option<(i32, String)>,
    files: BTreeMap<String, String>,
}

fn cases() -> Vec<Case> {
    let dir = root().join("tests/fixtures/overlays");
    let mut found = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
    {
        let text = fs::read_to_string(path).unwrap();
        for part in text
            .split("\n== ")
            .map(|part| part.strip_prefix("== ").unwrap_or(part))
        {
            found.push(case(part));
        }
    }
    found
}

fn case(text: &str) -> Case {
    let mut lines = text.lines();
    let mut case = Case {
        name: lines.next().unwrap().to_owned(),
        flags: "--kustomize overlays/prod".to_owned(),
        image: IMAGE.to_owned(),
        ..Case::default()
    };
    let mut file: Option<(String, bool)> = None;
    for line in lines {
        if let Some(name) = line.strip_prefix("-- ") {
            let (name, crlf) = match name.strip_suffix(" --") {
                Some(name) => (name, false),
                None => (name.strip_suffix(" -- crlf").unwrap(), true),
            };
            case.files.insert(name.to_owned(), String::new());
            file = Some((name.to_owned(), crlf));
        } else if let Some((name, crlf)) = &file {
            let content = case.files.get_mut(name).unwrap();
            content.push_str(line);
            content.push_str(if *crlf { "\r\n" } else { "\n" });
        } else if let Some((key, value)) = line.split_once(": ") {
            match key {
                "flags" => case.flags = value.to_owned(),
                "image" => case.image = value.to_owned(),
                "edited" => case.edited = value.split(' ').map(str::to_owned).collect(),
                "refused" => {
                    let (code, text) = value.split_once(' ').unwrap();
                    case.refused = Some((code.parse().unwrap(), text.to_owned()));
                }
                other => panic!("{}: {other}", case.name),
            }
        } else {
            let overlay = |name: &str| {
                (
                    format!("overlays/{name}/kustomization.yaml"),
                    "resources: [../../base]\n".to_owned(),
                )
            };
            case.files.extend(match line {
                "@base" => vec![
                    (
                        "base/kustomization.yaml".to_owned(),
                        "resources: [deployment.yaml]\n".to_owned(),
                    ),
                    (
                        "base/deployment.yaml".to_owned(),
                        r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: quay.io/acme/web:v0
"
                        .to_owned(),
                    ),
                ],
                "@dev" => vec![overlay("dev")],
                "@prod" => vec![overlay("prod")],
                other => panic!("{}: {other}", case.name),
            });
        }
    }
    case
}

pub(crate) fn write_files(dir: &Workdir, files: &BTreeMap<String, String>) {
    for (name, text) in files {
        dir.write(&format!("repo/{name}"), text);
    }
}

fn read_files(dir: &Workdir, files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    files
        .keys()
        .map(|name| (name.clone(), dir.read(&format!("repo/{name}"))))
        .collect()
}

fn differing(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    before
        .iter()
        .filter(|(name, text)| after.get(*name) != Some(text))
        .map(|(name, _)| name.clone())
        .collect()
}

pub(crate) fn update(dir: &Workdir, flags: &str, image: &str) -> crate::harness::Run {
    let image = format!("--image={image}");
    let mut arguments = vec!["update-deployment", "--local=repo", "--unverified", &image];
    arguments.extend(flags.split_whitespace());
    dir.promote(&arguments)
}

/// The overlays of a repository, as kustomize builds them; an overlay that fails is its error.
pub(crate) fn builds(kustomize: &Path, dir: &Path) -> BTreeMap<PathBuf, Result<String, String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if ["kustomization.yaml", "kustomization.yml", "Kustomization"]
                .contains(&path.file_name().unwrap().to_str().unwrap())
            {
                let output = Command::new(kustomize)
                    .arg("build")
                    .arg(&at)
                    .output()
                    .unwrap();
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                let built = if output.status.success() {
                    Ok(text(output.stdout))
                } else {
                    Err(text(output.stderr))
                };
                found.insert(at.strip_prefix(dir).unwrap().to_owned(), built);
            }
        }
    }
    found
}

/// kustomize, where it is installed; a missing one fails where interop is required.
pub(crate) fn kustomize() -> Option<PathBuf> {
    crate::interop::tool("kustomize")
}

/// Compares the builds: lines of the environment may differ in the image alone.
pub(crate) fn effect(
    image: &str,
    before: &BTreeMap<PathBuf, Result<String, String>>,
    after: &BTreeMap<PathBuf, Result<String, String>>,
) -> Result<(), String> {
    let wanted = image.split_once('=').unwrap().1;
    let (repository, digest) = wanted.split_once('@').unwrap();
    let alone = format!("{}@{digest}", repository.rsplit_once(':').unwrap().0);
    let mut changed = 0;
    for (dir, built) in before {
        let (Ok(built), Ok(now)) = (built, &after[dir]) else {
            if built.is_err() == after[dir].is_err() {
                continue;
            }
            return Err(format!("{dir:?}: {built:?} became {:?}", after[dir]));
        };
        let other = dir.ends_with("dev") || dir.ends_with("staging");
        if other && built != now {
            return Err(format!("{dir:?} is another environment and changed"));
        }
        if built.lines().count() != now.lines().count() {
            return Err(format!("{dir:?} has other lines:\n{now}"));
        }
        for (old, new) in built
            .lines()
            .zip(now.lines())
            .filter(|(old, new)| old != new)
        {
            changed += usize::from(dir.ends_with("overlays/prod"));
            let text = new.trim().trim_start_matches("- ").split_once(": ");
            let text = text.map_or("", |(_, text)| text.trim_matches(['"', '\'']));
            if text != wanted && text != alone {
                return Err(format!("{dir:?}: {old} became {new}"));
            }
        }
    }
    if changed == 0 {
        return Err("the environment did not change".to_owned());
    }
    Ok(())
}

#[test]
fn edits_the_place_that_decides_or_refuses() {
    let kustomize = kustomize();
    let (mut edited, mut wrong) = (0, Vec::new());
    let cases = cases();
    for case in &cases {
        let dir = Workdir::new();
        write_files(&dir, &case.files);
        let before = kustomize
            .as_ref()
            .map(|tool| builds(tool, &dir.path("repo")));
        let run = update(&dir, &case.flags, &case.image);
        let now = read_files(&dir, &case.files);
        let changed = differing(&case.files, &now);
        let expected = case.refused.as_ref().map_or(0, |(code, _)| *code);
        let said = case
            .refused
            .as_ref()
            .is_none_or(|(_, text)| run.stderr.contains(text));
        if run.code != expected || changed != case.edited || !said {
            wrong.push(format!(
                "{}: exit {}, changed {changed:?}\n{}{}",
                case.name, run.code, run.stdout, run.stderr
            ));
            continue;
        }
        if case.refused.is_some() {
            // File, line, column, and the way forward.
            let placed = run
                .stderr
                .lines()
                .any(|line| line.contains(".yaml:") || line.contains("kustomization"));
            if !placed || !run.stderr.contains("hint: ") {
                wrong.push(format!("{}: no place or hint\n{}", case.name, run.stderr));
            }
            continue;
        }
        edited += 1;
        let built = kustomize.as_ref().zip(before);
        let proved = built
            .map(|(tool, before)| effect(&case.image, &before, &builds(tool, &dir.path("repo"))));
        if let Some(Err(reason)) = proved {
            wrong.push(format!("{}: {reason}", case.name));
        }
        let again = update(&dir, &case.flags, &case.image);
        if again.code != 0 || read_files(&dir, &case.files) != now {
            wrong.push(format!(
                "{}: a second run: {} {}",
                case.name, again.code, again.stderr
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let refused = cases.len() - edited;
    assert!(edited >= 54, "{edited} edited, {refused} refused");
}
