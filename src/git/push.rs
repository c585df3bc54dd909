//! Pushes a commit and determines the result: the branch decides, not the host's answer.

use std::{cell::RefCell, time::Duration};

use git2::{PushOptions, RemoteCallbacks};

use super::{
    Error, FetchedRepository, Relation, commit_of_branch, error::redacted,
    repository::check_branch_name, transport::TransportSession,
};
use crate::text;

/// The pauses before the branch is read after a refusal: another push may hold its lock.
const LOOKS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(150),
    Duration::from_millis(450),
];
/// The size limit of the host's progress text.
const MAX_SAID: usize = 16 << 10;

/// The condition on a branch under which a push may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lease {
    /// At this commit; the push may drop commits above it.
    At(String),
    Absent,
    /// At the fetched commit, and the push keeps its commits; any place for another branch.
    Fetched,
}

/// The push of a commit to a branch.
#[derive(Debug, Clone)]
pub(crate) struct PushRequest {
    /// The branch, without `refs/heads/`.
    pub(crate) branch: String,
    /// The condition on the branch.
    pub(crate) lease: Lease,
    /// Push options (`git push -o`); a host without support for them gets the push without them.
    pub(crate) options: Vec<String>,
}

impl PushRequest {
    /// Makes a push to the branch as it was fetched.
    pub(crate) fn to(branch: &str) -> Self {
        Self {
            branch: branch.to_owned(),
            lease: Lease::Fetched,
            options: Vec::new(),
        }
    }
}

/// The answer of a host to a push.
enum PushAnswer {
    Accepted,
    Refused(String),
    /// The host does not support push options; nothing was sent.
    NoOptions,
}

impl FetchedRepository {
    /// Pushes the commit to a branch; the host refuses when the branch moved since the fetch.
    /// Returns the text that the host printed.
    ///
    /// The host's answer does not decide: the branch is read again. A
    /// lost answer may belong to a push that was done, and an "ok" to one that was not;
    /// a refusal is a lost race if the branch has moved.
    ///
    /// # Errors
    /// [`Error::Moved`], [`Error::Rejected`], [`Error::BranchName`] or an error of the connection.
    pub(crate) fn push(&self, push: &PushRequest) -> Result<String, Error> {
        let said = RefCell::default();
        let sent = self.send(push, &said);
        let said = host_text(&said.into_inner());
        match sent {
            Ok(PushAnswer::Accepted) => {
                let now = self.current_commit(&push.branch)?;
                if self.is_done(now.as_deref()) {
                    return Ok(said);
                }
                let ours = self.commit_id();
                let now = now.as_deref().unwrap_or("no commit");
                let branch = &push.branch;
                let reason = format!("it confirmed the push of {ours}, but {branch} is at {now}");
                Err(Error::Remote {
                    url: redacted(&self.address),
                    reason,
                })
            }
            Ok(PushAnswer::Refused(reason)) => self.after_refusal(push, &reason, said),
            Ok(PushAnswer::NoOptions) => {
                let mut plain = push.clone();
                plain.options.clear();
                self.push(&plain)
            }
            Err(error @ (Error::Remote { .. } | Error::Busy { .. })) => {
                match self.current_commit(&push.branch) {
                    Ok(now) if self.is_done(now.as_deref()) => Ok(said),
                    Ok(now) if self.has_moved(push, now.as_deref()) => {
                        Err(self.moved(push, error.to_string()))
                    }
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Distinguishes a lost race from a final refusal by reading the branch.
    fn after_refusal(
        &self,
        push: &PushRequest,
        reason: &str,
        said: String,
    ) -> Result<String, Error> {
        let url = redacted(&self.address);
        let own_words = match said.as_str() {
            "" => reason.to_owned(),
            said => format!("{reason}: {said}"),
        };
        for pause in LOOKS {
            std::thread::sleep(pause);
            let now = self.current_commit(&push.branch)?;
            if now == Some(self.commit_id()) {
                return Ok(said);
            }
            if self.has_moved(push, now.as_deref()) {
                return Err(self.moved(push, own_words));
            }
        }
        Err(Error::Rejected {
            url,
            branch: push.branch.clone(),
            reason: own_words,
        })
    }

    fn moved(&self, push: &PushRequest, reason: String) -> Error {
        Error::Moved {
            url: redacted(&self.address),
            branch: push.branch.clone(),
            reason,
        }
    }

    /// Returns the current commit of a branch.
    fn current_commit(&self, branch: &str) -> Result<Option<String>, Error> {
        let refs = self.git.advertised(&self.address)?.refs;
        Ok(commit_of_branch(&refs, branch).map(str::to_owned))
    }

    /// Tells whether the branch has this commit, perhaps with another push on top of it.
    fn is_done(&self, now: Option<&str>) -> bool {
        let ours = self.commit_id();
        let Some(now) = now else { return false };
        if now == ours {
            return true;
        }
        // A commit that already existed cannot have another push on top of it.
        if now == self.base.to_string() {
            return false;
        }
        let history = self.git.history(&self.address, &[now, &ours], None);
        let relation = history.and_then(|history| history.relation(&ours, now));
        matches!(relation, Ok(Relation::Ancestor))
    }

    fn has_moved(&self, push: &PushRequest, now: Option<&str>) -> bool {
        match self.expected(push) {
            Some(Some(at)) => now != Some(&at),
            Some(None) => now.is_some(),
            None => false,
        }
    }

    /// Returns the expected commit of the branch: `Some(None)` when the branch must not exist, `None` for any.
    fn expected(&self, push: &PushRequest) -> Option<Option<String>> {
        match &push.lease {
            Lease::At(commit) => Some(Some(commit.clone())),
            Lease::Absent => Some(None),
            Lease::Fetched if self.branch() != Some(push.branch.as_str()) => None,
            Lease::Fetched if self.is_new => Some(None),
            Lease::Fetched => Some(Some(self.base.to_string())),
        }
    }

    fn send(&self, push: &PushRequest, said: &RefCell<Vec<u8>>) -> Result<PushAnswer, Error> {
        let branch = &push.branch;
        check_branch_name(branch)?;
        let _session = TransportSession::begin(self.git.clone());
        let local = "refs/heads/promote";
        self.repository
            .reference(local, self.commit, true, "promote")?;
        let answer: RefCell<Option<String>> = RefCell::default();
        let stale: RefCell<Option<String>> = RefCell::default();
        let expected = self.expected(push);
        let pushed = {
            let callbacks = callbacks(expected.as_ref(), said, &answer, &stale);
            let options: Vec<_> = push.options.iter().map(String::as_str).collect();
            let mut settings = PushOptions::new();
            settings.remote_callbacks(callbacks);
            if !options.is_empty() {
                settings.remote_push_options(&options);
            }
            let force = if matches!(push.lease, Lease::At(_)) {
                "+"
            } else {
                ""
            };
            let mut remote = self.repository.remote_anonymous(&self.address)?;
            remote.push(
                &[format!("{force}{local}:refs/heads/{branch}")],
                Some(&mut settings),
            )
        };
        match (pushed, answer.into_inner(), stale.into_inner()) {
            (Ok(()), None, _) => Ok(PushAnswer::Accepted),
            (Ok(()), Some(reason), _) => Ok(PushAnswer::Refused(reason)),
            (Err(_), _, Some(stale)) => Ok(PushAnswer::Refused(stale)),
            (Err(error), ..) if error.message().contains("push-options not supported") => {
                Ok(PushAnswer::NoOptions)
            }
            (Err(error), ..) if !Error::has_kept() && is_refusal(&error) => {
                Ok(PushAnswer::Refused(error.message().to_owned()))
            }
            (Err(error), ..) => Err(Error::from_git(&self.address, &error)),
        }
    }
}

/// Returns the callbacks of a push: they store the host's text in `said`, its refusal in `answer`,
/// and the reason in `stale` when the branch is not at the expected commit.
fn callbacks<'a>(
    expected: Option<&'a Option<String>>,
    said: &'a RefCell<Vec<u8>>,
    answer: &'a RefCell<Option<String>>,
    stale: &'a RefCell<Option<String>>,
) -> RemoteCallbacks<'a> {
    let mut callbacks = RemoteCallbacks::new();
    // The library would also push to a branch that was deleted, or reset to a commit
    // of its history; only the fetched one was checked.
    callbacks.push_negotiation(move |updates| {
        let wrong = updates.iter().find(|update| {
            let at = Some(update.src()).filter(|at| !at.is_zero());
            expected.is_some_and(|expected| *expected != at.map(|at| at.to_string()))
        });
        let Some(wrong) = wrong else { return Ok(()) };
        let reason = format!("the branch is at {} now", wrong.src());
        *stale.borrow_mut() = Some(reason.clone());
        Err(git2::Error::from_str(&reason))
    });
    callbacks.push_update_reference(move |_, status| {
        *answer.borrow_mut() = status.map(str::to_owned);
        Ok(())
    });
    callbacks.sideband_progress(move |text| {
        let mut said = said.borrow_mut();
        let room = MAX_SAID.saturating_sub(said.len());
        said.extend(text.iter().take(room));
        true
    });
    callbacks
}

/// Tells whether the host, or the library for it, rejected the push.
fn is_refusal(error: &git2::Error) -> bool {
    let words = ["unpack", "report-status", "not present locally"];
    error.code() == git2::ErrorCode::NotFastForward
        || words.iter().any(|word| error.message().contains(word))
}

/// Returns a host's text on one line, without `remote:` prefixes and blank lines.
fn host_text(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines = said.split(['\n', '\r']).map(|line| {
        let line = line.trim();
        line.strip_prefix("remote:").unwrap_or(line).trim()
    });
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    text::line(&lines.join("; ")).into_owned()
}
