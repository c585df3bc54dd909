//! Memory, time and messages: what ends a run, with which code, and what it says.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use lab::{
    registry::{Effect, Fault, Options, Server},
    signer,
    tls::Tls,
};
use serde_json::Value;

use crate::harness::{Run, Workdir};

fn start() -> Server {
    Server::start(Options::default()).unwrap()
}

/// A directory, a source with an image, and the arguments of its copy to another registry.
fn scene() -> (Workdir, Server, Server) {
    let (from, to) = (start(), start());
    signer::push_image(&from, "staging/app", "v1", "a", 1).unwrap();
    (Workdir::new(), from, to)
}

fn copy(dir: &Workdir, from: &str, to: &str, flags: &[&str]) -> Run {
    let (from, to) = (
        format!("{from}/staging/app:v1"),
        format!("{to}/prod/app:v1"),
    );
    dir.promote(&[&["copy-image", &from, &to, "--unverified"], flags].concat())
}

#[test]
fn what_does_not_fit_into_the_memory_is_named() {
    let (dir, from, _) = scene();
    let big = format!("{{\"a\": \"{}\"}}\n", "x".repeat(60 << 20));
    dir.write("images.json", big);
    dir.promote(&["report", "images.json", "--memory=32Mi"])
        .exits(2)
        .says("memory budget of 32 MiB")
        .says("--memory");
    copy(
        &dir,
        &from.address(),
        &start().address(),
        &["--memory=192MiB"],
    )
    .exits(0);
    for wrong in ["--memory=much", "--memory=1Mi"] {
        dir.promote(&["extract-tag", "--tag=v1", wrong]).exits(2);
    }
}

#[test]
fn a_limit_of_time_ends_work_that_does_not_notice_it() {
    let dir = Workdir::new();
    // A pipe without a writer, named by a flag.
    let pipe = dir.path("event.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let began = Instant::now();
    let event = format!("--event-file={}", pipe.display());
    dir.promote(&["extract-tag", &event, "--timeout=1s"])
        .exits(5)
        .says("--timeout");
    assert!(began.elapsed() < Duration::from_secs(20));
    dir.promote(&["extract-tag", "--tag=v1", "--timeout=60"])
        .exits(2)
        .says("unit");
}

#[test]
fn where_nothing_listens_the_run_ends_soon() {
    let (dir, from, _) = scene();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let began = Instant::now();
    copy(&dir, &from.address(), &address, &[])
        .exits(5)
        .says(&format!(
            "registry {address} cannot be reached: connection refused (try 2 of 2 in"
        ));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_pause_longer_than_the_budget_is_not_made() {
    let (dir, from, to) = scene();
    to.fail(Fault::new(Effect::RetryAfter(429, 3600)));
    let began = Instant::now();
    copy(&dir, &from.address(), &to.address(), &[])
        .exits(5)
        .says("429");
    assert!(began.elapsed() < Duration::from_secs(20));
    to.heal();
    to.fail(Fault::new(Effect::RetryAfter(429, 1)).once());
    copy(&dir, &from.address(), &to.address(), &[])
        .exits(0)
        .says("status 429 (try 2 of 6 in 1.0 s)");
}

#[test]
fn each_side_of_a_mixed_up_protocol_is_named_with_its_flag() {
    let (dir, from, to) = scene();
    let at = to.address();
    copy(&dir, &from.address(), &at, &[&format!("--https={at}")])
        .exits(2)
        .says(&format!("registry {at} answers plain HTTP, expected TLS"))
        .says(&format!("leave out --https {at}"));
    let options = Options {
        tls: Some(Tls::private_authority().unwrap()),
        ..Options::default()
    };
    let tls = Server::start(options).unwrap();
    let at = tls.address();
    copy(&dir, &from.address(), &at, &[&format!("--plain-http={at}")])
        .exits(2)
        .says(&format!("registry {at} answers TLS, expected plain HTTP"))
        .says(&format!("give --https {at}"));
}

/// A server that answers each request the way that Go's does at a port with TLS.
#[test]
fn the_page_of_a_server_with_tls_is_understood() {
    let (dir, from, _) = scene();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for peer in listener.incoming() {
            let mut peer = peer.unwrap();
            let _ = peer.read(&mut [0; 4096]);
            let body = "Client sent an HTTP request to an HTTPS server.\n";
            let head = "HTTP/1.0 400 Bad Request\r\n";
            let _ = write!(peer, "{head}content-length: {}\r\n\r\n{body}", body.len());
        }
    });
    copy(&dir, &at, &from.address(), &[])
        .exits(2)
        .says(&format!("registry {at} answers TLS, expected plain HTTP"));
}

#[test]
fn files_that_flags_name_must_exist() {
    let (dir, from, to) = scene();
    for flag in ["--authfile=nope.json", "--ca-file=nope.pem"] {
        copy(&dir, &from.address(), &to.address(), &[flag])
            .exits(3)
            .says(&flag.replace('=', " "));
    }
    dir.write("auth.json", "{}");
    copy(
        &dir,
        &from.address(),
        &to.address(),
        &["--authfile=auth.json"],
    )
    .exits(0);
}

#[test]
fn a_401_names_the_files_that_were_searched() {
    let (dir, from, to) = scene();
    to.fail(Fault::new(Effect::Status(401)));
    dir.write("auth.json", "{}");
    copy(
        &dir,
        &from.address(),
        &to.address(),
        &["--authfile=auth.json"],
    )
    .exits(2)
    .says("asks for credentials")
    .says("none were found in auth.json, ")
    .says(".docker/config.json");
}

#[test]
fn the_short_flags_say_more_and_less() {
    let (dir, from, to) = scene();
    let run = copy(&dir, &from.address(), &to.address(), &["-v"]).exits(0);
    let request = run
        .stderr
        .lines()
        .find(|line| line.contains("DEBUG GET "))
        .unwrap();
    let words: Vec<_> = request.split_whitespace().collect();
    assert!(
        words[2].starts_with("http://") && words[3] == "200",
        "{request}"
    );
    assert_eq!(words[5], "ms", "{request}");
    assert!(!run.stderr.contains("idle connection"), "{}", run.stderr);
    let run = copy(&dir, &from.address(), &to.address(), &["-q"]).exits(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn every_line_of_a_json_log_has_one_shape() {
    let (dir, from, _) = scene();
    let flags = ["--log-format=json", "--log-file=log.json"];
    let run = copy(&dir, &from.address(), "127.0.0.1:1", &flags).exits(5);
    let log = dir.read("log.json");
    let lines = log.lines().chain(run.stderr.lines());
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() > 2);
    for line in &lines {
        for member in ["timestamp", "level", "message"] {
            assert!(line[member].is_string(), "{line}");
        }
    }
    // The error is in the file and on standard error.
    let errors = lines.iter().filter(|line| line["level"] == "ERROR");
    assert_eq!(errors.filter(|line| line["exitCode"] == 5).count(), 2);
}

#[test]
fn an_upload_that_is_sent_to_another_port_is_named_as_such() {
    let (dir, from, to) = scene();
    let elsewhere = Effect::Header("location", "http://127.0.0.1:1/v2/prod/app/blobs/uploads/1");
    to.fail(Fault::new(elsewhere).of("POST", "blobs/uploads"));
    copy(&dir, &from.address(), &to.address(), &[])
        .exits(2)
        .says("sends the upload to 127.0.0.1:1, another port")
        .says("REGISTRY_HTTP_HOST");
}
