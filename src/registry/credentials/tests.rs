//! Tests auth files of every shape, and the order of lookup.

use super::*;

fn files(texts: &[&str]) -> AuthFiles {
    let parsed = texts.iter().enumerate();
    AuthFiles(
        parsed
            .map(|(at, text)| {
                (
                    PathBuf::from(format!("f{at}")),
                    serde_json::from_str(text).unwrap(),
                )
            })
            .collect(),
    )
}

/// Reads the bytes of an auth file and every proof in it.
pub(in crate::registry) fn read_bytes(bytes: &[u8]) {
    let Ok(file) = serde_json::from_slice::<AuthFile>(bytes) else {
        return;
    };
    let repository: Repository = "r.example/acme/web".parse().unwrap();
    let _ = file.entry(Path::new("fuzz"), &repository);
}

async fn origin(files: &AuthFiles, repository: &str) -> Option<String> {
    let found = files.find(&repository.parse().unwrap()).await.unwrap();
    found.map(|credential| credential.origin)
}

#[tokio::test]
async fn the_first_file_that_covers_wins_and_in_it_the_longest_key() {
    // "YTpi" is a:b.
    let files = files(&[
        r#"{"auths": {"quay.io/org": {"auth": "YTpi"}, "quay.io/org/app": {"auth": "YTpi"}, "quay.io/none": {}}}"#,
        r#"{"auths": {"quay.io": {"auth": "YTpi"}, "quay.io/org/app/deep": {"auth": "YTpi"}}}"#,
    ]);
    for (repository, expected) in [
        ("quay.io/other/x", "f1 (quay.io)"),
        ("quay.io/none/x", "f1 (quay.io)"),
        ("quay.io/org/x", "f0 (quay.io/org)"),
        ("quay.io/org/app/deep", "f0 (quay.io/org/app)"),
        ("quay.io/org/app2", "f0 (quay.io/org)"),
    ] {
        let found = origin(&files, repository).await;
        assert_eq!(found.as_deref(), Some(expected), "{repository}");
    }
    assert_eq!(origin(&files, "quay.iot/org/app").await, None);
}

#[tokio::test]
async fn a_store_that_fails_does_not_hide_the_files_own_entry() {
    let store = r#"{"credsStore": "absent-helper", "auths": {"quay.io": {"auth": "YTpi"}}}"#;
    let files = files(&[store]);
    assert_eq!(origin(&files, "quay.io/a").await.unwrap(), "f0 (quay.io)");
    let other = files.find(&"r.example/a".parse().unwrap()).await;
    assert!(matches!(other, Err(Error::Helper { .. })));
}

#[tokio::test]
async fn docker_hub_is_found_by_its_old_name() {
    let files = files(&[
        r#"{"auths": {"https://index.docker.io/v1/": {"username": "u", "password": "p"}}}"#,
    ]);
    assert!(origin(&files, "alpine").await.is_some());
    assert_eq!(origin(&files, "quay.io/a/b").await, None);
}

#[test]
fn reads_every_kind_of_entry_and_shows_no_secret() {
    let path = Path::new("f");
    let entry = |text| {
        serde_json::from_str::<AuthEntry>(text)
            .unwrap()
            .proof(path, "k")
    };
    let password = entry(r#"{"auth": "dTpwOnE="}"#).unwrap().unwrap();
    let expected = CredentialSecret::Password {
        user: "u".to_owned(),
        password: "p:q".to_owned().into(),
    };
    assert_eq!(password, expected);
    assert!(!format!("{password:?}").contains("p:q"));
    assert!(matches!(
        entry(r#"{"identitytoken": "t"}"#),
        Ok(Some(CredentialSecret::Identity(_)))
    ));
    assert!(matches!(
        entry(r#"{"registrytoken": "t"}"#),
        Ok(Some(CredentialSecret::Bearer(_)))
    ));
    assert!(matches!(entry("{}"), Ok(None)));
    assert!(entry(r#"{"auth": "bm9jb2xvbg=="}"#).is_err());
}

#[test]
fn asks_the_places_in_their_order() {
    let env = Env::from([
        ("HOME", "/h"),
        ("DOCKER_CONFIG", "/d"),
        ("REGISTRY_AUTH_FILE", "/r.json"),
        ("XDG_RUNTIME_DIR", "/x"),
    ]);
    let places = AuthPaths::new(Some("/flag.json".into()), Some("/last".into()), &env);
    let mut names: Vec<_> = places.0.iter().map(|path| path.to_str().unwrap()).collect();
    names.retain(|name| !name.starts_with("/run/containers/"));
    let expected = [
        "/flag.json",
        "/r.json",
        "/d/config.json",
        "/h/.docker/config.json",
        "/x/containers/auth.json",
        "/h/.config/containers/auth.json",
        "/last/config.json",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn nulls_and_odd_entries_hide_nothing_else() {
    let files = files(&[
        r#"{"auths": {"null.example": null, "odd.example": 7, "o.example": {"auth": null},
            "quay.io": {"auth": "YTpi", "identitytoken": null}},
            "credHelpers": null, "credsStore": null}"#,
        r#"{"auths": null, "credHelpers": {"r.example": 7}}"#,
    ]);
    assert_eq!(origin(&files, "quay.io/a").await.unwrap(), "f0 (quay.io)");
    for none in [
        "null.example/a",
        "odd.example/a",
        "o.example/a",
        "r.example/a",
    ] {
        assert_eq!(origin(&files, none).await, None, "{none}");
    }
}

#[tokio::test]
async fn a_helper_that_hangs_is_ended() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker-credential-slow");
    fs::write(&path, "#!/bin/sh\nexec sleep 60\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let limit = Duration::from_millis(50);
    let error = helper_output(path.to_str().unwrap(), "r.example", limit).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("did not answer in time"), "{error}");
}

#[test]
fn a_broken_auth_file_is_named_and_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    fs::write(&path, r#"{"auths": {"quay.io": {"auth": 7secret}}}"#).unwrap();
    let error = AuthPaths(vec![path]).read().err().unwrap().to_string();
    assert!(
        error.contains("config.json") && !error.contains("7secret"),
        "{error}"
    );
}

#[test]
fn the_flag_may_name_the_directory_of_a_mounted_secret() {
    let auths = r#"{"auths":{"registry.example.com":{"username":"u","password":"p"}}}"#;
    for name in ["config.json", ".dockerconfigjson"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), auths).unwrap();
        let places = AuthPaths::new(Some(dir.path().to_owned()), None, &Env::default());
        let files = places.read().unwrap();
        let (path, _) = files.0.first().unwrap();
        assert_eq!(path, &dir.path().join(name));
    }
}

#[test]
fn keys_may_be_patterns_of_hosts() {
    let covers = |key: &str, repository: &str| covers(key, &repository.parse().unwrap()).is_some();
    for (key, repository, expected) in [
        ("*.example.com", "a.example.com/x", true),
        ("*.example.com", "a.b.example.com/x", false),
        ("*.example.com", "example.com/x", false),
        ("*.*.example.com", "a.b.example.com/x", true),
        ("reg*.example.com", "registry.example.com/x", true),
        ("*.example.com/team", "a.example.com/team/x", true),
        ("*.example.com/team", "a.example.com/teams/x", false),
        ("*.example.com:5000", "a.example.com:5000/x", true),
        ("*.example.com:5000", "a.example.com/x", false),
        ("*.example.com", "a.example.com:5000/x", false),
        ("a.example.com", "a.example.com/x", true),
    ] {
        assert_eq!(covers(key, repository), expected, "{key} {repository}");
    }
}
