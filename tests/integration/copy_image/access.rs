//! Credentials: where they are found, what they are used for, and that they are not shown.

use lab::{
    git::Account,
    registry::{Access, Grant, Options, Server},
    signer,
};

use super::{assert_same, copy, family, start};
use crate::harness::{Run, Workdir};

fn grant(user: &str, password: &str, prefix: &str) -> Grant {
    let account = Account {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    Grant {
        account,
        prefix: prefix.to_owned(),
    }
}

/// Only for alice, with her password in every request.
pub(super) fn basic() -> Access {
    Access::Basic(vec![grant("alice", "wonder", "")])
}

/// An auth file for one key; "YWxpY2U6d29uZGVy" is alice:wonder.
fn auths(key: &str) -> String {
    format!(r#"{{"auths": {{"{key}": {{"auth": "YWxpY2U6d29uZGVy"}}}}}}"#)
}

/// A directory in whose home alice is logged in.
pub(super) fn login(registry: &Server) -> Workdir {
    let dir = Workdir::new();
    dir.write("home/.docker/config.json", auths(&registry.address()));
    dir
}

fn server(access: Access) -> Server {
    let options = Options {
        access,
        ..Options::default()
    };
    Server::start(options).unwrap()
}

/// A registry that issues tokens to alice.
fn guarded(uses: Option<usize>) -> Server {
    server(Access::Token {
        grants: vec![grant("alice", "wonder", "")],
        anonymous_pull: false,
        uses,
    })
}

fn promote(dir: &Workdir, registry: &Server, flags: &[&str]) -> Run {
    let at = registry.address();
    let (from, to) = (format!("{at}/staging/app:v1"), format!("{at}/prod/app:v1"));
    dir.promote(&[&["copy-image", &from, &to, "--unverified"], flags].concat())
}

#[test]
fn a_registry_that_asks_refuses_without_credentials() {
    let registry = server(basic());
    let at = registry.address();
    copy(&format!("{at}/app:v1"), &format!("{at}/app:v2"), &[])
        .exits(2)
        .says("asks for credentials");
}

#[test]
fn a_wrong_password_is_refused_and_its_file_named() {
    for registry in [server(basic()), guarded(None)] {
        signer::push_image(&registry, "staging/app", "v1", "a", 1).unwrap();
        let dir = login(&registry);
        promote(&dir, &registry, &[]).exits(0);
        // "YWxpY2U6d3Jvbmc=" is alice:wrong.
        let wrong = auths(&registry.address()).replace("YWxpY2U6d29uZGVy", "YWxpY2U6d3Jvbmc=");
        dir.write("home/.docker/config.json", wrong);
        let run = promote(&dir, &registry, &[]).exits(2).says("config.json");
        assert!(!run.stderr.contains("wrong"), "{}", run.stderr);
    }
}

#[test]
fn credentials_are_found_wherever_tools_keep_them() {
    let registry = server(basic());
    signer::push_image(&registry, "staging/app", "v1", "a", 1).unwrap();
    for (variable, value, file) in [
        ("REGISTRY_AUTH_FILE", "auth.json", "auth.json"),
        ("DOCKER_CONFIG", "docker", "docker/config.json"),
        ("NOTHING", "", "home/.docker/config.json"),
        ("XDG_RUNTIME_DIR", "run", "run/containers/auth.json"),
        ("NOTHING", "", "home/.config/containers/auth.json"),
        ("XDG_CONFIG_HOME", "conf", "conf/containers/auth.json"),
        ("PROMOTE_AUTHFILE", "flag.json", "flag.json"),
    ] {
        let dir = Workdir::new();
        dir.write(file, auths(&registry.address()));
        // A file of another place that does not know the registry hides nothing.
        dir.write("other.json", auths("elsewhere.example"));
        let at = registry.address();
        let mut command = dir.command();
        command.env("REGISTRY_AUTH_FILE", dir.path("other.json"));
        command.env(variable, dir.path(value));
        command.args(["copy-image", "--unverified", "--log-level=debug"]);
        command.args([format!("{at}/staging/app:v1"), format!("{at}/prod/app:v1")]);
        let run = Run::of(command.output().unwrap()).exits(0).says(file);
        assert!(!run.stderr.contains("wonder") && !run.stderr.contains("YWxpY2U6"));
    }
}

#[test]
fn two_accounts_of_one_registry_differ_by_their_paths() {
    let registry = server(Access::Token {
        grants: vec![
            grant("alice", "wonder", "staging/"),
            grant("bob", "builder", "prod/"),
        ],
        anonymous_pull: false,
        uses: None,
    });
    let at = registry.address();
    let (_, all) = family(&registry);
    let dir = Workdir::new();
    // "Ym9iOmJ1aWxkZXI=" is bob:builder.
    let both = format!(
        r#"{{"auths": {{"{at}/staging": {{"auth": "YWxpY2U6d29uZGVy"}}, "{at}/prod/app": {{"auth": "Ym9iOmJ1aWxkZXI="}}}}}}"#
    );
    dir.write("home/.docker/config.json", both);
    // What bob may not read cannot be mounted for him: the bytes go by way of us.
    promote(&dir, &registry, &[]).exits(0);
    assert_same(&registry, &registry, "prod/app", &all);
    // One account alone may not do both.
    dir.write("home/.docker/config.json", auths(&at));
    promote(&dir, &registry, &[]).exits(2).says("credentials");
}

#[test]
fn one_challenge_and_one_token_serve_a_whole_copy() {
    let registry = guarded(None);
    let dir = login(&registry);
    signer::push_image(&registry, "staging/app", "v1", "a", 12).unwrap();
    registry.forget_requests();
    let run = promote(&dir, &registry, &["--log-level=trace"]).exits(0);
    let requests = registry.requests();
    let count = |wanted: &dyn Fn(&lab::registry::Request) -> bool| {
        requests.iter().filter(|request| wanted(request)).count()
    };
    assert_eq!(count(&|request| request.path.starts_with("/token")), 1);
    assert_eq!(count(&|request| request.status == 401), 1);
    assert_eq!(requests.len(), 22);
    assert!(
        !run.stderr.contains("wonder") && !run.stderr.contains("YWxpY2U6"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("config.json"),
        "the log names the file that gave the credential"
    );
}

#[test]
fn tokens_that_end_early_are_renewed() {
    for uses in [5, 9] {
        let registry = guarded(Some(uses));
        let dir = login(&registry);
        let image = signer::push_image(&registry, "staging/app", "v1", "a", 12).unwrap();
        promote(&dir, &registry, &["--jobs=2"]).exits(0);
        assert_eq!(registry.tags()["prod/app:v1"], image.digest);
    }
}

#[test]
fn an_identity_token_is_exchanged() {
    let registry = guarded(None);
    let image = signer::push_image(&registry, "staging/app", "v1", "a", 2).unwrap();
    let dir = Workdir::new();
    let at = registry.address();
    let file = format!(r#"{{"auths": {{"{at}": {{"identitytoken": "wonder"}}}}}}"#);
    dir.write("home/.docker/config.json", file);
    registry.forget_requests();
    promote(&dir, &registry, &[]).exits(0);
    assert_eq!(registry.tags()["prod/app:v1"], image.digest);
    let requests = registry.requests();
    let mut tokens = requests.iter().filter(|one| one.path.starts_with("/token"));
    assert!(tokens.all(|request| request.method == "POST"));
}

/// A credential helper on the PATH, a shell script.
fn helper(dir: &Workdir, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.write(
        "bin/docker-credential-lab",
        format!("#!/bin/sh\n{script}\n"),
    );
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn credential_helpers_are_asked() {
    let registry = guarded(None);
    let at = registry.address();
    signer::push_image(&registry, "staging/app", "v1", "a", 1).unwrap();
    let run = |script: &str, config: String| {
        let dir = Workdir::new();
        helper(&dir, script);
        dir.write("home/.docker/config.json", config);
        let mut command = dir.command();
        let path = format!("{}:/usr/bin:/bin", dir.path("bin").display());
        command
            .env("PATH", path)
            .args(["copy-image", "--unverified"]);
        command.args([format!("{at}/staging/app:v1"), format!("{at}/prod/app:v1")]);
        Run::of(command.output().unwrap())
    };
    let good = r#"read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"alice\",\"Secret\":\"wonder\"}""#;
    let token = good.replace("alice", "<token>");
    let of_registry = format!(r#"{{"credHelpers": {{"{at}": "lab"}}}}"#);
    let of_all = r#"{"credsStore": "lab"}"#.to_owned();
    run(good, of_registry.clone()).exits(0);
    run(good, of_all.clone()).exits(0);
    run(&token, of_registry.clone()).exits(0);
    let unknown = "echo 'credentials not found in native keychain'; exit 1";
    run(unknown, of_all.clone())
        .exits(2)
        .says("asks for credentials");
    let broken = "echo '{\"Secret\": \"wonder\"'; exit 3";
    let broken = run(broken, of_registry.clone())
        .exits(2)
        .says("docker-credential-lab");
    assert!(!broken.stderr.contains("wonder"));
    let evil = of_all.replace("lab", "../lab");
    run(good, evil).exits(2).says("not allowed");
}

#[test]
fn an_open_registry_never_gets_a_user_name() {
    let registry = start();
    signer::push_image(&registry, "staging/app", "v1", "a", 1).unwrap();
    let dir = login(&registry);
    promote(&dir, &registry, &[]).exits(0);
    let requests = registry.requests();
    assert!(requests.iter().all(|one| one.authorization.is_none()));
}
