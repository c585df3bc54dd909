//! `update-deployment`: writes the promoted digests into the GitOps repository.
//!
//! 1. take the images from `promoted.json`, or from `--image` if that file lists them
//! 2. fetch the branch, without a checkout
//! 3. edit one scalar for each image; no change is a success without a commit
//! 4. commit and push; after a concurrent push, edit the new head

mod args;
mod attested;
mod change_request;
mod follow;
mod forge_args;
mod guard;
mod images;
mod message;
mod place;
mod plan;
mod remote;
mod status;

use std::path::{Path, PathBuf};

pub(crate) use args::{Args, Pin};
pub(crate) use follow::Follow;
use guard::Guard;
pub(crate) use images::DeployedImage;
pub(crate) use place::local_tree;
use plan::plan;
use remote::{GitopsRemote, edit_remote};
pub(crate) use status::show_at_source;

use super::{Context, Outcome, failures::git_failure};
use crate::{
    failure::{Failure, Kind},
    forge,
    git::{self, Author, CommitSigningKey, FetchedRepository, SigningError},
    gitops,
    handover::PromotedFile,
    image::Digest,
    text,
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &[
    "GITOPS_COMMIT",
    "GITOPS_COMMIT_URL",
    "GITOPS_BRANCH",
    "CHANGED",
    "CHANGE_REQUEST_URL",
];

/// The images to deploy, the files to edit, and the form of the edit.
#[derive(Debug, Clone)]
pub(crate) struct DeployRequest {
    pub(crate) target: DeployTarget,
    /// The environments whose overlays are edited, in one commit.
    pub(crate) environments: Vec<String>,
    pub(crate) images: DeployImages,
    /// Accepts a list without images.
    pub(crate) allow_empty: bool,
    /// Accepts an older image in place of a newer one.
    pub(crate) allow_rollback: bool,
    pub(crate) file: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) kustomize: Option<String>,
    /// The values file of a Helm chart.
    pub(crate) helm_values: Option<String>,
    /// The place in the values file.
    pub(crate) key: Option<String>,
    /// Edits every scalar with a Flux marker of the component.
    pub(crate) setter: bool,
    /// Searches the environment's files for the image.
    pub(crate) auto: bool,
    /// The namespace of the Flux policies.
    pub(crate) setter_namespace: Option<String>,
    /// The document of a file: `KIND/NAME`, or its index.
    pub(crate) document: Option<String>,
    pub(crate) options: gitops::EditOptions,
    /// The form of reference to write.
    pub(crate) pin: Pin,
    /// The first line of the commit message.
    pub(crate) message: Option<String>,
    pub(crate) author: Author,
    /// Adds a Signed-off-by line of the author.
    pub(crate) signoff: bool,
    /// The run that makes the commit.
    pub(crate) run_url: Option<String>,
    /// The evidence bundles of the images, as attest reports them.
    pub(crate) evidence: Option<String>,
    /// The trust file of accepted verifiers; `None` requires no promotion statement.
    pub(crate) require_attestation: Option<String>,
    /// Prints the edit and changes nothing.
    pub(crate) dry_run: bool,
    /// The access to the Git host, and the change request.
    pub(crate) change_request: change_request::ChangeRequestOptions,
    /// Sets a status on the commits.
    pub(crate) commit_status: bool,
}

/// The files to edit: a directory or a repository.
#[derive(Debug, Clone)]
pub(crate) enum DeployTarget {
    /// In a directory, which is edited without a commit.
    Directory(PathBuf),
    Remote {
        url: String,
        /// The branch; `None` is the default branch.
        branch: Option<String>,
        /// The key that signs the commit.
        sign_key: Option<SignKey>,
    },
}

/// The files of a key that signs commits.
#[derive(Debug, Clone)]
pub(crate) struct SignKey {
    pub(crate) file: PathBuf,
    pub(crate) passphrase: Option<PathBuf>,
}

/// The images to deploy, by the input that names them.
#[derive(Debug, Clone)]
pub(crate) enum DeployImages {
    Promoted {
        /// The file; `None` is its default name.
        file: Option<PathBuf>,
        digest: Option<Digest>,
        /// The only images to deploy, which the file must list.
        only: Vec<DeployedImage>,
        /// Accepts images that were copied without a verdict.
        unverified: bool,
    },
    /// Those of a `promoted.json` that copy-image has just written.
    Placed(Box<PromotedFile>),
    /// Those that a floating tag names, once resolved and verified.
    Follow(Box<Follow>),
    /// Those that a floating tag named, with their verdict.
    Followed(Box<PromotedFile>),
    Unverified(Vec<DeployedImage>),
    /// These, which will be promoted if the edit can be made: a trial that must not write.
    Trial {
        images: Vec<DeployedImage>,
        /// The release that they belong to.
        release: ReleaseSource,
    },
}

/// The source of a release, by which the images are compared with the running ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReleaseSource {
    pub(crate) url: Option<String>,
    pub(crate) commit: Option<String>,
}

/// The edit that was made, or is proposed.
#[derive(Debug)]
pub(crate) struct EditResult {
    /// The diff, or the commit and branch.
    pub(crate) stdout: Vec<u8>,
    /// Set when a file changed.
    pub(crate) changed: bool,
    /// The commit with the edit, else the head.
    pub(crate) commit: String,
    /// The page of the commit, where the repository's URL tells its kind of host.
    pub(crate) page: Option<String>,
    pub(crate) branch: String,
    /// The page of the change request.
    pub(crate) change_request: Option<String>,
    /// Every place with an image, before and after the edit.
    pub(crate) places: Vec<EditedPlace>,
}

/// A place in a file that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EditedPlace {
    pub(crate) component: String,
    /// The environment.
    pub(crate) environment: String,
    pub(crate) file: String,
    pub(crate) before: String,
    pub(crate) after: String,
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
pub(crate) async fn perform(
    request: DeployRequest,
    context: &Context,
) -> Result<EditResult, Failure> {
    let Some(request) = request.followed(context).await? else {
        return Ok(edit_result(false, "", ""));
    };
    let wanted = images::wanted(&request, context)?;
    attested::check(&request, &wanted, context).await?;
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
            let key = sign_key.map(|key| signing_key(&key, context));
            let remote = GitopsRemote {
                url,
                branch,
                key: key.transpose()?,
            };
            let statuses = status::Statuses::new(&request, &wanted, &remote.url, context);
            statuses.begin().await;
            let (gitops, kind) = (remote.url.clone(), request.change_request.forge);
            let edited = match request.change_request.is_on {
                true => change_request::propose(request, wanted, remote, context).await,
                false => edit_remote(request, wanted, remote, context).await,
            };
            statuses.end(&edited).await;
            edited.map(|mut done| {
                done.page = forge::commit_page(&gitops, kind, &done.commit);
                done
            })
        }
    }
}

fn empty(request: &DeployRequest) -> Result<EditResult, Failure> {
    if request.allow_empty {
        return Ok(edit_result(false, "", ""));
    }
    Err(Failure::message(
        Kind::NotFound,
        "there are no promoted images: nothing would be deployed",
    )
    .hint("--allow-empty accepts that"))
}

fn edit_local(
    request: &DeployRequest,
    images: &[DeployedImage],
    dir: &Path,
    guard: &Guard,
) -> Result<EditResult, Failure> {
    if !dir.is_dir() {
        let message = format!("--local {} is not a directory", dir.display());
        return Err(Failure::message(Kind::NotFound, message));
    }
    let tree = local_tree(dir);
    let plan = plan(request, images, &tree)?;
    guard.check(&plan.changed, None)?;
    let mut done = edit_result(!plan.files.is_empty(), "", "");
    done.places = plan.edited();
    if request.dry_run {
        done.stdout = plan.dry_run().into_bytes();
        return Ok(done);
    }
    for changed in &plan.files {
        // Written in place, so that the file keeps its mode and owner.
        let path = dir.join(&changed.path);
        std::fs::write(&path, &changed.after).map_err(|error| {
            Failure::new(Kind::Usage, error).context(format!("cannot write {}", path.display()))
        })?;
        tracing::info!("wrote {}", path.display());
    }
    done.stdout = plan.lines("").into_bytes();
    Ok(done)
}

fn signing_key(key: &SignKey, context: &Context) -> Result<CommitSigningKey, Failure> {
    let path = &key.file;
    let bytes = context.read(path)?;
    let passphrase = key.passphrase.as_deref().map(|file| context.read(file));
    let passphrase = passphrase.transpose()?;
    let passphrase = passphrase.as_deref().map(text::without_newline);
    CommitSigningKey::parse(&bytes, passphrase, context.clock.written()).map_err(|error| {
        let hint = match error {
            SigningError::Encrypted => {
                Some("--sign-key-passphrase-file names the file with its passphrase")
            }
            _ => None,
        };
        let failure = Failure::new(Kind::Usage, error)
            .context(format!("cannot sign with {}", path.display()));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// Returns the files of a commit.
fn remote_tree(fetched: &FetchedRepository) -> gitops::Tree<'_> {
    let failed = |file: &str, error: &git::Error| gitops::Error::Read {
        file: file.to_owned(),
        reason: error.to_string(),
    };
    gitops::Tree::new(
        move |path| match fetched.link(path) {
            Ok(Some((file, target))) => Err(gitops::Error::Link { file, target }),
            Ok(None) => fetched.read(path).map_err(|error| failed(path, &error)),
            Err(error) => Err(failed(path, &error)),
        },
        move || {
            fetched.files("").map_err(|error| gitops::Error::List {
                root: "the repository".to_owned(),
                reason: error.to_string(),
                hint: "run it again, and check the commit with git fsck when it fails again"
                    .to_owned(),
            })
        },
    )
}

fn edit_result(changed: bool, commit: &str, branch: &str) -> EditResult {
    EditResult {
        stdout: Vec::new(),
        changed,
        commit: commit.to_owned(),
        page: None,
        branch: branch.to_owned(),
        change_request: None,
        places: Vec::new(),
    }
}

impl From<EditResult> for Outcome {
    fn from(done: EditResult) -> Self {
        let mut outcome = Self::default();
        outcome.results.set("CHANGED", done.changed.to_string());
        outcome.results.set("GITOPS_COMMIT", done.commit);
        let page = done.page.unwrap_or_default();
        outcome.results.set("GITOPS_COMMIT_URL", page);
        outcome.results.set("GITOPS_BRANCH", done.branch);
        let url = done.change_request.unwrap_or_default();
        outcome.results.set("CHANGE_REQUEST_URL", url);
        outcome.stdout = done.stdout;
        outcome
    }
}
