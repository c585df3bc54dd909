//! Habits of real Git hosts that the plain server does not have.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use hyper::{Method, Response, header::HeaderMap};

use super::packet::{Push, packet};
use crate::server::{Body, response};

/// A difference between a real host and git's own server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Habit {
    /// GitLab: a URL without `.git` is redirected for the first request alone, a POST to it is 422.
    GitLab,
    /// Gitea, GitHub: everything of a renamed repository is redirected, a POST by 307.
    Renamed {
        /// The old name, such as `acme/old`.
        from: String,
        to: String,
    },
    /// GitHub, Bitbucket: 404 for a program that does not call itself git.
    UserAgent,
    /// Azure DevOps: a program that does not call itself git is sent to a sign-in page elsewhere.
    SignIn,
    /// An HTML page with this status in place of Git's answer, as for a browser.
    Page(u16),
    /// The first pushes are refused with this reason, which is also printed; the branch stays.
    Refuses {
        /// The reason that `ng` reports for the ref.
        reason: String,
        /// Number of refused pushes; further ones are accepted.
        times: usize,
    },
    /// Every push to this branch is refused; other branches are free.
    Protected(String),
    /// The first requests of each path are answered by 429 (or 503) with `Retry-After`.
    Limited {
        status: u16,
        times: usize,
        /// The value of `Retry-After`, in seconds.
        seconds: u64,
    },
    /// Every push is answered by this status.
    PushStatus(u16),
    /// Only requests with this header are answered.
    Header(&'static str, String),
}

/// Numbers of events, by name.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<String, usize>>);

impl Counts {
    /// Adds one event and returns how many came before.
    fn next(&self, name: &str) -> usize {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(name.to_owned()).or_default();
        *count += 1;
        *count - 1
    }
}

/// The parts of a request that habits read.
pub(super) struct Seen<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl Seen<'_> {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    fn is_push(&self) -> bool {
        *self.method == Method::POST && self.path.ends_with("/git-receive-pack")
    }
}

/// Returns the answer of the habit in place of the plain server's.
pub(super) fn answer(habit: &Habit, counts: &Counts, seen: &Seen<'_>) -> Option<Response<Body>> {
    let is_git = seen.header("user-agent").starts_with("git/");
    match habit {
        Habit::GitLab => gitlab(seen),
        Habit::Renamed { from, to } => renamed(seen, from, to),
        Habit::UserAgent => (!is_git).then(|| response(404, &[], "Not Found")),
        Habit::SignIn if !is_git => {
            let to = "http://localhost:9/_signin?realm=dev.azure.com".to_owned();
            Some(response(302, &[("location", to)], ""))
        }
        Habit::SignIn => None,
        Habit::Page(status) => {
            let kind = [("content-type", "text/html; charset=utf-8".to_owned())];
            Some(response(*status, &kind, "<html>Sign in</html>"))
        }
        Habit::Refuses { reason, times } => {
            if !seen.is_push() || counts.next("push") >= *times {
                return None;
            }
            Some(refusal(seen.body, reason))
        }
        Habit::Protected(branch) => {
            let own = format!("refs/heads/{branch}");
            let is_own = seen.is_push()
                && Push::parse(seen.body)
                    .refs
                    .iter()
                    .any(|one| one.name == own);
            is_own.then(|| refusal(seen.body, "pre-receive hook declined"))
        }
        Habit::Limited {
            status,
            times,
            seconds,
        } => {
            if counts.next(seen.path) >= *times {
                return None;
            }
            let wait = [("retry-after", seconds.to_string())];
            Some(response(*status, &wait, "slow down\n"))
        }
        Habit::PushStatus(status) => seen.is_push().then(|| {
            let kind = [("content-type", "text/plain".to_owned())];
            response(*status, &kind, "not here, says the host\n")
        }),
        Habit::Header(name, value) => {
            (seen.header(name) != value).then(|| response(401, &[], "who are you?\n"))
        }
    }
}

fn gitlab(seen: &Seen<'_>) -> Option<Response<Body>> {
    if seen.path.contains(".git/") {
        return None;
    }
    match seen.path.strip_suffix("/info/refs") {
        Some(base) => {
            let to = format!("{base}.git/info/refs?{}", seen.query);
            Some(response(301, &[("location", to)], ""))
        }
        None => Some(response(422, &[], "The change you requested was rejected.")),
    }
}

fn renamed(seen: &Seen<'_>, from: &str, to: &str) -> Option<Response<Body>> {
    let rest = seen.path.strip_prefix(&format!("/{from}"))?;
    rest.starts_with(['.', '/']).then_some(())?;
    let query = match seen.query {
        "" => String::new(),
        query => format!("?{query}"),
    };
    let status = match *seen.method == Method::GET {
        true => 301,
        false => 307,
    };
    let location = format!("/{to}{rest}{query}");
    Some(response(status, &[("location", location)], ""))
}

fn refusal(body: &[u8], reason: &str) -> Response<Body> {
    let push = Push::parse(body);
    let name = push.refs.first().map_or("refs/heads/main", |one| &one.name);
    let mut report = packet(b"unpack ok\n");
    report.extend(packet(format!("ng {name} {reason}\n").as_bytes()));
    report.extend(b"0000");
    let mut answer = packet(format!("\x02printed by a hook: {reason}\n").as_bytes());
    answer.extend(packet(&[b"\x01", report.as_slice()].concat()));
    answer.extend(b"0000");
    let kind = "application/x-git-receive-pack-result".to_owned();
    response(200, &[("content-type", kind)], answer)
}
