use std::fs;

use super::*;
use crate::{env::Env, git::Credentials};

fn git(url: &str, revision: Option<&str>, dir: &str) -> SourceAddress {
    SourceAddress::Git(GitAddress {
        url: url.to_owned(),
        revision: revision.map(str::to_owned),
        dir: dir.to_owned(),
    })
}

fn parse(text: &str) -> Result<SourceAddress, AddressError> {
    SourceAddress::parse(text)
}

#[test]
fn classifies_sources_as_upstream_does() {
    for (text, expected) in [
        (
            "github.com/org/repo//policy/lib",
            git("https://github.com/org/repo.git", None, "policy/lib"),
        ),
        (
            "github.com/org/repo//p?ref=v1",
            git("https://github.com/org/repo.git", Some("v1"), "p"),
        ),
        (
            "git::github.com/org/repo.git//p?ref=v1",
            git("https://github.com/org/repo.git", Some("v1"), "p"),
        ),
        (
            "git::https://host.example/a/b?ref=x//sub",
            git("https://host.example/a/b", Some("x"), "sub"),
        ),
        (
            "git@github.com:org/repo",
            git("https://github.com/org/repo.git", None, ""),
        ),
        (
            "https://gitlab.com/a/b",
            git("https://gitlab.com/a/b.git", None, ""),
        ),
        (
            "https://host.example/a/b.git",
            git("https://host.example/a/b.git", None, ""),
        ),
        (
            "git::file:///srv/policy",
            git("file:///srv/policy", None, ""),
        ),
        ("git::/srv/policy//x", git("/srv/policy", None, "x")),
        (
            "git::http://127.0.0.1:80/p.git",
            git("http://127.0.0.1:80/p.git", None, ""),
        ),
        ("file::policies", SourceAddress::File("policies".into())),
        ("file:///srv/p", SourceAddress::File("/srv/p".into())),
        ("./p", SourceAddress::File("./p".into())),
        ("/srv/p", SourceAddress::File("/srv/p".into())),
    ] {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }
    for text in [
        "oci::reg.example/p:v1",
        "oci://reg.example/p:v1",
        "quay.io/org/p:v1",
        "127.0.0.1:5000/p",
    ] {
        assert!(matches!(parse(text), Ok(SourceAddress::Oci(_))), "{text}");
    }
    let document = parse("https://host.example/policy.yaml");
    assert!(matches!(document, Ok(SourceAddress::Http(_))));
}

#[test]
fn refuses_plain_http_and_what_leaves_the_repository() {
    for text in [
        "http://host.example/p",
        "HTTP://host.example",
        "git::http://host.example/p",
        "oci::http://h/p",
    ] {
        assert!(
            matches!(parse(text), Err(AddressError::Insecure { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        parse("nothing/of/the/kind"),
        Err(AddressError::Unknown { .. })
    ));
    let outside = parse("git::https://host.example/r//../../etc");
    assert!(matches!(outside, Err(AddressError::Dir { .. })));
}

#[tokio::test]
async fn a_login_in_a_url_stays_out_of_messages() {
    for text in [
        "git::https://user:s3cret@git.example/acme/policy//release",
        "git::user:s3cret@git.example/acme/policy//../x",
        "http://user:s3cret@git.example/policy.yaml",
        "oci::https://user:s3cret@registry.example/acme/policy",
    ] {
        let error = fetcher().fetch(text).await.unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let Ok(SourceAddress::Git(address)) =
        parse("git::https://s3cret@git.example/acme/policy//release")
    else {
        panic!("no address");
    };
    let pinned = address.pinned("c0ffee");
    assert_eq!(pinned, "git::git.example/acme/policy//release?ref=c0ffee");
    // A text without a login stays as it is.
    for text in [
        "git@git.example:acme/policy",
        "quay.io/acme/policy@sha256:00",
        "./a@b:c",
    ] {
        assert_eq!(address::without_login(text), text);
    }
}

#[test]
fn a_pin_keeps_the_directory_whereever_it_stood() {
    for text in [
        "git::https://h.example/r//sub?ref=main",
        "git::https://h.example/r?ref=main//sub",
    ] {
        let Ok(SourceAddress::Git(address)) = parse(text) else {
            panic!("{text}");
        };
        assert_eq!(address.pinned("c0ffee"), "git::h.example/r//sub?ref=c0ffee");
    }
}

fn fetcher() -> Fetcher {
    let http = Http::new(http::HttpOptions::default(), &Env::default());
    let credentials = Credentials::new(None, &Env::default());
    Fetcher::new(
        Git::new(http.clone(), credentials),
        http.clone(),
        Registry::new(http, &Env::default(), registry::ClientOptions::default()),
    )
}

#[tokio::test]
async fn reads_the_files_of_a_directory_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("a/.git")).unwrap();
    for (path, text) in [
        ("a/p.rego", "package a"),
        ("d.yaml", "x: 1"),
        ("README.md", "#"),
        ("a/.git/c.json", "{}"),
    ] {
        fs::write(dir.path().join(path), text).unwrap();
    }
    std::os::unix::fs::symlink("a", dir.path().join("b")).unwrap();
    let origin = dir.path().to_str().unwrap();
    let fetched = fetcher().fetch(origin).await.unwrap();
    let paths: Vec<_> = fetched
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, ["a/p.rego", "b/p.rego", "d.yaml"]);
    assert_eq!(fetched.pinned, format!("file::{origin}"));
    let before = fetched.digest();
    fs::write(dir.path().join("d.yaml"), "x: 2").unwrap();
    assert_ne!(fetcher().fetch(origin).await.unwrap().digest(), before);
    std::os::unix::fs::symlink("/etc", dir.path().join("link")).unwrap();
    let refused = fetcher().fetch(origin).await.unwrap_err();
    assert!(matches!(refused, Error::File { .. }), "{refused}");
}

#[tokio::test]
async fn names_a_source_that_does_not_exist() {
    let missing = fetcher().fetch("./no/such/policy").await.unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }));
    assert!(
        missing.to_string().contains("./no/such/policy"),
        "{missing}"
    );
}
