//! A GitHub App: its key is exchanged for a token, for Git and for the API.

use std::fs;

use lab::forge::Kind;

use super::{FILE, ForgeStandIn, NEW, TOKEN, deployed, patch};
use crate::docs::root;

fn key(name: &str) -> String {
    fs::read_to_string(root().join("tests/fixtures/github-app").join(name)).unwrap()
}

/// A host with a registered App, which takes the App's token as the password of `x-access-token`.
fn scene(id: &str, installation: Option<&str>, pem: &str) -> ForgeStandIn {
    let scene = ForgeStandIn::new((Kind::GitHub, "github"));
    scene.server.set_account("x-access-token", TOKEN);
    scene.forge.set_app("12", "42", &key("pkcs1.pem")).unwrap();
    fs::remove_dir_all(scene.dir.path("credentials")).unwrap();
    scene.dir.write("credentials/githubAppID", id);
    scene.dir.write("credentials/githubAppPrivateKey", pem);
    if let Some(installation) = installation {
        scene
            .dir
            .write("credentials/githubAppInstallationID", installation);
    }
    scene
}

#[test]
fn an_app_pushes_and_opens_change_requests() {
    for (pem, installation) in [("pkcs1.pem", Some("42")), ("pkcs8.pem", None)] {
        let scene = scene("12\n", installation, &key(pem));
        scene.propose(&[]).exits(0);
        scene.holds_one_commit();
        scene.update(&[]).exits(0);
        let file = scene.gitops.read("main", FILE).unwrap();
        assert_eq!(file, patch(&deployed("prod-v1.0", NEW)));
    }
}

#[test]
fn an_app_that_is_not_known_gets_no_token_and_shows_no_key() {
    let good = key("pkcs1.pem");
    for (id, installation, pem, words) in [
        (
            "13",
            Some("42"),
            good.as_str(),
            "the ID and the key do not belong together",
        ),
        ("12", Some("43"), good.as_str(), "not installed there"),
        ("12", Some("42"), "no key", "no RSA private key in PEM"),
    ] {
        let scene = scene(id, installation, pem);
        let before = scene.refs();
        let run = scene.update(&[]).exits(2).says(words);
        assert!(run.stderr.contains("githubAppPrivateKey"), "{}", run.stderr);
        assert!(!run.stderr.contains("BEGIN"), "{}", run.stderr);
        assert_eq!(scene.refs(), before);
    }
}
