//! Policies in a Git repository or behind a URL that cannot be read: nothing is decided without them.

use std::net::TcpListener;

use lab::{
    git::{self, Account, Habit},
    sigstore::Web,
};

use crate::{harness::Scene, unseen_evidence::RULE};

fn scene_with_rule() -> Scene {
    Scene::attested().file("rules/label.rego", RULE)
}

impl Scene {
    /// Asserts the code of every front; a failure leaves no verdict.
    #[track_caller]
    fn ends_with_source(&self, what: &str, policy: &str, code: i32) {
        for front in [&["verify-ec"][..], &["verify-ec", "--compat"]] {
            let run = self.judge(front, policy, &[]);
            assert_eq!(run.code, code, "{what} {front:?}: {}", run.stderr);
            assert_eq!(self.dir.exists("verified.json"), code == 0, "{what}");
        }
        let run = self.judge(&["ec", "validate", "image"], policy, &[]);
        assert_eq!(run.code, i32::from(code != 0), "{what}: {}", run.stderr);
    }
}

/// A port of loopback at which nothing listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_git_source_that_cannot_be_read_decides_nothing() {
    let scene = scene_with_rule();
    let server = git::GitServer::start(None).unwrap();
    let repository = server.repository("acme/policy").unwrap();
    repository
        .commit(
            "main",
            "rules",
            &[("label.rego", RULE), ("data.yml", "a: 1\n")],
        )
        .unwrap();
    let url = server.url("acme/policy");
    // The whole configuration, a source of policies and a source of data.
    let whole = format!("git::{url}");
    let write = |name: &str, url: &str| {
        let policy = format!("sources: [{{policy: ['git::{url}']}}]\n");
        scene.dir.write(&format!("{name}-policy.yaml"), policy);
        let data = format!("sources: [{{policy: [./rules], data: ['git::{url}']}}]\n");
        scene.dir.write(&format!("{name}-data.yaml"), data);
    };
    write("open", &url);
    let all = [whole.as_str(), "open-policy.yaml", "open-data.yaml"];
    for policy in all {
        scene.ends_with_source("healthy", policy, 0);
    }
    for (habit, code) in [
        (Habit::Page(404), 3),
        (Habit::Page(403), 2),
        (Habit::Page(500), 5),
        // A page of HTML is taken for one to sign in.
        (Habit::Page(200), 2),
        (
            Habit::Limited {
                status: 429,
                times: 1000,
                seconds: 0,
            },
            5,
        ),
    ] {
        let what = format!("{habit:?}");
        server.set_habit(habit);
        for policy in all {
            scene.ends_with_source(&what, policy, code);
        }
    }
    let account = Account {
        user: "bot".to_owned(),
        password: "word".to_owned(),
    };
    let private = git::GitServer::start(Some(account)).unwrap();
    let url = private.url("acme/policy");
    write("private", &url);
    for policy in [
        &format!("git::{url}"),
        "private-policy.yaml",
        "private-data.yaml",
    ] {
        scene.ends_with_source("401", policy, 2);
    }
    let url = format!("http://{}/acme/policy.git", closed());
    write("closed", &url);
    for policy in [
        &format!("git::{url}"),
        "closed-policy.yaml",
        "closed-data.yaml",
    ] {
        scene.ends_with_source("closed", policy, 5);
    }
}

#[test]
fn a_policy_document_that_cannot_be_read_decides_nothing() {
    let scene = scene_with_rule();
    let web = Web::start().unwrap();
    let rules = scene.dir.path("rules").display().to_string();
    let image = scene.universe.registry.address();
    assert!(!rules.is_empty() && !image.is_empty());
    let policy = "{}";
    web.serve_files([("policy.yaml".to_owned(), policy.as_bytes().to_vec())].into());
    let url = format!("{}/policy.yaml", web.url());
    let run = |url: &str| {
        let image = format!(
            "{}@{}",
            scene.universe.staging(),
            scene.universe.image.digest
        );
        let run = scene.dir.promote(&[
            "verify-ec",
            "--allow-empty-policy",
            "--image",
            &image,
            "--policy",
            url,
            "--public-key=cosign.pub",
            "--ignore-rekor",
        ]);
        (run.code, scene.dir.exists("verified.json"), run.stderr)
    };
    let (code, verdict, said) = run(&url);
    assert_eq!((code, verdict), (0, true), "{said}");
    let missing = url.replace("policy.yaml", "nothing.yaml");
    let closed = format!("http://{}/policy.yaml", closed());
    for (url, expected) in [(&missing, 3), (&closed, 5)] {
        let (code, verdict, said) = run(url);
        assert_eq!((code, verdict), (expected, false), "{url}: {said}");
    }
    web.demand("t0ken");
    let (code, verdict, said) = run(&url);
    assert_eq!((code, verdict), (2, false), "401: {said}");
    web.break_down();
    let (code, verdict, said) = run(&url);
    assert_eq!((code, verdict), (5, false), "500: {said}");
}
