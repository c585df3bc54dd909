//! Opening, reusing, completing, merging.

use std::{sync::Arc, thread, time::Duration};

use lab::forge::Kind;

use super::{FILE, ForgeStandIn, NEW, OLD, deployed, patch};

/// The reviewer as the host shows it afterwards.
fn reviewer(kind: Kind) -> &'static str {
    match kind {
        Kind::GitLab => "user-510",
        _ => "alice",
    }
}

#[test]
fn each_host_gets_one_change_request_and_keeps_it() {
    for host in Kind::ALL {
        let scene = ForgeStandIn::new(host);
        let (kind, name) = host;
        let mut flags = vec![
            "--label=promotion",
            "--reviewer=alice",
            "--run-url=https://ci.example/7",
        ];
        if kind != Kind::Bitbucket {
            flags.push("--auto-merge");
        }
        scene.propose(&flags).exits(0);
        let found = scene.forge.requests();
        assert_eq!(found.len(), 1, "{name}");
        let (one, page) = (&found[0], scene.result("CHANGE_REQUEST_URL"));
        assert!(one.source.starts_with("promote/prod-"), "{name} {one:?}");
        assert_eq!(one.target, "main", "{name}");
        assert_eq!(one.title, "promote(prod): web v0 -> prod-v1.0", "{name}");
        for part in [NEW, OLD, "`v1.0`", "passed", "<https://ci.example/7>", FILE] {
            assert!(one.body.contains(part), "{name}: no {part} in {}", one.body);
        }
        let has_labels = !matches!(kind, Kind::Bitbucket | Kind::BitbucketDataCenter);
        let labels: &[&str] = if has_labels { &["promotion"] } else { &[] };
        assert_eq!(one.labels, labels, "{name}");
        assert_eq!(one.reviewers, [reviewer(kind)], "{name}");
        assert_eq!(one.auto_merge, kind != Kind::Bitbucket, "{name}");
        assert!(
            page.starts_with("http://") && page.ends_with("/1"),
            "{name} {page}"
        );
        scene.holds_one_commit();
        assert_eq!(scene.result("CHANGED"), "true", "{name}");
        assert_eq!(scene.result("GITOPS_BRANCH"), one.source, "{name}");
        let commit = scene.result("GITOPS_COMMIT");
        assert_eq!(commit, scene.gitops.resolve(&one.source).unwrap(), "{name}");

        scene.propose(&flags).exits(0);
        assert_eq!(scene.result("GITOPS_COMMIT"), commit, "{name}");
        assert_eq!(scene.result("CHANGE_REQUEST_URL"), page, "{name}");
        let again = scene.forge.requests();
        assert_eq!(again.len(), 1, "{name}");
        assert_eq!(again[0].labels, labels, "{name}");
        assert_eq!(again[0].reviewers, [reviewer(kind)], "{name}");

        // Another version is another change.
        scene.promote("prod-v1.1", OLD);
        scene.propose(&flags).exits(0);
        assert_eq!(scene.forge.requests().len(), 2, "{name}");
    }
}

#[test]
fn waits_for_the_merge_and_names_its_commit() {
    for host in Kind::ALL {
        let scene = Arc::new(ForgeStandIn::new(host));
        let own = Arc::clone(&scene);
        let merging = thread::spawn(move || {
            while own.forge.requests().is_empty() {
                thread::sleep(Duration::from_millis(10));
            }
            own.forge.merge(1, &own.gitops).unwrap()
        });
        scene.propose(&["--wait=merged"]).exits(0);
        let commit = merging.join().unwrap();
        assert_eq!(scene.result("GITOPS_COMMIT"), commit, "{}", scene.name);
        assert_eq!(scene.result("GITOPS_BRANCH"), "main", "{}", scene.name);
        let file = scene.gitops.read("main", FILE).unwrap();
        assert_eq!(file, patch(&deployed("prod-v1.0", NEW)), "{}", scene.name);
        // What is merged needs no change request.
        scene.propose(&[]).exits(0);
        assert_eq!(scene.result("CHANGED"), "false", "{}", scene.name);
        assert_eq!(scene.forge.requests().len(), 1, "{}", scene.name);
    }
}

#[test]
fn a_change_request_that_is_closed_ends_the_wait_and_is_opened_anew() {
    for host in Kind::ALL {
        let scene = Arc::new(ForgeStandIn::new(host));
        let own = Arc::clone(&scene);
        let closing = thread::spawn(move || {
            while own.forge.requests().is_empty() {
                thread::sleep(Duration::from_millis(10));
            }
            own.forge.close(1);
        });
        scene
            .propose(&["--wait=merged"])
            .exits(6)
            .says("closed without a merge");
        closing.join().unwrap();
        scene.propose(&[]).exits(0);
        let found = scene.forge.requests();
        assert_eq!(found.len(), 2, "{}", scene.name);
        assert_eq!(found[0].source, found[1].source, "{}", scene.name);
    }
}

#[test]
fn what_an_earlier_run_left_behind_is_built_anew_on_the_target() {
    let scene = ForgeStandIn::new((Kind::GitHub, "github"));
    scene.propose(&[]).exits(0);
    let first = scene.result("GITOPS_COMMIT");
    scene.forge.close(1);
    scene.gitops.commit("main", "other", &[("b", "1")]).unwrap();
    scene.propose(&[]).exits(0);
    assert_ne!(scene.result("GITOPS_COMMIT"), first);
    let branch = scene.result("GITOPS_BRANCH");
    let parent = scene.gitops.resolve(&format!("{branch}^")).unwrap();
    assert_eq!(parent, scene.gitops.resolve("main").unwrap());
}

#[test]
fn commits_that_a_person_added_to_the_branch_stay() {
    let scene = ForgeStandIn::new((Kind::Gitea, "gitea"));
    scene.propose(&[]).exits(0);
    let branch = scene.branch();
    let theirs = scene
        .gitops
        .commit(&branch, "theirs", &[("b", "1")])
        .unwrap();
    scene.propose(&[]).exits(0);
    assert_eq!(scene.result("GITOPS_COMMIT"), theirs);
    assert_eq!(scene.gitops.resolve(&branch).unwrap(), theirs);
}

#[test]
fn gitlab_takes_push_options_and_rest_where_they_are_off() {
    let host = (Kind::GitLab, "gitlab");
    let options = ["config", "receive.advertisePushOptions", "true"];
    // The token has no right to the API.
    let scene = ForgeStandIn::new(host);
    scene.gitops.git(&options, None).unwrap();
    scene.fail("GET", "/merge_requests", 403, 99);
    scene
        .propose(&["--label=promotion", "--auto-merge"])
        .exits(0)
        .says("push options alone");
    let found = scene.forge.requests();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].labels, ["promotion"]);
    assert!(found[0].auto_merge && found[0].body.contains(NEW));
    assert!(
        found[0].body.contains("\n| component |"),
        "{}",
        found[0].body
    );
    let page = scene.result("CHANGE_REQUEST_URL");
    assert!(page.ends_with("/-/merge_requests/1"), "{page}");
    scene.holds_one_commit();
    // With both, the API completes what the push opened.
    let scene = ForgeStandIn::new(host);
    scene.gitops.git(&options, None).unwrap();
    scene.propose(&["--reviewer=alice"]).exits(0);
    let found = scene.forge.requests();
    assert_eq!((found.len(), found[0].reviewers.len()), (1, 1));
    let posts = scene.server.requests();
    let posts = posts
        .iter()
        .filter(|one| one.starts_with("POST") && one.ends_with("/merge_requests"));
    assert_eq!(posts.count(), 0);
    // Neither.
    let scene = ForgeStandIn::new(host);
    scene.fail("GET", "/merge_requests", 403, 99);
    scene.propose(&[]).exits(2).says("it lacks the scope api");
}

#[test]
fn a_dry_run_opens_nothing() {
    for host in Kind::ALL {
        let scene = ForgeStandIn::new(host);
        let before = scene.refs();
        scene
            .propose(&["--dry-run"])
            .exits(0)
            .prints("+          image:");
        assert_eq!(scene.refs(), before);
        assert!(scene.forge.requests().is_empty());
    }
}
