//! The whole chain: by hand in five commands, by `run`, and what stops it on the way.

use std::collections::BTreeMap;

use lab::{
    git,
    registry::{self, Options},
    signer::{self, Image, Key},
};

use crate::harness::{Run, Workdir};

/// The file in the GitOps repository that names the image.
pub(crate) const FILE: &str = "components/web/overlays/prod/deployment-patch.yaml";

/// A registry with a signed and attested image, its source, and a GitOps repository.
pub(crate) struct World {
    pub(crate) registry: registry::Server,
    pub(crate) git: git::Server,
    pub(crate) source: git::Repository,
    pub(crate) gitops: git::Repository,
    pub(crate) key: Key,
    pub(crate) commit: String,
    pub(crate) image: Image,
}

/// Everything that a promotion may move.
pub(crate) type State = (BTreeMap<String, String>, BTreeMap<String, String>);

impl World {
    pub(crate) fn new() -> Self {
        let registry = registry::Server::start(Options::default()).unwrap();
        let git = git::Server::start(None).unwrap();
        let source = git.repository("acme/web").unwrap();
        let commit = source.commit("main", "Serve the shop", &[("main.go", "package main\n")]).unwrap();
        source.annotated_tag("v1.0", &commit).unwrap();
        let gitops = git.repository("acme/gitops").unwrap();
        let patch = "kind: Deployment  # by hand\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: registry.example/acme/web:v0.9\n";
        gitops.commit("main", "start", &[(FILE, patch)]).unwrap();
        let key = Key::generate().unwrap();
        let image = signer::push_image(&registry, "acme/web", "v1.0", "one", 3).unwrap();
        let world = Self { registry, git, source, gitops, key, commit, image };
        world.sign(&world.image, &world.key, &world.commit);
        world
    }

    /// Signs and attests an image as the staging pipeline does.
    pub(crate) fn sign(&self, image: &Image, key: &Key, commit: &str) {
        signer::sign(&self.registry, image, key).unwrap();
        let provenance = signer::provenance(image, &self.git.url("acme/web"), commit);
        signer::attest(&self.registry, image, key, &[provenance]).unwrap();
    }

    /// A directory with what a user has: the public key and the policy.
    pub(crate) fn workdir(&self) -> Workdir {
        let dir = Workdir::new();
        dir.write("cosign.pub", self.key.public_pem());
        self.write_policy(&dir);
        dir
    }

    /// The organisation's policy: provenance must be about the commit of the Git tag.
    pub(crate) fn write_policy(&self, dir: &Workdir) {
        dir.write("policy/source.rego", POLICY);
    }

    pub(crate) fn state(&self) -> State {
        let mut refs = self.gitops.refs().unwrap();
        refs.extend(self.source.refs().unwrap());
        (self.registry.tags(), refs)
    }

    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.address())
    }

    /// The flags of `run` for this world.
    pub(crate) fn run_flags(&self) -> Vec<String> {
        vec![
            "run".to_owned(),
            "--tag=v1.0".to_owned(),
            format!("--image={}", self.repository("acme/web")),
            format!("--git-url={}", self.git.url("acme/web")),
            "--policy=policy".to_owned(),
            "--public-key=cosign.pub".to_owned(),
            "--ignore-rekor".to_owned(),
            format!("--gitops-repo-url={}", self.git.url("acme/gitops")),
        ]
    }

    pub(crate) fn run(&self, dir: &Workdir, flags: &[&str]) -> Run {
        let own = self.run_flags();
        let all: Vec<_> = own.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        dir.promote(&all)
    }

    /// Runs the steps by hand up to and with the given one (1 to 5), wired as the Pipeline wires them.
    pub(crate) fn by_hand(&self, dir: &Workdir, steps: usize) -> Run {
        let result = |name: &str| dir.read(&format!("results/{name}"));
        let image = format!("--image={}", self.repository("acme/web"));
        let source = format!("--git-url={}", self.git.url("acme/web"));
        let gitops = format!("--gitops-repo-url={}", self.git.url("acme/gitops"));
        let mut run = dir.promote(&["extract-tag", "--tag=v1.0", &source, "--template=prod-{tag}", "--results-dir=results"]);
        for step in 2..=steps {
            assert_eq!(run.code, 0, "{}", run.stderr);
            run = match step {
                2 => {
                    let tag = format!("--destination-tag={}", result("DESTINATION_IMAGE_TAG"));
                    dir.promote(&["gather-images", &image, &source, "--revision=v1.0", &tag, "--results-dir=results"])
                }
                3 => {
                    let digest = format!("--images-digest={}", result("IMAGES_DIGEST"));
                    dir.promote(&["verify-ec", "--images=images.json", &digest, "--policy=policy", "--public-key=cosign.pub", "--ignore-rekor", "--results-dir=results"])
                }
                4 => {
                    let digest = format!("--verified-digest={}", result("VERIFIED_DIGEST"));
                    let tag = format!("--tag={}", result("DESTINATION_IMAGE_TAG"));
                    dir.promote(&["copy-image", "--verified=verified.json", &digest, &tag, "--results-dir=results"])
                }
                _ => {
                    let digest = format!("--promoted-digest={}", result("PROMOTED_DIGEST"));
                    dir.promote(&["update-deployment", "--promoted=promoted.json", &digest, &gitops, "--results-dir=results"])
                }
            };
        }
        run
    }
}

/// Says no unless some provenance names the commit to which the Git tag was peeled.
pub(crate) const POLICY: &str = r#"package main

import rego.v1

# METADATA
# title: Provenance is about the commit of the Git tag
# description: The image was built from the commit that is being promoted.
# custom:
#   short_name: source_commit
#   failure_msg: no provenance is about commit %s
deny contains result if {
	commit := input.image.source.git.revision
	not commit in provenance_commits
	result := {"code": "main.source_commit", "msg": sprintf("no provenance is about commit %s", [commit])}
}

provenance_commits contains commit if {
	some attestation in input.attestations
	attestation.statement.predicateType == "https://slsa.dev/provenance/v0.2"
	some material in attestation.statement.predicate.materials
	commit := material.digest.sha1
}
"#;

#[test]
fn run_promotes_from_the_tag_to_the_pushed_commit() {
    let (world, dir) = {
        let world = World::new();
        let dir = world.workdir();
        (world, dir)
    };
    let run = world.run(&dir, &["--out=out"]).exits(0);
    assert!(run.stdout.contains(&world.image.digest), "{}", run.stdout);
    assert_eq!(world.registry.tags()["acme/web:prod-v1.0"], world.image.digest);
    let deployed = format!("image: {}:prod-v1.0@{}\n", world.repository("acme/web"), world.image.digest);
    assert!(world.gitops.read("main", FILE).unwrap().ends_with(&deployed));
    for name in ["images.json", "verified.json", "promoted.json"] {
        assert!(dir.exists(&format!("out/{name}")), "{name}");
    }
    let after = world.state();
    world.run(&dir, &["--out=out"]).exits(0).says("already");
    assert_eq!(world.state(), after);
}

#[test]
fn run_and_the_five_commands_write_the_same_bytes() {
    let world = World::new();
    let (hand, chain) = (world.workdir(), world.workdir());
    world.by_hand(&hand, 5).exits(0);
    let reset = world.gitops.resolve("main~1").unwrap();
    world.gitops.git(&["update-ref", "refs/heads/main", &reset], None).unwrap();
    world.registry.delete_tag("acme/web", "prod-v1.0");
    world.run(&chain, &["--out=."]).exits(0);
    for name in ["images.json", "verified.json", "promoted.json"] {
        assert_eq!(hand.read(name), chain.read(name), "{name}");
    }
}

#[test]
fn run_reads_its_flags_from_a_file_and_flags_win() {
    let (world, config) = (World::new(), "promote.yaml");
    let dir = world.workdir();
    let text = format!(
        "extract-tag:\n  tag: v9\n  template: live-{{tag}}\ngather-images:\n  image: [{}]\n  git-url: {}\nverify-ec:\n  policy: policy\n  public-key: cosign.pub\n  ignore-rekor: true\nupdate-deployment:\n  gitops-repo-url: {}\n",
        world.repository("acme/web"),
        world.git.url("acme/web"),
        world.git.url("acme/gitops"),
    );
    dir.write(config, &text);
    dir.promote(&["run", "--config=promote.yaml", "--tag=v1.0"]).exits(0);
    assert_eq!(world.registry.tags()["acme/web:live-v1.0"], world.image.digest);
    dir.write(config, text.replace("ignore-rekor", "ignore-recor"));
    dir.promote(&["run", "--config=promote.yaml", "--tag=v1.0"]).exits(2).says("ignore-recor");
}

#[test]
fn a_dry_run_shows_the_copy_and_the_diff_and_moves_nothing() {
    let world = World::new();
    let (dir, before) = (world.workdir(), world.state());
    let run = world.run(&dir, &["--dry-run"]).exits(0);
    assert!(run.stdout.contains("+          image: "), "{}", run.stdout);
    assert!(run.stdout.contains("prod-v1.0"), "{}", run.stdout);
    assert_eq!(world.state(), before);
}

#[test]
fn a_deployment_that_cannot_be_edited_is_found_before_a_tag_moves() {
    let world = World::new();
    let (dir, before) = (world.workdir(), world.state());
    world.run(&dir, &["--environment=nowhere"]).exits(3).says("overlays/nowhere");
    assert_eq!(world.state(), before);
}

#[test]
fn a_wrong_flag_of_the_last_step_is_found_before_the_first() {
    let world = World::new();
    let dir = world.workdir();
    dir.write("promote.yaml", "update-deployment:\n  pin: nope\n");
    world.run(&dir, &["--config=promote.yaml"]).exits(2).says("nope");
    assert!(world.registry.requests().is_empty());
    assert!(!dir.exists("images.json"));
}
