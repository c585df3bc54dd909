//! Ctrl-C, and the signal that stops a container: a run ends at once with 130, says what it leaves behind, and a rerun finishes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{
    registry::{Effect, Fault, Options, Server},
    signer,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Scene, Workdir};

/// How long a run may take to end; most of it is for a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Sends a signal; returns the exit code and standard error.
fn interrupt(mut child: Child, signal: Signal) -> (Option<i32>, String) {
    let began = Instant::now();
    kill_process(Pid::from_child(&child), signal).unwrap();
    let mut said = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    (code, said)
}

/// The number of files in a directory for temporary ones.
fn count(dir: &Workdir) -> usize {
    fs::read_dir(dir.path("temporary")).unwrap().count()
}

#[test]
fn a_copy_that_is_interrupted_says_what_it_leaves_behind_and_a_rerun_finishes() {
    for signal in [Signal::INT, Signal::TERM] {
        interrupt_a_copy(signal);
    }
}

fn interrupt_a_copy(signal: Signal) {
    let [near, far] = [(); 2].map(|()| Server::start(Options::default()).unwrap());
    let image = signer::push_image(&near, "staging/app", "v1", "a", 3).unwrap();
    let dir = Workdir::new();
    fs::create_dir(dir.path("temporary")).unwrap();
    let from = format!("{}/staging/app:v1", near.address());
    let to = format!("{}/prod/app:v1", far.address());
    let copy = ["copy-image", &from, &to, "--unverified"];
    far.fail(Fault::new(Effect::Hang).of("PUT", "/manifests/"));
    let mut command = dir.command();
    let child = start(command.env("TMPDIR", dir.path("temporary")).args(copy));
    let asked = || {
        let requests = far.requests();
        let mut puts = requests.iter().filter(|request| request.method == "PUT");
        puts.any(|request| request.path.contains("/manifests/"))
    };
    let began = Instant::now();
    while !asked() {
        assert!(began.elapsed() < 3 * SOON, "no manifest is written");
        thread::sleep(Duration::from_millis(20));
    }
    let (code, said) = interrupt(child, signal);
    assert_eq!(code, Some(130), "{said}");
    let left = "interrupted: 4 blobs were copied, which a rerun finds, no tag was moved";
    assert!(said.contains(left), "{said}");
    assert_eq!((far.tags().len(), count(&dir)), (0, 0));
    far.heal();
    dir.promote(&copy).exits(0);
    assert_eq!(far.tags()["prod/app:v1"], image.digest);
}

#[test]
fn parsing_of_a_policy_that_is_interrupted_leaves_nothing_behind() {
    let Scene { universe, dir } = Scene::attested();
    fs::create_dir(dir.path("temporary")).unwrap();
    let mut policy = "package main\n\nimport rego.v1\n".to_owned();
    for number in 0..60_000 {
        policy += &format!(
            r#"
r{number} contains x if {{
	some x in input.a{number}
	x.b[_] == "{number}"
}}
"#
        );
    }
    dir.write("rules/a.rego", policy);
    let image = format!("{}@{}", universe.staging(), universe.image.digest);
    let mut command = dir.command();
    let command = command.env("TMPDIR", dir.path("temporary")).args([
        "verify-ec",
        "--image",
        &image,
        "--policy=./rules",
        "--public-key=cosign.pub",
        "--ignore-rekor",
    ]);
    let mut child = start(command);
    // It has begun once it speaks; the first line is written before the policy is read.
    let stderr = child.stderr.take().unwrap();
    let mut lines = BufReader::new(stderr);
    let mut first = String::new();
    while !first.contains("transparency log") {
        assert_ne!(lines.read_line(&mut first).unwrap(), 0, "{first}");
    }
    thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut said = String::new();
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    assert!(said.contains("interrupted: nothing was copied"), "{said}");
    assert!(!said.contains("examining"), "{said}");
    assert!(!dir.exists("verified.json"));
    assert_eq!(count(&dir), 0);
}
