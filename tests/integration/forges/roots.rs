//! A GitLab below a path, and answers that lack what a later request needs.

use lab::{
    forge::{Forge, ForgeFault, Kind},
    git::GitServer,
};

use super::{ForgeStandIn, TOKEN};

const GITLAB: (Kind, &str) = (Kind::GitLab, "gitlab");

#[test]
fn a_gitlab_below_a_path_is_found_by_its_api() {
    for (root, repository) in [
        ("gitlab", "gitlab/acme/web-gitops"),
        ("gitlab", "gitlab/acme/team/web-gitops"),
        ("dev/gitlab", "dev/gitlab/acme/web-gitops"),
    ] {
        let forge = Forge::new(Kind::GitLab, TOKEN).below(root);
        let scene = ForgeStandIn::with(GITLAB, repository, forge);
        scene
            .propose(&["--label=promotion", "--commit-status"])
            .exits(0);
        let found = scene.forge.requests();
        assert_eq!(found.len(), 1, "{repository}");
        assert_eq!(found[0].labels, ["promotion"], "{repository}");
        let page = format!("{}/{}/", scene.server.address(), repository);
        assert!(
            scene.result("CHANGE_REQUEST_URL").starts_with(&page),
            "{repository}"
        );
        assert!(
            scene.result("GITOPS_COMMIT_URL").starts_with(&page),
            "{repository}"
        );
        assert!(!scene.forge.statuses().is_empty(), "{repository}");
        scene.holds_one_commit();
    }
}

#[test]
fn a_gitlab_that_fails_is_not_taken_for_another_root() {
    let repository = "gitlab/acme/web-gitops";
    let forge = Forge::new(Kind::GitLab, TOKEN).below("gitlab");
    let scene = ForgeStandIn::with(GITLAB, repository, forge);
    scene.fail("GET", "/version", 503, 99);
    scene.propose(&[]).exits(5).says("failed to show its API");
    assert!(scene.forge.requests().is_empty());
}

#[test]
fn an_answer_without_its_number_is_a_failure() {
    let without = |path| ForgeFault {
        method: "POST",
        path,
        status: 201,
        headers: Vec::new(),
        is_done: true,
        times: 1,
    };
    for host in Kind::ALL {
        let scene = ForgeStandIn::new(host);
        scene.forge.fail(without(super::requests_path(host.0)));
        // A look finds what was opened.
        scene.propose(&[]).exits(0);
        assert_eq!(scene.forge.requests().len(), 1, "{}", host.1);
        scene.holds_one_commit();
    }
    let scene = ForgeStandIn::new((Kind::Gitea, "gitea"));
    scene.forge.fail(without("/labels"));
    scene
        .propose(&["--label=promotion"])
        .exits(5)
        .says("its answer has no number \"id\"");
    assert!(scene.forge.requests()[0].labels.is_empty());
    scene.propose(&["--label=promotion"]).exits(0);
    assert_eq!(scene.forge.requests()[0].labels, ["promotion"]);
}

#[test]
fn a_token_goes_to_no_host_that_an_answer_names() {
    for host in Kind::ALL {
        for status in [302, 307] {
            let (scene, other) = (ForgeStandIn::new(host), GitServer::start(None).unwrap());
            scene.forge.fail(ForgeFault {
                method: "GET",
                path: super::requests_path(host.0),
                status,
                headers: vec![("location", format!("{}/here", other.address()))],
                is_done: false,
                times: 99,
            });
            let run = scene
                .propose(&[])
                .exits(5)
                .says("it redirects to 127.0.0.1");
            assert!(!run.stderr.contains(TOKEN), "{}", host.1);
            assert_eq!(other.requests(), [""; 0], "{}", host.1);
        }
    }
}
