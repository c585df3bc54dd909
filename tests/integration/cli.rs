//! The program's own manners: names by which it is called, help, booleans, results, log.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::harness::{Run, Workdir};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_promote"))
}

#[test]
fn a_renamed_binary_still_works_and_a_commands_name_is_an_applet() {
    let dir = Workdir::new();
    for (name, arguments) in [
        ("promote-v1", &["extract-tag", "--tag=v1"][..]),
        ("extract-tag", &["--tag=v1"]),
    ] {
        symlink(program(), dir.path(name)).unwrap();
        let mut command = dir.command_of(&dir.path(name));
        let run = Run::of(command.args(arguments).output().unwrap()).exits(0);
        assert_eq!(run.stdout, "v1\n");
    }
}

#[test]
fn help_and_version_work_in_both_forms() {
    let dir = Workdir::new();
    symlink(program(), dir.path("extract-tag")).unwrap();
    let version = format!("promote-extract-tag {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "--help"] {
        let full = dir.promote(&["extract-tag", flag]).exits(0);
        let mut applet = dir.command_of(&dir.path("extract-tag"));
        let applet = Run::of(applet.arg(flag).output().unwrap()).exits(0);
        assert_eq!(applet.stdout, full.stdout);
        assert!(
            flag == "--help" || full.stdout == version,
            "{}",
            full.stdout
        );
    }
}

#[test]
fn wrong_usage_exits_2_on_standard_error() {
    let dir = Workdir::new();
    for arguments in [
        &["--nope"][..],
        &["nope"],
        &[],
        &["extract-tag", "--timeout=soon", "--tag=v1"],
    ] {
        let run = dir.promote(arguments).exits(2);
        assert_eq!(run.stdout, "");
        assert_ne!(run.stderr, "");
    }
}

#[test]
fn a_flag_wins_over_its_variable_and_an_empty_one_is_absent() {
    let dir = Workdir::new();
    let run = |variable: &str, arguments: &[&str]| {
        let mut command = dir.command();
        command
            .arg("extract-tag")
            .args(arguments)
            .env("PROMOTE_TEMPLATE", variable);
        Run::of(command.output().unwrap()).exits(0).stdout
    };
    assert_eq!(run("a-{tag}", &["--tag=v1"]), "a-v1\n");
    assert_eq!(
        run("a-{tag}", &["--tag=v1", "--template=b-{tag}"]),
        "b-v1\n"
    );
    assert_eq!(run("", &["--tag=v1", "--template="]), "v1\n");
}

#[test]
fn results_are_exact_bytes_and_an_unknown_one_is_refused() {
    let dir = Workdir::new();
    let tag = format!("--result=TAG={}", dir.path("tag").display());
    dir.promote(&["extract-tag", "--tag=v1", &tag, "--results-dir=all"])
        .exits(0);
    assert_eq!(fs::read(dir.path("tag")).unwrap(), b"v1");
    assert_eq!(fs::read(dir.path("all/TAG")).unwrap(), b"v1");
    let unknown = dir.promote(&["extract-tag", "--tag=v1", "--result=NOPE=x"]);
    unknown.exits(2).says("NOPE");
    assert!(!dir.exists("x"));
}

#[test]
fn a_failure_is_one_json_line_when_the_log_is_json() {
    let dir = Workdir::new();
    let run = dir
        .promote(&["extract-tag", "--tag=a b", "--log-format=json"])
        .exits(2);
    let line: serde_json::Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert_eq!(line["exitCode"], 2);
    assert!(line["message"].as_str().unwrap().contains("a b"), "{line}");
}

#[test]
fn manual_pages_and_completions_are_there() {
    let dir = Workdir::new();
    let completion = dir.promote(&["completions", "bash"]).exits(0);
    assert!(
        completion.stdout.contains("copy-image"),
        "{}",
        completion.stdout
    );
    dir.promote(&["man", "--dir=man"]).exits(0);
    assert!(dir.read("man/promote-copy-image.1").contains("copy"));
}
