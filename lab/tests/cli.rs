//! The lab's own command line: what is missing or wrong is exit 2 with a hint, servers say where they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The lab with an environment without git.
fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.env_clear().env("PATH", "/nowhere").args(arguments);
    command
}

#[track_caller]
fn exits(mut command: Command, code: i32, says: &str) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "no {says:?} in: {said}");
    output
}

#[test]
fn without_git_the_demo_and_the_servers_end_with_2_and_say_how_to_install_it() {
    for arguments in [
        &["demo", "--promote=/bin/true"][..],
        &["serve", "--promote=/bin/true"],
    ] {
        exits(lab(arguments), 2, "apt install git");
    }
}

#[test]
fn the_menu_lists_every_attack_and_refuses_other_names() {
    let output = exits(lab(&["demo", "--list"]), 0, "");
    let menu = String::from_utf8(output.stdout).unwrap();
    assert_eq!(menu.lines().count(), lab::demo::ATTACKS.len());
    assert!(menu.lines().count() >= 13, "{menu}");
    let mut unknown = lab(&["demo", "--attack=nope", "--promote=/bin/true"]);
    unknown.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    exits(unknown, 2, "unsigned-image");
    exits(lab(&["demo", "--attack=x", "--list"]), 2, "--list");
}

#[test]
fn a_file_that_the_runner_does_not_implement_is_exit_2_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let head = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: a}\nspec:\n";
    let step = "  steps:\n  - {name: a, image: x, command: [/usr/bin/promote, -c, 'exit 3']";
    let script = write("script.yaml", &format!("{head}{step}, script: echo}}\n"));
    let run = |file: &str, more: &[&str]| {
        lab(&[&["tekton", "run", file, "--promote=/bin/sh"], more].concat())
    };
    exits(run(&script, &[]), 2, "script");
    exits(run("absent.yaml", &[]), 2, "absent.yaml");
    let fails = write("fails.yaml", &format!("{head}{step}}}\n"));
    exits(run(&fails, &["--param=x=1"]), 2, "no param x");
    exits(run(&fails, &["--param=x"]), 2, "NAME=VALUE");
    exits(
        run(&fails, &["--workspace=data=/nowhere"]),
        2,
        "no workspace data",
    );
    let out = dir.path().join("out");
    let flag = format!("--out={}", out.display());
    exits(run(&fails, &[&flag]), 1, "exit 3");
    let status = std::fs::read_to_string(out.join("status.json")).unwrap();
    assert!(status.contains("\"kind\": \"PipelineRun\""), "{status}");
}

#[test]
fn the_registry_alone_says_where_it_listens_and_answers_there() {
    let mut registry = lab(&["registry", "--listen=127.0.0.1:0", "--no-referrers"]);
    let mut child = registry.stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut address).unwrap();
    let mut stream = TcpStream::connect(address.trim()).unwrap();
    write!(
        stream,
        "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    exits(
        lab(&["registry", &format!("--listen={}", address.trim())]),
        2,
        "cannot listen",
    );
    child.kill().unwrap();
    child.wait().unwrap();
    exits(lab(&["registry", "--listen=nowhere"]), 2, "--listen");
}

#[test]
fn a_promote_that_is_not_there_is_exit_2() {
    let mut command = lab(&["demo", "--promote=/nowhere/promote"]);
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    exits(command, 2, "/nowhere/promote");
    assert!(!Path::new("/nowhere").exists());
}
