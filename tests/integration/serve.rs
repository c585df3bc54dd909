//! `lab serve`: every printed command of promote works as it stands, over TLS too, and the PipelineRun for pods fits.

use std::process::Command;

use lab::serve::{Args, prepare};

use crate::docs::root;

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

fn args(tls: bool) -> Args {
    Args {
        listen: [127, 0, 0, 1].into(),
        port: None,
        tls,
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
