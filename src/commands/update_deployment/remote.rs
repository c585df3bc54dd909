//! The edit in a remote repository: fetch, edit and push, repeated after a concurrent push.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::{Duration, Instant},
};

use super::{
    Context, DeployRequest, EditResult, Guard, edit_result, images::ImagesToDeploy, message,
    plan::plan, remote_tree,
};
use crate::{
    commands::failures::git_failure,
    failure::{Failure, Kind},
    git::{self, CommitSigningKey, FetchedRepository, FileChange, PushRequest},
    gitops,
};

/// The least number of attempts to push while others push to the same branch.
const ATTEMPTS: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(120);
/// The number of attempts to push to a branch that does not move.
pub(super) const REFUSALS: u32 = 3;
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// The repository to edit, and its branch.
#[derive(Clone)]
pub(super) struct GitopsRemote {
    pub(super) url: String,
    pub(super) branch: Option<String>,
    pub(super) key: Option<CommitSigningKey>,
}

enum PushAttempt {
    Done(EditResult),
    /// The branch moved: the edit is made again on its new head.
    Moved(git::Error),
    /// The push was rejected, and the branch has not moved.
    Unmoved(git::Error),
}

/// Edits the files of the branch, commits and pushes.
pub(super) async fn edit_remote(
    request: DeployRequest,
    wanted: ImagesToDeploy,
    remote: GitopsRemote,
    context: &Context,
) -> Result<EditResult, Failure> {
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
            PushAttempt::Done(done) => {
                if attempt > 1 {
                    tracing::info!("the push succeeded at attempt {attempt}");
                }
                return Ok(done);
            }
            PushAttempt::Moved(reason) if attempt < ATTEMPTS || begin.elapsed() < PATIENCE => {
                refusals = 0;
                tracing::info!("the branch moved, editing the new head: {reason}");
            }
            PushAttempt::Moved(reason) => {
                let message = format!("the branch moved at each of {attempt} attempts: {reason}");
                return Err(Failure::message(Kind::Remote, message));
            }
            PushAttempt::Unmoved(reason) => {
                refusals += 1;
                if refusals >= REFUSALS {
                    return Err(git_failure(reason));
                }
                tracing::info!("the push was rejected, trying again: {reason}");
            }
        }
        tokio::time::sleep(pause(attempt)).await;
    }
}

/// Edits the fetched files and pushes them.
fn push_edit(
    request: &DeployRequest,
    wanted: &ImagesToDeploy,
    mut fetched: FetchedRepository,
    time: jiff::Timestamp,
    remote: &GitopsRemote,
    guard: &Guard,
) -> Result<PushAttempt, Failure> {
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
        let mut done = edit_result(!plan.files.is_empty(), &head, &branch);
        done.places = plan.edited();
        done.stdout = if request.dry_run {
            plan.dry_run().into_bytes()
        } else {
            plan.lines(&head).into_bytes()
        };
        return Ok(PushAttempt::Done(done));
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
    match fetched.push(&PushRequest::to(&branch)) {
        Ok(_) => {
            let mut done = edit_result(true, &fetched.commit_id(), &branch);
            done.stdout = plan.lines(&fetched.commit_id()).into_bytes();
            tracing::info!("pushed {} to {branch}", fetched.commit_id());
            Ok(PushAttempt::Done(done))
        }
        Err(moved @ git::Error::Moved { .. }) => Ok(PushAttempt::Moved(moved)),
        Err(error @ (git::Error::Rejected { .. } | git::Error::Remote { .. })) => {
            Ok(PushAttempt::Unmoved(error))
        }
        Err(error) => Err(git_failure(error)),
    }
}

/// Returns the new content of a file.
pub(super) fn change(changed: &gitops::ChangedFile) -> FileChange {
    FileChange {
        path: changed.path.clone(),
        content: changed.after.clone(),
    }
}

/// Returns a pause with exponential backoff and jitter, so that two runs do not collide again.
pub(super) fn pause(attempt: u32) -> Duration {
    let most = MAX_PAUSE.min(Duration::from_millis(100) * 2_u32.pow(attempt.min(8)));
    let random = RandomState::new().build_hasher().finish() % 1000;
    most.mul_f64(0.1 + 0.9 * random as f64 / 1000.0)
}
