//! `run`: the five steps in one process, by the same code as the five commands.
//!
//! Each step gets the flags that a user would type: those of its section in the configuration
//! file, then those of `run` itself, then what the step before reported.
//!
//! 1. extract-tag
//! 2. gather-images
//! 3. verify-ec; a "no" ends the run here
//! 4. the edit of the GitOps repository is tried without writing, so that a missing file or
//!    missing credentials are found before a tag moves
//! 5. copy-image
//! 6. update-deployment

mod config;
mod summary;

use std::path::PathBuf;

use config::{Config, Flags};

use super::{
    Context, Outcome, copy_image, extract_tag, gather_images, trust_flags::TrustFlags,
    update_deployment, verify_ec,
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover::Placed,
};

/// Flags of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read the steps' flags from this file: one section per command, named as it
    ///
    /// Keys are the command's flags without dashes, a list repeats the flag. Flags of the command line win.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The Git ref that was pushed, such as refs/tags/v1.0
    #[arg(long, value_name = "REF", group = "event")]
    r#ref: Option<String>,
    /// The Git tag, such as v1.0
    #[arg(long, value_name = "TAG", group = "event")]
    tag: Option<String>,
    /// The event that a Git host sent, as JSON; - reads standard input
    #[arg(long, value_name = "FILE", group = "event")]
    event_file: Option<PathBuf>,
    /// The repository of the image that was built at staging
    #[arg(long, value_name = "[NAME=]REPO")]
    image: Vec<String>,
    /// The source repository, where the tag is peeled to its commit
    #[arg(long, value_name = "URL")]
    git_url: Option<String>,
    /// The policy configuration: a file, a directory, inline text or a URL
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    #[command(flatten)]
    trust: TrustFlags,
    /// The tag that the images get at their destination; {tag} stands for the Git tag [default: prod-{tag}]
    #[arg(long, value_name = "TEMPLATE")]
    destination_tag: Option<String>,
    /// Copy the images into this repository instead of tagging them where they are
    #[arg(long, value_name = "REPO")]
    to: Option<String>,
    /// The GitOps repository
    #[arg(long, value_name = "URL")]
    gitops_repo_url: Option<String>,
    /// The branch of the GitOps repository
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// The environment whose overlay is edited
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Verify, then show what would be copied and the edit as a diff, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the hand-over files and the report into this directory [default: the data directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the chain.
///
/// # Errors
/// What the first failing step says, with the name of the step.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let config = match &args.config {
        Some(path) => Config::parse(&context.read(path)?, path)?,
        None => Config::default(),
    };
    let mut context = context.clone();
    if let Some(out) = &args.out {
        context.data_dir = Some(out.clone());
    }
    let chain = Chain {
        args: &args,
        config: &config,
        context: &context,
    };
    chain.check_flags()?;
    chain.run().await
}

struct Chain<'a> {
    args: &'a Args,
    config: &'a Config,
    context: &'a Context,
}

/// A digest that stands for one that a step will report, to check the flags before the first step.
const PLACEHOLDER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

impl Chain<'_> {
    /// Parses the flags of all steps, so that a wrong one is found before anything is done.
    fn check_flags(&self) -> Result<(), Failure> {
        self.extract_tag()
            .parse::<extract_tag::Args>("extract-tag")?;
        self.gather_images("v0", "v0", "")
            .parse::<gather_images::Args>("gather-images")?;
        self.verify_ec(PLACEHOLDER)
            .parse::<verify_ec::Args>("verify-ec")?;
        self.copy_image(PLACEHOLDER, "v0")
            .parse::<copy_image::Args>("copy-image")?;
        self.update_deployment(PLACEHOLDER)
            .parse::<update_deployment::Args>("update-deployment")?;
        Ok(())
    }

    async fn run(&self) -> Result<Outcome, Failure> {
        let event = self.extract_tag().parse("extract-tag")?;
        let event = step("extract-tag", extract_tag::run(event, self.context).await)?;
        let (tag, destination) = (
            result(&event, "TAG"),
            result(&event, "DESTINATION_IMAGE_TAG"),
        );

        let images = self
            .gather_images(tag, destination, result(&event, "COMMIT"))
            .parse("gather-images")?;
        let images = step(
            "gather-images",
            gather_images::run(images, self.context).await,
        )?;

        let verdict = self
            .verify_ec(result(&images, "IMAGES_DIGEST"))
            .parse("verify-ec")?;
        let verdict = step("verify-ec", verify_ec::run(verdict, self.context).await)?;
        if verdict.failure.is_some() {
            return Ok(verdict);
        }
        let verified = result(&verdict, "VERIFIED_DIGEST");
        if self.args.dry_run {
            return self.show_plan(verified, destination).await;
        }
        self.try_edit(verified, destination).await?;

        let copy = self.copy_image(verified, destination).parse("copy-image")?;
        let copy = step("copy-image", copy_image::run(copy, self.context).await)?;

        let edit = self
            .update_deployment(result(&copy, "PROMOTED_DIGEST"))
            .parse("update-deployment")?;
        let edit = step(
            "update-deployment",
            update_deployment::run(edit, self.context).await,
        )?;

        let mut outcome = Outcome::default();
        for done in [&event, &images, &verdict, &copy, &edit] {
            outcome.results.extend(&done.results);
        }
        let path = self.context.path(None, "promoted.json");
        let expected = result(&copy, "PROMOTED_DIGEST")
            .parse()
            .or_fail(Kind::Bug)?;
        let placed = Placed::parse(&self.context.read(&path)?, "promoted.json", Some(expected));
        let placed = placed.or_fail(Kind::Refused)?;
        let edited =
            ["GITOPS_BRANCH", "GITOPS_COMMIT", "CHANGED"].map(|name| (name, result(&edit, name)));
        outcome.stdout = summary::table(placed.promoted(), &edited).into_bytes();
        Ok(outcome)
    }

    /// Shows what would be copied and edited; the registry and the GitOps repository are only read.
    async fn show_plan(&self, verified: &str, destination: &str) -> Result<Outcome, Failure> {
        let mut copy = self.copy_image(verified, destination);
        let copy = copy.set("dry-run", "true").parse("copy-image")?;
        let mut outcome = step("copy-image", copy_image::run(copy, self.context).await)?;
        let edit = self
            .edit_of(verified, destination)?
            .parse("update-deployment")?;
        let edit = step(
            "update-deployment",
            update_deployment::run(edit, self.context).await,
        )?;
        outcome.stdout.extend(edit.stdout);
        Ok(outcome)
    }

    /// Tries the edit without writing: a missing file, container or credential is found before a tag moves.
    async fn try_edit(&self, verified: &str, destination: &str) -> Result<(), Failure> {
        let edit = self
            .edit_of(verified, destination)?
            .parse("update-deployment")?;
        step(
            "update-deployment",
            update_deployment::run(edit, self.context).await,
        )
        .map(drop)
    }

    /// The flags of the edit that will follow, for images that are not copied yet.
    fn edit_of(&self, verified: &str, destination: &str) -> Result<Flags, Failure> {
        let copy = self.copy_image(verified, destination).parse("copy-image")?;
        let places = copy_image::places(&copy, self.context)?;
        let images: Vec<_> = places
            .iter()
            .map(|(name, image)| format!("{name}={image}"))
            .collect();
        let mut edit = self.update_deployment(PLACEHOLDER);
        edit.remove("promoted")
            .remove("promoted-digest")
            .set_all("image", &images);
        edit.set("unverified", "true").set("dry-run", "true");
        Ok(edit)
    }

    fn extract_tag(&self) -> Flags {
        let args = self.args;
        let mut flags = self.config.step("extract-tag");
        let file = args
            .event_file
            .as_ref()
            .map(|file| file.to_string_lossy().into_owned());
        if args.r#ref.is_some() || args.tag.is_some() || file.is_some() {
            flags
                .remove("ref")
                .remove("tag")
                .remove("event-file")
                .remove("repo");
        }
        flags
            .set_some("ref", args.r#ref.as_ref())
            .set_some("tag", args.tag.as_ref())
            .set_some("event-file", file.as_ref())
            .set_some("git-url", args.git_url.as_ref())
            .set_some("template", args.destination_tag.as_ref())
            .set_default("template", "prod-{tag}");
        flags
    }

    fn gather_images(&self, tag: &str, destination: &str, commit: &str) -> Flags {
        let mut flags = self.config.step("gather-images");
        flags
            .set_all("image", &self.args.image)
            .set_some("git-url", self.args.git_url.as_ref())
            // In full: a tag may be named like a commit.
            .set("revision", format!("refs/tags/{tag}"))
            .set("destination-tag", destination);
        if !commit.is_empty() {
            flags.set("commit", commit);
        }
        flags
    }

    fn verify_ec(&self, images_digest: &str) -> Flags {
        let (args, trust) = (self.args, &self.args.trust);
        let mut flags = self.config.step("verify-ec");
        flags
            .set("images", "file:images.json")
            .set("images-digest", images_digest)
            .set_some("policy", args.policy.as_ref())
            .set_all("public-key", &trust.public_key)
            .set_all("certificate-identity", &trust.certificate_identity)
            .set_all(
                "certificate-identity-regexp",
                &trust.certificate_identity_regexp,
            )
            .set_some(
                "certificate-oidc-issuer",
                trust.certificate_oidc_issuer.as_ref(),
            )
            .set_some(
                "certificate-oidc-issuer-regexp",
                trust.certificate_oidc_issuer_regexp.as_ref(),
            )
            .set_some("rekor-url", trust.rekor_url.as_ref())
            .set_some("trusted-root", trust.root.trusted_root.as_ref())
            .set_some("tuf-mirror", trust.root.tuf_mirror.as_ref())
            .set_some("tuf-root", trust.root.tuf_root.as_ref())
            .set_some("tuf-root-checksum", trust.root.tuf_root_checksum.as_ref());
        if trust.insecure_ignore_sct {
            flags.set("insecure-ignore-sct", "true");
        }
        if trust.ignore_rekor {
            flags.set("ignore-rekor", "true");
        }
        flags
            .set_default("output", "text")
            .add("output", "json=file:report.json");
        flags
    }

    fn copy_image(&self, verified_digest: &str, destination: &str) -> Flags {
        let mut flags = self.config.step("copy-image");
        flags
            .set("verified", "file:verified.json")
            .set("verified-digest", verified_digest)
            .set_some("to", self.args.to.as_ref())
            .set_default("tag", destination);
        flags
    }

    fn update_deployment(&self, promoted_digest: &str) -> Flags {
        let args = self.args;
        let mut flags = self.config.step("update-deployment");
        flags
            .set("promoted", "file:promoted.json")
            .set("promoted-digest", promoted_digest)
            .set_some("gitops-repo-url", args.gitops_repo_url.as_ref())
            .set_some("branch", args.branch.as_ref())
            .set_some("environment", args.environment.as_ref());
        flags
    }
}

/// Names the step that failed.
fn step(name: &str, done: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    done.map_err(|failure| failure.context(name))
}

fn result<'a>(outcome: &'a Outcome, name: &str) -> &'a str {
    outcome.results.get(name).unwrap_or_default()
}
