//! Commit statuses: the command, and those of update-deployment.

use std::sync::Arc;

use lab::{
    forge::{Forge, Kind},
    universe::{COMPONENT, TAG, Universe},
};
use serde_json::json;

use super::{ForgeStandIn, TOKEN};
use crate::harness::Workdir;

/// The host's words for pending, success and failure.
fn words(kind: Kind) -> [&'static str; 3] {
    match kind {
        Kind::GitLab => ["running", "success", "failed"],
        Kind::GitHub | Kind::Gitea => ["pending", "success", "failure"],
        Kind::Bitbucket | Kind::BitbucketDataCenter => ["INPROGRESS", "SUCCESSFUL", "FAILED"],
        Kind::Azure => ["pending", "succeeded", "failed"],
    }
}

#[test]
fn each_host_shows_pending_success_and_the_first_violation() {
    for host in Kind::ALL {
        let scene = ForgeStandIn::new(host);
        let (kind, name) = host;
        let report = json!({"success": false, "components": [
            {"name": "a", "violations": []},
            {"name": "web", "violations": [
                {"msg": "no SBOM\nsecond line", "metadata": {"code": "sbom.found"}}, {"msg": "second"},
            ]},
        ]});
        scene.dir.write("report.json", report.to_string());
        scene.dir.write(
            "good.json",
            json!({"success": true, "components": [{"name": "web"}]}).to_string(),
        );
        let status = |flags: &[&str]| {
            let own = [
                "commit-status".to_owned(),
                format!("--git-url={}", scene.url()),
                format!("--commit={}", scene.source),
                "--git-credentials-dir=credentials".to_owned(),
                format!("--forge={name}"),
                "--context=promote/prod".to_owned(),
                "--link=https://ci.example/7".to_owned(),
            ];
            let flags = own.iter().map(String::as_str).chain(flags.iter().copied());
            scene.dir.promote(&flags.collect::<Vec<_>>())
        };
        status(&["--state=pending"]).exits(0);
        status(&["--state=pending"]).exits(0);
        status(&["--report=good.json"]).exits(0);
        status(&["--state=Failed", "--report=none.json"]).exits(0);
        status(&["--report=report.json"]).exits(0);
        let set = scene.forge.statuses();
        let mut states: Vec<_> = set.iter().map(|one| one.state.as_str()).collect();
        states.dedup();
        let [pending, success, failure] = words(kind);
        assert_eq!(states, [pending, success, failure], "{name}");
        for one in &set {
            assert_eq!(one.commit, scene.source, "{name}");
            assert_eq!(one.context, "promote/prod", "{name}");
            assert_eq!(one.link.as_deref(), Some("https://ci.example/7"), "{name}");
        }
        if kind != Kind::GitLab {
            let last = set.last().unwrap();
            assert_eq!(last.description, "sbom.found: no SBOM", "{name}");
        }
        status(&["--report=none.json"]).exits(3);
        status(&["--state=maybe"])
            .exits(2)
            .says("expected pending, success or failure");
        status(&["--state=pending", "--commit=main"]).exits(2);
    }
}

#[test]
fn a_token_without_the_right_is_reported() {
    for host in Kind::ALL {
        let scene = ForgeStandIn::new(host);
        let right = match host.0 {
            Kind::GitLab => "the scope api and the role Developer",
            Kind::GitHub => "\"Commit statuses: write\"",
            Kind::Gitea => "the scope write:repository",
            Kind::Bitbucket => "repository:write",
            Kind::BitbucketDataCenter => "\"Repository read\"",
            Kind::Azure => "\"Code (status)\"",
        };
        scene.fail("POST", "status", 403, 1);
        let url = format!("--git-url={}", scene.url());
        let commit = format!("--commit={}", scene.source);
        let forge = format!("--forge={}", host.1);
        let flags = [
            "commit-status",
            &url,
            &commit,
            &forge,
            "--state=success",
            "--git-credentials-dir=credentials",
        ];
        scene.dir.promote(&flags).exits(2).says(right);
    }
}

#[test]
fn a_deployment_shows_itself_at_both_commits_on_demand() {
    for host in Kind::ALL {
        let scene = ForgeStandIn::new(host);
        let (kind, name) = host;
        scene.update(&["--commit-status"]).exits(0);
        let [pending, success, failure] = words(kind);
        let commit = scene.result("GITOPS_COMMIT");
        let set = scene.forge.statuses();
        let shown: Vec<_> = set
            .iter()
            .map(|one| (one.commit.as_str(), one.state.as_str()))
            .collect();
        let source = scene.source.as_str();
        let expected = [
            (source, pending),
            (commit.as_str(), success),
            (source, success),
        ];
        assert_eq!(shown, expected, "{name}");
        assert!(set[2].link.as_ref().unwrap().contains(&commit), "{name}");

        let scene = ForgeStandIn::new(host);
        scene
            .update(&["--commit-status", "--environment=none"])
            .exits(3);
        let set = scene.forge.statuses();
        assert_eq!(set.last().unwrap().state, failure, "{name}");
        assert!(set.last().unwrap().description.contains("none"), "{name}");

        let scene = ForgeStandIn::new(host);
        scene.propose(&["--commit-status"]).exits(0);
        let set = scene.forge.statuses();
        assert!(set.iter().all(|one| one.state == pending), "{name} {set:?}");

        // Off by default, and a status that cannot be set changes nothing.
        let scene = ForgeStandIn::new(host);
        scene.update(&[]).exits(0);
        assert!(scene.forge.statuses().is_empty(), "{name}");
        let scene = ForgeStandIn::new(host);
        scene.fail("POST", "status", 403, 99);
        let run = scene
            .update(&["--commit-status"])
            .exits(0)
            .says("gets no status");
        assert!(!run.stderr.contains(TOKEN), "{name}");
    }
}

#[test]
fn a_run_shows_its_end_at_the_source() {
    for (signed, code, end) in [(false, 4, "failed"), (true, 0, "success")] {
        let universe = Universe::new().unwrap();
        if signed {
            universe.sign_and_attest().unwrap();
        }
        let token = std::fs::read_to_string(universe.credentials().join("password")).unwrap();
        let forge = Arc::new(Forge::new(Kind::GitLab, token.trim()));
        universe.git.set_forge(Arc::clone(&forge));
        let dir = Workdir::new();
        let flags = [
            "run".to_owned(),
            format!("--ref=refs/tags/{TAG}"),
            format!("--image={COMPONENT}={}", universe.staging()),
            format!("--git-url={}", universe.source_url()),
            format!("--policy={}", universe.policy_url()),
            format!("--public-key={}", universe.public_key().display()),
            "--ignore-rekor".to_owned(),
            format!("--to={}", universe.production()),
            format!("--gitops-repo-url={}", universe.gitops_url()),
            format!("--git-credentials-dir={}", universe.credentials().display()),
            "--out=out".to_owned(),
            "--set=update-deployment.commit-status=true".to_owned(),
            "--set=update-deployment.forge=gitlab".to_owned(),
        ];
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        dir.promote(&flags).exits(code);
        let set = forge.statuses();
        let source: Vec<_> = set
            .iter()
            .filter(|one| one.commit == universe.commit)
            .map(|one| one.state.as_str())
            .collect();
        assert_eq!(source, ["running", end]);
        if !signed {
            let last = &set.last().unwrap().description;
            assert!(last.contains("attached"), "{last}");
        }
    }
}
