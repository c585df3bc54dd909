//! `doctor`: a line for each check, what to do after each failure, and nothing moves.

use lab::{
    git::Account,
    registry::{Access, Grant, Options, Server},
    universe::{COMPONENT, TAG, Universe},
};

use crate::harness::{Run, Scene, Workdir};

fn honest() -> Universe {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    universe
}

/// `promote doctor` for the universe; a flag replaces the one of its name, and one without a value goes.
fn doctor(universe: &Universe, dir: &Workdir, flags: &[&str]) -> Run {
    let own = [
        "doctor".to_owned(),
        format!("--tag={TAG}"),
        format!("--image={COMPONENT}={}", universe.staging()),
        format!("--git-url={}", universe.source_url()),
        format!("--policy={}", universe.policy_url()),
        format!("--public-key={}", universe.public_key().display()),
        "--ignore-rekor".to_owned(),
        format!("--to={}", universe.production()),
        format!("--gitops-repo-url={}", universe.gitops_url()),
        format!("--git-credentials-dir={}", universe.credentials().display()),
        format!("--data-dir={}", dir.path("data").display()),
    ];
    let given = |flag: &&str| {
        let name = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
        flags.iter().any(|other| name(other) == name(flag))
    };
    let own = own.iter().map(String::as_str).filter(|flag| !given(flag));
    let flags = flags.iter().copied().filter(|flag| !flag.ends_with('='));
    let all: Vec<_> = own.chain(flags).collect();
    std::fs::create_dir_all(dir.path("data")).unwrap();
    dir.promote(&all)
}

#[test]
fn says_ok_to_each_and_changes_nothing() {
    let (universe, dir) = (honest(), Workdir::new());
    let before = universe.state().unwrap();
    let run = doctor(&universe, &dir, &[]).exits(0);
    for name in [
        "configuration:",
        "data directory:",
        "source http",
        "image web:",
        "signers:",
        "policy:",
        "destination ",
        "GitOps repository http",
        "GitOps edit: would change components/web/overlays/prod/deployment-patch.yaml",
    ] {
        run_prints(&run, &format!("ok      {name}"));
    }
    assert!(!run.stdout.contains("failed"), "{}", run.stdout);
    assert_eq!(universe.state().unwrap(), before);
    assert_eq!(std::fs::read_dir(dir.path("data")).unwrap().count(), 0);
    // Without a tag too: then any image and any digest will do.
    let run = doctor(&universe, &dir, &["--tag="]).exits(0);
    run_prints(&run, "ok      image web: ");
    run_prints(&run, "ok      GitOps edit: would change ");
    assert_eq!(universe.state().unwrap(), before);
}

#[test]
fn each_thing_that_is_wrong_fails_its_line_with_what_to_do() {
    let (universe, dir) = (honest(), Workdir::new());
    let before = universe.state().unwrap();
    dir.write("wrong/username", "promoter");
    dir.write("wrong/password", "guessed");
    dir.write("not-a.pem", "key");
    dir.write("rules/broken.rego", "package a\n\ndeny if {");
    let other = format!("--git-url={}/acme/none.git", universe.git.address());
    let image = format!(
        "--image=web={}/acme/staging/none",
        universe.registry.address()
    );
    let wrong = format!("--gitops-credentials-dir={}", dir.path("wrong").display());
    let key = format!("--public-key={}", dir.path("not-a.pem").display());
    let rules = format!("--policy={}", dir.path("rules").display());
    for (flag, line, code) in [
        (other.as_str(), "source http", 3),
        ("--tag=v7", "source http", 3),
        (&image, "image web: ", 3),
        (&key, "signers: ", 2),
        ("--public-key=/no/such/key", "signers: ", 3),
        (
            "--public-key=k8s://acme-web/cosign-pub",
            "cluster rights: ",
            2,
        ),
        (&rules, "policy: ", 2),
        (
            "--to=127.0.0.1:1/acme/web",
            "destination 127.0.0.1:1/acme/web: ",
            5,
        ),
        (&wrong, "GitOps repository http", 2),
        ("--environment=nowhere", "GitOps edit: ", 3),
        ("--data-dir=/proc/nothing", "data directory: ", 2),
        ("--config=/no/such/file", "configuration: ", 3),
    ] {
        let run = doctor(&universe, &dir, &[flag]);
        run_prints(&run, &format!("failed  {line}"));
        run_prints(&run, "        hint: ");
        assert_eq!(run.code, code, "{flag}: {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("failed: "), "{}", run.stderr);
        assert_eq!(universe.state().unwrap(), before, "{flag}");
    }
}

#[test]
fn a_tag_that_moved_is_a_refusal() {
    let (universe, dir) = (honest(), Workdir::new());
    let moved = "--set=extract-tag.commit=0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
    let run = doctor(&universe, &dir, &[moved]).exits(4);
    run_prints(&run, "failed  source http");
    run_prints(&run, "moved: the event is about commit 0a0a");
}

/// Reading is not writing: an account that may only pull fails at the destination, the one that may push passes.
#[test]
fn tries_the_right_to_push_without_pushing() {
    let (universe, dir) = (honest(), Workdir::new());
    let account = |user: &str| Account {
        user: user.to_owned(),
        password: "secret".to_owned(),
    };
    let grant = |user: &str, prefix: &str| Grant {
        account: account(user),
        prefix: prefix.to_owned(),
    };
    let production = Server::start(Options {
        access: Access::Basic(vec![grant("robot", "acme/"), grant("guest", "other/")]),
        ..Options::default()
    })
    .unwrap();
    for (user, code) in [("robot", 0), ("guest", 2)] {
        let auth = ["cm9ib3Q6c2VjcmV0", "Z3Vlc3Q6c2VjcmV0"][usize::from(user == "guest")];
        let address = production.address();
        let file = format!("{{\"auths\": {{\"{address}\": {{\"auth\": \"{auth}\"}}}}}}");
        let file = dir.write("auth.json", file);
        let authfile = format!("--authfile={}", file.display());
        let to = format!("--to={address}/acme/web");
        let run = doctor(&universe, &dir, &[&authfile, &to]);
        assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
        let state = if code == 0 { "ok     " } else { "failed " };
        run_prints(&run, &format!("{state} destination {address}/acme/web: "));
    }
    assert!(production.tags().is_empty() && production.manifests("acme/web").is_empty());
}

#[test]
fn reads_the_configuration_of_run() {
    let scene = Scene::attested();
    let (universe, dir) = (&scene.universe, &scene.dir);
    dir.write("promote.yaml", scene.chain().config());
    let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
    let run = dir
        .promote(&["doctor", "--config=promote.yaml", &credentials])
        .exits(0);
    run_prints(&run, "ok      source http");
    run_prints(&run, "ok      GitOps edit: ");
    let tagged = [
        "doctor",
        "--config=promote.yaml",
        "--tag=v1.0",
        &credentials,
    ];
    let run = dir.promote(&tagged).exits(0);
    run_prints(&run, "tag \"v1.0\" is commit ");
    let no_policy = "--set=verify-ec.policy=./none";
    let wrong = [no_policy, "--set=verify-ec.public-key=/no/such/key"];
    for (key, line) in [(0, "ok      signers: "), (1, "failed  signers: ")] {
        let mut flags = vec!["doctor", "--config=promote.yaml", &credentials];
        flags.extend(&wrong[..=key]);
        let run = dir.promote(&flags).exits(3);
        run_prints(&run, "failed  policy: ");
        run_prints(&run, line);
    }
    let elsewhere = "--set=update-deployment.kustomize=no/such/dir";
    let run = dir
        .promote(&["doctor", "--config=promote.yaml", &credentials, elsewhere])
        .exits(3);
    run_prints(&run, "failed  GitOps edit: ");
}

#[track_caller]
fn run_prints(run: &Run, text: &str) {
    assert!(
        run.stdout.contains(text),
        "no {text:?} in:\n{}\n{}",
        run.stdout,
        run.stderr
    );
}
