//! `lab serve`: every printed command of promote works as printed, over TLS too, and the PipelineRun for pods fits.

use std::process::Command;

use lab::serve::{Args, prepare};

use crate::docs::root;

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

fn args(tls: bool) -> Args {
    Args {
        listen: [127, 0, 0, 1].into(),
        port: None,
        tls,
        forge: None,
        habit: None,
        attack: None,
    }
}

/// The printed command lines, each on one line.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| line.starts_with(PROMOTE));
    lines.map(str::to_owned).collect()
}

#[test]
fn what_it_prints_can_be_typed() {
    for tls in [false, true] {
        let (_universe, text) = prepare(&args(tls), PROMOTE.as_ref()).unwrap();
        let commands = commands(&text);
        assert_eq!(commands.len(), 8, "{text}");
        for command in &commands {
            assert_eq!(command.matches("--https=").count(), if tls { 2 } else { 0 });
            let done = Command::new("sh").args(["-c", command]).output().unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{command}\n{said}");
        }
    }
}

/// Runs a printed command and returns its exit code and its messages.
fn typed(command: &str) -> (Option<i32>, String) {
    let done = Command::new("sh").args(["-c", command]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.code(), said)
}

#[test]
fn a_forge_and_its_habits_can_be_tried_by_hand() {
    for (kind, habit) in [
        ("gitlab", "limits"),
        ("github", "user-agent"),
        ("gitea", "races"),
        ("bitbucket", "protected"),
    ] {
        let with_forge = Args {
            forge: Some(kind.to_owned()),
            habit: Some(habit.to_owned()),
            ..args(false)
        };
        let (_universe, text) = prepare(&with_forge, PROMOTE.as_ref()).unwrap();
        let commands = commands(&text);
        assert_eq!(commands.len(), 10, "{text}");
        let is_request = |command: &&String| command.contains("--change-request");
        assert_eq!(commands.iter().filter(is_request).count(), 1);
        // The request in place of the push.
        let direct = |command: &&String| {
            command.contains(" update-deployment ") && !command.contains("--change-request")
        };
        for command in commands.iter().filter(|command| !direct(command)) {
            if command.contains(" run") {
                continue;
            }
            let (code, said) = typed(command);
            assert_eq!(code, Some(0), "{kind}: {command}\n{said}");
        }
    }
}

#[test]
fn a_protected_branch_takes_the_change_request_alone() {
    let protected = Args {
        forge: Some("gitea".to_owned()),
        habit: Some("protected".to_owned()),
        ..args(false)
    };
    let (universe, text) = prepare(&protected, PROMOTE.as_ref()).unwrap();
    let before = universe.deployed().unwrap();
    let commands = commands(&text);
    for command in &commands[..4] {
        assert_eq!(typed(command).0, Some(0), "{command}");
    }
    let (code, said) = typed(&commands[4]);
    assert!(
        code == Some(6) && said.contains("--change-request"),
        "{said}"
    );
    assert_eq!(universe.deployed().unwrap(), before);
}

#[test]
fn an_attack_ends_by_hand_as_in_the_demo() {
    let with = |name: &str| Args {
        attack: Some(name.to_owned()),
        ..args(false)
    };
    for (name, step, code) in [
        ("unsigned-image", 2, 4),
        ("wrong-key", 2, 4),
        ("hostile-tag", 0, 2),
    ] {
        let (universe, text) = prepare(&with(name), PROMOTE.as_ref()).unwrap();
        assert!(text.contains("# The attacker "), "{text}");
        let before = universe.deployed().unwrap();
        let commands = commands(&text);
        for (at, command) in commands[..=step].iter().enumerate() {
            let expected = if at == step { code } else { 0 };
            let (ended, said) = typed(command);
            assert_eq!(ended, Some(expected), "{name}: {command}\n{said}");
        }
        assert_eq!(universe.deployed().unwrap(), before);
    }
    let refused = prepare(&with("verified-json-changed"), PROMOTE.as_ref());
    let error = format!("{:#}", refused.map(drop).unwrap_err());
    assert!(error.contains("lab demo --attack"), "{error}");
}

#[test]
fn a_taken_port_and_every_address_are_refused() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Args {
        port: Some(port.local_addr().unwrap().port()),
        ..args(false)
    };
    let refused = |args: &Args| prepare(args, PROMOTE.as_ref()).map(|_| ()).unwrap_err();
    let error = format!("{:#}", refused(&taken));
    assert!(error.contains("cannot listen on 127.0.0.1:"), "{error}");
    let every = Args {
        listen: [0, 0, 0, 0].into(),
        ..args(false)
    };
    let error = format!("{:#}", refused(&every));
    assert!(
        error.contains("name the one by which clients reach"),
        "{error}"
    );
}

#[test]
fn for_pods_it_prints_the_authority_and_the_secrets() {
    let (universe, text) = prepare(&args(true), PROMOTE.as_ref()).unwrap();
    for part in [
        "-----BEGIN CERTIFICATE-----",
        "kubectl create configmap promote-ca --from-file=",
        "kubectl create secret generic promote-registry ",
        "kubectl create secret generic promote-gitops ",
        "kubectl create secret generic cosign-pub ",
        "kubectl create --filename ",
        "--param git-url=https://127.0.0.1:",
    ] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
    let file = universe.path("pipelinerun.yaml");
    let checked = Command::new(PROMOTE)
        .args(["lint", file.to_str().unwrap()])
        .arg(root().join("pipelines/promote-to-prod/promote-to-prod.yaml"))
        .arg(root().join("tasks"))
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{found}");
}
