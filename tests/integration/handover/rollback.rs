//! The value decides: two promotions at once, and an older image over a newer one.

use lab::{git::GitServer, universe::PATCH};

use super::Promotion;
use crate::harness::{Run, Workdir, deployment_patch};

const FILE: &str = "overlays/prod/deployment-patch.yaml";

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// A GitOps repository where `image` runs.
fn running(image: &str) -> GitServer {
    let git = GitServer::start(None).unwrap();
    git.repository("ops")
        .unwrap()
        .commit("main", "start", &[(FILE, &deployment_patch(image))])
        .unwrap();
    git
}

fn deploy(git: &GitServer, image: &str, flags: &[&str]) -> Run {
    let (url, image) = (
        format!("--gitops-repo-url={}", git.url("ops")),
        format!("--image={image}"),
    );
    let all = ["update-deployment", &url, &image, "--unverified"];
    Workdir::new().promote(&[&all[..], flags].concat())
}

fn deployed(git: &GitServer) -> String {
    git.repository("ops").unwrap().read("main", FILE).unwrap()
}

#[test]
fn an_older_version_needs_permission_and_a_newer_one_does_not() {
    let new = format!("web=r.example/web:v0.9@{}", digest('2'));
    let git = running(&format!("r.example/web:v1.0@{}", digest('1')));
    let before = deployed(&git);
    deploy(&git, &new, &[])
        .exits(4)
        .says("v0.9 is lower than v1.0");
    assert_eq!(deployed(&git), before);
    deploy(&git, &new, &["--allow-rollback"]).exits(0);
    assert!(deployed(&git).contains("v0.9"));
    deploy(
        &git,
        &format!("web=r.example/web:v0.10@{}", digest('3')),
        &[],
    )
    .exits(0);
    // Tags that are not versions pass with a warning.
    deploy(
        &git,
        &format!("web=r.example/web:nightly@{}", digest('4')),
        &[],
    )
    .exits(0)
    .says("cannot be ordered");
}

#[test]
fn another_image_that_was_deployed_meanwhile_is_a_conflict() {
    let old = format!("r.example/web:old@{}", digest('1'));
    let theirs = format!("r.example/web:v1.1@{}", digest('2'));
    let ours = format!("web=r.example/web:v1.0@{}", digest('3'));
    let git = running(&old);
    let ops = git.repository("ops").unwrap();
    let text = deployment_patch(&theirs);
    git.before_next_push(move || {
        ops.commit("main", "promote: v1.1", &[(FILE, &text)])
            .unwrap();
    });
    deploy(&git, &ours, &[])
        .exits(6)
        .says("was deployed meanwhile");
    assert!(deployed(&git).contains(&theirs));
    // Another change of the same branch is not a conflict.
    let git = running(&old);
    let ops = git.repository("ops").unwrap();
    git.before_next_push(move || {
        ops.commit("main", "docs", &[("README.md", "x\n")]).unwrap();
    });
    deploy(&git, &ours, &[]).exits(0);
    assert!(deployed(&git).contains("v1.0"));
    // Nor is the same image by another writer.
    let git = running(&old);
    let ops = git.repository("ops").unwrap();
    let text = deployment_patch(ours.strip_prefix("web=").unwrap());
    git.before_next_push(move || {
        ops.commit("main", "the same", &[(FILE, &text)]).unwrap();
    });
    deploy(&git, &ours, &[]).exits(0);
}

/// Deploys the promotion's `promoted.json` with another source commit and tag.
fn deploy_commit(promotion: &Promotion, commit: &str, digit: char) -> Run {
    let promoted = promotion.dir.read("promoted.json");
    let mut document: serde_json::Value = serde_json::from_str(&promoted).unwrap();
    document["commit"] = commit.into();
    document["source"]["commit"] = commit.into();
    document["components"][0]["digest"] = digest(digit).into();
    promotion.dir.write("other.json", document.to_string());
    let url = format!("--gitops-repo-url={}", promotion.universe.gitops_url());
    let credentials = format!(
        "--git-credentials-dir={}",
        promotion.universe.credentials().display()
    );
    promotion.dir.promote(&[
        "update-deployment",
        "--promoted=other.json",
        &url,
        &credentials,
    ])
}

#[test]
fn ancestry_of_source_commits_decides_before_versions() {
    let promotion = Promotion::verified();
    promotion.copy(&[]).exits(0);
    let source = promotion.universe.source().unwrap();
    let first = promotion.universe.commit.clone();
    let second = source.commit("main", "second", &[("a.c", "2\n")]).unwrap();
    source.git(&["branch", "side", &first], None).unwrap();
    let side = source.commit("side", "side", &[("b.c", "3\n")]).unwrap();
    deploy_commit(&promotion, &second, 'a').exits(0);
    let before = promotion.universe.deployed().unwrap();
    deploy_commit(&promotion, &first, 'b')
        .exits(4)
        .says("is an ancestor of the running one's");
    assert_eq!(promotion.universe.deployed().unwrap(), before);
    deploy_commit(&promotion, &side, 'c')
        .exits(0)
        .says("neither descends from the other");
    let third = source.commit("side", "third", &[("c.c", "4\n")]).unwrap();
    deploy_commit(&promotion, &third, 'd').exits(0);
    let patch = promotion
        .universe
        .gitops()
        .unwrap()
        .read("main", PATCH)
        .unwrap();
    assert!(patch.contains(&digest('d')));
}
