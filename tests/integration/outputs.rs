//! Where output goes: devices, pipes and links are written to and never replaced; inputs from a
//! workspace are regular files inside it.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::{FileTypeExt as _, symlink},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    pty,
};
use serde_json::Value;

use crate::harness::{ATTESTED_RULE, Run, Scene, Workdir};

/// No run may wait for a reader or a writer for longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts with an image that passes, and an empty data directory.
fn passing() -> Scene {
    let scene = Scene::attested().file("policy/main.rego", ATTESTED_RULE);
    fs::create_dir(scene.dir.path("data")).unwrap();
    scene
}

/// Returns the arguments that judge the image.
fn arguments(scene: &Scene, more: &[&str]) -> Vec<String> {
    let image = format!("--image={}", scene.image());
    let own = [
        "verify-ec",
        "--data-dir=data",
        "--policy=policy",
        &image,
        "--public-key=cosign.pub",
        "--ignore-rekor",
    ];
    let all = own.iter().chain(more);
    all.map(|flag| (*flag).to_owned()).collect()
}

fn verify(scene: &Scene, flags: &[&str]) -> Run {
    let arguments = arguments(scene, flags);
    let began = Instant::now();
    let run = Run::of(scene.dir.command().args(arguments).output().unwrap());
    assert!(began.elapsed() < PATIENCE, "{flags:?}");
    run
}

fn pipe(path: &Path) {
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, path, FileType::Fifo, mode, 0).unwrap();
}

fn is_pipe(path: &Path) -> bool {
    fs::symlink_metadata(path).unwrap().file_type().is_fifo()
}

#[test]
fn a_pipe_with_a_reader_gets_what_is_written_and_stays_a_pipe() {
    let scene = passing();
    for (name, flag) in [
        ("report", "--output=json=report"),
        ("log", "--log-file=log"),
        ("verdict", "--verified-out=verdict"),
        ("result", "--result=TEST_OUTPUT=result"),
    ] {
        let path = scene.dir.path(name);
        pipe(&path);
        let reader = {
            let path = path.clone();
            thread::spawn(move || fs::read_to_string(path).unwrap())
        };
        verify(&scene, &[flag, "--log-level=debug"]).exits(0);
        let text = reader.join().unwrap();
        assert!(is_pipe(&path), "{name}");
        if name == "log" {
            assert!(text.contains("examining image"), "{text}");
        } else {
            assert!(serde_json::from_str::<Value>(&text).unwrap().is_object());
        }
    }
}

#[test]
fn a_pipe_without_a_reader_ends_in_an_error_and_stays_a_pipe() {
    let scene = passing();
    for (name, flag) in [
        ("report", "--output=json=file:report"),
        ("log", "--log-file=file:log"),
        ("verdict", "--verified-out=file:verdict"),
    ] {
        let path = scene.dir.path("data").join(name);
        pipe(&path);
        verify(&scene, &[flag]).exits(2).says(name);
        assert!(is_pipe(&path), "{name}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_terminal_is_written_to_and_standard_output_has_names_too() {
    let scene = passing();
    let flags = pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY;
    let master = pty::openpt(flags).unwrap();
    pty::unlockpt(&master).unwrap();
    let terminal = pty::ioctl_tiocgptpeer(&master, flags).unwrap();
    let reader = thread::spawn(move || {
        let (mut master, mut text) = (fs::File::from(master), Vec::new());
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&text).contains("Success: true") {
            let count = master.read(&mut buffer).unwrap();
            text.extend_from_slice(&buffer[..count]);
        }
        master
    });
    // The terminal is standard input there, and its name leads to the device itself.
    let flags = arguments(&scene, &["--output=text=/proc/self/fd/0"]);
    let mut command = scene.dir.command();
    let held = terminal.try_clone().unwrap();
    Run::of(command.args(flags).stdin(terminal).output().unwrap()).exits(0);
    // A terminal is one while its other end is open.
    let _master = reader.join().unwrap();
    assert!(rustix::termios::isatty(&held));
    let run = verify(&scene, &["--output=json=/dev/stdout"]).exits(0);
    assert!(serde_json::from_str::<Value>(&run.stdout).unwrap()["success"] == true);
    assert!(fs::symlink_metadata("/dev/stdout").unwrap().is_symlink());
}

#[test]
fn a_link_is_written_through_within_its_directory_and_refused_out_of_it() {
    let scene = passing();
    let victim = scene.dir.write("victim", "precious");
    let data = scene.dir.path("data");
    for (name, flag) in [
        ("report.json", "--output=json=file:report.json"),
        ("verified.json", "--info"),
        ("verify.log", "--log-file=file:verify.log"),
        ("result", "--result=TEST_OUTPUT=data/result"),
    ] {
        let link = data.join(name);
        let _ = fs::remove_file(&link);
        fs::write(data.join("own"), "").unwrap();
        symlink("own", &link).unwrap();
        // Twice: an old output behind the link is replaced too.
        verify(&scene, &[flag]).exits(0);
        verify(&scene, &[flag]).exits(0);
        assert!(link.is_symlink(), "{name}");
        assert!(fs::metadata(data.join("own")).unwrap().len() > 0, "{name}");
        fs::remove_file(&link).unwrap();
        symlink("../victim", &link).unwrap();
        verify(&scene, &[flag])
            .exits(2)
            .says("outside of its directory");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{name}");
        assert!(link.is_symlink(), "{name}");
        fs::remove_file(&link).unwrap();
    }
}

/// The files that each command reads from the workspace.
fn readers() -> [(&'static str, Vec<&'static str>); 6] {
    [
        ("event", vec!["extract-tag", "--event-file=file:it"]),
        ("snapshot", vec!["gather-images", "--snapshot=file:it"]),
        (
            "images",
            vec![
                "verify-ec",
                "--images=file:it",
                "--policy=policy",
                "--ignore-rekor",
            ],
        ),
        (
            "verdict",
            vec!["copy-image", "--verified=file:it", "--tag=x"],
        ),
        (
            "promoted",
            vec!["update-deployment", "--promoted=file:it", "--local=."],
        ),
        ("report", vec!["report", "file:it"]),
    ]
}

#[test]
fn only_regular_files_inside_the_data_directory_are_read() {
    let scene = passing();
    let it = scene.dir.path("data/it");
    let secret = scene.dir.write("secret", "password: s3cret\n");
    let run = |arguments: &[&str]| {
        let key = format!("--public-key={}", scene.universe.public_key().display());
        let mut all = vec!["--data-dir=data"];
        all.extend(arguments);
        if arguments[0] == "verify-ec" {
            all.push(&key);
        }
        let began = Instant::now();
        let run = scene.dir.promote(&all);
        assert!(began.elapsed() < PATIENCE, "{arguments:?}");
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
        run
    };
    for (what, arguments) in readers() {
        pipe(&it);
        run(&arguments).exits(2).says("not a regular file");
        fs::remove_file(&it).unwrap();
        for target in [
            secret.as_path(),
            Path::new("/dev/zero"),
            Path::new("/proc/self/environ"),
        ] {
            symlink(target, &it).unwrap();
            run(&arguments)
                .exits(2)
                .says("leads out of the data directory");
            fs::remove_file(&it).unwrap();
        }
        // The honest twin is read, whatever is said of its content; links inside are followed.
        fs::write(scene.dir.path("data/real"), "{\"x\": 1}").unwrap();
        symlink("real", &it).unwrap();
        let read = run(&arguments);
        assert!(
            !read.stderr.contains("cannot read"),
            "{what}: {}",
            read.stderr
        );
        fs::remove_file(&it).unwrap();
    }
}

#[test]
fn a_policy_directory_holds_regular_files_alone() {
    let scene = passing();
    verify(&scene, &[]).exits(0);
    let inside = scene.dir.path("policy/more.rego");
    pipe(&inside);
    verify(&scene, &[]).exits(2).says("not a regular file");
    fs::remove_file(&inside).unwrap();
    // Mounted ConfigMaps are links inside.
    scene.dir.write("policy/..data/more.rego", "package more\n");
    symlink("..data/more.rego", &inside).unwrap();
    verify(&scene, &[]).exits(0);
    fs::remove_file(&inside).unwrap();
    let outside = scene.dir.write("outside.rego", "package outside\n");
    symlink(&outside, &inside).unwrap();
    verify(&scene, &[]).exits(2);
}

#[test]
fn local_edits_follow_no_link() {
    let dir = Workdir::new();
    let patch = r"spec:
  template:
    spec:
      containers:
        - name: web
          image: r.example/web:v1.0
";
    let image = format!("--image=web=r.example/web:v1.1@sha256:{}", "1".repeat(64));
    let edit = || {
        dir.promote(&[
            "update-deployment",
            "--local=checkout",
            &image,
            "--unverified",
        ])
    };
    let victim = dir.write("outside/overlays/prod/deployment-patch.yaml", patch);
    fs::create_dir_all(dir.path("checkout/overlays/prod")).unwrap();
    let file = dir.path("checkout/overlays/prod/deployment-patch.yaml");
    symlink(&victim, &file).unwrap();
    edit().exits(2).says("link");
    fs::remove_dir_all(dir.path("checkout/overlays")).unwrap();
    symlink("../outside/overlays", dir.path("checkout/overlays")).unwrap();
    edit().exits(2).says("link");
    assert_eq!(fs::read_to_string(&victim).unwrap(), patch);
    fs::remove_file(dir.path("checkout/overlays")).unwrap();
    dir.write("checkout/overlays/prod/deployment-patch.yaml", patch);
    edit().exits(0);
    assert!(
        dir.read("checkout/overlays/prod/deployment-patch.yaml")
            .contains("v1.1")
    );
}

#[test]
fn files_that_flags_name_must_exist() {
    let dir = Workdir::new();
    for flag in [
        "--authfile=nope.json",
        "--ca-file=nope.pem",
        "--git-credentials-dir=nope",
    ] {
        let (name, path) = flag.split_once('=').unwrap();
        let said = format!("{name} {path} does not exist");
        dir.promote(&["extract-tag", "--tag=v1.0", flag])
            .exits(3)
            .says(&said);
        dir.promote(&["extract-tag", "--tag=v1.0", &format!("{name}=")])
            .exits(0);
    }
    let mut command = dir.command();
    command
        .env("PROMOTE_AUTHFILE", "nope.json")
        .args(["extract-tag", "--tag=v1.0"]);
    Run::of(command.output().unwrap())
        .exits(3)
        .says("nope.json does not exist");
}

#[test]
fn files_that_flags_name_must_hold_what_they_are_for() {
    let dir = Workdir::new();
    let tls = lab::tls::Tls::private_authority().unwrap();
    dir.write("ca.pem", &tls.trusted_pem);
    for (flag, text) in [
        ("--ca-file=", ""),
        ("--ca-file=", "-----BEGIN PUBLIC KEY-----\n"),
        ("--authfile=", "null"),
        ("--authfile=", "{\"auths\":[]}"),
    ] {
        dir.write("wrong", text);
        dir.promote(&["extract-tag", "--tag=v1.0", &format!("{flag}wrong")])
            .exits(2)
            .says("wrong");
    }
    dir.write("auth.json", r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#);
    let run = dir.promote(&[
        "extract-tag",
        "--tag=v1.0",
        "--ca-file=ca.pem",
        "--authfile=auth.json",
    ]);
    assert!(!run.exits(0).stderr.contains("WARN"));
    dir.write("empty.json", r#"{"auths":{}}"#);
    let run = dir.promote(&["extract-tag", "--tag=v1.0", "--authfile=empty.json"]);
    assert!(!run.exits(0).stderr.contains("WARN"));
    dir.write("other.json", r#"{"version":1}"#);
    dir.promote(&["extract-tag", "--tag=v1.0", "--authfile=other.json"])
        .exits(0)
        .says("--authfile other.json has no credentials");
}

#[test]
fn a_log_file_on_a_full_disk_loses_no_line() {
    let dir = Workdir::new();
    dir.write("other.json", r#"{"version":1}"#);
    let flags = ["extract-tag", "--tag=v1.0", "--authfile=other.json"];
    let run = dir.promote(&[&flags[..], &["--log-file=log.txt"]].concat());
    assert_eq!(run.exits(0).stderr, "");
    assert!(dir.read("log.txt").contains("no credentials"));
    dir.promote(&[&flags[..], &["--log-file=/dev/full"]].concat())
        .exits(0)
        .says("no credentials");
}

#[test]
fn an_empty_source_repository_switches_no_check_off() {
    let dir = Workdir::new();
    for command in [
        &["extract-tag", "--tag=v1.0"][..],
        &[
            "gather-images",
            "--image=web=r.example/web",
            "--revision=v1.0",
        ],
        &["run", "--tag=v1.0"],
    ] {
        for flag in [&["--git-url="][..], &["--git-url", ""]] {
            dir.promote(&[command, flag].concat())
                .exits(2)
                .says("--git-url");
        }
    }
    dir.promote(&["extract-tag", "--tag=v1.0"]).exits(0);
    // A Snapshot does without one, and an optional param of its Task arrives empty.
    dir.promote(&[
        "gather-images",
        "--snapshot={\"components\":[]}",
        "--allow-empty",
        "--git-url=",
    ])
    .exits(0);
    // What is no Snapshot is not an empty one.
    dir.promote(&["gather-images", "--snapshot={\"a\":1}", "--git-url="])
        .exits(2)
        .says("has no member components");
}

#[test]
fn no_message_shows_a_part_of_a_file_that_is_something_else() {
    let scene = passing();
    for text in [
        "password: [s3cret",
        "\"s3cret",
        "\"s3cret\"",
        "[\"s3cret\"]",
        "\ts3cret: x",
        "s3cret",
        "- s3cret\n- more\n",
        "user: bot\npassword: s3cret\n",
        "{\"auths\": {\"r.example\": {\"auth\": \"s3cret\"}}",
        "-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret\n-----END OPENSSH PRIVATE KEY-----\n",
    ] {
        let file = scene.dir.write("it", text);
        let at = |flag: &str| format!("{flag}={}", file.display());
        let image = format!("--image={}", scene.image());
        let key = format!("--public-key={}", scene.universe.public_key().display());
        for arguments in [
            vec!["run".to_owned(), at("--config")],
            vec!["gather-images".to_owned(), at("--snapshot")],
            vec!["verify-ec".to_owned(), image.clone(), key, at("--policy")],
            vec![
                "verify-ec".to_owned(),
                at("--images"),
                "--policy=policy".to_owned(),
            ],
            vec!["copy-image".to_owned(), at("--verified")],
            vec![
                "update-deployment".to_owned(),
                at("--promoted"),
                "--local=.".to_owned(),
            ],
            vec!["extract-tag".to_owned(), at("--event-file")],
            vec!["report".to_owned(), file.display().to_string()],
            vec![
                "trust".to_owned(),
                "verify".to_owned(),
                scene.image(),
                at("--public-key"),
            ],
            vec![
                "trust".to_owned(),
                "verify".to_owned(),
                scene.image(),
                at("--authfile"),
            ],
        ] {
            let run = Run::of(scene.dir.command().args(&arguments).output().unwrap());
            assert_ne!(run.code, 0, "{arguments:?}");
            // The name of a key may be shown, a value never.
            let shown = run.stdout + &run.stderr;
            let shown = shown.replace("--s3cret", "").replace("`s3cret`", "");
            let shown = shown.replace("no command \"s3cret\"", "");
            assert!(
                !shown.contains("s3cret"),
                "{arguments:?} of {text:?}: {shown}"
            );
        }
    }
}
