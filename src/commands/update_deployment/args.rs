//! The flags of `update-deployment` and the typed request that is made of them.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{DeployImages, DeployRequest, DeployTarget, images::parse};
use crate::{failure::Failure, git::Author, image::Digest};

/// Flags of `update-deployment`.
#[derive(Debug, clap::Args)]
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
    /// Replace a newer image by an older one
    #[arg(long)]
    allow_rollback: bool,
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

impl TryFrom<Args> for DeployRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        let given = args.image.iter().chain(&args.images);
        let given = given.map(|text| parse(text));
        let given = given.collect::<Result<Vec<_>, _>>()?;
        let images = match args.unverified && !given.is_empty() && args.promoted.is_none() {
            true => DeployImages::Unverified(given),
            false => DeployImages::Promoted {
                file: args.promoted,
                digest: args.promoted_digest,
                only: given,
                unverified: args.unverified,
            },
        };
        let target = match args.local {
            Some(dir) => DeployTarget::Directory(dir),
            None => DeployTarget::Remote {
                url: args.gitops_repo_url.unwrap_or_default(),
                branch: args.branch,
                sign_key: args.sign_key,
            },
        };
        Ok(Self {
            target,
            environment: args.environment,
            images,
            allow_empty: args.allow_empty,
            allow_rollback: args.allow_rollback,
            file: args.file,
            path: args.path,
            kustomize: args.kustomize,
            helm_values: args.helm_values,
            key: args.key,
            setter: args.setter,
            auto: args.auto,
            pin: args.pin,
            message: args.message,
            author: args.author,
            dry_run: args.dry_run,
        })
    }
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
