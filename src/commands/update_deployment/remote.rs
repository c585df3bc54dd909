//! The edit in a remote repository: fetch, edit, push, and again when somebody else was faster.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::{Duration, Instant},
};

use super::{
    Context, DeployRequest, Done, Guard, done, images::Wanted, message, plan::plan, remote_tree,
};
use crate::{
    commands::failures::git_failure,
    failure::{Failure, Kind},
    git::{self, Change, Push, Repository, SigningKey},
    gitops,
};

/// How often, and how long, a push is tried at least while others push to the same branch.
const ATTEMPTS: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a push is tried on a branch that does not move.
pub(super) const REFUSALS: u32 = 3;
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// The repository that is edited.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) url: String,
    pub(super) branch: Option<String>,
    pub(super) key: Option<SigningKey>,
}

enum Tried {
    Done(Done),
    /// The branch moved: the edit is made again on its new head.
    Moved(git::Error),
    /// The push was not taken, and the branch is where it was.
    Unmoved(git::Error),
}

/// Edits what the branch holds, commits and pushes.
pub(super) async fn edit_remote(
    request: DeployRequest,
    wanted: Wanted,
    remote: Remote,
    context: &Context,
) -> Result<Done, Failure> {
    let guard = Guard::new(&request, &wanted, context);
    let begin = Instant::now();
    let (mut attempt, mut refusals) = (0, 0);
    loop {
        attempt += 1;
        let guard = guard.clone();
        let (request, wanted, remote, time) = (
            request.clone(),
            wanted.clone(),
            remote.clone(),
            context.clock.written(),
        );
        let tried = context.git.run(move |git| {
            let fetched = git.fetch_to_push(&remote.url, remote.branch.as_deref())?;
            Ok(push_edit(&request, &wanted, fetched, time, &remote, &guard))
        });
        match tried.await.map_err(git_failure)?? {
            Tried::Done(done) => {
                if attempt > 1 {
                    tracing::info!("the push took {attempt} attempts");
                }
                return Ok(done);
            }
            Tried::Moved(reason) if attempt < ATTEMPTS || begin.elapsed() < PATIENCE => {
                refusals = 0;
                tracing::info!("somebody else pushed first, editing the new head: {reason}");
            }
            Tried::Moved(reason) => {
                let message = format!("the branch moved at each of {attempt} attempts: {reason}");
                return Err(Failure::message(Kind::Remote, message));
            }
            Tried::Unmoved(reason) => {
                refusals += 1;
                if refusals >= REFUSALS {
                    return Err(git_failure(reason));
                }
                tracing::info!("the push was not taken, trying again: {reason}");
            }
        }
        tokio::time::sleep(pause(attempt)).await;
    }
}

/// Edits what was fetched and pushes it.
fn push_edit(
    request: &DeployRequest,
    wanted: &Wanted,
    mut fetched: Repository,
    time: jiff::Timestamp,
    remote: &Remote,
    guard: &Guard,
) -> Result<Tried, Failure> {
    let Some(branch) = fetched.branch().map(str::to_owned) else {
        let message = format!(
            "{} is not a branch of the GitOps repository",
            remote.branch.as_deref().unwrap_or("HEAD")
        );
        return Err(Failure::message(Kind::Usage, message));
    };
    let plan = {
        let tree = remote_tree(&fetched);
        plan(request, &wanted.images, &tree)?
    };
    let head = fetched.commit_id();
    guard.check(&plan.changed, Some((&remote.url, &head)))?;
    if plan.files.is_empty() || request.dry_run {
        if fetched.is_new() && !request.dry_run {
            tracing::info!("nothing changes: {branch} is not created");
        }
        let mut done = done(!plan.files.is_empty(), &head, &branch);
        done.places = plan.edited();
        done.stdout = if request.dry_run {
            plan.diff().into_bytes()
        } else {
            plan.lines(&head).into_bytes()
        };
        return Ok(Tried::Done(done));
    }
    let message = message::of(request, wanted, &plan.changed);
    let changes: Vec<_> = plan.files.iter().map(change).collect();
    fetched
        .commit(
            &changes,
            &message,
            &request.author,
            time,
            remote.key.as_ref(),
        )
        .map_err(git_failure)?;
    match fetched.push(&Push::to(&branch)) {
        Ok(_) => {
            let mut done = done(true, &fetched.commit_id(), &branch);
            done.stdout = plan.lines(&fetched.commit_id()).into_bytes();
            tracing::info!("pushed {} to {branch}", fetched.commit_id());
            Ok(Tried::Done(done))
        }
        Err(moved @ git::Error::Moved { .. }) => Ok(Tried::Moved(moved)),
        Err(error @ (git::Error::Rejected { .. } | git::Error::Remote { .. })) => {
            Ok(Tried::Unmoved(error))
        }
        Err(error) => Err(git_failure(error)),
    }
}

/// The new content of a file.
pub(super) fn change(changed: &gitops::Changed) -> Change {
    Change {
        path: changed.path.clone(),
        content: changed.after.clone(),
    }
}

/// Longer and longer, and never the same for two runs that lost the same race.
pub(super) fn pause(attempt: u32) -> Duration {
    let most = MAX_PAUSE.min(Duration::from_millis(100) * 2_u32.pow(attempt.min(8)));
    let random = RandomState::new().build_hasher().finish() % 1000;
    most.mul_f64(0.1 + 0.9 * random as f64 / 1000.0)
}
