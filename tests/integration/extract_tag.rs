//! `extract-tag`: inputs, gates on the tag, the template, moved tags.
#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

use std::fs;

use lab::git;

use crate::{docs::root, harness::Workdir};

const EVENT_COMMIT: &str = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";

fn event(dir: &Workdir, name: &str) -> String {
    let path = root().join(format!("tests/fixtures/events/{name}.json"));
    dir.write("event.json", fs::read(path).unwrap());
    "--event-file=event.json".to_owned()
}

#[test]
fn derives_the_destination_tag_from_every_input() {
    let dir = Workdir::new();
    for input in ["--tag=v1.0", "--ref=refs/tags/v1.0"] {
        let run = dir
            .promote(&["extract-tag", input, "--template=prod-{tag}"])
            .exits(0);
        assert_eq!(run.stdout, "prod-v1.0\n");
    }
    for name in [
        "gitlab-tag-push",
        "gitlab-release",
        "github-push",
        "github-create",
        "github-release",
        "gitea-push",
        "gitea-release",
        "bitbucket-push",
    ] {
        let event = event(&dir, name);
        let run = dir
            .promote(&["extract-tag", &event, "--template=prod-{tag}"])
            .exits(0);
        assert_eq!(run.stdout, "prod-v1.0\n", "{name}");
    }
}

#[test]
fn prints_json_with_all_that_is_known() {
    let dir = Workdir::new();
    let event = event(&dir, "gitlab-tag-push");
    let run = dir
        .promote(&[
            "extract-tag",
            &event,
            "--output=json",
            "--results-dir=results",
        ])
        .exits(0);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let expected = serde_json::json!({
        "tag": "v1.0", "destinationTag": "v1.0", "commit": EVENT_COMMIT, "event": "tag-push",
        "repository": "https://gitlab.example.com/acme/web",
    });
    assert_eq!(document, expected);
    assert_eq!(dir.read("results/COMMIT"), EVENT_COMMIT);
}

#[test]
fn reads_the_event_from_standard_input() {
    let dir = Workdir::new();
    let path = root().join("tests/fixtures/events/github-push.json");
    let mut command = dir.command();
    command
        .args(["extract-tag", "--event-file=-"])
        .stdin(fs::File::open(path).unwrap());
    assert_eq!(command.output().unwrap().stdout, b"v1.0\n");
}

#[test]
fn refuses_an_unusable_tag() {
    let dir = Workdir::new();
    let cases = [
        ("--ref=refs/heads/main", "branch"),
        ("--ref=refs/pull/1/head", "pull request"),
        ("--ref=v1.0", "not the full ref"),
        ("--tag=v1+2", "'+'"),
        ("--tag=svc-a/v1", "'/'"),
        ("--tag=v1.0$(touch x)", "'$'"),
        ("--tag=`touch x`", "'`'"),
        ("--tag=ünï", "'ü'"),
    ];
    for (input, reason) in cases {
        dir.promote(&["extract-tag", input]).exits(2).says(reason);
    }
    dir.promote(&["extract-tag", "--tag=v1\nv2", "--template=fixed"])
        .exits(2)
        .says("'\\n'");
    let long = format!("--tag={}", "x".repeat(129));
    dir.promote(&["extract-tag", &long])
        .exits(2)
        .says("129 characters");
    dir.promote(&["extract-tag", "--tag=v1", "--ref=refs/tags/v1"])
        .exits(2);
    dir.promote(&["extract-tag"]).exits(2);
    dir.promote(&["extract-tag", "--event-file=missing.json"])
        .exits(3)
        .says("missing.json");
    assert!(!dir.exists("x"), "a tag was executed");
}

#[test]
fn drafts_and_prereleases_need_a_flag() {
    let dir = Workdir::new();
    let path = root().join("tests/fixtures/events/github-release.json");
    let release = fs::read_to_string(path).unwrap();
    for member in ["draft", "prerelease"] {
        dir.write(
            "event.json",
            release.replace(
                &format!("\"{member}\": false"),
                &format!("\"{member}\": true"),
            ),
        );
        let run = ["extract-tag", "--event-file=event.json"];
        dir.promote(&run).exits(2).says(member);
        let flag = format!("--allow-{member}");
        dir.promote(&[run[0], run[1], &flag]).exits(0);
        dir.promote(&[run[0], run[1], &format!("{flag}=false")])
            .exits(2);
    }
}

#[test]
fn gates_and_prefixes_apply_to_the_tag() {
    let dir = Workdir::new();
    let extract = |flags: &[&str]| dir.promote(&[&["extract-tag"], flags].concat());
    assert_eq!(
        extract(&["--tag=svc-a/v1.2.3", "--strip-prefix=svc-a/"])
            .exits(0)
            .stdout,
        "v1.2.3\n"
    );
    extract(&["--tag=svc-b/v1", "--strip-prefix=svc-a/"])
        .exits(2)
        .says("svc-a/");
    extract(&["--tag=v1.2.3", "--pattern=v[0-9]+"])
        .exits(2)
        .says("--pattern");
    extract(&["--tag=v1", "--pattern=v[0-9]+"]).exits(0);
    extract(&["--tag=zzz-b", "--pattern=a)|(?:b"]).exits(2);
    extract(&["--tag=v1", "--pattern=("])
        .exits(2)
        .says("regular expression");
    extract(&["--tag=v1", "--semver"])
        .exits(2)
        .says("semantic version");
    let template = [
        "--tag=v1.2.3",
        "--semver",
        "--template={semver.major}.{semver.minor}-{tag}",
    ];
    assert_eq!(extract(&template).exits(0).stdout, "1.2-v1.2.3\n");
    extract(&["--tag=v1", "--template={nope}"])
        .exits(2)
        .says("{nope}");
}

#[test]
fn sanitising_never_maps_two_tags_to_one() {
    let dir = Workdir::new();
    let sanitised = |tag: &str| {
        dir.promote(&[
            "extract-tag",
            &format!("--tag={tag}"),
            "--on-invalid=sanitize",
        ])
        .exits(0)
        .stdout
    };
    assert_ne!(sanitised("v1/a"), sanitised("v1-a"));
    assert_ne!(sanitised("v1/a"), sanitised("v1+a"));
    assert_eq!(sanitised("v1-a"), "v1-a\n");
    let replaced = sanitised("v1/a");
    assert_ne!(sanitised(replaced.trim_end()), replaced);
}

#[test]
fn refuses_a_tag_that_moved_since_the_event() {
    let (dir, server) = (Workdir::new(), git::GitServer::start(None).unwrap());
    let repository = server.repository("acme/web").unwrap();
    let built = repository.commit("main", "one", &[("a", "1")]).unwrap();
    repository.annotated_tag("v1.0", &built).unwrap();
    let payload =
        fs::read_to_string(root().join("tests/fixtures/events/gitlab-tag-push.json")).unwrap();
    dir.write("event.json", payload.replace(EVENT_COMMIT, &built));
    let url = format!("--git-url={}", server.url("acme/web"));
    let run = [
        "extract-tag",
        "--event-file=event.json",
        &url,
        "--results-dir=results",
    ];
    dir.promote(&run).exits(0);
    assert_eq!(dir.read("results/COMMIT"), built);

    let other = repository.commit("main", "two", &[("a", "2")]).unwrap();
    repository.annotated_tag("v1.0", &other).unwrap();
    dir.promote(&run).exits(4).says("moved");
    dir.promote(&["extract-tag", "--tag=v9", &url])
        .exits(3)
        .says("v9");
    dir.promote(&[
        "extract-tag",
        "--tag=v1",
        "--git-url=http://127.0.0.1:1/x.git",
    ])
    .exits(5);
    dir.promote(&[
        "extract-tag",
        "--tag=v1",
        "--git-url=http://git.example.com/x.git",
    ])
    .exits(2)
    .says("--plain-http");
}

#[test]
fn reads_the_one_tag_of_a_local_head() {
    let (dir, server) = (Workdir::new(), git::GitServer::start(None).unwrap());
    let repository = server.repository("acme/web").unwrap();
    let commit = repository.commit("main", "one", &[("a", "1")]).unwrap();
    let path = format!("--repo={}", repository.path().display());
    dir.promote(&["extract-tag", &path]).exits(3);
    repository.tag("v1.0", &commit).unwrap();
    assert_eq!(
        dir.promote(&["extract-tag", &path]).exits(0).stdout,
        "v1.0\n"
    );
    repository.tag("v1.1", &commit).unwrap();
    dir.promote(&["extract-tag", &path]).exits(2).says("v1.1");
}

#[test]
fn refuses_a_tag_of_another_commit_than_the_one_expected() {
    let (dir, server) = (Workdir::new(), git::GitServer::start(None).unwrap());
    let repository = server.repository("acme/web").unwrap();
    let built = repository.commit("main", "one", &[("a", "1")]).unwrap();
    repository.annotated_tag("v1.0", &built).unwrap();
    let url = format!("--git-url={}", server.url("acme/web"));
    let expected = format!("--commit={built}");
    let run = |commit: &str| dir.promote(&["extract-tag", "--tag=v1.0", &url, commit]);
    run(&expected).exits(0);
    run(&format!("--commit={EVENT_COMMIT}"))
        .exits(4)
        .says("moved");
    run("--commit=v1.0").exits(2).says("hex digits");
    dir.promote(&["extract-tag", "--tag=v1.0", &expected])
        .exits(2)
        .says("--git-url");
}
