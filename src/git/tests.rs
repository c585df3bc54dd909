//! Tests against the lab's Git server over real HTTP.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use lab::git::{Account, GitServer};

use super::*;
use crate::{env::Env, http};

const TIME: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

fn git(files: &[(&str, &str)]) -> Git {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    let dir = (!files.is_empty()).then_some(dir.path());
    let credentials = Credentials::new(dir, &Env::default());
    // Read before the directory is removed.
    let _ = credentials.ssh();
    Git::new(
        Http::new(http::HttpOptions::default(), &Env::default()),
        credentials,
    )
}

fn account() -> Account {
    Account {
        user: "bot".to_owned(),
        password: "s3cret/:@".to_owned(),
    }
}

async fn fetch(git: &Git, url: &str, revision: Option<&str>) -> Result<FetchedRepository, Error> {
    let (url, revision) = (url.to_owned(), revision.map(str::to_owned));
    git.run(move |git| git.fetch(&url, revision.as_deref()))
        .await
}

fn committed(mut repository: FetchedRepository, content: &str) -> FetchedRepository {
    let change = FileChange {
        path: "a/file.yaml".to_owned(),
        content: content.as_bytes().to_vec(),
    };
    let author = Author {
        name: "Bot".to_owned(),
        email: "bot@example.com".to_owned(),
    };
    repository
        .commit(&[change], "edit", &author, TIME, None)
        .unwrap();
    repository
}

async fn push(git: &Git, repository: FetchedRepository, branch: &str) -> Result<(), Error> {
    let push = PushRequest::to(branch);
    git.run(move |_| repository.push(&push).map(drop)).await
}

#[tokio::test]
async fn fetches_every_kind_of_revision_without_history() {
    let server = GitServer::start(None).unwrap();
    let repository = server.repository("acme/web").unwrap();
    let first = repository
        .commit("main", "one", &[("a/file.yaml", "1")])
        .unwrap();
    let second = repository
        .commit("main", "two", &[("a/file.yaml", "2")])
        .unwrap();
    let third = repository
        .commit("main", "three", &[("a/file.yaml", "3"), ("b/c", "x")])
        .unwrap();
    repository
        .commit("side", "side", &[("a/file.yaml", "s")])
        .unwrap();
    repository.annotated_tag("v1", &first).unwrap();
    let (git, url) = (git(&[]), server.url("acme/web"));
    for (revision, content) in [
        (None, "3"),
        (Some("main"), "3"),
        (Some("side"), "s"),
        (Some("v1"), "1"),
        (Some("refs/tags/v1"), "1"),
        (Some(first.as_str()), "1"),
        (Some(second.as_str()), "2"),
        (Some(third.as_str()), "3"),
    ] {
        let fetched = fetch(&git, &url, revision).await.unwrap();
        let read = fetched.read("a/file.yaml").unwrap();
        assert_eq!(read.as_deref(), Some(content.as_bytes()), "{revision:?}");
        let branch = match revision {
            None | Some("main") => Some("main"),
            Some("side") => Some("side"),
            Some(_) => None,
        };
        assert_eq!(fetched.branch(), branch, "{revision:?}");
    }
    let fetched = fetch(&git, &url, None).await.unwrap();
    assert_eq!(fetched.commit_id(), third);
    assert_eq!(fetched.files("").unwrap(), ["a/file.yaml", "b/c"]);
    assert_eq!(fetched.files("a").unwrap(), ["a/file.yaml"]);
    assert_eq!(fetched.read("a/none").unwrap(), None);
    let missing = fetch(&git, &url, Some("v2")).await.unwrap_err();
    assert!(matches!(missing, Error::NoRevision { .. }), "{missing}");
    let missing = fetch(&git, &url, Some(&"0".repeat(40))).await.unwrap_err();
    assert!(matches!(missing, Error::NoRevision { .. }), "{missing}");
    let nowhere = fetch(&git, &server.url("acme/none"), None).await;
    assert!(matches!(nowhere, Err(Error::NoRepository { .. })));
}

#[tokio::test]
async fn reads_a_local_repository_too() {
    let server = GitServer::start(None).unwrap();
    let repository = server.repository("acme/web").unwrap();
    let commit = repository
        .commit("main", "one", &[("a/file.yaml", "1")])
        .unwrap();
    repository.annotated_tag("v1", &commit).unwrap();
    let path = repository.path().to_str().unwrap().to_owned();
    for url in [path.clone(), format!("file://{path}")] {
        for revision in [None, Some("v1"), Some(commit.as_str())] {
            let fetched = fetch(&git(&[]), &url, revision).await.unwrap();
            assert_eq!(fetched.commit_id(), commit, "{url} {revision:?}");
        }
    }
}

#[tokio::test]
async fn pushes_what_was_committed_on_what_was_fetched() {
    let server = GitServer::start(None).unwrap();
    let repository = server.repository("ops").unwrap();
    let before = repository
        .commit("main", "one", &[("a/file.yaml", "1"), ("other", "o")])
        .unwrap();
    let (git, url) = (git(&[]), server.url("ops"));
    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "2");
    let commit = mine.commit_id();
    push(&git, mine, "main").await.unwrap();
    assert_eq!(repository.resolve("main").unwrap(), commit);
    assert_eq!(repository.resolve("main^").unwrap(), before);
    assert_eq!(repository.read("main", "a/file.yaml").unwrap(), "2");
    assert_eq!(repository.read("main", "other").unwrap(), "o");
    repository.git(&["fsck", "--strict"], None).unwrap();
}

#[tokio::test]
async fn a_branch_that_moved_differs_from_one_that_refuses() {
    let server = GitServer::start(None).unwrap();
    let repository = server.repository("ops").unwrap();
    repository
        .commit("main", "one", &[("a/file.yaml", "1")])
        .unwrap();
    let (git, url) = (git(&[]), server.url("ops"));

    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "2");
    let theirs = repository.commit("main", "theirs", &[("b", "b")]).unwrap();
    let moved = push(&git, mine, "main").await.unwrap_err();
    assert!(matches!(moved, Error::Moved { .. }), "{moved}");
    assert_eq!(repository.resolve("main").unwrap(), theirs);

    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "2");
    let other = repository.clone();
    server.before_next_push(move || drop(other.commit("main", "in between", &[("c", "c")])));
    let moved = push(&git, mine, "main").await.unwrap_err();
    assert!(matches!(moved, Error::Moved { .. }), "{moved}");

    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "2");
    repository
        .git(&["update-ref", "-d", "refs/heads/main"], None)
        .unwrap();
    let gone = push(&git, mine, "main").await.unwrap_err();
    assert!(matches!(gone, Error::Moved { .. }), "{gone}");

    repository
        .commit("main", "again", &[("a/file.yaml", "1")])
        .unwrap();
    let hook = repository.path().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let before = repository.refs().unwrap();
    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "2");
    let declined = push(&git, mine, "main").await.unwrap_err();
    assert!(matches!(declined, Error::Rejected { .. }), "{declined}");
    assert_eq!(repository.refs().unwrap(), before);
}

#[tokio::test]
async fn a_push_is_done_when_the_host_says_so_when_it_is_asked_again() {
    let server = GitServer::start(None).unwrap();
    let repository = server.repository("ops").unwrap();
    repository
        .commit("main", "one", &[("a/file.yaml", "1")])
        .unwrap();
    let (git, url) = (git(&[]), server.url("ops"));
    // The push was done, its answer was lost.
    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "2");
    let id = mine.commit_id();
    server.lie_about_next_push(502);
    push(&git, mine, "main").await.unwrap();
    assert_eq!(repository.resolve("main").unwrap(), id);
    // "ok" for a push that was not done.
    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "3");
    server.lie_about_next_push(200);
    let error = push(&git, mine, "main").await.unwrap_err();
    assert!(matches!(error, Error::Remote { .. }), "{error}");
    assert_eq!(repository.resolve("main").unwrap(), id);
    // Another push came on top before the branch was read.
    let mine = committed(fetch(&git, &url, Some("main")).await.unwrap(), "4");
    let id = mine.commit_id();
    let theirs = repository.clone();
    server.after_each_push(move || {
        theirs.commit("main", "on top", &[("b", "1")]).unwrap();
    });
    push(&git, mine, "main").await.unwrap();
    assert_eq!(repository.resolve("main~1").unwrap(), id);
}

#[tokio::test]
async fn history_tells_which_commit_comes_first() {
    let server = GitServer::start(None).unwrap();
    let repository = server.repository("web").unwrap();
    let first = repository.commit("main", "first", &[("a", "1")]).unwrap();
    let second = repository.commit("main", "second", &[("a", "2")]).unwrap();
    repository.git(&["branch", "side", &first], None).unwrap();
    let side = repository.commit("side", "side", &[("a", "3")]).unwrap();
    let local = repository.path().to_str().unwrap().to_owned();
    for filter in ["false", "true"] {
        repository
            .git(&["config", "uploadpack.allowFilter", filter], None)
            .unwrap();
        for any in ["true", "false"] {
            repository
                .git(&["config", "uploadpack.allowAnySHA1InWant", any], None)
                .unwrap();
            for url in [server.url("web"), local.clone()] {
                let (first, second, side) = (first.clone(), second.clone(), side.clone());
                let git = git(&[]);
                let ask = move |git: &Git| {
                    let history = git.history(&url, &[&first, &second, &side], None)?;
                    assert_eq!(history.relation(&second, &first)?, Relation::Descendant);
                    assert_eq!(history.relation(&first, &second)?, Relation::Ancestor);
                    assert_eq!(history.relation(&side, &second)?, Relation::Sibling);
                    assert_eq!(history.relation(&side, &side)?, Relation::Same);
                    let messages = history.messages(&second, 9)?;
                    assert_eq!(messages, ["second\n", "first\n"]);
                    let unknown = git.history(&url, &[&"1".repeat(40)], None);
                    assert!(unknown.is_err());
                    Ok(())
                };
                git.run(ask).await.unwrap();
            }
        }
    }
    // With a filter no file arrives.
    let asked = git(&[]);
    let (url, id) = (server.url("web"), second.clone());
    let seen = asked
        .run(move |git| git.history(&url, &[&id], Some(1)))
        .await
        .unwrap();
    assert_eq!(seen.messages(&second, 9).unwrap(), ["second\n"]);
}

#[tokio::test]
async fn refuses_a_branch_name_that_says_more() {
    let server = GitServer::start(None).unwrap();
    let repository = server.repository("ops").unwrap();
    repository
        .commit("main", "one", &[("a/file.yaml", "1")])
        .unwrap();
    let git = git(&[]);
    for branch in [
        "a:refs/heads/main",
        "",
        "a..b",
        "a b",
        "+x:y",
        "refs/heads/main",
        "refs/tags/v1",
    ] {
        let mine = committed(fetch(&git, &server.url("ops"), None).await.unwrap(), "2");
        let error = push(&git, mine, branch).await.unwrap_err();
        assert!(
            matches!(error, Error::BranchName { .. }),
            "{branch} {error}"
        );
    }
    assert_eq!(repository.refs().unwrap().len(), 1);
}

#[tokio::test]
async fn credentials_open_the_repository_and_none_do_not() {
    let server = GitServer::start(Some(account())).unwrap();
    let repository = server.repository("ops").unwrap();
    repository
        .commit("main", "one", &[("a/file.yaml", "1")])
        .unwrap();
    let url = server.url("ops");
    let host = server.address().replace("http://", "");
    let store = format!("http://bot:s3cret%2F%3A%40@{host}\n");
    let basic = [("username", "bot"), ("password", "s3cret/:@\n")];
    for files in [&basic[..], &[(".git-credentials", &store)]] {
        let git = git(files);
        git.trust_with_credentials(&url);
        let mine = fetch(&git, &url, Some("main")).await.unwrap();
        push(&git, committed(mine, files[0].1), "main")
            .await
            .unwrap();
    }
    let none = fetch(&git(&[]), &url, None).await.unwrap_err();
    assert!(matches!(none, Error::NoCredentials { .. }), "{none}");
    let wrong = git(&[("username", "bot"), ("password", "hunter2")]);
    wrong.trust_with_credentials(&url);
    let wrong = fetch(&wrong, &url, None).await.unwrap_err();
    assert!(
        matches!(wrong, Error::Denied { status: 401, .. }),
        "{wrong}"
    );
    assert!(!wrong.to_string().contains("hunter2"), "{wrong}");
    let other = git(&[(".git-credentials", "http://bot:x@other.example\n")]);
    let other = fetch(&other, &url, None).await.unwrap_err();
    assert!(matches!(other, Error::NoCredentials { .. }), "{other}");
}

#[tokio::test]
async fn credentials_for_any_host_go_only_to_one_that_asks() {
    let basic = [("username", "bot"), ("password", "s3cret/:@")];
    let count = |server: &GitServer| server.requests().len();
    let mut counts = Vec::new();
    for asks in [None, Some(account())] {
        let server = GitServer::start(asks).unwrap();
        let repository = server.repository("ops").unwrap();
        repository.commit("main", "one", &[("a", "1")]).unwrap();
        let git = git(&basic);
        let url = server.url("ops");
        git.trust_with_credentials(&url);
        git.run(move |git| git.ls_remote(&url)).await.unwrap();
        counts.push(count(&server));
    }
    assert_eq!(counts, [1, 2]);
}

/// Starts a server that answers every request with one status and records its requests.
fn answering(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/evil.git", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let size = stream.read(&mut buffer).unwrap_or_default();
            let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
            kept.lock().unwrap().push(text);
            let asks = "WWW-Authenticate: Basic realm=x\r\n";
            let answer = format!(
                "HTTP/1.1 {status}\r\n{asks}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, seen)
}

#[tokio::test]
async fn a_login_without_a_host_goes_to_no_host_that_the_user_did_not_name() {
    let shapes: [&[(&str, &str)]; 3] = [
        &[("username", "bot"), ("password", "S3CRET")],
        &[("git-provider-token", "S3CRET")],
        &[
            ("git-provider-token", "S3CRET"),
            (
                ".git-credentials",
                "https://git:S3CRET@git.example.com/acme/web\n",
            ),
        ],
    ];
    for status in [
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "200 OK",
    ] {
        for files in shapes {
            for named in [false, true] {
                let (url, seen) = answering(status);
                let git = git(files);
                if named {
                    git.trust_with_credentials(&url);
                }
                let failed = fetch(&git, &url, None).await.unwrap_err();
                let seen = seen.lock().unwrap();
                let sent = seen
                    .iter()
                    .any(|text| text.to_lowercase().contains("authorization"));
                let asks = status.starts_with("401");
                assert_eq!(sent, named && asks, "{status} {files:?} {named}");
                if asks && !named {
                    assert!(matches!(failed, Error::Unbound { .. }), "{failed}");
                }
                assert!(!failed.to_string().contains("S3CRET"), "{failed}");
            }
        }
    }
}

#[tokio::test]
async fn a_host_that_is_away_is_a_remote_failure() {
    let gone = GitServer::start(None).unwrap().url("ops");
    let error = fetch(&git(&[]), &gone, None).await.unwrap_err();
    assert!(matches!(error, Error::Remote { .. }), "{error}");
}

#[test]
fn refuses_plain_http_options_of_ssh_and_passwords() {
    for url in [
        "http://git.example.com/a.git",
        "ssh://git:pw@git.example.com/a",
        "-oProxyCommand=x:a",
        "https://u:p@git.example.com/a",
    ] {
        let error = git(&[]).address(url).unwrap_err();
        assert!(matches!(error, Error::Url { .. }), "{url}");
        assert!(!error.to_string().contains("u:p"), "{error}");
    }
    assert_eq!(
        git(&[]).address("http://127.0.0.1:1/a.git").unwrap(),
        "http://127.0.0.1:1/a.git"
    );
    assert_eq!(
        git(&[]).address("https://git@git.example.com/a").unwrap(),
        "https://git@git.example.com/a"
    );
}

#[test]
fn prefers_the_peeled_commit_of_a_tag() {
    let entry = |name: &str, object: &str| Ref {
        name: name.to_owned(),
        object: object.to_owned(),
    };
    let refs = [
        entry("refs/tags/v1", "tag"),
        entry("refs/tags/v1^{}", "commit"),
        entry("refs/tags/v2", "light"),
    ];
    assert_eq!(commit_of_tag(&refs, "v1"), Some("commit"));
    assert_eq!(commit_of_tag(&refs, "v2"), Some("light"));
    assert_eq!(commit_of_tag(&refs, "v3"), None);
}
