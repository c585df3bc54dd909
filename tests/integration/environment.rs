//! The environment supplies places and credentials, and decides nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use clap::Command;
use lab::{
    tekton::model::Task,
    universe::{COMPONENT, TAG, Universe},
};
use promote::cli::WITH_VARIABLE;

use crate::{
    harness::{EFFECTIVE_TIME, Run, Workdir},
    tekton_yaml::{TASKS, arguments, task},
};

/// Variables of other programs that decide whom these trust, or what they do.
const OF_OTHERS: [&str; 18] = [
    "SIGSTORE_ROOT_FILE",
    "SIGSTORE_REKOR_PUBLIC_KEY",
    "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE",
    "SIGSTORE_TSA_CERTIFICATE_FILE",
    "SIGSTORE_ID_TOKEN",
    "SIGSTORE_NO_CACHE",
    "TUF_ROOT",
    "TUF_MIRROR",
    "TUF_ROOT_JSON",
    "COSIGN_REPOSITORY",
    "COSIGN_EXPERIMENTAL",
    "COSIGN_PASSWORD",
    "COSIGN_DOCKER_MEDIA_TYPES",
    "COSIGN_MAX_ATTACHMENT_SIZE",
    "EC_CACHE",
    "EC_DEBUG",
    "EC_EXPERIMENTAL",
    "EC_USE_OPA",
];

const VALUES: [&str; 10] = [
    "true",
    "false",
    ".*",
    "/nonexistent/path",
    "{}",
    "1ms",
    "k8s://team/strict",
    "http://127.0.0.1:1/x.git",
    "web=127.0.0.1:1/evil/web",
    "attestation",
];

/// Every long flag of the command and of those below it.
fn flags(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_long);
    let own = own.map(str::to_owned);
    own.chain(command.get_subcommands().flat_map(flags))
        .collect()
}

fn variable(prefix: &str, flag: &str) -> String {
    format!("{prefix}_{}", flag.to_uppercase().replace('-', "_"))
}

/// Variables that look as if they changed a decision.
fn hostile() -> BTreeSet<String> {
    let own = flags(&promote::cli::command());
    let own = own.iter().map(|flag| variable("PROMOTE", flag));
    let of_ec = flags(&promote::cli::ec_command());
    let of_ec = of_ec.iter().map(|flag| variable("EC", flag));
    let of_others = OF_OTHERS.iter().map(|name| (*name).to_owned());
    own.chain(of_ec).chain(of_others).collect()
}

#[test]
fn a_variable_exists_for_the_listed_global_flags_only() {
    fn walk(command: &Command, path: &str, seen: &mut BTreeSet<String>) {
        for argument in command.get_arguments() {
            let long = argument.get_long().unwrap_or_default();
            match argument.get_env().and_then(|name| name.to_str()) {
                None => assert!(
                    !path.is_empty() || !WITH_VARIABLE.contains(&long),
                    "--{long} lost its variable"
                ),
                Some(name) => {
                    assert!(path.is_empty(), "{path} --{long} has {name}");
                    assert_eq!(name, variable("PROMOTE", long));
                    seen.insert(long.to_owned());
                }
            }
        }
        for sub in command.get_subcommands() {
            walk(sub, &format!("{path}/{}", sub.get_name()), seen);
        }
    }
    let mut seen = BTreeSet::new();
    walk(&promote::cli::command(), "", &mut seen);
    let command = promote::cli::command();
    let expected = WITH_VARIABLE.into_iter().filter(|flag| {
        let mut known = command.get_arguments().filter_map(clap::Arg::get_long);
        known.any(|long| long == *flag)
    });
    assert_eq!(seen, expected.map(str::to_owned).collect());
    assert!(seen.len() >= 11, "{seen:?}");
    assert!(hostile().len() > 150, "{}", hostile().len());
}

#[test]
fn every_task_shuts_the_variables_out() {
    let command = promote::cli::command();
    for name in TASKS {
        let given = arguments(&task(name));
        for argument in command.get_arguments().filter(|a| a.get_env().is_some()) {
            let long = argument.get_long().unwrap();
            let flag = format!("--{long}=");
            let found = given.iter().any(|text| text.starts_with(&flag));
            assert!(found, "{name} does not give {flag}");
        }
    }
}

#[test]
fn a_flag_on_the_line_shuts_its_variable_out_and_other_variables_are_warned_of() {
    let dir = Workdir::new();
    let run = |arguments: &[&str], name: &str, value: &str| {
        let mut command = dir.command();
        command.arg("extract-tag").arg("--tag=v1").args(arguments);
        Run::of(command.env(name, value).output().unwrap())
    };
    run(&[], "PROMOTE_RESULTS_DIR", "from-variable").exits(0);
    assert_eq!(dir.read("from-variable/TAG"), "v1");
    run(&[], "PROMOTE_RESULTS_DIR", "").exits(0);
    for flag in [&["--results-dir="][..], &["--results-dir", ""]] {
        run(flag, "PROMOTE_RESULTS_DIR", "not-this").exits(0);
    }
    run(&["--results-dir=this"], "PROMOTE_RESULTS_DIR", "not-this").exits(0);
    assert!(!dir.exists("not-this") && dir.exists("this/TAG"));
    let wrong = run(&[], "PROMOTE_COLOR", "pink").exits(2);
    wrong.says("PROMOTE_COLOR");
    run(&["--color="], "PROMOTE_COLOR", "pink").exits(0);
    for (name, said) in [
        ("PROMOTE_TEMPLATE", true),
        ("PROMOTE_TAG", true),
        ("PROMOTE_ALLOW_DRAFT", true),
        ("COSIGN_REPOSITORY", true),
        ("PROMOTE_SERVICE_HOST", false),
        ("PROMOTE_WEB_PORT_8080_TCP", false),
    ] {
        let run = run(&[], name, "live-{tag}").exits(0);
        assert_eq!(run.stdout, "v1\n", "{name}");
        assert_eq!(run.stderr.contains(name), said, "{name}: {}", run.stderr);
    }
}

/// The param's value in a promotion of the universe.
fn value(universe: &Universe, task: &str, param: &str, results: &Workdir) -> Option<String> {
    let result = |name: &str| results.read(&format!("results/{name}"));
    let value = match (task, param) {
        ("extract-tag" | "preflight" | "promote-run", "tag") => TAG.to_owned(),
        ("extract-tag", "template") | ("preflight" | "promote-run", "destination-tag") => {
            "prod-{tag}".to_owned()
        }
        ("gather-images", "revision") => format!("refs/tags/{TAG}"),
        (_, "git-url") => universe.source_url(),
        (_, "policy") => universe.policy_url(),
        (_, "public-key") => universe.key.public_pem(),
        (_, "ignore-rekor") => "true".to_owned(),
        (_, "effective-time") => EFFECTIVE_TIME.to_owned(),
        (_, "to") => universe.production(),
        ("render", "snapshot") => "file:images.json".to_owned(),
        ("render", "dir") => "file:objects".to_owned(),
        ("render", "allow-missing") => "true".to_owned(),
        ("copy-image", "tag") | (_, "destination-tag") => result("DESTINATION_IMAGE_TAG"),
        (_, "gitops-repo-url") => universe.gitops_url(),
        (_, "environment") => "prod".to_owned(),
        (_, "images-digest") => result("IMAGES_DIGEST"),
        (_, "verified-digest") => result("VERIFIED_DIGEST"),
        (_, "promoted-digest") => result("PROMOTED_DIGEST"),
        _ => return None,
    };
    Some(value)
}

/// The Task's own arguments, with its variables filled.
fn argv(universe: &Universe, task: &Task, dir: &Workdir) -> Vec<String> {
    let name = task.metadata.name.as_str();
    let mut filled = Vec::new();
    for argument in arguments(task) {
        if argument == "$(params.images[*])" {
            filled.push(format!("{COMPONENT}={}", universe.staging()));
            continue;
        }
        if argument == "$(params.maps[*])" {
            continue;
        }
        let mut text = argument;
        for workspace in &task.spec.workspaces {
            let path = match workspace.name.as_str() {
                "data" => dir.path("data").display().to_string(),
                "git-credentials" | "gitops-credentials" => {
                    universe.credentials().display().to_string()
                }
                _ => String::new(),
            };
            text = text.replace(&format!("$(workspaces.{}.path)", workspace.name), &path);
        }
        for result in &task.spec.results {
            let path = dir.path(&format!("results/{}", result.name));
            let path = path.display().to_string();
            text = text.replace(&format!("$(results.{}.path)", result.name), &path);
        }
        for param in &task.spec.params {
            let reference = format!("$(params.{})", param.name);
            if !text.contains(&reference) {
                continue;
            }
            let default = param
                .default
                .as_ref()
                .map(|value| value.strings()[0].clone());
            let value = value(universe, name, &param.name, dir).or(default);
            text = text.replace(&reference, &value.unwrap_or_default());
        }
        assert!(!text.contains("$("), "{text}");
        filled.push(text);
    }
    filled
}

/// Every file below the directories, but for the log.
fn files(dir: &Workdir) -> BTreeMap<String, Vec<u8>> {
    fn walk(dir: &Path, below: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &name, found);
            } else if !name.ends_with(".log") {
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&dir.path("."), "", &mut found);
    found
}

#[test]
fn a_hostile_environment_changes_no_exit_code_and_no_file() {
    let (universe, dir) = (Universe::new().unwrap(), Workdir::new());
    universe.sign_and_attest().unwrap();
    fs::create_dir_all(dir.path("data/objects")).unwrap();
    let settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    dir.write("data/objects/settings.yaml", settings);
    let names = hostile();
    let mut runs = 0;
    for name in TASKS {
        let mut arguments = argv(&universe, &task(name), &dir);
        if name == "promote-run" {
            // It has no param for it; the files are to be the same in every run.
            let time = format!("--set=verify-ec.effective-time={EFFECTIVE_TIME}");
            arguments.insert(1, time);
        }
        let run = |value: Option<&str>| {
            if name == "render" {
                // It writes into a new directory only.
                drop(fs::remove_dir_all(dir.path("data/rendered")));
            }
            let mut command = dir.command();
            command.args(&arguments);
            for name in value.iter().flat_map(|_| &names) {
                command.env(name, value.unwrap_or_default());
            }
            Run::of(command.output().unwrap())
        };
        // The second run finds everything in its place, as all later ones do.
        run(None).exits(0);
        run(None).exits(0);
        let (files_before, state) = (files(&dir), universe.state().unwrap());
        for value in VALUES {
            run(Some(value)).exits(0);
            let files_now = files(&dir);
            let all = files_now.keys().chain(files_before.keys());
            let other: Vec<_> = all
                .filter(|file| files_now.get(*file) != files_before.get(*file))
                .collect();
            assert!(other.is_empty(), "{name} {value}: {other:?}");
            assert_eq!(universe.state().unwrap(), state, "{name} {value}");
            runs += 1;
        }
    }
    assert_eq!(runs, TASKS.len() * VALUES.len());
    assert!(universe.deployed().unwrap().contains("prod-v1.0"));
}

#[test]
fn a_hostile_environment_turns_no_refusal_into_a_pass() {
    // Nobody signed the image.
    let (universe, dir) = (Universe::new().unwrap(), Workdir::new());
    fs::create_dir(dir.path("data")).unwrap();
    for name in ["extract-tag", "gather-images"] {
        let run = dir
            .command()
            .args(argv(&universe, &task(name), &dir))
            .output();
        Run::of(run.unwrap()).exits(0);
    }
    let arguments = argv(&universe, &task("verify-ec"), &dir);
    let evil = dir.write(
        "evil.pub",
        lab::signer::Key::generate().unwrap().public_pem(),
    );
    let state = universe.state().unwrap();
    for value in VALUES.into_iter().chain([evil.to_str().unwrap()]) {
        let mut command = dir.command();
        command.args(&arguments);
        command.envs(hostile().iter().map(|name| (name, value)));
        Run::of(command.output().unwrap()).exits(4);
        assert_eq!(universe.state().unwrap(), state, "{value}");
    }
}
