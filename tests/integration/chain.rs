//! The whole chain: by hand in five commands, by `run`, and a run that changes nothing.

mod components;

use lab::{
    event,
    universe::{COMPONENT, TAG, Universe},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::harness::{EFFECTIVE_TIME, Run, Workdir};

const FILES: [&str; 3] = ["images.json", "verified.json", "promoted.json"];

fn sha256(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// A universe whose image is signed and attested.
fn honest() -> Universe {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    universe
}

/// The flags of each step, the digests of the hand-over files wired as the Pipeline wires them.
struct ByHand<'a> {
    universe: &'a Universe,
    dir: &'a Workdir,
}

impl ByHand<'_> {
    fn step(&self, name: &str, flags: &[&str]) {
        self.dir
            .promote(&[&[name, "--results-dir=results"], flags].concat())
            .exits(0);
    }

    fn result(&self, name: &str) -> String {
        self.dir.read(&format!("results/{name}"))
    }

    fn all(&self) {
        let universe = self.universe;
        let source = format!("--git-url={}", universe.source_url());
        let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
        self.step(
            "extract-tag",
            &["--tag=v1.0", "--template=prod-{tag}", &source, &credentials],
        );
        let image = format!("--image={COMPONENT}={}", universe.staging());
        let tag = format!("--destination-tag={}", self.result("DESTINATION_IMAGE_TAG"));
        self.step(
            "gather-images",
            &[&image, &source, "--revision=v1.0", &tag, &credentials],
        );
        let digest = format!("--images-digest={}", self.result("IMAGES_DIGEST"));
        let policy = format!("--policy={}", universe.policy_url());
        let key = format!("--public-key={}", universe.public_key().display());
        self.step(
            "verify-ec",
            &[
                "--images=images.json",
                &digest,
                &policy,
                &key,
                "--ignore-rekor",
                &format!("--effective-time={EFFECTIVE_TIME}"),
                &credentials,
            ],
        );
        let digest = format!("--verified-digest={}", self.result("VERIFIED_DIGEST"));
        let (tag, to) = (
            format!("--tag={}", self.result("DESTINATION_IMAGE_TAG")),
            format!("--to={}", universe.production()),
        );
        self.step(
            "copy-image",
            &["--verified=verified.json", &digest, &tag, &to],
        );
        let digest = format!("--promoted-digest={}", self.result("PROMOTED_DIGEST"));
        let gitops = format!("--gitops-repo-url={}", universe.gitops_url());
        self.step(
            "update-deployment",
            &["--promoted=promoted.json", &digest, &gitops, &credentials],
        );
    }
}

/// `promote run` with the flags of the universe.
pub(crate) fn run(universe: &Universe, dir: &Workdir, flags: &[&str]) -> Run {
    let mut own = vec!["run".to_owned(), "--tag=v1.0".to_owned()];
    own.extend(universe.image_flags());
    own.extend([
        format!("--git-url={}", universe.source_url()),
        format!("--policy={}", universe.policy_url()),
        format!("--public-key={}", universe.public_key().display()),
        "--ignore-rekor".to_owned(),
        format!("--to={}", universe.destination()),
        format!("--gitops-repo-url={}", universe.gitops_url()),
        format!("--git-credentials-dir={}", universe.credentials().display()),
    ]);
    let given = |flag: &&str| {
        flags
            .iter()
            .any(|other| other.split('=').next() == flag.split('=').next())
    };
    let own = own.iter().map(String::as_str).filter(|flag| !given(flag));
    let all: Vec<_> = own.chain(flags.iter().copied()).collect();
    dir.promote(&all)
}

fn promoted(universe: &Universe) -> String {
    format!(
        "{}:prod-v1.0@{}",
        universe.production(),
        universe.image.digest
    )
}

#[test]
fn run_promotes_from_the_tag_to_the_pushed_commit() {
    let (universe, dir) = (honest(), Workdir::new());
    let done = run(&universe, &dir, &["--out=out", "--results-dir=results"]).exits(0);
    assert!(
        done.stdout.contains(&universe.image.digest),
        "{}",
        done.stdout
    );
    assert_eq!(
        universe.registry.tags()["acme/web:prod-v1.0"],
        universe.image.digest
    );
    assert_eq!(universe.deployed().unwrap(), promoted(&universe));
    for name in FILES {
        assert!(dir.exists(&format!("out/{name}")), "{name}");
    }
    let verified: Value = serde_json::from_str(&dir.read("out/verified.json")).unwrap();
    assert_eq!(
        verified["reportDigest"],
        sha256(&dir.read("out/report.json"))
    );
    assert_eq!(dir.read("results/CHANGED"), "true");

    let after = universe.state().unwrap();
    run(&universe, &dir, &["--out=out", "--results-dir=results"]).exits(0);
    assert_eq!(dir.read("results/CHANGED"), "false");
    assert_eq!(universe.state().unwrap(), after);
}

#[test]
fn run_and_the_five_commands_write_the_same_bytes() {
    let universe = honest();
    let (hand, chain) = (Workdir::new(), Workdir::new());
    let (images, gitops) = (universe.registry.save(), universe.gitops().unwrap());
    let before = gitops.resolve("main").unwrap();
    ByHand {
        universe: &universe,
        dir: &hand,
    }
    .all();
    assert_eq!(universe.deployed().unwrap(), promoted(&universe));
    // Back to where it was, so that both runs find the same world.
    gitops
        .git(&["update-ref", "refs/heads/main", &before], None)
        .unwrap();
    universe.registry.restore(images);
    let time = format!("verify-ec:\n  effective-time: {EFFECTIVE_TIME}\n");
    chain.write("promote.yaml", time);
    run(&universe, &chain, &["--out=.", "--config=promote.yaml"]).exits(0);
    for name in FILES {
        assert_eq!(hand.read(name), chain.read(name), "{name}");
    }
}

#[test]
fn run_reads_its_flags_from_a_file_and_flags_win() {
    let (universe, dir) = (honest(), Workdir::new());
    let text = format!(
        r"extract-tag:
  tag: v9
  template: live-{{tag}}
gather-images:
  image: [{COMPONENT}={}]
  git-url: {}
verify-ec:
  policy: {}
  public-key: {}
  ignore-rekor: true
copy-image:
  to: {}
update-deployment:
  gitops-repo-url: {}
",
        universe.staging(),
        universe.source_url(),
        universe.policy_url(),
        universe.public_key().display(),
        universe.production(),
        universe.gitops_url(),
    );
    dir.write("promote.yaml", &text);
    let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
    let flags = ["run", "--config=promote.yaml", "--tag=v1.0", &credentials];
    dir.promote(&flags).exits(0);
    assert_eq!(
        universe.registry.tags()["acme/web:live-v1.0"],
        universe.image.digest
    );
    dir.write("promote.yaml", text.replace("ignore-rekor", "ignore-recor"));
    dir.promote(&flags).exits(2).says("ignore-recor");
}

#[test]
fn run_is_started_by_a_recorded_event_and_refuses_a_tag_that_moved_since() {
    let (universe, dir) = (honest(), Workdir::new());
    let push = |commit: &str| {
        let page = universe.source_page();
        event::tag_push("github-push", TAG, commit, &page).unwrap()
    };
    let flags = ["--tag=", "--event-file=event.json"];
    dir.write("event.json", push(&"0a".repeat(20)));
    refused(&universe, &dir, &flags, 4, "moved");
    dir.write(
        "event.json",
        push(&universe.commit).replace("refs/tags/", "refs/heads/"),
    );
    refused(&universe, &dir, &flags, 2, "a branch");
    dir.write("event.json", push(&universe.commit));
    run(&universe, &dir, &flags).exits(0);
    assert_eq!(universe.deployed().unwrap(), promoted(&universe));
}

#[test]
fn without_another_repository_the_image_is_tagged_where_it_is() {
    let (universe, dir) = (honest(), Workdir::new());
    run(
        &universe,
        &dir,
        &["--to=", "--ref=refs/tags/v1.0", "--tag="],
    )
    .exits(0);
    let tags = universe.registry.tags();
    assert_eq!(tags["acme/staging/web:prod-v1.0"], universe.image.digest);
    assert!(!tags.contains_key("acme/web:prod-v1.0"));
}

#[test]
fn a_dry_run_shows_the_copy_and_the_diff_and_moves_nothing() {
    let (universe, dir) = (honest(), Workdir::new());
    let before = universe.state().unwrap();
    let shown = run(&universe, &dir, &["--dry-run"]).exits(0).stdout;
    assert!(shown.contains("prod-v1.0"), "{shown}");
    assert!(
        shown.contains(&format!("+          image: {}", promoted(&universe))),
        "{shown}"
    );
    assert_eq!(universe.state().unwrap(), before);
}

/// Runs with flags that must fail and checks that nothing moved.
#[track_caller]
fn refused(universe: &Universe, dir: &Workdir, flags: &[&str], code: i32, reason: &str) {
    let before = universe.state().unwrap();
    run(universe, dir, flags).exits(code).says(reason);
    assert_eq!(universe.state().unwrap(), before);
}

#[test]
fn a_deployment_that_cannot_be_edited_is_found_before_a_tag_moves() {
    let (universe, dir) = (honest(), Workdir::new());
    refused(
        &universe,
        &dir,
        &["--environment=nowhere"],
        3,
        "overlays/nowhere",
    );
}

#[test]
fn an_unsigned_image_is_refused_and_nothing_moves() {
    let (universe, dir) = (Universe::new().unwrap(), Workdir::new());
    refused(&universe, &dir, &[], 4, "signature");
    universe.sign_and_attest().unwrap();
    run(&universe, &dir, &[]).exits(0);
}

#[test]
fn without_a_log_entry_the_log_must_be_ignored_by_name() {
    let (universe, dir) = (honest(), Workdir::new());
    refused(&universe, &dir, &["--ignore-rekor=false"], 4, "log");
}

#[test]
fn a_wrong_flag_of_the_last_step_is_found_before_the_first() {
    let (universe, dir) = (honest(), Workdir::new());
    dir.write("promote.yaml", "update-deployment:\n  pin: nope\n");
    refused(&universe, &dir, &["--config=promote.yaml"], 2, "nope");
    assert!(universe.registry.requests().is_empty());
    assert!(!dir.exists("images.json"));
}
