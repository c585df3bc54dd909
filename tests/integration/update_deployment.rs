//! `update-deployment`: one scalar, one commit, one push, or nothing at all.
#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

mod forms;

use std::{collections::BTreeMap, fs};

use lab::git::{Account, GitServer, Repository};
use serde_json::{Value, json};

use crate::harness::{Run, Workdir};

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const FILE: &str = "components/web/overlays/prod/deployment-patch.yaml";

fn patch(image: &str) -> String {
    format!(
        r"apiVersion: apps/v1   # keep
kind: Deployment
metadata: {{name: web}}
spec:
  template:
    spec:
      containers:
        - name: web
          image: {image}  # promoted
"
    )
}

fn deployed(tag: &str, digest: &str) -> String {
    format!("registry.example/acme/web:{tag}@{digest}")
}

struct GitHost {
    dir: Workdir,
    server: GitServer,
    gitops: Repository,
}

impl GitHost {
    fn new() -> Self {
        let account = Account {
            user: "bot".to_owned(),
            password: "s3cr3t@:/".to_owned(),
        };
        let (dir, server) = (Workdir::new(), GitServer::start(Some(account)).unwrap());
        let gitops = server.repository("acme/gitops").unwrap();
        gitops
            .commit(
                "main",
                "start",
                &[(FILE, &patch(&deployed("v0", OLD))), ("README.md", "x\n")],
            )
            .unwrap();
        dir.write("credentials/username", "bot");
        dir.write("credentials/password", "s3cr3t@:/\n");
        let world = Self {
            dir,
            server,
            gitops,
        };
        world.write_promoted(&promoted());
        world
    }

    fn write_promoted(&self, promoted: &Value) {
        self.dir.write("promoted.json", promoted.to_string());
    }

    fn flags(&self) -> [String; 4] {
        let url = format!("--gitops-repo-url={}", self.server.url("acme/gitops"));
        [
            "update-deployment".to_owned(),
            url,
            "--git-credentials-dir=credentials".to_owned(),
            "--results-dir=results".to_owned(),
        ]
    }

    fn update(&self, flags: &[&str]) -> Run {
        let own = self.flags();
        let all: Vec<_> = own
            .iter()
            .map(String::as_str)
            .chain(flags.iter().copied())
            .collect();
        self.dir.promote(&all)
    }

    fn refs(&self) -> BTreeMap<String, String> {
        self.gitops.refs().unwrap()
    }

    fn file(&self) -> String {
        self.gitops.read("main", FILE).unwrap()
    }
}

fn promoted() -> Value {
    json!({
        "version": 1, "verifiedDigest": OLD, "gitTag": "v1.0", "commit": "c".repeat(40),
        "policyDigest": OLD, "reportDigest": NEW,
        "components": [{
            "name": "web", "source": format!("registry.example/staging/web@{NEW}"),
            "destinations": ["registry.example/acme/web:prod-v1.0"], "digest": NEW, "previousDigest": null,
            "copied": {"manifests": 1, "blobs": 0, "referrers": 0, "bytes": 0},
        }],
    })
}

#[test]
fn edits_one_scalar_commits_and_pushes_once() {
    let world = GitHost::new();
    world.update(&[]).exits(0);
    assert_eq!(world.file(), patch(&deployed("prod-v1.0", NEW)));
    assert_eq!(world.dir.read("results/CHANGED"), "true");
    assert_eq!(world.dir.read("results/GITOPS_BRANCH"), "main");
    assert_eq!(
        world.dir.read("results/GITOPS_COMMIT"),
        world.refs()["refs/heads/main"]
    );
    let message = world
        .gitops
        .git(&["log", "-1", "--format=%B", "main"], None)
        .unwrap();
    let expected = format!(
        r"promote(prod): web v0 -> prod-v1.0

Image-Digest: web {NEW}
Git-Tag: v1.0
Source-Commit: {0}
Verified-Policy: {OLD}
Verification-Report: {NEW}
Argocd-reference-commit-sha: {0}
",
        "c".repeat(40)
    );
    assert_eq!(message, expected.trim_end());
    let files = world
        .gitops
        .git(&["show", "--format=", "--name-only", "main"], None)
        .unwrap();
    assert_eq!(files, FILE);
    world.gitops.git(&["fsck", "--strict"], None).unwrap();

    let after = world.refs();
    world.update(&[]).exits(0);
    assert_eq!(world.dir.read("results/CHANGED"), "false");
    assert_eq!(world.refs(), after);
}

#[test]
fn pins_in_the_given_form() {
    for (pin, image) in [
        ("tag", "registry.example/acme/web:prod-v1.0".to_owned()),
        ("digest", format!("registry.example/acme/web@{NEW}")),
    ] {
        let world = GitHost::new();
        world.update(&[&format!("--pin={pin}")]).exits(0);
        assert_eq!(world.file(), patch(&image));
    }
}

#[test]
fn a_dry_run_shows_the_diff_and_changes_nothing() {
    let world = GitHost::new();
    let before = world.refs();
    let run = world.update(&["--dry-run"]).exits(0);
    let lines = format!(
        "-          image: {}  # promoted\n+          image: {}  # promoted\n",
        deployed("v0", OLD),
        deployed("prod-v1.0", NEW)
    );
    assert!(run.stdout.contains(&lines), "{}", run.stdout);
    assert_eq!(world.refs(), before);
    world.update(&[]).exits(0);
    let again = world.update(&["--dry-run"]).exits(0);
    assert_eq!(again.says("nothing would change").stdout, "");
}

#[test]
fn edits_a_local_directory_without_a_commit() {
    let world = GitHost::new();
    world
        .dir
        .write(&format!("checkout/{FILE}"), patch(&deployed("v0", OLD)));
    world
        .dir
        .promote(&["update-deployment", "--local=checkout"])
        .exits(0);
    assert_eq!(
        world.dir.read(&format!("checkout/{FILE}")),
        patch(&deployed("prod-v1.0", NEW))
    );
}

#[test]
fn a_lost_race_is_run_again_on_the_new_head() {
    let world = GitHost::new();
    let other = world.gitops.clone();
    world.server.before_next_push(move || {
        other
            .commit("main", "somebody else", &[("other.yaml", "a: 1\n")])
            .unwrap();
    });
    world.update(&[]).exits(0);
    assert_eq!(world.file(), patch(&deployed("prod-v1.0", NEW)));
    assert_eq!(world.gitops.read("main", "other.yaml").unwrap(), "a: 1\n");
    assert_eq!(
        world
            .gitops
            .git(&["rev-list", "--count", "main"], None)
            .unwrap(),
        "3"
    );
}

/// Runs with flags that must fail and checks that no ref moved.
#[track_caller]
fn refused(world: &GitHost, flags: &[&str], code: i32, reason: &str) {
    let before = world.refs();
    world.update(flags).exits(code).says(reason);
    assert_eq!(world.refs(), before);
}

#[test]
fn refuses_an_image_that_no_hand_over_file_lists() {
    let world = GitHost::new();
    refused(
        &world,
        &[&format!("--promoted-digest={OLD}")],
        4,
        "was changed",
    );
    let image = |digest: &str| format!("--image=web={}", deployed("prod-v1.0", digest));
    refused(&world, &[&image(OLD)], 4, "promoted.json accepts");
    refused(
        &world,
        &[&format!("--image=api=registry.example/acme/api@{NEW}")],
        4,
        "does not list",
    );
    refused(
        &world,
        &[&format!("--image=web=evil.example/acme/web@{NEW}")],
        4,
        "evil.example",
    );
    refused(
        &world,
        &["--image=web=registry.example/acme/web:v1"],
        2,
        "not pinned",
    );
    refused(
        &world,
        &[
            &format!("--image=web={}", deployed("evil", NEW)),
            "--pin=tag",
        ],
        4,
        "acme/web:evil",
    );
    refused(&world, &["--unverified"], 2, "--image");
    fs::remove_file(world.dir.path("promoted.json")).unwrap();
    refused(&world, &[], 3, "promoted.json");
    refused(&world, &[&image(NEW)], 3, "promoted.json");
    world
        .update(&[&image(NEW), "--unverified"])
        .exits(0)
        .says("were not verified");
}

#[test]
fn what_was_copied_without_a_verdict_is_deployed_only_when_it_is_said_again() {
    let world = GitHost::new();
    let mut copied = promoted();
    for member in ["verifiedDigest", "policyDigest", "reportDigest"] {
        copied[member] = Value::Null;
    }
    world.write_promoted(&copied);
    refused(&world, &[], 4, "names no verdict");
    let image = format!("--image=web={}", deployed("prod-v1.0", NEW));
    refused(&world, &[&image], 4, "names no verdict");
    world
        .update(&["--unverified"])
        .exits(0)
        .says("they were not verified");
    assert_eq!(world.file(), patch(&deployed("prod-v1.0", NEW)));
}

#[test]
fn refuses_a_file_without_the_container_and_an_empty_list() {
    let world = GitHost::new();
    world.gitops.commit("main", "other", &[(FILE, "kind: Deployment\nspec: {template: {spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}}\n")]).unwrap();
    refused(&world, &[], 3, "no container");
    refused(&world, &["--environment=stage"], 3, "overlays/stage");
    refused(&world, &["--file=README.md", "--path=.a"], 3, "missing");
    refused(&world, &["--file=../x", "--path=.a"], 2, "../x");
    let mut empty = promoted();
    empty["components"] = json!([]);
    world.write_promoted(&empty);
    refused(&world, &[], 3, "no promoted images");
    world.update(&["--allow-empty"]).exits(0);
    world.write_promoted(&json!({"version": 1}));
    refused(&world, &[], 2, "promoted.json");
}

#[test]
fn missing_and_wrong_credentials_are_never_a_silent_success() {
    let world = GitHost::new();
    let before = world.refs();
    let url = format!("--gitops-repo-url={}", world.server.url("acme/gitops"));
    world
        .dir
        .promote(&["update-deployment", &url])
        .exits(2)
        .says("--git-credentials-dir");
    world.dir.write("credentials/password", "wrong");
    let run = world.update(&[]).exits(2).says("refused the credentials");
    assert!(!run.stderr.contains("wrong"), "{}", run.stderr);
    fs::create_dir(world.dir.path("empty")).unwrap();
    world
        .dir
        .promote(&["update-deployment", &url, "--git-credentials-dir=empty"])
        .exits(2)
        .says("no Git credentials");
    assert_eq!(world.refs(), before);
}

#[test]
fn a_push_that_a_hook_rejects_is_a_conflict() {
    let world = GitHost::new();
    let hook = world.gitops.path().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho protected branch >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    refused(&world, &[], 6, "rejected the push");
}

#[test]
fn several_images_are_one_commit_or_none() {
    let world = GitHost::new();
    let mut promoted = promoted();
    let mut api = promoted["components"][0].clone();
    api["name"] = "api".into();
    api["destinations"] = json!(["registry.example/acme/api:prod-v1.0"]);
    promoted["components"].as_array_mut().unwrap().push(api);
    world.write_promoted(&promoted);
    refused(&world, &[], 3, "api");
    let file = FILE.replace("web", "api");
    let content = patch("registry.example/acme/api:v0").replace("web", "api");
    world
        .gitops
        .commit("main", "api", &[(&file, &content)])
        .unwrap();
    world.update(&[]).exits(0);
    let files = world
        .gitops
        .git(&["show", "--format=%s", "--name-only", "main"], None)
        .unwrap();
    assert_eq!(files, format!("promote(prod): web, api\n\n{file}\n{FILE}"));
    refused(
        &world,
        &[&format!("--file={FILE}"), "--path=.a"],
        2,
        "2 images",
    );
}

#[test]
fn signs_the_commit_with_an_ssh_key() {
    let world = GitHost::new();
    world.dir.write("key", SIGN_KEY);
    refused(&world, &["--sign-key=nowhere"], 3, "nowhere");
    refused(
        &world,
        &["--sign-key=promoted.json"],
        2,
        "not a private key",
    );
    world
        .dir
        .write("locked", include_bytes!("../fixtures/openpgp/locked.asc"));
    world.dir.write("passphrase", "wrong\n");
    let locked = ["--sign-key=locked", "--sign-key-passphrase-file=passphrase"];
    refused(&world, &locked[..1], 2, "--sign-key-passphrase-file names");
    refused(&world, &locked, 2, "does not unlock");
    world.update(&["--sign-key=key"]).exits(0);
    let commit = world
        .gitops
        .git(&["cat-file", "commit", "main"], None)
        .unwrap();
    assert!(
        commit.contains("\ngpgsig -----BEGIN SSH SIGNATURE-----\n"),
        "{commit}"
    );
    assert!(commit.contains("\n\npromote(prod): web"), "{commit}");
    assert_eq!(
        world.dir.read("results/GITOPS_COMMIT"),
        world.refs()["refs/heads/main"]
    );
    world.gitops.git(&["fsck", "--strict"], None).unwrap();
}

/// Made by `ssh-keygen -t ed25519` for this test only.
pub(crate) const SIGN_KEY: &str = r"-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACDcqGrETQakmsUON3XnuTWodf3vtqkMSLHboP8p2+G54QAAAIjN49jlzePY
5QAAAAtzc2gtZWQyNTUxOQAAACDcqGrETQakmsUON3XnuTWodf3vtqkMSLHboP8p2+G54Q
AAAECKVRhlWYJu35QA9WRl8+j3Ky5TTjpyw2HcKecDWnJ4ytyoasRNBqSaxQ43dee5Nah1
/e+2qQxIsdug/ynb4bnhAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
";
