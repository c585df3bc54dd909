//! `update-deployment`: the promoted digests into the GitOps repository.
//!
//! 1. take the images from `promoted.json`, or from `--image` if that file vouches for them
//! 2. fetch the branch, without a checkout
//! 3. edit one scalar for each image; no change is a success without a commit
//! 4. commit and push; when somebody else pushed first, edit the new head

mod images;
mod message;
mod place;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
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
    image::Digest,
};

/// How often a push is tried when others push at the same time.
const ATTEMPTS: u32 = 10;

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &["GITOPS_COMMIT", "GITOPS_BRANCH", "CHANGED"];

/// Flags of `update-deployment`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The GitOps repository
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "local",
        conflicts_with = "local"
    )]
    gitops_repo_url: Option<String>,
    /// Edit the files of this directory instead, without a commit
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
    /// The branch to edit; without it the repository's default branch
    #[arg(long, value_name = "BRANCH", conflicts_with = "local")]
    branch: Option<String>,
    /// The environment whose overlay is edited
    #[arg(long, value_name = "NAME", default_value = "prod")]
    environment: String,
    /// What copy-image wrote [default: promoted.json]
    #[arg(long, value_name = "FILE")]
    promoted: Option<PathBuf>,
    /// The digest of promoted.json that copy-image reported
    #[arg(long, value_name = "DIGEST")]
    promoted_digest: Option<Digest>,
    /// Deploy this image, which promoted.json must list; named NAME or by the last segment of its repository
    #[arg(long, value_name = "[NAME=]REF")]
    image: Vec<String>,
    /// The same as --image
    #[arg(last = true, value_name = "[NAME=]REF")]
    images: Vec<String>,
    /// Deploy --image although no promoted.json vouches for it, or what was copied with --unverified
    #[arg(long)]
    unverified: bool,
    /// Accept an empty list of images
    #[arg(long)]
    allow_empty: bool,
    /// The file to edit, instead of the component's overlay
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// Where the image stands in --file, such as .spec.template.spec.containers[name=web].image
    #[arg(long, value_name = "YAMLPATH", requires = "file")]
    path: Option<String>,
    /// Find the image below this kustomization: its images:, a patch or a resource
    #[arg(long, value_name = "DIR", conflicts_with_all = ["file", "helm_values", "setter", "auto"])]
    kustomize: Option<String>,
    /// The values file of a Helm chart to edit
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "setter", "auto"])]
    helm_values: Option<String>,
    /// Where the image stands in --helm-values, as one text or in parts [default: image]
    #[arg(long, value_name = "YAMLPATH", requires = "helm_values")]
    key: Option<String>,
    /// Edit every scalar with a Flux marker whose policy has the component's name
    #[arg(long, conflicts_with_all = ["path", "auto"])]
    setter: bool,
    /// Search the environment's files for the image when the overlay is not at its usual place
    #[arg(long, conflicts_with = "file")]
    auto: bool,
    /// What to write
    #[arg(long, value_name = "HOW", default_value = "tag-and-digest")]
    pin: Pin,
    /// The first line of the commit message, instead of one that names the components
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Who commits
    #[arg(long, value_name = "NAME <MAIL>", default_value = "promote <promote@localhost>", value_parser = author)]
    author: Author,
    /// Sign the commit with this SSH private key, without a passphrase
    #[arg(long, value_name = "FILE", conflicts_with = "local")]
    sign_key: Option<PathBuf>,
    /// Show the edit as a unified diff and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What is written for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pin {
    /// repository:tag
    Tag,
    /// repository@digest
    Digest,
    /// repository:tag@digest
    TagAndDigest,
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
    let wanted = images::wanted(&args, context)?;
    if wanted.images.is_empty() {
        return empty(&args);
    }
    match args.local.clone() {
        Some(dir) => edit_local(&args, &wanted.images, &dir),
        None => edit_remote(args, wanted, context).await,
    }
}

fn empty(args: &Args) -> Result<Outcome, Failure> {
    if args.allow_empty {
        return Ok(outcome(false, "", ""));
    }
    Err(Failure::message(
        Kind::NotFound,
        "there are no promoted images: nothing would be deployed",
    )
    .hint("--allow-empty accepts that"))
}

fn edit_local(args: &Args, images: &[Image], dir: &Path) -> Result<Outcome, Failure> {
    let tree = Tree {
        read: Box::new(|path| read_local(dir, path)),
        list: Box::new(|| list_files(dir)),
    };
    let plan = plan(args, images, &tree)?;
    let mut outcome = outcome(!plan.files.is_empty(), "", "");
    if args.dry_run {
        outcome.stdout = diff(&plan).into_bytes();
        return Ok(outcome);
    }
    for planned in &plan.files {
        write_file(&dir.join(&planned.change.path), &planned.change.content)?;
    }
    Ok(outcome)
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
    args: Args,
    wanted: images::Wanted,
    context: &Context,
) -> Result<Outcome, Failure> {
    let url = args.gitops_repo_url.clone().unwrap_or_default();
    let key = args
        .sign_key
        .as_deref()
        .map(|path| signing_key(path, context));
    let key = key.transpose()?;
    for attempt in 1..=ATTEMPTS {
        let (args, wanted, url, key, time) = (
            args.clone(),
            wanted.clone(),
            url.clone(),
            key.clone(),
            context.clock.now(),
        );
        let tried = context.git.run(move |git| {
            let fetched = git.fetch(&url, args.branch.as_deref())?;
            Ok(push_edit(&args, &wanted, fetched, time, key.as_ref()))
        });
        match tried.await.map_err(git_failure)?? {
            Tried::Done(outcome) => return Ok(outcome),
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
    Done(Outcome),
    Moved(git::Error),
}

/// Edits what was fetched and pushes it.
fn push_edit(
    args: &Args,
    wanted: &images::Wanted,
    mut fetched: Repository,
    time: jiff::Timestamp,
    key: Option<&SigningKey>,
) -> Result<Tried, Failure> {
    let Some(branch) = fetched.branch().map(str::to_owned) else {
        let message = format!(
            "{} is no branch of the GitOps repository",
            args.branch.as_deref().unwrap_or("HEAD")
        );
        return Err(Failure::message(Kind::Usage, message));
    };
    let tree = Tree {
        read: Box::new(|path| fetched.read(path).map_err(git_failure)),
        list: Box::new(|| fetched.files("").map_err(git_failure)),
    };
    let plan = plan(args, &wanted.images, &tree)?;
    drop(tree);
    if plan.files.is_empty() || args.dry_run {
        let mut outcome = outcome(!plan.files.is_empty(), &fetched.commit_id(), &branch);
        outcome.stdout = if args.dry_run {
            diff(&plan).into_bytes()
        } else {
            Vec::new()
        };
        return Ok(Tried::Done(outcome));
    }
    let message = message::of(args, wanted, &plan.changed);
    let changes: Vec<_> = plan
        .files
        .iter()
        .map(|planned| planned.change.clone())
        .collect();
    fetched
        .commit(&changes, &message, &args.author, time, key)
        .map_err(git_failure)?;
    match fetched.push(&branch) {
        Ok(()) => {
            let mut outcome = outcome(true, &fetched.commit_id(), &branch);
            outcome.stdout = format!("{} {branch}\n", fetched.commit_id()).into_bytes();
            Ok(Tried::Done(outcome))
        }
        Err(moved @ git::Error::Moved { .. }) => Ok(Tried::Moved(moved)),
        Err(error) => Err(git_failure(error)),
    }
}

/// Finds out which files change, all of them before any is written.
fn plan(args: &Args, images: &[Image], tree: &Tree<'_>) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    let one_place = [
        ("--path", args.path.is_some()),
        ("--helm-values", args.helm_values.is_some()),
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
        for (path, locator) in places(args, image, tree)? {
            let before = match plan.content(&path) {
                Some(content) => content.to_vec(),
                None => (tree.read)(&path)?.unwrap_or_default(),
            };
            let edit = gitops::set_image(&path, &before, &locator, &image.written(args.pin))
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

fn outcome(changed: bool, commit: &str, branch: &str) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.results.set("CHANGED", changed.to_string());
    outcome.results.set("GITOPS_COMMIT", commit);
    outcome.results.set("GITOPS_BRANCH", branch);
    outcome
}

/// Longer and longer, and never the same for two runs that lost the same race.
fn pause(attempt: u32) -> Duration {
    let jitter = u64::from(std::process::id()) * 37 % 200;
    Duration::from_millis(100 * u64::from(attempt.min(10)) + jitter)
}

/// `NAME <MAIL>`
fn author(text: &str) -> Result<Author, String> {
    let parts = text.strip_suffix('>').and_then(|text| text.split_once('<'));
    match parts.map(|(name, email)| (name.trim(), email.trim())) {
        Some((name, email)) if !name.is_empty() && !email.is_empty() => Ok(Author {
            name: name.to_owned(),
            email: email.to_owned(),
        }),
        _ => Err("expected NAME <MAIL>".to_owned()),
    }
}
