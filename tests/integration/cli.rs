//! The program's own manners: names by which it is called, help, booleans, results, log.

use std::{fs, net::TcpListener, os::unix::fs::symlink, path::Path};

use clap::{Arg, ArgAction, Command, builder::ValueParser, error::ErrorKind};

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
fn results_are_exact_bytes_and_an_unknown_one_is_refused() {
    let dir = Workdir::new();
    let tag = format!("--result=TAG={}", dir.path("tag").display());
    dir.promote(&["extract-tag", "--tag=v1", &tag, "--results-dir=all"])
        .exits(0);
    assert_eq!(fs::read(dir.path("tag")).unwrap(), b"v1");
    assert_eq!(fs::read(dir.path("all/TAG")).unwrap(), b"v1");
    // Before anything is done: the event file would be looked for otherwise.
    let unknown = dir.promote(&["extract-tag", "--event-file=absent", "--result=NOPE=x"]);
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
    let main = dir.read("man/promote.1");
    assert!(
        main.contains("Log messages of this level and above"),
        "{main}"
    );
}

/// Every command of the tree with the names that lead to it.
fn tree(command: &Command, path: &[String]) -> Vec<(Vec<String>, Command)> {
    let mut all = vec![(path.to_vec(), command.clone())];
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        all.extend(tree(sub, &[path, &[sub.get_name().to_owned()]].concat()));
    }
    all
}

fn commands() -> Vec<(Vec<String>, Command)> {
    tree(&promote::cli::command(), &[])
}

fn is_boolean(argument: &Arg) -> bool {
    argument.get_long().is_some()
        && argument.get_value_parser().type_id() == ValueParser::bool().type_id()
}

#[test]
fn every_boolean_takes_true_and_false_and_nothing_else() {
    let mut seen = 0;
    for (path, command) in commands() {
        for argument in command
            .get_arguments()
            .filter(|argument| is_boolean(argument))
        {
            let long = argument.get_long().unwrap();
            seen += 1;
            let parse = |flag: String| {
                let words = std::iter::once("promote".to_owned());
                let words: Vec<_> = words.chain(path.clone()).chain([flag]).collect();
                let error = promote::cli::command().try_get_matches_from(words).err();
                error.map(|error| error.kind())
            };
            // Other flags may be missing: what matters is that this one is understood.
            let wrong = [
                ErrorKind::UnknownArgument,
                ErrorKind::InvalidValue,
                ErrorKind::NoEquals,
            ];
            for good in ["", "=true", "=false"] {
                let error = parse(format!("--{long}{good}"));
                assert!(
                    error.is_none_or(|kind| !wrong.contains(&kind)),
                    "{path:?} --{long}{good}"
                );
            }
            let error = parse(format!("--{long}=maybe"));
            let refused = [
                Some(ErrorKind::InvalidValue),
                Some(ErrorKind::ValueValidation),
            ];
            assert!(refused.contains(&error), "{path:?} --{long}: {error:?}");
        }
        let switches = command.get_arguments().filter(|argument| {
            matches!(
                argument.get_action(),
                ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count
            )
        });
        assert_eq!(
            switches.count(),
            0,
            "{path:?} has a switch that takes no =true|false"
        );
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn global_flags_precede_or_follow_the_command() {
    let values = [
        ("authfile", "x"),
        ("ca-file", "x"),
        ("color", "never"),
        ("data-dir", "x"),
        ("git-credentials-dir", "x"),
        ("https", "localhost:5000"),
        ("insecure-skip-tls-verify", "a.example"),
        ("kubeconfig", "x"),
        ("log-file", "x"),
        ("log-format", "json"),
        ("log-level", "debug"),
        ("memory", "512Mi"),
        ("plain-http", "a.example:5000"),
        ("progress", "plain"),
        ("result", "TAG=x"),
        ("results-dir", "x"),
        ("timeout", "5m"),
    ];
    let command = promote::cli::command();
    let global = command
        .get_arguments()
        .filter(|argument| argument.is_global_set());
    let mut names: Vec<_> = global.filter_map(Arg::get_long).collect();
    names.sort_unstable();
    assert_eq!(names, values.map(|(name, _)| name));
    for (name, value) in values {
        let flag = format!("--{name}={value}");
        for words in [
            ["promote", &flag, "extract-tag", "--tag=v1"],
            ["promote", "extract-tag", &flag, "--tag=v1"],
            ["promote", "extract-tag", "--tag=v1", &flag],
        ] {
            let parsed = promote::cli::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
        }
    }
    let dir = Workdir::new();
    for words in [
        ["--results-dir=r", "extract-tag", "--tag=v1"],
        ["extract-tag", "--tag=v1", "--results-dir=r"],
    ] {
        let _ = fs::remove_dir_all(dir.path("r"));
        dir.promote(&words).exits(0);
        assert_eq!(dir.read("r/TAG"), "v1");
    }
}

#[test]
fn an_empty_value_is_absent_in_every_form() {
    let dir = Workdir::new();
    for words in [
        &[
            "extract-tag",
            "--tag=v1",
            "--template=",
            "--ref=",
            "--strip-prefix=",
        ][..],
        &[
            "extract-tag",
            "--tag",
            "v1",
            "--template",
            "",
            "--pattern",
            "",
        ],
        &[
            "--data-dir=",
            "extract-tag",
            "--tag=v1",
            "--semver=",
            "--on-invalid=",
        ],
        &[
            "extract-tag",
            "--tag=v1",
            "--results-dir",
            "",
            "--allow-draft=",
        ],
    ] {
        assert_eq!(dir.promote(words).exits(0).stdout, "v1\n", "{words:?}");
    }
    dir.promote(&["extract-tag", "--tag="])
        .exits(2)
        .says("--tag");
}

#[test]
fn a_boolean_that_is_false_conflicts_with_nothing() {
    let dir = Workdir::new();
    let copy = [
        "copy-image",
        "--verified=absent",
        "--unverified=false",
        "--tag=",
    ];
    dir.promote(&copy).exits(3).says("absent");
    for digest in ["--verified-digest=", "--verified-digest"] {
        let empty = [&copy[..], &[digest, ""]].concat();
        let empty = if digest.ends_with('=') {
            &empty[..5]
        } else {
            &empty
        };
        dir.promote(empty).exits(2).says("--verified-digest");
    }
    dir.promote(&["copy-image", "--verified=absent", "--unverified=true"])
        .exits(2);
    let edit = [
        "update-deployment",
        "--local=x",
        "--file=a",
        "--auto=false",
        "--setter=false",
    ];
    dir.promote(&edit).exits(3).says("promoted.json");
}

#[test]
fn help_and_version_work_for_every_command() {
    let dir = Workdir::new();
    for (path, _) in commands() {
        for flag in ["--help", "--version"] {
            let words: Vec<_> = path.iter().map(String::as_str).chain([flag]).collect();
            let run = dir.promote(&words).exits(0);
            assert!(!run.stdout.is_empty() && run.stderr.is_empty(), "{words:?}");
            let version = run.stdout.trim_end().ends_with(env!("CARGO_PKG_VERSION"));
            assert!(flag == "--help" || version, "{words:?}: {}", run.stdout);
        }
    }
}

#[test]
fn a_log_file_and_a_time_limit_hold_for_every_command() {
    let dir = Workdir::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("--git-url=http://{}/x.git", silent.local_addr().unwrap());
    let slow = [
        "extract-tag",
        "--tag=v1",
        &url,
        "--timeout=1s",
        "--log-file=log",
    ];
    dir.promote(&slow).exits(5).says("--timeout");
    assert!(dir.exists("log"));
}
