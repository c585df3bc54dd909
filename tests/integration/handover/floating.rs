//! Floating tags do not move back, and `run` finds an older image before it moves any.

use lab::{
    signer::{self, Image},
    universe::{COMPONENT, PRODUCTION, STAGING, TAG, Universe},
};
use serde_json::{Value, json};

use super::Promotion;
use crate::harness::{Run, Workdir};

const FLOATING: &str = "acme/web:validated";

/// The universe's image with another configuration, whose label names a commit.
fn labelled(universe: &Universe, tag: &str, commit: &str) -> Image {
    let registry = &universe.registry;
    let bytes = registry.manifest(STAGING, &universe.image.digest).unwrap();
    let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let labels = json!({"org.opencontainers.image.revision": commit});
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Labels": labels, "User": "65532"},
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    let config = config.to_string();
    manifest["config"]["digest"] = registry.put_blob(STAGING, config.as_bytes()).into();
    manifest["config"]["size"] = config.len().into();
    let bytes = manifest.to_string();
    registry.put_manifest(STAGING, Some(tag), signer::MANIFEST, bytes.as_bytes());
    Image {
        digest: registry.tags()[&format!("{STAGING}:{tag}")].clone(),
        size: bytes.len(),
        ..universe.image.clone()
    }
}

/// A later commit with its own image, built and attested; returns the commit and the digest.
fn newer(universe: &mut Universe) -> (String, String) {
    let source = universe.source().unwrap();
    let commit = source
        .commit("main", "web: say more", &[("more.c", "int more;\n")])
        .unwrap();
    source.annotated_tag("v1.1", &commit).unwrap();
    let image = labelled(universe, "v1.1", &commit);
    let digest = image.digest.clone();
    let older = std::mem::replace(&mut universe.image, image);
    universe.sign(&universe.key).unwrap();
    universe.attest(&universe.key, &commit).unwrap();
    universe.image = older;
    (commit, digest)
}

/// Verifies the images of a Git tag in a directory of its own.
fn verified(universe: &Universe, tag: &str) -> Workdir {
    let dir = Workdir::new();
    let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
    let source = format!("--git-url={}", universe.source_url());
    let image = format!("--image={COMPONENT}={}", universe.staging());
    let revision = format!("--revision=refs/tags/{tag}");
    dir.promote(&["gather-images", &image, &source, &revision, &credentials])
        .exits(0);
    let policy = format!("--policy={}", universe.policy_url());
    let key = format!("--public-key={}", universe.public_key().display());
    dir.promote(&["verify-ec", &policy, &key, "--ignore-rekor", &credentials])
        .exits(0);
    dir
}

/// Copies to the floating tag.
fn copy(universe: &Universe, dir: &Workdir, flags: &[&str]) -> Run {
    let to = format!("--to={}", universe.production());
    // The source is named on the command line of no copy: its login needs a host of its own.
    let login = universe.path("git-login");
    let user = std::fs::read_to_string(universe.path("git-credentials/username")).unwrap();
    let password = std::fs::read_to_string(universe.path("git-credentials/password")).unwrap();
    let address = universe.git.address().replace("http://", "");
    std::fs::create_dir_all(&login).unwrap();
    let line = format!("http://{user}:{password}@{address}\n");
    std::fs::write(login.join(".git-credentials"), line).unwrap();
    let bound = format!("--git-credentials-dir={}", login.display());
    let all = ["copy-image", &to, "--tag=validated", &bound];
    dir.promote(&[&all[..], flags].concat())
}

#[test]
fn an_older_snapshot_that_finishes_later_does_not_move_a_floating_tag_back() {
    let mut universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let (_, late) = newer(&mut universe);
    let (old, new) = (verified(&universe, TAG), verified(&universe, "v1.1"));
    copy(&universe, &new, &[]).exits(0);
    assert_eq!(universe.registry.tags()[FLOATING], late);
    let before = universe.state().unwrap();
    copy(&universe, &old, &[])
        .exits(4)
        .says("names a newer image");
    assert_eq!(universe.registry.tags()[FLOATING], late);
    assert_eq!(universe.state().unwrap().refs, before.refs);
    // Said openly it moves back, and forward again without saying anything.
    copy(&universe, &old, &["--allow-rollback"]).exits(0);
    assert_eq!(universe.registry.tags()[FLOATING], universe.image.digest);
    copy(&universe, &new, &[]).exits(0);
    // The same in two halves.
    copy(&universe, &old, &["--stage-only"]).exits(0);
    let bound = format!(
        "--git-credentials-dir={}",
        universe.path("git-login").display()
    );
    old.promote(&["copy-image", "--tags-only", &bound]).exits(4);
    assert_eq!(universe.registry.tags()[FLOATING], late);
    old.promote(&["copy-image", "--tags-only", "--allow-rollback", &bound])
        .exits(0);
}

fn run(universe: &Universe, tag: &str, flags: &[&str]) -> Run {
    let all = [
        "run".to_owned(),
        format!("--tag={tag}"),
        format!("--image={COMPONENT}={}", universe.staging()),
        format!("--git-url={}", universe.source_url()),
        format!("--policy={}", universe.policy_url()),
        format!("--public-key={}", universe.public_key().display()),
        "--ignore-rekor".to_owned(),
        format!("--to={}", universe.production()),
        format!("--gitops-repo-url={}", universe.gitops_url()),
        format!("--git-credentials-dir={}", universe.credentials().display()),
    ];
    let all: Vec<_> = all
        .iter()
        .map(String::as_str)
        .chain(flags.iter().copied())
        .collect();
    Workdir::new().promote(&all)
}

#[test]
fn run_refuses_an_older_image_before_a_tag_moves() {
    let mut universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    newer(&mut universe);
    // Tags without versions: the commits alone tell.
    run(&universe, "v1.1", &["--destination-tag=green"]).exits(0);
    let before = universe.state().unwrap();
    run(&universe, TAG, &["--destination-tag=blue"])
        .exits(4)
        .says("is an ancestor of the running one's");
    assert_eq!(universe.state().unwrap(), before);
    run(
        &universe,
        TAG,
        &["--destination-tag=blue", "--allow-rollback"],
    )
    .exits(0);
    let tags = universe.registry.tags();
    assert_eq!(tags[&format!("{PRODUCTION}:blue")], universe.image.digest);
}

#[test]
fn flags_of_run_reach_their_steps_and_win_over_the_file() {
    let promotion = Promotion::verified();
    let universe = &promotion.universe;
    let config = universe.path("weak.yaml");
    let text = r"copy-image:
  attached: seen
  allow-rollback: true
verify-ec:
  require-source: false
";
    std::fs::write(&config, text).unwrap();
    let config = format!("--config={}", config.display());
    let flags = [
        "--attached=none",
        "--require-source",
        "--allow-rollback=false",
        &config,
    ];
    let run = run(universe, TAG, &flags).exits(0);
    assert!(!run.stderr.contains("allow-rollback"), "{}", run.stderr);
    let side_tags = universe.registry.tags().into_keys();
    let copied = side_tags.filter(|tag| tag.starts_with(&format!("{PRODUCTION}:sha256-")));
    assert_eq!(copied.count(), 0);
}

#[test]
fn run_names_what_is_missing_by_its_own_flags() {
    let dir = Workdir::new();
    let run = dir.promote(&["run"]).exits(2);
    for flag in [
        "--tag, --ref or --event-file",
        "--image",
        "--policy",
        "--gitops-repo-url",
    ] {
        assert!(run.stderr.contains(flag), "{flag}: {}", run.stderr);
    }
    for key in [
        "stage-only: true",
        "tags-only: true",
        "promoted: x",
        "promoted-digest: x",
    ] {
        dir.write("promote.yaml", format!("copy-image:\n  {key}\n"));
        dir.promote(&["run", "--config=promote.yaml"])
            .exits(2)
            .says("leave it out");
    }
}
