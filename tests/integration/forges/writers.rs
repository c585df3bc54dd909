//! Many writers on one branch of a repository behind git's own HTTP server.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lab::git::{GitServer, Repository};

use super::{deployed, patch};
use crate::harness::{Run, Workdir};

/// Times and attempts of one writer.
struct Taken {
    run: Run,
    attempts: u32,
    time: Duration,
}

fn file(name: &str) -> String {
    format!("components/{name}/overlays/prod/deployment-patch.yaml")
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}

/// Lets `all` writers push at once, `same` of which want the same scalar.
fn race(all: usize, same: usize) -> String {
    let server = GitServer::start(None).unwrap();
    server.use_http_backend();
    let gitops = server.repository("acme/gitops").unwrap();
    let names: Vec<_> = (0..all)
        .map(|number| match number < same {
            true => "shared".to_owned(),
            false => format!("web{number}"),
        })
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| {
            (
                file(name),
                patch("registry.example/acme/web:v0").replace("web}", &format!("{name}}}")),
            )
        })
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    gitops.commit("main", "start", &files).unwrap();
    // Nobody pushes before everybody has fetched.
    let fetched = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&fetched);
    server.after_each_request(move |name| {
        if name.starts_with("POST") && name.ends_with("/git-upload-pack") {
            own.fetch_add(1, Ordering::SeqCst);
        }
        while name.contains("service=git-receive-pack") && own.load(Ordering::SeqCst) < all {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let url = format!("--gitops-repo-url={}", server.url("acme/gitops"));
    let begin = Instant::now();
    let writers: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let image = deployed(&format!("build-{number}"), &digest(number));
            let flags = [
                "update-deployment".to_owned(),
                "--unverified".to_owned(),
                "--adopt".to_owned(),
                url.clone(),
                format!("--image={name}={image}"),
            ];
            thread::spawn(move || write(&flags))
        })
        .collect();
    let taken: Vec<_> = writers.into_iter().map(|one| one.join().unwrap()).collect();
    let whole = begin.elapsed();

    let codes: Vec<_> = taken.iter().map(|one| one.run.code).collect();
    let shown = || {
        let failed = taken.iter().filter(|one| !matches!(one.run.code, 0 | 6));
        failed
            .map(|one| one.run.stderr.as_str())
            .collect::<String>()
    };
    let winners = codes[..same].iter().filter(|code| **code == 0).count();
    assert_eq!(winners, usize::from(same > 0), "{codes:?} {}", shown());
    assert!(
        codes[..same].iter().all(|code| matches!(code, 0 | 6)),
        "{codes:?} {}",
        shown()
    );
    assert!(
        codes[same..].iter().all(|code| *code == 0),
        "{codes:?} {}",
        shown()
    );

    let commits = all - same + winners;
    check(&gitops, commits);
    for (number, name) in names.iter().enumerate().skip(same) {
        let text = gitops.read("main", &file(name)).unwrap();
        assert!(text.contains(&digest(number)), "{name}");
    }

    let mut report = format!(
        "{all} writers, {same} on one scalar: {:.1} s\n",
        whole.as_secs_f64()
    );
    for (number, one) in taken.iter().enumerate() {
        let (code, attempts, time) = (one.run.code, one.attempts, one.time.as_secs_f64());
        let _ = writeln!(
            report,
            "{number:3} exit {code} attempts {attempts:2} {time:.1} s"
        );
    }
    report
}

/// Checks that the branch is a line of so many commits, each with one changed line.
fn check(gitops: &Repository, commits: usize) {
    let git = |arguments: &[&str]| gitops.git(arguments, None).unwrap();
    let count = git(&["rev-list", "--count", "main"]);
    assert_eq!(count, (commits + 1).to_string());
    assert_eq!(git(&["rev-list", "--count", "--merges", "main"]), "0");
    let first = git(&["rev-list", "--max-parents=0", "main"]);
    let changed = git(&["log", "--format=", "--numstat", "main", "--not", &first]);
    let lines: Vec<_> = changed.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), commits, "{changed}");
    let is_one = |line: &&str| line.starts_with("1\t1\t");
    assert!(lines.iter().all(is_one), "{changed}");
    git(&["fsck", "--strict"]);
}

fn write(flags: &[String]) -> Taken {
    let dir = Workdir::new();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let begin = Instant::now();
    let run = dir.promote(&flags);
    let again = run.stderr.matches("editing the new head").count()
        + run.stderr.matches("was rejected, trying again").count();
    Taken {
        attempts: u32::try_from(again).unwrap() + 1,
        time: begin.elapsed(),
        run,
    }
}

#[test]
fn eight_writers_lose_nothing() {
    race(8, 3);
}

/// The whole figure; `cargo test writers -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "the figure is the result")]
fn fifty_writers_lose_nothing() {
    println!("{}", race(50, 10));
}
