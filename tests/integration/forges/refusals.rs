//! Refusals of each host, by status: the exit code, and a message that names what the token lacks.

use lab::{
    forge::{ForgeFault, Kind},
    git::Habit,
};

use super::{ForgeStandIn, requests_path};

/// The right that a message names when change requests cannot be opened.
fn right(kind: Kind) -> &'static str {
    match kind {
        Kind::GitLab => "the scope api and the role Developer",
        Kind::GitHub => "\"Pull requests: write\"",
        Kind::Gitea => "the scope write:repository",
        Kind::Bitbucket => "pullrequest:write",
        Kind::BitbucketDataCenter => "\"Repository write\"",
        Kind::Azure => "\"Code (read & write)\"",
    }
}

#[test]
fn each_refusal_has_its_code_and_names_the_right() {
    for host in Kind::ALL {
        let (kind, name) = host;
        let path = requests_path(kind);
        for (status, code, words) in [
            (401, 2, "expired, revoked or of another host"),
            (403, 2, right(kind)),
            (404, 3, right(kind)),
            (409, 6, "the host says 409"),
            (422, 6, "the host says 422"),
        ] {
            let scene = ForgeStandIn::new(host);
            scene.fail("POST", path, status, 99);
            let run = scene.propose(&[]).exits(code).says(words);
            assert!(
                run.stderr.contains(&format!("status {status}")),
                "{name} {status}: {}",
                run.stderr
            );
            assert!(
                run.stderr.contains("credentials/password") || status >= 409,
                "{name} {status}: {}",
                run.stderr
            );
            assert!(!run.stderr.contains(super::TOKEN), "{name}");
            assert!(scene.forge.requests().is_empty(), "{name}");
            // The branch is there: a run with a better token goes on from it.
            assert_eq!(scene.refs().len(), 3, "{name}");
        }
    }
}

#[test]
fn a_host_that_limits_the_rate_is_waited_for_as_long_as_it_says() {
    for host in Kind::ALL {
        let (kind, name) = host;
        let limited = |seconds: &str, times| ForgeFault {
            method: "POST",
            path: requests_path(kind),
            status: 429,
            headers: vec![("retry-after", seconds.to_owned())],
            is_done: false,
            times,
        };
        let scene = ForgeStandIn::new(host);
        scene.forge.fail(limited("1", 2));
        scene.propose(&[]).exits(0).says("limits the rate");
        assert_eq!(scene.forge.requests().len(), 1, "{name}");
        let scene = ForgeStandIn::new(host);
        scene.forge.fail(limited("86400", 1));
        scene.propose(&[]).exits(5).says("asks to wait 86400 s");
    }
}

#[test]
fn one_that_is_open_already_is_taken_whatever_the_status() {
    for host in Kind::ALL {
        let (kind, name) = host;
        for status in [400, 409, 422, 500, 502] {
            // It was opened, by us or another run, and the answer does not say so.
            let scene = ForgeStandIn::new(host);
            scene.forge.fail(ForgeFault {
                method: "POST",
                path: requests_path(kind),
                status,
                headers: Vec::new(),
                is_done: true,
                times: 1,
            });
            scene.propose(&[]).exits(0);
            assert_eq!(scene.forge.requests().len(), 1, "{name} {status}");
            scene.holds_one_commit();
        }
    }
}

#[test]
fn a_host_that_fails_is_asked_again_and_then_a_remote_failure() {
    for host in Kind::ALL {
        let (kind, name) = host;
        let scene = ForgeStandIn::new(host);
        scene.fail("POST", requests_path(kind), 503, 1);
        scene.propose(&[]).exits(0);
        assert_eq!(scene.forge.requests().len(), 1, "{name}");
    }
    let scene = ForgeStandIn::new((Kind::GitHub, "github"));
    scene.fail("GET", "/pulls", 500, 99);
    scene
        .propose(&[])
        .exits(5)
        .says("failed to look for change requests");
}

#[test]
fn a_protected_branch_leads_to_a_change_request() {
    for host in Kind::ALL {
        let scene = ForgeStandIn::new(host);
        let hook = scene.gitops.path().join("hooks/update");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        let script = r#"#!/bin/sh
[ "$1" = refs/heads/main ] && echo 'GH006: Protected branch' >&2 && exit 1
exit 0
"#;
        std::fs::write(&hook, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&hook, mode).unwrap();
        let before = scene.refs();
        scene
            .update(&[])
            .exits(6)
            .says("GH006: Protected branch")
            .says("--change-request");
        assert_eq!(scene.refs(), before);
        scene.propose(&[]).exits(0);
        scene.holds_one_commit();
    }
}

#[test]
fn statuses_of_a_push_have_codes_of_their_own() {
    for (status, code, words) in [
        (
            401,
            2,
            "credentials/password with status 401: not here, says the host",
        ),
        (
            403,
            2,
            "credentials/password with status 403: not here, says the host",
        ),
        (404, 3, "credentials/password may not see it"),
        (422, 5, "422"),
        (500, 5, "500"),
    ] {
        let scene = ForgeStandIn::new((Kind::GitLab, "gitlab"));
        scene.server.set_habit(Habit::PushStatus(status));
        let before = scene.refs();
        scene.update(&[]).exits(code).says(words);
        assert_eq!(scene.refs(), before);
    }
}

#[test]
fn a_host_without_a_name_or_a_token_gets_a_hint() {
    let scene = ForgeStandIn::new((Kind::GitHub, "github"));
    let url = format!("--gitops-repo-url={}", scene.url());
    let flags = [
        "update-deployment",
        &url,
        "--git-credentials-dir=credentials",
        "--change-request",
    ];
    scene.dir.promote(&flags).exits(2).says("--forge");
    let store = scene.url().replace("http://", "http://bot:t0ken@");
    scene.dir.write("other/.git-credentials", store);
    scene.dir.write("token", "wr0ng\n");
    let wrong = scene.propose(&["--forge-token-file=token"]);
    let wrong = wrong.exits(2).says("the token from token");
    assert!(!wrong.stderr.contains("wr0ng"), "{}", wrong.stderr);
    scene.dir.write("token", super::TOKEN);
    scene.propose(&["--forge-token-file=token"]).exits(0);
    scene.propose(&["--forge-token-file=none"]).exits(3);
    let mut azure = flags.to_vec();
    azure.push("--forge=azure-devops");
    let shape = "expected https://dev.azure.com/ORGANISATION/PROJECT/_git/NAME";
    scene.dir.promote(&azure).exits(2).says(shape);
}
