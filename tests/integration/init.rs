//! `init`: what it writes works as it is, and nothing is replaced.

use std::fs;

use lab::universe::{COMPONENT, Universe};

use crate::harness::Workdir;

const FILES: [&str; 4] = [
    "promote.yaml",
    "policy/owner.rego",
    "policy/owner_test.rego",
    ".tekton/on-tag.yaml",
];

#[test]
fn the_first_policy_passes_its_tests_and_the_trigger_its_lint() {
    let dir = Workdir::new();
    let run = dir.promote(&["init"]).exits(0);
    for name in FILES {
        assert!(dir.exists(name), "{name}");
    }
    assert!(
        run.stdout
            .contains("fill in promote.yaml: gather-images.image")
    );
    assert!(run.stdout.contains("verify-ec.public-key"));
    let told = dir.read(".tekton/on-tag.yaml");
    assert!(
        told.starts_with("# Commit this to the default branch"),
        "{told}"
    );
    let tested = dir.promote(&["policy", "test", "policy"]).exits(0);
    assert!(
        tested.stdout.ends_with("3 passed, 0 failed\n"),
        "{}",
        tested.stdout
    );
    dir.promote(&["policy", "check", "policy"]).exits(0);
    dir.promote(&["lint", ".tekton/on-tag.yaml"]).exits(0);
}

#[test]
fn an_existing_file_is_never_replaced_and_then_none_is_written() {
    for there in FILES {
        let dir = Workdir::new();
        fs::create_dir_all(dir.path(there).parent().unwrap()).unwrap();
        dir.write(there, "mine");
        dir.promote(&["init"]).exits(6).says("exists already");
        assert_eq!(dir.read(there), "mine");
        let written = FILES.iter().filter(|name| dir.exists(name)).count();
        assert_eq!(written, 1, "{there}");
    }
    let dir = Workdir::new();
    dir.promote(&["init", "--dir=nowhere"])
        .exits(3)
        .says("nowhere");
    assert!(!dir.exists("nowhere"));
}

#[test]
fn a_run_by_the_written_configuration_judges_by_the_written_policy() {
    let universe = Universe::new().unwrap();
    universe.sign_and_attest().unwrap();
    let dir = Workdir::new();
    let flags = [
        format!("--image={COMPONENT}={}", universe.staging()),
        format!("--git-url={}", universe.source_url()),
        format!("--to={}", universe.production()),
        format!("--gitops-repo-url={}", universe.gitops_url()),
        format!("--public-key={}", universe.public_key().display()),
    ];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let init = dir.promote(&[&["init"][..], &flags].concat()).exits(0);
    assert!(!init.stdout.contains("fill in"), "{}", init.stdout);
    let credentials = format!("--git-credentials-dir={}", universe.credentials().display());
    let run = [
        "run",
        "--config=promote.yaml",
        "--tag=v1.0",
        "--ignore-rekor",
        &credentials,
    ];
    let before = universe.state().unwrap();
    let refused = dir.promote(&run).exits(4);
    assert!(
        refused.stdout.contains("owner.labelled"),
        "{}",
        refused.stdout
    );
    assert_eq!(universe.state().unwrap(), before);

    let rule = dir.read("policy/owner.rego");
    let changed = rule.replace("image.vendor", "image.title");
    dir.write("policy/owner.rego", changed);
    let mut passed = dir.promote(&run).exits(0);
    for step in [
        "✓ 1/5 extract-tag",
        "✓ 3/5 verify-ec",
        "✓ 5/5 update-deployment",
    ] {
        passed = passed.says(step);
    }
    assert!(dir.exists("report.html"));
}
