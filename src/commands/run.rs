//! `run`: the five steps in one process, by the same code as the five commands.
//!
//! Each step gets a typed request: the flags of its section in the configuration file and those
//! of `run` itself make one, and what the steps before did is put into it.
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
mod weakening;

use std::path::PathBuf;

use config::{Config, Flags};

use super::{
    Context, Outcome,
    copy_image::{self, CopyRequest, VerdictSource},
    extract_tag::{self, TagRequest},
    gather_images::{self, GatherRequest},
    trust_flags::TrustFlags,
    update_deployment::{self, DeployImages, DeployRequest, Image},
    verify_ec::{self, Subject},
};
use crate::{
    failure::{Failure, Kind},
    git, text,
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
    /// The flags that the command line switches off: the file does not switch them on again.
    #[arg(skip)]
    pub(crate) off: Vec<String>,
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
    for (_, key, value) in config.settings() {
        if ["git-url", "gitops-repo-url", "policy"].contains(&key)
            && let Some(url) = git::named_url(value)
        {
            context.git.trust_with_credentials(&url);
        }
    }
    let weakened = weakening::settings(&config);
    for setting in &weakened {
        tracing::warn!(
            "the configuration file weakens a check: {}",
            text::line(setting)
        );
    }
    let steps = Steps {
        args: &args,
        config: &config,
        weakened,
    };
    // All of them, so that a wrong flag is found before anything is done.
    let requests = steps.requests(&context)?;
    requests.perform(args.dry_run, &context).await
}

/// The flags of every step: those of the configuration file and those of `run`.
struct Steps<'a> {
    args: &'a Args,
    config: &'a Config,
    weakened: Vec<String>,
}

/// The requests of the five steps.
struct Requests {
    tag: TagRequest,
    gather: GatherRequest,
    verify: verify_ec::Request,
    copy: CopyRequest,
    deploy: DeployRequest,
}

impl Requests {
    /// Carries out the steps; what each did goes into the request of the next.
    async fn perform(self, dry_run: bool, context: &Context) -> Result<Outcome, Failure> {
        let tag = extract_tag::perform(&self.tag, context).await;
        let tag = tag.map_err(in_step("extract-tag"))?;

        let gather = GatherRequest {
            // In full: a tag may be named like a commit.
            revision: Some(format!("refs/tags/{}", tag.tag)),
            commit: tag.commit.clone(),
            destination_tag: Some(tag.destination.clone()),
            ..self.gather
        };
        let gathered = gather_images::perform(&gather, context).await;
        let gathered = gathered.map_err(in_step("gather-images"))?;

        let verify = verify_ec::Request {
            subject: Subject::Gathered(Box::new(gathered.images.clone())),
            ..self.verify
        };
        let judged = verify_ec::perform(verify, context).await;
        let judged = judged.map_err(in_step("verify-ec"))?;
        let verified = match judged.verified() {
            Some(verified) if judged.failure.is_none() => verified.clone(),
            _ => return Ok(judged.into()),
        };

        let mut copy = CopyRequest {
            verdict: VerdictSource::Given(Box::new(verified)),
            ..self.copy
        };
        if copy.tags.is_empty() {
            copy.tags.push(tag.destination.to_string());
        }
        let trial = trial(&copy, &self.deploy, context)?;
        if dry_run {
            return show_plan(copy, trial, context).await;
        }
        // A missing file, container or credential is found before a tag moves.
        let tried = update_deployment::perform(trial, context).await;
        tried.map_err(in_step("update-deployment"))?;

        let copied = copy_image::perform(&copy, context).await;
        let copied = copied.map_err(in_step("copy-image"))?;
        let placed = copied
            .placed()
            .cloned()
            .ok_or_else(|| Failure::message(Kind::Bug, "copy-image wrote no promoted.json"))?;
        let deploy = DeployRequest {
            images: DeployImages::Placed(Box::new(placed.clone())),
            ..self.deploy
        };
        let edited = update_deployment::perform(deploy, context).await;
        let edited = edited.map_err(in_step("update-deployment"))?;

        let mut outcome = Outcome::default();
        outcome.results.extend(&tag.outcome().results);
        outcome.results.extend(&gathered.outcome()?.results);
        outcome.results.extend(&Outcome::from(judged).results);
        outcome.results.extend(&copied.outcome().results);
        outcome.stdout = summary::table(placed.promoted(), &edited).into_bytes();
        outcome.results.extend(&Outcome::from(edited).results);
        Ok(outcome)
    }
}

/// The edit that will follow, for images that are not copied yet.
fn trial(
    copy: &CopyRequest,
    deploy: &DeployRequest,
    context: &Context,
) -> Result<DeployRequest, Failure> {
    let places = copy_image::places(copy, context)?;
    let images = places
        .into_iter()
        .map(|(name, reference)| Image::new(name, reference));
    Ok(DeployRequest {
        images: DeployImages::Trial(images.collect()),
        dry_run: true,
        ..deploy.clone()
    })
}

/// Shows what would be copied and edited; the registry and the GitOps repository are only read.
async fn show_plan(
    copy: CopyRequest,
    trial: DeployRequest,
    context: &Context,
) -> Result<Outcome, Failure> {
    let copy = CopyRequest {
        dry_run: true,
        ..copy
    };
    let planned = copy_image::perform(&copy, context).await;
    let mut outcome = planned.map_err(in_step("copy-image"))?.outcome();
    let edit = update_deployment::perform(trial, context).await;
    let edit = edit.map_err(in_step("update-deployment"))?;
    outcome.stdout.extend(edit.stdout);
    Ok(outcome)
}

/// Names the step that failed.
fn in_step(name: &'static str) -> impl Fn(Failure) -> Failure {
    move |failure| failure.context(name)
}

impl Steps<'_> {
    fn requests(&self, context: &Context) -> Result<Requests, Failure> {
        let tag: extract_tag::Args = self.extract_tag().parse("extract-tag")?;
        let gather: gather_images::Args = self.gather_images().parse("gather-images")?;
        let verify: verify_ec::Args = self.verify_ec().parse("verify-ec")?;
        let copy: copy_image::Args = self.copy_image().parse("copy-image")?;
        let deploy: update_deployment::Args =
            self.update_deployment().parse("update-deployment")?;
        let verify = verify.request(context.clock, context.color);
        let mut verify = verify.map_err(in_step("verify-ec"))?;
        verify.gate.recorded.clone_from(&self.weakened);
        Ok(Requests {
            tag: tag.try_into().map_err(in_step("extract-tag"))?,
            gather: gather.try_into().map_err(in_step("gather-images"))?,
            verify,
            copy: copy.try_into().map_err(in_step("copy-image"))?,
            deploy: deploy.try_into().map_err(in_step("update-deployment"))?,
        })
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

    fn gather_images(&self) -> Flags {
        let mut flags = self.config.step("gather-images");
        if !self.args.image.is_empty() {
            flags.remove_all(&["images", "snapshot", "overlay", "target-branch"]);
        }
        flags
            .set_all("image", &self.args.image)
            .set_some("git-url", self.args.git_url.as_ref());
        flags
    }

    fn verify_ec(&self) -> Flags {
        let (args, trust) = (self.args, &self.args.trust);
        let mut flags = self.config.step("verify-ec");
        self.shut_out(&mut flags);
        flags
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

    /// Takes away what the file says about questions that the command line answers: who signs, which
    /// root is trusted, and what it switches off.
    fn shut_out(&self, flags: &mut Flags) {
        let trust = &self.args.trust;
        let (keys, root) = (&trust.public_key, &trust.root);
        let subjects = [
            &trust.certificate_identity,
            &trust.certificate_identity_regexp,
        ];
        let issuers = [
            &trust.certificate_oidc_issuer,
            &trust.certificate_oidc_issuer_regexp,
        ];
        let has_subject = subjects.iter().any(|subjects| !subjects.is_empty());
        let has_issuer = issuers.iter().any(|issuer| issuer.is_some());
        if has_subject || has_issuer {
            flags.remove("public-key");
        }
        if has_subject || !keys.is_empty() {
            flags.remove_all(&["certificate-identity", "certificate-identity-regexp"]);
        }
        if has_issuer || !keys.is_empty() {
            flags.remove_all(&["certificate-oidc-issuer", "certificate-oidc-issuer-regexp"]);
        }
        if root.trusted_root.is_some() || root.tuf_mirror.is_some() {
            let all = [
                "trusted-root",
                "tuf-mirror",
                "tuf-root",
                "tuf-root-checksum",
            ];
            flags.remove_all(&all);
        }
        for name in &self.args.off {
            flags.remove(name);
        }
    }

    fn copy_image(&self) -> Flags {
        let mut flags = self.config.step("copy-image");
        if self.args.to.is_some() {
            flags.remove("map");
        }
        if self.args.destination_tag.is_some() {
            flags.remove("tag");
        }
        flags.set_some("to", self.args.to.as_ref());
        flags
    }

    fn update_deployment(&self) -> Flags {
        let args = self.args;
        let mut flags = self.config.step("update-deployment");
        flags
            .set_some("gitops-repo-url", args.gitops_repo_url.as_ref())
            .set_some("branch", args.branch.as_ref())
            .set_some("environment", args.environment.as_ref());
        flags
    }
}
