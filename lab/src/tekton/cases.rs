//! Test cases of Tasks: a Pipeline a case, with Tasks that set up, run and check (`tests/tasks/NAME/CASE.yaml`).
//!
//! Steps with the program `/usr/bin/lab` act on a universe of the case's own. A case whose annotation
//! `test/assert-task-failure` names a Task passes if the run fails and that Task is the one that failed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Call, Run, Show, git_clone, model::Resource, parse, resources};
use crate::universe::{COMPONENT, PATCH, TAG, Universe};

/// The annotation that names the Task which has to fail.
const FAILURE: &str = "test/assert-task-failure";
/// A policy that every attested image passes.
pub const ATTESTED_RULE: &str = r#"package main

import rego.v1

# METADATA
# title: Attested
# custom:
#   short_name: attested
deny contains {"code": "main.attested", "msg": "no attestation"} if count(input.attestations) == 0
"#;
/// The annotation that names further files of the case, from the root of the checkout.
const FILES: &str = "test/files";

/// The cases below a directory, in the order of their paths.
///
/// # Errors
/// When a directory cannot be read.
pub fn cases(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(cases(&path)?);
        } else if path.extension().is_some_and(|kind| kind == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Runs a case; an error says why it did not pass.
///
/// # Errors
/// When the run ended otherwise than the case says, or could not start.
pub fn run(case: &Path, promote: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = resources::read(case).with_context(|| format!("cannot read {}", case.display()))?;
    let Resource::Pipeline(pipeline) = parse(&text)? else {
        bail!("a case is a Pipeline");
    };
    let annotation = |name: &str| {
        pipeline
            .metadata
            .annotations
            .get(name)
            .cloned()
            .unwrap_or_default()
    };
    let files = annotation(FILES);
    let files = files.split_whitespace().map(|file| root.join(file));
    let universe = Arc::new(Universe::new()?);
    let dir = tempfile::tempdir()?;
    let mut run = Run::new(files)
        .text(&case.display().to_string(), text)
        .promote(promote)
        .env("SOURCE_DATE_EPOCH", "1767322000")
        .show(Show::Nothing, false);
    let acting = Arc::clone(&universe);
    run = run.program("/usr/bin/lab", move |call| run_command(&acting, call));
    run = run.stand_in("git-clone", git_clone);
    for param in &pipeline.spec.params {
        if let Some(value) = value(&universe, &param.name)? {
            run = run.param(&param.name, value);
        }
    }
    for own in &pipeline.spec.workspaces {
        let bound = match own.name.as_str() {
            "git-credentials" | "gitops-auth" => universe.credentials(),
            name => {
                let bound = dir.path().join(name);
                fs::create_dir_all(&bound)?;
                bound
            }
        };
        run = run.workspace(&own.name, bound);
    }
    let secret = dir.path().join("tas-secret");
    fs::create_dir_all(&secret)?;
    fs::write(secret.join("rekor_url"), "none")?;
    run = run.secret("tas-secret", secret);
    let status = run.run()?;
    let failed = status.failed_task();
    let log = failed
        .map(|task| format!("{}:\n{}", task.name, task.log()))
        .unwrap_or_default();
    let expected = annotation(FAILURE);
    match (expected.as_str(), failed) {
        ("", _) => ensure!(status.succeeded, "{}: {log}", status.message),
        (name, Some(task)) => ensure!(task.name == name, "another Task failed: {log}"),
        (name, None) => bail!("nothing failed, expected {name} to"),
    }
    Ok(())
}

/// The value of a Pipeline's param that is named like something in the universe.
fn value(universe: &Universe, name: &str) -> Result<Option<String>> {
    Ok(Some(match name {
        "image" => format!("{}@{}", universe.staging(), universe.image.digest),
        "tagged-image" => format!("{}:{TAG}", universe.staging()),
        "digest" => universe.image.digest.clone(),
        "staging" => universe.staging(),
        "production" => universe.production(),
        "component" => COMPONENT.to_owned(),
        "git-tag" => TAG.to_owned(),
        "commit" => universe.commit.clone(),
        "git-url" => universe.source_url(),
        "gitops-url" => universe.gitops_url(),
        "policy" => universe.policy_url(),
        "local-policy" => {
            let rules = universe.path("rules");
            fs::create_dir_all(&rules)?;
            fs::write(rules.join("main.rego"), ATTESTED_RULE)?;
            format!(
                r#"{{"sources": [{{"policy": ["file::{}"]}}]}}"#,
                rules.display()
            )
        }
        "public-key" => fs::read_to_string(universe.public_key())?,
        "public-key-file" => universe.public_key().display().to_string(),
        "public-key-base64" => {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            STANDARD.encode(fs::read(universe.public_key())?)
        }
        _ => return Ok(None),
    }))
}

/// The commands of `/usr/bin/lab` in a step.
fn run_command(universe: &Universe, call: &Call<'_>) -> Result<()> {
    let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    call.say(&format!("lab {}", arguments.join(" ")))?;
    match arguments.as_slice() {
        ["sign-and-attest"] => universe.sign_and_attest(),
        ["sign"] => universe.sign(&universe.key),
        ["sign-by-a-stranger"] => {
            let key = crate::signer::Key::generate()?;
            universe.sign(&key)?;
            universe.attest(&key, &universe.commit)
        }
        ["commit-gitops", file, text] => {
            let text = text.replace("{image}", &staged(universe));
            let gitops = universe.gitops()?;
            gitops.commit("main", "set up", &[(*file, text.as_str())])?;
            Ok(())
        }
        ["trusted-artifact", name, result] => {
            let image = staged(universe);
            let snapshot = format!(
                r#"{{"components": [{{"name": "{COMPONENT}", "containerImage": "{image}"}}]}}"#
            );
            let blob = archive(name, snapshot.as_bytes());
            let digest = universe.registry.put_blob("acme/data", &blob);
            let uri = format!("oci:{}/acme/data@{digest}", universe.registry.address());
            Ok(fs::write(result, uri)?)
        }
        ["write", file, text] => {
            if let Some(dir) = Path::new(file).parent() {
                fs::create_dir_all(dir)?;
            }
            Ok(fs::write(file, text)?)
        }
        check => expect(universe, check),
    }
}

fn staged(universe: &Universe) -> String {
    format!("{}@{}", universe.staging(), universe.image.digest)
}

/// The commands of `/usr/bin/lab` that check something: an error ends the step with exit code 1.
fn expect(universe: &Universe, check: &[&str]) -> Result<()> {
    match check {
        ["file-has", file, text] => {
            let found = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            ensure!(found.contains(text), "{file} has no {text:?}:\n{found}");
            Ok(())
        }
        ["no-file", file] => {
            ensure!(!Path::new(file).exists(), "{file} is there");
            Ok(())
        }
        ["equal", found, expected] => {
            ensure!(found == expected, "found {found:?}, expected {expected:?}");
            Ok(())
        }
        ["has", found, part] => {
            ensure!(found.contains(part), "no {part:?} in {found:?}");
            Ok(())
        }
        ["tag-is", name, digest] => {
            let tags = universe.registry.tags();
            let found = tags.get(*name).map(String::as_str);
            ensure!(
                found == Some(*digest),
                "{name} is {found:?}, expected {digest}"
            );
            Ok(())
        }
        ["no-tag", name] => {
            ensure!(
                !universe.registry.tags().contains_key(*name),
                "{name} is there"
            );
            Ok(())
        }
        ["deployed", image] => {
            let found = universe.deployed()?;
            ensure!(
                found.contains(image),
                "{PATCH} deploys {found}, expected {image}"
            );
            Ok(())
        }
        _ => bail!("lab has no such command for a step"),
    }
}

/// A tar archive with one file (POSIX ustar).
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| {
        for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (place, byte) in header
        .iter_mut()
        .skip(148)
        .zip(format!("{sum:06o}\0 ").bytes())
    {
        *place = byte;
    }
    let mut archive = header;
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
