//! `run`: all steps in one process, by the same code as the commands.
//!
//! Each step gets a typed request: the flags of its section in the configuration file and those
//! of `run` itself make one, and the results of the steps before are put into it.
//!
//! 1. extract-tag
//! 2. gather-images
//! 3. verify-ec; a refusal ends the run here
//! 4. the edit of the GitOps repository is tried without writing, so that a missing file,
//!    missing credentials or an older image are found before a tag moves
//! 5. copy-image, everything by digest
//! 6. attest: the record is there before a tag names the image
//! 7. copy-image, the tags
//! 8. update-deployment
//!
//! When a step fails, the results of those before it are still written.

mod config;
mod picture;
mod recorded;
mod steps;
mod summary;
mod trial;
mod weakening;

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use config::RunConfig;
use picture::Picture;
use recorded::Recorded;
use steps::Steps;
use trial::{release_of, show_plan, trial};

use super::{
    Context, Outcome,
    attest::AttestRequest,
    copy_image::{AttachedChoice, CopyRequest, VerdictSource},
    extract_tag::{self, TagRequest},
    gather_images::{self, GatherRequest},
    trust_flags::TrustFlags,
    update_deployment::{self, DeployImages, DeployRequest, DeployTarget},
    verify_ec::{self, ADD_INFO, VerdictSubject},
};
use crate::{
    failure::Failure,
    git::{self, Credentials, Git},
    handover::VerifiedFile,
    registry, text,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read the options of the steps from this file
    ///
    /// The file has one section per command, with its options as keys, without dashes. A list repeats an option. Options on the command line override the file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The Git ref that was pushed, such as refs/tags/v1.0
    #[arg(long, value_name = "REF", group = "event")]
    r#ref: Option<String>,
    /// The Git tag, such as v1.0
    #[arg(long, value_name = "TAG", group = "event")]
    tag: Option<String>,
    /// The webhook payload of GitLab, GitHub, Gitea, Forgejo or Bitbucket Cloud; - reads standard input
    #[arg(long, value_name = "FILE", group = "event")]
    event_file: Option<PathBuf>,
    /// The repository to which builds push an image; NAME is its component [default: the last path segment]
    #[arg(long, value_name = "[NAME=]REPO")]
    image: Vec<String>,
    /// The same as --image, as arguments after --
    #[arg(last = true, value_name = "[NAME=]REPO")]
    images: Vec<String>,
    /// The source repository, in which the tag is resolved to its commit
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    git_url: Option<String>,
    /// The policy: a configuration (file, inline text, URL, cluster resource), or a directory or repository with rules
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    #[command(flatten)]
    trust: TrustFlags,
    /// The tag that the images get; {tag} is replaced by the Git tag [default: prod-{tag}]
    #[arg(long, value_name = "TEMPLATE")]
    destination_tag: Option<String>,
    /// Copy into this repository instead of tagging in place; {name} is replaced by the component
    #[arg(long, value_name = "REPO")]
    to: Option<String>,
    /// Which attached signatures, attestations and other artifacts to copy [default: seen]
    #[arg(long, value_name = "WHICH")]
    attached: Option<AttachedChoice>,
    /// Refuse to move an existing tag to another image; each tag is read again a second after it was written
    #[arg(long)]
    immutable: bool,
    /// Refuse an image unless its signature names the component's image repository, or its provenance the component's source
    #[arg(long)]
    require_source: bool,
    /// Accept an image that is older than the one it replaces
    #[arg(long)]
    allow_rollback: bool,
    /// The URL of the GitOps repository
    #[arg(long, value_name = "URL")]
    gitops_repo_url: Option<String>,
    /// The branch to edit [default: the repository's default branch]
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// The environment to deploy to; its overlay is edited
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Look for the Git credentials of the GitOps repository in this directory [default: --git-credentials-dir]
    #[arg(long, value_name = "DIR")]
    gitops_credentials_dir: Option<PathBuf>,
    /// Set an option of one step, such as update-deployment.kustomize=overlays/prod; overrides --config
    #[arg(long, value_name = "STEP.FLAG=VALUE")]
    set: Vec<String>,
    /// Verify, then show what would be copied and the edit as a diff, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Write hand-over files and reports into this directory [default: the data directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Flags that the command line switches off, and that the file must not switch on again.
    #[arg(skip)]
    pub(crate) off: Vec<String>,
    /// Allows a promotion without a tag: its requests then name one that does not exist.
    #[arg(skip)]
    pub(super) tag_is_optional: bool,
}

/// Runs the steps in order.
///
/// # Errors
/// The failure of the first failing step, with the name of the step.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let context = args.context(context);
    let prepared = PreparedRun::new(&args, &context)?;
    prepared.perform(args.dry_run, &context).await
}

impl Args {
    /// Returns the context of the steps: hand-over files and reports are in --out.
    pub(super) fn context(&self, context: &Context) -> Context {
        let mut context = context.clone();
        if let Some(out) = &self.out {
            context.data_dir = Some(out.clone());
        }
        context
    }
}

/// The requests of the five steps, checked before any of them runs.
pub(super) struct PreparedRun {
    /// The requests of the five steps.
    pub(super) requests: Requests,
    /// Set when a tag, ref or event was given.
    pub(super) has_tag: bool,
    /// The context of update-deployment, with the credentials for the GitOps repository.
    pub(super) gitops: Context,
}

impl PreparedRun {
    /// Reads the configuration file and the flags.
    ///
    /// # Errors
    /// Any wrong flag or file.
    pub(super) fn new(args: &Args, context: &Context) -> Result<Self, Failure> {
        let mut config = match &args.config {
            Some(path) => RunConfig::parse(&context.read(path)?, path)?,
            None => RunConfig::default(),
        };
        config.set(&args.set)?;
        for (_, key, value) in config.settings() {
            if NAMES_PLACES.contains(&key) {
                context.registry.trust_hosts(registry::named_host(value));
            }
            if ["git-url", "gitops-repo-url", "policy"].contains(&key)
                && let Some(url) = git::named_url(value)
            {
                context.git.trust_with_credentials(&url);
            }
        }
        let weakened = weakening::settings(&config, &args.off);
        for setting in &weakened {
            tracing::warn!(
                "the configuration file weakens a check: {}",
                text::line(setting)
            );
        }
        let steps = Steps {
            args,
            config: &config,
            weakened,
        };
        steps.check_whole()?;
        // All of them, so that a wrong flag is found before anything is done.
        let requests = steps.requests(context)?;
        let gitops = gitops_context(args, &requests.deploy, context);
        Ok(Self {
            requests,
            has_tag: steps.has_event(),
            gitops,
        })
    }
}

/// Returns the context whose Git credentials are those for the GitOps repository.
fn gitops_context(args: &Args, deploy: &DeployRequest, context: &Context) -> Context {
    let mut context = context.clone();
    if let Some(dir) = &args.gitops_credentials_dir {
        let credentials = Credentials::new(Some(dir), &context.env);
        context.git = Git::new(context.http.clone(), credentials);
        if let DeployTarget::Remote { url, .. } = &deploy.target {
            context.git.trust_with_credentials(url);
        }
    }
    context
}

/// The request of each step, in order.
pub(super) struct Requests {
    pub(super) tag: TagRequest,
    pub(super) gather: GatherRequest,
    pub(super) verify: verify_ec::Request,
    pub(super) copy: CopyRequest,
    pub(super) attest: AttestRequest,
    pub(super) deploy: DeployRequest,
}

/// The report for people, beside `report.json`.
const REPORT: &str = "report.html";

/// Settings whose value names a registry.
const NAMES_PLACES: [&str; 7] = [
    "image",
    "to",
    "map",
    "policy",
    "public-key",
    "source",
    "destination",
];

/// The shorter values of results, for a run whose results are too large for Tekton.
const SHORTER: [(&str, &str); 4] = [
    ("IMAGES_TO_VERIFY", "file:images.json"),
    ("ATTESTED", "file:attested.json"),
    ("PROMOTED", "file:promoted.json"),
    ("EVIDENCE_DIGEST", "file:attested.json"),
];

impl PreparedRun {
    /// Runs the steps; a failure comes with the results of the steps before it.
    async fn perform(self, dry_run: bool, context: &Context) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let deploy = self.requests.deploy.clone();
        let source = self.requests.gather.git_url.clone();
        let done = self.steps(dry_run, context, &mut outcome).await;
        if let Err(failure) = done {
            outcome.failure = Some(failure);
        }
        let commit = outcome.results.get("COMMIT");
        if let (Some(failure), Some(url), Some(commit)) = (&outcome.failure, &source, commit)
            && !dry_run
        {
            let text = first_violation(&outcome).unwrap_or_else(|| failure.cause());
            let source = (url.as_str(), commit);
            update_deployment::show_at_source(&deploy, source, Some(&text), context).await;
        }
        outcome.results.shorten(&SHORTER);
        Ok(outcome)
    }

    /// Runs the steps; the result of each goes into the request of the next.
    async fn steps(
        self,
        dry_run: bool,
        context: &Context,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let mut picture = Picture::new();
        let requests = self.requests;
        let tag = extract_tag::perform(&requests.tag, context).await;
        let tag = picture.ended("extract-tag", tag, |tag| {
            format!("{} → {}", tag.tag, tag.destination)
        })?;
        outcome.results.extend(&tag.outcome().results);
        if let (Some(url), Some(commit)) = (&requests.gather.git_url, &tag.commit)
            && !dry_run
        {
            let source = (url.as_str(), commit.as_str());
            update_deployment::show_at_source(&requests.deploy, source, None, context).await;
        }
        let gathered = gather(requests.gather, &tag, context).await;
        let gathered = picture.ended("gather-images", gathered, pinned)?;
        outcome.results.extend(&gathered.outcome()?.results);
        let verified = judge(requests.verify, &gathered, context, outcome, &mut picture).await?;
        let Some(verified) = verified else {
            return Ok(());
        };
        let release = release_of(verified.verified());
        let mut copy = CopyRequest {
            verdict: VerdictSource::Given(Box::new(verified)),
            ..requests.copy
        };
        if copy.tags.is_empty() {
            copy.tags.push(tag.destination.to_string());
        }
        let trial = trial(&copy, &requests.deploy, release, context)?;
        if dry_run {
            let planned = show_plan(copy, trial, context, &self.gitops).await?;
            outcome.results.extend(&planned.results);
            outcome.stdout = planned.stdout;
            return Ok(());
        }
        let steps = (requests.attest, requests.deploy);
        promote(
            copy,
            steps,
            trial,
            &self.gitops,
            context,
            outcome,
            &mut picture,
        )
        .await
    }
}

/// Tries the edit, then copies, records and deploys the images.
async fn promote(
    copy: CopyRequest,
    (attest, deploy_request): (AttestRequest, DeployRequest),
    trial: DeployRequest,
    gitops: &Context,
    context: &Context,
    outcome: &mut Outcome,
    picture: &mut Picture,
) -> Result<(), Failure> {
    // A missing file, container or credential must be found before a tag moves.
    let tried = update_deployment::perform(trial, gitops).await;
    let tried = tried.map_err(in_step("update-deployment"))?;
    let recorded = recorded::copy(copy, attest, &tried, &deploy_request, context, outcome);
    let recorded = match recorded.await {
        Ok(recorded) => recorded,
        // The failure names its step already: copy-image or attest.
        Err(failure) => {
            picture.refused("copy-image", "");
            return Err(failure);
        }
    };
    picture.passed("copy-image", &picture::copied(recorded.placed.promoted()));
    deploy(recorded, deploy_request, gitops, outcome, picture).await?;
    let report = context.path(None, REPORT);
    let line = format!("  page     {}\n", text::line(&report.display().to_string()));
    outcome
        .stdout
        .extend(format!("Report\n{line}").into_bytes());
    Ok(())
}

/// Finds the images of the tag.
async fn gather(
    request: GatherRequest,
    tag: &extract_tag::ExtractedTag,
    context: &Context,
) -> Result<gather_images::GatheredImages, Failure> {
    let request = GatherRequest {
        // In full: a tag may be named like a commit.
        revision: Some(format!("refs/tags/{}", tag.tag)),
        commit: tag.commit.clone(),
        destination_tag: Some(tag.destination.to_string()),
        ..request
    };
    gather_images::perform(&request, context).await
}

/// Returns the images that were found, by name and the first digits of the digest.
fn pinned(gathered: &gather_images::GatheredImages) -> String {
    let components = gathered.images.components();
    let pinned = components.map(|(component, image)| {
        format!("{} is {}", component.name, picture::short(image.digest))
    });
    pinned.collect::<Vec<_>>().join(", ")
}

/// Verifies the images; `None` after a refusal, whose report and failure are in the outcome.
async fn judge(
    request: verify_ec::Request,
    gathered: &gather_images::GatheredImages,
    context: &Context,
    outcome: &mut Outcome,
    picture: &mut Picture,
) -> Result<Option<VerifiedFile>, Failure> {
    let request = verify_ec::Request {
        subject: VerdictSubject::Gathered(Box::new(gathered.images.clone())),
        ..request
    };
    let judged = verify_ec::perform(request, context).await;
    let judged = match judged {
        Err(failure) => return picture.ended("verify-ec", Err(failure), |_| String::new()),
        Ok(judged) => judged,
    };
    let verified = judged.verified().cloned();
    let judged = Outcome::from(judged);
    outcome.results.extend(&judged.results);
    match (verified, judged.failure) {
        (Some(verified), None) => {
            picture.passed("verify-ec", &picture::counts_of(&outcome.results));
            Ok(Some(verified))
        }
        (_, failure) => {
            picture.refused("verify-ec", &picture::counts_of(&outcome.results));
            outcome.stdout = judged.stdout;
            let page = context.path(None, "report.html");
            outcome.failure = failure.map(|failure| match failure.next() {
                Some(ADD_INFO) => {
                    failure.hint(format!("{} has the solution of each rule", page.display()))
                }
                _ => failure,
            });
            Ok(None)
        }
    }
}

/// Edits the GitOps repository for images that were copied.
async fn deploy(
    recorded: Recorded,
    request: DeployRequest,
    gitops: &Context,
    outcome: &mut Outcome,
    picture: &mut Picture,
) -> Result<(), Failure> {
    let placed = recorded.placed;
    let request = DeployRequest {
        images: DeployImages::Placed(Box::new(placed.clone())),
        evidence: recorded.evidence,
        ..request
    };
    let edited = update_deployment::perform(request, gitops).await;
    let edited = picture.ended("update-deployment", edited, summary::edited)?;
    outcome.stdout = summary::summary(placed.promoted(), &edited).into_bytes();
    outcome.results.extend(&Outcome::from(edited).results);
    Ok(())
}

/// Returns the first violation, as `TEST_OUTPUT` has it.
fn first_violation(outcome: &Outcome) -> Option<String> {
    let test_output = outcome.results.get("TEST_OUTPUT")?;
    let test_output: serde_json::Value = serde_json::from_str(test_output).ok()?;
    let failed = test_output["result"] != "SUCCESS";
    let note = test_output["note"].as_str().filter(|_| failed)?;
    Some(note.to_owned())
}

/// Adds the name of the failed step to a failure.
fn in_step(name: &'static str) -> impl Fn(Failure) -> Failure {
    move |failure| failure.context(name)
}
