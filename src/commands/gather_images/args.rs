//! The flags of `gather-images` and the typed request that they become.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{GatherRequest, ImageSource, NamedRepository};
use crate::{
    commands::cluster::ClusterFlags,
    failure::{Failure, Kind},
    image::{ReferenceError, Repository},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository to which builds push an image; NAME is its component [default: the last path segment]
    #[arg(long, value_name = "[NAME=]REPO", conflicts_with = "snapshot")]
    image: Vec<String>,
    /// The same as --image, as arguments after --
    #[arg(last = true, value_name = "[NAME=]REPO", conflicts_with = "snapshot")]
    images: Vec<String>,
    /// The source repository, in which --revision is resolved to its commit
    #[arg(long, value_name = "URL")]
    git_url: Option<String>,
    /// The Git tag, or a full commit ID
    #[arg(long, value_name = "TAG|COMMIT")]
    revision: Option<String>,
    /// The commit that the event named; refuse --revision if it resolves to another commit
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// A Snapshot instead of --image: a file, - for standard input, JSON, or k8s:[NAMESPACE/]NAME; in a pod, a name that is not a file is looked up in the cluster
    #[arg(long, value_name = "SNAPSHOT")]
    snapshot: Option<String>,
    /// The images that the files of this GitOps directory deploy, instead of --image
    #[arg(long, value_name = "DIR", conflicts_with_all = ["image", "images", "snapshot"])]
    overlay: Option<PathBuf>,
    /// With --overlay: skip images that this branch already deploys
    #[arg(long, value_name = "BRANCH", requires = "overlay")]
    target_branch: Option<String>,
    /// How to find an image: by its Git tag, or by the commit as a tag
    #[arg(long, value_name = "HOW", default_value = "auto")]
    strategy: Strategy,
    /// Require that the Git tag and the commit tag name the same image
    #[arg(long)]
    cross_check: bool,
    /// The tag that the images will get, recorded for later steps; placeholders as in extract-tag --template
    #[arg(long, value_name = "TEMPLATE")]
    destination_tag: Option<String>,
    /// Accept an empty list of images
    #[arg(long)]
    allow_empty: bool,
    /// Print a resource for kubectl create instead of one line per image
    #[arg(long, value_name = "WHAT")]
    emit: Option<Emit>,
    /// With --emit: the application of the Snapshot [default: as in --snapshot]
    #[arg(long, value_name = "NAME", requires = "emit")]
    application: Option<String>,
    /// Push images.json to this repository too; the result IMAGES_TO_VERIFY is then oci:REPO@DIGEST, for verify-ec --images
    #[arg(long, value_name = "REPO")]
    images_artifact: Option<Repository>,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Where to write the list of images [default: images.json]
    #[arg(long, value_name = "FILE")]
    images_out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Emit {
    /// An override Snapshot of Konflux, as JSON
    Snapshot,
}

/// Access to the cluster, and the steps after the list is written.
#[derive(Debug, Clone)]
pub(super) struct After {
    pub(super) cluster: ClusterFlags,
    pub(super) emit: Option<Emit>,
    pub(super) application: Option<String>,
    pub(super) artifact: Option<Repository>,
}

impl Args {
    /// Returns the flags that do not decide which images are gathered.
    pub(super) fn after(&self) -> After {
        After {
            cluster: self.cluster.clone(),
            emit: self.emit,
            application: self.application.clone(),
            artifact: self.images_artifact.clone(),
        }
    }
}

/// The tag by which an image is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    /// By the commit if there is such a tag, else by the Git tag
    Auto,
    /// By the Git tag
    GitTag,
    /// By the commit
    CommitTag,
}

impl TryFrom<Args> for GatherRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        let named = args.image.iter().chain(&args.images);
        let named = named.map(|given| named_repository(given));
        let named = named.collect::<Result<Vec<_>, _>>()?;
        let source = match (args.snapshot, args.overlay) {
            (Some(text), _) => ImageSource::Snapshot(text),
            (None, Some(dir)) => ImageSource::Overlay {
                dir,
                target_branch: args.target_branch,
            },
            (None, None) => ImageSource::Repositories(named),
        };
        let git_url = match (args.git_url, &source) {
            (Some(url), ImageSource::Repositories(_)) if url.is_empty() => {
                let text = "--git-url is empty: expected the source repository of the images";
                return Err(Failure::message(Kind::Usage, text));
            }
            // A Snapshot or an overlay does without one.
            (url, _) => url.filter(|url| !url.is_empty()),
        };
        Ok(Self {
            source,
            git_url,
            revision: args.revision,
            commit: args.commit,
            strategy: args.strategy,
            cross_check: args.cross_check,
            destination_tag: args.destination_tag,
            allow_empty: args.allow_empty,
            images_out: args.images_out,
        })
    }
}

/// Parses `NAME=REPO` or `REPO`, whose name is the last segment.
pub(in crate::commands) fn named_repository(given: &str) -> Result<NamedRepository, Failure> {
    let (name, repository) = match given.split_once('=') {
        Some((name, repository)) if !name.is_empty() => (Some(name), repository),
        _ => (None, given),
    };
    let repository = repository.strip_prefix("docker://").unwrap_or(repository);
    let repository: Repository = repository.parse().map_err(|error| {
        let hint = match &error {
            ReferenceError::NotBare { .. } => {
                "leave the tag out: the image is found by --revision, as --strategy tells"
            }
            _ => "write it as [NAME=]REGISTRY/REPOSITORY, and repeat --image for each image",
        };
        let failure = Failure::new(Kind::Usage, error).hint(hint);
        match name {
            Some(name) => failure.context(format!("--image of {name}")),
            None => failure.context("--image"),
        }
    })?;
    let name = name.unwrap_or_else(|| repository.last_segment()).to_owned();
    Ok(NamedRepository { name, repository })
}
