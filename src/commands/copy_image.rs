//! `copy-image`: copies or re-tags exactly the verified digests with all that is attached.
//!
//! 1. read `verified.json`, unless the gate is switched off by name
//! 2. for each image: source, destination and tags
//! 3. plan, which only reads; refuse what `verified.json` does not list
//! 4. carry out the plan; tags move last
//! 5. write `promoted.json`

mod args;
mod attached;
mod endpoint;
mod harm;
mod jobs;
mod output;
mod released;
mod reports;
mod rollback;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Instant,
};

pub(crate) use args::{Args, AttachedChoice};
use endpoint::CopyEndpoint;

pub(in crate::commands) use self::jobs::expected;
use self::jobs::{CopyJob, CopyJobs};
use super::{
    Context, Outcome,
    failures::{handover_failure, registry_failure},
    files::{remove_file, unchecked, write_file},
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover::{Copied, Promoted, PromotedComponent, PromotedFile, VERSION, VerifiedFile},
    image::{Digest, Reference},
    registry::{self, CopyRules, Planned, Registry, Retries, Version},
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &[
    "SOURCE_DIGEST",
    "DESTINATION_DIGEST",
    "PROMOTED",
    "PROMOTED_DIGEST",
];

/// The images to copy, their destinations, and the verdict that must allow it.
#[derive(Debug, Clone)]
pub(crate) struct CopyRequest {
    /// The verdict that must allow the copy.
    pub(crate) verdict: VerdictSource,
    pub(crate) source: CopySource,
    /// Templates of the tags at the destination.
    pub(crate) tags: Vec<String>,
    /// Accepts a verdict over no images.
    pub(crate) allow_empty: bool,
    /// The half that is carried out: staging images, moving tags, or both.
    pub(crate) mode: CopyMode,
    /// Refuses a tag that would move back, also where none moves yet.
    pub(crate) check_tags: bool,
    /// The selection of attached artifacts; `None` is what the verdict lists, without a verdict everything.
    pub(crate) attached: Option<AttachedChoice>,
    /// Copies scan reports that the provenance names too.
    pub(crate) with_reports: bool,
    /// Refuses to move a tag that names another image.
    pub(crate) immutable: bool,
    /// Checks every blob where the destination has the image already.
    pub(crate) deep: bool,
    /// Allows a tag to move back to an older image.
    pub(crate) allow_rollback: bool,
    /// Shows the plan and writes nothing.
    pub(crate) dry_run: bool,
    /// The platform of an index that is copied alone.
    pub(crate) platform: Option<String>,
    /// How many transfers run at once with one registry.
    pub(crate) jobs: Option<u16>,
    /// How many times a failed request is repeated.
    pub(crate) retries: Option<u32>,
}

/// The parts of a copy that are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyMode {
    Both,
    /// Everything by digest, and no tag.
    StageOnly,
    /// The tags of what was staged.
    TagsOnly,
}

/// The verdict that must allow a copy.
#[derive(Debug, Clone)]
pub(crate) enum VerdictSource {
    File {
        /// The file; `None` is its default name.
        path: Option<PathBuf>,
        digest: Option<Digest>,
    },
    /// The `verified.json` that verify-ec has just written.
    Given(Box<VerifiedFile>),
    Unverified,
}

/// The images to copy, by the flags that select them.
#[derive(Debug, Clone)]
pub(crate) enum CopySource {
    One {
        from: Box<CopyEndpoint>,
        to: Box<CopyEndpoint>,
    },
    /// The images that an earlier copy staged.
    Staged {
        /// Its `promoted.json`; `None` is its default name.
        file: Option<PathBuf>,
        digest: Option<Digest>,
        /// Accepts images that were staged without a verdict.
        unverified: bool,
    },
    /// The repositories and tags of plan-release's mapping.
    Released {
        /// Its `release.json`; `None` is its default name.
        file: Option<PathBuf>,
        digest: Option<Digest>,
    },
    /// Every image of the verdict, each to one repository.
    All {
        /// The repository they are copied into; `None` is their own. `{name}` is the component.
        to: Option<String>,
        map: BTreeMap<String, String>,
    },
}

/// A copy that was made or planned.
#[derive(Debug)]
pub(crate) enum CopyResult {
    /// The plan as text: nothing was copied.
    Planned(Vec<u8>),
    Copied {
        placed: Box<PromotedFile>,
        digest: Digest,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Refused`] for an image that `verified.json` does not list, [`Kind::Conflict`] for
/// a tag that must not move, [`Kind::NotFound`] for an image that does not exist.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    Ok(perform(&args.try_into()?, context).await?.outcome())
}

/// Copies what the request names and writes `promoted.json`.
///
/// # Errors
/// As [`run`].
pub(crate) async fn perform(
    request: &CopyRequest,
    context: &Context,
) -> Result<CopyResult, Failure> {
    let began = Instant::now();
    let (verdict, unchecked) = request.verdict(context)?;
    let staged = request.staged(context)?;
    request.warn_of_other_evidence(context);
    let (released, unchecked_release) = request.released(verdict.as_ref(), context)?;
    if !request.dry_run && staged.is_none() {
        remove_file(&context.path(None, "promoted.json"))?;
    }
    let retries = request.retries.map(|most| Retries {
        most,
        ..Retries::default()
    });
    let registry = context
        .registry
        .limited(retries, request.jobs.map(usize::from));
    let jobs = match &staged {
        Some(staged) => CopyJobs::of_staged(staged)?,
        None => CopyJobs::of(request, verdict.as_ref(), released.as_ref())?,
    };
    let plans = plan(request, &jobs, verdict.as_ref(), &registry).await?;
    if !request.allow_rollback && request.check_tags {
        let promoted = staged.as_ref().map(PromotedFile::promoted);
        let verified = verdict.as_ref().map(VerifiedFile::verified);
        let release = rollback::PromotedRelease::of(verified, promoted);
        rollback::check(&jobs, &plans, release, &registry, context).await?;
    }
    harm::warn(&jobs, &plans, context).await?;
    if request.dry_run {
        return Ok(output::plan(&jobs, &plans));
    }
    let done = match request.mode {
        CopyMode::StageOnly => registry.stage(&plans).await,
        CopyMode::Both | CopyMode::TagsOnly => registry.carry_out(&plans).await,
    };
    let done = done.map_err(registry_failure)?;
    output::report(&registry, &done, began);
    if let Some(staged) = staged {
        return Ok(CopyResult::Copied {
            digest: staged.digest(),
            placed: Box::new(staged),
        });
    }
    let mut promoted = promoted(&jobs, &plans, &done, verdict.as_ref())?;
    promoted.promoted_at = Some(context.clock.written().to_string());
    promoted.unchecked.extend(unchecked);
    promoted.unchecked.extend(unchecked_release);
    hand_over(&promoted, context)
}

/// Plans the copy of each job and checks it against the verdict; only reads.
async fn plan(
    request: &CopyRequest,
    jobs: &CopyJobs,
    verdict: Option<&VerifiedFile>,
    registry: &Registry,
) -> Result<Vec<Planned>, Failure> {
    if jobs.0.is_empty() && !request.allow_empty {
        let message = "there are no images: nothing would be promoted";
        return Err(
            Failure::message(Kind::NotFound, message).hint("give --allow-empty if that is right")
        );
    }
    jobs.mark_unnamed_registries(&request.source, registry);
    let rules = CopyRules {
        immutable: request.immutable,
        deep: request.deep,
        platform: request.platform.clone(),
    };
    let mut items = jobs.items(registry)?;
    for item in &mut items {
        item.attached = attached::selection(request.attached, &item.version, verdict)?;
    }
    if request.with_reports {
        for (item, job) in items.iter_mut().zip(&jobs.0) {
            let accepted = verdict.map(attached::accepted);
            item.along = job
                .reports(registry, &item.version, accepted.as_ref())
                .await?;
        }
    }
    let plans = registry.plan(items, &rules).await;
    let plans = plans.map_err(registry_failure)?;
    for (job, plan) in jobs.0.iter().zip(&plans) {
        job.check(plan, verdict).await?;
    }
    Ok(plans)
}

/// Writes `promoted.json` and returns its digest.
fn hand_over(promoted: &Promoted, context: &Context) -> Result<CopyResult, Failure> {
    let bytes = serde_json::to_vec(promoted).or_fail(Kind::Bug)?;
    write_file(&context.path(None, "promoted.json"), &bytes)?;
    let placed = PromotedFile::parse(&bytes, "promoted.json", None).map_err(handover_failure)?;
    Ok(CopyResult::Copied {
        placed: Box::new(placed),
        digest: Digest::of(&bytes),
    })
}

/// Returns by component where the images will be, without a request to a registry.
///
/// # Errors
/// As [`run`], as far as the request and `verified.json` are concerned.
pub(crate) fn places(
    request: &CopyRequest,
    context: &Context,
) -> Result<Vec<(String, Reference)>, Failure> {
    let (verdict, _) = request.verdict(context)?;
    let (released, _) = request.released(verdict.as_ref(), context)?;
    Ok(CopyJobs::of(request, verdict.as_ref(), released.as_ref())?.places())
}

impl CopyRequest {
    /// Reads the verdict; names it when it was read without a digest to compare with.
    fn verdict(
        &self,
        context: &Context,
    ) -> Result<(Option<VerifiedFile>, Option<String>), Failure> {
        let (path, digest) = match &self.verdict {
            VerdictSource::Unverified => {
                if self.mode != CopyMode::TagsOnly {
                    tracing::warn!("copying without a verdict: --unverified");
                }
                return Ok((None, None));
            }
            VerdictSource::Given(verdict) => return Ok((Some(verdict.as_ref().clone()), None)),
            VerdictSource::File { path, digest } => (path, digest),
        };
        let path = context.path(path.as_deref(), "verified.json");
        let bytes = context.read(&path).map_err(|failure| {
            failure.hint("run verify-ec first; --unverified copies without its verdict")
        })?;
        let verdict = VerifiedFile::parse(&bytes, &path.display().to_string(), *digest);
        let unchecked = unchecked(*digest, "verified.json", "--verified-digest");
        Ok((Some(verdict.map_err(handover_failure)?), unchecked))
    }

    /// Reads what an earlier copy staged.
    fn staged(&self, context: &Context) -> Result<Option<PromotedFile>, Failure> {
        let CopySource::Staged {
            file,
            digest,
            unverified,
        } = &self.source
        else {
            return Ok(None);
        };
        let path = context.path(file.as_deref(), "promoted.json");
        let bytes = context
            .read(&path)
            .map_err(|failure| failure.hint("run copy-image --stage-only first"))?;
        let placed = PromotedFile::parse(&bytes, &path.display().to_string(), *digest);
        let placed = placed.map_err(handover_failure)?;
        unchecked(*digest, "promoted.json", "--promoted-digest");
        if placed.promoted().verified_digest.is_none() && !unverified {
            let text = format!(
                "{} names no verdict: it was staged with --unverified",
                path.display()
            );
            return Err(Failure::message(Kind::Refused, text)
                .hint("stage what verify-ec passed; --unverified tags it anyway"));
        }
        Ok(Some(placed))
    }
}

impl CopyJob {
    /// Finds the scan reports to copy with the image.
    async fn reports(
        &self,
        registry: &Registry,
        version: &Version,
        accepted: Option<&BTreeSet<Digest>>,
    ) -> Result<Vec<Digest>, Failure> {
        match self.source() {
            Some(repository) => reports::of_image(registry, repository, version, accepted).await,
            None => Err(Failure::message(
                Kind::Usage,
                "--with-reports needs a source in a registry",
            )
            .hint("leave the flag out: an image layout holds everything that was copied into it")),
        }
    }

    /// Refuses an image whose digest is not the one that was named or verified.
    async fn check(&self, plan: &Planned, verdict: Option<&VerifiedFile>) -> Result<(), Failure> {
        let digest = plan.root.digest;
        if let Some(verdict) = verdict {
            verdict.accepted(digest).map_err(handover_failure)?;
        }
        if let Some(pinned) = self.pinned_destination.filter(|pinned| *pinned != digest) {
            let message = format!("the destination is pinned to {pinned}, the source is {digest}");
            return Err(Failure::message(Kind::Refused, message));
        }
        if let Some(tag) = &self.source_tag {
            let now = plan
                .item
                .from
                .head(&tag.clone().into())
                .await
                .map_err(registry_failure)?;
            if let Some(now) = now.filter(|now| *now != digest && self.platform.is_none()) {
                let message = format!("the source's tag {tag} is {now} now, not {digest}");
                return Err(Failure::message(Kind::Refused, message));
            }
        }
        Ok(())
    }
}

fn promoted(
    jobs: &CopyJobs,
    plans: &[Planned],
    done: &[registry::CopyOutcome],
    verdict: Option<&VerifiedFile>,
) -> Result<Promoted, Failure> {
    let mut components = Vec::new();
    for ((job, plan), done) in jobs.0.iter().zip(plans).zip(done) {
        let digest = plan.root.digest;
        // A directory is not an image reference: only images in registries can be deployed.
        let (Some(from), Some(to)) = (job.source(), job.target()) else {
            continue;
        };
        let destinations = job.tags.iter().map(|tag| to.tagged(tag));
        let same = |known: &&mut PromotedComponent| {
            known.name == job.name
                && known.version == job.component_version
                && known.digest == digest
        };
        // A release may name several repositories for one component.
        if let Some(known) = components.iter_mut().find(same) {
            known.destinations.extend(destinations);
            known.copied.add(done);
            continue;
        }
        let mut copied = Copied::default();
        copied.add(done);
        components.push(PromotedComponent {
            name: job.name.clone(),
            version: job.component_version.clone(),
            source: from.pinned(digest),
            destinations: destinations.collect(),
            digest,
            previous_digest: plan.previous.first().copied().flatten(),
            media_type: Some(plan.root.media_type.clone()),
            size: Some(plan.root.bytes.len() as u64),
            copied,
        });
    }
    let verified = verdict.map(VerifiedFile::verified);
    Ok(Promoted {
        version: VERSION,
        verified_digest: verdict.map(VerifiedFile::digest),
        git_tag: verified.and_then(|verified| verified.git_tag.clone()),
        commit: verified.and_then(|verified| verified.commit.clone()),
        policy_digest: verified.map(|verified| verified.policy.digest),
        report_digest: verified.map(|verified| verified.report_digest),
        unchecked: verified.map_or_else(Vec::new, |verified| verified.unchecked.clone()),
        promoted_at: None,
        source: verified.and_then(|verified| verified.source.clone()),
        components,
    })
}

impl CopyResult {
    /// Returns the `promoted.json` that was written; `None` for a plan.
    pub(crate) fn placed(&self) -> Option<&PromotedFile> {
        match self {
            Self::Planned(_) => None,
            Self::Copied { placed, .. } => Some(placed),
        }
    }

    /// Returns the plan, or the Tekton results and one line per tag.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Planned(stdout) => Outcome {
                stdout,
                ..Outcome::default()
            },
            Self::Copied { placed, digest } => outcome(placed.promoted(), digest),
        }
    }
}

fn outcome(promoted: &Promoted, digest: Digest) -> Outcome {
    let mut outcome = Outcome::default();
    let mut lines = String::new();
    for component in &promoted.components {
        for destination in &component.destinations {
            lines.push_str(&format!("{destination}@{}\n", component.digest));
        }
    }
    let digests: Vec<_> = promoted
        .components
        .iter()
        .map(|c| c.digest.to_string())
        .collect();
    let digests = digests.join("\n");
    let results = &mut outcome.results;
    results.set("PROMOTED_DIGEST", digest.to_string());
    for (name, value) in [
        ("PROMOTED", lines.trim_end()),
        ("SOURCE_DIGEST", &digests),
        ("DESTINATION_DIGEST", &digests),
    ] {
        let fits = results.fits(name, value);
        results.set(name, if fits { value } else { "file:promoted.json" });
    }
    outcome.stdout = lines.into_bytes();
    outcome
}
