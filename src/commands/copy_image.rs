//! `copy-image`: copies or re-tags exactly the verified digests with all that is attached.
//!
//! 1. read `verified.json`, unless the gate is switched off by name
//! 2. for each image: source, destination and tags
//! 3. plan, which only reads; refuse what `verified.json` does not vouch for
//! 4. carry out the plan; tags move last
//! 5. write `promoted.json`

mod places;
mod reports;

use std::{path::PathBuf, time::Instant};

use self::places::{Job, Jobs};
use super::{
    Context, Outcome,
    failures::{handover_failure, registry_failure},
    files::write_file,
};
use crate::{
    failure::{Failure, Kind, OrFail as _},
    handover::{Copied, Promoted, PromotedComponent, VERSION, Vouched},
    image::{Digest, Reference},
    registry::{Done, Planned, Registry, Retries, Rules, Selection, Version},
};

/// The Tekton results of the command.
pub(crate) const RESULTS: &[&str] = &[
    "SOURCE_DIGEST",
    "DESTINATION_DIGEST",
    "PROMOTED",
    "PROMOTED_DIGEST",
];

/// Flags of `copy-image`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("gate").args(["verified", "unverified"])))]
pub(crate) struct Args {
    /// The image to copy: docker://REF, REF or oci:DIR[:TAG]; without it, all images of --verified
    #[arg(value_name = "SRC", conflicts_with_all = ["source", "to", "map"])]
    src: Option<String>,
    /// Where to copy it
    #[arg(value_name = "DST", conflicts_with = "destination")]
    dst: Option<String>,
    /// The same as SRC
    #[arg(long, value_name = "REF", requires = "destination", conflicts_with_all = ["to", "map"])]
    source: Option<String>,
    /// The same as DST
    #[arg(long, value_name = "REF", requires = "source")]
    destination: Option<String>,
    /// The verdict of verify-ec, which must vouch for each image [default: verified.json]
    #[arg(long, value_name = "FILE")]
    verified: Option<PathBuf>,
    /// The digest that verify-ec reported for that file
    #[arg(long, value_name = "DIGEST", conflicts_with = "unverified")]
    verified_digest: Option<Digest>,
    /// Copy without asking whether the image was verified
    #[arg(long)]
    unverified: bool,
    /// A tag at the destination; {tag}, {commit} and {name} stand for the Git tag, the commit and the component [default: the destination tag of --verified]
    #[arg(long, value_name = "TEMPLATE")]
    tag: Vec<String>,
    /// Copy into this repository instead of tagging in place; {name} stands for the component
    #[arg(long, value_name = "REPO")]
    to: Option<String>,
    /// Copy the component NAME into this repository
    #[arg(long, value_name = "NAME=REPO")]
    map: Vec<String>,
    /// Accept a verdict over no images
    #[arg(long)]
    allow_empty: bool,
    /// Leave out signatures, attestations and everything else that is attached
    #[arg(long)]
    no_attached: bool,
    /// Copy also the scan reports that the image's provenance names
    #[arg(long, conflicts_with = "no_attached")]
    with_reports: bool,
    /// Refuse to move a tag that names another image
    #[arg(long)]
    immutable: bool,
    /// Check every blob also where the destination has the image already: a registry that lost one gets it again
    #[arg(long)]
    deep: bool,
    /// Show what would be copied, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Copy only the image of this platform; it has another digest than the index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// How many transfers run at once with one registry [default: up to 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// How many times a failed request is repeated [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=20))]
    retries: Option<u32>,
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Refused`] for an image that `verified.json` does not vouch for, [`Kind::Conflict`] for
/// a tag that must not move, [`Kind::NotFound`] for an image that does not exist.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let began = Instant::now();
    let vouched = args.vouched(context)?;
    let retries = args.retries.map(|most| Retries {
        most,
        ..Retries::default()
    });
    let registry = context
        .registry
        .limited(retries, args.jobs.map(usize::from));
    let jobs = Jobs::of(&args, vouched.as_ref())?;
    if jobs.0.is_empty() && !args.allow_empty {
        let message = "there are no images: nothing would be promoted";
        return Err(
            Failure::message(Kind::NotFound, message).hint("say --allow-empty if that is right")
        );
    }
    let rules = Rules {
        immutable: args.immutable,
        deep: args.deep,
        platform: args.platform.clone(),
    };
    let mut items = jobs.items(&registry)?;
    if args.no_attached {
        for item in &mut items {
            item.attached = Selection::Nothing;
        }
    }
    if args.with_reports {
        for (item, job) in items.iter_mut().zip(&jobs.0) {
            item.along = job.reports(&registry, &item.version).await?;
        }
    }
    let plans = registry
        .plan(items, &rules)
        .await
        .map_err(registry_failure)?;
    for (job, plan) in jobs.0.iter().zip(&plans) {
        job.check(plan, vouched.as_ref()).await?;
    }
    if args.dry_run {
        return Ok(show(&jobs, &plans));
    }
    let done = registry.carry_out(&plans).await.map_err(registry_failure)?;
    report(&registry, &done, began);
    let promoted = promoted(&jobs, &plans, &done, vouched.as_ref())?;
    let bytes = serde_json::to_vec(&promoted).or_fail(Kind::Bug)?;
    write_file(&context.path(None, "promoted.json"), &bytes)?;
    Ok(outcome(&promoted, &bytes))
}

/// Where `--verified` would be promoted to, by component; nothing is asked of a registry.
///
/// # Errors
/// As [`run`], as far as flags and `verified.json` are concerned.
pub(crate) fn places(args: &Args, context: &Context) -> Result<Vec<(String, Reference)>, Failure> {
    let vouched = args.vouched(context)?;
    Ok(Jobs::of(args, vouched.as_ref())?.places())
}

impl Args {
    fn vouched(&self, context: &Context) -> Result<Option<Vouched>, Failure> {
        if self.unverified {
            tracing::warn!("copying without a verdict: --unverified");
            return Ok(None);
        }
        let path = context.path(self.verified.as_deref(), "verified.json");
        let bytes = context.read(&path).map_err(|failure| {
            failure.hint("run verify-ec first; --unverified copies without its verdict")
        })?;
        let vouched = Vouched::parse(&bytes, &path.display().to_string(), self.verified_digest);
        vouched.map(Some).map_err(handover_failure)
    }
}

impl Job {
    /// The scan reports that go with the image.
    async fn reports(
        &self,
        registry: &Registry,
        version: &Version,
    ) -> Result<Vec<Digest>, Failure> {
        match self.source() {
            Some(repository) => reports::of_image(registry, repository, version).await,
            None => Err(Failure::message(
                Kind::Usage,
                "--with-reports needs a source in a registry",
            )
            .hint("an image layout holds what was copied into it: leave the flag out")),
        }
    }

    /// Refuses an image whose digest is not the one that was named or verified.
    async fn check(&self, plan: &Planned, vouched: Option<&Vouched>) -> Result<(), Failure> {
        let digest = plan.root.digest;
        if let Some(vouched) = vouched {
            vouched.vouches_for(digest).map_err(handover_failure)?;
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

fn show(jobs: &Jobs, plans: &[Planned]) -> Outcome {
    let mut outcome = Outcome::default();
    for (job, plan) in jobs.0.iter().zip(plans) {
        let (from, to) = (&plan.item.from, &plan.item.to);
        let digest = plan.root.digest;
        let line = format!(
            "{}: {from}@{digest} to {to}: {}\n",
            job.name,
            plan.summary()
        );
        outcome.stdout.extend(line.into_bytes());
    }
    outcome
}

fn report(registry: &Registry, done: &[Done], began: Instant) {
    let sum = |of: fn(&Done) -> u64| done.iter().map(of).sum::<u64>();
    let (images, bytes) = (done.len(), sum(|done| done.bytes));
    let (sent, mounted, reused) = (
        sum(|done| done.blobs),
        sum(|done| done.mounted),
        sum(|done| done.reused),
    );
    let (requests, took) = (registry.request_count(), began.elapsed());
    if registry.progress().for_machines() {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            event = "copied",
            images,
            bytes,
            sent,
            mounted,
            reused,
            requests,
            milliseconds,
            "copied"
        );
    } else {
        let noun = if images == 1 { "image" } else { "images" };
        tracing::info!(
            "copied {images} {noun}: {sent} blobs of {bytes} bytes sent, {mounted} mounted, \
             {reused} there already; {requests} requests in {took:.2?}"
        );
    }
}

fn promoted(
    jobs: &Jobs,
    plans: &[Planned],
    done: &[Done],
    vouched: Option<&Vouched>,
) -> Result<Promoted, Failure> {
    let mut components = Vec::new();
    for ((job, plan), done) in jobs.0.iter().zip(plans).zip(done) {
        let digest = plan.root.digest;
        // A directory is no image reference: only what registries hold can be deployed.
        let (Some(from), Some(to)) = (job.source(), job.target()) else {
            continue;
        };
        components.push(PromotedComponent {
            name: job.name.clone(),
            source: from.pinned(digest),
            destinations: job.tags.iter().map(|tag| to.tagged(tag)).collect(),
            digest,
            previous_digest: plan.previous.first().copied().flatten(),
            copied: Copied {
                manifests: done.manifests,
                blobs: done.blobs,
                referrers: done.attached,
                bytes: done.bytes,
            },
        });
    }
    let verified = vouched.map(Vouched::verified);
    Ok(Promoted {
        version: VERSION,
        verified_digest: vouched.map(Vouched::digest),
        git_tag: verified.and_then(|verified| verified.git_tag.clone()),
        commit: verified.and_then(|verified| verified.commit.clone()),
        policy_digest: verified.map(|verified| verified.policy.digest),
        report_digest: verified.map(|verified| verified.report_digest),
        components,
    })
}

fn outcome(promoted: &Promoted, bytes: &[u8]) -> Outcome {
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
    results.set("PROMOTED_DIGEST", Digest::of(bytes).to_string());
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
