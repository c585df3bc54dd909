//! `update-deployment`: the promoted digests into the GitOps repository.
//!
//! 1. take the images from `promoted.json`, or from `--image` if that file vouches for them
//! 2. fetch the branch, without a checkout
//! 3. edit one scalar for each image; no change is a success without a commit
//! 4. commit and push; when somebody else pushed first, edit the new head

mod args;
mod guard;
mod images;
mod message;
mod place;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use args::{Args, Pin};
use guard::Guard;
pub(crate) use images::Image;
use place::{Tree, places};

use super::{
    Context, Outcome,
    failures::{edit_failure, git_failure},
    files::{list_files, write_file},
};
use crate::{
    failure::{Failure, Kind},
    git::{self, Author, Change, Repository, SigningKey},
    gitops,
    handover::Placed,
    image::Digest,
};

/// How often a push is tried when others push at the same time.
const ATTEMPTS: u32 = 10;

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["GITOPS_COMMIT", "GITOPS_BRANCH", "CHANGED"];

/// Which images are deployed, where, and how the edit is written.
#[derive(Debug, Clone)]
pub(crate) struct DeployRequest {
    /// Where the files are.
    pub(crate) target: DeployTarget,
    /// The environment whose overlay is edited.
    pub(crate) environment: String,
    /// The images.
    pub(crate) images: DeployImages,
    /// Whether an empty list is accepted.
    pub(crate) allow_empty: bool,
    /// Whether an older image may replace a newer one.
    pub(crate) allow_rollback: bool,
    /// The file to edit.
    pub(crate) file: Option<String>,
    /// The place in the file.
    pub(crate) path: Option<String>,
    /// The kustomization to follow.
    pub(crate) kustomize: Option<String>,
    /// The values file of a Helm chart.
    pub(crate) helm_values: Option<String>,
    /// The place in the values file.
    pub(crate) key: Option<String>,
    /// Whether every scalar with a Flux marker of the component is edited.
    pub(crate) setter: bool,
    /// Whether the environment's files are searched.
    pub(crate) auto: bool,
    /// What is written for an image.
    pub(crate) pin: Pin,
    /// The first line of the commit message.
    pub(crate) message: Option<String>,
    /// The author of the commit.
    pub(crate) author: Author,
    /// Whether the edit is shown and nothing is changed.
    pub(crate) dry_run: bool,
}

/// Where the files are.
#[derive(Debug, Clone)]
pub(crate) enum DeployTarget {
    /// In a directory, which is edited without a commit.
    Directory(PathBuf),
    /// In a repository.
    Remote {
        /// The repository.
        url: String,
        /// The branch; `None` is the default branch.
        branch: Option<String>,
        /// The SSH key that signs the commit.
        sign_key: Option<PathBuf>,
    },
}

/// The images that are deployed.
#[derive(Debug, Clone)]
pub(crate) enum DeployImages {
    /// Those of a `promoted.json`.
    Promoted {
        /// The file; `None` is its default name.
        file: Option<PathBuf>,
        /// The digest that copy-image reported.
        digest: Option<Digest>,
        /// Only these, which the file must list.
        only: Vec<Image>,
        /// Whether what was copied without a verdict is deployed.
        unverified: bool,
    },
    /// Those of a `promoted.json` that copy-image has just written.
    Placed(Box<Placed>),
    /// These, without a `promoted.json`.
    Unverified(Vec<Image>),
    /// These, which will be promoted if the edit can be made: a trial that must not write.
    Trial(Vec<Image>),
}

/// What the edit did.
#[derive(Debug)]
pub(crate) struct Done {
    /// The diff, or the commit and branch.
    pub(crate) stdout: Vec<u8>,
    /// Whether something changed.
    pub(crate) changed: bool,
    /// The commit with the edit, else the head.
    pub(crate) commit: String,
    /// The branch.
    pub(crate) branch: String,
}

/// The repository that is edited.
#[derive(Clone)]
struct Remote {
    url: String,
    branch: Option<String>,
    key: Option<SigningKey>,
}

/// One file that has to change.
struct Planned {
    change: Change,
    before: Vec<u8>,
}

/// Everything that has to change, and the images that are not there yet.
#[derive(Default)]
struct Plan {
    files: Vec<Planned>,
    /// Each changed image with what stood there before.
    changed: Vec<(Image, String)>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::NotFound`] for a missing file or container, [`Kind::Refused`] for an image that
/// `promoted.json` does not list, [`Kind::Usage`] for missing credentials, [`Kind::Conflict`]
/// for a push that is rejected for good.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    Ok(perform(args.try_into()?, context).await?.into())
}

/// Edits the files of the images.
///
/// # Errors
/// As [`run`].
pub(crate) async fn perform(request: DeployRequest, context: &Context) -> Result<Done, Failure> {
    let wanted = images::wanted(&request, context)?;
    if wanted.images.is_empty() {
        return empty(&request);
    }
    match request.target.clone() {
        DeployTarget::Directory(dir) => {
            let guard = Guard::new(&request, &wanted, context);
            let edit = move |_: &git::Git| Ok(edit_local(&request, &wanted.images, &dir, &guard));
            context.git.run(edit).await.map_err(git_failure)?
        }
        DeployTarget::Remote {
            url,
            branch,
            sign_key,
        } => {
            let key = sign_key.map(|path| signing_key(&path, context));
            let remote = Remote {
                url,
                branch,
                key: key.transpose()?,
            };
            edit_remote(request, wanted, remote, context).await
        }
    }
}

fn empty(request: &DeployRequest) -> Result<Done, Failure> {
    if request.allow_empty {
        return Ok(done(false, "", ""));
    }
    Err(Failure::message(
        Kind::NotFound,
        "there are no promoted images: nothing would be deployed",
    )
    .hint("--allow-empty accepts that"))
}

fn edit_local(
    request: &DeployRequest,
    images: &[Image],
    dir: &Path,
    guard: &Guard,
) -> Result<Done, Failure> {
    let tree = Tree {
        read: Box::new(|path| read_local(dir, path)),
        list: Box::new(|| list_files(dir)),
    };
    let plan = plan(request, images, &tree)?;
    guard.check(&plan.changed, None)?;
    let mut done = done(!plan.files.is_empty(), "", "");
    if request.dry_run {
        done.stdout = diff(&plan).into_bytes();
        return Ok(done);
    }
    for planned in &plan.files {
        write_file(&dir.join(&planned.change.path), &planned.change.content)?;
    }
    Ok(done)
}

fn read_local(dir: &Path, path: &str) -> Result<Option<Vec<u8>>, Failure> {
    let full = dir.join(path);
    if full.is_dir() {
        return Ok(None);
    }
    match std::fs::read(full) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(Kind::Usage, error).context(format!("cannot read {path}"))),
    }
}

async fn edit_remote(
    request: DeployRequest,
    wanted: images::Wanted,
    remote: Remote,
    context: &Context,
) -> Result<Done, Failure> {
    let guard = Guard::new(&request, &wanted, context);
    for attempt in 1..=ATTEMPTS {
        let guard = guard.clone();
        let (request, wanted, remote, time) = (
            request.clone(),
            wanted.clone(),
            remote.clone(),
            context.clock.now(),
        );
        let tried = context.git.run(move |git| {
            let fetched = git.fetch(&remote.url, remote.branch.as_deref())?;
            Ok(push_edit(&request, &wanted, fetched, time, &remote, &guard))
        });
        match tried.await.map_err(git_failure)?? {
            Tried::Done(done) => return Ok(done),
            Tried::Moved(reason) if attempt < ATTEMPTS => {
                tracing::info!("somebody else pushed first, editing the new head: {reason}");
                tokio::time::sleep(pause(attempt)).await;
            }
            Tried::Moved(reason) => {
                let message = format!("the branch moved at each of {ATTEMPTS} attempts: {reason}");
                return Err(Failure::message(Kind::Remote, message));
            }
        }
    }
    Err(Failure::message(Kind::Bug, "no attempt was made"))
}

fn signing_key(path: &Path, context: &Context) -> Result<SigningKey, Failure> {
    let bytes = context.read(path)?;
    SigningKey::parse(&bytes).map_err(|error| {
        Failure::new(Kind::Usage, error).context(format!("cannot sign with {}", path.display()))
    })
}

enum Tried {
    Done(Done),
    Moved(git::Error),
}

/// Edits what was fetched and pushes it.
fn push_edit(
    request: &DeployRequest,
    wanted: &images::Wanted,
    mut fetched: Repository,
    time: jiff::Timestamp,
    remote: &Remote,
    guard: &Guard,
) -> Result<Tried, Failure> {
    let Some(branch) = fetched.branch().map(str::to_owned) else {
        let message = format!(
            "{} is no branch of the GitOps repository",
            remote.branch.as_deref().unwrap_or("HEAD")
        );
        return Err(Failure::message(Kind::Usage, message));
    };
    let tree = Tree {
        read: Box::new(|path| fetched.read(path).map_err(git_failure)),
        list: Box::new(|| fetched.files("").map_err(git_failure)),
    };
    let plan = plan(request, &wanted.images, &tree)?;
    drop(tree);
    let head = fetched.commit_id();
    guard.check(&plan.changed, Some((&remote.url, &head)))?;
    if plan.files.is_empty() || request.dry_run {
        let mut done = done(!plan.files.is_empty(), &fetched.commit_id(), &branch);
        done.stdout = if request.dry_run {
            diff(&plan).into_bytes()
        } else {
            Vec::new()
        };
        return Ok(Tried::Done(done));
    }
    let message = message::of(request, wanted, &plan.changed);
    let changes: Vec<_> = plan
        .files
        .iter()
        .map(|planned| planned.change.clone())
        .collect();
    fetched
        .commit(
            &changes,
            &message,
            &request.author,
            time,
            remote.key.as_ref(),
        )
        .map_err(git_failure)?;
    match fetched.push(&branch) {
        Ok(()) => {
            let mut done = done(true, &fetched.commit_id(), &branch);
            done.stdout = format!("{} {branch}\n", fetched.commit_id()).into_bytes();
            Ok(Tried::Done(done))
        }
        Err(moved @ git::Error::Moved { .. }) => Ok(Tried::Moved(moved)),
        Err(error) => Err(git_failure(error)),
    }
}

/// Finds out which files change, all of them before any is written.
fn plan(request: &DeployRequest, images: &[Image], tree: &Tree<'_>) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    let one_place = [
        ("--path", request.path.is_some()),
        ("--helm-values", request.helm_values.is_some()),
    ];
    if let Some((flag, _)) = one_place
        .iter()
        .find(|(_, given)| *given && images.len() > 1)
    {
        let message = format!(
            "{flag} names one place, but there are {} images",
            images.len()
        );
        return Err(Failure::message(Kind::Usage, message));
    }
    for image in images {
        let mut previous = None;
        for (path, locator) in places(request, image, tree)? {
            let before = match plan.content(&path) {
                Some(content) => content.to_vec(),
                None => (tree.read)(&path)?.unwrap_or_default(),
            };
            let edit = gitops::set_image(&path, &before, &locator, &image.written(request.pin))
                .map_err(edit_failure)?;
            if edit.content == before {
                tracing::info!("{path} has {} already", image.reference);
                continue;
            }
            previous.get_or_insert(edit.previous);
            plan.put(path, before, edit.content);
        }
        if let Some(previous) = previous {
            plan.changed.push((image.clone(), previous));
        }
    }
    Ok(plan)
}

impl Plan {
    /// A file as the edits so far have left it.
    fn content(&self, path: &str) -> Option<&[u8]> {
        let planned = self.files.iter().find(|file| file.change.path == path);
        planned.map(|file| file.change.content.as_slice())
    }

    fn put(&mut self, path: String, before: Vec<u8>, content: Vec<u8>) {
        match self.files.iter_mut().find(|file| file.change.path == path) {
            Some(planned) => planned.change.content = content,
            None => self.files.push(Planned {
                change: Change { path, content },
                before,
            }),
        }
    }
}

fn diff(plan: &Plan) -> String {
    let one = |planned: &Planned| {
        let (before, after) = (
            String::from_utf8_lossy(&planned.before),
            String::from_utf8_lossy(&planned.change.content),
        );
        let path = &planned.change.path;
        similar::TextDiff::from_lines(&before, &after)
            .unified_diff()
            .header(&format!("a/{path}"), &format!("b/{path}"))
            .to_string()
    };
    plan.files.iter().map(one).collect()
}

fn done(changed: bool, commit: &str, branch: &str) -> Done {
    Done {
        stdout: Vec::new(),
        changed,
        commit: commit.to_owned(),
        branch: branch.to_owned(),
    }
}

impl From<Done> for Outcome {
    fn from(done: Done) -> Self {
        let mut outcome = Self::default();
        outcome.results.set("CHANGED", done.changed.to_string());
        outcome.results.set("GITOPS_COMMIT", done.commit);
        outcome.results.set("GITOPS_BRANCH", done.branch);
        outcome.stdout = done.stdout;
        outcome
    }
}

/// Longer and longer, and never the same for two runs that lost the same race.
fn pause(attempt: u32) -> Duration {
    let jitter = u64::from(std::process::id()) * 37 % 200;
    Duration::from_millis(100 * u64::from(attempt.min(10)) + jitter)
}
