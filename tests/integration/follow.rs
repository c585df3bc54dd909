//! `update-deployment --follow`: a floating tag moves production only to what the policy passes.
#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

use lab::{
    signer,
    universe::{COMPONENT, Universe},
};

use crate::harness::{Run, Workdir};

const RULE: &str = "package release

import rego.v1

# METADATA
# title: Attested
# description: There is an attestation.
# custom:
#   short_name: attested
deny contains result if {
	count(input.attestations) == 0
	result := {\"code\": \"release.attested\", \"msg\": \"no attestation\"}
}
";

pub(crate) struct FollowedTag {
    pub(crate) universe: Universe,
    pub(crate) dir: Workdir,
}

impl FollowedTag {
    pub(crate) fn new() -> Self {
        let world = Self {
            universe: Universe::new().unwrap(),
            dir: Workdir::new(),
        };
        world.dir.write("policy/release.rego", RULE);
        world
    }

    pub(crate) fn follow(&self, flags: &[&str]) -> Run {
        self.follow_in(&[], flags)
    }

    /// As [`Self::follow`], with variables of the environment.
    pub(crate) fn follow_in(&self, env: &[(&str, String)], flags: &[&str]) -> Run {
        let universe = &self.universe;
        let own = [
            "update-deployment".to_owned(),
            format!("--follow={}", lab::universe::TAG),
            format!("--image={COMPONENT}={}", universe.staging()),
            "--policy=policy".to_owned(),
            format!("--public-key={}", universe.public_key().display()),
            "--ignore-rekor".to_owned(),
            format!("--gitops-repo-url={}", universe.gitops_url()),
            format!("--git-credentials-dir={}", universe.credentials().display()),
            "--results-dir=results".to_owned(),
            "--adopt".to_owned(),
        ];
        let all: Vec<_> = own
            .iter()
            .map(String::as_str)
            .chain(flags.iter().copied())
            .collect();
        let mut command = self.dir.command();
        command
            .args(all)
            .envs(env.iter().map(|(name, value)| (*name, value)));
        Run::of(command.output().unwrap())
    }
}

#[test]
fn deploys_what_the_policy_passes_and_nothing_else() {
    let world = FollowedTag::new();
    let before = world.universe.deployed().unwrap();
    // It is not signed yet.
    world.follow(&[]).exits(4);
    assert_eq!(world.universe.deployed().unwrap(), before);
    assert!(
        !world.dir.exists("results/GITOPS_COMMIT")
            || world.dir.read("results/GITOPS_COMMIT").is_empty()
    );
    world.universe.sign_and_attest().unwrap();
    // It is not known when the running image was made, which is not in the registry.
    world.follow(&[]).exits(4).says("cannot be ordered");
    assert_eq!(world.universe.deployed().unwrap(), before);
    world.follow(&["--allow-rollback"]).exits(0);
    let deployed = world.universe.deployed().unwrap();
    let image = format!(
        "{}:{}@{}",
        world.universe.staging(),
        lab::universe::TAG,
        world.universe.image.digest
    );
    assert!(deployed.contains(&image), "{deployed}");
    assert_eq!(world.dir.read("results/CHANGED"), "true");
    let gitops = world.universe.gitops().unwrap();
    let message = gitops
        .git(&["log", "-1", "--format=%B", "main"], None)
        .unwrap();
    assert!(message.contains("Verified-Policy: sha256:"), "{message}");
    world.follow(&[]).exits(0);
    assert_eq!(world.dir.read("results/CHANGED"), "false");
}

#[test]
fn an_unsigned_new_digest_leaves_the_deployed_one() {
    let world = FollowedTag::new();
    world.universe.sign_and_attest().unwrap();
    world.follow(&["--allow-rollback"]).exits(0);
    let deployed = world.universe.deployed().unwrap();
    signer::push_image(
        &world.universe.registry,
        lab::universe::STAGING,
        lab::universe::TAG,
        "other",
        1,
    )
    .unwrap();
    world.follow(&[]).exits(4);
    assert_eq!(world.universe.deployed().unwrap(), deployed);
}

#[test]
fn says_which_flags_belong_together() {
    let world = FollowedTag::new();
    world
        .follow(&["--min-age=3"])
        .exits(2)
        .says("expected a number with its unit");
    world
        .follow(&["--unverified"])
        .exits(2)
        .says("cannot be used with");
    world
        .follow(&["--image=web=reg.example/web:v1"])
        .exits(2)
        .says("--image of web: \"reg.example/web:v1\"");
    let key = format!("--public-key={}", world.universe.public_key().display());
    let without = ["update-deployment", "--local=.", "--dry-run", &key];
    world
        .dir
        .promote(&without)
        .exits(2)
        .says("are for --follow");
}

impl FollowedTag {
    /// Pushes a signed image that says when it was made, and moves the tag to it.
    fn made(&self, seed: &str, created: Option<&str>) -> String {
        let registry = &self.universe.registry;
        let config = serde_json::json!({"architecture": "amd64", "os": "linux", "created": created,
            "config": {"Labels": {"seed": seed}}, "rootfs": {"type": "layers", "diff_ids": []}})
        .to_string();
        let digest = registry.put_blob(lab::universe::STAGING, config.as_bytes());
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": signer::MANIFEST, "layers": [],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()}})
        .to_string();
        let tag = Some(lab::universe::TAG);
        let digest = registry.put_manifest(
            lab::universe::STAGING,
            tag,
            signer::MANIFEST,
            manifest.as_bytes(),
        );
        let image = signer::Image {
            repository: lab::universe::STAGING.to_owned(),
            digest: digest.clone(),
            size: manifest.len(),
            media_type: signer::MANIFEST,
        };
        self.universe.sign_and_attest_image(&image).unwrap();
        digest
    }

    fn deploys(&self, digest: &str) -> bool {
        self.universe.deployed().unwrap().contains(digest)
    }
}

#[test]
fn waits_until_an_image_is_old_enough() {
    let world = FollowedTag::new();
    let before = world.universe.deployed().unwrap();
    let first = world.made("first", Some("2026-01-02T00:00:00Z"));
    world
        .follow(&["--min-age=100000d"])
        .exits(0)
        .says("too young for --min-age");
    assert_eq!(world.universe.deployed().unwrap(), before);
    assert_eq!(world.dir.read("results/CHANGED"), "false");
    world.follow(&["--min-age=1h", "--allow-rollback"]).exits(0);
    assert!(world.deploys(&first));
    world.made("silent", None);
    world
        .follow(&["--min-age=1h"])
        .exits(4)
        .says("has no creation time");
    assert!(world.deploys(&first));
}

#[test]
fn a_tag_that_was_moved_back_moves_nothing() {
    let world = FollowedTag::new();
    let newer = world.made("newer", Some("2026-01-02T00:00:00Z"));
    world.follow(&["--allow-rollback"]).exits(0);
    assert!(world.deploys(&newer));
    let older = world.made("older", Some("2026-01-01T00:00:00Z"));
    world.follow(&[]).exits(4).says("back to an older image");
    assert!(world.deploys(&newer));
    // Where the order is not known nothing moves either.
    world.made("silent", None);
    world.follow(&[]).exits(4).says("cannot be ordered");
    assert!(world.deploys(&newer));
    let newest = world.made("newest", Some("2026-01-03T00:00:00Z"));
    world.follow(&[]).exits(0);
    assert!(world.deploys(&newest));
    world.made("older", Some("2026-01-01T00:00:00Z"));
    world.follow(&["--allow-rollback"]).exits(0);
    assert!(world.deploys(&older));
}

#[test]
fn a_running_image_whose_time_cannot_be_read_stays() {
    use lab::registry::{Effect, Fault};
    let world = FollowedTag::new();
    let first = world.made("first", Some("2026-01-02T00:00:00Z"));
    world.follow(&["--allow-rollback"]).exits(0);
    world.made("second", Some("2026-01-03T00:00:00Z"));
    let path = format!("/v2/{}/manifests/{first}", lab::universe::STAGING);
    world
        .universe
        .registry
        .fail(Fault::new(Effect::Status(403)).of_reads(path));
    world.follow(&[]).exits(2);
    assert!(world.deploys(&first));
    world.universe.registry.heal();
    world.follow(&[]).exits(0);
    assert!(!world.deploys(&first));
}
