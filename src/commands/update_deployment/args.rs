//! The flags of `update-deployment` and the typed request that they become.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments of flags are the text of --help"
)]

use std::path::PathBuf;

use clap::ValueEnum;

use super::{
    DeployImages, DeployRequest, DeployTarget, DeployedImage, Follow, SignKey, follow::FollowFlags,
    forge_args::ForgeArgs, images::parse,
};
use crate::{failure::Failure, git::Author, gitops::EditOptions, image::Digest};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The URL of the GitOps repository
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "local",
        conflicts_with = "local"
    )]
    gitops_repo_url: Option<String>,
    /// Edit the files in this directory instead, without a commit
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
    /// The branch to edit [default: the repository's default branch]
    #[arg(long, value_name = "BRANCH", conflicts_with = "local")]
    branch: Option<String>,
    /// The environment to deploy to; its overlay is edited, several in one commit
    #[arg(long, value_name = "NAME", default_value = "prod")]
    environment: Vec<String>,
    /// The file that copy-image wrote [default: promoted.json]
    #[arg(long, value_name = "FILE")]
    promoted: Option<PathBuf>,
    /// Require this digest of promoted.json, as copy-image reported it
    #[arg(long, value_name = "DIGEST")]
    promoted_digest: Option<Digest>,
    /// Deploy this image (REPO[:TAG]@DIGEST), which promoted.json must list; NAME is its component [default: the last path segment]
    #[arg(long, value_name = "[NAME=]REF")]
    image: Vec<String>,
    /// The same as --image, as arguments after --
    #[arg(last = true, value_name = "[NAME=]REF")]
    images: Vec<String>,
    /// Deploy an --image that promoted.json does not list, or an image that was copied with --unverified
    #[arg(long)]
    unverified: bool,
    /// Accept an empty list of images
    #[arg(long)]
    allow_empty: bool,
    /// Accept an image that is older than the one it replaces
    #[arg(long)]
    allow_rollback: bool,
    /// The file to edit instead of the overlay
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// The path of the image in --file, such as .spec.template.spec.containers[name=web].image
    ///
    /// Keys are joined by dots. A list item is selected by its index from 0 ([0]) or by a key
    /// ([name=web]). A key with dots, slashes or brackets is quoted: .metadata."a.b/c".d. The path
    /// ends at a scalar (a reference, repository, tag or digest, which gets its part of the image)
    /// or at a mapping of such parts. It can continue into YAML inside a string, such as
    /// spec.source.helm.values of an Argo CD Application.
    #[arg(long, value_name = "YAMLPATH", requires = "file")]
    path: Option<String>,
    /// Build this kustomization and edit the place that sets the image last
    #[arg(long, value_name = "DIR", conflicts_with_all = ["file", "helm_values", "setter", "auto"])]
    kustomize: Option<String>,
    /// The Helm values file to edit instead of the overlay
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "setter", "auto"])]
    helm_values: Option<String>,
    /// The path of the image in --helm-values, as in --path [default: image]
    #[arg(long, value_name = "YAMLPATH", requires = "helm_values")]
    key: Option<String>,
    /// Edit every value with a Flux marker ($imagepolicy) for a policy with the component's name
    #[arg(long, conflicts_with_all = ["path", "auto"])]
    setter: bool,
    /// With --setter: edit only markers for policies in this namespace
    #[arg(long, value_name = "NAMESPACE", requires = "setter")]
    setter_namespace: Option<String>,
    /// The YAML document to edit if there are several: KIND/NAME, or its index from 0
    #[arg(long, value_name = "KIND/NAME|N")]
    document: Option<String>,
    /// Edit every use of the component's repository: init containers, workers, CronJobs
    #[arg(long)]
    all: bool,
    /// Add a missing images: entry, or a key of it, to the overlay
    #[arg(long)]
    create: bool,
    /// Edit a file that other environments use too
    #[arg(long)]
    shared_base: bool,
    /// Edit a value that YAML aliases use elsewhere too
    #[arg(long)]
    allow_shared: bool,
    /// Replace an image that may not be the component's: the only container, or the named place
    #[arg(long)]
    adopt: bool,
    /// Replace a variable such as ${TAG}, which would be substituted later
    #[arg(long)]
    overwrite_variable: bool,
    /// Search the environment's files for the image if the overlay is not in its usual place
    #[arg(long, conflicts_with = "file")]
    auto: bool,
    /// Which parts of the image reference to write
    #[arg(long, value_name = "HOW", default_value = "tag-and-digest")]
    pin: Pin,
    /// The first line of the commit message [default: one that names the components]
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// The author and committer
    #[arg(long, value_name = "NAME <MAIL>", default_value = "promote <promote@localhost>", value_parser = author)]
    author: Author,
    /// Add a Signed-off-by line with --author
    #[arg(long)]
    signoff: bool,
    /// The URL of the run, for the commit message
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
    /// The digests of evidence bundles, for the commit message: the result EVIDENCE_DIGEST of attest, or file:attested.json
    #[arg(long, value_name = "DIGESTS")]
    evidence: Option<String>,
    /// Refuse an image that no verifier in this trust file (a file, or its text) promoted to the environment
    #[arg(long, value_name = "FILE")]
    require_attestation: Option<String>,
    /// Sign the commit with this private key: SSH, or OpenPGP as gpg --export-secret-keys writes it
    #[arg(long, value_name = "FILE", conflicts_with = "local")]
    sign_key: Option<PathBuf>,
    /// The file with the passphrase of --sign-key
    #[arg(long, value_name = "FILE", requires = "sign_key")]
    sign_key_passphrase_file: Option<PathBuf>,
    /// Show the edit as a diff, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    follow: FollowFlags,
    #[command(flatten)]
    forge: ForgeArgs,
}

impl DeployRequest {
    /// Returns the request of the Task `update-deployment` of other catalogues: one image into one environment.
    pub(in crate::commands) fn of_task(
        url: String,
        environment: String,
        image: DeployedImage,
    ) -> Self {
        Self {
            target: DeployTarget::Remote {
                url,
                branch: None,
                sign_key: None,
            },
            environments: vec![environment],
            message: Some(format!(
                "Update '{}' component image to: {}",
                image.name, image.reference
            )),
            images: DeployImages::Unverified(vec![image]),
            allow_empty: false,
            // The original replaces any image.
            allow_rollback: true,
            file: None,
            path: None,
            kustomize: None,
            helm_values: None,
            key: None,
            setter: false,
            auto: false,
            setter_namespace: None,
            document: None,
            options: EditOptions {
                all: false,
                create: false,
                shared_base: false,
                allow_shared: false,
                adopt: true,
                overwrite_variable: false,
                single: false,
                copy: false,
            },
            pin: Pin::TagAndDigest,
            author: Author {
                name: "gitops-update".to_owned(),
                email: "rhtap@noreplay.com".to_owned(),
            },
            signoff: false,
            run_url: None,
            evidence: None,
            require_attestation: None,
            dry_run: false,
            change_request: Default::default(),
            commit_status: false,
        }
    }
}

/// The form of the written reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pin {
    /// The tag alone: repository:tag
    Tag,
    /// The digest alone: repository@digest
    Digest,
    /// Tag and digest: repository:tag@digest
    TagAndDigest,
}

fn allowed_edits(args: &Args) -> EditOptions {
    EditOptions {
        all: args.all,
        create: args.create,
        shared_base: args.shared_base,
        allow_shared: args.allow_shared,
        adopt: args.adopt,
        overwrite_variable: args.overwrite_variable,
        single: false,
        copy: false,
    }
}

impl TryFrom<Args> for DeployRequest {
    type Error = Failure;

    fn try_from(args: Args) -> Result<Self, Failure> {
        let options = allowed_edits(&args);
        let given = args.image.iter().chain(&args.images);
        let follow = Follow::new(args.follow, given.clone())?;
        let given = given.filter(|_| follow.is_none()).map(|text| parse(text));
        let given = given.collect::<Result<Vec<_>, _>>()?;
        let unverified = args.unverified && !given.is_empty() && args.promoted.is_none();
        let images = match (follow, unverified) {
            (Some(follow), _) => DeployImages::Follow(Box::new(follow)),
            (None, true) => DeployImages::Unverified(given),
            (None, false) => DeployImages::Promoted {
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
                sign_key: args.sign_key.map(|file| SignKey {
                    file,
                    passphrase: args.sign_key_passphrase_file,
                }),
            },
        };
        let (change_request, commit_status) = args.forge.into_options();
        Ok(Self {
            target,
            environments: args.environment,
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
            setter_namespace: args.setter_namespace,
            document: args.document,
            options,
            pin: args.pin,
            message: args.message,
            author: args.author,
            signoff: args.signoff,
            run_url: args.run_url,
            evidence: args.evidence,
            require_attestation: args.require_attestation,
            dry_run: args.dry_run,
            change_request,
            commit_status,
        })
    }
}

/// Parses `NAME <MAIL>` with both parts.
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
