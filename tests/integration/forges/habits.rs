//! The habits of hosts, each with what real git does beside it.

use std::{fs, process::Command};

use lab::git::{Account, GitServer, Habit};

use super::{FILE, NEW, deployed, patch};
use crate::harness::{Run, Workdir};

const OLD: &str = "registry.example/acme/web:v0";

struct HostWithHabit {
    dir: Workdir,
    server: GitServer,
}

impl HostWithHabit {
    fn new(habit: Habit) -> Self {
        Self::with(habit, None)
    }

    fn with(habit: Habit, account: Option<Account>) -> Self {
        let server = GitServer::start(account).unwrap();
        let gitops = server.repository("acme/web").unwrap();
        gitops
            .commit("main", "start", &[(FILE, &patch(OLD))])
            .unwrap();
        server.set_habit(habit);
        Self {
            dir: Workdir::new(),
            server,
        }
    }

    fn update(&self, url: &str, flags: &[&str]) -> Run {
        let url = format!("--gitops-repo-url={url}");
        let image = format!("--image=web={}", deployed("v1", NEW));
        let own = [
            "update-deployment",
            "--unverified",
            "--results-dir=results",
            url.as_str(),
            image.as_str(),
        ];
        let flags: Vec<_> = own.iter().chain(flags).copied().collect();
        self.dir.promote(&flags)
    }

    fn file(&self, branch: &str) -> String {
        let gitops = self.server.repository("acme/web").unwrap();
        gitops.read(branch, FILE).unwrap()
    }

    /// Clones, commits and pushes with git itself; returns whether all of it passed.
    fn git_passes(&self, url: &str) -> bool {
        let clone = self.dir.path("clone");
        let _ = fs::remove_dir_all(&clone);
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command
                .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
                .args(arguments)
                .env("GIT_TERMINAL_PROMPT", "0")
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_CONFIG_GLOBAL", "/dev/null");
            command.output().unwrap().status.success()
        };
        let dir = clone.to_str().unwrap();
        git(&["clone", "--quiet", url, dir])
            && git(&[
                "-C",
                dir,
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "git's own",
            ])
            && git(&["-C", dir, "push", "--quiet", "origin", "HEAD:main"])
    }
}

#[test]
fn passes_where_git_passes() {
    let renamed = Habit::Renamed {
        from: "acme/old".to_owned(),
        to: "acme/web".to_owned(),
    };
    for (habit, path) in [
        (Habit::GitLab, "acme/web"),
        (Habit::GitLab, "acme/web.git"),
        (renamed.clone(), "acme/old.git"),
        (renamed, "acme/old"),
        (Habit::UserAgent, "acme/web.git"),
        (Habit::SignIn, "acme/web"),
    ] {
        let world = HostWithHabit::new(habit.clone());
        let url = format!("{}/{path}", world.server.address());
        assert!(world.git_passes(&url), "git: {habit:?}");
        world.update(&url, &[]).exits(0);
        assert_eq!(world.file("main"), patch(&deployed("v1", NEW)), "{habit:?}");
        world.update(&url, &[]).exits(0);
        assert_eq!(world.dir.read("results/CHANGED"), "false", "{habit:?}");
    }
}

#[test]
fn fails_where_git_fails_and_says_why() {
    let header = Habit::Header("x-nobody", "sends this".to_owned());
    for (habit, code, words) in [
        (Habit::Page(200), 2, "sign-in page"),
        (Habit::Page(203), 2, "sign-in page"),
        (Habit::PushStatus(403), 2, "asks for credentials"),
        (header, 2, "asks for credentials"),
    ] {
        let world = HostWithHabit::new(habit.clone());
        let url = world.server.url("acme/web");
        assert!(!world.git_passes(&url), "git: {habit:?}");
        world.update(&url, &[]).exits(code).says(words);
        assert_eq!(world.file("main"), patch(OLD), "{habit:?}");
    }
}

/// The words of hosts for a branch that moved, none of which is looked at.
const WORDINGS: [&str; 9] = [
    "TF401028: The reference 'refs/heads/main' has already been updated by another client, so you cannot update it. Please try again.",
    "failed to lock",
    "lock failure",
    "LOCK_FAILURE",
    "reference already exists",
    "remote ref is at 1111111111111111111111111111111111111111 but expected 2222222222222222222222222222222222222222",
    "incorrect old value provided",
    "cannot lock ref 'refs/heads/main': is at 1111111111111111111111111111111111111111",
    "anything else that a host may say",
];

#[test]
fn a_refused_push_is_tried_again_whatever_the_words() {
    for reason in WORDINGS {
        let world = HostWithHabit::new(Habit::Refuses {
            reason: reason.to_owned(),
            times: 1,
        });
        world.update(&world.server.url("acme/web"), &[]).exits(0);
        assert_eq!(world.file("main"), patch(&deployed("v1", NEW)), "{reason}");
        let gitops = world.server.repository("acme/web").unwrap();
        let count = gitops.git(&["rev-list", "--count", "main"], None).unwrap();
        assert_eq!(count, "2", "{reason}");
    }
}

#[test]
fn a_refusal_for_good_shows_the_hosts_own_words() {
    for reason in [
        "protected branch hook declined",
        "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch.",
    ] {
        let world = HostWithHabit::new(Habit::Refuses {
            reason: reason.to_owned(),
            times: 99,
        });
        world
            .update(&world.server.url("acme/web"), &[])
            .exits(6)
            .says(reason)
            .says(&format!("printed by a hook: {reason}"))
            .says("--change-request");
        assert_eq!(world.file("main"), patch(OLD), "{reason}");
    }
}

#[test]
fn a_host_that_limits_the_rate_is_waited_for() {
    for status in [429, 503] {
        let world = HostWithHabit::new(Habit::Limited {
            status,
            times: 4,
            seconds: 0,
        });
        world
            .update(&world.server.url("acme/web"), &[])
            .exits(0)
            .says("trying again");
        let world = HostWithHabit::new(Habit::Limited {
            status,
            times: 1,
            seconds: 86400,
        });
        world
            .update(&world.server.url("acme/web"), &[])
            .exits(5)
            .says("asks to wait 86400 s");
    }
}

#[test]
fn a_branch_that_does_not_exist_is_created_where_it_is_named() {
    let world = HostWithHabit::new(Habit::GitLab);
    let url = format!("{}/acme/web", world.server.address());
    world.update(&url, &["--branch=release/v1"]).exits(0);
    assert_eq!(world.dir.read("results/GITOPS_BRANCH"), "release/v1");
    assert_eq!(world.file("release/v1"), patch(&deployed("v1", NEW)));
    assert_eq!(world.file("main"), patch(OLD));
    let before = world.server.repository("acme/web").unwrap().refs().unwrap();
    world.update(&url, &["--branch=release/v1"]).exits(0);
    assert_eq!(world.dir.read("results/CHANGED"), "false");
    world.update(&url, &["--branch=a..b"]).exits(2);
    world.update(&url, &["--branch=new", "--dry-run"]).exits(0);
    let after = world.server.repository("acme/web").unwrap().refs().unwrap();
    assert_eq!(before, after);
}

#[test]
fn credentials_are_sent_as_git_sends_them() {
    let account = |user: &str, password: &str| {
        Some(Account {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    };
    let host = |world: &HostWithHabit| world.server.address().replace("http://", "");
    // The user of the URL picks the login.
    let world = HostWithHabit::with(Habit::GitLab, account("bot", "s3cret"));
    let store = format!(
        "http://ci:wrong@{0}\nodd line\nhttp://bot:s3cret@{0}\n",
        host(&world)
    );
    world.dir.write("home/.git-credentials", &store);
    let url = format!("http://bot@{}/acme/web", host(&world));
    world.update(&url, &[]).exits(0);
    let url = world.server.url("acme/web");
    world
        .update(&url, &[])
        .exits(2)
        .says(".git-credentials with status 401");
    // A token as the user's name with an empty password.
    let world = HostWithHabit::with(Habit::GitLab, account("tok3n", ""));
    let store = format!("http://tok3n:@{}\n", host(&world));
    world.dir.write("home/.git-credentials", store);
    world.update(&world.server.url("acme/web"), &[]).exits(0);
    // A header of git's configuration, in the directory of the flag.
    let bearer = Habit::Header("authorization", "Bearer s3cret".to_owned());
    let world = HostWithHabit::new(bearer);
    let config = format!(
        "[http \"{}/acme\"]\n\textraHeader = \"Authorization: Bearer s3cret\"\n",
        world.server.address()
    );
    world.dir.write("c/.gitconfig", &config);
    let url = world.server.url("acme/web");
    world.update(&url, &["--git-credentials-dir=c"]).exits(0);
    world
        .dir
        .write("c/.gitconfig", config.replace("s3cret", "wr0ng"));
    let run = world.update(&url, &["--git-credentials-dir=c"]).exits(2);
    let run = run.says("c/.gitconfig with status 401");
    assert!(!run.stderr.contains("wr0ng"), "{}", run.stderr);
}

#[test]
fn a_command_that_needs_no_credentials_reads_none() {
    let dir = Workdir::new();
    dir.write("odd/.git-credentials/x", "a directory");
    dir.promote(&["extract-tag", "--tag=v1.0", "--git-credentials-dir=odd"])
        .exits(0);
    let world = HostWithHabit::new(Habit::GitLab);
    let url = world.server.url("acme/web");
    world
        .update(&url, &["--git-credentials-dir=nowhere"])
        .exits(3)
        .says("nowhere");
}

#[test]
fn ssh_is_spoken_by_the_program_where_there_is_one() {
    let world = HostWithHabit::new(Habit::UserAgent);
    let path = world.server.repository("acme/web").unwrap();
    let path = path.path().to_str().unwrap();
    let url = format!("ssh://git@git.example:2222{path}");
    world
        .update(&url, &[])
        .exits(2)
        .says("needs the program ssh")
        .says("use https://");
    // A program that runs the last argument here, and notes the others.
    let script = r#"#!/bin/sh
echo "$@" >> "$HOME/said"
for last; do :; done
exec sh -c "$last"
"#;
    let program = world.dir.write("bin/ssh", script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    world.dir.write("keys/ssh-privatekey", "not read by us");
    world.dir.write("keys/known_hosts", "");
    let search = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        world.dir.path("bin").display()
    );
    for address in [url, format!("git@git.example:{path}")] {
        for changed in ["true", "false"] {
            let image = format!("--image=web={}", deployed("v1", NEW));
            let url = format!("--gitops-repo-url={address}");
            let mut command = world.dir.command();
            command.env("PATH", &search).args([
                "update-deployment",
                "--unverified",
                "--results-dir=results",
                "--git-credentials-dir=keys",
                &url,
                &image,
            ]);
            Run::of(command.output().unwrap()).exits(0);
            assert_eq!(world.dir.read("results/CHANGED"), changed);
        }
        assert_eq!(world.file("main"), patch(&deployed("v1", NEW)));
        let gitops = world.server.repository("acme/web").unwrap();
        gitops
            .commit("main", "back", &[(FILE, &patch(OLD))])
            .unwrap();
    }
    let said = world.dir.read("home/said");
    for part in [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "-p 2222",
        "IdentitiesOnly=yes",
        "known_hosts",
        "git-receive-pack",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
