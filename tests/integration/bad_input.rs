//! Bad input, step by step through the chain: each has its exit code and its reason, nothing
//! moves, and the same without the fault promotes the image.

use std::fs;

use lab::{
    chain::{Chain, Step},
    signer::{self, Key},
    universe::{PATCH, STAGING, Universe},
};

use crate::harness::Scene;

impl Scene {
    /// Runs the chain, which must end at the step with the code and the reason; nothing moves.
    #[track_caller]
    fn refused(&self, chain: &Chain<'_>, by: Step, code: i32, reason: &str) {
        let before = self.universe.state().unwrap();
        let steps = chain.all().unwrap();
        let (last, ran) = steps.last().unwrap();
        assert_eq!((*last, ran.code), (by, code), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(reason),
            "no {reason:?} in: {}",
            ran.stderr
        );
        assert_eq!(self.universe.state().unwrap(), before);
    }

    /// With one more flag of the step.
    #[track_caller]
    fn refused_with(&self, step: Step, flag: &str, code: i32, reason: &str) {
        let mut chain = self.chain();
        chain.more.push((step, flag.to_owned()));
        self.refused(&chain, step, code, reason);
    }

    /// Runs the steps before this one, which must succeed.
    #[track_caller]
    fn up_to(&self, step: Step) {
        for earlier in Step::ALL.into_iter().take_while(|earlier| *earlier != step) {
            let ran = self.chain().step(earlier).unwrap();
            assert_eq!(ran.code, 0, "{}: {}", earlier.command(), ran.stderr);
        }
    }

    /// Runs one step after the others, which must refuse; nothing moves.
    #[track_caller]
    fn refuses(&self, step: Step, code: i32, reason: &str) {
        let before = self.universe.state().unwrap();
        let ran = self.chain().step(step).unwrap();
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(
            ran.stderr.contains(reason),
            "no {reason:?} in: {}",
            ran.stderr
        );
        assert_eq!(self.universe.state().unwrap(), before);
    }

    /// The twin: nothing is wrong (any more), so the image is promoted.
    #[track_caller]
    fn promotes(&self) {
        let steps = self.chain().all().unwrap();
        let (last, ran) = steps.last().unwrap();
        assert_eq!(
            (*last, ran.code),
            (Step::UpdateDeployment, 0),
            "{}",
            ran.stderr
        );
        let digest = &self.universe.image.digest;
        let deployed = self.universe.deployed().unwrap();
        assert_eq!(
            deployed,
            format!("{}:prod-v1.0@{digest}", self.universe.production())
        );
    }
}

#[test]
fn a_tag_that_is_none_or_that_oci_refuses_exits_2() {
    let scene = Scene::attested();
    for (tag, reason) in [
        ("v1+2", "'+'"),
        ("svc/v1", "'/'"),
        ("v1.0$(touch x)", "'$'"),
        ("v1.0;touch x", "';'"),
        ("--help", "'-'"),
    ] {
        let mut chain = scene.chain();
        tag.clone_into(&mut chain.tag);
        chain
            .more
            .push((Step::ExtractTag, "--template={tag}".to_owned()));
        scene.refused(&chain, Step::ExtractTag, 2, reason);
    }
    let branch = ["extract-tag", "--ref=refs/heads/main"];
    scene.dir.promote(&branch).exits(2).says("a branch");
    assert!(!scene.dir.exists("x") && !scene.dir.exists("data/x"));
    scene.promotes();
}

#[test]
fn a_tag_or_an_image_that_does_not_exist_exits_3() {
    let scene = Scene::attested();
    let mut chain = scene.chain();
    chain.tag = "v9".to_owned();
    scene.refused(&chain, Step::ExtractTag, 3, "v9");
    let source = scene.universe.source().unwrap();
    source.tag("v9", &scene.universe.commit).unwrap();
    scene.refused(&chain, Step::GatherImages, 3, "no image");
    scene.promotes();
}

#[test]
fn an_empty_list_of_images_exits_3_at_every_step() {
    let scene = Scene::attested();
    let nothing = r#"{"components":[]}"#;
    let flag = format!("--snapshot={nothing}");
    scene
        .dir
        .promote(&["gather-images", &flag])
        .exits(3)
        .says("no images");
    scene.up_to(Step::CopyImage);
    let verified = scene.chain().file("verified.json");
    let promoted = format!(
        r#"{{"version":1,"verifiedDigest":"{}","gitTag":null,"commit":null,"policyDigest":null,"reportDigest":null,"components":[]}}"#,
        scene.universe.image.digest
    );
    let start = verified.find("\"components\":[").unwrap();
    let verified = format!("{}\"components\":[]}}", &verified[..start]);
    let empty = || {
        scene.dir.write("images.json", nothing);
        scene.dir.write("verified.json", &verified);
        scene.dir.write("promoted.json", &promoted);
    };
    let key = format!("--public-key={}", scene.universe.public_key().display());
    let policy = concat!("--policy=", env!("CARGO_MANIFEST_DIR"), "/policies/release");
    let gitops = format!("--gitops-repo-url={}", scene.universe.gitops_url());
    for arguments in [
        &["verify-ec", &key, policy, "--ignore-rekor"][..],
        &["copy-image", "--tag=x"],
        &["update-deployment", &gitops],
    ] {
        empty();
        scene.dir.promote(arguments).exits(3).says("images");
    }
    scene.promotes();
}

#[test]
fn signatures_and_attestations_that_do_not_hold_exit_4() {
    let stranger = Key::generate().unwrap();
    let another = |universe: &Universe| {
        let other = signer::push_image(&universe.registry, STAGING, "other", "other", 2).unwrap();
        universe.sign_and_attest_image(&other).unwrap();
        other
    };
    let tamper = |universe: &Universe, suffix: &str| {
        let change = |content: &mut Vec<u8>| *content.last_mut().unwrap() ^= 1;
        signer::tamper(&universe.registry, &universe.image, suffix, change).unwrap();
    };
    type Fault<'a> = (&'a str, &'a dyn Fn(&Universe));
    let faults: [Fault<'_>; 8] = [
        ("no signatures found", &|universe| {
            universe.attest(&universe.key, &universe.commit).unwrap();
        }),
        ("builtin.attestation.signature_check", &|universe| {
            universe.sign(&universe.key).unwrap();
        }),
        ("builtin.image.signature_check", &|universe| {
            universe.attest(&universe.key, &universe.commit).unwrap();
            universe.sign(&stranger).unwrap();
        }),
        ("the signature is for sha256:", &|universe| {
            let other = another(universe);
            universe.attest(&universe.key, &universe.commit).unwrap();
            signer::steal(&universe.registry, "sig", &other, &universe.image).unwrap();
        }),
        ("no subject of the statement is this image", &|universe| {
            let other = another(universe);
            universe.sign(&universe.key).unwrap();
            signer::steal(&universe.registry, "att", &other, &universe.image).unwrap();
        }),
        ("builtin.image.signature_check", &|universe| {
            universe.sign_and_attest().unwrap();
            tamper(universe, "sig");
        }),
        ("no SLSA provenance", &|universe| {
            universe.sign_and_attest().unwrap();
            tamper(universe, "att");
        }),
        ("source.commit", &|universe| {
            universe.sign(&universe.key).unwrap();
            universe.attest(&universe.key, &"0a".repeat(20)).unwrap();
        }),
    ];
    for (reason, fault) in faults {
        let scene = Scene::unsigned();
        fault(&scene.universe);
        scene.refused(&scene.chain(), Step::VerifyEc, 4, reason);
        let verdict = scene.chain().file("verified.json");
        assert!(!verdict.contains("\"success\":true"), "{reason}: {verdict}");
        scene.universe.sign_and_attest().unwrap();
        scene.promotes();
    }
}

#[test]
fn without_the_log_the_log_must_be_ignored_by_name() {
    let scene = Scene::attested();
    scene.refused_with(Step::VerifyEc, "--ignore-rekor=false", 4, "log");
}

#[test]
fn a_registry_or_a_git_host_that_is_down_exits_5() {
    let scene = Scene::attested();
    scene.refused_with(
        Step::ExtractTag,
        "--git-url=http://127.0.0.1:1/x.git",
        5,
        "127.0.0.1:1",
    );
    scene.refused_with(
        Step::GatherImages,
        "--image=api=127.0.0.1:1/acme/api",
        5,
        "127.0.0.1:1",
    );
    scene.up_to(Step::CopyImage);
    let ran = scene.chain();
    let before = scene.universe.state().unwrap();
    let copy = ran.promote(&[
        "copy-image".to_owned(),
        "--verified=verified.json".to_owned(),
        "--retries=0".to_owned(),
        "--to=127.0.0.1:1/acme/web".to_owned(),
    ]);
    let copy = copy.unwrap();
    assert_eq!(copy.code, 5, "{}", copy.stderr);
    assert_eq!(scene.universe.state().unwrap(), before);
    scene.promotes();
}

#[test]
fn a_policy_that_does_not_parse_exits_2() {
    let scene = Scene::attested();
    let policy = scene
        .dir
        .write("broken/a.rego", "package a\ndeny contains {\n");
    let policy = format!("--policy={}", policy.parent().unwrap().display());
    scene.refused_with(Step::VerifyEc, &policy, 2, "a.rego:");
    scene
        .universe
        .set_policy(&[("release/broken.rego", "package b\nx := \n")])
        .unwrap();
    scene.refused(&scene.chain(), Step::VerifyEc, 2, "broken.rego");
    assert!(scene.chain().file("verified.json").is_empty());
}

#[test]
fn a_hand_over_file_of_another_run_or_with_one_byte_changed_exits_4() {
    for (step, name) in [
        (Step::VerifyEc, "images.json"),
        (Step::CopyImage, "verified.json"),
        (Step::UpdateDeployment, "promoted.json"),
    ] {
        let scene = Scene::attested();
        let path = scene.dir.path(&format!("data/{name}"));
        scene.up_to(step);
        let good = fs::read(&path).unwrap();
        // Whatever byte it is; the first ones are those of the braces and names.
        for at in (0..good.len()).step_by(good.len() / 6) {
            let mut changed = good.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            scene.refuses(step, 4, "belongs to another run");
        }
        let digest = &scene.universe.image.digest;
        let other = format!("sha256:{}", "7".repeat(64));
        let text = String::from_utf8(good.clone()).unwrap();
        fs::write(&path, text.replace(digest, &other)).unwrap();
        scene.refuses(step, 4, "belongs to another run");
        fs::write(&path, &good).unwrap();
        assert_eq!(scene.chain().step(step).unwrap().code, 0);
    }
}

#[test]
fn a_verdict_that_never_accepted_the_image_exits_4_without_its_digest_too() {
    let scene = Scene::attested();
    scene.up_to(Step::CopyImage);
    let evil = signer::push_image(&scene.universe.registry, STAGING, "evil", "evil", 2).unwrap();
    let before = scene.universe.state().unwrap();
    let (registry, data) = (scene.universe.registry.address(), scene.dir.path("data"));
    let copy = |reference: &str| {
        scene.dir.promote(&[
            "copy-image",
            &format!("{registry}/{STAGING}{reference}"),
            &format!("{registry}/acme/web:x"),
            &format!("--verified={}", data.join("verified.json").display()),
        ])
    };
    copy(":evil").exits(4).says("does not list");
    copy(&format!("@{}", evil.digest))
        .exits(4)
        .says("does not list");
    let path = data.join("verified.json");
    let verdict = fs::read_to_string(&path).unwrap();
    let refused = verdict.replace(
        "\"success\":true,\"violations\":0",
        "\"success\":false,\"violations\":1",
    );
    assert_ne!(refused, verdict);
    fs::write(&path, refused).unwrap();
    copy(&format!("@{}", scene.universe.image.digest))
        .exits(4)
        .says("as refused");
    assert_eq!(scene.universe.state().unwrap(), before);
    fs::write(&path, verdict).unwrap();
    copy(&format!("@{}", scene.universe.image.digest)).exits(0);
}

#[test]
fn a_deployment_without_the_container_exits_3() {
    let scene = Scene::attested();
    let other = "kind: Deployment\nspec: {template: {spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}}\n";
    let gitops = scene.universe.gitops().unwrap();
    let honest = gitops.read("main", PATCH).unwrap();
    gitops.commit("main", "other", &[(PATCH, other)]).unwrap();
    scene.up_to(Step::UpdateDeployment);
    scene.refuses(Step::UpdateDeployment, 3, "no container");
    gitops.commit("main", "back", &[(PATCH, &honest)]).unwrap();
    scene.promotes();
}

#[test]
fn missing_credentials_exit_2() {
    let scene = Scene::attested();
    scene.up_to(Step::UpdateDeployment);
    let before = scene.universe.state().unwrap();
    let mut arguments = scene.chain().arguments(Step::UpdateDeployment, |of, name| {
        scene.chain().result(of, name)
    });
    arguments.retain(|argument| !argument.starts_with("--git-credentials-dir"));
    let ran = scene.chain().promote(&arguments).unwrap();
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("--git-credentials-dir"),
        "{}",
        ran.stderr
    );
    assert_eq!(scene.universe.state().unwrap(), before);
    scene.promotes();
}
